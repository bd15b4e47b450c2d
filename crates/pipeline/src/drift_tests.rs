//! What drift makes a run read and hold back.

#![allow(clippy::unwrap_used)]
use super::*;
use aqueduct_schema::{Cursor, Position, ReadingState, RecordSchema, Timestamp, ValueType};
use aqueduct_warehouse::Filling;

const CHANGING: [Mode; 3] = [Mode::Backfill, Mode::Changes, Mode::Columns];

fn stream(paths: &[&str], modes: &[Mode]) -> Stream {
    let fields = paths.iter().map(|path| RecordField::new(path, ValueType::Text)).collect();
    Stream::new("things", RecordSchema::new("thing", fields, &["id"]), modes, "")
}

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

fn stored(seen: &[&str], filled: &[&str]) -> StoredSchema {
    StoredSchema {
        seen: StreamDescription::of(&stream(seen, &CHANGING).record, |_| true),
        columns: ColumnHistory { filled: set(filled), ..ColumnHistory::default() },
        ..StoredSchema::default()
    }
}

fn settled() -> StreamState {
    StreamState { settled: Some(Cursor::at(Timestamp::from_seconds(9))), ..StreamState::default() }
}

fn reading(mode: Mode) -> ReadingState {
    ReadingState { mode, started_at: Timestamp::from_seconds(9), from: None, until: None, position: Some(Position(1.into())) }
}

#[test]
fn the_first_load_fills_what_it_reads() {
    let told = history(None, &stream(&["id", "a"], &CHANGING), &StreamState::default(), false);
    assert_eq!((told.history.filled, told.due), (set(&["id", "a"]), set(&[])));
    // Stopped inside and carried on with one field more: that one lacks in what was read by then.
    let state = StreamState { reading: Some(reading(Mode::Backfill)), ..StreamState::default() };
    let told = history(Some(&stored(&["id", "a"], &["id", "a"])), &stream(&["id", "a", "b"], &CHANGING), &state, false);
    assert_eq!((told.history.filled, told.due), (set(&["id", "a"]), set(&["b"])));
    // A state from before columns were remembered: what is there counts as filled.
    let told = history(None, &stream(&["id", "a"], &CHANGING), &settled(), false);
    assert!(told.due.is_empty());
}

#[test]
fn a_field_is_due_when_it_comes_and_when_it_comes_back() {
    let before = stored(&["id", "a", "b"], &["id", "a", "b"]);
    let told = history(Some(&before), &stream(&["id", "a", "c"], &CHANGING), &settled(), false);
    assert_eq!((&told.history.filled, &told.due), (&set(&["id", "a"]), &set(&["c"])));
    let later = StoredSchema { columns: ColumnHistory { filled: set(&["id", "a", "c"]), ..told.history }, ..before };
    let told = history(Some(&later), &stream(&["id", "a", "b", "c"], &CHANGING), &settled(), false);
    assert_eq!(told.due, set(&["b"]), "rows that changed meanwhile have lost it");
    // A field that may not be seen is not there to be read.
    let mut hidden = stream(&["id", "a", "b"], &CHANGING);
    hidden.record.fields[2].visibility = Visibility::Hidden;
    assert!(history(Some(&later), &hidden, &settled(), false).due.is_empty());
    // While the contract stops the stream, nothing is decided.
    let told = history(Some(&later), &stream(&["id"], &CHANGING), &settled(), true);
    assert_eq!((told.history.filled, told.due), (set(&["id", "a", "c"]), set(&[])));
}

#[test]
fn a_reading_of_columns_is_carried_on_or_known_to_be_complete() {
    let filling = Filling { paths: set(&["b"]), before: Some(Timestamp::from_seconds(1)) };
    let mut before = stored(&["id", "a", "b"], &["id", "a"]);
    before.columns.filling = Some(filling.clone());
    let now = stream(&["id", "a", "b", "c"], &CHANGING);
    let mut state = StreamState { columns_read_at: Some(Timestamp::from_seconds(1)), ..settled() };
    // Killed before its first page.
    let told = history(Some(&before), &now, &state, false);
    assert_eq!((told.due, told.interrupted, told.history.filling), (set(&["b", "c"]), None, None));
    // Killed inside.
    state.reading = Some(reading(Mode::Columns));
    let told = history(Some(&before), &now, &state, false);
    assert_eq!((told.due, told.interrupted, told.history.filling), (set(&["c"]), Some(set(&["b"])), Some(filling)));
    // Killed after its last page.
    state = StreamState { columns_read_at: Some(Timestamp::from_seconds(2)), ..settled() };
    let told = history(Some(&before), &now, &state, false);
    assert_eq!((told.due, told.history.filled), (set(&["c"]), set(&["id", "a", "b"])));
}

#[test]
fn streams_that_cannot_be_read_by_column_lack_it() {
    let before = stored(&["id", "a", "unread"], &["id", "a"]);
    let now = ["id", "a", "unread", "new"];
    let told = history(Some(&before), &stream(&now, &[Mode::Backfill, Mode::Changes]), &settled(), false);
    assert_eq!((told.due, told.lacking), (set(&[]), set(&["new", "unread"])));
    // Files are read once: a column that is new to them is in no file from before.
    let told = history(Some(&before), &stream(&now, &[Mode::Changes]), &settled(), false);
    assert_eq!((told.lacking, told.history.filled), (set(&["unread"]), set(&["id", "a", "new"])));
    // What every run reads whole lacks nothing.
    let told = history(Some(&before), &stream(&now, &[Mode::Snapshot]), &settled(), false);
    assert_eq!((told.lacking, told.due, told.history.filled), (set(&[]), set(&[]), set(&now)));
}

#[test]
fn fields_that_are_gone_are_remembered_where_they_were_read() {
    let mut schema = stored(&["id", "a", "b"], &[]);
    schema.seen.fields[2].selected = false;
    let mut streams = [stream(&["id"], &CHANGING)];
    remember(&mut streams, &[("things".to_owned(), schema)].into());
    let told: Vec<_> = streams[0].record.fields.iter().map(|field| (field.path.as_str(), field.visibility)).collect();
    assert_eq!(told, [("id", Visibility::Visible), ("a", Visibility::Absent)]);
}
