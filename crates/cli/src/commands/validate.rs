//! `aqueduct validate`.

use std::path::{Path, PathBuf};

use aqueduct_pipeline::pipeline_files;
use aqueduct_pipeline::schema::{Error, Result, codes};

use crate::commands::Context;
use crate::commands::schedule::{mistake_line, mistakes_between};
use crate::output::json_error;

/// Checks pipeline files; with `online` also against the source's own fields. Every file is checked, whatever the others say.
pub(crate) async fn validate(context: &Context, named: Vec<PathBuf>, online: bool, schema: bool) -> Result<u8> {
    if schema {
        context.output.json_line(&aqueduct_pipeline::editor::pipeline_schema(&context.registry));
        return Ok(0);
    }
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for path in if named.is_empty() { vec![PathBuf::from("pipelines")] } else { named } {
        if path.is_dir() || path == Path::new("pipelines") {
            let inside = pipeline_files(&path)?;
            if inside.is_empty() {
                return Err(Error::new(codes::FILE_UNREADABLE, format!("there is no pipeline file in {}/", path.display()))
                    .advise("Pipeline files end with .yaml or .yml. `aqueduct init hubspot` writes one."));
            }
            files.extend(inside.iter().cloned());
            folders.push(inside);
        } else {
            files.push(path);
        }
    }
    // What the files of a folder say of each other.
    let between: Vec<_> = folders.iter().flat_map(|inside| mistakes_between(inside)).collect();
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
    for mistake in between {
        worst = worst.max(mistake.exit_code());
        if context.output.is_json() {
            context.output.json_line(&mistake_line(&mistake));
        } else {
            context.output.error(&mistake);
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
