//! Making the common tables again from the source tables, after a mapping, a cleaner or a cleaning step has changed. The source is
//! asked for its fields and for no record.

use std::sync::Arc;

use aqueduct_connector::Stream;
use aqueduct_control::RunKind;
use aqueduct_engine::KeptRecord;
use aqueduct_normalise::{Mappings, Normaliser};
use aqueduct_privacy::Treatment;
use aqueduct_schema::{Batch, Checked, Checkpoint, Entity, Error, Mode, Protected, RecordField, Result, StreamState, TableName, codes};
use aqueduct_warehouse::{Fence, RunRecord, RunStart, RunStatus, ShadowKind, SourcePage, SourceRow, StreamRecord, Warehouse};
use tokio::sync::watch;

use crate::held::{Held, recorded};
use crate::lease::Lease;
use crate::ledger::{Asked, Told, flag};
use crate::observer::{Event, Observer};
use crate::pipeline::{Connected, Pipeline};

/// Rows that are read, mapped and loaded together.
const TOGETHER: u64 = 5_000;
/// What the fingerprint of a rebuild's shadow begins with, so that it is told from a full refresh's.
const FINGERPRINT: &str = "renormalise ";

/// What a person asks of a rebuild.
#[derive(Clone, Debug, Default)]
pub struct RenormaliseOptions {
    /// Streams in place of the file's selection.
    pub select: Vec<String>,
    /// Let the rebuild mark any number of rows as deleted.
    pub allow_mass_delete: bool,
}

/// What a rebuild did.
#[derive(Debug)]
pub struct RenormaliseReport {
    /// The ledger's entry: what happened in the common tables of each stream.
    pub record: RunRecord,
    /// Source rows that were gone through, by stream.
    pub rows: Vec<(String, u64)>,
    /// Fields that stay as they are, by stream, because the policy does not keep what they are made from.
    pub left: Vec<(String, Vec<String>)>,
    /// The error of each stream whose tables are as they were.
    pub errors: Vec<(String, Error)>,
}

/// Rebuilds the common tables of the selected streams. The pipeline is held, as by a run; nobody sees a stream's new rows before they
/// are complete, unless some of its fields have to stay as they are.
///
/// # Errors
/// What prevents it as a whole: source or destination out of reach, mistakes in the file. Errors of single streams are in the report.
pub async fn renormalise(
    pipeline: &Pipeline,
    options: &RenormaliseOptions,
    observer: Arc<dyn Observer>,
    stop: watch::Receiver<bool>,
) -> Result<RenormaliseReport> {
    let asked = Asked::of(RunKind::Renormalise).with([
        (!options.select.is_empty()).then(|| format!("--select {}", options.select.join(","))),
        flag(options.allow_mass_delete, "--allow-mass-delete"),
    ]);
    recorded(pipeline, asked, observer, stop, async |held: Held<'_>| renormalise_held(pipeline, options, held).await).await
}

impl Told for RenormaliseReport {
    fn record(&self) -> Option<&RunRecord> {
        Some(&self.record)
    }

    fn errors(&self) -> &[(String, Error)] {
        &self.errors
    }
}

async fn renormalise_held(pipeline: &Pipeline, options: &RenormaliseOptions, held: Held<'_>) -> Result<RenormaliseReport> {
    let Held { run_id, lease, ledger, observer } = held;
    let connected = ledger.connect(pipeline, &options.select).await?;
    let warehouse = pipeline.warehouse().await?;
    let (name, started_at): (Arc<str>, _) = (pipeline.file.name.as_str().into(), pipeline.clock().now());
    let allow_mass_delete = options.allow_mass_delete;
    let start = RunStart { pipeline: name.clone(), run_id: run_id.into(), started_at, allow_mass_delete };
    let record = RunRecord { status: RunStatus::Ok, ..RunRecord::begun(&start) };
    let fence = warehouse.begin_run(start).await?;
    ledger.in_warehouse();
    let states = warehouse.states(&name).await?;
    let shadows = warehouse.shadows(&name, ShadowKind::Refresh).await?;
    let mut report = RenormaliseReport { record, rows: Vec::new(), left: Vec::new(), errors: Vec::new() };
    for stream in connected.selected.iter().filter(|stream| pipeline.maps(&stream.name)) {
        let Some(state) = states.get(&stream.name).cloned() else { continue };
        let settled_until = state.settled.as_ref().map(|cursor| cursor.at);
        let mut record = StreamRecord { stream: stream.name.clone(), settled_until, ..StreamRecord::default() };
        let refreshed = shadows.get(&stream.name).is_some_and(|shadow| !shadow.fingerprint.starts_with(FINGERPRINT));
        let rebuild = Rebuild { pipeline, connected: &connected, stream, state, warehouse: warehouse.as_ref(), fence: &fence, lease };
        let done = if refreshed {
            Err(Error::new(codes::BAD_USAGE, "a full refresh of the stream is not complete")
                .advise("Run with --full-refresh once more: it reads by the mappings of now."))
        } else {
            rebuild.carry_out(&mut record, &mut report).await
        };
        if let Err(error) = done {
            let error = lease.explain(error);
            record.error = Some(error.to_string());
            report.errors.push((stream.name.clone(), error));
        }
        observer.observe(Event::Finished {
            record: &record,
            error: report.errors.last().filter(|(name, _)| *name == stream.name).map(|(_, error)| error),
        });
        report.record.streams.push(record);
    }
    if let Some((_, error)) = report.errors.first() {
        let some = report.errors.len() < report.record.streams.len();
        report.record.status = if some { RunStatus::Partial } else { RunStatus::Failed };
        report.record.exit_code = if some { 6 } else { error.exit_code() };
    }
    report.record.ended_at = Some(pipeline.clock().now());
    report.record.traffic = ledger.meter().count();
    warehouse.end_run(&fence, &report.record).await?;
    Ok(report)
}

/// One stream's rebuild.
struct Rebuild<'a> {
    pipeline: &'a Pipeline,
    connected: &'a Connected,
    stream: &'a Stream,
    state: StreamState,
    warehouse: &'a dyn Warehouse,
    fence: &'a Fence,
    lease: &'a Lease,
}

