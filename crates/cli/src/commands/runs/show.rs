//! `aqueduct runs show`.

use std::time::Duration;

use aqueduct_pipeline::control_store::{Counts, RunEntry, StreamEntry};
use aqueduct_pipeline::runs::{amount, bytes, moment, share, span};
use aqueduct_pipeline::schema::{Result, Timestamp, Traffic};

use super::outcome;
use crate::commands::Context;
use crate::output::{Output, table};

/// Shows everything that the ledger has of a run.
pub(crate) fn show(context: &Context, entry: &RunEntry, now: Timestamp) -> Result<u8> {
    if context.output.is_json() {
        context.output.json_line(entry);
    } else {
        context.output.answer(&text(entry, now, &context.output));
    }
    Ok(0)
}

fn text(entry: &RunEntry, now: Timestamp, output: &Output) -> String {
    let mut text = output.bold(&format!("Run {} of pipeline {}: {}", entry.run_id, entry.pipeline, outcome(entry)));
    for (name, value) in facts(entry, now) {
        text.push_str(&format!("\n  {name:<12}{value}"));
    }
    if let Some(error) = &entry.error {
        text.push_str(&format!("\n\n{}\n  data: {}\n  next: {}", error.message, error.data, error.next));
    }
    for (heading, part) in [
        ("Streams", streams(entry)),
        ("Readings", readings(entry)),
        ("Requests", requests(&entry.traffic)),
        ("Waited", waited(entry, now)),
        ("Written", written(entry)),
        ("Changed at the source", entry.schema_changes.join("\n")),
    ] {
        if !part.is_empty() {
            text.push_str(&format!("\n\n{heading}\n{part}"));
        }
    }
    text
}

fn facts(entry: &RunEntry, now: Timestamp) -> Vec<(&'static str, String)> {
    let holder = &entry.holder;
    let mut facts = vec![("asked for", [&[entry.kind.words().to_owned()][..], &entry.options].concat().join(" "))];
    if let Some(occurrence) = &entry.occurrence {
        facts.push(("scheduled", format!("{occurrence}, attempt {}", entry.attempt)));
    }
    facts.push(("began", moment(entry.began)));
    facts.push(match (entry.ended, entry.written) {
        (Some(ended), _) => ("ended", format!("{} after {}", moment(ended), span(entry.duration(now)))),
        (None, Some(heard)) => ("heard of", moment(heard)),
        (None, None) => ("heard of", "never".to_owned()),
    });
    facts.push(("process", format!("{} on {}, aqueduct {}", holder.process, holder.host, entry.version)));
    facts.push(("source", entry.connector.clone()));
    let recorded = if entry.in_warehouse { "which has a record of it too" } else { "which it did not come to" };
    facts.push(("destination", format!("{}, {recorded}", entry.destination)));
    let mut used = Vec::new();
    used.extend(entry.process.peak_memory_bytes.map(|memory| format!("{} of memory at most", bytes(memory))));
    used.extend(entry.process.cpu_ms.map(|cpu| format!("{} of processor time", span(Duration::from_millis(cpu)))));
    if !used.is_empty() {
        facts.push(("took", used.join(", ")));
    }
    facts
}

fn streams(entry: &RunEntry) -> String {
    let row = |stream: &StreamEntry| {
        let Counts { read, new, changed, unchanged, deleted, quarantined, filtered } = stream.counts;
        let numbers = [read, new, changed, unchanged, deleted, quarantined, filtered, stream.loads];
        let state = match (&stream.error, stream.ended) {
            (Some(error), _) => error.code.clone(),
            (None, false) => "not ended".to_owned(),
            (None, true) if stream.state_moved => "moved".to_owned(),
            (None, true) => "as before".to_owned(),
        };
        let until = stream.settled_until.map_or_else(|| "-".to_owned(), moment);
        let calls = amount(stream.traffic.requests());
        [stream.stream.clone()].into_iter().chain(numbers.map(amount)).chain([calls, state, until]).collect::<Vec<String>>()
    };
    let rows: Vec<Vec<String>> = entry.streams.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let headings =
        ["stream", "read", "new", "changed", "unchanged", "deleted", "quarantined", "filtered", "loads", "calls", "state", "settled until"];
    table(&headings, &rows)
}

fn readings(entry: &RunEntry) -> String {
    let at = |instant: Option<Timestamp>| instant.map_or_else(|| "-".to_owned(), moment);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for stream in &entry.streams {
        for reading in &stream.readings {
            let went = match (reading.resumed, reading.complete) {
                (false, true) => "to its end",
                (true, true) => "went on, to its end",
                (false, false) => "not to its end",
                (true, false) => "went on, not to its end",
            };
            rows.push(vec![stream.stream.clone(), reading.mode.name().to_owned(), at(reading.from), at(reading.until), went.to_owned()]);
        }
        if let Some((done, all)) = stream.windows {
            rows.push(vec![stream.stream.clone(), "windows".to_owned(), "-".to_owned(), "-".to_owned(), format!("{done} of {all} done")]);
        }
    }
    if rows.is_empty() { String::new() } else { table(&["stream", "way", "from", "until", "went"], &rows) }
}

fn requests(traffic: &Traffic) -> String {
    if traffic.calls.is_empty() {
        return String::new();
    }
    let mut rows: Vec<Vec<String>> = traffic
        .calls
        .iter()
        .map(|calls| {
            vec![calls.class.clone(), calls.operation.clone(), amount(calls.requests), bytes(calls.bytes), bytes(calls.wire_bytes)]
        })
        .collect();
    rows.push(vec!["all".to_owned(), String::new(), amount(traffic.requests()), bytes(traffic.bytes()), bytes(traffic.wire_bytes())]);
    let mut text = table(&["class", "for", "requests", "bytes", "on the wire"], &rows);
    let answers: Vec<String> = traffic
        .answers
        .iter()
        .map(|(status, count)| if *status == 0 { format!("none {}", amount(*count)) } else { format!("{status} {}", amount(*count)) })
        .collect();
    text.push_str(&format!("\nanswers: {}", answers.join(", ")));
    if !traffic.retries.is_empty() {
        let retries: Vec<String> = traffic.retries.iter().map(|(reason, count)| format!("{reason} {}", amount(*count))).collect();
        text.push_str(&format!("\nsent again: {}", retries.join(", ")));
    }
    text
}

fn waited(entry: &RunEntry, now: Timestamp) -> String {
    let (time, whole) = (entry.traffic.time, entry.duration(now));
    let rows: Vec<Vec<String>> = [
        ("the source's limits", time.limits_ms),
        ("answers", time.answers_ms),
        ("exports to be prepared", time.preparing_ms),
        ("another attempt", time.retries_ms),
        ("the warehouse", time.loads_ms),
    ]
    .into_iter()
    .filter(|(_, milliseconds)| *milliseconds > 0)
    .map(|(what, milliseconds)| {
        vec![what.to_owned(), span(Duration::from_millis(milliseconds)), format!("{} %", share(milliseconds, whole))]
    })
    .collect();
    if rows.is_empty() { String::new() } else { table(&["for", "time", "of the run"], &rows) }
}

fn written(entry: &RunEntry) -> String {
    match (entry.sum(|stream| stream.rows_written), entry.sum(|stream| stream.bytes_written)) {
        (0, 0) => String::new(),
        (rows, size) => format!("  {} rows in all tables; {} handed to the warehouse", amount(rows), bytes(size)),
    }
}
