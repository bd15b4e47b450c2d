//! Records by query, each page a query of its own that begins after the last record of the one before.
//!
//! Query locators are not used: they end after two days, a user has ten of them, and a page behind one is counted, not named.
//! <https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql.htm>

use std::fmt;

use aqueduct_connector::schema::{Cursor, Error, Mode, Result, Timestamp, codes};
use aqueduct_connector::serde::de::{SeqAccess, Visitor};
use aqueduct_connector::{Next, Page, Part, Read, Records, Request, Response, Span, Stream};
use serde::{Deserialize, Deserializer};

use crate::api::{Api, Place, instant, onward};
use crate::streams::{ID, PAGE, visible_paths};

/// How many bytes of an encoded address the names of fields may take. Address and headers together may have 16,384.
/// <https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm>
const FIELDS_BUDGET: usize = 12_000;
/// Below so many records a query that takes too long is not the number's fault.
const SMALLEST_PAGE: u32 = 50;

/// What a reading asks for, but for the page.
pub(crate) struct Question<'r> {
    pub(crate) object: &'r str,
    pub(crate) fields: Vec<&'r str>,
    cursor: Option<&'r str>,
    /// The window of a backfill.
    window: Vec<String>,
    /// Deleted and archived records too. All of them are but in a snapshot, where what is not seen is deleted.
    all: bool,
}

impl<'r> Question<'r> {
    pub(crate) fn of(read: &Read<'r>) -> Self {
        let cursor = read.stream.record.updated_at.as_deref();
        let bound = |operator: &str, at: Timestamp| cursor.map(|cursor| format!("{cursor} {operator} {}", literal(at)));
        let from = read.from.filter(|_| read.mode != Mode::Changes).and_then(|from| bound(">=", from.at));
        let until = read.until.and_then(|until| bound("<", until));
        let ids = read.mode == Mode::Ids;
        let live = ids.then(|| live(read.stream)).flatten();
        let mut fields = visible_paths(read.stream);
        fields.retain(|path| !ids || read.stream.record.has_role(path));
        Self {
            object: &read.stream.record.object,
            fields,
            cursor,
            window: from.into_iter().chain(until).chain(live).collect(),
            all: is_whole(read.stream, read.mode),
        }
    }

    /// All records of a stream.
    pub(crate) fn of_all(stream: &'r Stream) -> Self {
        let fields = visible_paths(stream);
        Self { object: &stream.record.object, fields, cursor: stream.record.updated_at.as_deref(), window: Vec::new(), all: true }
    }

    /// What a span holds that is not deleted.
    pub(crate) fn live_in(span: &Span<'r>) -> Self {
        let cursor = span.stream.record.updated_at.as_deref();
        let bound = |operator: &str, at: Timestamp| cursor.map(|cursor| format!("{cursor} {operator} {}", literal(at)));
        let from = span.from.and_then(|from| bound(">=", from));
        let until = span.until.and_then(|until| bound("<", until));
        let window = from.into_iter().chain(until).chain(live(span.stream)).collect();
        Self { object: &span.stream.record.object, fields: Vec::new(), cursor, window, all: is_whole(span.stream, Mode::Ids) }
    }

    /// The word for how deleted records are treated, in paths and in bulk jobs.
    pub(crate) fn operation(&self) -> &'static str {
        if self.all { "queryAll" } else { "query" }
    }

    /// A query for these fields of the records in the window.
    pub(crate) fn soql(&self, fields: &[&str], page: Option<&Place>) -> String {
        let conditions = |more: Option<String>| {
            let conditions: Vec<String> = self.window.iter().cloned().chain(more).collect();
            if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
        };
        let cursor = self.cursor.unwrap_or(ID);
        let (conditions, rest) = match page {
            Some(Place::After { id, limit }) => {
                let after = (!id.is_empty()).then(|| format!("Id > '{id}'"));
                (conditions(after), format!(" ORDER BY Id LIMIT {limit}"))
            }
            Some(Place::Since { at, id, limit }) => {
                let at = literal(*at);
                let since = match id {
                    Some(id) => format!("({cursor} > {at} OR ({cursor} = {at} AND Id > '{id}'))"),
                    None => format!("{cursor} >= {at}"),
                };
                (conditions(Some(since)), format!(" ORDER BY {cursor}, Id LIMIT {limit}"))
            }
            _ => (conditions(None), String::new()),
        };
        format!("SELECT {} FROM {}{conditions}{rest}", fields.join(", "), self.object)
    }

    /// The fields in lists that each fit into an address, every one with the id and the time of change.
    pub(crate) fn parts(&self) -> Vec<Vec<&'r str>> {
        let shared: Vec<&str> = std::iter::once(ID).chain(self.cursor).collect();
        let mut parts = vec![shared.clone()];
        let mut length = 0;
        for field in self.fields.iter().filter(|field| !shared.contains(field)) {
            // A comma and a space are encoded in four bytes.
            length += field.len() + 4;
            if length > FIELDS_BUDGET {
                parts.push(shared.clone());
                length = field.len() + 4;
            }
            if let Some(part) = parts.last_mut() {
                part.push(field);
            }
        }
        parts
    }
}

