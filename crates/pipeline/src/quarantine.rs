//! What can be done about records in quarantine: looked at, loaded from their kept originals, given up, forgotten in time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::Stream;
use aqueduct_control::RunKind;
use aqueduct_engine::KeptRecord;
use aqueduct_normalise::Normaliser;
use aqueduct_schema::{Batch, Checked, Checkpoint, Error, Mode, Result, StreamState, codes};
use aqueduct_warehouse::{
    Fence, QuarantineFilter, QuarantineStatus, QuarantinedRecord, RunRecord, RunStart, RunStatus, StreamRecord, Warehouse,
};
use tokio::sync::watch;

use crate::held::{Held, held, recorded};
use crate::lease::Lease;
use crate::ledger::{Asked, Told};
use crate::observer::Observer;
use crate::originals::Originals;
use crate::pipeline::{Connected, Pipeline};

/// Records that are opened, tried and loaded together.
const TOGETHER: u64 = 500;

/// Which records a person wants to be replayed.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// Those of one stream; of every selected one where there is none.
    pub stream: Option<String>,
    /// Those turned away by one rule.
    pub rule: Option<String>,
    /// The ones whose ids in quarantine begin with these.
    pub row_ids: Vec<String>,
}

/// What a replay did.
#[derive(Debug)]
pub struct ReplayReport {
    /// The ledger's entry. Only records that are good now count as read.
    pub record: RunRecord,
    /// For each stream, the records that stay in quarantine, by the rule that turns them away now.
    pub rejected: BTreeMap<String, BTreeMap<String, u64>>,
    /// Records that cannot be replayed because no original was kept, or because it could not be taken apart: only the source has them.
    pub without_original: u64,
    /// The error of each stream that was not replayed to its end.
    pub errors: Vec<(String, Error)>,
}

/// Loads records from quarantine that are good by the mappings, cleaners and checks of now. The source is asked for its fields and for
/// no record; a row that has become newer meanwhile stays as it is. The pipeline is held, as by a run.
///
/// # Errors
/// What prevents it as a whole: source or destination out of reach, mistakes in the file, no key. Errors of single streams are in the
/// report.
pub async fn replay(
    pipeline: &Pipeline,
    options: &ReplayOptions,
    observer: Arc<dyn Observer>,
    stop: watch::Receiver<bool>,
) -> Result<ReplayReport> {
    let Some(originals) = Originals::of(&pipeline.file)? else {
        let message = "this pipeline keeps no originals of rejected records";
        return Err(Error::new(codes::BAD_USAGE, message)
            .advise("Set `quality: { quarantine: { keep_originals: true } }`, and AQUEDUCT_CONTROL_KEY for a PostgreSQL control store."));
    };
    let asked = Asked::of(RunKind::QuarantineReplay).with([
        options.stream.as_ref().map(|stream| format!("--stream {stream}")),
        options.rule.as_ref().map(|rule| format!("--rule {rule}")),
        (!options.row_ids.is_empty()).then(|| format!("{} chosen", options.row_ids.len())),
    ]);
    recorded(pipeline, asked, observer, stop, async |held: Held<'_>| replay_held(pipeline, options, &originals, held).await).await
}

impl Told for ReplayReport {
    fn record(&self) -> Option<&RunRecord> {
        Some(&self.record)
    }

    fn errors(&self) -> &[(String, Error)] {
        &self.errors
    }
}

async fn replay_held(pipeline: &Pipeline, options: &ReplayOptions, originals: &Originals, held: Held<'_>) -> Result<ReplayReport> {
    let Held { run_id, lease, ledger, .. } = held;
    let select: Vec<String> = options.stream.iter().cloned().collect();
    let mut connected = ledger.connect(pipeline, &select).await?;
    pipeline.hold(&mut connected).await?;
    let warehouse = pipeline.warehouse().await?;
    let (name, started_at): (Arc<str>, _) = (pipeline.file.name.as_str().into(), pipeline.clock().now());
    let start = RunStart { pipeline: name.clone(), run_id: run_id.into(), started_at, allow_mass_delete: false };
    let record = RunRecord { status: RunStatus::Ok, ..RunRecord::begun(&start) };
    let fence = warehouse.begin_run(start).await?;
    ledger.in_warehouse();
    let states = warehouse.states(&name).await?;
    let mut report = ReplayReport { record, rejected: BTreeMap::new(), without_original: 0, errors: Vec::new() };
    for stream in &connected.selected {
        let state = states.get(&stream.name).cloned().unwrap_or_default();
        let settled_until = state.settled.as_ref().map(|cursor| cursor.at);
        let mut record = StreamRecord { stream: stream.name.clone(), settled_until, ..StreamRecord::default() };
        let replay = Replay { pipeline, connected: &connected, stream, state, warehouse: warehouse.as_ref(), fence: &fence, originals };
        if let Err(error) = replay.carry_out(options, lease, &mut record, &mut report).await {
            record.error = Some(error.to_string());
            report.errors.push((stream.name.clone(), lease.explain(error)));
        }
        if record != (StreamRecord { stream: stream.name.clone(), settled_until, ..StreamRecord::default() }) {
            report.record.streams.push(record);
        }
    }
    if let Some((_, error)) = report.errors.first() {
        (report.record.status, report.record.exit_code) = (RunStatus::Failed, error.exit_code());
    }
    report.record.ended_at = Some(pipeline.clock().now());
    report.record.traffic = ledger.meter().count();
    warehouse.end_run(&fence, &report.record).await?;
    Ok(report)
}

/// One stream's records.
struct Replay<'a> {
    pipeline: &'a Pipeline,
    connected: &'a Connected,
    stream: &'a Stream,
    state: StreamState,
    warehouse: &'a dyn Warehouse,
    fence: &'a Fence,
    originals: &'a Originals,
}

