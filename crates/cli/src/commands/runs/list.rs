//! `aqueduct runs list`.

use std::path::Path;

use aqueduct_pipeline::control_store::{Outcome, RunEntry, RunFilter};
use aqueduct_pipeline::runs::{amount, moment, span};
use aqueduct_pipeline::schema::{Error, Result, Timestamp, codes};

use super::address;
use crate::arguments::{Status, since};
use crate::commands::{Context, find};
use crate::output::table;

/// Lists runs, the newest first.
pub(crate) async fn list(context: &Context, pipeline: Option<&Path>, limit: usize, status: &[Status], after: Option<&str>) -> Result<u8> {
    let (address, of) = address(context, pipeline)?;
    let Some(control) = address.open_existing().await? else {
        // A folder without pipelines is the wrong one, not one in which nothing has run yet.
        return if pipeline.is_none() && !Path::new("pipelines").is_dir() { Err(super::no_ledger()) } else { Ok(none(context)) };
    };
    let now = control.now().await?;
    let outcomes = match status {
        [] => Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Refused).collect(),
        status => status.iter().map(|status| Outcome::from(*status)).collect(),
    };
    let since = after.map(|text| since(text, now)).transpose().map_err(|message| Error::new(codes::BAD_USAGE, message))?;
    let of_pipeline = RunFilter { pipeline: of.clone(), ..RunFilter::default() };
    let filter = RunFilter { pipeline: of, outcomes, since, limit, ..RunFilter::default() };
    let runs = control.runs(&filter).await?;
    if context.output.is_json() {
        runs.iter().for_each(|run| context.output.json_line(run));
        return Ok(0);
    }
    if runs.is_empty() {
        return match (pipeline, &filter.pipeline) {
            // A name that no pipeline and no run has is a mistake in typing.
            (Some(named), Some(_)) if control.runs(&RunFilter { limit: 1, ..of_pipeline }).await?.is_empty() => {
                find(named).map(|_| none(context))
            }
            _ => Ok(none(context)),
        };
    }
    let headings =
        ["run", "pipeline", "kind", "began", "took", "outcome", "exit", "read", "new", "changed", "deleted", "quarantined", "calls"];
    let rows: Vec<Vec<String>> = runs.iter().map(|run| row(run, now)).collect();
    context.output.answer(&table(&headings, &rows));
    Ok(0)
}

fn none(context: &Context) -> u8 {
    context.output.answer("There is no such run in the ledger.");
    0
}

fn row(run: &RunEntry, now: Timestamp) -> Vec<String> {
    let took = if run.outcome == Outcome::Interrupted && run.ended.is_none() { "?".to_owned() } else { span(run.duration(now)) };
    let counts = run.counts();
    vec![
        run.run_id.clone(),
        run.pipeline.clone(),
        run.kind.words().to_owned(),
        moment(run.began),
        took,
        run.outcome.word().to_owned(),
        run.exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string()),
        amount(counts.read),
        amount(counts.new),
        amount(counts.changed),
        amount(counts.deleted),
        amount(counts.quarantined),
        amount(run.traffic.requests()),
    ]
}

/// How a run ended, in a heading.
pub(crate) fn outcome(run: &RunEntry) -> String {
    match run.exit_code {
        Some(code) => format!("{} (exit code {code})", run.outcome.word()),
        None => run.outcome.word().to_owned(),
    }
}
