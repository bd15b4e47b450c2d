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

/// What differs line by line; months that agree, of which there are many, are one line a stream. All are in `_reconciliation`.
fn rows(windows: &[ReconciledWindow]) -> Vec<Vec<String>> {
    let row = |window: &ReconciledWindow, name: String| {
        let numbers = [window.source, window.warehouse, window.missing, window.extra, window.stale].map(number);
        [window.stream.clone(), name].into_iter().chain(numbers).collect::<Vec<String>>()
    };
    let mut rows = Vec::new();
    for of in windows.chunk_by(|one, other| one.stream == other.stream) {
        let (folded, shown): (Vec<_>, Vec<_>) = of.iter().partition(|window| window.agrees() && window.window != "all");
        rows.extend(shown.iter().map(|window| row(window, window.window.clone())));
        match folded.as_slice() {
            [] => {}
            [one] => rows.push(row(one, one.window.clone())),
            [one, ..] => {
                let sum = |of: fn(&ReconciledWindow) -> u64| folded.iter().map(|window| of(window)).sum();
                let all =
                    ReconciledWindow { source: sum(|window| window.source), warehouse: sum(|window| window.warehouse), ..(*one).clone() };
                rows.push(row(&all, format!("{} that agree", number(folded.len() as u64))));
            }
        }
    }
    rows
}

fn text(report: &ReconcileReport, output: &Output) -> String {
    let differing = report.windows.iter().filter(|window| !window.agrees()).count();
    // Records that changed since a stream was settled are judged by nobody, so numbers may differ where all agrees.
    let is_lagging = differing == 0 && report.windows.iter().any(|window| window.source != window.warehouse);
    let verdict = match (report.errors.is_empty(), differing) {
        (false, _) => "NOT COMPARED: see below",
        (true, 0) if is_lagging => "source and warehouse agree, as far as they are settled",
        (true, 0) => "source and warehouse have the same records",
        (true, _) => "SOURCE AND WAREHOUSE DIFFER",
    };
    let mut text = output.bold(&format!("Pipeline {}: {verdict} (run {})", report.record.pipeline, report.record.run_id));
    if !report.windows.is_empty() {
        text.push_str("\n\n");
        text.push_str(&table(&["stream", "window", "source", "warehouse", "missing", "extra", "stale"], &rows(&report.windows)));
    }
    if is_lagging {
        text.push_str("\n\nThe numbers differ by what has changed since the streams were settled, which the next runs read.");
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
