//! Associations: the ids of one side are listed, a batch gives what each is linked with.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aqueduct_connector::schema::{Error, Mode, Result, codes};
use aqueduct_connector::{Next, Page, Part, Read, Records, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::list::{BatchAnswer, ListedIds};
use crate::api::search::{self, Found};
use crate::api::{Api, Id, Paging};
use crate::streams::{DEAL_ID, Edge, MERGED, OBJECTS, SEARCH_PAGE, SOLD};

/// Where the next page begins: where the records come from whose links are read, and those of them that are under way.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    /// The token of the next list of ids; none when the list has ended, or has not begun.
    after: Option<String>,
    /// Where the search for changed records goes on; none when it has ended.
    search: Option<search::Place>,
    /// Records with more links than one answer holds. They are read before the list or the search goes on.
    #[serde(default)]
    unfinished: Vec<Input>,
}

impl Place {
    fn next(&self, response: &Response) -> Result<Next> {
        let ended = self.after.is_none() && self.search.is_none() && self.unfinished.is_empty();
        if ended { Ok(Next::END) } else { Next::page(response, self) }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
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
        let mut place: Place = read.place()?.unwrap_or_default();
        let mut asked_at = None;
        if place.unfinished.is_empty() {
            let list = self.http.send(self.list_request(edge.from, &[], false, read, place.after.take())).await?;
            let listed: ListedIds = list.json()?;
            asked_at = Some(list.server_time);
            place.after = Paging::after(listed.paging);
            place.unfinished = listed.results.into_iter().map(|record| Input { id: record.id.0, after: None }).collect();
            if place.unfinished.is_empty() {
                return Ok(Page::empty(&list, place.next(&list)?));
            }
        }
        let page = self.page_of_links(edge, place, read).await?;
        Ok(Page { server_time: asked_at.unwrap_or(page.server_time), ..page })
    }

    /// A page of the links of records that changed: a search finds those, a batch gives all links of each. What was merged into one of them
    /// has no links any more. The search shows changes late, so it begins that much earlier.
    pub(crate) async fn links_of_changed(&self, edge: &Edge, read: &Read<'_>, lag: Duration) -> Result<Page> {
        let object = OBJECTS.iter().find(|object| object.name == edge.from);
        let object = object.ok_or_else(|| Error::new(codes::BUG, format!("links of an object that there is not: {}", edge.from)))?;
        let begin = || search::Place::since(read.from.map(|from| from.at.minus(lag)));
        let mut place: Place = read.place()?.unwrap_or_else(|| Place { search: Some(begin()), ..Place::default() });
        let (mut parents, mut asked_at) = (Vec::new(), None);
        let sets = |records, parents| Records::Sets { records: Box::new(records), parents };
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
                return Ok(Page { records: sets(Records::NONE, parents), ..Page::empty(&found, place.next(&found)?) });
            }
        }
        let page = self.page_of_links(edge, place, read).await?;
        Ok(Page { server_time: asked_at.unwrap_or(page.server_time), records: sets(page.records, parents), next: page.next })
    }

    /// The links of the records that are under way.
    async fn page_of_links(&self, edge: &Edge, mut place: Place, read: &Read<'_>) -> Result<Page> {
        let asked = std::mem::take(&mut place.unfinished);
        let (response, linked) = self.ask_links(edge, asked, read).await?;
        let unfinished = |linked: &Linked| {
            Some(Input { id: linked.from.id.0.clone(), after: Some(linked.paging.as_ref()?.next.as_ref()?.after.0.clone()) })
        };
        place.unfinished = linked.iter().filter_map(unfinished).collect();
        let next = place.next(&response)?;
        Page::of(&response, &links(&response, &linked)?, next)
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
        let (response, linked) = self.ask_links(&SOLD, asked, read).await?;
        let deals: HashMap<&str, &str> = links(&response, &linked)?.into_iter().map(|link| (link.from_id, link.to_id)).collect();
        let rows: Vec<_> = lines.results.iter().map(|line| json!({"id": line.id.0, DEAL_ID: deals.get(line.id.0.as_str())})).collect();
        let deals = Records::of(&response, &rows)?;
        let own = paths().filter(|path| *path != DEAL_ID).map(str::to_owned).collect();
        let lines = Records::Json { body: body.clone(), pointer };
        let parts = vec![Part { records: lines, paths: own }, Part { records: deals, paths: vec![DEAL_ID.to_owned()] }];
        Ok(Page { records: Records::Joined { parts }, ..page })
    }

    /// Asks for the links of some records.
    async fn ask_links(&self, edge: &Edge, asked: Vec<Input>, read: &Read<'_>) -> Result<(Response, Vec<Linked>)> {
        let body = json!({"inputs": asked}).to_string();
        let response = self.http.send(Request::post(self.paths.associations(edge.from, edge.to), body, read.operation())).await?;
        let answer = response.json::<BatchAnswer<Linked>>()?.settle(&response)?;
        // Records without links are named among the errors: an answer that names nobody says nothing.
        if answer.results.is_empty() && !answer.has_errors() {
            return Err(response.malformed("a batch lacks records that were asked for"));
        }
        Ok((response, answer.results))
    }
}

/// One record for each pair and type of association. Some answers name a target once for each label.
fn links<'a>(response: &Response, linked: &'a [Linked]) -> Result<Vec<Link<'a>>> {
    let mut seen = HashSet::new();
    let mut links = Vec::new();
    for (from, target) in linked.iter().flat_map(|linked| linked.to.iter().map(|target| (&linked.from, target))) {
        if target.association_types.is_empty() {
            return Err(response.malformed("a link without a type"));
        }
        for kind in &target.association_types {
            let (from_id, to_id, category) = (from.id.0.as_str(), target.to_object_id.0.as_str(), kind.category.as_str());
            if seen.insert((from_id, to_id, category, kind.type_id)) {
                links.push(Link { from_id, to_id, category, type_id: kind.type_id, label: kind.label.as_deref() });
            }
        }
    }
    Ok(links)
}
