//! The same schedules by croniter, a library that others wrote; every difference follows from a rule that is written down here.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::mix::{Days, Meaning, Mixed, YEAR, mix, seconds};
use crate::python::{beside, interpreter, succeed};
use crate::schedule;

/// Days on either side of a change of the clock for which a frequent schedule is compared; others are for the whole year.
const AROUND: i64 = 2 * 86_400;
/// Occurrences in the year from which on a schedule is frequent.
const FREQUENT: usize = 370;

/// Why both differ at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    /// croniter meets a fixed time in both passes of a repeated hour; here it is met in the first.
    SecondPass,
    /// croniter makes up for every time in a gap; here what goes by elapsed time is not met while the clock does not show it.
    MadeUpInterval,
    /// Where a repeated stretch is shorter than an hour, croniter loses minutes of its second pass; here each that the clock shows is met.
    HalfAnHourAgain,
    /// croniter makes up for a time in a gap at its second of the minute after the gap, here it is the first instant after the gap.
    SecondsAfterGap,
}

/// The rule by which an instant is one of only one side.
fn rule(mixed: &Mixed, at: i64, only_here: bool) -> Option<Rule> {
    let Meaning::Clock { elapsed, second, .. } = mixed.meaning else { return None };
    let zone = TimeZone::get(mixed.place.name).unwrap();
    let instant = Timestamp::from_second(at).unwrap();
    let face = zone.to_datetime(instant);
    let fold = zone.to_ambiguous_timestamp(face);
    let second_pass = fold.is_ambiguous() && fold.later().is_ok_and(|later| later == instant);
    let change = |at: Timestamp| zone.preceding(at + SignedDuration::from_secs(1)).next().map(|change| change.timestamp());
    let after_gap = change(instant).is_some_and(|change| {
        let before = zone.to_offset(change - SignedDuration::from_secs(1));
        zone.to_offset(change) > before && instant.duration_since(change).as_secs() < 60
    });
    match (elapsed, only_here) {
        (false, false) if second_pass => Some(Rule::SecondPass),
        (true, true) if second_pass && mixed.place.name == "Australia/Lord_Howe" => Some(Rule::HalfAnHourAgain),
        (true, false) if after_gap => Some(Rule::MadeUpInterval),
        (false, _) if after_gap && second > 0 => Some(Rule::SecondsAfterGap),
        _ => None,
    }
}

/// An expression in croniter's spelling: it writes the last Friday `L5`.
fn spelt(mixed: &Mixed) -> String {
    match &mixed.meaning {
        Meaning::Clock { days: Days::LastWeekday(weekday), .. } => mixed.text.replace(&format!("{weekday}L"), &format!("L{weekday}")),
        _ => mixed.text.clone(),
    }
}

// Longer than other tests: croniter takes a good part of a second for ten thousand occurrences.
#[test]
fn croniter_differs_only_where_a_rule_says_so() {
    let python = interpreter("croniter");
    let schedules: Vec<Mixed> = mix(1_000).into_iter().filter(|mixed| mixed.key == "cron").collect();
    let (from, until) = (seconds(YEAR.0) - 1, seconds(YEAR.1) - 1);
    let instant = |at: i64| Timestamp::from_second(at).unwrap();
    let mut asked = Vec::new();
    let mut own = Vec::new();
    for mixed in &schedules {
        let schedule = schedule(&mixed.yaml());
        let spans = match schedule.between(instant(from), instant(until)).nth(FREQUENT) {
            None => vec![(from, until)],
            Some(_) => mixed.place.changes.map(|(change, _)| (seconds(change) - AROUND, seconds(change) + AROUND)).to_vec(),
        };
        let times = spans.iter().flat_map(|(begin, end)| schedule.between(instant(*begin), instant(*end)));
        own.push(times.map(Timestamp::as_second).collect::<BTreeSet<i64>>());
        asked.push(serde_json::json!({ "expression": spelt(mixed), "zone": mixed.place.name, "spans": spans }).to_string());
    }
    let ask = |lines: &[String]| {
        let output = succeed("croniter", Command::new(&python).arg("-B").arg(beside("by_croniter.py")), &lines.join("\n"));
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str::<BTreeSet<i64>>(line).unwrap()).collect::<Vec<_>>()
    };
    let half = asked.len() / 2;
    let (mut theirs, rest) = std::thread::scope(|scope| {
        let rest = scope.spawn(|| ask(&asked[half..]));
        (ask(&asked[..half]), rest.join().unwrap())
    });
    theirs.extend(rest);
    assert_eq!(theirs.len(), own.len());
    let (mut same, mut explained, mut unexplained) = (0, BTreeMap::<Rule, usize>::new(), Vec::new());
    for ((mixed, own), theirs) in schedules.iter().zip(&own).zip(&theirs) {
        same += own.intersection(theirs).count();
        let here = own.difference(theirs).map(|at| (*at, true));
        for (at, only_here) in here.chain(theirs.difference(own).map(|at| (*at, false))) {
            match rule(mixed, at, only_here) {
                Some(rule) => *explained.entry(rule).or_default() += 1,
                None => unexplained.push(format!(
                    "{} {}: {} only {}",
                    mixed.place.name,
                    mixed.text,
                    instant(at),
                    if only_here { "here" } else { "there" }
                )),
            }
        }
    }
    println!("{} schedules, {same} occurrences the same, explained {explained:?}, unexplained {}", schedules.len(), unexplained.len());
    assert_eq!(unexplained, Vec::<String>::new());
    // Each rule is there because the mix has met it.
    assert_eq!(explained.len(), 4, "{explained:?}");
    assert!(same > 50_000, "{same} occurrences show too little");
}
