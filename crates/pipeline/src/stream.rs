//! One stream's way through the stages: read, normalise, judge, protect, load, with bounded channels between.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::Stream;
use aqueduct_engine::{Engine, ReadOptions, StreamOutcome};
use aqueduct_normalise::Normaliser;
use aqueduct_privacy::Protector;
use aqueduct_quality::{Breaker, QuarantineLimits};
use aqueduct_schema::{Batch, Error, Protected, Raw, Result, StreamState, codes};
use aqueduct_warehouse::{Fence, Receipt, StreamRecord, Warehouse};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::file::RunSection;
use crate::observer::{Event, Observer};

/// Pages between the reader and the stages: enough to keep both busy, few enough to keep memory flat.
const RAW_PAGES: usize = 4;
/// Pages between the stages and the loader: what arrives while a load is under way.
const PROTECTED_PAGES: usize = 16;

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
}

/// How a stream ended.
pub(crate) struct StreamEnd {
    pub(crate) record: StreamRecord,
    pub(crate) error: Option<Error>,
}

impl Lane {
    /// Takes the stream all the way. What was committed before an error stays and is in the record.
    pub(crate) async fn run(self) -> StreamEnd {
        let mut record = StreamRecord { stream: self.stream.name.clone(), settled_until: settled(&self.state), ..StreamRecord::default() };
        let normaliser = match self.normaliser {
            Ok(normaliser) => normaliser,
            Err(error) => {
                record.error = Some(error.to_string());
                return StreamEnd { record, error: Some(error) };
            }
        };
        let (raw_sender, raw) = mpsc::channel(RAW_PAGES);
        let (protected_sender, mut protected) = mpsc::channel(PROTECTED_PAGES);
        let options = ReadOptions { record_limit: self.limit, cancel: self.stop.clone(), ..ReadOptions::new(&self.system) };
        let (engine, stream, state) = (self.engine, self.stream, self.state);
        let reader = tokio::spawn(async move { engine.read_stream(&stream, state, &options, raw_sender).await });
        let breaker = Breaker::new(self.quarantine);
        let stages = tokio::spawn(stages(raw, protected_sender, normaliser, self.protector, breaker));
        let loader = Loader { warehouse: self.warehouse, fence: self.fence, loads: self.loads, observer: self.observer, limits: self.load };
        let loaded = loader.run(&mut protected, &mut record).await;
        drop(protected);
        let staged = stages.await.unwrap_or_else(|_| Err(broken(&record.stream)));
        let read = reader.await.unwrap_or_else(|_| Err(broken(&record.stream)));
        let mut stopped = false;
        if let Ok(StreamOutcome { requests, wire_bytes, complete, .. }) = &read {
            (record.requests, record.bytes) = (*requests, *wire_bytes);
            stopped = !complete && self.limit.is_none();
        }
        // The first cause is the one nearest to the warehouse: when it fails, the stages before it only see their channel closed.
        let mut error = loaded.err().or(staged.err()).or(read.err());
        if error.is_none() && stopped {
            error = Some(Error::new(codes::INTERRUPTED, "the stream was stopped before its end"));
        }
        record.error = error.as_ref().map(ToString::to_string);
        StreamEnd { record, error }
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
    out: mpsc::Sender<Batch<Protected>>,
    mut normaliser: Normaliser,
    protector: Arc<Protector>,
    mut breaker: Breaker,
) -> Result<()> {
    while let Some(batch) = raw.recv().await {
        let checked = aqueduct_quality::check(normaliser.run(batch)?)?;
        breaker.count(checked.counts().read, checked.rejects().len() as u64)?;
        if out.send(protector.protect(checked)?).await.is_err() {
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
}

/// Batches that are loaded together.
struct Package {
    batches: Vec<Batch<Protected>>,
    records: u64,
}

/// A load under way: what it did, and the state it makes true.
type Loading = JoinHandle<Result<(Receipt, Option<StreamState>)>>;

impl Loader {
    /// Gathers batches into loads and commits them in order, until the stages end. While one load is committed the next is gathered,
    /// so that neither the stages nor the destination wait for the other; two loads are the most that memory holds.
    async fn run(&self, batches: &mut mpsc::Receiver<Batch<Protected>>, record: &mut StreamRecord) -> Result<()> {
        let mut read = 0;
        let mut loading: Option<Loading> = None;
        while let Some(package) = self.gather(batches).await {
            read += package.records;
            self.finish(loading.take(), record).await?;
            self.progress(record, read);
            loading = Some(self.load(package));
        }
        self.finish(loading, record).await?;
        self.progress(record, read);
        Ok(())
    }

    /// The next package: full, complete with its reading, or as much as came in the time that one may take.
    async fn gather(&self, batches: &mut mpsc::Receiver<Batch<Protected>>) -> Option<Package> {
        let first = batches.recv().await?;
        let deadline = Instant::now() + Duration::from_secs(self.limits.seconds_per_load.max(1));
        let mut complete = first.checkpoint().reading_complete;
        let mut package = Package { records: first.counts().read, batches: vec![first] };
        while !complete && package.records < self.limits.records_per_load.max(1) as u64 {
            let Ok(Some(batch)) = tokio::time::timeout_at(deadline, batches.recv()).await else { break };
            complete = batch.checkpoint().reading_complete;
            package.records += batch.counts().read;
            package.batches.push(batch);
        }
        Some(package)
    }

    fn load(&self, package: Package) -> Loading {
        let (warehouse, fence, loads) = (self.warehouse.clone(), self.fence.clone(), self.loads.clone());
        tokio::spawn(async move {
            let state = package.batches.last().map(|batch| batch.checkpoint().state.clone());
            let _turn = loads.acquire_owned().await;
            Ok((warehouse.load(&fence, package.batches).await?, state))
        })
    }

    async fn finish(&self, loading: Option<Loading>, record: &mut StreamRecord) -> Result<()> {
        let Some(loading) = loading else { return Ok(()) };
        let (receipt, state) = loading.await.unwrap_or_else(|_| Err(broken(&record.stream)))?;
        record.add(&receipt);
        if let Some(state) = state {
            record.settled_until = settled(&state);
        }
        Ok(())
    }

    fn progress(&self, record: &StreamRecord, read: u64) {
        self.observer.observe(Event::Progress { stream: &record.stream, read, committed: record.read });
    }
}
