//! `aqueduct runs`: the ledger of runs, and the runs that a warehouse keeps.

mod diff;
mod list;
mod show;
mod stored;
mod tail;

use std::path::Path;

use aqueduct_pipeline::control_store::{Control, RunEntry};
use aqueduct_pipeline::schema::{Error, Result, codes};
use aqueduct_pipeline::{ControlAddress, Survey, runs, survey};

use crate::arguments::{RunArgument, RunsAction, RunsArguments};
use crate::commands::{Context, find};

pub(crate) use list::outcome;

/// Lists, shows, follows or compares runs.
pub(crate) async fn runs(context: &Context, arguments: RunsArguments) -> Result<u8> {
    match arguments.action {
        None => match arguments.pipeline {
            Some(pipeline) => stored::stored(context, &pipeline, arguments.limit).await,
            None => Err(Error::new(codes::BAD_USAGE, "no pipeline is named")),
        },
        Some(RunsAction::List { pipeline, limit, status, since }) => {
            list::list(context, pipeline.as_deref(), limit, &status, since.as_deref()).await
        }
        Some(RunsAction::Show { run }) => {
            let (control, entry) = named(context, &run).await?;
            show::show(context, &entry, control.now().await?)
        }
        Some(RunsAction::Tail { pipeline }) => tail::tail(context, pipeline.as_deref()).await,
        Some(RunsAction::Diff { one, other, pipeline }) => {
            let (control, of) = required(context, pipeline.as_deref()).await?;
            let one = runs::find(&control, &one, of.as_deref()).await?;
            let other = runs::find(&control, &other, of.as_deref()).await?;
            diff::diff(context, &one, &other, control.now().await?)
        }
    }
}

/// The run that somebody names, and the store it is in.
pub(crate) async fn named(context: &Context, run: &RunArgument) -> Result<(Control, RunEntry)> {
    let (control, of) = required(context, run.pipeline.as_deref()).await?;
    let entry = runs::find(&control, &run.run, of.as_deref()).await?;
    Ok((control, entry))
}

/// Where the ledger is: that of a pipeline, with its name, or the one of this folder. A pipeline that is no file any more is looked for
/// by its name.
pub(crate) fn address(context: &Context, pipeline: Option<&Path>) -> Result<(ControlAddress, Option<String>)> {
    let here = || ControlAddress::of_folder(Path::new("."), &context.environment(Path::new("pipelines/any.yaml"))?);
    let Some(named) = pipeline else { return Ok((here()?, None)) };
    match find(named) {
        Ok(path) => {
            // Neither the source's credentials nor the files that it names have to be there.
            let Survey { mut pipelines, mistakes } = survey(std::slice::from_ref(&path));
            match (pipelines.pop(), mistakes.into_iter().next()) {
                (Some(pipeline), _) => Ok((pipeline.control(&context.environment(&path)?)?, Some(pipeline.name))),
                (None, mistake) => Err(mistake.unwrap_or_else(|| Error::new(codes::FILE_UNREADABLE, "the pipeline file is gone"))),
            }
        }
        Err(_) if named.extension().is_none() && named.components().count() == 1 => Ok((here()?, Some(named.display().to_string()))),
        Err(error) => Err(error),
    }
}

/// The ledger, which must be there.
async fn required(context: &Context, pipeline: Option<&Path>) -> Result<(Control, Option<String>)> {
    let (address, of) = address(context, pipeline)?;
    let control = address.open_existing().await?.ok_or_else(no_ledger)?;
    Ok((control, of))
}

fn no_ledger() -> Error {
    Error::new(codes::BAD_USAGE, "there is no ledger of runs here").advise(
        "Run a pipeline first, or work in the folder that has `pipelines`; where the control store is named in a pipeline file, name that \
         pipeline.",
    )
}
