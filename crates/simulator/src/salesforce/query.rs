//! Queries over REST: pages, and the locators that lead from one to the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::errors::{error, locator, not_found};
use super::ids::{id_number, id_text};
use super::record::Record;
use super::render::JsonRecords;
use super::route::Salesforce;
use super::select::select;
use super::soql::Plan;
use crate::server::{Asked, Reply};

const LOCATOR_PREFIX: [u8; 3] = *b"01g";
/// How long a locator is good.
const LOCATOR_MS: i64 = 2 * 24 * 60 * 60 * 1000;
/// How many finished results are kept for a client that asks for the last page once more.
const FINISHED_KEPT: usize = 20;
const DEFAULT_BATCH: usize = 2_000;
const SMALLEST_BATCH: usize = 200;
/// The most ids in a batch read.
const BATCH_READ: usize = 2_000;

/// A query's result, held for whoever comes with its locator.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) plan: Arc<Plan>,
    pub(crate) rows: Arc<[Arc<Record>]>,
    pub(crate) object: String,
    created_at: i64,
    batch: usize,
    /// Where the pages that were given out begin.
    pub(crate) starts: Vec<usize>,
    finished: bool,
}

/// The results that are held, by number.
#[derive(Debug, Default)]
pub(crate) struct Locators {
    held: BTreeMap<u64, Held>,
    next: u64,
}

impl Locators {
    fn add(&mut self, held: Held, open: usize) -> u64 {
        self.next += 1;
        let unfinished: Vec<u64> = self.held.iter().filter(|(_, held)| !held.finished).map(|(number, _)| *number).collect();
        let surplus = (unfinished.len() + 1).saturating_sub(open.max(1));
        for number in &unfinished[..surplus] {
            self.held.remove(number);
        }
        while self.held.values().filter(|held| held.finished).count() > FINISHED_KEPT {
            let Some(oldest) = self.held.iter().find(|(_, held)| held.finished).map(|(number, _)| *number) else { break };
            self.held.remove(&oldest);
        }
        self.held.insert(self.next, held);
        self.next
    }

    /// Result and place that a locator leads to.
    pub(crate) fn find(&self, locator: &str) -> Option<(u64, &Held, usize)> {
        let (id, place) = locator.rsplit_once('-')?;
        let number = id_number(LOCATOR_PREFIX, id)?;
        let held = self.held.get(&number)?;
        let place = place.parse().ok().filter(|place| *place <= held.rows.len())?;
        Some((number, held, place))
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.held.values().filter(|held| !held.finished).count()
    }
}

impl Salesforce {
    /// `GET /query?q=` and `GET /queryAll?q=`.
    pub(crate) fn query(&self, asked: &Asked, all: bool, version: &str) -> Result<Reply, Reply> {
        let query = asked.pairs().into_iter().find(|(name, _)| name == "q").map(|(_, query)| query);
        let query = query.ok_or_else(|| error(400, "MALFORMED_QUERY", "A query string has to be specified"))?;
        self.check_long_requests()?;
        let now = self.now();
        let settings = self.settings().clone();
        let data = self.store().read();
        let plan = Plan::new(&data, &query, now)?;
        if plan.grouped {
            return Err(error(400, "MALFORMED_QUERY", "unexpected token: 'GROUP'"));
        }
        let rows: Arc<[Arc<Record>]> = select(&data, &plan, settings.view(now, all)).into();
        if plan.limit.is_none() && settings.timeout_records.is_some_and(|most| rows.len() > most) {
            return Err(error(400, "QUERY_TIMEOUT", "Your query request was running for too long."));
        }
        if plan.count {
            return Ok(Reply::json(200, json!({"totalSize": rows.len(), "done": true, "records": []}).to_string()));
        }
        let asked_for = asked.header("sforce-query-options".parse().map_err(|_| not_found())?).and_then(|options| {
            options.split(',').find_map(|option| option.trim().strip_prefix("batchSize=")?.trim().parse::<usize>().ok())
        });
        let batch = asked_for.map_or(DEFAULT_BATCH, |batch| batch.clamp(SMALLEST_BATCH, DEFAULT_BATCH));
        let object = data.object(plan.object).schema.name.clone();
        drop(data);
        let held = Held { plan: Arc::new(plan), rows, object, created_at: now, batch, starts: vec![0], finished: false };
        Ok(self.page(held, None, 0, version))
    }

    /// `GET /query/{locator}`.
    pub(crate) fn query_more(&self, text: &str, version: &str) -> Result<Reply, Reply> {
        self.check_long_requests()?;
        let now = self.now();
        let found = self.locators().find(text).map(|(number, held, place)| (number, held.clone(), place));
        let (number, held, place) = found.ok_or_else(locator)?;
        if now - held.created_at >= LOCATOR_MS {
            return Err(locator());
        }
        Ok(self.page(held, Some(number), place, version))
    }

