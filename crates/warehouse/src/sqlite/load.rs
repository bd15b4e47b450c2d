//! A load: the rows of its tables, what follows from them, and the checkpoint, in one transaction, and when it begins again.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use aqueduct_schema::{Batch, Error, Protected, Result, codes};
use sqlx::{Connection, SqliteConnection};

use super::stage::{Form, Found, Staged};
use super::tables::StoredColumn;
use super::{Connected, Sqlite, deletions, ledger, rows, stage, tables};
use crate::backfill::{WindowKey, ledger as windows};
use crate::cleaning;
use crate::evidence::{DeletedBy, Evidence};
use crate::failure::{Doing, Failure, Verdict};
use crate::load_plan::{LoadPlan, Outcome, StepKind, TablePlan};
use crate::merging;
use crate::records::{self, wait};
use crate::refresh::{Swap, Swapped};
use crate::shadow::{self, Redirect};
use crate::snapshot;
use crate::turn::Turn;
use crate::unindexed::Unindexed;
use crate::warehouse::{Fence, Receipt};

/// Attempts of a load that another process keeps from writing, and the pause after the first.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

impl Sqlite {
    pub(super) async fn load_for(
        &self,
        fence: &Fence,
        shadow: Option<Redirect>,
        window: Option<Arc<WindowKey>>,
        batches: Vec<Batch<Protected>>,
        turn: Turn,
    ) -> Result<Receipt> {
        let Some(first) = batches.first() else {
            turn.come().await?;
            return Ok(Receipt::default());
        };
        let sequence = self.sequence.take(fence, first.stream());
        let plan = Arc::new(LoadPlan { window, ..LoadPlan::new(fence, sequence, records::now(), batches, shadow)?.keeping(&self.history) });
        let mut ahead = if turn.is_now() { None } else { self.ahead(&plan).await };
        turn.come().await?;
        let mut pause = PAUSE;
        let mut left = if self.gave_up.load(Ordering::SeqCst) { 1 } else { ATTEMPTS };
        loop {
            left -= 1;
            match self.attempt(fence, &plan, ahead.take()).await {
                Err(failure) if failure.verdict() == Verdict::Again && left > 0 => {
                    tracing::warn!(stream = %plan.stream, "the load begins again: {}", self.told(failure));
                    wait(&mut pause).await;
                }
                Err(failure) => {
                    if failure.verdict() == Verdict::Again {
                        self.wait_at_most(true).await;
                    }
                    return Err(self.told(failure));
                }
                Ok(receipt) => {
                    self.wait_at_most(false).await;
                    return Ok(receipt);
                }
            }
        }
    }

    pub(super) async fn swap_once(&self, swap: &Swap<'_>) -> Result<Receipt, Failure> {
        let mut connection = self.connection.lock().await;
        let Connected { sqlite, unindexed, .. } = &mut *connection;
        let mut transaction = sqlite.begin_with("BEGIN IMMEDIATE").await.doing("put a refresh in place")?;
        ledger::check_fence(&mut transaction, swap.fence).await?;
        let Swapped { receipt, state, touched } = swap.carry_out(&mut *transaction).await?;
        fail::fail_point!("sqlite::refresh_placed");
        ledger::write_load(&mut transaction, swap.fence, swap.stream, &receipt, swap.now).await?;
        Evidence::default().record(&mut *transaction, swap.fence, swap.stream, (&receipt, swap.now), DeletedBy::Refresh).await?;
        ledger::write_state(&mut transaction, &swap.fence.pipeline, swap.stream, &state, swap.now, Some(&swap.load_id)).await?;
        transaction.commit().await.doing("put a refresh in place")?;
        fail::fail_point!("sqlite::refresh_committed");
        touched.iter().for_each(|table| unindexed.remove(table));
        Ok(receipt)
    }

    /// Stages the rows of a load before its turn, by what the last load found. `None` where that fails: it will fail again then.
    async fn ahead(&self, plan: &Arc<LoadPlan>) -> Option<Staged> {
        let (plan, found) = (Arc::clone(plan), self.found.lock().unwrap_or_else(PoisonError::into_inner).clone());
        tokio::task::spawn_blocking(move || Staged::new(&plan, &found)).await.ok()?.ok()
    }

