//! Row 3: the power goes. One run is written down, and cut at many moments; each time what a disk may then hold is put into a new folder,
//! looked at, and healed by a plain run.

use std::sync::Arc;
use std::time::Duration;

use crate::database::Database;
use crate::oracle::{Account, judge, judge_dump, judge_run, tail};
use crate::outcome::Outcome;
use crate::power::{self, Disk, Recorder, Step, Survives};
use crate::random::Random;
use crate::source::{Size, Vendor};
use crate::world::{Shared, World};

/// Moments at which one run is cut.
const CUTS: u64 = 10;

/// Row 3.
pub(crate) async fn cut(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let tokens = number % 3 == 2;
    let later = !tokens && number % 3 == 1;
    let size = Size { contacts: 90, deals: 12, archived: true };
    let world = if tokens {
        World::rotating(&shared, false, random.next(), size).await
    } else {
        World::new(&shared, Vendor::Hubspot, false, random.next(), size).await
    };
    let mut outcome = Outcome::default();
    if later {
        let first = world.run_binary(&[]).await;
        outcome.must(first.code == Some(0), || format!("the first load ended with {:?}: {}", first.code, tail(&first.words)));
        world.source.clock.advance(Duration::from_secs(3_600));
        world.source.change(&mut random, 40);
        world.source.clock.advance(Duration::from_secs(1));
    }
    world.file(&world.database);
    let before = power::read(world.folder.path());
    let recorder = Recorder::new();
    let ran = world.run_binary(&recorder.variables(world.folder.path())).await;
    outcome.must(ran.code == Some(0), || format!("the run that is written down ended with {:?}: {}", ran.code, tail(&ran.words)));
    let steps = recorder.steps();
    let syncs = steps.iter().filter(|step| matches!(step, Step::Sync { .. })).count();
    outcome.must(steps.len() > 100 && (syncs > 10 || shared.planted.is_some()), || {
        format!("only {} steps, {syncs} of them syncs, were written down", steps.len())
    });
    // A token that was used was stored before; one that was not used may be lost with the power.
    let first = if tokens { steps.iter().position(is_use_of_a_token).unwrap_or(steps.len()) } else { 0 };
    for cut in 0..CUTS {
        let moment = if cut == 0 { steps.len() } else { random.between(first as u64, steps.len() as u64 + 1) as usize };
        let survives = *random.pick(&[
            Survives::Nothing,
            Survives::First,
            Survives::First,
            Survives::AnyPages,
            Survives::AnyPages,
            Survives::Everything,
        ]);
        let mut disk = Disk::new(&before);
        steps[..moment].iter().for_each(|step| disk.step(step));
        let mut of_cut = Outcome::default();
        let again = world.beside();
        power::write(again.folder.path(), &disk.cut(survives, &mut random));
        // A damaged file cannot be healed, nor judged further.
        if look(&again, cut == 0, &mut of_cut) {
            heal(&again, later, &mut of_cut).await;
        }
        of_cut.note("power cut");
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

/// A request with an access token, after the one for it.
fn is_use_of_a_token(step: &Step) -> bool {
    matches!(step, Step::Send { start } if start.contains("/services/data/"))
}

/// What must hold before anything is repaired: the file is a database, and its state is covered by its rows.
fn look(world: &World, ended: bool, outcome: &mut Outcome) -> bool {
    // A copy, so that the run that heals finds what the power left, and not what `sqlite3` made of it.
    let copy = tempfile::tempdir().expect("a folder");
    power::write(copy.path(), &power::read(world.folder.path()));
    let database = Database::sqlite(copy.path(), "warehouse.db");
    let there = copy.path().join("warehouse.db").exists();
    outcome.must(there || !ended, || "a run said that it was complete, and its file is gone".to_owned());
    if !there {
        outcome.note("cut before there was a warehouse");
        return true;
    }
    let sound = tokio::task::block_in_place(|| database.try_execute("PRAGMA integrity_check;"));
    let whole = matches!(&sound, Ok(words) if words.trim() == "ok");
    outcome.must(whole, || format!("the file is damaged: {sound:?}"));
    if whole {
        let dump = tokio::task::block_in_place(|| database.dump());
        outcome.add(judge_dump(&world.source, &dump, ended));
    }
    whole
}

async fn heal(world: &World, later: bool, outcome: &mut Outcome) {
    let last = world.run_here().await;
    outcome.add(judge_run(world, &last));
    outcome.must(last.code == Some(0), || format!("the plain run ended with {:?}: {}", last.code, tail(&last.words)));
    // The account stays as it was while the power was gone.
    outcome.add(judge(world, if later { Account::Changing } else { Account::Still }).await);
}
