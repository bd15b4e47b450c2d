//! PostgreSQL: a small pool of connections, rows by COPY, several loads at once.

mod ahead;
mod attempts;
mod binary;
mod deletions;
mod encode;
mod held;
mod history;
mod load;
mod own_tables;
mod quarantine;
mod rows;
mod session;
mod tables;
mod views;

pub(crate) use self::tables::create_table;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aqueduct_schema::{Error, Result, TableName};
use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};

use self::ahead::Ahead;
use crate::database::{Database, Memory, Point, lasting};
use crate::failure::{self, Doing, Failure};
use crate::history::History;
use crate::load_plan::LoadPlan;
use crate::merges::Winners;
use crate::refresh::Swap;
use crate::turn::Turn;
use crate::unindexed::Unindexed;
use crate::warehouse::{Capabilities, Fence, Receipt};

/// Loads at once; more would only queue for the same two or four cores of a small server.
const PARALLEL_LOADS: usize = 4;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(30);

/// A PostgreSQL database as destination.
pub(crate) struct Postgres {
    pool: PgPool,
    memory: Memory,
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
            memory: Memory::default(),
            direct: Mutex::default(),
            unindexed: Mutex::default(),
            known: Mutex::default(),
            winners: Mutex::default(),
        })
    }

    /// With which common tables keep the versions of their rows.
    pub(crate) fn keeping(mut self, history: History) -> Self {
        self.memory.history = history;
        self
    }
}

#[async_trait]
impl Database for Postgres {
    type Driver = sqlx::Postgres;
    type Held = PoolConnection<sqlx::Postgres>;

    const CAPABILITIES: Capabilities =
        Capabilities { name: "PostgreSQL", durable: true, parallel_loads: PARALLEL_LOADS, records_per_load: 4_000 };
    const BEGIN: &'static str = "BEGIN";
    const ATTEMPTS: u32 = attempts::ATTEMPTS;

    fn memory(&self) -> &Memory {
        &self.memory
    }

    async fn hold(&self, doing: &'static str) -> Result<Self::Held, Failure> {
        self.pool.acquire().await.doing(doing)
    }

    async fn explained(&self, failure: Failure) -> Error {
        self.told(failure).await
    }

    async fn carry_out(&self, fence: &Fence, plan: LoadPlan, turn: Turn) -> Result<Receipt> {
        let plan = Arc::new(plan);
        // A load that need not wait encodes its rows step by step, while the server takes those of the step before.
        let ahead = if turn.is_now() { Ahead::default() } else { self.ahead(&plan).await? };
        turn.come().await?;
        lasting(self, &plan.stream, || self.answered(fence, &plan.load_id, self.attempt(fence, &plan, &ahead))).await
    }

    async fn put_in_place(&self, swap: &Swap<'_>) -> Result<Receipt> {
        lasting(self, swap.stream, || self.answered(swap.fence, &swap.load_id, self.swap_once(swap))).await
    }

    fn forget(&self, _held: &mut Self::Held, which: &(dyn Fn(&TableName) -> bool + Sync)) {
        self.direct.lock().unwrap_or_else(PoisonError::into_inner).retain(|(_, table), _| !which(table));
        let mut unindexed = self.unindexed.lock().unwrap_or_else(PoisonError::into_inner);
        unindexed.tables().iter().filter(|(name, _)| which(name)).for_each(|(name, _)| unindexed.remove(name));
    }

    async fn tidy(&self) -> Result<(), Failure> {
        self.index().await
    }

    fn reached(point: Point) {
        match point {
            Point::RunBegins => fail::fail_point!("postgres::run_begins"),
            Point::SchemasNoted => fail::fail_point!("postgres::schemas_noted"),
            Point::SnapshotsClosed => fail::fail_point!("postgres::snapshots_closed"),
            Point::QuarantineStored => fail::fail_point!("postgres::quarantine_stored"),
            Point::LoadRecorded => fail::fail_point!("postgres::load_recorded"),
            Point::RefreshPlaced => fail::fail_point!("postgres::refresh_placed"),
            Point::IdentitiesStored => fail::fail_point!("postgres::identities_stored"),
            Point::RunEnds => fail::fail_point!("postgres::run_ends"),
        }
    }
}
