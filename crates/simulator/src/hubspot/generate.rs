//! Fills an account with invented records. The same seed gives the same account, byte for byte, on every machine.

use super::data::Data;
use super::generate_catalogue::{line_item_row, lists, product_row, sold};
use super::generate_rows::{Draw, company_row, contact_row, deal_row};
use super::options::Options;
use super::schema::ObjectKind;
use super::store::{Owner, Pipeline, Stage};
use super::values::{Packer, PropertyId, Values};
use crate::people::COLLEAGUES;
use crate::random::Random;
use crate::store::State;

const DAY: i64 = 24 * 60 * 60 * 1000;
/// How far back the oldest record goes.
const HISTORY: i64 = 5 * 365 * DAY;

const CONTACT_TOPIC: u64 = 1;
const COMPANY_TOPIC: u64 = 2;
const DEAL_TOPIC: u64 = 3;
const OWNER_TOPIC: u64 = 4;
const PRODUCT_TOPIC: u64 = 5;
const LINE_ITEM_TOPIC: u64 = 6;

/// The ids of all generated records by number.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    pub(crate) contacts: Vec<u64>,
    pub(crate) companies: Vec<u64>,
    pub(crate) deals: Vec<u64>,
    pub(crate) products: Vec<u64>,
    pub(crate) line_items: Vec<u64>,
    pub(crate) owners: Vec<u64>,
}

/// The account that the options describe.
pub(crate) fn generate(options: &Options) -> Data {
    let until = options.generated_until.as_millisecond();
    let mut data = Data::new(until - HISTORY - DAY, options.merge_creates_record);
    let mut ids = Ids { owners: owners(&mut data, options, until), ..Ids::default() };
    pipelines(&mut data, until - HISTORY - DAY);
    ids.companies = spread(options.seed, COMPANY_TOPIC, options.company_count(), 9_000_001);
    ids.contacts = spread(options.seed, CONTACT_TOPIC, options.contacts, 100_001);
    ids.deals = spread(options.seed, DEAL_TOPIC, options.deal_count(), 70_000_001);
    ids.products = spread(options.seed, PRODUCT_TOPIC, options.product_count(), 1_200_001);
    ids.line_items = spread(options.seed, LINE_ITEM_TOPIC, options.line_item_count(), 51_000_001);
    // Associations come first: records carry the calculated number of them.
    associations(&mut data, options, &ids);
    sold(&mut data, options.seed, &ids);
    for (kind, topic) in [
        (ObjectKind::Companies, COMPANY_TOPIC),
        (ObjectKind::Contacts, CONTACT_TOPIC),
        (ObjectKind::Deals, DEAL_TOPIC),
        (ObjectKind::Products, PRODUCT_TOPIC),
        (ObjectKind::LineItems, LINE_ITEM_TOPIC),
    ] {
        rows(&mut data, options, &ids, kind, topic, until);
    }
    merges(&mut data, options, &ids, until);
    archives(&mut data, options, until);
    lists(&mut data, options, &ids, until);
    data.edge_changes.clear();
    data
}

/// Ascending ids with gaps, so that nobody takes the next id for granted.
fn spread(seed: u64, topic: u64, count: usize, first: u64) -> Vec<u64> {
    let mut random = Random::of_row(seed, topic, u64::MAX);
    let mut id = first;
    (0..count)
        .map(|_| {
            id += 1 + random.below(3);
            id
        })
        .collect()
}

fn rows(data: &mut Data, options: &Options, ids: &Ids, kind: ObjectKind, topic: u64, until: i64) {
    let own = match kind {
        ObjectKind::Contacts => &ids.contacts,
        ObjectKind::Companies => &ids.companies,
        ObjectKind::Deals => &ids.deals,
        ObjectKind::Products => &ids.products,
        ObjectKind::LineItems => &ids.line_items,
    };
    let count = i64::try_from(own.len()).unwrap_or(i64::MAX).max(1);
    let step = HISTORY / count;
    // One import touched many records in the same millisecond.
    let bulk_update = until - 20 * DAY + 123;
    let mut packer = Packer::default();
    for (number, &id) in own.iter().enumerate() {
        let mut random = Random::of_row(options.seed, topic, number as u64);
        let place = i64::try_from(number).unwrap_or(i64::MAX);
        let created_at = until - HISTORY + place * step + below(&mut random, step.max(1));
        let age = (until - created_at).max(1);
        let modified_at = if random.chance(options.bulk_update_per_mille) && created_at < bulk_update {
            bulk_update
        } else {
            // Most records are quiet: the largest share of the changes is recent only for the young.
            created_at + below(&mut random, age).min(below(&mut random, age))
        };
        let mut draw = Draw { random: &mut random, ids, number, id, created_at, until };
        let values = {
            let records = data.of(kind);
            let mut set = |name: &str, value: &str| {
                if let Some(property) = records.schema.id(name) {
                    packer.push(property, value);
                }
            };
            match kind {
                ObjectKind::Contacts => contact_row(&mut draw, data, &mut set),
                ObjectKind::Companies => company_row(&mut draw, data, &mut set),
                ObjectKind::Deals => deal_row(&mut draw, data, &mut set),
                ObjectKind::Products => product_row(&mut draw, &mut set),
                ObjectKind::LineItems => line_item_row(&mut draw, &mut set),
            }
            packer.finish()
        };
        insert(data, kind, id, created_at, modified_at, values, &mut random);
    }
    let records = data.of_mut(kind);
    records.next_id = records.next_id.max(own.last().map_or(0, |last| last + 1));
}

