//! `aqueduct preview`.

use std::path::Path;

use aqueduct_pipeline::schema::Result;

use crate::commands::Context;
use crate::output::table;

/// Shows a few records of each stream as they would be stored.
pub(crate) async fn preview(context: &Context, named: &Path, select: &[String], limit: u64, unmasked: bool) -> Result<u8> {
    let pipeline = context.pipeline(named)?;
    let preview = aqueduct_pipeline::preview::preview(&pipeline, select, limit.max(1), unmasked).await?;
    let output = &context.output;
    if output.is_json() {
        output.json_line(&preview);
        return Ok(0);
    }
    for part in &preview.tables {
        if part.rows.is_empty() {
            continue;
        }
        // Columns without a value in any of the rows say nothing here.
        let filled: Vec<usize> = (0..part.columns.len()).filter(|at| part.rows.iter().any(|row| row[*at].is_some())).collect();
        let headings: Vec<&str> = filled.iter().map(|at| part.columns[*at].as_str()).collect();
        let rows: Vec<Vec<String>> =
            part.rows.iter().map(|row| filled.iter().map(|at| shorten(row[*at].as_deref().unwrap_or(""))).collect()).collect();
        output.answer(&format!("{} (from stream {})\n{}\n", output.bold(&part.table), part.stream, table(&headings, &rows)));
    }
    for (stream, rule, message) in &preview.rejects {
        output.answer(&format!("to quarantine, stream {stream}: {rule}: {message}"));
    }
    let masked = if unmasked { "" } else { " Names, addresses and numbers are masked; --unmasked shows them." };
    output.answer(&format!("{} records were read, nothing was stored.{masked}", preview.read));
    Ok(0)
}

fn shorten(text: &str) -> String {
    let text = text.replace(['\n', '\r', '\t'], " ");
    if text.chars().count() <= 32 { text } else { text.chars().take(31).chain(['…']).collect() }
}
