//! Destinations: the contract of a warehouse and one module for each kind.
//!
//! A load is first sorted into a plan (`load_plan`: tables, steps, duplicates) that knows no SQL; `sqlite` and `postgres` carry
//! the plan out, each in one transaction. All else that a destination promises is done once for both (`database`), by statements in
//! which a `session` names what differs. What both share besides is by topic: names (`identifier`), columns (`layout`), values (`cells`),
//! the digest of a row (`row_hash`), rejected records (`quarantine`), errors (`failure`).

mod address;
mod backfill;
mod cells;
mod cleaning;
mod database;
mod ddl;
mod discard;
mod drift;
mod evidence;
mod failure;
mod history;
mod identifier;
mod identities;
mod late;
mod layout;
mod ledger;
mod load_plan;
mod merges;
mod merging;
#[cfg(feature = "planted-state-first")]
mod planted;
mod postgres;
#[cfg(any(test, feature = "private-server"))]
pub mod private_server;
mod quarantine;
mod reconciliation;
mod records;
mod redirected;
mod refresh;
mod row_hash;
mod sequence;
mod session;
mod shadow;
mod snapshot;
mod source_rows;
mod sqlite;
mod turn;
mod unindexed;
mod views;
pub mod warehouse;

use std::sync::Arc;

use aqueduct_schema::{Result, Secret};

pub use backfill::{Backfill, BackfillState, BackfillWindow, Backfills, TimeSpan, WindowKey, WindowNote, WindowState};
pub use ddl::{SqlDialect, ddl};
pub use drift::{ColumnHistory, Filling, RecordedChange, Schemas, SettledStream, StoredSchema};
pub use history::History;
pub use identities::{
    Identities, IdentityChange, IdentityKnown, IdentityPending, IdentityRow, IdentityRows, IdentityValues, IdentityVerdict,
};
pub use quarantine::{Quarantine, QuarantineFilter, QuarantineStatus, QuarantinedRecord};
pub use reconciliation::{Difference, Differing, ReconciledWindow};
pub use shadow::{Shadow, ShadowCounts, ShadowKind};
pub use snapshot::guard as guard_deletion;
pub use source_rows::{SourcePage, SourceRow, SourceTables};
pub use turn::{LoadInto, Turn};
pub use warehouse::{Capabilities, Fence, Receipt, RunRecord, RunStart, RunStatus, StreamRecord, TableReceipt, Warehouse};

/// Whether a destination's address can be understood. Nothing is opened.
///
/// # Errors
/// `AQ1010`.
pub fn check_address(url: &Secret) -> Result<()> {
    address::Address::parse(url).map(|_| ())
}

/// Which destination an address leads to, whoever goes there and however the address is written; nothing for one that keeps no rows.
///
/// # Errors
/// `AQ1010`.
pub fn identity(url: &Secret) -> Result<Option<String>> {
    Ok(address::Address::parse(url)?.identity())
}

/// Whether there is something behind a destination's address without making it: a file that exists, or a server. Nothing is opened.
pub fn is_there(url: &Secret) -> bool {
    match address::Address::parse(url) {
        Ok(address::Address::Sqlite(path)) => path.exists(),
        Ok(address::Address::Postgres(_)) => true,
        Ok(address::Address::Discard) | Err(_) => false,
    }
}

/// Opens a destination: `sqlite://path/warehouse.db` (or `sqlite:path`), `postgres://user:password@host:port/database` (or
/// `postgresql://`, with `?host=/folder` for a Unix socket), `discard://`.
///
/// # Errors
/// `AQ1010` when the address cannot be understood, `AQ4001` when the destination cannot be opened.
pub async fn open(url: &Secret) -> Result<Arc<dyn Warehouse>> {
    open_keeping(url, History::default()).await
}

/// [`open`], with which common tables keep the versions of their rows.
///
/// # Errors
/// As [`open`].
pub async fn open_keeping(url: &Secret, history: History) -> Result<Arc<dyn Warehouse>> {
    Ok(match address::Address::parse(url)? {
        address::Address::Sqlite(path) => Arc::new(sqlite::Sqlite::open(&path).await?.keeping(history)),
        address::Address::Postgres(options) => Arc::new(postgres::Postgres::open(*options).await?.keeping(history)),
        address::Address::Discard => Arc::new(discard::Discard::default()),
    })
}
