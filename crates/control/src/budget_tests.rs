//! The arithmetic of budgets.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

const BEGINNING: i64 = 1_770_000_000_000_000;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_microseconds(BEGINNING + milliseconds * 1_000)
}

fn ask(requests: u32, per: Duration, wanted: u32) -> Ask<'static> {
    Ask {
        class: "default",
        limit: Some((requests, per)),
        burst: None,
        wanted,
        valid_for: Duration::from_millis(200),
        priority: Priority::Live,
        daily: None,
        time_zone: "UTC",
        returned: None,
    }
}

/// The largest number of sendings in any window of this length.
fn most(sent: &[i64], per: i64) -> usize {
    let mut sent = sent.to_vec();
    sent.sort_unstable();
    (0..sent.len()).map(|from| sent[from..].iter().take_while(|time| **time < sent[from] + per).count()).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Processes take, send some of it at any moment while it is valid, and return some of the rest.
    #[test]
    fn no_window_holds_more_than_the_limit(
        requests in 1_u32..60,
        burst in proptest::option::of(1_u32..80),
        seconds in 1_i64..12,
        steps in proptest::collection::vec((0_i64..700, 1_u32..20, 0_i64..200, 0_u32..20, any::<bool>()), 1..400),
    ) {
        let per = Duration::from_secs(seconds.unsigned_abs());
        let mut account = Account::default();
        let (mut now, mut sent, mut returned) = (0, Vec::new(), None);
        for (pause, wanted, late, unused, backfill) in steps {
            now += pause;
            let priority = if backfill { Priority::Backfill } else { Priority::Live };
            let ask = Ask { returned: returned.take(), priority, burst, ..ask(requests, per, wanted) };
            match account.take(&ask, at(now)).unwrap() {
                Answer::Go { count, taken_at } => {
                    prop_assert!(count >= 1 && count <= wanted);
                    let unused = unused.min(count);
                    sent.extend((unused..count).map(|_| now + late));
                    returned = (unused > 0).then_some(Returned { taken_at, count: unused });
                }
                Answer::Wait(wait) => prop_assert!(!wait.is_zero() && wait <= per * 2 + Duration::from_secs(1), "{wait:?}"),
                Answer::Spent { .. } => prop_assert!(false, "there is no daily ceiling"),
            }
        }
        prop_assert!(most(&sent, seconds * 1_000) <= requests as usize);
    }
}

/// Sends as much as may be sent by so many processes for so long, and gives the times in milliseconds.
fn greedy(requests: u32, per: Duration, processes: usize, milliseconds: i64) -> Vec<i64> {
    let mut account = Account::default();
    let mut next = vec![0_i64; processes];
    let mut sent = Vec::new();
    for now in 0..milliseconds {
        for next in next.iter_mut().filter(|next| **next <= now) {
            match account.take(&ask(requests, per, 4), at(now)).unwrap() {
                Answer::Go { count, .. } => sent.extend((0..count).map(|_| now)),
                Answer::Wait(wait) => *next = now + i64::try_from(wait.as_millis()).unwrap() + 1,
                Answer::Spent { .. } => unreachable!("there is no daily ceiling"),
            }
        }
    }
    sent
}

#[test]
fn two_greedy_processes_use_95_percent_and_no_more_than_all() {
    let sent = greedy(190, Duration::from_secs(10), 2, 60_000);
    assert_eq!(most(&sent, 10_000), 190);
    assert!(sent.len() >= 6 * 190 * 95 / 100, "{}", sent.len());
    let sent = greedy(4, Duration::from_secs(1), 3, 20_000);
    assert!(most(&sent, 1_000) <= 4 && sent.len() >= 60, "{}", sent.len());
}

#[test]
fn what_lapses_is_not_lost() {
    // Four slow readers, which take two and have sent one when the other lapses.
    let (mut account, per) = (Account::default(), Duration::from_secs(10));
    let mut readers = [(0_i64, None); 4];
    let mut sent = Vec::new();
    for now in 0..60_000 {
        for (next, returned) in readers.iter_mut().filter(|(next, _)| *next <= now) {
            match account.take(&Ask { returned: returned.take(), ..ask(190, per, 2) }, at(now)).unwrap() {
                Answer::Go { count, taken_at } => {
                    sent.push(now);
                    *returned = (count == 2).then_some(Returned { taken_at, count: 1 });
                    *next = now + 150;
                }
                Answer::Wait(wait) => *next = now + i64::try_from(wait.as_millis()).unwrap() + 1,
                Answer::Spent { .. } => unreachable!("there is no daily ceiling"),
            }
        }
    }
    assert!(most(&sent, 10_000) <= 190 && sent.len() >= 6 * 190 * 95 / 100, "{} {}", most(&sent, 10_000), sent.len());
}

