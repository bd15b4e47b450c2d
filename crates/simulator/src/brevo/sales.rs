//! Companies, deals and their pipelines, and the people who work in the account.

use serde_json::{Value as Json, json};

use super::Account;
use super::times::{created, modified, since};
use crate::clock::iso;
use crate::plain::{Candidate, Endpoint, FIRST_ID, Paging, Row, Value};
use crate::random::Random;

/// The most records of a page. Brevo names none for these lists.
const MAXIMUM: usize = 1_000;
const STAGES: [&str; 5] = ["New", "Qualified", "Proposal", "Won", "Lost"];
const PIPELINES: usize = 2;
const COMPANY: u64 = 0xc0;
const DEAL: u64 = 0xde;
const PIPELINE: u64 = 0x91;
const STAGE: u64 = 0x57;
const USER: u64 = 0x05;

pub(super) fn endpoints(account: &Account) -> Vec<Endpoint> {
    let contacts = account.contacts as u64;
    let (few, some) = (account.contacts / 2 + 1, account.contacts / 3 + 1);
    let companies = Endpoint::new("companies", "/companies")
        .paging(Paging::page_number("page", 1))
        .count(some)
        .records(move |row| company(row, contacts))
        .record("/companies/{id}", |candidate, id| is_named(COMPANY, candidate, id));
    let deals = Endpoint::new("deals", "/crm/deals")
        .paging(Paging::offset("offset"))
        .count(few)
        .records(move |row| deal(row, contacts, some as u64))
        .record("/crm/deals/{id}", |candidate, id| is_named(DEAL, candidate, id));
    let listed = [companies, deals].map(|endpoint| {
        let endpoint = endpoint.items(["items"]).page_size("limit", MAXIMUM).default_page_size(50).direction("sort", "asc", "desc");
        endpoint
            .filter(["modifiedSince"], since("modifiedSince", account.since_excludes, modified))
            .filter(["createdSince"], since("createdSince", account.since_excludes, created))
    });
    let pipelines = Endpoint::new("pipelines", "/crm/pipeline/details/all").count(PIPELINES).records(pipeline);
    let users = Endpoint::new("users", "/organization/invited/users").items(["users"]).count(5).records(user);
    listed.into_iter().chain([pipelines, users]).collect()
}

/// The id of something that is no contact: twenty-four hexadecimal digits.
fn object_id(kind: u64, id: u64) -> String {
    format!("6a43{kind:04x}{:08x}{id:08x}", 0x00c0_ffee)
}

fn is_named(kind: u64, candidate: &Candidate<'_>, id: &str) -> bool {
    object_id(kind, candidate.row().id) == id
}

/// Some contacts, often none.
fn linked(random: &mut Random, contacts: u64) -> Vec<u64> {
    let mut ids: Vec<u64> = (0..random.below(3)).map(|_| FIRST_ID + random.below(contacts)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn company(row: &Row<'_>, contacts: u64) -> Json {
    let mut random = Random::of_row(row.seed, 81, row.id);
    let linked = linked(&mut random, contacts);
    json!({
        "id": object_id(COMPANY, row.id),
        "attributes": {
            "name": row.value(&Value::Company),
            "domain": row.value(&Value::Url),
            "owner": object_id(USER, FIRST_ID + random.below(5)),
            "industry": random.pick(&["Retail", "Software", "Energy"]),
            "number_of_employees": random.below(500),
            "number_of_contacts": linked.len(),
            "revenue": row.value(&Value::Amount),
            "created_at": iso(row.created_at),
            "last_updated_at": iso(row.updated_at),
        },
        "linkedContactsIds": linked,
        "linkedDealsIds": [],
    })
}

fn deal(row: &Row<'_>, contacts: u64, companies: u64) -> Json {
    let mut random = Random::of_row(row.seed, 82, row.id);
    let linked = linked(&mut random, contacts);
    let pipeline = FIRST_ID + random.below(PIPELINES as u64);
    let companies: Vec<String> = if random.chance(700) { vec![object_id(COMPANY, FIRST_ID + random.below(companies))] } else { Vec::new() };
    // A deal goes on when it changes.
    let stage = (random.below(STAGES.len() as u64) + row.changes) % STAGES.len() as u64;
    json!({
        "id": object_id(DEAL, row.id),
        "attributes": {
            "deal_name": format!("Order {}", row.id),
            "deal_stage": stage_id(pipeline, stage),
            "pipeline": object_id(PIPELINE, pipeline),
            "deal_owner": object_id(USER, FIRST_ID + random.below(5)),
            "amount": row.value(&Value::Amount),
            "close_date": if random.chance(600) { json!(iso(row.created_at + 40 * 86_400_000)) } else { Json::Null },
            "number_of_contacts": linked.len(),
            "created_at": iso(row.created_at),
            "last_updated_date": iso(row.updated_at),
        },
        "linkedContactsIds": linked,
        "linkedCompaniesIds": companies,
    })
}

fn stage_id(pipeline: u64, stage: u64) -> String {
    object_id(STAGE, pipeline * 16 + stage)
}

fn pipeline(row: &Row<'_>) -> Json {
    let stages = (0..).zip(STAGES).map(|(stage, name)| json!({"id": stage_id(row.id, stage), "name": name}));
    json!({
        "pipeline": object_id(PIPELINE, row.id),
        "pipeline_name": format!("Sales pipeline {}", row.id - FIRST_ID + 1),
        "stages": stages.collect::<Vec<Json>>(),
    })
}

fn user(row: &Row<'_>) -> Json {
    let is_owner = row.id == FIRST_ID;
    json!({
        "email": if is_owner { "owner@nordwind.example".to_owned() } else { format!("colleague.{}@nordwind.example", row.id) },
        "is_owner": is_owner.to_string(),
        "status": if row.id.is_multiple_of(4) { "pending" } else { "active" },
        "feature_access": {"marketing": "full", "conversations": "custom", "crm": if is_owner { "full" } else { "none" }},
    })
}
