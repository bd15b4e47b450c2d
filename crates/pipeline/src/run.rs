//! A run: every selected stream through all stages into the warehouse, each on its own, with a record of what happened.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use aqueduct_control::RunKind;
use aqueduct_schema::{Error, ErrorKind, Result, StreamState, Timestamp, codes};
use aqueduct_warehouse::{Fence, RunRecord, RunStart, RunStatus, ShadowKind, StreamRecord, Warehouse};
use tokio::sync::{Semaphore, watch};
use tracing::{Instrument, error_span};

use crate::drift::{self, Drift, DriftReport};
use crate::filling::{Found, StreamDrift};
use crate::identities::Resolved;
use crate::lease::Lease;
use crate::ledger::{Asked, Recording, Told, flag};
use crate::observer::{Event, Observer};
use crate::pipeline::{Connected, Pipeline};
use crate::refresh::{self, Refresh};
use crate::stream::{Lane, StreamEnd};
use crate::sweep::Sweeps;

/// What a person asks of one run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Streams and fields in place of the file's selection.
    pub select: Vec<String>,
    /// Read everything again, aside, and put it in place of what is there when it is complete.
    pub full_refresh: bool,
    /// Go through all stages and store nothing.
    pub dry_run: bool,
    /// Stop a stream after so many records.
    pub limit: Option<u64>,
    /// Stop with a checkpoint after so long.
    pub timeout: Option<Duration>,
    /// How long to wait for another run of the pipeline to end; without it the run fails at once.
    pub wait_for_lease: Option<Duration>,
    /// Read calculated fields again for all records, whether they are due or not.
    pub refresh_calculated: bool,
    /// Read all links between records, whether that is due or not.
    pub sweep_associations: bool,
    /// Compare the ids at the source with the rows that are here, whether that is due or not.
    pub sweep_ids: bool,
    /// Let snapshots and refreshes mark any number of rows as deleted.
    pub allow_mass_delete: bool,
    /// The time of its schedule that the run was started for, as the ledger names it.
    pub occurrence: Option<String>,
    /// The run's id, where it has one already because it has begun an occurrence; see [`crate::Occurring`].
    pub run_id: Option<String>,
    /// Which attempt at that occurrence it is, from 1.
    pub attempt: u32,
}

