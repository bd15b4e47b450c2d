//! `aqueduct backfill`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aqueduct_pipeline::schema::{ErrorKind, Result};
use aqueduct_pipeline::warehouse::{Backfill, BackfillState, BackfillWindow};
use aqueduct_pipeline::{BackfillOptions, BackfillReport, Pipeline, Plan, Resume};

use crate::arguments::{BackfillAction, BackfillArguments, Pace};
use crate::backfill_progress::BackfillProgress;
use crate::backfill_words::{ledger, plan_words};
use crate::commands::Context;
use crate::commands::run::Signals;
use crate::output::{json_error, table};

/// Plans or carries out a backfill, or says something about one.
pub(crate) async fn backfill(context: &Context, arguments: BackfillArguments) -> Result<u8> {
    let BackfillArguments { action, pipeline, from, to, window, streams, pace, plan } = arguments;
    let Some(action) = action else {
        let options = BackfillOptions { from, until: to, window, select: streams, ..options(pace) };
        let pipeline = context.pipeline(&pipeline.unwrap_or_default())?;
        return if plan { show_plan(context, pipeline, &options).await } else { carry_out(context, pipeline, &options).await };
    };
    match action {
        BackfillAction::Pause { named } => pause(context, &named.name).await,
        BackfillAction::Resume { named, pace } => {
            let (pipeline, id) = find(context, &named.name)?;
            let resume = Some(id.map_or(Resume::Newest, Resume::Id));
            carry_out(context, pipeline, &BackfillOptions { resume, ..options(pace) }).await
        }
        BackfillAction::Status { named, windows } => status(context, &named.name, windows).await,
        BackfillAction::List { named } => list(context, &named.name).await,
    }
}

fn options(pace: Pace) -> BackfillOptions {
    BackfillOptions { parallel: pace.parallel, max_calls: pace.max_calls, ..BackfillOptions::default() }
}

/// The pipeline that somebody names, and the id of a backfill, which begins with the pipeline's name.
fn find(context: &Context, named: &str) -> Result<(Pipeline, Option<String>)> {
    let missing = match context.pipeline(Path::new(named)) {
        Err(error) => error,
        pipeline => return pipeline.map(|pipeline| (pipeline, None)),
    };
    let Some((name, _)) = named.rsplit_once(':') else { return Err(missing) };
    let file = [PathBuf::from(name), PathBuf::from(format!("{name}.yaml"))].into_iter().find(|file| crate::commands::find(file).is_ok());
    let pipeline = context.pipeline(&file.ok_or(missing)?)?;
    Ok((pipeline, Some(named.to_owned())))
}

async fn show_plan(context: &Context, pipeline: Pipeline, options: &BackfillOptions) -> Result<u8> {
    let output = &context.output;
    let name = pipeline.file.name.clone();
    let plan = aqueduct_pipeline::plan_backfill(pipeline, options).await?;
    if output.is_json() {
        output.json_line(&plan_json(&name, &plan));
    } else {
        output.data(&plan_words(&name, &plan, output));
    }
    Ok(0)
}

fn plan_json(name: &str, plan: &Plan) -> serde_json::Value {
    let mut value = serde_json::to_value(plan).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("pipeline".to_owned(), name.into());
    }
    value
}

async fn carry_out(context: &Context, pipeline: Pipeline, options: &BackfillOptions) -> Result<u8> {
    let output = &context.output;
    let signals = Signals::listen();
    let observer = Arc::new(BackfillProgress::new(output, &pipeline.file.name));
    let report = aqueduct_pipeline::backfill(pipeline, options, observer.clone(), signals.stop.clone()).await;
    observer.end();
    let report = match report {
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            output.error(&error);
            return Ok(signals.exit_code());
        }
        report => report?,
    };
    if output.is_json() {
        output.json_line(&report_json(&report));
    } else {
        output.data(&ledger(&report.backfill, &report.windows, false, output));
        output.answer(&closing(&report));
    }
    Ok(if report.interrupted { signals.exit_code() } else { report.exit_code })
}

/// What comes after the ledger.
fn closing(report: &BackfillReport) -> String {
    let mut text = String::new();
    for (stream, error) in &report.errors {
        let of = if stream.is_empty() { String::new() } else { format!("Stream {stream}: ") };
        text.push_str(&format!("\n{of}{error}\n  data: {}\n  next: {}", error.data(), error.advice()));
    }
    let word = match report.backfill.state {
        BackfillState::Paused => Some("It is paused"),
        BackfillState::Stopped if report.interrupted => Some("It was interrupted after a checkpoint"),
        _ => None,
    };
    if let Some(word) = word {
        text.push_str(&format!("\n{word}; `aqueduct backfill resume {}` goes on.", report.backfill.id));
    }
    text
}

