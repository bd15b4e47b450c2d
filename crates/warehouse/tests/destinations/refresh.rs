//! Full refreshes: rows wait in a shadow, and take their place all at once or not at all.

use aqueduct_schema::{Batch, Cursor, Mode, Operation, Protected, Result, StreamState, Table, TableName, Timestamp, ValueType, codes};
use aqueduct_warehouse::{Fence, Receipt, ShadowKind};

use crate::destination::{Destination, flat};
use crate::rows::*;

const TEXT: ValueType = ValueType::Text;
const LIVING: &str = "SELECT count(*) FROM {people} WHERE NOT is_deleted";

/// People with these ids, whose names have this ending.
fn named(ids: impl Iterator<Item = usize>, ending: &str) -> Table {
    let rows: Vec<(String, String)> = ids.map(|index| (format!("{index:03}"), format!("name {index}{ending}"))).collect();
    people(&rows.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect::<Vec<_>>())
}

fn page(from: usize, until: usize) -> Table {
    named(from..until, "")
}

/// A page of a first load, the last one with a state that says so.
fn part(tables: Vec<Table>, complete: bool) -> Batch<Protected> {
    let mut of = checkpoint(Mode::Backfill, 0, complete);
    if complete {
        of.state.settled = Some(Cursor::at(Timestamp::from_seconds(1_770_000_000)));
    }
    batch_with(tables, Vec::new(), 0, of)
}

impl Destination {
    async fn aside(&self, fence: &Fence, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        self.warehouse.load_shadow(fence, ShadowKind::Refresh, "all", batches).await
    }

    async fn shadow_tables(&self) -> String {
        self.one(if self.is_sqlite() {
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name LIKE '\\_shadow\\_%' ESCAPE '\\'"
        } else {
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'aqueduct' AND tablename LIKE 'shadow\\_%'"
        })
        .await
    }

    async fn settled(&self) -> Option<StreamState> {
        self.warehouse.states("shop").await.unwrap().remove("people")
    }
}

pub(crate) async fn a_refresh_is_seen_when_it_is_complete(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![page(0, 60)])]).await.unwrap();
    let (rows, state) = (to.ask("SELECT * FROM {people} ORDER BY _id").await, to.settled().await);
    // Over two runs: the first 20 are gone, 30 to 39 changed, 60 to 69 are new.
    to.aside(&fence, vec![part(vec![page(20, 30)], false)]).await.unwrap();
    let fence = to.begin("run-2").await;
    let shadow = to.again().await.shadows("shop", ShadowKind::Refresh).await.unwrap().remove("people").unwrap();
    assert_eq!((shadow.fingerprint.as_str(), shadow.counts.read, shadow.counts.rows), ("all", 10, 10));
    to.aside(&fence, vec![part(vec![named(30..40, " the younger")], false)]).await.unwrap();
    to.aside(&fence, vec![part(vec![page(39, 70)], true)]).await.unwrap();
    assert_eq!((to.ask("SELECT * FROM {people} ORDER BY _id").await, to.settled().await), (rows, state), "nobody sees it yet");

    let receipt = to.warehouse.swap(&fence, "people", Some(50)).await.unwrap();
    let done = &receipt.tables[0];
    // The record 039 came twice, last as it was.
    assert_eq!((done.inserted, done.updated, done.unchanged, done.deleted), (10, 9, 31, 20));
    assert_eq!(to.one(LIVING).await, "50");
    assert_eq!(to.one("SELECT count(*) FROM {people} WHERE is_deleted AND _id < '020' AND deleted_at IS NOT NULL").await, "20");
    assert_eq!(to.one("SELECT count(*) FROM {people} WHERE name LIKE '% the younger'").await, "9");
    let written = format!("SELECT count(*) FROM {{people}} WHERE _load_id = '{}'", receipt.load_id);
    assert_eq!(to.one(&written).await, "39", "what is as it was is not written again");
    assert_eq!(to.one(&format!("SELECT count(*) FROM {{_loads}} WHERE load_id = '{}'", receipt.load_id)).await, "1");
    assert_eq!(to.settled().await.unwrap().settled, Some(Cursor::at(Timestamp::from_seconds(1_770_000_000))));
    assert_eq!((to.shadow_tables().await, to.one("SELECT count(*) FROM {_shadows}").await), ("0".to_owned(), "0".to_owned()));
    // Loads after it find their rows as if nothing had been.
    let receipt = to.load(&fence, vec![batch(vec![page(10, 70)])]).await.unwrap();
    let done = &receipt.tables[0];
    assert_eq!((done.inserted, done.updated, done.unchanged), (0, 19, 41));
}

pub(crate) async fn a_refresh_that_lacks_rows_changes_nothing(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![page(0, 60)])]).await.unwrap();
    let before = to.ask("SELECT * FROM {people} ORDER BY _id").await;
    to.aside(&fence, vec![part(vec![page(0, 55)], true)]).await.unwrap();
    // The source counts one more than was read.
    let error = to.warehouse.swap(&fence, "people", Some(56)).await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), (codes::COUNTS_DIFFER, 8));
    // Somebody takes a row away.
    let tables = if to.is_sqlite() {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '\\_shadow\\_%' ESCAPE '\\'"
    } else {
        "SELECT 'aqueduct.\"' || tablename || '\"' FROM pg_tables WHERE schemaname = 'aqueduct' AND tablename LIKE 'shadow\\_%'"
    };
    let table = to.one(tables).await;
    to.ask(&format!("DELETE FROM {table} WHERE _id = '007'")).await;
    let error = to.warehouse.swap(&fence, "people", None).await.unwrap_err();
    assert_eq!(error.code(), codes::COUNTS_DIFFER);
    assert_eq!(to.ask("SELECT * FROM {people} ORDER BY _id").await, before);
    to.warehouse.discard_shadow(&fence, "people", ShadowKind::Refresh).await.unwrap();
    assert_eq!((to.shadow_tables().await, to.one("SELECT count(*) FROM {_shadows}").await), ("0".to_owned(), "0".to_owned()));
    // It can be begun again in the same run.
    to.aside(&fence, vec![part(vec![page(0, 59)], true)]).await.unwrap();
    assert_eq!(to.warehouse.swap(&fence, "people", Some(59)).await.unwrap().tables[0].deleted, 1);
}

