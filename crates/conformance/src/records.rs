//! The records of a raw batch, as far as the rules look at them.

use std::collections::BTreeMap;

use aqueduct_connector::Stream;
use aqueduct_schema::{Operation, Table};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};

/// A record that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The values of its key, joined as everywhere.
    pub(crate) id: String,
    /// Whether it is told as deleted: by its flag, or among keys of what was deleted.
    pub(crate) deleted: bool,
    /// The values of the fields without a role, by path.
    pub(crate) values: BTreeMap<String, Option<String>>,
}

/// The records of a table that was decoded for a stream.
///
/// # Errors
/// A record without a key, in words.
pub(crate) fn records(stream: &Stream, table: &Table) -> Result<Vec<Record>, String> {
    // Deletions that name keys alone have the columns of the key, in its order, and of the time.
    let is_tombstone = table.operation == Operation::Tombstone;
    let column = |path: &str| match is_tombstone {
        true => stream.record.key.iter().position(|key| key == path).map(|index| table.rows.column(index)),
        false => stream.record.index_of(path).map(|index| table.rows.column(index)),
    };
    let mut keys = Vec::new();
    for path in &stream.record.key {
        keys.push((path, column(path).ok_or_else(|| format!("stream `{}` has no field for its key `{path}`", stream.name))?));
    }
    let flag = stream.record.is_deleted.as_deref().and_then(column);
    let free = stream.record.fields.iter().zip(table.rows.columns());
    let free = free.filter(|(field, _)| !is_tombstone && !stream.record.has_role(&field.path));
    let free: Vec<(&str, &ArrayRef)> = free.map(|(field, column)| (field.path.as_str(), column)).collect();
    let record = |row: usize| {
        let mut parts = Vec::new();
        for (path, column) in &keys {
            let part = text(column, row).filter(|part| !part.is_empty());
            parts.push(part.ok_or_else(|| format!("a record of stream `{}` has no value in its key `{path}`", stream.name))?);
        }
        let deleted = is_tombstone || flag.and_then(|flag| text(flag, row)).is_some_and(|flag| matches!(flag.as_str(), "true" | "1"));
        let values = free.iter().map(|(path, column)| ((*path).to_owned(), text(column, row))).collect();
        Ok(Record { id: parts.join(":"), deleted, values })
    };
    (0..table.len()).map(record).collect()
}

/// A value as text.
pub(crate) fn text(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    if let Some(texts) = column.as_string_opt::<i32>() {
        return Some(texts.value(row).to_owned());
    }
    if let Some(flags) = column.as_boolean_opt() {
        return Some(flags.value(row).to_string());
    }
    if let Some(decimals) = column.as_primitive_opt::<Decimal128Type>() {
        return Some(decimals.value_as_string(row));
    }
    let number = column.as_primitive_opt::<Int64Type>().map(|numbers| numbers.value(row));
    let number = number.or_else(|| column.as_primitive_opt::<TimestampMicrosecondType>().map(|times| times.value(row)));
    let number = number.or_else(|| column.as_primitive_opt::<Date32Type>().map(|days| days.value(row).into()));
    number.map(|number| number.to_string())
}
