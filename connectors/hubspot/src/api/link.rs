//! Associations: the ids of one side are listed, a batch gives what each is linked with.

use std::collections::HashSet;

use aqueduct_connector::schema::Result;
use aqueduct_connector::{Bytes, Page, Read, Records, Request};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::list::{BatchAnswer, ListedIds};
use crate::api::{Api, END, Id, Paging, operation, page, place};
use crate::streams::Edge;

/// Where the next page begins.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    /// The token of the next list of ids; none when the list has ended, or has not begun.
    after: Option<String>,
    /// Records with more links than one answer holds. They are read before the list goes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unfinished: Vec<Input>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

#[derive(Deserialize)]
struct Linked {
    from: From,
    to: Vec<Target>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct From {
    id: Id,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    to_object_id: Id,
    association_types: Vec<AssociationType>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssociationType {
    category: String,
    type_id: i64,
    label: Option<String>,
}

/// A record of an edge stream.
#[derive(Serialize)]
struct Link<'a> {
    from_id: &'a str,
    to_id: &'a str,
    category: &'a str,
    type_id: i64,
    label: Option<&'a str>,
}

impl Api<'_> {
    /// A page of links: one record for each pair of records and type of association.
    pub(crate) async fn links(&self, edge: &Edge, read: &Read<'_>) -> Result<Page> {
        let mut place: Place = place(read)?.unwrap_or_default();
        let mut asked_at = None;
        if place.unfinished.is_empty() {
            let list = self.http.send(self.list_request(edge.from, &[], false, read, place.after.take())).await?;
            let listed: ListedIds = list.json()?;
            asked_at = Some(list.server_time);
            place.after = Paging::after(listed.paging);
            place.unfinished = listed.results.into_iter().map(|record| Input { id: record.id.0, after: None }).collect();
            if place.unfinished.is_empty() {
                let next = if place.after.is_some() { page(&list, &place)? } else { END };
                let records = Records::Json { body: Bytes::from_static(b"[]"), pointer: &[] };
                return Ok(Page { records, next, server_time: list.server_time });
            }
        }
        let body = json!({"inputs": place.unfinished}).to_string();
        let response = self.http.send(Request::post(self.paths.associations(edge.from, edge.to), body, operation(read))).await?;
        let answer = response.json::<BatchAnswer<Linked>>()?.settle(&response)?;
        // Some answers name a target once for each label.
        let mut seen = HashSet::new();
        let mut links = Vec::new();
        for linked in &answer.results {
            for target in &linked.to {
                if target.association_types.is_empty() {
                    return Err(response.malformed("a link without a type"));
                }
                for kind in &target.association_types {
                    let (from_id, to_id, category) = (linked.from.id.0.as_str(), target.to_object_id.0.as_str(), kind.category.as_str());
                    if seen.insert((from_id, to_id, category, kind.type_id)) {
                        links.push(Link { from_id, to_id, category, type_id: kind.type_id, label: kind.label.as_deref() });
                    }
                }
            }
        }
        let body = serde_json::to_vec(&links).map_err(|error| response.malformed(&error.to_string()))?;
        place.unfinished = Vec::new();
        for linked in answer.results {
            if let Some(after) = Paging::after(linked.paging) {
                place.unfinished.push(Input { id: linked.from.id.0, after: Some(after) });
            }
        }
        let next = if place.after.is_none() && place.unfinished.is_empty() { END } else { page(&response, &place)? };
        let records = Records::Json { body: body.into(), pointer: &[] };
        Ok(Page { records, next, server_time: asked_at.unwrap_or(response.server_time) })
    }
}
