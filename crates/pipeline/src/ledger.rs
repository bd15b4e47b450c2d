//! The ledger of runs in the control store: an entry that is written when a run begins, follows it, and tells how it ended, also when it
//! never came to its warehouse. The ledger serves people; what it cannot do never ends a run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aqueduct_control::{Control, Counts, EntryError, Outcome, ProcessUse, RunEntry, RunKind, RunRetention, StreamEntry};
use aqueduct_engine::{Clock, Meter, SystemClock};
use aqueduct_schema::{Error, ErrorKind, Result, codes};
use aqueduct_warehouse::{RunRecord, RunStatus, StreamRecord};
use tokio::task::JoinHandle;
use tracing::warn;

use crate::machine;
use crate::observer::{Event, Observer};
use crate::pipeline::{Connected, Pipeline};

/// How often the entry of a run that goes on is written at the most.
const EVERY: Duration = Duration::from_secs(5);

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) kind: RunKind,
    /// What is different from a plain run, in the words of the command line.
    pub(crate) options: Vec<String>,
    /// The time of its schedule that it was started for, and which attempt it is.
    pub(crate) occurrence: Option<String>,
    pub(crate) attempt: u32,
}

impl Asked {
    /// Without options.
    pub(crate) fn of(kind: RunKind) -> Self {
        Self { kind, options: Vec::new(), occurrence: None, attempt: 1 }
    }

    /// With these, those that are there.
    pub(crate) fn with(mut self, options: impl IntoIterator<Item = Option<String>>) -> Self {
        self.options.extend(options.into_iter().flatten());
        self
    }
}

/// A flag of the command line, where it is set.
pub(crate) fn flag(set: bool, name: &str) -> Option<String> {
    set.then(|| name.to_owned())
}

/// What ended well or not tells the ledger what it did.
pub(crate) trait Told: Send + Sync {
    /// The record that the warehouse has too, where there is one.
    fn record(&self) -> Option<&RunRecord>;

    /// What kept each stream from being complete.
    fn errors(&self) -> &[(String, Error)] {
        &[]
    }

    /// What the source has changed, a sentence each.
    fn changes(&self) -> Vec<String> {
        Vec::new()
    }

    /// For a backfill: for each stream, windows that are done and windows in all.
    fn windows(&self) -> BTreeMap<String, (u64, u64)> {
        BTreeMap::new()
    }
}

/// The entry of a run that is under way.
pub(crate) struct Recording {
    shared: Arc<Shared>,
    following: Option<JoinHandle<()>>,
    retention: RunRetention,
}

struct Shared {
    control: Option<Control>,
    entry: Mutex<RunEntry>,
    /// Whether the entry has changed since it was written.
    changed: AtomicBool,
    meter: Arc<Meter>,
    clock: Arc<dyn Clock>,
    life: Duration,
    cpu_before: Option<u64>,
}

impl Recording {
    /// Begins the entry of a run.
    pub(crate) async fn begin(pipeline: &Pipeline, run_id: &str, asked: Asked) -> Self {
        let clock = pipeline.clock();
        let destination = aqueduct_warehouse::identity(pipeline.file.destination()).ok().flatten();
        let entry = RunEntry {
            kind: asked.kind,
            options: asked.options,
            occurrence: asked.occurrence,
            attempt: asked.attempt.max(1),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            connector: pipeline.registration.name.to_owned(),
            destination: destination.unwrap_or_else(|| "nowhere".to_owned()),
            ..RunEntry::begun(run_id.to_owned(), pipeline.file.name.clone(), clock.now())
        };
        let section = &pipeline.file.content.control;
        let life = Duration::from_secs(section.lease_seconds.max(1));
        let control = match pipeline.control().open().await {
            Ok(control) => Some(control.clone()),
            Err(error) => {
                warn!("the ledger of runs cannot be opened, this run will not be in it: {error}");
                None
            }
        };
        if let Some(control) = &control
            && let Err(error) = control.begin_run(&entry, life).await
        {
            warn!("the beginning of the run could not be written to the ledger of runs: {error}");
        }
        let meter = Meter::new(clock.clone());
        let changed = AtomicBool::new(false);
        let shared = Arc::new(Shared { control, entry: Mutex::new(entry), changed, meter, clock, life, cpu_before: machine::cpu_ms() });
        let following = shared.control.is_some().then(|| tokio::spawn(shared.clone().follow()));
        let age = Duration::from_secs(u64::from(section.keep_runs_days) * 24 * 60 * 60);
        Self { shared, following, retention: RunRetention { age, most: section.keep_runs.max(1) } }
    }

