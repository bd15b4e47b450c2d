//! PostgreSQL: a small pool of connections, rows by COPY, several loads at once.

mod ahead;
mod attempts;
mod backfill;
mod binary;
mod deletions;
mod drift;
mod encode;
mod held;
mod history;
mod identities;
mod ledger;
mod load;
mod quarantine;
mod rows;
mod session;
mod source_rows;
mod tables;
mod views;

pub(crate) use self::tables::create_table;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aqueduct_schema::{Batch, Protected, Result, StreamState, TableName, Timestamp};
use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};

use crate::backfill::ledger as windows;
use crate::failure::{self, Doing, Failure};
use crate::history::History;
use crate::load_plan::load_id;
use crate::merges::Winners;
use crate::reconciliation::{self, Comparing, Difference, ReconciledWindow};
use crate::records;
use crate::refresh::Swap;
use crate::sequence::Sequence;
use crate::shadow::{self, Redirect, Shadow, ShadowKind};
use crate::snapshot::Scope;
use crate::turn::{LoadInto, Turn};
use crate::unindexed::Unindexed;
use crate::warehouse::{Capabilities, Fence, Receipt, RunRecord, RunStart, Warehouse};

/// Loads at once; more would only queue for the same two or four cores of a small server.
const PARALLEL_LOADS: usize = 4;
/// Attempts to take a pipeline over from somebody who holds its lock: longer together than the server lets anybody be idle.
const BEGINNINGS: u32 = 3;
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
    /// The tables that this process has created and fills, which have no index yet.
    unindexed: Mutex<Unindexed>,
    /// The tables as loads found them last.
    known: Mutex<ahead::Known>,
    /// The rows that were merged away, as far as this process knows.
    winners: Mutex<Arc<Winners>>,
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
            unindexed: Mutex::default(),
            known: Mutex::default(),
            winners: Mutex::default(),
        })
    }

    /// With which common tables keep the versions of their rows.
    pub(crate) fn keeping(mut self, history: History) -> Self {
        self.history = history;
        self
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
        self.load_in_turn(fence, LoadInto::Live, batches, Turn::now()).await
    }

    async fn load_in_turn(&self, fence: &Fence, into: LoadInto, batches: Vec<Batch<Protected>>, turn: Turn) -> Result<Receipt> {
        let (shadow, window) = match into {
            LoadInto::Live => (None, None),
            LoadInto::Shadow { kind, fingerprint } => (Some(Redirect::new(fence, kind, &fingerprint)), None),
            LoadInto::Window(window) => (None, Some(window)),
        };
        self.load_for(fence, shadow, window, batches, turn).await
    }

    async fn shadows(&self, pipeline: &str, kind: ShadowKind) -> Result<BTreeMap<String, Shadow>> {
        let shadows = async {
            let mut connection = self.pool.acquire().await.doing("read the shadows")?;
            shadow::all(&mut *connection, pipeline, kind).await
        };
        shadows.await.map_err(Failure::into_error)
    }

    async fn load_shadow(&self, fence: &Fence, kind: ShadowKind, fingerprint: &str, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        let into = LoadInto::Shadow { kind, fingerprint: fingerprint.to_owned() };
        self.load_in_turn(fence, into, batches, Turn::now()).await
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
        let mut unindexed = self.unindexed.lock().unwrap_or_else(PoisonError::into_inner);
        dropped.iter().for_each(|table| unindexed.remove(table));
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
        // Whoever loads next makes an index that is missing, so its failure is none of the run.
        if let Err(failure) = self.index().await {
            tracing::warn!("the index of a new table is left to the next run: {}", failure.into_error());
        }
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
