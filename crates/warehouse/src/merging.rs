//! Merges in the warehouse: the table of merges, and the rows that follow from it. The same statements for both databases.
//!
//! A merge is written down in the transaction of the load that tells of it. What points at the loser is brought to the winner in the
//! same transaction, or, in the middle of a first reading, in that of its last load: one pass over the tables instead of one a load.

use std::sync::Arc;

use aqueduct_schema::{Entity, Layer, Mode, TableName, Timestamp, references};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;

use crate::cells::timestamp_text;
use crate::failure::Failure;
use crate::identifier::{literal, quoted};
use crate::layout::{DELETED_AT, IS_DELETED, LOAD_ID, LOADED_AT, ROW_HASH, SOURCE_UPDATED_AT};
use crate::load_plan::{LoadPlan, Step, StepKind};
use crate::merges::{Added, Link, Merged, Winners};
use crate::row_hash::TOMBSTONE_MARK;
use crate::session::{Session, numbers};
use crate::warehouse::{Fence, TableReceipt};

const MERGED_INTO: &str = "merged_into_id";
/// Set before the digest of a row whose reference may be another one when the source gives it again.
const ANEW: &str = "anew:";
/// Rows of the table of merges in one statement, and ids in one condition.
const AT_ONCE: usize = 500;

/// Brings what is known of merges up to what is committed.
pub(crate) async fn refreshed<S: Session>(session: &mut S, known: &Arc<Winners>) -> Result<Arc<Winners>, Failure> {
    let version = version(session).await?;
    if version == known.version {
        return Ok(Arc::clone(known));
    }
    let sql = format!(
        "SELECT loser_id, winner_id, resolved_id, {}, {}, said_by_loser FROM {} WHERE version > {}",
        session.instant("merged_at"),
        session.instant("ended_at"),
        session.own("merges"),
        known.version
    );
    let mut winners = Winners::clone(known);
    for row in session.rows("read the merges", sql).await? {
        let Ok([Some(loser), Some(winner), Some(resolved), at, ended, said]) = <[Option<String>; 6]>::try_from(row) else { continue };
        let time = |text: Option<String>| text.and_then(|text| text.parse::<Timestamp>().ok());
        let said_by_loser = said.is_some_and(|said| said == "1");
        let link = Link { winner: winner.into(), resolved: resolved.into(), at: time(at), ended: time(ended), said_by_loser };
        winners.put(loser.into(), link);
    }
    winners.version = version;
    Ok(Arc::new(winners))
}

/// The number of the last change of the table of merges.
pub(crate) async fn version<S: Session>(session: &mut S) -> Result<i64, Failure> {
    let [version] =
        numbers(session, "look at the merges", format!("SELECT coalesce(max(version), 0) FROM {}", session.own("merges"))).await?;
    Ok(i64::try_from(version).unwrap_or(i64::MAX))
}

/// Whether the rows that follow from merges are brought up to date with this load.
fn is_ready(plan: &LoadPlan) -> bool {
    let first = matches!(plan.checkpoint.mode, Mode::Backfill | Mode::Snapshot);
    plan.shadow.is_none() && (!first || plan.checkpoint.reading_complete)
}

/// Whether a load may bring rows of other tables to their winners, so that no other load may run beside it.
pub(crate) fn may_settle(plan: &LoadPlan, winners: &Winners) -> bool {
    let told = plan.merges.iter().any(|told| winners.is_news(told));
    told && is_ready(plan) || plan.checkpoint.reading_complete && plan.shadow.is_none() || !back(plan, winners).is_empty()
}

/// Writes down what a load tells of merges, and brings rows up to date. After the load's own rows are in.
pub(crate) async fn follow<S: Session>(
    session: &mut S,
    fence: &Fence,
    plan: &LoadPlan,
    winners: &Arc<Winners>,
) -> Result<Vec<TableReceipt>, Failure> {
    let mut done = Vec::new();
    let back = back(plan, winners);
    let mut known = Arc::clone(winners);
    if !back.is_empty() || plan.merges.iter().any(|told| winners.is_news(told)) {
        if let Some(sql) = session.turn("merges are written", false) {
            session.execute("wait for another load to write merges", sql).await?;
        }
        let mut changed = Winners::clone(&*refreshed(session, winners).await?);
        write(session, fence, plan, &mut changed, &back).await?;
        known = Arc::new(changed);
    }
    let of = Settling { pipeline: &fence.pipeline, stream: &plan.stream, load_id: &plan.load_id, at: plan.loaded_at };
    if is_ready(plan) {
        done.extend(of.settle(session).await?);
    }
    if plan.shadow.is_none() && !known.is_empty() {
        done.extend(mark_again(session, &of, plan, &known).await?);
    }
    Ok(done)
}

