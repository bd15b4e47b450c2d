//! `aqueduct run`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use aqueduct_pipeline::schema::Result;
use aqueduct_pipeline::warehouse::RunStatus;
use aqueduct_pipeline::{Pipeline, RunOptions, RunReport};
use tokio::sync::watch;

use crate::cleaning_summary;
use crate::commands::{Context, shown_destination};
use crate::output::{Output, json_error};
use crate::progress::Progress;
use crate::summary::summary;

/// Runs a pipeline and prints what it did.
pub(crate) async fn run(context: &Context, named: &Path, options: &RunOptions) -> Result<u8> {
    let pipeline = context.pipeline(named)?;
    let signals = Signals::listen();
    let report = execute(&pipeline, options, &context.output, signals.stop.clone()).await?;
    print(&report, &pipeline, &context.output);
    Ok(if report.record.status == RunStatus::Interrupted { signals.exit_code() } else { report.record.exit_code })
}

/// Runs a pipeline with progress on standard error.
pub(crate) async fn execute(pipeline: &Pipeline, options: &RunOptions, output: &Output, stop: watch::Receiver<bool>) -> Result<RunReport> {
    aqueduct_pipeline::run(pipeline, options, Arc::new(Progress::new(output)), stop).await
}

/// Prints a report: the ledger's entry with errors as JSON, or the summary.
pub(crate) fn print(report: &RunReport, pipeline: &Pipeline, output: &Output) {
    if output.is_json() {
        let errors: Vec<_> = report
            .errors
            .iter()
            .map(|(stream, error)| serde_json::json!({"stream": stream, "error": json_error(error)["error"]}))
            .collect();
        let mut value = serde_json::to_value(&report.record).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.insert("errors".to_owned(), errors.into());
            object.insert("dry_run".to_owned(), report.dry_run.into());
            object.insert("identities".to_owned(), serde_json::json!(report.identities));
            object.insert("policy".to_owned(), serde_json::json!(report.policy));
            object.insert("schema_changes".to_owned(), serde_json::json!(report.drift.changes));
            object.insert("columns_filled".to_owned(), serde_json::json!(report.drift.filled));
            object.insert("columns_lacking".to_owned(), serde_json::json!(report.drift.lacking));
            object.insert("fields_not_accepted".to_owned(), serde_json::json!(report.drift.left_out));
            object.insert("fields_not_selected".to_owned(), serde_json::json!(report.left_out));
            object.insert("cleaning".to_owned(), cleaning_summary::json(report));
        }
        output.json_line(&value);
    } else {
        output.data(&summary(report, &shown_destination(pipeline.file.destination().expose()), output));
    }
}

/// The signals that end a run after a checkpoint: the first asks for it, the second ends the process at once.
pub(crate) struct Signals {
    pub(crate) stop: watch::Receiver<bool>,
    code: Arc<AtomicU8>,
}

impl Signals {
    pub(crate) fn listen() -> Self {
        let (sender, stop) = watch::channel(false);
        let code = Arc::new(AtomicU8::new(130));
        let shared = code.clone();
        tokio::spawn(async move {
            loop {
                let received = next_signal().await;
                if *sender.borrow() {
                    #[expect(clippy::disallowed_methods, reason = "a second signal means now; what is committed is whole")]
                    std::process::exit(i32::from(received));
                }
                shared.store(received, Ordering::SeqCst);
                sender.send_replace(true);
            }
        });
        Self { stop, code }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.code.load(Ordering::SeqCst)
    }
}

/// Waits for SIGINT (130) or SIGTERM (143).
async fn next_signal() -> u8 {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        return tokio::select! {
            _ = tokio::signal::ctrl_c() => 130,
            _ = terminate.recv() => 143,
        };
    }
    let _ = tokio::signal::ctrl_c().await;
    130
}
