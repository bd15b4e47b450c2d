//! Schedulers that die between any two questions to the store: what falls due is run, once.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use aqueduct_pipeline::Clock;
use aqueduct_pipeline::control_store::occurrence::State;
use aqueduct_pipeline::schema::Timestamp;
use aqueduct_server::scheduler::Settings;

use crate::memory::Memory;
use crate::world::{Seen, TestClock, Way, World, at, plans};

/// Every occurrence counts, however late; runs take up to minutes, and some are slow to begin.
const SECTIONS: [(&str, &str); 6] = [
    ("a", "{ every: 20m, catch_up: all, overlap: queue }"),
    ("b", "{ cron: \"*/15 * * * *\", catch_up: all, overlap: queue, timezone: Europe/London }"),
    ("c", "{ cron: \"7 * * * *\", catch_up: all, overlap: queue, after: [a] }"),
    ("d", "{ every: 30m, catch_up: all, overlap: queue, jitter: 5m }"),
    ("e", "{ cron: \"30 */2 * * *\", catch_up: all, overlap: queue, priority: 9 }"),
    ("f", "{ every: 1h, catch_up: all, overlap: queue }"),
];

/// Numbers that are the same in every run of the test.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Lets something go on for so many steps, and drops it where it stands if it is not done by then.
pub(crate) async fn steps<F: Future>(most: u64, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut left = most;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// Holds what processes saw against what the schedules say: every occurrence began and ended once, well, and nothing else was begun.
pub(crate) async fn assert_each_once(world: &World, sections: &[(&str, &str)], from: Timestamp, until: Timestamp) -> usize {
    let instant = |at: Timestamp| jiff::Timestamp::from_microsecond(at.microseconds()).unwrap();
    let mut expected: BTreeMap<(String, Timestamp), (u32, u32)> = BTreeMap::new();
    for (name, plan) in plans(sections).pipelines {
        let due = plan.schedule.as_ref().unwrap().between(instant(from), instant(until)).collect::<Vec<_>>();
        expected.extend(due.into_iter().map(|due| ((name.clone(), Timestamp::from_microseconds(due.as_microsecond())), (0, 0))));
    }
    for (_, seen) in world.machine.seen.lock().unwrap().iter() {
        match seen {
            Seen::Began(name, at, _) if *at <= until => expected.get_mut(&(name.clone(), *at)).expect("nothing else began").0 += 1,
            Seen::Ended(name, at, Some(0)) if *at <= until => expected.get_mut(&(name.clone(), *at)).expect("nothing else ended").1 += 1,
            _ => {}
        }
    }
    let missed: Vec<_> = expected.iter().filter(|(_, (began, _))| *began == 0).map(|(id, _)| id).collect();
    let doubled: Vec<_> = expected.iter().filter(|(_, (began, ended))| *began > 1 || *ended > 1).map(|(id, _)| id).collect();
    assert!(missed.is_empty() && doubled.is_empty(), "missed {missed:?}, doubled {doubled:?}");
    assert!(expected.values().all(|counts| *counts == (1, 1)), "what began ended");
    for name in sections.iter().map(|(name, _)| name) {
        for occurrence in world.store.occurrences(name, until, 100_000).await.unwrap() {
            assert!(matches!(&occurrence.state, State::Ended(ended) if ended.exit_code == Some(0)), "{occurrence:?}");
            assert_eq!(occurrence.tally.attempts, 1, "{occurrence:?}");
        }
    }
    expected.len()
}

#[tokio::test]
async fn a_busy_day_with_schedulers_that_die_between_any_two_questions() {
    for seed in 1..=4 {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let (from, until) = (at("2026-03-28T22:59:00Z"), at("2026-03-29T23:00:00Z"));
        let clock = TestClock::at(from);
        let store = Arc::new(Memory::new(clock.clone(), true));
        let settings = Settings { instance: "0".to_owned(), concurrency: 4, poll: Duration::from_secs(20), ..Settings::default() };
        let mut world = World::with(clock, store, settings, Way::of(60, 0), plans(&SECTIONS)).await;
        for (name, _) in SECTIONS {
            let ways = (0..200).map(|_| Way { dawdles: chance.below(4) * chance.below(40), takes: 5 + chance.below(300), code: Some(0) });
            world.machine.expect(name, ways.collect::<Vec<_>>());
        }
        world.scheduler.tick().await.unwrap();
        let mut kills = 0;
        while world.clock.now() < until.plus(Duration::from_secs(3 * 3_600)) {
            // A turn, sometimes one that is broken off after a few questions to the store. A turn with fewer is left whole.
            world.machine.advance().await;
            let patience = if chance.below(5) == 0 { chance.below(16) } else { u64::MAX };
            if let Some(next) = steps(patience, world.scheduler.tick()).await {
                let next = [Some(next.unwrap()), world.machine.next()].into_iter().flatten().min().unwrap();
                world.clock.set(next.max(world.clock.now()));
                continue;
            }
            kills += 1;
            let away = world.clock.now().plus(Duration::from_secs(chance.below(900)));
            world.away_until(&away.to_string()).await;
            world.settings.instance = kills.to_string();
            world.restart(plans(&SECTIONS)).await;
        }
        world.until("2026-03-30T05:00:00Z").await;
        assert!(kills >= 50, "{kills} kills");
        let count = assert_each_once(&world, &SECTIONS, from, until).await;
        assert!(count > 250, "{count}");
    }
}
