//! `aqueduct serve`: the scheduler's loop around a clock, processes, files that change, and signals.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aqueduct_pipeline::control_store::Control;
use aqueduct_pipeline::schema::Result;
use aqueduct_pipeline::{Clock, ControlAddress, Environment, SystemClock};
use tokio::sync::watch;

use crate::alert::Alerts;
use crate::scheduler::{Board, Files, Parts, ProcessRunner, ProcessSettings, Scheduler, Settings, Store};

/// How often pipeline files are looked at.
const FILES_EVERY: Duration = Duration::from_secs(5);
/// How long the loop waits after the store did not answer.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// How often runs that are to end are looked after while the server stops.
const STOPPING_EVERY: Duration = Duration::from_millis(200);

/// What to serve, and how.
#[derive(Clone)]
pub struct Serving {
    /// Pipeline files, or folders of them.
    pub given: Vec<PathBuf>,
    /// The variables that pipeline files refer to.
    pub environment: Environment,
    /// How the scheduler works.
    pub settings: Settings,
    /// How runs are started.
    pub processes: ProcessSettings,
    /// How long runs may go on when the server is to stop, before they are told to stop too.
    pub grace: Duration,
    /// Whether it ends when everything that is due has been run.
    pub once: bool,
    /// The time by which schedules fall due.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "serving of {:?}", self.given)
    }
}

/// A server that is about to run.
#[derive(Debug)]
pub struct Server {
    serving: Serving,
    files: Files,
    control: Control,
    board: Arc<Board>,
}

/// How serving ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Whether runs were told to stop before their end; they go on from their checkpoints when a scheduler is there again.
    pub cut: bool,
    /// How many occurrences did not end well.
    pub failed: u64,
}

impl Server {
    /// Reads where the control store is and opens it.
    ///
    /// # Errors
    /// `AQ1012` without any pipeline file, `AQ4004` when the store cannot be opened, and the mistake of the first file when none can be read.
    pub async fn open(serving: Serving) -> Result<Self> {
        let mut files = Files::new(serving.given.clone(), serving.environment.clone());
        let ControlAddress { url, key } = files.control()?;
        let control = Control::open(&url, key).await?;
        let store: Arc<dyn Store> = Arc::new(control.clone());
        let board = Arc::new(Board::new(serving.clock.clone(), store));
        Ok(Self { serving, files, control, board })
    }

    /// What others see of it.
    pub fn board(&self) -> Arc<Board> {
        self.board.clone()
    }

    /// The control store.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Runs until it is to stop, or until everything that is due has been run.
    ///
    /// # Errors
    /// `AQ1012` when a folder of pipelines cannot be read at the beginning. Whatever fails later is logged and tried again.
    pub async fn run(self, alerts: Arc<dyn Alerts>, mut stop: watch::Receiver<bool>) -> Result<Served> {
        let Self { serving, mut files, control, board } = self;
        let Serving { settings, processes, grace, once, clock, .. } = serving;
        let runner = Arc::new(ProcessRunner::new(processes));
        let parts = Parts { store: Arc::new(control), runner: runner.clone(), clock: clock.clone(), alerts, board: board.clone() };
        let mut scheduler = Scheduler::new(parts, settings);
        let plans = files.changed()?.unwrap_or_default();
        let scheduled = plans.pipelines.values().filter(|plan| plan.schedule.is_some()).count();
        tracing::info!("{scheduled} {} a schedule", if scheduled == 1 { "pipeline has" } else { "pipelines have" });
        scheduler.set_plans(plans).await;
        let mut looked = Instant::now();
        while !*stop.borrow() {
            let wait = match scheduler.tick().await {
                Ok(_) if once && scheduler.unfinished() == 0 => break,
                Ok(next) => next.since(clock.now()),
                Err(error) => {
                    tracing::error!("the scheduler cannot go on and tries again: {error}");
                    // A clock of a test may run faster than the store recovers.
                    SystemClock.sleep(AFTER_FAILURE).await;
                    Duration::ZERO
                }
            };
            tokio::select! {
                () = clock.sleep(wait) => {}
                () = runner.changed() => {}
                () = board.asked() => scheduler.look_again(),
                _ = stop.wait_for(|stop| *stop) => {}
            }
            if looked.elapsed() >= FILES_EVERY {
                looked = Instant::now();
                match files.changed() {
                    Ok(Some(plans)) => scheduler.set_plans(plans).await,
                    Ok(None) => {}
                    Err(error) => tracing::error!("the pipeline files cannot be looked at: {error}"),
                }
            }
        }
        scheduler.drain();
        let cut = Self::finish(&mut scheduler, &runner, grace).await;
        Ok(Served { cut, failed: scheduler.failed() })
    }

    /// Waits for the runs under way, and tells them to stop when they take too long; whether any did not come to its end.
    async fn finish(scheduler: &mut Scheduler, runner: &ProcessRunner, grace: Duration) -> bool {
        let begun = Instant::now();
        if scheduler.running() > 0 {
            let runs = scheduler.running();
            tracing::info!("waiting for {runs} {} to end", if runs == 1 { "run" } else { "runs" });
        }
        loop {
            if let Err(error) = scheduler.tick().await {
                tracing::error!("the scheduler cannot go on and tries again: {error}");
            }
            if scheduler.running() == 0 {
                return scheduler.has_cut();
            }
            if begun.elapsed() >= grace
                && let Err(error) = scheduler.stop_all().await
            {
                tracing::error!("runs could not be told to stop: {error}");
            }
            tokio::select! {
                () = SystemClock.sleep(STOPPING_EVERY) => {}
                () = runner.changed() => {}
            }
        }
    }
}
