//! The page loop: order, checkpoints, resuming, cursors, and pages that go wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct_connector::{Next, Page, Read, Records};
use aqueduct_engine::{Engine, ReadOptions, Settings};
use aqueduct_schema::{Batch, Cursor, Error, Mode, Position, Raw, Result, Retry, StreamState, Timestamp, codes};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use serde_json::json;
use tokio::sync::{mpsc, watch};

use crate::clock::{BEGINNING, TestClock};
use crate::support::{InMemory, run, settings, things};

type Log<T> = Arc<Mutex<Vec<T>>>;

fn at(seconds: i64) -> Timestamp {
    BEGINNING.plus(Duration::from_secs(seconds.unsigned_abs()))
}

fn page(body: String, next: Option<serde_json::Value>, server_time: Timestamp) -> Page {
    let next = next.map_or(Next::End { bookmark: None }, |position| Next::Page(Position(position)));
    Page { records: Records::Json { body: body.into(), pointer: &["results"] }, next, server_time }
}

/// Things 1 to `count`, three a page by key, each changed at the second of its number. The server's time moves on by a minute a page.
fn counting(count: u64) -> impl Fn(&Read<'_>) -> Page {
    move |read| {
        let after = read.position.map_or(0, |position| position.0.as_u64().unwrap());
        let ids: Vec<u64> = (after + 1..=count).take(3).collect();
        let records: Vec<_> = ids.iter().map(|id| json!({"id": id, "updated": at(*id as i64).to_string()})).collect();
        let next = ids.last().filter(|last| **last < count).map(|last| json!(last));
        page(json!({ "results": records }).to_string(), next, at(60 * (after as i64 / 3 + 1)))
    }
}

