//! A reconciliation: the keys of the source, read into a shadow, against the rows of its source table.

use aqueduct_schema::{Result, Timestamp, ValueType};
use serde::{Deserialize, Serialize};

use crate::cells::timestamp_text;
use crate::failure::Failure;
use crate::identifier::{literal, quoted};
use crate::layout::{IS_DELETED, LOADED_AT, SOURCE_ID, SOURCE_UPDATED_AT};
use crate::session::{Session, numbers};
use crate::shadow::{self, ShadowKind, ShadowTable};
use crate::snapshot::Scope;
use crate::warehouse::Fence;

/// The time of creation at the source, by whose month records are grouped: it never changes.
const SOURCE_CREATED_AT: &str = "source_created_at";

/// How a record differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Differing {
    /// It is at the source alone, and the last run should have brought it.
    Missing,
    /// It is in the warehouse alone.
    Extra,
    /// It changed at the source before the settled cursor, and the warehouse has it as it was before.
    Stale,
}

impl Differing {
    /// The word in `_differences`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Stale => "stale",
        }
    }
}

/// What one window of a stream has on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconciledWindow {
    /// The stream.
    pub stream: String,
    /// The month of creation as `2026-03`; `all` where there are no times, or records were only counted.
    pub window: String,
    /// Live records at the source.
    pub source: u64,
    /// Live rows in the warehouse.
    pub warehouse: u64,
    /// Records that are there and not here, although they were settled.
    pub missing: u64,
    /// Rows that are here and not there.
    pub extra: u64,
    /// Rows that are older here than there, although the change was settled.
    pub stale: u64,
}

impl ReconciledWindow {
    /// Whether both sides agree, within the lag.
    pub fn agrees(&self) -> bool {
        self.missing == 0 && self.extra == 0 && self.stale == 0
    }
}

/// A record that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How.
    pub differing: Differing,
    /// Its id at the source, as the policy stores it.
    pub source_id: String,
    /// When it last changed, at the source; for an extra one as the warehouse knows it.
    pub updated_at: Option<Timestamp>,
}

/// What to compare.
pub(crate) struct Comparing<'a> {
    pub(crate) fence: &'a Fence,
    pub(crate) stream: &'a str,
    /// Everything that changed before it should be in the warehouse.
    pub(crate) settled: Option<Timestamp>,
    /// Whether the shadow has every key; of a sample nothing can be said about what is not in it.
    pub(crate) whole: bool,
}

impl Comparing<'_> {
    /// Compares, and writes down each record that differs.
    pub(crate) async fn carry_out<S: Session>(&self, session: &mut S) -> Result<Vec<ReconciledWindow>, Failure> {
        self.forget(session).await?;
        let stored = shadow::find(session, &self.fence.pipeline, self.stream, ShadowKind::Keys).await?;
        let Some((stored, at)) = stored
            .and_then(|stored| Some((stored.tables.iter().position(|table| table.records)?, stored)))
            .map(|(at, stored)| (stored, at))
        else {
            return Ok(Vec::new());
        };
        let table = &stored.tables[at];
        session.index(&table.table(), &table.scope.key).await?;
        let sides = Sides::of(session, table, self, stored.shadow.began_at).await?;
        for differing in [Differing::Missing, Differing::Extra, Differing::Stale] {
            if self.whole || differing != Differing::Extra {
                session.execute("write down what differs", sides.note(session, self, differing)).await?;
            }
        }
        let mut windows = Vec::new();
        for row in session.rows("compare source and warehouse", sides.windows(session, self)).await? {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let window = cells.next().filter(|window| !window.is_empty()).unwrap_or_else(|| "all".to_owned());
            let mut number = || cells.next().and_then(|cell| cell.parse().ok()).unwrap_or(0);
            let (source, warehouse, missing, extra, stale) = (number(), number(), number(), number(), number());
            windows.push(ReconciledWindow { stream: self.stream.to_owned(), window, source, warehouse, missing, extra, stale });
        }
        Ok(windows)
    }

    fn condition(&self) -> String {
        format!("run_id = {} AND stream = {}", literal(&self.fence.run_id), literal(self.stream))
    }

    async fn forget<S: Session>(&self, session: &mut S) -> Result<(), Failure> {
        let sql = format!("DELETE FROM {} WHERE {}", session.own("differences"), self.condition());
        session.execute("write down what differs", sql).await?;
        Ok(())
    }
}

