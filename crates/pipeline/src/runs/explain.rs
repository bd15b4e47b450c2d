//! A run in words that need no knowledge of Aqueduct: what it did, what is new, whether anything is missing, where the time went, what to
//! do now. Everything is from the ledger in the control store; the warehouse is not asked.

use std::time::Duration;

use aqueduct_control::{Counts, Outcome, RunEntry, RunKind, StreamEntry};
use aqueduct_schema::Timestamp;
use serde::Serialize;

use super::words::{amount, bytes, moment, share, span};

/// Streams that are told one by one.
const MOST_STREAMS: usize = 12;
/// Changes of a source that are told.
const MOST_CHANGES: usize = 5;
/// What takes less than this part of the time, in per cent, is not worth a sentence.
const WORTH: u64 = 5;

/// A run explained: sentences under five headings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The run.
    pub run_id: String,
    /// Its pipeline.
    pub pipeline: String,
    /// What it did.
    pub did: Vec<String>,
    /// How much is new.
    pub new: Vec<String>,
    /// Whether anything is missing or doubtful.
    pub doubtful: Vec<String>,
    /// Where the time went.
    pub time: Vec<String>,
    /// What to do now.
    pub next: Vec<String>,
    /// What more there is, and where.
    pub more: Vec<String>,
}

