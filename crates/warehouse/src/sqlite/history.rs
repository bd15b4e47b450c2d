//! Versions of rows in SQLite: their tables, the triggers that fill them, and the views over them.

use aqueduct_schema::{TableName, ValueType};
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::tables::{self, MOST_COLUMNS, declared, value_type};
use crate::failure::{Doing, Failure};
use crate::history::{Dialect, Kept, LATE, MORE_COLUMNS, RECORDED_TO, TIMES};
use crate::identifier::quoted;
use crate::late::{Late, versions_of};
use crate::layout::{Layout, Stored};

fn trigger(name: &TableName) -> String {
    quoted(&format!("{name}_versions"))
}

/// Whether the versions of a table are kept.
pub(crate) async fn is_kept(connection: &mut SqliteConnection, name: &TableName) -> Result<bool, Failure> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = ? AND tbl_name = ?)")
        .bind(format!("{name}_versions"))
        .bind(name.to_string())
        .fetch_one(connection)
        .await
        .doing_in("look for the table's history", name)
}

/// Takes trigger and view away, so that columns can change.
pub(crate) async fn suspend(connection: &mut SqliteConnection, name: &TableName) -> Result<(), Failure> {
    let sql = format!("DROP VIEW IF EXISTS {}; DROP TRIGGER IF EXISTS {}", quoted(&format!("{name}_history")), trigger(name));
    execute(connection, name, "suspend the table's history", sql).await
}

/// Makes table, trigger and view, or brings them to the columns that the table has now.
pub(crate) async fn keep(connection: &mut SqliteConnection, layout: &Layout, stored: &Stored) -> Result<(), Failure> {
    let name = &layout.name;
    if stored.len() + MORE_COLUMNS > MOST_COLUMNS {
        tracing::warn!(table = %name, columns = stored.len(), "the table has too many columns to keep its history");
        return suspend(connection, name).await;
    }
    let columns = columns(connection, &name.to_string()).await.doing_in("read the table's columns", name)?;
    let own = format!("_{}", versions_of(name));
    let versions = quoted(&own);
    let known = self::columns(connection, &own).await.doing_in("read the history's columns", name)?;
    if known.is_empty() {
        let mut list: Vec<String> = TIMES
            .iter()
            .map(|time| format!("{time} {}{}", declared(ValueType::Timestamp), if *time == RECORDED_TO { "" } else { " NOT NULL" }))
            .collect();
        list.push(format!("{LATE} BOOLEAN NOT NULL"));
        list.extend(columns.iter().map(|(column, kind)| format!("{} {}", quoted(column), declared(*kind))));
        let index = quoted(&format!("{own}_key"));
        let sql = format!("CREATE TABLE {versions} ({}); CREATE INDEX {index} ON {versions} ({})", list.join(", "), quoted(&layout.key));
        execute(connection, name, "create the table's history", sql).await?;
    }
    for (column, kind) in columns.iter().filter(|_| !known.is_empty()) {
        match known.iter().find(|(known, _)| known == column) {
            None => {
                let sql = format!("ALTER TABLE {versions} ADD COLUMN {} {}", quoted(column), declared(*kind));
                execute(connection, name, "add a column to the history", sql).await?;
            }
            Some((_, from)) if from != kind => tables::widen(connection, layout, &versions, column, *from, *kind).await?,
            Some(_) => {}
        }
    }
    suspend(connection, name).await?;
    let columns = columns.into_iter().map(|(column, _)| column).collect();
    let kept = kept(name, &layout.key, stored, columns);
    let sql = format!(
        "CREATE TRIGGER {trigger} AFTER UPDATE ON {live} WHEN {differs} BEGIN {keep}; END; CREATE VIEW {view} AS {select}",
        trigger = trigger(name),
        live = kept.live,
        differs = kept.differs("OLD", "NEW"),
        keep = kept.keep("OLD", "NEW", ""),
        view = quoted(&format!("{name}_history")),
        select = kept.view(),
    );
    execute(connection, name, "keep the table's history", sql).await
}

/// Gives late versions their place, where the table's versions are kept.
pub(crate) async fn keep_late(connection: &mut SqliteConnection, stored: &Stored, late: &Late<'_>) -> Result<u64, Failure> {
    let (name, key) = (&late.schema.name, &late.schema.key);
    if !is_kept(connection, name).await? {
        return Ok(0);
    }
    let columns = columns(connection, &name.to_string()).await.doing_in("read the table's columns", name)?;
    let columns = columns.into_iter().map(|(column, _)| column).collect();
    late.keep(connection, &kept(name, key, stored, columns)).await
}

fn kept<'a>(name: &TableName, key: &'a str, stored: &'a Stored, columns: Vec<String>) -> Kept<'a> {
    Kept {
        dialect: Dialect { truth: "1", later: "max", earlier: "min" },
        live: quoted(&name.to_string()),
        versions: quoted(&format!("_{}", versions_of(name))),
        key,
        columns,
        stored,
    }
}

/// The columns of a table, in order.
async fn columns(connection: &mut SqliteConnection, table: &str) -> Result<Vec<(String, ValueType)>, sqlx::Error> {
    let sql = "SELECT name, type FROM pragma_table_info(?) ORDER BY cid";
    let rows = sqlx::query(sql).bind(table).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, value_type(row.try_get::<&str, _>(1)?)))).collect()
}

async fn execute(connection: &mut SqliteConnection, name: &TableName, doing: &'static str, sql: String) -> Result<(), Failure> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.doing_in(doing, name)?;
    Ok(())
}
