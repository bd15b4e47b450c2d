//! Invented opportunities with roles and history, campaigns, members, activities and subscriptions.

use std::collections::BTreeMap;

use super::data::Moves;
use super::derive::{STAGES, amount};
use super::generate::{DAY, Draft, Filling, below, date};
use crate::clock::iso;
use crate::store::State;

type Set<'a> = dyn FnMut(&mut Draft, &str, &str) + 'a;

pub(super) fn fill(filling: &mut Filling<'_>) {
    let (counts, options) = (filling.counts, filling.options);
    filling.add("Campaign", 10, counts.campaigns, campaign);
    filling.add("Opportunity", 11, counts.opportunities, opportunity);
    let roles = if counts.contacts == 0 { 0 } else { counts.opportunities * 3 / 2 };
    filling.add("OpportunityContactRole", 12, roles, |filling, draft, set| {
        let opportunity = filling.id("Opportunity", 1 + draft.number * 2 / 3 % counts.opportunities.max(1) as u64);
        let contact = filling.some(&mut draft.random, "Contact", counts.contacts);
        let role = draft.random.pick(&["Decision Maker", "Influencer", "Business User", "Evaluator", ""]);
        for (field, value) in [("OpportunityId", opportunity.as_str()), ("ContactId", &contact), ("Role", role)] {
            set(draft, field, value);
        }
        if draft.number.is_multiple_of(3) {
            set(draft, "IsPrimary", "true");
        }
    });
    filling.add("OpportunityHistory", 13, counts.opportunities * 2, history);
    let members = if counts.campaigns == 0 { 0 } else { options.count(options.campaign_members, 2) };
    filling.add("CampaignMember", 14, members, member);
    filling.add("Task", 15, options.count(options.tasks, 1), task);
    filling.add("Event", 16, options.count(options.events, 4), event);
    let subscriptions = if counts.accounts == 0 { 0 } else { options.count(options.subscriptions, 8) };
    filling.add("Subscription__c", 17, subscriptions, subscription);
    roll_up(filling);
}

fn campaign(filling: &Filling<'_>, draft: &mut Draft, set: &mut Set<'_>) {
    let kind = draft.random.pick(&["Email", "Webinar", "Conference", "Advertisement", "Other"]);
    let name = format!("{kind} {} – \"Q{}\"", 2023 + draft.number % 4, 1 + draft.number % 4);
    let start = draft.created_at + below(&mut draft.random, 60 * DAY);
    let owner = filling.user(&mut draft.random);
    let cost = format!("{}.0", 500 * (1 + draft.random.below(40)));
    let status = draft.random.pick(&["Planned", "In Progress", "Completed", "Aborted"]);
    for (field, value) in [
        ("Name", name.as_str()),
        ("Type", kind),
        ("Status", status),
        ("StartDate", &date(start)),
        ("EndDate", &date(start + 30 * DAY)),
        ("BudgetedCost", &cost),
        ("OwnerId", &owner),
        ("IsActive", if status == "In Progress" { "true" } else { "false" }),
        ("NumberOfLeads", "0"),
        ("NumberOfContacts", "0"),
        ("NumberOfResponses", "0"),
    ] {
        set(draft, field, value);
    }
}

fn opportunity(filling: &Filling<'_>, draft: &mut Draft, set: &mut Set<'_>) {
    let stage = STAGES[draft.random.index(STAGES.len())];
    let worth = if draft.random.chance(120) { 0 } else { 250 * (1 + draft.random.below(2_000)) };
    let account = filling.some(&mut draft.random, "Account", filling.counts.accounts);
    let owner = filling.user(&mut draft.random);
    let close = date(draft.created_at + DAY + below(&mut draft.random, 200 * DAY));
    let kind = draft.random.pick(&["New Customer", "Existing Customer - Upgrade", ""]);
    let campaign =
        if draft.random.chance(300) { filling.some(&mut draft.random, "Campaign", filling.counts.campaigns) } else { String::new() };
    let name = format!("{} {}", draft.random.pick(&["Renewal", "New licences", "Erweiterung", "Pilot"]), draft.number);
    for (field, value) in [
        ("Name", name.as_str()),
        ("AccountId", &account),
        ("StageName", stage.0),
        ("Probability", &format!("{}.0", stage.1)),
        ("IsClosed", &stage.2.to_string()),
        ("IsWon", &stage.3.to_string()),
        ("ForecastCategory", stage.4),
        ("ForecastCategoryName", stage.5),
        ("CloseDate", &close),
        ("Type", kind),
        ("CampaignId", &campaign),
        ("OwnerId", &owner),
        ("FiscalYear", &close[..4]),
    ] {
        set(draft, field, value);
    }
    if worth > 0 {
        let worth = f64::from(u32::try_from(worth).unwrap_or(u32::MAX));
        set(draft, "Amount", &amount(worth));
        set(draft, "ExpectedRevenue", &amount(worth * f64::from(stage.1) / 100.0));
    }
    if draft.random.chance(300) {
        let source = draft.random.pick(&["Web", "Partner Referral", "Other"]);
        set(draft, "LeadSource", source);
        set(draft, "NextStep", "Send offer, \"final\" version");
    }
    if stage.0 == "Closed Lost" {
        let reason = draft.random.pick(&["Price", "Competitor", "No Budget", "No Decision"]);
        set(draft, "Loss_Reason__c", reason);
    }
}