    /// What the run exchanges with its source is told here.
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.shared.meter
    }

    /// [`Pipeline::connect`], counted.
    pub(crate) async fn connect(&self, pipeline: &Pipeline, select: &[String]) -> Result<Connected> {
        pipeline.connect_metered(select, None, Some(self.shared.meter.clone())).await
    }

    /// The warehouse knows of the run.
    pub(crate) fn in_warehouse(&self) {
        self.shared.change(|entry| entry.in_warehouse = true);
    }

    /// Somebody who hears what happens and passes it on.
    pub(crate) fn observer(&self, inner: Arc<dyn Observer>) -> Arc<dyn Observer> {
        Arc::new(Listening { shared: self.shared.clone(), inner })
    }

    /// How far the windows of a stream are.
    pub(crate) fn note_windows(&self) -> Windows {
        Windows(self.shared.clone())
    }

    /// Writes how the run ended, forgets the oldest ones and tells the observer; what it came to is given back.
    pub(crate) async fn conclude<T: Told>(self, done: Result<T>, observer: &dyn Observer) -> Result<T> {
        let entry = self.end(done.as_ref().map(|report| report as &dyn Told)).await;
        observer.observe(Event::Ended { entry: &entry });
        done
    }

    async fn end(self, outcome: std::result::Result<&dyn Told, &Error>) -> RunEntry {
        if let Some(following) = &self.following {
            following.abort();
        }
        let pipeline = self.shared.change(|entry| {
            entry.ended = Some(self.shared.clock.now());
            match outcome {
                Ok(told) => end_told(entry, told),
                Err(error) => end_failed(entry, error),
            }
            entry.pipeline.clone()
        });
        self.shared.write().await;
        if let Some(control) = &self.shared.control
            && let Err(error) = control.forget_runs(&pipeline, self.retention).await
        {
            warn!("old entries of the ledger of runs could not be forgotten: {error}");
        }
        self.shared.lock().clone()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(following) = &self.following {
            following.abort();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, RunEntry> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut RunEntry) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.store(true, Ordering::SeqCst);
        changed
    }

    /// Writes the entry as it goes on: now and then while something happens, and often enough to be known to be alive.
    async fn follow(self: Arc<Self>) {
        let every = EVERY.min(self.life / 3);
        let mut silent = Duration::ZERO;
        loop {
            SystemClock.sleep(every).await;
            silent += every;
            if self.changed.load(Ordering::SeqCst) || silent + every >= self.life / 2 {
                self.write().await;
                silent = Duration::ZERO;
            }
        }
    }

    async fn write(&self) {
        let Some(control) = &self.control else { return };
        self.changed.store(false, Ordering::SeqCst);
        let entry = {
            let mut entry = self.lock();
            entry.traffic = self.meter.count();
            let cpu_ms = machine::cpu_ms().zip(self.cpu_before).map(|(now, before)| now.saturating_sub(before));
            entry.process = ProcessUse { peak_memory_bytes: machine::peak_memory_bytes(), cpu_ms };
            entry.clone()
        };
        if let Err(error) = control.write_run(&entry, self.life).await {
            warn!("the run could not be written to the ledger of runs: {error}");
        }
    }
}

/// Hears what happens in a run.
struct Listening {
    shared: Arc<Shared>,
    inner: Arc<dyn Observer>,
}

impl Observer for Listening {
    fn observe(&self, event: Event<'_>) {
        match &event {
            Event::Planned { streams } => self.shared.change(|entry| {
                for name in streams {
                    stream_of(entry, name);
                }
            }),
            Event::Progress { stream, committed, .. } => {
                // What a pass of a stream has committed; passes before it are in the stream's end.
                self.shared.change(|entry| {
                    let known = stream_of(entry, stream);
                    known.counts.read = known.counts.read.max(*committed);
                });
            }
            Event::Finished { record, error } => self.shared.change(|entry| {
                let windows = stream_of(entry, &record.stream).windows;
                *stream_of(entry, &record.stream) = StreamEntry { windows, ..stream_entry(record, *error) };
            }),
            Event::Note(_) | Event::Ended { .. } => {}
        }
        self.inner.observe(event);
    }
}

