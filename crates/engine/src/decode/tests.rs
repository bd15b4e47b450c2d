//! Pages of every kind, sound and odd.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use aqueduct_connector::{CsvFormat, Origin, Records, Stream};
use aqueduct_schema::{Mode, RecordField, RecordSchema, Retry, Sensitivity, TableName, ValueType, codes};
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, DictionaryArray, RecordBatch, StringArray, StringViewArray};
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

use super::{Decoded, Decoder, decode};
use crate::settings::Settings;

fn stream(fields: &[(&str, ValueType)]) -> Stream {
    let fields: Vec<RecordField> = fields.iter().map(|(path, value_type)| RecordField::new(path, *value_type)).collect();
    let key = fields[0].path.clone();
    Stream::new("things", RecordSchema::new("thing", fields, &[&key]), &[Mode::Snapshot], "")
}

fn texts(paths: &[&str]) -> Stream {
    stream(&paths.iter().map(|path| (*path, ValueType::Text)).collect::<Vec<_>>())
}

fn table() -> TableName {
    TableName::source("shop", "things")
}

fn settings() -> Settings {
    Settings { value_limit: 100, ..Settings::default() }
}

fn json(body: &str, pointer: &'static [&'static str]) -> Records {
    Records::Json { body: body.to_owned().into(), pointer }
}

/// The records of `{"r": [...]}`.
fn decoded(stream: &Stream, records: &str) -> Decoded {
    decode(stream, table(), &json(&format!("{{\"r\":[{records}]}}"), &["r"]), &settings()).unwrap()
}

