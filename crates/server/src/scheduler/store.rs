//! What the scheduler asks of the control store.

use std::time::Duration;

use aqueduct_pipeline::control_store::occurrence::{Exit, Occurrence, OccurrenceId, Skipped, Stop};
use aqueduct_pipeline::control_store::occurrence_rules::Claimant;
use aqueduct_pipeline::control_store::standing::{Closing, Look, Pause, Standing};
use aqueduct_pipeline::control_store::{Changed, Control, Holder};
use aqueduct_pipeline::schema::{Result, Timestamp};
use async_trait::async_trait;

/// Where schedules and occurrences are kept. [`Control`] is one; every method says there what it does, and fails with `AQ4004`.
#[async_trait]
pub trait Store: Send + Sync {
    /// The store's time, by which leases live.
    async fn now(&self) -> Result<Timestamp>;
    /// Where all schedules stand.
    async fn schedules(&self) -> Result<Vec<(String, Standing)>>;
    /// Notes what fell due.
    async fn look(&self, pipeline: &str, seen: &Look) -> Result<Changed<Standing>>;
    /// Adds an occurrence that a person asks for.
    async fn ask_for_run(&self, pipeline: &str, at: Timestamp, by: &str) -> Result<Changed<Standing>>;
    /// Takes an occurrence that is over from the open ones.
    async fn close(&self, id: &OccurrenceId, how: &Closing) -> Result<Changed<Standing>>;
    /// Pauses a schedule.
    async fn pause_schedule(&self, pipeline: &str, pause: &Pause) -> Result<Changed<Standing>>;
    /// Ends a pause.
    async fn resume_schedule(&self, pipeline: &str, at: Timestamp) -> Result<Changed<Standing>>;
    /// One occurrence.
    async fn occurrence(&self, id: &OccurrenceId) -> Result<Option<Occurrence>>;
    /// The latest occurrences of a pipeline up to an instant, the latest first.
    async fn occurrences(&self, pipeline: &str, until: Timestamp, limit: usize) -> Result<Vec<Occurrence>>;
    /// Claims an occurrence that is due.
    async fn claim(&self, id: &OccurrenceId, by: &Claimant, at: Timestamp) -> Result<Changed<Occurrence>>;
    /// Renews a claim.
    async fn renew_claim(&self, id: &OccurrenceId, holder: &Holder, life: Duration) -> Result<Changed<Occurrence>>;
    /// Notes why a run is to stop.
    async fn ask_to_stop(&self, id: &OccurrenceId, run_id: &str, why: Stop) -> Result<Changed<Occurrence>>;
    /// Ends a run, as it does itself.
    async fn end(&self, id: &OccurrenceId, run_id: &str, exit: &Exit, at: Timestamp) -> Result<Changed<Occurrence>>;
    /// Ends an attempt whose process ended before its run began.
    async fn give_up(&self, id: &OccurrenceId, holder: &Holder, exit: &Exit, at: Timestamp) -> Result<Changed<Occurrence>>;
    /// Makes an occurrence due again whose scheduler or runner is dead.
    async fn revive(&self, id: &OccurrenceId, at: Timestamp) -> Result<Changed<Occurrence>>;
    /// Gives up an occurrence that waits.
    async fn skip(&self, id: &OccurrenceId, skipped: &Skipped) -> Result<Changed<Occurrence>>;
    /// Forgets occurrences that are over and fell due before an instant.
    async fn forget_occurrences(&self, pipeline: &str, before: Timestamp, limit: usize) -> Result<usize>;
}

#[async_trait]
impl Store for Control {
    async fn now(&self) -> Result<Timestamp> {
        self.now().await
    }

    async fn schedules(&self) -> Result<Vec<(String, Standing)>> {
        self.schedules().await
    }

    async fn look(&self, pipeline: &str, seen: &Look) -> Result<Changed<Standing>> {
        self.look(pipeline, seen).await
    }

    async fn ask_for_run(&self, pipeline: &str, at: Timestamp, by: &str) -> Result<Changed<Standing>> {
        self.ask_for_run(pipeline, at, by).await
    }

    async fn close(&self, id: &OccurrenceId, how: &Closing) -> Result<Changed<Standing>> {
        self.close(id, how).await
    }

    async fn pause_schedule(&self, pipeline: &str, pause: &Pause) -> Result<Changed<Standing>> {
        self.pause_schedule(pipeline, pause).await
    }

    async fn resume_schedule(&self, pipeline: &str, at: Timestamp) -> Result<Changed<Standing>> {
        self.resume_schedule(pipeline, at).await
    }

    async fn occurrence(&self, id: &OccurrenceId) -> Result<Option<Occurrence>> {
        self.occurrence(id).await
    }

    async fn occurrences(&self, pipeline: &str, until: Timestamp, limit: usize) -> Result<Vec<Occurrence>> {
        self.occurrences(pipeline, until, limit).await
    }

    async fn claim(&self, id: &OccurrenceId, by: &Claimant, at: Timestamp) -> Result<Changed<Occurrence>> {
        self.claim(id, by, at).await
    }

    async fn renew_claim(&self, id: &OccurrenceId, holder: &Holder, life: Duration) -> Result<Changed<Occurrence>> {
        self.renew_claim(id, holder, life).await
    }

    async fn ask_to_stop(&self, id: &OccurrenceId, run_id: &str, why: Stop) -> Result<Changed<Occurrence>> {
        self.ask_to_stop(id, run_id, why).await
    }

    async fn end(&self, id: &OccurrenceId, run_id: &str, exit: &Exit, at: Timestamp) -> Result<Changed<Occurrence>> {
        self.end(id, run_id, exit, at).await
    }

    async fn give_up(&self, id: &OccurrenceId, holder: &Holder, exit: &Exit, at: Timestamp) -> Result<Changed<Occurrence>> {
        self.give_up(id, holder, exit, at).await
    }

    async fn revive(&self, id: &OccurrenceId, at: Timestamp) -> Result<Changed<Occurrence>> {
        self.revive(id, at).await
    }

    async fn skip(&self, id: &OccurrenceId, skipped: &Skipped) -> Result<Changed<Occurrence>> {
        self.skip(id, skipped).await
    }

    async fn forget_occurrences(&self, pipeline: &str, before: Timestamp, limit: usize) -> Result<usize> {
        self.forget_occurrences(pipeline, before, limit).await
    }
}
