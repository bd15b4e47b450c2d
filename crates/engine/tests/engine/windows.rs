//! Reading by windows from outside: what arrives, where a reading goes on that was stopped, and what is said when nothing helps.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct_connector::{Endpoint, Next, Page, Paging, Read, Records, Stream, Windows};
use aqueduct_engine::{Engine, ReadOptions};
use aqueduct_schema::{Batch, Cursor, Mode, Position, Raw, StreamState, Timestamp, codes};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use serde_json::json;

use crate::clock::{BEGINNING, TestClock};
use crate::support::{InMemory, run, settings, things};

const CAP: usize = 8;

fn at(seconds: u64) -> Timestamp {
    BEGINNING.minus(Duration::from_secs(10_000)).plus(Duration::from_secs(seconds))
}

/// Two hundred things: most by themselves, twenty in one instant.
fn changed(id: u64) -> Timestamp {
    at(if (100..120).contains(&id) { 500 } else { id * 7 })
}

type Asked = Arc<Mutex<Vec<(Option<Timestamp>, Option<Timestamp>, bool)>>>;

/// A source that gives the first eight things of a question and no more, three a page by id.
fn engine(asked: &Asked, reads_by_id: bool) -> Engine {
    let asked = asked.clone();
    let read = move |read: &Read<'_>| {
        asked.lock().unwrap().push((read.from.map(|from| from.at), read.until, read.by_id));
        let inside = |id: &u64| {
            let at = changed(*id);
            read.from.is_none_or(|from| at >= from.at) && read.until.is_none_or(|until| at < until)
        };
        let matching: Vec<u64> = (1..=200).filter(inside).collect();
        let after = read.position.map_or(0, |position| position.0.as_u64().unwrap());
        let ids: Vec<u64> = matching.iter().copied().filter(|id| *id > after).take(3).collect();
        let last = ids.last().copied();
        let next = match last {
            _ if matching.len() > CAP && !(read.by_id && reads_by_id) => Next::TooMany,
            Some(last) if matching.last() != Some(&last) => Next::Page(Position(json!(last))),
            _ => Next::End { bookmark: None },
        };
        // Records of a page that is too many must not be taken.
        let ids = if next == Next::TooMany { vec![999] } else { ids };
        let records: Vec<_> = ids.iter().map(|id| json!({"id": id, "updated": changed(*id).to_string()})).collect();
        let body = json!({ "results": records }).to_string();
        Ok(Page { records: Records::Json { body: body.into(), pointer: &["results"] }, next, server_time: at(10_000) })
    };
    Engine::new(Arc::new(InMemory(Box::new(move |asked, _| read(asked)))), settings(), Arc::new(TestClock::running())).unwrap()
}

fn stream(windows: Windows) -> Stream {
    things(&[Mode::Backfill, Mode::Changes]).windows(windows.smallest(Duration::from_secs(1)))
}

