//! One stream's way through the stages: read, normalise, judge, protect, load, with bounded channels between.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aqueduct_connector::Stream;
use aqueduct_engine::{Clock, Engine, Meter, ReadOptions, StreamOutcome, Waiting};
use aqueduct_normalise::Normaliser;
use aqueduct_privacy::Protector;
use aqueduct_quality::{Breaker, QuarantineLimits};
use aqueduct_schema::{Batch, CleaningCount, Error, Mode, Protected, Raw, Result, StreamState, Table, Timestamp, codes};
use aqueduct_warehouse::{Fence, LoadInto, Receipt, StreamRecord, TimeSpan, Turn, Warehouse, WindowKey};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Instrument;

use crate::associations;
use crate::columns;
use crate::file::RunSection;
use crate::filling::{Found, StreamDrift, Which};
use crate::observer::{Event, Observer};
use crate::refresh::{Aside, Refresh};

/// Pages between the reader and the stages: enough to keep both busy, few enough to keep memory flat.
const RAW_PAGES: usize = 2;
/// Pages between the stages and the loader: what arrives while a load is under way.
const PROTECTED_PAGES: usize = 16;
/// Loads of a stream under way: while the destination takes the rows of one, those of the next are made ready.
const LOADS_UNDER_WAY: usize = 2;
/// Records between the stages and the end of their load, beyond those of the loads under way and the one that is gathered: pages of
/// export jobs are so large that their number alone does not keep memory flat.
const RECORDS_BEYOND: usize = 500;

/// A batch on its way into a load. It gives its place back when the load ends.
type OnItsWay = (Batch<Protected>, OwnedSemaphorePermit);

/// The places of records that may be on their way into loads.
#[derive(Clone)]
struct Places {
    free: Arc<Semaphore>,
    /// The most that one batch takes, so that a load that is being gathered always has room for one more batch.
    most: u32,
}

impl Places {
    fn new(records_per_load: usize) -> Self {
        let most = records_per_load.saturating_add(RECORDS_BEYOND).clamp(1, 1 << 24);
        Self { free: Arc::new(Semaphore::new((LOADS_UNDER_WAY + 1) * most)), most: most as u32 }
    }

    /// Waits until there is room for a batch.
    async fn take(&self, records: u64) -> Result<OwnedSemaphorePermit> {
        let wanted = u32::try_from(records).unwrap_or(u32::MAX).min(self.most);
        let closed = |_| Error::new(codes::BUG, "the places of records were closed");
        self.free.clone().acquire_many_owned(wanted).await.map_err(closed)
    }
}

/// A stream and everything its way needs.
pub(crate) struct Lane {
    pub(crate) stream: Stream,
    pub(crate) state: StreamState,
    pub(crate) engine: Arc<Engine>,
    pub(crate) normaliser: Result<Normaliser>,
    pub(crate) protector: Arc<Protector>,
    pub(crate) quarantine: QuarantineLimits,
    pub(crate) system: Arc<str>,
    pub(crate) warehouse: Arc<dyn Warehouse>,
    pub(crate) fence: Fence,
    /// As many loads at once as the destination takes.
    pub(crate) loads: Arc<Semaphore>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) limit: Option<u64>,
    pub(crate) load: RunSection,
    pub(crate) clock: Arc<dyn Clock>,
    /// What has changed at the source, and which columns are read for all records; nothing for a reading of one kind alone.
    pub(crate) drift: Option<StreamDrift>,
    /// Whether calculated fields are to be read whether they are due or not.
    pub(crate) refresh_calculated: bool,
    /// Whether all links between records are to be read whether that is due or not.
    pub(crate) sweep_associations: bool,
    /// What a full refresh goes on from, where one is asked for.
    pub(crate) refresh: Option<Refresh>,
    /// Where rows go that are not to be seen yet.
    pub(crate) aside: Option<Aside>,
    /// The window of a backfill that somebody asks for: its first instant, and its end, exclusive.
    pub(crate) window: Option<(Timestamp, Timestamp)>,
    /// The window of the ledger that is read, whose row takes the checkpoints in place of the live state.
    pub(crate) ledger: Option<Arc<InLedger>>,
}

