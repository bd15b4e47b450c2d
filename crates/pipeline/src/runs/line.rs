//! A run in one line: for mail from cron, and as JSON for files that programs read.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use aqueduct_control::{Counts, EntryError, Outcome, RunEntry, RunKind};
use aqueduct_schema::{Error, ErrorKind, Result, Timestamp, codes};
use serde::Serialize;

use super::words::{amount, moment, span};

/// A run as one line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunLine {
    /// The run's id; absent for one that did not come so far.
    pub run_id: Option<String>,
    /// The pipeline's name, or as it was typed where its file could not be read.
    pub pipeline: String,
    /// What was asked for.
    pub kind: RunKind,
    /// The time of its schedule that it was started for.
    pub occurrence: Option<String>,
    /// Which attempt at that occurrence it was.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The exit code of the process.
    pub exit_code: u8,
    /// When it began.
    pub began: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How long it took.
    pub seconds: f64,
    /// What became of records.
    #[serde(flatten)]
    pub counts: Counts,
    /// Requests sent to the source.
    pub calls: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Bytes of bodies as they came over the wire.
    pub wire_bytes: u64,
    /// The earliest instant before which every stream is settled.
    pub settled_until: Option<Timestamp>,
    /// What ended it, or the first thing that kept a stream from being complete.
    pub error: Option<EntryError>,
    /// What each stream did.
    pub streams: Vec<StreamLine>,
}

/// A stream of a run's line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamLine {
    /// The stream.
    pub stream: String,
    /// Records read.
    pub read: u64,
    /// Rows that are new.
    pub new: u64,
    /// Rows that have changed.
    pub changed: u64,
    /// Rows marked as deleted.
    pub deleted: u64,
    /// Records that went to quarantine.
    pub quarantined: u64,
    /// Everything that the source changed before this instant is in the warehouse.
    pub settled_until: Option<Timestamp>,
    /// Why it is not complete: the code.
    pub error: Option<String>,
}

impl RunLine {
    /// Of a run as the ledger has it; `exit_code` is that of the process, where it is known.
    pub fn of(entry: &RunEntry, exit_code: Option<u8>) -> Self {
        let ended = entry.ended.or(entry.written);
        Self {
            run_id: Some(entry.run_id.clone()),
            pipeline: entry.pipeline.clone(),
            kind: entry.kind,
            occurrence: entry.occurrence.clone(),
            attempt: entry.attempt,
            outcome: entry.outcome,
            exit_code: exit_code.or(entry.exit_code).unwrap_or(0),
            began: Some(entry.began),
            ended,
            seconds: ended.map_or(0.0, |ended| ended.since(entry.began).as_secs_f64()),
            counts: entry.counts(),
            calls: entry.traffic.requests(),
            retries: entry.traffic.retried(),
            wire_bytes: entry.traffic.wire_bytes(),
            settled_until: entry.settled_until(),
            error: entry.error.clone(),
            streams: entry
                .streams
                .iter()
                .map(|stream| StreamLine {
                    stream: stream.stream.clone(),
                    read: stream.counts.read,
                    new: stream.counts.new,
                    changed: stream.counts.changed,
                    deleted: stream.counts.deleted,
                    quarantined: stream.counts.quarantined,
                    settled_until: stream.settled_until,
                    error: stream.error.as_ref().map(|error| error.code.clone()),
                })
                .collect(),
        }
    }

    /// Of a run that did not begin: its pipeline cannot be used as it stands, or another run has it and the ledger cannot be written.
    pub fn not_begun(pipeline: &str, kind: RunKind, error: Option<&Error>, exit_code: u8) -> Self {
        Self {
            run_id: None,
            pipeline: pipeline.to_owned(),
            kind,
            occurrence: None,
            attempt: 1,
            outcome: match error.map(Error::kind) {
                Some(ErrorKind::Interrupted) => Outcome::Interrupted,
                Some(ErrorKind::Locked) => Outcome::Refused,
                _ => Outcome::Failed,
            },
            exit_code,
            began: None,
            ended: None,
            seconds: 0.0,
            counts: Counts::default(),
            calls: 0,
            retries: 0,
            wire_bytes: 0,
            settled_until: None,
            error: error.map(crate::ledger::entry_error),
            streams: Vec::new(),
        }
    }
}

