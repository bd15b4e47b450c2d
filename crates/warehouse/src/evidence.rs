//! How deletions were known: rows of `_deletions`, written with the load that marked rows as deleted. A row that is deleted names that load
//! in `_load_id`.

use aqueduct_schema::{Mode, Timestamp};

use crate::cells::timestamp_text;
use crate::failure::Failure;
use crate::identifier::literal;
use crate::session::Session;
use crate::warehouse::{Fence, Receipt, TableReceipt};

/// By which means it was known that rows are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeletedBy {
    /// The source told it.
    Native,
    /// The source's listing of ids did not have them.
    IdsSweep,
    /// A complete snapshot did not have them.
    Snapshot,
    /// A full refresh did not have them.
    Refresh,
    /// They were merged into others.
    Merge,
}

impl DeletedBy {
    /// The word in `_deletions`.
    fn word(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::IdsSweep => "ids_sweep",
            Self::Snapshot => "snapshot",
            Self::Refresh => "refresh",
            Self::Merge => "merge",
        }
    }

    /// What tombstones among the rows of a load of this mode stand for.
    pub(crate) fn of(mode: Mode) -> Self {
        if mode == Mode::Ids { Self::IdsSweep } else { Self::Native }
    }
}

/// The deletions of one load, as far as they are not its tombstones' own.
#[derive(Default)]
pub(crate) struct Evidence {
    known: Vec<(DeletedBy, String, u64)>,
}

impl Evidence {
    /// Notes what happened in a table.
    pub(crate) fn add(&mut self, by: DeletedBy, done: &TableReceipt) {
        if done.deleted > 0 {
            self.known.push((by, done.table.clone(), done.deleted));
        }
    }

    /// Stores by which means the rows of a load were deleted; what nobody noted was known by `others`.
    pub(crate) async fn record<S: Session>(
        mut self,
        session: &mut S,
        fence: &Fence,
        stream: &str,
        (receipt, at): (&Receipt, Timestamp),
        others: DeletedBy,
    ) -> Result<(), Failure> {
        for done in &receipt.tables {
            let known: u64 = self.known.iter().filter(|(_, table, _)| *table == done.table).map(|(_, _, rows)| rows).sum();
            if done.deleted > known {
                self.known.push((others, done.table.clone(), done.deleted - known));
            }
        }
        for (by, table, rows) in &self.known {
            let sql = format!(
                "INSERT INTO {} (run_id, load_id, pipeline, stream, table_name, deleted_by, rows_deleted, at) \
                 VALUES ({}, {}, {}, {}, {}, {}, {rows}, {})",
                session.own("deletions"),
                literal(&fence.run_id),
                literal(&receipt.load_id),
                literal(&fence.pipeline),
                literal(stream),
                literal(table),
                literal(by.word()),
                literal(&timestamp_text(at)),
            );
            session.execute("store how deletions were known", sql).await?;
        }
        Ok(())
    }
}
