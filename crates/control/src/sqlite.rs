//! A SQLite file: the control store of one machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aqueduct_schema::{Error, Result, Timestamp, codes, with_sqlite_lock_holder};
use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

use crate::documents::{Change, Decision, Documents, Place};
use crate::durable;
use crate::failure::{failed, is_passing};

/// How long a change waits for those of other processes.
const BUSY: Duration = Duration::from_secs(20);
/// How long it waits once another one has waited in vain: a process that was stopped while it wrote holds up every change of this one, and
/// a run makes many.
const BRIEFLY: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 3;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS control (kind TEXT NOT NULL, key TEXT NOT NULL, content TEXT NOT NULL, \
                     PRIMARY KEY (kind, key)) WITHOUT ROWID";
/// The time comes with the document, so that both cost one question.
const READ: &str = "SELECT CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER), (SELECT content FROM control WHERE kind = ? AND key = ?)";
const NOW: &str = "SELECT CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)";
/// The primary key answers both; its order is that of the bytes.
const LIST: &str = "SELECT key, content FROM control WHERE kind = ? AND key >= ? AND key <= ? ORDER BY key LIMIT ?";
const LIST_NEWEST: &str = "SELECT key, content FROM control WHERE kind = ? AND key >= ? AND key <= ? ORDER BY key DESC LIMIT ?";
const REMOVE: &str = "DELETE FROM control WHERE kind = ? AND key = ?";

/// One file, one connection.
pub(crate) struct Sqlite {
    path: PathBuf,
    options: SqliteConnectOptions,
    connection: Mutex<Connected>,
}

struct Connected {
    sqlite: SqliteConnection,
    /// Whether the last change waited in vain.
    waits_briefly: bool,
    /// Whether it has failed in a way after which it may be of no use: on a full disk SQLite ends a transaction by itself, and the
    /// driver, which takes it for open, can begin no other.
    broken: bool,
}

