//! Every format, compression and encoding gives the same records.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;

use aqueduct_connector::schema::{ValueType, codes};
use aqueduct_connector::{Connector, Next, Records};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMicrosecondArray, types::Int32Type,
};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::json;
use support::{Folder, context, files, gzip, keyed, only_stream, page, read, read_config, zstd};

const TEXT: &str = "id,name,note\n1,Ann,\"two\nlines\"\n2,Zoë,\"a \"\"quoted\"\" word\"\n3,Müller; & Söhne,\n";

fn utf_16(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff_u16).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

fn windows_1252(text: &str) -> Vec<u8> {
    encoding_rs::WINDOWS_1252.encode(text).0.into_owned()
}

#[tokio::test]
async fn csv_in_every_dress_gives_the_same_records() {
    let semicolons = "id;name;note\r\n1;Ann;\"two\nlines\"\r\n2;Zoë;\"a \"\"quoted\"\" word\"\r\n3;\"Müller; & Söhne\";\r\n";
    let tabs = TEXT.replace(',', "\t");
    let marked = [b"\xef\xbb\xbf", TEXT.as_bytes()].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("plain.csv", TEXT.into()),
        ("marked.csv", marked),
        ("packed.csv.gz", gzip(TEXT.as_bytes())),
        ("packed.csv.zst", zstd(TEXT.as_bytes())),
        ("wrongly_named.csv", gzip(TEXT.as_bytes())),
        ("latin.csv", windows_1252(TEXT)),
        ("latin.csv.gz", gzip(&windows_1252(TEXT))),
        ("wide.csv", utf_16(TEXT)),
        ("wide.csv.zst", zstd(&utf_16(TEXT))),
        ("semicolons.csv", semicolons.into()),
        ("tabs.tsv", tabs.into()),
        ("excel.csv", format!("sep=;\r\n{semicolons}").into()),
    ];
    for (name, content) in cases {
        let folder = Folder::new();
        folder.write(name, content);
        let reading = read_config(keyed(&folder, name)).await;
        let values: Vec<Vec<&str>> =
            reading.records.iter().map(|record| record.values.iter().map(|value| value.as_deref().unwrap()).collect()).collect();
        let expected = [["1", "Ann", "two\nlines"], ["2", "Zoë", "a \"quoted\" word"], ["3", "Müller; & Söhne", ""]];
        assert_eq!(values, expected, "{name}");
        let first = if name == "excel.csv" { 3 } else { 2 };
        let lines: Vec<u64> = reading.records.iter().map(|record| record.line).collect();
        assert_eq!(lines, [first, first + 2, first + 3], "{name}");
        assert_eq!(reading.pages.len(), 1);
    }
}

#[tokio::test]
async fn declared_settings_win_over_what_looks_likely() {
    let folder = Folder::new();
    folder.write("a.csv", windows_1252("id|'na|me'\n1|'Zoë|x'\n"));
    let mut config = keyed(&folder, "a.csv");
    config["delimiter"] = json!("|");
    config["quote"] = json!("'");
    config["encoding"] = json!("latin1");
    let reading = read_config(config).await;
    assert_eq!(reading.records[0].values[1].as_deref(), Some("Zoë|x"));
}

#[tokio::test]
async fn a_byte_that_is_not_utf_8_stays_visible_in_its_own_record() {
    let folder = Folder::new();
    let good = "2,Zoë é ü ö\n".repeat(20);
    folder.write("a.csv", [b"id,name\n1,bad \xff byte\n".as_slice(), good.as_bytes()].concat());
    let files = files(keyed(&folder, "a.csv"));
    let stream = only_stream(&files).await;
    let page = page(&files, &stream, None, None).await.unwrap();
    let Records::Csv { body, .. } = &page.records else { panic!("not CSV") };
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    assert!(std::str::from_utf8(lines[0]).is_err());
    assert!(lines[1..].iter().all(|line| std::str::from_utf8(line).is_ok()));
}

#[tokio::test]
async fn json_lines_are_handed_over_as_they_are() {
    let text = "{\"id\":\"1\",\"n\":1}\r\n\n{\"id\":\"2\",\"address\":{\"city\":\"Köln\"}}\n{broken\n{\"id\":\"3\"}";
    for (name, content) in [("a.jsonl", text.into()), ("a.ndjson.gz", gzip(text.as_bytes())), ("a.dat", text.into())] {
        let folder = Folder::new();
        folder.write(name, content as Vec<u8>);
        let files = files(keyed(&folder, name));
        let stream = only_stream(&files).await;
        let types: Vec<(&str, ValueType)> = stream.record.fields.iter().map(|field| (field.path.as_str(), field.value_type)).collect();
        assert_eq!(types, [("id", ValueType::Text), ("n", ValueType::Integer), ("address.city", ValueType::Text)]);
        let reading = read(&files, &stream, None).await;
        let lines: Vec<(u64, &str)> = reading.records.iter().map(|record| (record.line, record.values[0].as_deref().unwrap())).collect();
        assert_eq!(lines[0], (1, "{\"id\":\"1\",\"n\":1}"));
        assert_eq!(lines[1].0, 3);
        assert_eq!(lines[2], (4, "{broken"));
        assert_eq!(lines[3], (5, "{\"id\":\"3\"}"));
    }
}

