//! Contacts, their attributes, and lists of contacts.

use std::sync::OnceLock;

use serde_json::{Map, Value as Json, json};

use super::Account;
use super::times::{created, local, modified, since};
use crate::people::{Person, digits};
use crate::plain::{Candidate, Endpoint, FIRST_ID, Keep, Paging, Parameters, Refused, Row};
use crate::random::Random;

const LISTS: u64 = 12;
/// Name, category and type of the account's attributes; a category's own attributes have no type.
const ATTRIBUTES: [(&str, &str, &str); 14] = [
    ("READERS", "calculated", ""),
    ("CLICKERS", "calculated", ""),
    ("DOUBLE_OPT-IN", "category", ""),
    ("CUSTOMER_TYPE", "category", ""),
    ("LASTNAME", "normal", "text"),
    ("FIRSTNAME", "normal", "text"),
    ("SMS", "normal", "text"),
    ("EXT_ID", "normal", "text"),
    ("JOB_TITLE", "normal", "text"),
    ("COUNTRY", "normal", "text"),
    ("BIRTHDAY", "normal", "date"),
    ("LAST_ORDER_AMOUNT", "normal", "float"),
    ("VIP", "normal", "boolean"),
    ("INTERESTS", "normal", "multiple-choice"),
];
const INTERESTS: [&str; 4] = ["news", "offers", "events", "R&D, labs"];

pub(super) fn endpoints(account: &Account) -> Vec<Endpoint> {
    let excludes = account.since_excludes;
    let contacts = Endpoint::new("contacts", "/contacts")
        .page_size("limit", 1_000)
        .filter(["createdSince"], since("createdSince", excludes, created))
        .filter(["listIds"], |parameters| of_lists(parameters.all("listIds").flat_map(|ids| ids.split(','))))
        .count(account.contacts)
        .records(contact)
        .record("/contacts/{identifier}", is_named);
    let of_list = Endpoint::new("list_contacts", "/contacts/lists/{listId}/contacts")
        .page_size("limit", 500)
        .of("contacts")
        .below("listId", "lists")
        .filter([""; 0], |parameters: &Parameters| of_lists(parameters.get("listId").into_iter()));
    let listed = [contacts, of_list].map(|endpoint| {
        let endpoint = endpoint.items(["contacts"]).total(["count"]).paging(Paging::offset("offset")).default_page_size(50);
        endpoint.direction("sort", "asc", "desc").filter(["modifiedSince"], since("modifiedSince", excludes, modified))
    });
    let count = account.contacts as u64;
    let sizes: OnceLock<Vec<[u64; 2]>> = OnceLock::new();
    let lists = Endpoint::new("lists", "/contacts/lists")
        .items(["lists"])
        .total(["count"])
        .paging(Paging::offset("offset"))
        .page_size("limit", 50)
        .direction("sort", "asc", "desc")
        .count(12)
        .records(move |row| list(row, sizes.get_or_init(|| sizes_of_lists(row.seed, count))))
        .record("/contacts/lists/{listId}", |candidate, id| candidate.row().id.to_string() == id);
    let attributes = Endpoint::new("attributes", "/contacts/attributes").items(["attributes"]).count(ATTRIBUTES.len()).records(attribute);
    listed.into_iter().chain([lists, attributes]).collect()
}

/// The filter of contacts that are in any of these lists.
fn of_lists<'a>(ids: impl Iterator<Item = &'a str>) -> Result<Option<Keep>, Refused> {
    let wanted: Vec<u64> =
        ids.map(|id| id.trim().parse().map_err(|_| Refused::value("a list is named by its number"))).collect::<Result<_, _>>()?;
    if wanted.is_empty() {
        return Ok(None);
    }
    Ok(Some(Box::new(move |candidate| {
        let record = candidate.record();
        let lists = record["listIds"].as_array().map(Vec::as_slice).unwrap_or_default();
        lists.iter().filter_map(Json::as_u64).any(|list| wanted.contains(&list))
    })))
}

/// Whether a text is a contact's id, e-mail address or external id.
fn is_named(candidate: &Candidate<'_>, text: &str) -> bool {
    if let Ok(id) = text.parse::<u64>() {
        return candidate.row().id == id;
    }
    let record = candidate.record();
    record["email"].as_str().is_some_and(|email| email.eq_ignore_ascii_case(text)) || record["attributes"]["EXT_ID"] == text
}

fn person(seed: u64, id: u64) -> (Person, Random) {
    let mut random = Random::of_row(seed, 61, id);
    (Person::draw(&mut random, id), random)
}

/// The address of a contact; Brevo takes none that cannot be written to, and writes them in small letters.
pub(super) fn email(seed: u64, id: u64) -> Option<String> {
    let only_telephone = id % 17 == 5 && !is_blocked(id);
    (!only_telephone).then(|| format!("{}@{}", person(seed, id).0.mailbox, ["example.com", "mail.test", "example.org"][id as usize % 3]))
}

/// Whether nothing may be sent to a contact's address.
fn is_blocked(id: u64) -> bool {
    id % 20 == 7
}