impl Rebuild<'_> {
    async fn carry_out(&self, record: &mut StreamRecord, report: &mut RenormaliseReport) -> Result<()> {
        let Self { pipeline, connected, stream, .. } = self;
        let kept: Vec<bool> = stream.record.fields.iter().map(|field| self.is_kept(field)).collect();
        let lacks = |path: &str| stream.record.index_of(path).is_some_and(|index| !kept[index]);
        if let Some(role) =
            stream.record.fields.iter().map(|field| field.path.as_str()).find(|path| stream.record.has_role(path) && lacks(path))
        {
            return Err(Error::new(
                codes::BAD_USAGE,
                format!("the policy does not keep `{role}`, which tells records apart or dates them"),
            )
            .advise("Run the stream with --full-refresh, which reads the records again."));
        }
        let (mappings, lost) = pipeline.mappings.without(&stream.name, lacks);
        // A field that the policy drops as well is not in its table, so nothing of it is lost.
        let lost: Vec<String> = lost.into_iter().filter(|field| self.is_stored(field)).collect();
        let mut reduced = (*stream).clone();
        let mut at = kept.iter();
        reduced.record.fields.retain(|_| at.next() == Some(&true));
        let defaults = &pipeline.file.content.normalise.defaults;
        let normaliser = |mappings: &Mappings| Normaliser::new(mappings, &stream.name, &reduced.record, &connected.source, defaults);
        let rows = if lost.is_empty() {
            self.whole(&reduced, normaliser(&mappings)?, record).await?
        } else {
            let rows = self.columns(&reduced, normaliser(&mappings)?, record).await?;
            report.left.push((stream.name.clone(), lost));
            rows
        };
        report.rows.push((stream.name.clone(), rows));
        Ok(())
    }

    /// Whether the source table has a field's values as the source gave them.
    fn is_kept(&self, field: &RecordField) -> bool {
        let table = TableName::source(self.pipeline.registration.name, &self.stream.name);
        let column = aqueduct_engine::source_column(field);
        self.pipeline.protector.policy().treatment(&table, &column) == Treatment::Keep
    }

    /// Whether a field of an entity, as `contact.email`, has a place in its table.
    fn is_stored(&self, field: &str) -> bool {
        let named = field.split_once('.').and_then(|(entity, name)| Some((entity, Entity::named(entity)?.field(name)?)));
        named.is_none_or(|(entity, field)| {
            self.pipeline.protector.policy().treatment(&TableName::common(entity), &field.column()) != Treatment::Drop
        })
    }

    /// Every row aside, then in place at once: rows that the mappings no longer give are marked as deleted.
    async fn whole(&self, stream: &Stream, mut normaliser: Normaliser, record: &mut StreamRecord) -> Result<u64> {
        self.warehouse.discard_shadow(self.fence, &stream.name, ShadowKind::Refresh).await?;
        let fingerprint = format!("{FINGERPRINT}{}", self.fence.run_id);
        let mut rows = 0;
        for deleted in [false, true] {
            let mode = if deleted { Mode::Deletions } else { Mode::Backfill };
            let mut after = None;
            while let Some((page, last)) = self.page(stream, deleted, after.as_deref()).await? {
                rows += page.len() as u64;
                after = Some(last);
                let protected = self.protected(stream, &mut normaliser, &page, mode, true)?;
                let receipt = self.warehouse.load_shadow(self.fence, ShadowKind::Refresh, &fingerprint, vec![protected]).await?;
                (record.read, record.quarantined) = (record.read + receipt.read, record.quarantined + receipt.quarantined);
                fail::fail_point!("pipeline::renormalised_page");
            }
        }
        if rows > 0 {
            fail::fail_point!("pipeline::before_renormalised_swap");
            let receipt = self.warehouse.swap(self.fence, &stream.name, None).await?;
            record.tables.clone_from(&receipt.tables);
        }
        Ok(rows)
    }

    /// The columns that can be made, merged into the rows that are there, page by page.
    async fn columns(&self, stream: &Stream, mut normaliser: Normaliser, record: &mut StreamRecord) -> Result<u64> {
        let (mut rows, mut after) = (0, None);
        while let Some((page, last)) = self.page(stream, false, after.as_deref()).await? {
            rows += page.len() as u64;
            after = Some(last);
            let protected = self.protected(stream, &mut normaliser, &page, Mode::Columns, false)?;
            record.add(&self.warehouse.load(self.fence, vec![protected]).await?);
            fail::fail_point!("pipeline::renormalised_page");
        }
        Ok(rows)
    }

    /// The next rows of the source table as records, and the key of the last.
    async fn page(&self, stream: &Stream, deleted: bool, after: Option<&str>) -> Result<Option<(Vec<KeptRecord>, String)>> {
        if *self.lease.stop().borrow() {
            return Err(Error::new(codes::INTERRUPTED, "the rebuild was stopped before its end"));
        }
        let table = TableName::source(self.pipeline.registration.name, &stream.name);
        let columns: Vec<&str> = stream.record.fields.iter().map(|field| field.column.as_ref()).collect();
        let account = &self.connected.source.account;
        let page = SourcePage { table: &table, account, columns: &columns, deleted, after, limit: TOGETHER };
        let rows = self.warehouse.source_rows(&page).await?;
        let Some(last) = rows.last().map(|row| row.key.clone()) else { return Ok(None) };
        Ok(Some((rows.into_iter().map(|row| self.record(stream, row, deleted)).collect(), last)))
    }

    /// A row as the record it was. One that is deleted may have lost its life to a sweep, of which its own columns know nothing.
    fn record(&self, stream: &Stream, row: SourceRow, deleted: bool) -> KeptRecord {
        let mut record = row.values;
        let column = |path: &Option<String>| Some(stream.record.fields[stream.record.index_of(path.as_deref()?)?].column.to_string());
        if deleted {
            if let Some(column) = column(&stream.record.is_deleted) {
                record.insert(column, None);
            }
            if let Some(column) = column(&stream.record.deleted_at) {
                record.insert(column, row.deleted_at);
            }
        }
        record
    }

    fn protected(
        &self,
        stream: &Stream,
        normaliser: &mut Normaliser,
        page: &[KeptRecord],
        mode: Mode,
        common: bool,
    ) -> Result<Batch<Protected>> {
        let now = self.pipeline.clock().now();
        let checkpoint = Checkpoint { state: self.state.clone(), mode, reading_started_at: now, reading_complete: false };
        let raw = aqueduct_engine::kept(stream, self.pipeline.registration.name, page, checkpoint)?;
        let checked: Batch<Checked> = aqueduct_quality::check(normaliser.run(raw)?)?;
        self.pipeline.protector.protect(if common { checked.without_source() } else { checked })
    }
}
