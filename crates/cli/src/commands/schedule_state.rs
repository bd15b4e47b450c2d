//! `aqueduct schedule pause`, `resume` and `status`: what the control store knows of schedules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aqueduct_pipeline::control_store::Control;
use aqueduct_pipeline::control_store::occurrence::{Occurrence, OccurrenceId, State};
use aqueduct_pipeline::control_store::standing::{Outcome, Pause, Standing};
use aqueduct_pipeline::runs::moment;
use aqueduct_pipeline::schema::{Error, Result, Timestamp, codes};
use aqueduct_pipeline::{Clock, Scheduled, SystemClock, file, survey};
use serde_json::{Value, json};

use crate::commands::schedule::scheduled;
use crate::commands::{Context, find};
use crate::output::table;

/// Who asks, where it is asked here.
const COMMAND_LINE: &str = "command line";
/// How many of a pipeline's latest occurrences are looked at.
const RECENT: usize = 20;

/// Pauses a pipeline's schedule.
pub(crate) async fn pause(context: &Context, named: &Path, reason: Option<String>) -> Result<u8> {
    let (name, control) = open(context, named).await?;
    let pause = Pause { since: SystemClock.now(), by: COMMAND_LINE.to_owned(), reason };
    let paused = control.pause_schedule(&name, &pause).await?;
    let since = paused.document.as_ref().and_then(|standing| standing.paused.as_ref()).map(|pause| pause.since);
    if context.output.is_json() {
        context.output.json_line(&json!({ "pipeline": name, "paused": true, "changed": paused.done, "since": since }));
        return Ok(0);
    }
    match paused.done {
        true => context.output.answer(&format!(
            "{name} is paused. What is running goes on; what falls due until `aqueduct schedule resume {name}` is not run."
        )),
        false => context.output.answer(&format!("{name} is paused already, since {}.", since.map_or_else(String::new, moment))),
    }
    Ok(0)
}

/// Ends the pause of a pipeline's schedule.
pub(crate) async fn resume(context: &Context, named: &Path) -> Result<u8> {
    let (name, control) = open(context, named).await?;
    let resumed = control.resume_schedule(&name, SystemClock.now()).await?;
    if context.output.is_json() {
        context.output.json_line(&json!({ "pipeline": name, "paused": false, "changed": resumed.done }));
        return Ok(0);
    }
    context.output.answer(&match resumed.done {
        true => format!("{name} runs by its schedule again."),
        false => format!("{name} was not paused here. `paused: true` in its file is taken out there."),
    });
    Ok(0)
}

async fn open(context: &Context, named: &Path) -> Result<(String, Control)> {
    let path = find(named)?;
    let environment = context.environment(&path)?;
    let mut found = survey(std::slice::from_ref(&path));
    let name = match (found.pipelines.pop(), found.mistakes.into_iter().next()) {
        (Some(pipeline), _) => pipeline.name,
        (None, Some(mistake)) => return Err(mistake),
        (None, None) => return Err(Error::new(codes::BUG, "a pipeline file is neither right nor wrong")),
    };
    let address = file::outline(&path, &environment)?.control;
    Ok((name, Control::open(&address.url, address.key).await?))
}

/// Shows what is running and what waits, how each pipeline's last run ended, and what comes next.
pub(crate) async fn status(context: &Context, named: &[PathBuf]) -> Result<u8> {
    let Some(pipelines) = scheduled(context, named)? else { return Ok(2) };
    let now = SystemClock.now();
    let mut stores: BTreeMap<String, (Control, BTreeMap<String, Standing>)> = BTreeMap::new();
    let mut rows = Vec::new();
    for pipeline in &pipelines {
        let environment = context.environment(&pipeline.file)?;
        let address = file::outline(&pipeline.file, &environment)?.control;
        let url = address.url.expose().to_owned();
        if !stores.contains_key(&url) {
            let control = Control::open(&address.url, address.key).await?;
            let standings = control.schedules().await?.into_iter().collect();
            stores.insert(url.clone(), (control, standings));
        }
        let Some((control, standings)) = stores.get(&url) else { continue };
        let standing = standings.get(&pipeline.name);
        let told = told(control, pipeline, standing, now).await?;
        match context.output.is_json() {
            true => context.output.json_line(&told),
            false => rows.push(row(&told)),
        }
    }
    if !context.output.is_json() {
        context.output.answer(&table(&["pipeline", "state", "last", "next"], &rows));
    }
    Ok(0)
}

