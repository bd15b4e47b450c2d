//! Where a stream stands: cursors, the reading under way, and the checkpoint that travels with its rows.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The ways of reading a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything there is now; what is not seen no longer exists at the source.
    Snapshot,
    /// A closed window of history; the first load is one that ends when it began.
    Backfill,
    /// What changed after a cursor.
    Changes,
    /// What was deleted or archived.
    Deletions,
    /// The keys of all live records, to reconcile with: every record at least once, with the fields that have a role
    /// and no others.
    Ids,
    /// Some columns of all records, merged into the rows that are there.
    Columns,
    /// The records that belong to records of another kind which changed after a cursor: all of each of those, so that what is missing is
    /// gone. A change that moves no time at the record it belongs to is not found so, which is why this settles nothing.
    Parents,
}

impl Mode {
    /// The word in reports and state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Backfill => "backfill",
            Self::Changes => "changes",
            Self::Deletions => "deletions",
            Self::Ids => "ids",
            Self::Columns => "columns",
            Self::Parents => "parents",
        }
    }
}

/// A place in a stream by value: the time of a change and, between records of one instant, the record's id.
///
/// Ordered by time, then by id; numeric ids compare as numbers. No id stands before every id of its instant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The time of the change, in the source's clock.
    pub at: Timestamp,
    /// The id of the last record covered at that instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Cursor {
    /// The beginning of an instant.
    pub fn at(at: Timestamp) -> Self {
        Self { at, id: None }
    }
}

impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cursor {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at).then_with(|| match (&self.id, &other.id) {
            (Some(mine), Some(theirs)) => compare_ids(mine, theirs),
            (mine, theirs) => mine.is_some().cmp(&theirs.is_some()),
        })
    }
}

/// Orders ids: by number when both are whole numbers, else as text.
pub fn compare_ids(one: &str, other: &str) -> Ordering {
    match (one.parse::<u128>(), other.parse::<u128>()) {
        (Ok(a), Ok(b)) => a.cmp(&b).then_with(|| one.cmp(other)),
        _ => one.cmp(other),
    }
}

/// A place inside one reading, in the connector's own words (a page token, a key, a file and a byte). Opaque to the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub serde_json::Value);

/// A reading that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingState {
    /// The way of reading.
    pub mode: Mode,
    /// The server's time when the reading began; a change stream after a backfill starts here, less the lag.
    pub started_at: Timestamp,
    /// The first instant of the window, where the mode has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Cursor>,
    /// The end of the window, where the mode has one (exclusive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Where the next page begins; absent before the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// All that is known of a stream between runs. Stored in the warehouse in the transaction that stores the rows it speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamState {
    /// The reading under way, if the last run stopped inside one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<ReadingState>,
    /// Everything that changed at the source before this cursor is in the warehouse; never later than server time less the lag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Cursor>,
    /// When the calculated columns were last read for all records; absent where that never happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns_read_at: Option<Timestamp>,
    /// When the last listing of ids began that was compared with the rows that are here; absent where that never happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids_swept_at: Option<Timestamp>,
    /// For a stream that is also read by [`Mode::Parents`]: how far such readings, or a whole one, have followed the changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed: Option<Cursor>,
    /// The newest change seen; may be later than `settled`, promises nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realtime: Option<Cursor>,
    /// Where a stream without times of change goes on (the files already read, for example), in the connector's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bookmark: Option<Position>,
}

/// The state that becomes true once the rows it travels with are committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The stream's state after the rows.
    pub state: StreamState,
    /// The mode the rows were read in.
    pub mode: Mode,
    /// The server's time when the reading began; with stream and mode it names the reading, over all runs that carry it on.
    pub reading_started_at: Timestamp,
    /// Whether the reading is complete with these rows. A complete snapshot lets the warehouse mark what it did not see as deleted.
    pub reading_complete: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(at: i64, id: &str) -> Cursor {
        Cursor { at: Timestamp::from_seconds(at), id: Some(id.into()) }
    }

    #[test]
    fn cursors_are_ordered_by_time_then_by_number() {
        assert!(cursor(1, "9") < cursor(1, "10"));
        assert!(cursor(1, "10") < cursor(2, "9"));
        assert!(Cursor::at(Timestamp::from_seconds(1)) < cursor(1, "0"));
        assert!(cursor(1, "a9") > cursor(1, "a10"));
    }

    #[test]
    fn an_unknown_key_in_state_is_an_error() {
        assert!(serde_json::from_str::<StreamState>(r#"{"settled":{"at":"2026-01-01T00:00:00Z"}}"#).is_ok());
        assert!(serde_json::from_str::<StreamState>(r#"{"setled":{"at":"2026-01-01T00:00:00Z"}}"#).is_err());
    }
}
