//! The behaviour every warehouse has.

use aqueduct_schema::{Column, Mode, Operation, StreamState, TableName, Timestamp, ValueType, codes};
use aqueduct_warehouse::{RunRecord, RunStatus};

use crate::destination::{Destination, flat};
use crate::rows::*;

const TEXT: ValueType = ValueType::Text;
const AT: ValueType = ValueType::Timestamp;

pub(crate) async fn a_load_is_one_transaction(to: &Destination) {
    let fence = to.begin("run-1").await;
    let contact = upsert(common(), &[("id", TEXT), ("full_name", TEXT)], vec![vec![text("c1"), text("Ada")]]);
    let good = batch_with(
        vec![people(&[("1", "Ada"), ("2", "Bob")]), contact],
        vec![reject(Some("9"), "required.missing", "Zed")],
        3,
        checkpoint(Mode::Changes, 5, false),
    );
    let receipt = to.load(&fence, vec![good]).await.unwrap();
    assert_eq!((receipt.read, receipt.loaded, receipt.quarantined, receipt.filtered, receipt.unchanged), (6, 2, 1, 3, 0));
    assert_eq!(
        receipt.tables.iter().map(|table| (table.table.as_str(), table.inserted)).collect::<Vec<_>>(),
        [("shop_people", 2), ("contact", 1)]
    );
    assert_eq!(
        flat(to.ask("SELECT read, loaded, quarantined, filtered, unchanged, load_id FROM {_loads}").await),
        ["6", "2", "1", "3", "0", &receipt.load_id]
    );
    assert_eq!(to.one("SELECT count(*) FROM {people} WHERE _load_id = (SELECT load_id FROM {_state})").await, "2");
    assert_eq!(to.warehouse.states("shop").await.unwrap()["people"].bookmark.as_ref().unwrap().0, serde_json::json!(5));

    // The second table is refused, so nothing of the first, the quarantine, the load or the state stays.
    let broken = upsert(common(), &[("id", TEXT)], vec![vec![Value::None]]);
    let bad = batch_with(
        vec![people(&[("3", "Cy")]), broken],
        vec![reject(Some("8"), "required.missing", "Y")],
        0,
        checkpoint(Mode::Changes, 6, false),
    );
    assert_eq!(to.load(&fence, vec![bad]).await.unwrap_err().code(), codes::BUG);
    let columns: Vec<(String, ValueType)> = (0..2100).map(|index| (format!("c{index}"), TEXT)).collect();
    let mut wide = vec![("id", TEXT)];
    wide.extend(columns.iter().map(|(name, kind)| (name.as_str(), *kind)));
    let bad = batch_with(
        vec![people(&[("3", "Cy")]), upsert(common(), &wide, Vec::new())],
        vec![reject(Some("8"), "required.missing", "Y")],
        0,
        checkpoint(Mode::Changes, 6, false),
    );
    assert_eq!(to.load(&fence, vec![bad]).await.unwrap_err().code(), codes::DESTINATION_FAILED);
    assert_eq!(to.one("SELECT count(*) FROM {people}").await, "2");
    assert_eq!(to.one("SELECT count(*) FROM {_quarantine}").await, "1");
    assert_eq!(to.one("SELECT count(*) FROM {_loads}").await, "1");
    assert_eq!(to.warehouse.states("shop").await.unwrap()["people"].bookmark.as_ref().unwrap().0, serde_json::json!(5));
}

pub(crate) async fn an_unchanged_row_changes_nothing(to: &Destination) {
    let fence = to.begin("run-1").await;
    let rows: Vec<(String, String)> = (0..500).map(|index| (format!("{index:04}"), format!("name {index}"))).collect();
    let page =
        |from: usize, until: usize| people(&rows[from..until].iter().map(|(id, name)| (id.as_str(), name.as_str())).collect::<Vec<_>>());
    let first = to.load(&fence, vec![batch(vec![page(0, 200)]), batch(vec![page(200, 300)])]).await.unwrap();
    assert_eq!((first.loaded, first.unchanged, first.tables[0].inserted), (300, 0, 300));
    // Known, changed and new rows, mixed in one load.
    let mut mixed = rows.clone();
    for index in [3, 77, 299] {
        mixed[index].1.push('!');
    }
    let mixed: Vec<(&str, &str)> = mixed.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    let second = to.load(&fence, vec![batch(vec![people(&mixed[..400])])]).await.unwrap();
    let done = &second.tables[0];
    assert_eq!((done.inserted, done.updated, done.unchanged, done.deleted), (100, 3, 297, 0));
    assert_eq!((second.read, second.loaded, second.unchanged), (400, 103, 297));
    assert_eq!(to.one(&format!("SELECT count(*) FROM {{people}} WHERE _load_id = '{}'", second.load_id)).await, "103");
    assert_eq!(flat(to.ask("SELECT name FROM {people} WHERE name LIKE '%!' ORDER BY _id").await), ["name 3!", "name 77!", "name 299!"]);
    let third = to.load(&fence, vec![batch(vec![people(&mixed[..400])])]).await.unwrap();
    assert_eq!((third.loaded, third.unchanged), (0, 400));
    // New rows again after a stretch of known ones, and known ones after new ones.
    let fourth = to.load(&fence, vec![batch(vec![people(&mixed[400..])]), batch(vec![people(&mixed[..10])])]).await.unwrap();
    assert_eq!((fourth.tables[0].inserted, fourth.tables[0].unchanged), (100, 10));
    assert_eq!(to.one("SELECT count(*) FROM {people}").await, "500");
    assert_eq!(to.one("SELECT count(DISTINCT _row_hash) FROM {people}").await, "500");
}

