//! Records that destinations keep as JSON, and what is common in understanding them.

use std::time::Duration;

use aqueduct_schema::{Error, Result, StreamState, Timestamp, codes};

use crate::warehouse::{Fence, RunRecord, RunStart, RunStatus};

/// The error of a run whose pipeline was taken over.
pub(crate) fn fenced(fence: &Fence) -> Error {
    Error::new(codes::FENCED, "another run took this pipeline over").with("pipeline", &fence.pipeline).with("run", &fence.run_id)
}

/// The record of a run that begins.
pub(crate) fn running(start: &RunStart) -> RunRecord {
    RunRecord {
        run_id: start.run_id.to_string(),
        pipeline: start.pipeline.to_string(),
        started_at: start.started_at,
        ended_at: None,
        status: RunStatus::Running,
        exit_code: 0,
        streams: Vec::new(),
    }
}

/// The machine's clock, for the columns that tell when something was loaded.
#[expect(clippy::disallowed_methods, reason = "no cursor follows this time, it is written and never compared")]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_microseconds(jiff::Timestamp::now().as_microsecond())
}

/// Waits before the next attempt, and doubles the pause after it.
#[expect(clippy::disallowed_methods, reason = "a transaction that met another one is begun again here: the engine knows nothing of it")]
pub(crate) async fn wait(pause: &mut Duration) {
    tokio::time::sleep(*pause).await;
    *pause *= 2;
}

/// Understands a stored state.
///
/// # Errors
/// `AQ4003`; the message shows nothing of the state.
pub(crate) fn parse_state(pipeline: &str, stream: &str, json: &str) -> Result<StreamState> {
    serde_json::from_str(json).map_err(|error| {
        Error::new(codes::BAD_STATE, "the stored state cannot be understood")
            .with("pipeline", pipeline)
            .with("stream", stream)
            .with("at character", error.column())
    })
}

/// A value as JSON text.
pub(crate) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|_| Error::new(codes::BUG, "a record cannot be written as JSON"))
}

/// JSON text as a value.
///
/// # Errors
/// `AQ4003` with `what` as the message.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(json: &str, what: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|_| Error::new(codes::BAD_STATE, what))
}
