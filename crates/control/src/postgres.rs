//! A PostgreSQL database: the control store of several machines. Its clock is the one clock of them all.

use std::time::Duration;

use aqueduct_schema::{Result, Timestamp};
use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::documents::{Change, Decision, Documents, Place};
use crate::failure::{failed, is_disconnected, is_passing};

const ATTEMPTS: u32 = 5;
/// SQLSTATE `insufficient_privilege`.
const NO_RIGHT: &str = "42501";
/// How long somebody who holds a document may take; a machine that lost its network must not stop the others.
const LOCK_LIMIT: &str = "20s";
/// How long a single connection may take that is to say why there is none.
const ONCE: Duration = Duration::from_secs(5);

/// Two processes that create the same table at once would meet in the catalogue, so they queue. The number is any that is ours.
const MAKE: [&str; 4] = [
    "SELECT pg_advisory_xact_lock(4711042026)",
    "CREATE SCHEMA IF NOT EXISTS aqueduct",
    "CREATE TABLE IF NOT EXISTS aqueduct.control (kind text NOT NULL, key text NOT NULL, content text, PRIMARY KEY (kind, key))",
    "CREATE INDEX IF NOT EXISTS control_in_order ON aqueduct.control (kind, key COLLATE \"C\")",
];
const MADE: &str = "SELECT to_regclass('aqueduct.control')::text, to_regclass('aqueduct.control_in_order')::text";
const READ: &str = "SELECT content FROM aqueduct.control WHERE kind = $1 AND key = $2 FOR UPDATE";
const MAKE_ROOM: &str = "INSERT INTO aqueduct.control (kind, key) VALUES ($1, $2) ON CONFLICT DO NOTHING";
/// A row without content is one that was made to be locked.
const LIST: &str = "SELECT key, content FROM aqueduct.control WHERE kind = $1 AND key COLLATE \"C\" >= $2 AND key COLLATE \"C\" <= $3 \
                    AND content IS NOT NULL ORDER BY key COLLATE \"C\" LIMIT $4";
const LIST_NEWEST: &str = "SELECT key, content FROM aqueduct.control WHERE kind = $1 AND key COLLATE \"C\" >= $2 \
                           AND key COLLATE \"C\" <= $3 AND content IS NOT NULL ORDER BY key COLLATE \"C\" DESC LIMIT $4";
/// In the order in which everybody locks them, so that two that remove do not wait for each other.
const REMOVE: &str = "DELETE FROM aqueduct.control WHERE kind = $1 AND key IN \
                      (SELECT key FROM aqueduct.control WHERE kind = $1 AND key = ANY($2) ORDER BY key FOR UPDATE)";
/// Asked once the document is locked: within the locking question it would be the time before the wait for the lock.
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// Attempts at something: it is tried again where it met another transaction, or its connection is gone.
struct Attempts {
    doing: &'static str,
    left: u32,
}

impl Attempts {
    fn at(doing: &'static str) -> Self {
        Self { doing, left: ATTEMPTS }
    }

    /// What follows when an attempt failed: another one, or the error to show.
    fn failed(&mut self, error: &sqlx::Error) -> Result<()> {
        self.left -= 1;
        if self.left > 0 && (is_passing(error) || is_disconnected(error)) { Ok(()) } else { Err(failed(self.doing, error)) }
    }
}

/// A few connections to one database.
pub(crate) struct Postgres {
    pool: PgPool,
}

impl Postgres {
    pub(crate) async fn open(options: PgConnectOptions) -> Result<Self> {
        let options = options
            .application_name("aqueduct control")
            .options([("lock_timeout", LOCK_LIMIT), ("idle_in_transaction_session_timeout", LOCK_LIMIT)])
            .disable_statement_logging();
        let pool = PgPoolOptions::new().max_connections(3).acquire_timeout(Duration::from_secs(20));
        let pool = match pool.connect_with(options.clone()).await {
            Ok(pool) => pool,
            // The pool tries until its time is up and does not say then what was in the way; asking once more by itself does.
            Err(sqlx::Error::PoolTimedOut) => {
                let once = tokio::time::timeout(ONCE, PgConnection::connect_with(&options)).await;
                let error = once.ok().and_then(Result::err).unwrap_or(sqlx::Error::PoolTimedOut);
                return Err(failed("be opened", &error));
            }
            Err(error) => return Err(failed("be opened", &error)),
        };
        let store = Self { pool };
        store.make().await.map_err(|error| failed("be set up", &error))?;
        Ok(store)
    }