#[test]
fn a_live_run_goes_before_a_backfill() {
    let per = Duration::from_secs(10);
    let mut account = Account::default();
    let backfill = |wanted| Ask { priority: Priority::Backfill, ..ask(100, per, wanted) };
    assert!(matches!(account.take(&backfill(8), at(0)).unwrap(), Answer::Go { count: 8, .. }), "alone it has everything");
    // A live run that has to wait keeps the backfill from taking what becomes free.
    while let Answer::Go { .. } = account.take(&ask(100, per, 4), at(0)).unwrap() {}
    assert!(matches!(account.take(&backfill(1), at(60)).unwrap(), Answer::Wait(_)));
    // While one is about, a quarter stays free for it.
    let mut taken = 0;
    for now in 1..90 {
        account.take(&ask(100, per, 1), at(now * 1_000)).unwrap();
        while let Answer::Go { count, .. } = account.take(&backfill(4), at(now * 1_000)).unwrap() {
            taken += count;
            let used: u32 = account.classes["default"].taken.iter().map(|taken| taken.count).sum();
            assert!(used <= 75 + 1, "{used}");
        }
    }
    assert!(taken > 300, "{taken}");
}

#[test]
fn a_day_has_its_ceiling_and_the_next_one_begins_anew() {
    let mut account = Account::default();
    let daily = |wanted, returned| Ask {
        daily: Some(10),
        limit: None,
        returned,
        time_zone: "Europe/London",
        ..ask(1, Duration::from_secs(1), wanted)
    };
    let Answer::Go { count: 8, taken_at } = account.take(&daily(8, None), at(0)).unwrap() else { panic!("ten are there") };
    assert!(matches!(account.take(&daily(8, None), at(1)).unwrap(), Answer::Go { count: 2, .. }));
    let Answer::Spent { used: 10, allowed: 10, renewed_in: Some(wait) } = account.take(&daily(1, None), at(2)).unwrap() else {
        panic!("ten are used")
    };
    assert!(wait < Duration::from_secs(86_400));
    let tomorrow = at(2).plus(wait);
    assert!(matches!(account.take(&daily(1, None), tomorrow.minus(Duration::from_millis(1))).unwrap(), Answer::Spent { .. }));
    assert!(matches!(account.take(&daily(1, None), tomorrow).unwrap(), Answer::Go { count: 1, .. }));
    // Without a limit nothing is kept of a taking, so nothing comes back: a day's count may be too high and never too low.
    assert!(matches!(account.take(&daily(20, Some(Returned { taken_at, count: 8 })), tomorrow).unwrap(), Answer::Go { count: 9, .. }));
    assert_eq!(account.take(&Ask { time_zone: "Mars/Olympus", ..daily(1, None) }, at(0)).unwrap_err().code(), codes::BAD_CONFIG);
}

#[test]
fn what_the_vendor_says_is_heeded_for_a_while() {
    let per = Duration::from_secs(10);
    let mut account = Account::default();
    account.slow_down("default", Duration::from_secs(5), at(0));
    account.slow_down("default", Duration::from_secs(2), at(0));
    assert_eq!(account.take(&ask(100, per, 1), at(1_000)).unwrap(), Answer::Wait(Duration::from_secs(4)));
    assert!(matches!(account.take(&Ask { class: "search", ..ask(100, per, 1) }, at(1_000)).unwrap(), Answer::Go { .. }));
    account.learn(Told { used: 78, allowed: 100, stop_at: 80 }, at(6_000));
    assert!(matches!(account.take(&ask(100, per, 2), at(6_000)).unwrap(), Answer::Go { count: 2, .. }));
    assert_eq!(account.take(&ask(100, per, 2), at(7_000)).unwrap(), Answer::Spent { used: 80, allowed: 100, renewed_in: None });
    assert!(matches!(account.take(&ask(100, per, 2), at(66_001)).unwrap(), Answer::Go { .. }), "one request finds out how it is now");
}

#[test]
fn a_clock_that_is_set_back_stops_nobody_for_long() {
    let per = Duration::from_secs(10);
    let mut account = Account::default();
    while let Answer::Go { .. } = account.take(&ask(5, per, 5), at(86_400_000)).unwrap() {}
    account.slow_down("default", Duration::from_secs(30), at(86_400_000));
    let mut now = 0;
    while let Answer::Wait(wait) = account.take(&ask(5, per, 1), at(now)).unwrap() {
        now += i64::try_from(wait.as_millis()).unwrap() + 1;
        assert!(now < 4_000_000, "{now}");
    }
}
