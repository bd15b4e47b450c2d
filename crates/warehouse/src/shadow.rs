//! Shadow tables: rows of a reading that must not be seen before it is complete, and what is remembered of them.
//!
//! A shadow has a table for each scope of rows (one table, one set of constants), named by a digest, in Aqueduct's own layer. Its
//! state, its counts and its tables stand in one row of `_shadows`, written in the transaction of each load, so that a reading which
//! is killed goes on where it was, apart from the live state.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aqueduct_schema::{Error, Layer, Result, StreamState, Table, TableName, TableSchema, Timestamp, codes};
use serde::{Deserialize, Serialize};

use crate::cells::timestamp_text;
use crate::failure::Failure;
use crate::identifier::literal;
use crate::load_plan::LoadPlan;
use crate::records::{from_json, parse_state, to_json};
use crate::session::Session;
use crate::snapshot::Scope;
use crate::warehouse::{Fence, Receipt};

/// What a shadow is for. A stream has at most one of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShadowKind {
    /// A full refresh: at its end the rows take their place.
    Refresh,
    /// The keys of a reconciliation: compared, then thrown away.
    Keys,
}

impl ShadowKind {
    /// The word in `_shadows`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Keys => "keys",
        }
    }
}

/// A shadow that has been begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// The state that its rows make true; nothing of it is true of the live tables.
    pub state: StreamState,
    /// What its reading depends on, as whoever began it wrote it: rows of another selection must not be mixed in.
    pub fingerprint: String,
    /// When its first load began, by the machine's clock.
    pub began_at: Timestamp,
    /// How many records went where.
    pub counts: ShadowCounts,
}

/// How many records of a shadow's reading went where: `read = rows + repeated + quarantined + filtered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowCounts {
    /// Records read.
    pub read: u64,
    /// Records that are rows of the shadow.
    pub rows: u64,
    /// Records that came again.
    pub repeated: u64,
    /// Records in quarantine.
    pub quarantined: u64,
    /// Records left out on purpose.
    pub filtered: u64,
}

/// One table of a shadow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShadowTable {
    /// The rows that it stands for.
    pub(crate) scope: Scope,
    /// The table inside [`Layer::Shadow`].
    pub(crate) name: String,
    /// The columns its rows carry, key and time of deletion among them.
    pub(crate) carried: Vec<String>,
    /// Columns that it has and its rows do not carry.
    pub(crate) absent: Vec<String>,
    /// Whether its rows are the records themselves.
    pub(crate) records: bool,
    /// How many rows were put in.
    pub(crate) rows: u64,
}

impl ShadowTable {
    /// The table with its layer.
    pub(crate) fn table(&self) -> TableName {
        TableName { layer: Layer::Shadow, name: Arc::from(self.name.as_str()) }
    }

    fn add(&mut self, schema: &TableSchema) {
        for column in &schema.columns {
            if !self.carried.iter().any(|name| *name == *column.name) {
                self.carried.push(column.name.to_string());
            }
        }
        for column in &schema.absent_columns {
            if !self.absent.iter().any(|name| *name == *column.name) {
                self.absent.push(column.name.to_string());
            }
        }
    }
}

/// Leads the rows of a load into a shadow.
pub(crate) struct Redirect {
    pipeline: Arc<str>,
    kind: ShadowKind,
    pub(crate) fingerprint: String,
    pub(crate) tables: Vec<ShadowTable>,
    /// Schemas that were led there before, so that pages with one schema keep having one.
    known: HashMap<usize, (Arc<TableSchema>, Arc<TableSchema>)>,
}

impl Redirect {
    pub(crate) fn new(fence: &Fence, kind: ShadowKind, fingerprint: &str) -> Self {
        let (pipeline, fingerprint) = (Arc::clone(&fence.pipeline), fingerprint.to_owned());
        Self { pipeline, kind, fingerprint, tables: Vec::new(), known: HashMap::new() }
    }

    pub(crate) fn kind(&self) -> ShadowKind {
        self.kind
    }

    /// The rows as rows of the shadow.
    pub(crate) fn lead(&mut self, stream: &str, mut table: Table, records: bool) -> Result<Table> {
        let place = Arc::as_ptr(&table.schema) as usize;
        if let Some((_, led)) = self.known.get(&place) {
            table.schema = Arc::clone(led);
            return Ok(table);
        }
        let scope = Scope::of(&table.schema);
        let position = match self.tables.iter().position(|known| known.scope == scope) {
            Some(position) => position,
            None => {
                let name = self.name(stream, &scope)?;
                let (carried, absent) = (Vec::new(), Vec::new());
                self.tables.push(ShadowTable { scope, name, carried, absent, records, rows: 0 });
                self.tables.len() - 1
            }
        };
        let shadow = &mut self.tables[position];
        shadow.add(&table.schema);
        let led = Arc::new(TableSchema { name: shadow.table(), ..table.schema.as_ref().clone() });
        // The schema is kept, so that its address stays its own.
        self.known.insert(place, (Arc::clone(&table.schema), Arc::clone(&led)));
        table.schema = led;
        Ok(table)
    }

    fn name(&self, stream: &str, scope: &Scope) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        for part in [self.pipeline.as_ref(), stream, self.kind.word(), &to_json(scope)?] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let live = scope.table().to_string();
        Ok(format!("{}_{}", &hasher.finalize().to_hex()[..12], &live[..live.floor_char_boundary(36)]))
    }
}

/// A shadow with its tables.
pub(crate) struct Stored {
    pub(crate) shadow: Shadow,
    pub(crate) tables: Vec<ShadowTable>,
}