pub(crate) async fn a_stale_row_changes_nothing(to: &Destination) {
    let fence = to.begin("run-1").await;
    let columns = [("_id", TEXT), ("name", TEXT), ("source_updated_at", AT)];
    let row = |name: &str, seconds: i64| upsert(source(), &columns, vec![vec![text("1"), text(name), at(seconds)]]);
    to.load(&fence, vec![batch(vec![row("newer", 100)])]).await.unwrap();
    let receipt = to.load(&fence, vec![batch(vec![row("older", 99)])]).await.unwrap();
    assert_eq!((receipt.loaded, receipt.unchanged), (0, 1));
    assert_eq!(to.one("SELECT name FROM {people}").await, "newer");
    // Of the same time, and without a time, a row counts.
    to.load(&fence, vec![batch(vec![row("same", 100)])]).await.unwrap();
    assert_eq!(to.one("SELECT name FROM {people}").await, "same");
    let timeless = upsert(source(), &columns, vec![vec![text("1"), text("timeless"), Value::None]]);
    assert_eq!(to.load(&fence, vec![batch(vec![timeless])]).await.unwrap().loaded, 1);
    assert_eq!(flat(to.ask("SELECT name, source_updated_at FROM {people}").await), ["timeless", "NULL"]);
}

pub(crate) async fn the_last_of_two_rows_with_one_key_wins(to: &Destination) {
    let fence = to.begin("run-1").await;
    let pages = vec![batch(vec![people(&[("1", "a"), ("2", "b"), ("1", "c")])]), batch(vec![people(&[("2", "d"), ("3", "e")])])];
    let receipt = to.load(&fence, pages).await.unwrap();
    assert_eq!((receipt.read, receipt.loaded, receipt.filtered, receipt.unchanged), (5, 3, 2, 0));
    assert_eq!(flat(to.ask("SELECT _id, name FROM {people} ORDER BY _id").await), ["1", "c", "2", "d", "3", "e"]);
    // Doubles in a table that is not the record's own are merged, and not counted as records.
    let contact = |rows: &[(&str, &str)]| {
        upsert(common(), &[("id", TEXT), ("full_name", TEXT)], rows.iter().map(|(id, name)| vec![text(*id), text(*name)]).collect())
    };
    let receipt = to.load(&fence, vec![batch(vec![people(&[("4", "f")]), contact(&[("x", "1"), ("x", "2")])])]).await.unwrap();
    assert_eq!((receipt.read, receipt.loaded, receipt.filtered), (1, 1, 0));
    assert_eq!(to.one("SELECT full_name FROM {contact}").await, "2");
}

