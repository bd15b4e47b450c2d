//! A destination that keeps no rows has no ledger: a backfill into it is refused before anything is read.

use aqueduct_schema::{Batch, Error, Protected, Result, TableName, Timestamp, codes};
use async_trait::async_trait;

use super::{Backfill, BackfillState, BackfillWindow, Backfills, TimeSpan, WindowKey, WindowNote};
use crate::discard::Discard;
use crate::warehouse::{Fence, Receipt, RunStart};

fn keeps_nothing() -> Error {
    Error::new(codes::BAD_DESTINATION, "a backfill needs a destination that keeps rows")
        .advise("Name a SQLite file or a PostgreSQL database.")
}

#[async_trait]
impl Backfills for Discard {
    async fn begin_backfill_run(&self, _start: RunStart) -> Result<Fence> {
        Err(keeps_nothing())
    }

    async fn add_backfill(&self, _fence: &Fence, _backfill: &Backfill, _windows: &[BackfillWindow]) -> Result<()> {
        Err(keeps_nothing())
    }

    async fn backfills(&self, _pipeline: &str) -> Result<Vec<Backfill>> {
        Ok(Vec::new())
    }

    async fn backfill_windows(&self, _id: &str) -> Result<Vec<BackfillWindow>> {
        Ok(Vec::new())
    }

    async fn load_window(&self, _fence: &Fence, _window: &WindowKey, _batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        Err(keeps_nothing())
    }

    async fn note_window(&self, _fence: &Fence, _window: &WindowKey, _note: &WindowNote) -> Result<()> {
        Err(keeps_nothing())
    }

    async fn note_backfill(&self, _fence: &Fence, _id: &str, _state: BackfillState, _at: Timestamp) -> Result<()> {
        Err(keeps_nothing())
    }

    async fn ask_pause(&self, _id: &str, _pause: bool) -> Result<()> {
        Err(keeps_nothing())
    }

    async fn is_pause_asked(&self, _id: &str) -> Result<bool> {
        Ok(false)
    }

    async fn count_spans(&self, _table: &TableName, _account: &str, _spans: &[TimeSpan]) -> Result<Option<Vec<u64>>> {
        Ok(None)
    }

    async fn count_quarantined(&self, _window: &WindowKey) -> Result<u64> {
        Ok(0)
    }
}
