//! Source against warehouse: counts, keys and times, and what can be done about what differs.

use std::collections::BTreeMap;
use std::sync::Arc;

use aqueduct_connector::Stream;
use aqueduct_control::RunKind;
use aqueduct_normalise::{Mappings, Normaliser};
use aqueduct_schema::{Cursor, Error, Mode, Result, StreamState, TableName, Timestamp, codes};
use aqueduct_warehouse::{
    Difference, Differing, ReconciledWindow, RunRecord, RunStart, RunStatus, ShadowKind, StreamRecord, guard_deletion,
};
use tokio::sync::watch;

use crate::held::{Held, recorded};
use crate::ledger::{Asked, Told, flag};
use crate::observer::Observer;
use crate::pipeline::Pipeline;
use crate::refresh::Aside;

use crate::underway::Underway;

/// How thoroughly to compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Counts alone where the source counts, else every key.
    #[default]
    Counts,
    /// Every key.
    Full,
    /// Counts where the source counts, and the first keys that it lists, about so many.
    Sample(u64),
}

/// What a person asks of a reconciliation.
#[derive(Clone, Debug, Default)]
pub struct ReconcileOptions {
    /// Streams in place of the file's selection.
    pub select: Vec<String>,
    /// How thoroughly.
    pub depth: Depth,
    /// Delete what is gone, read again what is missing or stale.
    pub repair: bool,
    /// Let a repair mark any number of rows as deleted.
    pub allow_mass_delete: bool,
}

/// What a reconciliation found.
#[derive(Debug)]
pub struct ReconcileReport {
    /// The ledger's entry.
    pub record: RunRecord,
    /// What both sides have, by stream and window, after a repair.
    pub windows: Vec<ReconciledWindow>,
    /// What was done about it, by stream: rows marked as deleted, records read again.
    pub repaired: BTreeMap<String, (u64, u64)>,
    /// The error of each stream that could not be compared or repaired.
    pub errors: Vec<(String, Error)>,
}

