//! A file that another process is writing, and does not finish: how long it is waited for, and what is said.

use std::sync::atomic::Ordering;
use std::time::Duration;

use aqueduct_schema::{Error, with_sqlite_lock_holder};
use sqlx::AssertSqlSafe;

use super::Sqlite;
use crate::failure::{Failure, Verdict};

/// How long a load waits once another one has given up.
const BRIEFLY: Duration = Duration::from_secs(1);

impl Sqlite {
    /// The error to show. Where another process keeps this one from writing, with that process and what to do about it.
    pub(super) fn told(&self, failure: Failure) -> Error {
        let held = failure.verdict() == Verdict::Again;
        let error = failure.into_error();
        if !held {
            return error;
        }
        let error = error
            .with("file", self.path.display())
            .data_note("Nothing of this was written; the next run goes on from the last checkpoint.");
        with_sqlite_lock_holder(error, &self.path)
    }

    /// Waits for other processes briefly from now on, or as long as usual again.
    pub(super) async fn wait_at_most(&self, briefly: bool) {
        if self.memory.gave_up.swap(briefly, Ordering::SeqCst) == briefly {
            return;
        }
        let wait = if briefly { BRIEFLY.min(self.busy) } else { self.busy };
        let mut connection = self.connection.lock().await;
        let set = sqlx::query(AssertSqlSafe(format!("PRAGMA busy_timeout = {}", wait.as_millis()))).execute(&mut connection.sqlite).await;
        if let Err(error) = set {
            tracing::warn!("how long a load waits for others stays as it was: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{BufRead, BufReader, Write};
    use std::path::Path;
    use std::process::{Child, ChildStdin, Command, Stdio};

    use aqueduct_schema::{Retry, Timestamp, codes};

    use super::*;
    use crate::warehouse::{RunStart, Warehouse};

    /// A process that has carried out a statement and waits for the end of its input.
    fn holding(path: &Path, statement: &str) -> (Child, ChildStdin) {
        let mut holder = Command::new("sqlite3").arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut words = holder.stdin.take().unwrap();
        words.write_all(format!("{statement}\nSELECT 'held';\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "held");
        (holder, words)
    }

    #[tokio::test]
    async fn whoever_keeps_a_new_file_for_itself_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("warehouse.db");
        let (mut holder, words) = holding(&path, "BEGIN EXCLUSIVE;");
        let error = Sqlite::open_waiting(&path, Duration::from_millis(50)).await.err().unwrap();
        assert_eq!((error.code(), error.exit_code()), (codes::DESTINATION_UNREACHABLE, 5));
        if cfg!(target_os = "linux") {
            assert!(error.to_string().contains(&format!("process {} (sqlite3)", holder.id())), "{error}");
        }
        drop(words);
        holder.wait().unwrap();
        Sqlite::open_waiting(&path, Duration::from_millis(50)).await.unwrap();
    }

    #[tokio::test]
    async fn whoever_holds_the_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("warehouse.db");
        let warehouse = Sqlite::open_waiting(&path, Duration::from_millis(50)).await.unwrap();
        let start = |run: &str| RunStart {
            pipeline: "shop".into(),
            run_id: run.into(),
            started_at: Timestamp::from_seconds(1),
            allow_mass_delete: false,
        };
        warehouse.begin_run(start("run-1")).await.unwrap();

        let (mut holder, words) = holding(&path, "BEGIN IMMEDIATE;");

        let error = warehouse.begin_run(start("run-2")).await.unwrap_err();
        assert_eq!((error.code(), error.retry(), error.exit_code()), (codes::DESTINATION_FAILED, Retry::Exhausted, 5));
        if cfg!(target_os = "linux") {
            let shown = format!("{error} {}", error.advice());
            assert!(shown.contains(&format!("process {} (sqlite3)", holder.id())), "{shown}");
            assert!(shown.contains(&format!("kill {}", holder.id())), "{shown}");
        }
        drop(words);
        holder.wait().unwrap();
        warehouse.begin_run(start("run-3")).await.unwrap();
    }
}
