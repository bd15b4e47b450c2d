//! A backfill: a span of a source's history, planned from real counts, read window by window beside the live runs, verified against the
//! source, and written down in a ledger of windows. It never touches the cursors of live runs.

mod calls;
mod carry_out;
mod plan;
mod tally;
mod verify;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;

use aqueduct_control::{Priority, RunEntry, RunKind};
use aqueduct_engine::Meter;
use aqueduct_schema::{Error, Result, Timestamp, codes};
use aqueduct_warehouse::{
    Backfill, BackfillState, BackfillWindow, Fence, RunRecord, RunStart, RunStatus, StreamRecord, Warehouse, WindowState,
};
use serde::Serialize;
use tokio::sync::watch;
use tracing::{Instrument, error_span};

pub(crate) use self::calls::Calls;
use self::carry_out::{CarryOut, Ended};
use crate::lease::Lease;
use crate::ledger::{Asked, Recording, Told, Windows, flag};
use crate::observer::{Event, Observer};
use crate::pipeline::{Connected, Pipeline};
use crate::run::run_id;

pub use plan::{Plan, PlannedWindow, QuotaPlan, StreamPlan};
pub use windows::WindowLength;

/// Windows at once where nobody says how many.
const PARALLEL: usize = 2;

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

/// Which backfill to go on with.
#[derive(Clone, Debug)]
pub enum Resume {
    /// The newest that is not complete.
    Newest,
    /// The one of this id.
    Id(String),
}

/// The arguments by which a backfill is known again.
#[derive(Serialize)]
struct Arguments<'a> {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    window: Option<&'a WindowLength>,
    streams: &'a [String],
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
    let connected = pipeline.connect_observed(&options.select, Some(calls.clone())).await?;
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
    let observer: Arc<dyn BackfillObserver> = Arc::new(Listening { windows: ledger.note_windows(), inner: observer });
    let done = async {
        let lease = Lease::take_for_backfill(&pipeline, &run_id, &Notes(observer.clone()), stop).await?;
        let report = backfill_leased(&pipeline, options, &observer, run_id, &lease, &calls, &ledger).await;
        lease.release().await;
        report.map_err(|error| calls.told(error))
    };
    let done = done.instrument(span).await;
    let entry = ledger.end(done.as_ref().map(|report| report as &dyn Told)).await;
    observer.observe(BackfillEvent::Ended(&entry));
    done
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

/// Follows a backfill for the ledger of runs, and passes on what happens.
struct Listening {
    windows: Windows,
    inner: Arc<dyn BackfillObserver>,
}

impl BackfillObserver for Listening {
    fn observe(&self, event: BackfillEvent<'_>) {
        match &event {
            BackfillEvent::Planned(plan) => {
                self.windows.planned(plan.streams.iter().map(|stream| (stream.stream.clone(), (0, stream.windows.len() as u64))));
            }
            BackfillEvent::Window(window) if window.state == WindowState::Verified => self.windows.done(&window.stream, window.read),
            _ => {}
        }
        self.inner.observe(event);
    }
}

impl Told for BackfillReport {
    fn record(&self) -> Option<&RunRecord> {
        Some(&self.record)
    }

    fn errors(&self) -> &[(String, Error)] {
        &self.errors
    }

    fn windows(&self) -> BTreeMap<String, (u64, u64)> {
        let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for window in &self.windows {
            let (done, all) = counts.entry(window.stream.clone()).or_default();
            *done += u64::from(matches!(window.state, WindowState::Verified | WindowState::Loaded));
            *all += 1;
        }
        counts
    }
}

/// Passes on what a lease has to say.
struct Notes(Arc<dyn BackfillObserver>);

impl Observer for Notes {
    fn observe(&self, event: Event<'_>) {
        if let Event::Note(text) = event {
            self.0.observe(BackfillEvent::Note(text));
        }
    }
}

