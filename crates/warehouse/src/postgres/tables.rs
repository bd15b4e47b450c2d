//! Tables of rows in PostgreSQL: names, columns as stored, creation and evolution.
//!
//! JSON is `json`, not `jsonb`: it keeps the source's text as it is (order, digits of numbers, `\u0000`), which `jsonb` refuses or
//! rewrites, and is cheaper to load; `column::jsonb` gives the operators.

use aqueduct_schema::{Layer, TableName, ValueType};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{history, views};
use crate::ddl::in_lines;
use crate::failure::{self, Doing, Failure};
use crate::identifier::{literal, push_name, quoted};
use crate::layout::{Evolution, LOADED_AT, Layout, LayoutColumn, Stored};

/// The most columns a table can have in PostgreSQL (MaxHeapAttributeNumber).
pub(crate) const MOST_COLUMNS: usize = 1600;

/// The schema of the common tables.
const COMMON: &str = "crm";
/// The schema of Aqueduct's own tables.
pub(crate) const OWN: &str = "aqueduct";

/// The schema of a table. A connector whose name PostgreSQL or Aqueduct keeps for itself gets an ending.
fn schema_of(name: &TableName) -> String {
    match &name.layer {
        Layer::Common => COMMON.to_owned(),
        Layer::Source(system) if [COMMON, OWN, "information_schema"].contains(&system.as_ref()) || system.starts_with("pg_") => {
            format!("{}_source", &system[..system.floor_char_boundary(56)])
        }
        Layer::Source(system) => system.to_string(),
        Layer::Shadow => OWN.to_owned(),
    }
}

/// A table's name with its schema, quoted.
pub(crate) fn quoted_table(name: &TableName) -> String {
    let schema = quoted(&schema_of(name));
    match name.layer {
        Layer::Shadow => format!("{schema}.{}", quoted(&format!("shadow_{}", name.name))),
        _ => format!("{schema}.{}", quoted(&name.name)),
    }
}

/// The type of a column.
fn sql_type(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Text => "text",
        ValueType::Boolean => "boolean",
        ValueType::Integer => "bigint",
        ValueType::Decimal => "numeric(38,9)",
        ValueType::Date => "date",
        ValueType::Timestamp => "timestamp with time zone",
        ValueType::Json => "json",
    }
}

pub(crate) fn value_type(sql: &str) -> ValueType {
    match sql {
        "boolean" => ValueType::Boolean,
        "bigint" => ValueType::Integer,
        "numeric(38,9)" => ValueType::Decimal,
        "date" => ValueType::Date,
        "timestamp with time zone" => ValueType::Timestamp,
        "json" => ValueType::Json,
        _ => ValueType::Text,
    }
}

/// The columns of a table; empty when there is no such table.
pub(crate) async fn stored(connection: &mut PgConnection, name: &TableName) -> Result<Stored, Failure> {
    let rows = sqlx::query(
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute
         WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
    )
    .bind(quoted_table(name))
    .fetch_all(connection)
    .await
    .doing_in("read the table's columns", name)?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, value_type(row.try_get::<&str, _>(1)?))))
        .collect::<Result<Stored, sqlx::Error>>()
        .doing_in("read the table's columns", name)
}

/// A table that suits a load.
pub(crate) struct Prepared {
    /// Its columns.
    pub(crate) stored: Stored,
    /// Whether it was made just now.
    pub(crate) created: bool,
    /// Whether it has the index over its keys.
    pub(crate) indexed: bool,
}

/// Whether each key is in a table once, by an index that COPY and merges can rely on.
async fn is_indexed(connection: &mut PgConnection, name: &TableName, key: &str) -> Result<bool, Failure> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_attribute AS a
         ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid = to_regclass($1) AND a.attname = $2
         AND i.indnkeyatts = 1 AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL)",
    )
    .bind(quoted_table(name))
    .bind(key)
    .fetch_one(connection)
    .await
    .doing_in("look for the table's index", name)
}

