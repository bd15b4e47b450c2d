//! Fills an organisation with invented records. The same seed gives the same one, byte for byte, on every machine.

use std::collections::HashMap;

use super::auth::{INTEGRATION_USER, ORGANIZATION};
use super::data::{Data, Moves, When};
use super::derive::STAGES;
use super::options::Options;
use super::record::Values;
use super::{generate_histories, generate_people, generate_sales};
use crate::clock::iso;
use crate::people::COLLEAGUES;
use crate::random::Random;
use crate::store::State;

pub(super) const DAY: i64 = 24 * 60 * 60 * 1000;
/// How far back the oldest record goes.
const HISTORY: i64 = 3 * 365 * DAY;
const USER_TOPIC: u64 = 40;
const DELETE_TOPIC: u64 = 41;
const MERGE_TOPIC: u64 = 42;

/// How many records of each object there are to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) users: usize,
    pub(super) accounts: usize,
    pub(super) contacts: usize,
    pub(super) leads: usize,
    pub(super) opportunities: usize,
    pub(super) campaigns: usize,
    pub(super) individuals: usize,
}

/// The organisation that is being filled.
#[derive(Debug)]
pub(super) struct Filling<'o> {
    pub(super) data: Data,
    pub(super) options: &'o Options,
    pub(super) counts: Counts,
    pub(super) until: i64,
}

/// One record that is being invented.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) random: Random,
    pub(super) number: u64,
    pub(super) created_at: i64,
    pub(super) stamp: i64,
    cells: Vec<String>,
}

impl Filling<'_> {
    /// Adds records of an object, each filled by `fill`.
    pub(super) fn add(
        &mut self,
        object: &str,
        topic: u64,
        count: usize,
        mut fill: impl FnMut(&Self, &mut Draft, &mut dyn FnMut(&mut Draft, &str, &str)),
    ) {
        let Some(place) = self.data.place(object) else { return };
        let fields = self.data.object(place).schema.fields.len();
        let step = HISTORY / i64::try_from(count.max(1)).unwrap_or(i64::MAX);
        // One import touched many records in the same second.
        let bulk_update = (self.until - 20 * DAY) / 1000 * 1000;
        for index in 0..count as u64 {
            let number = index + 1;
            let mut random = Random::of_row(self.options.seed, topic, number);
            let start = self.until - HISTORY + i64::try_from(index).unwrap_or(0) * step;
            let created_at = (start + below(&mut random, step.max(1))) / 1000 * 1000;
            let age = (self.until - created_at).max(1);
            let stamp = if random.chance(self.options.bulk_update_per_mille) && created_at < bulk_update {
                bulk_update
            } else {
                // Most records are quiet: the largest share of the changes is recent only for the young.
                (created_at + below(&mut random, age).min(below(&mut random, age))) / 1000 * 1000
            };
            let mut draft = Draft { random, number, created_at, stamp, cells: vec![String::new(); fields] };
            let schema = &self.data.object(place).schema;
            let mut set = |draft: &mut Draft, name: &str, value: &str| {
                if let Some(place) = schema.place(name) {
                    value.clone_into(&mut draft.cells[place]);
                }
            };
            fill(self, &mut draft, &mut set);
            let user = self.user(&mut draft.random);
            set(&mut draft, "CreatedById", &user);
            set(&mut draft, "LastModifiedById", &user);
            let values = Values::of(&draft.cells);
            self.data.insert(place, number, When { stamp, seen_at: stamp }, created_at, values);
        }
    }

    /// The id of the `number`-th record of an object.
    pub(super) fn id(&self, object: &str, number: u64) -> String {
        self.data.place(object).map(|place| self.data.object(place).schema.id(number)).unwrap_or_default()
    }

    /// The id of some record; empty when there are none.
    pub(super) fn some(&self, random: &mut Random, object: &str, count: usize) -> String {
        if count == 0 { String::new() } else { self.id(object, 1 + random.below(count as u64)) }
    }

    /// The id of some user.
    pub(super) fn user(&self, random: &mut Random) -> String {
        self.some(random, "User", self.counts.users)
    }
}

/// The organisation that the options describe.
pub(crate) fn generate(options: &Options) -> Data {
    let accounts = options.count(options.accounts, 5);
    let counts = Counts {
        users: options.users.max(1),
        accounts,
        contacts: options.contacts,
        leads: options.count(options.leads, 2),
        opportunities: options.count(options.opportunities, 4),
        campaigns: options.count(options.campaigns, 40),
        individuals: options.count(options.individuals, 5),
    };
    let until = options.generated_until.as_millisecond();
    let mut filling = Filling { data: Data::new(), options, counts, until };
    users(&mut filling);
    reference(&mut filling);
    generate_people::fill(&mut filling);
    generate_sales::fill(&mut filling);
    let start = options.clock.now_ms();
    merges(&mut filling, start);
    deletions(&mut filling, start);
    generate_histories::fill(&mut filling);
    filling.data
}

