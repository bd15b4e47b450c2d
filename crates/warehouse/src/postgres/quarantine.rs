//! Rejected records into PostgreSQL.

use sqlx::PgConnection;

use crate::backfill::WindowKey;
use crate::cells::timestamp_text;
use crate::failure::{Doing, Failure};
use crate::load_plan::LoadPlan;
use crate::quarantine::QuarantineRow;
use crate::warehouse::Fence;

/// Stores the rejected records of a load.
pub(super) async fn store(connection: &mut PgConnection, fence: &Fence, plan: &LoadPlan) -> Result<(), Failure> {
    if !plan.quarantine.is_empty() {
        let column = |of: fn(&QuarantineRow) -> Option<&str>| -> Vec<Option<String>> {
            plan.quarantine.iter().map(|row| of(row).map(str::to_owned)).collect()
        };
        sqlx::query(
            "INSERT INTO aqueduct.quarantine AS known (row_id, pipeline, stream, run_id, load_id, source_id, location, rule, field, message,
             record, first_seen, last_seen, times_seen, status, sealed, backfill_window)
             SELECT row_id, $1, $2, $3, $4, source_id, location, rule, field, message, record::json, $5::timestamptz, $5::timestamptz, times_seen,
             'new', sealed, $15
             FROM unnest($6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::text[])
             AS rejected(row_id, source_id, location, rule, field, message, record, times_seen, sealed)
             ON CONFLICT (row_id) DO UPDATE SET run_id = excluded.run_id, load_id = excluded.load_id, location = excluded.location,
             message = excluded.message, record = excluded.record, sealed = excluded.sealed, last_seen = excluded.last_seen,
             times_seen = known.times_seen + excluded.times_seen,
             status = CASE known.status WHEN 'discarded' THEN known.status ELSE 'new' END,
             backfill_window = coalesce(excluded.backfill_window, known.backfill_window)",
        )
        .bind(fence.pipeline.as_ref())
        .bind(plan.stream.as_ref())
        .bind(fence.run_id.as_ref())
        .bind(&plan.load_id)
        .bind(timestamp_text(plan.loaded_at))
        .bind(column(|row| Some(&row.row_id)))
        .bind(column(|row| row.source_id.as_deref()))
        .bind(column(|row| row.location.as_deref()))
        .bind(column(|row| Some(&row.rule)))
        .bind(column(|row| row.field.as_deref()))
        .bind(column(|row| Some(&row.message)))
        .bind(column(|row| Some(&row.record)))
        .bind(plan.quarantine.iter().map(|row| row.times_seen).collect::<Vec<i64>>())
        .bind(column(|row| row.sealed.as_deref()))
        .bind(plan.window.as_deref().map(WindowKey::text))
        .execute(&mut *connection)
        .await
        .doing("store rejected records")?;
    }
    Ok(())
}