/// Compares what the source has with what the warehouse has. The pipeline is held meanwhile, as by a run.
///
/// # Errors
/// What prevents it as a whole: source or destination out of reach, mistakes in the file. Errors of single streams are in the report.
pub async fn reconcile(
    pipeline: &Pipeline,
    options: &ReconcileOptions,
    observer: Arc<dyn Observer>,
    stop: watch::Receiver<bool>,
) -> Result<ReconcileReport> {
    recorded(pipeline, options.asked(), observer, stop, async |held: Held<'_>| reconcile_held(pipeline, options, held).await).await
}

impl ReconcileOptions {
    fn asked(&self) -> Asked {
        Asked::of(RunKind::Reconcile).with([
            (!self.select.is_empty()).then(|| format!("--select {}", self.select.join(","))),
            flag(self.depth == Depth::Full, "--full"),
            if let Depth::Sample(records) = self.depth { Some(format!("--sample {records}")) } else { None },
            flag(self.repair, "--repair"),
            flag(self.allow_mass_delete, "--allow-mass-delete"),
        ])
    }
}

impl Told for ReconcileReport {
    fn record(&self) -> Option<&RunRecord> {
        Some(&self.record)
    }

    fn errors(&self) -> &[(String, Error)] {
        &self.errors
    }
}

async fn reconcile_held(pipeline: &Pipeline, options: &ReconcileOptions, held: Held<'_>) -> Result<ReconcileReport> {
    let Held { run_id, lease, ledger, observer } = held;
    let (clock, stop) = (pipeline.clock(), lease.stop());
    let mut connected = ledger.connect(pipeline, &options.select).await?;
    if options.repair {
        pipeline.hold(&mut connected).await?;
    }
    let warehouse = pipeline.warehouse().await?;
    let name: Arc<str> = pipeline.file.name.as_str().into();
    let started_at = clock.now();
    let start = RunStart { pipeline: name.clone(), run_id: run_id.into(), started_at, allow_mass_delete: options.allow_mass_delete };
    let record = RunRecord { status: RunStatus::Ok, ..RunRecord::begun(&start) };
    let fence = warehouse.begin_run(start).await?;
    ledger.in_warehouse();
    let states = warehouse.states(&name).await?;
    let mut report = ReconcileReport { record, windows: Vec::new(), repaired: BTreeMap::new(), errors: Vec::new() };
    let underway = Underway { pipeline, connected: &connected, warehouse: &warehouse, fence: &fence, observer, stop: &stop };
    for stream in &connected.selected {
        let state = states.get(&stream.name).cloned().unwrap_or_default();
        let mut record = StreamRecord { stream: stream.name.clone(), settled_until: settled(&state), ..StreamRecord::default() };
        let mut task = Task { underway, stream, state, options };
        match task.carry_out(&mut record).await {
            Ok((windows, repaired)) => {
                report.windows.extend(windows);
                report.repaired.extend(repaired.map(|repaired| (stream.name.clone(), repaired)));
            }
            Err(error) => {
                let error = lease.explain(error);
                record.error = Some(error.to_string());
                report.errors.push((stream.name.clone(), error));
            }
        }
        report.record.streams.push(record);
    }
    warehouse.record_reconciliation(&fence, &report.windows).await?;
    let agrees = report.windows.iter().all(ReconciledWindow::agrees);
    (report.record.status, report.record.exit_code) = match report.errors.first() {
        Some((_, error)) => (RunStatus::Failed, error.exit_code()),
        None if agrees => (RunStatus::Ok, 0),
        None => (RunStatus::Partial, Error::new(codes::COUNTS_DIFFER, "").exit_code()),
    };
    report.record.ended_at = Some(clock.now());
    report.record.traffic = ledger.meter().count();
    warehouse.end_run(&fence, &report.record).await?;
    Ok(report)
}

fn settled(state: &StreamState) -> Option<Timestamp> {
    state.settled.as_ref().map(|Cursor { at, .. }| *at)
}

/// One stream's comparison.
pub(crate) struct Task<'a> {
    pub(crate) underway: Underway<'a>,
    pub(crate) stream: &'a Stream,
    pub(crate) state: StreamState,
    pub(crate) options: &'a ReconcileOptions,
}

/// What was found, and what was repaired: rows marked as deleted, records read again.
type Found = (Vec<ReconciledWindow>, Option<(u64, u64)>);

