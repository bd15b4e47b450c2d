//! Work on a pipeline's warehouse that is no reading of its source.

use std::sync::Arc;

use aqueduct_control::RunKind;
use aqueduct_schema::Result;
use aqueduct_warehouse::{Fence, RunRecord, RunStart, RunStatus, Warehouse};
use tokio::sync::watch;

use crate::lease::Lease;
use crate::ledger::{Asked, Done, Recording, Told};
use crate::observer::{Event, Observer};
use crate::pipeline::Pipeline;
use crate::run::{RunOptions, run_id};

/// Does something while the pipeline is held, as a run of its own in the ledger.
///
/// # Errors
/// `AQ5002` while a run is under way, those of the destination, and those of the work, which the ledger then tells.
pub(crate) async fn held<T>(
    pipeline: &Pipeline,
    kind: RunKind,
    observer: &dyn Observer,
    work: impl AsyncFnOnce(&dyn Warehouse, &Fence, &Lease) -> Result<T>,
) -> Result<T> {
    let run_id = run_id(pipeline.clock().now());
    let (_never, stop) = watch::channel(false);
    let ledger = Recording::begin(pipeline, &run_id, Asked::of(kind)).await;
    let done = held_recorded(pipeline, &run_id, observer, stop, &ledger, work).await;
    let entry = ledger.end(done.as_ref().map(|_| &Done as &dyn Told)).await;
    observer.observe(Event::Ended { entry: &entry });
    done
}

async fn held_recorded<T>(
    pipeline: &Pipeline,
    run_id: &str,
    observer: &dyn Observer,
    stop: watch::Receiver<bool>,
    ledger: &Recording,
    work: impl AsyncFnOnce(&dyn Warehouse, &Fence, &Lease) -> Result<T>,
) -> Result<T> {
    let lease = Lease::take(pipeline, run_id, &RunOptions::default(), observer, stop).await?;
    let done = async {
        let warehouse = pipeline.warehouse().await?;
        let (name, started_at): (Arc<str>, _) = (pipeline.file.name.as_str().into(), pipeline.clock().now());
        let start = RunStart { pipeline: name, run_id: run_id.into(), started_at, allow_mass_delete: false };
        let begun = RunRecord::begun(&start);
        let fence = warehouse.begin_run(start).await?;
        ledger.in_warehouse();
        let done = work(warehouse.as_ref(), &fence, &lease).await;
        let (status, exit_code) = match &done {
            Ok(_) => (RunStatus::Ok, 0),
            Err(error) => (RunStatus::Failed, error.exit_code()),
        };
        let record = RunRecord { ended_at: Some(pipeline.clock().now()), status, exit_code, ..begun };
        warehouse.end_run(&fence, &record).await?;
        done
    };
    let done = done.await;
    lease.release().await;
    done
}
