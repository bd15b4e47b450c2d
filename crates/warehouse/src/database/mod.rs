//! What the two databases have in common as destinations. A [`Database`] says where its connections come from and how rows are loaded
//! into it; the contracts of a destination are carried out here, once, by statements that both understand ([`Session`]).

mod attempts;
mod backfills;
mod beginning;
mod identities;
mod load;
mod quarantine;
mod schemas;
mod source_tables;
mod warehouse;

pub(crate) use self::attempts::{PAUSE, lasting};
pub(crate) use self::load::{conclude, put_in_place};

use std::ops::DerefMut;
use std::sync::atomic::{AtomicBool, Ordering};

use aqueduct_schema::{Error, Result, TableName};
use async_trait::async_trait;
use sqlx::{Connection, Transaction};

use crate::failure::{Doing, Failure};
use crate::history::History;
use crate::ledger;
use crate::load_plan::LoadPlan;
use crate::refresh::Swap;
use crate::sequence::Sequence;
use crate::session::Session;
use crate::turn::Turn;
use crate::warehouse::{Capabilities, Fence, Receipt};

/// What a process knows of its destination, whichever database it is.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) sequence: Sequence,
    /// With which common tables keep the versions of their rows.
    pub(crate) history: History,
    /// Whether the last load gave up waiting for somebody else: the next ones do not wait as long again.
    pub(crate) gave_up: AtomicBool,
    /// Whether Aqueduct's own tables were made sure of.
    has_own_tables: AtomicBool,
}

/// A moment inside a transaction at which the fault battery kills the process; each database has a name of its own for it.
#[derive(Clone, Copy)]
pub(crate) enum Point {
    RunBegins,
    SchemasNoted,
    SnapshotsClosed,
    QuarantineStored,
    LoadRecorded,
    RefreshPlaced,
    IdentitiesStored,
    RunEnds,
}

/// The connections of a database.
pub(crate) type ConnectionOf<D> = <<D as Database>::Driver as sqlx::Database>::Connection;

/// A database as destination.
#[async_trait]
pub(crate) trait Database: Send + Sync + 'static {
    /// The driver.
    type Driver: sqlx::Database<Connection: Session>;

    /// A connection that nobody else uses meanwhile.
    type Held: DerefMut<Target = ConnectionOf<Self>> + Send;

    /// What it can do.
    const CAPABILITIES: Capabilities;

    /// The statement that begins a transaction.
    const BEGIN: &'static str;

    /// How often a load is attempted that meets somebody else or loses its connection.
    const ATTEMPTS: u32;

    /// What this process knows of it.
    fn memory(&self) -> &Memory;

    /// Takes a connection.
    async fn hold(&self, doing: &'static str) -> Result<Self::Held, Failure>;

    /// The error to show. Where somebody else keeps this process from going on, with who that is.
    async fn explained(&self, failure: Failure) -> Error;

    /// Loads what a plan says in one transaction once its turn has come, beginning again as often as may help.
    async fn carry_out(&self, fence: &Fence, plan: LoadPlan, turn: Turn) -> Result<Receipt>;

    /// Puts a refresh in place in one transaction, beginning again as often as may help.
    async fn put_in_place(&self, swap: &Swap<'_>) -> Result<Receipt>;

    /// Forgets what this process knew of tables, so that the next load looks for itself.
    fn forget(&self, held: &mut Self::Held, which: &(dyn Fn(&TableName) -> bool + Sync));

    /// Makes what was left to the end of a run: the indexes of the tables that it has filled.
    async fn tidy(&self) -> Result<(), Failure>;

    /// Says that a moment has come.
    fn reached(point: Point);

    /// Waits for others only briefly from now on, or as long as usual again.
    async fn wait_briefly(&self, briefly: bool) {
        self.memory().gave_up.store(briefly, Ordering::SeqCst);
    }

    /// A connection to a database whose own tables are as this version has them.
    async fn hold_own(&self, doing: &'static str) -> Result<Self::Held, Failure> {
        let mut held = self.hold(doing).await?;
        if !self.memory().has_own_tables.load(Ordering::Relaxed) {
            held.create_own_tables().await?;
            self.memory().has_own_tables.store(true, Ordering::Relaxed);
        }
        Ok(held)
    }

    /// The same, unless Aqueduct never wrote there: nothing is made then.
    async fn hold_written(&self, doing: &'static str) -> Result<Option<Self::Held>, Failure> {
        let mut held = self.hold(doing).await?;
        if !held.has_own_tables().await? {
            return Ok(None);
        }
        held.create_own_tables().await?;
        Ok(Some(held))
    }

    /// A transaction that nothing is committed by once another run has taken the pipeline over.
    async fn fenced<'c>(
        &self,
        held: &'c mut Self::Held,
        fence: &Fence,
        doing: &'static str,
    ) -> Result<Transaction<'c, Self::Driver>, Failure> {
        let mut transaction = held.begin_with(Self::BEGIN).await.doing(doing)?;
        ledger::check_fence(&mut *transaction, fence).await?;
        Ok(transaction)
    }
}

/// The answer of something, or the error to show.
async fn told<D: Database, T>(database: &D, done: impl Future<Output = Result<T, Failure>>) -> Result<T> {
    match done.await {
        Ok(answer) => Ok(answer),
        Err(failure) => Err(database.explained(failure).await),
    }
}