impl RunOptions {
    /// What the ledger of runs tells of them.
    fn asked(&self) -> Asked {
        let kind = if self.dry_run { RunKind::DryRun } else { RunKind::Run };
        let asked = Asked { occurrence: self.occurrence.clone(), attempt: self.attempt, ..Asked::of(kind) };
        asked.with([
            (!self.select.is_empty()).then(|| format!("--select {}", self.select.join(","))),
            flag(self.full_refresh, "--full-refresh"),
            self.limit.map(|limit| format!("--limit {limit}")),
            self.timeout.map(|timeout| format!("--timeout {}s", timeout.as_secs())),
            flag(self.refresh_calculated, "--refresh-calculated"),
            flag(self.sweep_associations, "--sweep-associations"),
            flag(self.sweep_ids, "--sweep-ids"),
            flag(self.allow_mass_delete, "--allow-mass-delete"),
        ])
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct RunReport {
    /// The ledger's entry.
    pub record: RunRecord,
    /// The error of each stream that is not complete.
    pub errors: Vec<(String, Error)>,
    /// What the policy does, in sentences.
    pub policy: Vec<String>,
    /// For each stream, how many fields the source has that are not selected and so not stored.
    pub left_out: BTreeMap<String, usize>,
    /// Streams that nothing maps onto the common schema, so that only their source tables are filled.
    pub unmapped: Vec<String>,
    /// What has changed at the source, and which columns that concerns.
    pub drift: DriftReport,
    /// What was found about who is who.
    pub identities: Vec<Resolved>,
    /// The limit of records at which streams stopped, if there was one.
    pub limit: Option<u64>,
    /// Whether nothing was stored.
    pub dry_run: bool,
}

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

impl Told for RunReport {
    fn record(&self) -> Option<&RunRecord> {
        Some(&self.record)
    }

    fn errors(&self) -> &[(String, Error)] {
        &self.errors
    }

    fn changes(&self) -> Vec<String> {
        self.drift.changes.iter().map(ToString::to_string).collect()
    }
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
    let refreshes = refreshes(pipeline, options, &connected, &warehouse).await?;
    fail::fail_point!("pipeline::run_begun");
    let mut ends = run_streams(pipeline, options, &connected, &states, refreshes, drifts, &warehouse, &fence, &observer, &stop).await;
    let sweeps =
        Sweeps { pipeline, options, connected: &connected, warehouse: &warehouse, fence: &fence, observer: &observer, stop: &stop };
    sweeps.carry_out(&states, &mut ends).await?;
    let timed_out = deadline.is_some_and(|task| task.is_finished());

    let interrupted = *stop.borrow() && !timed_out;
    let mut record = RunRecord {
        run_id: start.run_id.to_string(),
        pipeline: start.pipeline.to_string(),
        started_at: start.started_at,
        ended_at: Some(clock.now()),
        status: RunStatus::Ok,
        exit_code: 0,
        streams: Vec::new(),
        traffic: Default::default(),
    };
    let mut errors = Vec::new();
    for mut end in ends {
        if let Some(error) = end.error.map(|error| lease.explain(error)) {
            end.record.error = Some(error.to_string());
            errors.push((end.record.stream.clone(), error));
        }
        drifted.changes.extend(end.found.changes);
        if !end.found.filled.is_empty() {
            drifted.filled.insert(end.record.stream.clone(), end.found.filled.into_iter().collect());
        }
        record.streams.push(end.record);
    }
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

/// The refreshes that are asked for, each with what an earlier run has read aside. A dry run has nothing to put in place.
async fn refreshes(
    pipeline: &Pipeline,
    options: &RunOptions,
    connected: &Connected,
    warehouse: &Arc<dyn Warehouse>,
) -> Result<BTreeMap<String, Refresh>> {
    if !options.full_refresh || options.dry_run {
        return Ok(BTreeMap::new());
    }
    let mut shadows = warehouse.shadows(&pipeline.file.name, ShadowKind::Refresh).await?;
    let whole = connected.selected.iter().filter(|stream| refresh::is_whole(stream));
    let refreshes = whole.map(|stream| {
        let fingerprint = refresh::fingerprint(pipeline, connected, stream);
        (stream.name.clone(), Refresh { shadow: shadows.remove(&stream.name), fingerprint })
    });
    Ok(refreshes.collect())
}

#[expect(clippy::too_many_arguments, reason = "the parts of one run, used nowhere else")]
async fn run_streams(
    pipeline: &Pipeline,
    options: &RunOptions,
    connected: &Connected,
    states: &BTreeMap<String, StreamState>,
    mut refreshes: BTreeMap<String, Refresh>,
    mut drifts: BTreeMap<String, StreamDrift>,
    warehouse: &Arc<dyn Warehouse>,
    fence: &Fence,
    observer: &Arc<dyn Observer>,
    stop: &watch::Receiver<bool>,
) -> Vec<StreamEnd> {
    let places = Arc::new(Semaphore::new(pipeline.file.content.run.parallel_streams.max(1)));
    let loads = Arc::new(Semaphore::new(warehouse.capabilities().parallel_loads.max(1)));
    let mut tasks = Vec::new();
    let protector = if options.dry_run { Arc::new(pipeline.protector.without_originals()) } else { pipeline.protector.clone() };
    for stream in &connected.selected {
        let refresh = refreshes.remove(&stream.name);
        // Where a refresh cannot be read aside, the state is forgotten and the rows are merged.
        let forgotten = options.full_refresh && refresh.is_none();
        let lane = Lane {
            stream: stream.clone(),
            state: states.get(&stream.name).filter(|_| !forgotten).cloned().unwrap_or_default(),
            engine: connected.engine.clone(),
            normaliser: pipeline.normaliser(stream, &connected.source),
            protector: protector.clone(),
            quarantine: pipeline.file.content.quality.quarantine,
            system: pipeline.registration.name.into(),
            warehouse: warehouse.clone(),
            fence: fence.clone(),
            loads: loads.clone(),
            observer: observer.clone(),
            stop: stop.clone(),
            limit: options.limit,
            load: pipeline.file.content.run,
            clock: pipeline.clock(),
            drift: drifts.remove(&stream.name),
            refresh_calculated: options.refresh_calculated,
            sweep_associations: options.sweep_associations,
            refresh,
            aside: None,
            window: None,
            ledger: None,
        };
        // Waited for here and not in the task, so that streams are read in their order.
        let place = places.clone().acquire_owned().await;
        let name = stream.name.clone();
        let observer = observer.clone();
        let span = error_span!("stream", stream = %name);
        let task = async move {
            let _place = place;
            let end = lane.run().await;
            between_streams();
            observer.observe(Event::Finished { record: &end.record, error: end.error.as_ref() });
            end
        };
        tasks.push((name, tokio::spawn(task.instrument(span))));
    }
    let mut ends = Vec::new();
    for (name, task) in tasks {
        ends.push(task.await.unwrap_or_else(|_| StreamEnd {
            record: StreamRecord {
                stream: name.clone(),
                error: Some("the stream's task broke down".to_owned()),
                ..StreamRecord::default()
            },
            error: Some(Error::new(codes::BUG, format!("the task of stream `{name}` broke down"))),
            found: Found::default(),
        }));
    }
    ends
}

/// The moment after a stream ended, where the battery ends the process.
fn between_streams() {
    fail::fail_point!("pipeline::between_streams");
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

/// The run's status and exit code from what its streams did.
fn verdict(streams: &[StreamRecord], errors: &[(String, Error)], interrupted: bool) -> (RunStatus, u8) {
    let Some((_, first)) = errors.first() else { return (RunStatus::Ok, 0) };
    if errors.iter().all(|(_, error)| error.kind() == ErrorKind::Interrupted) {
        // A signal is a person's or a scheduler's wish; a run out of time is incomplete.
        return if interrupted { (RunStatus::Interrupted, 130) } else { (RunStatus::Partial, 6) };
    }
    let code = first.exit_code();
    let one_cause = errors.iter().all(|(_, error)| error.exit_code() == code);
    // A destination that fails, a pipeline taken over, a quota used up and a guard that stops concern the run, not one stream.
    let whole = matches!(first.kind(), ErrorKind::Destination | ErrorKind::Locked | ErrorKind::Quota | ErrorKind::Quality | ErrorKind::Bug);
    if one_cause && (whole || errors.len() == streams.len()) {
        let committed = streams.iter().any(|stream| stream.loaded + stream.unchanged > 0);
        return (if committed { RunStatus::Partial } else { RunStatus::Failed }, code);
    }
    (RunStatus::Partial, 6)
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

    fn streams(loaded: &[u64]) -> Vec<StreamRecord> {
        loaded.iter().map(|loaded| StreamRecord { loaded: *loaded, ..StreamRecord::default() }).collect()
    }

    fn errors(codes: &[aqueduct_schema::Code]) -> Vec<(String, Error)> {
        codes.iter().map(|code| ("s".to_owned(), Error::new(*code, "x"))).collect()
    }

    #[test]
    fn the_exit_code_tells_what_happened() {
        assert_eq!(verdict(&streams(&[1, 1]), &[], false), (RunStatus::Ok, 0));
        assert_eq!(verdict(&streams(&[1, 0]), &errors(&[codes::PERMISSION_DENIED]), false), (RunStatus::Partial, 6));
        assert_eq!(verdict(&streams(&[0]), &errors(&[codes::SOURCE_FAILED]), false), (RunStatus::Failed, 4));
        assert_eq!(verdict(&streams(&[5]), &errors(&[codes::SOURCE_FAILED]), false), (RunStatus::Partial, 4));
        assert_eq!(verdict(&streams(&[5, 5]), &errors(&[codes::QUOTA_REACHED]), false), (RunStatus::Partial, 7));
        assert_eq!(verdict(&streams(&[5, 5]), &errors(&[codes::FENCED]), false), (RunStatus::Partial, 9));
        assert_eq!(verdict(&streams(&[5, 0]), &errors(&[codes::FENCED, codes::SOURCE_FAILED]), false), (RunStatus::Partial, 6));
        assert_eq!(verdict(&streams(&[5, 5]), &errors(&[codes::INTERRUPTED]), true), (RunStatus::Interrupted, 130));
        assert_eq!(verdict(&streams(&[5, 5]), &errors(&[codes::INTERRUPTED]), false), (RunStatus::Partial, 6));
        assert_eq!(verdict(&streams(&[5]), &[], true), (RunStatus::Ok, 0));
    }

    #[test]
    fn run_ids_sort_by_time() {
        let instants = [1_770_000_000_000_000, 1_770_000_000_000_001, 1_770_000_000_999_999, 1_770_000_001_000_000];
        let ids = instants.map(|instant| run_id(Timestamp::from_microseconds(instant)));
        assert!(ids.iter().all(|id| id.len() == 23 && id.starts_with("20")), "{ids:?}");
        assert!(ids.is_sorted(), "{ids:?}");
    }
}
