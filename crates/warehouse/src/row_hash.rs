//! The digest by which unchanged rows are told: the first 16 bytes of BLAKE3 over a row's content, in hexadecimal.
//!
//! Content is every carried column except the key (the row is found by it), by name. A null adds nothing, so that a new column
//! does not make every older row look changed; the order of columns does not matter; whole and decimal numbers of one value are
//! alike, so that a column which widens from one to the other changes no row. Constants are the same for all rows and not content.

use aqueduct_schema::TableSchema;

use crate::cells::{Cell, Cells};

/// Set before the digest of a row that a tombstone has marked: any upsert then differs from what is stored.
pub(crate) const TOMBSTONE_MARK: &str = "deleted:";

/// The length of a digest in characters.
pub(crate) const LENGTH: usize = 32;

/// Makes the digests of rows of one schema.
pub(crate) struct RowHasher {
    /// Columns in the order of their names: position, and bytes that stand for the name.
    columns: Vec<(usize, [u8; NAME])>,
    content: Vec<u8>,
}

/// How many bytes of a name's own digest stand for it.
const NAME: usize = 6;

const HEX: &[u8; 16] = b"0123456789abcdef";

impl RowHasher {
    pub(crate) fn new(schema: &TableSchema) -> Self {
        let mut columns: Vec<(usize, &str)> =
            schema.columns.iter().map(|column| column.name.as_ref()).enumerate().filter(|(_, name)| *name != schema.key.as_ref()).collect();
        columns.sort_unstable_by_key(|(_, name)| *name);
        let columns = columns
            .into_iter()
            .map(|(index, name)| {
                let mut short = [0; NAME];
                short.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..NAME]);
                (index, short)
            })
            .collect();
        Self { columns, content: Vec::with_capacity(1024) }
    }

    /// The digest of a row, given the columns in the order of the schema.
    pub(crate) fn digest(&mut self, cells: &[Cells<'_>], row: usize) -> [u8; LENGTH] {
        self.content.clear();
        for (index, name) in &self.columns {
            let tag = match cells[*index].get(row) {
                Cell::Null => continue,
                Cell::Text(text) => {
                    self.content.extend_from_slice(name);
                    // The length keeps a text from running into the next column; Arrow's texts are shorter than 2 GiB.
                    self.content.push(b't');
                    self.content.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    self.content.extend_from_slice(text.as_bytes());
                    continue;
                }
                Cell::Boolean(value) => (b'b', i128::from(value)),
                Cell::Integer(value) => (b'n', i128::from(value) * 1_000_000_000),
                Cell::Decimal(value) => (b'n', value),
                Cell::Date(value) => (b'd', i128::from(value)),
                Cell::Timestamp(value) => (b'i', i128::from(value)),
            };
            self.content.extend_from_slice(name);
            self.content.push(tag.0);
            self.content.extend_from_slice(&tag.1.to_le_bytes());
        }
        let digest = blake3::hash(&self.content);
        let mut out = [0; LENGTH];
        for (pair, byte) in out.chunks_exact_mut(2).zip(digest.as_bytes()) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use aqueduct_schema::{Column, TableName, ValueType};
    use arrow_array::{Decimal128Array, Int64Array, StringArray};

    use super::*;

    fn schema(columns: &[(&str, ValueType)]) -> TableSchema {
        TableSchema {
            name: TableName::common("contact"),
            columns: columns.iter().map(|(name, value_type)| Column::technical(name, *value_type)).collect(),
            absent_columns: Vec::new(),
            key: Arc::from("id"),
            constants: Vec::new(),
        }
    }

    #[test]
    fn order_nulls_and_widening_to_decimal_do_not_matter_but_content_does() {
        let ids = StringArray::from(vec!["1", "2"]);
        let names = StringArray::from(vec!["Ada", "Ada"]);
        let none = StringArray::from(vec![None::<&str>, Some("")]);
        let whole = Int64Array::from(vec![5, 5]);
        let decimal = Decimal128Array::from(vec![5_000_000_000_i128, 5_000_000_001]);
        let (id, name, none) = (Cells::Text(&ids), Cells::Text(&names), Cells::Text(&none));
        let text = ValueType::Text;
        let mut one = RowHasher::new(&schema(&[("id", text), ("name", text), ("size", ValueType::Integer)]));
        let mut other = RowHasher::new(&schema(&[("size", ValueType::Decimal), ("fax", text), ("name", text), ("id", text)]));
        let first = one.digest(&[id, name, Cells::Integer(&whole)], 0);
        assert_eq!(first, one.digest(&[id, name, Cells::Integer(&whole)], 1), "the key is not content");
        assert_eq!(first, other.digest(&[Cells::Decimal(&decimal), none, name, id], 0));
        assert_ne!(first, other.digest(&[Cells::Decimal(&decimal), none, name, id], 1), "an empty text is not null");
    }

    #[test]
    fn a_value_in_another_column_is_another_row() {
        let (empty, value) = (StringArray::from(vec![None::<&str>]), StringArray::from(vec!["x"]));
        let text = ValueType::Text;
        let mut hasher = RowHasher::new(&schema(&[("id", text), ("city", text), ("street", text)]));
        let id = Cells::Text(&value);
        assert_ne!(
            hasher.digest(&[id, Cells::Text(&empty), Cells::Text(&value)], 0),
            hasher.digest(&[id, Cells::Text(&value), Cells::Text(&empty)], 0)
        );
    }
}
