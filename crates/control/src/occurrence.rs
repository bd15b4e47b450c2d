//! Occurrences: the times at which the schedules of pipelines fall due, each of which is run once.

use std::fmt;
use std::str::FromStr;

use aqueduct_schema::{Error, Result, Timestamp, codes};
use serde::{Deserialize, Serialize};

use crate::holder::Holder;

/// Which occurrence: a pipeline and the time for which it is run. Written as `hubspot/2026-11-22T12:00:00Z`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OccurrenceId {
    /// The pipeline's name.
    pub pipeline: String,
    /// The time at which its schedule fell due, in whole seconds.
    pub at: Timestamp,
}

impl OccurrenceId {
    /// Of a pipeline, at a time that is rounded down to the second.
    pub fn new(pipeline: impl Into<String>, at: Timestamp) -> Self {
        Self { pipeline: pipeline.into(), at: Timestamp::from_seconds(at.microseconds().div_euclid(1_000_000)) }
    }
}

impl fmt::Display for OccurrenceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.pipeline, self.at)
    }
}

impl FromStr for OccurrenceId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::new(codes::BAD_USAGE, format!("`{text}` is not an occurrence, which is PIPELINE/2026-11-22T12:00:00Z"));
        let (pipeline, at) = text.rsplit_once('/').ok_or_else(wrong)?;
        let at: Timestamp = at.parse().map_err(|_| wrong())?;
        let id = Self::new(pipeline, at);
        if pipeline.is_empty() || id.at != at { Err(wrong()) } else { Ok(id) }
    }
}

/// The document of an occurrence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The pipeline's name.
    pub pipeline: String,
    /// The time at which its schedule fell due.
    pub at: Timestamp,
    /// Where it stands.
    #[serde(flatten)]
    pub state: State,
    /// What holds for its further attempts.
    #[serde(default)]
    pub terms: Terms,
    /// The attempts that are over, the latest last; of many only the latest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// How many attempts of each kind there were.
    #[serde(default)]
    pub tally: Tally,
}

impl Occurrence {
    /// Which one it is.
    pub fn id(&self) -> OccurrenceId {
        OccurrenceId { pipeline: self.pipeline.clone(), at: self.at }
    }

    /// Whether nothing happens to it any more.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Ended(_) | State::Skipped(_))
    }

    /// The claim, where it is claimed.
    pub fn claim(&self) -> Option<&Claim> {
        if let State::Claimed(claim) = &self.state { Some(claim) } else { None }
    }

    /// The run, where one is under way.
    pub fn run(&self) -> Option<&Begun> {
        if let State::Begun(run) = &self.state { Some(run) } else { None }
    }
}

/// Where an occurrence stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It waits to be started.
    Due {
        /// Not before this, where an attempt before came to nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
    },
    /// A scheduler starts its run.
    Claimed(Claim),
    /// Its run is under way.
    Begun(Begun),
    /// Its last run is over.
    Ended(Ended),
    /// It was not run.
    Skipped(Skipped),
}

/// What a scheduler has while it starts a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The scheduler's name.
    pub instance: String,
    /// Its process; the run it is at is empty.
    pub holder: Holder,
    /// Which attempt it starts, from 1.
    pub attempt: u32,
    /// Since when, by the scheduler's time.
    pub since: Timestamp,
    /// Until when, unless it is renewed, by the store's time.
    pub until: Timestamp,
}

/// A run under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The scheduler that started it.
    pub instance: String,
    /// Its process and its id.
    pub holder: Holder,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// Since when, by the scheduler's time.
    pub since: Timestamp,
    /// When it counts as dead unless it is heard of, by the store's time.
    pub until: Timestamp,
    /// Why it was asked to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
}

/// Why a scheduler stops a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The next occurrence is due, and the overlap policy is `cancel`.
    Overlap,
    /// It has taken longer than its schedule allows.
    Timeout,
    /// The scheduler itself stops; the run goes on from its checkpoint when a scheduler is there again.
    Shutdown,
}

/// An attempt that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// The scheduler that started it.
    pub instance: String,
    /// The run, unless the process ended before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// When it began, by the scheduler's time.
    pub began_at: Timestamp,
    /// When it was over, by the scheduler's time.
    pub ended_at: Timestamp,
    /// How it ended.
    #[serde(flatten)]
    pub exit: Exit,
    /// Why it was asked to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code; absent where the process died without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
    /// The code of its error, for example `AQ3003`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When trying again may help, where the source has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Timestamp>,
}

impl Exit {
    /// With an exit code and nothing more to say.
    pub fn with(code: u8) -> Self {
        Self { code: Some(code), ..Self::default() }
    }
}

/// The end of an occurrence that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The exit code of its last run; absent where the process died without one.
    pub exit_code: Option<u8>,
    /// Its last run, where there was one.
    pub run_id: Option<String>,
    /// When, by the scheduler's time.
    pub ended_at: Timestamp,
}

/// Why an occurrence, or several in a row, were not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The reason.
    pub why: Why,
    /// What it was about, where there is more to say: the pipeline that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// How many occurrences this stands for, from the one it is the document of to `last`.
    pub count: u64,
    /// The last of them.
    pub last: Timestamp,
    /// When that was decided, by the scheduler's time.
    pub decided_at: Timestamp,
}

/// Reasons for which an occurrence is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The one before was still under way, or waited.
    Overlap,
    /// It fell due while no scheduler ran.
    CatchUp,
    /// It fell into a black-out.
    Blackout,
    /// The pipeline was paused.
    Paused,
    /// A pipeline that it comes after did not end well.
    Dependency,
}

impl Why {
    /// The reason in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::CatchUp => "catch_up",
            Self::Blackout => "blackout",
            Self::Paused => "paused",
            Self::Dependency => "dependency",
        }
    }
}

/// What holds for further attempts, as the schedule said when the occurrence was claimed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How often a run that fails is tried again.
    pub retries: u32,
    /// Seconds before the first further attempt; twice as long each time.
    pub backoff_seconds: u64,
    /// The longest wait in seconds.
    pub most_seconds: u64,
}

/// How many attempts of each kind there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All of them.
    pub attempts: u32,
    /// Runs that ended with an error.
    pub failed: u32,
    /// Runs that died, or that somebody else than the scheduler stopped.
    pub lost: u32,
    /// Runs in a row that another run of the pipeline kept from beginning.
    pub held: u32,
    /// Runs in a row whose source had no quota left and did not say until when.
    #[serde(default)]
    pub spent: u32,
}
