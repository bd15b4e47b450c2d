//! Records that a comparison found to be gone, as the source would tell it.

use aqueduct_connector::{Records, Stream};
use aqueduct_schema::{Batch, Checkpoint, Error, Mode, Raw, Result, StreamState, TableName, Timestamp, codes};

use crate::decode::{Decoded, decode};
use crate::settings::Settings;

/// A batch of deletions for records with these ids, found out at `at` by a listing of ids. It leaves the state as `state` has it.
///
/// # Errors
/// `AQ1001` for a stream whose key has several parts: an id does not say them.
pub fn gone(stream: &Stream, source_system: &str, ids: &[&str], state: &StreamState, at: Timestamp) -> Result<Batch<Raw>> {
    if stream.record.key.len() != 1 {
        let message = format!("the records of stream `{}` have no key of one part", stream.name);
        return Err(Error::new(codes::BAD_USAGE, message));
    }
    let named: Vec<_> = ids.iter().map(|id| serde_json::json!({ "id": id })).collect();
    let body = serde_json::json!({ "gone": named }).to_string();
    let records = Records::Deleted { body: body.into(), pointer: &["gone"], key: &["id"], deleted_at: None };
    let table = TableName::source(source_system, &stream.name);
    let Decoded { table, rejects, read } = decode(stream, table, &records, &Settings::default())?;
    let checkpoint = Checkpoint { state: state.clone(), mode: Mode::Ids, reading_started_at: at, reading_complete: false };
    Ok(Batch::raw(stream.name.as_str().into(), table, rejects, read, checkpoint))
}
