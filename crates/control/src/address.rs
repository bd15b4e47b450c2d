//! The address of a control store.

use std::path::PathBuf;
use std::str::FromStr;

use aqueduct_schema::{Error, Result, Secret, codes};
use sqlx::postgres::PgConnectOptions;

/// An address, understood.
pub(crate) enum Address {
    /// A SQLite file, for the processes of one machine.
    Sqlite(PathBuf),
    /// A PostgreSQL database, for several machines.
    Postgres(Box<PgConnectOptions>),
}

/// Whether a control store's address can be understood. Nothing is opened.
///
/// # Errors
/// `AQ1014`; the message shows no more than what is wrong.
pub fn check_address(url: &Secret) -> Result<()> {
    Address::parse(url).map(|_| ())
}

impl Address {
    pub(crate) fn parse(url: &Secret) -> Result<Self> {
        let wrong = |what: &str| Error::new(codes::BAD_CONTROL, what);
        let Some((scheme, rest)) = url.expose().trim().split_once(':') else {
            return Err(wrong("the control store's address has no scheme"));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() || path.ends_with('/') || path.contains(['?', '\0']) || path == ":memory:" {
                    return Err(wrong("the control store's address names no SQLite file"));
                }
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            "postgres" | "postgresql" if rest.starts_with("//") => {
                // The driver's own error may quote the address, so it is not passed on.
                let options = PgConnectOptions::from_str(url.expose().trim());
                Ok(Self::Postgres(Box::new(options.map_err(|_| {
                    wrong("the control store's PostgreSQL address cannot be read: are user and password percent-encoded?")
                })?)))
            }
            _ => Err(wrong("a control store is a SQLite file or a PostgreSQL database")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_wrong_address_is_told_without_its_password() {
        for url in
            ["control.db", "sqlite://", "sqlite://a.db?mode=ro", "mysql://u:canary@h/d", "postgres://u:canary@h:port/d", "postgres:canary"]
        {
            let error = check_address(&Secret::new(url)).unwrap_err();
            assert_eq!(error.code(), codes::BAD_CONTROL, "{url}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{url}");
        }
        for url in ["sqlite://.aqueduct/control.db", "sqlite:/tmp/c.db", "postgres://u:p%40@h:5433/d"] {
            check_address(&Secret::new(url)).unwrap();
        }
    }
}
