//! Tables that are filled for the first time, and loads that are made ready before their turn.

use aqueduct_schema::{Error, Mode, TableName, ValueType, codes};
use aqueduct_warehouse::{LoadInto, Turn};

use crate::destination::{Destination, flat};
use crate::rows::*;

pub(crate) async fn the_index_of_a_first_load_comes_at_the_end_or_when_it_is_needed(to: &Destination) {
    let indexes = if to.is_sqlite() {
        "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name = 'shop_people_key'"
    } else {
        "SELECT count(*) FROM pg_indexes WHERE schemaname = 'shop' AND tablename = 'people'"
    };
    // A whole run: appended, then indexed; the next run merges.
    let fence = to.begin("run-1").await;
    for (id, name) in [("1", "a"), ("2", "b"), ("3", "c")] {
        to.load(&fence, vec![batch(vec![people(&[(id, name)])])]).await.unwrap();
    }
    assert_eq!(to.one(indexes).await, "0");
    to.end(&fence).await;
    assert_eq!(to.one(indexes).await, "1");
    assert_eq!(to.load(&fence, vec![batch(vec![people(&[("2", "b"), ("4", "d")])])]).await.unwrap().unchanged, 1);
    assert_eq!(flat(to.ask("SELECT _id, name FROM {people} ORDER BY _id").await), ["1", "a", "2", "b", "3", "c", "4", "d"]);

    // Killed before the end: the next process finds the index missing.
    let to = &to.fresh().await;
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![people(&[("1", "a")])])]).await.unwrap();
    let again = to.again().await;
    let other = aqueduct_warehouse::RunStart {
        pipeline: "other".into(),
        run_id: "run-2".into(),
        started_at: aqueduct_schema::Timestamp::from_seconds(2),
        allow_mass_delete: false,
    };
    let other = again.begin_run(other).await.unwrap();
    assert_eq!(again.load(&other, vec![batch(vec![people(&[("1", "a"), ("2", "b")])])]).await.unwrap().unchanged, 1);
    assert_eq!(to.one(indexes).await, "1");
    // The first process sees what the other one did.
    assert_eq!(to.load(&fence, vec![batch(vec![people(&[("2", "x")])])]).await.unwrap().tables[0].updated, 1);
    assert_eq!(flat(to.ask("SELECT _id, name FROM {people} ORDER BY _id").await), ["1", "a", "2", "x"]);

    // Somebody else wrote into the table, without any index.
    let to = &to.fresh().await;
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![people(&[("1", "a")])])]).await.unwrap();
    let long_ago = if to.is_sqlite() { "''" } else { "'2001-01-01'" };
    to.ask(&format!("INSERT INTO {{people}} (_id, name, _load_id, _loaded_at, _row_hash) VALUES ('2', 'hand', '', {long_ago}, '')")).await;
    to.load(&fence, vec![batch(vec![people(&[("2", "b")])])]).await.unwrap();
    to.end(&fence).await;
    assert_eq!(to.one(indexes).await, "1");
    assert_eq!(flat(to.ask("SELECT _id, name FROM {people} ORDER BY _id").await), ["1", "a", "2", "b"]);

    // A tombstone looks its row up.
    let to = &to.fresh().await;
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![people(&[("1", "a"), ("2", "b")])])]).await.unwrap();
    let receipt = to.load(&fence, vec![batch(vec![people(&[]), tombstones(source(), "_id", &[("2", 5)])])]).await.unwrap();
    assert_eq!(receipt.tables[0].deleted, 1);
    assert_eq!(to.one(indexes).await, "1");
}

