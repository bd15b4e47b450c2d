//! `aqueduct run --scheduled`: a run that another program calls at the times of the pipeline's schedule.

use std::path::Path;

use aqueduct_pipeline::called::{NotNow, Turn};
use aqueduct_pipeline::runs::moment;
use aqueduct_pipeline::schema::Result;
use aqueduct_pipeline::{Call, Environment, Pipeline, RunOptions};
use serde_json::json;

use crate::commands::Context;
use crate::commands::run::{Around, Signals, attempt, conclude};
use crate::time;

/// Runs the occurrence that is due as often as its schedule says, or says why it is not run; the exit code of the last run.
pub(crate) async fn run(context: &Context, named: &Path, options: &RunOptions, around: &Around, signals: &Signals) -> u8 {
    let opened = match context.pipeline(named) {
        Ok(pipeline) => call(&pipeline, signals).await,
        Err(error) => Err(error),
    };
    let call = match opened {
        Ok(call) => call,
        Err(error) => return conclude(context, named, options, around, signals, Err(error), None),
    };
    let mut last = None;
    loop {
        let turn = match call.turn(&|words| context.output.words(words)).await {
            Ok(turn) => turn,
            Err(error) => return conclude(context, named, options, around, signals, Err(error), None),
        };
        let options =
            RunOptions { timeout: options.timeout.or(call.schedule().timeout()), wait_for_lease: call.patience(), ..options.clone() };
        let id = match turn {
            Turn::NotNow(not_now) => {
                tell(context, named, &not_now);
                return last.unwrap_or(0);
            }
            Turn::Besides(_) => return attempt(context, named, &options, around, signals, None).await,
            Turn::Run(id) => id,
        };
        let code = attempt(context, named, &options, around, signals, Some(&id)).await;
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
        let now = format!("`aqueduct run {}` runs it now", named.display());
        context.output.data(&format!("{}: not run, {words} [{id}]; {now}", id.pipeline));
    }
}
