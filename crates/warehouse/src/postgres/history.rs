//! Versions of rows in PostgreSQL: their tables, the triggers that fill them, and the views over them.
//!
//! The triggers run once a statement, over the rows that it replaced.

use aqueduct_schema::TableName;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::tables::{MOST_COLUMNS, OWN, quoted_table, value_type, widened};
use crate::failure::{Doing, Failure};
use crate::history::{Dialect, Kept, LATE, MORE_COLUMNS, RECORDED_TO, TIMES};
use crate::identifier::quoted;
use crate::late::{Late, versions_of};
use crate::layout::{Layout, Stored};

fn trigger(name: &TableName) -> String {
    format!("{}_versions", name.name)
}

fn view(name: &TableName) -> String {
    quoted_table(&TableName { layer: name.layer.clone(), name: format!("{}_history", name.name).into() })
}

fn versions(name: &TableName) -> String {
    format!("{OWN}.{}", quoted(&versions_of(name)))
}

/// Whether the versions of a table are kept.
pub(crate) async fn is_kept(connection: &mut PgConnection, name: &TableName) -> Result<bool, Failure> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger WHERE tgrelid = to_regclass($1) AND tgname = $2)")
        .bind(quoted_table(name))
        .bind(trigger(name))
        .fetch_one(connection)
        .await
        .doing_in("look for the table's history", name)
}

/// Takes the view away, so that columns can change their type.
pub(crate) async fn suspend(connection: &mut PgConnection, name: &TableName) -> Result<(), Failure> {
    execute(connection, name, "suspend the table's history", format!("DROP VIEW IF EXISTS {}", view(name))).await
}

/// Makes table, trigger and view, or brings them to the columns that the table has now.
/// `kept` says whether the trigger is there.
pub(crate) async fn keep(connection: &mut PgConnection, layout: &Layout, stored: &Stored, kept: bool) -> Result<(), Failure> {
    let name = &layout.name;
    if stored.len() + MORE_COLUMNS > MOST_COLUMNS {
        tracing::warn!(table = %name, columns = stored.len(), "the table has too many columns to keep its history");
        let sql =
            format!("DROP VIEW IF EXISTS {}; DROP TRIGGER IF EXISTS {} ON {}", view(name), quoted(&trigger(name)), quoted_table(name));
        return execute(connection, name, "stop keeping the table's history", sql).await;
    }
    let versions = versions(name);
    let columns = columns(connection, &quoted_table(name)).await.doing_in("read the table's columns", name)?;
    let known = self::columns(connection, &versions).await.doing_in("read the history's columns", name)?;
    if known.is_empty() {
        let mut list: Vec<String> = TIMES
            .iter()
            .map(|time| format!("{time} timestamp with time zone{}", if *time == RECORDED_TO { "" } else { " NOT NULL" }))
            .collect();
        list.push(format!("{LATE} boolean NOT NULL"));
        // The key is compared with that of the table, so it sorts as that one does.
        let collated = |column: &str| if column == layout.key.as_ref() { " COLLATE \"C\" NOT NULL" } else { "" };
        list.extend(columns.iter().map(|(column, kind)| format!("{} {kind}{}", quoted(column), collated(column))));
        let sql = format!("CREATE TABLE {versions} ({}); CREATE INDEX ON {versions} ({})", list.join(", "), quoted(&layout.key));
        execute(connection, name, "create the table's history", sql).await?;
    } else {
        let mut changes: Vec<String> = Vec::new();
        for (column, kind) in &columns {
            let quoted = quoted(column);
            match known.iter().find(|(known, _)| known == column) {
                None => changes.push(format!("ADD COLUMN {quoted} {kind}")),
                Some((_, from)) if from != kind => {
                    changes
                        .push(format!("ALTER COLUMN {quoted} TYPE {kind} USING {}", widened(&quoted, value_type(from), value_type(kind))));
                }
                Some(_) => {}
            }
        }
        if !changes.is_empty() {
            let sql = format!("ALTER TABLE {versions} {}", changes.join(", "));
            execute(connection, name, "change the history's columns", sql).await?;
        }
    }
    let is_kept = kept;
    let kept = self::kept(name, &layout.key, stored, columns.into_iter().map(|(column, _)| column).collect());
    let (key, trigger) = (quoted(&layout.key), quoted(&trigger(name)));
    let replaced = format!("replaced AS o JOIN replacing AS n ON n.{key} = o.{key} WHERE {}", kept.differs("o", "n"));
    let function = quoted(&format!("keep_{}", versions_of(name)));
    let attach = format!(
        "CREATE TRIGGER {trigger} AFTER UPDATE ON {live} REFERENCING OLD TABLE AS replaced NEW TABLE AS replacing \
         FOR EACH STATEMENT EXECUTE FUNCTION {OWN}.{function}(); ",
        live = kept.live,
    );
    // Loads forbid joins that suit many rows while they look keys up; here both sides are as long as the load.
    let sql = format!(
        "CREATE OR REPLACE FUNCTION {OWN}.{function}() RETURNS trigger LANGUAGE plpgsql SET enable_hashjoin = on SET enable_mergejoin = on \
         AS $versions$ BEGIN {keep}; RETURN NULL; END $versions$; \
         {attach}CREATE OR REPLACE VIEW {view} AS {select}",
        keep = kept.keep("o", "n", &replaced),
        attach = if is_kept { String::new() } else { attach },
        view = view(name),
        select = kept.view(),
    );
    execute(connection, name, "keep the table's history", sql).await
}

/// Gives late versions their place, where the table's versions are kept.
pub(crate) async fn keep_late(connection: &mut PgConnection, stored: &Stored, late: &Late<'_>) -> Result<u64, Failure> {
    let (name, key) = (&late.schema.name, &late.schema.key);
    let Some(older) = late.older(&quoted_table(name), stored) else { return Ok(0) };
    // Whoever else has a version for the same row waits here, and then finds this one.
    let sql = format!("SELECT t.{key} FROM {older} ORDER BY t.{key} FOR NO KEY UPDATE OF t", key = quoted(key));
    let found = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *connection).await.doing_in("look for late versions", name)?;
    if found.is_empty() || !is_kept(connection, name).await? {
        return Ok(0);
    }
    let columns = columns(connection, &quoted_table(name)).await.doing_in("read the table's columns", name)?;
    let columns = columns.into_iter().map(|(column, _)| column).collect();
    late.keep(connection, &kept(name, key, stored, columns)).await
}

fn kept<'a>(name: &TableName, key: &'a str, stored: &'a Stored, columns: Vec<String>) -> Kept<'a> {
    Kept {
        dialect: Dialect { truth: "'true'", later: "greatest", earlier: "least" },
        live: quoted_table(name),
        versions: versions(name),
        key,
        columns,
        stored,
    }
}

/// The columns of a table with their types, in order.
async fn columns(connection: &mut PgConnection, table: &str) -> Result<Vec<(String, String)>, sqlx::Error> {
    let sql = "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute
         WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
    let rows = sqlx::query(sql).bind(table).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn execute(connection: &mut PgConnection, name: &TableName, doing: &'static str, sql: String) -> Result<(), Failure> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.doing_in(doing, name)?;
    Ok(())
}
