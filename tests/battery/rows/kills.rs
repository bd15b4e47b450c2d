//! Rows 1 and 2: the process ends as by kill -9, at named points and at any time, and is started again until it is done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use crate::oracle::{Account, judge, judge_between, judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::source::{Size, Vendor};
use crate::world::{Shared, World};

/// The named points, as the code has them.
pub(crate) const POINTS: &[&str] = &[
    "engine::request",
    "engine::answered",
    "engine::page_read",
    "engine::page_decoded",
    "engine::page_handed_over",
    "engine::reading_ended",
    "stages::normalised",
    "stages::judged",
    "stages::protected",
    "pipeline::run_begun",
    "pipeline::package_gathered",
    "pipeline::before_load",
    "pipeline::after_load",
    "pipeline::between_streams",
    "pipeline::streams_ended",
    "pipeline::run_recorded",
    "sqlite::run_begins",
    "sqlite::rows_staged",
    "sqlite::load_begun",
    "sqlite::fence_checked",
    "sqlite::table_prepared",
    "sqlite::step_merged",
    "sqlite::snapshots_closed",
    "sqlite::quarantine_stored",
    "sqlite::load_recorded",
    "sqlite::before_commit",
    "sqlite::after_commit",
    "sqlite::table_indexed",
    "sqlite::run_ends",
    "postgres::run_begins",
    "postgres::load_begun",
    "postgres::fence_checked",
    "postgres::table_prepared",
    "postgres::rows_staged",
    "postgres::step_merged",
    "postgres::snapshots_closed",
    "postgres::quarantine_stored",
    "postgres::load_recorded",
    "postgres::before_commit",
    "postgres::after_commit",
    "postgres::run_ends",
];

fn size() -> Size {
    Size { contacts: 130, deals: 30, archived: true }
}

/// A world before its first run, or after one that was followed by changes.
async fn prepared(shared: &Arc<Shared>, random: &mut Random, postgres: bool, later: bool) -> World {
    let vendor = if random.one_in(4) { Vendor::Salesforce } else { Vendor::Hubspot };
    let world = World::new(shared, vendor, postgres, random.next(), size()).await;
    if later {
        let first = world.run_here().await;
        assert_eq!(first.code, Some(0), "the first load: {}", first.words);
        world.source.clock.advance(Duration::from_secs(3_600));
        world.source.change(random, 40);
        world.source.clock.advance(Duration::from_secs(1));
    }
    world
}

/// Row 1.
pub(crate) async fn at_a_point(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let point = POINTS[number as usize % POINTS.len()];
    let first_time = number < POINTS.len() as u64;
    let postgres = point.starts_with("postgres::") || (!point.starts_with("sqlite::") && random.one_in(3));
    // A merge needs rows to merge into; an index is made once.
    let later = point == "postgres::rows_staged" || (point != "sqlite::table_indexed" && random.one_in(2));
    let world = prepared(&shared, &mut random, postgres, later).await;
    let mut outcome = Outcome::default();
    let mut count = if first_time { 1 } else { random.between(1, 5) };
    loop {
        let ran = world.run_binary(&[("AQUEDUCT_KILL", format!("{point}:{count}"))]).await;
        outcome.add(judge_run(&world, &ran));
        if !ran.was_killed() {
            outcome.must(ran.code == Some(0), || format!("not killed, and ended with {:?}: {}", ran.code, tail(&ran.words)));
            break;
        }
        outcome.note("killed");
        outcome.note(point);
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
    world.source.clock.advance(Duration::from_secs(2));
    let last = world.run_binary(&[]).await;
    outcome.add(judge_run(world, &last));
    outcome.must(last.code == Some(0), || format!("the plain run ended with {:?}: {}", last.code, tail(&last.words)));
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

/// Row 2.
pub(crate) async fn at_any_time(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let takes = undisturbed(&shared).await;
    let (postgres, later) = (random.one_in(3), random.one_in(2));
    let world = prepared(&shared, &mut random, postgres, later).await;
    let mut outcome = Outcome::default();
    for _ in 0..random.between(1, 6) {
        let share = random.between(0, 1_000);
        let ran = world.run_killed(takes.mul_f64(share as f64 / 1_000.0)).await;
        outcome.add(judge_run(&world, &ran));
        if ran.was_killed() {
            outcome.note("killed");
            outcome.note(format!("killed in quarter {} of the time", share / 250 + 1));
            if random.one_in(3) {
                outcome.add(judge_between(&world));
            }
        } else {
            outcome.note("ended before the kill");
            outcome.must(ran.code == Some(0), || format!("not killed, and ended with {:?}: {}", ran.code, tail(&ran.words)));
        }
    }
    finish(&world, account(later), &mut outcome).await;
    outcome
}

/// A first load that is killed in its middle, where a cursor that runs ahead of its rows does its harm: for planted mistakes.
pub(crate) async fn before_rows(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let world = prepared(&shared, &mut random, false, false).await;
    let mut outcome = Outcome::default();
    let point = format!("sqlite::load_begun:{}", random.between(2, 4));
    let ran = world.run_binary(&[("AQUEDUCT_KILL", point)]).await;
    outcome.add(judge_run(&world, &ran));
    if ran.was_killed() {
        outcome.note("killed");
        outcome.add(judge_between(&world));
    }
    finish(&world, Account::Still, &mut outcome).await;
    outcome
}
