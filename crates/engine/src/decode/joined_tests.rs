//! Pages of several parts, and deletions by key alone.

#![allow(clippy::unwrap_used)]

use aqueduct_connector::{CsvFormat, Origin, Part, Records, Stream};
use aqueduct_schema::{Mode, Operation, RecordField, RecordSchema, TableName, ValueType, codes};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};

use super::{Decoded, decode};
use crate::settings::Settings;

fn stream() -> Stream {
    let fields = vec![
        RecordField::new("Id", ValueType::Text),
        RecordField::new("Name", ValueType::Text),
        RecordField::new("Size", ValueType::Integer),
    ];
    Stream::new("things", RecordSchema::new("thing", fields, &["Id"]), &[Mode::Backfill], "")
}

fn part(body: &'static str, paths: &[&str]) -> Part {
    Part {
        records: Records::Json { body: body.into(), pointer: &["records"] },
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    }
}

fn join(parts: Vec<Part>) -> aqueduct_schema::Result<Decoded> {
    decode(&stream(), TableName::source("shop", "things"), &Records::Joined { parts }, &Settings { value_limit: 9, ..Settings::default() })
}

fn texts(decoded: &Decoded, column: usize) -> Vec<Option<&str>> {
    decoded.table.rows.column(column).as_string::<i32>().iter().collect()
}

#[test]
fn parts_are_joined_by_key_in_the_order_of_the_first() {
    let names = part(r#"{"records":[{"Id":"b","Name":"B"},{"Id":"a","Name":"A"}]}"#, &["Id", "Name"]);
    let sizes = part(r#"{"records":[{"Id":"a","Size":1},{"Id":"c","Size":3},{"Id":"b","Size":2}]}"#, &["Id", "Size"]);
    let decoded = join(vec![names, sizes]).unwrap();
    assert_eq!(texts(&decoded, 0), [Some("b"), Some("a")]);
    assert_eq!(texts(&decoded, 1), [Some("B"), Some("A")]);
    assert_eq!(decoded.table.rows.column(2).as_primitive::<Int64Type>().values(), &[2, 1]);
    assert_eq!(decoded.read, 2);
}

#[test]
fn delimited_text_is_joined_like_json() {
    let format =
        CsvFormat { delimiter: b',', quote: b'"', header: vec!["Id".to_owned(), "Size".to_owned()].into(), quoted_empty_is_null: false };
    let sizes = Part {
        records: Records::Csv { body: "\"a\",\"7\"\n".into(), format, origin: Origin::default() },
        paths: vec!["Id".to_owned(), "Size".to_owned()],
    };
    let decoded = join(vec![part(r#"{"records":[{"Id":"a","Name":"A"}]}"#, &["Id", "Name"]), sizes]).unwrap();
    assert_eq!(decoded.table.rows.column(2).as_primitive::<Int64Type>().values(), &[7]);
}

#[test]
fn a_record_that_a_part_lacks_makes_the_page_one_to_ask_for_again() {
    let names = part(r#"{"records":[{"Id":"a","Name":"A"},{"Id":"b","Name":"B"}]}"#, &["Id", "Name"]);
    let sizes = part(r#"{"records":[{"Id":"a","Size":1}]}"#, &["Id", "Size"]);
    assert_eq!(join(vec![names, sizes]).unwrap_err().code(), codes::MALFORMED_ANSWER);
}

#[test]
fn a_record_that_one_part_rejects_is_rejected_once() {
    let names = part(r#"{"records":[{"Id":"a","Name":"far too long"},{"Id":"b","Name":"B"}]}"#, &["Id", "Name"]);
    let sizes = part(r#"{"records":[{"Id":"a","Size":1},{"Id":"b","Size":2}]}"#, &["Id", "Size"]);
    let decoded = join(vec![names, sizes]).unwrap();
    assert_eq!((texts(&decoded, 0), decoded.rejects.len(), decoded.read), (vec![Some("b")], 1, 2));
}

#[test]
fn deletions_are_tombstones_by_key() {
    let records = Records::Deleted {
        body: r#"{"deletedRecords":[{"id":"a","deletedDate":"2026-02-01T00:10:00.000+0000"},{"id":"b","deletedDate":null}]}"#.into(),
        pointer: &["deletedRecords"],
        key: &["id"],
        deleted_at: Some("deletedDate"),
    };
    let decoded = decode(&stream(), TableName::source("shop", "things"), &records, &Settings::default()).unwrap();
    assert_eq!((decoded.table.operation, decoded.read), (Operation::Tombstone, 2));
    let columns: Vec<&str> = decoded.table.schema.columns.iter().map(|column| column.name.as_ref()).collect();
    assert_eq!(columns, ["id", "deleted_at"]);
    assert_eq!(texts(&decoded, 0), [Some("a"), Some("b")]);
    let times = decoded.table.rows.column(1).as_primitive::<TimestampMicrosecondType>();
    assert_eq!((times.value(0), times.is_null(1)), (1_769_904_600_000_000, true));
    let empty = Records::Deleted { body: "{}".into(), pointer: &["deletedRecords"], key: &["id"], deleted_at: None };
    let error = decode(&stream(), TableName::source("shop", "things"), &empty, &Settings::default()).unwrap_err();
    assert_eq!(error.code(), codes::MALFORMED_ANSWER, "no list is not an empty list");
}

#[test]
fn an_empty_text_in_quotation_marks_is_no_value_where_the_source_cannot_write_one() {
    for (null, expected) in [(true, None), (false, Some(""))] {
        let format =
            CsvFormat { delimiter: b',', quote: b'"', header: vec!["Id".to_owned(), "Name".to_owned()].into(), quoted_empty_is_null: null };
        let records = Records::Csv { body: "\"a\",\"\"\n".into(), format, origin: Origin::default() };
        let decoded = decode(&stream(), TableName::source("shop", "things"), &records, &Settings::default()).unwrap();
        assert_eq!(texts(&decoded, 1), [expected]);
    }
}
