//! Small raw batches from text, and tables as text.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use aqueduct_normalise::{Defaults, Mappings, Normalise, Normaliser, parse_mappings};
use aqueduct_schema::{
    Batch, Checkpoint, Column, Mode, Normalised, Operation, Raw, RecordField, RecordSchema, Source, StreamState, Table, TableName,
    TableSchema, Timestamp, ValueType,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};

/// The source of all tests.
pub(crate) fn source() -> Source {
    Source { tenant: "default".into(), system: "vendor".into(), account: "7".into() }
}

/// Records with the fields `path` or `path:type`, and `id` as their key.
pub(crate) fn record(fields: &[&str]) -> RecordSchema {
    let fields = fields
        .iter()
        .map(|field| match field.split_once(':') {
            None => RecordField::new(field, ValueType::Text),
            Some((path, "boolean")) => RecordField::new(path, ValueType::Boolean),
            Some((path, "integer")) => RecordField::new(path, ValueType::Integer),
            Some((path, "decimal")) => RecordField::new(path, ValueType::Decimal),
            Some((path, "date")) => RecordField::new(path, ValueType::Date),
            Some((path, "timestamp")) => RecordField::new(path, ValueType::Timestamp),
            Some((path, "json")) => RecordField::new(path, ValueType::Json),
            Some((_, other)) => panic!("no type {other}"),
        })
        .collect();
    RecordSchema::new("thing", fields, &["id"])
}

/// A raw batch of rows; an empty text is null in typed columns, `~` is null in text columns.
pub(crate) fn batch(stream: &str, record: &RecordSchema, mode: Mode, rows: &[&[&str]]) -> Batch<Raw> {
    let columns: Vec<Column> = record.fields.iter().map(|field| Column::technical(&field.column, field.value_type)).collect();
    let schema = Arc::new(TableSchema {
        name: TableName::source("vendor", stream),
        columns,
        absent_columns: Vec::new(),
        key: "_id".into(),
        constants: Vec::new(),
    });
    let arrays: Vec<ArrayRef> = record
        .fields
        .iter()
        .enumerate()
        .map(|(place, field)| {
            array(field.value_type, rows.iter().map(|row| row[place]).map(|text| (text != "~").then_some(text)).collect())
        })
        .collect();
    let read = rows.len() as u64;
    let rows = RecordBatch::try_new(schema.arrow(), arrays).unwrap();
    let table = Table::new(schema, Operation::Upsert, rows).unwrap();
    Batch::raw(stream.into(), table, Vec::new(), read, checkpoint(mode))
}

pub(crate) fn checkpoint(mode: Mode) -> Checkpoint {
    Checkpoint { state: StreamState::default(), mode, reading_started_at: Timestamp::from_seconds(1_000_000), reading_complete: false }
}

fn array(value_type: ValueType, texts: Vec<Option<&str>>) -> ArrayRef {
    let given = texts.iter().map(|text| text.filter(|text| !text.is_empty()));
    match value_type {
        ValueType::Text | ValueType::Json => Arc::new(StringArray::from(texts)),
        ValueType::Boolean => Arc::new(given.map(|text| text.map(|text| text == "true")).collect::<BooleanArray>()),
        ValueType::Integer => Arc::new(given.map(|text| text.map(|text| text.parse().unwrap())).collect::<Int64Array>()),
        ValueType::Date => Arc::new(given.map(|text| text.map(|text| text.parse().unwrap())).collect::<Date32Array>()),
        ValueType::Decimal => Arc::new(
            given
                .map(|text| text.map(|text| text.parse::<i128>().unwrap() * 1_000_000_000))
                .collect::<Decimal128Array>()
                .with_data_type(ValueType::Decimal.arrow()),
        ),
        ValueType::Timestamp => Arc::new(
            given
                .map(|text| text.map(|text| text.parse::<Timestamp>().unwrap().microseconds()))
                .collect::<TimestampMicrosecondArray>()
                .with_data_type(ValueType::Timestamp.arrow()),
        ),
    }
}

/// A cell as text, `null` for nothing.
pub(crate) fn cell(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "null".into();
    }
    match array.data_type() {
        arrow_schema::DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        arrow_schema::DataType::Boolean => array.as_boolean().value(row).to_string(),
        arrow_schema::DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        arrow_schema::DataType::Date32 => array.as_primitive::<Date32Type>().value(row).to_string(),
        arrow_schema::DataType::Decimal128(_, _) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        _ => Timestamp::from_microseconds(array.as_primitive::<TimestampMicrosecondType>().value(row)).to_string(),
    }
}

/// The cells of one column of a table.
pub(crate) fn column(table: &Table, name: &str) -> Vec<String> {
    let place = table.schema.index_of(name).unwrap_or_else(|| panic!("no column {name} in {}", table.schema.name));
    (0..table.len()).map(|row| cell(table.rows.column(place), row)).collect()
}

/// The table of an entity that upserts.
pub(crate) fn common<'b>(batch: &'b Batch<Normalised>, entity: &str) -> &'b Table {
    batch
        .tables()
        .iter()
        .find(|table| table.schema.name == TableName::common(entity) && table.operation == Operation::Upsert)
        .unwrap_or_else(|| panic!("no table {entity}"))
}

/// The mappings of a text, with what a pipeline file says.
pub(crate) fn mappings(yaml: &str, settings: &str) -> Mappings {
    let mut mappings = Mappings::new(parse_mappings("mapping.yaml", yaml).unwrap());
    mappings.configure("pipeline.yaml", &normalise(settings)).unwrap();
    mappings
}

pub(crate) fn normalise(settings: &str) -> Normalise {
    if settings.is_empty() { Normalise::default() } else { serde_saphyr::from_str(settings).unwrap() }
}

/// Runs one batch of rows of the stream `things` through a mapping.
pub(crate) fn run(yaml: &str, settings: &str, record: &RecordSchema, rows: &[&[&str]]) -> Batch<Normalised> {
    run_in(Mode::Changes, yaml, settings, record, rows)
}

pub(crate) fn run_in(mode: Mode, yaml: &str, settings: &str, record: &RecordSchema, rows: &[&[&str]]) -> Batch<Normalised> {
    let mappings = mappings(yaml, settings);
    assert_eq!(mappings.validate(&[("things", record)]).iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    let defaults: Defaults = normalise(settings).defaults;
    let mut normaliser = Normaliser::new(&mappings, "things", record, &source(), &defaults).unwrap();
    let batch = normaliser.run(batch("things", record, mode, rows)).unwrap();
    assert_eq!(batch.counts().read, batch.tables()[0].len() as u64 + batch.rejects().len() as u64, "every record is accounted for");
    batch
}
