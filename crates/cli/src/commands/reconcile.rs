//! `aqueduct reconcile`.

use std::sync::Arc;

use aqueduct_pipeline::schema::Result;
use aqueduct_pipeline::warehouse::ReconciledWindow;
use aqueduct_pipeline::{Depth, ReconcileOptions, ReconcileReport};

use crate::arguments::ReconcileArguments;
use crate::commands::Context;
use crate::commands::run::Signals;
use crate::output::{Output, json_error, number, table};
use crate::progress::Progress;

/// Compares a pipeline's source with its warehouse and prints what differs.
pub(crate) async fn reconcile(context: &Context, arguments: ReconcileArguments) -> Result<u8> {
    let ReconcileArguments { pipeline, select, full, sample, repair, allow_mass_delete } = arguments;
    let depth = match sample {
        Some(records) => Depth::Sample(records),
        None if full => Depth::Full,
        None => Depth::Counts,
    };
    let options = ReconcileOptions { select, depth, repair, allow_mass_delete };
    let pipeline = context.pipeline(&pipeline.pipeline)?;
    let output = &context.output;
    let signals = Signals::listen();
    let observer = Arc::new(Progress::new(output));
    let report = aqueduct_pipeline::reconcile(&pipeline, &options, observer, signals.stop.clone()).await?;
    if output.is_json() {
        output.json_line(&json(&report));
    } else {
        output.data(&text(&report, output));
    }
    Ok(report.record.exit_code)
}

fn json(report: &ReconcileReport) -> serde_json::Value {
    let errors = report.errors.iter().map(|(stream, error)| serde_json::json!({"stream": stream, "error": json_error(error)["error"]}));
    let repaired = report
        .repaired
        .iter()
        .map(|(stream, (deleted, read))| serde_json::json!({"stream": stream, "marked_as_deleted": deleted, "read_again": read}));
    serde_json::json!({
        "run_id": report.record.run_id,
        "pipeline": report.record.pipeline,
        "exit_code": report.record.exit_code,
        "agrees": report.windows.iter().all(ReconciledWindow::agrees) && report.errors.is_empty(),
        "windows": report.windows,
        "repaired": repaired.collect::<Vec<_>>(),
        "errors": errors.collect::<Vec<_>>(),
    })
}

fn text(report: &ReconcileReport, output: &Output) -> String {
    let differing = report.windows.iter().filter(|window| !window.agrees()).count();
    let verdict = match (report.errors.is_empty(), differing) {
        (false, _) => "NOT COMPARED: see below",
        (true, 0) => "source and warehouse have the same records",
        (true, _) => "SOURCE AND WAREHOUSE DIFFER",
    };
    let mut text = output.bold(&format!("Pipeline {}: {verdict} (run {})", report.record.pipeline, report.record.run_id));
    if !report.windows.is_empty() {
        let rows: Vec<Vec<String>> = report
            .windows
            .iter()
            .map(|window| {
                let numbers = [window.source, window.warehouse, window.missing, window.extra, window.stale].map(number);
                [window.stream.clone(), window.window.clone()].into_iter().chain(numbers).collect()
            })
            .collect();
        text.push_str("\n\n");
        text.push_str(&table(&["stream", "window", "source", "warehouse", "missing", "extra", "stale"], &rows));
    }
    for (stream, (deleted, read)) in &report.repaired {
        text.push_str(&format!(
            "\n\n{stream} repaired: {} rows marked as deleted, {} records read again.",
            number(*deleted),
            number(*read)
        ));
    }
    if differing > 0 {
        text.push_str(
            "\n\nmissing: at the source alone; extra: in the warehouse alone; stale: older here than there. Which records: table _differences\n\
             (aqueduct.differences in PostgreSQL). What was deleted since the last run is extra until the next one.\n  next: run the pipeline, \
             then reconcile with --repair.",
        );
    }
    for (stream, error) in &report.errors {
        text.push_str(&format!("\n\nStream {stream}: {error}\n  data: {}\n  next: {}", error.data(), error.advice()));
    }
    text
}