/// Adds a record; one in thirty with an earlier version, when its stage was still the first.
fn insert(data: &mut Data, kind: ObjectKind, id: u64, created_at: i64, modified_at: i64, values: Values, random: &mut Random) {
    let records = data.of_mut(kind);
    let stage = match kind {
        ObjectKind::Contacts | ObjectKind::Companies => records.schema.id("lifecyclestage").map(|stage| (stage, "subscriber")),
        ObjectKind::Deals => records.schema.id("dealstage").map(|stage| (stage, "appointmentscheduled")),
        ObjectKind::Products | ObjectKind::LineItems => None,
    };
    match stage.filter(|(stage, first)| random.chance(33) && values.get(*stage).is_some_and(|value| value != *first)) {
        Some((stage, first)) => {
            let earlier: [(PropertyId, String); 1] = [(stage, first.to_owned())];
            records.rows.insert(id, created_at, created_at, values.with(&earlier));
            records.rows.change(&id, modified_at, true, State::Live, values);
        }
        None => records.rows.insert(id, created_at, modified_at, values),
    }
}

fn associations(data: &mut Data, options: &Options, ids: &Ids) {
    use ObjectKind::{Companies, Contacts, Deals};
    let mut random = Random::of_row(options.seed, 9, 0);
    for &contact in &ids.contacts {
        if ids.companies.is_empty() || !random.chance(700) {
            continue;
        }
        let company = ids.companies[random.index(ids.companies.len())];
        let decision_maker = u16::from(random.chance(100)) << 2;
        data.edges.add((Contacts, contact), (Companies, company), 0b11 | decision_maker);
        if random.chance(50) {
            let second = ids.companies[random.index(ids.companies.len())];
            data.edges.add((Contacts, contact), (Companies, second), 1);
        }
    }
    for &deal in &ids.deals {
        for place in 0..random.below(4) {
            if !ids.contacts.is_empty() {
                let contact = ids.contacts[random.index(ids.contacts.len())];
                data.edges.add((Deals, deal), (Contacts, contact), if place == 0 && random.chance(200) { 0b11 } else { 1 });
            }
        }
        if !ids.companies.is_empty() && random.chance(850) {
            let company = ids.companies[random.index(ids.companies.len())];
            data.edges.add((Deals, deal), (Companies, company), 0b11);
        }
    }
}

fn merges(data: &mut Data, options: &Options, ids: &Ids, until: i64) {
    let mut random = Random::of_row(options.seed, 10, 0);
    for pair in ids.contacts.chunks_exact(2) {
        if random.chance(options.merged_per_mille * 2) {
            // Both are live here, so this cannot be refused.
            let _ = data.merge(ObjectKind::Contacts, pair[0], pair[1], until - DAY - below(&mut random, 200 * DAY));
        }
    }
}

fn archives(data: &mut Data, options: &Options, until: i64) {
    for kind in ObjectKind::ALL {
        let mut random = Random::of_row(options.seed, 11, kind.index() as u64);
        let chosen: Vec<u64> =
            data.of(kind).rows.live(..).map(|(id, _)| *id).filter(|_| random.chance(options.archived_per_mille)).collect();
        for id in chosen {
            // The record is live, so this cannot be refused.
            let _ = data.archive(kind, id, until - below(&mut random, 80 * DAY));
        }
    }
}

fn owners(data: &mut Data, options: &Options, until: i64) -> Vec<u64> {
    let mut random = Random::of_row(options.seed, OWNER_TOPIC, 0);
    let mut ids = Vec::with_capacity(options.owners);
    let mut id = 400;
    for number in 0..options.owners {
        id += 1 + random.below(9);
        let (first, last) = COLLEAGUES[number % COLLEAGUES.len()];
        let queue = number % 10 == 9;
        let team = random
            .chance(700)
            .then(|| if random.chance(500) { ("1".to_owned(), "EMEA".to_owned()) } else { ("2".to_owned(), "Americas".to_owned()) });
        let owner = Owner {
            email: (!queue).then(|| format!("{}.{}{number}@example.com", first.to_lowercase(), last.to_lowercase())),
            first_name: if queue { "Inbound".to_owned() } else { first.to_owned() },
            last_name: if queue { format!("Queue {number}") } else { last.to_owned() },
            user_id: 9_000_000 + id,
            team,
            queue,
        };
        let at = until - HISTORY + below(&mut random, HISTORY / 2);
        data.owners.insert(id, at, at, owner.clone());
        if number % 8 == 7 {
            data.owners.change(&id, until - 30 * DAY, true, State::Archived, owner);
        }
        ids.push(id);
    }
    ids
}

fn pipelines(data: &mut Data, at: i64) {
    let stage = |id: &str, label: &str, probability: &str| Stage {
        id: id.into(),
        label: label.into(),
        probability: probability.into(),
        closed: matches!(probability, "1.0" | "0.0"),
    };
    let sales = Pipeline {
        label: "Sales Pipeline".into(),
        stages: vec![
            stage("appointmentscheduled", "Appointment Scheduled", "0.2"),
            stage("qualifiedtobuy", "Qualified To Buy", "0.4"),
            stage("presentationscheduled", "Presentation Scheduled", "0.6"),
            stage("contractsent", "Contract Sent", "0.9"),
            stage("closedwon", "Closed Won", "1.0"),
            stage("closedlost", "Closed Lost", "0.0"),
        ],
    };
    let renewals = Pipeline {
        label: "Renewals".into(),
        stages: vec![stage("98000001", "Up for renewal", "0.5"), stage("98000002", "Renewed", "1.0"), stage("98000003", "Churned", "0.0")],
    };
    data.pipelines.insert("default".into(), at, at, sales);
    data.pipelines.insert("98765432".into(), at, at, renewals);
}

/// A number in `0..bound`, zero when there is no room.
pub(crate) fn below(random: &mut Random, bound: i64) -> i64 {
    i64::try_from(random.below(u64::try_from(bound).unwrap_or(0))).unwrap_or(0)
}
