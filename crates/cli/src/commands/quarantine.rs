//! `aqueduct quarantine`.

use std::sync::Arc;

use aqueduct_pipeline::quarantine;
use aqueduct_pipeline::schema::{Error, Result, codes};
use aqueduct_pipeline::warehouse::{QuarantineFilter, QuarantineStatus, QuarantinedRecord};
use aqueduct_pipeline::{Pipeline, ReplayOptions, ReplayReport};

use crate::arguments::{QuarantineAction, Which};
use crate::commands::Context;
use crate::commands::run::Signals;
use crate::output::{Output, json_error, number, table};
use crate::progress::Progress;

/// Lists, shows, replays or discards.
pub(crate) async fn quarantine(context: &Context, action: QuarantineAction) -> Result<u8> {
    let pipeline = context.pipeline(&action.pipeline().pipeline)?;
    let output = &context.output;
    match action {
        QuarantineAction::List { which, status, limit, .. } => list(&pipeline, filter(which, &status), limit, output).await,
        QuarantineAction::Show { id, original, .. } => show(&pipeline, id, original, output).await,
        QuarantineAction::Replay { which, .. } => replay(&pipeline, which, output).await,
        QuarantineAction::Discard { which, by, .. } => {
            let by = by
                .or_else(|| aqueduct_pipeline::Environment::of_process().get("USER").map(str::to_owned))
                .unwrap_or_else(|| "unknown".to_owned());
            let observer = Arc::new(Progress::new(output));
            let discarded = quarantine::discard(&pipeline, &filter(which, "new"), &by, observer).await?;
            if output.is_json() {
                output.json_line(&serde_json::json!({ "discarded": discarded }));
            } else {
                output.answer(&format!("{} given up.", records(discarded)));
            }
            Ok(0)
        }
    }
}

fn filter(which: Which, status: &str) -> QuarantineFilter {
    QuarantineFilter {
        stream: which.stream,
        rule: which.rule,
        row_ids: which.ids,
        status: QuarantineStatus::ALL.into_iter().find(|known| known.word() == status),
        after: None,
    }
}

