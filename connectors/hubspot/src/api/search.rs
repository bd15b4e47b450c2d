//! Changes by search, without offsets.
//!
//! A search sorts by time of change and gives no more than 10,000 records by offset; besides, a record that changes while pages are
//! read moves to the end and shifts those after it. So every page is a new search that begins where the last one ended: at the time of
//! its last record, inclusive. Only when a page holds a single instant is that instant drained by id.

use aqueduct_connector::schema::checkpoint::compare_ids;
use aqueduct_connector::schema::{Result, Timestamp};
use aqueduct_connector::{Cost, Next, Page, Read, Request, Response, Span};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Api, Id, Paging, SEARCH};
use crate::streams::{Object, SEARCH_PAGE, property_names};

/// HubSpot answers 500 to a bound of 0.
const FIRST_MILLISECOND: i64 = 1_000;

/// Where a search begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// Milliseconds since 1970 of the first time of change.
    since_ms: i64,
    /// When the instant `since_ms` is drained: the id after which to go on; `0` for its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_id: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Found {
    pub(crate) results: Vec<FoundRecord>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
pub(crate) struct FoundRecord {
    pub(crate) id: Id,
    #[serde(rename = "updatedAt")]
    updated_at: Option<String>,
    pub(crate) properties: FoundProperties,
}

/// The two properties that can hold the time of change, and the list of merged records.
#[derive(Deserialize)]
pub(crate) struct FoundProperties {
    lastmodifieddate: Option<String>,
    hs_lastmodifieddate: Option<String>,
    pub(crate) hs_merged_object_ids: Option<String>,
}

impl FoundRecord {
    /// The time of change in milliseconds: the property that the search sorts by, else the record's own.
    fn modified(&self, object: &Object) -> Option<i64> {
        let property =
            if object.modified == "lastmodifieddate" { &self.properties.lastmodifieddate } else { &self.properties.hs_lastmodifieddate };
        let text = property.as_ref().or(self.updated_at.as_ref())?;
        // Some answers have epoch milliseconds where others have RFC 3339.
        text.parse().ok().or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::milliseconds))
    }
}

/// A search of which only the number of records matters.
#[derive(Deserialize)]
struct Counted {
    total: u64,
}

/// What it costs to search for so many records: a page begins with the last record of the one before.
pub(crate) fn search_cost(records: u64) -> Cost {
    Cost::new(SEARCH, records.div_ceil(u64::from(SEARCH_PAGE) - 1).max(1))
}

impl Api<'_> {
    /// How many records there are, or how many of them last changed within a span. The number is that of all that fits the filters, also
    /// above the 10,000 that a search gives; what changed in the last minutes may not be in it yet.
    /// <https://developers.hubspot.com/docs/api-reference/latest/crm/search-the-crm>
    pub(crate) async fn count(&self, object: &Object, span: &Span<'_>) -> Result<u64> {
        let bound = |operator: &str, at: Timestamp| json!({"propertyName": object.modified, "operator": operator, "value": at.milliseconds().max(FIRST_MILLISECOND).to_string()});
        let bounds = span.from.map(|from| bound("GTE", from)).into_iter().chain(span.until.map(|until| bound("LT", until)));
        let filters: Vec<Value> = bounds.collect();
        let groups = if filters.is_empty() { json!([]) } else { json!([{"filters": filters}]) };
        let body = json!({"filterGroups": groups, "properties": ["hs_object_id"], "limit": 1});
        let path = self.paths.crm("objects", &format!("{}/search", object.name));
        let request = Request::post(path, body.to_string(), format!("{}: count", object.name)).class(SEARCH);
        Ok(self.http.send(request).await?.json::<Counted>()?.total)
    }

    /// A page of what changed at or after `read.from`, or between it and `read.until`.
    pub(crate) async fn search(&self, object: &Object, read: &Read<'_>) -> Result<Page> {
        let place = read.place()?.unwrap_or_else(|| Place::since(read.from.map(|from| from.at)));
        let limit = read.stream.page_size.min(SEARCH_PAGE);
        let mut properties = property_names(read.stream);
        if !properties.contains(&object.modified) {
            properties.push(object.modified);
        }
        let response = self.find(object, &place, &properties, limit, read).await?;
        let found: Found = response.json()?;
        let next = Next::page_or_end(&response, found.next(object, &response, &place, limit)?.as_ref())?;
        Ok(Page::json(response, &["results"], next))
    }

    /// Sends a search for the records from a place on.
    pub(crate) async fn find(&self, object: &Object, place: &Place, properties: &[&str], limit: u32, read: &Read<'_>) -> Result<Response> {
        let (filters, sort) = filters(object, place, read.until);
        let body = json!({
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": properties,
            "limit": limit,
        });
        let path = self.paths.crm("objects", &format!("{}/search", object.name));
        self.http.send(Request::post(path, body.to_string(), read.operation()).class(SEARCH)).await
    }
}

