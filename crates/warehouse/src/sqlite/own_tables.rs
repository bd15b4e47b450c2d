//! Aqueduct's own tables in SQLite: `_loads _state _fence _quarantine _runs _seen _shadows _differences _reconciliation`.

use sqlx::SqliteConnection;

use crate::drift;
use crate::failure::{Doing, Failure};

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS _runs (
    run_id TEXT NOT NULL PRIMARY KEY, pipeline TEXT NOT NULL, started_at TIMESTAMP TEXT NOT NULL, ended_at TIMESTAMP TEXT,
    status TEXT NOT NULL, exit_code INTEGER NOT NULL, record JSON TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _fence (pipeline TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, run_id TEXT NOT NULL, taken_at TIMESTAMP TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _state (
    pipeline TEXT NOT NULL, stream TEXT NOT NULL, state JSON TEXT NOT NULL, updated_at TIMESTAMP TEXT NOT NULL, load_id TEXT,
    PRIMARY KEY (pipeline, stream));
CREATE TABLE IF NOT EXISTS _loads (
    load_id TEXT NOT NULL PRIMARY KEY, run_id TEXT NOT NULL, pipeline TEXT NOT NULL, stream TEXT NOT NULL, committed_at TIMESTAMP TEXT NOT NULL,
    read INTEGER NOT NULL, loaded INTEGER NOT NULL, quarantined INTEGER NOT NULL, filtered INTEGER NOT NULL, unchanged INTEGER NOT NULL,
    receipt JSON TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _quarantine (
    row_id TEXT NOT NULL PRIMARY KEY, pipeline TEXT NOT NULL, stream TEXT NOT NULL, run_id TEXT NOT NULL, load_id TEXT NOT NULL,
    source_id TEXT, location TEXT, rule TEXT NOT NULL, field TEXT, message TEXT NOT NULL, record JSON TEXT NOT NULL,
    first_seen TIMESTAMP TEXT NOT NULL, last_seen TIMESTAMP TEXT NOT NULL, times_seen INTEGER NOT NULL, status TEXT NOT NULL,
    sealed TEXT, resolved_at TIMESTAMP TEXT, resolved_by TEXT, backfill_window TEXT);
CREATE INDEX IF NOT EXISTS _quarantine_open ON _quarantine (pipeline, stream, source_id) WHERE status = 'new';
CREATE TABLE IF NOT EXISTS _seen (
    pipeline TEXT NOT NULL, stream TEXT NOT NULL, reading_started_at TIMESTAMP TEXT NOT NULL, scope TEXT NOT NULL,
    keys JSON TEXT NOT NULL, load_id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS _seen_reading ON _seen (pipeline, stream, reading_started_at, scope);
CREATE TABLE IF NOT EXISTS _merges (
    loser_id TEXT NOT NULL PRIMARY KEY, winner_id TEXT NOT NULL, resolved_id TEXT NOT NULL, entity TEXT NOT NULL, loser_source_id TEXT,
    winner_source_id TEXT, source_system TEXT NOT NULL, source_account_id TEXT NOT NULL, said_by_loser INTEGER NOT NULL,
    evidence TEXT NOT NULL, merged_at TIMESTAMP TEXT, recorded_at TIMESTAMP TEXT NOT NULL, pipeline TEXT NOT NULL, stream TEXT NOT NULL,
    load_id TEXT NOT NULL, ended_at TIMESTAMP TEXT, settled INTEGER NOT NULL, version INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS _merges_version ON _merges (version);
CREATE INDEX IF NOT EXISTS _merges_open ON _merges (pipeline, stream) WHERE settled = 0;
CREATE VIEW IF NOT EXISTS _redirects AS SELECT
    entity, source_system, source_account_id, loser_id AS id, resolved_id AS current_id, loser_source_id AS source_id
    FROM _merges WHERE ended_at IS NULL;
CREATE TABLE IF NOT EXISTS _shadows (
    pipeline TEXT NOT NULL, stream TEXT NOT NULL, kind TEXT NOT NULL, fingerprint TEXT NOT NULL, began_at TIMESTAMP TEXT NOT NULL,
    state JSON TEXT NOT NULL, counts JSON TEXT NOT NULL, tables JSON TEXT NOT NULL, PRIMARY KEY (pipeline, stream, kind));
CREATE TABLE IF NOT EXISTS _identity_models (entity TEXT NOT NULL PRIMARY KEY, model JSON TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _identity_loads (entity TEXT NOT NULL, load_id TEXT NOT NULL, PRIMARY KEY (entity, load_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS _identity_records (
    entity TEXT NOT NULL, key TEXT NOT NULL, content JSON TEXT NOT NULL, PRIMARY KEY (entity, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS _identity_blocks (
    entity TEXT NOT NULL, block TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (entity, block, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS _identity_blocks_key ON _identity_blocks (entity, key);
CREATE TABLE IF NOT EXISTS _identity_pairs (
    entity TEXT NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL, content JSON TEXT NOT NULL, PRIMARY KEY (entity, a, b)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS _identity_pairs_b ON _identity_pairs (entity, b);
CREATE TABLE IF NOT EXISTS _identity_verdicts (
    entity TEXT NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL, is_same TEXT NOT NULL, decided_by TEXT NOT NULL,
    decided_at TIMESTAMP TEXT NOT NULL, PRIMARY KEY (entity, a, b));
CREATE TABLE IF NOT EXISTS _differences (
    run_id TEXT NOT NULL, pipeline TEXT NOT NULL, stream TEXT NOT NULL, differing TEXT NOT NULL, source_id TEXT NOT NULL,
    source_updated_at TIMESTAMP TEXT, warehouse_updated_at TIMESTAMP TEXT);
CREATE INDEX IF NOT EXISTS _differences_run ON _differences (run_id, stream);
CREATE TABLE IF NOT EXISTS _deletions (
    run_id TEXT NOT NULL, load_id TEXT NOT NULL, pipeline TEXT NOT NULL, stream TEXT NOT NULL, table_name TEXT NOT NULL,
    deleted_by TEXT NOT NULL, rows_deleted INTEGER NOT NULL, at TIMESTAMP TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _reconciliation (
    run_id TEXT NOT NULL, pipeline TEXT NOT NULL, stream TEXT NOT NULL, \"window\" TEXT NOT NULL, source INTEGER NOT NULL,
    warehouse INTEGER NOT NULL, missing INTEGER NOT NULL, extra INTEGER NOT NULL, stale INTEGER NOT NULL, at TIMESTAMP TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _backfills (
    backfill_id TEXT NOT NULL PRIMARY KEY, pipeline TEXT NOT NULL, arguments JSON TEXT NOT NULL, from_at TIMESTAMP TEXT, until_at TIMESTAMP TEXT,
    state TEXT NOT NULL, pause_asked INTEGER NOT NULL, began_at TIMESTAMP TEXT NOT NULL, ended_at TIMESTAMP TEXT);
CREATE TABLE IF NOT EXISTS _backfill_windows (
    backfill_id TEXT NOT NULL, pipeline TEXT NOT NULL, stream TEXT NOT NULL, number INTEGER NOT NULL, from_at TIMESTAMP TEXT,
    until_at TIMESTAMP TEXT, whole INTEGER NOT NULL, state TEXT NOT NULL, place JSON TEXT NOT NULL, planned INTEGER, expected INTEGER,
    found INTEGER, read INTEGER NOT NULL, loaded INTEGER NOT NULL, unchanged INTEGER NOT NULL, quarantined INTEGER NOT NULL,
    filtered INTEGER NOT NULL, requests INTEGER NOT NULL, attempts INTEGER NOT NULL, started_at TIMESTAMP TEXT, ended_at TIMESTAMP TEXT,
    error TEXT, PRIMARY KEY (backfill_id, stream, number));
CREATE TABLE IF NOT EXISTS _cleaning (
    run_id TEXT NOT NULL, pipeline TEXT NOT NULL, stream TEXT NOT NULL, entity TEXT NOT NULL, field TEXT NOT NULL, status TEXT NOT NULL,
    code TEXT NOT NULL, cells INTEGER NOT NULL, kept INTEGER NOT NULL, examples JSON TEXT,
    PRIMARY KEY (run_id, stream, entity, field, status, code));
CREATE VIEW IF NOT EXISTS _cleaning_fields AS SELECT
    run_id, pipeline, stream, entity, field, CAST(sum(cells) AS bigint) AS cells,
    CAST(sum(CASE WHEN status = 'missing' AND code = '' THEN 0 ELSE cells END) AS bigint) AS present, CAST(sum(kept) AS bigint) AS kept,
    CAST(sum(CASE status WHEN 'ok' THEN cells ELSE 0 END) AS bigint) AS ok,
    CAST(sum(CASE status WHEN 'fixed' THEN cells ELSE 0 END) AS bigint) AS fixed,
    CAST(sum(CASE status WHEN 'suspect' THEN cells ELSE 0 END) AS bigint) AS suspect,
    CAST(sum(CASE status WHEN 'invalid' THEN cells ELSE 0 END) AS bigint) AS invalid,
    CAST(sum(CASE status WHEN 'missing' THEN cells ELSE 0 END) AS bigint) AS missing
    FROM _cleaning GROUP BY run_id, pipeline, stream, entity, field;
";

/// Columns that older versions of the tables do not have: table, column, type.
const ADDED: [(&str, &str, &str); 4] = [
    ("_quarantine", "sealed", "TEXT"),
    ("_quarantine", "resolved_at", "TIMESTAMP TEXT"),
    ("_quarantine", "resolved_by", "TEXT"),
    ("_quarantine", "backfill_window", "TEXT"),
];

/// Creates the tables that are missing, and columns that older versions did not have.
pub(crate) async fn create(connection: &mut SqliteConnection) -> Result<(), Failure> {
    let doing = "create Aqueduct's own tables";
    sqlx::raw_sql(TABLES).execute(&mut *connection).await.doing(doing)?;
    sqlx::raw_sql(drift::SQLITE).execute(&mut *connection).await.doing(doing)?;
    for (table, column, definition) in ADDED {
        let known = sqlx::query_scalar("SELECT count(*) FROM pragma_table_info(?) WHERE name = ?").bind(table).bind(column);
        let known: i64 = known.fetch_one(&mut *connection).await.doing(doing)?;
        if known == 0 {
            let sql = format!("ALTER TABLE {table} ADD COLUMN {column} {definition}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *connection).await.doing(doing)?;
        }
    }
    Ok(())
}

/// Whether Aqueduct ever wrote into this file.
pub(crate) async fn exists(connection: &mut SqliteConnection) -> Result<bool, Failure> {
    let found: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('_state', '_runs')")
        .fetch_one(connection)
        .await
        .doing("read the list of tables")?;
    Ok(found == 2)
}
