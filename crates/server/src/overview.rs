//! What the scheduler tells of itself: everything that the HTTP pages, the metrics and the alerts know of it, and what they may ask.

use std::time::Duration;

use aqueduct_pipeline::schema::{Error, Result, Timestamp};
use async_trait::async_trait;
use serde::Serialize;

/// The scheduler as others see it. Its answers come from memory where they can: they are asked for by every scrape.
#[async_trait]
pub trait Overview: Send + Sync {
    /// The scheduler's time: the machine's, or that of a test.
    fn now(&self) -> Timestamp;

    /// How the loop does. Answers from memory and without a lock that is held over a wait, so that it answers when nothing else does.
    fn heartbeat(&self) -> Heartbeat;

    /// Whether the scheduler can do its work. Asks the control store.
    async fn readiness(&self) -> Readiness;

    /// All pipelines ordered by name, those whose files are broken among them.
    ///
    /// # Errors
    /// `AQ4004` when the control store has to be asked and does not answer.
    async fn pipelines(&self) -> Result<Vec<PipelineStatus>>;

    /// One pipeline, if there is one of that name.
    ///
    /// # Errors
    /// As [`Overview::pipelines`].
    async fn pipeline(&self, name: &str) -> Result<Option<PipelineStatus>> {
        Ok(self.pipelines().await?.into_iter().find(|status| status.name == name))
    }

    /// Asks for something to be done with a pipeline.
    ///
    /// # Errors
    /// `AQ4004` when the control store does not answer.
    async fn ask(&self, pipeline: &str, wish: Wish) -> Result<Outcome>;
}

/// How the scheduler's loop does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Heartbeat {
    /// When the server began.
    pub started_at: Timestamp,
    /// When the loop last went round.
    pub ticked_at: Timestamp,
    /// How long the loop may take to go round once before it counts as stuck.
    #[serde(skip)]
    pub patience: Duration,
}

/// Whether the scheduler can do its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether everything below is well.
    pub ready: bool,
    /// What was looked at, the control store first.
    pub checks: Vec<Check>,
}

impl Readiness {
    /// From what was looked at.
    pub fn of(checks: Vec<Check>) -> Self {
        Self { ready: checks.iter().all(|check| check.ok), checks }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is: `control_store`, `scheduler`, `pipeline_files`, or `pipeline_file` with its name in `subject`.
    pub name: String,
    /// Which one of its kind, where there are several: a pipeline's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Whether it is well.
    pub ok: bool,
    /// Why not, and what to do: an error's line and its advice. No secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// An error as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The stable code, for example `AQ1003`.
    pub code: String,
    /// What happened, in one line.
    pub message: String,
    /// What to do now.
    pub advice: String,
    /// The file, as the person named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column in the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let place = error.location();
        Self {
            code: error.code().id.to_owned(),
            message: error.to_string(),
            advice: error.advice().to_owned(),
            file: place.map(|place| place.file.clone()),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column).filter(|column| *column > 0),
        }
    }
}

/// A pipeline as the scheduler sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PipelineStatus {
    /// Its name.
    pub name: String,
    /// Its file, as the scheduler reads it.
    pub file: String,
    /// The connector of its source; absent when the file is broken.
    pub connector: Option<String>,
    /// What it is doing.
    pub state: PipelineState,
    /// Its schedule in words, for example `every day at 06:00 in Europe/London`; absent for one that nothing but a person starts.
    pub schedule: Option<String>,
    /// The pipelines whose runs it waits for.
    pub after: Vec<String>,
    /// When it falls due next; absent without a schedule, while it is paused, and when its file is broken.
    pub next: Option<Timestamp>,
    /// Since when it is paused, and who or what paused it (`pipeline file`, `command line`, `http`).
    pub paused: Option<Paused>,
    /// How the last run that ended did.
    pub last: Option<LastRun>,
    /// When the last run that ended with exit code 0 ended.
    pub last_success_at: Option<Timestamp>,
    /// The runs under way, the oldest first.
    pub running: Vec<Running>,
    /// How many occurrences are due and wait: for the run before, for other pipelines, for a place, or for the end of a black-out.
    pub queued: u64,
    /// What is wrong with its file.
    pub problem: Option<Problem>,
    /// What became of occurrences since this server began.
    pub occurrences: Occurrences,
}

/// What a pipeline is doing. Written in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PipelineState {
    /// It waits for its next time, or for a person where it has no schedule.
    Idle,
    /// An occurrence is due and waits.
    Queued,
    /// A run is under way.
    Running,
    /// The last run failed and will be tried again.
    Retrying,
    /// It is paused.
    Paused,
    /// Its file is broken, so nothing is started.
    Broken,
}

impl PipelineState {
    /// All states.
    pub const ALL: [Self; 6] = [Self::Idle, Self::Queued, Self::Running, Self::Retrying, Self::Paused, Self::Broken];

    /// The state in snake case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Paused => "paused",
            Self::Broken => "broken",
        }
    }
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paused {
    /// Since when, where it is known.
    pub since: Option<Timestamp>,
    /// Who or what paused it.
    pub by: String,
}

/// A run that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// Its id in the ledger; absent for one that ended before it had one.
    pub run: Option<String>,
    /// The time for which it was started.
    pub due_at: Option<Timestamp>,
    /// When it began.
    pub began_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The exit code of its process.
    pub exit_code: u8,
}

/// A run under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Running {
    /// Its id in the ledger; absent until it has one.
    pub run: Option<String>,
    /// The time for which it was started; absent for one that a person started.
    pub due_at: Option<Timestamp>,
    /// When it began.
    pub began_at: Timestamp,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The machine that it runs on.
    pub host: String,
    /// The number of its process there.
    pub process: Option<u32>,
}

/// What became of a pipeline's occurrences since the server began. Counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Occurrences {
    /// Runs that this server started, tries again among them.
    pub started: u64,
    /// Occurrences that were not run, because the run before was still under way.
    pub skipped_overlap: u64,
    /// Occurrences that were not run, because they fell due while nobody scheduled and the catch-up policy leaves them out.
    pub skipped_catch_up: u64,
    /// Occurrences that were not run for any other reason, such as a black-out.
    pub skipped_other: u64,
    /// Runs that were tried again.
    pub retried: u64,
    /// The sum of the seconds from the time at which occurrences fell due, jitter included, to the start of their runs.
    pub lateness_seconds_sum: f64,
    /// The seconds of lateness of the occurrence that was started last.
    pub lateness_seconds_last: f64,
}

impl Eq for Occurrences {}

/// Something to be done with a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Start no more runs by the schedule. What is running goes on.
    Pause,
    /// Start runs by the schedule again.
    Resume,
    /// Run it now, besides its schedule.
    Run,
}

/// What became of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, or for a run: it is queued. In words for the person who asked.
    Done(String),
    /// It was so already.
    Already(String),
    /// It cannot be done now, and why: a broken file, a run under way.
    Refused(String),
    /// There is no such pipeline; the nearest name where one is near.
    Unknown {
        /// The nearest name.
        nearest: Option<String>,
    },
}
