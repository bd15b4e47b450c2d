//! PostgreSQL: a small pool of connections, rows by COPY, several loads at once.

mod backfill;
mod binary;
mod deletions;
mod drift;
mod encode;
mod held;
mod history;
mod identities;
mod ledger;
mod quarantine;
mod rows;
mod session;
mod source_rows;
mod tables;
mod views;

pub(crate) use self::tables::create_table;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aqueduct_schema::{Batch, Error, Protected, Result, StreamState, TableName, Timestamp, codes};
use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};

use self::encode::Rows;
use crate::backfill::{WindowKey, ledger as windows};
use crate::cleaning;
use crate::evidence::{DeletedBy, Evidence};
use crate::failure::{self, Doing, Failure, Verdict};
use crate::history::History;
use crate::layout::Stored;
use crate::load_plan::{LoadPlan, Outcome, Step, StepKind, load_id};
use crate::merges::Winners;
use crate::merging;
use crate::reconciliation::{self, Comparing, Difference, ReconciledWindow};
use crate::records::{self, wait};
use crate::redirected::Redirected;
use crate::refresh::{Swap, Swapped};
use crate::sequence::Sequence;
use crate::session::Session;
use crate::shadow::{self, Redirect, Shadow, ShadowKind};
use crate::snapshot::{self, Scope};
use crate::warehouse::{Capabilities, Fence, Receipt, RunRecord, RunStart, TableReceipt, Warehouse};

/// Loads at once; more would only queue for the same two or four cores of a small server.
const PARALLEL_LOADS: usize = 4;
/// Attempts of a load that met another transaction or lost its connection, and the pause after the first.
const ATTEMPTS: u32 = 4;
/// Attempts to take a pipeline over from somebody who holds its lock: longer together than the server lets anybody be idle.
const BEGINNINGS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(30);

/// A PostgreSQL database as destination.
pub(crate) struct Postgres {
    pool: PgPool,
    sequence: Sequence,
    history: History,
    /// Whether the last load gave up waiting for a lock: the next ones do not wait as long again.
    gave_up: AtomicBool,
    /// Whether rows are copied straight into a table, for the tables that a run has met.
    direct: Mutex<HashMap<(Arc<str>, TableName), bool>>,
    /// The rows that were merged away, as far as this process knows.
    winners: Mutex<Arc<Winners>>,
}

/// Why an attempt did not end with a receipt.
enum Ended {
    Failed(Failure),
    /// The answer to the commit did not arrive: the load happened, or it did not.
    Unanswered(sqlx::Error),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A connection that is closed unless it is given back. One whose load failed, or was dropped in the middle of a COPY, may have
/// answers on their way that nobody waits for; the server rolls its transaction back as soon as the connection is gone.
struct Lease(Option<PoolConnection<sqlx::Postgres>>);

impl Lease {
    fn connection(&mut self) -> Result<&mut PgConnection, Failure> {
        self.0.as_deref_mut().ok_or(sqlx::Error::PoolClosed).doing("begin a load")
    }

    fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.0.take().map(PoolConnection::detach));
    }
}

