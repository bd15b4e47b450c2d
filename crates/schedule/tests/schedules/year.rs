//! A year of a thousand schedules, counted again minute by minute.

use std::collections::BTreeSet;

use fastrand::Rng;
use jiff::Timestamp;

use crate::mix::{Days, Meaning, Mixed, PLACES, Place, YEAR, mix, seconds};
use crate::schedule;

/// A minute of the year as the clock of a place shows it.
#[derive(Clone, Copy)]
struct Shown {
    /// Seconds since 1970.
    at: i64,
    /// Days since the clock's first of January.
    day: i64,
    /// Minutes since midnight.
    minute: i64,
    /// Whether the clock has shown this before: it was put back.
    again: bool,
    /// How many minutes the clock left out before this one.
    left_out: i64,
}

/// What the clock of a place shows in every minute of the year.
fn clock(place: &Place) -> Vec<Shown> {
    let (from, until) = (seconds(YEAR.0), seconds(YEAR.1));
    let mut shown = Vec::new();
    let mut latest = i64::MIN;
    let changes = place.changes.map(|(at, offset)| (seconds(at), offset));
    for at in (from..until).step_by(60) {
        let offset = changes.iter().rev().find(|(change, _)| at >= *change).map_or(place.offset, |(_, offset)| *offset);
        let face = at / 60 + offset;
        let left_out = if latest == i64::MIN { 0 } else { (face - latest - 1).max(0) };
        shown.push(Shown {
            at,
            day: face.div_euclid(1_440) - from / 86_400,
            minute: face.rem_euclid(1_440),
            again: face <= latest,
            left_out,
        });
        latest = latest.max(face);
    }
    shown
}

/// The days of the year around which clocks go, from the 31st of December before: year, month, day of the month, weekday, days in the month.
fn calendar() -> Vec<(u32, u32, u32, u32)> {
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    // The 31st of December 2025 is a Wednesday.
    let mut days = vec![(12, 31, 3, 31)];
    for (month, length) in (1..=12).zip(lengths) {
        days.extend((1..=length).map(|day| (month, day, 0, length)));
    }
    days.push((1, 1, 0, 31));
    for (at, day) in days.iter_mut().enumerate() {
        day.2 = (3 + u32::try_from(at).unwrap()) % 7;
    }
    days
}

/// The instants that are meant, counted from the minutes that the clock shows.
fn meant(mixed: &Mixed, clock: &[Shown], calendar: &[(u32, u32, u32, u32)]) -> Vec<i64> {
    match &mixed.meaning {
        Meaning::Minutes(step) => {
            // The third of January 2000 was a Monday; standard time was the same then, and Lord Howe Island had its summer time.
            let midnight = seconds("2000-01-03T00:00:00Z") / 60 - mixed.place.offset;
            clock.iter().filter(|shown| (shown.at / 60 - midnight) % step == 0).map(|shown| shown.at).collect()
        }
        Meaning::Midnights => clock.iter().filter(|shown| shown.minute == 0 && !shown.again).map(|shown| shown.at).collect(),
        Meaning::Clock { second, minutes, hours, days, months, elapsed } => {
            let day_is_meant: Vec<bool> = calendar.iter().map(|day| months.contains(&day.0) && is_meant(days, *day)).collect();
            let of_day: Vec<bool> =
                (0..1_440_u32).map(|of_day| hours.contains(&(of_day / 60)) && minutes.contains(&(of_day % 60))).collect();
            let matches = |day: i64, minute: i64| {
                let face = day * 1_440 + minute;
                let (day, minute) = (face.div_euclid(1_440), face.rem_euclid(1_440));
                day_is_meant[usize::try_from(day + 1).unwrap()] && of_day[usize::try_from(minute).unwrap()]
            };
            let mut found = BTreeSet::new();
            for shown in clock {
                if !elapsed && shown.left_out > 0 && (1..=shown.left_out).any(|back| matches(shown.day, shown.minute - back)) {
                    found.insert(shown.at);
                }
                if matches(shown.day, shown.minute) && (*elapsed || !shown.again) {
                    found.insert(shown.at + second);
                }
            }
            found.into_iter().collect()
        }
    }
}

fn is_meant(days: &Days, (_, day, weekday, length): (u32, u32, u32, u32)) -> bool {
    match days {
        Days::Every => true,
        Days::Weekdays(weekdays) => weekdays.contains(&weekday),
        Days::OfMonth(days) => days.contains(&day),
        Days::Both(days, weekdays) => days.contains(&day) || weekdays.contains(&weekday),
        Days::Last => day == length,
        Days::Nth(which, nth) => weekday == *which && day.div_ceil(7) == *nth,
        Days::LastWeekday(which) => weekday == *which && day + 7 > length,
    }
}

/// The instant before the first of the year, which is in it.
fn begin() -> Timestamp {
    Timestamp::from_second(seconds(YEAR.0) - 1).unwrap()
}

fn end() -> Timestamp {
    Timestamp::from_second(seconds(YEAR.1) - 1).unwrap()
}

#[test]
fn a_year_of_a_thousand_pipelines_misses_nothing_and_doubles_nothing() {
    let schedules = mix(1_000);
    let clocks = PLACES.each_ref().map(clock);
    let calendar = calendar();
    let half = schedules.len() / 2;
    let count = |some: &[Mixed]| -> (usize, usize, usize) {
        let mut sums = (0, 0, 0);
        for mixed in some {
            let place = PLACES.iter().position(|place| place.name == mixed.place.name).unwrap();
            let meant = meant(mixed, &clocks[place], &calendar);
            let own: Vec<i64> = schedule(&mixed.yaml()).between(begin(), end()).map(Timestamp::as_second).collect();
            let once: BTreeSet<i64> = own.iter().copied().collect();
            let missed = meant.iter().filter(|at| !once.contains(at)).count();
            let doubled = own.len() - once.len() + once.iter().filter(|at| meant.binary_search(at).is_err()).count();
            let first = meant.iter().zip(&own).find(|(meant, own)| meant != own);
            let shown = first.map(|(meant, own)| (Timestamp::from_second(*meant).unwrap(), Timestamp::from_second(*own).unwrap()));
            assert_eq!((missed, doubled), (0, 0), "{} {}: first difference {shown:?}", mixed.place.name, mixed.text);
            sums = (sums.0 + own.len(), sums.1 + missed, sums.2 + doubled);
        }
        sums
    };
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| count(&schedules[..half]));
        (count(&schedules[half..]), one.join().unwrap())
    });
    println!("{} occurrences, {} missed, {} doubled", one.0 + other.0, one.1 + other.1, one.2 + other.2);
    assert!(one.0 + other.0 > 1_000_000, "{} occurrences show too little", one.0 + other.0);
}

#[test]
fn looking_at_irregular_moments_sees_every_occurrence_once() {
    let mut random = Rng::with_seed(7);
    for mixed in mix(60) {
        let schedule = schedule(&mixed.yaml());
        let whole: Vec<Timestamp> = schedule.between(begin(), end()).collect();
        let (mut seen, mut looked_at) = (Vec::new(), begin());
        while looked_at < end() {
            // From a moment to four days, with fractions of a second.
            let scale = 1_u64 << random.u64(..39);
            let span = jiff::SignedDuration::from_micros(random.u64(..scale).cast_signed() + 1);
            let now = looked_at.checked_add(span + jiff::SignedDuration::from_secs(60)).unwrap().min(end());
            seen.extend(schedule.between(looked_at, now));
            looked_at = now;
        }
        assert_eq!(seen, whole, "{}", mixed.text);
    }
}
