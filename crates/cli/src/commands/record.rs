//! `aqueduct record`.

use std::path::Path;

use aqueduct_pipeline::schema::Result;

use crate::commands::Context;
use crate::output::{json_error, number, table};

/// The exit code when something could not be scrubbed and so was not saved.
const REFUSED: u8 = 8;

/// Reads a little and saves what was said, scrubbed.
pub(crate) async fn record(context: &Context, named: &Path, folder: &Path, select: &[String], limit: Option<u64>) -> Result<u8> {
    let pipeline = context.pipeline(named)?;
    let recording = aqueduct_pipeline::record::record(&pipeline, select, limit, &context.whole(folder)).await?;
    let output = &context.output;
    let failed = recording.failed.first().map_or(0, |(_, error)| error.exit_code());
    let code = if recording.refused.is_empty() { failed } else { REFUSED };
    if output.is_json() {
        let streams: Vec<_> =
            recording.streams.iter().map(|(stream, records)| serde_json::json!({"stream": stream, "records": records})).collect();
        let refused: Vec<_> = recording
            .refused
            .iter()
            .map(|refusal| serde_json::json!({"request": refusal.request, "operation": refusal.operation, "reason": refusal.reason}))
            .collect();
        let failed: Vec<_> =
            recording.failed.iter().map(|(what, error)| serde_json::json!({"what": what, "error": json_error(error)["error"]})).collect();
        output.json_line(&serde_json::json!({
            "folder": folder.display().to_string(),
            "exchanges": recording.files.len(),
            "streams": streams,
            "refused": refused,
            "failed": failed,
            "exit_code": code,
        }));
        return Ok(code);
    }
    for (what, error) in &recording.failed {
        output.words(&format!("{what} could not be read to the end:"));
        output.error(error);
    }
    for refusal in &recording.refused {
        output.words(&format!("not saved: {refusal}"));
    }
    let rows: Vec<Vec<String>> = recording.streams.iter().map(|(stream, records)| vec![stream.clone(), number(*records)]).collect();
    if !rows.is_empty() {
        output.answer(&format!("{}\n", table(&["stream", "records"], &rows)));
    }
    let (saved, refused) = (number(recording.files.len() as u64), recording.refused.len());
    output.answer(&format!("{saved} exchanges are in {}, scrubbed.", folder.display()));
    if refused > 0 {
        output.answer(&format!("{} could not be scrubbed and were not saved; the words above say which.", number(refused as u64)));
    }
    output.answer(&format!("Look through them, then: aqueduct replay {}", folder.display()));
    Ok(code)
}
