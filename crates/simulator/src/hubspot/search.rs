//! `POST /crm/v3/objects/{object}/search`.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::data::Records;
use super::filter::{BadFilter, Filter, Key, contains_token, key_of};
use super::objects::{json_text, texts};
use super::route::HubSpot;
use super::schema::{Field, ObjectKind, PropertyType, Schema};
use super::values::{PropertyId, Values};
use super::view::{Columns, Page, RecordBody};
use crate::server::{Asked, Reply};
use crate::store::{History, State, Version};

/// No page reaches beyond this many results.
const MAX_RESULTS: usize = 10_000;
const MAX_LIMIT: usize = 200;
const MAX_GROUPS: usize = 5;
const MAX_FILTERS_IN_GROUP: usize = 6;
const MAX_FILTERS: usize = 18;
const MAX_QUERY: usize = 3_000;

type Found<'a> = (Option<Key>, u64, &'a History<u64, Values>, &'a Version<u64, Values>);

/// A search, read and checked.
struct Search {
    groups: Vec<Vec<Filter>>,
    words: Vec<String>,
    sort: Option<(Field, PropertyType, bool)>,
    limit: usize,
    after: usize,
}

impl HubSpot {
    pub(crate) fn search(&self, asked: &Asked, kind: ObjectKind) -> Result<Reply, Reply> {
        let body = self.body(asked)?;
        let data = self.store().read();
        let records = data.of(kind);
        let search = self.read_search(&records.schema, &body)?;

        let lag = self.settings().index_lag_ms;
        let horizon = if lag > 0 { self.store().clock().now_ms() - lag } else { i64::MAX };
        let looked_into: Vec<PropertyId> = kind.query_properties().iter().filter_map(|name| records.schema.id(name)).collect();
        let mut found: Vec<Found<'_>> = Vec::new();
        for id in candidates(records, &search.groups, horizon) {
            let Some(row) = records.rows.get(&id).filter(|row| row.is_live()) else { continue };
            // What the index knows is the record as it was when the index last caught up.
            let Some(version) = row.as_of(horizon).filter(|version| matches!(version.state, State::Live)) else { continue };
            let in_groups =
                search.groups.is_empty() || search.groups.iter().any(|group| group.iter().all(|filter| filter.holds(id, row, version)));
            if in_groups && search.words.iter().all(|word| has_word(version, &looked_into, word)) {
                let key = search.sort.and_then(|(field, kind, _)| key_of(field, kind, id, row, version));
                found.push((key, id, row, version));
            }
        }
        let descending = search.sort.is_some_and(|(.., descending)| descending);
        found.sort_unstable_by(|a, b| order(a, b, descending));

        let total = found.len();
        let end = total.min(search.after + search.limit);
        let properties = texts(&body["properties"]);
        let columns = Columns::new(&records.schema, kind, &properties, &[]);
        let results = found
            .get(search.after.min(end)..end)
            .unwrap_or_default()
            .iter()
            .map(|(_, id, row, version)| RecordBody {
                schema: &records.schema,
                columns: &columns,
                id: *id,
                row,
                version,
                associations: None,
            })
            .collect();
        let paging = (end < total).then(|| json!({"next": {"after": (search.after + search.limit).to_string()}}));
        Ok(Reply::json(200, json_text(&Page { total: Some(total), results, paging })))
    }

    fn read_search(&self, schema: &Schema, body: &Value) -> Result<Search, Reply> {
        let number = |name: &str, default: usize| match &body[name] {
            Value::Null => Ok(default),
            Value::Number(number) => number
                .as_u64()
                .and_then(|number| usize::try_from(number).ok())
                .ok_or_else(|| self.errors.invalid(format!("{name} is not a whole number"))),
            Value::String(text) if text.is_empty() => Ok(default),
            Value::String(text) => text.parse().map_err(|_| self.errors.invalid(format!("{name} is not a whole number: {text}"))),
            _ => Err(self.errors.invalid(format!("{name} is not a whole number"))),
        };
        let (limit, after) = (number("limit", 10)?, number("after", 0)?);
        if limit == 0 || limit > MAX_LIMIT {
            return Err(self.errors.invalid(format!("limit must be between 1 and {MAX_LIMIT}, not {limit}")));
        }
        if after.saturating_add(limit) > MAX_RESULTS {
            return Err(self
                .errors
                .invalid(format!("paging through more than {MAX_RESULTS} results is not supported; after is {after}, limit is {limit}")));
        }
        let query = body["query"].as_str().unwrap_or_default();
        if query.chars().count() > MAX_QUERY {
            return Err(self.errors.invalid(format!("query has more than {MAX_QUERY} characters")));
        }
        let words = query.to_lowercase().split_whitespace().map(str::to_owned).collect();
        Ok(Search { groups: self.read_groups(schema, body)?, words, sort: self.read_sort(schema, body)?, limit, after })
    }