/// Rows of the load that say that they are not merged away any more, with the time of their last change.
fn back<'p>(plan: &'p LoadPlan, winners: &Winners) -> Vec<(&'p str, Option<Timestamp>)> {
    let mut back = Vec::new();
    if winners.is_empty() || plan.shadow.is_some() {
        return back;
    }
    for step in common_rows(plan) {
        let Some(merged_into) = step.schema.index_of(MERGED_INTO) else { continue };
        for part in &step.parts {
            let (Ok(keys), rows) = (part.keys(), &part.table.rows) else { continue };
            let times =
                step.schema.index_of(SOURCE_UPDATED_AT).and_then(|at| rows.column(at).as_primitive_opt::<TimestampMicrosecondType>());
            for row in part.rows().filter(|row| rows.column(merged_into).is_null(*row)) {
                let at = times.filter(|times| times.is_valid(row)).map(|times| Timestamp::from_microseconds(times.value(row)));
                if winners.is_back(keys.value(row), at) {
                    back.push((keys.value(row), at));
                }
            }
        }
    }
    back
}

/// The steps of a load that put whole rows into common tables.
fn common_rows(plan: &LoadPlan) -> impl Iterator<Item = &Step> {
    let steps = plan.tables.iter().flat_map(|table| &table.steps);
    steps.filter(|step| step.kind == StepKind::Rows && step.schema.name.layer == Layer::Common)
}

/// Writes the table of merges.
async fn write<S: Session>(
    session: &mut S,
    fence: &Fence,
    plan: &LoadPlan,
    known: &mut Winners,
    back: &[(&str, Option<Timestamp>)],
) -> Result<(), Failure> {
    let version = known.version + 1;
    let (mut told, mut freed): (Vec<&Merged>, Vec<Arc<str>>) = (Vec::new(), Vec::new());
    for (loser, at) in back {
        if known.is_back(loser, *at) {
            let former = known.finish(loser, at.unwrap_or(plan.loaded_at));
            let ended = end(session, plan, known, version, loser);
            session.execute("end a merge", ended).await?;
            ask_anew(session, loser, former.as_deref()).await?;
        }
    }
    for merged in &plan.merges {
        match known.add(merged) {
            Added::Nothing => continue,
            Added::Linked => {}
            Added::Freed(id) => freed.push(id),
        }
        told.push(merged);
    }
    for id in freed.iter().filter(|id| known.link(id).is_none()) {
        let former = known.known(id).map(|link| Arc::clone(&link.resolved));
        let ended = end(session, plan, known, version, id);
        session.execute("end a merge", ended).await?;
        ask_anew(session, id, former.as_deref()).await?;
        if let Some(entity) = told.iter().find(|told| told.winner == *id).map(|told| &told.entity) {
            let table = TableName::common(entity);
            if session.stored(&table).await?.contains_key(MERGED_INTO) {
                let (hash, table) = (quoted(ROW_HASH), session.table(&table));
                let sql = format!("UPDATE {table} SET {MERGED_INTO} = NULL, {hash} = '{ANEW}' || {hash} WHERE id = {}", literal(id));
                session.execute("bring a row back", sql).await?;
            }
        }
    }
    let moved = known.resolve();
    // The last word of a load about a row is the one that is known.
    told.retain(|told| known.link(&told.loser).is_some_and(|link| link.winner == told.winner));
    let mut written = std::collections::HashSet::new();
    told.retain(|told| written.insert(Arc::clone(&told.loser)));
    for told in told.chunks(AT_ONCE) {
        let rows: Vec<String> = told.iter().map(|told| row(session, fence, plan, known, version, told)).collect();
        let sql = format!(
            "INSERT INTO {} (loser_id, winner_id, resolved_id, entity, loser_source_id, winner_source_id, source_system, source_account_id, \
             said_by_loser, evidence, merged_at, recorded_at, pipeline, stream, load_id, ended_at, settled, version) VALUES {} \
             ON CONFLICT (loser_id) DO UPDATE SET winner_id = excluded.winner_id, resolved_id = excluded.resolved_id, \
             loser_source_id = excluded.loser_source_id, winner_source_id = excluded.winner_source_id, said_by_loser = excluded.said_by_loser, \
             evidence = excluded.evidence, merged_at = excluded.merged_at, recorded_at = excluded.recorded_at, pipeline = excluded.pipeline, \
             stream = excluded.stream, load_id = excluded.load_id, ended_at = NULL, settled = 0, version = excluded.version",
            session.own("merges"),
            rows.join(", ")
        );
        session.execute("write merges down", sql).await?;
    }
    for loser in moved {
        let Some(end) = known.resolved(&loser) else { continue };
        let sql = format!(
            "UPDATE {} SET resolved_id = {}, pipeline = {}, stream = {}, settled = 0, version = {version} WHERE loser_id = {}",
            session.own("merges"),
            literal(end),
            literal(&fence.pipeline),
            literal(&plan.stream),
            literal(&loser)
        );
        session.execute("write merges down", sql).await?;
    }
    Ok(())
}