/// Explains a run as the ledger has it, at this time of the store.
pub fn explain(entry: &RunEntry, now: Timestamp) -> Explanation {
    Explanation {
        run_id: entry.run_id.clone(),
        pipeline: entry.pipeline.clone(),
        did: did(entry, now),
        new: new(entry),
        doubtful: doubtful(entry),
        time: time(entry, now),
        next: next(entry),
        more: more(entry),
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", amount(count), if count == 1 { one } else { many })
}

fn records(count: u64) -> String {
    counted(count, "record", "records")
}

fn did(entry: &RunEntry, now: Timestamp) -> Vec<String> {
    let took = span(entry.duration(now));
    let what = match entry.kind {
        RunKind::Run => "read what was new at the source and load it".to_owned(),
        RunKind::DryRun => "go through everything a run does and store nothing (a dry run)".to_owned(),
        RunKind::Backfill => "read a span of the source's history".to_owned(),
        RunKind::Reconcile if repairs(entry) => "compare the source with the warehouse and repair what differs".to_owned(),
        RunKind::Reconcile => "compare the source with the warehouse".to_owned(),
        RunKind::Renormalise => "make the common tables again from what is in the warehouse".to_owned(),
        RunKind::QuarantineReplay => "load records from quarantine that are good by now".to_owned(),
        RunKind::QuarantineDiscard => "give up records in quarantine".to_owned(),
        RunKind::Identity => "find out which rows are the same person or company".to_owned(),
    };
    let mut told = vec![format!(
        "Pipeline {} was to {what}, from {} into {}. It began at {} on {}.",
        entry.pipeline,
        entry.connector,
        entry.destination,
        moment(entry.began),
        entry.holder.host
    )];
    if let Some(occurrence) = &entry.occurrence {
        let again = if entry.attempt > 1 { format!(", as attempt {}", entry.attempt) } else { String::new() };
        told.push(format!("It was started for the occurrence {occurrence}{again}."));
    }
    if !entry.options.is_empty() {
        told.push(format!("It was asked for more than a plain run: {}.", entry.options.join(" ")));
    }
    let heard = entry.written.map_or_else(String::new, |at| format!(" It was last heard of at {}.", moment(at)));
    told.push(match (entry.outcome, entry.ended) {
        (Outcome::Ok, _) => format!("It took {took} and did all it was to do."),
        (Outcome::Partial, _) => {
            let whole = entry.streams.iter().filter(|stream| stream.ended && stream.error.is_none()).count();
            format!("It took {took} and did a part of it: {whole} of {} streams are complete.", entry.streams.len())
        }
        (Outcome::Failed, _) => format!("It failed after {took}."),
        (Outcome::Interrupted, Some(_)) => format!("Somebody or something stopped it after {took}; it saved where it was."),
        (Outcome::Interrupted, None) => {
            format!("Its process is gone without a word: it was killed, ran out of memory, or its machine went down.{heard}")
        }
        (Outcome::Refused, _) => "It did not begin: another run had the pipeline. That is no failure, that run does the work.".to_owned(),
        (Outcome::Running, _) => format!("It is still running, for {took} now.{heard}"),
    });
    told
}

/// Whether its process ended without saying how.
fn is_gone(entry: &RunEntry) -> bool {
    entry.outcome == Outcome::Interrupted && entry.ended.is_none()
}

fn repairs(entry: &RunEntry) -> bool {
    entry.options.iter().any(|option| option == "--repair")
}

fn new(entry: &RunEntry) -> Vec<String> {
    if matches!(entry.outcome, Outcome::Refused) || (entry.streams.is_empty() && entry.error.is_some()) {
        return vec!["Nothing was read, and nothing in the warehouse has changed.".to_owned()];
    }
    let counts = entry.counts();
    let mut told = Vec::new();
    match (counts.read, counts.written()) {
        // Its numbers are those of its last sign of life.
        (0, 0) if is_gone(entry) => {
            told.push("By its last word it had loaded nothing; what it has committed since is in no number here.".to_owned());
        }
        (0, 0) if entry.streams.is_empty() => return vec!["The ledger has no counts of records for this kind of run.".to_owned()],
        (0, 0) => told.push("The source had nothing that was not here already.".to_owned()),
        (read, 0) => told.push(format!("It looked at {}, and all were here already as they are.", records(read))),
        _ => told.push(format!(
            "It looked at {}: {} new, {} changed, {} deleted at the source (their rows are marked, not removed), {} as they were.",
            records(counts.read),
            amount(counts.new),
            amount(counts.changed),
            amount(counts.deleted),
            amount(counts.unchanged)
        )),
    }
    if entry.kind == RunKind::DryRun {
        told.push("None of it was stored.".to_owned());
    }
    let busy: Vec<&StreamEntry> = entry.streams.iter().filter(|stream| stream.counts.written() > 0).collect();
    if entry.streams.len() > 1 {
        for stream in busy.iter().take(MOST_STREAMS) {
            let Counts { new, changed, deleted, .. } = stream.counts;
            let parts = [(new, "new"), (changed, "changed"), (deleted, "deleted")];
            let parts: Vec<String> =
                parts.iter().filter(|(count, _)| *count > 0).map(|(n, word)| format!("{} {word}", amount(*n))).collect();
            told.push(format!("{}: {}.", stream.stream, parts.join(", ")));
        }
        if busy.len() > MOST_STREAMS {
            told.push(format!("And so on in {} more streams.", busy.len() - MOST_STREAMS));
        }
    }
    told
}

fn doubtful(entry: &RunEntry) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(error) = entry.error.as_ref().filter(|_| entry.streams.iter().all(|stream| stream.error.is_none())) {
        told.push(format!("What stopped it: {}. {}", error.message, error.data));
    }
    for stream in &entry.streams {
        if let Some(error) = &stream.error {
            told.push(format!("Stream {} is not complete: {}. {}", stream.stream, error.message, error.data));
        } else if !stream.ended && entry.outcome != Outcome::Running {
            let (name, read) = (&stream.stream, records(stream.counts.read));
            told.push(match is_gone(entry) {
                true => format!("Stream {name} was not finished; what it had committed ({read} by its last word, perhaps more) stays."),
                false => format!("Stream {name} was not finished; what it had committed by then ({read}) stays."),
            });
        }
        if let Some((done, all)) = stream.windows.filter(|(done, all)| done < all) {
            told.push(format!("Of stream {}, {} of {} windows are done.", stream.stream, amount(done), amount(all)));
        }
    }
    let never_came = !entry.in_warehouse && !matches!(entry.outcome, Outcome::Running | Outcome::Refused | Outcome::Ok);
    if never_came && entry.kind != RunKind::DryRun {
        told.push(match is_gone(entry) {
            true => "By its last word it had not come to its warehouse. What it has committed since, if anything, is whole.".to_owned(),
            false => "It did not come as far as its warehouse, which is as it was.".to_owned(),
        });
    }
    let quarantined = entry.counts().quarantined;
    if quarantined > 0 {
        let (wait, reason) = if quarantined == 1 { ("waits", "its reason") } else { ("wait", "the reason of each") };
        told.push(format!("{} could not be loaded and {wait} in quarantine, with {reason}.", records(quarantined)));
    }
    if let Some(limit) = entry.options.iter().find(|option| option.starts_with("--limit")) {
        told.push(format!("It was told to stop early ({limit}): the source has more, which the next run reads."));
    }
    let retried = entry.traffic.retried();
    if retried * 20 > entry.traffic.requests() && retried > 2 {
        told.push(format!("The source did not answer well: {} had to be sent again.", counted(retried, "request", "requests")));
    }
    if !entry.schema_changes.is_empty() {
        let more = entry.schema_changes.len().saturating_sub(MOST_CHANGES);
        let some: Vec<&str> = entry.schema_changes.iter().take(MOST_CHANGES).map(String::as_str).collect();
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        told.push(format!("The source has changed its fields: {}{more}.", some.join("; ")));
    }
    if told.is_empty() {
        told.push(match entry.outcome {
            Outcome::Ok => "Nothing is missing, and nothing is doubtful.".to_owned(),
            Outcome::Running => "Nothing so far.".to_owned(),
            _ => "Nothing but that it did not do its work.".to_owned(),
        });
    }
    if let Some(until) = entry.settled_until().filter(|_| entry.kind == RunKind::Run) {
        told.push(format!("Everything that changed at the source before {} is in the warehouse.", moment(until)));
        let lag = entry.ended.unwrap_or(entry.began).since(until);
        if lag >= Duration::from_secs(86_400) {
            told.push(format!("That is {} before the end of this run: what is newer waits for a run that is complete.", span(lag)));
        }
    }
    told
}