/// A window of a backfill on its way.
pub(crate) struct InLedger {
    pub(crate) window: WindowKey,
    /// Its span; open on both sides for all there is.
    pub(crate) span: TimeSpan,
    /// Pages that its loads have noted there.
    pub(crate) pages: AtomicU64,
}

/// How a stream ended.
#[derive(Default)]
pub(crate) struct StreamEnd {
    pub(crate) record: StreamRecord,
    pub(crate) error: Option<Error>,
    pub(crate) found: Found,
}

impl Lane {
    /// Takes the stream all the way. What was committed before an error stays and is in the record.
    pub(crate) async fn run(mut self) -> StreamEnd {
        let mut record = StreamRecord { stream: self.stream.name.clone(), settled_until: settled(&self.state), ..StreamRecord::default() };
        let frozen = self.drift.as_mut().and_then(|drift| drift.frozen.take());
        let done = match (frozen, self.refresh.take()) {
            (Some(error), _) => Err(error),
            (None, Some(refresh)) => self.refresh(refresh, &mut record).await,
            (None, None) => self.passes(&mut record).await,
        };
        let noted = self.note_drift(&record.stream).await;
        let error = done.and(noted).err();
        record.error = error.as_ref().map(ToString::to_string);
        StreamEnd { record, error, found: self.drift.map(StreamDrift::into_found).unwrap_or_default() }
    }

    /// Reads what is due, then columns that are not filled yet, or the calculated ones where they are due. A reading of columns that was
    /// interrupted comes first.
    async fn passes(&mut self, record: &mut StreamRecord) -> Result<()> {
        if columns::under_way(&self.state) {
            self.read_columns(Which::Interrupted, record).await?;
        }
        let normaliser = self.take_normaliser(&record.stream)?;
        let mut stream = self.stream.clone();
        stream.modes.retain(|mode| *mode != Mode::Columns);
        let now = self.clock.now();
        let swept = associations::modes(&stream, &self.state, now, self.load.association_sweep_hours, self.sweep_associations);
        self.pass(stream, normaliser, swept.filter(|_| self.limit.is_none()), record).await?;
        let now = self.clock.now();
        if self.limit.is_some() {
            return Ok(());
        }
        if self.has_unfilled_columns() {
            self.read_columns(Which::Fresh, record).await?;
        } else if columns::is_due(&self.state, now, self.load.calculated_refresh_hours, self.refresh_calculated) {
            self.read_columns(Which::Calculated, record).await?;
        }
        Ok(())
    }

    /// What turns records into rows; it can be taken once.
    pub(crate) fn take_normaliser(&mut self, stream: &str) -> Result<Normaliser> {
        std::mem::replace(&mut self.normaliser, Err(broken(stream)))
    }

    /// One way of reading, through all stages.
    pub(crate) async fn pass(
        &mut self,
        stream: Stream,
        normaliser: Normaliser,
        modes: Option<Vec<Mode>>,
        record: &mut StreamRecord,
    ) -> Result<()> {
        let (raw_sender, raw) = mpsc::channel(RAW_PAGES);
        let (protected_sender, mut protected) = mpsc::channel(PROTECTED_PAGES);
        let (from, until) = match &self.ledger {
            Some(ledger) => (ledger.span.from, ledger.span.until),
            None => self.window.unzip(),
        };
        let cancel = self.stop.clone();
        let meter = self.engine.meter().part();
        let metered = Some(meter.clone());
        let options =
            ReadOptions { record_limit: self.limit, cancel, modes, from, until, meter: metered, ..ReadOptions::new(&self.system) };
        let (engine, state) = (self.engine.clone(), self.state.clone());
        let reading = async move { engine.read_stream(&stream, state, &options, raw_sender).await };
        let reader = tokio::spawn(reading.in_current_span());
        let breaker = Breaker::new(self.quarantine);
        let records_per_load = self.load.records_per_load.unwrap_or(self.warehouse.capabilities().records_per_load);
        let places = Places::new(records_per_load);
        let stages = stages(raw, protected_sender, normaliser, self.protector.clone(), breaker, places);
        let stages = tokio::spawn(stages.in_current_span());
        let loader = Loader {
            warehouse: self.warehouse.clone(),
            fence: self.fence.clone(),
            loads: self.loads.clone(),
            observer: self.observer.clone(),
            limits: self.load,
            records_per_load,
            aside: self.aside.clone(),
            ledger: self.ledger.clone(),
            meter: meter.clone(),
            before: self.state.clone(),
        };
        let loaded = loader.run(&mut protected, record).await;
        drop(protected);
        let staged = stages.await.unwrap_or_else(|_| Err(broken(&record.stream)));
        let read = reader.await.unwrap_or_else(|_| Err(broken(&record.stream)));
        let mut stopped = false;
        record.exchanged(&meter.count());
        if let (Some(drift), Ok(outcome)) = (&mut self.drift, &read) {
            drift.meet(&record.stream, outcome);
        }
        if let Ok(StreamOutcome { complete, state, .. }) = &read {
            stopped = !complete && self.limit.is_none();
            self.state = state.clone();
        }
        // The first cause is the one nearest to the warehouse: when it fails, the stages before it only see their channel closed.
        loaded.and(staged).and(read.map(drop))?;
        if stopped {
            return Err(Error::new(codes::INTERRUPTED, "the stream was stopped before its end"));
        }
        Ok(())
    }
}

