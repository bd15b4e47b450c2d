//! Complete snapshots: what they did not contain becomes a tombstone, unless that is suspiciously much.

use aqueduct_schema::{Checkpoint, Cursor, Mode, Operation, StreamState, TableName, Timestamp, ValueType, codes};
use aqueduct_warehouse::ShadowKind;

use crate::destination::{Destination, flat};
use crate::rows::*;

const TEXT: ValueType = ValueType::Text;

fn page(from: usize, until: usize) -> aqueduct_schema::Table {
    let rows: Vec<(String, String)> = (from..until).map(|index| (format!("{index:03}"), format!("name {index}"))).collect();
    people(&rows.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect::<Vec<_>>())
}

const LIVING: &str = "SELECT count(*) FROM {people} WHERE NOT is_deleted";

pub(crate) async fn what_a_complete_snapshot_lacks_becomes_a_tombstone(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![snapshot(vec![page(0, 100)], 0, true)]).await.unwrap();
    assert_eq!(to.one("SELECT count(*) FROM {_seen}").await, "0", "a complete reading is forgotten");
    // The second snapshot comes in three loads, over two runs, and lacks ten rows.
    to.load(&fence, vec![snapshot(vec![page(10, 40)], 60, false)]).await.unwrap();
    let fence = to.begin("run-2").await;
    to.load(&fence, vec![snapshot(vec![page(40, 70)], 60, false)]).await.unwrap();
    assert_eq!(to.one(LIVING).await, "100", "nothing is deleted before the end");
    let receipt = to.load(&fence, vec![snapshot(vec![page(70, 100)], 60, true)]).await.unwrap();
    assert_eq!((receipt.tables[0].deleted, receipt.loaded, receipt.unchanged), (10, 0, 30));
    assert_eq!(to.one(LIVING).await, "90");
    let found = "SELECT count(*) FROM {people} WHERE is_deleted AND _id < '010' AND deleted_at ";
    let equals = if to.is_sqlite() { "= '2026-02-02T02:41:00.000000Z'" } else { "= '2026-02-02 02:41:00Z'" };
    assert_eq!(to.one(&format!("{found}{equals}")).await, "10");
    // Deleted rows are not deleted again; a row that comes back lives again.
    let receipt = to.load(&fence, vec![snapshot(vec![page(5, 100)], 120, true)]).await.unwrap();
    assert_eq!((receipt.tables[0].deleted, receipt.tables[0].updated, receipt.tables[0].unchanged), (0, 5, 90));
    assert_eq!(to.one(LIVING).await, "95");
}

pub(crate) async fn a_snapshot_deletes_only_rows_of_its_constants(to: &Destination) {
    let fence = to.begin("run-1").await;
    let contact = |account: &str, ids: &[&str]| {
        let mut schema = schema(TableName::common("contact"), &[("id", TEXT), ("source_id", TEXT)]);
        schema.constants = vec![("source_system".into(), "shop".into()), ("source_account_id".into(), account.into())];
        table_of(schema, Operation::Upsert, ids.iter().map(|id| vec![text(*id), text(*id)]).collect())
    };
    to.load(&fence, vec![snapshot(vec![page(0, 1), contact("it's", &["a", "b", "c"])], 0, true)]).await.unwrap();
    to.load(&fence, vec![snapshot(vec![page(0, 1), contact("other", &["d"])], 10, true)]).await.unwrap();
    assert_eq!(to.one("SELECT count(*) FROM {contact} WHERE is_deleted").await, "0");
    // `b` is gone; `c` is rejected this time, and so keeps its last good version.
    let last = batch_with(
        vec![page(0, 1), contact("it's", &["a"])],
        vec![reject(Some("c"), "required.missing", "x")],
        0,
        checkpoint(Mode::Snapshot, 20, true),
    );
    let receipt = to.load(&fence, vec![last]).await.unwrap();
    assert_eq!(receipt.tables[1].deleted, 1);
    assert_eq!(flat(to.ask("SELECT id FROM {contact} WHERE is_deleted").await), ["b"]);
    // A snapshot without any row deletes the rest of its own.
    to.load(&fence, vec![snapshot(vec![page(0, 1), contact("it's", &[])], 30, true)]).await.unwrap();
    assert_eq!(flat(to.ask("SELECT id FROM {contact} WHERE is_deleted ORDER BY id").await), ["a", "b", "c"]);
}

