//! Aqueduct's own tables in SQLite: `_loads _state _fence _quarantine _runs _seen _shadows _differences _reconciliation`.

use std::collections::BTreeMap;

use aqueduct_schema::{StreamState, Timestamp};
use sqlx::{Row, SqliteConnection};

use crate::backfill::ledger::fenced_as;
use crate::cells::timestamp_text;
use crate::drift;
use crate::failure::{Doing, Failure};
use crate::load_plan::LoadPlan;
use crate::records::{fenced, from_json, parse_state, state_json, to_json};
use crate::warehouse::{Fence, Receipt, RunRecord, RunStart};

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
    sealed TEXT, resolved_at TIMESTAMP TEXT, resolved_by TEXT);
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
const ADDED: [(&str, &str, &str); 3] =
    [("_quarantine", "sealed", "TEXT"), ("_quarantine", "resolved_at", "TIMESTAMP TEXT"), ("_quarantine", "resolved_by", "TEXT")];

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

/// Takes the fence of this name over and records the run as running.
pub(crate) async fn begin_run(connection: &mut SqliteConnection, name: &str, start: &RunStart, record: &RunRecord) -> Result<i64, Failure> {
    let epoch = sqlx::query_scalar(
        "INSERT INTO _fence (pipeline, epoch, run_id, taken_at) VALUES (?, 1, ?, ?)
         ON CONFLICT (pipeline) DO UPDATE SET epoch = epoch + 1, run_id = excluded.run_id, taken_at = excluded.taken_at RETURNING epoch",
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
pub(crate) async fn write_run(connection: &mut SqliteConnection, record: &RunRecord) -> Result<(), Failure> {
    let json = to_json(record)?;
    sqlx::query(
        "INSERT INTO _runs (run_id, pipeline, started_at, ended_at, status, exit_code, record) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (run_id) DO UPDATE SET ended_at = excluded.ended_at, status = excluded.status, exit_code = excluded.exit_code,
         record = excluded.record",
    )
    .bind(&record.run_id)
    .bind(&record.pipeline)
    .bind(timestamp_text(record.started_at))
    .bind(record.ended_at.map(timestamp_text))
    .bind(record.status.word())
    .bind(record.exit_code)
    .bind(json)
    .execute(connection)
    .await
    .doing("record the run")?;
    Ok(())
}

/// The latest runs, newest first.
pub(crate) async fn runs(connection: &mut SqliteConnection, pipeline: Option<&str>, limit: u32) -> Result<Vec<RunRecord>, Failure> {
    let records: Vec<String> =
        sqlx::query_scalar("SELECT record FROM _runs WHERE ?1 IS NULL OR pipeline = ?1 ORDER BY started_at DESC, run_id DESC LIMIT ?2")
            .bind(pipeline)
            .bind(limit)
            .fetch_all(connection)
            .await
            .doing("read the runs")?;
    Ok(records.iter().map(|json| from_json(json, "the record of a run cannot be read")).collect::<aqueduct_schema::Result<_>>()?)
}

/// Fails when another run has taken the pipeline over.
pub(crate) async fn check_fence(connection: &mut SqliteConnection, fence: &Fence) -> Result<(), Failure> {
    #[cfg(feature = "planted-no-fence")]
    fail::fail_point!("planted::no_fence", |_| Ok(()));
    let held: Option<i64> = sqlx::query_scalar("SELECT epoch FROM _fence WHERE pipeline = ?")
        .bind(fenced_as(fence))
        .fetch_optional(connection)
        .await
        .doing("check the fence")?;
    if held == Some(fence.epoch) { Ok(()) } else { Err(fenced(fence).into()) }
}

/// The states of a pipeline's streams.
pub(crate) async fn states(connection: &mut SqliteConnection, pipeline: &str) -> Result<BTreeMap<String, StreamState>, Failure> {
    let rows = sqlx::query("SELECT stream, state FROM _state WHERE pipeline = ?")
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
    connection: &mut SqliteConnection,
    pipeline: &str,
    stream: &str,
    state: &StreamState,
    at: Timestamp,
    load_id: Option<&str>,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO _state (pipeline, stream, state, updated_at, load_id) VALUES (?, ?, ?, ?, ?)
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
pub(crate) async fn clear_state(connection: &mut SqliteConnection, pipeline: &str, stream: &str) -> Result<(), Failure> {
    sqlx::query("DELETE FROM _state WHERE pipeline = ? AND stream = ?")
        .bind(pipeline)
        .bind(stream)
        .execute(connection)
        .await
        .doing("clear the state")?;
    Ok(())
}

/// Stores the rejected records of a load, and marks those that came back good as fixed.
pub(crate) async fn write_quarantine(connection: &mut SqliteConnection, fence: &Fence, plan: &LoadPlan) -> Result<(), Failure> {
    let at = timestamp_text(plan.loaded_at);
    for row in &plan.quarantine {
        sqlx::query(
            "INSERT INTO _quarantine (row_id, pipeline, stream, run_id, load_id, source_id, location, rule, field, message, record,
             first_seen, last_seen, times_seen, status, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, 'new', ?14)
             ON CONFLICT (row_id) DO UPDATE SET run_id = excluded.run_id, load_id = excluded.load_id, location = excluded.location,
             message = excluded.message, record = excluded.record, sealed = excluded.sealed, last_seen = excluded.last_seen,
             times_seen = times_seen + excluded.times_seen, status = CASE status WHEN 'discarded' THEN status ELSE 'new' END",
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
        .execute(&mut *connection)
        .await
        .doing("store rejected records")?;
    }
    let open: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM _quarantine WHERE status = 'new' AND pipeline = ? AND stream = ? AND source_id IS NOT NULL)",
    )
    .bind(fence.pipeline.as_ref())
    .bind(plan.stream.as_ref())
    .fetch_one(&mut *connection)
    .await
    .doing("read the quarantine")?;
    if open {
        sqlx::query(
            "UPDATE _quarantine SET status = 'fixed' WHERE status = 'new' AND pipeline = ? AND stream = ?
             AND source_id IN (SELECT value FROM json_each(?))",
        )
        .bind(fence.pipeline.as_ref())
        .bind(plan.stream.as_ref())
        .bind(to_json(&plan.good_ids())?)
        .execute(connection)
        .await
        .doing("mark rejected records as fixed")?;
    }
    Ok(())
}

/// Records a load.
pub(crate) async fn write_load(
    connection: &mut SqliteConnection,
    fence: &Fence,
    stream: &str,
    receipt: &Receipt,
    at: Timestamp,
) -> Result<(), Failure> {
    let mut query = sqlx::query(
        "INSERT INTO _loads (load_id, run_id, pipeline, stream, committed_at, receipt, read, loaded, quarantined, filtered, unchanged)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