fn ids(batches: &[Batch<Raw>]) -> Vec<i64> {
    let mut ids: Vec<i64> =
        batches.iter().flat_map(|batch| batch.tables()[0].rows.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn everything_arrives_once_and_is_settled_as_ever() {
    let asked = Asked::default();
    let (batches, outcome) =
        run(&engine(&asked, true), &stream(Windows::capped(CAP as u64).by_id()), StreamState::default(), &ReadOptions::new("shop")).await;
    let outcome = outcome.unwrap();
    assert_eq!(ids(&batches), (1..=200).collect::<Vec<i64>>());
    assert!(outcome.complete && outcome.state.reading.is_none());
    assert_eq!(outcome.state.settled, Some(Cursor::at(at(10_000).minus(Duration::from_secs(300)))));
    let crowded: Vec<_> = asked.lock().unwrap().iter().filter(|(.., by_id)| *by_id).copied().collect();
    assert!(!crowded.is_empty() && crowded.iter().all(|asked| *asked == (Some(at(500)), Some(at(501)), true)), "{crowded:?}");
}

#[tokio::test]
async fn a_reading_that_is_stopped_anywhere_goes_on_inside_its_window() {
    let asked = Asked::default();
    let stream = stream(Windows::capped(CAP as u64).by_id());
    let whole = run(&engine(&asked, true), &stream, StreamState::default(), &ReadOptions::new("shop")).await.0;
    for stop in 0..whole.len() - 1 {
        let state = whole[stop].checkpoint().state.clone();
        // As another process finds it.
        let state = serde_json::from_value(serde_json::to_value(&state).unwrap()).unwrap();
        asked.lock().unwrap().clear();
        let (rest, outcome) = run(&engine(&asked, true), &stream, state, &ReadOptions::new("shop")).await;
        let mut together = ids(&whole[..=stop]);
        together.extend(ids(&rest));
        together.sort_unstable();
        assert_eq!(together, (1..=200).collect::<Vec<i64>>(), "after page {stop}");
        assert_eq!(rest.len(), whole.len() - stop - 1, "after page {stop}: nothing is read again");
        assert!(outcome.unwrap().complete);
    }
}

#[tokio::test]
async fn what_cannot_be_split_is_an_error_that_names_the_window() {
    for reads_by_id in [false, true] {
        // A stream that does not say it can, and a connector that says it can and cannot.
        let windows = if reads_by_id { Windows::capped(CAP as u64) } else { Windows::capped(CAP as u64).by_id() };
        let asked = Asked::default();
        let (batches, outcome) =
            run(&engine(&asked, reads_by_id), &stream(windows), StreamState::default(), &ReadOptions::new("shop")).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), codes::SILENT_CAP);
        let words = error.to_string();
        assert!(words.contains("shop things") && words.contains(&format!("window {} to {}", at(500), at(501))), "{words}");
        let last = batches.last().unwrap().checkpoint();
        assert!(last.state.settled.is_none() && last.state.reading.is_some(), "the place stays before it");
        assert!(ids(&batches).iter().all(|id| changed(*id as u64) < at(500)));
    }
    // Without windows there is no way to go on either.
    let plain = things(&[Mode::Backfill]);
    let (_, outcome) = run(&engine(&Asked::default(), true), &plain, StreamState::default(), &ReadOptions::new("shop")).await;
    assert_eq!(outcome.unwrap_err().code(), codes::SILENT_CAP);
}

#[tokio::test]
async fn the_longest_span_is_kept_and_the_last_window_ends_with_the_beginning() {
    let longest = Duration::from_secs(333);
    let asked = Asked::default();
    let windows = Windows::spanning(longest).cap(CAP as u64).by_id().reaches_back(Duration::from_secs(2 * 10_000));
    let (batches, outcome) = run(&engine(&asked, true), &stream(windows), StreamState::default(), &ReadOptions::new("shop")).await;
    assert!(outcome.unwrap().complete);
    assert_eq!(ids(&batches), (1..=200).collect::<Vec<i64>>());
    let asked = asked.lock().unwrap();
    assert!(asked.iter().all(|(from, until, _)| until.unwrap().since(from.unwrap()) <= longest), "{asked:?}");
    assert_eq!(asked.last().unwrap().1, Some(at(10_000)));
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_told_the_end_is_read_and_trimmed() {
    let endpoint = Endpoint::new("/things", &["results"], Paging::Single).since("since");
    let page = |_: &Read<'_>| {
        let records: Vec<_> = (1..=9).map(|id| json!({"id": id, "updated": at(id).to_string()})).chain([json!({"id": 10})]).collect();
        let body = json!({ "results": records }).to_string();
        let records = Records::Json { body: body.into(), pointer: &["results"] };
        Ok(Page { records, next: Next::End { bookmark: None }, server_time: at(10_000) })
    };
    let engine =
        Engine::new(Arc::new(InMemory(Box::new(move |asked, _| page(asked)))), settings(), Arc::new(TestClock::running())).unwrap();
    let options = ReadOptions { modes: Some(vec![Mode::Backfill]), from: Some(at(0)), until: Some(at(6)), ..ReadOptions::new("shop") };
    let trimmed = things(&[Mode::Backfill]).endpoint(endpoint.clone());
    let (batches, outcome) = run(&engine, &trimmed, StreamState::default(), &options).await;
    assert_eq!((ids(&batches), batches[0].counts().read, outcome.unwrap().records), (vec![1, 2, 3, 4, 5, 10], 6, 6), "10 has no time");
    // One that can be told the end is taken at its word.
    let told = things(&[Mode::Backfill]).endpoint(endpoint.until("until"));
    assert_eq!(ids(&run(&engine, &told, StreamState::default(), &options).await.0).len(), 10);
}