pub(crate) async fn a_tombstone_marks_a_row_and_an_upsert_brings_it_back(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![people(&[("1", "a"), ("2", "b")])])]).await.unwrap();
    let bury = || batch(vec![people(&[]), tombstones(source(), "_id", &[("1", 50), ("unknown", 50)])]);
    let receipt = to.load(&fence, vec![bury()]).await.unwrap();
    assert_eq!((receipt.loaded, receipt.tables[0].deleted, receipt.tables[0].unchanged), (0, 1, 1));
    let living = "SELECT name FROM {people} WHERE NOT is_deleted ORDER BY _id";
    assert_eq!(flat(to.ask(living).await), ["b"]);
    assert_eq!(to.one("SELECT count(*) FROM {people} WHERE is_deleted AND deleted_at IS NOT NULL AND name = 'a'").await, "1");
    let receipt = to.load(&fence, vec![bury()]).await.unwrap();
    assert_eq!((receipt.tables[0].deleted, receipt.tables[0].unchanged), (0, 2));
    // The content is as before the tombstone, and yet the row comes back.
    let receipt = to.load(&fence, vec![batch(vec![people(&[("1", "a"), ("2", "b")])])]).await.unwrap();
    assert_eq!((receipt.tables[0].updated, receipt.tables[0].unchanged), (1, 1));
    assert_eq!(flat(to.ask(living).await), ["a", "b"]);
    assert_eq!(to.one("SELECT count(*) FROM {people} WHERE deleted_at IS NULL").await, "2");
    // Upsert and tombstone of one key in one load, in order.
    to.load(&fence, vec![batch(vec![people(&[("3", "c")])]), bury(), batch(vec![people(&[("1", "again")])])]).await.unwrap();
    assert_eq!(flat(to.ask(living).await), ["again", "b", "c"]);
    // Tombstones for a table that is not there yet.
    let receipt = to.load(&fence, vec![batch(vec![people(&[]), tombstones(common(), "id", &[("1", 1)])])]).await.unwrap();
    assert_eq!(receipt.tables.iter().map(|table| table.deleted).sum::<u64>(), 0);
}

pub(crate) async fn a_taken_over_run_commits_nothing(to: &Destination) {
    let stale = to.begin("run-1").await;
    to.load(&stale, vec![batch(vec![people(&[("1", "a")])])]).await.unwrap();
    let other = to.again().await;
    let start = aqueduct_warehouse::RunStart {
        pipeline: "shop".into(),
        run_id: "run-2".into(),
        started_at: Timestamp::from_seconds(1_770_000_001),
        allow_mass_delete: false,
    };
    let fresh = other.begin_run(start).await.unwrap();
    assert!(fresh.epoch > stale.epoch);
    let error = to.load(&stale, vec![batch(vec![people(&[("2", "b")])])]).await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), (codes::FENCED, 9));
    other.load(&fresh, vec![batch(vec![people(&[("3", "c")])])]).await.unwrap();
    assert_eq!(flat(to.ask("SELECT _id FROM {people} ORDER BY _id").await), ["1", "3"]);
    // Another pipeline has a fence of its own.
    let start = aqueduct_warehouse::RunStart {
        pipeline: "other".into(),
        run_id: "run-3".into(),
        started_at: Timestamp::from_seconds(1),
        allow_mass_delete: false,
    };
    assert_eq!(other.begin_run(start).await.unwrap().epoch, 1);
    other.load(&fresh, vec![batch(vec![people(&[("4", "d")])])]).await.unwrap();
}

pub(crate) async fn states_come_back_and_a_broken_one_is_an_error(to: &Destination) {
    assert!(to.warehouse.states("shop").await.unwrap().is_empty(), "a new destination");
    assert!(to.warehouse.runs(None, 5).await.unwrap().is_empty());
    let state = StreamState { bookmark: Some(aqueduct_schema::Position(serde_json::json!({"file": "a'b\"c"}))), ..StreamState::default() };
    to.warehouse.set_state("shop", "people", Some(&state)).await.unwrap();
    to.warehouse.set_state("shop", "orders", Some(&state)).await.unwrap();
    to.warehouse.set_state("other", "people", Some(&state)).await.unwrap();
    let states = to.again().await.states("shop").await.unwrap();
    assert_eq!(states.into_iter().collect::<Vec<_>>(), [("orders".to_owned(), state.clone()), ("people".to_owned(), state)]);
    to.warehouse.set_state("shop", "orders", None).await.unwrap();
    assert_eq!(to.warehouse.states("shop").await.unwrap().len(), 1);
    to.ask("UPDATE {_state} SET state = '{\"setled\": 1}' WHERE pipeline = 'shop'").await;
    assert_eq!(to.warehouse.states("shop").await.unwrap_err().code(), codes::BAD_STATE);
}

