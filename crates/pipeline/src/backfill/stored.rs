//! Backfills as their destination has them: listed, looked at, gone on with, asked to pause.

use aqueduct_schema::{Error, Result, codes};
use aqueduct_warehouse::{Backfill, BackfillState, BackfillWindow, Warehouse};

use super::Resume;
use crate::pipeline::Pipeline;

/// The backfill to go on with: one with the same arguments that is not complete, or the one that is asked for.
pub(super) async fn unfinished(
    warehouse: &dyn Warehouse,
    pipeline: &str,
    arguments: &str,
    resume: Option<&Resume>,
) -> Result<Option<Backfill>> {
    let backfills = warehouse.backfills(pipeline).await?;
    let found = backfills.into_iter().find(|backfill| {
        backfill.state != BackfillState::Complete
            && match resume {
                None => backfill.arguments == arguments,
                Some(Resume::Newest) => true,
                Some(Resume::Id(id)) => backfill.id == *id,
            }
    });
    if found.is_none() && resume.is_some() {
        let message = format!("there is no backfill of `{pipeline}` to go on with");
        return Err(Error::new(codes::BAD_USAGE, message).advise("`aqueduct backfill list PIPELINE` shows the backfills there are."));
    }
    Ok(found)
}

/// A backfill with its windows.
pub(super) async fn stored(warehouse: &dyn Warehouse, pipeline: &str, id: &str) -> Result<(Backfill, Vec<BackfillWindow>)> {
    let found = warehouse.backfills(pipeline).await?.into_iter().find(|backfill| backfill.id == id);
    let backfill = found.ok_or_else(|| {
        let error = Error::new(codes::BAD_USAGE, format!("there is no backfill `{id}`"));
        error.advise("`aqueduct backfill list PIPELINE` shows the backfills there are.")
    })?;
    let windows = warehouse.backfill_windows(id).await?;
    Ok((backfill, windows))
}

/// The backfills of a pipeline, newest first.
///
/// # Errors
/// `AQ4001` when the destination cannot be reached.
pub async fn backfills(pipeline: &Pipeline) -> Result<Vec<Backfill>> {
    pipeline.warehouse().await?.backfills(&pipeline.file.name).await
}

/// A backfill with its windows: the one of this id, or the newest.
///
/// # Errors
/// `AQ1001` when there is none.
pub async fn backfill_status(pipeline: &Pipeline, id: Option<&str>) -> Result<(Backfill, Vec<BackfillWindow>)> {
    let warehouse = pipeline.warehouse().await?;
    let name = &pipeline.file.name;
    let newest = match id {
        Some(id) => id.to_owned(),
        None => warehouse.backfills(name).await?.into_iter().next().map(|backfill| backfill.id).ok_or_else(|| {
            let error = Error::new(codes::BAD_USAGE, format!("there is no backfill of `{name}`"));
            error.advise("`aqueduct backfill PIPELINE --from DATE` begins one; with --plan it only says what it would do.")
        })?,
    };
    stored(warehouse.as_ref(), name, &newest).await
}

/// Asks a backfill to pause: the one of this id, or the newest that is not complete. Whoever carries it out stops with a checkpoint
/// within a page or so.
///
/// # Errors
/// `AQ1001` when there is none.
pub async fn pause_backfill(pipeline: &Pipeline, id: Option<&str>) -> Result<Backfill> {
    let warehouse = pipeline.warehouse().await?;
    let which = id.map_or(Resume::Newest, |id| Resume::Id(id.to_owned()));
    let found = unfinished(warehouse.as_ref(), &pipeline.file.name, "", Some(&which)).await?;
    let Some(found) = found else { return Err(Error::new(codes::BUG, "a backfill that was found is not there")) };
    warehouse.ask_pause(&found.id, true).await?;
    Ok(stored(warehouse.as_ref(), &pipeline.file.name, &found.id).await?.0)
}
