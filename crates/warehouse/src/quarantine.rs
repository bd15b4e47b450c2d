//! Rejected records as rows of the quarantine: one for each reason of each record, however often it is met.

use std::collections::HashMap;

use aqueduct_schema::Reject;

use crate::warehouse::Fence;

/// A row of the quarantine.
pub(crate) struct QuarantineRow {
    /// A digest of pipeline, stream, the record, rule and field.
    pub(crate) row_id: String,
    pub(crate) source_id: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) rule: String,
    pub(crate) field: Option<String>,
    pub(crate) message: String,
    /// A JSON object of column to value.
    pub(crate) record: String,
    /// How often the load met it.
    pub(crate) times_seen: i64,
}

/// Makes the rows of a load's rejects. The record is told by its id at the source, else by where it stands, else by its content.
pub(crate) fn rows(fence: &Fence, stream: &str, rejects: Vec<Reject>) -> Vec<QuarantineRow> {
    let mut rows: Vec<QuarantineRow> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    for reject in rejects {
        let record: serde_json::Map<String, serde_json::Value> =
            reject.record.iter().map(|cell| (cell.column.to_string(), cell.value.as_deref().map(without_nul).into())).collect();
        let record = serde_json::Value::Object(record).to_string();
        let (kind, identity) = match (&reject.source_id, &reject.location) {
            (Some(id), _) => ("id", id.as_str()),
            (None, Some(location)) => ("location", location.as_str()),
            (None, None) => ("record", record.as_str()),
        };
        let mut hasher = blake3::Hasher::new();
        for part in [&fence.pipeline, stream, kind, identity, &reject.rule, reject.field.as_deref().unwrap_or_default()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let row_id = hasher.finalize().to_hex()[..32].to_owned();
        match positions.get(&row_id) {
            Some(position) => rows[*position].times_seen += 1,
            None => {
                positions.insert(row_id.clone(), rows.len());
                rows.push(QuarantineRow {
                    row_id,
                    source_id: reject.source_id.as_deref().map(without_nul),
                    location: reject.location.as_deref().map(without_nul),
                    rule: without_nul(&reject.rule),
                    field: reject.field.as_deref().map(without_nul),
                    message: without_nul(&reject.message),
                    record,
                    times_seen: 1,
                });
            }
        }
    }
    rows
}

fn without_nul(text: &str) -> String {
    crate::cells::without_nul(text).into_owned()
}
