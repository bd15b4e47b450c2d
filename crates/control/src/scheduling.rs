//! Schedules and occurrences in the control store.

use std::time::Duration;

use aqueduct_schema::{Result, Timestamp};

use crate::control::Control;
use crate::documents::Place;
use crate::holder::Holder;
use crate::occurrence::{Exit, Occurrence, OccurrenceId, Skipped, Stop};
use crate::occurrence_rules::{self as rules, Claimant};
use crate::standing::{self, Closing, Look, Pause, Standing};

const SCHEDULE: &str = "schedule";
const OCCURRENCE: &str = "occurrence";
/// More pipelines than one control store ever has.
const ALL: usize = 100_000;

/// A document after something was asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed<T> {
    /// Whether it was done; otherwise the document is as somebody else left it.
    pub done: bool,
    /// The document as it now is; absent where there is none.
    pub document: Option<T>,
}

impl Control {
    /// Where the schedules of all pipelines stand, by the pipelines' names.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn schedules(&self) -> Result<Vec<(String, Standing)>> {
        self.list(SCHEDULE, "", "~", ALL, false).await
    }

    /// Where the schedule of a pipeline stands; nothing where nobody has looked at it yet.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn schedule(&self, pipeline: &str) -> Result<Option<Standing>> {
        self.get(SCHEDULE, pipeline).await
    }

    /// Notes what fell due; done unless somebody else has looked meanwhile.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn look(&self, pipeline: &str, seen: &Look) -> Result<Changed<Standing>> {
        self.standing(pipeline, |stored| standing::look(stored, seen)).await
    }

    /// Adds an occurrence that a person asks for; done unless one is open.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn ask_for_run(&self, pipeline: &str, at: Timestamp, by: &str) -> Result<Changed<Standing>> {
        self.standing(pipeline, |stored| standing::ask(stored, at, by)).await
    }

    /// Takes an occurrence that is over from the open ones; done by one of those who try.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn close(&self, id: &OccurrenceId, how: &Closing) -> Result<Changed<Standing>> {
        self.standing(&id.pipeline, |stored| standing::close(stored, id.at, how)).await
    }

    /// Pauses a pipeline's schedule; done unless it is paused.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn pause_schedule(&self, pipeline: &str, pause: &Pause) -> Result<Changed<Standing>> {
        self.standing(pipeline, |stored| standing::pause(stored, pause)).await
    }

    /// Ends the pause of a pipeline's schedule; done if there was one.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn resume_schedule(&self, pipeline: &str, at: Timestamp) -> Result<Changed<Standing>> {
        self.standing(pipeline, |stored| standing::resume(stored, at)).await
    }

    /// An occurrence; nothing where nothing has happened to it yet.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn occurrence(&self, id: &OccurrenceId) -> Result<Option<Occurrence>> {
        self.get(OCCURRENCE, &id.to_string()).await
    }

    /// The latest occurrences of a pipeline at or before an instant, the latest first.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn occurrences(&self, pipeline: &str, until: Timestamp, limit: usize) -> Result<Vec<Occurrence>> {
        let (first, last) = (format!("{pipeline}/"), OccurrenceId::new(pipeline, until).to_string());
        let found: Vec<(String, Occurrence)> = self.list(OCCURRENCE, &first, &last, limit, true).await?;
        Ok(found.into_iter().map(|(_, occurrence)| occurrence).collect())
    }

    /// Claims an occurrence that is due, to start its run.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn claim(&self, id: &OccurrenceId, by: &Claimant, at: Timestamp) -> Result<Changed<Occurrence>> {
        self.changed(id, false, |stored, now| rules::claim(stored, id, by, at, now)).await
    }

    /// Renews a claim; done while the process has it.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn renew_claim(&self, id: &OccurrenceId, holder: &Holder, life: Duration) -> Result<Changed<Occurrence>> {
        self.changed(id, false, |stored, now| rules::renew_claim(stored, holder, life, now)).await
    }

    /// A run's first act under an occurrence: done for one run of those that try.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn begin(&self, id: &OccurrenceId, holder: &Holder, life: Duration, at: Timestamp) -> Result<Changed<Occurrence>> {
        self.changed(id, false, |stored, now| rules::begin(stored, holder, life, at, now)).await
    }

    /// A sign of life of a run; done while it has its occurrence. The document says whether it is to stop.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn hear(&self, id: &OccurrenceId, run_id: &str, life: Duration) -> Result<Changed<Occurrence>> {
        self.changed(id, false, |stored, now| rules::hear(stored, run_id, life, now)).await
    }

    /// Notes why a run is to stop.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn ask_to_stop(&self, id: &OccurrenceId, run_id: &str, why: Stop) -> Result<Changed<Occurrence>> {
        self.changed(id, false, |stored, _| rules::ask_to_stop(stored, run_id, why)).await
    }

    /// A run's last act; done while it has its occurrence. What has ended stays so through a power cut.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn end(&self, id: &OccurrenceId, run_id: &str, exit: &Exit, at: Timestamp) -> Result<Changed<Occurrence>> {
        self.changed(id, true, |stored, _| rules::end(stored, run_id, exit, at)).await
    }

    /// Ends an attempt whose process ended before its run began.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn give_up(&self, id: &OccurrenceId, holder: &Holder, exit: &Exit, at: Timestamp) -> Result<Changed<Occurrence>> {
        self.changed(id, true, |stored, _| rules::give_up(stored, holder, exit, at)).await
    }

    /// Makes an occurrence due again whose scheduler or runner is dead.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn revive(&self, id: &OccurrenceId, at: Timestamp) -> Result<Changed<Occurrence>> {
        self.changed(id, false, |stored, now| rules::revive(stored, at, now)).await
    }

    /// Gives up an occurrence that waits.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn skip(&self, id: &OccurrenceId, skipped: &Skipped) -> Result<Changed<Occurrence>> {
        self.changed(id, true, |stored, _| rules::skip(stored, id, skipped)).await
    }

    /// Takes away occurrences of a pipeline that are over and fell due before an instant, at most so many. How many it took.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn forget_occurrences(&self, pipeline: &str, before: Timestamp, limit: usize) -> Result<usize> {
        let (first, last) = (format!("{pipeline}/"), OccurrenceId::new(pipeline, before).to_string());
        let found: Vec<(String, Occurrence)> = self.list(OCCURRENCE, &first, &last, limit, false).await?;
        let over = found.into_iter().filter(|(_, occurrence)| occurrence.is_over() && occurrence.at < before);
        let keys: Vec<String> = over.map(|(key, _)| key).collect();
        if !keys.is_empty() {
            self.remove(OCCURRENCE, &keys).await?;
        }
        Ok(keys.len())
    }

    async fn standing(
        &self,
        pipeline: &str,
        mut rule: impl FnMut(Option<Standing>) -> Option<Standing> + Send,
    ) -> Result<Changed<Standing>> {
        let place = Place { kind: SCHEDULE, key: pipeline, durable: false };
        self.change(place, |stored: Option<Standing>, _| Ok(told(stored.clone(), rule(stored)))).await
    }

    async fn changed(
        &self,
        id: &OccurrenceId,
        durable: bool,
        mut rule: impl FnMut(Option<Occurrence>, Timestamp) -> Option<Occurrence> + Send,
    ) -> Result<Changed<Occurrence>> {
        let key = id.to_string();
        let place = Place { kind: OCCURRENCE, key: &key, durable };
        self.change(place, |stored: Option<Occurrence>, now| Ok(told(stored.clone(), rule(stored, now)))).await
    }
}

/// What to store, and what to tell: a rule that gives nothing changes nothing.
fn told<T: Clone + PartialEq>(stored: Option<T>, ruled: Option<T>) -> (Option<Option<T>>, Changed<T>) {
    match ruled {
        None => (None, Changed { done: false, document: stored }),
        Some(document) if stored.as_ref() == Some(&document) => (None, Changed { done: true, document: stored }),
        Some(document) => (Some(Some(document.clone())), Changed { done: true, document: Some(document) }),
    }
}
