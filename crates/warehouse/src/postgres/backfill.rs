//! The ledger of backfills in PostgreSQL.

use std::sync::Arc;

use aqueduct_schema::{Batch, Protected, Result, TableName, Timestamp};
use async_trait::async_trait;

use super::{Postgres, ledger};
use crate::backfill::{Backfill, BackfillState, BackfillWindow, Backfills, TimeSpan, WindowKey, WindowNote, ledger as shared};
use crate::failure::{Doing, Failure};
use crate::turn::{LoadInto, Turn};
use crate::warehouse::{Fence, Receipt, RunStart, Warehouse};

/// The answer of something, told to people where it failed.
macro_rules! told {
    ($this:ident, $done:expr) => {
        match $done.await {
            Ok(answer) => Ok(answer),
            Err(failure) => Err($this.told(failure).await),
        }
    };
}

/// Carries statements out in a transaction that checks the fence.
macro_rules! fenced {
    ($this:ident, $fence:ident, $doing:literal, $transaction:ident => $body:expr) => {{
        let done = async {
            let mut $transaction = $this.pool.begin().await.doing($doing)?;
            ledger::check_fence(&mut $transaction, $fence).await?;
            $body.await?;
            $transaction.commit().await.doing($doing)?;
            Ok::<_, Failure>(())
        };
        told!($this, done)
    }};
}

/// Asks over a connection of its own.
macro_rules! asked {
    ($this:ident, $doing:literal, $connection:ident => $body:expr) => {{
        let done = async {
            let mut $connection = $this.pool.acquire().await.doing($doing)?;
            $body.await
        };
        told!($this, done)
    }};
}

#[async_trait]
impl Backfills for Postgres {
    async fn begin_backfill_run(&self, start: RunStart) -> Result<Fence> {
        self.begin(start, true).await
    }

    async fn add_backfill(&self, fence: &Fence, backfill: &Backfill, windows: &[BackfillWindow]) -> Result<()> {
        fenced!(self, fence, "write the ledger of a backfill", transaction => shared::add(&mut *transaction, backfill, windows))
    }

    async fn backfills(&self, pipeline: &str) -> Result<Vec<Backfill>> {
        asked!(self, "read the ledger of backfills", connection => async {
            if !ledger::exists(&mut connection).await? {
                return Ok(Vec::new());
            }
            // An older version may have made the others.
            ledger::create(&mut connection).await?;
            shared::backfills(&mut *connection, pipeline).await
        })
    }

    async fn backfill_windows(&self, id: &str) -> Result<Vec<BackfillWindow>> {
        asked!(self, "read the ledger of a backfill", connection => shared::windows(&mut *connection, id))
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
        asked!(self, "ask a backfill to pause", connection => shared::ask_pause(&mut *connection, id, pause))
    }

    async fn is_pause_asked(&self, id: &str) -> Result<bool> {
        asked!(self, "ask whether a backfill is to pause", connection => shared::is_pause_asked(&mut *connection, id))
    }

    async fn count_spans(&self, table: &TableName, account: &str, spans: &[TimeSpan]) -> Result<Option<Vec<u64>>> {
        asked!(self, "count the rows of windows", connection => shared::count_spans(&mut *connection, table, account, spans))
    }
}
