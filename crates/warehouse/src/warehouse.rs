//! The contract of a warehouse: what every destination promises, and the records it keeps of runs and loads.

use std::collections::BTreeMap;
use std::sync::Arc;

use aqueduct_schema::{Batch, CleaningCount, Protected, Result, StreamState, TableName, Timestamp, Traffic};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::backfill::Backfills;
use crate::drift::Schemas;
use crate::identities::Identities;
use crate::quarantine::Quarantine;
use crate::reconciliation::{Difference, ReconciledWindow};
use crate::shadow::{Shadow, ShadowKind};
use crate::source_rows::SourceTables;
use crate::turn::{LoadInto, Turn};

/// A destination.
///
/// Behaviour that every implementation has, each sentence with a test in the suite that all destinations pass:
/// - `load` is one transaction: rows of all tables, quarantine, load record, state and the check of the fence, or nothing.
/// - Loading a row whose content is as stored changes nothing and counts as unchanged.
/// - A row older than the stored one, by `source_updated_at`, changes nothing and counts as unchanged.
/// - Two rows with one key in one load: the last one wins, the others count as filtered.
/// - A tombstone sets `is_deleted` and `deleted_at` and keeps the row; a later upsert of a live record brings it back.
/// - A new column is added to its table; a column whose type differs widens by [`aqueduct_schema::ValueType::widened`];
///   no column is ever dropped.
/// - When a snapshot is complete, rows of the same table and constants that it did not contain become tombstones.
/// - A shadow is seen by nobody: live rows and state change when it is put in place, all at once, and only when it lacks nothing.
/// - A version of a row of a common table with history is kept when it is replaced; one that comes late takes its place among the others.
/// - A run whose fence has been taken over commits nothing (`AQ5001`).
#[async_trait]
pub trait Warehouse: Backfills + Identities + Quarantine + SourceTables + Schemas + Send + Sync {
    /// What this destination can do.
    fn capabilities(&self) -> Capabilities;

    /// Creates Aqueduct's own tables where they are missing, takes the pipeline over and records the run as running.
    ///
    /// # Errors
    /// `AQ4001` when the destination cannot be reached.
    async fn begin_run(&self, start: RunStart) -> Result<Fence>;

    /// The committed state of every stream of a pipeline. Empty when the pipeline never ran, or the destination is new.
    ///
    /// # Errors
    /// `AQ4003` when a state cannot be understood: it is never guessed.
    async fn states(&self, pipeline: &str) -> Result<BTreeMap<String, StreamState>>;

    /// Stores the state of a stream by hand, or clears it with `None`. For the command line.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn set_state(&self, pipeline: &str, stream: &str, state: Option<&StreamState>) -> Result<()>;

    /// Loads batches of one stream, in order, and stores the last one's checkpoint. A failure leaves nothing behind; where the
    /// answer to the commit is lost, the load record tells whether it happened.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses, `AQ5001` when the fence is lost, `AQ6001` when a snapshot would delete too much.
    async fn load(&self, fence: &Fence, batches: Vec<Batch<Protected>>) -> Result<Receipt>;

    /// Loads batches as [`Warehouse::load`], [`Warehouse::load_shadow`] and [`Backfills::load_window`] do, but writes nothing before the
    /// load's turn has come. What takes time and needs nothing from the loads before may be done until then.
    ///
    /// # Errors
    /// As those; that of the turn, when it does not come.
    async fn load_in_turn(&self, fence: &Fence, into: LoadInto, batches: Vec<Batch<Protected>>, turn: Turn) -> Result<Receipt> {
        turn.come().await?;
        match into {
            LoadInto::Live => self.load(fence, batches).await,
            LoadInto::Shadow { kind, fingerprint } => self.load_shadow(fence, kind, &fingerprint, batches).await,
            LoadInto::Window(window) => self.load_window(fence, &window, batches).await,
        }
    }

    /// The shadows of one kind that a pipeline has begun, by stream.
    ///
    /// # Errors
    /// `AQ4003` when one cannot be understood.
    async fn shadows(&self, pipeline: &str, kind: ShadowKind) -> Result<BTreeMap<String, Shadow>>;

    /// Loads batches of one stream as [`Warehouse::load`] does, into the stream's shadow of this kind, and stores the checkpoint with
    /// the shadow. Live rows and the live state stay as they are. The first load begins the shadow; `fingerprint` says what its
    /// reading depends on.
    ///
    /// # Errors
    /// As [`Warehouse::load`]; `AQ9001` when the shadow was begun with another fingerprint.
    async fn load_shadow(&self, fence: &Fence, kind: ShadowKind, fingerprint: &str, batches: Vec<Batch<Protected>>) -> Result<Receipt>;

