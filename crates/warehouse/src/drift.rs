//! What a destination remembers of its sources' streams: how they were described, what of that is accepted, which columns are filled for
//! all history, and every difference that was found. Tables `_schemas` and `_schema_changes`, view `_settled`.

use std::collections::{BTreeMap, BTreeSet};

use aqueduct_schema::{ChangeKind, Result, SchemaChange, StreamDescription, Timestamp, ValueType};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::cells::{timestamp_text, without_nul};
use crate::failure::Failure;
use crate::identifier::literal;
use crate::records::{from_json, to_json};
use crate::session::Session;
use crate::warehouse::Fence;

/// The memory of a destination for what sources say of their streams.
#[async_trait]
pub trait Schemas: Send + Sync {
    /// What is remembered of every stream of a pipeline. Empty when the pipeline never ran, or the destination is new.
    ///
    /// # Errors
    /// `AQ4003` when it cannot be understood.
    async fn schemas(&self, pipeline: &str) -> Result<BTreeMap<String, StoredSchema>>;

    /// Remembers streams as they are described now, and writes down what has changed, in one transaction.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses, `AQ5001` when the fence is lost.
    async fn record_schemas(&self, fence: &Fence, schemas: &BTreeMap<String, StoredSchema>, changes: &[SchemaChange]) -> Result<()>;

    /// Remembers which columns of a stream are filled, and writes down what was found in its records, in one transaction.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses, `AQ5001` when the fence is lost.
    async fn record_columns(&self, fence: &Fence, stream: &str, columns: &ColumnHistory, changes: &[SchemaChange]) -> Result<()>;

    /// Accepts streams as they were described last, by hand; one of them, or all. Gives the streams for which that changed something.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn accept_schemas(&self, pipeline: &str, stream: Option<&str>) -> Result<Vec<String>>;

    /// The latest changes of a pipeline's streams, newest first.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn schema_changes(&self, pipeline: &str, limit: u32) -> Result<Vec<RecordedChange>>;

    /// Up to when the tables are complete that a pipeline fills, with every stream that fills them, whatever its pipeline; as the view
    /// `_settled` has it.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn settled(&self, pipeline: &str) -> Result<Vec<SettledStream>>;
}

/// What is remembered of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSchema {
    /// As the source described it last.
    pub seen: StreamDescription,
    /// As it was accepted last.
    pub accepted: StreamDescription,
    /// Which columns are filled.
    pub columns: ColumnHistory,
    /// The tables that its records fill, as people name them, source table first; none where it was never read.
    pub tables: Vec<String>,
    /// The connector.
    pub source_system: String,
    /// The account at the source.
    pub source_account_id: String,
}

/// Which columns of a stream are filled for all of its records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnHistory {
    /// Paths of the fields that every reading of the stream since its first one has read.
    #[serde(default)]
    pub filled: BTreeSet<String>,
    /// The fields that a reading of columns is about, from before its first page until it is known to be complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filling: Option<Filling>,
    /// Fields that records have and the description does not name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub undeclared: BTreeSet<String>,
    /// Fields with values that do not fit the declared type, and the type that holds them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub widened: BTreeMap<String, ValueType>,
    /// Whether the source no longer has the stream.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

/// A reading of columns that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filling {
    /// The fields, by path.
    pub paths: BTreeSet<String>,
    /// When columns had last been read before it began; the state says another time once it is complete.
    pub before: Option<Timestamp>,
}

/// A change that was written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordedChange {
    /// The run that found it.
    pub run_id: String,
    /// When.
    pub at: Timestamp,
    /// The change.
    #[serde(flatten)]
    pub change: SchemaChange,
}

/// A stream that fills a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettledStream {
    /// The table, as people name it.
    pub table: String,
    /// The connector.
    pub source_system: String,
    /// The account at the source.
    pub source_account_id: String,
    /// The pipeline.
    pub pipeline: String,
    /// The stream.
    pub stream: String,
    /// Everything the source changed in the stream before this instant is in the table.
    pub settled_until: Option<Timestamp>,
    /// The earliest of these instants among all streams of the table; none while one of them has not been read whole.
    pub table_settled_until: Option<Timestamp>,
}

/// What is remembered of a pipeline's streams.
pub(crate) async fn read<S: Session>(session: &mut S, pipeline: &str) -> Result<BTreeMap<String, StoredSchema>, Failure> {
    let sql = format!(
        "SELECT stream, description, accepted, columns, tables, source_system, source_account_id FROM {} WHERE pipeline = {}",
        session.own("schemas"),
        literal(pipeline)
    );
    let mut schemas = BTreeMap::new();
    for row in session.rows("read the descriptions of streams", sql).await? {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut cell = || cells.next().unwrap_or_default();
        let (stream, seen, accepted, columns, tables) = (cell(), cell(), cell(), cell(), cell());
        let what = "the stored description of a stream cannot be understood";
        let schema = StoredSchema {
            seen: from_json(&seen, what)?,
            accepted: from_json(&accepted, what)?,
            columns: from_json(&columns, what)?,
            tables: from_json(&tables, what)?,
            source_system: cell(),
            source_account_id: cell(),
        };
        schemas.insert(stream, schema);
    }
    Ok(schemas)
}

fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    Ok(literal(&without_nul(&to_json(value)?)))
}

/// Remembers streams, and writes changes down.
pub(crate) async fn record<S: Session>(
    session: &mut S,
    fence: &Fence,
    schemas: &BTreeMap<String, StoredSchema>,
    changes: &[SchemaChange],
    at: Timestamp,
) -> Result<(), Failure> {
    for (stream, schema) in schemas {
        let sql = format!(
            "INSERT INTO {} (pipeline, stream, description, accepted, columns, tables, source_system, source_account_id, run_id, seen_at) \
             VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}) ON CONFLICT (pipeline, stream) DO UPDATE SET \
             description = excluded.description, accepted = excluded.accepted, columns = excluded.columns, tables = excluded.tables, \
             source_system = excluded.source_system, source_account_id = excluded.source_account_id, run_id = excluded.run_id, \
             seen_at = excluded.seen_at",
            session.own("schemas"),
            literal(&fence.pipeline),
            literal(stream),
            json(&schema.seen)?,
            json(&schema.accepted)?,
            json(&schema.columns)?,
            json(&schema.tables)?,
            literal(&schema.source_system),
            literal(&schema.source_account_id),
            literal(&fence.run_id),
            literal(&timestamp_text(at))
        );
        session.execute("store the description of a stream", sql).await?;
    }
    note(session, fence, changes, at).await
}

/// Remembers which columns of a stream are filled, and writes changes down.
pub(crate) async fn record_columns<S: Session>(
    session: &mut S,
    fence: &Fence,
    stream: &str,
    columns: &ColumnHistory,
    changes: &[SchemaChange],
    at: Timestamp,
) -> Result<(), Failure> {
    let sql = format!(
        "UPDATE {} SET columns = {} WHERE pipeline = {} AND stream = {}",
        session.own("schemas"),
        json(columns)?,
        literal(&fence.pipeline),
        literal(stream)
    );
    session.execute("store which columns are filled", sql).await?;
    note(session, fence, changes, at).await
}

async fn note<S: Session>(session: &mut S, fence: &Fence, changes: &[SchemaChange], at: Timestamp) -> Result<(), Failure> {
    let cell = |text: Option<&String>| text.map_or_else(|| "NULL".to_owned(), |text| literal(&without_nul(text)));
    for changes in changes.chunks(100) {
        let rows = changes.iter().map(|change| {
            format!(
                "({}, {}, {}, {}, {}, {}, {}, {})",
                literal(&fence.run_id),
                literal(&fence.pipeline),
                literal(&change.stream),
                cell(change.field.as_ref()),
                literal(change.kind.word()),
                cell(change.before.as_ref()),
                cell(change.after.as_ref()),
                literal(&timestamp_text(at))
            )
        });
        let rows: Vec<String> = rows.collect();
        let sql = format!(
            "INSERT INTO {} (run_id, pipeline, stream, field, kind, \"before\", \"after\", at) VALUES {}",
            session.own("schema_changes"),
            rows.join(", ")
        );
        session.execute("write a change of the source down", sql).await?;
    }
    Ok(())
}

/// Accepts streams as they were described last.
pub(crate) async fn accept<S: Session>(session: &mut S, pipeline: &str, stream: Option<&str>) -> Result<Vec<String>, Failure> {
    let changed = |(name, schema): (String, StoredSchema)| {
        let wanted = stream.is_none_or(|stream| stream == name) && schema.seen != schema.accepted;
        wanted.then_some((name, schema.seen))
    };
    let mut accepted = Vec::new();
    for (name, seen) in read(session, pipeline).await?.into_iter().filter_map(changed) {
        let sql = format!(
            "UPDATE {} SET accepted = {} WHERE pipeline = {} AND stream = {}",
            session.own("schemas"),
            json(&seen)?,
            literal(pipeline),
            literal(&name)
        );
        session.execute("accept the description of a stream", sql).await?;
        accepted.push(name);
    }
    Ok(accepted)
}

/// The latest changes of a pipeline's streams, newest first.
pub(crate) async fn changes<S: Session>(session: &mut S, pipeline: &str, limit: u32) -> Result<Vec<RecordedChange>, Failure> {
    let sql = format!(
        "SELECT run_id, {}, stream, field, kind, \"before\", \"after\" FROM {} WHERE pipeline = {} ORDER BY at DESC, run_id DESC, stream, field, \
         kind LIMIT {limit}",
        session.instant("at"),
        session.own("schema_changes"),
        literal(pipeline)
    );
    let understood = |row: Vec<Option<String>>| {
        let [run_id, at, stream, field, kind, before, after] = <[Option<String>; 7]>::try_from(row).ok()?;
        let change = SchemaChange { stream: stream?, field, kind: ChangeKind::from_word(&kind?)?, before, after };
        Some(RecordedChange { run_id: run_id?, at: at?.parse().ok()?, change })
    };
    Ok(session.rows("read the changes of streams", sql).await?.into_iter().filter_map(understood).collect())
}

