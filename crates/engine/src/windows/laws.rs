//! Laws of windows for any source: whatever records there are and however they change meanwhile, windows cover the whole range, once where
//! nothing changes; no window holds more than the cap; every record that is there throughout is read; and it comes to an end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use aqueduct_schema::{Cursor, RecordField, RecordSchema, ValueType};
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::json;

const NOW: i64 = 1_700_000_000;
const STEP: i64 = 1;

/// A source of records (id, second of the last change) that gives at most `cap` of a question, in pages.
struct Source {
    records: BTreeMap<u32, i64>,
    cap: usize,
    page: usize,
    /// Whether an answer says how many records match, or more of them show only at the cap.
    tells_total: bool,
    now: i64,
}

/// What is done to the source while it is read.
#[derive(Clone, Debug)]
enum Meanwhile {
    Nothing,
    Change(u32),
    Create(u32),
    Delete(u32),
}

fn meanwhile() -> impl Strategy<Value = Meanwhile> {
    prop_oneof![
        3 => Just(Meanwhile::Nothing),
        2 => (0..200_u32).prop_map(Meanwhile::Change),
        1 => (200..240_u32).prop_map(Meanwhile::Create),
        1 => (0..200_u32).prop_map(Meanwhile::Delete),
    ]
}

/// Times of change: ties, neighbours, ages apart, and the future.
fn times() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => Just(NOW - 5_000),
        3 => NOW - 40..NOW,
        3 => 0..NOW,
        1 => NOW..NOW * 3,
        1 => -NOW..0,
    ]
}

impl Source {
    fn matching(&self, place: &Place) -> Vec<u32> {
        let second = |at: Timestamp| at.microseconds() / 1_000_000;
        let (from, until) = (place.from.map(second), place.until.map(second));
        let inside = |at: i64| from.is_none_or(|from| at >= from) && until.is_none_or(|until| at < until);
        self.records.iter().filter(|(_, at)| inside(**at)).map(|(id, _)| *id).collect()
    }

    /// A page by id, as a vendor with a token gives it, and what its connector says comes next.
    fn page(&self, place: &Place) -> (Vec<u32>, Next) {
        let matching = self.matching(place);
        let (after, seen) = match &place.inside {
            Some(inside) => (inside.0["after"].as_u64(), inside.0["seen"].as_u64().unwrap_or(0) as usize),
            None => (None, 0),
        };
        if self.tells_total && matching.len() > self.cap && !place.by_id {
            return (Vec::new(), Next::TooMany);
        }
        let rest: Vec<u32> = matching.into_iter().filter(|id| after.is_none_or(|after| u64::from(*id) > after)).collect();
        let page: Vec<u32> = rest.iter().copied().take(self.page).collect();
        let seen = seen + page.len();
        let more = rest.len() > page.len();
        let next = match page.last() {
            _ if !place.by_id && !self.tells_total && (seen > self.cap || (more && seen + self.page > self.cap)) => Next::TooMany,
            Some(last) if more => Next::Page(Position(json!({"after": last, "seen": seen}))),
            _ => Next::End { bookmark: None },
        };
        (page, next)
    }

    fn happen(&mut self, meanwhile: &Meanwhile, touched: &mut BTreeSet<u32>) {
        self.now += 1;
        match meanwhile {
            Meanwhile::Nothing => {}
            Meanwhile::Change(id) => {
                let Some(at) = self.records.get_mut(id) else { return };
                // From the future into a window that may have been read: the next run finds the change, as any that came since.
                if std::mem::replace(at, self.now) > self.now {
                    touched.insert(*id);
                }
            }
            Meanwhile::Create(id) => {
                touched.insert(*id);
                self.records.insert(*id, self.now);
            }
            Meanwhile::Delete(id) => {
                touched.insert(*id);
                self.records.remove(id);
            }
        }
    }
}

