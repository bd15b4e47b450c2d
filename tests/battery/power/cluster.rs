//! A PostgreSQL server on the disk that loses its power: its cluster lies in the trial's folder, with everything else.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aqueduct_warehouse::private_server::PrivateServer;

use super::disk::{self, Image};
use crate::database::Database;

/// Little memory and little log, so that checkpoints come in the middle of loads, as they do in a large server.
const SETTINGS: [&str; 5] = ["shared_buffers=4MB", "max_wal_size=2MB", "min_wal_size=2MB", "max_connections=20", "autovacuum=off"];

/// The cluster's folder below a trial's.
fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Puts a cluster that has never been used into a trial's folder.
pub(crate) fn lay(folder: &Path) {
    // Made once: every trial gets a copy.
    static NEW: OnceLock<Image> = OnceLock::new();
    let image = NEW.get_or_init(|| {
        let made = tempfile::tempdir().expect("a folder");
        PrivateServer::create_cluster(&data(made.path())).expect("a cluster is made");
        disk::read(made.path())
    });
    disk::write(folder, image);
}

/// Starts the server of a trial's folder, whose processes have these variables; why it does not start.
pub(crate) fn start(folder: &Path, variables: &[(&str, String)]) -> Result<Database, String> {
    // The process that it names went with the power.
    let _ = std::fs::remove_file(data(folder).join("postmaster.pid"));
    PrivateServer::over(&data(folder), &SETTINGS, variables).map(Database::only).map_err(|error| error.to_string())
}
