//! Nights in which clocks change, intervals, black-outs and jitter: what docs/scheduling.md says, instant by instant.

use std::time::Duration;

use aqueduct_schedule::{CatchUp, Overlap, Verdict};
use jiff::Timestamp;

use crate::schedule;

/// The occurrences after an instant, as the clock of the zone shows them.
fn shown(yaml: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = schedule(yaml);
    let shown = |at: Timestamp| at.to_zoned(schedule.time_zone().clone()).strftime("%d %H:%M %Z").to_string();
    schedule.after(after.parse().unwrap()).take(count).map(shown).collect()
}

#[test]
fn nights_in_which_clocks_change_are_as_people_mean_them() {
    let new_york = |cron: &str| format!("cron: '{cron}'\ntimezone: America/New_York\n");
    let (spring, autumn) = ("2026-03-08T05:50:00Z", "2026-11-01T04:50:00Z");
    // From 02:00 to 03:00 there is nothing.
    assert_eq!(shown(&new_york("30 2 * * *"), spring, 2), ["08 03:00 EDT", "09 02:30 EDT"]);
    assert_eq!(shown(&new_york("0,30 1-3 * * *"), spring, 4), ["08 01:00 EST", "08 01:30 EST", "08 03:00 EDT", "08 03:30 EDT"]);
    assert_eq!(shown(&new_york("*/30 * * * *"), spring, 4), ["08 01:00 EST", "08 01:30 EST", "08 03:00 EDT", "08 03:30 EDT"]);
    assert_eq!(shown(&new_york("*/30 2 * * *"), spring, 1), ["09 02:00 EDT"]);
    // From 01:00 to 02:00 there is everything twice.
    assert_eq!(shown(&new_york("30 1 * * *"), autumn, 2), ["01 01:30 EDT", "02 01:30 EST"]);
    assert_eq!(shown(&new_york("0 1,2 * * *"), autumn, 2), ["01 01:00 EDT", "01 02:00 EST"]);
    assert_eq!(
        shown(&new_york("*/30 * * * *"), autumn, 5),
        ["01 01:00 EDT", "01 01:30 EDT", "01 01:00 EST", "01 01:30 EST", "01 02:00 EST"]
    );
    assert_eq!(shown("every: 30m\ntimezone: America/New_York", autumn, 3), ["01 01:00 EDT", "01 01:30 EDT", "01 01:00 EST"]);
    // Days of 23 and of 25 hours; half an hour; midnight itself.
    assert_eq!(shown("every: 1d\ntimezone: America/New_York", "2026-03-07T06:00:00Z", 2), ["08 00:00 EST", "09 00:00 EDT"]);
    assert_eq!(shown("every: 24h\ntimezone: America/New_York", "2026-03-07T06:00:00Z", 2), ["08 00:00 EST", "09 01:00 EDT"]);
    assert_eq!(shown("cron: '10 2 * * *'\ntimezone: Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2), ["04 02:30 +11", "05 02:10 +11"]);
    assert_eq!(shown("cron: '@daily'\ntimezone: Africa/Cairo", "2026-04-23T00:00:00Z", 2), ["24 01:00 EEST", "25 00:00 EEST"]);
    // A day that a zone left out altogether is not made up for.
    assert_eq!(shown("cron: '0 9 * * *'\ntimezone: Pacific/Apia", "2011-12-29T12:00:00Z", 2), ["29 09:00 -10", "31 09:00 +14"]);
}

#[test]
fn intervals_fall_on_round_times_and_weeks_on_mondays() {
    let kolkata = "every: 1h\ntimezone: Asia/Kolkata";
    assert_eq!(shown(kolkata, "2026-11-22T12:10:00Z", 2), ["22 18:00 IST", "22 19:00 IST"]);
    assert_eq!(shown("every: 1w", "2026-11-22T12:10:00Z", 2), ["23 00:00 UTC", "30 00:00 UTC"]);
    assert_eq!(shown("every: 6h", "2026-11-22T12:00:00Z", 2), ["22 18:00 UTC", "23 00:00 UTC"]);
    // An instant a fraction before an occurrence has it next; one at it, or a fraction after, the following.
    let at = |instant: &str| schedule("every: 15m").next_after(instant.parse().unwrap()).unwrap().to_string();
    assert_eq!(at("2026-11-22T11:59:59.999999999Z"), "2026-11-22T12:00:00Z");
    assert_eq!(at("2026-11-22T12:00:00.000000001Z"), "2026-11-22T12:15:00Z");
    assert_eq!(at("1969-12-31T23:59:59.5Z"), "1970-01-01T00:00:00Z");
}

#[test]
fn black_outs_hold_back_and_let_one_through() {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    // On Friday and Saturday nights, in London: the one of Saturday lasts an hour less, as clocks go forward.
    let nights = "every: 2h\nblackout:\n- { days: [fri, saturday], from: \"22:00\", until: \"06:30\", timezone: Europe/London }\n";
    let schedule = schedule(nights);
    let end = at("2026-03-29T05:30:00Z");
    for (occurrence, verdict) in [
        ("2026-03-28T20:00:00Z", Verdict::Start { at: at("2026-03-28T20:00:00Z") }),
        ("2026-03-28T22:00:00Z", Verdict::Superseded { until: end }),
        ("2026-03-29T02:00:00Z", Verdict::Superseded { until: end }),
        ("2026-03-29T04:00:00Z", Verdict::Held { until: end, at: end }),
        ("2026-03-29T06:00:00Z", Verdict::Start { at: at("2026-03-29T06:00:00Z") }),
        ("2026-03-29T22:00:00Z", Verdict::Start { at: at("2026-03-29T22:00:00Z") }),
    ] {
        assert_eq!(schedule.verdict("p", at(occurrence)), verdict, "{occurrence}");
    }
    assert_eq!(schedule.held_until(at("2026-03-28T21:59:59Z")), None);
    assert_eq!(schedule.held_until(at("2026-03-28T22:00:00Z")), Some(end));
    // Two windows that touch are one; what the second skips does not stand for what the first holds.
    let both = "every: 1h\nblackout:\n- { from: \"20:00\", until: \"24:00\" }\n- { from: \"00:00\", until: \"02:00\", then: skip }\n";
    let schedule = crate::schedule(both);
    let end = at("2026-11-23T02:00:00Z");
    // What falls due at the end is the one run.
    assert_eq!(schedule.verdict("p", at("2026-11-22T23:00:00Z")), Verdict::Superseded { until: end });
    assert_eq!(schedule.verdict("p", at("2026-11-23T00:00:00Z")), Verdict::Skipped { until: end });
    assert_eq!(schedule.verdict("p", end), Verdict::Start { at: end });
    let odd = crate::schedule(&both.replace("every: 1h", "cron: '30 * * * *'"));
    assert_eq!(odd.verdict("p", at("2026-11-22T22:30:00Z")), Verdict::Superseded { until: end });
    assert_eq!(odd.verdict("p", at("2026-11-22T23:30:00Z")), Verdict::Held { until: end, at: end });
    assert_eq!(odd.verdict("p", at("2026-11-23T00:30:00Z")), Verdict::Skipped { until: end });
}

#[test]
fn jitter_puts_off_and_never_into_a_black_out() {
    let schedule = schedule("every: 1h\njitter: 30m\nblackout:\n- { from: \"12:05\", until: \"13:00\" }\n");
    let at: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let mut starts = std::collections::BTreeSet::new();
    for number in 0..200 {
        let pipeline = format!("pipeline-{number}");
        let Verdict::Start { at: start } = schedule.verdict(&pipeline, at) else { panic!("{pipeline} does not start") };
        assert!(start == at || start < "2026-11-22T12:05:00Z".parse().unwrap(), "{start}");
        let later: Timestamp = "2026-11-22T15:00:00Z".parse().unwrap();
        assert_eq!(schedule.verdict(&pipeline, later), Verdict::Start { at: later + schedule.jitter_of(&pipeline, later) });
        starts.insert(schedule.jitter_of(&pipeline, later));
    }
    assert!(starts.len() > 190 && starts.iter().all(|jitter| *jitter < Duration::from_mins(30)));
}

#[test]
fn what_holds_for_runs_is_as_written_or_as_the_page_says() {
    let plain = schedule("every: 1h");
    assert_eq!((plain.overlap(), plain.catch_up(), plain.timeout(), plain.priority()), (Overlap::Skip, CatchUp::Latest, None, 0));
    assert_eq!((plain.retries().attempts, plain.retries().wait(1)), (0, None));
    assert!(plain.dependencies().is_empty() && !plain.paused() && !plain.has_blackouts() && plain.zone_name() == "UTC");
    let full = schedule(
        "every: 1h\noverlap: cancel\ncatch_up: all\ntimeout: 90m\npriority: -7\npaused: true\nafter: [b, a]\n\
         retries: { attempts: 4, backoff: 2m, most: 10m }\n",
    );
    assert_eq!((full.overlap(), full.catch_up(), full.timeout()), (Overlap::Cancel, CatchUp::All, Some(Duration::from_mins(90))));
    assert_eq!((full.priority(), full.paused(), full.dependencies()), (-7, true, &["b".to_owned(), "a".to_owned()][..]));
    let waits: Vec<_> = (0..=5).map(|attempt| full.retries().wait(attempt).map(|wait| wait.as_secs() / 60)).collect();
    assert_eq!(waits, [None, Some(2), Some(4), Some(8), Some(10), None]);
}
