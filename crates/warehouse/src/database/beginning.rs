//! How a run takes a pipeline over in a database.

use aqueduct_schema::Result;
use sqlx::Connection;

use super::{Database, Point};
use crate::backfill::ledger::name;
use crate::failure::{Doing, Failure};
use crate::ledger;
use crate::session::Session;
use crate::warehouse::{Fence, RunStart};

/// Attempts to take a pipeline over from somebody who holds its lock: longer together than PostgreSQL lets anybody be idle.
const BEGINNINGS: u32 = 3;

/// Takes a pipeline over from live runs, or from backfills.
pub(super) async fn take_over<D: Database>(database: &D, start: RunStart, backfill: bool) -> Result<Fence> {
    let mut left = BEGINNINGS;
    loop {
        left -= 1;
        match begin(database, &start, backfill).await {
            Ok(epoch) => {
                let RunStart { pipeline, run_id, allow_mass_delete, .. } = start;
                return Ok(Fence { pipeline, run_id, epoch, allow_mass_delete, backfill });
            }
            // Whoever is idle inside a transaction is ended by the server after a while.
            Err(failure) if failure.is_held() && left > 0 => {
                tracing::warn!("the run waits for a lock: {}", database.explained(failure).await);
            }
            Err(failure) => return Err(database.explained(failure).await),
        }
    }
}

async fn begin<D: Database>(database: &D, start: &RunStart, backfill: bool) -> Result<i64, Failure> {
    let doing = "begin the run";
    let mut held = database.hold(doing).await?;
    let mut transaction = held.begin_with(D::BEGIN).await.doing(doing)?;
    transaction.create_own_tables().await?;
    let epoch = ledger::begin_run(&mut *transaction, &name(&start.pipeline, backfill), start).await?;
    D::reached(Point::RunBegins);
    transaction.commit().await.doing(doing)?;
    Ok(epoch)
}
