//! Links between records: a run follows those of records that changed, and reads all of them once in a while.

use aqueduct_connector::Stream;
use aqueduct_schema::{Mode, StreamState, Timestamp};

/// The readings to make of a stream that can be read by changed parents: all of it where that is due, or asked for. `None` for what is due
/// by itself: a first load, or what belongs to records that changed.
pub(crate) fn modes(stream: &Stream, state: &StreamState, now: Timestamp, hours: u64, asked: bool) -> Option<Vec<Mode>> {
    let settled = state.settled.as_ref().filter(|_| stream.modes.contains(&Mode::Parents))?;
    let is_due = asked || now.since(settled.at).as_secs() >= hours.saturating_mul(3_600);
    is_due.then(|| vec![Mode::Snapshot])
}

#[cfg(test)]
mod tests {
    use super::*;
    use aqueduct_connector::schema::{RecordField, RecordSchema, ValueType};
    use aqueduct_schema::Cursor;

    #[test]
    fn all_links_are_read_after_a_while_and_when_asked_for() {
        let at = |hours: i64| Timestamp::from_seconds(hours * 3_600);
        let stream = |modes: &[Mode]| {
            let record = RecordSchema::new("link", vec![RecordField::new("from_id", ValueType::Text)], &["from_id"]);
            Stream::new("links", record, modes, "")
        };
        let (links, others) = (stream(&[Mode::Snapshot, Mode::Parents]), stream(&[Mode::Snapshot]));
        let state = StreamState { settled: Some(Cursor::at(at(10))), ..StreamState::default() };
        let all = Some(vec![Mode::Snapshot]);
        assert_eq!(modes(&links, &state, at(33), 24, false), None);
        assert_eq!(modes(&links, &state, at(34), 24, false), all);
        assert_eq!(modes(&links, &state, at(11), 24, true), all);
        assert_eq!(modes(&links, &StreamState::default(), at(99), 24, true), None, "the first load reads all by itself");
        assert_eq!(modes(&others, &state, at(99), 24, true), None, "every run reads all of it");
    }
}