impl Place {
    /// The beginning of a search for what changed at or after an instant.
    pub(crate) fn since(at: Option<Timestamp>) -> Self {
        Self { since_ms: at.map_or(0, Timestamp::milliseconds).max(FIRST_MILLISECOND), after_id: None }
    }
}

fn filters(object: &Object, place: &Place, until: Option<Timestamp>) -> (Vec<Value>, &'static str) {
    let filter = |property: &str, operator: &str, value: &str| json!({"propertyName": property, "operator": operator, "value": value});
    let since = place.since_ms.to_string();
    if let Some(after) = &place.after_id {
        return (vec![filter(object.modified, "EQ", &since), filter("hs_object_id", "GT", after)], "hs_object_id");
    }
    let mut filters = vec![filter(object.modified, at_or_after(), &since)];
    if let Some(until) = until {
        filters.push(filter(object.modified, "LT", &until.milliseconds().to_string()));
    }
    (filters, object.modified)
}

/// Records of one millisecond may lie on both sides of a page's end, so a search goes on at the last time and not after it.
fn at_or_after() -> &'static str {
    // A mistake made on purpose, to show that the battery finds it. Never in a build that loads anybody's data.
    #[cfg(feature = "planted-strictly-after")]
    fail::fail_point!("planted::strictly_after", |_| "GT");
    "GTE"
}

impl Found {
    /// Where the search goes on; `None` at its end.
    pub(crate) fn next(&self, object: &Object, response: &Response, place: &Place, limit: u32) -> Result<Option<Place>> {
        let announced = self.paging.as_ref().is_some_and(|paging| paging.next.is_some());
        let records = &self.results;
        if records.is_empty() && announced {
            return Err(response.malformed("an empty page that is not the last"));
        }
        let more = announced || records.len() >= limit as usize;
        if let Some(after) = &place.after_id {
            let ids = || std::iter::once(after).chain(records.iter().map(|record| &record.id.0));
            if ids().zip(ids().skip(1)).any(|(one, other)| compare_ids(one, other).is_ge()) {
                return Err(response.malformed("records that are not in the order of their ids"));
            }
            return match records.last() {
                Some(last) if more => Ok(Some(Place { since_ms: place.since_ms, after_id: Some(last.id.0.clone()) })),
                _ => Ok(Some(Place { since_ms: place.since_ms + 1, after_id: None })),
            };
        }
        let (Some(first), Some(last), true) = (records.first(), records.last(), more) else { return Ok(None) };
        let time = |record: &FoundRecord| record.modified(object).ok_or_else(|| response.malformed("a record without its time of change"));
        let (first, last) = (time(first)?, time(last)?);
        // The last record, not the latest: in a page that is out of order, what follows the last one has not been seen.
        let reached = last.max(place.since_ms);
        // Nothing but one instant on a full page: its records have no order among themselves, so it is read from its beginning.
        let stuck = reached == place.since_ms || first == last;
        Ok(Some(Place { since_ms: reached, after_id: stuck.then(|| "0".to_owned()) }))
    }
}