/// Makes the index over a table's keys, where there is none.
pub(crate) async fn index(connection: &mut PgConnection, name: &TableName, key: &str) -> Result<(), Failure> {
    if is_indexed(connection, name, key).await? {
        return Ok(());
    }
    wait_for_others(connection, name).await?;
    // Whoever was waited for may have made it; or somebody has dropped the table.
    if is_indexed(connection, name, key).await? || stored(connection, name).await?.is_empty() {
        return Ok(());
    }
    let (table, key, doing) = (quoted_table(name), quoted(key), "make the table's index");
    let make = format!("ALTER TABLE {table} ADD PRIMARY KEY ({key})");
    let first = format!("SAVEPOINT keyed; {make}; RELEASE SAVEPOINT keyed");
    match sqlx::raw_sql(AssertSqlSafe(first)).execute(&mut *connection).await {
        Err(error) if failure::is_unique_violation(&error) => {}
        done => return done.map(drop).doing_in(doing, name),
    }
    // Loads put no key in twice, but somebody else may have: the row that was loaded last takes its place, as if it had been merged.
    let again = format!(
        "ROLLBACK TO SAVEPOINT keyed; DELETE FROM {table} AS t USING (SELECT ctid, row_number() OVER (PARTITION BY {key} \
         ORDER BY {loaded_at} DESC, ctid DESC) AS place FROM {table}) AS o WHERE t.ctid = o.ctid AND o.place > 1; {make}",
        loaded_at = quoted(LOADED_AT)
    );
    tracing::warn!(table = %name, "somebody else put rows into the table while it was filled for the first time");
    sqlx::raw_sql(AssertSqlSafe(again)).execute(connection).await.map(drop).doing_in(doing, name)
}

/// Waits until nobody else changes the table, and keeps others from it until the transaction ends.
async fn wait_for_others(connection: &mut PgConnection, name: &TableName) -> Result<(), Failure> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("aqueduct {}", quoted_table(name)))
        .execute(connection)
        .await
        .doing_in("wait for another load to change the table", name)?;
    Ok(())
}

/// Creates or evolves a table so that it suits a load. One that it creates is without index: [`index`] makes it.
pub(crate) async fn prepare(connection: &mut PgConnection, layout: &Layout) -> Result<Prepared, Failure> {
    let found = stored(connection, &layout.name).await?;
    if !found.is_empty()
        && Evolution::between(&found, layout, MOST_COLUMNS)? == Evolution::default()
        && (!layout.history || history::is_kept(connection, &layout.name).await?)
    {
        views::keep(connection, &layout.name, false).await?;
        let indexed = is_indexed(connection, &layout.name, &layout.key).await?;
        return Ok(Prepared { stored: found, created: false, indexed });
    }
    // Two loads may need the same change: the second one waits here, and then finds it done.
    wait_for_others(connection, &layout.name).await?;
    let mut stored = stored(connection, &layout.name).await?;
    let evolution = Evolution::between(&stored, layout, MOST_COLUMNS)?;
    let table = quoted_table(&layout.name);
    let changes = evolution != Evolution::default();
    let kept = !stored.is_empty() && history::is_kept(connection, &layout.name).await?;
    if kept && !evolution.widened.is_empty() {
        history::suspend(connection, &layout.name).await?;
    }
    if !evolution.widened.is_empty() {
        views::suspend(connection, &layout.name).await?;
    }
    let created = stored.is_empty();
    if created {
        create_schema(connection, &layout.name).await?;
        execute(connection, layout, "create the table", create(&table, layout, "NOT NULL")).await?;
    } else if changes {
        let mut changes: Vec<String> = Vec::new();
        for column in &evolution.added {
            changes.push(format!("ADD COLUMN {} {}", quoted(&column.name), sql_type(column.value_type)));
        }
        for (name, from, to) in &evolution.widened {
            let column = quoted(name);
            changes.push(format!("ALTER COLUMN {column} TYPE {} USING {}", sql_type(*to), widened(&column, *from, *to)));
        }
        execute(connection, layout, "change the table's columns", format!("ALTER TABLE {table} {}", changes.join(", "))).await?;
    }
    stored.extend(evolution.added.iter().map(|column| (column.name.to_string(), column.value_type)));
    stored.extend(evolution.widened.iter().map(|(name, _, to)| (name.to_string(), *to)));
    if (kept && changes) || (layout.history && !kept) {
        history::keep(connection, layout, &stored, kept).await?;
    }
    views::keep(connection, &layout.name, true).await?;
    let indexed = !created && is_indexed(connection, &layout.name, &layout.key).await?;
    Ok(Prepared { stored, created, indexed })
}