async fn list(pipeline: &Pipeline, filter: QuarantineFilter, limit: u64, output: &Output) -> Result<u8> {
    let warehouse = aqueduct_pipeline::warehouse::open(pipeline.file.destination()).await?;
    let mut found = warehouse.quarantined(&pipeline.file.name, &filter, limit.saturating_add(1)).await?;
    let more = found.len() as u64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if output.is_json() {
        found.iter().for_each(|row| output.json_line(&json(row)));
        return Ok(0);
    }
    if found.is_empty() {
        output.answer("There is no such record in quarantine.");
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = found.iter().map(cells).collect();
    output.answer(&table(&["id", "stream", "record", "rule", "times", "last seen", "status", "why"], &rows));
    if more {
        output.answer("There are more: --limit, --stream and --rule choose.");
    }
    Ok(0)
}

fn cells(row: &QuarantinedRecord) -> Vec<String> {
    vec![
        row.row_id.chars().take(10).collect(),
        row.stream.clone(),
        row.source_id.clone().or_else(|| row.location.clone()).unwrap_or_else(|| "-".to_owned()),
        row.rule.clone(),
        number(row.times_seen),
        row.last_seen.chars().take(19).chain(['Z']).collect(),
        row.status.clone(),
        row.message.clone(),
    ]
}

/// What is listed as JSON: everything but the sealed original.
fn json(row: &QuarantinedRecord) -> serde_json::Value {
    let mut value = serde_json::to_value(row).unwrap_or_default();
    value["record"] = serde_json::from_str(&row.record).unwrap_or_default();
    value["has_original"] = row.sealed.is_some().into();
    value
}

async fn show(pipeline: &Pipeline, id: String, original: bool, output: &Output) -> Result<u8> {
    let warehouse = aqueduct_pipeline::warehouse::open(pipeline.file.destination()).await?;
    let filter = QuarantineFilter { row_ids: vec![id.clone()], ..QuarantineFilter::default() };
    let found = warehouse.quarantined(&pipeline.file.name, &filter, 2).await?;
    let row = match found.as_slice() {
        [row] => row,
        [] => return Err(Error::new(codes::BAD_USAGE, format!("there is no record `{id}` in quarantine"))),
        _ => return Err(Error::new(codes::BAD_USAGE, format!("several records in quarantine begin with `{id}`"))),
    };
    let mut value = json(row);
    if original {
        value["original"] = serde_json::to_value(quarantine::original(pipeline, row)?).unwrap_or_default();
    }
    if output.is_json() {
        output.json_line(&value);
        return Ok(0);
    }
    let facts = cells(row);
    let mut text = format!("{} of stream {} is in quarantine since {}.", facts[2], row.stream, row.first_seen);
    text.push_str(&format!("\n  rule    {}\n  why     {}\n  status  {}", row.rule, row.message, row.status));
    if let Some(field) = &row.field {
        text.push_str(&format!("\n  field   {field}"));
    }
    if let (Some(at), Some(by)) = (&row.resolved_at, &row.resolved_by) {
        text.push_str(&format!("\n  decided {at} by {by}"));
    }
    let shown = if original { "original" } else { "record" };
    let pairs = value[shown].as_object().cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = pairs.into_iter().map(|(column, value)| vec![column, value.as_str().unwrap_or("-").to_owned()]).collect();
    text.push_str(&format!("\n\n{}", table(&["column", shown], &rows)));
    output.answer(&text);
    if !original && row.sealed.is_some() {
        output.answer("The policy decides what is shown. --original opens the sealed record.");
    }
    Ok(0)
}

async fn replay(pipeline: &Pipeline, which: Which, output: &Output) -> Result<u8> {
    let signals = Signals::listen();
    let options = ReplayOptions { stream: which.stream, rule: which.rule, row_ids: which.ids };
    let report = quarantine::replay(pipeline, &options, Arc::new(Progress::new(output)), signals.stop.clone()).await?;
    if output.is_json() {
        let errors = report.errors.iter().map(|(stream, error)| serde_json::json!({"stream": stream, "error": json_error(error)["error"]}));
        output.json_line(&serde_json::json!({
            "run_id": report.record.run_id,
            "streams": report.record.streams,
            "still_rejected": report.rejected,
            "without_original": report.without_original,
            "errors": errors.collect::<Vec<_>>(),
        }));
    } else {
        output.answer(&told(&report));
    }
    Ok(report.record.exit_code)
}

fn told(report: &ReplayReport) -> String {
    let mut lines = Vec::new();
    for stream in &report.record.streams {
        let good = stream.loaded + stream.unchanged + stream.filtered;
        let mut line = format!("{}: {} left the quarantine", stream.stream, records(good));
        if stream.unchanged > 0 {
            line.push_str(&format!(" ({} of them had become newer rows meanwhile)", number(stream.unchanged)));
        }
        lines.push(format!("{line}."));
    }
    for (stream, rules) in &report.rejected {
        let reasons: Vec<String> = rules.iter().map(|(rule, count)| format!("{} by {rule}", number(*count))).collect();
        lines.push(format!("{stream}: still turned away: {}.", reasons.join(", ")));
    }
    if report.without_original > 0 {
        lines.push(format!(
            "{} cannot be replayed: no original was kept, or it was no whole record.\n  next: mend them at the source; the next run reads them.",
            records(report.without_original)
        ));
    }
    for (stream, error) in &report.errors {
        lines.push(format!("Stream {stream} was not replayed to its end: {error}\n  data: {}\n  next: {}", error.data(), error.advice()));
    }
    if lines.is_empty() {
        lines.push("There is nothing to replay.".to_owned());
    }
    lines.join("\n")
}

fn records(count: u64) -> String {
    format!("{} {}", number(count), if count == 1 { "record" } else { "records" })
}
