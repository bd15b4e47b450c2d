//! A run: every selected stream through all stages into the warehouse, each on its own, with a record of what happened.

mod options;
mod report;
mod streams;
mod verdict;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use aqueduct_schema::{Error, ErrorKind, Result, StreamState, Timestamp, codes};
use aqueduct_warehouse::{Fence, RunRecord, RunStart, StreamRecord, Warehouse};
use tokio::sync::watch;
use tracing::{Instrument, error_span};

pub use self::options::RunOptions;
pub use self::report::RunReport;
pub(crate) use self::streams::Streams;
use self::verdict::verdict;
use crate::drift::{self, Drift, DriftReport};
use crate::lease::Lease;
use crate::ledger::Recording;
use crate::observer::{Event, Observer};
use crate::pipeline::{Connected, Pipeline};
use crate::stream::StreamEnd;
use crate::underway::Underway;

/// Runs a pipeline under its lease. When `stop` becomes true, every stream ends after the page under way and its checkpoint is committed.
///
/// # Errors
/// What prevents the run as a whole: source or destination out of reach, mistakes in the file. Errors of single streams are in the report.
pub async fn run(pipeline: &Pipeline, options: &RunOptions, observer: Arc<dyn Observer>, stop: watch::Receiver<bool>) -> Result<RunReport> {
    let run_id = options.run_id.clone().unwrap_or_else(|| run_id(pipeline.clock().now()));
    // At the level of errors, so that it is there whatever is logged.
    let span = error_span!("run", run = %run_id, pipeline = %pipeline.file.name);
    recorded(pipeline, options, run_id, observer, stop).instrument(span).await
}

/// A run with its entry in the ledger, under its lease.
async fn recorded(
    pipeline: &Pipeline,
    options: &RunOptions,
    run_id: String,
    observer: Arc<dyn Observer>,
    stop: watch::Receiver<bool>,
) -> Result<RunReport> {
    let ledger = Recording::begin(pipeline, &run_id, options.asked()).await;
    let observer = ledger.observer(observer);
    let done = async {
        let lease = Lease::take(pipeline, &run_id, options, observer.as_ref(), stop).await?;
        let report = run_leased(pipeline, options, observer.clone(), &run_id, &lease, &ledger).await;
        lease.release().await;
        report
    };
    let done = done.await;
    ledger.conclude(done, observer.as_ref()).await
}

async fn run_leased(
    pipeline: &Pipeline,
    options: &RunOptions,
    observer: Arc<dyn Observer>,
    run_id: &str,
    lease: &Lease,
    ledger: &Recording,
) -> Result<RunReport> {
    let clock = pipeline.clock();
    let (stop, deadline) = with_deadline(lease.stop(), options.timeout);
    let mut connected = connect(pipeline, options, ledger, stop.clone(), lease).await?;
    let streams: Vec<String> = connected.selected.iter().map(|stream| stream.name.clone()).collect();
    observer.observe(Event::Planned { streams });
    let destination = pipeline.warehouse().await?;
    let start = RunStart {
        pipeline: pipeline.file.name.as_str().into(),
        run_id: run_id.into(),
        started_at: clock.now(),
        allow_mass_delete: options.allow_mass_delete,
    };
    let (warehouse, states, fence) = begin(pipeline, options, &start, destination.clone()).await?;
    ledger.in_warehouse();
    let stored = destination.schemas(&pipeline.file.name).await?;
    let Drift { report: mut drifted, schemas, streams: drifts } =
        drift::compare(pipeline, &mut connected, stored, &states, options.full_refresh);
    warehouse.record_schemas(&fence, &schemas, &drifted.changes).await?;
    let underway = Underway { pipeline, connected: &connected, warehouse: &warehouse, fence: &fence, observer: &observer, stop: &stop };
    let streams = Streams { underway, options };
    let mut ends = streams.read(&states, drifts).await?;
    streams.sweep(&states, &mut ends).await?;
    let timed_out = deadline.is_some_and(|task| task.is_finished());
    if timed_out {
        ends.iter_mut().for_each(out_of_time);
    }

    let interrupted = *stop.borrow() && !timed_out;
    let mut record = RunRecord { ended_at: Some(clock.now()), ..RunRecord::begun(&start) };
    let mut errors;
    (record.streams, errors) = gathered(ends, lease, &mut drifted);
    (record.status, record.exit_code) = verdict(&record.streams, &errors, interrupted);
    fail::fail_point!("pipeline::streams_ended");
    // Whoever has lost the pipeline to another run leaves its quarantine alone.
    if !errors.iter().any(|(_, error)| error.kind() == ErrorKind::Locked) {
        crate::quarantine::expire(pipeline, warehouse.as_ref(), &fence).await?;
    }
    let identities = match crate::identities::after_run(pipeline, warehouse.as_ref(), &fence, observer.as_ref(), lease.stop()).await {
        Ok(identities) => identities,
        Err(error) => {
            errors.push(("identity".to_owned(), lease.explain(error)));
            (record.status, record.exit_code) = verdict(&record.streams, &errors, interrupted);
            Vec::new()
        }
    };
    record.traffic = ledger.meter().count();
    warehouse.end_run(&fence, &record).await?;
    fail::fail_point!("pipeline::run_recorded");
    let left_out = left_out(&connected);
    let unmapped = connected.selected.iter().map(|stream| stream.name.clone()).filter(|name| !pipeline.maps(name)).collect();
    Ok(RunReport {
        record,
        errors,
        unmapped,
        policy: pipeline.protector.policy().describe(),
        left_out,
        drift: drifted,
        identities,
        limit: options.limit,
        dry_run: options.dry_run,
    })
}