    /// Throws a shadow away, where there is one.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses, `AQ5001` when the fence is lost.
    async fn discard_shadow(&self, fence: &Fence, stream: &str, kind: ShadowKind) -> Result<()>;

    /// Puts a complete refresh in place, in one transaction: counts are verified (`at_least` is what the source counts), live rows of
    /// the same tables and constants that it lacks become tombstones, new and changed ones are merged, its state becomes the stream's,
    /// and it is dropped. The receipt tells of the live tables.
    ///
    /// # Errors
    /// `AQ6004` when rows are missing, `AQ6001` when too many would be deleted, else as [`Warehouse::load`]. Nothing has changed then.
    async fn swap(&self, fence: &Fence, stream: &str, at_least: Option<u64>) -> Result<Receipt>;

    /// Compares the keys in a stream's shadow of [`ShadowKind::Keys`] with its live rows, by month of creation, and writes every record
    /// down that differs. What changed at the source at or after `settled` is not expected yet; of keys that are not `whole` nothing is
    /// concluded about rows without one.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses, `AQ5001` when the fence is lost.
    async fn compare(&self, fence: &Fence, stream: &str, settled: Option<Timestamp>, whole: bool) -> Result<Vec<ReconciledWindow>>;

    /// The records that the comparison of this run found to differ, those of each kind by id.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn differences(&self, fence: &Fence, stream: &str) -> Result<Vec<Difference>>;

    /// How many live rows of an account a source table has, and how many records of the stream are in quarantine.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn count_live(&self, fence: &Fence, stream: &str, table: &TableName, account: &str) -> Result<[u64; 2]>;

    /// Stores what a reconciliation found, as rows of `_reconciliation`.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses, `AQ5001` when the fence is lost.
    async fn record_reconciliation(&self, fence: &Fence, windows: &[ReconciledWindow]) -> Result<()>;

    /// Records how the run ended.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn end_run(&self, fence: &Fence, record: &RunRecord) -> Result<()>;

    /// The latest runs, newest first; of one pipeline, or of all.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn runs(&self, pipeline: Option<&str>, limit: u32) -> Result<Vec<RunRecord>>;
}

/// What a destination can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The name in messages, for example `PostgreSQL`.
    pub name: &'static str,
    /// Whether rows stay after the process ends.
    pub durable: bool,
    /// How many loads of different streams may run at once.
    pub parallel_loads: usize,
    /// How many records one load has where the pipeline file does not say: more cost memory, fewer cost transactions.
    pub records_per_load: usize,
}

/// What a run tells the warehouse when it begins.
#[derive(Clone, Debug)]
pub struct RunStart {
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// The run's id: unique, sortable by time.
    pub run_id: Arc<str>,
    /// When it began, by the machine's clock.
    pub started_at: Timestamp,
    /// Whether snapshots may mark any number of rows as deleted.
    pub allow_mass_delete: bool,
}

/// The right to commit, held until another run takes the pipeline over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The pipeline.
    pub pipeline: Arc<str>,
    /// The run that holds it.
    pub run_id: Arc<str>,
    /// The number of this take-over; a commit under a smaller number than the stored one fails.
    pub epoch: i64,
    /// As in [`RunStart`].
    pub allow_mass_delete: bool,
    /// Whether a backfill holds it: backfills take over from each other, and not from live runs.
    pub backfill: bool,
}

/// What a load did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The load's id, in `_load_id` of every row it wrote; empty when nothing had to be committed.
    pub load_id: String,
    /// Records read.
    pub read: u64,
    /// Records whose source row was inserted or updated.
    pub loaded: u64,
    /// Records in quarantine.
    pub quarantined: u64,
    /// Records left out on purpose.
    pub filtered: u64,
    /// Records whose source row was already as it is.
    pub unchanged: u64,
    /// What happened in each table, source table first.
    pub tables: Vec<TableReceipt>,
}

/// What a load did in one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableReceipt {
    /// The table as people name it, for example `contact` or `hubspot_contacts`.
    pub table: String,
    /// Rows that are new.
    pub inserted: u64,
    /// Rows that changed.
    pub updated: u64,
    /// Rows that were already as they are.
    pub unchanged: u64,
    /// Rows marked as deleted.
    pub deleted: u64,
}

