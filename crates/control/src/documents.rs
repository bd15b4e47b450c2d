//! The one thing a database has to do for the control store.

use aqueduct_schema::{Result, Timestamp};
use async_trait::async_trait;

/// The kinds of documents, as docs/control-store.md tells of them.
pub(crate) const KINDS: [&str; 11] =
    ["account", "alert", "alert_pace", "budget", "lease", "occurrence", "run", "run of pipeline", "schedule", "tokens", "totals"];

/// Where a document is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    /// What kind of document it is, for example `lease`.
    pub(crate) kind: &'static str,
    /// Which one of its kind.
    pub(crate) key: &'p str,
    /// Whether the change must survive a power cut and not only the end of the process.
    pub(crate) durable: bool,
}

/// What becomes of a document.
#[derive(Debug)]
pub(crate) enum Change {
    /// It stays as it is.
    Keep,
    /// It is replaced, or made.
    Put(String),
    /// It goes.
    Remove,
}

/// Decides from a document and the time what becomes of it. May be asked again when the transaction has to begin anew.
pub(crate) type Decision<'d> = &'d mut (dyn FnMut(Option<&str>, Timestamp) -> Result<Change> + Send);

/// A database with documents.
#[async_trait]
pub(crate) trait Documents: Send + Sync {
    /// Reads a document and changes it, in one transaction: between the reading and the change nobody else changes it. The time is
    /// that of the database, which is one for all who share it, unless another is given.
    ///
    /// # Errors
    /// `AQ4004` when the database cannot do it; the error of the decision, which then changes nothing.
    async fn update(&self, place: Place<'_>, now: Option<Timestamp>, decide: Decision<'_>) -> Result<()>;

    /// The documents of a kind whose keys lie from the first to the last, both included, with their keys. Keys are ordered by their
    /// bytes, whatever the database's language. The last come first where the newest are wanted: keys of what has a time begin with it.
    ///
    /// # Errors
    /// `AQ4004` when the database cannot be read.
    async fn list(&self, kind: &str, first_key: &str, last_key: &str, limit: usize, newest_first: bool) -> Result<Vec<(String, String)>>;

    /// Takes documents of a kind away, in one transaction. Those that are not there are not missed.
    ///
    /// # Errors
    /// `AQ4004` when the database cannot do it.
    async fn remove(&self, kind: &str, keys: &[String]) -> Result<()>;

    /// The time of the database.
    ///
    /// # Errors
    /// `AQ4004` when the database cannot be asked.
    async fn now(&self) -> Result<Timestamp>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_documented() {
        let page = include_str!("../../../docs/control-store.md");
        let told: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ").map(|(kind, _)| kind)).collect();
        assert_eq!(told, KINDS, "docs/control-store.md lists other kinds of documents");
    }
}
