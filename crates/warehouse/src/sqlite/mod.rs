//! SQLite: one file, one connection, one load at a time.

mod deletions;
mod held;
mod history;
mod image;
mod load;
mod own_tables;
mod quarantine;
mod record;
mod rows;
mod session;
mod stage;
mod statements;
mod tables;
mod views;
mod whole;

pub(crate) use self::tables::create_table;

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use aqueduct_schema::{Error, Result, Retry, TableName, codes, with_sqlite_lock_holder};
use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use self::stage::Found;
use crate::database::{Database, Memory, Point, lasting};
use crate::failure::{self, Doing, Failure, Verdict};
use crate::history::History;
use crate::load_plan::LoadPlan;
use crate::merges::Winners;
use crate::refresh::Swap;
use crate::turn::Turn;
use crate::unindexed::Unindexed;
use crate::warehouse::{Capabilities, Fence, Receipt};

/// How long a load waits for another process to finish writing.
const BUSY: Duration = Duration::from_secs(30);
/// Each waits for that long.
const ATTEMPTS: u32 = 3;
/// Nothing that is read inside a transaction may be outdated by the time it writes.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// A SQLite file as destination.
pub(crate) struct Sqlite {
    path: PathBuf,
    connection: Arc<Mutex<Connected>>,
    memory: Memory,
    /// How long it waits for another process to finish writing.
    busy: Duration,
    /// What the last load found, by which the next one can be staged before its turn.
    found: StdMutex<Found>,
}

/// The connection, and what it has begun.
struct Connected {
    sqlite: SqliteConnection,
    unindexed: Unindexed,
    /// The rows that were merged away, as far as this process knows.
    winners: Arc<Winners>,
}

/// Creates the file where it is not there, for its owner alone: what will be in it is about people. What the owner then allows others
/// (`chmod`, `chgrp`) stays, and holds for the files that SQLite makes beside it. Where that fails, opening it says why.
fn create_private(path: &Path) {
    let mut file = std::fs::OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    let _ = file.open(path);
}

/// The connection, until it is dropped.
pub(crate) struct Held(OwnedMutexGuard<Connected>);

impl Deref for Held {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.0.sqlite
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.0.sqlite
    }
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
        self.memory.history = history;
        self
    }

    async fn open_waiting(path: &Path, busy: Duration) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            return Err(Error::new(codes::DESTINATION_UNREACHABLE, "the folder of the SQLite file does not exist")
                .with("folder", folder.display())
                .retrying(Retry::Never)
                .advise("Create the folder, or correct the path in the destination's address."));
        }
        create_private(path);
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
        let cannot = |error: sqlx::Error| {
            let told = failure::unreachable("the SQLite file", &error).with("file", path.display());
            if failure::verdict(&error) == Verdict::Again { with_sqlite_lock_holder(told, path) } else { told }
        };
        let mut connection = options.connect().await.map_err(cannot)?;
        sqlx::query(stage::ATTACH).execute(&mut connection).await.map_err(cannot)?;
        let connected = Connected { sqlite: connection, unindexed: Unindexed::default(), winners: Arc::default() };
        Ok(Self {
            path: path.to_owned(),
            connection: Arc::new(Mutex::new(connected)),
            memory: Memory::default(),
            busy,
            found: StdMutex::default(),
        })
    }

    /// Makes the indexes of the tables that this process has filled.
    async fn index(&self) -> Result<(), Failure> {
        let mut connection = self.connection.lock().await;
        let Connected { sqlite, unindexed, .. } = &mut *connection;
        for (name, key) in unindexed.tables() {
            let mut transaction = sqlite.begin_with(BEGIN).await.doing_in("make the table's index", &name)?;
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
impl Database for Sqlite {
    type Driver = sqlx::Sqlite;
    type Held = Held;

    const CAPABILITIES: Capabilities = Capabilities { name: "SQLite", durable: true, parallel_loads: 1, records_per_load: 1_000 };
    const BEGIN: &'static str = BEGIN;
    const ATTEMPTS: u32 = ATTEMPTS;

    fn memory(&self) -> &Memory {
        &self.memory
    }

    async fn hold(&self, _doing: &'static str) -> Result<Held, Failure> {
        Ok(Held(Arc::clone(&self.connection).lock_owned().await))
    }

    async fn explained(&self, failure: Failure) -> Error {
        self.told(failure)
    }

    async fn carry_out(&self, fence: &Fence, plan: LoadPlan, turn: Turn) -> Result<Receipt> {
        let plan = Arc::new(plan);
        let mut ahead = if turn.is_now() { None } else { self.ahead(&plan).await };
        turn.come().await?;
        lasting(self, &plan.stream, || self.attempt(fence, &plan, ahead.take())).await
    }

    async fn put_in_place(&self, swap: &Swap<'_>) -> Result<Receipt> {
        lasting(self, swap.stream, || self.swap_once(swap)).await
    }

    fn forget(&self, held: &mut Held, which: &(dyn Fn(&TableName) -> bool + Sync)) {
        let Connected { unindexed, .. } = &mut *held.0;
        unindexed.tables().iter().filter(|(name, _)| which(name)).for_each(|(name, _)| unindexed.remove(name));
    }

    async fn tidy(&self) -> Result<(), Failure> {
        self.index().await
    }

    async fn wait_briefly(&self, briefly: bool) {
        self.wait_at_most(briefly).await;
    }

    fn reached(point: Point) {
        match point {
            Point::RunBegins => fail::fail_point!("sqlite::run_begins"),
            Point::SchemasNoted => fail::fail_point!("sqlite::schemas_noted"),
            Point::SnapshotsClosed => fail::fail_point!("sqlite::snapshots_closed"),
            Point::QuarantineStored => fail::fail_point!("sqlite::quarantine_stored"),
            Point::LoadRecorded => fail::fail_point!("sqlite::load_recorded"),
            Point::RefreshPlaced => fail::fail_point!("sqlite::refresh_placed"),
            Point::IdentitiesStored => fail::fail_point!("sqlite::identities_stored"),
            Point::RunEnds => fail::fail_point!("sqlite::run_ends"),
        }
    }
}
