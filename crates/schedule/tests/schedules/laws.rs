//! What holds of every schedule, at every instant.

use aqueduct_schedule::Verdict;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::schedule;

/// Zones with gaps of an hour and of half an hour, at night and at midnight, and one without.
const ZONES: [&str; 6] = ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata", "UTC"];

fn field(low: u8, high: u8) -> impl Strategy<Value = String> {
    let range = (low..=high, low..=high).prop_map(|(one, other)| format!("{}-{}", one.min(other), one.max(other)));
    prop_oneof![
        3 => Just("*".to_owned()),
        2 => (2..=(high - low).min(12)).prop_map(|step| format!("*/{step}")),
        4 => (low..=high).prop_map(|value| value.to_string()),
        1 => range,
        2 => prop::collection::vec(low..=high, 2..4).prop_map(|values| values.iter().map(u8::to_string).collect::<Vec<_>>().join(",")),
    ]
}

fn cron() -> impl Strategy<Value = String> {
    let day = prop_oneof![4 => field(1, 28), 1 => Just("L".to_owned()), 1 => Just("15W".to_owned()), 1 => Just("LW".to_owned())];
    let weekday = prop_oneof![4 => field(0, 6), 1 => Just("TUE#2".to_owned()), 1 => Just("FRIL".to_owned())];
    let seconds = prop_oneof![4 => Just(String::new()), 1 => field(0, 59).prop_map(|field| format!("{field} "))];
    (seconds, field(0, 59), field(0, 23), day, field(1, 12), weekday)
        .prop_map(|(second, minute, hour, day, month, weekday)| format!("{second}{minute} {hour} {day} {month} {weekday}"))
}

fn yaml() -> impl Strategy<Value = String> {
    let every = prop_oneof![
        (1..10_000_u32).prop_map(|seconds| format!("{seconds}s")),
        (1..3_000_u32).prop_map(|minutes| format!("{minutes}m")),
        (1..200_u32).prop_map(|hours| format!("{hours}h")),
        (1..40_u32).prop_map(|days| format!("{days}d")),
    ];
    let key = prop_oneof![4 => cron().prop_map(|text| format!("cron: \"{text}\"")), 1 => every.prop_map(|text| format!("every: {text}"))];
    (key, prop::sample::select(&ZONES[..])).prop_map(|(key, zone)| format!("{key}\ntimezone: {zone}\n"))
}

/// An instant of the years 2026 to 2029; every other one within a few hours of a change of the clock.
fn instant() -> impl Strategy<Value = Timestamp> {
    let any = 1_767_225_600_000_i64..1_893_456_000_000;
    let changes =
        prop::sample::select(vec![1_774_746_000_000_i64, 1_792_890_000_000, 1_772_953_200_000, 1_793_512_800_000, 1_775_314_800_000]);
    let near = (changes, -10_000_000..10_000_000_i64).prop_map(|(change, by)| change + by);
    prop_oneof![any, near].prop_map(|milliseconds| Timestamp::from_millisecond(milliseconds).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: RngSeed::Fixed(0x5c4e_d01e), ..ProptestConfig::default() })]

    #[test]
    fn the_latest_is_the_one_before_the_next(yaml in yaml(), at in instant()) {
        let schedule = schedule(&yaml);
        let next = schedule.next_after(at).unwrap();
        prop_assert_eq!(schedule.latest(next), Some(next));
        let latest = schedule.latest(at);
        prop_assert!(latest.is_none_or(|latest| latest <= at && schedule.next_after(latest) == Some(next)), "{latest:?}");
    }

    #[test]
    fn the_next_is_later_and_nothing_lies_between(yaml in yaml(), at in instant(), share in 0.0..1.0_f64) {
        let schedule = schedule(&yaml);
        let next = schedule.next_after(at).unwrap();
        prop_assert!(next > at);
        // From anywhere before the next, the next is the same.
        let between = at + SignedDuration::from_secs_f64(next.duration_since(at).as_secs_f64() * share * 0.999);
        prop_assert_eq!(schedule.next_after(between), Some(next));
        prop_assert!(schedule.next_after(next).unwrap() > next);
    }

    #[test]
    fn a_walk_is_the_same_as_asking_again_and_again(yaml in yaml(), at in instant()) {
        let schedule = schedule(&yaml);
        let walk: Vec<Timestamp> = schedule.after(at).take(50).collect();
        let mut asked = Vec::new();
        let mut last = at;
        for _ in 0..50 {
            last = schedule.next_after(last).unwrap();
            asked.push(last);
        }
        prop_assert_eq!(&walk, &asked);
        prop_assert!(walk.windows(2).all(|pair| pair[0] < pair[1]));
        let until = *walk.last().unwrap();
        prop_assert_eq!(schedule.between(at, until).collect::<Vec<_>>(), walk);
    }

    #[test]
    fn two_spans_have_what_the_whole_has(yaml in yaml(), at in instant(), minutes in (1..5_000_i64, 1..5_000_i64)) {
        let schedule = schedule(&yaml);
        let middle = at + SignedDuration::from_mins(minutes.0);
        let end = middle + SignedDuration::from_mins(minutes.1);
        let parts: Vec<Timestamp> = schedule.between(at, middle).chain(schedule.between(middle, end)).take(500).collect();
        prop_assert_eq!(parts, schedule.between(at, end).take(500).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_starts_in_a_black_out_and_each_has_one_run(
        every in 5..180_u32, hours in (0..24_u32, 0..24_u32), at in instant(), jitter in 0..5_u32, zone in prop::sample::select(&ZONES[..])
    ) {
        prop_assume!(hours.0 != hours.1);
        let yaml = format!(
            "every: {every}m\ntimezone: {zone}\njitter: {jitter}m\nblackout:\n- {{ from: \"{:02}:30\", until: \"{:02}:00\" }}\n",
            hours.0, hours.1
        );
        let schedule = schedule(&yaml);
        let mut runs_at_the_end_of = std::collections::BTreeMap::<Timestamp, usize>::new();
        for occurrence in schedule.after(at).take(600) {
            let verdict = schedule.verdict("p", occurrence);
            if let Some(start) = verdict.starts_at() {
                prop_assert!(start >= occurrence);
                prop_assert_eq!(schedule.held_until(start), None, "{} starts at {} in a black-out", occurrence, start);
            }
            match verdict {
                Verdict::Start { .. } => {
                    prop_assert_eq!(schedule.held_until(occurrence), None);
                    // One that falls due when the black-out ends is the run at its end.
                    *runs_at_the_end_of.entry(occurrence).or_default() += 1;
                }
                Verdict::Held { until, .. } => *runs_at_the_end_of.entry(until).or_default() += 1,
                Verdict::Superseded { until } => prop_assert_eq!(schedule.held_until(occurrence), Some(until)),
                Verdict::Skipped { .. } => prop_assert!(false, "nothing is skipped"),
            }
        }
        prop_assert!(runs_at_the_end_of.values().all(|runs| *runs == 1), "{runs_at_the_end_of:?}");
    }
}
