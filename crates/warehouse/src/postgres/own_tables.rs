//! Aqueduct's own tables in PostgreSQL, in the schema `aqueduct`: loads, state, fence, quarantine, runs, seen, shadows,
//! differences, reconciliation.

use sqlx::{Connection, PgConnection};

use crate::drift;
use crate::failure::{Doing, Failure};

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
    sealed text, resolved_at timestamptz, resolved_by text, backfill_window text);
ALTER TABLE aqueduct.quarantine ADD COLUMN IF NOT EXISTS sealed text, ADD COLUMN IF NOT EXISTS resolved_at timestamptz,
    ADD COLUMN IF NOT EXISTS resolved_by text, ADD COLUMN IF NOT EXISTS backfill_window text;
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
        let mut transaction = connection.begin().await.doing(doing)?;
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('aqueduct', 0))").execute(&mut *transaction).await.doing(doing)?;
        sqlx::raw_sql(TABLES).execute(&mut *transaction).await.doing(doing)?;
        sqlx::raw_sql(drift::POSTGRES).execute(&mut *transaction).await.doing(doing)?;
        let note = format!("COMMENT ON TABLE aqueduct.fence IS '{layout}'");
        sqlx::raw_sql(sqlx::AssertSqlSafe(note)).execute(&mut *transaction).await.doing(doing)?;
        transaction.commit().await.doing(doing)?;
    }
    Ok(())
}

/// Whether Aqueduct ever wrote into this database.
pub(crate) async fn exists(connection: &mut PgConnection) -> Result<bool, Failure> {
    sqlx::query_scalar("SELECT to_regclass('aqueduct.seen') IS NOT NULL").fetch_one(connection).await.doing("read the list of tables")
}