impl TableReceipt {
    /// Nothing happened yet in a table.
    pub fn empty(table: &TableName) -> Self {
        Self { table: table.to_string(), inserted: 0, updated: 0, unchanged: 0, deleted: 0 }
    }

    /// Adds what happened in the same table.
    pub(crate) fn add(&mut self, other: &Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
    }
}

/// How a run ended, in words that are stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It has not ended, or was killed.
    Running,
    /// Every stream is complete.
    Ok,
    /// Some streams are complete, others are not.
    Partial,
    /// It failed.
    Failed,
    /// A signal ended it after a checkpoint.
    Interrupted,
}

impl RunStatus {
    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The ledger's entry for a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The run's id.
    pub run_id: String,
    /// The pipeline.
    pub pipeline: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; absent while it runs, or when it was killed.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub status: RunStatus,
    /// The process exit code.
    pub exit_code: u8,
    /// What each stream did.
    pub streams: Vec<StreamRecord>,
    /// What was exchanged with the source by everything together, looking for fields, counts and tokens included.
    #[serde(default)]
    pub traffic: Traffic,
}

impl RunRecord {
    /// Of a run that begins.
    pub fn begun(start: &RunStart) -> Self {
        Self {
            run_id: start.run_id.to_string(),
            pipeline: start.pipeline.to_string(),
            started_at: start.started_at,
            ended_at: None,
            status: RunStatus::Running,
            exit_code: 0,
            streams: Vec::new(),
            traffic: Traffic::default(),
        }
    }
}

/// What a stream did in a run. `read = loaded + quarantined + filtered + unchanged`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRecord {
    /// The stream.
    pub stream: String,
    /// Records read.
    pub read: u64,
    /// Records whose source row was inserted or updated.
    pub loaded: u64,
    /// Records in quarantine.
    pub quarantined: u64,
    /// Records left out on purpose.
    pub filtered: u64,
    /// Records that were already stored as they are.
    pub unchanged: u64,
    /// Rows marked as deleted, in the source table.
    pub deleted: u64,
    /// What happened in each table.
    pub tables: Vec<TableReceipt>,
    /// Requests sent to the source.
    pub requests: u64,
    /// Bytes received from the source, as they came over the wire.
    pub bytes: u64,
    /// Everything the source changed before this instant is in the warehouse.
    pub settled_until: Option<Timestamp>,
    /// Loads committed.
    #[serde(default)]
    pub loads: u64,
    /// Bytes of the columns that were handed over, as they are in memory.
    #[serde(default)]
    pub bytes_written: u64,
    /// Whether the stream's state has moved.
    #[serde(default)]
    pub state_moved: bool,
    /// What was exchanged with the source, and what was waited for.
    #[serde(default)]
    pub traffic: Traffic,
    /// Why the stream is not complete: code and message.
    pub error: Option<String>,
    /// What cleaning did, in the loads of this process; what is stored of it are rows of `_cleaning`.
    #[serde(skip)]
    pub cleaning: Vec<CleaningCount>,
}

impl StreamRecord {
    /// Adds what a load did.
    pub fn add(&mut self, receipt: &Receipt) {
        self.read += receipt.read;
        self.loaded += receipt.loaded;
        self.quarantined += receipt.quarantined;
        self.filtered += receipt.filtered;
        self.unchanged += receipt.unchanged;
        self.loads += u64::from(!receipt.load_id.is_empty());
        self.deleted += receipt.tables.first().map_or(0, |table| table.deleted);
        self.add_tables(&receipt.tables);
    }

    /// Adds what another reading of the same stream did.
    pub fn join(&mut self, other: &Self) {
        self.read += other.read;
        self.loaded += other.loaded;
        self.quarantined += other.quarantined;
        self.filtered += other.filtered;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.exchanged(&other.traffic);
        self.loads += other.loads;
        self.bytes_written += other.bytes_written;
        self.state_moved |= other.state_moved;
        self.add_tables(&other.tables);
    }

    /// Adds what was exchanged with the source.
    pub fn exchanged(&mut self, traffic: &Traffic) {
        self.requests += traffic.requests();
        self.bytes += traffic.wire_bytes();
        self.traffic.join(traffic);
    }

    fn add_tables(&mut self, tables: &[TableReceipt]) {
        for table in tables {
            match self.tables.iter_mut().find(|mine| mine.table == table.table) {
                Some(mine) => mine.add(table),
                None => self.tables.push(table.clone()),
            }
        }
    }
}
