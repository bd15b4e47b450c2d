//! The end of a full refresh: what the shadow holds takes its place, in one transaction, after its counts are verified.

use std::sync::Arc;

use aqueduct_schema::{Column, Error, Result, TableName, TableSchema, Timestamp, ValueType, codes};

use crate::cells::timestamp_text;
use crate::failure::Failure;
use crate::history::History;
use crate::identifier::{literal, quoted};
use crate::late::Late;
use crate::layout::{DELETED_AT, IS_DELETED, LOAD_ID, LOADED_AT, Layout, ROW_HASH, SOURCE_ID, SOURCE_UPDATED_AT, Stored, cleared};
use crate::merging::Settling;
use crate::session::{Session, numbers};
use crate::shadow::{self, ShadowKind, ShadowTable};
use crate::snapshot;
use crate::warehouse::{Fence, Receipt, TableReceipt};

/// What the swap needs to know besides the shadow.
pub(crate) struct Swap<'a> {
    pub(crate) fence: &'a Fence,
    pub(crate) stream: &'a str,
    /// How many live records the source says there were when the reading began; `None` where it does not say it.
    pub(crate) at_least: Option<u64>,
    pub(crate) load_id: String,
    pub(crate) now: Timestamp,
    /// Which tables keep the versions of their rows.
    pub(crate) history: &'a History,
}

/// What the swap did, and whose rows have moved.
pub(crate) struct Swapped {
    pub(crate) receipt: Receipt,
    pub(crate) state: aqueduct_schema::StreamState,
    /// Tables that were dropped or written past a destination's own bookkeeping.
    pub(crate) touched: Vec<TableName>,
}

impl Swap<'_> {
    /// Verifies, deletes, merges and drops. The caller stores state and receipt, and commits.
    pub(crate) async fn carry_out<S: Session>(&self, session: &mut S) -> Result<Swapped, Failure> {
        let found = shadow::find(session, &self.fence.pipeline, self.stream, ShadowKind::Refresh).await?;
        let Some(stored) = found else { return Err(Error::new(codes::BUG, "there is no shadow to put in place").into()) };
        if stored.shadow.state.reading.is_some() {
            return Err(Error::new(codes::BUG, "the reading of a shadow is not complete").into());
        }
        self.verify(session, &stored).await?;
        let mut receipt = Receipt { load_id: self.load_id.clone(), ..Receipt::default() };
        let mut touched = Vec::new();
        for table in &stored.tables {
            let done = self.place(session, table, &stored.shadow).await?;
            touched.push(table.scope.table());
            match receipt.tables.iter_mut().find(|mine| mine.table == done.table) {
                Some(mine) => mine.add(&done),
                None => receipt.tables.push(done),
            }
        }
        let of = Settling { pipeline: &self.fence.pipeline, stream: self.stream, load_id: &self.load_id, at: self.now };
        for done in of.settle(session).await? {
            match receipt.tables.iter_mut().find(|mine| mine.table == done.table) {
                Some(mine) => mine.add(&done),
                None => receipt.tables.push(done),
            }
        }
        touched.extend(shadow::discard(session, &self.fence.pipeline, self.stream, ShadowKind::Refresh).await?);
        Ok(Swapped { receipt, state: stored.shadow.state, touched })
    }

    /// Refuses a shadow that lacks rows: what was read must be there, and what the source says there is must have been read.
    async fn verify<S: Session>(&self, session: &mut S, stored: &shadow::Stored) -> Result<(), Failure> {
        let counts = stored.shadow.counts;
        let differ = |message: String| {
            Err(Error::new(codes::COUNTS_DIFFER, message)
                .with("stream", self.stream)
                .advise("Run with --full-refresh once more: it counts again, and reads anew what does not agree then.")
                .into())
        };
        if counts.read != counts.rows + counts.repeated + counts.quarantined + counts.filtered {
            return differ(format!("{} records were read, and the places where they went hold others", counts.read));
        }
        let mut live = 0;
        for table in &stored.tables {
            let sql = format!(
                "SELECT count(*), coalesce(sum(CASE WHEN t.{} = {} THEN 0 ELSE 1 END), 0) FROM {} AS t",
                quoted(IS_DELETED),
                session.truth(),
                session.table(&table.table())
            );
            let [rows, alive] = numbers(session, "count the rows of the refresh", sql).await?;
            if rows != table.rows {
                return differ(format!("the refresh put {} rows aside for {}, and {rows} are there", table.rows, table.scope.table()));
            }
            live += if table.records { alive } else { 0 };
        }
        let found = live + counts.quarantined + counts.filtered;
        match self.at_least {
            Some(counted) if counted > found => differ(format!("the source counts {counted} records, and the refresh has read {found}")),
            _ => Ok(()),
        }
    }

    /// Brings one table's rows to their place.
    async fn place<S: Session>(&self, session: &mut S, table: &ShadowTable, shadow: &shadow::Shadow) -> Result<TableReceipt, Failure> {
        let (live, aside) = (table.scope.table(), table.table());
        let mut done = TableReceipt::empty(&live);
        let types = session.stored(&aside).await?;
        session.index(&aside, &table.scope.key).await?;
        let schema = schema(table, &live, &types);
        let mut layout = Layout::of(&live, std::iter::once(&schema))?;
        layout.history = self.history.keeps(&live);
        let stored = session.prepare(&layout).await?;
        let sql = Sql { swap: self, table, schema: &schema, types: &types, stored: &stored };
        let [alive, gone] = numbers(session, "compare the refresh with what is there", sql.count_gone(session, shadow.began_at)).await?;
        snapshot::guard(self.fence, &live, alive, gone)?;
        if gone > 0 {
            let at = shadow.state.settled.as_ref().map_or(shadow.began_at, |settled| settled.at.max(shadow.began_at));
            done.deleted = session.execute("mark rows as deleted", sql.bury(session, shadow.began_at, at)).await?;
        }
        let counted = sql.count_changes(session);
        let [rows, new, changed] = numbers(session, "compare the refresh with what is there", counted).await?;
        (done.inserted, done.updated, done.unchanged) = (new, changed, rows.saturating_sub(new + changed));
        if new + changed > 0 {
            session.execute("put the rows of the refresh in place", sql.merge(session)).await?;
        }
        if layout.history && done.unchanged > 0 {
            let late = Late { schema: &schema, staged: session.table(&aside), values: sql.written(session) };
            session.keep_late(&stored, &late).await?;
        }
        Ok(done)
    }
}

