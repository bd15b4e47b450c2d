//! SQLite: one file, one connection, one load at a time.

mod backfill;
mod deletions;
mod drift;
mod held;
mod history;
mod identities;
mod image;
mod ledger;
mod load;
mod quarantine;
mod record;
mod rows;
mod session;
mod source_rows;
mod stage;
mod statements;
mod tables;
mod views;
mod whole;

pub(crate) use self::tables::create_table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use aqueduct_schema::{Batch, Error, Layer, Protected, Result, Retry, StreamState, TableName, Timestamp, codes};
use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::Mutex;

use self::stage::Found;

use crate::backfill::ledger as windows;
use crate::failure::{self, Doing, Failure};
use crate::history::History;
use crate::load_plan::load_id;
use crate::merges::Winners;
use crate::reconciliation::{self, Comparing, Difference, ReconciledWindow};
use crate::records;
use crate::refresh::Swap;
use crate::sequence::Sequence;
use crate::shadow::{self, Redirect, Shadow, ShadowKind};
use crate::snapshot::Scope;
use crate::turn::{LoadInto, Turn};
use crate::unindexed::Unindexed;
use crate::warehouse::{Capabilities, Fence, Receipt, RunRecord, RunStart, Warehouse};

/// How long a load waits for another process to finish writing.
const BUSY: Duration = Duration::from_secs(30);

/// A SQLite file as destination.
pub(crate) struct Sqlite {
    path: PathBuf,
    connection: Mutex<Connected>,
    sequence: Sequence,
    history: History,
    /// How long it waits for another process to finish writing.
    busy: Duration,
    /// Whether the last load gave up waiting: the next ones do not wait as long again.
    gave_up: AtomicBool,
    /// What the last load found, by which the next one can be staged before its turn.
    found: StdMutex<Found>,
}

/// The connection, and what it has begun.
struct Connected {
    sqlite: SqliteConnection,
    unindexed: Unindexed,
    /// The rows that were merged away, as far as this process knows.
    winners: Arc<Winners>,
    /// Whether the tables that are not rows of anybody were made sure of since it was opened.
    has_own_tables: bool,
}

impl Sqlite {
    /// Opens the file, creating it when its folder is there.
    ///
    /// # Errors
    /// `AQ4001` when the folder is missing or the file cannot be opened.
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        Self::open_waiting(path, BUSY).await
    }

    /// With which common tables keep the versions of their rows.
    pub(crate) fn keeping(mut self, history: History) -> Self {
        self.history = history;
        self
    }

    async fn open_waiting(path: &Path, busy: Duration) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            return Err(Error::new(codes::DESTINATION_UNREACHABLE, "the folder of the SQLite file does not exist")
                .with("folder", folder.display())
                .retrying(Retry::Never)
                .advise("Create the folder, or correct the path in the destination's address."));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A committed load must survive a power cut; with loads of thousands of rows one sync each costs little.
            .synchronous(synchronous())
            .busy_timeout(busy)
            .statement_cache_capacity(32)
            .pragma("cache_size", "-20480")
            .disable_statement_logging();
        let mut connection =
            options.connect().await.map_err(|error| failure::unreachable("the SQLite file", &error).with("file", path.display()))?;
        sqlx::query(stage::ATTACH).execute(&mut connection).await.map_err(|error| failure::unreachable("the SQLite file", &error))?;
        let connected = Connected { sqlite: connection, unindexed: Unindexed::default(), winners: Arc::default(), has_own_tables: false };
        Ok(Self {
            history: History::default(),
            path: path.to_owned(),
            connection: Mutex::new(connected),
            sequence: Sequence::default(),
            busy,
            gave_up: AtomicBool::new(false),
            found: StdMutex::default(),
        })
    }

    /// Takes a pipeline over from live runs, or from backfills.
    async fn begin(&self, start: RunStart, backfill: bool) -> Result<Fence> {
        let mut connection = self.connection.lock().await;
        let begin = async {
            let mut transaction = connection.sqlite.begin_with("BEGIN IMMEDIATE").await.doing("begin the run")?;
            ledger::create(&mut transaction).await?;
            let epoch =
                ledger::begin_run(&mut transaction, &windows::name(&start.pipeline, backfill), &start, &RunRecord::begun(&start)).await?;
            fail::fail_point!("sqlite::run_begins");
            transaction.commit().await.doing("begin the run")?;
            Ok::<_, Failure>(epoch)
        };
        let epoch = begin.await.map_err(|failure| self.told(failure))?;
        Ok(Fence { pipeline: start.pipeline, run_id: start.run_id, epoch, allow_mass_delete: start.allow_mass_delete, backfill })
    }

    /// Makes the indexes of the tables that this process has filled.
    async fn index(&self) -> Result<(), Failure> {
        let mut connection = self.connection.lock().await;
        let Connected { sqlite, unindexed, .. } = &mut *connection;
        for (name, key) in unindexed.tables() {
            let mut transaction = sqlite.begin_with("BEGIN IMMEDIATE").await.doing_in("make the table's index", &name)?;
            // Somebody may have dropped the table meanwhile.
            if !tables::stored(&mut transaction, &name).await?.is_empty() {
                tables::index(&mut transaction, &name, &key).await?;
            }
            transaction.commit().await.doing_in("make the table's index", &name)?;
            unindexed.remove(&name);
            fail::fail_point!("sqlite::table_indexed");
        }
        Ok(())
    }
}

