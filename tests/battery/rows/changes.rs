//! Rows 9, 10, 11 and 18: the account changes while it is read.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct_simulator::hubspot::{ObjectKind, Property, PropertyType, Store};
use aqueduct_simulator::{Effect, Fault, Match};

use crate::oracle::{Account, judge, judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::rows::storms::run;
use crate::source::{LAG, Size, Vendor};
use crate::world::{Shared, World};

async fn must_run(shared: &Shared, world: &World, what: &str, outcome: &mut Outcome) {
    let ran = run(shared, world).await;
    outcome.add(judge_run(world, &ran));
    outcome.must(ran.code == Some(0), || format!("{what} ended with {:?}: {}", ran.code, tail(&ran.words)));
}

/// Row 9.
pub(crate) async fn while_paging(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    match number % 8 {
        7 => return twice_in_a_load(shared, random, number).await,
        6 => return ties_across_pages(shared, random, number / 8).await,
        _ => {}
    }
    let vendor = if number % 3 == 2 { Vendor::Salesforce } else { Vendor::Hubspot };
    let contacts = random.between(150, 420) as usize;
    let mut world = World::new(&shared, vendor, false, random.next(), Size { contacts, deals: 60, archived: true }).await;
    // All pages of a reading in one load, or several loads.
    let records = random.pick(&[40, 150, 5_000]);
    world.more = format!("run: {{ records_per_load: {records} }}\n");
    let mut outcome = Outcome::default();
    // Everything in one millisecond, or some time between.
    let tie = random.one_in(3);
    let most = random.between(2, contacts as u64 / 4);
    for round in 0..random.between(1, 4) {
        let (source, changes) = (world.source.clone(), Mutex::new(random.clone()));
        random.next();
        let change = move || {
            let mut random = changes.lock().expect("nobody breaks down while changing");
            let count = random.between(1, most);
            source.change(&mut random, count);
            if !tie {
                source.clock.advance(Duration::from_millis(random.between(0, 4_000)));
            }
        };
        let pages = if vendor == Vendor::Hubspot { Match::path("/objects/") } else { Match::path("query") };
        world.source.inject(Fault::always(Effect::call(change)).when(pages.after(random.between(0, 2)).chance(600, random.next())));
        let faults_before = world.source.counters().total;
        must_run(&shared, &world, &format!("run {round}"), &mut outcome).await;
        outcome.note_times("changed between pages", world.source.counters().total - faults_before);
        world.source.clear_faults();
        if random.one_in(2) {
            world.source.clock.advance(Duration::from_secs(random.between(1, 2_000)));
        }
    }
    world.source.clock.advance(LAG + Duration::from_secs(1));
    must_run(&shared, &world, "the run after it was quiet", &mut outcome).await;
    outcome.add(judge(&world, Account::Changing).await);
    outcome
}

/// Part of row 9: records change after they were read, and come again in the same load.
pub(crate) async fn twice_in_a_load(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let mut world = World::new(&shared, Vendor::Hubspot, true, random.next(), Size { contacts: 270, deals: 0, archived: false }).await;
    world.more = "run: { records_per_load: 5000 }\n".to_owned();
    let mut outcome = Outcome::default();
    must_run(&shared, &world, "the first load", &mut outcome).await;
    world.source.clock.advance(Duration::from_secs(3_600));
    let store = world.source.hubspot().store();
    let ids = store.ids(ObjectKind::Contacts);
    for id in &ids {
        store.update(ObjectKind::Contacts, *id, [("lastname", "Changedonce")]).expect("the contact is live");
        world.source.clock.advance(Duration::from_millis(1));
    }
    let (clock, first) = (world.source.clock.clone(), ids[..random.between(1, 60) as usize].to_vec());
    let again = move || {
        clock.advance(Duration::from_millis(1));
        for id in &first {
            store.update(ObjectKind::Contacts, *id, [("lastname", "Changedtwice")]).expect("the contact is live");
        }
    };
    world.source.inject(Fault::next(1, Effect::call(again)).when(Match::path("/objects/contacts/search").after(1)));
    outcome.note("changed between pages");
    must_run(&shared, &world, "the run in which records come twice", &mut outcome).await;
    outcome.add(judge(&world, Account::Changing).await);
    outcome
}

/// Part of row 9: records of one millisecond lie on both sides of the end of a page, in every page.
pub(crate) async fn ties_across_pages(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let world =
        World::new(&shared, Vendor::Hubspot, number % 2 == 1, random.next(), Size { contacts: 450, deals: 0, archived: false }).await;
    let mut outcome = Outcome::default();
    must_run(&shared, &world, "the first load", &mut outcome).await;
    world.source.clock.advance(Duration::from_secs(3_600));
    let store = world.source.hubspot().store();
    for ids in store.ids(ObjectKind::Contacts).chunks(random.between(23, 90) as usize) {
        for id in ids {
            store.update(ObjectKind::Contacts, *id, [("lastname", "Changedatonce")]).expect("the contact is live");
        }
        world.source.clock.advance(Duration::from_millis(1));
    }
    outcome.note("ties across pages");
    // Far enough that no later run reads these times again.
    world.source.clock.advance(LAG * 2);
    for run in ["the run that reads the changes", "the run after it"] {
        must_run(&shared, &world, run, &mut outcome).await;
        world.source.clock.advance(LAG * 2);
    }
    outcome.add(judge(&world, Account::Changing).await);
    outcome
}

/// Row 10: every other trial is about commits that come later than the lag, which only a comparison of keys can find.
pub(crate) async fn late_commits(shared: Arc<Shared>, random: Random, number: u64) -> Outcome {
    if number % 2 == 1 { beyond_the_lag(shared, random).await } else { late(shared, random, number).await }
}

/// Changes that are visible only once the cursor has passed them for good. No run can find them: `reconcile --repair` does.
async fn beyond_the_lag(shared: Arc<Shared>, mut random: Random) -> Outcome {
    let world =
        World::new(&shared, Vendor::Hubspot, random.one_in(3), random.next(), Size { contacts: 60, deals: 12, archived: false }).await;
    let mut outcome = Outcome::default();
    must_run(&shared, &world, "the first load", &mut outcome).await;
    world.source.clock.advance(Duration::from_secs(3_600));
    world.source.hubspot().set_index_lag(LAG * 3);
    world.source.change(&mut random, 30);
    // The cursor passes the changes by while nobody can see them.
    for _ in 0..2 {
        world.source.clock.advance(LAG + Duration::from_secs(random.between(60, 400)));
        must_run(&shared, &world, "a run before the changes are visible", &mut outcome).await;
    }
    world.source.hubspot().set_index_lag(Duration::ZERO);
    world.source.clock.advance(LAG * 2);
    must_run(&shared, &world, "a run after the changes are visible", &mut outcome).await;
    let missed = live_differs(&world);
    if missed > 0 {
        outcome.note("missed by runs, as declared");
    }
    let (found, error) = world.reconcile().await;
    outcome.must(error.is_none(), || format!("the reconciliation failed: {error:?}"));
    outcome.must(missed == 0 || found > 0, || format!("{missed} records differ, and the reconciliation found nothing"));
    outcome.note("reconciled");
    outcome.add(judge(&world, Account::Changing).await);
    outcome
}

/// How many records are not as the account has them.
fn live_differs(world: &World) -> usize {
    let dump = tokio::task::block_in_place(|| world.database.dump());
    let judged = crate::oracle::judge_dump(&world.source, &dump, true);
    judged.lost as usize + judged.different as usize
}

/// Row 10, within the lag.
pub(crate) async fn late(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let world = World::new(&shared, Vendor::Hubspot, false, random.next(), Size { contacts: 60, deals: 12, archived: false }).await;
    let lag = Duration::from_secs(random.between(1, LAG.as_secs()));
    world.source.hubspot().set_index_lag(lag);
    let mut outcome = Outcome::default();
    must_run(&shared, &world, "the first load", &mut outcome).await;
    for _ in 0..random.between(2, 5) {
        world.source.clock.advance(Duration::from_secs(random.between(1, 1_500)));
        world.source.change(&mut random, 10);
        // Read before the changes are visible, and again some time after: by then the cursor has moved.
        world.source.clock.advance(Duration::from_secs(random.between(0, lag.as_secs())));
        must_run(&shared, &world, "a run before the changes are visible", &mut outcome).await;
        outcome.note("seen late");
    }
    world.source.clock.advance(LAG + Duration::from_secs(1));
    must_run(&shared, &world, "the last run", &mut outcome).await;
    world.source.hubspot().set_index_lag(Duration::ZERO);
    outcome.add(judge(&world, Account::Changing).await);
    outcome
}

/// Row 11.
pub(crate) async fn capped(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let mut world = World::new(&shared, Vendor::Hubspot, false, random.next(), Size { contacts: 10_300, deals: 0, archived: false }).await;
    world.more = "run: { records_per_load: 5000 }\n".to_owned();
    let mut outcome = Outcome::default();
    must_run(&shared, &world, "the first load", &mut outcome).await;
    world.source.clock.advance(Duration::from_secs(3_600));
    let store = world.source.hubspot().store();
    let bursts = random.between(1, 3);
    for (number, id) in store.ids(ObjectKind::Contacts).into_iter().enumerate() {
        // Thousands in one millisecond, as after an import.
        if (number as u64).is_multiple_of(6_000 / bursts) {
            world.source.clock.advance(Duration::from_millis(1));
        }
        store.update(ObjectKind::Contacts, id, [("lastname", format!("Changed{number}"))]).expect("the contact is live");
    }
    world.source.clock.advance(Duration::from_secs(1));
    let ran = run(&shared, &world).await;
    outcome.add(judge_run(&world, &ran));
    outcome.note("over the cap");
    if ran.code == Some(0) {
        outcome.add(judge(&world, Account::Changing).await);
    } else {
        outcome.note("said that it is not complete");
    }
    outcome
}

/// Row 18.
pub(crate) async fn drift(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let postgres = random.one_in(3);
    let mut world = World::new(&shared, Vendor::Hubspot, postgres, random.next(), Size { contacts: 150, deals: 10, archived: false }).await;
    let store = world.source.hubspot().store();
    world.more = "run: { records_per_load: 60 }\n".to_owned();
    // All fields, those that nobody knows of yet too.
    world.section = Some(world.source.section().replace("[contacts, deals]", "[contacts.*, deals]"));
    let mut outcome = Outcome::default();
    let kind = Drift::of(number);
    if kind == Drift::Retyped {
        store.add_property(ObjectKind::Contacts, Property::custom("drifting", "Drifting", PropertyType::Number));
        fill(&store, "drifting", |number| number.to_string());
    }
    must_run(&shared, &world, "the first load", &mut outcome).await;
    let names = ["select", "Region_Code", "group", "order", "äöü", "a_rather_long_name_of_a_property_that_somebody_once_thought_of_x"];
    let name = (*random.pick(&names)).to_owned();
    let (added, inner) = (kind != Drift::Gone, store.clone());
    let change = move || kind.happen(&inner, &name);
    outcome.note(kind.words());
    world.source.clock.advance(Duration::from_secs(30));
    world.source.change(&mut random, 80);
    world.source.inject(Fault::next(1, Effect::call(change)).when(Match::path("/objects/contacts").after(random.between(0, 2))));
    must_run(&shared, &world, "the run in which the schema changes", &mut outcome).await;
    world.source.clear_faults();
    world.source.clock.advance(Duration::from_secs(30));
    world.source.change(&mut random, 20);
    must_run(&shared, &world, "the run after it", &mut outcome).await;
    if kind == Drift::Retyped {
        retyped(&world, &mut outcome);
        // What was a number is text now, and stays so for rows that were loaded as numbers: an undisturbed run reads the same values.
        let last = world.run_into(&world.database, aqueduct_pipeline::RunOptions { full_refresh: true, ..Default::default() }).await;
        outcome.must(last.code == Some(0), || {
            format!("reading again after the change of type ended with {:?}: {}", last.code, tail(&last.words))
        });
    }
    let mut judged = judge(&world, Account::Changing).await;
    if !added {
        // Values of a property that is gone stay in the rows that were loaded before, which an undisturbed run cannot know.
        judged.complaints.retain(|complaint| !complaint.contains("undisturbed"));
        judged.different = 0;
    }
    outcome.add(judged);
    outcome
}

/// What happens to the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drift {
    Added,
    Gone,
    /// A number becomes text, with values that are no numbers.
    Retyped,
    /// Two names that differ in their letters' case alone.
    Case,
    /// Fourteen hundred properties at once: PostgreSQL has room for 1,600 columns in a table.
    Many,
}

