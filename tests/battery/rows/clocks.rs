//! Row 13: the machine's clock and the vendor's differ, and the vendor's jumps back.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_simulator::{Effect, Fault, Match};

use crate::oracle::{Account, judge, judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::rows::storms::run;
use crate::source::{LAG, Size, Vendor};
use crate::world::{Shared, World};

/// Row 13.
pub(crate) async fn skewed(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let vendor = if random.one_in(3) { Vendor::Salesforce } else { Vendor::Hubspot };
    let mut world = World::new(&shared, vendor, false, random.next(), Size { contacts: 120, deals: 20, archived: false }).await;
    let most = *random.pick(&[2, 3_600, 86_400 * 30, 86_400 * 730]);
    world.skew_seconds = random.between(0, 2 * most) as i64 - most as i64;
    let mut outcome = Outcome::default();
    for round in 0..3 {
        if random.one_in(2) {
            let (clock, back) = (world.source.clock.clone(), random.between(1, 300) as i64);
            let jump = move || clock.set(clock.now() - jiff::SignedDuration::from_secs(back));
            world.source.inject(Fault::next(1, Effect::call(jump)).when(Match::default().after(random.between(2, 6))));
            outcome.note("clock jumped back");
        }
        let ran = run(&shared, &world).await;
        outcome.add(judge_run(&world, &ran));
        // Salesforce lists deletions of windows of time; a machine that is days behind asks for those that are forgotten, and is told.
        let told = world.skew_seconds.abs() > 86_400 && ran.code == Some(4) && ran.words.contains("AQ3008");
        if told {
            outcome.note("said that the clock's window is forgotten");
        }
        outcome.must(told || ran.code == Some(0), || format!("run {round} ended with {:?}: {}", ran.code, tail(&ran.words)));
        world.source.clear_faults();
        // A clock that jumped back catches up before it goes on, as one that is set right does.
        world.source.clock.advance(Duration::from_secs(300 + random.between(1, 3_000)));
        world.source.change(&mut random, 12);
        // The machine's clock is set to another time between runs.
        world.skew_seconds = random.between(0, 2 * most) as i64 - most as i64;
    }
    world.source.clock.advance(LAG + Duration::from_secs(1));
    world.skew_seconds = 0;
    let last = run(&shared, &world).await;
    outcome.must(last.code == Some(0), || format!("the last run ended with {:?}: {}", last.code, tail(&last.words)));
    outcome.add(judge(&world, Account::Changing).await);
    outcome
}