impl Postgres {
    /// Connects.
    ///
    /// # Errors
    /// `AQ4001` when the server cannot be reached or refuses the user.
    pub(crate) async fn open(options: PgConnectOptions) -> Result<Self> {
        let place = format!("{}:{}", options.get_host(), options.get_port());
        let options = options.application_name("aqueduct").disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(PARALLEL_LOADS as u32 + 2)
            .acquire_timeout(CONNECT)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // Literals are written for `standard_conforming_strings`; notices of temporary tables are of no use to anybody.
                    let settings = "SET standard_conforming_strings = on; SET client_min_messages = warning; SET jit = off";
                    sqlx::raw_sql(settings).execute(&mut *connection).await?;
                    held::limit(connection).await
                })
            })
            .connect_with(options)
            .await
            .map_err(|error| failure::unreachable("the PostgreSQL server", &error).with("server", place))?;
        Ok(Self {
            pool,
            sequence: Sequence::default(),
            history: History::default(),
            gave_up: AtomicBool::new(false),
            direct: Mutex::default(),
            winners: Mutex::default(),
        })
    }

    /// With which common tables keep the versions of their rows.
    pub(crate) fn keeping(mut self, history: History) -> Self {
        self.history = history;
        self
    }

    async fn load_into(&self, fence: &Fence, shadow: Option<Redirect>, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        self.load_for(fence, shadow, None, batches).await
    }

    /// Takes a pipeline over from live runs, or from backfills.
    async fn begin(&self, start: RunStart, backfill: bool) -> Result<Fence> {
        let mut left = BEGINNINGS;
        let epoch = loop {
            left -= 1;
            let begin = async {
                let mut transaction = self.pool.begin().await.doing("begin the run")?;
                ledger::create(&mut transaction).await?;
                let epoch =
                    ledger::begin_run(&mut transaction, &windows::name(&start.pipeline, backfill), &start, &RunRecord::begun(&start))
                        .await?;
                fail::fail_point!("postgres::run_begins");
                transaction.commit().await.doing("begin the run")?;
                Ok::<_, Failure>(epoch)
            };
            match begin.await {
                Ok(epoch) => break epoch,
                // Whoever is idle inside a transaction is ended by the server after a while.
                Err(failure) if failure.is_held() && left > 0 => {
                    tracing::warn!("the run waits for a lock: {}", self.told(failure).await);
                }
                Err(failure) => return Err(self.told(failure).await),
            }
        };
        // What an earlier run of this process met is no longer asked for.
        self.direct.lock().unwrap_or_else(PoisonError::into_inner).retain(|(run, _), _| *run == start.run_id);
        Ok(Fence { pipeline: start.pipeline, run_id: start.run_id, epoch, allow_mass_delete: start.allow_mass_delete, backfill })
    }

    async fn load_for(
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

    /// Attempts a load until it is committed or fails for good. Where the answer to a commit is lost, the load record tells.
    async fn lasting<F>(&self, fence: &Fence, stream: &str, load_id: &str, attempt: impl Fn() -> F + Send) -> Result<Receipt>
    where
        F: Future<Output = Result<Receipt, Ended>> + Send,
    {
        let mut pause = PAUSE;
        let mut left = if self.gave_up.load(Ordering::SeqCst) { 1 } else { ATTEMPTS };
        loop {
            left -= 1;
            let failure = match attempt().await {
                Ok(receipt) => {
                    self.gave_up.store(false, Ordering::SeqCst);
                    return Ok(receipt);
                }
                Err(Ended::Failed(failure)) => failure,
                Err(Ended::Unanswered(error)) => match self.find(fence, load_id).await {
                    Ok(Some(receipt)) => return Ok(receipt),
                    Ok(None) => Failure::Database { doing: "commit the load", table: None, error },
                    Err(failure) => return Err(unknown(failure.into_error())),
                },
            };
            if left == 0 || failure.verdict() == Verdict::Final {
                self.gave_up.store(failure.is_held(), Ordering::SeqCst);
                return Err(self.told(failure).await);
            }
            tracing::warn!(stream, "the load begins again: {}", failure.into_error());
            wait(&mut pause).await;
        }
    }

    async fn swap_once(&self, swap: &Swap<'_>) -> Result<Receipt, Ended> {
        let mut lease = Lease(Some(self.pool.acquire().await.doing("put a refresh in place")?));
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
        let mut lease = Lease(Some(self.pool.acquire().await.doing("begin a load")?));
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

    /// Finds out over a fresh connection whether a load is committed whose commit was not answered.
    async fn find(&self, fence: &Fence, load_id: &str) -> Result<Option<Receipt>, Failure> {
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            match self.find_once(fence, load_id).await {
                Err(failure) if failure.verdict() == Verdict::Again => {
                    wait(&mut pause).await;
                }
                result => return result,
            }
        }
        self.find_once(fence, load_id).await
    }

    async fn find_once(&self, fence: &Fence, load_id: &str) -> Result<Option<Receipt>, Failure> {
        let mut connection = self.pool.acquire().await.doing("look for the load")?;
        ledger::committed(&mut connection, fence, load_id).await
    }
}

#[async_trait]
impl Warehouse for Postgres {
    fn capabilities(&self) -> Capabilities {
        Capabilities { name: "PostgreSQL", durable: true, parallel_loads: PARALLEL_LOADS, records_per_load: 5_000 }
    }

    async fn begin_run(&self, start: RunStart) -> Result<Fence> {
        self.begin(start, false).await
    }

    async fn states(&self, pipeline: &str) -> Result<BTreeMap<String, StreamState>> {
        let states = async {
            let mut connection = self.pool.acquire().await.doing("read the state")?;
            if ledger::exists(&mut connection).await? { ledger::states(&mut connection, pipeline).await } else { Ok(BTreeMap::new()) }
        };
        states.await.map_err(Failure::into_error)
    }

    async fn set_state(&self, pipeline: &str, stream: &str, state: Option<&StreamState>) -> Result<()> {
        let set = async {
            let mut transaction = self.pool.begin().await.doing("store the state")?;
            ledger::create(&mut transaction).await?;
            match state {
                Some(state) => ledger::write_state(&mut transaction, pipeline, stream, state, records::now(), None).await?,
                None => ledger::clear_state(&mut transaction, pipeline, stream).await?,
            }
            transaction.commit().await.doing("store the state")
        };
        set.await.map_err(Failure::into_error)
    }

    async fn load(&self, fence: &Fence, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        self.load_into(fence, None, batches).await
    }

