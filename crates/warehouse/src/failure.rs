//! Errors of the database drivers as errors of Aqueduct: with table, column and constraint where known, never with a value.
//!
//! PostgreSQL puts values into the text of some errors (classes 22 and 23, the details of others), so only the classes below are
//! quoted; SQLite names objects alone.

use aqueduct_schema::{Error, Retry, TableName, codes};
use sqlx::postgres::PgDatabaseError;

/// Why an attempt to load ended: for a reason of Aqueduct's, which is final, or because the database said so.
#[derive(Debug)]
pub(crate) enum Failure {
    Ours(Error),
    Database {
        doing: &'static str,
        table: Option<String>,
        error: sqlx::Error,
    },
    /// What the load relied on has changed since it began.
    Outdated,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl Failure {
    /// Whether another attempt may succeed.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Ours(_) => Verdict::Final,
            Self::Database { error, .. } => verdict(error),
            Self::Outdated => Verdict::Again,
        }
    }

    /// Whether somebody else held a lock for longer than it is waited for.
    pub(crate) fn is_held(&self) -> bool {
        let Self::Database { error: sqlx::Error::Database(error), .. } = self else { return false };
        match error.try_downcast_ref::<PgDatabaseError>() {
            Some(error) => error.code() == LOCK_NOT_AVAILABLE,
            None => is_busy(error.as_ref()),
        }
    }

    /// The error to show.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Ours(error) => error,
            Self::Outdated => Error::new(codes::DESTINATION_FAILED, "another load wrote merges down each time this one had begun"),
            Self::Database { doing, table, error } => {
                let mapped = failed(doing, &error);
                let known = mapped.context().iter().any(|(name, _)| *name == "table");
                match table {
                    Some(table) if !known => mapped.with("table", table),
                    _ => mapped,
                }
            }
        }
    }
}

/// Says what was being done when the database failed.
pub(crate) trait Doing<T> {
    /// What was being done, after "the destination refused to".
    fn doing(self, doing: &'static str) -> Result<T, Failure>;
    /// The same, in one table.
    fn doing_in(self, doing: &'static str, table: &TableName) -> Result<T, Failure>;
}

impl<T> Doing<T> for Result<T, sqlx::Error> {
    fn doing(self, doing: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure::Database { doing, table: None, error })
    }

    fn doing_in(self, doing: &'static str, table: &TableName) -> Result<T, Failure> {
        self.map_err(|error| Failure::Database { doing, table: Some(table.to_string()), error })
    }
}

/// What an attempt may do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Give up.
    Final,
    /// Begin the transaction again: it met another one, or the connection is gone.
    Again,
}

/// SQLSTATE classes whose messages speak of objects, roles and the server, not of data.
const QUOTABLE: [&str; 12] = ["08", "0A", "25", "28", "2B", "3D", "3F", "42", "53", "54", "55", "57"];

/// SQLSTATE of a session that the server ended because it was idle inside a transaction.
const IDLE: &str = "25P03";

/// SQLSTATE of a lock that was waited for as long as `lock_timeout` allows.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// SQLSTATE of a violated unique constraint.
const UNIQUE_VIOLATION: &str = "23505";

/// Whether the database refused a second row with one key.
pub(crate) fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == UNIQUE_VIOLATION)
}

/// Whether the same transaction may succeed when it is begun again.
pub(crate) fn verdict(error: &sqlx::Error) -> Verdict {
    match error {
        sqlx::Error::Database(error) => match (error.try_downcast_ref::<PgDatabaseError>(), error.code().as_deref()) {
            // Serialization failure, deadlock, lock not available, idle inside a transaction, admin shutdown, crash shutdown, cannot connect now, and two transactions
            // that create the same thing.
            (Some(_), Some("40001" | "40P01" | LOCK_NOT_AVAILABLE | IDLE | "57P01" | "57P02" | "57P03" | "42P07" | "42P06" | "42701")) => {
                Verdict::Again
            }
            (Some(error), Some(UNIQUE_VIOLATION)) if error.constraint().is_some_and(|name| name.starts_with("pg_")) => Verdict::Again,
            (None, Some(_)) if is_busy(error.as_ref()) => Verdict::Again,
            _ => Verdict::Final,
        },
        error if is_disconnected(error) => Verdict::Again,
        _ => Verdict::Final,
    }
}