fn engine(read: impl Fn(&Read<'_>) -> Result<Page> + Send + Sync + 'static) -> Engine {
    engine_with(read, settings())
}

fn engine_with(read: impl Fn(&Read<'_>) -> Result<Page> + Send + Sync + 'static, settings: Settings) -> Engine {
    Engine::new(Arc::new(InMemory(Box::new(move |asked, _| read(asked)))), settings, Arc::new(TestClock::running())).unwrap()
}

fn ids(batch: &Batch<Raw>) -> Vec<i64> {
    batch.tables()[0].rows.column(0).as_primitive::<Int64Type>().values().to_vec()
}

#[tokio::test]
async fn a_snapshot_arrives_in_order_page_by_page() {
    let stream = things(&[Mode::Snapshot]);
    let (batches, outcome) = run(&engine(|read| Ok(counting(7)(read))), &stream, StreamState::default(), &ReadOptions::new("shop")).await;
    let outcome = outcome.unwrap();
    assert!(outcome.complete);
    assert_eq!((outcome.pages, outcome.records), (3, 7));
    assert_eq!(batches.iter().map(ids).collect::<Vec<_>>(), [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    assert_eq!(batches[0].tables()[0].schema.name.to_string(), "shop_things");
    let completeness: Vec<bool> = batches.iter().map(|batch| batch.checkpoint().reading_complete).collect();
    assert_eq!(completeness, [false, false, true]);
    assert!(batches.iter().all(|batch| batch.checkpoint().reading_started_at == at(60) && batch.checkpoint().mode == Mode::Snapshot));
    assert_eq!(batches[2].checkpoint().state, outcome.state);
    // 60 s less the lag of 300 s.
    assert_eq!(outcome.state.settled, Some(Cursor::at(BEGINNING.minus(Duration::from_secs(240)))));
    assert_eq!(outcome.state.realtime, Some(Cursor::at(at(7))));
}

#[tokio::test]
async fn resuming_from_any_checkpoint_gives_the_same_things() {
    let stream = things(&[Mode::Backfill, Mode::Changes]);
    let engine = engine(|read| Ok(counting(20)(read)));
    let options = ReadOptions::new("shop");
    let (whole, outcome) = run(&engine, &stream, StreamState::default(), &options).await;
    let final_state = outcome.unwrap().state;
    for killed_after in 0..whole.len() {
        let mut got: Vec<i64> = whole[..=killed_after].iter().flat_map(ids).collect();
        let state = whole[killed_after].checkpoint().state.clone();
        // State goes through its stored form, as between runs.
        let state: StreamState = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        if killed_after + 1 < whole.len() {
            let (rest, outcome) = run(&engine, &stream, state, &options).await;
            got.extend(rest.iter().flat_map(ids));
            assert_eq!(outcome.unwrap().state, final_state);
            assert!(rest.iter().all(|batch| batch.checkpoint().reading_started_at == at(60)));
        }
        assert_eq!(got, (1..=20).collect::<Vec<i64>>(), "killed after page {killed_after}");
    }
}

#[tokio::test]
async fn backfill_then_changes_then_deletions() {
    let asked: Log<(Mode, Option<Cursor>)> = Arc::default();
    let minutes = Arc::new(AtomicUsize::new(10));
    let (log, minute) = (asked.clone(), minutes.clone());
    let engine = engine(move |read| {
        log.lock().unwrap().push((read.mode, read.from.cloned()));
        let server_time = at(60 * minute.load(Ordering::SeqCst) as i64);
        Ok(page(json!({"results": [{"id": 1, "updated": "2999-01-01T00:00:00Z"}]}).to_string(), None, server_time))
    });
    let stream = things(&[Mode::Backfill, Mode::Changes, Mode::Deletions]);
    let options = ReadOptions::new("shop");
    let settled = |minute: i64| Some(Cursor::at(at(60 * minute - 300)));

    let (batches, outcome) = run(&engine, &stream, StreamState::default(), &options).await;
    let state = outcome.unwrap().state;
    assert_eq!(batches.len(), 1);
    assert_eq!(state.settled, settled(10));
    // FUTURE-CLAMP: the record of the year 2999 moves nothing beyond the server's time.
    assert_eq!(state.realtime, Some(Cursor::at(at(600))));

    minutes.store(20, Ordering::SeqCst);
    let (batches, outcome) = run(&engine, &stream, state, &options).await;
    let second = outcome.unwrap().state;
    assert_eq!(second.settled, settled(20));
    assert_eq!(second.reading, None);
    // What is committed after the changes alone still owes the deletions.
    let owed = batches[0].checkpoint().state.reading.clone().unwrap();
    assert_eq!((owed.mode, owed.from.clone(), owed.position), (Mode::Deletions, settled(10), None));
    let steps = [(Mode::Backfill, None), (Mode::Changes, settled(10)), (Mode::Deletions, settled(10))];
    assert_eq!(*asked.lock().unwrap(), steps);

    // A server whose clock went back does not take the promise back.
    minutes.store(5, Ordering::SeqCst);
    let (_, outcome) = run(&engine, &stream, second, &options).await;
    assert_eq!(outcome.unwrap().state.settled, settled(20));
}

#[tokio::test]
async fn a_page_without_records_carries_its_checkpoint() {
    let engine = engine(|_| Ok(page(r#"{"results":[]}"#.to_owned(), None, at(600))));
    let (batches, outcome) = run(&engine, &things(&[Mode::Changes]), StreamState::default(), &ReadOptions::new("shop")).await;
    assert_eq!(batches.len(), 1);
    assert!(batches[0].tables()[0].is_empty() && batches[0].checkpoint().reading_complete);
    assert_eq!(outcome.unwrap().state.settled, Some(Cursor::at(at(300))));
}

#[tokio::test]
async fn streams_that_keep_their_place_get_it_back() {
    let engine = engine(|read| {
        let done = read.bookmark.map_or(0, |bookmark| bookmark.0["files"].as_u64().unwrap());
        let mut page = page(json!({"results": [{"id": done}]}).to_string(), None, at(600));
        page.next = Next::End { bookmark: Some(Position(json!({"files": done + 1}))) };
        Ok(page)
    });
    let (stream, options) = (things(&[Mode::Changes]), ReadOptions::new("files"));
    let (first, outcome) = run(&engine, &stream, StreamState::default(), &options).await;
    let (second, outcome) = run(&engine, &stream, outcome.unwrap().state, &options).await;
    assert_eq!((ids(&first[0]), ids(&second[0])), (vec![0], vec![1]));
    assert_eq!(outcome.unwrap().state.bookmark, Some(Position(json!({"files": 2}))));
}

#[tokio::test]
async fn paging_in_a_circle_is_noticed() {
    for length in [1, 2, 3, 50] {
        let pages = Arc::new(AtomicUsize::new(0));
        let asked = pages.clone();
        let engine = engine(move |read| {
            asked.fetch_add(1, Ordering::SeqCst);
            let position = read.position.map_or(0, |position| position.0.as_u64().unwrap());
            Ok(page(r#"{"results":[{"id":1}]}"#.to_owned(), Some(json!((position + 1) % length)), at(0)))
        });
        let (_, outcome) = run(&engine, &things(&[Mode::Snapshot]), StreamState::default(), &ReadOptions::new("shop")).await;
        assert_eq!(outcome.unwrap_err().code(), codes::PAGING_LOOP, "{length}");
        let pages = pages.load(Ordering::SeqCst);
        assert!(pages <= if length <= 3 { length as usize + 3 } else { 300 }, "{length}: {pages}");
    }
}

#[tokio::test]
async fn a_page_that_is_not_what_it_should_be_is_asked_for_again() {
    for (bad, good) in [("<html>busy</html>", true), (r#"{"results":[{"id":1},"#, true), (r#"{"message":"ok"}"#, true), ("", false)] {
        let asked = Arc::new(Mutex::new(BTreeMap::<u64, usize>::new()));
        let log = asked.clone();
        let engine = engine(move |read| {
            let position = read.position.map_or(0, |position| position.0.as_u64().unwrap());
            let times = *log.lock().unwrap().entry(position).and_modify(|times| *times += 1).or_insert(1);
            let page = counting(9)(read);
            let spoilt = position == 3 && (times < 3 || !good);
            Ok(if spoilt { Page { records: Records::Json { body: bad.into(), pointer: &["results"] }, ..page } } else { page })
        });
        let (batches, outcome) = run(&engine, &things(&[Mode::Snapshot]), StreamState::default(), &ReadOptions::new("shop")).await;
        assert_eq!(asked.lock().unwrap()[&3], 3);
        if good {
            assert!(outcome.unwrap().complete);
            assert_eq!(batches.iter().flat_map(ids).collect::<Vec<_>>(), (1..=9).collect::<Vec<i64>>());
        } else {
            let error = outcome.unwrap_err();
            assert_eq!((error.code(), error.retry()), (codes::MALFORMED_ANSWER, Retry::Exhausted));
            assert_eq!(batches.len(), 1);
        }
    }
}

#[tokio::test]
async fn an_error_comes_after_the_pages_before_it() {
    let engine = engine(|read| match read.position {
        Some(Position(position)) if position == &json!(6) => Err(Error::new(codes::PERMISSION_DENIED, "no")),
        _ => Ok(counting(20)(read)),
    });
    let (batches, outcome) = run(&engine, &things(&[Mode::Backfill]), StreamState::default(), &ReadOptions::new("shop")).await;
    assert_eq!(batches.iter().flat_map(ids).collect::<Vec<_>>(), (1..=6).collect::<Vec<i64>>());
    let error = outcome.unwrap_err();
    assert_eq!((error.code(), error.operation_name()), (codes::PERMISSION_DENIED, Some("shop things")));
}

#[tokio::test]
async fn a_record_limit_stops_without_ending() {
    let requests = Arc::new(AtomicUsize::new(0));
    let asked = requests.clone();
    let engine = engine(move |read| {
        asked.fetch_add(1, Ordering::SeqCst);
        Ok(counting(20)(read))
    });
    let stream = things(&[Mode::Backfill, Mode::Changes]);
    let options = ReadOptions { record_limit: Some(4), ..ReadOptions::new("shop") };
    let (batches, outcome) = run(&engine, &stream, StreamState::default(), &options).await;
    let outcome = outcome.unwrap();
    assert!(!outcome.complete && !batches[1].checkpoint().reading_complete);
    assert_eq!((outcome.records, outcome.state.settled.clone(), requests.load(Ordering::SeqCst)), (6, None, 2));
    let (rest, outcome) = run(&engine, &stream, outcome.state, &ReadOptions::new("shop")).await;
    assert_eq!(rest.iter().flat_map(ids).collect::<Vec<_>>(), (7..=20).collect::<Vec<i64>>());
    assert!(outcome.unwrap().complete);
}

#[tokio::test]
async fn cancelling_keeps_what_was_read() {
    let (cancel, cancelled) = watch::channel(false);
    let engine = engine(move |read| {
        if read.position == Some(&Position(json!(3))) {
            cancel.send(true).unwrap();
        }
        Ok(counting(60)(read))
    });
    let options = ReadOptions { cancel: cancelled, ..ReadOptions::new("shop") };
    let (batches, outcome) = run(&engine, &things(&[Mode::Backfill]), StreamState::default(), &options).await;
    let outcome = outcome.unwrap();
    assert!(!outcome.complete);
    assert_eq!(batches.last().map(|batch| batch.checkpoint().state.clone()), Some(outcome.state));
    assert!(batches.iter().flat_map(ids).eq(1..=batches.len() as i64 * 3));
    assert!(!batches.is_empty() && batches.len() <= 3);
}

#[tokio::test]
async fn nobody_to_take_batches_is_no_error() {
    let engine = engine(|read| Ok(counting(60)(read)));
    let (out, batches) = mpsc::channel(1);
    drop(batches);
    let outcome = engine.read_stream(&things(&[Mode::Backfill]), StreamState::default(), &ReadOptions::new("shop"), out).await.unwrap();
    assert_eq!((outcome.complete, outcome.pages, outcome.state), (false, 0, StreamState::default()));
}

#[tokio::test]
async fn pages_are_not_fetched_without_end_when_nobody_takes_them() {
    let requests = Arc::new(AtomicUsize::new(0));
    let asked = requests.clone();
    let engine = Arc::new(engine(move |read| {
        asked.fetch_add(1, Ordering::SeqCst);
        Ok(counting(300)(read))
    }));
    let (out, mut batches) = mpsc::channel(1);
    let reading = {
        let engine = engine.clone();
        tokio::spawn(
            async move { engine.read_stream(&things(&[Mode::Backfill]), StreamState::default(), &ReadOptions::new("shop"), out).await },
        )
    };
    batches.recv().await.unwrap();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    // One taken, one in the channel, one waiting to be sent, one fetched ahead.
    assert!(requests.load(Ordering::SeqCst) <= 4, "{requests:?}");
    drop(batches);
    reading.await.unwrap().unwrap();
}

#[tokio::test]
async fn modes_can_be_asked_for_and_a_window_moves_no_cursor() {
    let windows: Log<(Mode, Option<Cursor>, Option<Timestamp>)> = Arc::default();
    let log = windows.clone();
    let engine = engine(move |read| {
        log.lock().unwrap().push((read.mode, read.from.cloned(), read.until));
        Ok(counting(2)(read))
    });
    let stream = things(&[Mode::Backfill, Mode::Changes, Mode::Deletions]);
    let settled = StreamState { settled: Some(Cursor::at(at(5))), ..StreamState::default() };
    let window = ReadOptions { modes: Some(vec![Mode::Backfill]), from: Some(at(1)), until: Some(at(2)), ..ReadOptions::new("shop") };
    let (_, outcome) = run(&engine, &stream, settled.clone(), &window).await;
    assert_eq!(outcome.unwrap().state.settled, settled.settled);
    assert_eq!(*windows.lock().unwrap(), [(Mode::Backfill, Some(Cursor::at(at(1))), Some(at(2)))]);
    let impossible = ReadOptions { modes: Some(vec![Mode::Snapshot]), ..ReadOptions::new("shop") };
    let (_, outcome) = run(&engine, &stream, settled, &impossible).await;
    assert_eq!(outcome.unwrap_err().code(), codes::BAD_USAGE);
}

#[tokio::test]
async fn a_connector_that_panics_is_an_error_of_its_stream() {
    let engine = engine_with(|_| panic!("a mistake in a connector"), settings());
    let (_, outcome) = run(&engine, &things(&[Mode::Snapshot]), StreamState::default(), &ReadOptions::new("shop")).await;
    assert_eq!(outcome.unwrap_err().code(), codes::BUG);
}

#[tokio::test]
async fn what_the_source_prepares_is_waited_for_and_its_place_is_kept() {
    let clock = Arc::new(TestClock::running());
    let asked = Arc::new(AtomicUsize::new(0));
    let times = asked.clone();
    let read = move |read: &Read<'_>, _: &_| {
        let place = |place: &str, wait| Next::Later { position: Position(json!(place)), wait: Duration::from_secs(wait) };
        let empty = || page(r#"{"results":[]}"#.to_owned(), None, at(600));
        Ok(match read.position.and_then(|position| position.0.as_str()) {
            None => Page { next: place("job", 2), ..empty() },
            // The same place again and again is not a circle while the source says that it is at work.
            Some("job") if times.fetch_add(1, Ordering::SeqCst) < 400 => Page { next: place("job", 30), ..empty() },
            _ => page(r#"{"results":[{"id":1}]}"#.to_owned(), None, at(600)),
        })
    };
    let engine = Engine::new(Arc::new(InMemory(Box::new(read))), settings(), clock.clone()).unwrap();
    let began = aqueduct_engine::Clock::now(&*clock);
    let (batches, outcome) = run(&engine, &things(&[Mode::Snapshot]), StreamState::default(), &ReadOptions::new("shop")).await;
    assert!(outcome.unwrap().complete);
    assert_eq!((batches.len(), asked.load(Ordering::SeqCst)), (402, 401));
    let kept = batches[0].checkpoint().state.reading.clone().unwrap();
    assert_eq!(kept.position, Some(Position(json!("job"))));
    assert_eq!(aqueduct_engine::Clock::now(&*clock).since(began), Duration::from_secs(2 + 400 * 30));
}

#[tokio::test]
async fn a_page_that_is_never_ready_ends_as_the_sources_failure() {
    let later = |_: &Read<'_>| {
        let next = Next::Later { position: Position(json!("job")), wait: Duration::from_secs(600) };
        Ok(Page { next, ..page(r#"{"results":[]}"#.to_owned(), None, at(600)) })
    };
    let (batches, outcome) = run(&engine(later), &things(&[Mode::Snapshot]), StreamState::default(), &ReadOptions::new("shop")).await;
    assert_eq!(outcome.unwrap_err().code(), codes::SOURCE_FAILED);
    assert_eq!(batches.len(), 145, "a day of ten minutes each");
}

#[tokio::test]
async fn a_reading_of_everything_has_read_the_calculated_columns() {
    let stream = things(&[Mode::Backfill, Mode::Changes, Mode::Columns]);
    let engine = engine(|_| Ok(page(r#"{"results":[{"id":1}]}"#.to_owned(), None, at(600))));
    let options = ReadOptions::new("shop");
    let (_, outcome) = run(&engine, &stream, StreamState::default(), &options).await;
    let first = outcome.unwrap().state;
    assert_eq!(first.columns_read_at, Some(at(600)));
    let window = ReadOptions { modes: Some(vec![Mode::Backfill]), from: Some(at(1)), until: Some(at(2)), ..options.clone() };
    let (_, outcome) = run(&engine, &stream, StreamState::default(), &window).await;
    assert_eq!(outcome.unwrap().state.columns_read_at, None, "a window is not everything");
    let columns = ReadOptions { modes: Some(vec![Mode::Columns]), ..options };
    let (batches, outcome) = run(&engine, &stream, StreamState { columns_read_at: None, ..first.clone() }, &columns).await;
    let state = outcome.unwrap().state;
    assert_eq!((batches[0].checkpoint().mode, state.columns_read_at, state.settled), (Mode::Columns, Some(at(600)), first.settled));
}
