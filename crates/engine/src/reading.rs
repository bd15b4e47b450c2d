//! The page loop: fetch, decode, hand over, with the next page under way meanwhile.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::{Bytes, Next, Page, Read, Records, Stream};
use aqueduct_schema::{Batch, Checkpoint, Cursor, Error, Operation, Position, Raw, Result, StreamState, TableName, Timestamp, codes};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{Instrument, Span, info};

use crate::decode::{Decoded, Decoder};
use crate::engine::Engine;
use crate::loops::LoopGuard;
use crate::meter::{Meter, Waiting};
use crate::options::{ReadOptions, StreamOutcome};
use crate::patience::{Patience, cancelled};
use crate::readings::{self, Done, Due, Seen};
use crate::windows::{self, Place, Walk};

/// Reads a stream; see [`Engine::read_stream`].
pub(crate) async fn read_stream(
    engine: &Engine,
    stream: &Stream,
    state: StreamState,
    options: &ReadOptions,
    out: mpsc::Sender<Batch<Raw>>,
) -> Result<StreamOutcome> {
    readings::check(stream, options)?;
    let meter = options.meter.clone().unwrap_or_else(|| engine.meter().part());
    let mut reader = Reader {
        engine,
        stream: Arc::new(stream.clone()),
        name: stream.name.as_str().into(),
        options,
        cancel: options.cancel.clone(),
        out,
        decoder: Decoder::new(stream, TableName::source(&options.source_system, &stream.name), &engine.settings),
        meter,
        state,
        pages: 0,
        records: 0,
    };
    let mut done = Done::default();
    let complete = loop {
        let Some(due) = readings::next(stream, &reader.state, &done, options) else { break true };
        let before = reader.state.clone();
        info!(stream = %stream.name, mode = due.mode.name(), resumed = due.position.is_some(), "reading");
        reader.meter.reading(due.told());
        if !reader.read(&due).await? {
            break false;
        }
        reader.meter.reading_ended();
        fail::fail_point!("engine::reading_ended");
        done.add(&due, &before);
        if reader.has_enough() && readings::next(stream, &reader.state, &done, options).is_some() {
            break false;
        }
    };
    let traffic = reader.meter.count();
    Ok(StreamOutcome {
        state: reader.state,
        complete,
        pages: reader.pages,
        records: reader.records,
        requests: traffic.requests(),
        wire_bytes: traffic.wire_bytes(),
        widened: reader.decoder.widened().clone(),
        unknown_fields: reader.decoder.into_unknown_fields(),
    })
}

struct Reader<'e> {
    engine: &'e Engine,
    stream: Arc<Stream>,
    name: Arc<str>,
    options: &'e ReadOptions,
    cancel: watch::Receiver<bool>,
    out: mpsc::Sender<Batch<Raw>>,
    decoder: Decoder,
    meter: Arc<Meter>,
    state: StreamState,
    pages: u64,
    records: u64,
}

/// How fetching a page ended.
enum Fetched {
    Page(Page),
    Cancelled,
}

