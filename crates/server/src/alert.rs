//! What is worth telling a person: the events that the scheduler and the judge of streams raise.

use aqueduct_pipeline::schema::Timestamp;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Who is told of events. Raising never fails: an alert that cannot be stored or sent is a line in the log, and no run waits for it.
#[async_trait]
pub trait Alerts: Send + Sync {
    /// Tells of an event. May be called for every event: what lasts is told once, and recoveries from nothing are not told at all.
    async fn raise(&self, alert: Alert);
}

/// Nobody is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAlerts;

#[async_trait]
impl Alerts for NoAlerts {
    async fn raise(&self, _: Alert) {}
}

/// An event, and what it is about. Nothing in it may be personal or a secret: it is stored, sent and logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// When.
    pub at: Timestamp,
    /// The pipeline it is about.
    pub pipeline: String,
    /// The stream it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The run it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

impl Alert {
    /// An event of a pipeline.
    pub fn new(event: Event, pipeline: impl Into<String>, at: Timestamp) -> Self {
        Self { event, at, pipeline: pipeline.into(), stream: None, run: None }
    }

    /// Names the stream.
    #[must_use]
    pub fn of_stream(mut self, stream: impl Into<String>) -> Self {
        self.stream = Some(stream.into());
        self
    }

    /// Names the run.
    #[must_use]
    pub fn of_run(mut self, run: impl Into<String>) -> Self {
        self.run = Some(run.into());
        self
    }
}

/// What happened. The scheduler raises those of runs, occurrences and files; those of streams are judged from the ledger by the alerts
/// themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run ended with another exit code than 0, and either will be tried again or belongs to a pipeline without retries. Runs that
    /// ended with 9 (another run has the pipeline) or because the scheduler stopped them are no failures and not raised.
    RunFailed {
        /// The exit code of the process; 7 is told as a quota that is used up.
        exit_code: u8,
        /// The code of the error, where one is known, for example `AQ3003`.
        code: Option<String>,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// When it will be tried again; absent when it will not.
        retry_at: Option<Timestamp>,
    },
    /// The last attempt of a run failed. Raised in place of `RunFailed` for that attempt.
    RetriesExhausted {
        /// The exit code of the process.
        exit_code: u8,
        /// The code of the error, where one is known.
        code: Option<String>,
        /// How many attempts were made.
        attempts: u32,
    },
    /// A run ended with exit code 0. Ends what was told of failed runs, used-up quotas and missed occurrences of its pipeline.
    Recovered,
    /// The day's quota of the source is used up; the run stopped after a checkpoint.
    QuotaExhausted {
        /// When there is quota again, where it is known.
        renewed_at: Option<Timestamp>,
    },
    /// An occurrence was not run, and the catch-up policy leaves it out: nobody scheduled when it fell due.
    OccurrenceMissed {
        /// When it fell due; of several the first.
        due_at: Timestamp,
        /// How many in a row.
        count: u64,
    },
    /// An occurrence was not run on purpose.
    OccurrenceSkipped {
        /// When it fell due.
        due_at: Timestamp,
        /// Why: `overlap`, `blackout`, `dependency`, in one word.
        reason: String,
    },
    /// A pipeline file cannot be used.
    FileBroken {
        /// The code of the error.
        code: String,
        /// The file.
        file: String,
        /// The line, where it is known.
        line: Option<u64>,
        /// The column, where it is known.
        column: Option<u64>,
    },
    /// A pipeline file can be used again.
    FileMended,
    /// Everything the source changed up to an instant is here, and that instant is longer ago than the bound.
    StreamStale {
        /// The instant; absent when the stream has never been complete.
        settled_until: Option<Timestamp>,
        /// The bound in seconds.
        bound_seconds: u64,
    },
    /// The stream is within its bound again.
    StreamFresh,
    /// More records than the bound are in quarantine.
    QuarantineHigh {
        /// Records of the run that are in quarantine.
        quarantined: u64,
        /// Records that the run read.
        read: u64,
        /// The bound, as a part of the records read.
        bound: f64,
    },
    /// The quarantine of a run is within its bound again.
    QuarantineLow,
    /// The source has other fields than before.
    SchemaChanged {
        /// How many changes.
        changes: u64,
        /// Whether a contract holds the stream back until somebody accepts them.
        frozen: bool,
    },
}

/// How bad it is. In order, from the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody should look at it during the day.
    Warning,
    /// Data is late or wrong until somebody does something. Goes through quiet hours.
    Critical,
}
