//! Aqueduct's own tables in PostgreSQL, in the schema `aqueduct`: loads, state, fence, quarantine, runs, seen, shadows,
//! differences, reconciliation.

use std::collections::BTreeMap;

use aqueduct_schema::{StreamState, Timestamp};
use sqlx::{PgConnection, Row};

use crate::backfill::ledger::fenced_as;
use crate::cells::timestamp_text;
use crate::drift;
use crate::failure::{Doing, Failure};
use crate::load_plan::LoadPlan;
use crate::quarantine::QuarantineRow;
use crate::records::{fenced, from_json, parse_state, state_json, to_json};
use crate::warehouse::{Fence, Receipt, RunRecord, RunStart};

const TABLES: &str = "
CREATE SCHEMA IF NOT EXISTS aqueduct;
CREATE TABLE IF NOT EXISTS aqueduct.runs (
    run_id text PRIMARY KEY, pipeline text NOT NULL, started_at timestamptz NOT NULL, ended_at timestamptz, status text NOT NULL,
    exit_code bigint NOT NULL, record json NOT NULL);
CREATE TABLE IF NOT EXISTS aqueduct.fence (pipeline text PRIMARY KEY, epoch bigint NOT NULL, run_id text NOT NULL, taken_at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS aqueduct.state (
    pipeline text NOT NULL, stream text NOT NULL, state json NOT NULL, updated_at timestamptz NOT NULL, load_id text,
    PRIMARY KEY (pipeline, stream));
CREATE TABLE IF NOT EXISTS aqueduct.loads (
    load_id text PRIMARY KEY, run_id text NOT NULL, pipeline text NOT NULL, stream text NOT NULL, committed_at timestamptz NOT NULL,
    read bigint NOT NULL, loaded bigint NOT NULL, quarantined bigint NOT NULL, filtered bigint NOT NULL, unchanged bigint NOT NULL,
    receipt json NOT NULL);
CREATE TABLE IF NOT EXISTS aqueduct.quarantine (
    row_id text PRIMARY KEY, pipeline text NOT NULL, stream text NOT NULL, run_id text NOT NULL, load_id text NOT NULL,
    source_id text, location text, rule text NOT NULL, field text, message text NOT NULL, record json NOT NULL,
    first_seen timestamptz NOT NULL, last_seen timestamptz NOT NULL, times_seen bigint NOT NULL, status text NOT NULL,
    sealed text, resolved_at timestamptz, resolved_by text);
ALTER TABLE aqueduct.quarantine ADD COLUMN IF NOT EXISTS sealed text, ADD COLUMN IF NOT EXISTS resolved_at timestamptz,
    ADD COLUMN IF NOT EXISTS resolved_by text;
CREATE INDEX IF NOT EXISTS quarantine_open ON aqueduct.quarantine (pipeline, stream, source_id) WHERE status = 'new';
CREATE TABLE IF NOT EXISTS aqueduct.seen (
    pipeline text NOT NULL, stream text NOT NULL, reading_started_at timestamptz NOT NULL, scope text NOT NULL, keys text[] NOT NULL,
    load_id text NOT NULL);
CREATE INDEX IF NOT EXISTS seen_reading ON aqueduct.seen (pipeline, stream, reading_started_at);
CREATE TABLE IF NOT EXISTS aqueduct.merges (
    loser_id text PRIMARY KEY, winner_id text NOT NULL, resolved_id text NOT NULL, entity text NOT NULL, loser_source_id text,
    winner_source_id text, source_system text NOT NULL, source_account_id text NOT NULL, said_by_loser bigint NOT NULL,
    evidence text NOT NULL, merged_at timestamptz, recorded_at timestamptz NOT NULL, pipeline text NOT NULL, stream text NOT NULL,
    load_id text NOT NULL, ended_at timestamptz, settled bigint NOT NULL, version bigint NOT NULL);
CREATE INDEX IF NOT EXISTS merges_version ON aqueduct.merges (version);
CREATE INDEX IF NOT EXISTS merges_open ON aqueduct.merges (pipeline, stream) WHERE settled = 0;
CREATE OR REPLACE VIEW aqueduct.redirects AS SELECT
    entity, source_system, source_account_id, loser_id AS id, resolved_id AS current_id, loser_source_id AS source_id
    FROM aqueduct.merges WHERE ended_at IS NULL;
CREATE TABLE IF NOT EXISTS aqueduct.shadows (
    pipeline text NOT NULL, stream text NOT NULL, kind text NOT NULL, fingerprint text NOT NULL, began_at text NOT NULL,
    state json NOT NULL, counts json NOT NULL, tables json NOT NULL, PRIMARY KEY (pipeline, stream, kind));
CREATE TABLE IF NOT EXISTS aqueduct.identity_models (entity text PRIMARY KEY, model text NOT NULL);
CREATE TABLE IF NOT EXISTS aqueduct.identity_loads (entity text NOT NULL, load_id text NOT NULL, PRIMARY KEY (entity, load_id));
CREATE TABLE IF NOT EXISTS aqueduct.identity_records (
    entity text NOT NULL, key text COLLATE \"C\" NOT NULL, content text NOT NULL, PRIMARY KEY (entity, key));
CREATE TABLE IF NOT EXISTS aqueduct.identity_blocks (
    entity text NOT NULL, block text NOT NULL, key text COLLATE \"C\" NOT NULL, PRIMARY KEY (entity, block, key));
CREATE INDEX IF NOT EXISTS identity_blocks_key ON aqueduct.identity_blocks (entity, key);
CREATE TABLE IF NOT EXISTS aqueduct.identity_pairs (
    entity text NOT NULL, a text COLLATE \"C\" NOT NULL, b text COLLATE \"C\" NOT NULL, content text NOT NULL, PRIMARY KEY (entity, a, b));
CREATE INDEX IF NOT EXISTS identity_pairs_b ON aqueduct.identity_pairs (entity, b);
CREATE TABLE IF NOT EXISTS aqueduct.identity_verdicts (
    entity text NOT NULL, a text COLLATE \"C\" NOT NULL, b text COLLATE \"C\" NOT NULL, is_same text NOT NULL, decided_by text NOT NULL,
    decided_at timestamptz NOT NULL, PRIMARY KEY (entity, a, b));
CREATE TABLE IF NOT EXISTS aqueduct.differences (
    run_id text NOT NULL, pipeline text NOT NULL, stream text NOT NULL, differing text NOT NULL, source_id text NOT NULL,
    source_updated_at timestamptz, warehouse_updated_at timestamptz);
CREATE INDEX IF NOT EXISTS differences_run ON aqueduct.differences (run_id, stream);
CREATE TABLE IF NOT EXISTS aqueduct.deletions (
    run_id text NOT NULL, load_id text NOT NULL, pipeline text NOT NULL, stream text NOT NULL, table_name text NOT NULL,
    deleted_by text NOT NULL, rows_deleted bigint NOT NULL, at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS aqueduct.reconciliation (
    run_id text NOT NULL, pipeline text NOT NULL, stream text NOT NULL, \"window\" text NOT NULL, source bigint NOT NULL,
    warehouse bigint NOT NULL, missing bigint NOT NULL, extra bigint NOT NULL, stale bigint NOT NULL, at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS aqueduct.backfills (
    backfill_id text PRIMARY KEY, pipeline text NOT NULL, arguments json NOT NULL, from_at timestamptz, until_at timestamptz,
    state text NOT NULL, pause_asked bigint NOT NULL, began_at timestamptz NOT NULL, ended_at timestamptz);
CREATE TABLE IF NOT EXISTS aqueduct.backfill_windows (
    backfill_id text NOT NULL, pipeline text NOT NULL, stream text NOT NULL, number bigint NOT NULL, from_at timestamptz,
    until_at timestamptz, whole bigint NOT NULL, state text NOT NULL, place json NOT NULL, planned bigint, expected bigint,
    found bigint, read bigint NOT NULL, loaded bigint NOT NULL, unchanged bigint NOT NULL, quarantined bigint NOT NULL,
    filtered bigint NOT NULL, requests bigint NOT NULL, attempts bigint NOT NULL, started_at timestamptz, ended_at timestamptz,
    error text, PRIMARY KEY (backfill_id, stream, number));
CREATE TABLE IF NOT EXISTS aqueduct.cleaning (
    run_id text NOT NULL, pipeline text NOT NULL, stream text NOT NULL, entity text NOT NULL, field text NOT NULL, status text NOT NULL,
    code text NOT NULL, cells bigint NOT NULL, kept bigint NOT NULL, examples json,
    PRIMARY KEY (run_id, stream, entity, field, status, code));
CREATE OR REPLACE VIEW aqueduct.cleaning_fields AS SELECT
    run_id, pipeline, stream, entity, field, CAST(sum(cells) AS bigint) AS cells,
    CAST(sum(CASE WHEN status = 'missing' AND code = '' THEN 0 ELSE cells END) AS bigint) AS present, CAST(sum(kept) AS bigint) AS kept,
    CAST(sum(CASE status WHEN 'ok' THEN cells ELSE 0 END) AS bigint) AS ok,
    CAST(sum(CASE status WHEN 'fixed' THEN cells ELSE 0 END) AS bigint) AS fixed,
    CAST(sum(CASE status WHEN 'suspect' THEN cells ELSE 0 END) AS bigint) AS suspect,
    CAST(sum(CASE status WHEN 'invalid' THEN cells ELSE 0 END) AS bigint) AS invalid,
    CAST(sum(CASE status WHEN 'missing' THEN cells ELSE 0 END) AS bigint) AS missing
    FROM aqueduct.cleaning GROUP BY run_id, pipeline, stream, entity, field;
";

/// Creates the tables that are missing, and columns that older versions did not have.
pub(crate) async fn create(connection: &mut PgConnection) -> Result<(), Failure> {
    // A comment says what was created last: a user who may not create anything can still load where all is there.
    let layout = blake3::hash([TABLES, drift::POSTGRES].concat().as_bytes()).to_hex();
    let noted = sqlx::query_scalar("SELECT obj_description(to_regclass('aqueduct.fence'), 'pg_class')");
    let noted: Option<String> = noted.fetch_one(&mut *connection).await.doing("read the list of tables")?;
    if noted.as_deref() != Some(layout.as_str()) {
        let doing = "create Aqueduct's own tables";
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('aqueduct', 0))").execute(&mut *connection).await.doing(doing)?;
        sqlx::raw_sql(TABLES).execute(&mut *connection).await.doing(doing)?;
        sqlx::raw_sql(drift::POSTGRES).execute(&mut *connection).await.doing(doing)?;
        let note = format!("COMMENT ON TABLE aqueduct.fence IS '{layout}'");
        sqlx::raw_sql(sqlx::AssertSqlSafe(note)).execute(connection).await.doing(doing)?;
    }
    Ok(())
}

/// Whether Aqueduct ever wrote into this database.
pub(crate) async fn exists(connection: &mut PgConnection) -> Result<bool, Failure> {
    sqlx::query_scalar("SELECT to_regclass('aqueduct.seen') IS NOT NULL").fetch_one(connection).await.doing("read the list of tables")
}

/// Takes the fence of this name over and records the run as running.
pub(crate) async fn begin_run(connection: &mut PgConnection, name: &str, start: &RunStart, record: &RunRecord) -> Result<i64, Failure> {
    let epoch = sqlx::query_scalar(
        "INSERT INTO aqueduct.fence AS held (pipeline, epoch, run_id, taken_at) VALUES ($1, 1, $2, $3::timestamptz)
         ON CONFLICT (pipeline) DO UPDATE SET epoch = held.epoch + 1, run_id = excluded.run_id, taken_at = excluded.taken_at RETURNING held.epoch",
    )
    .bind(name)
    .bind(start.run_id.as_ref())
    .bind(timestamp_text(start.started_at))
    .fetch_one(&mut *connection)
    .await
    .doing("take the pipeline over")?;
    write_run(connection, record).await?;
    Ok(epoch)
}

/// Writes the record of a run.
pub(crate) async fn write_run(connection: &mut PgConnection, record: &RunRecord) -> Result<(), Failure> {
    let json = to_json(record)?;
    sqlx::query(
        "INSERT INTO aqueduct.runs (run_id, pipeline, started_at, ended_at, status, exit_code, record)
         VALUES ($1, $2, $3::timestamptz, $4::timestamptz, $5, $6, $7::json)
         ON CONFLICT (run_id) DO UPDATE SET ended_at = excluded.ended_at, status = excluded.status, exit_code = excluded.exit_code,
         record = excluded.record",
    )
    .bind(&record.run_id)
    .bind(&record.pipeline)
    .bind(timestamp_text(record.started_at))
    .bind(record.ended_at.map(timestamp_text))
    .bind(record.status.word())
    .bind(i64::from(record.exit_code))
    .bind(json)
    .execute(connection)
    .await
    .doing("record the run")?;
    Ok(())
}

/// The latest runs, newest first.
pub(crate) async fn runs(connection: &mut PgConnection, pipeline: Option<&str>, limit: u32) -> Result<Vec<RunRecord>, Failure> {
    let records: Vec<String> = sqlx::query_scalar(
        "SELECT record::text FROM aqueduct.runs WHERE $1::text IS NULL OR pipeline = $1 ORDER BY started_at DESC, run_id DESC LIMIT $2",
    )
    .bind(pipeline)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await
    .doing("read the runs")?;
    Ok(records.iter().map(|json| from_json(json, "the record of a run cannot be read")).collect::<aqueduct_schema::Result<_>>()?)
}

/// Fails when another run has taken the pipeline over.
pub(crate) async fn check_fence(connection: &mut PgConnection, fence: &Fence) -> Result<(), Failure> {
    #[cfg(feature = "planted-no-fence")]
    fail::fail_point!("planted::no_fence", |_| Ok(()));
    let held: Option<i64> = sqlx::query_scalar("SELECT epoch FROM aqueduct.fence WHERE pipeline = $1 FOR SHARE")
        .bind(fenced_as(fence))
        .fetch_optional(connection)
        .await
        .doing("check the fence")?;
    if held == Some(fence.epoch) { Ok(()) } else { Err(fenced(fence).into()) }
}

/// The states of a pipeline's streams.
pub(crate) async fn states(connection: &mut PgConnection, pipeline: &str) -> Result<BTreeMap<String, StreamState>, Failure> {
    let rows = sqlx::query("SELECT stream, state::text FROM aqueduct.state WHERE pipeline = $1")
        .bind(pipeline)
        .fetch_all(connection)
        .await
        .doing("read the state")?;
    let mut states = BTreeMap::new();
    for row in &rows {
        let (stream, json): (String, String) = (row.try_get(0).doing("read the state")?, row.try_get(1).doing("read the state")?);
        let state = parse_state(pipeline, &stream, &json)?;
        states.insert(stream, state);
    }
    Ok(states)
}

/// Stores the state of a stream.
pub(crate) async fn write_state(
    connection: &mut PgConnection,
    pipeline: &str,
    stream: &str,
    state: &StreamState,
    at: Timestamp,
    load_id: Option<&str>,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO aqueduct.state (pipeline, stream, state, updated_at, load_id) VALUES ($1, $2, $3::json, $4::timestamptz, $5)
         ON CONFLICT (pipeline, stream) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at, load_id = excluded.load_id",
    )
    .bind(pipeline)
    .bind(stream)
    .bind(state_json(state)?)
    .bind(timestamp_text(at))
    .bind(load_id)
    .execute(connection)
    .await
    .doing("store the state")?;
    Ok(())
}

/// Forgets the state of a stream.
pub(crate) async fn clear_state(connection: &mut PgConnection, pipeline: &str, stream: &str) -> Result<(), Failure> {
    sqlx::query("DELETE FROM aqueduct.state WHERE pipeline = $1 AND stream = $2")
        .bind(pipeline)
        .bind(stream)
        .execute(connection)
        .await
        .doing("clear the state")?;
    Ok(())
}

/// Stores the rejected records of a load, and marks those that came back good as fixed.
pub(crate) async fn write_quarantine(connection: &mut PgConnection, fence: &Fence, plan: &LoadPlan) -> Result<(), Failure> {
    if !plan.quarantine.is_empty() {
        let column = |of: fn(&QuarantineRow) -> Option<&str>| -> Vec<Option<String>> {
            plan.quarantine.iter().map(|row| of(row).map(str::to_owned)).collect()
        };
        sqlx::query(
            "INSERT INTO aqueduct.quarantine AS known (row_id, pipeline, stream, run_id, load_id, source_id, location, rule, field, message,
             record, first_seen, last_seen, times_seen, status, sealed)
             SELECT row_id, $1, $2, $3, $4, source_id, location, rule, field, message, record::json, $5::timestamptz, $5::timestamptz, times_seen,
             'new', sealed
             FROM unnest($6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::text[])
             AS rejected(row_id, source_id, location, rule, field, message, record, times_seen, sealed)
             ON CONFLICT (row_id) DO UPDATE SET run_id = excluded.run_id, load_id = excluded.load_id, location = excluded.location,
             message = excluded.message, record = excluded.record, sealed = excluded.sealed, last_seen = excluded.last_seen,
             times_seen = known.times_seen + excluded.times_seen,
             status = CASE known.status WHEN 'discarded' THEN known.status ELSE 'new' END",
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
        .execute(&mut *connection)
        .await
        .doing("store rejected records")?;
    }
    let open: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM aqueduct.quarantine WHERE status = 'new' AND pipeline = $1 AND stream = $2 AND source_id IS NOT NULL)",
    )
    .bind(fence.pipeline.as_ref())
    .bind(plan.stream.as_ref())
    .fetch_one(&mut *connection)
    .await
    .doing("read the quarantine")?;
    if open {
        sqlx::query(
            "UPDATE aqueduct.quarantine SET status = 'fixed' WHERE status = 'new' AND pipeline = $1 AND stream = $2
             AND source_id = ANY($3)",
        )
        .bind(fence.pipeline.as_ref())
        .bind(plan.stream.as_ref())
        .bind(plan.good_ids())
        .execute(connection)
        .await
        .doing("mark rejected records as fixed")?;
    }
    Ok(())
}

/// Records a load.
pub(crate) async fn write_load(
    connection: &mut PgConnection,
    fence: &Fence,
    stream: &str,
    receipt: &Receipt,
    at: Timestamp,
) -> Result<(), Failure> {
    let mut query = sqlx::query(
        "INSERT INTO aqueduct.loads (load_id, run_id, pipeline, stream, committed_at, receipt, read, loaded, quarantined, filtered, unchanged)
         VALUES ($1, $2, $3, $4, $5::timestamptz, $6::json, $7, $8, $9, $10, $11)",
    )
    .bind(&receipt.load_id)
    .bind(fence.run_id.as_ref())
    .bind(fence.pipeline.as_ref())
    .bind(stream)
    .bind(timestamp_text(at))
    .bind(to_json(receipt)?);
    for count in [receipt.read, receipt.loaded, receipt.quarantined, receipt.filtered, receipt.unchanged] {
        query = query.bind(i64::try_from(count).unwrap_or(i64::MAX));
    }
    query.execute(connection).await.doing("record the load")?;
    Ok(())
}

/// The receipt of a load, if it is committed. Waits until a transaction that still holds the fence has ended, so that a load whose
/// commit is under way is not taken for one that failed.
pub(crate) async fn committed(connection: &mut PgConnection, fence: &Fence, load_id: &str) -> Result<Option<Receipt>, Failure> {
    let doing = "look for the load";
    sqlx::query("SELECT epoch FROM aqueduct.fence WHERE pipeline = $1 FOR UPDATE")
        .bind(fence.pipeline.as_ref())
        .execute(&mut *connection)
        .await
        .doing(doing)?;
    let receipt: Option<String> = sqlx::query_scalar("SELECT receipt::text FROM aqueduct.loads WHERE load_id = $1")
        .bind(load_id)
        .fetch_optional(connection)
        .await
        .doing(doing)?;
    Ok(match receipt {
        Some(json) => Some(from_json(&json, "the record of a load cannot be read")?),
        None => None,
    })
}