/// Says of a stream that was stopped that nobody but the clock stopped it.
fn out_of_time(end: &mut StreamEnd) {
    if let Some(error) = end.error.take_if(|error| error.code() == codes::INTERRUPTED) {
        let message = "the time that the run was given was over before the stream's end";
        end.error = Some(Error::new(error.code(), message).data_note(error.data()).advise(
            "Run again to go on from the checkpoint. Where it ends like this each time, give it more time: `timeout` of its schedule, or \
             --timeout.",
        ));
    }
}

/// What the streams of a run did, and what kept some of them from being complete. What they found of their source goes into the report.
fn gathered(ends: Vec<StreamEnd>, lease: &Lease, drifted: &mut DriftReport) -> (Vec<StreamRecord>, Vec<(String, Error)>) {
    let (mut records, mut errors) = (Vec::with_capacity(ends.len()), Vec::new());
    for StreamEnd { mut record, error, found } in ends {
        if let Some(error) = error.map(|error| lease.explain(error)) {
            record.error = Some(error.to_string());
            errors.push((record.stream.clone(), error));
        }
        drifted.changes.extend(found.changes);
        if !found.filled.is_empty() {
            drifted.filled.insert(record.stream.clone(), found.filled.into_iter().collect());
        }
        records.push(record);
    }
    (records, errors)
}

/// Asks the source who we are and what it has, unless that takes longer than the run may or somebody stops it.
async fn connect(
    pipeline: &Pipeline,
    options: &RunOptions,
    ledger: &Recording,
    mut stop: watch::Receiver<bool>,
    lease: &Lease,
) -> Result<Connected> {
    tokio::select! {
        connected = ledger.connect(pipeline, &options.select) => connected,
        _ = stop.wait_for(|stop| *stop) => Err(if *lease.stop().borrow() {
            lease.explain(Error::new(codes::INTERRUPTED, "the run was stopped before it had begun to read"))
        } else {
            Error::new(codes::PARTIAL, "the time for the run was over before it had begun to read")
                .data_note("Nothing was read or written.")
                .advise("See whether the source answers (`aqueduct check`), or give the run more time.")
        }),
    }
}

type Begun = (Arc<dyn Warehouse>, BTreeMap<String, StreamState>, Fence);

/// Takes the pipeline over and reads its state. A dry run reads the state and then writes to nowhere.
async fn begin(pipeline: &Pipeline, options: &RunOptions, start: &RunStart, destination: Arc<dyn Warehouse>) -> Result<Begun> {
    let warehouse =
        if options.dry_run { aqueduct_warehouse::open(&aqueduct_schema::Secret::new("discard://")).await? } else { destination.clone() };
    let fence = warehouse.begin_run(start.clone()).await?;
    let states = destination.states(&pipeline.file.name).await?;
    Ok((warehouse, states, fence))
}

/// A stop signal that also comes when the time is up, and the task that waits for it.
fn with_deadline(stop: watch::Receiver<bool>, timeout: Option<Duration>) -> (watch::Receiver<bool>, Option<tokio::task::JoinHandle<()>>) {
    let Some(timeout) = timeout else { return (stop, None) };
    let (sender, receiver) = watch::channel(*stop.borrow());
    let mut outer = stop;
    let task = tokio::spawn(async move {
        let stopped = outer.wait_for(|stop| *stop);
        let timed_out = tokio::time::timeout(timeout, stopped).await.is_err();
        sender.send_replace(true);
        if !timed_out {
            std::future::pending::<()>().await;
        }
    });
    (receiver, Some(task))
}

fn left_out(connected: &Connected) -> BTreeMap<String, usize> {
    connected
        .selected
        .iter()
        .filter_map(|stream| {
            let all = connected.streams.iter().find(|other| other.name == stream.name)?;
            Some((stream.name.clone(), all.record.fields.len().saturating_sub(stream.record.fields.len())))
        })
        .collect()
}

/// A run's id: sortable by time to the microsecond, unique across machines. Second, then in hex the microsecond and chance.
pub(crate) fn run_id(now: Timestamp) -> String {
    let chance = std::hash::RandomState::new().build_hasher().finish();
    let digits: String = now.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    format!("{digits}-{:05x}{:03x}", now.microseconds().rem_euclid(1_000_000), chance & 0xfff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_sort_by_time() {
        let instants = [1_770_000_000_000_000, 1_770_000_000_000_001, 1_770_000_000_999_999, 1_770_000_001_000_000];
        let ids = instants.map(|instant| run_id(Timestamp::from_microseconds(instant)));
        assert!(ids.iter().all(|id| id.len() == 23 && id.starts_with("20")), "{ids:?}");
        assert!(ids.is_sorted(), "{ids:?}");
    }
}
