//! What others see of the scheduler, and what they may ask of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aqueduct_pipeline::Clock;
use aqueduct_pipeline::control_store::occurrence::State;
use aqueduct_pipeline::control_store::standing::Pause;
use aqueduct_pipeline::schema::{Error, Result, Timestamp};
use async_trait::async_trait;
use tokio::sync::Notify;

use super::entry::{Entry, Phase};
use super::store::Store;
use super::turn::Scheduler;
use crate::overview::{
    Check, Heartbeat, LastRun, Outcome, Overview, Paused, PipelineState, PipelineStatus, Problem, Readiness, Running, Wish,
};

/// How long a turn may take before the scheduler counts as stuck: the store may make it wait, and a start of many runs takes its time.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who asks, where it is asked over HTTP.
const HTTP: &str = "http";

/// The scheduler as others see it: the state of every pipeline as of the last turn.
pub struct Board {
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    started_at: Timestamp,
    ticked_at: AtomicI64,
    /// Why the last turn could not be finished.
    failed: Mutex<Option<Problem>>,
    pipelines: Mutex<BTreeMap<String, PipelineStatus>>,
    /// Woken when somebody has asked for something that is in the store now.
    asked: Notify,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("board")
    }
}

impl Board {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>, store: Arc<dyn Store>) -> Self {
        let now = clock.now();
        let ticked_at = AtomicI64::new(now.microseconds());
        Self { clock, store, started_at: now, ticked_at, failed: Mutex::default(), pipelines: Mutex::default(), asked: Notify::new() }
    }

    /// Waits until somebody has asked for something.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    pub(super) fn ticked(&self, now: Timestamp) {
        self.ticked_at.store(now.microseconds(), Ordering::Relaxed);
    }

    /// Notes whether a turn could be finished.
    pub(super) fn turned(&self, failed: Option<&Error>) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed.map(Problem::from);
    }

    pub(super) fn keep_only(&self, entries: &BTreeMap<String, Entry>) {
        self.statuses(|statuses| statuses.retain(|name, _| entries.contains_key(name)));
    }

    fn statuses<R>(&self, with: impl FnOnce(&mut BTreeMap<String, PipelineStatus>) -> R) -> R {
        with(&mut self.pipelines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Scheduler {
    /// Shows others what is new.
    pub(super) fn publish(&mut self, now: Timestamp) {
        let stirred = std::mem::take(&mut self.stirred);
        let told: Vec<PipelineStatus> = stirred.iter().filter_map(|name| Some(status(name, self.pipelines.get(name)?, now))).collect();
        self.board.statuses(|statuses| statuses.extend(told.into_iter().map(|status| (status.name.clone(), status))));
    }
}

fn status(name: &str, entry: &Entry, now: Timestamp) -> PipelineStatus {
    let standing = entry.standing.as_ref();
    let file = entry.broken.as_ref().map(|(file, _)| file).or_else(|| entry.plan.as_ref().map(|plan| &plan.file));
    let running: Vec<Running> = entry.documents.values().filter_map(|document| running(&document.state, document.at)).collect();
    let phases = || entry.open().iter().map(|open| entry.phase(open));
    let queued = phases().filter(|phase| matches!(phase, Phase::Fresh | Phase::Again)).count();
    let paused_by_file = entry.schedule().is_some_and(aqueduct_schedule::Schedule::paused);
    let paused = standing.and_then(|standing| standing.paused.as_ref());
    let paused = match paused {
        Some(pause) => Some(Paused { since: Some(pause.since), by: pause.by.clone() }),
        None => paused_by_file.then(|| Paused { since: None, by: "pipeline file".to_owned() }),
    };
    let state = if entry.broken.is_some() {
        PipelineState::Broken
    } else if !running.is_empty() {
        PipelineState::Running
    } else if paused.is_some() {
        PipelineState::Paused
    } else if phases().any(|phase| phase == Phase::Again) {
        PipelineState::Retrying
    } else if queued > 0 {
        PipelineState::Queued
    } else {
        PipelineState::Idle
    };
    let last = standing.and_then(|standing| standing.last.as_ref()).map(|last| LastRun {
        run: last.run_id.clone(),
        due_at: Some(last.at),
        began_at: last.began_at,
        ended_at: Some(last.ended_at),
        exit_code: last.exit.code.unwrap_or(137),
    });
    let next = entry.next.filter(|next| *next > now && paused.is_none() && entry.broken.is_none());
    PipelineStatus {
        name: name.to_owned(),
        file: file.map(|file| file.display().to_string()).unwrap_or_default(),
        connector: entry.plan.as_ref().filter(|_| entry.broken.is_none()).map(|plan| plan.connector.clone()),
        state,
        schedule: entry.schedule().map(aqueduct_schedule::Schedule::words),
        after: entry.schedule().map(|schedule| schedule.dependencies().to_vec()).unwrap_or_default(),
        next,
        paused,
        last,
        last_success_at: standing.and_then(|standing| standing.last_success_at),
        running,
        queued: queued as u64,
        problem: entry.broken.as_ref().map(|(_, problem)| problem.clone()),
        occurrences: entry.counts,
    }
}

fn running(state: &State, at: Timestamp) -> Option<Running> {
    match state {
        State::Begun(run) => Some(Running {
            run: Some(run.holder.run_id.clone()),
            due_at: Some(at),
            began_at: run.since,
            attempt: run.attempt,
            host: run.holder.host.clone(),
            process: Some(run.holder.process),
        }),
        State::Claimed(claim) => Some(Running {
            run: None,
            due_at: Some(at),
            began_at: claim.since,
            attempt: claim.attempt,
            host: claim.holder.host.clone(),
            process: None,
        }),
        _ => None,
    }
}

#[async_trait]
impl Overview for Board {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn heartbeat(&self) -> Heartbeat {
        let ticked_at = Timestamp::from_microseconds(self.ticked_at.load(Ordering::Relaxed));
        Heartbeat { started_at: self.started_at, ticked_at, patience: PATIENCE }
    }

    async fn readiness(&self) -> Readiness {
        let check = |name: &str, subject: Option<String>, problem: Option<Problem>| Check {
            name: name.to_owned(),
            subject,
            ok: problem.is_none(),
            problem,
        };
        let store = self.store.now().await.err();
        let mut checks = vec![check("control_store", None, store.as_ref().map(Problem::from))];
        let beat = self.heartbeat();
        let stuck = self.clock.now().since(beat.ticked_at) > beat.patience;
        let problem = stuck.then(|| Problem {
            code: aqueduct_pipeline::schema::codes::BUG.id.to_owned(),
            message: format!("the scheduler has not gone round since {}", beat.ticked_at),
            advice: "Restart `aqueduct serve`; runs under way go on and are found again.".to_owned(),
            file: None,
            line: None,
            column: None,
        });
        // A loop that goes round and gets nowhere does no work either.
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        checks.push(check("scheduler", None, problem.or(failed)));
        let broken: Vec<_> =
            self.statuses(|statuses| statuses.values().filter_map(|status| Some((status.name.clone(), status.problem.clone()?))).collect());
        match broken.is_empty() {
            true => checks.push(check("pipeline_files", None, None)),
            false => checks.extend(broken.into_iter().map(|(name, problem)| check("pipeline_file", Some(name), Some(problem)))),
        }
        Readiness::of(checks)
    }

    async fn pipelines(&self) -> Result<Vec<PipelineStatus>> {
        Ok(self.statuses(|statuses| statuses.values().cloned().collect()))
    }

    async fn pipeline(&self, name: &str) -> Result<Option<PipelineStatus>> {
        Ok(self.statuses(|statuses| statuses.get(name).cloned()))
    }

    async fn ask(&self, pipeline: &str, wish: Wish) -> Result<Outcome> {
        let Some(status) = self.pipeline(pipeline).await? else {
            let names: Vec<String> = self.statuses(|statuses| statuses.keys().cloned().collect());
            let nearest = aqueduct_pipeline::connector::selection::nearest(pipeline, names.iter().map(String::as_str));
            return Ok(Outcome::Unknown { nearest: nearest.map(|name| name.to_owned()) });
        };
        let now = self.clock.now();
        let outcome = match wish {
            Wish::Pause => {
                let pause = Pause { since: now, by: HTTP.to_owned(), reason: None };
                match self.store.pause_schedule(pipeline, &pause).await?.done {
                    true => Outcome::Done(format!("`{pipeline}` is paused. What is running goes on.")),
                    false => Outcome::Already(format!("`{pipeline}` is paused already.")),
                }
            }
            Wish::Resume => match self.store.resume_schedule(pipeline, now).await?.done {
                true => Outcome::Done(format!("`{pipeline}` runs by its schedule again.")),
                false if status.paused.as_ref().is_some_and(|paused| paused.since.is_none()) => {
                    Outcome::Refused(format!("`{pipeline}` is paused by its file: take `paused: true` out of {}.", status.file))
                }
                false => Outcome::Already(format!("`{pipeline}` is not paused.")),
            },
            Wish::Run => match &status.problem {
                Some(problem) => Outcome::Refused(format!("The file of `{pipeline}` is broken: {}", problem.message)),
                None => {
                    let at = Timestamp::from_seconds(now.microseconds().div_euclid(1_000_000));
                    match self.store.ask_for_run(pipeline, at, HTTP).await?.done {
                        true => Outcome::Done(format!("A run of `{pipeline}` is queued as {pipeline}/{at}.")),
                        false => Outcome::Refused(format!("A run of `{pipeline}` is under way or waits already.")),
                    }
                }
            },
        };
        if matches!(outcome, Outcome::Done(_)) {
            self.asked.notify_one();
        }
        Ok(outcome)
    }
}
