//! Row 3: the power goes. One run is written down, and cut at many moments; each time what a disk may then hold is put into a new folder,
//! looked at, and healed by a plain run.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::database::{Database, Dump};
use crate::oracle::{Account, judge_against, judge_dump, judge_run, tail, undisturbed};
use crate::outcome::Outcome;
use crate::power::{self, Disk, Recorder, Step, Survives, cluster};
use crate::random::Random;
use crate::source::{Size, Vendor};
use crate::world::{Shared, World};

/// Moments at which one run is cut.
const CUTS: u64 = 10;
/// The same where a server has to start again after each of them.
const CUTS_OF_A_SERVER: u64 = 5;

/// Row 3: into SQLite, and every fourth time into PostgreSQL, whose server is on the same disk.
pub(crate) async fn cut(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let tokens = number % 3 == 2;
    let later = !tokens && number % 3 == 1;
    let postgres = number % 4 == 3;
    let size = Size { contacts: 90, deals: 12, archived: true };
    let mut world = if tokens {
        World::rotating(&shared, false, random.next(), size).await
    } else {
        World::new(&shared, Vendor::Hubspot, false, random.next(), size).await
    };
    let mut outcome = Outcome::default();
    if postgres {
        power::let_others_in(world.folder.path());
        cluster::lay(world.folder.path());
    }
    if later {
        if postgres {
            world.database = served(world.folder.path(), &[]).expect("the server starts");
        }
        let first = world.run_binary(&[]).await;
        outcome.must(first.code == Some(0), || format!("the first load ended with {:?}: {}", first.code, tail(&first.words)));
        world.source.clock.advance(Duration::from_secs(3_600));
        world.source.change(&mut random, 40);
        world.source.clock.advance(Duration::from_secs(1));
    }
    if postgres {
        // The server ends in order, and its files are as they were when the machine was last switched on.
        world.database = Database::sqlite(world.folder.path(), "none.db");
    } else {
        world.file(&world.database);
    }
    let before = power::read(world.folder.path());
    let recorder = Recorder::new();
    let variables = recorder.variables(world.folder.path());
    if postgres {
        world.database = served(world.folder.path(), &variables).expect("the server starts");
    }
    let ran = world.run_binary(&variables).await;
    outcome.must(ran.code == Some(0), || format!("the run that is written down ended with {:?}: {}", ran.code, tail(&ran.words)));
    let steps = recorder.steps();
    let syncs = steps.iter().filter(|step| matches!(step, Step::Sync { .. })).count();
    outcome.must(steps.len() > 100 && (syncs > 10 || shared.planted.is_some()), || {
        format!("only {} steps, {syncs} of them syncs, were written down", steps.len())
    });
    // The account stays as it is while the power is gone, so one undisturbed run tells what every cut has to come to.
    let (expected, undisturbed) = undisturbed(&world).await;
    outcome.add(undisturbed);
    // The server writes on when the run has ended, so what counts is the moment at which it told of the last commit.
    let ended = if postgres { steps.iter().rposition(tells_of_a_commit).map_or(0, |step| step + 1) } else { steps.len() };
    outcome.must(ended > 0, || "no commit of the server is written down".to_owned());
    // A token that was used was stored before; one that was not used may be lost with the power.
    let first = if tokens { steps.iter().position(is_use_of_a_token).unwrap_or(steps.len()) } else { 0 };
    for cut in 0..if postgres { CUTS_OF_A_SERVER } else { CUTS } {
        let moment = if cut == 0 { ended } else { random.between(first as u64, steps.len() as u64 + 1) as usize };
        let mut survives = *random.pick(&[
            Survives::Nothing,
            Survives::First,
            Survives::First,
            Survives::AnyPages,
            Survives::AnyPages,
            Survives::Everything,
        ]);
        if cut == 0 && postgres {
            survives = Survives::Nothing;
        }
        let mut disk = Disk::new(&before);
        steps[..moment].iter().for_each(|step| disk.step(step));
        let mut of_cut = Outcome::default();
        let folder = tempfile::tempdir().expect("a folder");
        power::write(folder.path(), &disk.cut(survives, &mut random));
        // A damaged file cannot be healed, nor judged further.
        let again = if postgres { recovered(&world, folder, cut == 0, &mut of_cut) } else { found(&world, folder, cut == 0, &mut of_cut) };
        if let Some(again) = again {
            heal(&again, later, &expected, &mut of_cut).await;
        }
        of_cut.note(if postgres { "power cut of a PostgreSQL server" } else { "power cut" });
        if tokens {
            of_cut.note("power cut with a token that may be used once");
        }
        for complaint in &mut of_cut.complaints {
            *complaint = format!("cut {cut} at step {moment} of {}, {survives:?}: {complaint}", steps.len());
        }
        outcome.add(of_cut);
    }
    outcome
}

fn served(folder: &Path, variables: &[(&str, String)]) -> Result<Database, String> {
    tokio::task::block_in_place(|| cluster::start(folder, variables))
}

/// A server's answer to COMMIT: `CommandComplete` with its length and its tag.
fn tells_of_a_commit(step: &Step) -> bool {
    matches!(step, Step::Send { start } if start.contains("C\0\0\0\u{b}COMMIT\0"))
}

/// A request with an access token, after the one for it.
fn is_use_of_a_token(step: &Step) -> bool {
    matches!(step, Step::Send { start } if start.contains("/services/data/"))
}

/// What must hold before anything is repaired: the file is a database, and its state is covered by its rows. Nothing where there is no
/// use in going on.
fn found(world: &World, folder: TempDir, ended: bool, outcome: &mut Outcome) -> Option<World> {
    let database = Database::sqlite(folder.path(), "warehouse.db");
    let there = folder.path().join("warehouse.db").exists();
    outcome.must(there || !ended, || "a run said that it was complete, and its file is gone".to_owned());
    if !there {
        outcome.note("cut before there was a warehouse");
        return Some(world.beside_in(folder, database));
    }
    // A copy, so that the run that heals finds what the power left, and not what `sqlite3` made of it.
    let copy = tempfile::tempdir().expect("a folder");
    power::write(copy.path(), &power::read(folder.path()));
    let copied = Database::sqlite(copy.path(), "warehouse.db");
    let sound = tokio::task::block_in_place(|| copied.try_execute("PRAGMA integrity_check;"));
    let whole = matches!(&sound, Ok(words) if words.trim() == "ok");
    outcome.must(whole, || format!("the file is damaged: {sound:?}"));
    if whole {
        let dump = tokio::task::block_in_place(|| copied.dump());
        outcome.add(judge_dump(&world.source, &dump, ended));
    }
    whole.then(|| world.beside_in(folder, database))
}

/// The same of a server: it starts again by itself, and what it then has is covered by its rows.
fn recovered(world: &World, folder: TempDir, ended: bool, outcome: &mut Outcome) -> Option<World> {
    power::let_others_in(folder.path());
    let database = match served(folder.path(), &[]) {
        Ok(database) => database,
        Err(error) => {
            outcome.complaints.push(format!("the server does not start again: {error}"));
            return None;
        }
    };
    let dump = tokio::task::block_in_place(|| database.dump());
    outcome.add(judge_dump(&world.source, &dump, ended));
    Some(world.beside_in(folder, database))
}

async fn heal(world: &World, later: bool, expected: &Dump, outcome: &mut Outcome) {
    let last = world.run_here().await;
    outcome.add(judge_run(world, &last));
    outcome.must(last.code == Some(0), || format!("the plain run ended with {:?}: {}", last.code, tail(&last.words)));
    outcome.add(judge_against(world, if later { Account::Changing } else { Account::Still }, expected));
}
