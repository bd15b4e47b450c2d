//! Views over common tables in SQLite.

use aqueduct_schema::TableName;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::tables;
use crate::failure::{Doing, Failure};
use crate::identifier::quoted;
use crate::views::{View, Words};

/// Times are texts of six decimals; those of the clock have three, which sorts them alike.
const WORDS: Words = Words { truth: "1", now: "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')", no_time: "CAST(NULL AS TEXT)" };

/// Takes the view over a table away, so that columns can change.
pub(crate) async fn suspend(connection: &mut SqliteConnection, name: &TableName) -> Result<(), Failure> {
    let Some(view) = View::of(name) else { return Ok(()) };
    execute(connection, name, format!("DROP VIEW IF EXISTS {}", quoted(&view.name().to_string()))).await
}

/// Makes the view over a table, or brings it to what it should be. `changed` says that the table is new or has other columns.
pub(crate) async fn keep(connection: &mut SqliteConnection, name: &TableName, changed: bool) -> Result<(), Failure> {
    let Some(view) = View::of(name).filter(|view| changed || view.base() == *name) else { return Ok(()) };
    let base = view.base();
    if !view.stands_on(&tables::stored(connection, &base).await?) {
        return Ok(());
    }
    let beside = match view.beside() {
        Some(beside) if View::looks_into(&tables::stored(connection, &beside).await?) => Some(quoted(&beside.to_string())),
        _ => None,
    };
    let own = view.name().to_string();
    let select = view.select(&WORDS, &quoted(&base.to_string()), beside.as_deref());
    let sql = format!("CREATE VIEW {} AS {select}", quoted(&own));
    let known: Option<String> = sqlx::query_scalar("SELECT sql FROM sqlite_master WHERE name = ?")
        .bind(&own)
        .fetch_optional(&mut *connection)
        .await
        .doing_in("look for the view over the table", name)?;
    if known.as_deref() == Some(sql.as_str()) {
        return Ok(());
    }
    execute(connection, name, format!("DROP VIEW IF EXISTS {}; {sql}", quoted(&own))).await
}

async fn execute(connection: &mut SqliteConnection, name: &TableName, sql: String) -> Result<(), Failure> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.doing_in("make the view over the table", name)?;
    Ok(())
}