pub(crate) async fn a_refresh_asks_before_it_deletes_most_rows(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![page(0, 100)])]).await.unwrap();
    to.aside(&fence, vec![part(vec![page(0, 10)], true)]).await.unwrap();
    let error = to.warehouse.swap(&fence, "people", None).await.unwrap_err();
    assert_eq!((error.code(), to.one(LIVING).await), (codes::MASS_DELETE, "100".to_owned()));
    let fence = to.begin_with("run-2", true).await;
    assert_eq!(to.warehouse.swap(&fence, "people", None).await.unwrap().tables[0].deleted, 90);
    assert_eq!(to.one(LIVING).await, "10");
}

pub(crate) async fn a_refresh_leaves_rows_of_others_and_of_its_own_time(to: &Destination) {
    let contact = |object: &str, ids: &[&str]| {
        let mut schema = schema(TableName::common("contact"), &[("id", TEXT), ("source_id", TEXT)]);
        schema.constants = vec![("source_account_id".into(), "it's".into()), ("source_object".into(), object.into())];
        table_of(schema, Operation::Upsert, ids.iter().map(|id| vec![text(*id), text(*id)]).collect())
    };
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![page(0, 3), contact("person", &["a", "b", "c"])])]).await.unwrap();
    to.load(&fence, vec![stream_batch("leads", vec![contact("lead", &["x"])])]).await.unwrap();
    // `b` is gone; `c` is rejected this time, and so keeps its last good version.
    let mut of = checkpoint(Mode::Backfill, 0, true);
    of.state.settled = Some(Cursor::at(Timestamp::from_seconds(0)));
    let rejects = vec![reject(Some("c"), "required.missing", "x")];
    to.aside(&fence, vec![batch_with(vec![page(0, 2), contact("person", &["a"])], rejects, 0, of)]).await.unwrap();
    // `d` is loaded while the refresh waits.
    to.load(&fence, vec![batch(vec![page(3, 4), contact("person", &["d"])])]).await.unwrap();
    let receipt = to.warehouse.swap(&fence, "people", Some(3)).await.unwrap();
    assert_eq!((receipt.tables[0].deleted, receipt.tables[1].deleted), (1, 1));
    assert_eq!(flat(to.ask("SELECT id FROM {contact} WHERE is_deleted").await), ["b"]);
    assert_eq!(flat(to.ask("SELECT _id FROM {people} WHERE is_deleted").await), ["002"]);
}

pub(crate) async fn a_refresh_of_a_taken_over_run_changes_nothing(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![page(0, 3)])]).await.unwrap();
    to.aside(&fence, vec![part(vec![page(0, 2)], true)]).await.unwrap();
    to.begin("run-2").await;
    assert_eq!(to.warehouse.swap(&fence, "people", None).await.unwrap_err().code(), codes::FENCED);
    assert_eq!(to.aside(&fence, vec![part(vec![page(0, 2)], true)]).await.unwrap_err().code(), codes::FENCED);
    assert_eq!(to.warehouse.discard_shadow(&fence, "people", ShadowKind::Refresh).await.unwrap_err().code(), codes::FENCED);
    assert_eq!(to.one(LIVING).await, "3");
}

pub(crate) async fn a_refresh_may_fill_a_new_table_and_widen_an_old_one(to: &Destination) {
    let sized = |value_type: ValueType, cells: Vec<(&str, Value)>| {
        let schema = schema(TableName::source("shop", "people"), &[("_id", TEXT), ("size", value_type)]);
        table_of(schema, Operation::Upsert, cells.into_iter().map(|(id, size)| vec![text(id), size]).collect())
    };
    let fence = to.begin("run-1").await;
    to.aside(&fence, vec![part(vec![sized(ValueType::Integer, vec![("1", Value::Integer(7)), ("2", Value::Integer(8))])], true)])
        .await
        .unwrap();
    let receipt = to.warehouse.swap(&fence, "people", Some(2)).await.unwrap();
    assert_eq!((receipt.tables[0].inserted, to.one(LIVING).await), (2, "2".to_owned()));
    to.aside(&fence, vec![part(vec![sized(TEXT, vec![("1", text("007")), ("2", text("8"))])], true)]).await.unwrap();
    to.warehouse.swap(&fence, "people", Some(2)).await.unwrap();
    assert_eq!(flat(to.ask("SELECT size FROM {people} ORDER BY _id").await), ["007", "8"]);
    // What is narrower than the table goes in too.
    to.aside(&fence, vec![part(vec![sized(ValueType::Integer, vec![("1", Value::Integer(9)), ("2", Value::Integer(8))])], true)])
        .await
        .unwrap();
    to.warehouse.swap(&fence, "people", Some(2)).await.unwrap();
    assert_eq!(flat(to.ask("SELECT size FROM {people} ORDER BY _id").await), ["9", "8"]);
}
