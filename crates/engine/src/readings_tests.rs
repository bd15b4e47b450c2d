//! The table of transitions: which reading is due in which state, and what its last page makes of the state.

use super::*;
use aqueduct_schema::{Position, RecordField, RecordSchema, ValueType};
use serde_json::json;

const END: Next = Next::End { bookmark: None };

fn stream(modes: &[Mode]) -> Stream {
    let record = RecordSchema::new("thing", vec![RecordField::new("id", ValueType::Text)], &["id"]);
    Stream::new("things", record, modes, "").lag(Duration::from_secs(10))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// The modes of all readings of one run, when each ends with its first page at `server_time`, and the state after it.
fn run(stream: &Stream, mut state: StreamState, options: &ReadOptions, server_time: i64) -> (Vec<(Mode, Option<Cursor>)>, StreamState) {
    let mut done = Done::default();
    let mut modes = Vec::new();
    while let Some(due) = next(stream, &state, &done, options) {
        assert!(modes.len() < 10, "the run does not end");
        let before = state.clone();
        let seen = Seen { next: &END, server_time: at(server_time), newest: None };
        let (after, complete) = after(stream, &state, &due, due.started_at.unwrap_or(at(server_time)), &seen, options);
        assert!(complete);
        state = after;
        done.add(&due, &before);
        modes.push((due.mode, due.from));
    }
    (modes, state)
}

fn modes(stream: &Stream, state: &StreamState) -> Vec<Mode> {
    run(stream, state.clone(), &ReadOptions::new("x"), 1_000).0.into_iter().map(|(mode, _)| mode).collect()
}

#[test]
fn which_readings_are_due() {
    use Mode::{Backfill, Changes, Deletions, Parents, Snapshot};
    let new = StreamState::default();
    let settled = StreamState { settled: Some(Cursor::at(at(500))), ..StreamState::default() };
    let table: [(&[Mode], &[Mode], &[Mode]); 10] = [
        (&[Snapshot], &[Snapshot], &[Snapshot]),
        (&[Snapshot, Parents], &[Snapshot], &[Parents]),
        (&[Backfill, Changes], &[Backfill], &[Changes]),
        (&[Backfill, Changes, Deletions], &[Backfill], &[Changes, Deletions]),
        (&[Snapshot, Changes], &[Snapshot], &[Changes]),
        (&[Snapshot, Backfill, Changes], &[Backfill], &[Changes]),
        (&[Changes], &[Changes], &[Changes]),
        (&[Changes, Deletions], &[Changes, Deletions], &[Changes, Deletions]),
        (&[Backfill], &[Backfill], &[Backfill]),
        (&[Backfill, Deletions], &[Backfill], &[Backfill, Deletions]),
    ];
    for (has, first, later) in table {
        assert_eq!(modes(&stream(has), &new), first, "{has:?}, first run");
        assert_eq!(modes(&stream(has), &settled), later, "{has:?}, later run");
    }
}

#[test]
fn following_parents_settles_nothing_and_goes_on_where_it_was() {
    let stream = stream(&[Mode::Snapshot, Mode::Parents]);
    let options = ReadOptions::new("x");
    let (readings, swept) = run(&stream, StreamState::default(), &options, 700);
    assert_eq!(readings, [(Mode::Snapshot, None)]);
    let (settled, began) = (swept.settled.clone(), swept.followed.clone());
    assert_eq!(began, Some(Cursor::at(at(700))));
    let (readings, followed) = run(&stream, swept, &options, 800);
    assert_eq!(readings, [(Mode::Parents, began)]);
    assert_eq!((followed.settled.clone(), followed.followed.clone()), (settled, Some(Cursor::at(at(800)))));
    // All of it again, because somebody asks for it, with a following that was interrupted first.
    let started = Some(ReadingState { mode: Mode::Parents, started_at: at(850), from: None, until: None, position: None });
    let asked = ReadOptions { modes: Some(vec![Mode::Snapshot]), ..ReadOptions::new("x") };
    let (readings, swept) = run(&stream, StreamState { reading: started, ..followed }, &asked, 900);
    assert_eq!(readings.into_iter().map(|(mode, _)| mode).collect::<Vec<_>>(), [Mode::Parents, Mode::Snapshot]);
    assert_eq!(swept.followed, Some(Cursor::at(at(900))));
    assert!(swept.settled > Some(Cursor::at(at(800))));
}

#[test]
fn a_reading_under_way_comes_first() {
    let stream = stream(&[Mode::Backfill, Mode::Changes, Mode::Deletions]);
    let under_way = |mode: Mode, settled: Option<i64>| StreamState {
        reading: Some(ReadingState {
            mode,
            started_at: at(700),
            from: Some(Cursor::at(at(400))),
            until: None,
            position: Some(Position(json!("p"))),
        }),
        settled: settled.map(|seconds| Cursor::at(at(seconds))),
        ..StreamState::default()
    };
    let options = ReadOptions::new("x");
    let due = next(&stream, &under_way(Mode::Changes, Some(500)), &Done::default(), &options);
    assert_eq!(due.map(|due| (due.mode, due.started_at, due.position)), Some((Mode::Changes, Some(at(700)), Some(Position(json!("p"))))));

    let (readings, state) = run(&stream, under_way(Mode::Backfill, None), &options, 1_000);
    assert_eq!(readings.len(), 1);
    assert_eq!(state.settled, Some(Cursor::at(at(690))), "by its beginning, not by its end");

    let (readings, state) = run(&stream, under_way(Mode::Changes, Some(500)), &options, 1_000);
    assert_eq!(readings, [(Mode::Changes, Some(Cursor::at(at(400)))), (Mode::Deletions, Some(Cursor::at(at(500))))]);
    assert_eq!(state.settled, Some(Cursor::at(at(690))));

    let (readings, state) = run(&stream, under_way(Mode::Ids, Some(500)), &options, 1_000);
    assert_eq!((readings[0].0, state.reading), (Mode::Changes, None), "a mode that the stream no longer has");

    // Deletions that an earlier run still owes are read, and then what is due anyway.
    let (readings, _) = run(&stream, under_way(Mode::Deletions, Some(500)), &options, 1_000);
    let modes: Vec<Mode> = readings.into_iter().map(|(mode, _)| mode).collect();
    assert_eq!(modes, [Mode::Deletions, Mode::Changes, Mode::Deletions]);
}

#[test]
fn a_state_of_the_future_is_known_by_the_source_s_time() {
    let due = |mode, from: Option<i64>, started: Option<i64>| Due {
        mode,
        from: from.map(|from| Cursor::at(at(from))),
        until: None,
        started_at: started.map(at),
        position: None,
    };
    assert!(is_of_the_future(&due(Mode::Changes, Some(9_000), None), at(1_000)));
    assert!(is_of_the_future(&due(Mode::Snapshot, None, Some(9_000)), at(1_000)));
    assert!(!is_of_the_future(&due(Mode::Changes, Some(2_000), Some(2_000)), at(1_000)), "a clock that was set back a little");
    assert!(!is_of_the_future(&due(Mode::Backfill, Some(9_000), None), at(1_000)), "what a person asked for is no state");
}

#[test]
fn which_backfills_move_the_settled_cursor() {
    let stream = stream(&[Mode::Backfill, Mode::Changes]);
    // from, until, settled before, settled after
    let table: [[Option<i64>; 4]; 6] = [
        [None, None, None, Some(990)],
        [Some(100), None, None, Some(990)],
        [Some(100), None, Some(500), Some(990)],
        [Some(600), None, Some(500), Some(500)],
        [Some(100), Some(200), Some(500), Some(500)],
        [None, Some(200), None, None],
    ];
    for [from, until, before, after] in table {
        let state = StreamState { settled: before.map(|seconds| Cursor::at(at(seconds))), ..StreamState::default() };
        let options = ReadOptions { modes: Some(vec![Mode::Backfill]), from: from.map(at), until: until.map(at), ..ReadOptions::new("x") };
        let (_, state) = run(&stream, state, &options, 1_000);
        assert_eq!(state.settled, after.map(|seconds| Cursor::at(at(seconds))), "{from:?} to {until:?} at {before:?}");
    }
}

#[test]
fn a_page_in_the_middle_moves_only_its_position() {
    let stream = stream(&[Mode::Changes]);
    let state = StreamState { settled: Some(Cursor::at(at(500))), ..StreamState::default() };
    let options = ReadOptions::new("x");
    let due = Due { mode: Mode::Changes, from: state.settled.clone(), until: None, started_at: None, position: None };
    let more = Next::Page(Position(json!(7)));
    let seen = Seen { next: &more, server_time: at(900), newest: Some(at(5_000)) };
    let (after, complete) = after(&stream, &state, &due, at(800), &seen, &options);
    assert!(!complete);
    assert_eq!((after.settled, after.realtime), (state.settled.clone(), Some(Cursor::at(at(900)))));
    let reading =
        ReadingState { mode: Mode::Changes, started_at: at(800), from: state.settled, until: None, position: Some(Position(json!(7))) };
    assert_eq!(after.reading, Some(reading));
}
