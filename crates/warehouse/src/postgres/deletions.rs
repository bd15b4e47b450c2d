//! Rows that are deleted at the source, in PostgreSQL: tombstones by key, and what a complete snapshot did not contain.

use aqueduct_schema::{Timestamp, ValueType};
use sqlx::{AssertSqlSafe, PgConnection};

use super::tables::{self, quoted_table};
use crate::cells::{Cell, Cells, timestamp_text, without_nul};
use crate::failure::{Doing, Failure};
use crate::identifier::{literal, quoted};
use crate::layout::{DELETED_AT, IS_DELETED, LOAD_ID, LOADED_AT, ROW_HASH, SOURCE_ID, Stored};
use crate::load_plan::{LoadPlan, Step};
use crate::records::from_json;
use crate::row_hash::TOMBSTONE_MARK;
use crate::snapshot::{self, Scope};
use crate::warehouse::{Fence, TableReceipt};

/// `UPDATE … SET …` for rows that are deleted at `at`, an SQL expression. Literals suit the column whether it is still of its own
/// type or has become text, because the source has a column of that name.
fn mark(table: &str, plan: &LoadPlan, at: &str) -> String {
    format!(
        "UPDATE {table} AS t SET {is_deleted} = 'true', {deleted_at} = {at}, {load} = {load_id}, {loaded_at} = {now}, {hash} = '{TOMBSTONE_MARK}' || t.{hash}",
        is_deleted = quoted(IS_DELETED),
        deleted_at = quoted(DELETED_AT),
        load = quoted(LOAD_ID),
        load_id = literal(&plan.load_id),
        loaded_at = quoted(LOADED_AT),
        now = literal(&timestamp_text(plan.loaded_at)),
        hash = quoted(ROW_HASH),
    )
}

fn living() -> String {
    format!("t.{} IS DISTINCT FROM 'true'", quoted(IS_DELETED))
}

/// Carries out a step of tombstones. Rows that are not there, or already deleted, count as unchanged.
pub(crate) async fn bury(connection: &mut PgConnection, plan: &LoadPlan, step: &Step, stored: &Stored) -> Result<TableReceipt, Failure> {
    let name = &step.schema.name;
    let mut done = TableReceipt::empty(name);
    let now = timestamp_text(plan.loaded_at);
    let at = if stored.get(DELETED_AT) == Some(&ValueType::Timestamp) { "d.at::timestamptz" } else { "d.at" };
    let sql = format!(
        "{} FROM unnest($1::text[], $2::text[]) AS d(key, at) WHERE t.{} = d.key COLLATE \"C\" AND {}",
        mark(&quoted_table(name), plan, at),
        quoted(&step.schema.key),
        living()
    );
    for part in &step.parts {
        let keys = part.keys()?;
        let cells = part.cells()?;
        let deleted_at = step.schema.index_of(DELETED_AT).map_or(Cells::Absent, |index| cells[index]);
        let (mut named, mut times) = (Vec::with_capacity(part.len()), Vec::with_capacity(part.len()));
        for row in part.rows() {
            named.push(without_nul(keys.value(row)).into_owned());
            times.push(match deleted_at.get(row) {
                Cell::Timestamp(at) => timestamp_text(Timestamp::from_microseconds(at)),
                _ => now.clone(),
            });
        }
        let marked = sqlx::query(AssertSqlSafe(sql.as_str())).bind(named).bind(times).persistent(false).execute(&mut *connection).await;
        done.deleted += marked.doing_in("mark rows as deleted", name)?.rows_affected();
    }
    done.unchanged = step.len() as u64 - done.deleted;
    Ok(done)
}

/// Remembers what the snapshots of this load have seen, and ends those that are complete.
pub(crate) async fn close_snapshots(connection: &mut PgConnection, fence: &Fence, plan: &LoadPlan) -> Result<Vec<TableReceipt>, Failure> {
    if plan.snapshots.is_empty() {
        return Ok(Vec::new());
    }
    for seen in snapshot::seen(plan)? {
        let keys: Vec<String> = seen.keys.iter().map(|key| without_nul(key).into_owned()).collect();
        sqlx::query(
            "INSERT INTO aqueduct.seen (pipeline, stream, reading_started_at, scope, keys, load_id)
             VALUES ($1, $2, $3::timestamptz, $4, $5, $6)",
        )
        .bind(fence.pipeline.as_ref())
        .bind(plan.stream.as_ref())
        .bind(timestamp_text(seen.reading))
        .bind(seen.scope)
        .bind(keys)
        .bind(&plan.load_id)
        .execute(&mut *connection)
        .await
        .doing("remember what the snapshot has seen")?;
    }
    let mut done = Vec::new();
    for reading in &plan.completed {
        let scopes: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT scope FROM aqueduct.seen WHERE pipeline = $1 AND stream = $2 AND reading_started_at = $3::timestamptz
             AND scope <> '' ORDER BY scope",
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
        sqlx::query("DELETE FROM aqueduct.seen WHERE pipeline = $1 AND stream = $2 AND reading_started_at <= $3::timestamptz")
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
    connection: &mut PgConnection,
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
    let table = quoted_table(&name);
    let mut condition = living();
    for (constant, value) in &scope.constants {
        condition.push_str(&format!(" AND t.{} = {}", quoted(constant), literal(value)));
    }
    let count = format!("SELECT count(*) FROM {table} AS t WHERE {condition}");
    let live: i64 =
        sqlx::query_scalar(AssertSqlSafe(count)).persistent(false).fetch_one(&mut *connection).await.doing_in("count live rows", &name)?;
    let not_among = |column: &str, of: &str| {
        format!(
            " AND NOT EXISTS (SELECT 1 FROM (SELECT unnest(keys) AS key FROM aqueduct.seen WHERE pipeline = $1 AND stream = $2 \
             AND reading_started_at = $3::timestamptz AND scope = {of}) AS s WHERE s.key COLLATE \"C\" = t.{column})",
        )
    };
    condition.push_str(&not_among(&quoted(&scope.key), "$4"));
    if stored.contains_key(SOURCE_ID) {
        // A rejected record exists at the source: its last good version stays.
        condition.push_str(&not_among(&quoted(SOURCE_ID), "''"));
    }
    let sql = format!("{} WHERE {condition}", mark(&table, plan, &literal(&timestamp_text(reading))));
    let marked = sqlx::query(AssertSqlSafe(sql))
        .bind(fence.pipeline.as_ref())
        .bind(plan.stream.as_ref())
        .bind(timestamp_text(reading))
        .bind(scope_json)
        .persistent(false)
        .execute(connection)
        .await;
    done.deleted = marked.doing_in("mark rows as deleted", &name)?.rows_affected();
    snapshot::guard(fence, &name, u64::try_from(live).unwrap_or(0), done.deleted)?;
    Ok(done)
}
