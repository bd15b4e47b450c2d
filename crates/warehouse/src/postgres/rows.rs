//! Rows into a PostgreSQL table by COPY: straight into a table that was empty when the run first met it, else into a temporary
//! table and from there, where new or changed, into their place.

use aqueduct_schema::entities::FLAGS_COLUMN;
use aqueduct_schema::{TableSchema, ValueType};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::encode::{Columns, Rows};
use super::history;
use super::tables::quoted_table;
use crate::failure::{self, Doing, Failure};
use crate::identifier::{literal, quoted};
use crate::late::Late;
use crate::layout::{ROW_HASH, SOURCE_UPDATED_AT, Stored, cleared};
use crate::load_plan::{Step, StepKind};
use crate::warehouse::TableReceipt;

/// Copies a step of rows straight into its table. `None` when a key is already there; nothing is written then.
pub(crate) async fn copy(connection: &mut PgConnection, step: &Step, rows: &Rows) -> Result<Option<TableReceipt>, Failure> {
    let name = &step.schema.name;
    run(connection, "SAVEPOINT direct".to_owned()).await.doing_in("copy rows", name)?;
    match rows.send(connection, name, &quoted_table(name)).await {
        Ok(inserted) => {
            run(connection, "RELEASE SAVEPOINT direct".to_owned()).await.doing_in("copy rows", name)?;
            Ok(Some(TableReceipt { inserted, ..TableReceipt::empty(name) }))
        }
        Err(Failure::Database { error, .. }) if failure::is_unique_violation(&error) => {
            run(connection, "ROLLBACK TO SAVEPOINT direct".to_owned()).await.doing_in("copy rows", name)?;
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// Copies a step of rows into a temporary table and merges them from there.
pub(crate) async fn merge(connection: &mut PgConnection, step: &Step, rows: &Rows, stored: &Stored) -> Result<TableReceipt, Failure> {
    let name = &step.schema.name;
    if step.len() == 0 {
        return Ok(TableReceipt::empty(name));
    }
    let table = quoted_table(name);
    let list = rows.columns.list();
    let stage = "pg_temp.aqueduct_stage";
    // Every staged row looks its key up in the index: without statistics of the staging table the planner would rather read all of
    // the table for each load.
    let create = format!(
        "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; CREATE TEMPORARY TABLE aqueduct_stage ON COMMIT DROP AS SELECT {list} FROM {table} WITH NO DATA"
    );
    run(connection, create).await.doing_in("create a staging table", name)?;
    let staged = rows.send(connection, name, stage).await?;
    fail::fail_point!("postgres::rows_staged");
    let merged = sqlx::raw_sql(AssertSqlSafe(merge_sql(&rows.columns, step, stored, &table, stage)))
        .fetch_one(&mut *connection)
        .await
        .doing_in("merge rows", name)?;
    // Text, because the simple protocol answers so.
    let count = |index: usize| -> Result<u64, Failure> {
        let text: &str = merged.try_get_unchecked(index).doing_in("count merged rows", name)?;
        Ok(text.parse().unwrap_or(0))
    };
    let (inserted, updated) = (count(0)?, count(1)?);
    if step.history && step.kind == StepKind::Rows && inserted + updated < staged {
        let values = rows.columns.names.iter().map(|name| (name.clone(), format!("s.{}", quoted(name)))).collect();
        history::keep_late(connection, stored, &Late { schema: &step.schema, staged: stage.to_owned(), values }).await?;
    }
    run(connection, format!("DROP TABLE {stage}; RESET enable_hashjoin; RESET enable_mergejoin"))
        .await
        .doing_in("drop the staging table", name)?;
    Ok(TableReceipt { inserted, updated, unchanged: staged - inserted - updated, ..TableReceipt::empty(name) })
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// The flags of a row of which some columns came: those of its other columns as they were, those of the ones that came as they are now.
fn with_flags(schema: &TableSchema, kept: &str, came: &str) -> String {
    let columns: Vec<String> = schema.columns.iter().map(|column| literal(&column.name)).collect();
    let flags = |of: &str| format!("coalesce({of}::text, '{{}}')::jsonb");
    format!("nullif(({} - ARRAY[{}]) || {}, '{{}}'::jsonb)", flags(kept), columns.join(", "), flags(came))
}

/// The statement that brings staged rows to their place and counts new and changed ones. Rows that are as stored, or older, are
/// left out before the conflict, for PostgreSQL writes a lock into every row that conflicts.
fn merge_sql(columns: &Columns, step: &Step, stored: &Stored, table: &str, stage: &str) -> String {
    let schema = &step.schema;
    let (key, hash, updated_at) = (quoted(&schema.key), quoted(ROW_HASH), quoted(SOURCE_UPDATED_AT));
    let by_time = stored.get(SOURCE_UPDATED_AT) == Some(&ValueType::Timestamp) && schema.index_of(SOURCE_UPDATED_AT).is_some();
    let changed = |new: &str| {
        let not_older = if by_time { format!(" AND ({new}.{updated_at} < t.{updated_at}) IS NOT TRUE") } else { String::new() };
        let differs = match step.kind {
            // The stored digest is of the whole row, of which these are a part. Text, because JSON has no equality.
            StepKind::Columns => {
                let differing = schema.columns.iter().map(|column| {
                    let name = quoted(&column.name);
                    if column.name.as_ref() == FLAGS_COLUMN {
                        let merged = with_flags(schema, &format!("t.{name}"), &format!("{new}.{name}"));
                        return format!("t.{name}::text::jsonb IS DISTINCT FROM {merged}");
                    }
                    format!("t.{name}::text IS DISTINCT FROM {new}.{name}::text")
                });
                format!("({})", differing.collect::<Vec<_>>().join(" OR "))
            }
            _ => format!("t.{hash} <> {new}.{hash}"),
        };
        format!("{differs}{not_older}")
    };
    let mut set = String::new();
    for (name, _) in columns.names.iter().zip(&columns.updated).filter(|(_, updated)| **updated) {
        let separator = if set.is_empty() { "" } else { ", " };
        if step.kind == StepKind::Columns && name == FLAGS_COLUMN {
            let merged = with_flags(schema, &format!("t.{name}"), &format!("EXCLUDED.{name}"));
            let kind = if stored.get(FLAGS_COLUMN) == Some(&ValueType::Json) { "json" } else { "text" };
            set.push_str(&format!("{separator}{name} = {merged}::{kind}"));
            continue;
        }
        let name = quoted(name);
        set.push_str(&format!("{separator}{name} = EXCLUDED.{name}"));
    }
    if step.kind == StepKind::Rows {
        for name in cleared(schema, stored) {
            set.push_str(&format!(", {} = NULL", quoted(name)));
        }
    }
    let list = columns.list();
    let selected = columns.names.iter().map(|name| format!("s.{}", quoted(name))).collect::<Vec<_>>().join(", ");
    format!(
        "WITH merged AS (INSERT INTO {table} AS t ({list}) SELECT {selected} FROM {stage} AS s LEFT JOIN {table} AS t ON t.{key} = s.{key} \
         WHERE t.{key} IS NULL OR ({changed_staged}) ON CONFLICT ({key}) DO UPDATE SET {set} WHERE {changed_excluded} \
         RETURNING (xmax = 0) AS fresh) \
         SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM merged",
        changed_staged = changed("s"),
        changed_excluded = changed("EXCLUDED"),
    )
}
