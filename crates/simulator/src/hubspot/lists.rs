//! Lists of records and who is on them: `/crm/v3/lists`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::data::{Data, StoreError};
use super::objects::{Query, json_text, texts};
use super::route::HubSpot;
use super::schema::ObjectKind;
use super::store::Store;
use super::view::Page;
use crate::clock::{iso, timestamp};
use crate::server::{Asked, Reply};
use crate::store::{History, State};

/// The most lists of a page.
const MAX_LISTS: usize = 500;
/// The most memberships of a page.
const MAX_MEMBERSHIPS: usize = 250;
/// The number of the user who made every list.
const USER: &str = "9000401";

/// Who decides on the members of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// A rule.
    Dynamic,
    /// People.
    Manual,
    /// A rule, once; people since.
    Snapshot,
}

impl ListKind {
    fn word(self) -> &'static str {
        match self {
            Self::Dynamic => "DYNAMIC",
            Self::Manual => "MANUAL",
            Self::Snapshot => "SNAPSHOT",
        }
    }
}

/// A list of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List {
    name: String,
    object: ObjectKind,
    kind: ListKind,
    /// When each record came onto it, in milliseconds.
    pub(crate) members: BTreeMap<u64, i64>,
}

impl List {
    pub(crate) fn new(name: &str, object: ObjectKind, kind: ListKind) -> Self {
        Self { name: name.to_owned(), object, kind, members: BTreeMap::new() }
    }
}

/// A list, as tests see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListView {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The kind of its members.
    pub object: ObjectKind,
    /// Who decides on its members.
    pub kind: ListKind,
    /// The members that are live, with the time at which they came onto it, by id.
    pub members: Vec<(u64, Timestamp)>,
}

impl Data {
    /// The live members of a list.
    fn members<'a>(&'a self, list: &'a List) -> impl Iterator<Item = (u64, i64)> + 'a {
        list.members.iter().filter(|(record, _)| self.is_live(list.object, **record)).map(|(record, at)| (*record, *at))
    }

    /// Changes a list that is there.
    fn change_list(&mut self, id: u64, at: i64, change: impl FnOnce(&mut List)) -> bool {
        let Some(mut list) = self.lists.get(&id).filter(|row| row.is_live()).map(|row| row.current().value.clone()) else { return false };
        change(&mut list);
        self.lists.change(&id, at, true, State::Live, list)
    }
}

impl Store {
    /// Makes a list and gives its id.
    pub fn create_list(&self, name: &str, object: ObjectKind, kind: ListKind) -> u64 {
        let at = self.clock().now_ms();
        let mut data = self.write();
        let id = data.lists.rows().map(|(id, _)| *id).max().unwrap_or(0) + 1;
        data.lists.insert(id, at, at, List::new(name, object, kind));
        id
    }

    /// Puts a record onto a list.
    ///
    /// # Errors
    /// A record or a list that is not live.
    pub fn add_to_list(&self, list: u64, record: u64) -> Result<(), StoreError> {
        let at = self.clock().now_ms();
        let mut data = self.write();
        let object = data.lists.get(&list).map_or(ObjectKind::Contacts, |row| row.current().value.object);
        let add = |list: &mut List| {
            list.members.entry(record).or_insert(at);
        };
        let there = data.is_live(object, record) && data.change_list(list, at, add);
        if there { Ok(()) } else { Err(StoreError::NotFound(object, record)) }
    }

    /// Takes a record off a list: nothing tells of it but that it is missing. False when there is no such list.
    pub fn remove_from_list(&self, list: u64, record: u64) -> bool {
        let at = self.clock().now_ms();
        let remove = |list: &mut List| {
            list.members.remove(&record);
        };
        self.write().change_list(list, at, remove)
    }

    /// Deletes a list; false when there is none.
    pub fn delete_list(&self, list: u64) -> bool {
        let at = self.clock().now_ms();
        let mut data = self.write();
        let Some(value) = data.lists.get(&list).filter(|row| row.is_live()).map(|row| row.current().value.clone()) else { return false };
        data.lists.change(&list, at, true, State::Archived, value)
    }

    /// The lists that there are, by id.
    #[must_use]
    pub fn lists(&self) -> Vec<ListView> {
        let data = self.read();
        let view = |(id, row): (&u64, &History<u64, List>)| {
            let list = &row.current().value;
            let members = data.members(list).map(|(record, at)| (record, timestamp(at))).collect();
            ListView { id: *id, name: list.name.clone(), object: list.object, kind: list.kind, members }
        };
        data.lists.live(..).map(view).collect()
    }
}

/// A list as its own endpoint gives it.
fn body(id: u64, row: &History<u64, List>) -> Value {
    let (list, changed) = (&row.current().value, iso(row.current().modified_at));
    json!({
        "listId": id.to_string(),
        "listVersion": row.versions().count(),
        "name": list.name,
        "objectTypeId": list.object.type_id(),
        "processingType": list.kind.word(),
        "processingStatus": "COMPLETE",
        "createdAt": iso(row.created_at),
        "updatedAt": changed,
        "filtersUpdatedAt": iso(row.created_at),
        "createdById": USER,
        "updatedById": USER,
    })
}

