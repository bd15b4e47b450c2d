//! `aqueduct validate`.

use std::path::{Path, PathBuf};

use aqueduct_pipeline::schema::{Error, Result, codes};

use crate::commands::Context;
use crate::output::json_error;

/// Checks pipeline files; with `online` also against the source's own fields. Every file is checked, whatever the others say.
pub(crate) async fn validate(context: &Context, named: Vec<PathBuf>, online: bool, schema: bool) -> Result<u8> {
    if schema {
        context.output.json_line(&aqueduct_pipeline::file::json_schema());
        return Ok(0);
    }
    let files = if named.is_empty() { all_files()? } else { named };
    let mut worst = 0;
    for file in &files {
        let outcome = check(context, file, online).await;
        let shown = file.display().to_string();
        if context.output.is_json() {
            let error = outcome.as_ref().err().map(|error| json_error(error)["error"].clone());
            context.output.json_line(&serde_json::json!({ "file": shown, "valid": outcome.is_ok(), "error": error }));
        }
        match outcome {
            Ok(()) => context.output.answer(&format!("{shown}: sound")),
            Err(error) => {
                worst = worst.max(error.exit_code());
                if !context.output.is_json() {
                    context.output.error(&error);
                }
            }
        }
    }
    Ok(worst)
}

async fn check(context: &Context, file: &Path, online: bool) -> Result<()> {
    let pipeline = context.pipeline(file)?;
    // Files on this machine can be looked at without a request to anybody.
    if online || !pipeline.needs_requests() {
        pipeline.connect(&[]).await?;
    }
    Ok(())
}

fn all_files() -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir("pipelines").map_err(|_| {
        Error::new(codes::BAD_USAGE, "there is no folder pipelines/ here").advise("Name the pipeline files, or run where the folder is.")
    })?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"))
        .collect();
    files.sort();
    Ok(files)
}
