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
    /// A run ended with exit code 0. Ends what was told of failed runs and used-up quotas of its pipeline.
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

impl Severity {
    /// All of them, from the least.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// Its place in the order, as the control store keeps it.
    pub fn rank(self) -> u8 {
        self as u8
    }

    /// The severity of a place in the order; the highest for one that is unknown.
    pub fn of_rank(rank: u8) -> Self {
        Self::ALL.get(usize::from(rank)).copied().unwrap_or(Self::Critical)
    }

    /// The word in files and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl Event {
    /// The words of all events that open something, as files and messages have them.
    pub const WORDS: [&'static str; 9] = [
        "run_failed",
        "retries_exhausted",
        "quota_exhausted",
        "occurrence_missed",
        "occurrence_skipped",
        "file_broken",
        "stream_stale",
        "quarantine_high",
        "schema_changed",
    ];

    /// The event in files and messages. The end of a problem is `recovered`, whatever ended.
    pub fn word(&self) -> &'static str {
        match self {
            Self::RunFailed { .. } => "run_failed",
            Self::RetriesExhausted { .. } => "retries_exhausted",
            Self::QuotaExhausted { .. } => "quota_exhausted",
            Self::OccurrenceMissed { .. } => "occurrence_missed",
            Self::OccurrenceSkipped { .. } => "occurrence_skipped",
            Self::FileBroken { .. } => "file_broken",
            Self::StreamStale { .. } => "stream_stale",
            Self::QuarantineHigh { .. } => "quarantine_high",
            Self::SchemaChanged { .. } => "schema_changed",
            Self::Recovered | Self::FileMended | Self::StreamFresh | Self::QuarantineLow => "recovered",
        }
    }

    /// How severe it is, where nothing else is set.
    pub fn severity(&self) -> Severity {
        match self {
            Self::RunFailed { retry_at: Some(_), .. } => Severity::Warning,
            Self::RunFailed { .. } | Self::RetriesExhausted { .. } | Self::FileBroken { .. } | Self::OccurrenceMissed { .. } => {
                Severity::Critical
            }
            Self::StreamStale { .. } | Self::QuarantineHigh { .. } | Self::QuotaExhausted { .. } => Severity::Warning,
            Self::SchemaChanged { frozen: true, .. } => Severity::Critical,
            Self::SchemaChanged { .. } | Self::OccurrenceSkipped { .. } => Severity::Info,
            Self::Recovered | Self::FileMended | Self::StreamFresh | Self::QuarantineLow => Severity::Info,
        }
    }

    /// What is wrong, as a word under which it is kept; nothing for the end of something.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match self {
            Self::RunFailed { .. } | Self::RetriesExhausted { .. } => Some("run"),
            Self::QuotaExhausted { .. } => Some("quota"),
            Self::OccurrenceMissed { .. } => Some("missed"),
            Self::OccurrenceSkipped { .. } => Some("skipped"),
            Self::FileBroken { .. } => Some("file"),
            Self::StreamStale { .. } => Some("stale"),
            Self::QuarantineHigh { .. } => Some("quarantine"),
            Self::SchemaChanged { .. } => Some("schema"),
            Self::Recovered | Self::FileMended | Self::StreamFresh | Self::QuarantineLow => None,
        }
    }

    /// What it is the end of.
    pub(crate) fn ends(&self) -> &'static [&'static str] {
        match self {
            Self::Recovered => &["run", "quota"],
            Self::FileMended => &["file"],
            Self::StreamFresh => &["stale"],
            Self::QuarantineLow => &["quarantine"],
            _ => &[],
        }
    }

    /// Whether it lasts until its end is raised.
    pub(crate) fn lasts(&self) -> bool {
        !matches!(self, Self::OccurrenceMissed { .. } | Self::OccurrenceSkipped { .. } | Self::SchemaChanged { .. })
    }
}