/// Hears of windows.
pub(crate) struct Windows(Arc<Shared>);

impl Windows {
    /// So many windows of these streams there are, and so many of them are done.
    pub(crate) fn planned(&self, streams: impl IntoIterator<Item = (String, (u64, u64))>) {
        self.0.change(|entry| {
            for (name, windows) in streams {
                stream_of(entry, &name).windows = Some(windows);
            }
        });
    }

    /// One more window of a stream is done.
    pub(crate) fn done(&self, stream: &str, read: u64) {
        self.0.change(|entry| {
            let known = stream_of(entry, stream);
            known.counts.read += read;
            if let Some((done, _)) = &mut known.windows {
                *done += 1;
            }
        });
    }
}

fn stream_of<'e>(entry: &'e mut RunEntry, name: &str) -> &'e mut StreamEntry {
    let place = entry.streams.iter().position(|stream| stream.stream == name).unwrap_or_else(|| {
        entry.streams.push(StreamEntry { stream: name.to_owned(), ..StreamEntry::default() });
        entry.streams.len() - 1
    });
    &mut entry.streams[place]
}

fn end_told(entry: &mut RunEntry, told: &dyn Told) {
    let (errors, windows) = (told.errors(), told.windows());
    let of = |stream: &str| errors.iter().find(|(name, _)| name == stream).map(|(_, error)| error);
    entry.error = errors.first().map(|(_, error)| entry_error(error));
    let changes = told.changes();
    entry.schema_changes = changes.into_iter().take(RunEntry::MOST_CHANGES).collect();
    match told.record() {
        None => (entry.outcome, entry.exit_code) = (Outcome::Ok, Some(0)),
        Some(record) => {
            entry.streams = record
                .streams
                .iter()
                .map(|stream| StreamEntry { windows: windows.get(&stream.stream).copied(), ..stream_entry(stream, of(&stream.stream)) })
                .collect();
            entry.exit_code = Some(record.exit_code);
            entry.outcome = match record.status {
                RunStatus::Ok => Outcome::Ok,
                RunStatus::Partial => Outcome::Partial,
                RunStatus::Interrupted => Outcome::Interrupted,
                RunStatus::Failed | RunStatus::Running => Outcome::Failed,
            };
        }
    }
}

fn end_failed(entry: &mut RunEntry, error: &Error) {
    entry.outcome = match (error.code(), error.kind()) {
        (codes::LEASE_HELD, _) => Outcome::Refused,
        (_, ErrorKind::Interrupted) => Outcome::Interrupted,
        (_, ErrorKind::Partial) => Outcome::Partial,
        _ => Outcome::Failed,
    };
    entry.exit_code = Some(error.exit_code());
    entry.error = Some(entry_error(error));
}

/// An error as the ledger keeps it.
pub(crate) fn entry_error(error: &Error) -> EntryError {
    let (data, next) = (error.data().to_owned(), error.advice().to_owned());
    EntryError { code: error.code().id.to_owned(), message: error.to_string(), data, next }
}

/// A stream's record as the ledger keeps it.
fn stream_entry(record: &StreamRecord, error: Option<&Error>) -> StreamEntry {
    let first = record.tables.first();
    let mut traffic = record.traffic.clone();
    let readings = std::mem::take(&mut traffic.readings);
    StreamEntry {
        stream: record.stream.clone(),
        ended: true,
        error: error.map(entry_error),
        readings,
        counts: Counts {
            read: record.read,
            new: first.map_or(0, |table| table.inserted),
            changed: first.map_or(0, |table| table.updated),
            unchanged: record.unchanged,
            deleted: record.deleted,
            quarantined: record.quarantined,
            filtered: record.filtered,
        },
        loads: record.loads,
        rows_written: record.tables.iter().map(|table| table.inserted + table.updated + table.deleted).sum(),
        bytes_written: record.bytes_written,
        state_moved: record.state_moved,
        settled_until: record.settled_until,
        windows: None,
        traffic,
    }
}

/// The answer of something that did what it was to do, and has nothing to tell of it.
pub(crate) struct Done<T>(pub(crate) T);

impl<T: Send + Sync> Told for Done<T> {
    fn record(&self) -> Option<&RunRecord> {
        None
    }
}
