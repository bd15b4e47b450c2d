//! What a failing database means; never with a value that was stored.

use aqueduct_schema::{Error, codes};
use sqlx::postgres::PgDatabaseError;

/// SQLSTATE classes whose messages speak of objects, roles and the server, not of data.
const QUOTABLE: [&str; 8] = ["08", "25", "28", "3D", "42", "53", "55", "57"];

/// The store could not be opened or could not do something.
pub(crate) fn failed(doing: &str, error: &sqlx::Error) -> Error {
    Error::new(codes::CONTROL_UNREACHABLE, format!("the control store could not {doing}")).with("reason", reason(error))
}

/// Whether the same transaction may succeed when it is begun again: it met another one.
pub(crate) fn is_passing(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    match (error.try_downcast_ref::<PgDatabaseError>(), error.code().as_deref()) {
        (Some(_), Some(code)) => matches!(code, "40001" | "40P01" | "55P03"),
        // The low byte is SQLite's primary result code: busy, or locked by another connection.
        (None, Some(code)) => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6)),
        _ => false,
    }
}

/// Whether the connection is gone, so that a new one may help.
pub(crate) fn is_disconnected(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed)
        || error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code.starts_with("57P"))
}

fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
            Some(error) if QUOTABLE.iter().any(|class| error.code().starts_with(class)) => {
                format!("{} (SQLSTATE {})", error.message(), error.code())
            }
            Some(error) => format!("SQLSTATE {}", error.code()),
            None => error.message().to_owned(),
        },
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(_) => "TLS could not be agreed on".to_owned(),
        sqlx::Error::PoolTimedOut => "no connection became free in time".to_owned(),
        sqlx::Error::Protocol(_) => "the server broke off, or its answer is not PostgreSQL's protocol".to_owned(),
        _ => "the connection is not usable".to_owned(),
    }
}
