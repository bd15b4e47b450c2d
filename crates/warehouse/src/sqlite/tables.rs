//! Tables of rows in SQLite: their columns as stored, creation and evolution.
//!
//! The type of a column is its declared type, so the file describes itself: `TEXT`, `BOOLEAN` (0 or 1), `INTEGER`, `DATE TEXT`,
//! `TIMESTAMP TEXT` and `JSON TEXT` (text to SQLite, which decides by the word TEXT), and no type for decimals, so that SQLite
//! converts nothing (<https://www.sqlite.org/datatype3.html>, section 3.1).

use std::sync::Arc;

use aqueduct_schema::{TableName, ValueType};
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::{history, views};
use crate::ddl::in_lines;
use crate::failure::{Doing, Failure};
use crate::identifier::{push_name, quoted};
use crate::layout::{Evolution, Layout, LayoutColumn, Stored};

/// The most columns a table can have in SQLite as it is built (SQLITE_MAX_COLUMN).
pub(crate) const MOST_COLUMNS: usize = 2000;

/// The declared type of a column.
pub(crate) fn declared(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Text => "TEXT",
        ValueType::Boolean => "BOOLEAN",
        ValueType::Integer => "INTEGER",
        ValueType::Decimal => "",
        ValueType::Date => "DATE TEXT",
        ValueType::Timestamp => "TIMESTAMP TEXT",
        ValueType::Json => "JSON TEXT",
    }
}

pub(crate) fn value_type(declared: &str) -> ValueType {
    match declared.to_ascii_uppercase().as_str() {
        "BOOLEAN" => ValueType::Boolean,
        "INTEGER" => ValueType::Integer,
        "" => ValueType::Decimal,
        "DATE TEXT" => ValueType::Date,
        "TIMESTAMP TEXT" => ValueType::Timestamp,
        "JSON TEXT" => ValueType::Json,
        _ => ValueType::Text,
    }
}

/// The columns of a table; empty when there is no such table.
pub(crate) async fn stored(connection: &mut SqliteConnection, name: &TableName) -> Result<Stored, Failure> {
    let rows = sqlx::query("SELECT name, type FROM pragma_table_info(?)")
        .bind(name.to_string())
        .fetch_all(connection)
        .await
        .doing_in("read the table's columns", name)?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, value_type(row.try_get::<&str, _>(1)?))))
        .collect::<Result<Stored, sqlx::Error>>()
        .doing_in("read the table's columns", name)
}

/// A column of a table as SQLite has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredColumn {
    pub(crate) name: String,
    /// The declared type.
    pub(crate) declared: String,
    /// Whether it is `NOT NULL`.
    pub(crate) filled: bool,
}

impl StoredColumn {
    /// What a statement that creates a table says of the column after its name.
    pub(crate) fn declaration(&self) -> String {
        format!("{}{}", self.declared, if self.filled { " NOT NULL" } else { "" })
    }
}

/// The columns of a table, in order.
pub(crate) async fn columns(connection: &mut SqliteConnection, name: &TableName) -> Result<Arc<[StoredColumn]>, Failure> {
    let rows = sqlx::query("SELECT name, type, \"notnull\" FROM pragma_table_info(?) ORDER BY cid")
        .bind(name.to_string())
        .fetch_all(connection)
        .await
        .doing_in("read the table's columns", name)?;
    rows.iter()
        .map(|row| Ok(StoredColumn { name: row.try_get(0)?, declared: row.try_get(1)?, filled: row.try_get(2)? }))
        .collect::<Result<_, sqlx::Error>>()
        .doing_in("read the table's columns", name)
}

/// Creates or evolves a table so that it suits a load. Gives the columns as they are then, and whether the table is new.
pub(crate) async fn prepare(connection: &mut SqliteConnection, layout: &Layout) -> Result<(Stored, bool), Failure> {
    let mut stored = stored(connection, &layout.name).await?;
    let evolution = Evolution::between(&stored, layout, MOST_COLUMNS)?;
    let created = stored.is_empty();
    let table = quoted(&layout.name.to_string());
    let changes = evolution != Evolution::default();
    let kept = !created && (layout.history || changes) && history::is_kept(connection, &layout.name).await?;
    if kept && changes {
        history::suspend(connection, &layout.name).await?;
    }
    if created {
        execute(connection, layout, "create the table", create(&table, layout)).await?;
    } else {
        for column in &evolution.added {
            let sql = format!("ALTER TABLE {table} ADD COLUMN {} {}", quoted(&column.name), declared(column.value_type));
            execute(connection, layout, "add a column", sql).await?;
        }
        if !evolution.widened.is_empty() {
            views::suspend(connection, &layout.name).await?;
        }
        for (name, from, to) in &evolution.widened {
            widen(connection, layout, &table, name, *from, *to).await?;
        }
    }
    stored.extend(evolution.added.iter().map(|column| (column.name.to_string(), column.value_type)));
    stored.extend(evolution.widened.iter().map(|(name, _, to)| (name.to_string(), *to)));
    if (kept && changes) || (layout.history && !kept) {
        history::keep(connection, layout, &stored).await?;
    }
    views::keep(connection, &layout.name, created || changes).await?;
    Ok((stored, created))
}

