//! Work that holds its pipeline, as a run does, and is a run of its own in the ledger.

use std::sync::Arc;

use aqueduct_control::RunKind;
use aqueduct_schema::Result;
use aqueduct_warehouse::{Fence, RunRecord, RunStart, RunStatus, Warehouse};
use tokio::sync::watch;

use crate::lease::Lease;
use crate::ledger::{Asked, Done, Recording, Told};
use crate::observer::Observer;
use crate::pipeline::Pipeline;
use crate::run::{RunOptions, run_id};

/// What work has whose pipeline is held.
#[derive(Clone, Copy)]
pub(crate) struct Held<'a> {
    pub(crate) run_id: &'a str,
    pub(crate) lease: &'a Lease,
    pub(crate) ledger: &'a Recording,
    /// Hears what happens, for the ledger too.
    pub(crate) observer: &'a Arc<dyn Observer>,
}

/// Does something under the pipeline's lease, with an entry in the ledger from its beginning to its end.
///
/// # Errors
/// `AQ5002` while a run is under way, and those of the work, which the ledger then tells.
pub(crate) async fn recorded<T: Told>(
    pipeline: &Pipeline,
    asked: Asked,
    observer: Arc<dyn Observer>,
    stop: watch::Receiver<bool>,
    work: impl AsyncFnOnce(Held<'_>) -> Result<T>,
) -> Result<T> {
    let run_id = run_id(pipeline.clock().now());
    let ledger = Recording::begin(pipeline, &run_id, asked).await;
    let observer = ledger.observer(observer);
    let done = async {
        let lease = Lease::take(pipeline, &run_id, &RunOptions::default(), observer.as_ref(), stop).await?;
        let done = work(Held { run_id: &run_id, lease: &lease, ledger: &ledger, observer: &observer }).await;
        lease.release().await;
        done
    };
    let done = done.await;
    ledger.conclude(done, observer.as_ref()).await
}

/// Does something with a pipeline's warehouse that is no reading of its source.
///
/// # Errors
/// As [`recorded`], and those of the destination.
pub(crate) async fn held<T: Send + Sync>(
    pipeline: &Pipeline,
    kind: RunKind,
    observer: Arc<dyn Observer>,
    work: impl AsyncFnOnce(&dyn Warehouse, &Fence, &Lease) -> Result<T>,
) -> Result<T> {
    let (_never, stop) = watch::channel(false);
    let done = recorded(pipeline, Asked::of(kind), observer, stop, async |held: Held<'_>| {
        let warehouse = pipeline.warehouse().await?;
        let (name, started_at): (Arc<str>, _) = (pipeline.file.name.as_str().into(), pipeline.clock().now());
        let start = RunStart { pipeline: name, run_id: held.run_id.into(), started_at, allow_mass_delete: false };
        let begun = RunRecord::begun(&start);
        let fence = warehouse.begin_run(start).await?;
        held.ledger.in_warehouse();
        let done = work(warehouse.as_ref(), &fence, held.lease).await;
        let (status, exit_code) = match &done {
            Ok(_) => (RunStatus::Ok, 0),
            Err(error) => (RunStatus::Failed, error.exit_code()),
        };
        let record = RunRecord { ended_at: Some(pipeline.clock().now()), status, exit_code, ..begun };
        warehouse.end_run(&fence, &record).await?;
        done.map(Done)
    });
    done.await.map(|Done(answer)| answer)
}