fn row<S: Session>(session: &S, fence: &Fence, plan: &LoadPlan, known: &Winners, version: i64, told: &Merged) -> String {
    let text = |text: &Option<String>| text.as_deref().map_or_else(|| "NULL".to_owned(), literal);
    let time = |at: Timestamp| session.time(&literal(&timestamp_text(at)));
    let values = [
        literal(&told.loser),
        literal(&told.winner),
        literal(known.resolved(&told.loser).unwrap_or(&told.winner)),
        literal(&told.entity),
        text(&told.loser_source_id),
        text(&told.winner_source_id),
        literal(&told.system),
        literal(&told.account),
        u8::from(told.said_by_loser).to_string(),
        literal(&told.evidence),
        told.at.map_or_else(|| session.time("NULL"), time),
        time(plan.loaded_at),
        literal(&fence.pipeline),
        literal(&plan.stream),
        literal(&plan.load_id),
        session.time("NULL"),
        "0".to_owned(),
        version.to_string(),
    ];
    format!("({})", values.join(", "))
}

fn end<S: Session>(session: &S, plan: &LoadPlan, known: &Winners, version: i64, loser: &str) -> String {
    let at = known.known(loser).and_then(|link| link.ended).unwrap_or(plan.loaded_at);
    format!(
        "UPDATE {} SET ended_at = {}, version = {version} WHERE loser_id = {}",
        session.own("merges"),
        session.time(&literal(&timestamp_text(at))),
        literal(loser)
    )
}

/// Lets the rows that point at the row which stood for another be written when the source gives them again, whether they look changed or
/// not: some of them belong to the one that is back.
async fn ask_anew<S: Session>(session: &mut S, loser: &str, former: Option<&str>) -> Result<(), Failure> {
    let Some(former) = former else { return Ok(()) };
    let sql = format!("SELECT entity FROM {} WHERE loser_id = {}", session.own("merges"), literal(loser));
    let Some(entity) = session.rows("read the merges", sql).await?.into_iter().flatten().flatten().next() else { return Ok(()) };
    for (table, column) in children(session, &entity).await? {
        let hash = quoted(ROW_HASH);
        let sql = format!(
            "UPDATE {} SET {hash} = '{ANEW}' || {hash} WHERE {} = {} AND {hash} NOT LIKE '{ANEW}%'",
            session.table(&table),
            quoted(column),
            literal(former)
        );
        session.execute("let rows be read anew", sql).await?;
    }
    Ok(())
}

/// The tables there are whose columns may point at rows of an entity. A row's own winner is none of them.
async fn children<S: Session>(session: &mut S, entity: &str) -> Result<Vec<(TableName, &'static str)>, Failure> {
    let mut found = Vec::new();
    for child in references::pointing_at(entity).filter(|reference| reference.column != MERGED_INTO) {
        let table = TableName::common(child.entity);
        let stored = session.stored(&table).await?;
        if stored.contains_key(child.column) && stored.contains_key(ROW_HASH) {
            found.push((table, child.column));
        }
    }
    Ok(found)
}

/// Bringing rows up to date with merges that a stream has told of.
pub(crate) struct Settling<'a> {
    pub(crate) pipeline: &'a str,
    pub(crate) stream: &'a str,
    pub(crate) load_id: &'a str,
    pub(crate) at: Timestamp,
}

