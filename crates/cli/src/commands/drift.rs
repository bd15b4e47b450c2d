//! `aqueduct drift`.

use std::path::Path;

use aqueduct_pipeline::Waiting;
use aqueduct_pipeline::schema::Result;
use aqueduct_pipeline::warehouse::RecordedChange;

use crate::commands::Context;
use crate::output::table;

/// Every stream, in place of a stream's name.
pub(crate) const EVERY_STREAM: &str = "*";

/// Lists what the source has changed and what waits to be accepted; or accepts it.
pub(crate) async fn drift(context: &Context, named: &Path, accept: Option<&str>, limit: u32) -> Result<u8> {
    let pipeline = context.pipeline(named)?;
    let output = &context.output;
    if let Some(stream) = accept {
        let accepted = pipeline.accept_changes(Some(stream).filter(|stream| *stream != EVERY_STREAM)).await?;
        if output.is_json() {
            output.json_line(&serde_json::json!({ "accepted": accepted }));
        }
        match accepted.is_empty() {
            true => output.answer("Nothing waited to be accepted."),
            false => accepted.iter().for_each(|stream| output.answer(&format!("{stream}: accepted as the last run saw it."))),
        }
        return Ok(0);
    }
    let (changes, waiting) = (pipeline.schema_changes(limit).await?, pipeline.waiting_changes().await?);
    if output.is_json() {
        changes.iter().for_each(|change| output.json_line(change));
        return Ok(0);
    }
    if changes.is_empty() {
        output.answer("No run has found a change at the source.");
    } else {
        let rows: Vec<Vec<String>> = changes.iter().map(row).collect();
        output.answer(&table(&["when", "stream", "field", "change", "before", "after"], &rows));
    }
    for waiting in &waiting {
        output.answer(&told(waiting, &pipeline.file.name));
    }
    Ok(0)
}

fn row(recorded: &RecordedChange) -> Vec<String> {
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let change = &recorded.change;
    vec![
        recorded.at.to_string().chars().take(19).chain(['Z']).collect(),
        change.stream.clone(),
        dash(&change.field),
        change.kind.word().to_owned(),
        dash(&change.before),
        dash(&change.after),
    ]
}

fn told(waiting: &Waiting, pipeline: &str) -> String {
    let stream = &waiting.stream;
    let mut text = String::new();
    if !waiting.frozen.is_empty() {
        text.push_str(&format!("\nStream {stream} is not read, because the contract freezes it:"));
        waiting.frozen.iter().for_each(|change| text.push_str(&format!("\n  {change}")));
    }
    if !waiting.left_out.is_empty() {
        text.push_str(&format!("\nNot stored of stream {stream}, because the contract waits: {}", waiting.left_out.join(", ")));
    }
    text.push_str(&format!("\n  next: aqueduct drift {pipeline} --accept {stream}"));
    text
}
