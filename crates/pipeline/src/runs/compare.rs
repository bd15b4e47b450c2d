//! Two runs side by side: what changed from one to the other, what is notable first.

use std::collections::BTreeSet;
use std::time::Duration;

use aqueduct_control::{RunEntry, StreamEntry};
use aqueduct_schema::{Timestamp, Traffic};
use serde::Serialize;

use super::words::{amount, bytes, moment, span};

/// What changed from one run to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The run that is compared with.
    pub one: String,
    /// The run that is compared.
    pub other: String,
    /// What somebody should look at, the most notable first; empty when the runs are much alike.
    pub notable: Vec<String>,
    /// The runs as a whole.
    pub whole: Vec<Difference>,
    /// Stream by stream.
    pub streams: Vec<StreamComparison>,
}

/// A stream in both runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamComparison {
    /// The stream.
    pub stream: String,
    /// What differs; empty where nothing does.
    pub differences: Vec<Difference>,
}

/// A number in both runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What is counted.
    pub what: String,
    /// How much in the first.
    pub one: u64,
    /// How much in the other.
    pub other: u64,
    /// Both as people read them.
    pub words: [String; 2],
}

/// A number is notably another one when it is half as much again, or half of it is gone, and more than so much.
fn notably(one: u64, other: u64, more_than: u64) -> bool {
    let (least, most) = (one.min(other), one.max(other));
    most - least > more_than && most >= least + least / 2
}