/// The rows of a shadow's table as rows of the live one.
fn schema(table: &ShadowTable, live: &TableName, types: &Stored) -> TableSchema {
    let column = |name: &String| Column::technical(name, types.get(name).copied().unwrap_or(ValueType::Text));
    let constants = &table.scope.constants;
    TableSchema {
        name: live.clone(),
        columns: table.carried.iter().map(column).collect(),
        absent_columns: table.absent.iter().filter(|name| !table.carried.contains(name)).map(column).collect(),
        key: Arc::from(table.scope.key.as_str()),
        constants: constants.iter().map(|(name, value)| (Arc::from(name.as_str()), Arc::from(value.as_str()))).collect(),
    }
}

/// The statements for one table. In all of them `t` is the live table and `s` the shadow's.
struct Sql<'a> {
    swap: &'a Swap<'a>,
    table: &'a ShadowTable,
    schema: &'a TableSchema,
    /// The columns of the shadow's table.
    types: &'a Stored,
    /// The columns of the live table.
    stored: &'a Stored,
}

impl Sql<'_> {
    fn key(&self) -> String {
        quoted(&self.table.scope.key)
    }

    /// Which of them it did not find. Rows that came after it began are none of its business, and a rejected record exists at the
    /// source: its last good version stays.
    fn gone<S: Session>(&self, session: &S, began_at: Timestamp) -> String {
        let began_at = literal(&timestamp_text(began_at));
        let mut condition = format!(
            "NOT EXISTS (SELECT 1 FROM {} AS s WHERE s.{key} = t.{key}) AND t.{} < {began_at}",
            session.table(&self.table.table()),
            quoted(LOADED_AT),
            key = self.key()
        );
        if self.stored.contains_key(SOURCE_ID) {
            condition.push_str(&format!(
                " AND NOT EXISTS (SELECT 1 FROM {} AS q WHERE q.pipeline = {} AND q.stream = {} AND q.status = 'new' \
                 AND q.last_seen >= {began_at} AND q.source_id = t.{})",
                session.own("quarantine"),
                literal(&self.swap.fence.pipeline),
                literal(self.swap.stream),
                quoted(SOURCE_ID)
            ));
        }
        condition
    }

    /// Counts the live rows, and those that are gone.
    fn count_gone<S: Session>(&self, session: &S, began_at: Timestamp) -> String {
        format!(
            "SELECT count(*), coalesce(sum(CASE WHEN {} THEN 1 ELSE 0 END), 0) FROM {} AS t WHERE {}",
            self.gone(session, began_at),
            session.table(&self.schema.name),
            self.table.scope.alive(session, "t")
        )
    }

    fn bury<S: Session>(&self, session: &S, began_at: Timestamp, at: Timestamp) -> String {
        format!(
            "{} WHERE {} AND {}",
            snapshot::mark(session, &self.schema.name, at, &self.swap.load_id, self.swap.now),
            self.table.scope.alive(session, "t"),
            self.gone(session, began_at)
        )
    }

    /// Which rows of the shadow differ from what is stored and are not older.
    fn changed(&self) -> String {
        let by_time = |stored: &Stored| stored.get(SOURCE_UPDATED_AT) == Some(&ValueType::Timestamp);
        let hash = quoted(ROW_HASH);
        let mut condition = format!("t.{hash} <> s.{hash}");
        if by_time(self.types) && by_time(self.stored) {
            condition.push_str(&format!(" AND (s.{column} < t.{column}) IS NOT TRUE", column = quoted(SOURCE_UPDATED_AT)));
        }
        condition
    }

    fn joined<S: Session>(&self, session: &S) -> String {
        format!(
            "{} AS s LEFT JOIN {} AS t ON t.{key} = s.{key}",
            session.table(&self.table.table()),
            session.table(&self.schema.name),
            key = self.key()
        )
    }

    /// Counts the rows of the shadow, those whose key is new, and those that change what is stored.
    fn count_changes<S: Session>(&self, session: &S) -> String {
        format!(
            "SELECT count(*), count(*) FILTER (WHERE t.{key} IS NULL), count(*) FILTER (WHERE t.{key} IS NOT NULL AND {}) FROM {}",
            self.changed(),
            self.joined(session),
            key = self.key()
        )
    }

    /// The columns that are written, with their values.
    fn written<S: Session>(&self, session: &S) -> Vec<(String, String)> {
        let carried = self.schema.columns.iter().map(|column| column.name.as_ref());
        let constants = self.schema.constants.iter().map(|(name, _)| name.as_ref());
        let mut copied: Vec<&str> = carried.chain(constants).chain([ROW_HASH]).collect();
        copied.extend([IS_DELETED, DELETED_AT].into_iter().filter(|own| self.schema.index_of(own).is_none()));
        let value = |name: &str| {
            let (from, to) = (self.types.get(name).copied(), self.stored.get(name).copied());
            let value = format!("s.{}", quoted(name));
            session.widened(&value, from.unwrap_or(ValueType::Text), to.unwrap_or(ValueType::Text))
        };
        let mut written: Vec<(String, String)> = copied.into_iter().map(|name| (name.to_owned(), value(name))).collect();
        written.push((LOAD_ID.to_owned(), literal(&self.swap.load_id)));
        // A literal among selected values has no type of its own in PostgreSQL.
        written.push((LOADED_AT.to_owned(), session.time(&literal(&timestamp_text(self.swap.now)))));
        written
    }

    fn merge<S: Session>(&self, session: &S) -> String {
        let (names, values): (Vec<String>, Vec<String>) =
            self.written(session).into_iter().map(|(name, value)| (quoted(&name), value)).unzip();
        let key = self.key();
        let mut sets: Vec<String> = names.iter().filter(|name| **name != key).map(|name| format!("{name} = excluded.{name}")).collect();
        let emptied = cleared(self.schema, self.stored).into_iter().filter(|name| *name != DELETED_AT);
        sets.extend(emptied.map(|name| format!("{} = NULL", quoted(name))));
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {} WHERE t.{key} IS NULL OR ({}) ON CONFLICT ({key}) DO UPDATE SET {}",
            session.table(&self.schema.name),
            names.join(", "),
            values.join(", "),
            self.joined(session),
            self.changed(),
            sets.join(", "),
        )
    }
}
