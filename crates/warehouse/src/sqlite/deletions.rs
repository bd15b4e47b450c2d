//! Rows that are deleted at the source, in SQLite: tombstones by key, and what a complete snapshot did not contain.

use aqueduct_schema::{TableSchema, Timestamp};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::tables;
use crate::cells::{Cell, Cells, timestamp_text, without_nul};
use crate::failure::{Doing, Failure};
use crate::identifier::quoted;
use crate::layout::{DELETED_AT, IS_DELETED, LOAD_ID, LOADED_AT, ROW_HASH, SOURCE_ID};
use crate::load_plan::{LoadPlan, Step};
use crate::records::{from_json, to_json};
use crate::row_hash::TOMBSTONE_MARK;
use crate::snapshot::{self, Scope};
use crate::warehouse::{Fence, TableReceipt};

/// `UPDATE` up to its condition, with parameters 1 to 3: when the row was deleted, the load, its time.
fn mark(table: &str) -> String {
    format!(
        "UPDATE {table} SET {is_deleted} = 1, {deleted_at} = coalesce(?1, ?3), {load} = ?2, {loaded_at} = ?3, \
         {hash} = '{TOMBSTONE_MARK}' || {hash} WHERE {is_deleted} IS NOT 1",
        is_deleted = quoted(IS_DELETED),
        deleted_at = quoted(DELETED_AT),
        load = quoted(LOAD_ID),
        loaded_at = quoted(LOADED_AT),
        hash = quoted(ROW_HASH),
    )
}

/// Carries out a step of tombstones. Rows that are not there, or already deleted, count as unchanged.
pub(crate) async fn bury(connection: &mut SqliteConnection, plan: &LoadPlan, step: &Step) -> Result<TableReceipt, Failure> {
    let name = &step.schema.name;
    let mut done = TableReceipt::empty(name);
    let sql = format!("{} AND {} = ?4", mark(&quoted(&name.to_string())), quoted(&step.schema.key));
    let loaded_at = timestamp_text(plan.loaded_at);
    for part in &step.parts {
        let keys = part.keys()?;
        let deleted_at = deleted_at(&step.schema, &part.cells()?);
        for row in part.rows() {
            let at = match deleted_at.get(row) {
                Cell::Timestamp(at) => Some(timestamp_text(Timestamp::from_microseconds(at))),
                _ => None,
            };
            let marked = sqlx::query(AssertSqlSafe(sql.as_str()))
                .bind(at)
                .bind(&plan.load_id)
                .bind(&loaded_at)
                .bind(without_nul(keys.value(row)))
                .execute(&mut *connection)
                .await
                .doing_in("mark rows as deleted", name)?;
            done.deleted += marked.rows_affected();
        }
    }
    done.unchanged = step.len() as u64 - done.deleted;
    Ok(done)
}

/// The column that tells when rows were deleted.
fn deleted_at<'a>(schema: &TableSchema, cells: &[Cells<'a>]) -> Cells<'a> {
    schema.index_of(DELETED_AT).map_or(Cells::Absent, |index| cells[index])
}

/// Remembers what the snapshots of this load have seen, and ends those that are complete.
pub(crate) async fn close_snapshots(
    connection: &mut SqliteConnection,
    fence: &Fence,
    plan: &LoadPlan,
) -> Result<Vec<TableReceipt>, Failure> {
    if plan.snapshots.is_empty() {
        return Ok(Vec::new());
    }
    for seen in snapshot::seen(plan)? {
        sqlx::query("INSERT INTO _seen (pipeline, stream, reading_started_at, scope, keys, load_id) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(fence.pipeline.as_ref())
            .bind(plan.stream.as_ref())
            .bind(timestamp_text(seen.reading))
            .bind(seen.scope)
            .bind(without_nul(&to_json(&seen.keys)?))
            .bind(&plan.load_id)
            .execute(&mut *connection)
            .await
            .doing("remember what the snapshot has seen")?;
    }
    let mut done = Vec::new();
    for reading in &plan.completed {
        let scopes: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT scope FROM _seen WHERE pipeline = ? AND stream = ? AND reading_started_at = ? AND scope <> '' ORDER BY scope",
        )
        .bind(fence.pipeline.as_ref())
        .bind(plan.stream.as_ref())
        .bind(timestamp_text(*reading))
        .fetch_all(&mut *connection)
        .await
        .doing("read what the snapshot has seen")?;
        for scope in scopes {
            done.push(close(connection, fence, plan, *reading, &scope).await?);
        }
        sqlx::query("DELETE FROM _seen WHERE pipeline = ? AND stream = ? AND reading_started_at <= ?")
            .bind(fence.pipeline.as_ref())
            .bind(plan.stream.as_ref())
            .bind(timestamp_text(*reading))
            .execute(&mut *connection)
            .await
            .doing("forget what the snapshot has seen")?;
    }
    Ok(done)
}

/// Marks the rows of a scope as deleted that the snapshot did not contain.
async fn close(
    connection: &mut SqliteConnection,
    fence: &Fence,
    plan: &LoadPlan,
    reading: Timestamp,
    scope_json: &str,
) -> Result<TableReceipt, Failure> {
    let scope: Scope = from_json(scope_json, "what the snapshot has seen cannot be read")?;
    let name = scope.table();
    let mut done = TableReceipt::empty(&name);
    let stored = tables::stored(connection, &name).await?;
    if stored.is_empty() {
        return Ok(done);
    }
    let table = quoted(&name.to_string());
    let same_constants: String = scope.constants.keys().map(|constant| format!(" AND {} = ?", quoted(constant))).collect();
    let live = format!("SELECT count(*) FROM {table} WHERE {} IS NOT 1{same_constants}", quoted(IS_DELETED));
    let mut count = sqlx::query_scalar(AssertSqlSafe(live));
    for value in scope.constants.values() {
        count = count.bind(value);
    }
    let live: i64 = count.fetch_one(&mut *connection).await.doing_in("count live rows", &name)?;
    let seen = "SELECT value FROM _seen, json_each(_seen.keys) WHERE pipeline = ?4 AND stream = ?5 AND reading_started_at = ?6 AND scope =";
    let mut sql = mark(&table);
    for (next, constant) in (8..).zip(scope.constants.keys()) {
        sql.push_str(&format!(" AND {} = ?{next}", quoted(constant)));
    }
    sql.push_str(&format!(" AND {} NOT IN ({seen} ?7)", quoted(&scope.key)));
    if stored.contains_key(SOURCE_ID) {
        // A rejected record exists at the source: its last good version stays.
        let id = quoted(SOURCE_ID);
        sql.push_str(&format!(" AND ({id} IS NULL OR {id} NOT IN ({seen} ''))"));
    }
    let mut bury = sqlx::query(AssertSqlSafe(sql))
        .bind(timestamp_text(reading))
        .bind(&plan.load_id)
        .bind(timestamp_text(plan.loaded_at))
        .bind(fence.pipeline.as_ref())
        .bind(plan.stream.as_ref())
        .bind(timestamp_text(reading))
        .bind(scope_json);
    for value in scope.constants.values() {
        bury = bury.bind(value);
    }
    done.deleted = bury.execute(connection).await.doing_in("mark rows as deleted", &name)?.rows_affected();
    snapshot::guard(fence, &name, u64::try_from(live).unwrap_or(0), done.deleted)?;
    Ok(done)
}
