//! The closing summary of a run, for people who know their business and not ours.

use aqueduct_pipeline::RunReport;
use aqueduct_pipeline::warehouse::{RunStatus, StreamRecord};

use crate::cleaning_summary;
use crate::output::{Output, number, table};

/// The summary as lines of text.
pub(crate) fn summary(report: &RunReport, destination: &str, output: &Output) -> String {
    let record = &report.record;
    let seconds = record.ended_at.map_or(0.0, |end| end.since(record.started_at).as_secs_f64());
    let verdict = match record.status {
        RunStatus::Ok if report.limit.is_some() => "stopped at the limit, to be continued by the next run",
        RunStatus::Ok => "complete",
        RunStatus::Partial => "INCOMPLETE: some of it is loaded, see below",
        RunStatus::Failed => "FAILED",
        RunStatus::Interrupted => "interrupted, to be continued by the next run",
        RunStatus::Running => "running",
    };
    let mut text = output.bold(&format!("Pipeline {}: {verdict} ({seconds:.1} s, run {})", record.pipeline, record.run_id));
    text.push_str("\n\n");
    text.push_str(&streams(&record.streams));
    text.push_str("\n\n");
    text.push_str(&accounting(&record.streams, &record.pipeline));
    text.push_str(&tables(report, destination));
    text.push_str(&cleaning_summary::section(report));
    text.push_str(&protection(report));
    text.push_str(&drift(report));
    for resolved in &report.identities {
        text.push_str(&format!("\n\nWho is who: {}", crate::commands::identity_words(resolved)));
    }
    for stream in &report.unmapped {
        text.push_str(&format!(
            "\n\nNothing maps stream {stream} onto the common schema: only its source table is filled.\n  next: aqueduct discover {} proposes a mapping.",
            report.record.pipeline
        ));
    }
    for (stream, error) in &report.errors {
        text.push_str(&format!("\n\nStream {stream} is not complete: {error}\n  data: {}\n  next: {}", error.data(), error.advice()));
    }
    text
}

fn streams(streams: &[StreamRecord]) -> String {
    let rows: Vec<Vec<String>> = streams
        .iter()
        .map(|stream| {
            let until = match (&stream.error, stream.settled_until) {
                (Some(_), _) => "see below".to_owned(),
                (None, Some(until)) => until.to_string().chars().take(19).chain(['Z']).collect(),
                (None, None) => "this run".to_owned(),
            };
            let numbers = [stream.read, stream.loaded, stream.unchanged, stream.filtered, stream.quarantined, stream.deleted];
            [stream.stream.clone()].into_iter().chain(numbers.map(number)).chain([until]).collect()
        })
        .collect();
    table(&["stream", "read", "loaded", "unchanged", "filtered", "quarantined", "deleted", "complete until"], &rows)
}

/// The sum every reader can check: each record that was read is in one of four places.
fn accounting(streams: &[StreamRecord], pipeline: &str) -> String {
    let sum = |of: fn(&StreamRecord) -> u64| streams.iter().map(of).sum::<u64>();
    let (read, loaded, quarantined) = (sum(|s| s.read), sum(|s| s.loaded), sum(|s| s.quarantined));
    let (filtered, unchanged) = (sum(|s| s.filtered), sum(|s| s.unchanged));
    let balanced = streams.iter().all(|s| s.read == s.loaded + s.quarantined + s.filtered + s.unchanged);
    let mut text = format!(
        "{} read = {} loaded + {} quarantined + {} filtered + {} unchanged",
        number(read),
        number(loaded),
        number(quarantined),
        number(filtered),
        number(unchanged)
    );
    text.push_str(if balanced { ": every record is accounted for." } else { ": THE NUMBERS DO NOT ADD UP, please report this." });
    if quarantined > 0 {
        text.push_str(&format!(
            "\n{} {} in quarantine with the reason: aqueduct quarantine list {pipeline}",
            number(quarantined),
            if quarantined == 1 { "record is" } else { "records are" }
        ));
    }
    text
}

fn tables(report: &RunReport, destination: &str) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut totals: std::collections::BTreeMap<&str, [u64; 4]> = std::collections::BTreeMap::new();
    for table in report.record.streams.iter().flat_map(|stream| &stream.tables) {
        let total = totals.entry(&table.table).or_default();
        for (sum, value) in total.iter_mut().zip([table.inserted, table.updated, table.unchanged, table.deleted]) {
            *sum += value;
        }
    }
    for (name, numbers) in totals {
        rows.push([name.to_owned()].into_iter().chain(numbers.map(number)).collect());
    }
    if rows.is_empty() {
        return String::new();
    }
    let heading =
        if report.dry_run { "Would be in the warehouse (dry run: nothing was stored)".to_owned() } else { format!("In {destination}") };
    format!("\n\n{heading}\n{}", table(&["table", "new", "changed", "unchanged", "deleted"], &rows))
}

/// How many changes of a source are told; `aqueduct drift` lists all.
const MOST_CHANGES: usize = 20;

/// What the source has changed, a line a change, and what that means for columns.
fn drift(report: &RunReport) -> String {
    let (drift, pipeline) = (&report.drift, &report.record.pipeline);
    let mut text = String::new();
    if !drift.changes.is_empty() {
        text.push_str(&format!("\n\nChanged at the source (aqueduct drift {pipeline})"));
        drift.changes.iter().take(MOST_CHANGES).for_each(|change| text.push_str(&format!("\n  {change}")));
        if drift.changes.len() > MOST_CHANGES {
            text.push_str(&format!("\n  and {} more", drift.changes.len() - MOST_CHANGES));
        }
    }
    for (stream, columns) in &drift.filled {
        text.push_str(&format!("\n\nColumns of {stream} that were filled for all records: {}", columns.join(", ")));
    }
    for (stream, columns) in &drift.left_out {
        text.push_str(&format!("\n\nNot stored of {stream}, because the contract waits: {}", columns.join(", ")));
        text.push_str(&format!("\n  next: aqueduct drift {pipeline} --accept {stream}"));
    }
    for (stream, columns) in &drift.lacking {
        text.push_str(&format!("\n\nColumns of {stream} that are empty in records from before they were read: {}", columns.join(", ")));
        text.push_str(&format!("\n  next: aqueduct run {pipeline} --full-refresh --select {stream}"));
    }
    text
}

fn protection(report: &RunReport) -> String {
    let mut text = String::from("\n\nPrivacy");
    for line in &report.policy {
        text.push_str(&format!("\n  {line}"));
    }
    let left_out: Vec<String> =
        report.left_out.iter().filter(|(_, fields)| **fields > 0).map(|(stream, fields)| format!("{stream} {fields}")).collect();
    if !left_out.is_empty() {
        text.push_str(&format!("\n  Fields at the source that are not selected: {}.", left_out.join(", ")));
    }
    text
}