pub(crate) async fn a_mass_deletion_stops_the_load_unless_allowed(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![snapshot(vec![page(0, 100)], 0, true)]).await.unwrap();
    let error = to.load(&fence, vec![snapshot(vec![page(0, 49)], 60, true)]).await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), (codes::MASS_DELETE, 8));
    assert_eq!(to.one(LIVING).await, "100");
    assert_eq!(to.one("SELECT count(*) FROM {_seen}").await, "0", "the refused load left nothing");
    assert_eq!(to.one("SELECT count(*) FROM {_loads}").await, "1");
    to.load(&fence, vec![snapshot(vec![page(0, 50)], 60, true)]).await.unwrap();
    assert_eq!(to.one(LIVING).await, "50");
    let fence = to.begin_with("run-2", true).await;
    let receipt = to.load(&fence, vec![snapshot(vec![page(0, 1)], 120, true)]).await.unwrap();
    assert_eq!(receipt.tables[0].deleted, 49);
    assert_eq!(to.one(LIVING).await, "1");
}

pub(crate) async fn each_deletion_says_by_which_means_it_was_known(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![snapshot(vec![page(0, 60)], 0, true)]).await.unwrap();
    let bury =
        |id: &str, mode: Mode| batch_with(vec![tombstones(source(), "_id", &[(id, 50)])], Vec::new(), 0, checkpoint(mode, 10, false));
    let told = to.load(&fence, vec![bury("001", Mode::Deletions)]).await.unwrap();
    let found = to.load(&fence, vec![bury("002", Mode::Ids)]).await.unwrap();
    // Who is deleted already, or was never there, is nobody's deletion.
    to.load(&fence, vec![bury("002", Mode::Deletions), bury("unknown", Mode::Deletions)]).await.unwrap();
    let lacking = to.load(&fence, vec![snapshot(vec![page(10, 60)], 60, true)]).await.unwrap();
    to.warehouse.load_shadow(&fence, ShadowKind::Keys, "keys", vec![bury("020", Mode::Ids)]).await.unwrap();
    let settled = StreamState { settled: Some(Cursor::at(Timestamp::from_seconds(1_770_000_000))), ..StreamState::default() };
    let whole = Checkpoint { state: settled, ..checkpoint(Mode::Backfill, 90, true) };
    let refreshed = batch_with(vec![page(13, 60)], Vec::new(), 0, whole);
    to.warehouse.load_shadow(&fence, ShadowKind::Refresh, "all", vec![refreshed]).await.unwrap();
    let refresh = to.warehouse.swap(&fence, "people", None).await.unwrap();
    let rows = to
        .ask("SELECT load_id, deleted_by, rows_deleted, table_name, run_id, stream FROM {_deletions} ORDER BY rows_deleted, deleted_by")
        .await;
    let expected = [(&found, "ids_sweep", "1"), (&told, "native", "1"), (&refresh, "refresh", "3"), (&lacking, "snapshot", "8")];
    let row = |(load, by, rows): (&aqueduct_warehouse::Receipt, &str, &str)| {
        [load.load_id.as_str(), by, rows, "shop_people", "run-1", "people"].map(|cell| Some(cell.to_owned())).to_vec()
    };
    assert_eq!(rows, expected.map(row), "and none of what is in a shadow");
    let joined = "SELECT count(*) FROM {people} AS p JOIN {_deletions} AS d ON d.load_id = p._load_id AND p.is_deleted";
    assert_eq!(to.one(joined).await, "13", "every deleted row leads to what is known of it");
}