fn walk(windows: Windows, from: Option<i64>, until: Option<i64>) -> Walk {
    let record = RecordSchema::new("thing", vec![RecordField::new("id", ValueType::Text)], &["id"]);
    let stream = Stream::new("things", record, &[Mode::Backfill], "").windows(windows.smallest(Duration::from_secs(STEP.unsigned_abs())));
    let due = Due {
        mode: Mode::Backfill,
        from: from.map(|from| Cursor::at(Timestamp::from_seconds(from))),
        until: until.map(Timestamp::from_seconds),
        started_at: None,
        position: None,
    };
    Walk::of(&stream, &due, Timestamp::from_seconds(NOW)).unwrap_or_else(|| unreachable!("the stream has windows"))
}

/// What a whole reading came to.
struct Came {
    read: Vec<u32>,
    /// The windows that were read to their ends, in order, each with how many of its records arrived.
    windows: Vec<(Option<Timestamp>, Option<Timestamp>, usize)>,
    error: Option<Error>,
}

/// Reads to the end; each page's place goes through its stored form, as if every page were another process's.
fn read(source: &mut Source, walk: &Walk, happens: &[Meanwhile], touched: &mut BTreeSet<u32>) -> Came {
    let mut came = Came { read: Vec::new(), windows: Vec::new(), error: None };
    let (mut position, mut inside) = (None, 0);
    let started_at = Timestamp::from_seconds(NOW);
    for page in 0..100_000 {
        let place = walk.place(position.as_ref()).unwrap_or_else(|error| unreachable!("{error}"));
        let (ids, next) = source.page(&place);
        if next != Next::TooMany {
            inside += ids.len();
            came.read.extend(ids);
        } else {
            inside = 0;
        }
        if matches!(next, Next::End { .. }) {
            came.windows.push((place.from, place.until, if place.by_id { 0 } else { inside }));
            inside = 0;
        }
        match walk.after(&place, next, started_at) {
            Ok(Next::Page(next)) => position = Some(next),
            Ok(_) => return came,
            Err(error) => {
                came.error = Some(error);
                return came;
            }
        }
        if let Some(meanwhile) = happens.get(page) {
            source.happen(meanwhile, touched);
        }
    }
    unreachable!("the reading does not end");
}

