//! The SQL text by which rows go into a SQLite table. Values are parameters; constants, load and time are literals.

use std::collections::HashMap;
use std::sync::Arc;

use aqueduct_schema::{TableSchema, ValueType};

use crate::identifier::{push_literal, push_name, quoted};
use crate::layout::{IS_DELETED, LOAD_ID, LOADED_AT, ROW_HASH, SOURCE_UPDATED_AT, Stored, cleared};
use crate::load_plan::StepKind;

/// The statements of a step, each for a number of rows, made when first needed.
///
/// Parameters of a row: its columns in the order of the schema, then the digest; of a looked-up row: key, digest, time of change.
pub(crate) struct Statements {
    /// Table, columns and `VALUES `.
    insert: String,
    /// One row of parameters and literals.
    row: String,
    /// ` ON CONFLICT (key) DO UPDATE SET …`
    update: String,
    /// What is selected of the rows looked up, and where from.
    lookup: [String; 2],
    made: HashMap<(Kind, usize), Arc<str>>,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Inserts rows whose keys are new, into a table without index.
    Append,
    /// Inserts the rows whose key is new.
    Insert,
    /// Inserts rows, or updates those whose key is known.
    Replace,
    /// Gives the positions of new rows and of changed rows, as two comma-separated lists.
    Lookup,
}

impl Statements {
    pub(crate) fn new(schema: &TableSchema, kind: StepKind, stored: &Stored, load_id: &str, loaded_at: &str) -> Self {
        let table = quoted(&schema.name.to_string());
        let carried = |name: &str| schema.index_of(name).is_some();
        let mut names = String::new();
        let mut row = String::from("(");
        let mut update = format!(" ON CONFLICT ({}) DO UPDATE SET ", quoted(&schema.key));
        let mut add = |name: &str, value: &dyn Fn(&mut String), updated: bool| {
            if !names.is_empty() {
                names.push_str(", ");
                row.push(',');
            }
            push_name(&mut names, name);
            value(&mut row);
            if updated {
                if !update.ends_with("SET ") {
                    update.push_str(", ");
                }
                push_name(&mut update, name);
                update.push_str(" = excluded.");
                push_name(&mut update, name);
            }
        };
        for column in &schema.columns {
            add(&column.name, &|row| row.push('?'), column.name != schema.key);
        }
        add(ROW_HASH, &|row| row.push('?'), true);
        for (name, value) in &schema.constants {
            add(name, &|row| push_literal(row, value), kind == StepKind::Rows);
        }
        if !carried(IS_DELETED) {
            // A row that says nothing of a deletion is alive.
            add(IS_DELETED, &|row| row.push('0'), kind == StepKind::Rows);
        }
        add(LOAD_ID, &|row| push_literal(row, load_id), true);
        add(LOADED_AT, &|row| push_literal(row, loaded_at), true);
        row.push(')');
        if kind == StepKind::Rows {
            for name in cleared(schema, stored) {
                update.push_str(", ");
                push_name(&mut update, name);
                update.push_str(" = NULL");
            }
        }
        let key = quoted(&schema.key);
        let by_time = stored.get(SOURCE_UPDATED_AT) == Some(&ValueType::Timestamp) && carried(SOURCE_UPDATED_AT);
        let stale = if by_time { format!("coalesce(c.u < t.{}, 0)", quoted(SOURCE_UPDATED_AT)) } else { "0".to_owned() };
        let lookup = [
            "WITH c(i, k, h, u) AS (VALUES ".to_owned(),
            format!(
                ") SELECT group_concat(CASE WHEN t.{key} IS NULL THEN c.i END), \
                 group_concat(CASE WHEN t.{key} IS NOT NULL AND t.{hash} <> c.h AND NOT {stale} THEN c.i END) \
                 FROM c LEFT JOIN {table} AS t ON t.{key} = c.k",
                hash = quoted(ROW_HASH),
            ),
        ];
        Self { insert: format!("{table} ({names}) VALUES "), row, update, lookup, made: HashMap::new() }
    }

    /// The statement for a number of rows.
    pub(crate) fn get(&mut self, kind: Kind, rows: usize) -> Arc<str> {
        if let Some(made) = self.made.get(&(kind, rows)) {
            return Arc::clone(made);
        }
        let mut sql = String::with_capacity(self.insert.len() + self.update.len() + rows * (self.row.len() + 1));
        match kind {
            Kind::Append | Kind::Insert | Kind::Replace => {
                // `OR IGNORE` spares the journal that SQLite keeps for statements which may fail after some of their rows. Nothing but
                // a known key is ever ignored: keys, constants and load columns are never null.
                sql.push_str(if kind == Kind::Replace { "INSERT INTO " } else { "INSERT OR IGNORE INTO " });
                sql.push_str(&self.insert);
                for index in 0..rows {
                    sql.push_str(if index == 0 { "" } else { "," });
                    sql.push_str(&self.row);
                }
                if kind == Kind::Replace {
                    sql.push_str(&self.update);
                }
            }
            Kind::Lookup => {
                sql.push_str(&self.lookup[0]);
                for index in 0..rows {
                    sql.push_str(if index == 0 { "(" } else { ",(" });
                    sql.push_str(itoa::Buffer::new().format(index));
                    sql.push_str(",?,?,?)");
                }
                sql.push_str(&self.lookup[1]);
            }
        }
        let sql: Arc<str> = sql.into();
        self.made.insert((kind, rows), Arc::clone(&sql));
        sql
    }
}