/// The condition of records that are not deleted, where the object tells.
fn live(stream: &Stream) -> Option<String> {
    stream.record.is_deleted.as_ref().map(|flag| format!("{flag} = false"))
}

/// Whether deleted and archived records are asked for too. Archived ones are alive, so that of live records too the deleted ones alone
/// are left out, by their flag.
fn is_whole(stream: &Stream, mode: Mode) -> bool {
    match mode {
        Mode::Snapshot => false,
        Mode::Ids => stream.record.is_deleted.is_some() && !stream.modes.contains(&Mode::Snapshot),
        _ => true,
    }
}

/// An instant in a query; more digits than milliseconds are refused.
fn literal(at: Timestamp) -> Timestamp {
    Timestamp::from_milliseconds(at.milliseconds())
}

/// An answer, counted: of its records only the last is looked at.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(rename = "totalSize")]
    total: u64,
    done: bool,
    #[serde(borrow)]
    records: Counted<'a>,
}

#[derive(Default)]
struct Counted<'a> {
    count: u64,
    last: Option<Row<'a>>,
}

/// Ids and times have no character that JSON escapes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row<'a> {
    id: &'a str,
    system_modstamp: Option<&'a str>,
    last_modified_date: Option<&'a str>,
    created_date: Option<&'a str>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Counted<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows;
        impl<'de> Visitor<'de> for Rows {
            type Value = Counted<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("records")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
                let mut counted = Counted::default();
                while let Some(row) = rows.next_element()? {
                    counted.count += 1;
                    counted.last = Some(row);
                }
                Ok(counted)
            }
        }
        deserializer.deserialize_seq(Rows)
    }
}

/// What a page says about the next one.
struct Seen {
    count: u64,
    /// Whether Salesforce gave all that the query asked for.
    done: bool,
    total: u64,
    last: Option<(String, Option<String>)>,
}

impl Seen {
    fn of(response: &Response, cursor: Option<&str>) -> Result<Self> {
        let Answer { total, done, records } =
            serde_json::from_slice(&response.body).map_err(|error| response.malformed(&error.to_string()))?;
        if done && records.count != total {
            return Err(response.malformed("fewer records than it says"));
        }
        if !done && records.count == 0 {
            return Err(response.malformed("an empty page that is not the last"));
        }
        let last = records.last.map(|row| {
            let at = match cursor {
                Some("SystemModstamp") => row.system_modstamp,
                Some("LastModifiedDate") => row.last_modified_date,
                _ => row.created_date,
            };
            (row.id.to_owned(), at.map(str::to_owned))
        });
        if last.as_ref().is_some_and(|(id, _)| !is_id(id)) {
            return Err(response.malformed("a record without its id"));
        }
        Ok(Self { count: records.count, done, total, last })
    }
}

pub(crate) fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The first place of a reading without jobs.
pub(crate) fn beginning(read: &Read<'_>) -> Place {
    let limit = read.stream.page_size.clamp(1, PAGE);
    match read.mode {
        Mode::Changes => {
            let Cursor { at, id } = read.from.cloned().unwrap_or(Cursor::at(Timestamp::from_seconds(0)));
            Place::Since { at, id, limit }
        }
        _ => Place::After { id: String::new(), limit },
    }
}

