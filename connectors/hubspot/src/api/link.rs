//! Associations: the ids of one side are listed, a batch gives what each is linked with.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aqueduct_connector::schema::{Error, Mode, Result, codes};
use aqueduct_connector::{Bytes, Page, Part, Read, Records, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::list::{BatchAnswer, ListedIds};
use crate::api::search::{self, Found};
use crate::api::{Api, END, Id, Paging, operation, page, place};
use crate::streams::{DEAL_ID, Edge, MERGED, OBJECTS, SEARCH_PAGE, SOLD};

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

/// Where the next page of the links of changed records begins.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangedPlace {
    /// Where the search goes on; none when it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    search: Option<search::Place>,
    /// Records with more links than one answer holds. They are read before the search goes on.
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

/// The two ends of a link.
#[derive(Deserialize)]
struct Pair {
    from_id: String,
    to_id: String,
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
        let asked = std::mem::take(&mut place.unfinished);
        let Links { response, body, unfinished } = self.links_of(edge, asked, read).await?;
        place.unfinished = unfinished;
        let next = if place.after.is_none() && place.unfinished.is_empty() { END } else { page(&response, &place)? };
        let records = Records::Json { body, pointer: &[] };
        Ok(Page { records, next, server_time: asked_at.unwrap_or(response.server_time) })
    }

    /// A page of the links of records that changed: a search finds those, a batch gives all links of each. What was merged into one of them
    /// has no links any more. The search shows changes late, so it begins that much earlier.
    pub(crate) async fn links_of_changed(&self, edge: &Edge, read: &Read<'_>, lag: Duration) -> Result<Page> {
        let object = OBJECTS.iter().find(|object| object.name == edge.from);
        let object = object.ok_or_else(|| Error::new(codes::BUG, format!("links of an object that there is not: {}", edge.from)))?;
        let mut place: ChangedPlace = place(read)?.unwrap_or_else(|| ChangedPlace {
            search: Some(search::Place::since(read.from.map(|from| from.at.minus(lag)))),
            unfinished: Vec::new(),
        });
        let (mut parents, mut asked_at) = (Vec::new(), None);
        if let Some(from) = if place.unfinished.is_empty() { place.search.take() } else { None } {
            let found = self.find(object, &from, &[object.modified, MERGED], SEARCH_PAGE, read).await?;
            let answer: Found = found.json()?;
            asked_at = Some(found.server_time);
            place.search = answer.next(object, &found, &from, SEARCH_PAGE)?;
            for record in &answer.results {
                let merged = record.properties.hs_merged_object_ids.as_deref().unwrap_or_default();
                parents.extend(merged.split(';').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned));
            }
            place.unfinished = answer.results.into_iter().map(|record| Input { id: record.id.0, after: None }).collect();
            parents.extend(place.unfinished.iter().map(|input| input.id.clone()));
            if place.unfinished.is_empty() {
                let next = if place.search.is_some() { page(&found, &place)? } else { END };
                return Ok(Page { records: sets(Bytes::from_static(b"[]"), parents), next, server_time: found.server_time });
            }
        }
        let asked = std::mem::take(&mut place.unfinished);
        let Links { response, body, unfinished } = self.links_of(edge, asked, read).await?;
        place.unfinished = unfinished;
        let next = if place.search.is_none() && place.unfinished.is_empty() { END } else { page(&response, &place)? };
        Ok(Page { records: sets(body, parents), next, server_time: asked_at.unwrap_or(response.server_time) })
    }

    /// A page of lines with the deal of each, which is a link and no property. HubSpot links a line with one deal. It does not say
    /// which deal a line in the recycle bin belonged to.
    pub(crate) async fn with_deals(&self, page: Page, read: &Read<'_>) -> Result<Page> {
        let paths = || read.stream.record.fields.iter().map(|field| field.path.as_str());
        let Records::Json { body, pointer } = &page.records else { return Ok(page) };
        if matches!(read.mode, Mode::Deletions | Mode::Ids) || !paths().any(|path| path == DEAL_ID) {
            return Ok(page);
        }
        let lines: ListedIds = serde_json::from_slice(body).map_err(|error| Error::new(codes::MALFORMED_ANSWER, error.to_string()))?;
        if lines.results.is_empty() {
            return Ok(page);
        }
        let asked = lines.results.iter().map(|line| Input { id: line.id.0.clone(), after: None }).collect();
        let Links { response, body: links, .. } = self.links_of(&SOLD, asked, read).await?;
        let links: Vec<Pair> = serde_json::from_slice(&links).map_err(|error| response.malformed(&error.to_string()))?;
        let deals: HashMap<&str, &str> = links.iter().map(|link| (link.from_id.as_str(), link.to_id.as_str())).collect();
        let rows: Vec<_> = lines.results.iter().map(|line| json!({"id": line.id.0, DEAL_ID: deals.get(line.id.0.as_str())})).collect();
        let deals = Records::Json { body: json!(rows).to_string().into(), pointer: &[] };
        let own = paths().filter(|path| *path != DEAL_ID).map(str::to_owned).collect();
        let lines = Records::Json { body: body.clone(), pointer };
        let parts = vec![Part { records: lines, paths: own }, Part { records: deals, paths: vec![DEAL_ID.to_owned()] }];
        Ok(Page { records: Records::Joined { parts }, ..page })
    }

    /// Asks for the links of some records.
    async fn links_of(&self, edge: &Edge, asked: Vec<Input>, read: &Read<'_>) -> Result<Links> {
        let body = json!({"inputs": asked}).to_string();
        let response = self.http.send(Request::post(self.paths.associations(edge.from, edge.to), body, operation(read))).await?;
        let answer = response.json::<BatchAnswer<Linked>>()?.settle(&response)?;
        // Records without links are named among the errors: an answer that names nobody says nothing.
        if answer.results.is_empty() && !answer.has_errors() {
            return Err(response.malformed("a batch lacks records that were asked for"));
        }
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
        let body = serde_json::to_vec(&links).map_err(|error| response.malformed(&error.to_string()))?.into();
        let mut unfinished = Vec::new();
        for linked in answer.results {
            if let Some(after) = Paging::after(linked.paging) {
                unfinished.push(Input { id: linked.from.id.0, after: Some(after) });
            }
        }
        Ok(Links { response, body, unfinished })
    }
}

/// Links, and the records that have more of them than one answer holds.
struct Links {
    response: Response,
    body: Bytes,
    unfinished: Vec<Input>,
}

fn sets(body: Bytes, parents: Vec<String>) -> Records {
    Records::Sets { records: Box::new(Records::Json { body, pointer: &[] }), parents }
}