impl Settling<'_> {
    /// Marks the rows that were merged away, and brings what points at them to the ends of their chains.
    pub(crate) async fn settle<S: Session>(&self, session: &mut S) -> Result<Vec<TableReceipt>, Failure> {
        let open = format!("m.settled = 0 AND m.pipeline = {} AND m.stream = {}", literal(self.pipeline), literal(self.stream));
        let merges = session.own("merges");
        let sql = format!("SELECT DISTINCT m.entity FROM {merges} AS m WHERE {open} ORDER BY m.entity");
        let mut done: Vec<TableReceipt> = Vec::new();
        let entities: Vec<String> = session.rows("look for merges", sql).await?.into_iter().flatten().flatten().collect();
        for entity in &entities {
            let open = format!("{open} AND m.ended_at IS NULL AND m.entity = {}", literal(entity));
            done.extend(self.mark(session, entity, &open).await?);
            for (table, column) in children(session, entity).await? {
                let column = quoted(column);
                // Looked up from the rows, once over the table: joined the other way round, SQLite passes over it once a merge.
                let sql = format!(
                    "UPDATE {} AS t SET {column} = (SELECT m.resolved_id FROM {merges} AS m WHERE m.loser_id = t.{column}), {} \
                     WHERE t.{column} IN (SELECT m.loser_id FROM {merges} AS m WHERE {open})",
                    session.table(&table),
                    self.touched()
                );
                let updated = session.execute("bring rows to what their references were merged into", sql).await?;
                if updated > 0 {
                    done.push(TableReceipt { updated, ..TableReceipt::empty(&table) });
                }
            }
        }
        if !entities.is_empty() {
            let open = open.replace("m.", "");
            session.execute("note that merges are settled", format!("UPDATE {merges} SET settled = 1 WHERE {open}")).await?;
        }
        Ok(done)
    }

    fn touched(&self) -> String {
        format!("{} = {}, {} = {}", quoted(LOAD_ID), literal(self.load_id), quoted(LOADED_AT), literal(&timestamp_text(self.at)))
    }

    /// Marks the rows of an entity that were merged away, those of the merges `which`.
    async fn mark<S: Session>(&self, session: &mut S, entity: &str, which: &str) -> Result<Option<TableReceipt>, Failure> {
        let table = TableName::common(entity);
        let stored = session.stored(&table).await?;
        if Entity::named(entity).is_none() || !stored.contains_key(MERGED_INTO) {
            return Ok(None);
        }
        let (name, merges, truth) = (session.table(&table), session.own("merges"), session.truth());
        let (deleted, deleted_at, hash, into) = (quoted(IS_DELETED), quoted(DELETED_AT), quoted(ROW_HASH), quoted(MERGED_INTO));
        let touched = self.touched();
        let mut done = TableReceipt::empty(&table);
        let now = session.time(&literal(&timestamp_text(self.at)));
        let of = |what: &str| format!("(SELECT m.{what} FROM {merges} AS m WHERE m.loser_id = t.id)");
        let (resolved, merged_at) = (of("resolved_id"), of("merged_at"));
        let losers = format!("t.id IN (SELECT m.loser_id FROM {merges} AS m WHERE {which})");
        let sql = format!(
            "UPDATE {name} AS t SET {deleted} = {truth}, {deleted_at} = coalesce(t.{deleted_at}, {merged_at}, {now}), {into} = {resolved}, \
             {touched}, {hash} = '{TOMBSTONE_MARK}' || t.{hash} WHERE {losers} AND t.{deleted} IS DISTINCT FROM {truth}"
        );
        done.deleted = session.execute("mark rows that were merged away", sql).await?;
        let sql = format!("UPDATE {name} AS t SET {into} = {resolved}, {touched} WHERE {losers} AND t.{into} IS DISTINCT FROM {resolved}");
        done.updated = session.execute("mark rows that were merged away", sql).await?;
        Ok((done.deleted + done.updated > 0).then_some(done))
    }
}

/// Marks rows of the load that were merged away: an old copy of them, or their first.
async fn mark_again<S: Session>(
    session: &mut S,
    of: &Settling<'_>,
    plan: &LoadPlan,
    known: &Winners,
) -> Result<Vec<TableReceipt>, Failure> {
    let mut done = Vec::new();
    for step in common_rows(plan) {
        let mut ids = Vec::new();
        for part in &step.parts {
            let keys = part.keys()?;
            ids.extend(part.rows().map(|row| keys.value(row)).filter(|key| known.link(key).is_some()).map(literal));
        }
        for ids in ids.chunks(AT_ONCE) {
            let which = format!("m.ended_at IS NULL AND m.loser_id IN ({})", ids.join(", "));
            done.extend(of.mark(session, &step.schema.name.name, &which).await?);
        }
    }
    Ok(done)
}
