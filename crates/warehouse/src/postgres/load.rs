//! A load: the rows of its tables, what follows from them, and the checkpoint, in one transaction.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use aqueduct_schema::{Error, Result, TableName, codes};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::task::JoinHandle;

use super::ahead::Ahead;
use super::attempts::{Ended, committed};
use super::encode::Rows;
use super::tables::Prepared;
use super::{Postgres, deletions, held, rows, tables};
use crate::database;
use crate::failure::{Doing, Failure};
use crate::layout::Stored;
use crate::ledger;
use crate::load_plan::{LoadPlan, Outcome, Step, StepKind, TablePlan};
use crate::merges::Winners;
use crate::merging;
use crate::redirected::Redirected;
use crate::refresh::{Swap, Swapped};
use crate::session::Session;
use crate::snapshot;
use crate::warehouse::{Fence, Receipt, TableReceipt};

impl Postgres {
    pub(super) async fn swap_once(&self, swap: &Swap<'_>) -> Result<Receipt, Ended> {
        let mut lease = self.lease("put a refresh in place").await?;
        let mut transaction = lease.connection()?.begin().await.doing("put a refresh in place")?;
        let Swapped { receipt, .. } = database::put_in_place::<Self>(&mut transaction, swap).await?;
        committed(transaction.commit().await)?;
        fail::fail_point!("postgres::refresh_committed");
        lease.give_back();
        Ok(receipt)
    }

    pub(super) async fn attempt(&self, fence: &Fence, plan: &Arc<LoadPlan>, ahead: &Ahead) -> Result<Receipt, Ended> {
        let mut lease = self.lease("begin a load").await?;
        let receipt = self.attempt_over(lease.connection()?, fence, plan, ahead).await?;
        lease.give_back();
        Ok(receipt)
    }

