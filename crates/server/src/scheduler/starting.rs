//! What is started now: who waits, for what, and who goes first.

use std::cmp::Reverse;

use aqueduct_pipeline::control_store::occurrence::{Exit, Occurrence, OccurrenceId, State, Stop, Terms, Why};
use aqueduct_pipeline::control_store::occurrence_rules::{Claimant, skipped_for};
use aqueduct_pipeline::control_store::standing::Open;
use aqueduct_pipeline::schema::{Error, Result, Timestamp};
use aqueduct_schedule::{CatchUp, Overlap, Schedule};

use super::children::Child;
use super::dependencies::Before;
use super::entry::{Entry, Phase};
use super::runner::Start;
use super::turn::{Scheduler, instant, timestamp};

/// What to do because an occurrence is due while an earlier one is open.
enum Overlapping {
    Skip(Timestamp),
    Stop(Timestamp),
}

/// Whether the first open occurrence of a pipeline can start.
enum Turn {
    Start,
    /// Not before an instant.
    At(Timestamp),
    /// When something else happens.
    Later,
}

impl Scheduler {
    /// Closes what is over, applies the overlap policy, and starts what can start.
    pub(super) async fn go_on(&mut self, now: Timestamp) -> Result<()> {
        let mut ready = Vec::new();
        for name in self.active.clone() {
            self.close_what_is_over(&name, now).await?;
            self.overlap(&name, now).await?;
            if self.draining {
                continue;
            }
            match self.turn_of(&name, now).await? {
                Some((open, Turn::Start)) => {
                    let priority = self.pipelines.get(&name).and_then(Entry::schedule).map_or(0, Schedule::priority);
                    ready.push((Reverse(priority), open.starts_at(), name, open));
                }
                Some((_, Turn::At(at))) => self.wake_at(at),
                Some((_, Turn::Later)) | None => {}
            }
        }
        ready.sort_by(|one, other| (&one.0, one.1, &one.2).cmp(&(&other.0, other.1, &other.2)));
        for (_, _, name, open) in ready {
            if self.children.len() + self.adopted() >= self.settings.concurrency {
                break;
            }
            self.start(&name, &open, now).await?;
        }
        Ok(())
    }

    /// Runs of this machine that a scheduler before this one has started: they take places too.
    fn adopted(&self) -> usize {
        let documents = self.active.iter().filter_map(|name| self.pipelines.get(name)).flat_map(|entry| entry.documents.values());
        let here = documents.filter(|document| document.run().is_some_and(|run| run.holder.place == self.holder.place));
        // Another scheduler of this machine has places of its own.
        here.filter(|document| document.run().is_some_and(|run| run.instance == self.settings.instance))
            .filter(|document| !self.children.contains_key(&document.id()))
            .count()
    }

    /// Applies the overlap policy to what may start now and has an earlier open occurrence before it.
    async fn overlap(&mut self, name: &str, now: Timestamp) -> Result<()> {
        let Some(entry) = self.pipelines.get(name) else { return Ok(()) };
        for done in overlapping(entry, now) {
            match done {
                Overlapping::Skip(at) => {
                    let id = OccurrenceId::new(name, at);
                    self.skip(&id, &skipped_for(Why::Overlap, None, at, now), now).await?;
                }
                Overlapping::Stop(at) => self.stop(&OccurrenceId::new(name, at), Stop::Overlap, now).await?,
            }
        }
        Ok(())
    }

    /// The first open occurrence of a pipeline, and whether it can start.
    async fn turn_of(&mut self, name: &str, now: Timestamp) -> Result<Option<(Open, Turn)>> {
        loop {
            let Some(entry) = self.pipelines.get(name) else { return Ok(None) };
            let Some(open) = entry.open().first().cloned() else { return Ok(None) };
            let turn = match entry.phase(&open) {
                Phase::UnderWay | Phase::Over => Turn::Later,
                Phase::Fresh | Phase::Again => may_start(entry, &open, now),
            };
            if !matches!(turn, Turn::Start) || open.asked_by.is_some() {
                return Ok(Some((open, turn)));
            }
            match self.before(name, open.at).await? {
                Before::Well => return Ok(Some((open, turn))),
                Before::Wait => return Ok(Some((open, Turn::Later))),
                Before::Failed(other) => {
                    let id = OccurrenceId::new(name, open.at);
                    self.skip(&id, &skipped_for(Why::Dependency, Some(other), open.at, now), now).await?;
                    // What is first now may be another occurrence; what is still there belongs to somebody else.
                    if self.pipelines.get(name).is_some_and(|entry| entry.open().first().is_some_and(|first| first.at == open.at)) {
                        return Ok(Some((open, Turn::Later)));
                    }
                }
            }
        }
    }