/// The contacts of a new account that nothing may be sent to.
pub(super) fn blocked(contacts: usize) -> impl Iterator<Item = u64> {
    (FIRST_ID..FIRST_ID + contacts as u64).filter(|id| is_blocked(*id))
}

fn lists_of(seed: u64, id: u64) -> Vec<u64> {
    let mut random = Random::of_row(seed, 62, id);
    let mut lists: Vec<u64> = (0..random.below(4)).map(|_| FIRST_ID + random.below(LISTS)).collect();
    lists.sort_unstable();
    lists.dedup();
    lists
}

fn contact(row: &Row<'_>) -> Json {
    let (person, mut random) = person(row.seed, row.id);
    let (given, family) = person.names(&mut random);
    let telephone = digits(&mut random, "336########");
    let email = email(row.seed, row.id);
    let mut attributes = Map::new();
    let mut set = |name: &str, value: Json| {
        // What has no value is not there at all.
        if !(value.is_null() || value.as_str().is_some_and(str::is_empty)) {
            attributes.insert(name.to_owned(), value);
        }
    };
    set("LASTNAME", json!(family));
    set("FIRSTNAME", json!(given));
    if email.is_none() || random.chance(400) {
        set("SMS", json!(telephone));
    }
    if random.chance(700) {
        set("EXT_ID", json!(format!("u{}", row.id)));
    }
    set("JOB_TITLE", json!(person.job(&mut random)));
    set("COUNTRY", json!(person.country(&mut random)));
    if random.chance(300) {
        set("BIRTHDAY", json!(format!("19{}-0{}-1{}", 50 + random.below(50), 1 + random.below(9), random.below(10))));
    }
    if random.chance(600) {
        set("DOUBLE_OPT-IN", json!((1 + random.below(2)).to_string()));
    }
    if random.chance(200) {
        set("INTERESTS", json!([INTERESTS[random.index(4)]]));
    }
    // These change with the contact.
    let mut changing = Random::of_row(row.seed ^ row.changes, 63, row.id);
    if changing.chance(500) {
        set("LAST_ORDER_AMOUNT", json!(changing.below(100_000) as f64 / 100.0));
    }
    if changing.chance(300) {
        set("VIP", json!(changing.chance(500)));
    }
    let mut record = json!({
        "id": row.id,
        "emailBlacklisted": is_blocked(row.id),
        "smsBlacklisted": row.id % 31 == 3,
        "whatsappBlacklisted": false,
        "createdAt": local(row.created_at),
        "modifiedAt": local(row.updated_at),
        "listIds": lists_of(row.seed, row.id),
        "attributes": attributes,
    });
    if let Some(email) = email {
        record["email"] = json!(email);
    }
    if row.id % 9 == 4 {
        record["listUnsubscribed"] = json!([FIRST_ID + row.id % LISTS]);
    }
    record
}

/// How many contacts of a new account are in each list, and how many of them may not be written to. Brevo counts now and then only, so
/// that later changes are not in these numbers.
fn sizes_of_lists(seed: u64, contacts: u64) -> Vec<[u64; 2]> {
    let mut sizes = vec![[0, 0]; usize::try_from(LISTS).unwrap_or(0)];
    for id in FIRST_ID..FIRST_ID + contacts {
        for list in lists_of(seed, id) {
            let size = &mut sizes[usize::try_from(list - FIRST_ID).unwrap_or(0)];
            size[usize::from(is_blocked(id))] += 1;
        }
    }
    sizes
}

fn list(row: &Row<'_>, sizes: &[[u64; 2]]) -> Json {
    let place = usize::try_from(row.id - FIRST_ID).unwrap_or(usize::MAX);
    let [subscribers, blacklisted] = sizes.get(place).copied().unwrap_or_default();
    json!({
        "id": row.id,
        "name": if row.changes == 0 { format!("List #{place}") } else { format!("List #{place}, {}", row.changes) },
        "totalSubscribers": subscribers,
        "uniqueSubscribers": subscribers,
        "totalBlacklisted": blacklisted,
        "folderId": 1 + row.id % 3,
    })
}

fn attribute(row: &Row<'_>) -> Json {
    let place = usize::try_from(row.id - FIRST_ID).unwrap_or(usize::MAX);
    let Some((name, category, kind)) = ATTRIBUTES.get(place) else {
        return json!({"name": format!("FIELD_{place}"), "category": "normal", "type": "text"});
    };
    let mut attribute = json!({"name": name, "category": category});
    match (*name, *category) {
        ("DOUBLE_OPT-IN", _) => attribute["enumeration"] = json!([{"value": 1, "label": "Yes"}, {"value": 2, "label": "No"}]),
        (_, "category") => attribute["enumeration"] = json!([{"value": 1, "label": "Retail"}, {"value": 2, "label": "Trade"}]),
        (_, "calculated") => attribute["calculatedValue"] = json!(format!("COUNT[{name}]")),
        _ => attribute["type"] = json!(kind),
    }
    if *kind == "multiple-choice" {
        attribute["multiCategoryOptions"] = json!(INTERESTS);
    }
    attribute
}