/// Records with their ids in quarantine.
type Opened = Vec<(String, KeptRecord)>;

impl Replay<'_> {
    async fn carry_out(&self, options: &ReplayOptions, lease: &Lease, record: &mut StreamRecord, report: &mut ReplayReport) -> Result<()> {
        let mut filter = QuarantineFilter {
            stream: Some(self.stream.name.clone()),
            status: Some(QuarantineStatus::New),
            rule: options.rule.clone(),
            row_ids: options.row_ids.clone(),
            after: None,
        };
        loop {
            let page = self.warehouse.quarantined(&self.pipeline.file.name, &filter, TOGETHER).await?;
            let Some(last) = page.last() else { return Ok(()) };
            filter.after = Some(last.row_id.clone());
            if *lease.stop().borrow() {
                return Err(Error::new(codes::INTERRUPTED, "the replay was stopped before its end"));
            }
            let opened = self.open(page, report)?;
            let mut normaliser = self.pipeline.normaliser(self.stream, &self.connected.source)?;
            let mut good = Opened::new();
            self.sort_out(&mut normaliser, opened, &mut good, report)?;
            if good.is_empty() {
                continue;
            }
            let (ids, records): (Vec<String>, Vec<KeptRecord>) = good.into_iter().unzip();
            let protected = self.pipeline.protector.protect(self.judged(&mut normaliser, &records)?)?;
            let receipt = self.warehouse.load(self.fence, vec![protected]).await?;
            record.add(&receipt);
            fail::fail_point!("pipeline::replayed");
            self.warehouse.resolve_quarantined(self.fence, &ids, QuarantineStatus::Replayed, &self.fence.run_id).await?;
        }
    }

    /// Opens what was kept whole. One record may stand in quarantine for several reasons; each is tried.
    fn open(&self, page: Vec<QuarantinedRecord>, report: &mut ReplayReport) -> Result<Opened> {
        let mut opened = Opened::new();
        for row in page {
            let kept = row.sealed.map(|sealed| self.originals.open(&sealed, &self.stream.name)).transpose()?;
            match kept.filter(|kept| aqueduct_engine::is_whole(self.stream, kept)) {
                Some(kept) => opened.push((row.row_id, kept)),
                None => report.without_original += 1,
            }
        }
        Ok(opened)
    }

    /// Tells the records that are good now from those that are not, by halves: which of several records was turned away is not told by
    /// a record that has lost its id.
    fn sort_out(&self, normaliser: &mut Normaliser, mut opened: Opened, good: &mut Opened, report: &mut ReplayReport) -> Result<()> {
        if opened.is_empty() {
            return Ok(());
        }
        let records: Vec<KeptRecord> = opened.iter().map(|(_, kept)| kept.clone()).collect();
        let judged = self.judged(normaliser, &records)?;
        if judged.rejects().is_empty() {
            good.append(&mut opened);
        } else if let [_] = opened.as_slice() {
            let rule = judged.rejects()[0].rule.to_string();
            *report.rejected.entry(self.stream.name.clone()).or_default().entry(rule).or_default() += 1;
        } else {
            let rest = opened.split_off(opened.len() / 2);
            self.sort_out(normaliser, opened, good, report)?;
            self.sort_out(normaliser, rest, good, report)?;
        }
        Ok(())
    }

    fn judged(&self, normaliser: &mut Normaliser, records: &[KeptRecord]) -> Result<Batch<Checked>> {
        let system = self.pipeline.registration.name;
        let (state, reading_started_at) = (self.state.clone(), self.pipeline.clock().now());
        let checkpoint = Checkpoint { state, mode: Mode::Changes, reading_started_at, reading_complete: false };
        let raw = aqueduct_engine::kept(self.stream, system, records, checkpoint)?;
        aqueduct_quality::check(normaliser.run(raw)?)
    }
}

