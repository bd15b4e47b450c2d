//! Backfills: windows with checkpoints of their own, beside live runs.

use aqueduct_schema::{Batch, Cursor, Mode, Position, Protected, ReadingState, StreamState, Table, Timestamp, ValueType, codes};
use aqueduct_warehouse::{
    Backfill, BackfillState, BackfillWindow, Fence, QuarantineStatus, RunStart, TimeSpan, WindowKey, WindowNote, WindowState,
};

use crate::destination::Destination;
use crate::rows::*;

const ID: &str = "shop:run-1";

fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_770_000_000 + seconds)
}

fn span(from: i64, until: i64) -> TimeSpan {
    TimeSpan { from: Some(instant(from)), until: Some(instant(until)) }
}

fn window(number: u32, span: TimeSpan) -> BackfillWindow {
    BackfillWindow {
        stream: "people".to_owned(),
        number,
        span,
        whole: false,
        state: WindowState::Pending,
        place: StreamState::default(),
        planned: Some(7),
        expected: None,
        found: None,
        read: 0,
        loaded: 0,
        unchanged: 0,
        quarantined: 0,
        filtered: 0,
        requests: 0,
        attempts: 0,
        started_at: None,
        ended_at: None,
        error: None,
    }
}

fn key(number: u32) -> WindowKey {
    WindowKey { backfill: ID.into(), stream: "people".into(), number }
}

fn start(run_id: &str) -> RunStart {
    RunStart { pipeline: "shop".into(), run_id: run_id.into(), started_at: instant(0), allow_mass_delete: false }
}

impl Destination {
    /// A backfill of two windows, under way.
    async fn backfilling(&self, run_id: &str) -> Fence {
        let fence = self.warehouse.begin_backfill_run(start(run_id)).await.unwrap();
        let backfill = Backfill {
            id: ID.to_owned(),
            pipeline: "shop".to_owned(),
            arguments: r#"{"from":null}"#.to_owned(),
            span: span(0, 200),
            state: BackfillState::Running,
            pause_asked: false,
            began_at: instant(0),
            ended_at: None,
        };
        let windows = [window(1, span(100, 200)), window(2, TimeSpan { from: None, ..span(0, 100) })];
        self.warehouse.add_backfill(&fence, &backfill, &windows).await.unwrap();
        fence
    }

    async fn window(&self, number: u32) -> BackfillWindow {
        let windows = self.again().await.backfill_windows(ID).await.unwrap();
        windows.into_iter().find(|window| window.number == number).unwrap()
    }
}

/// People with a time of change, in an account.
fn changed(rows: &[(&str, &str, i64)]) -> Table {
    let columns = [
        ("_id", ValueType::Text),
        ("name", ValueType::Text),
        ("source_updated_at", ValueType::Timestamp),
        ("is_deleted", ValueType::Boolean),
    ];
    let mut schema = schema(source(), &columns);
    schema.constants = vec![("source_account_id".into(), "a".into())];
    let rows = rows.iter().map(|(id, name, seconds)| vec![text(*id), text(*name), at(*seconds), Value::Boolean(name.is_empty())]).collect();
    table_of(schema, aqueduct_schema::Operation::Upsert, rows)
}

fn place(after: &str) -> StreamState {
    let position = Some(Position(serde_json::json!(after)));
    let (from, until) = (Some(Cursor::at(instant(100))), Some(instant(200)));
    let reading = Some(ReadingState { mode: Mode::Backfill, started_at: instant(0), from, until, position });
    StreamState { reading, ..StreamState::default() }
}

/// A page of a window; the last one has no place after it.
fn page(tables: Vec<Table>, after: Option<&str>) -> Batch<Protected> {
    let mut of = checkpoint(Mode::Backfill, 0, after.is_none());
    of.state = after.map_or_else(StreamState::default, place);
    batch_with(tables, Vec::new(), 0, of)
}

