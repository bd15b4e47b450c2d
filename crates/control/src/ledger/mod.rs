//! The ledger of runs: one entry for each, written when it begins, while it goes on, and at its end, also where it never came to its
//! warehouse.

mod keeping;

use aqueduct_schema::{Reading, Timestamp, Traffic};
use serde::{Deserialize, Serialize};

use crate::counts::Counts;
use crate::holder::Holder;

pub use keeping::{RunFilter, RunRetention};

/// One run, as far as it has come.
///
/// Dates are by the pipeline's clock, which is the machine's. Nothing in an entry came from a record: names of streams, counts, times,
/// and errors by their code and sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEntry {
    /// The run's id: unique, and sortable by the time of its beginning.
    pub run_id: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// What was asked for.
    pub kind: RunKind,
    /// What it was asked to do differently from a plain run, in the words of the command line, for example `--full-refresh`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The time of its schedule that it was started for, where a scheduler started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<String>,
    /// Which attempt it is at that occurrence, from 1.
    #[serde(default = "first")]
    pub attempt: u32,
    /// The process that carries it out, and its machine.
    pub holder: Holder,
    /// Aqueduct's version.
    #[serde(default)]
    pub version: String,
    /// The connector's name.
    #[serde(default)]
    pub connector: String,
    /// The destination, without user and password.
    #[serde(default)]
    pub destination: String,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; absent while it runs, and for a run that was interrupted without a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// When the entry was last written, by the control store's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Timestamp>,
    /// Until when a run that is not heard of counts as running, by the control store's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alive_until: Option<Timestamp>,
    /// What it is doing, or how it ended. A stored [`Outcome::Running`] is read as [`Outcome::Interrupted`] once its process is gone or
    /// was not heard of in time.
    pub outcome: Outcome,
    /// The exit code of its process; absent while it runs, and where nobody saw the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// What ended it as a whole, or the first thing that kept a stream from being complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<EntryError>,
    /// Whether it was recorded in its warehouse too.
    #[serde(default)]
    pub in_warehouse: bool,
    /// What each stream did, in the order of reading.
    #[serde(default)]
    pub streams: Vec<StreamEntry>,
    /// What was exchanged with the source by everything together: streams, looking for fields, counts, tokens.
    #[serde(default)]
    pub traffic: Traffic,
    /// What the source has changed in its streams and fields, a sentence each; the first [`RunEntry::MOST_CHANGES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema_changes: Vec<String>,
    /// What the process took.
    #[serde(default)]
    pub process: ProcessUse,
}

/// What a stream did in a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamEntry {
    /// The stream.
    pub stream: String,
    /// Whether it has ended; false while it is read, and for one whose run was interrupted without a word.
    pub ended: bool,
    /// Why it is not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<EntryError>,
    /// The readings that were made: way, first instant and end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<Reading>,
    /// What became of its records.
    #[serde(flatten)]
    pub counts: Counts,
    /// Loads committed.
    pub loads: u64,
    /// Rows inserted, updated or marked as deleted, in all tables.
    pub rows_written: u64,
    /// Bytes of the columns that were handed to the destination, as they are in memory.
    pub bytes_written: u64,
    /// Whether its state has moved, so that the next run begins at another place.
    pub state_moved: bool,
    /// Everything that the source changed before this instant is in the warehouse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_until: Option<Timestamp>,
    /// For a backfill: windows that are done and windows in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<(u64, u64)>,
    /// What it exchanged with the source.
    pub traffic: Traffic,
}

/// An error as it may be stored: no value from a record or a secret is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EntryError {
    /// The code, for example `AQ2001`.
    pub code: String,
    /// What happened, with code, place and facts, in a line.
    pub message: String,
    /// Whether data is affected.
    pub data: String,
    /// What to do now.
    pub next: String,
}

