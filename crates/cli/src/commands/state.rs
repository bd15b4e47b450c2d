//! `aqueduct state`.

use std::io::Read;

use aqueduct_pipeline::schema::{Error, Result, StreamState, codes};
use aqueduct_pipeline::warehouse::SettledStream;

use crate::arguments::StateAction;
use crate::commands::Context;
use crate::output::table;

/// Shows or changes where streams stand.
pub(crate) async fn state(context: &Context, action: StateAction) -> Result<u8> {
    let (StateAction::List { pipeline, .. } | StateAction::Clear { pipeline, .. } | StateAction::Set { pipeline, .. }) = &action;
    let pipeline = context.pipeline(&pipeline.pipeline)?;
    let warehouse = aqueduct_pipeline::warehouse::open(pipeline.file.destination()).await?;
    let name = &pipeline.file.name;
    let states = warehouse.states(name).await?;
    let settled = if matches!(action, StateAction::List { .. }) { warehouse.settled(name).await? } else { Vec::new() };
    let output = &context.output;
    match action {
        StateAction::List { tables: true, .. } if output.is_json() => settled.iter().for_each(|row| output.json_line(row)),
        StateAction::List { tables: true, .. } => output.answer(&tables(&settled)),
        StateAction::List { .. } if output.is_json() => output.json_line(&states),
        StateAction::List { .. } if states.is_empty() => output.answer("No stream has been read yet."),
        StateAction::List { .. } => {
            let rows: Vec<Vec<String>> = states.iter().map(|(stream, state)| row(stream, state)).collect();
            output.answer(&table(&["stream", "complete until", "newest change", "ids compared", "reading under way"], &rows));
            output.answer(&format!("\n{}", tables(&settled)));
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

/// Up to when each table is complete: the earliest of its streams decides, whatever pipeline they belong to.
fn tables(settled: &[SettledStream]) -> String {
    let rows: Vec<Vec<String>> = settled
        .chunk_by(|one, other| one.table == other.table)
        .filter_map(|of_table| {
            let first = of_table.first()?;
            let until = first.table_settled_until.map_or_else(|| "-".to_owned(), |until| until.to_string());
            let streams = of_table.iter().map(|stream| format!("{}/{}", stream.pipeline, stream.stream));
            Some(vec![first.table.clone(), until, streams.collect::<Vec<_>>().join(", ")])
        })
        .collect();
    if rows.is_empty() { "No table has been filled yet.".to_owned() } else { table(&["table", "complete until", "streams"], &rows) }
}

fn row(stream: &str, state: &StreamState) -> Vec<String> {
    let dash = || "-".to_owned();
    vec![
        stream.to_owned(),
        state.settled.as_ref().map_or_else(dash, |cursor| cursor.at.to_string()),
        state.realtime.as_ref().map_or_else(dash, |cursor| cursor.at.to_string()),
        state.ids_swept_at.map_or_else(dash, |at| at.to_string()),
        state.reading.as_ref().map_or_else(dash, |reading| reading.mode.name().to_owned()),
    ]
}
