//! `aqueduct runs PIPELINE`: the runs that a warehouse keeps.

use std::path::Path;

use aqueduct_pipeline::schema::Result;
use aqueduct_pipeline::warehouse::RunRecord;

use crate::commands::Context;
use crate::output::{number, table};

/// Lists the latest runs of a pipeline as its warehouse has them.
pub(crate) async fn stored(context: &Context, named: &Path, limit: u32) -> Result<u8> {
    let pipeline = context.pipeline(named)?;
    let warehouse = aqueduct_pipeline::warehouse::open(pipeline.file.destination()).await?;
    let runs = warehouse.runs(Some(&pipeline.file.name), limit).await?;
    if context.output.is_json() {
        runs.iter().for_each(|run| context.output.json_line(run));
        return Ok(0);
    }
    if runs.is_empty() {
        context.output.answer("The pipeline has not run yet.");
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    context.output.answer(&table(&["run", "began", "seconds", "status", "exit", "read", "loaded", "unchanged", "quarantined"], &rows));
    Ok(0)
}

fn row(run: &RunRecord) -> Vec<String> {
    let sum = |of: fn(&aqueduct_pipeline::warehouse::StreamRecord) -> u64| number(run.streams.iter().map(of).sum());
    let seconds = run.ended_at.map_or_else(|| "-".to_owned(), |end| format!("{:.1}", end.since(run.started_at).as_secs_f64()));
    vec![
        run.run_id.clone(),
        run.started_at.to_string().chars().take(19).chain(['Z']).collect(),
        seconds,
        format!("{:?}", run.status).to_lowercase(),
        run.exit_code.to_string(),
        sum(|stream| stream.read),
        sum(|stream| stream.loaded),
        sum(|stream| stream.unchanged),
        sum(|stream| stream.quarantined),
    ]
}