    async fn shadows(&self, pipeline: &str, kind: ShadowKind) -> Result<BTreeMap<String, Shadow>> {
        let shadows = async {
            let mut connection = self.pool.acquire().await.doing("read the shadows")?;
            shadow::all(&mut *connection, pipeline, kind).await
        };
        shadows.await.map_err(Failure::into_error)
    }

    async fn load_shadow(&self, fence: &Fence, kind: ShadowKind, fingerprint: &str, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        self.load_into(fence, Some(Redirect::new(fence, kind, fingerprint)), batches).await
    }

    async fn discard_shadow(&self, fence: &Fence, stream: &str, kind: ShadowKind) -> Result<()> {
        let discard = async {
            let mut transaction = self.pool.begin().await.doing("throw a shadow away")?;
            ledger::check_fence(&mut transaction, fence).await?;
            let dropped = shadow::discard(&mut *transaction, &fence.pipeline, stream, kind).await?;
            transaction.commit().await.doing("throw a shadow away")?;
            Ok::<_, Failure>(dropped)
        };
        let dropped = discard.await.map_err(Failure::into_error)?;
        // A shadow that is begun again has new tables, empty as the first ones were.
        self.direct.lock().unwrap_or_else(PoisonError::into_inner).retain(|(_, table), _| !dropped.contains(table));
        Ok(())
    }

    async fn swap(&self, fence: &Fence, stream: &str, at_least: Option<u64>) -> Result<Receipt> {
        let load_id = load_id(fence, stream, self.sequence.take(fence, stream));
        let swap = Swap { fence, stream, at_least, load_id, now: records::now(), history: &self.history };
        self.lasting(fence, stream, &swap.load_id, || self.swap_once(&swap)).await
    }

    async fn compare(&self, fence: &Fence, stream: &str, settled: Option<Timestamp>, whole: bool) -> Result<Vec<ReconciledWindow>> {
        let compare = async {
            let mut transaction = self.pool.begin().await.doing("compare source and warehouse")?;
            ledger::check_fence(&mut transaction, fence).await?;
            let windows = Comparing { fence, stream, settled, whole }.carry_out(&mut *transaction).await?;
            transaction.commit().await.doing("compare source and warehouse")?;
            Ok::<_, Failure>(windows)
        };
        compare.await.map_err(Failure::into_error)
    }

    async fn differences(&self, fence: &Fence, stream: &str) -> Result<Vec<Difference>> {
        let differences = async {
            let mut connection = self.pool.acquire().await.doing("read what differs")?;
            reconciliation::differences(&mut *connection, fence, stream).await
        };
        differences.await.map_err(Failure::into_error)
    }

    async fn count_live(&self, fence: &Fence, stream: &str, table: &TableName, account: &str) -> Result<[u64; 2]> {
        let count = async {
            let mut connection = self.pool.acquire().await.doing("count live rows")?;
            reconciliation::count(&mut *connection, &fence.pipeline, stream, &Scope::of_account(table, account)).await
        };
        count.await.map_err(Failure::into_error)
    }

    async fn record_reconciliation(&self, fence: &Fence, windows: &[ReconciledWindow]) -> Result<()> {
        let record = async {
            let mut transaction = self.pool.begin().await.doing("store the reconciliation")?;
            ledger::check_fence(&mut transaction, fence).await?;
            reconciliation::record(&mut *transaction, fence, windows, records::now()).await?;
            transaction.commit().await.doing("store the reconciliation")
        };
        record.await.map_err(Failure::into_error)
    }

    async fn end_run(&self, _fence: &Fence, record: &RunRecord) -> Result<()> {
        let end = async {
            let mut connection = self.pool.acquire().await.doing("record the run")?;
            fail::fail_point!("postgres::run_ends");
            ledger::write_run(&mut connection, record).await
        };
        end.await.map_err(Failure::into_error)
    }

    async fn runs(&self, pipeline: Option<&str>, limit: u32) -> Result<Vec<RunRecord>> {
        let runs = async {
            let mut connection = self.pool.acquire().await.doing("read the runs")?;
            if ledger::exists(&mut connection).await? { ledger::runs(&mut connection, pipeline, limit).await } else { Ok(Vec::new()) }
        };
        runs.await.map_err(Failure::into_error)
    }
}

/// Whether a commit failed, or its answer did not arrive.
fn committed(answer: Result<(), sqlx::Error>) -> Result<(), Ended> {
    match answer {
        Err(error) if failure::is_disconnected(&error) => Err(Ended::Unanswered(error)),
        answer => Ok(answer.doing("commit the load")?),
    }
}

/// The error when neither the commit was answered nor the server could be asked again.
fn unknown(error: Error) -> Error {
    error.data_note(
        "The answer to the last commit was lost: its rows and its checkpoint are either both there or both missing. Nothing is lost or doubled; \
         the next run goes on from what is there.",
    )
}