async fn backfill_leased(
    pipeline: &Pipeline,
    options: &BackfillOptions,
    observer: &Arc<dyn BackfillObserver>,
    run_id: String,
    lease: &Lease,
    calls: &Arc<Calls>,
    ledger: &Recording,
) -> Result<BackfillReport> {
    let clock = pipeline.clock();
    let warehouse = pipeline.warehouse().await?;
    let started_at = clock.now();
    let start =
        RunStart { pipeline: pipeline.file.name.as_str().into(), run_id: run_id.as_str().into(), started_at, allow_mass_delete: false };
    let mut record = RunRecord { status: RunStatus::Failed, exit_code: 1, ..RunRecord::begun(&start) };
    let fence = warehouse.begin_backfill_run(start).await?;
    ledger.in_warehouse();
    let done = carried_out(pipeline, options, observer, lease, (calls, ledger.meter()), (&warehouse, &fence)).await;
    record.ended_at = Some(clock.now());
    record.traffic = ledger.meter().count();
    let (id, ended) = match done {
        Ok(done) => done,
        Err(error) => {
            record.exit_code = error.exit_code();
            warehouse.end_run(&fence, &record).await?;
            return Err(error);
        }
    };
    let Ended { state, exit_code, errors, records, interrupted } = ended;
    record.streams = records;
    record.exit_code = exit_code;
    record.status = match state {
        BackfillState::Complete | BackfillState::Paused => RunStatus::Ok,
        _ if interrupted => RunStatus::Interrupted,
        _ => RunStatus::Partial,
    };
    warehouse.note_backfill(&fence, &id, state, clock.now()).await?;
    fail::fail_point!("backfill::ledger_written");
    warehouse.end_run(&fence, &record).await?;
    let (backfill, windows) = stored(warehouse.as_ref(), &pipeline.file.name, &id).await?;
    Ok(BackfillReport { backfill, windows, exit_code, interrupted, errors, calls: calls.answered(), run_id, record })
}

async fn carried_out(
    pipeline: &Pipeline,
    options: &BackfillOptions,
    observer: &Arc<dyn BackfillObserver>,
    lease: &Lease,
    (calls, meter): (&Arc<Calls>, &Arc<Meter>),
    (warehouse, fence): (&Arc<dyn Warehouse>, &Fence),
) -> Result<(String, Ended)> {
    let name = &pipeline.file.name;
    let mut arguments = serde_json::to_string(&Arguments {
        from: options.from,
        to: options.until,
        window: options.window.as_ref(),
        streams: &options.select,
    })
    .map_err(|_| Error::new(codes::BUG, "the arguments of a backfill cannot be written as JSON"))?;
    let earlier = unfinished(warehouse.as_ref(), name, &arguments, options.resume.as_ref()).await?;
    let mut select = options.select.clone();
    if let Some(backfill) = &earlier {
        arguments.clone_from(&backfill.arguments);
        select = streams_of(&arguments)?;
    }
    let mut stop = lease.stop();
    let connected = tokio::select! {
        connected = async {
            let mut connected = pipeline.connect_metered(&select, Some(calls.clone()), Some(meter.clone())).await?;
            pipeline.hold(&mut connected).await?;
            Ok::<_, Error>(connected)
        } => connected?,
        _ = stop.wait_for(|stop| *stop) => return Err(stopped()),
    };
    let (id, windows) = match earlier {
        Some(backfill) => {
            let windows = warehouse.backfill_windows(&backfill.id).await?;
            let done = windows.iter().filter(|window| window.state == WindowState::Verified).count();
            observer.observe(BackfillEvent::GoesOn { backfill: &backfill, done, windows: windows.len() });
            (backfill.id, windows)
        }
        None => {
            let plan = tokio::select! {
                plan = plan::plan(pipeline, &connected, options, calls) => plan?,
                _ = stop.wait_for(|stop| *stop) => return Err(stopped()),
            };
            observer.observe(BackfillEvent::Planned(&plan));
            let backfill = Backfill {
                id: format!("{name}:{}", fence.run_id),
                pipeline: name.clone(),
                arguments,
                span: plan.span,
                state: BackfillState::Running,
                pause_asked: false,
                began_at: pipeline.clock().now(),
                ended_at: None,
            };
            let windows = planned(&plan);
            warehouse.add_backfill(fence, &backfill, &windows).await?;
            (backfill.id, windows)
        }
    };
    warehouse.note_backfill(fence, &id, BackfillState::Running, pipeline.clock().now()).await?;
    fail::fail_point!("backfill::begun");
    let parallel = options.parallel.unwrap_or(PARALLEL).clamp(1, at_once(&connected));
    let carry_out = CarryOut::new(pipeline, &connected, (warehouse, fence), &id, windows, parallel, observer, calls);
    Ok((id, carry_out.run(lease).await))
}

fn stopped() -> Error {
    Error::new(codes::INTERRUPTED, "the backfill was stopped before it had begun")
}

/// As many requests as the source allows under way at once.
fn at_once(connected: &Connected) -> usize {
    connected.engine.limits().iter().map(|limit| limit.concurrent as usize).max().unwrap_or(PARALLEL).max(1)
}

