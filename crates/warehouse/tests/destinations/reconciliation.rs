//! Reconciliations: keys of the source against rows, record by record and month by month.

use aqueduct_schema::{Batch, Mode, Operation, Protected, Table, TableName, Timestamp, ValueType};
use aqueduct_warehouse::{Difference, Differing, ReconciledWindow, ShadowKind};

use crate::destination::{Destination, flat};
use crate::rows::*;

const DAY: i64 = 86_400;

/// Records with an id, the day on which they were made, and the second at which they last changed.
fn keys(rows: &[(&str, i64, i64)]) -> Table {
    let columns = [
        ("_id", ValueType::Text),
        ("source_id", ValueType::Text),
        ("source_created_at", ValueType::Timestamp),
        ("source_updated_at", ValueType::Timestamp),
    ];
    let mut schema = schema(TableName::source("shop", "people"), &columns);
    schema.constants = vec![("source_account_id".into(), "1".into())];
    let row = |(id, day, changed): &(&str, i64, i64)| vec![text(*id), text(*id), at(day * DAY), at(*changed)];
    table_of(schema, Operation::Upsert, rows.iter().map(row).collect())
}

fn listed(rows: &[(&str, i64, i64)], rejects: &[&str]) -> Batch<Protected> {
    let rejects = rejects.iter().map(|id| reject(Some(id), "required.missing", "x")).collect();
    batch_with(vec![keys(rows)], rejects, 0, checkpoint(Mode::Ids, 0, true))
}

fn window(window: &str, numbers: [u64; 5]) -> ReconciledWindow {
    let [source, warehouse, missing, extra, stale] = numbers;
    ReconciledWindow { stream: "people".to_owned(), window: window.to_owned(), source, warehouse, missing, extra, stale }
}

pub(crate) async fn keys_tell_what_is_missing_extra_and_stale(to: &Destination) {
    let fence = to.begin("run-1").await;
    // The fixed instant is on 2026-02-02: forty days later it is March.
    to.load(&fence, vec![listed(&[("same", 0, 10), ("stale", 0, 10), ("extra", 40, 10), ("changed", 40, 10)], &["rejected"])])
        .await
        .unwrap();
    let settled = Timestamp::from_seconds(1_770_000_000 + 1_000);
    let listing = listed(
        &[("same", 0, 10), ("stale", 0, 20), ("missing", 0, 20), ("late", 40, 2_000), ("changed", 40, 2_000), ("rejected", 40, 10)],
        &[],
    );
    to.warehouse.load_shadow(&fence, ShadowKind::Keys, "run-1", vec![listing]).await.unwrap();
    for _ in 0..2 {
        let windows = to.warehouse.compare(&fence, "people", Some(settled), true).await.unwrap();
        assert_eq!(windows, [window("2026-02", [3, 2, 1, 0, 1]), window("2026-03", [3, 2, 0, 1, 0])]);
    }
    let differs = |differing, id: &str, changed: i64| Difference {
        differing,
        source_id: id.to_owned(),
        updated_at: Some(Timestamp::from_seconds(1_770_000_000 + changed)),
    };
    let expected =
        [differs(Differing::Extra, "extra", 10), differs(Differing::Missing, "missing", 20), differs(Differing::Stale, "stale", 20)];
    assert_eq!(to.warehouse.differences(&fence, "people").await.unwrap(), expected);
    // Of a sample nothing is extra; without a settled time everything should be here.
    let windows = to.warehouse.compare(&fence, "people", None, false).await.unwrap();
    assert_eq!(windows, [window("2026-02", [3, 2, 1, 0, 1]), window("2026-03", [3, 1, 1, 0, 1])]);
    let counted = to.warehouse.count_live(&fence, "people", &TableName::source("shop", "people"), "1").await.unwrap();
    assert_eq!(counted, [4, 1]);
    let other = to.warehouse.count_live(&fence, "people", &TableName::source("shop", "people"), "2").await.unwrap();
    assert_eq!(other, [0, 1]);
    to.warehouse.record_reconciliation(&fence, &windows).await.unwrap();
    let stored = to.ask("SELECT \"window\", source, warehouse, missing, extra, stale FROM {_reconciliation} ORDER BY 1").await;
    assert_eq!(flat(stored), ["2026-02", "3", "2", "1", "0", "1", "2026-03", "3", "1", "1", "0", "1"]);
    to.begin("run-2").await;
    assert!(to.warehouse.compare(&fence, "people", None, true).await.is_err(), "the pipeline is somebody else's now");
}

pub(crate) async fn a_table_that_is_not_there_lacks_everything(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.warehouse.load_shadow(&fence, ShadowKind::Keys, "run-1", vec![listed(&[("a", 0, 1), ("b", 0, 1)], &[])]).await.unwrap();
    let windows = to.warehouse.compare(&fence, "people", None, true).await.unwrap();
    assert_eq!(windows, [window("2026-02", [2, 0, 2, 0, 0])]);
    let tables = if to.is_sqlite() {
        "SELECT count(*) FROM sqlite_master WHERE name = 'shop_people'"
    } else {
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'shop'"
    };
    assert_eq!(to.one(tables).await, "0", "a comparison makes no tables of rows");
}