impl Drift {
    fn of(number: u64) -> Self {
        match number % 16 {
            3 | 11 => Self::Retyped,
            5 | 13 => Self::Case,
            7 => Self::Many,
            other if other % 2 == 0 => Self::Added,
            _ => Self::Gone,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Added => "property added",
            Self::Gone => "property gone",
            Self::Retyped => "property retyped",
            Self::Case => "names that differ in case",
            Self::Many => "fourteen hundred properties at once",
        }
    }

    fn happen(self, store: &Store, name: &str) {
        let add = |name: &str| store.add_property(ObjectKind::Contacts, Property::custom(name, "Drifted", PropertyType::String));
        match self {
            Self::Added => {
                add(name);
                fill(store, name, |number| format!("added {number}"));
            }
            Self::Gone => drop(store.archive_property(ObjectKind::Contacts, "jobtitle")),
            Self::Retyped => {
                add("drifting");
                fill(store, "drifting", |number| format!("about {number}"));
            }
            Self::Case => {
                for (name, word) in [("region_code", "lower"), ("Region_Code", "upper")] {
                    add(name);
                    fill(store, name, |number| format!("{word} {number}"));
                }
            }
            Self::Many => {
                for number in 0..1_400 {
                    add(&format!("wide_{number}"));
                }
                fill(store, "wide_0", |number| format!("first {number}"));
                fill(store, "wide_1399", |number| format!("last {number}"));
            }
        }
    }
}