/// What is synced, and when: everything at each commit.
fn synchronous() -> SqliteSynchronous {
    #[cfg(feature = "planted-no-sync")]
    fail::fail_point!("planted::no_sync", |_| SqliteSynchronous::Off);
    SqliteSynchronous::Full
}

#[async_trait]
impl Warehouse for Sqlite {
    fn capabilities(&self) -> Capabilities {
        Capabilities { name: "SQLite", durable: true, parallel_loads: 1, records_per_load: 1_000 }
    }

    async fn begin_run(&self, start: RunStart) -> Result<Fence> {
        self.begin(start, false).await
    }

    async fn states(&self, pipeline: &str) -> Result<BTreeMap<String, StreamState>> {
        let mut connection = self.connection.lock().await;
        if !ledger::exists(&mut connection.sqlite).await.map_err(|failure| self.told(failure))? {
            return Ok(BTreeMap::new());
        }
        ledger::states(&mut connection.sqlite, pipeline).await.map_err(|failure| self.told(failure))
    }

    async fn set_state(&self, pipeline: &str, stream: &str, state: Option<&StreamState>) -> Result<()> {
        let mut connection = self.connection.lock().await;
        let set = async {
            let mut transaction = connection.sqlite.begin_with("BEGIN IMMEDIATE").await.doing("store the state")?;
            ledger::create(&mut transaction).await?;
            match state {
                Some(state) => ledger::write_state(&mut transaction, pipeline, stream, state, records::now(), None).await?,
                None => ledger::clear_state(&mut transaction, pipeline, stream).await?,
            }
            transaction.commit().await.doing("store the state")
        };
        set.await.map_err(|failure| self.told(failure))
    }

    async fn load(&self, fence: &Fence, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        self.load_in_turn(fence, LoadInto::Live, batches, Turn::now()).await
    }

    async fn load_in_turn(&self, fence: &Fence, into: LoadInto, batches: Vec<Batch<Protected>>, turn: Turn) -> Result<Receipt> {
        let (shadow, window) = match into {
            LoadInto::Live => (None, None),
            LoadInto::Shadow { kind, fingerprint } => (Some(Redirect::new(fence, kind, &fingerprint)), None),
            LoadInto::Window(window) => (None, Some(window)),
        };
        self.load_for(fence, shadow, window, batches, turn).await
    }

    async fn shadows(&self, pipeline: &str, kind: ShadowKind) -> Result<BTreeMap<String, Shadow>> {
        shadow::all(&mut self.connection.lock().await.sqlite, pipeline, kind).await.map_err(|failure| self.told(failure))
    }

    async fn load_shadow(&self, fence: &Fence, kind: ShadowKind, fingerprint: &str, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        let into = LoadInto::Shadow { kind, fingerprint: fingerprint.to_owned() };
        self.load_in_turn(fence, into, batches, Turn::now()).await
    }