impl Sqlite {
    /// Opens the file; makes it, and its folder, readable by its owner alone.
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        make(path).map_err(|error| {
            Error::new(codes::CONTROL_UNREACHABLE, "the file of the control store cannot be made")
                .with("file", path.display())
                .with("reason", error)
                .advise("Make its folder writable, or set AQUEDUCT_CONTROL_URL to another place.")
        })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let cannot = |error: sqlx::Error| told(path, failed("be opened", &error), &error);
        let begun = Instant::now();
        let mut attempts = 0;
        // Two processes that turn a new file into one with a write-ahead log meet in a way that no timeout of SQLite's covers.
        loop {
            attempts += 1;
            match Self::connect(&options).await {
                Ok(sqlite) => {
                    let connection = Mutex::new(Connected { sqlite, waits_briefly: false, broken: false });
                    return Ok(Self { path: path.to_owned(), options, connection });
                }
                Err(error) if is_passing(&error) && attempts < 20 && begun.elapsed() < BUSY => pause().await,
                Err(error) => return Err(cannot(error)),
            }
        }
    }

    async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
        let mut connection = options.connect().await?;
        sqlx::query(TABLE).execute(&mut connection).await?;
        Ok(connection)
    }

    /// The connection; a new one where the last question broke it.
    async fn connected(&self) -> Result<MutexGuard<'_, Connected>, sqlx::Error> {
        let mut connection = self.connection.lock().await;
        if connection.broken {
            let sqlite = Self::connect(&self.options).await?;
            *connection = Connected { sqlite, waits_briefly: false, broken: false };
        }
        Ok(connection)
    }

    /// The error of a question that was not answered, after which the connection is another one.
    async fn broken(&self, doing: &str, error: &sqlx::Error) -> Error {
        self.connection.lock().await.broken = true;
        told(&self.path, failed(doing, error), error)
    }

    /// What follows when a change that was begun then could not be made for so many times: it may be tried again, or has failed.
    async fn failed_attempt(&self, begun: Instant, attempts: u32, error: sqlx::Error) -> Result<()> {
        let passing = is_passing(&error);
        // Two changes that met are told at once; the others were waited for until their time was up.
        let in_vain = passing && begun.elapsed() >= BRIEFLY;
        if passing && !in_vain && attempts < ATTEMPTS {
            return Ok(());
        }
        if !passing {
            return Err(self.broken("be changed", &error).await);
        }
        self.wait_briefly(in_vain).await;
        Err(told(&self.path, failed("be changed", &error), &error))
    }

    /// Waits briefly for other processes from now on, or as long as usual again.
    async fn wait_briefly(&self, briefly: bool) {
        let mut connection = self.connection.lock().await;
        if connection.waits_briefly == briefly {
            return;
        }
        let wait = if briefly { BRIEFLY } else { BUSY };
        let set = sqlx::query(AssertSqlSafe(format!("PRAGMA busy_timeout = {}", wait.as_millis()))).execute(&mut connection.sqlite).await;
        // Where it could not be set, the wait stays as it was, and the next change tries again.
        connection.waits_briefly = if set.is_ok() { briefly } else { connection.waits_briefly };
    }

    async fn attempt(&self, place: Place<'_>, now: Option<Timestamp>, decide: &mut Decision<'_>) -> Result<Result<()>, sqlx::Error> {
        let mut connection = self.connected().await?;
        // Before the transaction, where SQLite takes it; after a durable change the next other one turns it back.
        let synchronous = if place.durable { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
        sqlx::query(synchronous).execute(&mut connection.sqlite).await?;
        let mut transaction = connection.sqlite.begin_with("BEGIN IMMEDIATE").await?;
        let (milliseconds, content): (i64, Option<String>) =
            sqlx::query_as(READ).bind(place.kind).bind(place.key).fetch_one(&mut *transaction).await?;
        let now = now.unwrap_or(Timestamp::from_milliseconds(milliseconds));
        match decide(content.as_deref(), now) {
            Ok(Change::Keep) => return Ok(Ok(())),
            Ok(Change::Put(content)) => {
                let put = sqlx::query("INSERT OR REPLACE INTO control (kind, key, content) VALUES (?, ?, ?)");
                put.bind(place.kind).bind(place.key).bind(content).execute(&mut *transaction).await?;
            }
            Ok(Change::Remove) => {
                sqlx::query(REMOVE).bind(place.kind).bind(place.key).execute(&mut *transaction).await?;
            }
            Err(error) => return Ok(Err(error)),
        }
        fail::fail_point!("control::before_commit");
        transaction.commit().await?;
        fail::fail_point!("control::after_commit");
        Ok(Ok(()))
    }

    async fn attempt_remove(&self, kind: &str, keys: &[String]) -> Result<(), sqlx::Error> {
        let mut connection = self.connected().await?;
        let mut transaction = connection.sqlite.begin_with("BEGIN IMMEDIATE").await?;
        for key in keys {
            sqlx::query(REMOVE).bind(kind).bind(key).execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }
}

/// An error with the file, and with the process that keeps this one from writing where there is one.
fn told(path: &Path, told: Error, error: &sqlx::Error) -> Error {
    let told = told.with("file", path.display());
    // The low byte is SQLite's primary result code: full, read-only.
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
    match code.map(|code| code & 0xff) {
        Some(13) => {
            return told.advise("Make room on the disk that the file is on; what could not be written is tried again, or run again.");
        }
        Some(8) => return told.advise("Run as the user whose file it is, or let this user write to it and to its folder."),
        _ => {}
    }
    if is_passing(error) { with_sqlite_lock_holder(told, path) } else { told }
}

#[expect(clippy::disallowed_methods, reason = "a lock of the file system is waited for, which no test's clock knows of")]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[async_trait]
impl Documents for Sqlite {
    async fn update(&self, place: Place<'_>, now: Option<Timestamp>, mut decide: Decision<'_>) -> Result<()> {
        let begun = Instant::now();
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.attempt(place, now, &mut decide).await {
                Ok(outcome) => {
                    self.wait_briefly(false).await;
                    return outcome;
                }
                Err(error) => self.failed_attempt(begun, attempts, error).await?,
            }
        }
    }

    async fn list(&self, kind: &str, first_key: &str, last_key: &str, limit: usize, newest_first: bool) -> Result<Vec<(String, String)>> {
        let listed = async {
            let mut connection = self.connected().await?;
            let list = sqlx::query_as(if newest_first { LIST_NEWEST } else { LIST });
            let list = list.bind(kind).bind(first_key).bind(last_key).bind(i64::try_from(limit).unwrap_or(i64::MAX));
            list.fetch_all(&mut connection.sqlite).await
        };
        match listed.await {
            Ok(listed) => Ok(listed),
            Err(error) => Err(self.broken("be read", &error).await),
        }
    }

    async fn remove(&self, kind: &str, keys: &[String]) -> Result<()> {
        let begun = Instant::now();
        let mut attempts = 0;
        while let Err(error) = self.attempt_remove(kind, keys).await {
            attempts += 1;
            self.failed_attempt(begun, attempts, error).await?;
        }
        self.wait_briefly(false).await;
        Ok(())
    }

    async fn now(&self) -> Result<Timestamp> {
        let asked = async { sqlx::query_scalar(NOW).fetch_one(&mut self.connected().await?.sqlite).await };
        match asked.await {
            Ok(now) => Ok(Timestamp::from_milliseconds(now)),
            Err(error) => Err(self.broken("be read", &error).await),
        }
    }
}

/// Makes an empty file that nobody but its owner may read. SQLite gives the files beside it the same mode.
fn make(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut folder = std::fs::DirBuilder::new();
    let mut file = std::fs::OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folder.mode(0o700);
        file.mode(0o600);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        durable::make_folder(parent, folder.recursive(true))?;
    }
    match file.write(true).create_new(true).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => durable::sync_folder_of(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_disk_is_said_and_no_longer_in_the_way_when_there_is_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("control.db")).await.unwrap();
        let put = async |content: String| {
            let place = Place { kind: "k", key: "a", durable: false };
            store.update(place, None, &mut |_, _| Ok(Change::Put(content.clone()))).await
        };
        put("small".to_owned()).await.unwrap();
        // As full a disk as SQLite can be told of; a bound of the connection, like the room that comes back.
        let bound = async |pages: u32| {
            let mut connection = store.connected().await.unwrap();
            sqlx::query(AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"))).execute(&mut connection.sqlite).await.unwrap();
        };
        bound(1).await;
        let error = put("x".repeat(100_000)).await.unwrap_err();
        assert!(error.to_string().contains("full") && error.advice().starts_with("Make room on the disk"), "{error} {}", error.advice());
        bound(10_000).await;
        put("x".repeat(100_000)).await.unwrap();
        assert_eq!(store.list("k", "a", "b", 10, false).await.unwrap().len(), 1);
    }
}
