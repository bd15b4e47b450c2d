//! Records that are merged at the source.

use std::time::Duration;

use aqueduct_normalise::{Defaults, Mappings, Normaliser, parse_mappings};
use aqueduct_schema::{Operation, RowIds, Source, StreamState};
use arrow_array::cast::AsArray;

use crate::trial::{Course, PAGE, Stop, Trial, applies, require};
use crate::vendor::Ability;

pub(super) async fn merge_redirects(trial: &Trial<'_>) -> Course {
    trial.needs(Ability::Merge)?;
    let mut documents = Vec::new();
    for (name, text) in trial.registration.mappings {
        documents.extend(parse_mappings(name, text).map_err(|error| trial.failed(&format!("the mapping {name} cannot be read"), &error))?);
    }
    let mappings = Mappings::new(documents);
    let streams = trial.streams().await?;
    let named = streams.into_iter().find(|stream| stream.name == trial.facts.stream);
    let mut stream = named.ok_or_else(|| Stop::Failed(format!("there is no stream `{}`, which the vendor has", trial.facts.stream)))?;
    let roles = stream.record.clone();
    stream.record.fields.retain(|field| roles.has_role(&field.path) || mappings.uses(&stream.name, &field.path));
    let stream = stream.page_size(PAGE);
    applies(!mappings.entities_of(&stream.name).is_empty(), "the connector maps nothing of the stream")?;

    let first = trial.batches(&stream, StreamState::default()).await?;
    let state = first.last().map(|batch| batch.checkpoint().state.clone()).unwrap_or_default();
    let live = trial.live(&stream)?;
    let (Some(winner), Some(loser)) = (live.first(), live.last()) else {
        return Err(Stop::Failed("the vendor's account is empty".to_owned()));
    };
    trial.account.advance(Duration::from_secs(2));
    let left = trial.account.merge(&stream.name, winner, loser)?;
    trial.account.advance(Duration::from_secs(2));

    let source = Source { tenant: "default".into(), system: trial.registration.name.into(), account: "1".into() };
    let normaliser = Normaliser::new(&mappings, &stream.name, &stream.record, &source, &Defaults::default());
    let mut normaliser = normaliser.map_err(|error| trial.failed("a mapping does not fit its stream", &error))?;
    let mut told = Vec::new();
    for batch in trial.batches(&stream, state).await? {
        let batch = normaliser.run(batch).map_err(|error| trial.failed("records cannot be normalised", &error))?;
        for table in batch.tables().iter().filter(|table| table.operation == Operation::Merge) {
            let ids = RowIds::new(&source, &table.schema.name.name);
            let expected = [ids.id(loser), ids.id(&left)];
            let (losers, winners) = (table.rows.column(0).as_string::<i32>(), table.rows.column(1).as_string::<i32>());
            told.extend((0..table.len()).map(|row| [losers.value(row), winners.value(row)] == expected));
        }
    }
    require(told.contains(&true), || {
        let others = if told.is_empty() { "tells of no merge" } else { "tells of other merges alone" };
        format!("record {loser} was merged into {left}, and the reading after it {others}")
    })
}
