//! The columns a table must have for the rows of a load: names, types, and their order when the table is created.

use std::collections::HashMap;
use std::sync::Arc;

use aqueduct_schema::entities::{LOAD_COLUMNS, PROVENANCE};
use aqueduct_schema::{Entity, Error, Layer, Result, TableName, TableSchema, ValueType, codes};

use crate::identifier;

/// The column that tells whether a row is deleted; every table has it.
pub(crate) const IS_DELETED: &str = "is_deleted";
/// The column that tells when a row was deleted; every table has it.
pub(crate) const DELETED_AT: &str = "deleted_at";
/// The column by which stale rows are told, where a table has it.
pub(crate) const SOURCE_UPDATED_AT: &str = "source_updated_at";
/// The column with the record's id at the source, where a table has it.
pub(crate) const SOURCE_ID: &str = "source_id";
/// The load that wrote a row.
pub(crate) const LOAD_ID: &str = LOAD_COLUMNS[0];
/// When that load began.
pub(crate) const LOADED_AT: &str = LOAD_COLUMNS[1];
/// The digest of a row's content, see [`crate::row_hash`].
pub(crate) const ROW_HASH: &str = LOAD_COLUMNS[2];

/// A column that a table must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayoutColumn {
    pub(crate) name: Arc<str>,
    pub(crate) value_type: ValueType,
    /// Whether the column is `NOT NULL` in a table that is created with it.
    pub(crate) filled: bool,
}

/// What a load asks of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) name: TableName,
    pub(crate) key: Arc<str>,
    /// In the order of creation: the key, the rest as people expect to read it, names with a leading `_` last.
    pub(crate) columns: Vec<LayoutColumn>,
    /// Whether the versions of its rows are kept.
    pub(crate) history: bool,
}

impl Layout {
    /// Joins the columns of several schemas of one table; a column of two types gets the wider one.
    ///
    /// # Errors
    /// `AQ9001` when a name cannot be a column, is one of the load's own, or two schemas disagree about the key.
    pub(crate) fn of<'a>(name: &TableName, schemas: impl Iterator<Item = &'a TableSchema> + Clone) -> Result<Self> {
        let wrong = |what: &str, column: &str| Error::new(codes::BUG, what).with("table", name).with("column", column);
        let key = schemas.clone().next().map(|schema| Arc::clone(&schema.key)).ok_or_else(|| wrong("a table without rows", ""))?;
        let mut layout = Self { name: name.clone(), key: Arc::clone(&key), columns: Vec::new(), history: false };
        let mut positions: HashMap<Arc<str>, usize> = HashMap::new();
        layout.add(&mut positions, &key, ValueType::Text, true)?;
        for schema in schemas {
            let carried = schema.index_of(&schema.key).map(|index| schema.columns[index].value_type);
            if schema.key != key || carried != Some(ValueType::Text) {
                return Err(wrong("the key of a table is one column of text", &schema.key));
            }
            for (constant, _) in &schema.constants {
                layout.add(&mut positions, constant, ValueType::Text, true)?;
            }
            let mut carried = std::collections::HashSet::new();
            for column in &schema.columns {
                if !carried.insert(column.name.as_ref()) || schema.constants.iter().any(|(name, _)| *name == column.name) {
                    return Err(wrong("a column comes twice", &column.name));
                }
            }
            for column in schema.columns.iter().chain(&schema.absent_columns) {
                if LOAD_COLUMNS.contains(&column.name.as_ref()) {
                    return Err(wrong("a column has a name that belongs to the load", &column.name));
                }
                layout.add(&mut positions, &column.name, column.value_type, false)?;
            }
        }
        layout.add(&mut positions, IS_DELETED, ValueType::Boolean, false)?;
        layout.add(&mut positions, DELETED_AT, ValueType::Timestamp, false)?;
        layout.add(&mut positions, LOAD_ID, ValueType::Text, true)?;
        layout.add(&mut positions, LOADED_AT, ValueType::Timestamp, true)?;
        layout.add(&mut positions, ROW_HASH, ValueType::Text, true)?;
        layout.order();
        Ok(layout)
    }

    fn add(&mut self, positions: &mut HashMap<Arc<str>, usize>, name: &str, value_type: ValueType, filled: bool) -> Result<()> {
        if let Some(position) = positions.get(name) {
            let column = &mut self.columns[*position];
            column.value_type = column.value_type.widened(value_type);
            column.filled |= filled;
            return Ok(());
        }
        identifier::checked(name).map_err(|error| error.with("table", &self.name))?;
        let name: Arc<str> = Arc::from(name);
        positions.insert(Arc::clone(&name), self.columns.len());
        self.columns.push(LayoutColumn { name, value_type, filled });
        Ok(())
    }

    fn order(&mut self) {
        let entity = match self.name.layer {
            Layer::Common => Entity::named(&self.name.name),
            Layer::Source(_) | Layer::Shadow => None,
        };
        let key = Arc::clone(&self.key);
        self.columns.sort_by_key(|column| {
            let name = column.name.as_ref();
            let known = entity.and_then(|entity| PROVENANCE.iter().chain(entity.fields).position(|field| field.name == name));
            match known {
                _ if name == key.as_ref() => (0, 0),
                Some(position) => (1, position),
                None if LOAD_COLUMNS.contains(&name) => (4, 0),
                None if name.starts_with('_') => (3, 0),
                None => (2, usize::from(name == IS_DELETED || name == DELETED_AT)),
            }
        });
    }
}

