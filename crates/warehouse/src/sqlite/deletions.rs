//! Rows that are deleted at the source, in SQLite: tombstones by key.

use aqueduct_schema::{TableSchema, Timestamp};
use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::cells::{Cell, Cells, timestamp_text, without_nul};
use crate::failure::{Doing, Failure};
use crate::identifier::quoted;
use crate::layout::{DELETED_AT, IS_DELETED, LOAD_ID, LOADED_AT, ROW_HASH};
use crate::load_plan::{LoadPlan, Step};
use crate::row_hash::TOMBSTONE_MARK;
use crate::warehouse::TableReceipt;

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
