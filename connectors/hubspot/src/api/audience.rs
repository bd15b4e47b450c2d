//! Lists and who is on them. Lists come by an offset alone, memberships list by list; neither can be asked for what changed, and who
//! leaves a list is told by nothing.
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/lists/guide>

use std::time::Duration;

use aqueduct_connector::schema::{Error, Mode, Result, codes};
use aqueduct_connector::{Next, Page, Read, Records, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::{Api, Id, Paging};

/// The most lists of an answer.
const LISTS: u64 = 500;
/// The most memberships of an answer.
const MEMBERSHIPS: u32 = 250;
/// Lists that keep moving while they are counted are not read for ever.
const MOST_RETURNS: u32 = 20;

/// Where a page of lists begins. Each page begins one list early and must hold that one: otherwise lists before it were deleted, and all
/// are read again.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListPlace {
    offset: u64,
    /// The last list of the page before.
    anchor: Option<String>,
    /// How often the reading has begun again.
    #[serde(default)]
    returns: u32,
}

/// Where a page of memberships begins.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MembershipPlace {
    /// Where the search for lists goes on; none when it has ended.
    lists: Option<ListPlace>,
    /// Lists whose memberships are to be read.
    #[serde(default)]
    pending: Vec<Pending>,
    /// The token of the next page of the first of them.
    after: Option<String>,
}

impl MembershipPlace {
    fn next(&self, response: &Response) -> Result<Next> {
        if self.pending.is_empty() && self.lists.is_none() { Ok(Next::END) } else { Next::page(response, self) }
    }
}

#[derive(Serialize, Deserialize)]
struct Pending {
    id: String,
    object: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lists {
    lists: Vec<List>,
    has_more: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    list_id: Id,
    object_type_id: String,
    #[serde(default)]
    additional_properties: Additional,
}

#[derive(Default, Deserialize)]
struct Additional {
    hs_lastmodifieddate: Option<String>,
}

#[derive(Deserialize)]
struct Memberships {
    results: Vec<Membership>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Membership {
    record_id: Id,
    membership_timestamp: Option<String>,
}

/// A record of the stream of memberships.
#[derive(Serialize)]
struct Member<'a> {
    list_id: &'a str,
    object_type_id: &'a str,
    record_id: &'a str,
    added_at: Option<&'a str>,
}

impl Api<'_> {
    async fn find_lists(&self, from: &ListPlace, read: &Read<'_>) -> Result<(Response, Lists, Option<ListPlace>)> {
        let begin = from.offset - u64::from(from.anchor.is_some());
        let count = u64::from(read.stream.page_size).clamp(2, LISTS);
        let more = ["hs_list_size", "hs_lastmodifieddate"];
        let body = json!({"offset": begin, "count": count, "sort": "HS_LIST_ID", "additionalProperties": more}).to_string();
        let response = self.http.send(Request::post(self.paths.crm("lists", "search"), body, read.operation())).await?;
        let found: Lists = response.json()?;
        if from.anchor.is_some() && found.lists.first().map(|list| &list.list_id.0) != from.anchor.as_ref() {
            if from.returns >= MOST_RETURNS {
                return Err(Error::new(codes::PAGING_LOOP, "lists move faster than they can be counted").operation(read.operation()));
            }
            return Ok((response, found, Some(ListPlace { returns: from.returns + 1, ..ListPlace::default() })));
        }
        let next = match found.lists.last().filter(|_| found.has_more) {
            Some(last) => {
                let offset = begin + found.lists.len() as u64;
                Some(ListPlace { offset, anchor: Some(last.list_id.0.clone()), returns: from.returns })
            }
            None if found.has_more => return Err(response.malformed("an empty page that is not the last")),
            None => None,
        };
        Ok((response, found, next))
    }

    /// A page of lists.
    pub(crate) async fn lists(&self, read: &Read<'_>) -> Result<Page> {
        let (response, _, next) = self.find_lists(&read.place()?.unwrap_or_default(), read).await?;
        let next = Next::page_or_end(&response, next.as_ref())?;
        Ok(Page::json(response, &["lists"], next))
    }

    /// A page of memberships: those of one list. By changed parents, those of lists that changed; the time of change of a list may move
    /// late, so it begins that much earlier.
    pub(crate) async fn memberships(&self, read: &Read<'_>, lag: Duration) -> Result<Page> {
        let begin = || MembershipPlace { lists: Some(ListPlace::default()), pending: Vec::new(), after: None };
        let mut place: MembershipPlace = read.place()?.unwrap_or_else(begin);
        let of_changed = read.mode == Mode::Parents;
        let since = read.from.map(|from| from.at.minus(lag).milliseconds()).filter(|_| of_changed);
        let mut asked_at = None;
        if let Some(from) = if place.pending.is_empty() { place.lists.take() } else { None } {
            let (response, found, next) = self.find_lists(&from, read).await?;
            let changed = |list: &List| {
                let at = list.additional_properties.hs_lastmodifieddate.as_ref().and_then(|at| at.parse::<i64>().ok());
                since.is_none_or(|since| at.is_none_or(|at| at >= since))
            };
            let pending = found.lists.into_iter().filter(changed);
            place.pending = pending.map(|list| Pending { id: list.list_id.0, object: list.object_type_id }).collect();
            place.lists = next;
            if place.pending.is_empty() {
                return Ok(Page::empty(&response, place.next(&response)?));
            }
            asked_at = Some(response.server_time);
        }
        let list = place.pending.first().ok_or_else(|| Error::new(codes::BAD_STATE, "a stored position names no list"))?;
        let parents = if place.after.is_none() { vec![list.id.clone()] } else { Vec::new() };
        let request = Request::get(self.paths.crm("lists", &format!("{}/memberships", list.id)), read.operation())
            .query("limit", read.stream.page_size.min(MEMBERSHIPS).to_string());
        let response = self.http.send(Paging::at(request, place.after.as_deref())).await?;
        // The list was deleted since it was found.
        let gone = Memberships { results: Vec::new(), paging: None };
        let found: Memberships = if response.status == 404 { gone } else { response.json()? };
        let members = found.results.iter().map(|one| Member {
            list_id: &list.id,
            object_type_id: &list.object,
            record_id: &one.record_id.0,
            added_at: one.membership_timestamp.as_deref(),
        });
        let records = Records::of(&response, &members.collect::<Vec<_>>())?;
        place.after = Paging::after(found.paging);
        if place.after.is_none() {
            place.pending.remove(0);
        }
        let next = place.next(&response)?;
        let records = if of_changed { Records::Sets { records: Box::new(records), parents } } else { records };
        Ok(Page { records, next, server_time: asked_at.unwrap_or(response.server_time) })
    }
}