    async fn discard_shadow(&self, fence: &Fence, stream: &str, kind: ShadowKind) -> Result<()> {
        let mut connection = self.connection.lock().await;
        let Connected { sqlite, unindexed, .. } = &mut *connection;
        let discard = async {
            let mut transaction = sqlite.begin_with("BEGIN IMMEDIATE").await.doing("throw a shadow away")?;
            ledger::check_fence(&mut transaction, fence).await?;
            let dropped = shadow::discard(&mut *transaction, &fence.pipeline, stream, kind).await?;
            transaction.commit().await.doing("throw a shadow away")?;
            Ok::<_, Failure>(dropped)
        };
        discard.await.map_err(|failure| self.told(failure))?.iter().for_each(|table| unindexed.remove(table));
        Ok(())
    }

    async fn swap(&self, fence: &Fence, stream: &str, at_least: Option<u64>) -> Result<Receipt> {
        let load_id = load_id(fence, stream, self.sequence.take(fence, stream));
        self.swap_once(&Swap { fence, stream, at_least, load_id, now: records::now(), history: &self.history })
            .await
            .map_err(|failure| self.told(failure))
    }

    async fn compare(&self, fence: &Fence, stream: &str, settled: Option<Timestamp>, whole: bool) -> Result<Vec<ReconciledWindow>> {
        let mut connection = self.connection.lock().await;
        let Connected { sqlite, unindexed, .. } = &mut *connection;
        let compare = async {
            let mut transaction = sqlite.begin_with("BEGIN IMMEDIATE").await.doing("compare source and warehouse")?;
            ledger::check_fence(&mut transaction, fence).await?;
            let windows = Comparing { fence, stream, settled, whole }.carry_out(&mut *transaction).await?;
            transaction.commit().await.doing("compare source and warehouse")?;
            Ok::<_, Failure>(windows)
        };
        let windows = compare.await.map_err(|failure| self.told(failure))?;
        // The index of the shadow is made now.
        for (name, _) in unindexed.tables() {
            if name.layer == Layer::Shadow {
                unindexed.remove(&name);
            }
        }
        Ok(windows)
    }

    async fn differences(&self, fence: &Fence, stream: &str) -> Result<Vec<Difference>> {
        let mut connection = self.connection.lock().await;
        reconciliation::differences(&mut connection.sqlite, fence, stream).await.map_err(|failure| self.told(failure))
    }

    async fn count_live(&self, fence: &Fence, stream: &str, table: &TableName, account: &str) -> Result<[u64; 2]> {
        let mut connection = self.connection.lock().await;
        let scope = Scope::of_account(table, account);
        reconciliation::count(&mut connection.sqlite, &fence.pipeline, stream, &scope).await.map_err(|failure| self.told(failure))
    }

    async fn record_reconciliation(&self, fence: &Fence, windows: &[ReconciledWindow]) -> Result<()> {
        let mut connection = self.connection.lock().await;
        let record = async {
            let mut transaction = connection.sqlite.begin_with("BEGIN IMMEDIATE").await.doing("store the reconciliation")?;
            ledger::check_fence(&mut transaction, fence).await?;
            reconciliation::record(&mut *transaction, fence, windows, records::now()).await?;
            transaction.commit().await.doing("store the reconciliation")
        };
        record.await.map_err(|failure| self.told(failure))
    }

    async fn end_run(&self, _fence: &Fence, record: &RunRecord) -> Result<()> {
        // Whoever loads next makes an index that is missing, so its failure is none of the run.
        if let Err(failure) = self.index().await {
            tracing::warn!("the index of a new table is left to the next run: {}", failure.into_error());
        }
        let mut connection = self.connection.lock().await;
        fail::fail_point!("sqlite::run_ends");
        ledger::write_run(&mut connection.sqlite, record).await.map_err(|failure| self.told(failure))
    }

    async fn runs(&self, pipeline: Option<&str>, limit: u32) -> Result<Vec<RunRecord>> {
        let mut connection = self.connection.lock().await;
        if !ledger::exists(&mut connection.sqlite).await.map_err(|failure| self.told(failure))? {
            return Ok(Vec::new());
        }
        ledger::runs(&mut connection.sqlite, pipeline, limit).await.map_err(|failure| self.told(failure))
    }
}
