//! What a destination remembers of sources' streams: descriptions, changes, columns, and up to when tables are complete.

use std::collections::{BTreeMap, BTreeSet};

use aqueduct_schema::{
    ChangeKind, Cursor, FieldDescription, Mode, PicklistValue, SchemaChange, StreamDescription, StreamState, Timestamp, ValueType,
    Visibility, codes,
};
use aqueduct_warehouse::{ColumnHistory, Filling, StoredSchema};

use crate::destination::{Destination, flat};
use crate::rows::*;

fn field(path: &str, label: &str) -> FieldDescription {
    FieldDescription {
        path: path.to_owned(),
        column: path.replace('.', "_"),
        value_type: ValueType::Decimal,
        label: label.to_owned(),
        picklist: vec![PicklistValue::new("it's", "a \"label\" \u{0}")],
        calculated: true,
        visibility: Visibility::Hidden,
        vendor_id: Some("17".to_owned()),
        selected: true,
    }
}

fn schema(tables: &[&str], fields: &[FieldDescription]) -> StoredSchema {
    StoredSchema {
        seen: StreamDescription { fields: fields.to_vec() },
        accepted: StreamDescription { fields: fields[..1].to_vec() },
        columns: ColumnHistory { filled: ["id".to_owned()].into(), ..ColumnHistory::default() },
        tables: tables.iter().map(|table| (*table).to_owned()).collect(),
        source_system: "shop".to_owned(),
        source_account_id: "1".to_owned(),
    }
}

fn of_streams(streams: &[(&str, StoredSchema)]) -> BTreeMap<String, StoredSchema> {
    streams.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect()
}

pub(crate) async fn descriptions_come_back_and_changes_are_written_down(to: &Destination) {
    assert_eq!(to.warehouse.schemas("shop").await.unwrap(), BTreeMap::new(), "a new destination knows nothing");
    let fence = to.begin("run-1").await;
    let schemas = of_streams(&[("people", schema(&["shop_people"], &[field("id", "Number"), field("p.x", "Größe")]))]);
    let changes = [
        SchemaChange::of_field("people", "p.x", ChangeKind::Added, None, Some("it's new".to_owned())),
        SchemaChange::of_stream("orders", ChangeKind::StreamRemoved),
    ];
    to.warehouse.record_schemas(&fence, &schemas, &changes).await.unwrap();
    let found = to.again().await.schemas("shop").await.unwrap();
    assert_eq!(found["people"].seen.fields[1].label, "Größe");
    assert_eq!(found["people"].columns, schemas["people"].columns);
    assert_eq!(found["people"].tables, schemas["people"].tables);
    let columns = ColumnHistory {
        filled: ["id".to_owned(), "p.x".to_owned()].into(),
        filling: Some(Filling { paths: BTreeSet::from(["p.y".to_owned()]), before: Some(Timestamp::from_seconds(7)) }),
        undeclared: ["odd".to_owned()].into(),
        widened: [("p.x".to_owned(), ValueType::Text)].into(),
        gone: true,
    };
    let widened = SchemaChange::of_field("people", "p.x", ChangeKind::Widened, Some("decimal".to_owned()), Some("text".to_owned()));
    to.warehouse.record_columns(&fence, "people", &columns, std::slice::from_ref(&widened)).await.unwrap();
    let found = to.warehouse.schemas("shop").await.unwrap();
    assert_eq!((found.len(), &found["people"].columns), (1, &columns));
    let listed = to.warehouse.schema_changes("shop", 10).await.unwrap();
    assert_eq!(listed[0].change, widened, "newest first");
    assert_eq!(listed.iter().map(|entry| (entry.run_id.as_str(), entry.change.kind)).collect::<Vec<_>>().len(), 3);
    assert!(changes.iter().all(|change| listed.iter().any(|entry| entry.change == *change)));
    assert_eq!(to.warehouse.schema_changes("shop", 1).await.unwrap().len(), 1);
    let rows =
        to.ask("SELECT run_id, pipeline, stream, field, kind, \"before\", \"after\" FROM {_schema_changes} WHERE kind = 'added'").await;
    assert_eq!(flat(rows), ["run-1", "shop", "people", "p.x", "added", "NULL", "it's new"]);
    // Another pipeline is another matter.
    assert!(to.warehouse.schemas("other").await.unwrap().is_empty() && to.warehouse.schema_changes("other", 9).await.unwrap().is_empty());
    to.begin("run-2").await;
    for refused in [
        to.warehouse.record_schemas(&fence, &schemas, &changes).await,
        to.warehouse.record_columns(&fence, "people", &ColumnHistory::default(), &[]).await,
    ] {
        assert_eq!(refused.unwrap_err().code(), codes::FENCED);
    }
    assert_eq!(to.warehouse.schema_changes("shop", 10).await.unwrap().len(), 3);
}