pub(crate) async fn a_window_keeps_its_checkpoint_and_counts_and_no_live_state_moves(to: &Destination) {
    let live = to.begin("live-1").await;
    to.load(&live, vec![batch(vec![changed(&[("0", "zero", 500)])])]).await.unwrap();
    let state = to.warehouse.states("shop").await.unwrap();
    let fence = to.backfilling("run-1").await;
    let note = WindowNote { state: Some(WindowState::Running), again: true, at: Some(instant(1)), ..WindowNote::default() };
    to.warehouse.note_window(&fence, &key(1), &note).await.unwrap();

    let first =
        to.warehouse.load_window(&fence, &key(1), vec![page(vec![changed(&[("1", "one", 110), ("2", "two", 120)])], Some("2"))]).await;
    assert_eq!(first.unwrap().loaded, 2);
    let known = to.window(1).await;
    assert_eq!((known.state, known.read, known.loaded, known.requests, known.attempts), (WindowState::Running, 2, 2, 1, 1));
    assert_eq!((known.place, known.span, known.planned), (place("2"), span(100, 200), Some(7)));

    let last = vec![page(vec![changed(&[("2", "two", 120)])], Some("3")), page(vec![changed(&[("3", "", 130)])], None)];
    to.warehouse.load_window(&fence, &key(1), last).await.unwrap();
    let known = to.window(1).await;
    assert_eq!((known.state, known.read, known.loaded, known.unchanged, known.requests), (WindowState::Loaded, 4, 3, 1, 3));
    assert_eq!((known.place.reading, known.started_at), (None, Some(instant(1))));
    assert_eq!(to.window(2).await, window(2, TimeSpan { from: None, ..span(0, 100) }), "the other window is as it was");
    assert_eq!(to.warehouse.states("shop").await.unwrap(), state, "live state");
    assert_eq!(to.one("SELECT count(*) FROM {_loads} WHERE pipeline = 'shop'").await, "3");

    let note = WindowNote { state: Some(WindowState::Verified), counted: Some((3, 2)), requests: 1, ..WindowNote::default() };
    to.warehouse.note_window(&fence, &key(1), &note).await.unwrap();
    let known = to.window(1).await;
    assert_eq!((known.state, known.expected, known.found, known.requests), (WindowState::Verified, Some(3), Some(2), 4));
    to.warehouse.note_backfill(&fence, ID, BackfillState::Complete, instant(9)).await.unwrap();
    let stored = to.again().await.backfills("shop").await.unwrap();
    assert_eq!((stored.len(), stored[0].state, stored[0].ended_at), (1, BackfillState::Complete, Some(instant(9))));
    assert_eq!((stored[0].span, stored[0].arguments.as_str()), (span(0, 200), r#"{"from":null}"#));
}

pub(crate) async fn a_window_goes_on_where_it_was_and_may_be_read_again(to: &Destination) {
    let fence = to.backfilling("run-1").await;
    let running = |again| WindowNote { state: Some(WindowState::Running), again, ..WindowNote::default() };
    to.warehouse.note_window(&fence, &key(1), &running(true)).await.unwrap();
    to.warehouse.load_window(&fence, &key(1), vec![page(vec![changed(&[("1", "one", 110)])], Some("1"))]).await.unwrap();
    // The process is gone; the next one goes on, and then begins anew.
    let fence = to.warehouse.begin_backfill_run(start("run-2")).await.unwrap();
    to.warehouse.note_window(&fence, &key(1), &running(false)).await.unwrap();
    let known = to.window(1).await;
    assert_eq!((known.place, known.read, known.attempts), (place("1"), 1, 1));
    to.warehouse.note_window(&fence, &key(1), &running(true)).await.unwrap();
    let known = to.window(1).await;
    assert_eq!((known.place, known.read, known.loaded, known.attempts), (StreamState::default(), 0, 0, 2));
    let failed = WindowNote { state: Some(WindowState::Failed), error: Some("it's gone".to_owned()), ..WindowNote::default() };
    to.warehouse.note_window(&fence, &key(1), &failed).await.unwrap();
    assert_eq!(to.window(1).await.error.as_deref(), Some("it's gone"));
    let error = to.warehouse.note_window(&fence, &key(3), &failed).await.unwrap_err();
    assert_eq!(error.code(), codes::BAD_STATE, "there is no third window");
    let error = to.warehouse.load_window(&fence, &key(3), vec![page(vec![changed(&[("9", "nine", 110)])], None)]).await.unwrap_err();
    assert_eq!((error.code(), to.one("SELECT count(*) FROM {people} WHERE _id = '9'").await), (codes::BAD_STATE, "0".to_owned()));
}

pub(crate) async fn windows_are_counted_by_the_time_of_change(to: &Destination) {
    let spans = [span(100, 200), span(200, 300), TimeSpan { from: None, ..span(0, 100) }, TimeSpan { from: None, until: None }];
    assert_eq!(to.warehouse.count_spans(&source(), "a", &spans).await.unwrap(), Some(vec![0; 4]), "there is no table yet");
    let fence = to.begin("run-1").await;
    let rows = [("1", "one", 99), ("2", "two", 100), ("3", "three", 199), ("4", "four", 200), ("5", "", 150)];
    to.load(&fence, vec![batch(vec![changed(&rows)])]).await.unwrap();
    assert_eq!(to.warehouse.count_spans(&source(), "a", &spans).await.unwrap(), Some(vec![2, 1, 1, 4]));
    assert_eq!(to.warehouse.count_spans(&source(), "b", &spans).await.unwrap(), Some(vec![0; 4]));
    let many: Vec<TimeSpan> = (0..700).map(|second| span(second, second + 1)).collect();
    let counts = to.warehouse.count_spans(&source(), "a", &many).await.unwrap().unwrap();
    let found: Vec<usize> = (0..700).filter(|second| counts[*second] > 0).collect();
    assert_eq!((counts.len(), found), (700, vec![99, 100, 199, 200]));
    to.ask("DROP TABLE {people}").await;
    let fence = to.begin("run-2").await;
    to.load(&fence, vec![batch(vec![people(&[("1", "one")])])]).await.unwrap();
    assert_eq!(to.warehouse.count_spans(&source(), "a", &spans).await.unwrap(), None, "rows without a time of change");
}

pub(crate) async fn a_record_in_quarantine_counts_once_for_its_window(to: &Destination) {
    let rejected = |records: &[(&str, &str)]| {
        let rejects = records.iter().map(|(id, rule)| reject(Some(id), rule, "x")).collect();
        let mut of = checkpoint(Mode::Backfill, 0, false);
        of.state = place("1");
        vec![batch_with(vec![changed(&[])], rejects, 0, of)]
    };
    let fence = to.backfilling("run-1").await;
    let begun = WindowNote { state: Some(WindowState::Running), again: true, ..WindowNote::default() };
    to.warehouse.note_window(&fence, &key(1), &begun).await.unwrap();
    // The second one for two reasons, and on the next page and in the next load once more.
    to.warehouse.load_window(&fence, &key(1), rejected(&[("1", "a"), ("2", "a"), ("2", "b")])).await.unwrap();
    to.warehouse.load_window(&fence, &key(1), rejected(&[("2", "a"), ("3", "a")])).await.unwrap();
    assert_eq!((to.window(1).await.quarantined, to.warehouse.count_quarantined(&key(1)).await.unwrap()), (5, 3));
    assert_eq!(to.warehouse.count_quarantined(&key(2)).await.unwrap(), 0);
    // Neither a live run that meets one of them too nor somebody who gives it up takes it away from the window.
    let live = to.begin("live-1").await;
    to.load(&live, vec![batch_with(vec![people(&[])], vec![reject(Some("3"), "a", "x")], 0, checkpoint(Mode::Changes, 0, false))])
        .await
        .unwrap();
    let ids = [to.one("SELECT row_id FROM {_quarantine} WHERE source_id = '1'").await];
    to.warehouse.resolve_quarantined(&live, &ids, QuarantineStatus::Discarded, "ann").await.unwrap();
    assert_eq!(to.warehouse.count_quarantined(&key(1)).await.unwrap(), 3);
    // What an earlier reading rejected says nothing about the one that begins anew.
    to.warehouse.note_window(&fence, &key(1), &begun).await.unwrap();
    assert_eq!(to.warehouse.count_quarantined(&key(1)).await.unwrap(), 0);
    to.warehouse.load_window(&fence, &key(1), rejected(&[("2", "a")])).await.unwrap();
    assert_eq!(to.warehouse.count_quarantined(&key(1)).await.unwrap(), 1);
}

pub(crate) async fn a_live_run_and_a_backfill_hold_fences_of_their_own(to: &Destination) {
    let live = to.begin("live-1").await;
    let first = to.backfilling("run-1").await;
    let load = |seconds| vec![batch(vec![changed(&[("1", "one", seconds)])])];
    to.load(&live, load(1)).await.unwrap();
    to.warehouse.load_window(&first, &key(1), load(2)).await.unwrap();
    let second = to.warehouse.begin_backfill_run(start("run-2")).await.unwrap();
    let error = to.warehouse.load_window(&first, &key(1), load(3)).await.unwrap_err();
    assert_eq!(error.code(), codes::FENCED);
    let error = to.warehouse.note_backfill(&first, ID, BackfillState::Complete, instant(0)).await.unwrap_err();
    assert_eq!(error.code(), codes::FENCED);
    to.load(&live, load(4)).await.unwrap();
    let newer = to.begin("live-2").await;
    assert_eq!(to.load(&live, load(5)).await.unwrap_err().code(), codes::FENCED);
    to.load(&newer, load(6)).await.unwrap();
    to.warehouse.load_window(&second, &key(1), load(7)).await.unwrap();
}

pub(crate) async fn a_pause_is_asked_for_from_elsewhere(to: &Destination) {
    let fence = to.backfilling("run-1").await;
    assert!(!to.warehouse.is_pause_asked(ID).await.unwrap());
    to.again().await.ask_pause(ID, true).await.unwrap();
    assert!(to.warehouse.is_pause_asked(ID).await.unwrap() && to.again().await.backfills("shop").await.unwrap()[0].pause_asked);
    to.warehouse.note_backfill(&fence, ID, BackfillState::Paused, instant(3)).await.unwrap();
    to.warehouse.note_backfill(&fence, ID, BackfillState::Running, instant(4)).await.unwrap();
    let backfill = to.again().await.backfills("shop").await.unwrap().remove(0);
    assert_eq!((backfill.state, backfill.pause_asked, backfill.ended_at), (BackfillState::Running, false, None));
    // One that nobody carries out is paused by asking alone.
    to.warehouse.note_backfill(&fence, ID, BackfillState::Stopped, instant(5)).await.unwrap();
    to.again().await.ask_pause(ID, true).await.unwrap();
    assert_eq!(to.again().await.backfills("shop").await.unwrap()[0].state, BackfillState::Paused);
    assert!(!to.warehouse.is_pause_asked("shop:another").await.unwrap());
}

pub(crate) async fn an_older_row_of_a_backfill_changes_nothing_whoever_comes_first(to: &Destination) {
    let (live, fence) = (to.begin("live-1").await, to.backfilling("run-1").await);
    let newest = || changed(&[("1", "one, changed", 300), ("2", "two, changed", 300)]);
    to.load(&live, vec![batch(vec![newest()])]).await.unwrap();
    let older = page(vec![changed(&[("1", "one", 110), ("3", "three", 110)])], None);
    let done = to.warehouse.load_window(&fence, &key(1), vec![older]).await.unwrap();
    assert_eq!((done.loaded, done.unchanged), (1, 1));
    to.load(&live, vec![batch(vec![changed(&[("3", "three, changed", 300)])])]).await.unwrap();
    assert_eq!(to.one("SELECT count(*) FROM {people} WHERE name LIKE '%, changed'").await, "3");
}

pub(crate) async fn loads_of_a_run_and_of_windows_at_once_leave_the_newest_rows(to: &Destination) {
    let (live, fence) = (to.begin("live-1").await, to.backfilling("run-1").await);
    // Every load has the same keys, in another order each, so that each waits for rows of the others.
    let rows = |round: usize, changed_at: i64, name: &str| {
        let keys: Vec<String> = (0..120).map(|key| format!("{:03}", (key * 7 + round * 31) % 120)).collect();
        changed(&keys.iter().map(|key| (key.as_str(), name, changed_at)).collect::<Vec<_>>())
    };
    let loads = (0..12_usize).map(|round| {
        let (live, fence) = (live.clone(), fence.clone());
        let warehouse = to.warehouse.clone();
        let (newest, older) = (rows(round, 1_000 + round as i64, &format!("newest {round}")), rows(round, round as i64, "older"));
        tokio::spawn(async move {
            let other = warehouse.clone();
            let backfilled = tokio::spawn(async move {
                let key = key(1 + round as u32 % 2);
                other.load_window(&fence, &key, vec![page(vec![older], None)]).await
            });
            let loaded = warehouse.load(&live, vec![batch(vec![newest])]).await;
            (loaded, backfilled.await.unwrap())
        })
    });
    for load in loads.collect::<Vec<_>>() {
        let (loaded, backfilled) = load.await.unwrap();
        let (loaded, backfilled) = (loaded.unwrap(), backfilled.unwrap());
        assert_eq!((loaded.loaded + loaded.unchanged, backfilled.loaded + backfilled.unchanged), (120, 120));
    }
    assert_eq!(to.one("SELECT count(*) FROM {people}").await, "120");
    assert_eq!(to.one("SELECT count(*) FROM {people} WHERE name = 'newest 11'").await, "120");
}