fn table(from: i64, rows: i64) -> RecordBatch {
    let numbers: Vec<i64> = (from..from + rows).collect();
    let names: StringArray = numbers.iter().map(|number| (number % 10 != 3).then(|| format!("name {number}"))).collect();
    let lists: ListArray = ListArray::from_iter_primitive::<Int32Type, _, _>(numbers.iter().map(|_| Some([Some(1), None])));
    let amounts = Decimal128Array::from_iter_values(numbers.iter().map(|number| i128::from(*number) * 100 + 5));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(numbers.clone()))),
        ("full name", Arc::new(names)),
        ("score", Arc::new(numbers.iter().map(|number| Some(*number as f64 / 4.0)).collect::<Float64Array>())),
        ("amount", Arc::new(amounts.with_precision_and_scale(12, 2).unwrap())),
        ("day", Arc::new(Date32Array::from_iter_values(numbers.iter().map(|_| 20_484)))),
        ("at", Arc::new(TimestampMicrosecondArray::from_iter_values(numbers.iter().map(|_| 5_000_000)).with_timezone("UTC"))),
        ("local", Arc::new(TimestampMicrosecondArray::from_iter_values(numbers.iter().map(|_| 5_000_000)))),
        ("active", Arc::new(BooleanArray::from_iter(numbers.iter().map(|number| Some(number % 2 == 0))))),
        ("tags", Arc::new(lists)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn parquet(rows: i64) -> Vec<u8> {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(3_000)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), table(0, 1).schema(), Some(properties)).unwrap();
    writer.write(&table(0, rows)).unwrap();
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn parquet_keeps_its_types() {
    let folder = Folder::new();
    folder.write("a.parquet", parquet(20));
    let files = files(keyed(&folder, "a.parquet"));
    let stream = only_stream(&files).await;
    let types: Vec<ValueType> = stream.record.fields.iter().map(|field| field.value_type).collect();
    use ValueType::{Boolean, Date, Decimal, Integer, Json, Text, Timestamp};
    assert_eq!(types, [Integer, Text, Decimal, Decimal, Date, Timestamp, Text, Boolean, Json]);
    let page = page(&files, &stream, None, None).await.unwrap();
    let Records::Columns { rows, origin } = &page.records else { panic!("not columns") };
    assert_eq!((rows.num_rows(), origin.first_line), (20, 1));
    let values = &support::records(&page)[4].values;
    assert_eq!(values[1].as_deref(), Some("name 4"));
    assert_eq!(values[2].as_deref(), Some("1"));
    assert_eq!(values[8].as_deref(), Some("[1,null]"));
    assert!(support::records(&page)[3].values[1].is_none());
}

#[tokio::test]
async fn parquet_is_read_in_batches_from_any_row_on() {
    let folder = Folder::new();
    folder.write("a.parquet", parquet(20_000));
    let one = files(keyed(&folder, "a.parquet"));
    let mut stream = only_stream(&one).await;
    stream.record.fields.retain(|field| field.path == "id" || field.path == "full name");
    let whole = read(&one, &stream, None).await;
    assert_eq!(whole.records.len(), 20_000);
    assert!(whole.pages.len() >= 3);
    for (index, position) in whole.positions.iter().enumerate() {
        let other = files(keyed(&folder, "a.parquet"));
        let rest = support::read_from(&other, &stream, Some(position.clone()), None).await.unwrap();
        let before: usize = whole.pages[..=index].iter().map(|page| support::records(page).len()).sum();
        assert_eq!(rest.records, whole.records[before..]);
    }
}

#[tokio::test]
async fn what_is_not_read_is_said() {
    let cut = parquet(2_000);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a.csv", b"PK\x03\x04 and so on".to_vec(), "`a.csv` is a zip archive or an Excel workbook"),
        ("b.json", b"[{\"id\":1}]".to_vec(), "`b.json` is one JSON array, not JSON Lines (b.json:1:1)"),
        ("c.csv", b"id\0,name\0".to_vec(), "`c.csv` is not text"),
        ("d.parquet", cut[..cut.len() - 100].to_vec(), "`d.parquet` cannot be read as Parquet"),
        ("e.csv", b"\n\n".to_vec(), "there is nothing to read: `e.csv` has not even a header"),
    ];
    for (name, content, expected) in cases {
        let folder = Folder::new();
        folder.write(name, content);
        let error = files(keyed(&folder, name)).discover(&context()).await.unwrap_err();
        let text = folder.plain(&error.to_string());
        assert!(text.contains(expected), "{text}");
        assert_ne!(error.code(), codes::BUG);
    }
}

#[tokio::test]
async fn a_header_alone_is_a_stream_without_records() {
    let folder = Folder::new();
    folder.write("a.csv", "id,name\n").write("b.csv", "").write("c.csv", "name,id");
    let files = files(keyed(&folder, "*.csv"));
    let stream = only_stream(&files).await;
    let reading = read(&files, &stream, None).await;
    assert!(reading.records.is_empty());
    assert!(matches!(reading.pages[0].next, Next::End { .. }));
    let account = files.check(&context()).await.unwrap();
    assert_eq!(account.id, stream.name);
}