impl Task<'_> {
    async fn carry_out(&mut self, record: &mut StreamRecord) -> Result<Found> {
        // Numbers do not say which records to repair, and may agree by chance.
        let depth = if self.options.repair { Depth::Full } else { self.options.depth };
        let counted = match depth {
            Depth::Full => None,
            Depth::Counts | Depth::Sample(_) => self.counted().await?,
        };
        let (limit, counts_alone) = match depth {
            Depth::Sample(limit) => (Some(limit), false),
            Depth::Counts => (None, counted.is_some()),
            Depth::Full => (None, false),
        };
        let mut windows: Vec<ReconciledWindow> = counted.into_iter().collect();
        if counts_alone {
            return Ok((windows, None));
        }
        self.read_keys(limit, record).await?;
        let whole = limit.is_none();
        let mut found = self.compare(whole).await?;
        let mut repaired = None;
        if self.options.repair && !found.iter().all(ReconciledWindow::agrees) {
            repaired = Some(self.repair(record).await?);
            found = self.compare(whole).await?;
        }
        if whole {
            windows.clear();
        }
        windows.extend(found);
        self.forget_keys().await?;
        Ok((windows, repaired))
    }

    pub(crate) async fn compare(&self, whole: bool) -> Result<Vec<ReconciledWindow>> {
        // Times tell what is to be expected only of a stream that has them.
        let settled = settled(&self.state).filter(|_| self.stream.record.updated_at.is_some());
        self.underway.warehouse.compare(self.underway.fence, &self.stream.name, settled, whole).await
    }

    /// Both numbers, where the source counts. What changed there since the settled cursor need not be here yet.
    async fn counted(&self) -> Result<Option<ReconciledWindow>> {
        let engine = &self.underway.connected.engine;
        let Some(source) = engine.count(self.stream, None, None).await? else { return Ok(None) };
        let recent = match settled(&self.state) {
            Some(settled) if self.stream.record.updated_at.is_some() => engine.count(self.stream, Some(settled), None).await?.unwrap_or(0),
            _ => 0,
        };
        let table = TableName::source(self.underway.pipeline.registration.name, &self.stream.name);
        let account = &self.underway.connected.source.account;
        let [live, rejected] = self.underway.warehouse.count_live(self.underway.fence, &self.stream.name, &table, account).await?;
        Ok(Some(ReconciledWindow {
            stream: self.stream.name.clone(),
            window: "all".to_owned(),
            source,
            warehouse: live,
            missing: source.saturating_sub(recent).saturating_sub(live + rejected),
            extra: live.saturating_sub(source),
            stale: 0,
        }))
    }

    /// Reads keys and times into a new shadow.
    async fn read_keys(&self, limit: Option<u64>, record: &mut StreamRecord) -> Result<()> {
        self.forget_keys().await?;
        self.list_keys(StreamState::default(), self.underway.fence.run_id.to_string(), limit, record).await
    }

    /// Throws the keys away that were read.
    pub(crate) async fn forget_keys(&self) -> Result<()> {
        self.underway.warehouse.discard_shadow(self.underway.fence, &self.stream.name, ShadowKind::Keys).await
    }

    /// Reads keys and times into a shadow, from where its state is: by the cheap listing where there is one, else by reading everything,
    /// roles alone.
    pub(crate) async fn list_keys(
        &self,
        state: StreamState,
        fingerprint: String,
        limit: Option<u64>,
        record: &mut StreamRecord,
    ) -> Result<()> {
        let possible = [Mode::Ids, Mode::Snapshot, Mode::Backfill, Mode::Changes];
        let mode = possible.into_iter().find(|mode| self.stream.modes.contains(mode));
        let mode = mode.ok_or_else(|| Error::new(codes::BAD_USAGE, format!("stream `{}` cannot be read whole", self.stream.name)))?;
        let mut reduced = self.stream.clone();
        let roles = reduced.record.clone();
        reduced.record.fields.retain(|field| roles.has_role(&field.path));
        let defaults = &self.underway.pipeline.file.content.normalise.defaults;
        let nothing = Mappings::new(Vec::new());
        let normaliser = Normaliser::new(&nothing, &reduced.name, &reduced.record, &self.underway.connected.source, defaults)?;
        let mut lane = self.underway.lane(self.stream.clone(), state);
        lane.limit = limit;
        lane.aside = Some(Aside { kind: ShadowKind::Keys, fingerprint });
        let mut read = StreamRecord { stream: self.stream.name.clone(), ..StreamRecord::default() };
        let done = lane.pass(reduced, normaliser, Some(vec![mode]), &mut read).await;
        record.exchanged(&read.traffic);
        done
    }

    /// Marks as deleted what is gone, and reads again what is missing or stale.
    async fn repair(&mut self, record: &mut StreamRecord) -> Result<(u64, u64)> {
        if self.state.reading.is_some() {
            let message = format!("a reading of stream `{}` is not complete", self.stream.name);
            return Err(Error::new(codes::BAD_USAGE, message).advise("Run the pipeline first, which carries it on, then repair."));
        }
        let mut repaired = StreamRecord { stream: self.stream.name.clone(), ..StreamRecord::default() };
        if self.stream.modes.contains(&Mode::Snapshot) {
            // A snapshot finds both, and asks before it deletes.
            self.read_again(vec![Mode::Snapshot], None, &mut repaired).await?;
        } else {
            let differences = self.underway.warehouse.differences(self.underway.fence, &self.stream.name).await?;
            if differences.iter().any(|one| one.differing == Differing::Extra) {
                self.bury(&differences, &mut repaired).await?;
            }
            for window in self.windows(&differences)? {
                self.read_again(vec![Mode::Backfill], Some(window), &mut repaired).await?;
            }
        }
        let done = (repaired.deleted, repaired.loaded.saturating_sub(repaired.deleted));
        record.exchanged(&repaired.traffic);
        (record.loads, record.bytes_written, record.state_moved) = (repaired.loads, repaired.bytes_written, repaired.state_moved);
        let StreamRecord { read, loaded, quarantined, filtered, unchanged, deleted, tables, .. } = repaired;
        (record.read, record.loaded, record.quarantined) = (read, loaded, quarantined);
        (record.filtered, record.unchanged, record.deleted, record.tables) = (filtered, unchanged, deleted, tables);
        Ok(done)
    }

    /// Tombstones for the rows that are here alone, in the tables of every entity, as if the source had told their deletion, and the state
    /// with them.
    pub(crate) async fn bury(&self, differences: &[Difference], record: &mut StreamRecord) -> Result<()> {
        let extra: Vec<&str> =
            differences.iter().filter(|one| one.differing == Differing::Extra).map(|one| one.source_id.as_str()).collect();
        let table = TableName::source(self.underway.pipeline.registration.name, &self.stream.name);
        let account = &self.underway.connected.source.account;
        let [live, _] = self.underway.warehouse.count_live(self.underway.fence, &self.stream.name, &table, account).await?;
        guard_deletion(self.underway.fence, &table, live, extra.len() as u64)?;
        let now = self.underway.pipeline.clock().now();
        let raw = aqueduct_engine::gone(self.stream, self.underway.pipeline.registration.name, &extra, &self.state, now)?;
        let mut normaliser = self.underway.pipeline.normaliser(self.stream, &self.underway.connected.source)?;
        let checked = aqueduct_quality::check(normaliser.run(raw)?)?;
        let receipt = self.underway.warehouse.load(self.underway.fence, vec![self.underway.pipeline.protector.protect(checked)?]).await?;
        record.add(&receipt);
        let buried = receipt.tables.first().map_or(0, |table| table.deleted);
        if buried < extra.len() as u64 {
            let message = format!("{} rows of {table} are not told by their ids", extra.len() as u64 - buried);
            return Err(Error::new(codes::COUNTS_DIFFER, message).advise("Run the stream with --full-refresh, which finds what is gone."));
        }
        Ok(())
    }

    /// Spans of time that cover what is missing or stale, at most one a month.
    pub(crate) fn windows(&self, differences: &[Difference]) -> Result<Vec<(Timestamp, Timestamp)>> {
        let mut spans: BTreeMap<String, (Timestamp, Timestamp)> = BTreeMap::new();
        for one in differences.iter().filter(|one| one.differing != Differing::Extra) {
            let Some(at) = one.updated_at.filter(|_| self.stream.modes.contains(&Mode::Backfill)) else {
                let message = format!("stream `{}` cannot be read by times", self.stream.name);
                return Err(Error::new(codes::BAD_USAGE, message).advise("Run the stream with --full-refresh, which reads all of it."));
            };
            let month: String = at.to_string().chars().take(7).collect();
            // Sources know milliseconds; the end of a window is not in it.
            let end = at.plus(std::time::Duration::from_millis(1));
            let span = spans.entry(month).or_insert((at, end));
            *span = (span.0.min(at), span.1.max(end));
        }
        Ok(spans.into_values().collect())
    }

    pub(crate) async fn read_again(
        &mut self,
        modes: Vec<Mode>,
        window: Option<(Timestamp, Timestamp)>,
        record: &mut StreamRecord,
    ) -> Result<()> {
        let normaliser = self.underway.pipeline.normaliser(self.stream, &self.underway.connected.source)?;
        let mut lane = self.underway.lane(self.stream.clone(), self.state.clone());
        lane.window = window;
        lane.pass(self.stream.clone(), normaliser, Some(modes), record).await?;
        self.state = lane.state;
        Ok(())
    }
}
