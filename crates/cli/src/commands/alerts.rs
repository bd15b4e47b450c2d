//! `aqueduct alerts`.

use std::path::{Path, PathBuf};

use aqueduct_pipeline::schema::{Error, Result, codes};
use aqueduct_pipeline::{Clock, SystemClock};
use aqueduct_server::alerts::{AlertSettings, Notifier};
use aqueduct_server::project::{FILE, Project};

use crate::arguments::AlertsAction;
use crate::commands::Context;

/// The exit code when a sink did not take its message: what is at the other end failed.
const NOT_TAKEN: u8 = 5;

/// Checks the alerts, or tries them out.
pub(crate) async fn alerts(context: &Context, action: AlertsAction) -> Result<u8> {
    let (AlertsAction::Check { file } | AlertsAction::Test { file }) = &action;
    let path = file.file.clone().unwrap_or_else(|| PathBuf::from(FILE));
    let settings = read(context, &path)?;
    match action {
        AlertsAction::Check { .. } => {
            check(context, &path, &settings);
            Ok(0)
        }
        AlertsAction::Test { .. } => Ok(test(context, &settings).await),
    }
}

fn read(context: &Context, path: &Path) -> Result<AlertSettings> {
    if !path.is_file() {
        let error = Error::new(codes::FILE_UNREADABLE, format!("there is no file `{}`", path.display()));
        return Err(
            error.advise("Run where the folder pipelines/ is, or name the file with --alerts. docs/monitoring.md has one to start from.")
        );
    }
    let project = Project::read(path, &context.environment(path)?)?;
    project.alerts.ok_or_else(|| {
        Error::new(codes::BAD_ALERTS, "the file has no section `alerts`, so nobody is told of anything").at(
            path.display().to_string(),
            1,
            0,
        )
    })
}

fn check(context: &Context, path: &Path, settings: &AlertSettings) {
    let sinks = settings.sink_words();
    if context.output.is_json() {
        let sinks: Vec<_> = sinks.iter().map(|(name, words)| serde_json::json!({ "sink": name, "is": words })).collect();
        context.output.json_line(&serde_json::json!({ "file": path.display().to_string(), "valid": true, "sinks": sinks }));
        return;
    }
    context.output.answer(&format!("{}: sound", path.display()));
    for (name, words) in sinks {
        context.output.answer(&format!("  {name}: {words}"));
    }
    context.output.answer("`aqueduct alerts test` sends a message through each.");
}

async fn test(context: &Context, settings: &AlertSettings) -> u8 {
    let mut code = 0;
    for tested in Notifier::test(settings, SystemClock.now()).await {
        let reason = tested.sent.as_ref().err().map(|not_sent| not_sent.reason.clone());
        if reason.is_some() {
            code = NOT_TAKEN;
        }
        if context.output.is_json() {
            let value = serde_json::json!({ "sink": tested.sink, "is": tested.words, "sent": reason.is_none(), "reason": reason });
            context.output.json_line(&value);
            continue;
        }
        match reason {
            None => context.output.answer(&format!("{}: sent ({})", tested.sink, tested.words)),
            Some(reason) => context.output.answer(&format!("{}: NOT sent ({}): {reason}", tested.sink, tested.words)),
        }
    }
    code
}
