//! `aqueduct renormalise`.

use std::path::Path;
use std::sync::Arc;

use aqueduct_pipeline::schema::Result;
use aqueduct_pipeline::{RenormaliseOptions, RenormaliseReport};

use crate::commands::Context;
use crate::commands::run::Signals;
use crate::output::{Output, json_error, number, table};
use crate::progress::Progress;

/// Rebuilds the common tables of a pipeline and prints what changed.
pub(crate) async fn renormalise(context: &Context, named: &Path, options: &RenormaliseOptions) -> Result<u8> {
    let pipeline = context.pipeline(named)?;
    let output = &context.output;
    let signals = Signals::listen();
    let report = aqueduct_pipeline::renormalise(&pipeline, options, Arc::new(Progress::new(output)), signals.stop.clone()).await?;
    if output.is_json() {
        output.json_line(&json(&report));
    } else {
        output.data(&text(&report, output));
    }
    Ok(report.record.exit_code)
}

fn json(report: &RenormaliseReport) -> serde_json::Value {
    let errors = report.errors.iter().map(|(stream, error)| serde_json::json!({"stream": stream, "error": json_error(error)["error"]}));
    serde_json::json!({
        "run_id": report.record.run_id,
        "pipeline": report.record.pipeline,
        "exit_code": report.record.exit_code,
        "streams": report.record.streams,
        "source_rows": report.rows.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "left_as_they_are": report.left.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "errors": errors.collect::<Vec<_>>(),
    })
}

fn text(report: &RenormaliseReport, output: &Output) -> String {
    let verdict = if report.errors.is_empty() { "the common tables are made again" } else { "NOT COMPLETE: see below" };
    let mut text = output.bold(&format!("Pipeline {}: {verdict} (run {})", report.record.pipeline, report.record.run_id));
    let rows: Vec<Vec<String>> = report
        .record
        .streams
        .iter()
        .flat_map(|stream| {
            stream.tables.iter().map(|table| {
                let numbers = [table.inserted, table.updated, table.unchanged, table.deleted].map(number);
                [stream.stream.clone(), table.table.clone()].into_iter().chain(numbers).collect()
            })
        })
        .collect();
    text.push_str("\n\n");
    text.push_str(&if rows.is_empty() {
        "No source table has rows that anything maps.".to_owned()
    } else {
        table(&["stream", "table", "new", "changed", "as it was", "deleted"], &rows)
    });
    for stream in report.record.streams.iter().filter(|stream| stream.quarantined > 0) {
        text.push_str(&format!(
            "\n\n{}: {} went to quarantine; their rows are as they were: aqueduct quarantine list {}.",
            stream.stream,
            number(stream.quarantined),
            report.record.pipeline
        ));
    }
    for (stream, fields) in &report.left {
        text.push_str(&format!(
            "\n\n{stream}: as they were: {}. The policy does not keep what they are made from, or a row of theirs.\n  next: aqueduct run {} \
             --full-refresh --select {stream} reads the records again.",
            fields.join(", "),
            report.record.pipeline
        ));
    }
    for (stream, error) in &report.errors {
        text.push_str(&format!("\n\nStream {stream}: {error}\n  data: {}\n  next: {}", error.data(), error.advice()));
    }
    text
}