proptest! {
    /// Without changes: windows follow each other without gap or overlap, over the whole range; none holds more than the cap; each record
    /// comes once where totals are told, and at least once in any case.
    #[test]
    fn windows_cover_the_range_once(
        times in prop::collection::vec(times(), 0..200),
        (cap, page, tells_total) in (1..30_usize, 1..12_usize, any::<bool>()),
        longest in prop::option::of(20_000_000..400_000_000_u64),
        range in prop::option::of((0..NOW / 2, NOW / 2..NOW)),
    ) {
        let page = page.min(cap);
        let records: BTreeMap<u32, i64> = (0..).zip(times).collect();
        let mut source = Source { records, cap, page, tells_total, now: NOW };
        let mut windows = Windows::capped(cap as u64).by_id();
        windows.longest = longest.map(Duration::from_secs);
        let (from, until) = range.unzip();
        let came = read(&mut source, &walk(windows, from, until), &[], &mut BTreeSet::new());
        prop_assert!(came.error.is_none());
        for (one, other) in came.windows.iter().zip(came.windows.iter().skip(1)) {
            prop_assert!(one.1.is_some() && one.1 == other.0, "{:?} is followed by {:?}", one, other);
        }
        let (first, last) = (came.windows.first().map(|window| window.0), came.windows.last().map(|window| window.1));
        prop_assert_eq!(first.flatten(), from.map(Timestamp::from_seconds).or(longest.map(|_| Timestamp::from_seconds(0))));
        prop_assert_eq!(last.flatten(), until.map(Timestamp::from_seconds).or(longest.map(|_| Timestamp::from_seconds(NOW))));
        prop_assert!(came.windows.iter().all(|window| window.2 <= cap));
        let begins = from.or(longest.map(|_| 0)).unwrap_or(i64::MIN);
        let ends = until.or(longest.map(|_| NOW)).unwrap_or(i64::MAX);
        let expected: BTreeSet<u32> =
            source.records.iter().filter(|(_, at)| (begins..ends).contains(*at)).map(|(id, _)| *id).collect();
        let read: BTreeSet<u32> = came.read.iter().copied().collect();
        prop_assert_eq!(&read, &expected);
        prop_assert!(!tells_total || came.read.len() == read.len(), "a record came twice");
        if let Some(longest) = longest {
            let span = |window: &(Option<Timestamp>, Option<Timestamp>, usize)| Some(window.1?.since(window.0?));
            prop_assert!(came.windows.iter().filter_map(span).all(|span| span <= Duration::from_secs(longest)));
        }
    }

    /// With records that change, appear and vanish between pages: every record that is there throughout comes at least once, wherever it
    /// moves meanwhile.
    #[test]
    fn what_is_there_throughout_is_read(
        times in prop::collection::vec(times(), 0..200),
        (cap, page, tells_total) in (2..30_usize, 1..12_usize, any::<bool>()),
        happens in prop::collection::vec(meanwhile(), 0..150),
    ) {
        let records: BTreeMap<u32, i64> = (0..).zip(times).collect();
        let all: BTreeSet<u32> = records.keys().copied().collect();
        let mut source = Source { records, cap, page: page.min(cap), tells_total, now: NOW };
        let mut touched = BTreeSet::new();
        let windows = Windows::capped(cap as u64).by_id();
        // Time goes on while it is read, so that a change is always the newest of all but those of the future.
        let came = read(&mut source, &walk(windows, None, None), &happens, &mut touched);
        prop_assert!(came.error.is_none());
        let read: BTreeSet<u32> = came.read.iter().copied().collect();
        let lost: Vec<&u32> = all.difference(&touched).filter(|id| !read.contains(id)).collect();
        prop_assert!(lost.is_empty(), "{:?} were there throughout and did not come", lost);
    }

    /// An instant that alone holds more than the cap fails by name where nothing reads it by id, and nothing after it is called read.
    #[test]
    fn an_instant_over_the_cap_fails_by_name(others in prop::collection::vec(NOW - 100_000..NOW, 0..40), cap in 1..20_usize) {
        let crowded = (1_000..).take(cap + 1).map(|id| (id, NOW - 50_000));
        let records = (0..).zip(others).chain(crowded).collect();
        let mut source = Source { records, cap, page: cap, tells_total: true, now: NOW };
        let came = read(&mut source, &walk(Windows::capped(cap as u64), None, None), &[], &mut BTreeSet::new());
        let error = came.error.map(|error| (error.code(), error.to_string()));
        let told = error.as_ref().is_some_and(|(code, words)| *code == codes::SILENT_CAP && words.contains("window 2023-11-14T08:20:00Z to"));
        prop_assert!(told, "{:?}", error);
        prop_assert!(came.windows.iter().all(|window| window.1 <= Some(Timestamp::from_seconds(NOW - 50_000))));
    }

    /// A middle lies inside, is a whole multiple of the step, and halves any span in few steps.
    #[test]
    fn a_middle_lies_inside(from in prop::option::of(-NOW..NOW * 3), until in prop::option::of(-NOW..NOW * 3), step in 1..100_000_i64) {
        let (from, until) = (from.map(|from| cut::floor(from, step)), until.map(|until| cut::ceiling(until, step)));
        let mut place = (from, until);
        for _ in 0..200 {
            let Some(middle) = cut::middle(place.0, place.1, NOW, step) else { break };
            prop_assert!(place.0.is_none_or(|from| from < middle) && place.1.is_none_or(|until| middle < until));
            prop_assert_eq!(middle.rem_euclid(step), 0);
            place.1 = Some(middle);
        }
        if let (Some(from), Some(until)) = (from, place.1) {
            prop_assert!(until <= from + step, "{} to {} is not an instant", from, until);
        }
    }
}

#[test]
fn a_position_of_another_time_begins_anew_and_a_spoilt_one_is_refused() {
    let walk = walk(Windows::capped(10), Some(NOW - 100), None);
    let first = walk.place(None).map(|place| place.from);
    assert_eq!(walk.place(Some(&Position(json!("a token")))).map(|place| place.from).ok(), first.ok());
    let spoilt = walk.place(Some(&Position(json!({"window": {"form": 1}}))));
    assert_eq!(spoilt.map_err(|error| error.code()).err(), Some(codes::BAD_STATE));
}
