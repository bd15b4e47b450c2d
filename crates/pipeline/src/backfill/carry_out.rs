//! The windows of a backfill, newest first, several at once, each loaded, then verified.

mod verifying;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aqueduct_connector::Stream;
use aqueduct_engine::{Clock, SystemClock};
use aqueduct_schema::{Error, ErrorKind, Mode, Result, codes};
use aqueduct_warehouse::{BackfillState, BackfillWindow, Fence, StreamRecord, TimeSpan, Warehouse, WindowKey, WindowNote, WindowState};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};
use tracing::{Instrument, error_span};

use super::calls::Calls;
use super::leased::Leased;
use super::tally::{OfWindow, Tally};
use super::{BackfillEvent, BackfillObserver};
use crate::lease::Lease;
use crate::observer::Observer;
use crate::pipeline::{Connected, Pipeline};
use crate::stream::{InLedger, Lane};
use crate::underway::Underway;

/// How often it is looked whether somebody asks for a pause.
const LOOK: Duration = Duration::from_secs(1);
/// A pass over a table that counts windows may take this part of the time.
const PART_OF_COUNTING: u32 = 10;

/// How carrying windows out ended.
pub(crate) struct Ended {
    pub(crate) state: BackfillState,
    pub(crate) exit_code: u8,
    pub(crate) interrupted: bool,
    pub(crate) errors: Vec<(String, Error)>,
    /// What this process did, by stream.
    pub(crate) records: Vec<StreamRecord>,
}

/// Windows to be carried out, and everything their way needs.
pub(crate) struct CarryOut<'a> {
    pipeline: &'a Pipeline,
    connected: &'a Connected,
    warehouse: &'a Arc<dyn Warehouse>,
    fence: &'a Fence,
    id: Arc<str>,
    windows: Vec<BackfillWindow>,
    parallel: usize,
    observer: &'a Arc<dyn BackfillObserver>,
    calls: &'a Arc<Calls>,
    loads: Arc<Semaphore>,
    tally: Arc<Tally>,
    /// Windows under way, and those that were read again in this process.
    under_way: BTreeSet<usize>,
    again: BTreeSet<usize>,
    /// Streams that go no further in this process.
    given_up: BTreeSet<String>,
    errors: Vec<(String, Error)>,
    records: Vec<StreamRecord>,
    counting: Counting,
}

/// When windows were last counted, and how long that took.
struct Counting {
    ended: Instant,
    took: Duration,
}

/// A window's end: its index, what its passes did, pages that its loads have noted, and how it ended.
type Passed = (usize, StreamRecord, u64, Result<()>);

impl<'a> CarryOut<'a> {
    /// The windows of the backfill of this id, so many at once.
    pub(super) fn new(
        Leased { pipeline, observer, calls, .. }: Leased<'a>,
        connected: &'a Connected,
        (warehouse, fence): (&'a Arc<dyn Warehouse>, &'a Fence),
        (id, mut windows): (&str, Vec<BackfillWindow>),
        parallel: usize,
    ) -> Self {
        // What is newest is wanted first, of every stream.
        windows.sort_by(|one, other| (other.span.until, &one.stream, one.number).cmp(&(one.span.until, &other.stream, other.number)));
        let loads = Arc::new(Semaphore::new(warehouse.capabilities().parallel_loads.max(1)));
        Self {
            tally: Arc::new(Tally::of(&windows, observer.clone())),
            id: id.into(),
            counting: Counting { ended: Instant::now(), took: Duration::ZERO },
            under_way: BTreeSet::new(),
            again: BTreeSet::new(),
            given_up: BTreeSet::new(),
            errors: Vec::new(),
            records: Vec::new(),
            pipeline,
            connected,
            warehouse,
            fence,
            windows,
            parallel,
            observer,
            calls,
            loads,
        }
    }

    /// Carries windows out until all are done or something stops it.
    pub(crate) async fn run(mut self, lease: &Lease) -> Ended {
        let (halt, halted) = watch::channel(false);
        let halt = Arc::new(halt);
        let paused = Arc::new(AtomicBool::new(false));
        let stop = lease.stop();
        let _tasks = [follow(stop.clone(), halt.clone()), self.look_for_pause(halt.clone(), paused.clone())].map(AbortOnDrop);
        if let Err(error) = self.work(&halted, &halt).await {
            halt.send_replace(true);
            self.errors.push((String::new(), error));
        }
        for (_, error) in &mut self.errors {
            let told = std::mem::replace(error, Error::new(codes::BUG, ""));
            *error = lease.explain(told);
        }
        let interrupted = *stop.borrow();
        self.ended(interrupted, paused.load(Ordering::SeqCst))
    }