/// Whether the connection failed, so that nothing is known of what the server did last.
pub(crate) fn is_disconnected(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed | sqlx::Error::PoolTimedOut
    ) || error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| matches!(code.as_ref(), IDLE | "57P01" | "57P02" | "57P03"))
}

/// A failure to connect or open.
pub(crate) fn unreachable(destination: &str, error: &sqlx::Error) -> Error {
    let mut mapped = Error::new(codes::DESTINATION_UNREACHABLE, format!("{destination} cannot be opened")).with("reason", reason(error));
    let refused = error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code.starts_with("28") || code == "3D000");
    if refused {
        mapped = mapped.retrying(Retry::Never).advise("Correct user, password or database in the destination's address.");
    }
    mapped
}

/// A statement that was refused, or could not be sent.
pub(crate) fn failed(doing: &str, error: &sqlx::Error) -> Error {
    let mut mapped = Error::new(codes::DESTINATION_FAILED, format!("the destination refused to {doing}")).with("reason", reason(error));
    if is_disconnected(error) {
        return Error::new(codes::DESTINATION_UNREACHABLE, format!("the connection was lost while Aqueduct was to {doing}"))
            .with("reason", reason(error))
            .data_note("What was not committed is rolled back; the next run goes on from the last checkpoint.");
    }
    if let Some(error) = error.as_database_error() {
        if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
            for (name, value) in [("table", error.table()), ("column", error.column()), ("constraint", error.constraint())] {
                if let Some(value) = value {
                    mapped = mapped.with(name, value);
                }
            }
        }
        if is_full(error) {
            mapped = mapped.advise("Make room on the destination's disk, then run again; the run goes on from its checkpoint.");
        } else if is_in_the_way(error) {
            mapped = mapped.retrying(Retry::Exhausted).advise("Another process holds the destination; run again when it has ended.");
        }
    }
    mapped
}

/// Whether a transaction met another process that holds what it needs.
fn is_in_the_way(error: &dyn sqlx::error::DatabaseError) -> bool {
    match error.code().as_deref() {
        Some("40001" | "40P01" | LOCK_NOT_AVAILABLE) => true,
        _ => error.try_downcast_ref::<PgDatabaseError>().is_none() && is_busy(error),
    }
}

fn is_full(error: &dyn sqlx::error::DatabaseError) -> bool {
    match error.try_downcast_ref::<PgDatabaseError>() {
        Some(error) => error.code() == "53100",
        None => sqlite_result(error) == Some(13),
    }
}

/// Whether SQLite found the file busy, or locked by another connection.
fn is_busy(error: &dyn sqlx::error::DatabaseError) -> bool {
    matches!(sqlite_result(error), Some(5 | 6))
}

/// SQLite's primary result code: the low byte of what it tells.
fn sqlite_result(error: &dyn sqlx::error::DatabaseError) -> Option<u32> {
    Some(error.code()?.parse::<u32>().ok()? & 0xff)
}

fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
            Some(error) if is_full(error) => "the disk is full (SQLSTATE 53100)".to_owned(),
            Some(error) if QUOTABLE.iter().any(|class| error.code().starts_with(class)) => {
                format!("{} (SQLSTATE {})", error.message(), error.code())
            }
            Some(error) => format!("{} (SQLSTATE {})", class_of(error.code()), error.code()),
            None if is_full(error.as_ref()) => "the disk is full".to_owned(),
            None => error.message().to_owned(),
        },
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(_) => "TLS could not be agreed on".to_owned(),
        sqlx::Error::Configuration(_) => "the address does not suit the driver".to_owned(),
        sqlx::Error::PoolTimedOut => "no connection became free in time".to_owned(),
        sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => "the connection is closed".to_owned(),
        sqlx::Error::Protocol(_) => "the server broke off, or its answer is not PostgreSQL's protocol".to_owned(),
        _ => "an answer does not have the agreed shape".to_owned(),
    }
}

fn class_of(code: &str) -> &'static str {
    match &code[..2.min(code.len())] {
        "22" => "a value does not suit its column",
        "23" => "a row violates a constraint",
        "40" => "the transaction met another one",
        "58" => "the server's system failed",
        "XX" => "the server failed inside",
        _ => "the server refused",
    }
}