async fn create_schema(connection: &mut PgConnection, name: &TableName) -> Result<(), Failure> {
    let schema = schema_of(name);
    // Asked first, because `IF NOT EXISTS` wants the right to create schemas even where there is nothing to create.
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1)")
        .bind(&schema)
        .fetch_one(&mut *connection)
        .await
        .doing_in("look for the schema", name)?;
    if !exists {
        let sql = format!(
            "SELECT pg_advisory_xact_lock(hashtextextended({}, 0)); CREATE SCHEMA IF NOT EXISTS {}",
            literal(&format!("aqueduct {schema}")),
            quoted(&schema)
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.doing_in("create the schema", name)?;
    }
    Ok(())
}

/// The statement that makes a table as a first load does.
pub(crate) fn create_table(layout: &Layout) -> String {
    format!("{}\n", in_lines(&create(&quoted_table(&layout.name), layout, "PRIMARY KEY")))
}

fn create(table: &str, layout: &Layout, key: &str) -> String {
    let mut sql = format!("CREATE TABLE {table} (");
    for LayoutColumn { name, value_type, filled } in &layout.columns {
        if !sql.ends_with('(') {
            sql.push_str(", ");
        }
        push_name(&mut sql, name);
        sql.push(' ');
        sql.push_str(sql_type(*value_type));
        if *name == layout.key {
            // Bytes compare faster than words, and alike on every machine.
            sql.push_str(" COLLATE \"C\" ");
            sql.push_str(key);
        } else if *filled {
            sql.push_str(" NOT NULL");
        }
    }
    sql.push(')');
    sql
}

/// The value of a column as the wider type has it; texts in the canonical form that loads write.
pub(crate) fn widened(column: &str, from: ValueType, to: ValueType) -> String {
    match (from, to) {
        (from, to) if from == to => column.to_owned(),
        (ValueType::Integer, ValueType::Decimal) => format!("{column}::numeric(38,9)"),
        (ValueType::Date, ValueType::Timestamp) => format!("{column}::timestamp AT TIME ZONE 'UTC'"),
        (ValueType::Decimal, _) => format!("trim_scale({column})::text"),
        (ValueType::Date, _) => format!("to_char({column}, 'YYYY-MM-DD')"),
        (ValueType::Timestamp, _) => format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"),
        _ => format!("{column}::text"),
    }
}

async fn execute(connection: &mut PgConnection, layout: &Layout, doing: &'static str, sql: String) -> Result<(), Failure> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.doing_in(doing, &layout.name)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_back() {
        use ValueType::{Boolean, Date, Decimal, Integer, Json, Text, Timestamp};
        for kind in [Text, Boolean, Integer, Decimal, Date, Timestamp, Json] {
            assert_eq!(value_type(sql_type(kind)), kind);
        }
    }

    #[test]
    fn a_connector_cannot_take_a_schema_that_is_not_its_own() {
        assert_eq!(quoted_table(&TableName::common("contact")), "\"crm\".\"contact\"");
        assert_eq!(quoted_table(&TableName::source("hubspot", "contacts")), "\"hubspot\".\"contacts\"");
        assert_eq!(quoted_table(&TableName::source("crm", "x")), "\"crm_source\".\"x\"");
        assert_eq!(quoted_table(&TableName::source("aqueduct", "x")), "\"aqueduct_source\".\"x\"");
        assert_eq!(quoted_table(&TableName::source("pg_catalog", "x")), "\"pg_catalog_source\".\"x\"");
    }
}
