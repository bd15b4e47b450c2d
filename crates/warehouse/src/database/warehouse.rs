//! The contract of a warehouse in a database: loads and refreshes are the database's own, all else is the same in each.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use aqueduct_schema::{Batch, Layer, Protected, Result, StreamState, TableName, Timestamp};
use async_trait::async_trait;
use sqlx::Connection;

use super::beginning::take_over;
use super::load::load;
use super::{Database, Point, told};
use crate::failure::Doing;
use crate::ledger;
use crate::load_plan::load_id;
use crate::reconciliation::{self, Comparing, Difference, ReconciledWindow};
use crate::records;
use crate::refresh::Swap;
use crate::session::Session;
use crate::shadow::{self, Shadow, ShadowKind};
use crate::snapshot::Scope;
use crate::turn::{LoadInto, Turn};
use crate::warehouse::{Capabilities, Fence, Receipt, RunRecord, RunStart, Warehouse};

#[async_trait]
impl<D: Database> Warehouse for D {
    fn capabilities(&self) -> Capabilities {
        D::CAPABILITIES
    }

    async fn begin_run(&self, start: RunStart) -> Result<Fence> {
        take_over(self, start, false).await
    }

    async fn states(&self, pipeline: &str) -> Result<BTreeMap<String, StreamState>> {
        let read = async {
            let mut held = self.hold("read the state").await?;
            if held.has_own_tables().await? { ledger::states(&mut *held, pipeline).await } else { Ok(BTreeMap::new()) }
        };
        told(self, read).await
    }

    async fn set_state(&self, pipeline: &str, stream: &str, state: Option<&StreamState>) -> Result<()> {
        let doing = "store the state";
        let set = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = held.begin_with(D::BEGIN).await.doing(doing)?;
            transaction.create_own_tables().await?;
            match state {
                Some(state) => ledger::write_state(&mut *transaction, pipeline, stream, (state, records::now()), None).await?,
                None => ledger::clear_state(&mut *transaction, pipeline, stream).await?,
            }
            transaction.commit().await.doing(doing)
        };
        told(self, set).await
    }

    async fn load(&self, fence: &Fence, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        load(self, fence, LoadInto::Live, batches, Turn::now()).await
    }

    async fn load_in_turn(&self, fence: &Fence, into: LoadInto, batches: Vec<Batch<Protected>>, turn: Turn) -> Result<Receipt> {
        load(self, fence, into, batches, turn).await
    }

    async fn shadows(&self, pipeline: &str, kind: ShadowKind) -> Result<BTreeMap<String, Shadow>> {
        told(self, async { shadow::all(&mut *self.hold("read the shadows").await?, pipeline, kind).await }).await
    }

    async fn load_shadow(&self, fence: &Fence, kind: ShadowKind, fingerprint: &str, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        let into = LoadInto::Shadow { kind, fingerprint: fingerprint.to_owned() };
        load(self, fence, into, batches, Turn::now()).await
    }

    async fn discard_shadow(&self, fence: &Fence, stream: &str, kind: ShadowKind) -> Result<()> {
        let doing = "throw a shadow away";
        let discard = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = self.fenced(&mut held, fence, doing).await?;
            let dropped = shadow::discard(&mut *transaction, &fence.pipeline, stream, kind).await?;
            transaction.commit().await.doing(doing)?;
            // A shadow that is begun again has new tables, empty as the first ones were.
            self.forget(&mut held, &|table| dropped.contains(table));
            Ok(())
        };
        told(self, discard).await
    }

    async fn swap(&self, fence: &Fence, stream: &str, at_least: Option<u64>) -> Result<Receipt> {
        let load_id = load_id(fence, stream, self.memory().sequence.take(fence, stream));
        self.put_in_place(&Swap { fence, stream, at_least, load_id, now: records::now(), history: &self.memory().history }).await
    }

    async fn compare(&self, fence: &Fence, stream: &str, settled: Option<Timestamp>, whole: bool) -> Result<Vec<ReconciledWindow>> {
        let doing = "compare source and warehouse";
        let compare = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = self.fenced(&mut held, fence, doing).await?;
            let windows = Comparing { fence, stream, settled, whole }.carry_out(&mut *transaction).await?;
            transaction.commit().await.doing(doing)?;
            // The shadow has its index from now on.
            self.forget(&mut held, &|table| table.layer == Layer::Shadow);
            Ok(windows)
        };
        told(self, compare).await
    }

    async fn differences(&self, fence: &Fence, stream: &str) -> Result<Vec<Difference>> {
        told(self, async { reconciliation::differences(&mut *self.hold("read what differs").await?, fence, stream).await }).await
    }

    async fn count_live(&self, fence: &Fence, stream: &str, table: &TableName, account: &str) -> Result<[u64; 2]> {
        let scope = Scope::of_account(table, account);
        let count = async { reconciliation::count(&mut *self.hold("count live rows").await?, &fence.pipeline, stream, &scope).await };
        told(self, count).await
    }

    async fn record_reconciliation(&self, fence: &Fence, windows: &[ReconciledWindow]) -> Result<()> {
        let doing = "store the reconciliation";
        let record = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = self.fenced(&mut held, fence, doing).await?;
            reconciliation::record(&mut *transaction, fence, windows, records::now()).await?;
            transaction.commit().await.doing(doing)
        };
        told(self, record).await
    }

    async fn end_run(&self, _fence: &Fence, record: &RunRecord) -> Result<()> {
        // Whoever loads next makes an index that is missing, so its failure is none of the run. Where loads gave up waiting for somebody's
        // lock, an index would wait for it, too.
        if self.memory().gave_up.load(Ordering::SeqCst) {
            tracing::warn!("the indexes of new tables are left to the next run: somebody else holds a lock");
        } else if let Err(failure) = self.tidy().await {
            tracing::warn!("the index of a new table is left to the next run: {}", failure.into_error());
        }
        let end = async {
            let mut held = self.hold("record the run").await?;
            D::reached(Point::RunEnds);
            ledger::write_run(&mut *held, record).await
        };
        told(self, end).await
    }

    async fn runs(&self, pipeline: Option<&str>, limit: u32) -> Result<Vec<RunRecord>> {
        let read = async {
            let mut held = self.hold("read the runs").await?;
            if held.has_own_tables().await? { ledger::runs(&mut *held, pipeline, limit).await } else { Ok(Vec::new()) }
        };
        told(self, read).await
    }
}
