//! Campaigns, what became of single messages, and addresses that nothing is sent to.

use serde_json::{Value as Json, json};

use super::Account;
use super::contacts::{blocked, email};
use super::times::{days, local};
use crate::plain::{Candidate, Endpoint, FIRST_ID, Keep, Paging, Parameters, Refused, Row, Why};
use crate::random::Random;

const EVENTS: [&str; 14] = [
    "requests",
    "delivered",
    "opened",
    "uniqueOpened",
    "clicks",
    "hardBounces",
    "softBounces",
    "blocked",
    "spam",
    "invalid",
    "deferred",
    "unsubscribed",
    "error",
    "loadedByProxy",
];
const STATES: [&str; 6] = ["sent", "sent", "archive", "draft", "queued", "suspended"];
const REASONS: [(&str, &str); 4] = [
    ("unsubscribedViaEmail", "Unsubscribed via email"),
    ("adminBlocked", "Admin blocked"),
    ("contactFlaggedAsSpam", "Flagged as spam"),
    ("hardBounce", "Hard bounced"),
];
const SENDER: &str = "news@nordwind.example";
const HOUR: i64 = 3_600_000;

pub(super) fn endpoints(account: &Account) -> Vec<Endpoint> {
    let contacts = account.contacts;
    let campaigns = Endpoint::new("campaigns", "/emailCampaigns")
        .items(["campaigns"])
        .total(["count"])
        .page_size("limit", 100)
        .default_page_size(50)
        .filter(["type"], |parameters| word(parameters, "type", &["classic", "trigger"], |candidate| candidate.record()["type"].take()))
        .filter(["status"], |parameters| {
            let states = ["draft", "sent", "archive", "queued", "suspended", "in_process"];
            word(parameters, "status", &states, |candidate| candidate.record()["status"].take())
        })
        .filter(["startDate", "endDate"], sent_between)
        .ignores(["statistics", "excludeHtmlContent"])
        .count(24)
        .records(campaign)
        .record("/emailCampaigns/{campaignId}", |candidate, id| candidate.row().id.to_string() == id);
    let events = Endpoint::new("events", "/smtp/statistics/events")
        .items(["events"])
        .items_missing_when_empty()
        .page_size("limit", 5_000)
        .default_page_size(2_500)
        .filter(["days", "startDate", "endDate"], days)
        .filter(["event"], |parameters| word(parameters, "event", &EVENTS, |candidate| candidate.record()["event"].take()))
        .filter(["email"], |parameters| same(parameters, "email"))
        .filter(["messageId"], |parameters| same(parameters, "messageId"))
        .filter(["tags"], |parameters| {
            let Some(tag) = parameters.get("tags").map(str::to_owned) else { return Ok(None) };
            Ok(Some(Box::new(move |candidate| candidate.record()["tag"] == tag.as_str())))
        })
        .count(contacts.saturating_mul(4))
        .records(move |row| event(row, contacts as u64));
    let refused: Vec<u64> = blocked(contacts).collect();
    let blocked_contacts = Endpoint::new("blocked_contacts", "/smtp/blockedContacts")
        .items(["contacts"])
        .total(["count"])
        .page_size("limit", 100)
        .default_page_size(50)
        .count(refused.len())
        .records(move |row| blocked_contact(row, &refused));
    let listed = [campaigns, events, blocked_contacts];
    listed.map(|endpoint| endpoint.paging(Paging::offset("offset")).direction("sort", "asc", "desc")).into()
}