/// Compares two runs, at this time of the store.
pub fn compare(one: &RunEntry, other: &RunEntry, now: Timestamp) -> Comparison {
    let mut notable: Vec<(u8, String)> = Vec::new();
    if one.pipeline != other.pipeline {
        notable.push((0, format!("They are of two pipelines: {} and {}.", one.pipeline, other.pipeline)));
    }
    if (one.outcome, one.exit_code) != (other.outcome, other.exit_code) {
        let told = |entry: &RunEntry| match (entry.exit_code, &entry.error) {
            (Some(code), Some(error)) => format!("{} (exit code {code}, {})", entry.outcome.word(), error.code),
            (Some(code), None) => format!("{} (exit code {code})", entry.outcome.word()),
            (None, _) => entry.outcome.word().to_owned(),
        };
        notable.push((1, format!("The outcome was {} and is {}.", told(one), told(other))));
    }
    if (one.kind, &one.options) != (other.kind, &other.options) {
        let told = |entry: &RunEntry| [&[entry.kind.words().to_owned()][..], &entry.options].concat().join(" ");
        notable.push((2, format!("They were asked for different things: {}, and {}.", told(one), told(other))));
    }
    for change in &other.schema_changes {
        notable.push((4, format!("The source changed its fields: {change}.")));
    }
    if one.version != other.version {
        notable.push((7, format!("Aqueduct was version {} and is {}.", one.version, other.version)));
    }
    time(one, other, now, &mut notable);
    let names: BTreeSet<&str> = one.streams.iter().chain(&other.streams).map(|stream| stream.stream.as_str()).collect();
    let mut streams = Vec::new();
    for name in names {
        let of = |entry: &'_ RunEntry| entry.streams.iter().find(|stream| stream.stream == name).cloned();
        match (of(one), of(other)) {
            (Some(_), None) => notable.push((2, format!("Stream {name} is not in the other run."))),
            (None, Some(_)) => notable.push((2, format!("Stream {name} is only in the other run."))),
            (Some(one), Some(other)) => {
                stream_notes(&one, &other, &mut notable);
                streams.push(StreamComparison { stream: name.to_owned(), differences: stream_differences(&one, &other) });
            }
            (None, None) => {}
        }
    }
    notable.sort_by_key(|(rank, _)| *rank);
    Comparison {
        one: one.run_id.clone(),
        other: other.run_id.clone(),
        notable: notable.into_iter().map(|(_, text)| text).collect(),
        whole: whole(one, other, now),
        streams,
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn in_milliseconds(value: u64) -> String {
    span(Duration::from_millis(value))
}

/// Where a run's time went, by name.
fn times(traffic: &Traffic) -> [(&'static str, u64); 5] {
    let time = traffic.time;
    [
        ("waiting for the source's limits", time.limits_ms),
        ("waiting for answers", time.answers_ms),
        ("waiting for exports to be prepared", time.preparing_ms),
        ("waiting before trying again", time.retries_ms),
        ("writing into the warehouse", time.loads_ms),
    ]
}

fn time(one: &RunEntry, other: &RunEntry, now: Timestamp, notable: &mut Vec<(u8, String)>) {
    let [before, after] = [one, other].map(|entry| milliseconds(entry.duration(now)));
    if notably(before, after, 2_000) {
        // What has grown, or shrunk, the most.
        let slower = after > before;
        let parts = times(&one.traffic).into_iter().zip(times(&other.traffic));
        let by = |(_, before): (&str, u64), (_, after): (&str, u64)| {
            if slower { after.saturating_sub(before) } else { before.saturating_sub(after) }
        };
        let most = parts.max_by_key(|(before, after)| by(*before, *after)).filter(|(before, after)| by(*before, *after) > 0);
        let why = most.map_or_else(String::new, |((what, before), (_, after))| {
            format!(", most of it {what}: {} and {}", in_milliseconds(before), in_milliseconds(after))
        });
        notable.push((5, format!("It took {} and takes {}{why}.", in_milliseconds(before), in_milliseconds(after))));
    }
    let (calls, other_calls) = (one.traffic.requests(), other.traffic.requests());
    if notably(calls, other_calls, 10) {
        notable.push((5, format!("It needed {} requests and needs {}.", amount(calls), amount(other_calls))));
    }
    let (retried, other_retried) = (one.traffic.retried(), other.traffic.retried());
    if notably(retried, other_retried, 2) {
        notable.push((3, format!("{} requests had to be sent again, and {} have.", amount(retried), amount(other_retried))));
    }
    if let (Some(memory), Some(other_memory)) = (one.process.peak_memory_bytes, other.process.peak_memory_bytes)
        && notably(memory, other_memory, 50_000_000)
    {
        notable.push((6, format!("It held {} of memory and holds {}.", bytes(memory), bytes(other_memory))));
    }
}

fn stream_notes(one: &StreamEntry, other: &StreamEntry, notable: &mut Vec<(u8, String)>) {
    let name = &one.stream;
    match (&one.error, &other.error) {
        (None, Some(error)) => notable.push((1, format!("Stream {name} was complete and is not: {}.", error.message))),
        (Some(error), None) => notable.push((3, format!("Stream {name} was not complete ({}) and is.", error.code))),
        (Some(one), Some(other)) if one.code != other.code => {
            notable.push((2, format!("Stream {name} is not complete for another reason: it was {} and is {}.", one.code, other.code)));
        }
        _ => {}
    }
    for (rank, what, one, other, least) in [
        (2, "records in quarantine", one.counts.quarantined, other.counts.quarantined, 0),
        (3, "rows marked as deleted", one.counts.deleted, other.counts.deleted, 10),
        (4, "records read", one.counts.read, other.counts.read, 100),
    ] {
        if notably(one, other, least) {
            notable.push((rank, format!("Stream {name} had {} {what} and has {}.", amount(one), amount(other))));
        }
    }
    if let (Some(before), Some(after)) = (one.settled_until, other.settled_until)
        && after < before
    {
        let told = format!("Stream {name} was settled until {} and is settled until {}, which is earlier.", moment(before), moment(after));
        notable.push((1, told));
    }
}

fn difference(what: &str, one: u64, other: u64, told: fn(u64) -> String) -> Difference {
    Difference { what: what.to_owned(), one, other, words: [told(one), told(other)] }
}

fn differing(all: Vec<Difference>) -> Vec<Difference> {
    all.into_iter().filter(|difference| difference.one != difference.other).collect()
}

/// A number of a stream.
type Number = fn(&StreamEntry) -> u64;

fn stream_differences(one: &StreamEntry, other: &StreamEntry) -> Vec<Difference> {
    let numbers: [(&str, Number); 9] = [
        ("read", |s| s.counts.read),
        ("new", |s| s.counts.new),
        ("changed", |s| s.counts.changed),
        ("unchanged", |s| s.counts.unchanged),
        ("deleted", |s| s.counts.deleted),
        ("quarantined", |s| s.counts.quarantined),
        ("filtered", |s| s.counts.filtered),
        ("loads", |s| s.loads),
        ("calls", |s| s.traffic.requests()),
    ];
    let mut all: Vec<Difference> = numbers.iter().map(|(what, of)| difference(what, of(one), of(other), amount)).collect();
    all.push(difference("bytes over the wire", one.traffic.wire_bytes(), other.traffic.wire_bytes(), bytes));
    all.extend(time_differences(&one.traffic, &other.traffic));
    differing(all)
}

/// What is less than a tenth of a second differs from run to run whatever happens.
fn time_differences(one: &Traffic, other: &Traffic) -> impl Iterator<Item = Difference> {
    let parts = times(one).into_iter().zip(times(other));
    parts
        .filter(|((_, one), (_, other))| one.abs_diff(*other) >= 100)
        .map(|((what, one), (_, other))| difference(what, one, other, in_milliseconds))
}

fn whole(one: &RunEntry, other: &RunEntry, now: Timestamp) -> Vec<Difference> {
    let mut all = vec![difference("duration", milliseconds(one.duration(now)), milliseconds(other.duration(now)), in_milliseconds)];
    let (classes, other_classes) = (one.traffic.by_class(), other.traffic.by_class());
    let names: BTreeSet<&str> = classes.keys().chain(other_classes.keys()).copied().collect();
    for name in names {
        let of = |classes: &std::collections::BTreeMap<&str, u64>| classes.get(name).copied().unwrap_or(0);
        all.push(difference(&format!("calls, {name}"), of(&classes), of(&other_classes), amount));
    }
    all.push(difference("sent again", one.traffic.retried(), other.traffic.retried(), amount));
    all.push(difference("rows written", one.sum(|s| s.rows_written), other.sum(|s| s.rows_written), amount));
    all.push(difference("bytes written", one.sum(|s| s.bytes_written), other.sum(|s| s.bytes_written), bytes));
    all.extend(time_differences(&one.traffic, &other.traffic));
    let (process, other_process) = (one.process, other.process);
    all.push(difference("processor time", process.cpu_ms.unwrap_or(0), other_process.cpu_ms.unwrap_or(0), in_milliseconds));
    let memory = [process, other_process].map(|process| process.peak_memory_bytes.unwrap_or(0));
    all.push(difference("memory", memory[0], memory[1], bytes));
    differing(all)
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_control::{Counts, EntryError, Holder, Outcome};

    /// A run of 100 seconds that did what it was to do.
    pub(crate) fn entry() -> RunEntry {
        let began = Timestamp::from_seconds(1_770_000_000);
        let ended = began.plus(Duration::from_secs(100));
        let stream = StreamEntry {
            stream: "contacts".to_owned(),
            ended: true,
            counts: Counts { read: 1_000, new: 10, changed: 20, unchanged: 967, deleted: 3, ..Counts::default() },
            settled_until: Some(began),
            ..StreamEntry::default()
        };
        let run_id = "20260202024000-00000abc".to_owned();
        RunEntry {
            holder: Holder { place: String::new(), ..Holder::this(&run_id) },
            version: "1".to_owned(),
            connector: "hubspot".to_owned(),
            destination: "sqlite a.db".to_owned(),
            ended: Some(ended),
            written: Some(ended),
            outcome: Outcome::Ok,
            exit_code: Some(0),
            in_warehouse: true,
            streams: vec![stream],
            ..RunEntry::begun(run_id, "crm".to_owned(), began)
        }
    }

    #[test]
    fn runs_that_are_alike_have_nothing_notable() {
        let (one, mut other) = (entry(), entry());
        let counts = &mut other.streams[0].counts;
        (counts.read, counts.new) = (1_040, 50);
        let told = compare(&one, &other, one.began);
        assert!(told.notable.is_empty(), "{told:?}");
        let differences: Vec<(&str, u64, u64)> =
            told.streams[0].differences.iter().map(|one| (one.what.as_str(), one.one, one.other)).collect();
        assert_eq!(differences, [("read", 1_000, 1_040), ("new", 10, 50)]);
    }

    #[test]
    fn what_is_worst_comes_first() {
        let (one, mut other) = (entry(), entry());
        other.ended = Some(other.began.plus(Duration::from_secs(300)));
        other.traffic.time.limits_ms = 190_000;
        other.schema_changes = vec!["contacts: fax is gone (was text)".to_owned()];
        (other.outcome, other.exit_code) = (Outcome::Partial, Some(6));
        other.streams[0].counts.quarantined = 4;
        other.streams[0].error =
            Some(EntryError { code: "AQ3003".to_owned(), message: "AQ3003 it failed".to_owned(), ..EntryError::default() });
        let told = compare(&one, &other, one.began);
        let beginnings: Vec<String> =
            told.notable.iter().map(|text| text.split_whitespace().take(4).collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            beginnings,
            ["The outcome was ok", "Stream contacts was complete", "Stream contacts had 0", "The source changed its", "It took 1 min"]
        );
        assert!(told.notable[4].contains("waiting for the source's limits: 0.0 s and 3 min 10 s"), "{told:?}");
        other.streams.clear();
        assert!(compare(&one, &other, one.began).notable.iter().any(|text| text.contains("contacts is not in the other run")));
    }
}