    async fn work(&mut self, halted: &watch::Receiver<bool>, halt: &Arc<watch::Sender<bool>>) -> Result<()> {
        let mut lanes: JoinSet<Passed> = JoinSet::new();
        loop {
            while lanes.len() < self.parallel && !*halted.borrow() {
                let Some(index) = self.next() else { break };
                self.begin(index, &mut lanes, halted).await?;
            }
            if lanes.is_empty() {
                if *halted.borrow() || !self.verify(halted).await? {
                    return Ok(());
                }
                continue;
            }
            let Some(passed) = lanes.join_next().await else { continue };
            let passed = passed.map_err(|_| Error::new(codes::BUG, "the task of a window broke down"))?;
            self.passed(passed, halt).await?;
            if !*halted.borrow()
                && self.counting.ended.elapsed() >= self.counting.took * PART_OF_COUNTING
                && let Err(error) = self.verify(halted).await
            {
                // What is under way ends with a checkpoint.
                halt.send_replace(true);
                self.errors.push((String::new(), error));
            }
        }
    }

    /// The next window to read.
    fn next(&self) -> Option<usize> {
        let busy: Vec<&str> = self.under_way.iter().map(|index| self.windows[*index].stream.as_str()).collect();
        self.windows.iter().enumerate().position(|(index, window)| {
            let open = match window.state {
                WindowState::Pending | WindowState::Running | WindowState::Failed => true,
                // Somebody has called again: perhaps the source has changed its mind.
                WindowState::Differs => !self.again.contains(&index),
                WindowState::Loaded | WindowState::Verified => false,
            };
            let waits = busy.contains(&window.stream.as_str()) && self.reads_alone(window);
            open && !waits && !self.under_way.contains(&index) && !self.given_up.contains(&window.stream)
        })
    }

    fn reads_alone(&self, window: &BackfillWindow) -> bool {
        let stream = self.stream(&window.stream);
        window.whole || stream.and_then(|stream| self.connected.engine.cost(stream, true, 1)).is_none_or(|cost| cost.alone)
    }

    fn stream(&self, name: &str) -> Option<&Stream> {
        self.connected.selected.iter().find(|stream| stream.name == name)
    }

    fn key(&self, index: usize) -> WindowKey {
        let window = &self.windows[index];
        WindowKey { backfill: self.id.clone(), stream: window.stream.as_str().into(), number: window.number }
    }

    async fn note(&self, index: usize, note: WindowNote) -> Result<()> {
        let note = WindowNote { at: Some(self.pipeline.clock().now()), ..note };
        self.warehouse.note_window(self.fence, &self.key(index), &note).await
    }

    /// Gives up a stream that the source has no more.
    fn is_gone(&mut self, name: String) {
        if self.given_up.insert(name.clone()) {
            let error = Error::new(codes::UNKNOWN_STREAM, format!("the source has no stream `{name}` any more"));
            self.errors.push((name, error));
        }
    }

    /// Begins to read a window, from its place or from its beginning.
    async fn begin(&mut self, index: usize, lanes: &mut JoinSet<Passed>, halted: &watch::Receiver<bool>) -> Result<()> {
        let name = self.windows[index].stream.clone();
        let Some(stream) = self.stream(&name).cloned() else {
            self.is_gone(name);
            return Ok(());
        };
        let window = &mut self.windows[index];
        let afresh = window.place.reading.is_none();
        if afresh {
            if window.state == WindowState::Differs {
                self.again.insert(index);
            }
            self.tally.forget(index, window.read);
            (window.place, window.attempts) = (Default::default(), window.attempts + 1);
            (window.read, window.loaded, window.unchanged, window.quarantined, window.filtered) = (0, 0, 0, 0, 0);
            (window.expected, window.found, window.error) = (None, None, None);
        }
        window.state = WindowState::Running;
        self.note(index, WindowNote { state: Some(WindowState::Running), again: afresh, ..WindowNote::default() }).await?;
        fail::fail_point!("backfill::window_begun");
        let span = if self.windows[index].whole { TimeSpan { from: None, until: None } } else { self.windows[index].span };
        let ledger = Arc::new(InLedger { window: self.key(index), span, pages: AtomicU64::new(0) });
        let normaliser = self.pipeline.normaliser(&stream, &self.connected.source)?;
        let mut lane = self.lane(index, stream.clone(), ledger.clone(), halted.clone());
        self.under_way.insert(index);
        let span = error_span!("stream", stream = %stream.name);
        let passed = async move {
            let mut record = StreamRecord { stream: stream.name.clone(), ..StreamRecord::default() };
            let done = lane.pass(stream, normaliser, Some(vec![Mode::Backfill]), &mut record).await;
            record.error = done.as_ref().err().map(ToString::to_string);
            (index, record, ledger.pages.load(Ordering::SeqCst), done)
        };
        lanes.spawn(passed.instrument(span));
        Ok(())
    }