/// What may take a run's time: milliseconds, and how it is told.
fn parts(entry: &RunEntry) -> Vec<(u64, String)> {
    let (time, traffic) = (entry.traffic.time, &entry.traffic);
    let classes: Vec<String> = traffic.by_class().iter().map(|(class, calls)| format!("{} {class}", amount(*calls))).collect();
    let calls = counted(traffic.requests(), "request", "requests");
    let mut parts = vec![
        (
            time.limits_ms,
            format!(
                "waiting for a turn: the source allows only so many requests in a time ({}). Only a higher limit there, or fewer runs on \
                 the same account, makes it faster",
                classes.join(", ")
            ),
        ),
        (time.answers_ms, format!("waiting for answers of the source: {calls}, {} over the wire", bytes(traffic.wire_bytes()))),
        (time.preparing_ms, "waiting until the source had prepared an export".to_owned()),
        (time.retries_ms, format!("waiting before trying again what had failed, {}", counted(traffic.retried(), "time", "times"))),
        (
            time.loads_ms,
            format!(
                "writing into the warehouse: {} in {}, {}",
                counted(entry.sum(|s| s.rows_written), "row", "rows"),
                counted(entry.sum(|s| s.loads), "load", "loads"),
                bytes(entry.sum(|s| s.bytes_written))
            ),
        ),
    ];
    parts.sort_by_key(|(milliseconds, _)| std::cmp::Reverse(*milliseconds));
    parts
}

fn time(entry: &RunEntry, now: Timestamp) -> Vec<String> {
    if entry.outcome == Outcome::Refused {
        return vec!["It took no time: it did not begin.".to_owned()];
    }
    let whole = entry.duration(now);
    let parts: Vec<(u64, String)> = parts(entry).into_iter().filter(|(milliseconds, _)| share(*milliseconds, whole) >= WORTH).collect();
    let mut told: Vec<String> = parts
        .iter()
        .map(|(milliseconds, words)| {
            let part = span(Duration::from_millis(*milliseconds).min(whole));
            format!("{} % ({part}) {words}.", share(*milliseconds, whole))
        })
        .collect();
    match told.len() {
        0 => told.push(format!("It took {}, nearly all of it its own work: starting, decoding, cleaning.", span(whole))),
        1 => {}
        _ => told.push("These overlap: one page is loaded while the next is fetched, and streams are read side by side.".to_owned()),
    }
    let mut own = Vec::new();
    own.extend(entry.process.cpu_ms.map(|cpu| format!("{} of processor time", span(Duration::from_millis(cpu)))));
    own.extend(entry.process.peak_memory_bytes.map(|memory| format!("{} of memory at most", bytes(memory))));
    if !own.is_empty() {
        told.push(format!("Its own work took {}.", own.join(" and ")));
    }
    told
}

fn next(entry: &RunEntry) -> Vec<String> {
    let pipeline = &entry.pipeline;
    let mut told: Vec<String> = Vec::new();
    let errors = entry.error.iter().chain(entry.streams.iter().filter_map(|stream| stream.error.as_ref()));
    for advice in errors.map(|error| &error.next).filter(|_| entry.outcome != Outcome::Refused) {
        if !advice.is_empty() && !told.contains(advice) {
            told.push(advice.clone());
        }
    }
    match entry.outcome {
        Outcome::Refused => {
            told.push(
                "Nothing. If it happens often, runs take longer than their schedule leaves them: see `aqueduct runs list`.".to_owned(),
            );
        }
        Outcome::Interrupted | Outcome::Partial if entry.kind == RunKind::Run => {
            told.push(format!("`aqueduct run {pipeline}` goes on from the checkpoint; nothing is read or stored twice."));
        }
        Outcome::Interrupted | Outcome::Partial if entry.kind == RunKind::Backfill => {
            told.push(format!("`aqueduct backfill resume {pipeline}` goes on from the checkpoint."));
        }
        Outcome::Running => told.push(format!("Wait, or watch it: `aqueduct runs tail {pipeline}`.")),
        _ => {}
    }
    if entry.counts().quarantined > 0 {
        told.push(format!("Look at what is in quarantine: `aqueduct quarantine list {pipeline}`."));
    }
    if !entry.schema_changes.is_empty() {
        told.push(format!("See what the source has changed: `aqueduct drift {pipeline}`."));
    }
    if told.is_empty() {
        told.push("Nothing.".to_owned());
    }
    told
}

