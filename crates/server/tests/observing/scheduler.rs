//! A scheduler that only tells what the test says.

use std::sync::Mutex;
use std::time::Duration;

use aqueduct_pipeline::schema::{Result, Timestamp};
use aqueduct_server::overview::{
    Check, Heartbeat, LastRun, Occurrences, Outcome, Overview, Paused, PipelineState, PipelineStatus, Problem, Readiness, Running, Wish,
};
use async_trait::async_trait;

/// 2026-11-22T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_348_800);

pub(crate) struct Told {
    pub(crate) ticked: Timestamp,
    pub(crate) pipelines: Vec<PipelineStatus>,
    pub(crate) readiness: Readiness,
    pub(crate) asked: Mutex<Vec<(String, Wish)>>,
}

impl Told {
    pub(crate) fn new(pipelines: Vec<PipelineStatus>) -> Self {
        let store = Check { name: "control_store".into(), subject: None, ok: true, problem: None };
        Self { ticked: NOW, pipelines, readiness: Readiness::of(vec![store]), asked: Mutex::default() }
    }
}

#[async_trait]
impl Overview for Told {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn heartbeat(&self) -> Heartbeat {
        Heartbeat { started_at: NOW.minus(Duration::from_secs(3_600)), ticked_at: self.ticked, patience: Duration::from_secs(30) }
    }

    async fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    async fn pipelines(&self) -> Result<Vec<PipelineStatus>> {
        Ok(self.pipelines.clone())
    }

    async fn ask(&self, pipeline: &str, wish: Wish) -> Result<Outcome> {
        self.asked.lock().unwrap().push((pipeline.to_owned(), wish));
        Ok(match (pipeline, wish) {
            ("crm", Wish::Run) => Outcome::Done("queued".into()),
            ("crm", Wish::Pause) => Outcome::Already("it is paused already".into()),
            ("crm", Wish::Resume) => Outcome::Refused("its file is broken".into()),
            _ => Outcome::Unknown { nearest: Some("crm".into()) },
        })
    }
}

pub(crate) fn idle(name: &str) -> PipelineStatus {
    PipelineStatus {
        name: name.to_owned(),
        file: format!("pipelines/{name}.yaml"),
        connector: Some("hubspot".into()),
        state: PipelineState::Idle,
        schedule: Some("every 15 minutes".into()),
        after: Vec::new(),
        next: Some(NOW.plus(Duration::from_secs(900))),
        paused: None,
        last: None,
        last_success_at: None,
        running: Vec::new(),
        queued: 0,
        problem: None,
        occurrences: Occurrences::default(),
    }
}

/// A pipeline of which everything is told at once.
pub(crate) fn busy(name: &str) -> PipelineStatus {
    let last = LastRun { run: Some("run-1".into()), due_at: Some(NOW), began_at: Some(NOW), ended_at: Some(NOW), exit_code: 4 };
    let running = Running { run: None, due_at: None, began_at: NOW, attempt: 1, host: "a".into(), process: Some(7) };
    let problem =
        Problem { code: "AQ1003".into(), message: "unknown key".into(), advice: "x".into(), file: None, line: None, column: None };
    PipelineStatus {
        state: PipelineState::Running,
        paused: Some(Paused { since: None, by: "http".into() }),
        last: Some(last),
        last_success_at: Some(NOW),
        running: vec![running],
        queued: 2,
        problem: Some(problem),
        occurrences: Occurrences {
            started: 10,
            skipped_overlap: 1,
            skipped_catch_up: 2,
            skipped_other: 3,
            retried: 4,
            lateness_seconds_sum: 1.5,
            lateness_seconds_last: 0.25,
        },
        ..idle(name)
    }
}