    async fn attempt(&self, fence: &Fence, plan: &LoadPlan, ahead: Option<Staged>) -> Result<Receipt, Failure> {
        let mut connection = self.connection.lock().await;
        let Connected { sqlite, unindexed, winners, .. } = &mut *connection;
        *winners = merging::refreshed(sqlite, winners).await?;
        let staged = match ahead {
            Some(ahead) if ahead.winners == winners.version => ahead,
            _ => {
                let unindexed = self.found.lock().unwrap_or_else(PoisonError::into_inner).unindexed.clone();
                Staged::new(plan, &Found { winners: Arc::clone(winners), unindexed })?
            }
        };
        let forms = staged.put(sqlite).await?;
        fail::fail_point!("sqlite::rows_staged");
        #[cfg(feature = "planted-state-first")]
        if crate::planted::state_comes_first() {
            ledger::write_state(sqlite, &fence.pipeline, &plan.stream, &plan.checkpoint.state, records::now(), None).await?;
        }
        let mut transaction = sqlite.begin_with("BEGIN IMMEDIATE").await.doing("begin a load")?;
        fail::fail_point!("sqlite::load_begun");
        ledger::check_fence(&mut transaction, fence).await?;
        fail::fail_point!("sqlite::fence_checked");
        if merging::version(&mut *transaction).await? != winners.version {
            return Err(Failure::Outdated);
        }
        snapshot::index_sets(&mut *transaction, plan).await?;
        let mut outcome = Outcome::default();
        let (mut filled, mut number) = (Vec::new(), 0);
        for table in &plan.tables {
            let rows = load_table(&mut transaction, unindexed, plan, table, (number, &forms), &mut outcome).await?;
            number += table.steps.len();
            filled.push((&table.layout, rows));
        }
        let mut evidence = Evidence::default();
        for done in snapshot::close_snapshots(&mut *transaction, fence, plan).await? {
            evidence.add(DeletedBy::Snapshot, &done);
            outcome.add(&done);
        }
        fail::fail_point!("sqlite::snapshots_closed");
        for done in merging::follow(&mut *transaction, fence, plan, winners).await? {
            evidence.add(DeletedBy::Merge, &done);
            outcome.add(&done);
        }
        ledger::write_quarantine(&mut transaction, fence, plan).await?;
        fail::fail_point!("sqlite::quarantine_stored");
        cleaning::record(&mut *transaction, fence, &plan.stream, &plan.cleaning).await?;
        let receipt = plan.receipt(outcome);
        let now = records::now();
        ledger::write_load(&mut transaction, fence, &plan.stream, &receipt, now).await?;
        if plan.shadow.is_none() {
            evidence.record(&mut *transaction, fence, &plan.stream, (&receipt, now), DeletedBy::of(plan.checkpoint.mode)).await?;
        }
        fail::fail_point!("sqlite::load_recorded");
        let state = &plan.checkpoint.state;
        match (&plan.shadow, &plan.window) {
            (Some(redirect), _) => shadow::note(&mut *transaction, fence, plan, redirect, &receipt).await?,
            (None, Some(window)) => windows::loaded(&mut *transaction, window, plan, &receipt, now).await?,
            (None, None) => ledger::write_state(&mut transaction, &fence.pipeline, &plan.stream, state, now, Some(&plan.load_id)).await?,
        }
        fail::fail_point!("sqlite::before_commit");
        transaction.commit().await.doing("commit the load")?;
        fail::fail_point!("sqlite::after_commit");
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        found.winners = Arc::clone(winners);
        for (layout, rows) in filled {
            match rows {
                Some((rows, columns)) => {
                    unindexed.set(layout, rows);
                    found.unindexed.insert(layout.name.clone(), columns);
                }
                None => {
                    unindexed.remove(&layout.name);
                    found.unindexed.remove(&layout.name);
                }
            }
        }
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
        // The load is committed, whatever becomes of the staged rows.
        if let Err(failure) = stage::clear(sqlite).await {
            tracing::warn!("staged rows stay in memory until the next load: {}", failure.into_error());
        }
        Ok(receipt)
    }
}

/// Carries out what a plan does in one table, whose first step has the number `first`. Gives the number of rows and the columns while the
/// table goes on without index.
async fn load_table(
    connection: &mut SqliteConnection,
    unindexed: &mut Unindexed,
    plan: &LoadPlan,
    table: &TablePlan,
    (first, forms): (usize, &[Option<Form>]),
    outcome: &mut Outcome,
) -> Result<Option<(u64, Arc<[StoredColumn]>)>, Failure> {
    let layout = &table.layout;
    let (stored, created) = tables::prepare(connection, layout).await?;
    fail::fail_point!("sqlite::table_prepared");
    let mut rows = if created { Some(0) } else { unindexed.rows(&layout.name) };
    if let Some(expected) = rows
        && !created
        && (tables::is_indexed(connection, &layout.name).await? || tables::last_row(connection, &layout.name).await? != expected)
    {
        rows = None;
    }
    if rows.is_none() {
        tables::index(connection, &layout.name, &layout.key).await?;
    }
    let columns = match rows {
        Some(_) => tables::columns(connection, &layout.name).await?,
        None => Arc::default(),
    };
    for (number, step) in (first..).zip(&table.steps) {
        if rows.is_some() && (step.kind == StepKind::Tombstones || !unindexed.adds(&layout.name, step)?) {
            tables::index(connection, &layout.name, &layout.key).await?;
            rows = None;
        }
        let done = match step.kind {
            StepKind::Rows | StepKind::Columns => {
                let form = forms.get(number).and_then(Option::as_ref).ok_or_else(|| Error::new(codes::BUG, "rows were not staged"))?;
                let target = rows::Target { stored: &stored, unindexed: rows.is_some().then_some(&*columns) };
                rows::merge(connection, plan, step, (number, form), &target).await?
            }
            StepKind::Tombstones => deletions::bury(connection, plan, step).await?,
        };
        fail::fail_point!("sqlite::step_merged");
        rows = rows.map(|rows| rows + done.inserted);
        outcome.note(step, &done);
    }
    Ok(rows.map(|rows| (rows, columns)))
}
