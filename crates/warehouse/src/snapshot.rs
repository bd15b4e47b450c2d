//! What a snapshot has seen, what a complete one marks as deleted, and how much that may be.

use std::collections::BTreeMap;
use std::sync::Arc;

use aqueduct_schema::{Error, Layer, Mode, TableName, TableSchema, Timestamp, codes};
use arrow_array::cast::AsArray;
use serde::{Deserialize, Serialize};

use crate::cells::timestamp_text;
use crate::failure::Failure;
use crate::identifier::{literal, quoted};
use crate::layout::{DELETED_AT, IS_DELETED, LOAD_ID, LOADED_AT, ROW_HASH, SOURCE_ID};
use crate::load_plan::{LoadPlan, StepKind};
use crate::records::{from_json, to_json};
use crate::row_hash::TOMBSTONE_MARK;
use crate::session::{Session, numbers};
use crate::warehouse::{Fence, TableReceipt};

/// A complete snapshot stops when it would delete more than this many rows …
const FEW: u64 = 20;
/// … and more than this share of the live ones, in percent.
const MOST_PERCENT: u64 = 50;

/// The rows a snapshot speaks of: those of one table that have the same constants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scope {
    /// The connector of a source table; absent for a common table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    table: String,
    /// The key column.
    pub(crate) key: String,
    /// Columns and their values.
    pub(crate) constants: BTreeMap<String, String>,
    /// The column whose values are the records that the rows belong to, where the keys seen are such values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<String>,
}

impl Scope {
    /// The rows that a schema describes.
    pub(crate) fn of(schema: &TableSchema) -> Self {
        Self {
            system: match &schema.name.layer {
                Layer::Common | Layer::Shadow => None,
                Layer::Source(system) => Some(system.to_string()),
            },
            table: schema.name.name.to_string(),
            key: schema.key.to_string(),
            constants: schema.constants.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            of: None,
        }
    }

    /// The rows of a source table that belong to an account.
    pub(crate) fn of_account(table: &TableName, account: &str) -> Self {
        let system = match &table.layer {
            Layer::Common | Layer::Shadow => None,
            Layer::Source(system) => Some(system.to_string()),
        };
        let constants = [("source_account_id".to_owned(), account.to_owned())].into();
        Self { system, table: table.name.to_string(), key: "_id".to_owned(), constants, of: None }
    }

    /// The condition of its live rows, by the name that the table has in the statement.
    pub(crate) fn alive<S: Session>(&self, session: &S, side: &str) -> String {
        let mut condition = format!("{side}.{} IS DISTINCT FROM {}", quoted(IS_DELETED), session.truth());
        for (constant, value) in &self.constants {
            condition.push_str(&format!(" AND {side}.{} = {}", quoted(constant), literal(value)));
        }
        condition
    }

    /// The table.
    pub(crate) fn table(&self) -> TableName {
        let layer = match &self.system {
            Some(system) => Layer::Source(Arc::from(system.as_str())),
            None => Layer::Common,
        };
        TableName { layer, name: Arc::from(self.table.as_str()) }
    }
}

/// Keys that a load adds to what a snapshot has seen.
struct Seen<'a> {
    /// When the reading began.
    reading: Timestamp,
    /// A [`Scope`] as JSON; empty for the ids at the source of rejected records, which exist although no row was loaded.
    scope: String,
    keys: Vec<&'a str>,
}

/// What the load adds to what the snapshots under way have seen. Every scope comes up, even one without rows.
fn seen(plan: &LoadPlan) -> aqueduct_schema::Result<Vec<Seen<'_>>> {
    let mut all: Vec<Seen<'_>> = Vec::new();
    for step in plan.tables.iter().flat_map(|table| &table.steps).filter(|step| step.kind == StepKind::Rows) {
        let scope = to_json(&Scope::of(&step.schema))?;
        for part in &step.parts {
            let Some(reading) = part.snapshot else { continue };
            let keys = part.keys()?;
            let keys = part.rows().map(|row| keys.value(row));
            match all.iter_mut().find(|seen| seen.reading == reading && seen.scope == scope) {
                Some(seen) => seen.keys.extend(keys),
                None => all.push(Seen { reading, scope: scope.clone(), keys: keys.collect() }),
            }
        }
    }
    for sets in &plan.sets {
        let [column] = sets.table.schema.columns.as_slice() else { continue };
        let scope = to_json(&Scope { of: Some(column.name.to_string()), ..Scope::of(&sets.table.schema) })?;
        let values = sets.table.rows.column(0).as_string_opt::<i32>();
        let keys = values.into_iter().flat_map(|values| values.iter().flatten()).collect();
        all.push(Seen { reading: sets.reading, scope, keys });
    }
    let rejected = plan.rejected_ids();
    if !rejected.is_empty() {
        all.extend(plan.snapshots.iter().map(|reading| Seen { reading: *reading, scope: String::new(), keys: rejected.clone() }));
    }
    Ok(all)
}

