//! Laws of the readings for any sequence of pages, kills and resumptions, over a source that changes meanwhile.

use std::collections::BTreeMap;

use super::*;
use aqueduct_schema::{Position, RecordField, RecordSchema, ValueType};
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::json;

const LAG: i64 = 10;

/// What happens next to a source and the runs that read it.
#[derive(Clone, Debug)]
enum Event {
    /// Time passes.
    Wait(i64),
    /// A record appears or changes; it is seen by readers so many seconds later.
    Change { id: u8, late: i64 },
    /// The run reads a page of so many records.
    Page(usize),
    /// The process dies; only what was committed is left. True when the last page was not committed.
    Kill(bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..8_i64).prop_map(Event::Wait),
        (any::<u8>(), 0..=LAG).prop_map(|(id, late)| Event::Change { id, late }),
        (1..6_usize).prop_map(Event::Page),
        any::<bool>().prop_map(Event::Kill),
        Just(Event::Page(3)),
    ]
}

/// A record: when it changed, and from when on readers see it.
#[derive(Clone, Copy, Debug)]
struct Version {
    changed: i64,
    visible: i64,
}

/// A warehouse and the run under way.
struct Run {
    state: StreamState,
    rows: BTreeMap<u8, i64>,
    done: Done,
}

fn stream() -> Stream {
    let record = RecordSchema::new("thing", vec![RecordField::new("id", ValueType::Text)], &["id"]);
    Stream::new("things", record, &[Mode::Backfill, Mode::Changes], "").lag(Duration::from_secs(LAG.unsigned_abs()))
}

/// Reads one page of what is due: by id, which no change moves. Gives the rows and state it would commit.
fn page(source: &BTreeMap<u8, Version>, run: &mut Run, now: i64, size: usize) -> Option<(BTreeMap<u8, i64>, StreamState)> {
    let (stream, options) = (stream(), ReadOptions::new("x"));
    let due = next(&stream, &run.state, &run.done, &options)?;
    let after_id = due.position.as_ref().and_then(|position| position.0.as_u64());
    let from = due.from.as_ref().map_or(i64::MIN, |from| from.at.microseconds() / 1_000_000);
    let wanted =
        |id: u8, version: &Version| version.visible <= now && version.changed >= from && after_id.is_none_or(|after| u64::from(id) > after);
    let found: Vec<(u8, i64)> =
        source.iter().filter(|(id, version)| wanted(**id, version)).map(|(id, version)| (*id, version.changed)).collect();
    let last = found.len() <= size;
    let rows: BTreeMap<u8, i64> = found.into_iter().take(size).collect();
    let next = match rows.keys().last() {
        Some(id) if !last => Next::Page(Position(json!(id))),
        _ => Next::End { bookmark: None },
    };
    let server_time = Timestamp::from_seconds(now);
    let seen = Seen { next: &next, server_time, newest: rows.values().max().map(|at| Timestamp::from_seconds(*at)) };
    let before = run.state.clone();
    let (state, complete) = after(&stream, &before, &due, due.started_at.unwrap_or(server_time), &seen, &options);
    if complete {
        run.done.add(&due, &before);
    }
    Some((rows, state))
}

proptest! {
    /// However a source changes and a process dies: what is settled is there, the cursor is never past the lag, and one quiet run
    /// later every record is there as it is.
    #[test]
    fn every_record_is_covered(events in prop::collection::vec(event(), 0..120)) {
        let mut source: BTreeMap<u8, Version> = (0..20).map(|id| (id * 7, Version { changed: 0, visible: 0 })).collect();
        let mut run = Run { state: StreamState::default(), rows: BTreeMap::new(), done: Done::default() };
        let mut now = 1_000;
        for event in events {
            match event {
                Event::Wait(seconds) => now += seconds,
                Event::Change { id, late } => drop(source.insert(id, Version { changed: now, visible: now + late })),
                Event::Page(size) => match page(&source, &mut run, now, size) {
                    Some((rows, state)) => {
                        run.rows.extend(rows);
                        run.state = state;
                    }
                    // The run is over, and another begins.
                    None => run.done = Done::default(),
                },
                Event::Kill(before_the_commit) => {
                    if before_the_commit {
                        page(&source, &mut run, now, 3);
                    }
                    run.done = Done::default();
                }
            }
            if let Some(settled) = &run.state.settled {
                let settled = settled.at.microseconds() / 1_000_000;
                prop_assert!(settled <= now - LAG);
                for (id, version) in source.iter().filter(|(_, version)| version.changed < settled) {
                    prop_assert_eq!(run.rows.get(id), Some(&version.changed), "settled until {} without {}", settled, id);
                }
            }
        }
        now += LAG + 1;
        // The reading under way is ended, and then one more run is made.
        for _ in 0..2 {
            run.done = Done::default();
            while let Some((rows, state)) = page(&source, &mut run, now, 4) {
                run.rows.extend(rows);
                run.state = state;
            }
        }
        let expected: BTreeMap<u8, i64> = source.iter().map(|(id, version)| (*id, version.changed)).collect();
        prop_assert_eq!(run.rows, expected);
    }

    /// The cursor never goes back, whatever the source's clock says.
    #[test]
    fn the_cursor_never_goes_back(times in prop::collection::vec(0..10_000_i64, 1..40)) {
        let (stream, options) = (stream(), ReadOptions::new("x"));
        let mut state = StreamState::default();
        for time in times {
            let Some(due) = next(&stream, &state, &Done::default(), &options) else { continue };
            let seen = Seen { next: &Next::End { bookmark: None }, server_time: Timestamp::from_seconds(time), newest: None };
            let (later, complete) = after(&stream, &state, &due, Timestamp::from_seconds(time), &seen, &options);
            prop_assert!(complete && later.settled >= state.settled);
            state = later;
        }
    }
}
