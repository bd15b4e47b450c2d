//! Rows, batches and checkpoints for the tests, in few words.

use std::sync::Arc;

use aqueduct_schema::{
    Batch, Checkpoint, Column, Mode, Operation, Protected, Reject, RejectCell, Sensitivity, StreamState, Table, TableName, TableSchema,
    Timestamp, ValueType,
};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray,
};

/// A value of a row.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    None,
    Text(String),
    Boolean(bool),
    Integer(i64),
    /// Times 10^9.
    Decimal(i128),
    /// Days since 1970.
    Date(i32),
    /// Microseconds since 1970.
    At(i64),
}

pub(crate) fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

/// An instant, some seconds after a fixed one.
pub(crate) fn at(seconds: i64) -> Value {
    Value::At((1_770_000_000 + seconds) * 1_000_000)
}

fn array(kind: ValueType, values: Vec<Value>) -> ArrayRef {
    macro_rules! collect {
        ($array:ident, $variant:ident) => {
            $array::from_iter(values.into_iter().map(|value| match value {
                Value::$variant(value) => Some(value),
                Value::None => None,
                other => panic!("{other:?} is not of the column's type"),
            }))
        };
    }
    match kind {
        ValueType::Text | ValueType::Json => Arc::new(collect!(StringArray, Text)),
        ValueType::Boolean => Arc::new(collect!(BooleanArray, Boolean)),
        ValueType::Integer => Arc::new(collect!(Int64Array, Integer)),
        ValueType::Decimal => Arc::new(collect!(Decimal128Array, Decimal).with_precision_and_scale(38, 9).unwrap()),
        ValueType::Date => Arc::new(collect!(Date32Array, Date)),
        ValueType::Timestamp => Arc::new(collect!(TimestampMicrosecondArray, At).with_timezone("UTC")),
    }
}

/// The table of the tests' source, and the common table beside it.
pub(crate) fn source() -> TableName {
    TableName::source("shop", "people")
}

pub(crate) fn common() -> TableName {
    TableName::common("contact")
}

pub(crate) fn schema(name: TableName, columns: &[(&str, ValueType)]) -> TableSchema {
    TableSchema {
        name,
        columns: columns.iter().map(|(name, kind)| Column::technical(name, *kind)).collect(),
        absent_columns: Vec::new(),
        key: columns[0].0.into(),
        constants: Vec::new(),
    }
}

pub(crate) fn table_of(schema: TableSchema, operation: Operation, rows: Vec<Vec<Value>>) -> Table {
    let schema = Arc::new(schema);
    let count = rows.len();
    let arrays = schema
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| array(column.value_type, rows.iter().map(|row| row[index].clone()).collect()))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let rows = RecordBatch::try_new_with_options(schema.arrow(), arrays, &options).unwrap();
    Table::new(schema, operation, rows).unwrap()
}

/// Rows to insert or update; the first column is the key.
pub(crate) fn upsert(name: TableName, columns: &[(&str, ValueType)], rows: Vec<Vec<Value>>) -> Table {
    table_of(schema(name, columns), Operation::Upsert, rows)
}

/// Rows of the source table with a text column.
pub(crate) fn people(rows: &[(&str, &str)]) -> Table {
    let rows = rows.iter().map(|(id, name)| vec![text(*id), text(*name)]).collect();
    upsert(source(), &[("_id", ValueType::Text), ("name", ValueType::Text)], rows)
}

/// Tombstones.
pub(crate) fn tombstones(name: TableName, key: &str, rows: &[(&str, i64)]) -> Table {
    let rows = rows.iter().map(|(id, seconds)| vec![text(*id), at(*seconds)]).collect();
    table_of(schema(name, &[(key, ValueType::Text), ("deleted_at", ValueType::Timestamp)]), Operation::Tombstone, rows)
}

pub(crate) fn reject(source_id: Option<&str>, rule: &str, value: &str) -> Reject {
    Reject {
        rule: rule.into(),
        field: Some("contact.email".into()),
        message: "there is no e-mail address".into(),
        source_id: source_id.map(str::to_owned),
        location: Some("people.csv:7".into()),
        record: vec![
            RejectCell { column: "name".into(), sensitivity: Sensitivity::Direct, value: Some(value.into()) },
            RejectCell { column: "email".into(), sensitivity: Sensitivity::Direct, value: None },
        ],
        sealed: Some("sealed".to_owned()),
    }
}

pub(crate) fn checkpoint(mode: Mode, started: i64, complete: bool) -> Checkpoint {
    Checkpoint {
        state: StreamState { bookmark: Some(aqueduct_schema::Position(serde_json::json!(started))), ..StreamState::default() },
        mode,
        reading_started_at: Timestamp::from_seconds(1_770_000_000 + started),
        reading_complete: complete,
    }
}

pub(crate) fn batch_with(tables: Vec<Table>, rejects: Vec<Reject>, filtered: u64, checkpoint: Checkpoint) -> Batch<Protected> {
    batch_of("people", tables, rejects, filtered, checkpoint)
}

/// A batch of changes of another stream.
pub(crate) fn stream_batch(stream: &str, tables: Vec<Table>) -> Batch<Protected> {
    batch_of(stream, tables, Vec::new(), 0, checkpoint(Mode::Changes, 0, false))
}

fn batch_of(stream: &str, tables: Vec<Table>, rejects: Vec<Reject>, filtered: u64, checkpoint: Checkpoint) -> Batch<Protected> {
    let read = tables[0].len() as u64 + rejects.len() as u64 + filtered;
    let raw = Batch::raw(stream.into(), tables[0].clone(), Vec::new(), read, checkpoint);
    raw.into_normalised(tables, rejects, filtered).into_checked_as_is().into_protected_as_is()
}

/// Steps of a batch that change nothing.
trait AsIs<T> {
    fn into_checked_as_is(self) -> T;
}

impl AsIs<Batch<aqueduct_schema::Checked>> for Batch<aqueduct_schema::Normalised> {
    fn into_checked_as_is(mut self) -> Batch<aqueduct_schema::Checked> {
        let (tables, rejects) = self.take_content();
        self.into_checked(tables, rejects)
    }
}

trait Protect {
    fn into_protected_as_is(self) -> Batch<Protected>;
}

impl Protect for Batch<aqueduct_schema::Checked> {
    fn into_protected_as_is(mut self) -> Batch<Protected> {
        let (tables, rejects) = self.take_content();
        self.into_protected(tables, rejects)
    }
}

/// A batch of changes.
pub(crate) fn batch(tables: Vec<Table>) -> Batch<Protected> {
    batch_with(tables, Vec::new(), 0, checkpoint(Mode::Changes, 0, false))
}

/// A page of a snapshot.
pub(crate) fn snapshot(tables: Vec<Table>, started: i64, complete: bool) -> Batch<Protected> {
    batch_with(tables, Vec::new(), 0, checkpoint(Mode::Snapshot, started, complete))
}