impl std::fmt::Display for RunLine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.pipeline, self.outcome.word())?;
        if self.kind != RunKind::Run {
            write!(formatter, " ({})", self.kind.words())?;
        }
        if self.exit_code != 0 {
            write!(formatter, ", exit code {}", self.exit_code)?;
        }
        if let Some(error) = &self.error {
            write!(formatter, ", {}", error.code)?;
        }
        if self.began.is_some() && self.outcome != Outcome::Refused {
            let Counts { new, changed, deleted, quarantined, .. } = self.counts;
            let parts = [(new, "new"), (changed, "changed"), (deleted, "deleted"), (quarantined, "quarantined")];
            for (count, word) in parts {
                write!(formatter, ", {} {word}", amount(count))?;
            }
            let took = std::time::Duration::try_from_secs_f64(self.seconds).unwrap_or_default();
            write!(formatter, ", {} {}, {}", amount(self.calls), if self.calls == 1 { "call" } else { "calls" }, span(took))?;
            if let Some(until) = self.settled_until {
                write!(formatter, ", settled until {}", moment(until))?;
            }
        }
        match &self.run_id {
            Some(run_id) => write!(formatter, " [{run_id}]"),
            None => Ok(()),
        }
    }
}

/// Appends a value as one JSON line to a file, which is made where it is missing. Several processes may append to one file: each line is
/// written whole, under the file's lock, and a line that a killed process left unfinished is ended first.
///
/// # Errors
/// `AQ1012` when the file cannot be written to.
pub fn append<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let cannot = |error: std::io::Error| unwritable(path, &error);
    let mut line = serde_json::to_vec(value).map_err(|_| Error::new(codes::BUG, "a summary cannot be written as JSON"))?;
    line.push(b'\n');
    let mut file = open(path)?;
    // Gone with the file: a process that ends gives it back however it ends.
    file.lock().map_err(cannot)?;
    if ends_within_a_line(&mut file).map_err(cannot)? {
        line.insert(0, b'\n');
    }
    file.write_all(&line).map_err(cannot)
}

/// Whether lines can be appended to a file, which is made where it is missing: asked before the work whose line it gets.
///
/// # Errors
/// As [`append`].
pub fn check(path: &Path) -> Result<()> {
    open(path).map(|_| ())
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).append(true).create(true).open(path).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(codes::FILE_UNREADABLE, format!("`{}` cannot be written to ({})", path.display(), error.kind()))
        .advise("Name a file in a folder that this user may write to.")
}

fn ends_within_a_line(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_of_many_writers_stay_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.jsonl");
        std::fs::write(&path, "{\"torn\":").unwrap();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for number in 0..50 {
                        let text = "x".repeat(number * 300);
                        append(path, &serde_json::json!({"writer": writer, "number": number, "text": text})).unwrap();
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("{\"torn\":"));
        let whole: Vec<serde_json::Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(whole.len(), 400);
        for writer in 0..8 {
            let numbers: Vec<u64> =
                whole.iter().filter(|line| line["writer"] == writer).filter_map(|line| line["number"].as_u64()).collect();
            assert_eq!(numbers, (0..50).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn a_run_that_did_not_begin_says_why() {
        let error = Error::new(codes::MISSING_VARIABLE, "`TOKEN` is not set");
        let line = RunLine::not_begun("crm", RunKind::Run, Some(&error), error.exit_code());
        assert_eq!(line.to_string(), format!("crm: failed, exit code 2, {}", codes::MISSING_VARIABLE.id));
        assert!(append(Path::new("/nowhere/at/all"), &line).unwrap_err().to_string().contains("/nowhere/at/all"));
    }
}