/// The filter of a parameter that must be one of these words.
fn word(parameters: &Parameters, name: &str, words: &[&str], of: fn(&Candidate<'_>) -> Json) -> Result<Option<Keep>, Refused> {
    let Some(wanted) = parameters.get(name).map(str::to_owned) else { return Ok(None) };
    if !words.contains(&wanted.as_str()) {
        return Err(Refused::value(format!("`{name}` cannot be `{wanted}`")));
    }
    Ok(Some(Box::new(move |candidate| of(candidate) == wanted.as_str())))
}

/// The filter of a parameter that is compared with the field of its name.
fn same(parameters: &Parameters, name: &'static str) -> Result<Option<Keep>, Refused> {
    let Some(wanted) = parameters.get(name).map(str::to_owned) else { return Ok(None) };
    Ok(Some(Box::new(move |candidate| candidate.record()[name] == wanted.as_str())))
}

/// The filter of campaigns by when they were sent, which goes with `status=sent` alone.
fn sent_between(parameters: &Parameters) -> Result<Option<Keep>, Refused> {
    let (first, last) = match (parameters.instant("startDate")?, parameters.instant("endDate")?) {
        (None, None) => return Ok(None),
        (Some(first), Some(last)) => (first, last),
        _ => return Err(Refused::new(400, Why::Missing, "`startDate` and `endDate` belong together")),
    };
    Ok(Some(Box::new(move |candidate| sent_at(&candidate.row()).is_some_and(|at| (first..=last).contains(&at)))))
}

fn state(row: &Row<'_>) -> &'static str {
    Random::of_row(row.seed, 71, row.id).pick(&STATES)
}

fn sent_at(row: &Row<'_>) -> Option<i64> {
    (state(row) == "sent").then_some(row.created_at + HOUR)
}

fn campaign(row: &Row<'_>) -> Json {
    let mut random = Random::of_row(row.seed, 72, row.id);
    let sent = random.below(5_000);
    let delivered = sent - sent / 50;
    let opened = random.below(delivered + 1);
    let mut campaign = json!({
        "id": row.id,
        "name": format!("Newsletter {}{}", row.id, if row.changes > 0 { ", changed" } else { "" }),
        "subject": format!("What is new in week {}", 1 + row.id % 52),
        "previewText": "",
        "type": if row.id.is_multiple_of(6) { "trigger" } else { "classic" },
        "status": state(row),
        "abTesting": false,
        "testSent": random.chance(500),
        "header": "[DEFAULT_HEADER]",
        "footer": "[DEFAULT_FOOTER]",
        "htmlContent": "<p>Hello {{contact.FIRSTNAME}}</p>",
        "sender": {"id": 3, "name": "Nordwind", "email": SENDER},
        "replyTo": SENDER,
        "toField": "{FNAME}",
        "tag": "news",
        "createdAt": local(row.created_at),
        "modifiedAt": local(row.updated_at),
        "recipients": {"lists": [FIRST_ID + row.id % 12], "exclusionLists": []},
        "statistics": {
            "globalStats": {
                "sent": sent, "delivered": delivered, "viewed": opened, "uniqueViews": opened, "clickers": opened / 4,
                "uniqueClicks": opened / 5, "hardBounces": sent / 100, "softBounces": sent / 50 - sent / 100,
                "unsubscriptions": opened / 90, "complaints": 0, "trackableViews": opened,
            },
            "campaignStats": [],
            "linksStats": {},
        },
    });
    if let Some(at) = sent_at(row) {
        campaign["sentDate"] = json!(local(at));
    }
    if state(row) == "queued" {
        campaign["scheduledAt"] = json!(local(row.created_at + 48 * HOUR));
    }
    campaign
}

/// What became of a message; four events follow each other for each.
fn event(row: &Row<'_>, contacts: u64) -> Json {
    let place = row.id - FIRST_ID;
    let (message, step) = (place / 4, place % 4);
    let mut random = Random::of_row(row.seed, 73, message);
    let to = FIRST_ID + random.below(contacts);
    // Nobody without an address gets a message; the next one has one.
    let address = email(row.seed, to).or_else(|| email(row.seed, to + 1)).unwrap_or_default();
    let fails = random.chance(100);
    let name = match step {
        0 => "requests",
        1 if fails => "deferred",
        2 if fails => "softBounces",
        3 if fails => "hardBounces",
        1 => "delivered",
        2 => random.pick(&["opened", "uniqueOpened", "loadedByProxy"]),
        _ => random.pick(&["clicks", "opened", "unsubscribed", "spam"]),
    };
    json!({
        "email": address,
        "date": local(row.created_at),
        "subject": "Your order",
        "messageId": format!("<2026{message:08}.{:06}@smtp-relay.example>", random.below(1_000_000)),
        "event": name,
        "reason": if name.ends_with("Bounces") { "550 no such mailbox" } else { "" },
        "tag": if message.is_multiple_of(3) { "orders" } else { "" },
        "ip": if step == 0 { String::new() } else { format!("192.0.2.{}", message % 250) },
        "link": if name == "clicks" { "https://nordwind.example/orders" } else { "" },
        "from": SENDER,
        "templateId": 1 + message % 5,
    })
}

fn blocked_contact(row: &Row<'_>, refused: &[u64]) -> Json {
    let place = usize::try_from(row.id - FIRST_ID).unwrap_or(usize::MAX);
    let contact = refused.get(place).copied().unwrap_or(row.id);
    let (code, message) = REASONS[usize::try_from(contact).unwrap_or(0) / 20 % REASONS.len()];
    json!({
        "email": email(row.seed, contact).unwrap_or_default(),
        "senderEmail": SENDER,
        "reason": {"code": code, "message": message},
        "blockedAt": local(row.created_at),
    })
}
