//! `aqueduct run --scheduled`: a run that another program calls at the times of the pipeline's schedule.

use std::path::Path;

use aqueduct_pipeline::called::{NotNow, Turn};
use aqueduct_pipeline::runs::moment;
use aqueduct_pipeline::schema::Result;
use aqueduct_pipeline::{Call, Environment, Pipeline};
use serde_json::json;

use crate::commands::Context;
use crate::commands::run::{Asked, Signals};
use crate::time;

/// Runs the occurrence that is due as often as its schedule says, or says why it is not run; the exit code of the last run.
pub(crate) async fn run(mut asked: Asked<'_>) -> u8 {
    let context = asked.context;
    let opened = match context.pipeline(&asked.named) {
        Ok(pipeline) => call(&pipeline, &asked.signals).await,
        Err(error) => Err(error),
    };
    let call = match opened {
        Ok(call) => call,
        Err(error) => return asked.conclude(Err(error), None),
    };
    asked.options.timeout = asked.options.timeout.or(call.schedule().timeout());
    let mut last = None;
    loop {
        let turn = match call.turn(&|words| context.output.words(words)).await {
            Ok(turn) => turn,
            Err(error) => return asked.conclude(Err(error), None),
        };
        asked.options.wait_for_lease = call.patience();
        let id = match turn {
            Turn::NotNow(not_now) => {
                tell(context, &asked.named, &not_now);
                return last.unwrap_or(0);
            }
            Turn::Besides(_) => return asked.attempt(None).await,
            Turn::Run(id) => id,
        };
        let code = asked.attempt(Some(&id)).await;
        match call.again(&id, code).await {
            Ok(Some(at)) => context.output.words(&format!("{id} is tried again at {}", moment(at))),
            Ok(None) => return code,
            Err(error) => {
                context.output.error(&error);
                return code;
            }
        }
        last = Some(code);
    }
}

async fn call(pipeline: &Pipeline, signals: &Signals) -> Result<Call> {
    let clock = time::of_schedules(&Environment::of_process())?.clock();
    Call::of(pipeline, clock, signals.stop.clone()).await
}

fn tell(context: &Context, named: &Path, not_now: &NotNow) {
    let NotNow { id, why, words } = not_now;
    if context.output.is_json() {
        let line = json!({ "pipeline": id.pipeline, "occurrence": id.to_string(), "ran": false, "why": why, "words": words });
        return context.output.json_line(&line);
    }
    if !context.output.is_quiet() {
        let now = if *why == "under_way" { String::new() } else { format!("; `aqueduct run {}` runs it now", named.display()) };
        context.output.data(&format!("{}: not run, {words} [{id}]{now}", id.pipeline));
    }
}