/// Remembers what the snapshots of a load have seen, and ends those that are complete.
pub(crate) async fn close_snapshots<S: Session>(session: &mut S, fence: &Fence, plan: &LoadPlan) -> Result<Vec<TableReceipt>, Failure> {
    if plan.snapshots.is_empty() {
        return Ok(Vec::new());
    }
    let stream = format!("pipeline = {} AND stream = {}", literal(&fence.pipeline), literal(&plan.stream));
    let at = |reading: Timestamp| literal(&timestamp_text(reading));
    for seen in seen(plan)? {
        let values = [literal(&fence.pipeline), literal(&plan.stream), at(seen.reading), literal(&seen.scope), session.keys(&seen.keys)?];
        let sql = format!(
            "INSERT INTO {} (pipeline, stream, reading_started_at, scope, keys, load_id) VALUES ({}, {})",
            session.own("seen"),
            values.join(", "),
            literal(&plan.load_id)
        );
        session.execute("remember what the snapshot has seen", sql).await?;
    }
    let mut done = Vec::new();
    for reading in &plan.completed {
        let place = format!("{stream} AND reading_started_at = {}", at(*reading));
        let sql = format!("SELECT DISTINCT scope FROM {} WHERE {place} AND scope <> '' ORDER BY scope", session.own("seen"));
        for json in session.rows("read what the snapshot has seen", sql).await?.into_iter().flatten().flatten() {
            let scope: Scope = from_json(&json, "what the snapshot has seen cannot be read")?;
            // A reading of what belongs to some records says nothing about what belongs to others.
            if scope.of.is_some() == (plan.checkpoint.mode == Mode::Parents) {
                done.push(close(session, fence, plan, (*reading, &place), scope).await?);
            }
        }
        let sql = format!("DELETE FROM {} WHERE {stream} AND reading_started_at <= {}", session.own("seen"), at(*reading));
        session.execute("forget what the snapshot has seen", sql).await?;
    }
    Ok(done)
}

/// Makes the indexes by which the rows that belong to some records are found. Before anything is written: an index waits for those who
/// write into its table, and they wait for it.
pub(crate) async fn index_sets<S: Session>(session: &mut S, plan: &LoadPlan) -> Result<(), Failure> {
    if plan.checkpoint.mode != Mode::Parents || !plan.checkpoint.reading_complete {
        return Ok(());
    }
    for sets in &plan.sets {
        let [column] = sets.table.schema.columns.as_slice() else { continue };
        if !session.stored(&sets.table.schema.name).await?.is_empty() {
            session.index_column(&sets.table.schema.name, &column.name).await?;
        }
    }
    Ok(())
}

/// Marks the rows of a scope as deleted that the snapshot did not contain.
async fn close<S: Session>(
    session: &mut S,
    fence: &Fence,
    plan: &LoadPlan,
    (reading, place): (Timestamp, &str),
    mut scope: Scope,
) -> Result<TableReceipt, Failure> {
    let sets = to_json(&scope)?;
    let of = scope.of.take();
    let json = to_json(&scope)?;
    let name = scope.table();
    let mut done = TableReceipt::empty(&name);
    let stored = session.stored(&name).await?;
    if stored.is_empty() {
        return Ok(done);
    }
    let mut condition = scope.alive(session, "t");
    if let Some(column) = &of {
        condition.push_str(&session.seen(&quoted(column), &format!("{place} AND scope = {}", literal(&sets))));
    }
    let sql = format!("SELECT count(*) FROM {} AS t WHERE {condition}", session.table(&name));
    let [live] = numbers(session, "count live rows", sql).await?;
    condition.push_str(&session.unseen(&quoted(&scope.key), &format!("{place} AND scope = {}", literal(&json))));
    if stored.contains_key(SOURCE_ID) {
        // A rejected record exists at the source: its last good version stays.
        condition.push_str(&session.unseen(&quoted(SOURCE_ID), &format!("{place} AND scope = ''")));
    }
    let sql = format!("{} WHERE {condition}", mark(session, &name, reading, &plan.load_id, plan.loaded_at));
    done.deleted = session.execute("mark rows as deleted", sql).await?;
    guard(fence, &name, live, done.deleted)?;
    Ok(done)
}

/// `UPDATE … SET …` for rows `t` of a table that were deleted at an instant.
pub(crate) fn mark<S: Session>(session: &S, table: &TableName, at: Timestamp, load_id: &str, loaded_at: Timestamp) -> String {
    // Literals suit the columns whether they are still of their own type or have become text, because the source has one of that name.
    format!(
        "UPDATE {} AS t SET {} = {}, {} = {}, {} = {}, {} = {}, {hash} = '{TOMBSTONE_MARK}' || t.{hash}",
        session.table(table),
        quoted(IS_DELETED),
        session.truth(),
        quoted(DELETED_AT),
        literal(&timestamp_text(at)),
        quoted(LOAD_ID),
        literal(load_id),
        quoted(LOADED_AT),
        literal(&timestamp_text(loaded_at)),
        hash = quoted(ROW_HASH),
    )
}

/// Refuses a deletion of suspiciously many rows, unless the run allows it.
///
/// # Errors
/// `AQ6001`.
pub fn guard(fence: &Fence, table: &TableName, live: u64, gone: u64) -> aqueduct_schema::Result<()> {
    if fence.allow_mass_delete || gone <= FEW || gone * 100 <= live * MOST_PERCENT {
        return Ok(());
    }
    Err(Error::new(codes::MASS_DELETE, format!("{gone} of {live} rows would be deleted")).with("table", table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_many_rows_and_most_of_them_stop_a_snapshot() {
        let fence = |allow_mass_delete| Fence { pipeline: "p".into(), run_id: "r".into(), epoch: 1, allow_mass_delete, backfill: false };
        let table = TableName::common("contact");
        assert!(guard(&fence(false), &table, 20, 20).is_ok());
        assert!(guard(&fence(false), &table, 100, 50).is_ok());
        assert!(guard(&fence(false), &table, 100, 51).is_err());
        assert!(guard(&fence(false), &table, 21, 21).is_err());
        assert!(guard(&fence(true), &table, 100, 100).is_ok());
    }
}
