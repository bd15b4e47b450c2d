//! Row 14: there is no more room for the destination's file, at any write.

use std::sync::Arc;

use crate::oracle::{Account, judge, judge_between, judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::source::{Size, Vendor};
use crate::world::{Shared, World};

/// Row 14: files may not grow beyond a size, which fails writes as a full disk does.
pub(crate) async fn full(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let world = World::new(&shared, Vendor::Hubspot, false, random.next(), Size { contacts: 130, deals: 30, archived: false }).await;
    let mut outcome = Outcome::default();
    // In units of 512 bytes; an undisturbed file and its log have some 700 kilobytes.
    let blocks = 8 + number * 61 % 1_400;
    let ran = world.start_limited(blocks).end().await;
    outcome.add(judge_run(&world, &ran));
    match ran.code {
        Some(0) => outcome.note("there was room enough"),
        Some(5 | 6) => outcome.note("ran out of room"),
        other => outcome.complaints.push(format!("without room the run ended with {other:?}: {}", tail(&ran.words))),
    }
    outcome.add(judge_between(&world));
    let last = world.run_binary(&[]).await;
    outcome.must(last.code == Some(0), || format!("the run with room ended with {:?}: {}", last.code, tail(&last.words)));
    outcome.add(judge(&world, Account::Still).await);
    outcome
}
