//! How a load is planned, and what every load and every refresh ends with, in the transaction of its rows.

use std::sync::Arc;

use aqueduct_schema::{Batch, Protected};

use super::{ConnectionOf, Database, Point};
use crate::backfill::ledger as windows;
use crate::cleaning;
use crate::evidence::{DeletedBy, Evidence};
use crate::failure::Failure;
use crate::ledger;
use crate::load_plan::{LoadPlan, Outcome};
use crate::merges::Winners;
use crate::merging;
use crate::quarantine;
use crate::records;
use crate::refresh::{Swap, Swapped};
use crate::session::Session;
use crate::shadow::{self, Redirect};
use crate::snapshot;
use crate::turn::{LoadInto, Turn};
use crate::warehouse::{Fence, Receipt};

/// Loads batches of one stream once their turn has come.
pub(super) async fn load<D: Database>(
    database: &D,
    fence: &Fence,
    into: LoadInto,
    batches: Vec<Batch<Protected>>,
    turn: Turn,
) -> aqueduct_schema::Result<Receipt> {
    let Some(first) = batches.first() else {
        turn.come().await?;
        return Ok(Receipt::default());
    };
    let (shadow, window) = match into {
        LoadInto::Live => (None, None),
        LoadInto::Shadow { kind, fingerprint } => (Some(Redirect::new(fence, kind, &fingerprint)), None),
        LoadInto::Window(window) => (None, Some(window)),
    };
    let memory = database.memory();
    let sequence = memory.sequence.take(fence, first.stream());
    let plan = LoadPlan::new(fence, sequence, records::now(), batches, shadow)?.keeping(&memory.history);
    database.carry_out(fence, LoadPlan { window, ..plan }, turn).await
}

/// Does what follows from the rows of a load: complete snapshots are closed and merges followed, rejected records, the counts of
/// cleaning and the load itself are written down, and the checkpoint goes where it belongs.
pub(crate) async fn conclude<D: Database>(
    connection: &mut ConnectionOf<D>,
    fence: &Fence,
    plan: &LoadPlan,
    winners: &Arc<Winners>,
    mut outcome: Outcome,
) -> Result<Receipt, Failure> {
    let mut evidence = Evidence::default();
    for done in snapshot::close_snapshots(connection, fence, plan).await? {
        evidence.add(DeletedBy::Snapshot, &done);
        outcome.add(&done);
    }
    D::reached(Point::SnapshotsClosed);
    for done in merging::follow(connection, fence, plan, winners).await? {
        evidence.add(DeletedBy::Merge, &done);
        outcome.add(&done);
    }
    connection.store_rejected(fence, plan).await?;
    quarantine::mark_fixed(connection, fence, plan).await?;
    D::reached(Point::QuarantineStored);
    cleaning::record(connection, fence, &plan.stream, &plan.cleaning).await?;
    let receipt = plan.receipt(outcome);
    let now = records::now();
    ledger::write_load(connection, fence, &plan.stream, &receipt, now).await?;
    if plan.shadow.is_none() {
        evidence.record(connection, fence, &plan.stream, (&receipt, now), DeletedBy::of(plan.checkpoint.mode)).await?;
    }
    D::reached(Point::LoadRecorded);
    let state = (&plan.checkpoint.state, now);
    match (&plan.shadow, &plan.window) {
        (Some(redirect), _) => shadow::note(connection, fence, plan, redirect, &receipt).await?,
        (None, Some(window)) => windows::loaded(connection, window, plan, &receipt, now).await?,
        (None, None) => ledger::write_state(connection, &fence.pipeline, &plan.stream, state, Some(&plan.load_id)).await?,
    }
    Ok(receipt)
}

/// Puts a refresh in place, under the fence, and writes down that it did.
pub(crate) async fn put_in_place<D: Database>(connection: &mut ConnectionOf<D>, swap: &Swap<'_>) -> Result<Swapped, Failure> {
    ledger::check_fence(connection, swap.fence).await?;
    let swapped = swap.carry_out(connection).await?;
    D::reached(Point::RefreshPlaced);
    let receipt = &swapped.receipt;
    ledger::write_load(connection, swap.fence, swap.stream, receipt, swap.now).await?;
    Evidence::default().record(connection, swap.fence, swap.stream, (receipt, swap.now), DeletedBy::Refresh).await?;
    let state = (&swapped.state, swap.now);
    ledger::write_state(connection, &swap.fence.pipeline, swap.stream, state, Some(&swap.load_id)).await?;
    Ok(swapped)
}
