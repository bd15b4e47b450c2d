//! A load: the rows of its tables, what follows from them, and the checkpoint, in one transaction.

use std::sync::{Arc, PoisonError};

use aqueduct_schema::{Batch, Error, Protected, Result, TableName, codes};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::attempts::{Ended, committed};
use super::encode::Rows;
use super::{Postgres, deletions, ledger, rows, tables};
use crate::backfill::{WindowKey, ledger as windows};
use crate::cleaning;
use crate::evidence::{DeletedBy, Evidence};
use crate::failure::{Doing, Failure};
use crate::layout::Stored;
use crate::load_plan::{LoadPlan, Outcome, Step, StepKind};
use crate::merges::Winners;
use crate::merging;
use crate::records;
use crate::redirected::Redirected;
use crate::refresh::{Swap, Swapped};
use crate::session::Session;
use crate::shadow::{self, Redirect};
use crate::snapshot;
use crate::warehouse::{Fence, Receipt, TableReceipt};

impl Postgres {
    pub(super) async fn load_into(&self, fence: &Fence, shadow: Option<Redirect>, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        self.load_for(fence, shadow, None, batches).await
    }

    pub(super) async fn load_for(
        &self,
        fence: &Fence,
        shadow: Option<Redirect>,
        window: Option<Arc<WindowKey>>,
        batches: Vec<Batch<Protected>>,
    ) -> Result<Receipt> {
        let Some(first) = batches.first() else { return Ok(Receipt::default()) };
        let sequence = self.sequence.take(fence, first.stream());
        let plan = Arc::new(LoadPlan { window, ..LoadPlan::new(fence, sequence, records::now(), batches, shadow)?.keeping(&self.history) });
        self.lasting(fence, &plan.stream, &plan.load_id, || self.attempt(fence, &plan)).await
    }

    pub(super) async fn swap_once(&self, swap: &Swap<'_>) -> Result<Receipt, Ended> {
        let mut lease = self.lease("put a refresh in place").await?;
        let mut transaction = lease.connection()?.begin().await.doing("put a refresh in place")?;
        ledger::check_fence(&mut transaction, swap.fence).await?;
        let Swapped { receipt, state, .. } = swap.carry_out(&mut *transaction).await?;
        fail::fail_point!("postgres::refresh_placed");
        ledger::write_load(&mut transaction, swap.fence, swap.stream, &receipt, swap.now).await?;
        Evidence::default().record(&mut *transaction, swap.fence, swap.stream, (&receipt, swap.now), DeletedBy::Refresh).await?;
        ledger::write_state(&mut transaction, &swap.fence.pipeline, swap.stream, &state, swap.now, Some(&swap.load_id)).await?;
        committed(transaction.commit().await)?;
        fail::fail_point!("postgres::refresh_committed");
        lease.give_back();
        Ok(receipt)
    }

    async fn attempt(&self, fence: &Fence, plan: &Arc<LoadPlan>) -> Result<Receipt, Ended> {
        let mut lease = self.lease("begin a load").await?;
        let receipt = self.attempt_over(lease.connection()?, fence, plan).await?;
        lease.give_back();
        Ok(receipt)
    }

    async fn attempt_over(&self, connection: &mut PgConnection, fence: &Fence, plan: &Arc<LoadPlan>) -> Result<Receipt, Ended> {
        let mut transaction = connection.begin().await.doing("begin a load")?;
        fail::fail_point!("postgres::load_begun");
        ledger::check_fence(&mut transaction, fence).await?;
        fail::fail_point!("postgres::fence_checked");
        let winners = self.winners(&mut transaction, plan).await?;
        snapshot::index_sets(&mut *transaction, plan).await?;
        let redirected = Arc::new(Redirected::of(plan, &winners));
        let mut outcome = self.load_tables(&mut transaction, fence, plan, &redirected).await?;
        let mut evidence = Evidence::default();
        for done in snapshot::close_snapshots(&mut *transaction, fence, plan).await? {
            evidence.add(DeletedBy::Snapshot, &done);
            outcome.add(&done);
        }
        fail::fail_point!("postgres::snapshots_closed");
        for done in merging::follow(&mut *transaction, fence, plan, &winners).await? {
            evidence.add(DeletedBy::Merge, &done);
            outcome.add(&done);
        }
        ledger::write_quarantine(&mut transaction, fence, plan).await?;
        fail::fail_point!("postgres::quarantine_stored");
        cleaning::record(&mut *transaction, fence, &plan.stream, &plan.cleaning).await?;
        let receipt = plan.receipt(outcome);
        let now = records::now();
        ledger::write_load(&mut transaction, fence, &plan.stream, &receipt, now).await?;
        if plan.shadow.is_none() {
            evidence.record(&mut *transaction, fence, &plan.stream, (&receipt, now), DeletedBy::of(plan.checkpoint.mode)).await?;
        }
        fail::fail_point!("postgres::load_recorded");
        let state = &plan.checkpoint.state;
        match (&plan.shadow, &plan.window) {
            (Some(redirect), _) => shadow::note(&mut *transaction, fence, plan, redirect, &receipt).await?,
            (None, Some(window)) => windows::loaded(&mut *transaction, window, plan, &receipt, now).await?,
            (None, None) => ledger::write_state(&mut transaction, &fence.pipeline, &plan.stream, state, now, Some(&plan.load_id)).await?,
        }
        fail::fail_point!("postgres::before_commit");
        let answer = transaction.commit().await;
        fail::fail_point!("postgres::after_commit");
        committed(answer)?;
        Ok(receipt)
    }