/// What the process of a run took from its machine. Where a process carries out several runs, the peak is that of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessUse {
    /// The most memory it held at once, in bytes (`VmHWM`); absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// Processor time since the run began, in milliseconds, of all its threads; absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
}

/// What a run was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// `aqueduct run`.
    Run,
    /// `aqueduct run --dry-run`: nothing is stored but this entry.
    DryRun,
    /// `aqueduct backfill`.
    Backfill,
    /// `aqueduct reconcile`, with or without a repair.
    Reconcile,
    /// `aqueduct renormalise`.
    Renormalise,
    /// `aqueduct quarantine replay`.
    QuarantineReplay,
    /// `aqueduct quarantine discard`.
    QuarantineDiscard,
    /// `aqueduct identity resolve`, `merge` and `unmerge`.
    Identity,
}

impl RunKind {
    /// The words of the command.
    pub fn words(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::DryRun => "dry run",
            Self::Backfill => "backfill",
            Self::Reconcile => "reconcile",
            Self::Renormalise => "renormalise",
            Self::QuarantineReplay => "quarantine replay",
            Self::QuarantineDiscard => "quarantine discard",
            Self::Identity => "identity",
        }
    }
}

/// What a run is doing, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is under way.
    Running,
    /// Everything it was to do is done.
    Ok,
    /// Some of it is done; exit code 4 to 8.
    Partial,
    /// It failed.
    Failed,
    /// A signal ended it after a checkpoint, or its process is gone without a word.
    Interrupted,
    /// It did not begin, because another run had the pipeline (exit code 9). No run by which a pipeline is judged.
    Refused,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [Self::Running, Self::Ok, Self::Partial, Self::Failed, Self::Interrupted, Self::Refused];

    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
        }
    }
}

impl RunEntry {
    /// Changes of a source that an entry holds at most; the warehouse has all of them.
    pub const MOST_CHANGES: usize = 50;

    /// Of a plain run that begins now and of which nothing more is known.
    pub fn begun(run_id: String, pipeline: String, began: Timestamp) -> Self {
        Self {
            holder: Holder::this(&run_id),
            run_id,
            pipeline,
            kind: RunKind::Run,
            options: Vec::new(),
            occurrence: None,
            attempt: first(),
            version: String::new(),
            connector: String::new(),
            destination: String::new(),
            began,
            ended: None,
            written: None,
            alive_until: None,
            outcome: Outcome::Running,
            exit_code: None,
            error: None,
            in_warehouse: false,
            streams: Vec::new(),
            traffic: Traffic::default(),
            schema_changes: Vec::new(),
            process: ProcessUse::default(),
        }
    }

    /// What became of the records of all streams.
    pub fn counts(&self) -> Counts {
        self.streams.iter().map(|stream| stream.counts).sum()
    }

    /// The sum of something over all streams.
    pub fn sum(&self, of: impl Fn(&StreamEntry) -> u64) -> u64 {
        self.streams.iter().map(of).sum()
    }

    /// The earliest instant before which every stream that has one is settled.
    pub fn settled_until(&self) -> Option<Timestamp> {
        self.streams.iter().filter_map(|stream| stream.settled_until).min()
    }

    /// How long it took, or has taken by now, the store's time.
    pub fn duration(&self, now: Timestamp) -> std::time::Duration {
        let end = match self.outcome {
            Outcome::Running => Some(now),
            _ => self.ended.or(self.written),
        };
        end.unwrap_or(self.began).since(self.began)
    }

    /// The entry as it is now, by the store's time: one that calls itself running although its process is gone, or was not heard of in
    /// time, was interrupted.
    #[must_use]
    pub fn as_of(mut self, now: Timestamp) -> Self {
        let late = self.alive_until.is_some_and(|until| until <= now);
        if self.outcome == Outcome::Running && (late || self.holder.is_gone()) {
            self.outcome = Outcome::Interrupted;
        }
        self
    }
}

fn first() -> u32 {
    1
}
