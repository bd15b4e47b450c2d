//! Rows 1 and 2: the process ends as by kill -9, at named points and at any time, and is started again until it is done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aqueduct_simulator::hubspot::{ObjectKind, Property, PropertyType};
use tokio::sync::OnceCell;

use crate::oracle::{Account, judge, judge_between, judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::reader::Reader;
use crate::rows::points::{By, POINTS};
use crate::source::{Size, Vendor};
use crate::world::{Shared, World};

fn size() -> Size {
    Size { contacts: 130, deals: 30, archived: true }
}

/// A world before its first run, or after one that was followed by changes.
async fn prepared(shared: &Arc<Shared>, random: &mut Random, postgres: bool, later: bool) -> World {
    let vendor = if random.one_in(4) { Vendor::Salesforce } else { Vendor::Hubspot };
    let world = World::new(shared, vendor, postgres, random.next(), size()).await;
    if later {
        first_load(&world, random).await;
    }
    world
}

/// A world whose first run has sent records to quarantine, by a rule that is no more.
async fn quarantined(shared: &Arc<Shared>, random: &mut Random, postgres: bool) -> World {
    let mut world = World::new(shared, Vendor::Hubspot, postgres, random.next(), size()).await;
    let usual = world.more.clone();
    world.more.push_str("normalise: { required: { contact: [phone_e164] } }\n");
    let first = world.run_here().await;
    assert_eq!(first.code, Some(0), "the first load: {}", first.words);
    let waiting = world.database.execute("SELECT count(*) FROM {own}quarantine WHERE status = 'new';");
    assert_ne!(waiting.trim(), "0", "no record was sent to quarantine");
    world.more = usual;
    world
}

/// A first load, and changes after it.
async fn first_load(world: &World, random: &mut Random) {
    let first = world.run_here().await;
    assert_eq!(first.code, Some(0), "the first load: {}", first.words);
    world.source.clock.advance(Duration::from_secs(3_600));
    world.source.change(random, 40);
    world.source.clock.advance(Duration::from_secs(1));
}

/// Row 1.
pub(crate) async fn at_a_point(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let (point, by) = POINTS[number as usize % POINTS.len()];
    let first_time = number < POINTS.len() as u64;
    let postgres = by.postgres().unwrap_or(random.one_in(3));
    let later = by.later().unwrap_or(random.one_in(2));
    let mut world = match by {
        By::RunWithTokens => World::rotating(&shared, postgres, random.next(), size()).await,
        By::RunWithLastingTokens => {
            let mut world = World::new(&shared, Vendor::Hubspot, postgres, random.next(), size()).await;
            world.section = Some(world.source.section_of_an_app());
            world
        }
        By::RunAfterDrift => {
            let mut world = World::new(&shared, Vendor::Hubspot, postgres, random.next(), size()).await;
            world.section = Some(world.source.section().replace("[contacts, deals]", "[contacts.*, deals]"));
            first_load(&world, &mut random).await;
            world
        }
        By::Replay => quarantined(&shared, &mut random, postgres).await,
        _ => prepared(&shared, &mut random, postgres, later).await,
    };
    let mut variables = Vec::new();
    if by == By::LongRun {
        world.more.push_str("control: { lease_seconds: 1 }\n");
        variables.push(("FAILPOINTS", "pipeline::before_load=sleep(250)".to_owned()));
    }
    if matches!(by, By::IdentifyInSqlite | By::IdentifyInPostgres) {
        world.more.push_str("identity: { resolve: [contact] }\n");
    }
    let world = world;
    let mut outcome = Outcome::default();
    let mut count = if first_time { 1 } else { random.between(1, 5) };
    if by == By::RunAfterDrift {
        // HubSpot alone lets a test add a property.
        let store = world.source.hubspot().store();
        store.add_property(ObjectKind::Contacts, Property::custom("added_later", "Added later", PropertyType::String));
        for id in store.ids(ObjectKind::Contacts).into_iter().step_by(3) {
            store.update(ObjectKind::Contacts, id, [("added_later", "here")]).expect("the contact is live");
        }
    }
    let (mut verb, mut words) = by.words();
    loop {
        let mut variables = variables.clone();
        variables.push(("AQUEDUCT_KILL", format!("{point}:{count}")));
        let ran = world.start_command(verb, &world.database, words, &variables).end().await;
        outcome.add(judge_run(&world, &ran));
        if !ran.was_killed() {
            // Killed once its ledger was complete, there is nothing to go on with.
            let over = verb == "backfill resume" && ran.code == Some(2) && ran.words.contains("AQ1001");
            outcome.must(over || ran.code == Some(0), || format!("not killed, and ended with {:?}: {}", ran.code, tail(&ran.words)));
            break;
        }
        outcome.note("killed");
        outcome.note(point);
        (verb, words) = by.words_again();
        if random.one_in(2) {
            outcome.add(judge_between(&world));
        }
        if !random.one_in(3) {
            break;
        }
        count = random.between(1, 4);
    }
    finish(&world, account(later), &mut outcome).await;
    outcome
}

fn account(later: bool) -> Account {
    if later { Account::Changing } else { Account::Still }
}

/// I10: one plain run, and all is well.
async fn finish(world: &World, account: Account, outcome: &mut Outcome) {
    finish_with(world, account, None, outcome).await;
}

async fn finish_with(world: &World, account: Account, reader: Option<Reader>, outcome: &mut Outcome) {
    world.source.clock.advance(Duration::from_secs(2));
    let last = world.run_binary(&[]).await;
    outcome.add(judge_run(world, &last));
    outcome.must(last.code == Some(0), || format!("the plain run ended with {:?}: {}", last.code, tail(&last.words)));
    if let Some(reader) = reader {
        outcome.add(reader.stop().await);
    }
    outcome.add(judge(world, account).await);
}

/// How long an undisturbed run takes here.
async fn undisturbed(shared: &Arc<Shared>) -> Duration {
    static TAKES: OnceCell<Duration> = OnceCell::const_new();
    let measure = || async {
        let world = World::new(shared, Vendor::Hubspot, false, 1, size()).await;
        let begun = Instant::now();
        let ran = world.run_binary(&[]).await;
        assert_eq!(ran.code, Some(0), "the undisturbed run: {}", ran.words);
        begun.elapsed()
    };
    *TAKES.get_or_init(measure).await
}

/// Row 2. A reader looks at the warehouse all the time.
pub(crate) async fn at_any_time(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let takes = undisturbed(&shared).await;
    let (postgres, later) = (random.one_in(3), random.one_in(2));
    let world = prepared(&shared, &mut random, postgres, later).await;
    let mut outcome = Outcome::default();
    let reader = Reader::start(&world.database);
    let names: Vec<&str> = POINTS.iter().map(|(point, _)| *point).collect();
    for _ in 0..random.between(1, 6) {
        let share = random.between(0, 1_000);
        let last = world.folder.path().join(format!("last-point-{share}"));
        let points = [("AQUEDUCT_LAST_POINT", format!("{}|{}", last.display(), names.join(",")))];
        let ran = world.run_killed(takes.mul_f64(share as f64 / 1_000.0), &points).await;
        outcome.add(judge_run(&world, &ran));
        if ran.was_killed() {
            outcome.note("killed");
            outcome.note(format!("killed {}", phase(&std::fs::read_to_string(&last).unwrap_or_default())));
            if random.one_in(3) {
                outcome.add(judge_between(&world));
            }
        } else {
            outcome.note("ended before the kill");
            outcome.must(ran.code == Some(0), || format!("not killed, and ended with {:?}: {}", ran.code, tail(&ran.words)));
        }
    }
    finish_with(&world, account(later), Some(reader), &mut outcome).await;
    outcome
}

/// What a process was at, by the last point that it came to.
fn phase(point: &str) -> &'static str {
    match point.trim().split_once("::") {
        None => "before its first point",
        Some(("control", "lease_released")) | Some((_, "run_recorded" | "run_ends" | "streams_ended")) => "while it ended",
        Some(("control", "lease_taken")) | Some((_, "run_begins" | "run_begun" | "schemas_noted")) => "while it began",
        Some(("control", _)) => "in the control store",
        Some(("engine", _)) => "while it read",
        Some(("stages", _)) => "in the stages",
        Some(("sqlite" | "postgres", "after_commit")) | Some(("pipeline", _)) => "between loads",
        Some(_) => "inside a load",
    }
}

/// A first load that is killed in its middle, where a cursor that runs ahead of its rows does its harm: for planted mistakes.
pub(crate) async fn before_rows(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    // Several pages of the one stream that matters, so that the kill comes between two of them whatever else is loaded first.
    let account = Size { contacts: 530, deals: 6, archived: true };
    let world = World::new(&shared, Vendor::Hubspot, false, random.next(), account).await;
    let mut outcome = Outcome::default();
    let point = format!("sqlite::load_begun:{}", random.between(3, 6));
    let ran = world.run_binary(&[("AQUEDUCT_KILL", point)]).await;
    outcome.add(judge_run(&world, &ran));
    if ran.was_killed() {
        outcome.note("killed");
        outcome.add(judge_between(&world));
    }
    finish(&world, Account::Still, &mut outcome).await;
    outcome
}
