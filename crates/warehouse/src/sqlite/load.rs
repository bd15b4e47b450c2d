//! A load: the rows of its tables, what follows from them, and the checkpoint, in one transaction.

use std::sync::{Arc, PoisonError};

use aqueduct_schema::{Error, Result, codes};
use sqlx::{Connection, SqliteConnection};

use super::stage::{Form, Found, Staged};
use super::tables::StoredColumn;
use super::{BEGIN, Connected, Sqlite, deletions, rows, stage, tables};
use crate::database;
use crate::failure::{Doing, Failure};
use crate::ledger;
use crate::load_plan::{LoadPlan, Outcome, StepKind, TablePlan};
use crate::merging;
use crate::refresh::{Swap, Swapped};
use crate::snapshot;
use crate::unindexed::Unindexed;
use crate::warehouse::{Fence, Receipt};

impl Sqlite {
    pub(super) async fn swap_once(&self, swap: &Swap<'_>) -> Result<Receipt, Failure> {
        let mut connection = self.connection.lock().await;
        let Connected { sqlite, unindexed, .. } = &mut *connection;
        let mut transaction = sqlite.begin_with(BEGIN).await.doing("put a refresh in place")?;
        let Swapped { receipt, touched, .. } = database::put_in_place::<Self>(&mut transaction, swap).await?;
        transaction.commit().await.doing("put a refresh in place")?;
        fail::fail_point!("sqlite::refresh_committed");
        touched.iter().for_each(|table| unindexed.remove(table));
        Ok(receipt)
    }

    /// Stages the rows of a load before its turn, by what the last load found. `None` where that fails: it will fail again then.
    pub(super) async fn ahead(&self, plan: &Arc<LoadPlan>) -> Option<Staged> {
        let (plan, found) = (Arc::clone(plan), self.found.lock().unwrap_or_else(PoisonError::into_inner).clone());
        tokio::task::spawn_blocking(move || Staged::new(&plan, &found)).await.ok()?.ok()
    }

    pub(super) async fn attempt(&self, fence: &Fence, plan: &LoadPlan, ahead: Option<Staged>) -> Result<Receipt, Failure> {
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
            ledger::write_state(sqlite, &fence.pipeline, &plan.stream, (&plan.checkpoint.state, crate::records::now()), None).await?;
        }
        let mut transaction = sqlite.begin_with(BEGIN).await.doing("begin a load")?;
        fail::fail_point!("sqlite::load_begun");
        ledger::check_fence(&mut *transaction, fence).await?;
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
        let receipt = database::conclude::<Self>(&mut transaction, fence, plan, winners, outcome).await?;
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