/// SQL for the two sides: `s` the source's keys, `t` the rows of the source table.
struct Sides {
    keys: String,
    rows: String,
    key: String,
    alive: String,
    there: String,
    missing: String,
    stale: String,
    extra: String,
    by_month: bool,
    by_time: bool,
}

impl Sides {
    async fn of<S: Session>(session: &mut S, table: &ShadowTable, of: &Comparing<'_>, began_at: Timestamp) -> Result<Self, Failure> {
        let (keys, key) = (session.table(&table.table()), quoted(&table.scope.key));
        let (theirs, ours) = (session.stored(&table.table()).await?, session.stored(&table.scope.table()).await?);
        let both =
            |column: &str| [&theirs, &ours].iter().all(|stored| stored.is_empty() || stored.get(column) == Some(&ValueType::Timestamp));
        let (by_month, by_time) = (both(SOURCE_CREATED_AT), both(SOURCE_UPDATED_AT));
        // A table that is not there is an empty one with the columns of the keys.
        let rows = if ours.is_empty() { format!("(SELECT * FROM {keys} WHERE 1 = 0)") } else { session.table(&table.scope.table()) };
        let alive = table.scope.alive(session, "t");
        let there = format!("s.{} IS DISTINCT FROM {}", quoted(IS_DELETED), session.truth());
        let updated = quoted(SOURCE_UPDATED_AT);
        let settled = match of.settled {
            Some(settled) if by_time => format!("(s.{updated} IS NULL OR s.{updated} < {})", literal(&timestamp_text(settled))),
            _ => "1 = 1".to_owned(),
        };
        let rejected = format!(
            "NOT EXISTS (SELECT 1 FROM {} AS q WHERE q.pipeline = {} AND q.stream = {} AND q.status = 'new' AND q.source_id = s.{})",
            session.own("quarantine"),
            literal(&of.fence.pipeline),
            literal(of.stream),
            quoted(SOURCE_ID)
        );
        let extra = format!(
            "NOT EXISTS (SELECT 1 FROM {keys} AS s WHERE s.{key} = t.{key} AND {there}) AND t.{} < {}",
            quoted(LOADED_AT),
            literal(&timestamp_text(began_at))
        );
        Ok(Self {
            missing: format!("t.{key} IS NULL AND {settled} AND {rejected}"),
            stale: if by_time { format!("t.{updated} < s.{updated} AND {settled} AND {rejected}") } else { "1 = 0".to_owned() },
            extra: if of.whole { extra } else { "1 = 0".to_owned() },
            keys,
            rows,
            key,
            alive,
            there,
            by_month,
            by_time,
        })
    }

    fn joined(&self) -> String {
        let Self { keys, rows, key, alive, .. } = self;
        format!("{keys} AS s LEFT JOIN {rows} AS t ON t.{key} = s.{key} AND {alive}")
    }

    /// Writes the records down that differ in one way.
    fn note<S: Session>(&self, session: &S, of: &Comparing<'_>, differing: Differing) -> String {
        let (mine, from, condition) = match differing {
            Differing::Missing => ("s", self.joined(), format!("{} AND {}", self.there, self.missing)),
            Differing::Stale => ("s", self.joined(), format!("{} AND {}", self.there, self.stale)),
            Differing::Extra => ("t", format!("{} AS t", self.rows), format!("{} AND {}", self.alive, self.extra)),
        };
        let updated = |side: &str| if self.by_time { format!("{side}.{}", quoted(SOURCE_UPDATED_AT)) } else { session.time("NULL") };
        let theirs = if differing == Differing::Extra { session.time("NULL") } else { updated("s") };
        let ours = if differing == Differing::Missing { session.time("NULL") } else { updated("t") };
        format!(
            "INSERT INTO {} (run_id, pipeline, stream, differing, source_id, source_updated_at, warehouse_updated_at) \
             SELECT {}, {}, {}, {}, {mine}.{}, {theirs}, {ours} FROM {from} WHERE {condition}",
            session.own("differences"),
            literal(&of.fence.run_id),
            literal(&of.fence.pipeline),
            literal(of.stream),
            literal(differing.word()),
            quoted(SOURCE_ID)
        )
    }