/// Gives records in quarantine up: they are not wanted, whatever becomes of them at the source. How many there were.
///
/// # Errors
/// `AQ5002` while a run is under way, else those of the destination.
pub async fn discard(pipeline: &Pipeline, filter: &QuarantineFilter, by: &str, observer: Arc<dyn Observer>) -> Result<u64> {
    held(pipeline, RunKind::QuarantineDiscard, observer, async |warehouse: &dyn Warehouse, fence: &Fence, _: &Lease| {
        let mut filter = QuarantineFilter { status: Some(QuarantineStatus::New), ..filter.clone() };
        let mut discarded = 0;
        loop {
            let page = warehouse.quarantined(&pipeline.file.name, &filter, TOGETHER).await?;
            let Some(last) = page.last() else { return Ok(discarded) };
            filter.after = Some(last.row_id.clone());
            let ids: Vec<String> = page.into_iter().map(|row| row.row_id).collect();
            discarded += warehouse.resolve_quarantined(fence, &ids, QuarantineStatus::Discarded, by).await?;
        }
    })
    .await
}

/// The original of a record in quarantine, as it came from the source.
///
/// # Errors
/// `AQ1001` when no original was kept, `AQ2005` when it cannot be opened.
pub fn original(pipeline: &Pipeline, row: &QuarantinedRecord) -> Result<KeptRecord> {
    let originals = Originals::of(&pipeline.file)?;
    match (&row.sealed, originals) {
        (Some(sealed), Some(originals)) => originals.open(sealed, &row.stream),
        _ => Err(Error::new(codes::BAD_USAGE, "no original of this record was kept, or there is no key to open it")),
    }
}

/// Deletes what has been in quarantine for longer than the pipeline file says.
pub(crate) async fn expire(pipeline: &Pipeline, warehouse: &dyn Warehouse, fence: &Fence) -> Result<()> {
    let days = pipeline.file.content.quality.quarantine.retention_days;
    let before = pipeline.clock().now().minus(Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    let purged = warehouse.purge_quarantine(fence, before).await?;
    if purged > 0 {
        tracing::info!(purged, "records have left the quarantine by age");
    }
    Ok(())
}
