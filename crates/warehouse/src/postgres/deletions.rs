//! Rows that are deleted at the source, in PostgreSQL: tombstones by key.

use aqueduct_schema::{Timestamp, ValueType};
use sqlx::{AssertSqlSafe, PgConnection};

use super::tables::quoted_table;
use crate::cells::{Cell, Cells, timestamp_text, without_nul};
use crate::failure::{Doing, Failure};
use crate::identifier::{literal, quoted};
use crate::layout::{DELETED_AT, IS_DELETED, LOAD_ID, LOADED_AT, ROW_HASH, Stored};
use crate::load_plan::{LoadPlan, Step};
use crate::row_hash::TOMBSTONE_MARK;
use crate::warehouse::TableReceipt;

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
