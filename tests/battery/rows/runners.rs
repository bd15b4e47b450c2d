//! Row 16: several processes run one pipeline at once, and one that was paused wakes up after another took over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::database::Database;
use crate::oracle::{Account, judge, judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::reader::Reader;
use crate::source::{Size, Vendor};
use crate::world::{Shared, World, pause};

/// Row 16.
pub(crate) async fn at_once(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let postgres = random.one_in(2);
    let mut world = World::new(&shared, Vendor::Hubspot, postgres, random.next(), Size { contacts: 230, deals: 20, archived: false }).await;
    // Many loads, so that runs meet between them.
    // A paused process keeps its lease until it is over.
    world.more = "run: { records_per_load: 20 }\ncontrol: { lease_seconds: 2 }\n".to_owned();
    let mut outcome = Outcome::default();
    let reader = Reader::start(&world.database);
    if number.is_multiple_of(2) {
        let sleeps = match number / 2 % 6 {
            0 | 3 => Sleeps::BetweenLoads,
            1 => Sleeps::InsideTransaction,
            2 => Sleeps::InsideControlStore,
            4 => Sleeps::RenewingToken,
            _ => Sleeps::AtAnyTime,
        };
        if sleeps == Sleeps::RenewingToken {
            world.section = Some(world.source.section_of_an_app());
        }
        zombie(&world, sleeps, &mut random, &mut outcome).await;
    } else {
        let runners: Vec<_> = (0..random.between(2, 9)).map(|_| world.start(&world.database, &[], &[])).collect();
        outcome.note_times("runners", runners.len() as u64);
        for runner in runners {
            let ran = runner.end().await;
            outcome.add(judge_run(&world, &ran));
            let in_order = matches!(ran.code, Some(0 | 5 | 6 | 9));
            outcome.must(in_order, || format!("a runner ended with {:?}: {}", ran.code, tail(&ran.words)));
        }
    }
    outcome.add(reader.stop().await);
    stale_commits(&world, &mut outcome);
    let last = world.run_binary(&[]).await;
    outcome.must(last.code == Some(0), || format!("the plain run ended with {:?}: {}", last.code, tail(&last.words)));
    outcome.add(judge(&world, Account::Still).await);
    outcome
}

/// Where a run is when it is paused.
#[derive(Clone, Copy, PartialEq)]
enum Sleeps {
    AtAnyTime,
    /// It has loaded something, has more to load, and holds no lock.
    BetweenLoads,
    /// It keeps its locks.
    InsideTransaction,
    /// It keeps the lock of the file that all runs write leases, quotas and the ledger into.
    InsideControlStore,
    /// It keeps its turn to renew the access token.
    RenewingToken,
}

/// A run is paused, another takes the pipeline over and ends, and the first goes on.
async fn zombie(world: &World, sleeps: Sleeps, random: &mut Random, outcome: &mut Outcome) {
    // Slow enough that the pause comes in the middle.
    let point = match (sleeps, world.database.is_postgres()) {
        (Sleeps::AtAnyTime, _) => "pipeline::before_load=sleep(40)".to_owned(),
        (Sleeps::BetweenLoads, _) => "pipeline::before_load=sleep(100)".to_owned(),
        (Sleeps::InsideControlStore, _) => format!("control::before_commit={}*off->sleep(1000)", random.between(3, 9)),
        (Sleeps::RenewingToken, _) => "control::turn_taken=sleep(2000)".to_owned(),
        (Sleeps::InsideTransaction, postgres) => format!(
            "{}::{}=2*off->sleep(1000)",
            if postgres { "postgres" } else { "sqlite" },
            random.pick(&["load_begun", "fence_checked", "step_merged", "load_recorded", "before_commit"])
        ),
    };
    let mut first = world.start(&world.database, &[], &[("FAILPOINTS", world.fail_points(&point))]);
    match sleeps {
        Sleeps::InsideTransaction => until_locked(world).await,
        Sleeps::BetweenLoads => until_loaded(world).await,
        _ => pause(Duration::from_millis(random.between(350, 900))).await,
    }
    first.signal("-STOP");
    while sleeps == Sleeps::BetweenLoads && !first.has_ended() && (is_locked(world) || is_control_store_locked(world)) {
        first.signal("-CONT");
        pause(Duration::from_millis(10)).await;
        first.signal("-STOP");
    }
    let (before, locked) = (loads(world), is_locked(world));
    // Its lease is over by then.
    pause(Duration::from_millis(2_300)).await;
    let begun = Instant::now();
    let second = world.run_binary(&[]).await;
    let took = begun.elapsed();
    outcome.add(judge_run(world, &second));
    let took_over = second.code == Some(0);
    first.signal("-CONT");
    let ran = first.end().await;
    outcome.add(judge_run(world, &ran));
    outcome.note("zombie resumed");
    outcome
        .must(matches!(second.code, Some(0 | 5 | 9)), || format!("the second run ended with {:?}: {}", second.code, tail(&second.words)));
    // PostgreSQL ends whoever is idle inside a transaction, after a minute, and so long lasts a turn to renew a token; a file's lock ends
    // with its process.
    outcome.must(took < Duration::from_secs(200), || format!("the second run took {took:?}"));
    if sleeps == Sleeps::InsideControlStore {
        outcome.note(format!("zombie in the control store: the second run ended with {:?}", second.code));
        let told = second.code != Some(5) || (second.words.contains("lock held by") && second.words.contains("stopped"));
        outcome.must(told, || format!("who holds the control store is not said: {}", tail(&second.words)));
    }
    if sleeps == Sleeps::RenewingToken {
        outcome.note(format!("zombie with the turn to renew: the second run ended with {:?}", second.code));
    }
    if locked {
        outcome.note(format!("zombie with a lock: the second run ended with {:?}", second.code));
        let told = second.code != Some(5)
            || (second.words.contains("lock held by")
                && (second.words.contains("stopped") || second.words.contains("idle in transaction")));
        outcome.must(told, || format!("who holds the lock is not said: {}", tail(&second.words)));
    }
    if took_over && before > 0 {
        // It was in the middle, so it has something left to commit, and must be refused.
        outcome.note("taken over in the middle");
        outcome.note(format!("zombie ended with {:?}", ran.code));
    }
}

/// Whether somebody is inside a transaction that writes.
fn is_locked(world: &World) -> bool {
    tokio::task::block_in_place(|| {
        if world.database.is_postgres() {
            let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%';";
            world.database.execute(open).trim() != "0"
        } else {
            world.database.try_execute("BEGIN IMMEDIATE; ROLLBACK;").is_err()
        }
    })
}

/// Whether somebody writes into the file that all runs write leases, quotas and the ledger into.
fn is_control_store_locked(world: &World) -> bool {
    let file = world.folder.path().join(".aqueduct/control.db");
    tokio::task::block_in_place(|| Database::Sqlite(file).try_execute("BEGIN IMMEDIATE; ROLLBACK;").is_err())
}

/// Waits until something is loaded.
async fn until_loaded(world: &World) {
    for _ in 0..2_000 {
        if loads(world) > 0 {
            return;
        }
        pause(Duration::from_millis(10)).await;
    }
}

/// Waits until somebody stays inside a transaction.
async fn until_locked(world: &World) {
    let mut times = 0;
    for _ in 0..2_000 {
        times = if is_locked(world) { times + 1 } else { 0 };
        if times == 4 {
            return;
        }
        pause(Duration::from_millis(10)).await;
    }
}

/// The loads that can be seen. A run that was stopped while it opened its file keeps even readers out, and has loaded nothing.
fn loads(world: &World) -> usize {
    tokio::task::block_in_place(|| {
        if !world.database.is_postgres() && world.database.try_execute("SELECT count(*) FROM sqlite_schema;").is_err() {
            return 0;
        }
        world.database.dump().get("_loads").map_or(0, Vec::len)
    })
}

/// Commits of a run after a later run had taken the pipeline over: by the order in which runs began and loads were committed.
fn stale_commits(world: &World, outcome: &mut Outcome) {
    let dump = tokio::task::block_in_place(|| world.database.dump());
    let (empty, word) = (Vec::new(), |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned());
    // The first load of a run can only come after its take-over, so nothing of an earlier run may come after that.
    let mut commits: Vec<(String, String)> = Vec::new();
    for load in dump.get("_loads").unwrap_or(&empty) {
        commits.push((word(load.get("committed_at")), word(load.get("run_id"))));
    }
    commits.sort();
    let mut closed: Vec<String> = Vec::new();
    let mut holder = String::new();
    let mut stale = 0;
    for (_, run) in commits {
        if run != holder {
            stale += u64::from(closed.contains(&run));
            closed.push(std::mem::replace(&mut holder, run));
        }
    }
    outcome.must(stale == 0, || format!("{stale} commits under a fence that another run had taken over"));
}
