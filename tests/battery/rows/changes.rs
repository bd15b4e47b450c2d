//! Rows 9, 10, 11 and 18: the account changes while it is read.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct_simulator::hubspot::{ObjectKind, Property, PropertyType};
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
    if number % 8 == 7 {
        return twice_in_a_load(shared, random, number).await;
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

/// Row 10.
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
    let mut world = World::new(&shared, Vendor::Hubspot, false, random.next(), Size { contacts: 150, deals: 10, archived: false }).await;
    let store = world.source.hubspot().store();
    world.more = "run: { records_per_load: 60 }\n".to_owned();
    let mut outcome = Outcome::default();
    must_run(&shared, &world, "the first load", &mut outcome).await;
    let names = ["select", "Region_Code", "group", "order", "äöü", "a_rather_long_name_of_a_property_that_somebody_once_thought_of_x"];
    let name = (*random.pick(&names)).to_owned();
    let (added, inner) = (number.is_multiple_of(2), store.clone());
    let change = move || {
        if added {
            inner.add_property(ObjectKind::Contacts, Property::custom(&name, "Drifted", PropertyType::String));
        } else {
            inner.archive_property(ObjectKind::Contacts, "jobtitle");
        }
    };
    outcome.note(if added { "property added" } else { "property gone" });
    world.source.clock.advance(Duration::from_secs(30));
    world.source.change(&mut random, 80);
    world.source.inject(Fault::next(1, Effect::call(change)).when(Match::path("/objects/contacts").after(random.between(0, 2))));
    must_run(&shared, &world, "the run in which the schema changes", &mut outcome).await;
    world.source.clear_faults();
    world.source.clock.advance(Duration::from_secs(30));
    world.source.change(&mut random, 20);
    must_run(&shared, &world, "the run after it", &mut outcome).await;
    let mut judged = judge(&world, Account::Changing).await;
    if !added {
        // Values of a property that is gone stay in the rows that were loaded before, which an undisturbed run cannot know.
        judged.complaints.retain(|complaint| !complaint.contains("undisturbed"));
        judged.different = 0;
    }
    outcome.add(judged);
    outcome
}
