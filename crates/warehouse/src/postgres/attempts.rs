//! An attempt at a load: over which connection it goes, and what a commit whose answer was lost has done.

use aqueduct_schema::{Error, Result};
use sqlx::PgConnection;
use sqlx::pool::PoolConnection;

use super::Postgres;
use crate::backfill::ledger::fenced_as;
use crate::database::PAUSE;
use crate::failure::{self, Doing, Failure, Verdict};
use crate::records::{from_json, wait};
use crate::warehouse::{Fence, Receipt};

/// Attempts at a load, and at finding out what became of one.
pub(super) const ATTEMPTS: u32 = 4;

/// Why an attempt did not end with a receipt.
pub(super) enum Ended {
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
pub(super) struct Lease(Option<PoolConnection<sqlx::Postgres>>);

impl Lease {
    pub(super) fn connection(&mut self) -> Result<&mut PgConnection, Failure> {
        self.0.as_deref_mut().ok_or(sqlx::Error::PoolClosed).doing("begin a load")
    }

    pub(super) fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.0.take().map(PoolConnection::detach));
    }
}

impl Postgres {
    /// A connection for one attempt.
    pub(super) async fn lease(&self, doing: &'static str) -> Result<Lease, Failure> {
        Ok(Lease(Some(self.pool.acquire().await.doing(doing)?)))
    }

    /// An attempt with its answer. Where that to a commit was lost, the load record tells.
    pub(super) async fn answered(
        &self,
        fence: &Fence,
        load_id: &str,
        attempt: impl Future<Output = Result<Receipt, Ended>> + Send,
    ) -> Result<Receipt, Failure> {
        match attempt.await {
            Ok(receipt) => Ok(receipt),
            Err(Ended::Failed(failure)) => Err(failure),
            Err(Ended::Unanswered(error)) => match self.find(fence, load_id).await {
                Ok(Some(receipt)) => Ok(receipt),
                Ok(None) => Err(Failure::Database { doing: "commit the load", table: None, error }),
                Err(failure) => Err(unknown(failure.into_error()).into()),
            },
        }
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
        find_receipt(&mut connection, fence, load_id).await
    }
}

/// The receipt of a load, if it is committed. Waits until a transaction that still holds the fence has ended, so that a load whose
/// commit is under way is not taken for one that failed.
async fn find_receipt(connection: &mut PgConnection, fence: &Fence, load_id: &str) -> Result<Option<Receipt>, Failure> {
    let doing = "look for the load";
    sqlx::query("SELECT epoch FROM aqueduct.fence WHERE pipeline = $1 FOR UPDATE")
        .bind(fenced_as(fence))
        .execute(&mut *connection)
        .await
        .doing(doing)?;
    let receipt: Option<String> = sqlx::query_scalar("SELECT receipt::text FROM aqueduct.loads WHERE load_id = $1")
        .bind(load_id)
        .fetch_optional(connection)
        .await
        .doing(doing)?;
    Ok(match receipt {
        Some(json) => Some(from_json(&json, "the record of a load cannot be read")?),
        None => None,
    })
}

/// Whether a commit failed, or its answer did not arrive.
pub(super) fn committed(answer: Result<(), sqlx::Error>) -> Result<(), Ended> {
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