pub(crate) async fn runs_are_listed_newest_first(to: &Destination) {
    let first = to.begin("run-1").await;
    let record = RunRecord {
        run_id: "run-1".into(),
        pipeline: "shop".into(),
        started_at: Timestamp::from_seconds(1_770_000_000),
        ended_at: Some(Timestamp::from_seconds(1_770_000_009)),
        status: RunStatus::Partial,
        exit_code: 6,
        streams: vec![aqueduct_warehouse::StreamRecord { stream: "people".into(), read: 7, ..Default::default() }],
        traffic: Default::default(),
    };
    to.warehouse.end_run(&first, &record).await.unwrap();
    to.begin("run-2").await;
    let runs = to.again().await.runs(Some("shop"), 10).await.unwrap();
    assert_eq!(
        runs.iter().map(|run| (run.run_id.as_str(), run.status)).collect::<Vec<_>>(),
        [("run-2", RunStatus::Running), ("run-1", RunStatus::Partial)]
    );
    assert_eq!(runs[1], record);
    assert_eq!(to.warehouse.runs(None, 1).await.unwrap().len(), 1);
    assert!(to.warehouse.runs(Some("other"), 10).await.unwrap().is_empty());
    assert_eq!(flat(to.ask("SELECT status, exit_code FROM {_runs} ORDER BY run_id").await), ["partial", "6", "running", "0"]);
}

pub(crate) async fn rejected_records_are_kept_once_and_fixed_later(to: &Destination) {
    let fence = to.begin("run-1").await;
    let bad = |rejects| batch_with(vec![people(&[])], rejects, 0, checkpoint(Mode::Changes, 0, false));
    let receipt = to
        .load(&fence, vec![bad(vec![reject(Some("9"), "a", "O'Hara"), reject(Some("9"), "b", "x"), reject(None, "a", "y")])])
        .await
        .unwrap();
    assert_eq!((receipt.read, receipt.quarantined), (3, 3));
    to.load(&fence, vec![bad(vec![reject(Some("9"), "a", "later")]), bad(vec![reject(Some("9"), "a", "latest")])]).await.unwrap();
    let rows =
        to.ask("SELECT source_id, rule, field, location, times_seen, status FROM {_quarantine} ORDER BY source_id IS NULL, rule").await;
    let expected = [
        ["9", "a", "contact.email", "people.csv:7", "3", "new"],
        ["9", "b", "contact.email", "people.csv:7", "1", "new"],
        ["NULL", "a", "contact.email", "people.csv:7", "1", "new"],
    ];
    assert_eq!(flat(rows), expected.concat());
    let json = to.one("SELECT record FROM {_quarantine} WHERE rule = 'b'").await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), serde_json::json!({"name": "x", "email": null}));
    // A good version of record 9 arrives; record 10 is good first and rejected later in one load.
    let columns = [("_id", TEXT), ("source_id", TEXT)];
    let good = |id: &str| upsert(source(), &columns, vec![vec![text(format!("k{id}")), text(id)]]);
    to.load(&fence, vec![batch(vec![good("10")]), bad(vec![reject(Some("10"), "a", "z")]), batch(vec![good("9")])]).await.unwrap();
    assert_eq!(
        flat(to.ask("SELECT source_id, rule, status FROM {_quarantine} WHERE source_id IS NOT NULL ORDER BY source_id, rule").await),
        ["10", "a", "new", "9", "a", "fixed", "9", "b", "fixed"]
    );
}

pub(crate) async fn a_load_that_is_dropped_leaves_nothing(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![people(&[("1", "a")])])]).await.unwrap();
    let rows: Vec<(String, String)> = (0..20_000).map(|index| (format!("{index}"), "x".repeat(50))).collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    // Dropped ever later, until one load comes to its end: at every place it is all there, or nothing of it.
    let counts = "SELECT (SELECT count(*) FROM {people}), (SELECT count(*) FROM {_loads})";
    let (mut polls, mut dropped) = (1, 0);
    loop {
        let mut load = Box::pin(to.warehouse.load(&fence, vec![batch(vec![people(&rows)])]));
        let mut left = polls;
        let ended = std::future::poll_fn(|context| {
            left -= 1;
            match load.as_mut().poll(context) {
                std::task::Poll::Ready(result) => std::task::Poll::Ready(Some(result)),
                std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
                std::task::Poll::Pending => std::task::Poll::Pending,
            }
        })
        .await;
        drop(load);
        let found = flat(to.ask(counts).await);
        match ended {
            None if found == ["1", "1"] => dropped += 1,
            // The commit was on its way when the load was dropped.
            None => assert_eq!(found, ["20000", "2"]),
            Some(result) => {
                let receipt = result.unwrap();
                assert_eq!(receipt.loaded + receipt.unchanged, 20_000);
                assert_eq!(found[0], "20000");
                break;
            }
        }
        polls += 1 + polls / 2;
    }
    assert!(dropped > 2, "no load was dropped on its way");
}