    /// Claims an occurrence and has it run.
    async fn start(&mut self, name: &str, open: &Open, now: Timestamp) -> Result<()> {
        let id = OccurrenceId::new(name, open.at);
        let Some(plan) = self.pipelines.get(name).and_then(|entry| entry.plan.clone()) else { return Ok(()) };
        let terms = plan.schedule.as_ref().map(terms).unwrap_or_default();
        let by = Claimant { instance: self.settings.instance.clone(), holder: self.holder.clone(), life: self.settings.claim_life, terms };
        fail::fail_point!("scheduler::before_claim");
        let claimed = self.store.claim(&id, &by, now).await?;
        fail::fail_point!("scheduler::claimed");
        self.note(&id, claimed.document.clone()).await;
        let Some(claim) = claimed.document.as_ref().filter(|_| claimed.done).and_then(Occurrence::claim) else {
            // It is another's, or over: what that means for the pipeline is for the next turn.
            self.wake_at(now);
            return Ok(());
        };
        let timeout = plan.schedule.as_ref().and_then(Schedule::timeout);
        let start = Start { id: id.clone(), attempt: claim.attempt, file: plan.file.clone(), timeout };
        let process = match self.runner.start(&start).await {
            Ok(process) => process,
            Err(error) => return self.not_started(&id, &error, now).await,
        };
        fail::fail_point!("scheduler::child_started");
        self.children.insert(id.clone(), Child::new(process, now, timeout));
        tracing::info!(occurrence = %id, attempt = start.attempt, "started");
        if let Some(entry) = self.pipelines.get_mut(name) {
            entry.counts.started += 1;
            if start.attempt > 1 {
                entry.counts.retried += 1;
            } else {
                let late = now.since(open.starts_at()).as_secs_f64();
                entry.counts.lateness_seconds_sum += late;
                entry.counts.lateness_seconds_last = late;
            }
        }
        self.stirred.insert(name.to_owned());
        Ok(())
    }

    /// Gives up an attempt for which there is no process.
    async fn not_started(&mut self, id: &OccurrenceId, error: &Error, now: Timestamp) -> Result<()> {
        tracing::error!(occurrence = %id, "the run cannot be started: {error}");
        let exit = Exit { code: Some(1), error: Some(error.code().id.to_owned()), again_at: None };
        let given_up = self.store.give_up(id, &self.holder, &exit, now).await?;
        self.note(id, given_up.document).await;
        self.wake_at(now);
        Ok(())
    }
}

/// When an occurrence may be tried again, where an attempt has failed.
pub(super) fn not_before(document: &Occurrence) -> Option<Timestamp> {
    if let State::Due { not_before } = &document.state { *not_before } else { None }
}

/// What the schedule says of further attempts.
fn terms(schedule: &Schedule) -> Terms {
    let retries = schedule.retries();
    Terms { retries: retries.attempts, backoff_seconds: retries.backoff.as_secs(), most_seconds: retries.most.as_secs() }
}

/// Whether anything but other pipelines keeps the first open occurrence from starting.
fn may_start(entry: &Entry, open: &Open, now: Timestamp) -> Turn {
    if entry.broken.is_some() {
        return Turn::Later;
    }
    let not_before = entry.documents.get(&open.at).and_then(not_before).unwrap_or(now).max(open.starts_at());
    if not_before > now {
        return Turn::At(not_before);
    }
    if open.asked_by.is_some() {
        return Turn::Start;
    }
    if entry.is_paused_at(now) {
        return Turn::Later;
    }
    // A retry, or what waited for another pipeline, may have come into a black-out.
    match entry.schedule().and_then(|schedule| schedule.held_until(instant(now))) {
        Some(until) => Turn::At(timestamp(until)),
        None => Turn::Start,
    }
}

/// What the overlap policy asks for. An occurrence is judged when it could start, by the earlier ones that are open then.
fn overlapping(entry: &Entry, now: Timestamp) -> Vec<Overlapping> {
    let Some(schedule) = entry.schedule() else { return Vec::new() };
    let every_one_counts = schedule.catch_up() == CatchUp::All;
    let mut done = Vec::new();
    // Earlier ones that are neither over nor given up here.
    let mut before: Vec<(&Open, Phase)> = Vec::new();
    for open in entry.open() {
        let phase = entry.phase(open);
        if phase == Phase::Over {
            continue;
        }
        let is_judged = phase == Phase::Fresh && open.starts_at() <= now && open.asked_by.is_none() && !before.is_empty();
        if is_judged {
            match schedule.overlap() {
                // What was due while nobody was there is not to be lost because all of it is due at once.
                Overlap::Skip if !open.late => {
                    done.push(Overlapping::Skip(open.at));
                    continue;
                }
                Overlap::Queue if !every_one_counts => {
                    let waiting = before.iter().filter(|(earlier, phase)| *phase == Phase::Fresh && earlier.starts_at() <= now);
                    done.extend(waiting.map(|(earlier, _)| Overlapping::Skip(earlier.at)));
                    before.retain(|(_, phase)| *phase != Phase::Fresh);
                }
                Overlap::Cancel if !open.late => {
                    for (earlier, phase) in before.drain(..) {
                        match phase {
                            Phase::UnderWay => done.push(Overlapping::Stop(earlier.at)),
                            _ => done.push(Overlapping::Skip(earlier.at)),
                        }
                    }
                }
                _ => {}
            }
        }
        before.push((open, phase));
    }
    done
}