fn broken(stream: &str) -> Error {
    Error::new(codes::BUG, format!("a task of stream `{stream}` broke down"))
}

fn settled(state: &StreamState) -> Option<aqueduct_schema::Timestamp> {
    state.settled.as_ref().map(|cursor| cursor.at)
}

/// Normalises, judges and protects batch after batch, in order.
async fn stages(
    mut raw: mpsc::Receiver<Batch<Raw>>,
    out: mpsc::Sender<OnItsWay>,
    mut normaliser: Normaliser,
    protector: Arc<Protector>,
    mut breaker: Breaker,
    places: Places,
) -> Result<()> {
    while let Some(batch) = raw.recv().await {
        let normalised = normaliser.run(batch)?;
        fail::fail_point!("stages::normalised");
        let checked = aqueduct_quality::check(normalised)?;
        breaker.count(checked.counts().read, checked.rejects().len() as u64)?;
        fail::fail_point!("stages::judged");
        let protected = protector.protect(checked)?;
        fail::fail_point!("stages::protected");
        // Whoever takes batches may be gone while there is no room.
        let place = tokio::select! {
            place = places.take(protected.counts().read) => place?,
            () = out.closed() => break,
        };
        if out.send((protected, place)).await.is_err() {
            break;
        }
    }
    Ok(())
}

struct Loader {
    warehouse: Arc<dyn Warehouse>,
    fence: Fence,
    loads: Arc<Semaphore>,
    observer: Arc<dyn Observer>,
    limits: RunSection,
    records_per_load: usize,
    aside: Option<Aside>,
    ledger: Option<Arc<InLedger>>,
    /// Is told how long loads take.
    meter: Arc<Meter>,
    /// The state before the first load.
    before: StreamState,
}

/// Batches that are loaded together.
struct Package {
    batches: Vec<Batch<Protected>>,
    records: u64,
    places: Vec<OwnedSemaphorePermit>,
}

/// A load under way.
type Loading = JoinHandle<Result<Loaded>>;

/// What a load did.
struct Loaded {
    receipt: Receipt,
    /// The state it makes true.
    state: Option<StreamState>,
    /// What cleaning did to its cells.
    cleaning: Vec<CleaningCount>,
    /// Bytes of its columns.
    bytes: u64,
}

impl Loader {
    /// Gathers batches into loads and commits them in order, until the stages end. While one load is committed the next is made ready
    /// and the one after it gathered, so that neither the stages nor the destination wait for the other; three loads are the most that
    /// memory holds.
    async fn run(&self, batches: &mut mpsc::Receiver<OnItsWay>, record: &mut StreamRecord) -> Result<()> {
        let mut read = 0;
        let mut under_way: VecDeque<Loading> = VecDeque::with_capacity(LOADS_UNDER_WAY);
        let mut before: Option<oneshot::Receiver<()>> = None;
        while let Some(package) = self.gather(batches).await {
            fail::fail_point!("pipeline::package_gathered");
            read += package.records;
            if under_way.len() >= LOADS_UNDER_WAY {
                self.finish(under_way.pop_front(), record).await?;
            }
            self.progress(record, read);
            let (done, next) = oneshot::channel();
            under_way.push_back(self.load(package, before.replace(next), done));
        }
        while !under_way.is_empty() {
            self.finish(under_way.pop_front(), record).await?;
        }
        self.progress(record, read);
        Ok(())
    }