    /// The rows that were merged away. Other loads go on beside this one unless it may bring rows to what they were merged into: a row
    /// that another load is putting in meanwhile would keep pointing at what is gone.
    async fn winners(&self, connection: &mut PgConnection, plan: &LoadPlan) -> Result<Arc<Winners>, Failure> {
        let known = Arc::clone(&self.winners.lock().unwrap_or_else(PoisonError::into_inner));
        let known = merging::refreshed(connection, &known).await?;
        if let Some(sql) = connection.turn("merges are followed", !merging::may_settle(plan, &known)) {
            connection.execute("wait for loads that follow merges", sql).await?;
        }
        let known = merging::refreshed(connection, &known).await?;
        *self.winners.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&known);
        Ok(known)
    }

    /// Carries the plan out, table by table. While the server takes the rows of a step, those of the next one are encoded.
    async fn load_tables(
        &self,
        connection: &mut PgConnection,
        fence: &Fence,
        plan: &Arc<LoadPlan>,
        redirected: &Arc<Redirected>,
    ) -> Result<Outcome, Failure> {
        let mut stored = Vec::with_capacity(plan.tables.len());
        for table in &plan.tables {
            stored.push(Arc::new(tables::prepare(connection, &table.layout).await?));
            fail::fail_point!("postgres::table_prepared");
        }
        let places: Vec<(usize, usize)> =
            plan.tables.iter().enumerate().flat_map(|(table, of)| (0..of.steps.len()).map(move |step| (table, step))).collect();
        let encode = |place: Option<&(usize, usize)>| {
            let (table, step) = *place?;
            let (plan, stored, redirected) = (Arc::clone(plan), Arc::clone(&stored[table]), Arc::clone(redirected));
            Some(tokio::task::spawn_blocking(move || match &plan.tables[table].steps[step] {
                of if of.kind == StepKind::Tombstones => Ok(None),
                of => Rows::encode(&plan, of, &stored, redirected.step(table, step)).map(Some),
            }))
        };
        let mut outcome = Outcome::default();
        let mut next = encode(places.first());
        for (index, (table, step)) in places.iter().enumerate() {
            let Some(encoded) = next.take() else { break };
            let rows = encoded.await.map_err(|_| Error::new(codes::BUG, "rows could not be encoded"))??;
            next = encode(places.get(index + 1));
            let (stored, step) = (&stored[*table], &plan.tables[*table].steps[*step]);
            let done = match rows {
                None => deletions::bury(connection, plan, step, stored).await?,
                Some(rows) => self.load_rows(connection, fence, step, &rows, stored).await?,
            };
            fail::fail_point!("postgres::step_merged");
            outcome.note(step, &done);
        }
        Ok(outcome)
    }

    async fn load_rows(
        &self,
        connection: &mut PgConnection,
        fence: &Fence,
        step: &Step,
        rows: &Rows,
        stored: &Stored,
    ) -> Result<TableReceipt, Failure> {
        let name = &step.schema.name;
        if self.is_direct(connection, fence, name).await? {
            if let Some(done) = rows::copy(connection, step, rows).await? {
                return Ok(done);
            }
            self.set_direct(fence, name, false);
        }
        rows::merge(connection, step, rows, stored).await
    }

    /// Whether the table was empty when the run first met it, and no key has come twice since.
    async fn is_direct(&self, connection: &mut PgConnection, fence: &Fence, name: &TableName) -> Result<bool, Failure> {
        let known = self.direct.lock().unwrap_or_else(PoisonError::into_inner).get(&(Arc::clone(&fence.run_id), name.clone())).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let sql = format!("SELECT NOT EXISTS (SELECT 1 FROM {})", tables::quoted_table(name));
        let empty =
            sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false).fetch_one(connection).await.doing_in("look at the table", name)?;
        self.set_direct(fence, name, empty);
        Ok(empty)
    }

    fn set_direct(&self, fence: &Fence, name: &TableName, direct: bool) {
        self.direct.lock().unwrap_or_else(PoisonError::into_inner).insert((Arc::clone(&fence.run_id), name.clone()), direct);
    }
}