fn of(fence: &str, stream: &str, kind: ShadowKind) -> String {
    format!("pipeline = {} AND stream = {} AND kind = {}", literal(fence), literal(stream), literal(kind.word()))
}

/// Reads what is remembered of a shadow.
pub(crate) async fn find<S: Session>(session: &mut S, pipeline: &str, stream: &str, kind: ShadowKind) -> Result<Option<Stored>, Failure> {
    let sql =
        format!("SELECT fingerprint, began_at, state, counts, tables FROM {} WHERE {}", session.own("shadows"), of(pipeline, stream, kind));
    let rows = session.rows("read the shadows", sql).await?;
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    Ok(Some(parse(pipeline, stream, row)?))
}

/// The shadows of one kind, by stream.
pub(crate) async fn all<S: Session>(session: &mut S, pipeline: &str, kind: ShadowKind) -> Result<BTreeMap<String, Shadow>, Failure> {
    let sql = format!(
        "SELECT fingerprint, began_at, state, counts, tables, stream FROM {} WHERE pipeline = {} AND kind = {}",
        session.own("shadows"),
        literal(pipeline),
        literal(kind.word())
    );
    let mut shadows = BTreeMap::new();
    for mut row in session.rows("read the shadows", sql).await? {
        let stream = row.pop().flatten().unwrap_or_default();
        let stored = parse(pipeline, &stream, row)?;
        shadows.insert(stream, stored.shadow);
    }
    Ok(shadows)
}

fn parse(pipeline: &str, stream: &str, row: Vec<Option<String>>) -> Result<Stored> {
    let unreadable = "what is remembered of a shadow cannot be read";
    let Ok([Some(fingerprint), Some(began_at), Some(state), Some(counts), Some(tables)]) = <[Option<String>; 5]>::try_from(row) else {
        return Err(Error::new(codes::BAD_STATE, unreadable));
    };
    let began_at = began_at.parse().map_err(|_| Error::new(codes::BAD_STATE, unreadable))?;
    let (state, counts) = (parse_state(pipeline, stream, &state)?, from_json(&counts, unreadable)?);
    Ok(Stored { shadow: Shadow { state, fingerprint, began_at, counts }, tables: from_json(&tables, unreadable)? })
}

/// Notes in the ledger what a load put into its shadow.
pub(crate) async fn note<S: Session>(
    session: &mut S,
    fence: &Fence,
    plan: &LoadPlan,
    redirect: &Redirect,
    receipt: &Receipt,
) -> Result<(), Failure> {
    let known = find(session, &fence.pipeline, &plan.stream, redirect.kind).await?;
    let (began_at, mut counts, mut tables) = match known {
        Some(known) if known.shadow.fingerprint == redirect.fingerprint => (known.shadow.began_at, known.shadow.counts, known.tables),
        Some(_) => return Err(Error::new(codes::BUG, "rows of two selections in one shadow").into()),
        None => (plan.loaded_at, ShadowCounts::default(), Vec::new()),
    };
    counts.read += receipt.read;
    counts.quarantined += receipt.quarantined;
    counts.filtered += receipt.filtered;
    for led in &redirect.tables {
        let inserted = receipt.tables.iter().find(|done| done.table == led.table().to_string()).map_or(0, |done| done.inserted);
        if led.records {
            counts.rows += inserted;
        }
        match tables.iter_mut().find(|known| known.name == led.name) {
            Some(known) => {
                known.rows += inserted;
                for (mine, theirs) in [(&mut known.carried, &led.carried), (&mut known.absent, &led.absent)] {
                    mine.extend(theirs.iter().filter(|name| !mine.contains(name)).cloned().collect::<Vec<_>>());
                }
            }
            None => tables.push(ShadowTable { rows: inserted, ..led.clone() }),
        }
    }
    counts.repeated = counts.read.saturating_sub(counts.rows + counts.quarantined + counts.filtered);
    let values = [
        fence.pipeline.to_string(),
        plan.stream.to_string(),
        redirect.kind.word().to_owned(),
        redirect.fingerprint.clone(),
        timestamp_text(began_at),
        to_json(&plan.checkpoint.state)?,
        to_json(&counts)?,
        to_json(&tables)?,
    ];
    let values: Vec<String> = values.iter().map(|value| literal(value)).collect();
    let sql = format!(
        "INSERT INTO {} (pipeline, stream, kind, fingerprint, began_at, state, counts, tables) VALUES ({}) \
         ON CONFLICT (pipeline, stream, kind) DO UPDATE SET state = excluded.state, counts = excluded.counts, tables = excluded.tables",
        session.own("shadows"),
        values.join(", ")
    );
    session.execute("remember the shadow", sql).await?;
    Ok(())
}

/// Drops a shadow with its tables, where there is one. Gives the tables.
pub(crate) async fn discard<S: Session>(
    session: &mut S,
    pipeline: &str,
    stream: &str,
    kind: ShadowKind,
) -> Result<Vec<TableName>, Failure> {
    let Some(stored) = find(session, pipeline, stream, kind).await? else { return Ok(Vec::new()) };
    let mut dropped = Vec::new();
    for table in &stored.tables {
        let sql = format!("DROP TABLE IF EXISTS {}", session.table(&table.table()));
        session.execute("drop a shadow table", sql).await?;
        dropped.push(table.table());
    }
    let sql = format!("DELETE FROM {} WHERE {}", session.own("shadows"), of(pipeline, stream, kind));
    session.execute("forget the shadow", sql).await?;
    Ok(dropped)
}