pub(crate) async fn a_load_that_has_no_turn_writes_nothing(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![people(&[("1", "a")])])]).await.unwrap();
    let state = to.one("SELECT state FROM {_state}").await;
    let (failed, coming) = tokio::sync::oneshot::channel::<()>();
    let turn = Turn::when(async { coming.await.map_err(|_| Error::new(codes::DESTINATION_FAILED, "the load before failed")) });
    let later = batch_with(vec![people(&[("2", "b")])], Vec::new(), 0, checkpoint(Mode::Changes, 7, false));
    let loaded = tokio::join!(to.warehouse.load_in_turn(&fence, LoadInto::Live, vec![later], turn), async { drop(failed) }).0;
    assert_eq!(loaded.unwrap_err().code(), codes::DESTINATION_FAILED);
    assert_eq!(to.one("SELECT count(*) FROM {people}").await, "1");
    assert_eq!(to.one("SELECT count(*) FROM {_loads}").await, "1");
    assert_eq!(to.one("SELECT state FROM {_state}").await, state);
    // Its rows come with another load.
    to.load(&fence, vec![batch(vec![people(&[("2", "b")])])]).await.unwrap();
    to.end(&fence).await;
    assert_eq!(flat(to.ask("SELECT _id, name FROM {people} ORDER BY _id").await), ["1", "a", "2", "b"]);
}

/// Rows that are made ready by what the load before found are stored as those of the first load, whatever has changed since.
pub(crate) async fn rows_that_were_made_ready_early_suit_what_they_find(to: &Destination) {
    let name = TableName::common("contact");
    let row = |id: &str, size: i64| vec![text(id), text("Ada"), Value::None, Value::Integer(size), Value::Boolean(true), at(size)];
    let columns = [
        ("id", ValueType::Text),
        ("full_name", ValueType::Text),
        ("email", ValueType::Text),
        ("size", ValueType::Integer),
        ("has_left", ValueType::Boolean),
        ("source_updated_at", ValueType::Timestamp),
    ];
    let load = async |fence: &aqueduct_warehouse::Fence, table| {
        let turn = Turn::when(async { Ok(()) });
        to.warehouse.load_in_turn(fence, LoadInto::Live, vec![batch(vec![people(&[]), table])], turn).await.unwrap()
    };
    let fence = to.begin("run-1").await;
    for (place, id) in ["1", "2", "3"].into_iter().enumerate() {
        load(&fence, upsert(name.clone(), &columns, vec![row(id, 5)])).await;
        assert_eq!(to.one("SELECT count(*) FROM {contact}").await, (place + 1).to_string());
    }
    // A column more, and one of a wider type.
    let mut wider = columns.to_vec();
    wider[3].1 = ValueType::Decimal;
    wider.push(("city", ValueType::Text));
    let mut cells = row("4", 5);
    (cells[3], cells[2]) = (Value::Decimal(5_500_000_000), text("ada@example.com"));
    cells.push(text("London"));
    load(&fence, upsert(name.clone(), &wider, vec![cells])).await;
    // The narrow rows go on coming, one of them again.
    load(&fence, upsert(name.clone(), &columns, vec![row("5", 5)])).await;
    let again = load(&fence, upsert(name.clone(), &columns, vec![row("1", 5), row("2", 6), row("6", 6)])).await;
    let done = again.tables.iter().find(|done| done.inserted > 0).unwrap();
    assert_eq!((done.inserted, done.updated, done.unchanged), (1, 1, 1));
    to.end(&fence).await;
    let size = if to.is_sqlite() { "CAST(size AS text)" } else { "CAST(trim_scale(size) AS text)" };
    let alive = if to.is_sqlite() { "is_deleted = 0" } else { "NOT is_deleted" };
    let sql = format!("SELECT id, full_name, email, {size}, city FROM {{contact}} WHERE {alive} AND length(_row_hash) = 32 ORDER BY id");
    let rows: Vec<String> = to.ask(&sql).await.into_iter().map(|row| flat(vec![row]).join(" ")).collect();
    let expected = [
        "1 Ada NULL 5 NULL",
        "2 Ada NULL 6 NULL",
        "3 Ada NULL 5 NULL",
        "4 Ada ada@example.com 5.5 London",
        "5 Ada NULL 5 NULL",
        "6 Ada NULL 6 NULL",
    ];
    assert_eq!(rows, expected);
    assert_eq!(to.one("SELECT count(DISTINCT _row_hash) FROM {contact}").await, "3");
}
