//! A backfill that holds its lease: it goes on with the windows of an earlier process or plans its own, carries them out, and writes down how
//! it ended.

use std::sync::Arc;

use aqueduct_schema::{Error, Result, Timestamp, codes};
use aqueduct_warehouse::{Backfill, BackfillState, BackfillWindow, Fence, RunRecord, RunStart, RunStatus, Warehouse, WindowState};
use serde::Serialize;

use super::carry_out::{CarryOut, Ended};
use super::plan::{self, Plan};
use super::stored::{stored, unfinished};
use super::windows::WindowLength;
use super::{BackfillEvent, BackfillObserver, BackfillOptions, BackfillReport, Calls};
use crate::lease::Lease;
use crate::ledger::Recording;
use crate::pipeline::{Connected, Pipeline};

/// Windows at once where nobody says how many.
const PARALLEL: usize = 2;

/// The arguments by which a backfill is known again.
#[derive(Serialize)]
struct Arguments<'a> {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    window: Option<&'a WindowLength>,
    streams: &'a [String],
}

/// A backfill that holds its lease.
#[derive(Clone, Copy)]
pub(super) struct Leased<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) options: &'a BackfillOptions,
    pub(super) observer: &'a Arc<dyn BackfillObserver>,
    pub(super) calls: &'a Arc<Calls>,
    pub(super) lease: &'a Lease,
    pub(super) ledger: &'a Recording,
}

/// Carries a backfill out, and records it in its warehouse.
pub(super) async fn carry_out_leased(leased: Leased<'_>, run_id: String) -> Result<BackfillReport> {
    let Leased { pipeline, calls, ledger, .. } = leased;
    let clock = pipeline.clock();
    let warehouse = pipeline.warehouse().await?;
    let started_at = clock.now();
    let start =
        RunStart { pipeline: pipeline.file.name.as_str().into(), run_id: run_id.as_str().into(), started_at, allow_mass_delete: false };
    let mut record = RunRecord { status: RunStatus::Failed, exit_code: 1, ..RunRecord::begun(&start) };
    let fence = warehouse.begin_backfill_run(start).await?;
    ledger.in_warehouse();
    let done = carried_out(leased, &warehouse, &fence).await;
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

async fn carried_out(leased: Leased<'_>, warehouse: &Arc<dyn Warehouse>, fence: &Fence) -> Result<(String, Ended)> {
    let Leased { pipeline, options, observer, calls, lease, ledger } = leased;
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
            let mut connected = pipeline.connect_metered(&select, Some(calls.clone()), Some(ledger.meter().clone())).await?;
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
    calls.have_begun();
    fail::fail_point!("backfill::begun");
    let parallel = options.parallel.unwrap_or(PARALLEL).clamp(1, at_once(&connected));
    let carry_out = CarryOut::new(leased, &connected, (warehouse, fence), (&id, windows), parallel);
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

fn streams_of(arguments: &str) -> Result<Vec<String>> {
    let unreadable = || Error::new(codes::BAD_STATE, "the ledger of a backfill cannot be read");
    let value: serde_json::Value = serde_json::from_str(arguments).map_err(|_| unreadable())?;
    serde_json::from_value(value["streams"].clone()).map_err(|_| unreadable())
}
