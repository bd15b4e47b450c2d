//! The runs whose processes were started here, and runs that are to stop.

use std::time::Duration;

use aqueduct_pipeline::control_store::occurrence::{Exit, Occurrence, OccurrenceId, State, Stop};
use aqueduct_pipeline::schema::{Result, Timestamp};

use super::runner::Signal;
use super::turn::Scheduler;

/// How much longer than its schedule allows a run may take: it stops by itself after the page under way and a checkpoint.
const OVERTIME: Duration = Duration::from_secs(60);

/// A run whose process was started here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child {
    /// The number of its process.
    pub(super) process: u32,
    /// When it is told to stop.
    pub(super) stop_at: Option<Timestamp>,
}

impl Child {
    /// One that starts now, under a schedule's timeout.
    pub(super) fn new(process: u32, now: Timestamp, timeout: Option<Duration>) -> Self {
        Self { process, stop_at: timeout.map(|timeout| now.plus(timeout).plus(OVERTIME)) }
    }
}

impl Scheduler {
    /// Looks after processes that ended. A run that ended well has said so itself.
    pub(super) async fn reap(&mut self, now: Timestamp) -> Result<()> {
        let ended = self.runner.ended().await;
        self.gone.extend(ended);
        while let Some(gone) = self.gone.first().cloned() {
            let found = self.store.occurrence(&gone.id).await?;
            // A process that came too late may end after another was started for the same occurrence.
            let latest = self.children.get(&gone.id).is_some_and(|child| child.process == gone.process);
            let exit = Exit { code: gone.code, ..Exit::default() };
            let found = match found.as_ref().map(|occurrence| &occurrence.state) {
                Some(State::Claimed(claim)) if latest && claim.holder == self.holder => {
                    let (with, pipeline) = (with(gone.code), &gone.id.pipeline);
                    tracing::warn!(occurrence = %gone.id, "the process ended before its run{with}; its log is in .aqueduct/logs/{pipeline}");
                    let given_up = self.store.give_up(&gone.id, &self.holder, &exit, now).await?;
                    fail::fail_point!("scheduler::given_up");
                    given_up.document
                }
                Some(State::Begun(run)) if run.holder.process == gone.process && run.holder.host == self.holder.host => {
                    tracing::warn!(occurrence = %gone.id, run = %run.holder.run_id, "the run has died{}", with(gone.code));
                    let run_id = run.holder.run_id.clone();
                    let ended = self.store.end(&gone.id, &run_id, &exit, now).await?;
                    fail::fail_point!("scheduler::death_noted");
                    ended.document
                }
                _ => found,
            };
            if latest {
                self.children.remove(&gone.id);
                self.stopping.remove(&gone.id);
            }
            self.gone.remove(0);
            self.stirred.insert(gone.id.pipeline.clone());
            self.note(&gone.id, found).await;
        }
        Ok(())
    }

    /// Stops runs that take longer than their schedules allow, and kills those that were told to stop and have not.
    pub(super) async fn stop_what_takes_too_long(&mut self, now: Timestamp) -> Result<()> {
        let late = |child: &Child| child.stop_at.is_some_and(|stop_at| stop_at <= now);
        let late: Vec<OccurrenceId> = self.children.iter().filter(|(_, child)| late(child)).map(|(id, _)| id.clone()).collect();
        for id in late {
            self.stop(&id, Stop::Timeout, now).await?;
            if let Some(child) = self.children.get_mut(&id) {
                child.stop_at = None;
            }
        }
        let over: Vec<OccurrenceId> = self.stopping.iter().filter(|(_, at)| **at <= now).map(|(id, _)| id.clone()).collect();
        for id in over {
            let Some(run) = self.document(&id).and_then(Occurrence::run) else {
                self.stopping.remove(&id);
                continue;
            };
            tracing::warn!(occurrence = %id, run = %run.holder.run_id, "the run has not stopped and is killed");
            self.runner.signal(&run.holder, Signal::Kill);
            // A process that waits for a disk cannot be killed at once.
            self.stopping.insert(id, now.plus(self.settings.grace));
        }
        let next = self.children.values().filter_map(|child| child.stop_at).chain(self.stopping.values().copied()).min();
        if let Some(next) = next {
            self.wake_at(next);
        }
        Ok(())
    }

    /// Tells a run to stop with a checkpoint, wherever it is. One of another machine reads it from its occurrence.
    pub(super) async fn stop(&mut self, id: &OccurrenceId, why: Stop, now: Timestamp) -> Result<()> {
        let found = self.store.occurrence(id).await?;
        let Some(run) = found.as_ref().and_then(Occurrence::run).cloned() else {
            self.note(id, found).await;
            return Ok(());
        };
        if run.stop.is_none() {
            let asked = self.store.ask_to_stop(id, &run.holder.run_id, why).await?;
            fail::fail_point!("scheduler::stop_noted");
            self.note(id, asked.document).await;
        }
        if !self.stopping.contains_key(id) {
            let reason = match why {
                Stop::Overlap => "the next occurrence has fallen due",
                Stop::Timeout => "it has taken longer than its schedule allows",
                Stop::Shutdown => "the scheduler stops",
            };
            tracing::info!(occurrence = %id, run = %run.holder.run_id, "the run is told to stop: {reason}");
            self.runner.signal(&run.holder, Signal::Terminate);
            let kill_at = now.plus(self.settings.grace);
            self.stopping.insert(id.clone(), kill_at);
            self.wake_at(kill_at);
        }
        Ok(())
    }

    /// Tells all runs of this machine to stop with a checkpoint, because the scheduler stops. They go on when a scheduler is there again.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn stop_all(&mut self) -> Result<()> {
        let now = self.clock.now();
        for id in self.children.keys().cloned().collect::<Vec<_>>() {
            self.stop(&id, Stop::Shutdown, now).await?;
            self.cut.insert(id);
        }
        Ok(())
    }

    /// The document of an open occurrence as it was last read.
    pub(super) fn document(&self, id: &OccurrenceId) -> Option<&Occurrence> {
        self.pipelines.get(&id.pipeline)?.documents.get(&id.at)
    }
}

fn with(code: Option<u8>) -> String {
    code.map_or_else(|| " by a signal".to_owned(), |code| format!(" with exit code {code}"))
}