fn more(entry: &RunEntry) -> Vec<String> {
    let mut told = vec![format!("Every number of it: `aqueduct runs show {}`.", entry.run_id)];
    if entry.in_warehouse && entry.kind != RunKind::DryRun {
        told.push(
            "The warehouse has more of this run: each load (table _loads), what cleaning did to each field (_cleaning), rejected records \
             (_quarantine); in PostgreSQL they are in the schema aqueduct."
                .to_owned(),
        );
    }
    told
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::runs::compare::tests::entry;
    use aqueduct_control::EntryError;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_770_000_000 + seconds)
    }

    #[test]
    fn a_good_run_has_nothing_to_do() {
        let mut entry = entry();
        entry.traffic.time.limits_ms = 62_000;
        let told = explain(&entry, at(500));
        assert!(told.did.last().unwrap().contains("took 1 min 40 s and did all"), "{told:?}");
        assert_eq!(
            told.new[0],
            "It looked at 1,000 records: 10 new, 20 changed, 3 deleted at the source (their rows are marked, not removed), 967 as they were."
        );
        assert_eq!(told.doubtful[0], "Nothing is missing, and nothing is doubtful.");
        assert!(told.doubtful[1].contains("2026-02-02T02:40:00Z"), "{told:?}");
        assert!(told.time[0].starts_with("62 % (1 min 2 s) waiting for a turn"), "{told:?}");
        assert_eq!(told.next, ["Nothing."]);
        assert!(told.more[1].contains("_cleaning"));
    }

    #[test]
    fn what_is_missing_is_told_with_what_to_do() {
        let mut entry = entry();
        (entry.outcome, entry.exit_code) = (Outcome::Partial, Some(6));
        let words = |text: &str| text.to_owned();
        let error = EntryError {
            code: words("AQ3003"),
            message: words("AQ3003 the source failed"),
            data: words("Everything committed before is whole."),
            next: words("Try later."),
        };
        (entry.streams[0].error, entry.streams[0].counts.quarantined) = (Some(error), 1);
        let told = explain(&entry, at(500));
        assert!(told.did.last().unwrap().contains("0 of 1 streams"), "{told:?}");
        assert!(told.doubtful[0].starts_with("Stream contacts is not complete: AQ3003 the source failed. Everything"), "{told:?}");
        assert!(told.doubtful[1].starts_with("1 record could not be loaded and waits in quarantine, with its reason"), "{told:?}");
        let next: Vec<&str> = told.next.iter().map(|line| line.split([':', ';']).next().unwrap()).collect();
        assert_eq!(next, ["Try later.", "`aqueduct run crm` goes on from the checkpoint", "Look at what is in quarantine"]);
    }

    #[test]
    fn a_killed_run_and_a_refused_one_are_told_apart() {
        let mut entry = entry();
        (entry.outcome, entry.ended, entry.exit_code) = (Outcome::Interrupted, None, None);
        entry.streams[0].ended = false;
        let told = explain(&entry, at(500));
        assert!(told.did.last().unwrap().contains("gone without a word"), "{told:?}");
        assert!(told.doubtful[0].contains("was not finished") && told.doubtful[0].contains("perhaps more"), "{told:?}");
        // Nothing that it did after its last word is known, least of all that there was nothing.
        entry.streams[0].counts = Counts::default();
        let silent = explain(&entry, at(500));
        assert!(silent.new[0].starts_with("By its last word it had loaded nothing"), "{silent:?}");
        entry.in_warehouse = false;
        assert!(explain(&entry, at(500)).doubtful[1].starts_with("By its last word it had not come"), "{silent:?}");
        (entry.outcome, entry.exit_code) = (Outcome::Refused, Some(9));
        let told = explain(&entry, at(500));
        assert!(told.new[0].starts_with("Nothing was read") && told.next[0].starts_with("Nothing. If it happens often"), "{told:?}");
    }
}