/// Up to when the tables of a pipeline are complete.
pub(crate) async fn settled<S: Session>(session: &mut S, pipeline: &str) -> Result<Vec<SettledStream>, Failure> {
    let view = session.own("settled");
    let (one, all) = (session.instant("settled_until"), session.instant("table_settled_until"));
    let sql = format!(
        "SELECT \"table\", source_system, source_account_id, pipeline, stream, {one}, {all} FROM {view} WHERE \"table\" IN \
         (SELECT \"table\" FROM {view} WHERE pipeline = {}) ORDER BY 1, 4, 5",
        literal(pipeline)
    );
    let understood = |row: Vec<Option<String>>| {
        let [table, source_system, source_account_id, pipeline, stream, one, all] = <[Option<String>; 7]>::try_from(row).ok()?;
        let time = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Some(SettledStream {
            table: table?,
            source_system: source_system?,
            source_account_id: source_account_id?,
            pipeline: pipeline?,
            stream: stream?,
            settled_until: time(one),
            table_settled_until: time(all),
        })
    };
    Ok(session.rows("read up to when tables are complete", sql).await?.into_iter().filter_map(understood).collect())
}

/// The tables in SQLite. A time in a state has as many digits as it needs; here they all have six, so that they can be compared.
pub(crate) const SQLITE: &str = "
CREATE TABLE IF NOT EXISTS _schemas (
    pipeline TEXT NOT NULL, stream TEXT NOT NULL, description JSON TEXT NOT NULL, accepted JSON TEXT NOT NULL, columns JSON TEXT NOT NULL,
    tables JSON TEXT NOT NULL, source_system TEXT NOT NULL, source_account_id TEXT NOT NULL, run_id TEXT NOT NULL,
    seen_at TIMESTAMP TEXT NOT NULL, PRIMARY KEY (pipeline, stream));
CREATE TABLE IF NOT EXISTS _schema_changes (
    run_id TEXT NOT NULL, pipeline TEXT NOT NULL, stream TEXT NOT NULL, field TEXT, kind TEXT NOT NULL, \"before\" TEXT, \"after\" TEXT,
    at TIMESTAMP TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS _schema_changes_pipeline ON _schema_changes (pipeline, at);
CREATE VIEW IF NOT EXISTS _settled AS SELECT
    \"table\", source_system, source_account_id, pipeline, stream, settled_until,
    CASE WHEN count(*) OVER of_table = count(settled_until) OVER of_table THEN min(settled_until) OVER of_table END AS table_settled_until
    FROM (SELECT t.value AS \"table\", s.source_system, s.source_account_id, s.pipeline, s.stream,
        CASE WHEN length(p.at) = 20 THEN substr(p.at, 1, 19) || '.000000Z'
             ELSE substr(substr(p.at, 1, length(p.at) - 1) || '000000', 1, 26) || 'Z' END AS settled_until
        FROM _schemas AS s JOIN json_each(s.tables) AS t
        LEFT JOIN (SELECT pipeline, stream, json_extract(state, '$.settled.at') AS at FROM _state) AS p
        ON p.pipeline = s.pipeline AND p.stream = s.stream)
    WINDOW of_table AS (PARTITION BY \"table\");
";

/// The tables in PostgreSQL.
pub(crate) const POSTGRES: &str = "
CREATE TABLE IF NOT EXISTS aqueduct.schemas (
    pipeline text NOT NULL, stream text NOT NULL, description json NOT NULL, accepted json NOT NULL, columns json NOT NULL,
    tables json NOT NULL, source_system text NOT NULL, source_account_id text NOT NULL, run_id text NOT NULL,
    seen_at timestamptz NOT NULL, PRIMARY KEY (pipeline, stream));
CREATE TABLE IF NOT EXISTS aqueduct.schema_changes (
    run_id text NOT NULL, pipeline text NOT NULL, stream text NOT NULL, field text, kind text NOT NULL, \"before\" text, \"after\" text,
    at timestamptz NOT NULL);
CREATE INDEX IF NOT EXISTS schema_changes_pipeline ON aqueduct.schema_changes (pipeline, at);
CREATE OR REPLACE VIEW aqueduct.settled AS SELECT
    \"table\", source_system, source_account_id, pipeline, stream, settled_until,
    CASE WHEN count(*) OVER of_table = count(settled_until) OVER of_table THEN min(settled_until) OVER of_table END AS table_settled_until
    FROM (SELECT t.value AS \"table\", s.source_system, s.source_account_id, s.pipeline, s.stream,
        (p.state -> 'settled' ->> 'at')::timestamptz AS settled_until
        FROM aqueduct.schemas AS s CROSS JOIN json_array_elements_text(s.tables) AS t(value)
        LEFT JOIN aqueduct.state AS p ON p.pipeline = s.pipeline AND p.stream = s.stream) AS filled
    WINDOW of_table AS (PARTITION BY \"table\");
";
