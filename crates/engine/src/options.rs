//! What a caller asks of one stream, and what comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use aqueduct_schema::{Mode, StreamState, Timestamp, ValueType};
use tokio::sync::watch;

use crate::meter::Meter;

/// How to read a stream.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The connector's name; the layer of the stream's source table.
    pub source_system: Arc<str>,
    /// The readings to make, in this order. `None` makes those that are due. A reading under way is ended first in any case.
    pub modes: Option<Vec<Mode>>,
    /// The first instant of a backfill.
    pub from: Option<Timestamp>,
    /// The end of a backfill, exclusive. A backfill that has an end moves no cursor.
    pub until: Option<Timestamp>,
    /// Stop after the page with which so many records were read. A reading stopped so is not complete; the next run carries it on.
    pub record_limit: Option<u64>,
    /// Becomes true when the reading is to stop. The page being decoded is still handed over; a request under way is dropped.
    pub cancel: watch::Receiver<bool>,
    /// Is told what this reading exchanges and waits for; a part of the engine's own where there is none.
    pub meter: Option<Arc<Meter>>,
}

impl ReadOptions {
    /// The readings that are due, to their ends, never cancelled.
    pub fn new(source_system: &str) -> Self {
        let (_, cancel) = watch::channel(false);
        Self { source_system: source_system.into(), modes: None, from: None, until: None, record_limit: None, cancel, meter: None }
    }
}

/// What became of a stream.
#[derive(Clone, Debug)]
pub struct StreamOutcome {
    /// The state after the last batch that was handed over. It is true once that batch is committed.
    pub state: StreamState,
    /// Whether every reading that was due has ended. False after a record limit, a cancellation, or when nobody takes batches any more.
    pub complete: bool,
    /// Pages handed over.
    pub pages: u64,
    /// Records in those pages, malformed ones included.
    pub records: u64,
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Bytes of bodies received over the wire, before decompression.
    pub wire_bytes: u64,
    /// Fields with values that do not fit the declared type, by path, with the type that holds all that was read.
    pub widened: BTreeMap<String, ValueType>,
    /// Keys of records that the stream's schema does not name, with how often they occurred; the first 256 found.
    pub unknown_fields: Vec<(String, u64)>,
}
