//! Locks that somebody else holds: how long they are waited for, and what is said.

use aqueduct_schema::Error;
use sqlx::{PgConnection, Row};

use super::Postgres;
use crate::failure::{Doing, Failure};

/// How long a statement waits for a lock, and how long a session of ours may be idle inside a transaction before the server ends it: a
/// process that was stopped in the middle of a load must not keep others out for ever. What the server, the role or the address (`?options=`)
/// says about them stays.
const LIMITS: &str =
    "SELECT set_config(name, value, false) FROM (VALUES ('lock_timeout', '30s'), ('idle_in_transaction_session_timeout', '60s'))
    AS limits (name, value) WHERE current_setting(name) = '0'";

/// Who has been inside a transaction for longer than a lock is waited for, waits for nobody, and holds a lock on a table of this database
/// that is none of the server's own: the oldest one, with that table.
const HOLDER: &str =
    "SELECT a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), coalesce(a.state, ''), coalesce(host(a.client_addr), ''),
        extract(epoch FROM clock_timestamp() - a.xact_start)::bigint, min(n.nspname || '.' || c.relname)
    FROM pg_locks l JOIN pg_stat_activity a USING (pid) JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.granted AND a.pid <> pg_backend_pid()
        AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema') AND c.relkind = 'r' AND l.mode <> 'AccessShareLock'
        AND a.wait_event_type IS DISTINCT FROM 'Lock'
        AND clock_timestamp() - a.xact_start >= current_setting('lock_timeout')::interval
    GROUP BY a.pid, a.application_name, a.backend_type, a.state, a.client_addr, a.xact_start ORDER BY a.xact_start LIMIT 1";

/// Sets both limits in a new connection, where nobody else has.
pub(super) async fn limit(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(LIMITS).execute(connection).await.map(drop)
}

/// Waits for locks only briefly in this transaction: the load before has waited for long, and every stream's would after it.
pub(super) async fn wait_briefly(transaction: &mut PgConnection) -> Result<(), Failure> {
    sqlx::raw_sql("SET LOCAL lock_timeout = '1s'").execute(transaction).await.doing("begin a load").map(drop)
}

impl Postgres {
    /// The error to show. Where somebody held a lock for too long, with that session and what to do about it.
    pub(super) async fn told(&self, failure: Failure) -> Error {
        let held = failure.is_held();
        let error = failure.into_error();
        if !held {
            return error;
        }
        let error = error.data_note("Nothing of this was written; the next run goes on from the last checkpoint.");
        match self.holder().await {
            Ok(Some((session, process, table))) => error
                .with("lock held by", session)
                .with("table", table)
                .advise(format!("Let session {process} finish, or end it (`SELECT pg_terminate_backend({process})`), then run again.")),
            _ => error,
        }
    }

    /// The session that holds others up: in words, its process id, and a table that it has locked.
    async fn holder(&self) -> Result<Option<(String, i32, String)>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let Some(row) = sqlx::query(HOLDER).fetch_optional(&mut *connection).await? else { return Ok(None) };
        let (process, name, state): (i32, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let (address, seconds): (String, i64) = (row.try_get(3)?, row.try_get(4)?);
        let from = if address.is_empty() { String::new() } else { format!(" from {address}") };
        let session = format!("session {process} ({name}{from}, {state}, in its transaction for {seconds} s)");
        Ok(Some((session, process, row.try_get(5)?)))
    }
}