fn column(decoded: &Decoded, index: usize) -> Vec<Option<String>> {
    decoded.table.rows.column(index).as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

/// The one value of one field of one record.
fn value(path: &str, record: &str) -> Option<String> {
    let decoded = decoded(&texts(&[path]), record);
    assert!(decoded.rejects.is_empty(), "{record}: {:?}", decoded.rejects);
    column(&decoded, 0).remove(0)
}

fn rules(decoded: &Decoded) -> Vec<&str> {
    decoded.rejects.iter().map(|reject| reject.rule.as_ref()).collect()
}

#[test]
fn values_are_kept_as_they_are_written() {
    let vectors = [
        (r#"{"a":"plain"}"#, Some("plain")),
        (r#"{"a":"😀 é 李 \u00e9 \ud83d\ude00 \"\\\/\n"}"#, Some("😀 é 李 é 😀 \"\\/\n")),
        (r#"{"a":"cut off \ud83d"}"#, Some("cut off \u{FFFD}")),
        (r#"{"a":9007199254740993}"#, Some("9007199254740993")),
        (r#"{"a":18446744073709551616}"#, Some("18446744073709551616")),
        (r#"{"a":1e400}"#, Some("1e400")),
        (r#"{"a":-0.10}"#, Some("-0.10")),
        (r#"{"a":true}"#, Some("true")),
        (r#"{"a":{"b": [1, 2]}}"#, Some(r#"{"b": [1, 2]}"#)),
        (r#"{"a":[]}"#, Some("[]")),
        (r#"{"a":""}"#, Some("")),
        (r#"{"a":null}"#, None),
        (r#"{"b":1}"#, None),
        (r"{}", None),
        (r#"{"a":1,"b":2,"a":3}"#, Some("3")),
        (r#"{"a":1,"a":null}"#, None),
        (r#"{"\u0061":"escaped key"}"#, Some("escaped key")),
    ];
    for (record, expected) in vectors {
        assert_eq!(value("a", record).as_deref(), expected, "{record}");
    }
}

#[test]
fn paths_lead_into_objects_and_to_keys_with_dots() {
    let vectors = [
        (r#"{"p":{"a.b":"1"}}"#, Some("1")),
        (r#"{"p":{"a":{"b":"2"}}}"#, Some("2")),
        (r#"{"p.a.b":"3"}"#, Some("3")),
        (r#"{"p.a":{"b":"4"},"p":{"a":{"b":"5"}}}"#, Some("4")),
        (r#"{"p":{"a":{"b":"5"}},"p.a":{"b":"4"}}"#, Some("4")),
        (r#"{"p":null}"#, None),
        (r#"{"p":"text"}"#, None),
        (r#"{"p":[{"a":{"b":"6"}}]}"#, None),
        (r#"{"p":1e400}"#, None),
        (r#"{"p":{"a":{"b":"7"}},"p":{"c":1}}"#, None),
        (r#"{"p":{"a":{"b":"7"}},"p":null}"#, None),
        (r#"{"p":{"a":{"b":"7"}},"p":{"a":{"b":"8"}}}"#, Some("8")),
    ];
    for (record, expected) in vectors {
        assert_eq!(value("p.a.b", record).as_deref(), expected, "{record}");
    }
    // The odd record makes the page be taken carefully; the others must come out the same.
    for (record, expected) in vectors {
        let decoded = decoded(&texts(&["p.a.b"]), &format!("{record},[]"));
        assert_eq!((column(&decoded, 0), rules(&decoded)), (vec![expected.map(str::to_owned)], vec!["record.not_an_object"]), "{record}");
    }
}

#[test]
fn an_object_can_be_a_field_beside_its_own_fields() {
    let decoded = decoded(&texts(&["p", "p.a"]), r#"{"p":{"a":"1","b":2}},{"p":"x"},{}"#);
    assert_eq!(column(&decoded, 0), [Some(r#"{"a":"1","b":2}"#.to_owned()), Some("x".to_owned()), None]);
    assert_eq!(column(&decoded, 1), [Some("1".to_owned()), None, None]);
}

#[test]
fn pointers_lead_to_the_records() {
    let stream = texts(&["id"]);
    let found = |body: &str, pointer| decode(&stream, table(), &json(body, pointer), &settings()).map(|decoded| column(&decoded, 0));
    let two = vec![Some("1".to_owned()), Some("2".to_owned())];
    assert_eq!(found(r#"{"data":{"total":2,"items":[{"id":1},{"id":2}]},"x":[]}"#, &["data", "items"]).unwrap(), two);
    assert_eq!(found(r#" [ {"id":"1"}, {"id":"2"} ] "#, &[]).unwrap(), two);
    assert_eq!(found(r#"{"r":[{"id":9}],"r":[{"id":1},{"id":2}]}"#, &["r"]).unwrap(), two);
    assert_eq!(found(r#"{"r":[]}"#, &["r"]).unwrap(), Vec::new());
    for bad in
        ["", "<html>", "{}", r#"{"r":null}"#, r#"{"r":{}}"#, r#"{"r":[{"id":1}]"#, r#"{"r":[{"id":1}]}x"#, r#"{"r":[{"id":01}]}"#, "null"]
    {
        let error = found(bad, &["r"]).unwrap_err();
        assert_eq!((error.code(), error.retry()), (codes::MALFORMED_ANSWER, Retry::Temporary), "{bad}");
    }
    let error = found(r#"{"r":["ada@example.com" x]}"#, &["r"]).unwrap_err();
    assert!(!format!("{error:?}").contains("ada"), "{error:?}");
}

#[test]
fn odd_records_are_rejected_and_the_rest_is_kept() {
    let long = "x".repeat(101);
    let records = format!(r#"{{"id":"1"}},7,{{"id":"2","a":"{long}"}},null,{{"id":"3"}},"x",1e999,{{"\ud83d":1}}"#);
    let decoded = decoded(&texts(&["id", "a"]), &records);
    assert_eq!(column(&decoded, 0), [Some("1".to_owned()), Some("3".to_owned())]);
    assert_eq!(
        rules(&decoded),
        [
            "record.not_an_object",
            "value.too_long",
            "record.not_an_object",
            "record.not_an_object",
            "record.not_an_object",
            "record.malformed"
        ]
    );
    assert_eq!(decoded.read, 8);
    let too_long = &decoded.rejects[1];
    assert_eq!((too_long.source_id.as_deref(), too_long.field.as_deref()), (Some("2"), Some("a")));
    assert_eq!(too_long.record[0].value.as_deref(), Some("2"));
    assert_eq!(too_long.record[1].sensitivity, Sensitivity::Direct);
    assert_eq!(decoded.rejects[0].record[0].value.as_deref(), Some("7"));
}

#[test]
fn a_long_value_that_is_replaced_does_no_harm() {
    let long = "x".repeat(200);
    assert_eq!(value("a", &format!(r#"{{"a":"{long}","a":"short"}}"#)).as_deref(), Some("short"));
    let escaped = "\\u00e9".repeat(50);
    assert_eq!(value("a", &format!(r#"{{"a":"{escaped}"}}"#)), Some("é".repeat(50)));
    let escaped = "\\u00e9".repeat(51);
    assert_eq!(rules(&decoded(&texts(&["a"]), &format!(r#"{{"a":"{escaped}"}}"#))), ["value.too_long"]);
}

#[test]
fn columns_have_their_declared_types_or_wider_ones() {
    let stream = stream(&[
        ("id", ValueType::Integer),
        ("amount", ValueType::Decimal),
        ("at", ValueType::Timestamp),
        ("blob", ValueType::Json),
        ("flag", ValueType::Boolean),
    ]);
    let sound = decoded(&stream, r#"{"id":9007199254740993,"amount":"12.50","at":"2026-01-01T00:00:00.001Z","blob":{"a":1},"flag":true}"#);
    let rows = &sound.table.rows;
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().value(0), 9_007_199_254_740_993);
    assert_eq!(rows.column(1).as_primitive::<Decimal128Type>().value(0), 12_500_000_000);
    assert_eq!(rows.column(2).as_primitive::<TimestampMicrosecondType>().value(0), 1_767_225_600_001_000);
    assert_eq!(rows.column(3).as_string::<i32>().value(0), r#"{"a":1}"#);
    let sensitivities: Vec<Sensitivity> = sound.table.schema.columns.iter().map(|column| column.sensitivity).collect();
    use Sensitivity::{Direct, Indirect};
    assert_eq!(sensitivities, [Indirect, Indirect, Indirect, Direct, Indirect]);
    let odd = decoded(&stream, r#"{"id":"1","amount":"1,200.50","at":"1767225600001","flag":"true"},{"id":"18446744073709551615"}"#);
    let types: Vec<ValueType> = odd.table.schema.columns.iter().map(|column| column.value_type).collect();
    assert_eq!(types, [ValueType::Decimal, ValueType::Text, ValueType::Text, ValueType::Json, ValueType::Boolean]);
    assert_eq!(column(&odd, 1), [Some("1,200.50".to_owned()), None]);
    assert_eq!(odd.table.schema.columns[1].sensitivity, Direct);
}

#[test]
fn a_decoder_learns_but_does_not_mix_pages_up() {
    let stream = stream(&[("id", ValueType::Integer), ("p.a", ValueType::Text)]);
    let mut decoder = Decoder::new(&stream, table(), &settings());
    let mut page = |body: &str| decoder.decode(&json(body, &["r"]));
    let first = page(r#"{"r":[{"id":1,"new":0,"p":{"a":"x","more":1}},{"id":2,"new":0}]}"#).unwrap();
    let second = page(r#"{"r":[{"new":0,"p":{"a":"y"},"id":3}]}"#).unwrap();
    assert!(Arc::ptr_eq(&first.table.schema, &second.table.schema));
    assert!(page(r#"{"r":[{"id":4,"p":{"a":"z"}},{"id":"#).is_err());
    let third = page(r#"{"r":[{"id":"5"},{"id":"x"}]}"#).unwrap();
    assert_eq!((column(&first, 1), column(&second, 1)), (vec![Some("x".to_owned()), None], vec![Some("y".to_owned())]));
    assert_eq!(column(&third, 0), [Some("5".to_owned()), Some("x".to_owned())]);
    assert_eq!(decoder.into_unknown_fields(), [("more".to_owned(), 1), ("new".to_owned(), 3)]);
}

fn origin() -> Origin {
    Origin { file: "a.csv".into(), first_line: 2 }
}

fn csv(stream: &Stream, header: &[&str], body: &str) -> Decoded {
    let header = header.iter().map(|name| (*name).to_owned()).collect();
    let format = CsvFormat { delimiter: b',', quote: b'"', header, quoted_empty_is_null: false };
    decode(stream, table(), &Records::Csv { body: body.to_owned().into(), format, origin: origin() }, &settings()).unwrap()
}

#[test]
fn delimited_text_keeps_lines_and_empty_texts_apart() {
    let stream = texts(&["id", "First Name", "note.x"]);
    let body = "1,Ada,\"two\nlines, \"\"quoted\"\"\"\n\n2,,\"\"\r\n3,only two\n\"4\",\"\",x\n5,a,b,c\n6,Zoë,";
    let decoded = csv(&stream, &["id", "First Name", "note.x"], body);
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(column(&decoded, 0), ["1", "2", "4", "6"].map(text));
    assert_eq!(column(&decoded, 1), [text("Ada"), None, text(""), text("Zoë")]);
    assert_eq!(column(&decoded, 2), [text("two\nlines, \"quoted\""), text(""), text("x"), None]);
    assert_eq!(rules(&decoded), ["csv.wrong_number_of_fields"; 2]);
    let places: Vec<_> = decoded.rejects.iter().map(|reject| reject.location.as_deref().unwrap()).collect();
    assert_eq!(places, ["a.csv:6", "a.csv:8"]);
    let line = &decoded.rejects[0].record[0];
    assert_eq!((line.column.as_ref(), line.value.as_deref(), line.sensitivity), ("line", Some("3,only two"), Sensitivity::Direct));
    assert_eq!(decoded.read, 6);
}

#[test]
fn delimited_text_finds_columns_by_name() {
    let decoded = csv(&texts(&["id", "missing", "name"]), &["name", "other", "id"], "Ada,x,1\n");
    assert_eq!([0, 1, 2].map(|index| column(&decoded, index).remove(0)), [Some("1".to_owned()), None, Some("Ada".to_owned())]);
    let long = csv(&texts(&["id", "a"]), &["id", "a"], &format!("1,x\n2,{}\n", "y".repeat(101)));
    assert_eq!((rules(&long), long.rejects[0].location.as_deref()), (vec!["value.too_long"], Some("a.csv:3")));
}

#[test]
fn lines_of_json_that_are_none_are_named() {
    let deep = "[".repeat(100);
    let body = format!("{{\"id\":1}}\r\n\n{{\"id\":2\n[1]\n{{\"id\":3}}\nxyz\n{{\"id\":{deep}}}\n{{\"id\":\"{}\"}}", "x".repeat(200));
    let records = Records::JsonLines { body: body.into(), origin: Origin { file: "a.jsonl".into(), first_line: 1 } };
    let decoded = decode(&texts(&["id"]), table(), &records, &settings()).unwrap();
    assert_eq!(column(&decoded, 0), [Some("1".to_owned()), Some("3".to_owned())]);
    let found: Vec<(&str, &str)> =
        decoded.rejects.iter().map(|reject| (reject.rule.as_ref(), reject.location.as_deref().unwrap())).collect();
    let expected = [
        ("json_lines.malformed", "a.jsonl:3"),
        ("record.not_an_object", "a.jsonl:4"),
        ("json_lines.malformed", "a.jsonl:6"),
        ("record.too_deep", "a.jsonl:7"),
        ("value.too_long", "a.jsonl:8"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn columns_are_found_by_name_and_cast() {
    let dictionary: DictionaryArray<arrow_array::types::Int8Type> = vec![Some("x"), None, Some("x")].into_iter().collect();
    let times = arrow_array::TimestampMillisecondArray::from(vec![Some(1_767_225_600_001), None, Some(0)]);
    let arrays: Vec<(&str, ArrayRef)> = vec![
        ("float", Arc::new(arrow_array::Float64Array::from(vec![0.1, 1e22, -2.5]))),
        ("id", Arc::new(StringViewArray::from(vec!["1", "2", "9007199254740993"]))),
        ("dictionary", Arc::new(dictionary)),
        ("zoned", Arc::new(times.clone().with_timezone("UTC"))),
        ("naive", Arc::new(times)),
        ("day", Arc::new(arrow_array::Date32Array::from(vec![0, 19_723, -1]))),
        ("money", Arc::new(arrow_array::Decimal128Array::from(vec![-5, 12_345, 0]).with_precision_and_scale(10, 2).unwrap())),
        ("big", Arc::new(arrow_array::UInt64Array::from(vec![u64::MAX, 0, 1]))),
        ("unasked", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
    ];
    let batch = RecordBatch::try_from_iter(arrays).unwrap();
    let stream = stream(&[
        ("id", ValueType::Integer),
        ("float", ValueType::Decimal),
        ("dictionary", ValueType::Text),
        ("zoned", ValueType::Timestamp),
        ("naive", ValueType::Timestamp),
        ("day", ValueType::Date),
        ("money", ValueType::Decimal),
        ("big", ValueType::Integer),
        ("absent", ValueType::Boolean),
    ]);
    let decoded = decode(&stream, table(), &Records::Columns { rows: batch, origin: origin() }, &settings()).unwrap();
    let rows = &decoded.table.rows;
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().value(2), 9_007_199_254_740_993);
    assert_eq!(rows.column(1).as_primitive::<Decimal128Type>().value(0), 100_000_000);
    assert_eq!(rows.column(1).as_primitive::<Decimal128Type>().value(1), 10_i128.pow(31));
    assert_eq!(column(&decoded, 2), [Some("x".to_owned()), None, Some("x".to_owned())]);
    assert_eq!(rows.column(3).as_primitive::<TimestampMicrosecondType>().value(0), 1_767_225_600_001_000);
    assert_eq!(column(&decoded, 4)[0].as_deref(), Some("2026-01-01T00:00:00.001"), "a time without a zone is no instant");
    assert_eq!(rows.column(5).as_primitive::<arrow_array::types::Date32Type>().values(), &[0, 19_723, -1]);
    assert_eq!(rows.column(6).as_primitive::<Decimal128Type>().values(), &[-50_000_000, 123_450_000_000, 0]);
    assert_eq!(decoded.table.schema.columns[7].value_type, ValueType::Decimal);
    assert_eq!(rows.column(8).null_count(), 3);
    assert_eq!(decoded.read, 3);
}

/// JSON texts, sound ones with random bytes put over them.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let sound = br#"{"r":[{"id":1,"p":{"a":"x\ud83d\ude00","n":null}},{"id":"2","p":{"a":{"b":[1,2.5e3]}}},{"id":"3"},7]}"#;
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6).prop_map(move |changes| {
        let mut body = sound.to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            // Half of the changes stay among the bytes that mean something in JSON.
            body[at] = if byte < 128 { br#"{}[],:"\ue0123truefalsn.-+"#[usize::from(byte) % 26] } else { byte };
        }
        body
    })
}

proptest! {
    #[test]
    fn damaged_json_never_panics_and_every_record_is_counted(body in damaged()) {
        let stream = stream(&[("id", ValueType::Integer), ("p.a", ValueType::Text), ("p.n", ValueType::Timestamp)]);
        let valid = serde_json::from_slice::<serde_json::Value>(&body).ok();
        let records = Records::Json { body: body.clone().into(), pointer: &["r"] };
        match decode(&stream, table(), &records, &settings()) {
            Ok(decoded) => {
                prop_assert_eq!(decoded.read, (decoded.table.len() + decoded.rejects.len()) as u64);
                if let Some(count) = valid.as_ref().and_then(|value| value.get("r")).and_then(|records| records.as_array()).map(Vec::len) {
                    prop_assert_eq!(decoded.read, count as u64);
                }
            }
            Err(error) => {
                prop_assert_eq!(error.code(), codes::MALFORMED_ANSWER);
                prop_assert!(valid.is_none_or(|value| value.get("r").is_none_or(|records| !records.is_array())));
            }
        }
        let lines = Records::JsonLines { body: body.clone().into(), origin: origin() };
        let decoded = decode(&stream, table(), &lines, &settings()).unwrap();
        prop_assert_eq!(decoded.read, (decoded.table.len() + decoded.rejects.len()) as u64);
        let format = CsvFormat { delimiter: b',', quote: b'"', header: ["id".to_owned(), "p.a".to_owned()].into(), quoted_empty_is_null: false };
        let decoded = decode(&stream, table(), &Records::Csv { body: body.into(), format, origin: origin() }, &settings()).unwrap();
        prop_assert_eq!(decoded.read, (decoded.table.len() + decoded.rejects.len()) as u64);
    }

    #[test]
    fn texts_come_out_as_they_went_in(values in prop::collection::vec(prop::option::of("[\\PC\\n\\\\\"\u{0}]{0,20}"), 1..20)) {
        let records: Vec<serde_json::Value> = values.iter().map(|value| serde_json::json!({"id": 1, "v": value})).collect();
        let body = serde_json::json!({ "r": records }).to_string();
        let decoded = decode(&texts(&["v"]), table(), &json(&body, &["r"]), &settings()).unwrap();
        prop_assert_eq!(column(&decoded, 0), values);
    }
}
