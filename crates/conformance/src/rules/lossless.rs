//! A record can be made again from its columns.

use aqueduct_schema::StreamState;

use crate::trial::{Ask, Course, Trial, applies, require};

/// Of so many values at most one may have no field.
const ONE_OF: u64 = 100;

pub(super) async fn lossless(trial: &Trial<'_>) -> Course {
    let mut compared = 0;
    for stream in trial.streams().await? {
        let reading = trial.complete(trial.read(Ask::new(&stream, &StreamState::default())).await?, &stream)?;
        let found = reading.compared;
        require(found.differing.is_empty(), || format!("stream `{}`: {}", stream.name, found.differing.join("; ")))?;
        let lost: u64 = found.lost.values().sum();
        require(lost * ONE_OF <= found.values, || {
            let paths: Vec<&str> = found.lost.keys().take(5).map(String::as_str).collect();
            format!("stream `{}`: {lost} of {} values have no field, among them `{}`", stream.name, found.values, paths.join("`, `"))
        })?;
        compared += found.values;
    }
    applies(compared > 0, "the records come neither in JSON answers nor in delimited text")
}
