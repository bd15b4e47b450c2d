//! Rows 21 and 23: an older backup put back, and everything read again.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_pipeline::RunOptions;

use crate::database::Database;
use crate::oracle::{Account, digest, judge, judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::source::{LAG, Size, Vendor};
use crate::world::{Ran, Shared, World};

fn complete(world: &World, ran: &Ran, what: &str, outcome: &mut Outcome) {
    outcome.add(judge_run(world, ran));
    outcome.must(ran.code == Some(0), || format!("{what} ended with {:?}: {}", ran.code, tail(&ran.words)));
}

/// Row 21: records are deleted, and the warehouse is put back to before that; the next run brings it forward again.
pub(crate) async fn backup(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let vendor = if random.one_in(3) { Vendor::Salesforce } else { Vendor::Hubspot };
    let world = World::new(&shared, vendor, false, random.next(), Size { contacts: 130, deals: 30, archived: true }).await;
    let mut outcome = Outcome::default();
    complete(&world, &world.run_here().await, "the first load", &mut outcome);
    let kept = world.folder.path().join("kept.db");
    let Database::Sqlite(file) = &world.database else { unreachable!("the trial is for SQLite") };
    world.database.execute(&format!("VACUUM INTO '{}';", kept.display()));
    for _ in 0..random.between(1, 4) {
        world.source.clock.advance(LAG);
        world.source.change(&mut random, 40);
        world.source.clock.advance(LAG + Duration::from_secs(1));
        complete(&world, &world.run_here().await, "a run", &mut outcome);
    }
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
    }
    std::fs::copy(&kept, file).expect("the backup is put back");
    outcome.note("backup restored");
    complete(&world, &world.run_here().await, "the run after the backup", &mut outcome);
    outcome.add(judge(&world, Account::Changing).await);
    outcome
}

/// Row 23: everything is read again, twice, or a range of history is, and stays as it is.
pub(crate) async fn again(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    if number % 2 == 1 {
        return range_twice(shared, random).await;
    }
    let (vendor, postgres) = (if random.one_in(3) { Vendor::Salesforce } else { Vendor::Hubspot }, random.one_in(3));
    let world = World::new(&shared, vendor, postgres, random.next(), Size { contacts: 130, deals: 30, archived: true }).await;
    let mut outcome = Outcome::default();
    complete(&world, &world.run_here().await, "the first load", &mut outcome);
    for _ in 0..2 {
        world.source.clock.advance(Duration::from_secs(60));
        let options = RunOptions { full_refresh: true, ..RunOptions::default() };
        complete(&world, &world.run_into(&world.database, options).await, "reading again", &mut outcome);
        outcome.note("read again");
    }
    outcome.add(judge(&world, Account::Still).await);
    outcome
}

/// A range of history is backfilled twice, into a warehouse that has rows already or none: the second time changes nothing.
async fn range_twice(shared: Arc<Shared>, mut random: Random) -> Outcome {
    let (vendor, postgres) = (if random.one_in(3) { Vendor::Salesforce } else { Vendor::Hubspot }, random.one_in(3));
    let world = World::new(&shared, vendor, postgres, random.next(), Size { contacts: 130, deals: 30, archived: true }).await;
    let mut outcome = Outcome::default();
    if random.one_in(2) {
        complete(&world, &world.run_binary(&[]).await, "the first load", &mut outcome);
    }
    let from = format!("{}-{:02}-01", random.between(2021, 2026), random.between(1, 13));
    let words = ["--from", from.as_str(), "--to", "2026-07-11", "--window", "P6M"];
    let mut before = None;
    for _ in 0..2 {
        let ran = world.start_command("backfill", &world.database, &words, &[]).end().await;
        complete(&world, &ran, "a backfill", &mut outcome);
        let dump = tokio::task::block_in_place(|| world.database.dump());
        let digest = digest(&dump);
        outcome
            .must(before.as_ref().is_none_or(|before| *before == digest), || format!("the same range from {from} once more changed rows"));
        before = Some(digest);
        outcome.note("backfilled");
    }
    world.source.clock.advance(Duration::from_secs(2));
    complete(&world, &world.run_binary(&[]).await, "the plain run", &mut outcome);
    outcome.add(judge(&world, Account::Still).await);
    outcome
}