/// Gives a property of every fifth contact a value.
fn fill(store: &Store, name: &str, value: impl Fn(usize) -> String) {
    for (number, id) in store.ids(ObjectKind::Contacts).into_iter().enumerate().step_by(5) {
        store.update(ObjectKind::Contacts, id, [(name, value(number))]).expect("the contact is live");
    }
}

/// No value is lost by the change of a column's type: all of them are there as the account has them.
fn retyped(world: &World, outcome: &mut Outcome) {
    let dump = tokio::task::block_in_place(|| world.database.dump());
    let (store, empty) = (world.source.hubspot().store(), Vec::new());
    let rows = dump.get("hubspot_contacts").unwrap_or(&empty);
    let cell = |row: &crate::database::Row, name: &str| match row.get(name) {
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(serde_json::Value::Null) | None => None,
        Some(other) => Some(other.to_string()),
    };
    let (mut lost, mut example) = (0, None);
    for id in store.ids(ObjectKind::Contacts) {
        let Some(value) = store.record(ObjectKind::Contacts, id).and_then(|record| record.properties.get("drifting").cloned()) else {
            continue;
        };
        let row = rows.iter().find(|row| cell(row, "source_id").is_some_and(|found| found == id.to_string()));
        let stored = row.and_then(|row| row.iter().find(|(name, _)| name.ends_with("drifting"))).and_then(|(name, _)| cell(row?, name));
        if stored.as_deref() != Some(value.as_str()) {
            example = Some((value.clone(), stored.clone()));
        }
        lost += u64::from(stored.as_deref() != Some(value.as_str()));
    }
    outcome.must(lost == 0, || {
        let columns: Vec<&String> = rows.first().map(|row| row.keys().collect()).unwrap_or_default();
        format!("{lost} values were lost by the change of a type; {columns:?}; {example:?}")
    });
}
