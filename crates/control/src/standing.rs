//! Where the schedule of a pipeline stands: how far it has been looked at, what is open, whether it is paused, how it went last.

use aqueduct_schema::Timestamp;
use serde::{Deserialize, Serialize};

use crate::occurrence::{Exit, Occurrence, Skipped, State, Why};

/// Ended pauses that are remembered; they matter only to a scheduler that was away meanwhile.
const PAUSES: usize = 20;

/// The document of a pipeline's schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Up to when, this instant included, it is known what fell due.
    pub looked_at: Timestamp,
    /// The schedule by which it was looked at, in a form that tells one from another.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// What fell due and is not over, in order. What is here has its document only once something happens to it, so both cannot disagree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Open>,
    /// The pause it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// Earlier pauses, for what is not looked at yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<(Timestamp, Timestamp)>,
    /// The last occurrence that was run and is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Outcome>,
    /// When a run last ended with exit code 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_at: Option<Timestamp>,
    /// Occurrences in a row that were run and did not end well.
    #[serde(default)]
    pub failures: u32,
    /// The last occurrence that was not run, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<(Timestamp, Skipped)>,
}

/// An occurrence that fell due and is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// When it fell due.
    pub at: Timestamp,
    /// When it may start, where jitter or a black-out put that off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Timestamp>,
    /// Whether nobody was there when it fell due, and the catch-up policy runs it all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// Who asked for it, where it was not the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// Why it is not to be run; its document has yet to be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Skipped>,
}

impl Open {
    /// One that is to be run at its own time.
    pub fn new(at: Timestamp) -> Self {
        Self { at, start_at: None, late: false, asked_by: None, skipped: None }
    }

    /// When it may start.
    pub fn starts_at(&self) -> Timestamp {
        self.start_at.unwrap_or(self.at)
    }
}

/// A pause that a person asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// Who or what paused it: `command line`, `http`.
    pub by: String,
    /// Why, in that person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How an occurrence that was run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// When it fell due.
    pub at: Timestamp,
    /// When its last run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// When its last run ended.
    pub ended_at: Timestamp,
    /// Its last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// How that ended.
    #[serde(flatten)]
    pub exit: Exit,
    /// How many attempts there were.
    pub attempts: u32,
}

impl Outcome {
    /// Of an occurrence that was run and is over.
    pub fn of(occurrence: &Occurrence) -> Option<Self> {
        let State::Ended(ended) = &occurrence.state else { return None };
        let last = occurrence.attempts.last();
        Some(Self {
            at: occurrence.at,
            began_at: last.map(|last| last.began_at),
            ended_at: ended.ended_at,
            run_id: ended.run_id.clone(),
            exit: last.map(|last| last.exit.clone()).unwrap_or_default(),
            attempts: occurrence.tally.attempts,
        })
    }
}

/// What closes an open occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// It was run.
    Ran(Outcome),
    /// It was not.
    Skipped(Skipped),
}

impl Standing {
    /// Of a schedule that is looked at for the first time: nothing before fell due.
    pub fn new(looked_at: Timestamp) -> Self {
        Self {
            looked_at,
            by: String::new(),
            open: Vec::new(),
            paused: None,
            pauses: Vec::new(),
            last: None,
            last_success_at: None,
            failures: 0,
            skipped: None,
        }
    }

    /// Since when a pause went on in which an instant lies.
    pub fn paused_at(&self, instant: Timestamp) -> bool {
        self.paused.as_ref().is_some_and(|pause| pause.since <= instant)
            || self.pauses.iter().any(|(since, until)| *since <= instant && instant < *until)
    }
}

/// What somebody saw who looked at a schedule.
#[derive(Clone, Debug)]
pub struct Look {
    /// Up to when it had been looked at before.
    pub from: Timestamp,
    /// Up to when it is looked at now.
    pub until: Timestamp,
    /// The schedule, in a form that tells one from another.
    pub by: String,
    /// What fell due between, in order.
    pub fell_due: Vec<Open>,
}

/// Notes what fell due. Nothing where somebody else has looked meanwhile.
pub fn look(stored: Option<Standing>, seen: &Look) -> Option<Standing> {
    let mut standing = stored.unwrap_or_else(|| Standing::new(seen.from));
    if standing.looked_at != seen.from || seen.until < seen.from {
        return None;
    }
    standing.looked_at = seen.until;
    standing.by.clone_from(&seen.by);
    standing.pauses.retain(|(_, ended)| *ended > seen.until);
    for open in &seen.fell_due {
        if standing.open.iter().all(|other| other.at != open.at) {
            standing.open.push(open.clone());
        }
    }
    standing.open.sort_by_key(|open| open.at);
    Some(standing)
}

/// Adds an occurrence that a person asks for. Nothing where one is open.
pub fn ask(stored: Option<Standing>, at: Timestamp, by: &str) -> Option<Standing> {
    let mut standing = stored.unwrap_or_else(|| Standing::new(at));
    if !standing.open.is_empty() {
        return None;
    }
    standing.open.push(Open { asked_by: Some(by.to_owned()), ..Open::new(at) });
    Some(standing)
}

/// Takes an occurrence that is over from the open ones. Nothing where somebody else has done so.
pub fn close(stored: Option<Standing>, at: Timestamp, how: &Closing) -> Option<Standing> {
    let mut standing = stored?;
    let before = standing.open.len();
    standing.open.retain(|open| open.at != at);
    if standing.open.len() == before {
        return None;
    }
    match how {
        Closing::Skipped(skipped) => standing.skipped = Some((at, skipped.clone())),
        Closing::Ran(outcome) => {
            if outcome.exit.code == Some(0) {
                standing.last_success_at = Some(outcome.ended_at);
                standing.failures = 0;
            } else {
                standing.failures = standing.failures.saturating_add(1);
            }
            standing.last = Some(outcome.clone());
        }
    }
    Some(standing)
}

/// Begins a pause. Nothing where there is one.
pub fn pause(stored: Option<Standing>, pause: &Pause) -> Option<Standing> {
    let standing = stored.unwrap_or_else(|| Standing::new(pause.since));
    standing.paused.is_none().then(|| Standing { paused: Some(pause.clone()), ..standing })
}

/// Ends the pause. Nothing where there is none.
pub fn resume(stored: Option<Standing>, at: Timestamp) -> Option<Standing> {
    let mut standing = stored?;
    let pause = standing.paused.take()?;
    if standing.looked_at < at {
        standing.pauses.push((pause.since, at));
        if standing.pauses.len() > PAUSES {
            standing.pauses.remove(0);
        }
    }
    Some(standing)
}

impl Skipped {
    /// Whether the policy of the pipeline left it out because nobody scheduled.
    pub fn is_missed(&self) -> bool {
        self.why == Why::CatchUp
    }
}
