//! Rejected records into SQLite.

use sqlx::SqliteConnection;

use crate::backfill::WindowKey;
use crate::cells::timestamp_text;
use crate::failure::{Doing, Failure};
use crate::load_plan::LoadPlan;
use crate::warehouse::Fence;

/// Stores the rejected records of a load.
pub(super) async fn store(connection: &mut SqliteConnection, fence: &Fence, plan: &LoadPlan) -> Result<(), Failure> {
    let at = timestamp_text(plan.loaded_at);
    let window = plan.window.as_deref().map(WindowKey::text);
    for row in &plan.quarantine {
        sqlx::query(
            "INSERT INTO _quarantine (row_id, pipeline, stream, run_id, load_id, source_id, location, rule, field, message, record,
             first_seen, last_seen, times_seen, status, sealed, backfill_window)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, 'new', ?14, ?15)
             ON CONFLICT (row_id) DO UPDATE SET run_id = excluded.run_id, load_id = excluded.load_id, location = excluded.location,
             message = excluded.message, record = excluded.record, sealed = excluded.sealed, last_seen = excluded.last_seen,
             times_seen = times_seen + excluded.times_seen, status = CASE status WHEN 'discarded' THEN status ELSE 'new' END,
             backfill_window = coalesce(excluded.backfill_window, backfill_window)",
        )
        .bind(&row.row_id)
        .bind(fence.pipeline.as_ref())
        .bind(plan.stream.as_ref())
        .bind(fence.run_id.as_ref())
        .bind(&plan.load_id)
        .bind(&row.source_id)
        .bind(&row.location)
        .bind(&row.rule)
        .bind(&row.field)
        .bind(&row.message)
        .bind(&row.record)
        .bind(&at)
        .bind(row.times_seen)
        .bind(&row.sealed)
        .bind(&window)
        .execute(&mut *connection)
        .await
        .doing("store rejected records")?;
    }
    Ok(())
}