    /// A page of a result from a place on. The result is held when more follows.
    fn page(&self, held: Held, number: Option<u64>, place: usize, version: &str) -> Reply {
        let settings = self.settings().clone();
        let batch = settings.page_records.map_or(held.batch, |most| most.min(held.batch)).max(1);
        let last = held.rows.len().min(place + batch);
        let data = self.store().read();
        let schema = &data.object(held.plan.object).schema;
        let json = JsonRecords::new(&data, schema, &held.plan.items, version);
        let mut records = Vec::with_capacity((last - place) * (128 + held.plan.columns.len() * 28));
        let mut end = place;
        for record in &held.rows[place..last] {
            if end > place && settings.page_bytes.is_some_and(|most| records.len() > most) {
                break;
            }
            if end > place {
                records.push(b',');
            }
            json.write(&mut records, record);
            end += 1;
        }
        drop(data);
        let (total, done) = (held.rows.len(), end >= held.rows.len());
        let mut body = Vec::with_capacity(records.len() + 160);
        body.extend_from_slice(format!("{{\"totalSize\":{total},\"done\":{done}").as_bytes());
        let number = self.hold(held, number, end, done);
        if let Some(number) = number.filter(|_| !done) {
            let next = format!(",\"nextRecordsUrl\":\"/services/data/{version}/query/{}-{end}\"", id_text(LOCATOR_PREFIX, number));
            body.extend_from_slice(next.as_bytes());
        }
        body.extend_from_slice(b",\"records\":[");
        body.append(&mut records);
        body.extend_from_slice(b"]}");
        Reply::json(200, body)
    }

    fn hold(&self, held: Held, number: Option<u64>, end: usize, done: bool) -> Option<u64> {
        let open = self.usage().limits().open_locators;
        let mut locators = self.locators();
        let number = match number {
            None if done => return None,
            None => locators.add(held, open),
            Some(number) => number,
        };
        let held = locators.held.get_mut(&number)?;
        held.finished |= done;
        if !done && held.starts.last().is_some_and(|last| *last < end) {
            held.starts.push(end);
        }
        Some(number)
    }

    /// The locator of the page before, if there was one.
    pub(crate) fn locator_before(&self, text: &str) -> Option<String> {
        let locators = self.locators();
        let (number, held, place) = locators.find(text)?;
        let before = held.starts.iter().rev().find(|start| **start < place)?;
        Some(format!("{}-{before}", id_text(LOCATOR_PREFIX, number)))
    }

    /// `POST /composite/sobjects/{object}`: records by their ids, null where there is none.
    pub(crate) fn batch_read(&self, asked: &Asked, object: &str, version: &str) -> Result<Reply, Reply> {
        let body: Value = serde_json::from_slice(&asked.body).map_err(|_| error(400, "JSON_PARSER_ERROR", "The body is not JSON"))?;
        let texts = |name: &str| {
            let values = body[name].as_array().map(|values| values.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>());
            values.filter(|values| !values.is_empty()).ok_or_else(|| error(400, "MISSING_ARGUMENT", &format!("{name} is required")))
        };
        let (ids, fields) = (texts("ids")?, texts("fields")?);
        if ids.len() > BATCH_READ {
            return Err(error(400, "OPERATION_TOO_LARGE", "too many ids in the request"));
        }
        let now = self.now();
        let data = self.store().read();
        let plan = Plan::new(&data, &format!("SELECT {} FROM {object}", fields.join(",")), now)?;
        let own = data.object(plan.object);
        let json = JsonRecords::new(&data, &own.schema, &plan.items, version);
        let view = self.settings().view(now, false);
        let mut out = vec![b'['];
        for (number, id) in ids.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            let row = own.schema.number(id).and_then(|number| own.rows.get(&number));
            match row.and_then(|row| view.shown(&data, own, row)) {
                Some(record) => json.write(&mut out, record),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b']');
        Ok(Reply::json(200, out))
    }

    /// `GET /sobjects/{object}/{id}`.
    pub(crate) fn one(&self, asked: &Asked, object: &str, id: &str, version: &str) -> Result<Reply, Reply> {
        let now = self.now();
        let data = self.store().read();
        let place = data.visible_object(object).ok_or_else(not_found)?;
        let own = data.object(place);
        let fields = asked.pairs().into_iter().find(|(name, _)| name == "fields").map(|(_, fields)| fields).unwrap_or_else(|| {
            own.schema.fields.iter().filter(|field| !field.hidden).map(|field| field.name.as_str()).collect::<Vec<_>>().join(",")
        });
        let plan = Plan::new(&data, &format!("SELECT {fields} FROM {object}"), now)?;
        let row = own.schema.number(id).and_then(|number| own.rows.get(&number)).ok_or_else(not_found)?;
        let record =
            self.settings().view(now, false).shown(&data, own, row).ok_or_else(|| error(404, "ENTITY_IS_DELETED", "entity is deleted"))?;
        let mut out = Vec::new();
        JsonRecords::new(&data, &own.schema, &plan.items, version).write(&mut out, record);
        Ok(Reply::json(200, out))
    }
}