fn users(filling: &mut Filling<'_>) {
    let count = filling.counts.users;
    filling.add("User", USER_TOPIC, count, |filling, draft, set| {
        let integration = draft.number == INTEGRATION_USER;
        let (first, last) = if integration { ("Integration", "User") } else { COLLEAGUES[(draft.number % 8) as usize] };
        let mailbox = if integration {
            "integration".to_owned()
        } else {
            format!("{}.{}{}", first.to_lowercase(), last.to_lowercase(), draft.number)
        };
        let name = format!("{first} {last}");
        let nickname = format!("{}{}", first.to_lowercase(), draft.number);
        let alias: String = nickname.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
        for (field, value) in [
            ("Username", format!("{mailbox}@aqueduct.example")),
            ("Email", format!("{mailbox}@example.com")),
            ("FirstName", first.to_owned()),
            ("LastName", last.to_owned()),
            ("Name", name),
            ("Alias", alias),
            ("CommunityNickname", nickname),
            ("IsActive", (integration || draft.number % 8 != 0).to_string()),
            ("TimeZoneSidKey", (*draft.random.pick(&["Europe/London", "Europe/Berlin", "America/New_York"])).to_owned()),
            ("LocaleSidKey", "en_GB".to_owned()),
            ("LanguageLocaleKey", "en_US".to_owned()),
            ("EmailEncodingKey", "UTF-8".to_owned()),
            ("UserType", "Standard".to_owned()),
            ("Department", (*draft.random.pick(&["Sales", "Marketing", "Service"])).to_owned()),
            ("ManagerId", if draft.number > 2 { filling.id("User", 2) } else { String::new() }),
        ] {
            set(draft, field, &value);
        }
    });
}

fn reference(filling: &mut Filling<'_>) {
    filling.add("Group", 43, 1, |_, draft, set| {
        for (field, value) in [("Name", "Inbound"), ("DeveloperName", "Inbound"), ("Type", "Queue")] {
            set(draft, field, value);
        }
    });
    filling.add("OpportunityStage", 44, STAGES.len(), |_, draft, set| {
        let stage = STAGES[(draft.number - 1) as usize];
        for (field, value) in [
            ("MasterLabel", stage.0.to_owned()),
            ("ApiName", stage.0.to_owned()),
            ("IsActive", "true".to_owned()),
            ("SortOrder", draft.number.to_string()),
            ("DefaultProbability", format!("{}.0", stage.1)),
            ("IsClosed", stage.2.to_string()),
            ("IsWon", stage.3.to_string()),
            ("ForecastCategory", stage.4.to_owned()),
            ("ForecastCategoryName", stage.5.to_owned()),
        ] {
            set(draft, field, &value);
        }
    });
    // The organisation has a number of its own, which is part of every session's token.
    let Some(place) = filling.data.place("Organization") else { return };
    let schema = &filling.data.object(place).schema;
    let mut cells = vec![String::new(); schema.fields.len()];
    for (field, value) in
        [("Name", "Aqueduct Simulated"), ("OrganizationType", "Enterprise Edition"), ("InstanceName", "SIM1"), ("Country", "GB")]
    {
        if let Some(place) = schema.place(field) {
            value.clone_into(&mut cells[place]);
        }
    }
    let at = (filling.until - HISTORY) / 1000 * 1000;
    filling.data.insert(place, ORGANIZATION, When { stamp: at, seen_at: at }, at, Values::of(&cells));
}

/// When records were deleted or merged: in the last ten days, and after their last change.
fn lately(filling: &Filling<'_>, place: usize, numbers: &[u64], random: &mut Random, start: i64) -> When {
    let at = (start - DAY / 24 - below(random, 10 * DAY)) / 1000 * 1000;
    let rows = &filling.data.object(place).rows;
    let changed = numbers.iter().filter_map(|number| rows.get(number)).map(|row| row.current().value.stamp).max();
    let at = at.max(changed.unwrap_or(at));
    When { stamp: at, seen_at: at }
}

fn merges(filling: &mut Filling<'_>, start: i64) {
    let mut moved = HashMap::new();
    for object in ["Account", "Contact", "Lead"] {
        let Some(place) = filling.data.place(object) else { continue };
        let mut random = Random::of_row(filling.options.seed, MERGE_TOPIC, place as u64);
        let numbers: Vec<u64> = filling.data.object(place).rows.live(..).map(|(number, _)| *number).collect();
        for pair in numbers.chunks_exact(2) {
            if random.chance(filling.options.merged_per_mille * 2) {
                let when = lately(filling, place, pair, &mut random, start);
                moved.extend(filling.data.merge_alone(place, pair[0], pair[1], when));
            }
        }
    }
    filling.data.repoint(&moved);
}

fn deletions(filling: &mut Filling<'_>, start: i64) {
    for place in 0..filling.data.objects().len() {
        let object = filling.data.object(place);
        if !object.schema.has_bin || object.schema.tells_of.is_some() {
            continue;
        }
        let mut random = Random::of_row(filling.options.seed, DELETE_TOPIC, place as u64);
        let chosen: Vec<u64> =
            object.rows.live(..).map(|(number, _)| *number).filter(|_| random.chance(filling.options.deleted_per_mille)).collect();
        for number in chosen {
            let when = lately(filling, place, &[number], &mut random, start);
            filling.data.write(place, number, when, Moves::Both, State::Archived, &[]);
        }
    }
}

/// A number in `0..bound`, zero when there is no room.
pub(super) fn below(random: &mut Random, bound: i64) -> i64 {
    i64::try_from(random.below(u64::try_from(bound).unwrap_or(0))).unwrap_or(0)
}

/// The date of an instant, `2026-02-01`.
pub(super) fn date(milliseconds: i64) -> String {
    iso(milliseconds)[..10].to_owned()
}