    async fn attempt_over(
        &self,
        connection: &mut PgConnection,
        fence: &Fence,
        plan: &Arc<LoadPlan>,
        ahead: &Ahead,
    ) -> Result<Receipt, Ended> {
        let mut transaction = connection.begin().await.doing("begin a load")?;
        fail::fail_point!("postgres::load_begun");
        if self.memory.gave_up.load(Ordering::SeqCst) {
            held::wait_briefly(&mut transaction).await?;
        }
        ledger::check_fence(&mut *transaction, fence).await?;
        fail::fail_point!("postgres::fence_checked");
        let winners = self.winners(&mut transaction, plan).await?;
        snapshot::index_sets(&mut *transaction, plan).await?;
        let outcome = self.load_tables(&mut transaction, fence, plan, ahead, &winners).await?;
        let receipt = database::conclude::<Self>(&mut transaction, fence, plan, &winners, outcome).await?;
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

    /// Carries the plan out, table by table. While the server takes the rows of a step, those of the next one are encoded, if they were
    /// not encoded ahead.
    async fn load_tables(
        &self,
        connection: &mut PgConnection,
        fence: &Fence,
        plan: &Arc<LoadPlan>,
        ahead: &Ahead,
        winners: &Winners,
    ) -> Result<Outcome, Failure> {
        let redirected = Arc::new(Redirected::of(plan, winners));
        let mut tables: Vec<Target> = Vec::with_capacity(plan.tables.len());
        for table in &plan.tables {
            tables.push(self.prepare(connection, table).await?);
            fail::fail_point!("postgres::table_prepared");
        }
        let places: Vec<(usize, usize)> =
            plan.tables.iter().enumerate().flat_map(|(table, of)| (0..of.steps.len()).map(move |step| (table, step))).collect();
        let encode = |place: (usize, usize), bare: bool| {
            let (plan, redirected) = (Arc::clone(plan), Arc::clone(&redirected));
            let stored = Arc::clone(&tables[place.0].stored);
            tokio::task::spawn_blocking(move || {
                let step = &plan.tables[place.0].steps[place.1];
                Rows::encode(&plan, step, &stored, redirected.step(place.0, place.1), bare).map(Arc::new)
            })
        };
        let begin = |place: Option<&(usize, usize)>| match place {
            Some((table, step)) if plan.tables[*table].steps[*step].kind != StepKind::Tombstones => {
                let target = &tables[*table];
                match ahead.rows((*table, *step), &target.stored, target.bare, winners) {
                    Some(rows) => Next::There(rows),
                    None => Next::Coming(encode((*table, *step), target.bare)),
                }
            }
            _ => Next::Nothing,
        };
        let mut outcome = Outcome::default();
        let mut next = begin(places.first());
        for (index, place) in places.iter().enumerate() {
            let rows = match std::mem::replace(&mut next, Next::Nothing) {
                Next::Nothing => None,
                Next::There(rows) => Some(rows),
                Next::Coming(coming) => Some(encoded(coming).await?),
            };
            next = begin(places.get(index + 1));
            let (target, step) = (&tables[place.0], &plan.tables[place.0].steps[place.1]);
            let done = match rows {
                None => deletions::bury(connection, plan, step, &target.stored).await?,
                Some(rows) => match self.copy(connection, fence, step, &rows, target).await? {
                    Some(done) => done,
                    // Merged rows need all their columns.
                    None if target.bare => {
                        let rows = encoded(encode(*place, false)).await?;
                        rows::merge(connection, step, &rows, &target.stored).await?
                    }
                    None => rows::merge(connection, step, &rows, &target.stored).await?,
                },
            };
            fail::fail_point!("postgres::step_merged");
            outcome.note(step, &done);
        }
        Ok(outcome)
    }

    /// Makes sure of a table, and of its index unless it goes on without.
    async fn prepare(&self, connection: &mut PgConnection, table: &TablePlan) -> Result<Target, Failure> {
        let name = &table.layout.name;
        let Prepared { stored, created, indexed } = tables::prepare(connection, &table.layout).await?;
        let stored = Arc::new(stored);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), Arc::clone(&stored));
        let bare = self.goes_without_index(table, created, indexed)?;
        if !bare && !indexed {
            tables::index(connection, name, &table.layout.key).await?;
        }
        Ok(Target { stored, bare })
    }

    /// Whether a table has no index, and none of the keys of a load can be in it.
    fn goes_without_index(&self, table: &TablePlan, created: bool, indexed: bool) -> Result<bool> {
        let name = &table.layout.name;
        let mut unindexed = self.unindexed.lock().unwrap_or_else(PoisonError::into_inner);
        if created {
            unindexed.set(&table.layout, 0);
        }
        if unindexed.rows(name).is_none() {
            return Ok(false);
        }
        let mut all_new = !indexed;
        for step in &table.steps {
            all_new = all_new && step.kind != StepKind::Tombstones && unindexed.adds(name, step)?;
        }
        if !all_new {
            unindexed.remove(name);
        }
        Ok(all_new)
    }

    /// Makes the indexes of the tables that this process has filled, side by side.
    pub(super) async fn index(&self) -> Result<(), Failure> {
        let tables = self.unindexed.lock().unwrap_or_else(PoisonError::into_inner).tables();
        let made = tables.into_iter().map(|(name, key)| async move {
            let mut transaction = self.pool.begin().await.doing_in("make the table's index", &name)?;
            tables::index(&mut transaction, &name, &key).await?;
            transaction.commit().await.doing_in("make the table's index", &name)?;
            self.unindexed.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            fail::fail_point!("postgres::table_indexed");
            Ok::<_, Failure>(())
        });
        futures_util::future::join_all(made).await.into_iter().collect()
    }

    /// Copies the rows of a step straight into their table, if that may be done. `None` when a key is there already.
    async fn copy(
        &self,
        connection: &mut PgConnection,
        fence: &Fence,
        step: &Step,
        rows: &Rows,
        target: &Target,
    ) -> Result<Option<TableReceipt>, Failure> {
        let name = &step.schema.name;
        if !target.bare && !self.is_direct(connection, fence, name).await? {
            return Ok(None);
        }
        let done = rows::copy(connection, step, rows).await?;
        if done.is_none() {
            self.set_direct(fence, name, false);
        }
        Ok(done)
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
        let mut known = self.direct.lock().unwrap_or_else(PoisonError::into_inner);
        // What an earlier run of this process met is no longer asked for.
        known.retain(|(run, _), _| *run == fence.run_id);
        known.insert((Arc::clone(&fence.run_id), name.clone()), direct);
    }
}

/// A table of a load.
struct Target {
    /// Its columns.
    stored: Arc<Stored>,
    /// Whether it has no index, so that rows are only appended, without the columns that are empty in all of them.
    bare: bool,
}

/// The rows of the next step.
enum Next {
    /// There are none: its rows are tombstones.
    Nothing,
    There(Arc<Rows>),
    Coming(JoinHandle<Result<Arc<Rows>>>),
}

/// What was encoded beside other work.
pub(super) async fn encoded<T>(encoding: JoinHandle<Result<T>>) -> Result<T> {
    encoding.await.map_err(|_| Error::new(codes::BUG, "rows could not be encoded"))?
}