    fn read_groups(&self, schema: &Schema, body: &Value) -> Result<Vec<Vec<Filter>>, Reply> {
        let groups = body["filterGroups"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut lists: Vec<&[Value]> = groups.iter().map(filters_of).collect();
        // `filters` beside `filterGroups` is not in the specification, yet production connectors (airbyte-source-hubspot) search by it:
        // one group without the wrapping.
        if groups.is_empty() && body["filters"].is_array() {
            lists.push(filters_of(body));
        }
        let total: usize = lists.iter().map(|list| list.len()).sum();
        if groups.len() > MAX_GROUPS || total > MAX_FILTERS || lists.iter().any(|list| list.len() > MAX_FILTERS_IN_GROUP) {
            return Err(self.errors.invalid(format!(
                "a search has at most {MAX_GROUPS} filterGroups, {MAX_FILTERS_IN_GROUP} filters in each and {MAX_FILTERS} in all"
            )));
        }
        let read = |filter: &Value| {
            Filter::parse(schema, filter).map_err(|bad| match bad {
                BadFilter::Invalid(message) => self.errors.invalid(message),
                BadFilter::Epoch => self.errors.of_status(500, true),
            })
        };
        lists.into_iter().map(|list| list.iter().map(read).collect()).collect()
    }

    fn read_sort(&self, schema: &Schema, body: &Value) -> Result<Option<(Field, PropertyType, bool)>, Reply> {
        let sorts = body["sorts"].as_array().map(Vec::as_slice).unwrap_or_default();
        if sorts.len() > 1 {
            return Err(self.errors.invalid("a search has one sort at most"));
        }
        let Some(sort) = sorts.first() else { return Ok(None) };
        let (name, descending) = match sort {
            Value::String(name) => name.strip_prefix('-').map_or((name.as_str(), false), |name| (name, true)),
            sort => (sort["propertyName"].as_str().unwrap_or_default(), sort["direction"] == "DESCENDING"),
        };
        let known = schema
            .field(name)
            .zip(schema.kind(name))
            .ok_or_else(|| self.errors.invalid(format!("There is no property \"{name}\" to sort by")))?;
        Ok(Some((known.0, known.1, descending)))
    }
}

/// The ids that can satisfy the filters: all of them, unless every group says something about the modification time.
fn candidates(records: &Records, groups: &[Vec<Filter>], horizon: i64) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let bounds: Option<Vec<(i64, i64)>> =
        groups.iter().map(|group| group.iter().filter_map(Filter::modified_bounds).reduce(|a, b| (a.0.max(b.0), a.1.min(b.1)))).collect();
    match bounds.filter(|bounds| !bounds.is_empty()) {
        None => found.extend(records.rows.live(..).map(|(id, _)| *id)),
        Some(bounds) => {
            for (low, high) in bounds.into_iter().filter(|(low, high)| low <= high) {
                found.extend(records.rows.modified((low, 0)..=(high, u64::MAX)));
            }
            // A record that changed after the index caught up may have satisfied them before.
            if horizon < i64::MAX {
                found.extend(records.rows.modified((horizon, 0)..));
            }
        }
    }
    found
}

/// By the sort key, what has none at the end; then by id.
fn order(a: &Found<'_>, b: &Found<'_>, descending: bool) -> Ordering {
    let keys = match (&a.0, &b.0) {
        (Some(a), Some(b)) if descending => b.order(a),
        (Some(a), Some(b)) => a.order(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    keys.then(a.1.cmp(&b.1))
}

fn has_word(version: &Version<u64, Values>, properties: &[PropertyId], word: &str) -> bool {
    let prefix = format!("{word}*");
    version.value.iter().filter(|(id, _)| properties.contains(id)).any(|(_, value)| contains_token(&value.to_lowercase(), &prefix))
}

/// The filters of a group.
fn filters_of(group: &Value) -> &[Value] {
    group["filters"].as_array().map(Vec::as_slice).unwrap_or_default()
}
