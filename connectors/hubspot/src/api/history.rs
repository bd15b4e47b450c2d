//! What values properties have had: a record for each change, with the value before it.
//!
//! A first load lists records with their histories, 50 at a time: half of what a list gives without them. Later runs search for records
//! that changed and ask for their histories in batches of 50, which a search itself does not give.
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide>

use std::collections::BTreeMap;

use aqueduct_connector::schema::{Error, Result, Timestamp, codes};
use aqueduct_connector::{Next, Page, Read, Records, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::list::BatchAnswer;
use crate::api::search::{self, Found};
use crate::api::{Api, Id, Paging, Place};
use crate::streams::{OBJECTS, SEARCH_PAGE};

/// The most records a list gives with histories, and the most that a batch takes.
const HISTORY_PAGE: u32 = 50;
/// Ids of stages are unique inside their pipeline only, so a change of stage needs the pipeline of its time.
const STAGE: &str = "dealstage";
const PIPELINE: &str = "pipeline";

#[derive(Deserialize)]
struct Listed {
    results: Vec<Past>,
    paging: Option<Paging>,
}

/// A record with what its properties were; one that the account does not have is left out.
#[derive(Deserialize)]
struct Past {
    id: Id,
    #[serde(rename = "propertiesWithHistory")]
    properties: Option<BTreeMap<String, Vec<Entry>>>,
}

#[derive(Deserialize)]
struct Entry {
    value: Option<String>,
    timestamp: String,
    #[serde(flatten)]
    source: Source,
}

/// What set a value.
#[derive(Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
struct Source {
    source_type: Option<String>,
    source_id: Option<String>,
    source_label: Option<String>,
    updated_by_user_id: Option<Id>,
}

/// A record of a stream of changes.
#[derive(Serialize)]
struct Change<'a> {
    record_id: &'a str,
    property: &'a str,
    timestamp: String,
    value: Option<&'a str>,
    old_value: Option<&'a str>,
    /// For how many seconds the old value had held.
    old_value_seconds: Option<i64>,
    pipeline_id: Option<&'a str>,
    old_pipeline_id: Option<&'a str>,
    #[serde(flatten)]
    source: &'a Source,
}

impl Api<'_> {
    /// A page of the changes of all records.
    pub(crate) async fn histories(&self, object: &str, properties: &[String], read: &Read<'_>) -> Result<Page> {
        let place: Place = read.place()?.unwrap_or_default();
        let limit = read.stream.page_size.min(HISTORY_PAGE);
        let request = Request::get(self.paths.crm("objects", object), read.operation())
            .query("properties", "hs_object_id")
            .query("propertiesWithHistory", asked(properties).join(","));
        let response = self.http.send(place.request(request, limit)).await?;
        let listed: Listed = response.json()?;
        let next = place.next(&response, listed.paging)?;
        Ok(Page { records: records(&response, &listed.results, properties)?, next, server_time: response.server_time })
    }

    /// A page of the changes of records that changed at or after `read.from`, or between it and `read.until`.
    pub(crate) async fn histories_of_changed(&self, object: &str, properties: &[String], read: &Read<'_>) -> Result<Page> {
        let object = OBJECTS.iter().find(|known| known.name == object);
        let object = object.ok_or_else(|| Error::new(codes::BUG, "the history of an object that there is not"))?;
        let from: search::Place = read.place()?.unwrap_or_else(|| search::Place::since(read.from.map(|from| from.at)));
        let limit = read.stream.page_size.min(SEARCH_PAGE);
        let response = self.find(object, &from, &[object.modified], limit, read).await?;
        let found: Found = response.json()?;
        let next = Next::page_or_end(&response, found.next(object, &response, &from, limit)?.as_ref())?;
        let mut pasts: Vec<Past> = Vec::new();
        for records in found.results.chunks(HISTORY_PAGE as usize) {
            let inputs: Vec<_> = records.iter().map(|record| json!({"id": record.id.0})).collect();
            let body = json!({"properties": ["hs_object_id"], "propertiesWithHistory": asked(properties), "inputs": inputs}).to_string();
            let request = Request::post(self.paths.crm("objects", &format!("{}/batch/read", object.name)), body, read.operation());
            let batch = self.http.send(request).await?;
            let answer = batch.json::<BatchAnswer<Past>>()?.settle(&batch)?;
            if !answer.has_errors() && answer.results.len() < records.len() {
                return Err(batch.malformed("a batch lacks records that were asked for"));
            }
            pasts.extend(answer.results);
        }
        Ok(Page { records: records(&response, &pasts, properties)?, next, server_time: response.server_time })
    }
}

/// The properties to ask for.
fn asked(properties: &[String]) -> Vec<&str> {
    let own = properties.iter().map(String::as_str);
    let needed = properties.iter().any(|name| name == STAGE) && !properties.iter().any(|name| name == PIPELINE);
    own.chain(needed.then_some(PIPELINE)).collect()
}

/// The values of a property by time, oldest first. Of those of one instant the last counts.
fn in_order<'p>(response: &Response, past: &'p Past, property: &str) -> Result<Vec<(Timestamp, &'p Entry)>> {
    let entries = past.properties.as_ref().and_then(|properties| properties.get(property)).map(Vec::as_slice).unwrap_or_default();
    let mut found: Vec<(Timestamp, &Entry)> = Vec::with_capacity(entries.len());
    // HubSpot gives the latest first.
    for entry in entries.iter().rev() {
        let at = entry.timestamp.parse::<i64>().map(Timestamp::from_milliseconds).or_else(|_| entry.timestamp.parse());
        found.push((at.map_err(|_| response.malformed("a value of the past without its time"))?, entry));
    }
    found.sort_by_key(|(at, _)| *at);
    found.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            *earlier = *later;
        }
        same
    });
    Ok(found)
}

fn records(response: &Response, pasts: &[Past], properties: &[String]) -> Result<Records> {
    let mut changes = Vec::new();
    let kept: Vec<_> = pasts.iter().map(|past| Ok((past, in_order(response, past, PIPELINE)?))).collect::<Result<_>>()?;
    for (past, pipelines) in &kept {
        let pipeline = |holds: &dyn Fn(Timestamp) -> bool| {
            let found = pipelines.iter().rev().find(|(at, _)| holds(*at)).or(pipelines.first());
            found.and_then(|(_, entry)| entry.value.as_deref())
        };
        for property in properties {
            let mut before: Option<(Timestamp, &Entry)> = None;
            for (at, entry) in in_order(response, past, property)? {
                let is_stage = property == STAGE;
                let old_value = before.and_then(|(_, before)| before.value.as_deref());
                changes.push(Change {
                    record_id: &past.id.0,
                    property,
                    timestamp: at.to_string(),
                    value: entry.value.as_deref(),
                    old_value,
                    old_value_seconds: before.map(|(since, _)| (at.milliseconds() - since.milliseconds()) / 1_000),
                    pipeline_id: is_stage.then(|| pipeline(&|since| since <= at)).flatten(),
                    old_pipeline_id: old_value.filter(|_| is_stage).and_then(|_| pipeline(&|since| since < at)),
                    source: &entry.source,
                });
                before = Some((at, entry));
            }
        }
    }
    Records::of(response, &changes)
}
