//! Rows 6 and 7: bodies that are cut, damaged, slow, or never end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aqueduct_simulator::{ContentLength, Effect, Fault, Match};

use crate::oracle::{Account, judge, judge_run, tail};
use crate::outcome::Outcome;
use crate::proxy::{Proxy, Toxic};
use crate::random::Random;
use crate::source::{Size, Vendor};
use crate::world::{Shared, World};

/// The bytes of a page after which a trial cuts it, one after the other.
const BYTES: u64 = 4_096;

/// Row 6: one page of contacts is cut. In a long battery each byte comes up with every way of cutting.
pub(crate) async fn truncated(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let world = World::new(&shared, Vendor::Hubspot, false, 7, Size { contacts: 24, deals: 3, archived: false }).await;
    // A stride that has no factor in common with the number of bytes visits each of them once.
    let at = (number / 4 * 1_023 % BYTES) as usize;
    world.source.hubspot().set_gzip(random.one_in(2));
    let (effect, name) = match number % 4 {
        0 => (Effect::Truncate { at, content_length: ContentLength::Sent }, "cut, length as sent"),
        1 => (Effect::Truncate { at, content_length: ContentLength::Whole }, "cut, length of the whole"),
        2 => (Effect::Truncate { at, content_length: ContentLength::Absent }, "cut, no length"),
        _ => (Effect::CorruptGzip, "damaged gzip"),
    };
    world.source.inject(Fault::next(1, effect).when(Match::path("/objects/contacts")));
    let mut outcome = Outcome::default();
    outcome.note(name);
    let ran = world.run_here().await;
    outcome.add(judge_run(&world, &ran));
    outcome.must(ran.code == Some(0), || format!("a page cut at byte {at} was not asked for again: {:?} {}", ran.code, tail(&ran.words)));
    outcome.add(judge(&world, Account::Still).await);
    outcome
}

/// Row 7.
pub(crate) async fn slow(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let size = Size { contacts: 120, deals: 6, archived: false };
    let mut world = World::new(&shared, Vendor::Hubspot, false, random.next(), size).await;
    world.more = "run: { records_per_load: 60, idle_timeout_seconds: 2, answer_timeout_seconds: 5, retry_seconds: 120 }\n".to_owned();
    let pages = Match::path("/objects/contacts").after(random.between(0, 2));
    let at = random.between(0, 6_000);
    let mut outcome = Outcome::default();
    let toxic = match number % 10 {
        0 => {
            world.source.inject(Fault::next(1, Effect::Stall { at: at as usize }).when(pages));
            outcome.note("stalled");
            None
        }
        1 => {
            world.source.inject(Fault::next(2, Effect::DropConnection).when(pages));
            outcome.note("dropped");
            None
        }
        2 => {
            world.source.inject(Fault::next(1, Effect::Slow { piece: 900, pause: Duration::from_millis(8) }).when(pages));
            outcome.note("slow");
            None
        }
        3 => Some((Toxic::Reset { after: at }, "reset")),
        4 => Some((Toxic::Timeout { after: at }, "timeout")),
        5 => Some((Toxic::LimitData { bytes: at }, "limit_data")),
        8 => {
            // A byte a second: never silent, and never there.
            world.source.inject(Fault::next(1, Effect::Slow { piece: 1, pause: Duration::from_secs(1) }).when(pages));
            outcome.note("a byte a second");
            None
        }
        9 => {
            world.source.inject(Fault::next(1, Effect::Endless).when(pages));
            // An answer may have 256 MiB, which is more than anything else needs.
            world.memory = 450;
            outcome.note("without end");
            None
        }
        6 => Some((Toxic::Latency { each: Duration::from_millis(random.between(1, 40)) }, "latency")),
        _ => Some((Toxic::Slicer { bytes: random.between(1, 900) }, "sliced")),
    };
    let begun = Instant::now();
    let ran = match toxic {
        // A process of its own, whose memory can be told.
        None if number % 10 >= 8 => world.run_binary(&[]).await,
        None => world.run_here().await,
        Some((toxic, name)) => {
            outcome.note(name);
            let proxy = Proxy::start(world.source.hubspot().address(), toxic, 1).await;
            world.detour = Some((world.source.hubspot().base_url(), format!("http://{}", proxy.address)));
            let ran = world.run_here().await;
            world.detour = None;
            ran
        }
    };
    outcome.add(judge_run(&world, &ran));
    if number % 10 == 9 {
        // Too large is final, and told; the next run goes on.
        let told = ran.code == Some(0) || ran.words.contains("AQ3007");
        outcome.must(told, || format!("an answer without end is not told: {:?} {}", ran.code, tail(&ran.words)));
        world.source.clear_faults();
        let last = world.run_here().await;
        outcome.must(last.code == Some(0), || format!("the plain run ended with {:?}: {}", last.code, tail(&last.words)));
    } else {
        outcome.must(ran.code == Some(0), || format!("not tried again: {:?} {}", ran.code, tail(&ran.words)));
    }
    outcome.must(begun.elapsed() < Duration::from_secs(60), || format!("it took {:?}", begun.elapsed()));
    world.source.clear_faults();
    outcome.add(judge(&world, Account::Still).await);
    outcome
}