/// Two rows for each opportunity: how it began, and where it is.
fn history(filling: &Filling<'_>, draft: &mut Draft, set: &mut Set<'_>) {
    let number = draft.number.div_ceil(2);
    set(draft, "OpportunityId", &filling.id("Opportunity", number));
    let now = draft.number.is_multiple_of(2);
    let Some(place) = filling.data.place("Opportunity") else { return };
    let object = filling.data.object(place);
    let Some(row) = object.rows.get(&number) else { return };
    let value = |name: &str| object.schema.place(name).map(|place| row.current().value.values.get(place)).unwrap_or_default();
    for field in ["Amount", "CloseDate"] {
        set(draft, field, value(field));
    }
    let (stage, probability, forecast) =
        if now { (value("StageName"), value("Probability"), value("ForecastCategory")) } else { (STAGES[0].0, "10.0", STAGES[0].4) };
    for (field, value) in [("StageName", stage), ("Probability", probability), ("ForecastCategory", forecast)] {
        set(draft, field, value);
    }
}

fn member(filling: &Filling<'_>, draft: &mut Draft, set: &mut Set<'_>) {
    let counts = filling.counts;
    let campaign = filling.some(&mut draft.random, "Campaign", counts.campaigns);
    let lead = counts.leads > 0 && (counts.contacts == 0 || draft.random.chance(400));
    let person = if lead {
        filling.some(&mut draft.random, "Lead", counts.leads)
    } else {
        filling.some(&mut draft.random, "Contact", counts.contacts)
    };
    let responded = draft.random.chance(300);
    let status = if responded { "Responded" } else { "Sent" };
    for (field, value) in [
        ("CampaignId", campaign.as_str()),
        (if lead { "LeadId" } else { "ContactId" }, &person),
        ("LeadOrContactId", &person),
        ("Type", if lead { "Lead" } else { "Contact" }),
        ("Status", status),
        ("HasResponded", if responded { "true" } else { "false" }),
    ] {
        set(draft, field, value);
    }
    if responded {
        let on = date(draft.stamp);
        set(draft, "FirstRespondedDate", &on);
    }
    let Some((place, number)) = filling.data.find(&person) else { return };
    let object = filling.data.object(place);
    let Some(row) = object.rows.get(&number) else { return };
    for field in ["Salutation", "Name", "FirstName", "LastName", "Title", "Email", "Phone", "DoNotCall", "HasOptedOutOfEmail", "LeadSource"]
    {
        if let Some(place) = object.schema.place(field) {
            set(draft, field, row.current().value.values.get(place));
        }
    }
}

/// What activities share: who and what about. Those older than a year are archived.
fn activity(filling: &Filling<'_>, draft: &mut Draft, set: &mut Set<'_>) {
    let counts = filling.counts;
    let lead = counts.leads > 0 && draft.random.chance(250);
    let who = if lead {
        filling.some(&mut draft.random, "Lead", counts.leads)
    } else {
        filling.some(&mut draft.random, "Contact", counts.contacts)
    };
    let what =
        if lead || draft.random.chance(400) { String::new() } else { filling.some(&mut draft.random, "Opportunity", counts.opportunities) };
    let owner = filling.user(&mut draft.random);
    let on = date(draft.created_at);
    let archived = filling.until - draft.created_at > 365 * DAY && draft.random.chance(500);
    for (field, value) in [
        ("WhoId", who.as_str()),
        ("WhatId", &what),
        ("OwnerId", &owner),
        ("ActivityDate", &on),
        ("IsArchived", if archived { "true" } else { "false" }),
    ] {
        set(draft, field, value);
    }
}

fn task(filling: &Filling<'_>, draft: &mut Draft, set: &mut Set<'_>) {
    activity(filling, draft, set);
    let kind = draft.random.pick(&["Email", "Email", "Call", "Task"]);
    let closed = draft.random.chance(700);
    let subject = match kind {
        "Email" => format!("Email: offer {}", draft.number),
        "Call" => "Call".to_owned(),
        _ => "Follow up, \"soon\"".to_owned(),
    };
    for (field, value) in [
        ("Subject", subject.as_str()),
        ("TaskSubtype", kind),
        ("Status", if closed { "Completed" } else { "Not Started" }),
        ("IsClosed", if closed { "true" } else { "false" }),
        ("Priority", "Normal"),
    ] {
        set(draft, field, value);
    }
    if closed {
        let at = iso(draft.stamp);
        set(draft, "CompletedDateTime", &at);
    }
    if kind == "Call" {
        let seconds = draft.random.below(3_600).to_string();
        set(draft, "CallDurationInSeconds", &seconds);
        set(draft, "CallType", "Outbound");
    }
    if draft.random.chance(400) {
        set(draft, "Description", "Line one\nline \"two\", with a comma");
    }
}