/// The statements that make a table as a first load does.
pub(crate) fn create_table(layout: &Layout) -> String {
    let table = layout.name.to_string();
    let key = format!("CREATE UNIQUE INDEX {} ON {} ({});\n", quoted(&index_of(&layout.name)), quoted(&table), quoted(&layout.key));
    format!("{}\n{key}", in_lines(&create(&quoted(&table), layout)))
}

fn create(table: &str, layout: &Layout) -> String {
    let mut sql = format!("CREATE TABLE {table} (");
    for LayoutColumn { name, value_type, filled } in &layout.columns {
        if !sql.ends_with('(') {
            sql.push_str(", ");
        }
        push_name(&mut sql, name);
        sql.push(' ');
        sql.push_str(declared(*value_type));
        if *filled {
            sql.push_str(" NOT NULL");
        }
    }
    sql.push(')');
    sql
}

/// The name of the unique index over a table's keys. It stands in for a primary key, which SQLite cannot add to a table later.
fn index_of(name: &TableName) -> String {
    format!("{name}_key")
}

/// Whether the index over the keys is there.
pub(crate) async fn is_indexed(connection: &mut SqliteConnection, name: &TableName) -> Result<bool, Failure> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ? AND tbl_name = ?)")
        .bind(index_of(name))
        .bind(name.to_string())
        .fetch_one(connection)
        .await
        .doing_in("look for the table's index", name)
}

/// Makes the index over the keys, if it is not there.
pub(crate) async fn index(connection: &mut SqliteConnection, name: &TableName, key: &str) -> Result<(), Failure> {
    let sql = format!("CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} ({})", quoted(&index_of(name)), quoted(&name.to_string()), quoted(key));
    sqlx::query(AssertSqlSafe(sql)).persistent(false).execute(connection).await.doing_in("make the table's index", name)?;
    Ok(())
}

/// The id of the last row, which is the number of rows ever appended while nobody deletes.
pub(crate) async fn last_row(connection: &mut SqliteConnection, name: &TableName) -> Result<u64, Failure> {
    let sql = format!("SELECT coalesce(max(rowid), 0) FROM {}", quoted(&name.to_string()));
    let last: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.doing_in("look at the table", name)?;
    Ok(u64::try_from(last).unwrap_or(0))
}

/// The value of an expression as a wider type has it; texts in the canonical form.
pub(crate) fn widened(value: &str, from: ValueType, to: ValueType) -> String {
    match (from, to) {
        (from, to) if from == to => value.to_owned(),
        (ValueType::Date, ValueType::Timestamp) => format!("{value} || 'T00:00:00.000000Z'"),
        (ValueType::Boolean, ValueType::Text) => format!("CASE {value} WHEN 0 THEN 'false' WHEN 1 THEN 'true' END"),
        // A decimal is a whole number, a binary one of at most 15 significant digits, or already text.
        (ValueType::Decimal, ValueType::Text) => {
            format!("CASE typeof({value}) WHEN 'real' THEN rtrim(rtrim(printf('%.9f', {value}), '0'), '.') ELSE CAST({value} AS TEXT) END")
        }
        (_, ValueType::Text) => format!("CAST({value} AS TEXT)"),
        _ => value.to_owned(),
    }
}

/// Gives a column a wider type. SQLite cannot change a declared type, and with the old one it would turn a text such as `007`
/// into a number, so the values move into a new column of the same name.
pub(crate) async fn widen(
    connection: &mut SqliteConnection,
    layout: &Layout,
    table: &str,
    name: &str,
    from: ValueType,
    to: ValueType,
) -> Result<(), Failure> {
    let (column, moved) = (quoted(name), quoted(&format!("{}~", &name[..name.floor_char_boundary(60)])));
    let value = widened(&column, from, to);
    for sql in [
        format!("ALTER TABLE {table} ADD COLUMN {moved} {}", declared(to)),
        format!("UPDATE {table} SET {moved} = {value} WHERE {column} IS NOT NULL"),
        format!("ALTER TABLE {table} DROP COLUMN {column}"),
        format!("ALTER TABLE {table} RENAME COLUMN {moved} TO {column}"),
    ] {
        execute(connection, layout, "widen a column", sql).await?;
    }
    Ok(())
}

async fn execute(connection: &mut SqliteConnection, layout: &Layout, doing: &'static str, sql: String) -> Result<(), Failure> {
    sqlx::query(AssertSqlSafe(sql)).persistent(false).execute(connection).await.doing_in(doing, &layout.name)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_are_read_back() {
        use ValueType::{Boolean, Date, Decimal, Integer, Json, Text, Timestamp};
        for kind in [Text, Boolean, Integer, Decimal, Date, Timestamp, Json] {
            assert_eq!(value_type(declared(kind)), kind);
        }
    }
}