pub(crate) async fn a_description_is_accepted_by_hand(to: &Destination) {
    assert!(to.warehouse.accept_schemas("shop", None).await.unwrap().is_empty());
    let fence = to.begin("run-1").await;
    let two = [field("id", "Number"), field("x", "X")];
    let same = schema(&[], &two[..1]);
    let schemas = of_streams(&[("people", schema(&[], &two)), ("orders", schema(&[], &two)), ("same", same)]);
    to.warehouse.record_schemas(&fence, &schemas, &[]).await.unwrap();
    assert_eq!(to.warehouse.accept_schemas("shop", Some("people")).await.unwrap(), ["people"]);
    let found = to.warehouse.schemas("shop").await.unwrap();
    assert_eq!((found["people"].accepted.fields.len(), found["orders"].accepted.fields.len()), (2, 1));
    assert_eq!(to.warehouse.accept_schemas("shop", None).await.unwrap(), ["orders"]);
    assert!(to.warehouse.accept_schemas("shop", None).await.unwrap().is_empty());
    assert!(to.warehouse.accept_schemas("shop", Some("nothing")).await.unwrap().is_empty());
}

pub(crate) async fn a_table_is_complete_up_to_the_earliest_of_its_streams(to: &Destination) {
    let settled = |seconds: i64| StreamState {
        settled: Some(Cursor::at(Timestamp::from_microseconds(seconds * 1_000_000 + 500_000))),
        ..StreamState::default()
    };
    let fence = to.begin("run-1").await;
    let one = [field("id", "Number")];
    let schemas = of_streams(&[
        ("people", schema(&["shop_people", "contact"], &one)),
        ("guests", schema(&["shop_guests", "contact"], &one)),
        ("unread", schema(&[], &one)),
    ]);
    to.warehouse.record_schemas(&fence, &schemas, &[]).await.unwrap();
    to.warehouse.set_state("shop", "people", Some(&settled(2_000))).await.unwrap();
    let told =
        |until: &BTreeMap<(String, String), [Option<i64>; 2]>, table: &str, stream: &str| until[&(table.to_owned(), stream.to_owned())];
    let read = async || -> BTreeMap<(String, String), [Option<i64>; 2]> {
        let seconds = |at: Option<Timestamp>| at.map(|at| at.milliseconds());
        let of = |row: aqueduct_warehouse::SettledStream| {
            ((row.table, row.stream), [seconds(row.settled_until), seconds(row.table_settled_until)])
        };
        to.warehouse.settled("shop").await.unwrap().into_iter().map(of).collect()
    };
    let until = read().await;
    assert_eq!(until.len(), 4, "a stream that fills no table is in none: {until:?}");
    assert_eq!(told(&until, "shop_people", "people"), [Some(2_000_500), Some(2_000_500)]);
    assert_eq!(told(&until, "contact", "people"), [Some(2_000_500), None], "one of its streams was never read");
    assert_eq!(told(&until, "shop_guests", "guests"), [None, None]);
    // A whole second is earlier than the same one and a half, however many digits they are written with.
    let whole = StreamState { settled: Some(Cursor::at(Timestamp::from_seconds(2_000))), ..StreamState::default() };
    to.warehouse.set_state("shop", "guests", Some(&whole)).await.unwrap();
    let until = read().await;
    assert_eq!(told(&until, "contact", "guests"), [Some(2_000_000), Some(2_000_000)]);
    assert_eq!(told(&until, "contact", "people"), [Some(2_000_500), Some(2_000_000)]);
    let rows =
        to.ask("SELECT DISTINCT \"table\", source_system, source_account_id, pipeline FROM {_settled} WHERE \"table\" = 'contact'").await;
    assert_eq!(flat(rows), ["contact", "shop", "1", "shop"]);
    to.warehouse.set_state("shop", "people", None).await.unwrap();
    assert_eq!(told(&read().await, "contact", "guests"), [Some(2_000_000), None]);
}

pub(crate) async fn a_reading_of_columns_settles_no_quarantine(to: &Destination) {
    let fence = to.begin("run-1").await;
    let bad = batch_with(vec![people(&[])], vec![reject(Some("9"), "contract.type", "x")], 0, checkpoint(Mode::Changes, 0, false));
    to.load(&fence, vec![bad]).await.unwrap();
    let page = || upsert(source(), &[("_id", ValueType::Text), ("source_id", ValueType::Text)], vec![vec![text("k9"), text("9")]]);
    to.load(&fence, vec![batch_with(vec![page()], Vec::new(), 0, checkpoint(Mode::Columns, 0, false))]).await.unwrap();
    assert_eq!(to.one("SELECT status FROM {_quarantine}").await, "new", "the rest of the record was not looked at");
    to.load(&fence, vec![batch(vec![page()])]).await.unwrap();
    assert_eq!(to.one("SELECT status FROM {_quarantine}").await, "fixed");
}
