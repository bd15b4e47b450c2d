//! Turns the bytes of a page into Arrow columns, without a value per record in between.
//!
//! Every column is collected as text exactly as it came ([`text_column`]) and then converted as a whole to the type the source
//! declares ([`typed`]). A column with a value that does not fit widens; no value is lost.

mod columns;
mod csv;
mod escape;
mod joined;
mod json;
mod json_lines;
mod plan;
mod rigid;
mod rows;
mod text_column;
mod typed;

use std::collections::BTreeMap;
use std::sync::Arc;

use aqueduct_connector::{Records, Stream};
use aqueduct_schema::{
    Column, Error, Operation, RecordField, RecordSchema, Reject, Result, Sensitivity, Table, TableName, TableSchema, ValueType, codes,
};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter;
use bytes::Bytes;

use crate::settings::Settings;
use plan::Plan;
use rows::Rows;

/// The column of a tombstone's time.
const DELETED_AT: &str = "deleted_at";

/// A page's records in columns.
#[derive(Debug)]
pub struct Decoded {
    /// The source table's rows: a column per field of the stream, in the stream's order.
    pub table: Table,
    /// Records that could not be taken apart.
    pub rejects: Vec<Reject>,
    /// Records in the page: rows and rejects together.
    pub read: u64,
}

/// Decodes the pages of one stream. What it learns from a page (the order of keys, the size of columns) makes the next one faster.
pub struct Decoder {
    plan: Arc<Plan>,
    rows: Rows,
    name: TableName,
    settings: Settings,
    /// The schema of the last page, used again for as long as no column widens.
    schema: Option<(Arc<TableSchema>, SchemaRef)>,
    /// Columns with values that do not fit the declared type, by path.
    widened: BTreeMap<String, ValueType>,
}

/// Decodes one page; see [`Decoder::decode`].
///
/// # Errors
/// As [`Decoder::decode`].
pub fn decode(stream: &Stream, table: TableName, records: &Records, settings: &Settings) -> Result<Decoded> {
    Decoder::new(stream, table, settings).decode(records)
}

impl Decoder {
    /// A decoder for the pages of a stream, into a table of this name. Only the fields that the stream has are decoded.
    pub fn new(stream: &Stream, table: TableName, settings: &Settings) -> Self {
        let plan = Arc::new(Plan::new(&stream.record));
        let rows = Rows::new(plan.clone(), settings.value_limit);
        Self { plan, rows, name: table, settings: settings.clone(), schema: None, widened: BTreeMap::new() }
    }

    /// Decodes a page. A record that cannot be taken apart, or has a value over the limit, is among the rejects; the rest is kept.
    ///
    /// # Errors
    /// `AQ3005` when the body is not well-formed or has no records where they should be: nothing of it is used. `AQ3006` for columns
    /// of a type that cannot be read.
    pub fn decode(&mut self, records: &Records) -> Result<Decoded> {
        match records {
            Records::Deleted { body, pointer, key, deleted_at } => self.deleted(body, pointer, key, *deleted_at),
            Records::Sets { records, .. } => self.decode(records),
            Records::Joined { parts } => {
                let decoded = parts.iter().map(|part| self.columns_of(&part.records)).collect::<Result<Vec<_>>>()?;
                let joined::Decoded { arrays, length, rejects } = joined::join(&self.plan, parts, decoded)?;
                self.finish(arrays, length, rejects)
            }
            whole => {
                let joined::Decoded { arrays, length, rejects } = self.columns_of(whole)?;
                self.finish(arrays, length, rejects)
            }
        }
    }

    /// The columns of records that stand in one place.
    fn columns_of(&mut self, records: &Records) -> Result<joined::Decoded> {
        self.rows.clear();
        match records {
            Records::Json { body, pointer } => json::decode(&mut self.rows, body, pointer)?,
            Records::JsonLines { body, origin } => json_lines::decode(&mut self.rows, body, origin, self.settings.depth_limit),
            Records::Csv { body, format, origin } => csv::decode(&mut self.rows, body, format, origin),
            Records::Columns { rows, origin } => columns::decode(&mut self.rows, rows, origin)?,
            Records::Joined { .. } | Records::Deleted { .. } | Records::Sets { .. } => {
                return Err(Error::new(codes::BUG, "a part of a page is made of parts, or of deletions"));
            }
        }
        let (mut texts, mut length, mut rejects) = self.rows.take();
        let away = rigid::turn_away(&self.plan, &mut texts, length);
        let arrays = texts.into_iter().zip(&self.plan.fields).map(|(text, field)| typed::convert(text, field.value_type));
        let mut arrays = arrays.collect::<Result<Vec<_>>>()?;
        if let Some((away, kept)) = away {
            length = kept.true_count();
            rejects.extend(away);
            for (_, array) in &mut arrays {
                *array = filter(array, &kept).map_err(|error| Error::new(codes::BUG, "rows cannot be left out").caused_by(error))?;
            }
        }
        Ok(joined::Decoded { arrays, length, rejects })
    }

