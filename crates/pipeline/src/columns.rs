//! Readings of some columns of all records: fields that are new to their table, and calculated ones, which the source changes without
//! moving a record's time of change.

use std::collections::BTreeSet;

use aqueduct_connector::Stream;
use aqueduct_normalise::Normaliser;
use aqueduct_schema::{Mode, RecordField, Result, Source, StreamState, Timestamp, Visibility};

use crate::pipeline::Pipeline;

/// A second way of reading a stream: its roles, some fields, and what belongs to them.
pub(crate) struct Columns {
    pub(crate) stream: Stream,
    pub(crate) normaliser: Result<Normaliser>,
    /// The fields it is about, by path.
    pub(crate) paths: BTreeSet<String>,
}

impl Columns {
    /// The reading of those of these fields that the stream has selected and may read; `None` where there are none, or the stream
    /// cannot be read so.
    pub(crate) fn of(pipeline: &Pipeline, stream: &Stream, source: &Source, paths: &BTreeSet<String>) -> Option<Self> {
        if !stream.modes.contains(&Mode::Columns) {
            return None;
        }
        let record = &stream.record;
        let wanted = |field: &&RecordField| paths.contains(&field.path) && is_readable(field) && !record.has_role(&field.path);
        let paths: BTreeSet<String> = record.fields.iter().filter(wanted).map(|field| field.path.clone()).collect();
        if paths.is_empty() {
            return None;
        }
        let asked: Vec<&str> = paths.iter().map(String::as_str).collect();
        let (mappings, touched) = pipeline.mappings.touched(&stream.name, &asked, |path| record.has_role(path));
        let mut reduced = stream.clone();
        reduced.record.fields.retain(|field| record.has_role(&field.path) || touched.contains(&field.path));
        let defaults = &pipeline.file.content.normalise.defaults;
        let normaliser = Normaliser::new(&mappings, &stream.name, &reduced.record, source, defaults);
        Some(Self { stream: reduced, normaliser, paths })
    }
}

fn is_readable(field: &RecordField) -> bool {
    field.visibility == Visibility::Visible
}

/// The fields of a stream that are read, by path.
pub(crate) fn readable(stream: &Stream) -> BTreeSet<String> {
    stream.record.fields.iter().filter(|field| is_readable(field)).map(|field| field.path.clone()).collect()
}

/// The calculated fields among those that are read.
pub(crate) fn calculated(stream: &Stream) -> BTreeSet<String> {
    stream.record.fields.iter().filter(|field| field.calculated && is_readable(field)).map(|field| field.path.clone()).collect()
}

/// Whether calculated fields are to be read again: long enough ago, or asked for. A stream that was never read whole is not due, its
/// first load reads them.
pub(crate) fn is_due(state: &StreamState, now: Timestamp, hours: u64, asked: bool) -> bool {
    match state.columns_read_at {
        None => state.settled.is_some(),
        Some(at) => asked || now.since(at).as_secs() >= hours.saturating_mul(3_600),
    }
}

/// Whether an earlier run stopped while it read columns.
pub(crate) fn under_way(state: &StreamState) -> bool {
    state.reading.as_ref().is_some_and(|reading| reading.mode == Mode::Columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aqueduct_schema::Cursor;

    #[test]
    fn calculated_fields_are_due_after_a_while_and_when_asked_for() {
        let at = |hours: i64| Timestamp::from_seconds(hours * 3_600);
        let state =
            |read: Option<i64>| StreamState { settled: Some(Cursor::at(at(0))), columns_read_at: read.map(at), ..StreamState::default() };
        assert!(!is_due(&StreamState::default(), at(100), 24, true), "the first load reads them");
        assert!(is_due(&state(None), at(1), 24, false), "a state from before they were known");
        assert!(!is_due(&state(Some(1)), at(24), 24, false) && is_due(&state(Some(1)), at(25), 24, false));
        assert!(is_due(&state(Some(1)), at(2), 24, true));
    }
}
