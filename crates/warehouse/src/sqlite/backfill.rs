//! The ledger of backfills in SQLite.

use std::sync::Arc;

use aqueduct_schema::{Batch, Protected, Result, TableName, Timestamp};
use async_trait::async_trait;
use sqlx::Connection;

use super::{Sqlite, ledger};
use crate::backfill::{Backfill, BackfillState, BackfillWindow, Backfills, TimeSpan, WindowKey, WindowNote, ledger as shared};
use crate::failure::{Doing, Failure};
use crate::turn::{LoadInto, Turn};
use crate::warehouse::{Fence, Receipt, RunStart, Warehouse};

/// Carries a statement or several out in a transaction that checks the fence.
macro_rules! fenced {
    ($this:ident, $fence:ident, $doing:literal, $transaction:ident => $body:expr) => {{
        let mut connection = $this.connection.lock().await;
        let done = async {
            let mut $transaction = connection.sqlite.begin_with("BEGIN IMMEDIATE").await.doing($doing)?;
            ledger::check_fence(&mut $transaction, $fence).await?;
            $body.await?;
            $transaction.commit().await.doing($doing)?;
            Ok::<_, Failure>(())
        };
        done.await.map_err(|failure| $this.told(failure))
    }};
}

#[async_trait]
impl Backfills for Sqlite {
    async fn begin_backfill_run(&self, start: RunStart) -> Result<Fence> {
        self.begin(start, true).await
    }

    async fn add_backfill(&self, fence: &Fence, backfill: &Backfill, windows: &[BackfillWindow]) -> Result<()> {
        fenced!(self, fence, "write the ledger of a backfill", transaction => shared::add(&mut *transaction, backfill, windows))
    }

    async fn backfills(&self, pipeline: &str) -> Result<Vec<Backfill>> {
        let mut connection = self.connection.lock().await;
        let backfills = async {
            if !ledger::exists(&mut connection.sqlite).await? {
                return Ok(Vec::new());
            }
            // An older version may have made the others.
            ledger::create(&mut connection.sqlite).await?;
            shared::backfills(&mut connection.sqlite, pipeline).await
        };
        backfills.await.map_err(|failure| self.told(failure))
    }

    async fn backfill_windows(&self, id: &str) -> Result<Vec<BackfillWindow>> {
        let mut connection = self.connection.lock().await;
        shared::windows(&mut connection.sqlite, id).await.map_err(|failure| self.told(failure))
    }

    async fn load_window(&self, fence: &Fence, window: &WindowKey, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        self.load_in_turn(fence, LoadInto::Window(Arc::new(window.clone())), batches, Turn::now()).await
    }

    async fn note_window(&self, fence: &Fence, window: &WindowKey, note: &WindowNote) -> Result<()> {
        fenced!(self, fence, "note what became of a window", transaction => shared::note(&mut *transaction, window, note))
    }

    async fn note_backfill(&self, fence: &Fence, id: &str, state: BackfillState, at: Timestamp) -> Result<()> {
        fenced!(self, fence, "note what became of a backfill", transaction => shared::note_backfill(&mut *transaction, id, state, at))
    }

    async fn ask_pause(&self, id: &str, pause: bool) -> Result<()> {
        let mut connection = self.connection.lock().await;
        shared::ask_pause(&mut connection.sqlite, id, pause).await.map_err(|failure| self.told(failure))
    }

    async fn is_pause_asked(&self, id: &str) -> Result<bool> {
        let mut connection = self.connection.lock().await;
        shared::is_pause_asked(&mut connection.sqlite, id).await.map_err(|failure| self.told(failure))
    }

    async fn count_spans(&self, table: &TableName, account: &str, spans: &[TimeSpan]) -> Result<Option<Vec<u64>>> {
        let mut connection = self.connection.lock().await;
        shared::count_spans(&mut connection.sqlite, table, account, spans).await.map_err(|failure| self.told(failure))
    }
}