pub(crate) async fn columns_of_others_stay_and_unknown_ones_are_cleared(to: &Destination) {
    let fence = to.begin("run-1").await;
    let contact = |columns: &[(&str, ValueType)], absent: &[&str], rows| {
        let mut schema = schema(TableName::common("contact"), columns);
        schema.absent_columns = absent.iter().map(|name| Column::technical(name, TEXT)).collect();
        schema.constants = vec![("source_system".into(), "shop".into())];
        batch(vec![table_of(schema, Operation::Upsert, rows)])
    };
    to.load(
        &fence,
        vec![contact(&[("id", TEXT), ("full_name", TEXT), ("fax", TEXT)], &["identity_id"], vec![vec![text("1"), text("Ada"), text("5")]])],
    )
    .await
    .unwrap();
    to.ask("UPDATE {contact} SET identity_id = 'resolved'").await;
    to.load(&fence, vec![contact(&[("id", TEXT), ("full_name", TEXT)], &["identity_id"], vec![vec![text("1"), text("Eve")]])])
        .await
        .unwrap();
    assert_eq!(flat(to.ask("SELECT full_name, fax, identity_id, source_system FROM {contact}").await), ["Eve", "NULL", "resolved", "shop"]);
    let text_of_false = if to.is_sqlite() { "0" } else { "f" };
    assert_eq!(to.one("SELECT is_deleted FROM {contact}").await, text_of_false);
}

pub(crate) async fn a_columns_reading_keeps_the_flags_of_other_columns(to: &Destination) {
    let fence = to.begin("run-1").await;
    let row = |name: &str, flags: Value| vec![text("1"), text(name), Value::Integer(1), flags];
    let columns = [("_id", TEXT), ("name", TEXT), ("score", ValueType::Integer), ("_flags", ValueType::Json)];
    let full = upsert(source(), &columns, vec![row("Ada", text(r#"{"name":"odd","score":"doubtful"}"#))]);
    to.load(&fence, vec![batch(vec![full])]).await.unwrap();
    let scores = |score: i64, flags: Value| {
        let columns = [("_id", TEXT), ("score", ValueType::Integer), ("_flags", ValueType::Json)];
        let page = upsert(source(), &columns, vec![vec![text("1"), Value::Integer(score), flags]]);
        batch_with(vec![page], Vec::new(), 0, checkpoint(Mode::Columns, 0, false))
    };
    let same = to.load(&fence, vec![scores(1, text(r#"{"score":"doubtful"}"#))]).await.unwrap();
    assert_eq!(same.unchanged, 1, "what is as stored is not written");
    to.load(&fence, vec![scores(2, Value::None)]).await.unwrap();
    let flags = to.one("SELECT _flags FROM {people}").await.replace(' ', "");
    assert_eq!(flags, r#"{"name":"odd"}"#);
    to.load(&fence, vec![scores(3, text(r#"{"score":"wrong"}"#))]).await.unwrap();
    let flags = to.one("SELECT _flags FROM {people}").await.replace(' ', "");
    assert_eq!(flags, r#"{"name":"odd","score":"wrong"}"#);
}

pub(crate) async fn a_columns_reading_touches_no_other_column(to: &Destination) {
    let fence = to.begin("run-1").await;
    let full = || {
        batch(vec![upsert(
            source(),
            &[("_id", TEXT), ("name", TEXT), ("score", ValueType::Integer)],
            vec![vec![text("1"), text("Ada"), Value::Integer(1)]],
        )])
    };
    to.load(&fence, vec![full()]).await.unwrap();
    let page = || upsert(source(), &[("_id", TEXT), ("score", ValueType::Integer)], vec![vec![text("1"), Value::Integer(2)]]);
    let columns = || batch_with(vec![page()], Vec::new(), 0, checkpoint(Mode::Columns, 0, false));
    let same = upsert(source(), &[("_id", TEXT), ("score", ValueType::Integer)], vec![vec![text("1"), Value::Integer(1)]]);
    let same = batch_with(vec![same], Vec::new(), 0, checkpoint(Mode::Columns, 0, false));
    assert_eq!(to.load(&fence, vec![same]).await.unwrap().unchanged, 1, "what is as stored is not written");
    assert_eq!(to.load(&fence, vec![columns()]).await.unwrap().loaded, 1);
    assert_eq!(flat(to.ask("SELECT name, score FROM {people}").await), ["Ada", "2"]);
    assert_eq!(to.load(&fence, vec![columns()]).await.unwrap().unchanged, 1);
    assert_eq!(to.load(&fence, vec![full()]).await.unwrap().loaded, 1);
    assert_eq!(flat(to.ask("SELECT name, score FROM {people}").await), ["Ada", "1"]);
}
