//! `aqueduct state`.

use std::io::Read;

use aqueduct_pipeline::schema::{Error, Result, StreamState, codes};

use crate::arguments::StateAction;
use crate::commands::Context;
use crate::output::table;

/// Shows or changes where streams stand.
pub(crate) async fn state(context: &Context, action: StateAction) -> Result<u8> {
    let (StateAction::List { pipeline } | StateAction::Clear { pipeline, .. } | StateAction::Set { pipeline, .. }) = &action;
    let pipeline = context.pipeline(&pipeline.pipeline)?;
    let warehouse = aqueduct_pipeline::warehouse::open(pipeline.file.destination()).await?;
    let name = &pipeline.file.name;
    let states = warehouse.states(name).await?;
    let output = &context.output;
    match action {
        StateAction::List { .. } if output.is_json() => output.json_line(&states),
        StateAction::List { .. } if states.is_empty() => output.answer("No stream has been read yet."),
        StateAction::List { .. } => {
            let rows: Vec<Vec<String>> = states.iter().map(|(stream, state)| row(stream, state)).collect();
            output.answer(&table(&["stream", "complete until", "newest change", "reading under way"], &rows));
        }
        StateAction::Clear { stream, .. } => {
            if let Some(stream) = &stream
                && !states.contains_key(stream)
            {
                let known: Vec<&str> = states.keys().map(String::as_str).collect();
                let error = Error::new(codes::UNKNOWN_STREAM, format!("no state of a stream `{stream}`"));
                return Err(match known.is_empty() {
                    true => error.advise("No stream of this pipeline has been read yet, so there is nothing to clear."),
                    false => error.with("streams", known.join(", ")).advise("Name one of the streams above."),
                });
            }
            for known in states.keys().filter(|known| stream.as_ref().is_none_or(|stream| stream == *known)) {
                warehouse.set_state(name, known, None).await?;
                output.answer(&format!("{known}: the next run reads it from the beginning. The rows stay."));
            }
        }
        StateAction::Set { stream, .. } => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Error::new(codes::BAD_USAGE, format!("standard input cannot be read ({})", error.kind())))?;
            let state: StreamState =
                serde_json::from_str(&text).map_err(|error| Error::new(codes::BAD_STATE, format!("this is not a state: {error}")))?;
            warehouse.set_state(name, &stream, Some(&state)).await?;
            output.answer(&format!("{stream}: stored."));
        }
    }
    Ok(0)
}

fn row(stream: &str, state: &StreamState) -> Vec<String> {
    let dash = || "-".to_owned();
    vec![
        stream.to_owned(),
        state.settled.as_ref().map_or_else(dash, |cursor| cursor.at.to_string()),
        state.realtime.as_ref().map_or_else(dash, |cursor| cursor.at.to_string()),
        state.reading.as_ref().map_or_else(dash, |reading| reading.mode.name().to_owned()),
    ]
}
