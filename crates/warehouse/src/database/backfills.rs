//! The ledger of backfills in a database.

use std::sync::Arc;

use aqueduct_schema::{Batch, Protected, Result, TableName, Timestamp};
use async_trait::async_trait;

use super::beginning::take_over;
use super::load::load;
use super::{Database, told};
use crate::backfill::{Backfill, BackfillState, BackfillWindow, Backfills, TimeSpan, WindowKey, WindowNote, ledger};
use crate::failure::Doing;
use crate::turn::{LoadInto, Turn};
use crate::warehouse::{Fence, Receipt, RunStart};

#[async_trait]
impl<D: Database> Backfills for D {
    async fn begin_backfill_run(&self, start: RunStart) -> Result<Fence> {
        take_over(self, start, true).await
    }

    async fn add_backfill(&self, fence: &Fence, backfill: &Backfill, windows: &[BackfillWindow]) -> Result<()> {
        let doing = "write the ledger of a backfill";
        let add = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = self.fenced(&mut held, fence, doing).await?;
            ledger::add(&mut *transaction, backfill, windows).await?;
            transaction.commit().await.doing(doing)
        };
        told(self, add).await
    }

    async fn backfills(&self, pipeline: &str) -> Result<Vec<Backfill>> {
        let read = async {
            match self.hold_written("read the ledger of backfills").await? {
                Some(mut held) => ledger::backfills(&mut *held, pipeline).await,
                None => Ok(Vec::new()),
            }
        };
        told(self, read).await
    }

    async fn backfill_windows(&self, id: &str) -> Result<Vec<BackfillWindow>> {
        let read = async { ledger::windows(&mut *self.hold("read the ledger of a backfill").await?, id).await };
        told(self, read).await
    }

    async fn load_window(&self, fence: &Fence, window: &WindowKey, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        load(self, fence, LoadInto::Window(Arc::new(window.clone())), batches, Turn::now()).await
    }

    async fn note_window(&self, fence: &Fence, window: &WindowKey, note: &WindowNote) -> Result<()> {
        let doing = "note what became of a window";
        let written = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = self.fenced(&mut held, fence, doing).await?;
            ledger::note(&mut *transaction, window, note).await?;
            transaction.commit().await.doing(doing)
        };
        told(self, written).await
    }

    async fn note_backfill(&self, fence: &Fence, id: &str, state: BackfillState, at: Timestamp) -> Result<()> {
        let doing = "note what became of a backfill";
        let note = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = self.fenced(&mut held, fence, doing).await?;
            ledger::note_backfill(&mut *transaction, id, state, at).await?;
            transaction.commit().await.doing(doing)
        };
        told(self, note).await
    }

    async fn ask_pause(&self, id: &str, pause: bool) -> Result<()> {
        let ask = async { ledger::ask_pause(&mut *self.hold("ask a backfill to pause").await?, id, pause).await };
        told(self, ask).await
    }

    async fn is_pause_asked(&self, id: &str) -> Result<bool> {
        let ask = async { ledger::is_pause_asked(&mut *self.hold("ask whether a backfill is to pause").await?, id).await };
        told(self, ask).await
    }

    async fn count_spans(&self, table: &TableName, account: &str, spans: &[TimeSpan]) -> Result<Option<Vec<u64>>> {
        let count = async { ledger::count_spans(&mut *self.hold("count the rows of windows").await?, table, account, spans).await };
        told(self, count).await
    }

    async fn count_quarantined(&self, window: &WindowKey) -> Result<u64> {
        let count = async { ledger::count_quarantined(&mut *self.hold("count the quarantine of a window").await?, window).await };
        told(self, count).await
    }
}