    /// Makes the table and its index where they are missing. Whoever may only use them needs no right to make them.
    async fn make(&self) -> Result<(), sqlx::Error> {
        let (table, index): (Option<String>, Option<String>) = sqlx::query_as(MADE).fetch_one(&self.pool).await?;
        if table.is_some() && index.is_some() {
            return Ok(());
        }
        match self.make_missing().await {
            // A table of an earlier version serves without its index, only slower.
            Err(sqlx::Error::Database(error)) if table.is_some() && error.code().as_deref() == Some(NO_RIGHT) => Ok(()),
            made => made,
        }
    }

    async fn make_missing(&self) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        for statement in MAKE {
            sqlx::query(statement).execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }

    async fn attempt(&self, place: Place<'_>, now: Option<Timestamp>, decide: &mut Decision<'_>) -> Result<Result<()>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        let content = lock(&mut transaction, place).await?;
        let now = match now {
            Some(now) => now,
            None => Timestamp::from_microseconds(sqlx::query_scalar(NOW).fetch_one(&mut *transaction).await?),
        };
        match decide(content.as_deref(), now) {
            Ok(Change::Keep) => {}
            Ok(Change::Put(content)) => {
                let put = sqlx::query("UPDATE aqueduct.control SET content = $3 WHERE kind = $1 AND key = $2");
                put.bind(place.kind).bind(place.key).bind(content).execute(&mut *transaction).await?;
            }
            Ok(Change::Remove) => {
                let remove = sqlx::query("DELETE FROM aqueduct.control WHERE kind = $1 AND key = $2");
                remove.bind(place.kind).bind(place.key).execute(&mut *transaction).await?;
            }
            Err(error) => return Ok(Err(error)),
        }
        fail::fail_point!("control::before_commit");
        transaction.commit().await?;
        fail::fail_point!("control::after_commit");
        Ok(Ok(()))
    }
}

/// The content of a document that is locked until the transaction ends. A row that is not there yet is made, to be locked.
async fn lock(connection: &mut PgConnection, place: Place<'_>) -> Result<Option<String>, sqlx::Error> {
    loop {
        let found: Option<Option<String>> =
            sqlx::query_scalar(READ).bind(place.kind).bind(place.key).fetch_optional(&mut *connection).await?;
        match found {
            Some(content) => return Ok(content),
            None => sqlx::query(MAKE_ROOM).bind(place.kind).bind(place.key).execute(&mut *connection).await?,
        };
    }
}

#[async_trait]
impl Documents for Postgres {
    async fn update(&self, place: Place<'_>, now: Option<Timestamp>, mut decide: Decision<'_>) -> Result<()> {
        let mut attempts = Attempts::at("be changed");
        loop {
            match self.attempt(place, now, &mut decide).await {
                Ok(outcome) => return outcome,
                Err(error) => attempts.failed(&error)?,
            }
        }
    }

    async fn list(&self, kind: &str, first_key: &str, last_key: &str, limit: usize, newest_first: bool) -> Result<Vec<(String, String)>> {
        let mut attempts = Attempts::at("be read");
        loop {
            let list = sqlx::query_as(if newest_first { LIST_NEWEST } else { LIST });
            let list = list.bind(kind).bind(first_key).bind(last_key).bind(i64::try_from(limit).unwrap_or(i64::MAX));
            match list.fetch_all(&self.pool).await {
                Ok(found) => return Ok(found),
                Err(error) => attempts.failed(&error)?,
            }
        }
    }

    async fn remove(&self, kind: &str, keys: &[String]) -> Result<()> {
        let mut attempts = Attempts::at("be changed");
        while let Err(error) = sqlx::query(REMOVE).bind(kind).bind(keys).execute(&self.pool).await {
            attempts.failed(&error)?;
        }
        Ok(())
    }

    async fn now(&self) -> Result<Timestamp> {
        let now = sqlx::query_scalar(NOW).fetch_one(&self.pool).await;
        now.map(Timestamp::from_microseconds).map_err(|error| failed("be read", &error))
    }
}
