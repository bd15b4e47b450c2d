//! A backfill: a span of a source's history, planned from real counts, read window by window beside the live runs, verified against the
//! source, and written down in a ledger of windows. It never touches the cursors of live runs.

mod calls;
mod carry_out;
mod heard;
mod leased;
mod plan;
mod stored;
mod tally;
mod verify;
mod windows;

use std::sync::Arc;

use aqueduct_control::{Priority, RunEntry, RunKind};
use aqueduct_schema::{Error, Result, Timestamp};
use aqueduct_warehouse::{Backfill, BackfillWindow, RunRecord};
use tokio::sync::watch;
use tracing::{Instrument, error_span};

pub(crate) use self::calls::Calls;
use self::heard::{Listening, Passing};
use self::leased::{Leased, carry_out_leased};
use crate::lease::Lease;
use crate::ledger::{Asked, Recording, flag};
use crate::pipeline::Pipeline;
use crate::run::run_id;

pub use plan::{Plan, PlannedWindow, QuotaPlan, StreamPlan};
pub use stored::{backfill_status, backfills, pause_backfill};
pub use windows::WindowLength;

/// What a person asks of a backfill.
#[derive(Clone, Debug, Default)]
pub struct BackfillOptions {
    /// The first instant of the span, by the records' last change; the beginning where it is left out.
    pub from: Option<Timestamp>,
    /// The end of the span, exclusive; now, less the lag of the streams, where it is left out or later than that.
    pub until: Option<Timestamp>,
    /// How long a window is. Where it is left out, a day, or one window for all where a listing of everything is quicker.
    pub window: Option<WindowLength>,
    /// Streams in place of the file's selection.
    pub select: Vec<String>,
    /// How many windows at once; as many as the source's limit allows at the most.
    pub parallel: Option<usize>,
    /// Stop with a checkpoint after so many calls.
    pub max_calls: Option<u64>,
    /// Go on with this backfill, or with the newest one that is not complete, whatever its arguments.
    pub resume: Option<Resume>,
}

impl BackfillOptions {
    fn asked(&self) -> Asked {
        Asked::of(RunKind::Backfill).with([
            (!self.select.is_empty()).then(|| format!("--select {}", self.select.join(","))),
            self.from.map(|from| format!("--from {from}")),
            self.until.map(|until| format!("--to {until}")),
            self.max_calls.map(|calls| format!("--max-calls {calls}")),
            flag(self.resume.is_some(), "resume"),
        ])
    }
}

/// Which backfill to go on with.
#[derive(Clone, Debug)]
pub enum Resume {
    /// The newest that is not complete.
    Newest,
    /// The one of this id.
    Id(String),
}

/// Something that happens in a backfill.
#[derive(Debug)]
pub enum BackfillEvent<'a> {
    /// It begins with this plan.
    Planned(&'a Plan),
    /// It goes on where an earlier process has left off.
    GoesOn {
        /// The backfill.
        backfill: &'a Backfill,
        /// Windows that are done.
        done: usize,
        /// Windows in all.
        windows: usize,
    },
    /// A window was loaded or verified, or failed.
    Window(&'a BackfillWindow),
    /// Records are committed.
    Progress {
        /// Records committed so far, those of earlier processes included.
        records: u64,
        /// Records there will be, where that is known.
        expected: Option<u64>,
    },
    /// A fact worth a line.
    Note(&'a str),
    /// The process of a backfill ended, well or not: it as the ledger of runs has it.
    Ended(&'a RunEntry),
}

/// Hears of what happens in a backfill. Called from several tasks; must not block.
pub trait BackfillObserver: Send + Sync {
    /// Something happened.
    fn observe(&self, event: BackfillEvent<'_>);
}

/// How a backfill ended, or its process did.
#[derive(Debug)]
pub struct BackfillReport {
    /// The backfill as the ledger has it.
    pub backfill: Backfill,
    /// Its windows as the ledger has them.
    pub windows: Vec<BackfillWindow>,
    /// The process exit code; 130 for a signal.
    pub exit_code: u8,
    /// Whether a signal ended it.
    pub interrupted: bool,
    /// What kept windows from being complete, by stream.
    pub errors: Vec<(String, Error)>,
    /// Calls of this process, those for tokens and for finding out about the source included.
    pub calls: u64,
    /// The run of this process.
    pub run_id: String,
    /// Its entry in the warehouse's ledger.
    pub record: RunRecord,
}

impl Pipeline {
    /// The same pipeline for a backfill: it gives way to live runs, and its calls are counted.
    fn for_backfill(self, calls: &Arc<Calls>) -> Self {
        self.with_priority(Priority::Backfill).counting(calls.clone())
    }
}

/// Says what a backfill would do. Nothing is read but counts, and nothing is stored.
///
/// # Errors
/// `AQ1001` for a span that cannot be read; those of asking the source.
pub async fn plan_backfill(pipeline: Pipeline, options: &BackfillOptions) -> Result<Plan> {
    let calls = Calls::at_most(options.max_calls);
    let pipeline = pipeline.for_backfill(&calls);
    let connected = pipeline.connect_observed(&options.select, Some(calls.clone())).await.map_err(|error| calls.told(error))?;
    plan::plan(&pipeline, &connected, options, &calls).await.map_err(|error| calls.told(error))
}

/// Carries a backfill out, or goes on with it. It holds a lease of its own: live runs go on beside it, a second backfill does not.
///
/// # Errors
/// What prevents it as a whole: source or destination out of reach, mistakes in the file or in the arguments, another backfill under way.
/// What befalls single windows is in the report.
pub async fn backfill(
    pipeline: Pipeline,
    options: &BackfillOptions,
    observer: Arc<dyn BackfillObserver>,
    stop: watch::Receiver<bool>,
) -> Result<BackfillReport> {
    let calls = Calls::at_most(options.max_calls);
    let pipeline = pipeline.for_backfill(&calls);
    let run_id = run_id(pipeline.clock().now());
    let span = error_span!("run", run = %run_id, pipeline = %pipeline.file.name);
    let ledger = Recording::begin(&pipeline, &run_id, options.asked()).await;
    let observer: Arc<dyn BackfillObserver> = Arc::new(Listening::new(ledger.note_windows(), observer));
    let done = async {
        let lease = Lease::take_for_backfill(&pipeline, &run_id, &Passing(observer.clone()), stop).await?;
        let report = carry_out_leased(
            Leased { pipeline: &pipeline, options, observer: &observer, calls: &calls, lease: &lease, ledger: &ledger },
            run_id,
        )
        .await;
        lease.release().await;
        report.map_err(|error| calls.told(error))
    };
    let done = done.instrument(span).await;
    ledger.conclude(done, &Passing(observer)).await
}
