//! Rows on their way to one table: names, columns and Arrow rows.

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field as ArrowField, Schema};

use crate::codes;
use crate::error::{Error, Result};
use crate::semantic::{SemanticType, Sensitivity, ValueType};

/// Where a table belongs in the warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// The common schema.
    Common,
    /// The vendor's own columns, by the connector's name.
    Source(Arc<str>),
    /// Aqueduct's own: rows of a full refresh until they are in their place.
    Shadow,
}

/// A table's layer and name. Both are identifiers: `[a-z0-9_]`, not beginning with a digit, 63 characters at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// The layer.
    pub layer: Layer,
    /// The name inside the layer.
    pub name: Arc<str>,
}

impl TableName {
    /// A table of the common schema.
    pub fn common(name: &str) -> Self {
        Self { layer: Layer::Common, name: identifier(name).into() }
    }

    /// A table of a vendor's own columns.
    pub fn source(system: &str, name: &str) -> Self {
        Self { layer: Layer::Source(identifier(system).into()), name: identifier(name).into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.layer {
            Layer::Common => formatter.write_str(&self.name),
            Layer::Source(system) => write!(formatter, "{system}_{}", self.name),
            Layer::Shadow => write!(formatter, "_shadow_{}", self.name),
        }
    }
}

/// Turns any name into an identifier: lower case, runs of other characters as one `_`. A name that loses something in the
/// process, or is longer than 63 characters, ends in eight digits of its hash, so that two names never become one.
pub fn identifier(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut previous_lower = false;
    let mut lossless = true;
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            // `createdAt` reads as `created_at`; two such spellings in one table are told apart by the table, not here.
            if previous_lower {
                out.push('_');
            }
            out.push(character.to_ascii_lowercase());
            previous_lower = false;
        } else if character.is_ascii_lowercase() || character.is_ascii_digit() {
            out.push(character);
            previous_lower = true;
        } else {
            previous_lower = false;
            lossless &= matches!(character, '_' | '-' | ' ' | '.' | '/');
            if !out.ends_with('_') {
                out.push('_');
            }
        }
    }
    if out.is_empty() || out.starts_with(|first: char| first.is_ascii_digit()) {
        out.insert(0, '_');
    }
    if !lossless || out.len() > 63 {
        let digest = blake3::hash(name.as_bytes()).to_hex();
        out.truncate(54);
        out.push('_');
        out.push_str(&digest[..8]);
    }
    out
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The column's identifier.
    pub name: Arc<str>,
    /// How values are stored.
    pub value_type: ValueType,
    /// The kind of value, where it is known.
    pub semantic: Option<SemanticType>,
    /// How sensitive its values are.
    pub sensitivity: Sensitivity,
    /// Whether a row without a value cannot be loaded.
    pub required: bool,
}

impl Column {
    /// A column that says nothing about a person: ids, times of loading, flags of ours.
    pub fn technical(name: &str, value_type: ValueType) -> Self {
        Self { name: name.into(), value_type, semantic: None, sensitivity: Sensitivity::None, required: false }
    }
}

/// The columns of a table and the one that identifies a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSchema {
    /// The table.
    pub name: TableName,
    /// The columns that the rows carry, in order.
    pub columns: Vec<Column>,
    /// Columns the table has although these rows carry none of their values. Created with the table, left null.
    pub absent_columns: Vec<Column>,
    /// The column that identifies a row: `id` in common tables, `_id` in source tables.
    pub key: Arc<str>,
    /// Text columns with one value for all rows, such as the source system: name and value.
    pub constants: Vec<(Arc<str>, Arc<str>)>,
}

impl TableSchema {
    /// The Arrow schema of the rows: one nullable field a column, in order.
    pub fn arrow(&self) -> Arc<Schema> {
        Arc::new(Schema::new(
            self.columns.iter().map(|column| ArrowField::new(column.name.as_ref(), column.value_type.arrow(), true)).collect::<Vec<_>>(),
        ))
    }

    /// The position of a column by name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.as_ref() == name)
    }
}

/// What rows do in their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Insert the row, or update the one with the same key. A row older than the stored one (by `source_updated_at`) changes nothing.
    Upsert,
    /// Mark the rows with these keys as deleted, if they exist. Only the key and `deleted_at` are carried.
    Tombstone,
    /// The rows with these keys were merged into others: what points at them points there. The columns are those of
    /// [`crate::merges::COLUMNS`]; the table is that of the entity.
    Merge,
    /// The rows that have one of these values in the only column carried are all in this reading, or rejected: when it is complete, others
    /// with the value are marked as deleted.
    Sets,
}

/// Rows for one table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name, columns and key.
    pub schema: Arc<TableSchema>,
    /// What the rows do.
    pub operation: Operation,
    /// The rows, as [`TableSchema::arrow`] describes them.
    pub rows: RecordBatch,
}

impl Table {
    /// Bytes of its columns, as they are in memory; of a slice only what belongs to it.
    pub fn bytes(&self) -> u64 {
        let column = |array: &arrow_array::ArrayRef| {
            let sliced = array.to_data().get_slice_memory_size();
            sliced.unwrap_or_else(|_| array.get_array_memory_size()) as u64
        };
        self.rows.columns().iter().map(column).sum()
    }

    /// Joins schema and rows.
    ///
    /// # Errors
    /// `AQ9001` when the rows do not have the schema's columns.
    pub fn new(schema: Arc<TableSchema>, operation: Operation, rows: RecordBatch) -> Result<Self> {
        let fits = rows.num_columns() == schema.columns.len()
            && schema
                .columns
                .iter()
                .zip(rows.schema_ref().fields())
                .all(|(column, field)| column.name.as_ref() == field.name() && &column.value_type.arrow() == field.data_type());
        if fits {
            Ok(Self { schema, operation, rows })
        } else {
            Err(Error::new(codes::BUG, "rows do not fit their table").with("table", &schema.name))
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_plain_and_never_collide_by_loss() {
        assert_eq!(identifier("createdAt"), "created_at");
        assert_eq!(identifier("hs_lead_status"), "hs_lead_status");
        assert_eq!(identifier("First Name"), "first_name");
        assert_eq!(identifier("2fa"), "_2fa");
        assert_eq!(identifier("HubSpotScore"), "hub_spot_score");
        assert_ne!(identifier("größe"), identifier("gr?ße"));
        assert!(identifier(&"x".repeat(200)).len() <= 63);
        assert!(identifier("a; drop table b").starts_with("a_drop_table_b_"));
    }
}