    /// The next package: full, complete with its reading, or as much as came in the time that one may take.
    async fn gather(&self, batches: &mut mpsc::Receiver<OnItsWay>) -> Option<Package> {
        let (first, place) = batches.recv().await?;
        let deadline = Instant::now() + Duration::from_secs(self.limits.seconds_per_load.max(1));
        let mut complete = first.checkpoint().reading_complete;
        let first_is_place = first.counts().read == 0;
        let mut package = Package { records: first.counts().read, batches: vec![first], places: vec![place] };
        // A page without records is there for its place alone: the job it speaks of must not be forgotten.
        let mut alone = first_is_place;
        while !complete && !alone && package.records < self.records_per_load.max(1) as u64 {
            let Ok(Some((batch, place))) = tokio::time::timeout_at(deadline, batches.recv()).await else { break };
            complete = batch.checkpoint().reading_complete;
            alone = batch.counts().read == 0;
            package.records += batch.counts().read;
            package.batches.push(batch);
            package.places.push(place);
        }
        Some(package)
    }

    /// Begins a load. Its turn comes when the one before it is done, and it says so to the next one when it is itself: a load whose
    /// predecessor failed never has its turn.
    fn load(&self, package: Package, before: Option<oneshot::Receiver<()>>, done: oneshot::Sender<()>) -> Loading {
        let (warehouse, fence, loads, meter) = (self.warehouse.clone(), self.fence.clone(), self.loads.clone(), self.meter.clone());
        let (aside, ledger) = (self.aside.clone(), self.ledger.clone());
        // What the load holds while it is its turn.
        let (hold, held) = oneshot::channel();
        let turn = Turn::when(async move {
            if let Some(before) = before {
                let failed = |_| Error::new(codes::DESTINATION_FAILED, "the load before this one failed");
                before.await.map_err(failed)?;
            }
            let waiting = meter.wait(Waiting::Load);
            let closed = |_| Error::new(codes::BUG, "the turns of loads were closed");
            let _ = hold.send((loads.acquire_owned().await.map_err(closed)?, waiting));
            fail::fail_point!("pipeline::before_load");
            Ok(())
        });
        let carried = async move {
            let state = package.batches.last().map(|batch| batch.checkpoint().state.clone());
            let mut cleaning = Vec::new();
            package.batches.iter().for_each(|batch| CleaningCount::add_to(&mut cleaning, batch.cleaning()));
            let bytes = package.batches.iter().flat_map(Batch::tables).map(Table::bytes).sum();
            let pages = package.batches.len() as u64;
            let into = match (aside, &ledger) {
                (Some(Aside { kind, fingerprint }), _) => LoadInto::Shadow { kind, fingerprint },
                (None, Some(ledger)) => LoadInto::Window(Arc::new(ledger.window.clone())),
                (None, None) => LoadInto::Live,
            };
            let window = matches!(into, LoadInto::Window(_));
            let receipt = warehouse.load_in_turn(&fence, into, package.batches, turn).await?;
            if let Some(ledger) = ledger.filter(|_| window) {
                ledger.pages.fetch_add(pages, Ordering::SeqCst);
            }
            fail::fail_point!("pipeline::after_load");
            drop((package.places, held));
            // Nobody waits for it where it is the last one.
            let _ = done.send(());
            Ok(Loaded { receipt, state, cleaning, bytes })
        };
        tokio::spawn(carried.in_current_span())
    }

    async fn finish(&self, loading: Option<Loading>, record: &mut StreamRecord) -> Result<()> {
        let Some(loading) = loading else { return Ok(()) };
        let Loaded { receipt, state, cleaning, bytes } = loading.await.unwrap_or_else(|_| Err(broken(&record.stream)))?;
        record.add(&receipt);
        record.bytes_written += bytes;
        CleaningCount::add_to(&mut record.cleaning, &cleaning);
        if let Some(state) = state {
            record.state_moved |= state != self.before;
            record.settled_until = settled(&state);
        }
        Ok(())
    }

    fn progress(&self, record: &StreamRecord, read: u64) {
        self.observer.observe(Event::Progress { stream: &record.stream, read, committed: record.read });
    }
}