/// The state of a pipeline as JSON.
async fn told(control: &Control, pipeline: &Scheduled, standing: Option<&Standing>, now: Timestamp) -> Result<Value> {
    let mut open = Vec::new();
    for occurrence in standing.map(|standing| standing.open.as_slice()).unwrap_or_default() {
        let id = OccurrenceId::new(&pipeline.name, occurrence.at);
        let found = control.occurrence(&id).await?;
        open.push(open_told(occurrence.at, occurrence.starts_at(), found.as_ref()));
    }
    // What `run --scheduled` has run stands in no scheduler's notes.
    let latest = control.occurrences(&pipeline.name, now, RECENT).await?;
    let known = |at: Timestamp| standing.is_some_and(|standing| standing.open.iter().any(|open| open.at == at));
    let called = latest.iter().rev().filter(|occurrence| !occurrence.is_over() && !known(occurrence.at));
    open.extend(called.map(|occurrence| open_told(occurrence.at, occurrence.at, Some(occurrence))));
    let ended: Vec<Outcome> = latest.iter().filter_map(Outcome::of).collect();
    let noted = standing.and_then(|standing| Some((standing.last.clone()?, standing.last_success_at, standing.failures)));
    let (last, last_success_at, failures) = match (noted, ended.first()) {
        (Some((last, success, failures)), first) if first.is_none_or(|first| first.ended_at <= last.ended_at) => {
            (Some(last), success, failures)
        }
        (noted, first) => {
            let is_well = |outcome: &&Outcome| outcome.exit.code == Some(0);
            let success = ended.iter().find(is_well).map(|outcome| outcome.ended_at).or(noted.and_then(|(_, success, _)| success));
            let failures = ended.iter().position(|outcome| is_well(&outcome)).unwrap_or(ended.len());
            (first.cloned(), success, u32::try_from(failures).unwrap_or(u32::MAX))
        }
    };
    let skipped = standing.and_then(|standing| standing.skipped.clone());
    let skipped = skipped.or_else(|| {
        latest.iter().find_map(|occurrence| match &occurrence.state {
            State::Skipped(skipped) => Some((occurrence.at, skipped.clone())),
            _ => None,
        })
    });
    let schedule = pipeline.schedule.as_ref();
    let paused = standing.and_then(|standing| standing.paused.as_ref());
    let in_file = schedule.is_some_and(aqueduct_pipeline::schedule::Schedule::paused);
    let paused = match paused {
        Some(pause) => json!({ "since": pause.since, "by": pause.by, "reason": pause.reason }),
        None if in_file => json!({ "by": "pipeline file" }),
        None => Value::Null,
    };
    let after = standing.map_or(now, |standing| standing.looked_at.max(now));
    let next = schedule.filter(|_| paused.is_null()).and_then(|schedule| {
        let after = after.to_string().parse().ok()?;
        Some(schedule.next_after(after)?.to_string())
    });
    Ok(json!({
        "pipeline": pipeline.name,
        "schedule": schedule.map(aqueduct_pipeline::schedule::Schedule::words),
        "paused": paused,
        "open": open,
        "last": last,
        "last_success_at": last_success_at,
        "failures_in_a_row": failures,
        "last_skipped": skipped.map(|(at, skipped)| json!({
            "at": at, "why": skipped.why, "about": skipped.about, "count": skipped.count,
        })),
        "next": next,
    }))
}

fn open_told(at: Timestamp, starts_at: Timestamp, found: Option<&Occurrence>) -> Value {
    let (state, rest) = match found.map(|found| &found.state) {
        None => ("due", json!({ "starts_at": starts_at })),
        Some(State::Due { not_before }) => ("due", json!({ "starts_at": not_before.unwrap_or(starts_at) })),
        Some(State::Claimed(claim)) => ("claimed", json!({ "by": claim.instance, "host": claim.holder.host, "attempt": claim.attempt })),
        Some(State::Begun(run)) => (
            "begun",
            json!({
                "run": run.holder.run_id, "since": run.since, "host": run.holder.host, "process": run.holder.process,
                "attempt": run.attempt, "by": run.instance, "stop": run.stop,
            }),
        ),
        Some(State::Ended(ended)) => ("ended", json!({ "exit_code": ended.exit_code, "run": ended.run_id })),
        Some(State::Skipped(skipped)) => ("skipped", json!({ "why": skipped.why })),
    };
    let mut value = json!({ "at": at, "state": state, "attempts": found.map_or(0, |found| found.tally.attempts) });
    if let (Some(value), Value::Object(rest)) = (value.as_object_mut(), rest) {
        value.extend(rest);
    }
    value
}

fn row(told: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let open = told["open"].as_array().map(Vec::as_slice).unwrap_or_default();
    let running = open.iter().find(|open| open["state"] == "begun");
    let state = match (running, open.first()) {
        (Some(run), _) => format!("running since {}, run {}", short(&run["since"]), text(&run["run"])),
        (None, _) if !told["paused"].is_null() => {
            let reason = told["paused"]["reason"].as_str().map_or_else(String::new, |reason| format!(": {reason}"));
            format!("paused by {}{reason}", text(&told["paused"]["by"]))
        }
        (None, Some(open)) if open["state"] == "claimed" => "starting".to_owned(),
        (None, Some(open)) if open["attempts"].as_u64() > Some(0) => format!("tried again at {}", short(&open["starts_at"])),
        (None, Some(open)) => format!("waiting, due {}", short(&open["at"])),
        (None, None) => "idle".to_owned(),
    };
    let last = &told["last"];
    let last = match (&last["ended_at"], last["code"].as_u64()) {
        (Value::Null, _) => "never".to_owned(),
        (ended_at, Some(0)) => format!("ok, {}", short(ended_at)),
        (ended_at, Some(code)) => format!("exit {code}, {}", short(ended_at)),
        (ended_at, None) => format!("died, {}", short(ended_at)),
    };
    vec![text(&told["pipeline"]), state, last, told["next"].as_str().map_or_else(|| "-".to_owned(), |next| short(&json!(next)))]
}

/// An instant to the second, as people read it.
fn short(value: &Value) -> String {
    value.as_str().map(|text| text.chars().take(19).chain(['Z']).collect::<String>().replace('T', " ")).unwrap_or_default()
}
