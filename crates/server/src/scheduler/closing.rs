//! Occurrences that are over: taken from the open ones, told to people, and forgotten in time.

use aqueduct_pipeline::called;
use aqueduct_pipeline::control_store::occurrence::{Attempt, Occurrence, OccurrenceId, Skipped, State, Stop, Why};
use aqueduct_pipeline::control_store::standing::{Closing, Open, Outcome};
use aqueduct_pipeline::schema::{Result, Timestamp};

use super::turn::Scheduler;
use crate::alert::{Alert, Event};

/// How many closed occurrences of a pipeline there are between two times of forgetting old ones.
const FORGET_EVERY: u32 = 50;

impl Scheduler {
    /// Takes over what is stored of an open occurrence, and tells of an attempt that this scheduler has seen fail.
    pub(super) async fn note(&mut self, id: &OccurrenceId, found: Option<Occurrence>) {
        let Some(found) = found else { return };
        if found.is_over() {
            self.cut.remove(id);
        }
        let Some(entry) = self.pipelines.get_mut(&id.pipeline) else { return };
        if entry.open().iter().all(|open| open.at != id.at) {
            return;
        }
        let before = entry.documents.insert(id.at, found.clone());
        if before.as_ref() == Some(&found) {
            return;
        }
        self.stirred.insert(id.pipeline.clone());
        let is_new = found.tally.attempts > before.map_or(0, |before| before.tally.attempts);
        let State::Due { not_before } = &found.state else { return };
        if let Some(last) = found.attempts.last()
            && is_new
            && last.instance == self.settings.instance
        {
            tracing::warn!(
                occurrence = %id, attempt = last.number, exit_code = last.exit.code, error = last.exit.error.as_deref(),
                "the run has not ended well and is tried again{}", not_before.map_or_else(String::new, |at| format!(" at {at}"))
            );
            fail::fail_point!("scheduler::retry_scheduled");
            if is_failure(last) {
                let event = Event::RunFailed {
                    exit_code: told_code(last.exit.code),
                    code: last.exit.error.clone(),
                    attempt: last.number,
                    retry_at: *not_before,
                };
                self.raise(event, id, last.run_id.as_deref()).await;
            }
        }
    }

    /// Writes the documents of open occurrences that are not to be run, and closes those that are over.
    pub(super) async fn close_what_is_over(&mut self, name: &str, now: Timestamp) -> Result<()> {
        let Some(entry) = self.pipelines.get(name) else { return Ok(()) };
        let over: Vec<Open> = entry.open().iter().filter(|open| entry.phase(open) == super::entry::Phase::Over).cloned().collect();
        for open in over {
            let id = OccurrenceId::new(name, open.at);
            let document = match &open.skipped {
                Some(skipped) => {
                    let skipped = self.store.skip(&id, skipped).await?;
                    fail::fail_point!("scheduler::skipped");
                    skipped.document
                }
                None => self.document(&id).cloned(),
            };
            if let Some(document) = document {
                self.close(&id, document, now).await?;
            }
        }
        Ok(())
    }

    /// Gives up an open occurrence that waits, and closes it.
    pub(super) async fn skip(&mut self, id: &OccurrenceId, skipped: &Skipped, now: Timestamp) -> Result<()> {
        let document = self.store.skip(id, skipped).await?.document;
        match document {
            Some(document) if document.is_over() => self.close(id, document, now).await,
            document => {
                self.note(id, document).await;
                Ok(())
            }
        }
    }

