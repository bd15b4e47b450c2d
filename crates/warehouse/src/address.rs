//! The address of a destination: what kind it is, without ever showing the password in it.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use aqueduct_schema::{Error, Result, Secret, codes};
use sqlx::postgres::PgConnectOptions;

/// A destination's address, understood.
#[derive(Debug)]
pub(crate) enum Address {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(Box<PgConnectOptions>),
    /// Rows are counted and thrown away.
    Discard,
}

impl Address {
    /// Understands an address.
    ///
    /// # Errors
    /// `AQ1010`; the message shows the scheme at most.
    pub(crate) fn parse(url: &Secret) -> Result<Self> {
        let url = url.expose().trim();
        let wrong = |what: &str| Error::new(codes::BAD_DESTINATION, what);
        let Some((scheme, rest)) = url.split_once(':') else { return Err(wrong("the destination's address has no scheme")) };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() || path.ends_with('/') {
                    return Err(wrong("the address names no SQLite file"));
                }
                if path.contains(['?', '\0']) || path == ":memory:" {
                    return Err(wrong("a SQLite address is a path alone, without options"));
                }
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            "postgres" | "postgresql" => {
                if !rest.starts_with("//") {
                    return Err(wrong("a PostgreSQL address begins with postgres://"));
                }
                // The driver's own error may quote the address, so it is not passed on.
                let options = PgConnectOptions::from_str(url).map_err(|_| {
                    wrong("the PostgreSQL address cannot be read: are user and password percent-encoded, and is the port a number?")
                })?;
                Ok(Self::Postgres(Box::new(options)))
            }
            "discard" => Ok(Self::Discard),
            other if other.chars().all(|character| character.is_ascii_alphanumeric()) && other.len() < 20 => {
                Err(wrong("no destination of this kind").with("scheme", other))
            }
            _ => Err(wrong("no destination of this kind")),
        }
    }

    /// What it leads to, without user and password.
    pub(crate) fn identity(&self) -> Option<String> {
        match self {
            Self::Sqlite(path) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
                Some(format!("sqlite {}", folder.join(path.file_name().unwrap_or_default()).display()))
            }
            Self::Postgres(options) => {
                let host = options.get_socket().map_or_else(|| options.get_host().to_owned(), |socket| socket.display().to_string());
                // A server without a database in the address opens the one that is called like the user.
                let database = options.get_database().unwrap_or_else(|| options.get_username());
                Some(format!("postgres {host}:{}/{database}", options.get_port()))
            }
            Self::Discard => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(url: &str) -> Result<Address> {
        Address::parse(&Secret::new(url))
    }

    #[test]
    fn addresses_are_understood() {
        assert!(
            matches!(parse("sqlite://data/warehouse.db").unwrap(), Address::Sqlite(path) if path == std::path::Path::new("data/warehouse.db"))
        );
        assert!(matches!(parse("sqlite:///tmp/a.db").unwrap(), Address::Sqlite(path) if path == std::path::Path::new("/tmp/a.db")));
        assert!(matches!(parse("sqlite:a.db").unwrap(), Address::Sqlite(path) if path == std::path::Path::new("a.db")));
        assert!(matches!(parse("discard://").unwrap(), Address::Discard));
        let Address::Postgres(options) = parse("postgres://ada:s%40crat@db.example:5433/crm").unwrap() else { panic!("another kind") };
        assert_eq!((options.get_host(), options.get_port(), options.get_database()), ("db.example", 5433, Some("crm")));
        let Address::Postgres(options) = parse("postgresql:///crm?host=/run/postgresql&user=ada").unwrap() else { panic!("another kind") };
        assert_eq!(options.get_socket().map(|path| path.as_path()), Some(std::path::Path::new("/run/postgresql")));
    }

    #[test]
    fn one_destination_has_one_identity() {
        let identity = |url: &str| parse(url).unwrap().identity();
        assert_eq!(identity("postgres://ada:canary@db:5432/crm"), Some("postgres db:5432/crm".to_owned()));
        assert_eq!(identity("postgresql://bob@db/crm"), identity("postgres://ada:canary@db:5432/crm"));
        assert_ne!(identity("postgres://db/crm"), identity("postgres://db/other"));
        assert_eq!(identity("sqlite://a.db"), identity("sqlite:./a.db"));
        assert_ne!(identity("sqlite://a.db"), identity("sqlite://b.db"));
        assert_eq!(identity("discard://"), None);
    }

    #[test]
    fn a_wrong_address_is_told_without_its_password() {
        for url in [
            "warehouse.db",
            "sqlite://",
            "sqlite://a.db?mode=ro",
            "mysql://u:canary@h/d",
            "postgres://u:canary@h:port/d",
            "postgres:canary",
        ] {
            let error = parse(url).unwrap_err();
            assert_eq!(error.code(), codes::BAD_DESTINATION, "{url}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{url}");
        }
    }
}
