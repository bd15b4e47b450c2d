//! Views over common tables in PostgreSQL. A comment on the view holds the digest of its text, by which one that is as it should be is
//! left alone.

use aqueduct_schema::TableName;
use sqlx::{AssertSqlSafe, PgConnection};

use super::tables::{self, quoted_table};
use crate::failure::{Doing, Failure};
use crate::views::{View, Words};

const WORDS: Words = Words { truth: "'true'", now: "now()", no_time: "CAST(NULL AS timestamp with time zone)" };

/// Takes the view over a table away, so that columns can change their type.
pub(crate) async fn suspend(connection: &mut PgConnection, name: &TableName) -> Result<(), Failure> {
    let Some(view) = View::of(name) else { return Ok(()) };
    execute(connection, name, format!("DROP VIEW IF EXISTS {}", quoted_table(&view.name()))).await
}

/// Makes the view over a table, or brings it to what it should be. `changed` says that the table is new or has other columns.
pub(crate) async fn keep(connection: &mut PgConnection, name: &TableName, changed: bool) -> Result<(), Failure> {
    let Some(view) = View::of(name).filter(|view| changed || view.base() == *name) else { return Ok(()) };
    let base = view.base();
    if !view.stands_on(&tables::stored(connection, &base).await?) {
        return Ok(());
    }
    let beside = match view.beside() {
        Some(beside) if View::looks_into(&tables::stored(connection, &beside).await?) => Some(quoted_table(&beside)),
        _ => None,
    };
    let own = quoted_table(&view.name());
    let select = view.select(&WORDS, &quoted_table(&base), beside.as_deref());
    let digest = blake3::hash(select.as_bytes()).to_hex();
    let noted: Option<String> = sqlx::query_scalar("SELECT obj_description(to_regclass($1), 'pg_class')")
        .bind(&own)
        .fetch_one(&mut *connection)
        .await
        .doing_in("look for the view over the table", name)?;
    if noted.as_deref() == Some(digest.as_str()) {
        return Ok(());
    }
    // Two loads may find it missing: the second one waits here.
    let sql = format!(
        "SELECT pg_advisory_xact_lock(hashtextextended('aqueduct {own}', 0)); CREATE OR REPLACE VIEW {own} AS {select}; \
         COMMENT ON VIEW {own} IS '{digest}'"
    );
    execute(connection, name, sql).await
}

async fn execute(connection: &mut PgConnection, name: &TableName, sql: String) -> Result<(), Failure> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.doing_in("make the view over the table", name)?;
    Ok(())
}