/// The windows of a plan as rows of the ledger; the newest one of each stream is its first.
fn planned(plan: &Plan) -> Vec<BackfillWindow> {
    let mut windows = Vec::new();
    for stream in &plan.streams {
        for (number, window) in (1..).zip(stream.windows.iter().rev()) {
            windows.push(BackfillWindow {
                stream: stream.stream.clone(),
                number,
                span: window.span,
                whole: stream.whole,
                state: WindowState::Pending,
                place: Default::default(),
                planned: window.records,
                expected: None,
                found: None,
                read: 0,
                loaded: 0,
                unchanged: 0,
                quarantined: 0,
                filtered: 0,
                requests: 0,
                attempts: 0,
                started_at: None,
                ended_at: None,
                error: None,
            });
        }
    }
    windows
}

/// The backfill to go on with: one with the same arguments that is not complete, or the one that is asked for.
async fn unfinished(warehouse: &dyn Warehouse, pipeline: &str, arguments: &str, resume: Option<&Resume>) -> Result<Option<Backfill>> {
    let backfills = warehouse.backfills(pipeline).await?;
    let found = backfills.into_iter().find(|backfill| {
        backfill.state != BackfillState::Complete
            && match resume {
                None => backfill.arguments == arguments,
                Some(Resume::Newest) => true,
                Some(Resume::Id(id)) => backfill.id == *id,
            }
    });
    if found.is_none() && resume.is_some() {
        let message = format!("there is no backfill of `{pipeline}` to go on with");
        return Err(Error::new(codes::BAD_USAGE, message).advise("`aqueduct backfill list PIPELINE` shows the backfills there are."));
    }
    Ok(found)
}

fn streams_of(arguments: &str) -> Result<Vec<String>> {
    let unreadable = || Error::new(codes::BAD_STATE, "the ledger of a backfill cannot be read");
    let value: serde_json::Value = serde_json::from_str(arguments).map_err(|_| unreadable())?;
    serde_json::from_value(value["streams"].clone()).map_err(|_| unreadable())
}

async fn stored(warehouse: &dyn Warehouse, pipeline: &str, id: &str) -> Result<(Backfill, Vec<BackfillWindow>)> {
    let found = warehouse.backfills(pipeline).await?.into_iter().find(|backfill| backfill.id == id);
    let backfill = found.ok_or_else(|| {
        let error = Error::new(codes::BAD_USAGE, format!("there is no backfill `{id}`"));
        error.advise("`aqueduct backfill list PIPELINE` shows the backfills there are.")
    })?;
    let windows = warehouse.backfill_windows(id).await?;
    Ok((backfill, windows))
}

/// The backfills of a pipeline, newest first.
///
/// # Errors
/// `AQ4001` when the destination cannot be reached.
pub async fn backfills(pipeline: &Pipeline) -> Result<Vec<Backfill>> {
    pipeline.warehouse().await?.backfills(&pipeline.file.name).await
}

/// A backfill with its windows: the one of this id, or the newest.
///
/// # Errors
/// `AQ1001` when there is none.
pub async fn backfill_status(pipeline: &Pipeline, id: Option<&str>) -> Result<(Backfill, Vec<BackfillWindow>)> {
    let warehouse = pipeline.warehouse().await?;
    let name = &pipeline.file.name;
    let newest = match id {
        Some(id) => id.to_owned(),
        None => warehouse.backfills(name).await?.into_iter().next().map(|backfill| backfill.id).ok_or_else(|| {
            let error = Error::new(codes::BAD_USAGE, format!("there is no backfill of `{name}`"));
            error.advise("`aqueduct backfill PIPELINE --from DATE` begins one; with --plan it only says what it would do.")
        })?,
    };
    stored(warehouse.as_ref(), name, &newest).await
}

/// Asks a backfill to pause: the one of this id, or the newest that is not complete. Whoever carries it out stops with a checkpoint
/// within a page or so.
///
/// # Errors
/// `AQ1001` when there is none.
pub async fn pause_backfill(pipeline: &Pipeline, id: Option<&str>) -> Result<Backfill> {
    let warehouse = pipeline.warehouse().await?;
    let which = id.map_or(Resume::Newest, |id| Resume::Id(id.to_owned()));
    let found = unfinished(warehouse.as_ref(), &pipeline.file.name, "", Some(&which)).await?;
    let Some(found) = found else { return Err(Error::new(codes::BUG, "a backfill that was found is not there")) };
    warehouse.ask_pause(&found.id, true).await?;
    Ok(stored(warehouse.as_ref(), &pipeline.file.name, &found.id).await?.0)
}

/// What the windows of a stream did, as a record of a run has it.
fn sum_into(records: &mut Vec<StreamRecord>, done: &StreamRecord) {
    let Some(known) = records.iter_mut().find(|record| record.stream == done.stream) else {
        records.push(done.clone());
        return;
    };
    known.join(done);
    if done.error.is_some() {
        known.error.clone_from(&done.error);
    }
}