impl Api<'_> {
    /// How many records a first load would read; `None` when counting them takes too long.
    pub(crate) async fn count(&self, question: &Question<'_>, read: &Read<'_>) -> Result<(Response, Option<u64>)> {
        let request = Request::get(self.path(question.operation()), read.operation()).query("q", question.soql(&["COUNT()"], None));
        self.counted(request).await
    }

    /// How many records of a span are alive; `None` when counting them takes too long.
    pub(crate) async fn count_live(&self, span: &Span<'_>) -> Result<Option<u64>> {
        let question = Question::live_in(span);
        let operation = format!("{}: count", span.stream.name);
        let request = Request::get(self.path(question.operation()), operation).query("q", question.soql(&["COUNT()"], None));
        Ok(self.counted(request).await?.1)
    }

    async fn counted(&self, request: Request) -> Result<(Response, Option<u64>)> {
        match self.ask(request).await? {
            (response, None) => {
                let answer: Answer<'_> = serde_json::from_slice(&response.body).map_err(|error| response.malformed(&error.to_string()))?;
                let total = answer.total;
                Ok((response, Some(total)))
            }
            (response, Some(refusal)) if refusal.is_too_much() => Ok((response, None)),
            (response, Some(refusal)) => Err(refusal.error(&response)),
        }
    }

    /// The first page of a reading that needs no job: of what changed, or of ids.
    pub(crate) async fn first(&self, read: &Read<'_>) -> Result<Page> {
        self.records(read, beginning(read)).await
    }

    /// A page of records.
    pub(crate) async fn records(&self, read: &Read<'_>, place: Place) -> Result<Page> {
        let question = Question::of(read);
        let mut answers: Vec<(Response, Seen, Vec<&str>)> = Vec::new();
        for fields in question.parts() {
            let request = Request::get(self.path(question.operation()), read.operation())
                .query("q", question.soql(&fields, Some(&place)))
                .header("Sforce-Query-Options", format!("batchSize={PAGE}"));
            match self.ask(request).await? {
                (response, None) => {
                    let seen = Seen::of(&response, question.cursor)?;
                    answers.push((response, seen, fields));
                }
                (response, Some(refusal)) if refusal.is_too_much() => {
                    return match smaller(&place) {
                        Some(place) => onward(&response, &place),
                        None => Err(Error::new(codes::SOURCE_FAILED, "a query for few records takes longer than the source allows")
                            .operation(read.operation())),
                    };
                }
                (response, Some(refusal)) => return Err(refusal.error(&response)),
            }
        }
        let first = answers.first().map(|(response, ..)| response.server_time);
        // Pages of wide records may be cut short, each part at another record: the shortest says which ones there are.
        answers.sort_by_key(|(_, seen, _)| seen.count);
        let (Some((response, seen, _)), Some(server_time)) = (answers.first(), first) else {
            return Err(Error::new(codes::BUG, "a query without fields").operation(read.operation()));
        };
        let next = following(response, seen, &place)?;
        let json = |response: &Response| Records::Json { body: response.body.clone(), pointer: &["records"] };
        let records = match answers.as_slice() {
            [(response, ..)] => json(response),
            several => {
                let part = |(response, _, fields): &(Response, Seen, Vec<&str>)| Part {
                    records: json(response),
                    paths: fields.iter().map(|field| (*field).to_owned()).collect(),
                };
                Records::Joined { parts: several.iter().map(part).collect() }
            }
        };
        Ok(Page { records, next, server_time })
    }
}

/// Where the page after one begins: at its last record, unless it was the last page.
fn following(response: &Response, seen: &Seen, place: &Place) -> Result<Next> {
    let limit = match place {
        Place::After { limit, .. } | Place::Since { limit, .. } => *limit,
        Place::Deleted { .. } | Place::Job(_) => PAGE,
    };
    if seen.done && seen.total < u64::from(limit) {
        return Ok(Next::END);
    }
    let Some((id, at)) = &seen.last else { return Err(response.malformed("an empty page that is not the last")) };
    let next = match place {
        Place::Since { .. } => {
            let at = at.as_deref().ok_or_else(|| response.malformed("a record without its time of change"))?;
            Place::Since { at: instant(response, at)?, id: Some(id.clone()), limit }
        }
        _ => Place::After { id: id.clone(), limit },
    };
    Next::page(response, &next)
}

/// The same place with half the records.
fn smaller(place: &Place) -> Option<Place> {
    let half = |limit: u32| Some(limit / 2).filter(|half| *half >= SMALLEST_PAGE);
    match place {
        Place::After { id, limit } => half(*limit).map(|limit| Place::After { id: id.clone(), limit }),
        Place::Since { at, id, limit } => half(*limit).map(|limit| Place::Since { at: *at, id: id.clone(), limit }),
        Place::Deleted { .. } | Place::Job(_) => None,
    }
}