    /// Closes one; whoever does it tells people.
    async fn close(&mut self, id: &OccurrenceId, document: Occurrence, now: Timestamp) -> Result<()> {
        let how = match (Outcome::of(&document), &document.state) {
            (Some(outcome), _) => Closing::Ran(outcome),
            (None, State::Skipped(skipped)) => Closing::Skipped(skipped.clone()),
            (None, _) => return Ok(()),
        };
        fail::fail_point!("scheduler::before_close");
        let closed = self.store.close(id, &how).await?;
        fail::fail_point!("scheduler::closed");
        if let Some(entry) = self.pipelines.get_mut(&id.pipeline) {
            entry.stands(closed.document);
            if let (true, Closing::Skipped(skipped)) = (closed.done, &how) {
                match skipped.why {
                    Why::Overlap => entry.counts.skipped_overlap += skipped.count,
                    Why::CatchUp => entry.counts.skipped_catch_up += skipped.count,
                    _ => entry.counts.skipped_other += skipped.count,
                }
            }
        }
        self.stirred.insert(id.pipeline.clone());
        self.note_open(&id.pipeline);
        // Others may have waited for it.
        self.wake_at(now);
        if closed.done {
            match &how {
                Closing::Ran(_) => self.tell_end(id, &document).await,
                Closing::Skipped(skipped) => self.tell_skipped(id, skipped).await,
            }
            self.forget(id, now).await?;
        }
        Ok(())
    }

    async fn tell_end(&mut self, id: &OccurrenceId, document: &Occurrence) {
        let Some(last) = document.attempts.last() else { return };
        let run = last.run_id.as_deref();
        if last.exit.code == Some(0) {
            tracing::info!(occurrence = %id, run, attempt = last.number, "the run has ended well");
            return self.raise(Event::Recovered, id, run).await;
        }
        self.failed += 1;
        let (attempts, code) = (document.tally.attempts, last.exit.error.clone());
        let (exit_code, error, pipeline) = (last.exit.code, code.as_deref(), &id.pipeline);
        tracing::error!(occurrence = %id, run, attempts, exit_code, error, "the run has failed; its log is in .aqueduct/logs/{pipeline}");
        if !is_failure(last) {
            return;
        }
        let exit_code = told_code(last.exit.code);
        let event = match document.tally.failed + document.tally.lost {
            0 | 1 => Event::RunFailed { exit_code, code, attempt: last.number, retry_at: None },
            _ => Event::RetriesExhausted { exit_code, code, attempts },
        };
        self.raise(event, id, run).await;
    }

    async fn tell_skipped(&mut self, id: &OccurrenceId, skipped: &Skipped) {
        tracing::info!(
            occurrence = %id, reason = skipped.why.word(), about = skipped.about.as_deref(), count = skipped.count,
            "not run"
        );
        if matches!(skipped.why, Why::Overlap | Why::Blackout | Why::Dependency) {
            let event = Event::OccurrenceSkipped { due_at: id.at, reason: skipped.why.word().to_owned() };
            self.raise(event, id, None).await;
        }
    }

    async fn raise(&self, event: Event, id: &OccurrenceId, run: Option<&str>) {
        let alert = Alert::new(event, &id.pipeline, self.clock.now());
        self.alerts
            .raise(match run {
                Some(run) => alert.of_run(run),
                None => alert,
            })
            .await;
    }

    /// Forgets old occurrences of a pipeline now and then: those that are older than a month, and of a busy pipeline all but about the last
    /// thousand.
    async fn forget(&mut self, id: &OccurrenceId, now: Timestamp) -> Result<()> {
        let Some(entry) = self.pipelines.get_mut(&id.pipeline) else { return Ok(()) };
        entry.closed += 1;
        if entry.closed % FORGET_EVERY != 1 {
            return Ok(());
        }
        let kept = entry.schedule().map_or(called::KEPT.0, |schedule| called::kept(schedule, now));
        // Never the one that was just closed, which others may wait for: of a rare schedule it may be older than what is kept.
        self.store.forget_occurrences(&id.pipeline, now.minus(kept).min(id.at), 2 * FORGET_EVERY as usize).await?;
        fail::fail_point!("scheduler::old_ones_forgotten");
        Ok(())
    }
}

/// Whether a person is told of an attempt. One that another run held off, or that the scheduler stopped, is no failure.
fn is_failure(attempt: &Attempt) -> bool {
    attempt.exit.code != Some(9) && !matches!(attempt.stop, Some(Stop::Overlap | Stop::Shutdown))
}

/// The exit code that is told of a process that died without one: that of a killed one, as shells have it.
fn told_code(code: Option<u8>) -> u8 {
    code.unwrap_or(137)
}