/// Refuses a table with more columns than the destination allows.
///
/// # Errors
/// `AQ4002` with the limit.
pub(crate) fn fits(name: &TableName, columns: usize, limit: usize) -> Result<()> {
    if columns <= limit {
        return Ok(());
    }
    Err(Error::new(codes::DESTINATION_FAILED, format!("the table would have {columns} columns, the destination allows {limit}"))
        .with("table", name)
        .advise("Leave fields out with `select`, then run again."))
}

/// What must be done to a table that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evolution {
    pub(crate) added: Vec<LayoutColumn>,
    /// Name, stored type, wider type.
    pub(crate) widened: Vec<(Arc<str>, ValueType, ValueType)>,
}

/// The columns of a table as the destination has them: the types by name.
pub(crate) type Stored = HashMap<String, ValueType>;

impl Evolution {
    /// Compares what is stored with what a load asks for.
    ///
    /// # Errors
    /// `AQ4002` when the table would have more columns than the destination allows.
    pub(crate) fn between(stored: &Stored, layout: &Layout, limit: usize) -> Result<Self> {
        let mut evolution = Self::default();
        for column in &layout.columns {
            match stored.get(column.name.as_ref()) {
                None => evolution.added.push(column.clone()),
                Some(known) => {
                    let wider = known.widened(column.value_type);
                    if wider != *known {
                        evolution.widened.push((Arc::clone(&column.name), *known, wider));
                    }
                }
            }
        }
        let columns = stored.len() + evolution.added.len();
        fits(&layout.name, columns, limit)?;
        Ok(evolution)
    }
}

/// Columns that an update of a whole row sets to null: those the rows know nothing of, and the time of a deletion that is over.
/// Columns that the schema calls absent belong to somebody else and stay.
pub(crate) fn cleared<'a>(schema: &'a TableSchema, stored: &'a Stored) -> Vec<&'a str> {
    let mut names: Vec<&str> = stored
        .keys()
        .map(String::as_str)
        .filter(|name| {
            let known = schema.index_of(name).is_some() || schema.constants.iter().any(|(constant, _)| constant.as_ref() == *name);
            let absent = schema.absent_columns.iter().any(|column| column.name.as_ref() == *name);
            !known && *name != IS_DELETED && ![LOAD_ID, LOADED_AT, ROW_HASH].contains(name) && (!absent || *name == DELETED_AT)
        })
        .collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aqueduct_schema::Column;

    use super::*;

    fn schema(name: &TableName, columns: &[(&str, ValueType)]) -> TableSchema {
        TableSchema {
            name: name.clone(),
            columns: columns.iter().map(|(name, value_type)| Column::technical(name, *value_type)).collect(),
            absent_columns: vec![Column::technical("city", ValueType::Text)],
            key: Arc::from("id"),
            constants: vec![("source_system".into(), "hubspot".into())],
        }
    }

    #[test]
    fn columns_are_joined_widened_and_ordered_for_reading() {
        let name = TableName::common("contact");
        let one = schema(
            &name,
            &[("email", ValueType::Text), ("id", ValueType::Text), ("_flags", ValueType::Json), ("size", ValueType::Integer)],
        );
        let other = schema(&name, &[("id", ValueType::Text), ("size", ValueType::Decimal), ("account_id", ValueType::Text)]);
        let layout = Layout::of(&name, [&one, &other].into_iter()).unwrap();
        let names: Vec<&str> = layout.columns.iter().map(|column| column.name.as_ref()).collect();
        assert_eq!(
            names,
            [
                "id",
                "source_system",
                "is_deleted",
                "deleted_at",
                "account_id",
                "email",
                "city",
                "size",
                "_flags",
                "_load_id",
                "_loaded_at",
                "_row_hash"
            ]
        );
        assert_eq!(layout.columns[7].value_type, ValueType::Decimal);
    }

    #[test]
    fn a_column_of_the_load_or_without_a_text_key_is_refused() {
        let name = TableName::source("hubspot", "contacts");
        assert!(Layout::of(&name, [&schema(&name, &[("id", ValueType::Text), ("_load_id", ValueType::Text)])].into_iter()).is_err());
        assert!(Layout::of(&name, [&schema(&name, &[("id", ValueType::Integer)])].into_iter()).is_err());
        assert!(
            Layout::of(&name, [&schema(&name, &[("id", ValueType::Text), ("a", ValueType::Text), ("a", ValueType::Text)])].into_iter())
                .is_err()
        );
    }

    #[test]
    fn evolution_adds_widens_and_knows_the_limit() {
        let name = TableName::common("contact");
        let layout = Layout::of(&name, [&schema(&name, &[("id", ValueType::Text), ("size", ValueType::Decimal)])].into_iter()).unwrap();
        let stored: Stored = [("id".to_owned(), ValueType::Text), ("size".to_owned(), ValueType::Integer)].into();
        let evolution = Evolution::between(&stored, &layout, 100).unwrap();
        assert_eq!(evolution.widened, [(Arc::from("size"), ValueType::Integer, ValueType::Decimal)]);
        assert!(evolution.added.iter().any(|column| column.name.as_ref() == "city"));
        assert_eq!(Evolution::between(&stored, &layout, 5).unwrap_err().code(), codes::DESTINATION_FAILED);
    }
}