    /// Keys and times of deletion: a table of tombstones with the columns of the key and `deleted_at`.
    fn deleted(&self, body: &Bytes, pointer: &'static [&'static str], key: &[&str], deleted_at: Option<&str>) -> Result<Decoded> {
        if key.len() != self.plan.key.len() {
            return Err(Error::new(codes::BUG, "deletions do not name every part of the stream's key"));
        }
        let of_key = self.plan.key.iter().zip(key).map(|(column, path)| {
            let field = &self.plan.fields[*column];
            RecordField { path: (*path).to_owned(), ..field.clone() }
        });
        let time = deleted_at.map(|path| RecordField {
            column: DELETED_AT.into(),
            ..RecordField::new(path, ValueType::Timestamp).sensitive(Sensitivity::None)
        });
        let record = RecordSchema { fields: of_key.chain(time).collect(), ..RecordSchema::new("", Vec::new(), key) };
        let plan = Arc::new(Plan::new(&record));
        let rows = Rows::new(plan.clone(), self.settings.value_limit);
        let (name, settings) = (self.name.clone(), self.settings.clone());
        let mut decoder = Decoder { plan, rows, name, settings, schema: None, widened: BTreeMap::new() };
        let joined::Decoded { arrays, length, rejects } = decoder.columns_of(&Records::Json { body: body.clone(), pointer })?;
        let Decoded { table, rejects, read } = decoder.finish(arrays, length, rejects)?;
        Ok(Decoded { table: Table::new(table.schema, Operation::Tombstone, table.rows)?, rejects, read })
    }

    /// Fields with values that do not fit the declared type, by path, with the type that holds all that was read.
    pub fn widened(&self) -> &BTreeMap<String, ValueType> {
        &self.widened
    }

    /// Keys of records that the stream's schema does not name, with how often they occurred; the first 256 found, in order of name.
    pub fn into_unknown_fields(self) -> Vec<(String, u64)> {
        self.rows.into_unknown_fields()
    }

    fn finish(&mut self, arrays: Vec<(ValueType, ArrayRef)>, length: usize, rejects: Vec<Reject>) -> Result<Decoded> {
        let types = arrays.iter().map(|(value_type, _)| *value_type);
        let (schema, arrow) = match &self.schema {
            Some((schema, arrow)) if schema.columns.iter().map(|column| column.value_type).eq(types.clone()) => {
                (schema.clone(), arrow.clone())
            }
            _ => {
                for (field, value_type) in self.plan.fields.iter().zip(types.clone()).filter(|(field, read)| field.value_type != *read) {
                    let known = self.widened.entry(field.path.clone()).or_insert(value_type);
                    *known = known.widened(value_type);
                }
                let columns = self.plan.fields.iter().zip(types).map(|(field, value_type)| column(field, value_type)).collect();
                let schema =
                    TableSchema { name: self.name.clone(), columns, absent_columns: Vec::new(), key: "_id".into(), constants: Vec::new() };
                let arrow = schema.arrow();
                self.schema.insert((Arc::new(schema), arrow)).clone()
            }
        };
        let arrays = arrays.into_iter().map(|(_, array)| array).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(length));
        let rows = RecordBatch::try_new_with_options(arrow, arrays, &options).map_err(|error| {
            aqueduct_schema::Error::new(aqueduct_schema::codes::BUG, "decoded columns do not fit together").caused_by(error)
        })?;
        let read = (length + rejects.len()) as u64;
        Ok(Decoded { table: Table::new(schema, Operation::Upsert, rows)?, rejects, read })
    }
}

/// The column of the source table that a field's values are in, as long as they fit the type that the source declares.
pub fn source_column(field: &RecordField) -> Column {
    column(field, field.value_type)
}

fn column(field: &RecordField, value_type: ValueType) -> Column {
    Column {
        name: field.column.clone(),
        value_type,
        semantic: field.semantic,
        sensitivity: sensitivity(field, value_type),
        required: false,
    }
}

/// A field's sensitivity, where it is known. Text of unknown meaning may name a person; other values may say something about one.
fn sensitivity(field: &RecordField, value_type: ValueType) -> Sensitivity {
    field.sensitivity.unwrap_or(match value_type {
        ValueType::Text | ValueType::Json => Sensitivity::Direct,
        _ => Sensitivity::Indirect,
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

#[cfg(test)]
mod joined_tests;