impl HubSpot {
    /// `GET /crm/v3/lists?listIds=`: those that are named.
    pub(crate) fn lists(&self, asked: &Asked) -> Result<Reply, Reply> {
        let wanted = Query::of(asked).list("listIds");
        let data = self.store().read();
        let found = data.lists.live(..).filter(|(id, _)| wanted.contains(&id.to_string()));
        let lists: Vec<Value> = found.map(|(id, row)| body(*id, row)).collect();
        Ok(Reply::json(200, json!({"lists": lists}).to_string()))
    }

    /// `GET /crm/v3/lists/{id}`.
    pub(crate) fn list_by_id(&self, id: u64) -> Result<Reply, Reply> {
        let data = self.store().read();
        let row = data.lists.get(&id).filter(|row| row.is_live()).ok_or_else(|| self.errors.not_found("List does not exist"))?;
        let mut list = body(id, row);
        list["size"] = json!(data.members(&row.current().value).count());
        Ok(Reply::json(200, json!({"list": list}).to_string()))
    }

    /// `POST /crm/v3/lists/search`: all of them, counted by an offset.
    pub(crate) fn list_search(&self, asked: &Asked) -> Result<Reply, Reply> {
        let asked = self.body(asked)?;
        let number = |name: &str, default: usize| match &asked[name] {
            Value::Null => Ok(default),
            value => value
                .as_u64()
                .and_then(|number| usize::try_from(number).ok())
                .ok_or_else(|| self.errors.invalid(format!("{name} is not a whole number"))),
        };
        let (offset, count) = (number("offset", 0)?, number("count", 20)?);
        if count == 0 || count > MAX_LISTS {
            return Err(self.errors.invalid(format!("count must be between 1 and {MAX_LISTS}, not {count}")));
        }
        let (named, kinds) = (texts(&asked["listIds"]), texts(&asked["processingTypes"]));
        let (words, more) = (asked["query"].as_str().unwrap_or_default().to_lowercase(), texts(&asked["additionalProperties"]));
        let data = self.store().read();
        let wanted = |(id, row): &(&u64, &History<u64, List>)| {
            let list = &row.current().value;
            (named.is_empty() || named.contains(&id.to_string()))
                && (kinds.is_empty() || kinds.iter().any(|kind| kind == list.kind.word()))
                && list.name.to_lowercase().contains(&words)
        };
        let mut found: Vec<(&u64, &History<u64, List>)> = data.lists.live(..).filter(wanted).collect();
        match asked["sort"].as_str().unwrap_or("HS_LIST_ID") {
            "HS_LIST_ID" => {}
            "-HS_LIST_ID" => found.reverse(),
            other => return Err(self.errors.invalid(format!("lists cannot be sorted by {other}"))),
        }
        let total = found.len();
        let shown = found.into_iter().skip(offset).take(count).map(|(id, row)| {
            let members = data.members(&row.current().value).count().to_string();
            let modified = row.current().modified_at.to_string();
            let known = [("hs_list_size", members), ("hs_lastmodifieddate", modified), ("hs_list_id", id.to_string())];
            let of_asked = known.into_iter().filter(|(name, _)| more.iter().any(|asked| asked == name));
            let mut list = body(*id, row);
            list["additionalProperties"] = Value::Object(of_asked.map(|(name, value)| (name.to_owned(), json!(value))).collect());
            list
        });
        let lists: Vec<Value> = shown.collect();
        let end = offset.saturating_add(lists.len());
        Ok(Reply::json(200, json!({"lists": lists, "hasMore": end < total, "offset": end, "total": total}).to_string()))
    }

    /// `GET /crm/v3/lists/{id}/memberships`, by record, or with `join-order` those who came last first.
    pub(crate) fn memberships(&self, asked: &Asked, id: u64, by_join_time: bool) -> Result<Reply, Reply> {
        let query = Query::of(asked);
        let limit = self.limit(query.get("limit"), 100, MAX_MEMBERSHIPS)?;
        let data = self.store().read();
        let row = data.lists.get(&id).filter(|row| row.is_live()).ok_or_else(|| self.errors.not_found("List does not exist"))?;
        let mut members: Vec<(u64, i64)> = data.members(&row.current().value).collect();
        if by_join_time {
            members.sort_unstable_by_key(|(record, at)| (std::cmp::Reverse(*at), *record));
        }
        // The pointer names the last record that was given; by the time of joining it may have gone, and nothing more comes then.
        let begin = match query.get("after") {
            None => 0,
            Some(after) => {
                let after = self.after(Some(after))?;
                let place = if by_join_time {
                    members.iter().position(|(record, _)| *record == after).map(|place| place + 1)
                } else {
                    Some(members.partition_point(|(record, _)| *record <= after))
                };
                place.unwrap_or(members.len())
            }
        };
        let total = members.len();
        let rows: Vec<(u64, i64)> = members.into_iter().skip(begin).take(limit).collect();
        let next = rows.last().filter(|_| begin + rows.len() < total).map(|(record, _)| *record);
        let results =
            rows.iter().map(|(record, at)| json!({"recordId": record.to_string(), "membershipTimestamp": iso(*at)})).collect::<Vec<_>>();
        let page = Page { total: None, results, paging: next.map(|next| Self::next_page(asked, next)) };
        Ok(Reply::json(200, json_text(&page)))
    }
}