impl Reader<'_> {
    /// Makes one reading; false when it was stopped before its end.
    async fn read(&mut self, due: &Due) -> Result<bool> {
        let mut started_at = due.started_at;
        let mut position = due.position.clone();
        let mut guard = LoopGuard::default();
        if let Some(position) = &position {
            guard.repeats(position);
        }
        let walk = Walk::of(&self.stream, due, self.engine.clock.now());
        let mut fetch = self.fetch(due, walk.as_ref(), position.clone());
        let mut patience = Patience::new(self.engine, &self.meter);
        let mut waited = Duration::ZERO;
        loop {
            if *self.cancel.borrow() {
                return Ok(false);
            }
            let page = match self.wait_for(fetch).await {
                Ok(Fetched::Page(page)) => page,
                Ok(Fetched::Cancelled) => return Ok(false),
                #[cfg(feature = "planted-empty-end")]
                Err(error) if error.code() == codes::MALFORMED_ANSWER && crate::planted::ends_on_an_odd_answer() => {
                    let records = Records::Json { body: Bytes::from_static(b"[]"), pointer: &[] };
                    Page { records, next: Next::End { bookmark: None }, server_time: self.engine.clock.now() }
                }
                Err(error) => {
                    patience.wait(error, &mut self.cancel).await?;
                    fetch = self.fetch(due, walk.as_ref(), position.clone());
                    continue;
                }
            };
            fail::fail_point!("engine::page_read");
            let Page { mut records, next, server_time } = page;
            if next == Next::TooMany {
                // They come again with the parts of their window.
                records = Records::Json { body: Bytes::from_static(b"[]"), pointer: &[] };
            }
            let (records, parents) = match records {
                Records::Sets { records, parents } => (*records, parents),
                records => (records, Vec::new()),
            };
            let (next, until) = match &walk {
                Some(walk) => {
                    let place = walk.place(position.as_ref())?;
                    (walk.after(&place, next, started_at.unwrap_or(server_time)).map_err(|error| self.named(error))?, place.until)
                }
                None => (next, due.until),
            };
            if readings::is_of_the_future(due, server_time) {
                return Err(self.named(Error::new(codes::BAD_STATE, "the stored state is later than the source's own time")));
            }
            let guard_before = guard;
            if let Next::Page(next) = &next
                && guard.repeats(next)
            {
                let error = Error::new(codes::PAGING_LOOP, "the source gives the same page again").with("page", self.pages + 1);
                return Err(self.named(walk.iter().fold(error, |error, walk| walk.tell(error, position.as_ref()))));
            }
            let ahead = match &next {
                Next::Page(next) if self.needs_more_than(2) => Some(self.fetch(due, walk.as_ref(), Some(next.clone()))),
                _ => None,
            };
            let mut decoded = match self.decoder.decode(&records) {
                Ok(decoded) => decoded,
                Err(error) => {
                    drop(ahead);
                    guard = guard_before;
                    patience.wait(self.named(error), &mut self.cancel).await?;
                    fetch = self.fetch(due, walk.as_ref(), position.clone());
                    continue;
                }
            };
            fail::fail_point!("engine::page_decoded");
            drop(records);
            windows::trim(&self.stream, &mut decoded, until)?;
            patience = Patience::new(self.engine, &self.meter);
            let started = *started_at.get_or_insert(server_time);
            let complete = matches!(next, Next::End { .. });
            let seen = Seen { next: &next, server_time, newest: self.newest(&decoded) };
            if !self.hand_over(due, started, &seen, decoded, parents).await? {
                return Ok(false);
            }
            let (next, wait) = match next {
                Next::Page(next) => (next, None),
                Next::Later { position, wait } => (position, Some(wait)),
                Next::End { .. } => return Ok(complete),
                Next::TooMany => {
                    let error = Error::new(codes::SILENT_CAP, "the source has more records than it gives, and the stream has no windows");
                    return Err(self.named(error));
                }
            };
            if self.has_enough() {
                return Ok(false);
            }
            match wait {
                Some(wait) if !self.wait_for_source(wait, &mut waited).await? => return Ok(false),
                Some(_) => {}
                None => waited = Duration::ZERO,
            }
            fetch = ahead.unwrap_or_else(|| self.fetch(due, walk.as_ref(), Some(next.clone())));
            position = Some(next);
        }
    }

    /// Lets the source prepare what comes next; false when the reading is to stop meanwhile.
    ///
    /// # Errors
    /// `AQ3003` when it has taken longer than the settings allow.
    async fn wait_for_source(&mut self, wait: Duration, waited: &mut Duration) -> Result<bool> {
        *waited += wait;
        if *waited > self.engine.settings.longest_job {
            let error = Error::new(codes::SOURCE_FAILED, "the source has not prepared the next page in time");
            return Err(self.named(error.with("waited_s", waited.as_secs())));
        }
        let _waiting = self.meter.wait(Waiting::Preparing);
        tokio::select! {
            () = self.engine.clock.sleep(wait) => Ok(true),
            () = cancelled(&mut self.cancel) => Ok(false),
        }
    }

    /// Sends a page as a batch; false when nobody takes it.
    async fn hand_over(
        &mut self,
        due: &Due,
        started_at: Timestamp,
        seen: &Seen<'_>,
        decoded: Decoded,
        parents: Vec<String>,
    ) -> Result<bool> {
        let (state, complete) = readings::after(&self.stream, &self.state, due, started_at, seen, self.options);
        let checkpoint = Checkpoint { state: state.clone(), mode: due.mode, reading_started_at: started_at, reading_complete: complete };
        let Decoded { table, rejects, read } = decoded;
        let batch = Batch::raw(self.name.clone(), table, rejects, read, checkpoint).of_parents(parents);
        if self.out.send(batch).await.is_err() {
            return Ok(false);
        }
        fail::fail_point!("engine::page_handed_over");
        self.state = state;
        self.pages += 1;
        self.records += read;
        Ok(true)
    }

    /// Begins to fetch a page in a task of its own, so that it goes on while another page is decoded.
    fn fetch(&self, due: &Due, walk: Option<&Walk>, position: Option<Position>) -> Fetch {
        let connector = self.engine.connector.clone();
        let context = self.engine.context(self.meter.clone());
        let (stream, mode, bookmark) = (self.stream.clone(), due.mode, self.state.bookmark.clone());
        let place = match walk {
            Some(walk) => walk.place(position.as_ref()),
            // One window, with the connector's own place for the place.
            None => Ok(Place { inside: position, ..Place::new(None, due.until, Vec::new()) }),
        };
        let own = if walk.is_none() { due.from.clone() } else { None };
        let task = async move {
            let Place { from, until, inside, by_id, .. } = place?;
            let from = own.or(from.map(Cursor::at));
            let (position, bookmark) = (inside.as_ref(), bookmark.as_ref());
            let read = Read { stream: &stream, mode, from: from.as_ref(), until, position, bookmark, by_id };
            connector.read(&context, &read).await
        };
        Fetch(tokio::spawn(task.instrument(Span::current())))
    }

    async fn wait_for(&mut self, mut fetch: Fetch) -> Result<Fetched> {
        tokio::select! {
            biased;
            outcome = &mut fetch.0 => match outcome {
                Ok(outcome) => outcome.map(Fetched::Page).map_err(|error| self.named(error)),
                Err(_) => Err(self.named(Error::new(codes::BUG, "the connector came to a sudden end"))),
            },
            () = cancelled(&mut self.cancel) => Ok(Fetched::Cancelled),
        }
    }

    fn named(&self, error: Error) -> Error {
        error.operation(format!("{} {}", self.options.source_system, self.name))
    }

    fn has_enough(&self) -> bool {
        self.options.record_limit.is_some_and(|limit| self.records >= limit)
    }

    /// Whether more full pages than these are to come. Near a record limit nothing is fetched ahead: requests count against quotas.
    fn needs_more_than(&self, pages: u64) -> bool {
        let coming = self.records.saturating_add(pages * u64::from(self.stream.page_size));
        self.options.record_limit.is_none_or(|limit| coming < limit)
    }

    /// The newest time of change among the rows, where the column has times.
    fn newest(&self, decoded: &Decoded) -> Option<Timestamp> {
        // Tombstones have a time of deletion and none of change.
        if decoded.table.operation == Operation::Tombstone {
            return None;
        }
        let path = self.stream.record.updated_at.as_ref()?;
        let field = &self.stream.record.fields[self.stream.record.index_of(path)?];
        // By name: a page of deletions has fewer columns than the stream.
        let column = decoded.table.rows.column_by_name(&field.column)?;
        let times = column.as_primitive_opt::<TimestampMicrosecondType>()?;
        times.iter().flatten().max().map(Timestamp::from_microseconds)
    }
}

/// A fetch under way; dropped with whoever waits for it.
struct Fetch(JoinHandle<Result<Page>>);

impl Drop for Fetch {
    fn drop(&mut self) {
        self.0.abort();
    }
}