fn report_json(report: &BackfillReport) -> serde_json::Value {
    let errors: Vec<_> =
        report.errors.iter().map(|(stream, error)| serde_json::json!({"stream": stream, "error": json_error(error)["error"]})).collect();
    let mut value = status_json(&report.backfill, &report.windows);
    if let Some(object) = value.as_object_mut() {
        object.insert("run_id".to_owned(), report.run_id.clone().into());
        object.insert("exit_code".to_owned(), report.exit_code.into());
        object.insert("calls".to_owned(), report.calls.into());
        object.insert("errors".to_owned(), errors.into());
    }
    value
}

fn status_json(backfill: &Backfill, windows: &[BackfillWindow]) -> serde_json::Value {
    let mut value = backfill_json(backfill);
    if let Some(object) = value.as_object_mut() {
        object.insert("windows".to_owned(), serde_json::json!(windows));
    }
    value
}

/// A backfill with its arguments as values and not as text.
fn backfill_json(backfill: &Backfill) -> serde_json::Value {
    let mut value = serde_json::to_value(backfill).unwrap_or_default();
    if let (Some(object), Ok(arguments)) = (value.as_object_mut(), serde_json::from_str(&backfill.arguments)) {
        object.insert("arguments".to_owned(), arguments);
    }
    value
}

async fn pause(context: &Context, named: &str) -> Result<u8> {
    let (pipeline, id) = find(context, named)?;
    let backfill = aqueduct_pipeline::pause_backfill(&pipeline, id.as_deref()).await?;
    let output = &context.output;
    if output.is_json() {
        output.json_line(&backfill_json(&backfill));
    }
    output.answer(&match backfill.state {
        BackfillState::Paused => format!("{} is paused.", backfill.id),
        _ => format!("{} is asked to pause: it stops with a checkpoint after the pages under way.", backfill.id),
    });
    Ok(0)
}

async fn status(context: &Context, named: &str, every: bool) -> Result<u8> {
    let (pipeline, id) = find(context, named)?;
    let (backfill, windows) = aqueduct_pipeline::backfill_status(&pipeline, id.as_deref()).await?;
    let output = &context.output;
    if output.is_json() {
        output.json_line(&status_json(&backfill, &windows));
    } else {
        output.data(&ledger(&backfill, &windows, every, output));
    }
    Ok(0)
}

async fn list(context: &Context, named: &str) -> Result<u8> {
    let (pipeline, _) = find(context, named)?;
    let backfills = aqueduct_pipeline::backfills(&pipeline).await?;
    let output = &context.output;
    if output.is_json() {
        backfills.iter().for_each(|backfill| output.json_line(&backfill_json(backfill)));
        return Ok(0);
    }
    if backfills.is_empty() {
        output.answer("There is no backfill yet.");
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = backfills
        .iter()
        .map(|backfill| vec![backfill.id.clone(), state(backfill).to_owned(), backfill.span.to_string(), asked(backfill)])
        .collect();
    output.answer(&table(&["backfill", "state", "span", "asked"], &rows));
    Ok(0)
}

/// What a backfill was asked for, as one asks for it again.
fn asked(backfill: &Backfill) -> String {
    let arguments: serde_json::Value = serde_json::from_str(&backfill.arguments).unwrap_or_default();
    let text = |name: &str| arguments[name].as_str().map(|text| text.trim_end_matches("T00:00:00Z").to_owned());
    let streams: Vec<&str> = arguments["streams"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    let streams = (!streams.is_empty()).then(|| streams.join(","));
    let given = [("--from", text("from")), ("--to", text("to")), ("--window", text("window")), ("--streams", streams)];
    let words: Vec<String> = given.into_iter().filter_map(|(flag, value)| Some(format!("{flag} {}", value?))).collect();
    if words.is_empty() { "everything".to_owned() } else { words.join(" ") }
}

/// The word for a backfill's state.
pub(crate) fn state(backfill: &Backfill) -> &'static str {
    match backfill.state {
        BackfillState::Running if backfill.pause_asked => "running, asked to pause",
        state => state.word(),
    }
}
