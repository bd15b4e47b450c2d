//! What the scheduler keeps of one pipeline between turns: a copy of what is stored, and what it has counted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use aqueduct_pipeline::control_store::occurrence::{Occurrence, State};
use aqueduct_pipeline::control_store::standing::{Open, Standing};
use aqueduct_pipeline::schema::Timestamp;
use aqueduct_schedule::Schedule;

use super::plans::Plan;
use crate::overview::{Occurrences, Problem};

/// A pipeline.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// What its file said when it could last be read; nothing when it never could.
    pub(super) plan: Option<Arc<Plan>>,
    /// What is wrong with its file now.
    pub(super) broken: Option<(PathBuf, Problem)>,
    /// Where its schedule stands.
    pub(super) standing: Option<Standing>,
    /// Whether its schedule was changed while this scheduler ran, so that it counts from now on.
    pub(super) is_changed: bool,
    /// When it falls due next.
    pub(super) next: Option<Timestamp>,
    /// The documents of open occurrences, as far as they have been read.
    pub(super) documents: BTreeMap<Timestamp, Occurrence>,
    /// What became of its occurrences since the scheduler began.
    pub(super) counts: Occurrences,
    /// Occurrences closed since old ones were last forgotten.
    pub(super) closed: u32,
}

/// What is to be done with an open occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It waits for its first attempt.
    Fresh,
    /// It waits for a further attempt.
    Again,
    /// A scheduler or a run has it.
    UnderWay,
    /// It is over, or is not to be run.
    Over,
}

impl Entry {
    /// The schedule it has now.
    pub(super) fn schedule(&self) -> Option<&Schedule> {
        self.plan.as_ref().and_then(|plan| plan.schedule.as_ref())
    }

    /// The open occurrences, the earliest first.
    pub(super) fn open(&self) -> &[Open] {
        self.standing.as_ref().map_or(&[], |standing| &standing.open)
    }

    /// What is to be done with an open occurrence.
    pub(super) fn phase(&self, open: &Open) -> Phase {
        if open.skipped.is_some() {
            return Phase::Over;
        }
        match self.documents.get(&open.at) {
            None => Phase::Fresh,
            Some(document) => match &document.state {
                State::Due { .. } if document.tally.attempts == 0 => Phase::Fresh,
                State::Due { .. } => Phase::Again,
                State::Claimed(_) | State::Begun(_) => Phase::UnderWay,
                State::Ended(_) | State::Skipped(_) => Phase::Over,
            },
        }
    }

    /// Takes over where a schedule stands now.
    pub(super) fn stands(&mut self, standing: Option<Standing>) {
        let Some(standing) = standing else { return };
        self.documents.retain(|at, _| standing.open.iter().any(|open| open.at == *at));
        self.standing = Some(standing);
    }

    /// Whether the pipeline is paused at an instant, by its file or by a person.
    pub(super) fn is_paused_at(&self, instant: Timestamp) -> bool {
        self.schedule().is_some_and(Schedule::paused) || self.standing.as_ref().is_some_and(|standing| standing.paused_at(instant))
    }

    /// The schedule in a form that tells one from another: what decides about when it falls due.
    pub(super) fn by(&self) -> String {
        self.schedule().map_or_else(String::new, |schedule| format!("{} ({})", schedule.words(), schedule.zone_name()))
    }
}