    /// Counts by window.
    fn windows<S: Session>(&self, session: &S, of: &Comparing<'_>) -> String {
        let month = |side: &str| {
            if self.by_month { session.month(&format!("{side}.{}", quoted(SOURCE_CREATED_AT))) } else { "'all'".to_owned() }
        };
        let when = |condition: &str| format!("CASE WHEN {condition} THEN 1 ELSE 0 END");
        // Of a sample only the rows are looked at that have one of its keys.
        let ours = if of.whole {
            format!(" UNION ALL SELECT {}, 0, 1, 0, {}, 0 FROM {} AS t WHERE {}", month("t"), when(&self.extra), self.rows, self.alive)
        } else {
            format!(
                " UNION ALL SELECT {}, 0, 1, 0, 0, 0 FROM {} WHERE {} AND t.{} IS NOT NULL",
                month("s"),
                self.joined(),
                self.there,
                self.key
            )
        };
        format!(
            "SELECT w, sum(source), sum(warehouse), sum(missing), sum(extra), sum(stale) FROM (SELECT {} AS w, 1 AS source, 0 AS warehouse, \
             {} AS missing, 0 AS extra, {} AS stale FROM {} WHERE {}{ours}) AS sides GROUP BY w ORDER BY w",
            month("s"),
            when(&self.missing),
            when(&self.stale),
            self.joined(),
            self.there
        )
    }
}

/// How many live rows of an account a table has, and how many ids of a stream are in quarantine.
pub(crate) async fn count<S: Session>(session: &mut S, pipeline: &str, stream: &str, scope: &Scope) -> Result<[u64; 2], Failure> {
    let doing = "count live rows";
    let sql = format!(
        "SELECT count(DISTINCT source_id) FROM {} WHERE pipeline = {} AND stream = {} AND status = 'new' AND source_id IS NOT NULL",
        session.own("quarantine"),
        literal(pipeline),
        literal(stream)
    );
    let [rejected] = numbers(session, doing, sql).await?;
    if session.stored(&scope.table()).await?.is_empty() {
        return Ok([0, rejected]);
    }
    let sql = format!("SELECT count(*) FROM {} AS t WHERE {}", session.table(&scope.table()), scope.alive(session, "t"));
    let [live] = numbers(session, doing, sql).await?;
    Ok([live, rejected])
}

/// The records that a comparison of this run found to differ.
pub(crate) async fn differences<S: Session>(session: &mut S, fence: &Fence, stream: &str) -> Result<Vec<Difference>, Failure> {
    let sql = format!(
        "SELECT differing, source_id, {} FROM {} WHERE run_id = {} AND stream = {} ORDER BY differing, source_id",
        session.instant("coalesce(source_updated_at, warehouse_updated_at)"),
        session.own("differences"),
        literal(&fence.run_id),
        literal(stream)
    );
    let rows = session.rows("read what differs", sql).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let [differing, source_id, updated_at] = <[Option<String>; 3]>::try_from(row).ok()?;
            let differing = [Differing::Missing, Differing::Extra, Differing::Stale]
                .into_iter()
                .find(|known| Some(known.word()) == differing.as_deref())?;
            Some(Difference { differing, source_id: source_id?, updated_at: updated_at.and_then(|text| text.parse().ok()) })
        })
        .collect())
}

/// Stores the windows of a run.
pub(crate) async fn record<S: Session>(session: &mut S, fence: &Fence, windows: &[ReconciledWindow], at: Timestamp) -> Result<(), Failure> {
    for window in windows {
        let sql = format!(
            "INSERT INTO {} (run_id, pipeline, stream, \"window\", source, warehouse, missing, extra, stale, at) \
             VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
            session.own("reconciliation"),
            literal(&fence.run_id),
            literal(&fence.pipeline),
            literal(&window.stream),
            literal(&window.window),
            window.source,
            window.warehouse,
            window.missing,
            window.extra,
            window.stale,
            literal(&timestamp_text(at))
        );
        session.execute("store the reconciliation", sql).await?;
    }
    Ok(())
}
