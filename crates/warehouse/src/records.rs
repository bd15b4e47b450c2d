//! Records that destinations keep as JSON, and what is common in understanding them.

use std::time::Duration;

use aqueduct_schema::{Error, Result, StreamState, Timestamp, codes};

use crate::warehouse::Fence;

/// The error of a run whose pipeline was taken over.
pub(crate) fn fenced(fence: &Fence) -> Error {
    Error::new(codes::FENCED, "another run took this pipeline over").with("pipeline", &fence.pipeline).with("run", &fence.run_id)
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

/// The key under which a stored state bears its digest.
const DIGEST: &str = "digest";

/// A state as it is stored: with a digest, so that one flipped bit in a time is no other time.
pub(crate) fn state_json(state: &StreamState) -> Result<String> {
    let unwritable = |_| Error::new(codes::BUG, "a state cannot be written as JSON");
    let mut value = serde_json::to_value(state).map_err(unwritable)?;
    let digest = digest(&to_json(&value)?);
    if let Some(object) = value.as_object_mut() {
        object.insert(DIGEST.to_owned(), digest.into());
    }
    to_json(&value)
}

fn digest(json: &str) -> String {
    blake3::hash(json.as_bytes()).to_hex()[..16].to_owned()
}

/// Understands a stored state. One without a digest is taken as it is.
///
/// # Errors
/// `AQ4003`; the message shows nothing of the state.
pub(crate) fn parse_state(pipeline: &str, stream: &str, json: &str) -> Result<StreamState> {
    let bad = |what: &str| Error::new(codes::BAD_STATE, what).with("pipeline", pipeline).with("stream", stream);
    let understood = |error: serde_json::Error| bad("the stored state cannot be understood").with("at character", error.column());
    let mut value: serde_json::Value = serde_json::from_str(json).map_err(understood)?;
    let stored = value.as_object_mut().and_then(|object| object.remove(DIGEST));
    if stored.is_some_and(|stored| to_json(&value).is_ok_and(|json| stored != digest(&json))) {
        return Err(bad("the stored state is not the one that was written: its digest differs"));
    }
    serde_json::from_value(value).map_err(|_| bad("the stored state cannot be understood"))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_schema::{Cursor, Position};

    #[test]
    fn a_state_with_another_letter_is_refused() {
        let place = Some(Position(serde_json::json!({"after": 17, "share": 0.1, "until": null})));
        let settled = Some(Cursor::at(Timestamp::from_seconds(1_783_684_800)));
        let state = StreamState { settled, bookmark: place, ..StreamState::default() };
        let json = state_json(&state).unwrap();
        assert_eq!(parse_state("p", "s", &json).unwrap(), state);
        assert_eq!(parse_state("p", "s", &to_json(&state).unwrap()).unwrap(), state, "one that has no digest");
        for at in 0..json.len() {
            let mut bytes = json.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let understood = parse_state("p", "s", &changed);
            assert!(understood.as_ref().is_err_and(|error| error.code() == codes::BAD_STATE), "{changed}: {understood:?}");
        }
    }
}