fn event(filling: &Filling<'_>, draft: &mut Draft, set: &mut Set<'_>) {
    activity(filling, draft, set);
    let start = draft.created_at + below(&mut draft.random, 20 * DAY) / 60_000 * 60_000;
    let minutes = 15 * (1 + below(&mut draft.random, 8));
    for (field, value) in [
        ("Subject", "Meeting"),
        ("StartDateTime", &iso(start)),
        ("ActivityDateTime", &iso(start)),
        ("EndDateTime", &iso(start + minutes * 60_000)),
        ("DurationInMinutes", &minutes.to_string()),
        ("EventSubtype", "Event"),
        ("ShowAs", "Busy"),
        ("Location", draft.random.pick(&["Office", "Online", "Café \"Zentral\""])),
    ] {
        set(draft, field, value);
    }
}

fn subscription(filling: &Filling<'_>, draft: &mut Draft, set: &mut Set<'_>) {
    let (seats, price) = (1 + draft.random.below(500), 5 + draft.random.below(95));
    let account = filling.some(&mut draft.random, "Account", filling.counts.accounts);
    let contact = filling.some(&mut draft.random, "Contact", filling.counts.contacts);
    let owner = filling.user(&mut draft.random);
    let plan = draft.random.pick(&["Basic", "Team", "Enterprise"]);
    let total = f64::from(u32::try_from(seats * price * 12).unwrap_or(u32::MAX));
    for (field, value) in [
        ("Name", format!("SUB-{:06}", draft.number).as_str()),
        ("Account__c", &account),
        ("Contact__c", &contact),
        ("OwnerId", &owner),
        ("Plan__c", plan),
        ("Seats__c", &format!("{seats}.0")),
        ("Monthly_Price__c", &format!("{price}.0")),
        ("Started_On__c", &date(draft.created_at)),
        ("Renews_At__c", &iso(draft.created_at + 365 * DAY)),
        ("Auto_Renew__c", if draft.random.chance(500) { "true" } else { "false" }),
        ("Annual_Value__c", &amount(total)),
    ] {
        set(draft, field, value);
    }
}

/// Sums the open opportunities of each account, and the members of each campaign.
fn roll_up(filling: &mut Filling<'_>) {
    sum_up(filling, "Opportunity", "AccountId", "Account", |get| {
        let open = get("IsClosed") != "true";
        let worth = get("Amount").parse::<f64>().unwrap_or(0.0);
        [("Open_Amount__c", if open { worth } else { 0.0 }), ("", 0.0), ("", 0.0)]
    });
    sum_up(filling, "CampaignMember", "CampaignId", "Campaign", |get| {
        let contact = !get("ContactId").is_empty();
        let one = |holds: bool| if holds { 1.0 } else { 0.0 };
        [("NumberOfContacts", one(contact)), ("NumberOfLeads", one(!contact)), ("NumberOfResponses", one(get("HasResponded") == "true"))]
    });
}

type Parts = [(&'static str, f64); 3];

fn sum_up(filling: &mut Filling<'_>, children: &str, reference: &str, parent: &str, parts: impl Fn(&dyn Fn(&str) -> String) -> Parts) {
    let (Some(child), Some(owner)) = (filling.data.place(children), filling.data.place(parent)) else { return };
    let mut sums: BTreeMap<(u64, &'static str), f64> = BTreeMap::new();
    let object = filling.data.object(child);
    for (_, row) in object.rows.live(..) {
        let values = &row.current().value.values;
        let get = |name: &str| object.schema.place(name).map(|place| values.get(place).to_owned()).unwrap_or_default();
        let Some((_, number)) = filling.data.find(&get(reference)) else { continue };
        for (field, part) in parts(&get).into_iter().filter(|(field, _)| !field.is_empty()) {
            *sums.entry((number, field)).or_default() += part;
        }
    }
    let schema = &filling.data.object(owner).schema;
    let text = |field: &str, sum: f64| if field.ends_with("__c") { amount(sum) } else { format!("{sum:.0}") };
    let changes: Vec<(u64, usize, String)> =
        sums.into_iter().filter_map(|((number, field), sum)| Some((number, schema.place(field)?, text(field, sum)))).collect();
    for (number, place, value) in changes {
        let Some(stamp) = filling.data.object(owner).rows.get(&number).map(|row| row.current().value.stamp) else { continue };
        let when = super::data::When { stamp, seen_at: stamp };
        filling.data.write(owner, number, when, Moves::Nothing, State::Live, &[(place, value)]);
    }
}