    fn lane(&self, index: usize, stream: Stream, ledger: Arc<InLedger>, stop: watch::Receiver<bool>) -> Lane {
        let window = &self.windows[index];
        let observer: Arc<dyn Observer> = Arc::new(OfWindow { index, before: window.read, tally: self.tally.clone() });
        let Self { pipeline, connected, warehouse, fence, .. } = *self;
        let underway = Underway { pipeline, connected, warehouse, fence, observer: &observer, stop: &stop };
        Lane { loads: self.loads.clone(), ledger: Some(ledger), ..underway.lane(stream, window.place.clone()) }
    }

    /// Takes note of how reading a window ended.
    async fn passed(&mut self, (index, record, pages, done): Passed, halt: &Arc<watch::Sender<bool>>) -> Result<()> {
        self.under_way.remove(&index);
        sum_into(&mut self.records, &record);
        let window = &mut self.windows[index];
        window.read += record.read;
        window.loaded += record.loaded;
        window.unchanged += record.unchanged;
        window.quarantined += record.quarantined;
        window.filtered += record.filtered;
        window.requests += record.requests;
        let stream = window.stream.clone();
        let requests = record.requests.saturating_sub(pages);
        let (state, error) = match done {
            Ok(()) => (WindowState::Loaded, None),
            Err(error) => {
                let state = if is_passing(&error) { WindowState::Pending } else { WindowState::Failed };
                (state, Some(error))
            }
        };
        window.state = state;
        window.error = error.as_ref().filter(|_| state == WindowState::Failed).map(ToString::to_string);
        let note = WindowNote { state: Some(state), requests, error: window.error.clone(), ..WindowNote::default() };
        // A fence that is lost, or a destination that is gone, cannot be told of it.
        let noted = self.note(index, note).await;
        if let Some(error) = error {
            // The place is in the ledger, behind the last load.
            if let Ok(windows) = self.warehouse.backfill_windows(&self.id).await {
                let key = self.key(index);
                let stored = windows.into_iter().find(|window| *window.stream == *key.stream && window.number == key.number);
                self.windows[index].place = stored.map(|window| window.place).unwrap_or_default();
            }
            if matches!(error.kind(), ErrorKind::Permission | ErrorKind::Quality) {
                self.given_up.insert(stream.clone());
            } else {
                halt.send_replace(true);
            }
            if error.kind() != ErrorKind::Interrupted || self.errors.is_empty() {
                self.errors.push((stream, self.calls.told(error)));
            }
            return Ok(());
        }
        noted?;
        fail::fail_point!("backfill::window_loaded");
        self.observer.observe(BackfillEvent::Window(&self.windows[index]));
        Ok(())
    }

    /// Looks every moment whether somebody asks for a pause.
    fn look_for_pause(&self, halt: Arc<watch::Sender<bool>>, paused: Arc<AtomicBool>) -> AbortHandle {
        let (warehouse, id) = (self.warehouse.clone(), self.id.clone());
        tokio::spawn(async move {
            loop {
                SystemClock.sleep(LOOK).await;
                // A destination that cannot be asked now will say so to the next load.
                if warehouse.is_pause_asked(&id).await.unwrap_or(false) {
                    paused.store(true, Ordering::SeqCst);
                    halt.send_replace(true);
                    return;
                }
            }
        })
        .abort_handle()
    }

    fn ended(mut self, stopped: bool, paused: bool) -> Ended {
        let done = |window: &BackfillWindow| match window.state {
            WindowState::Verified | WindowState::Differs => true,
            // With words it cannot be verified; without them nobody has tried yet.
            WindowState::Loaded => window.error.is_some(),
            WindowState::Pending | WindowState::Running | WindowState::Failed => false,
        };
        let all = self.windows.iter().all(done);
        let differs = self.windows.iter().any(|window| window.state == WindowState::Differs);
        let serious = self.errors.iter().find(|(_, error)| error.kind() != ErrorKind::Interrupted).map(|(_, error)| error.exit_code());
        let interrupted = stopped && !all && serious.is_none();
        let (state, exit_code) = match serious {
            _ if all && !differs && serious.is_none() => (BackfillState::Complete, 0),
            Some(code) if all && differs => (BackfillState::Differs, code),
            Some(code) => (BackfillState::Stopped, code),
            None if paused && !stopped => (BackfillState::Paused, 0),
            None => (BackfillState::Stopped, 130),
        };
        if paused || interrupted {
            self.errors.retain(|(_, error)| error.kind() != ErrorKind::Interrupted);
        }
        Ended { state, exit_code, interrupted, errors: self.errors, records: self.records }
    }
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

/// Whether the window goes on where it is when somebody comes back.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::Quota | ErrorKind::Locked | ErrorKind::Destination)
}

/// Passes a wish to stop on.
fn follow(mut stop: watch::Receiver<bool>, halt: Arc<watch::Sender<bool>>) -> AbortHandle {
    tokio::spawn(async move {
        if stop.wait_for(|stop| *stop).await.is_ok() {
            halt.send_replace(true);
        }
    })
    .abort_handle()
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
