//! The rows of a load, sorted into the tables they go to and the steps by which they go in.

use std::collections::HashSet;
use std::sync::Arc;

use aqueduct_schema::{Error, Mode, Operation, Result, Table, TableName, TableSchema, Timestamp, codes};
use arrow_array::cast::AsArray;
use arrow_array::{Array, StringArray};

use crate::cells::Cells;
use crate::layout::Layout;

/// What a load does in one table.
pub(crate) struct TablePlan {
    pub(crate) layout: Layout,
    pub(crate) steps: Vec<Step>,
}

/// Rows that go in by one statement.
pub(crate) struct Step {
    pub(crate) kind: StepKind,
    /// The columns, constants and key of all rows of this step.
    pub(crate) schema: Arc<TableSchema>,
    /// Whether the rows are the records themselves, which the receipt's counts speak of.
    pub(crate) counts_records: bool,
    /// Whether the versions of the rows are kept.
    pub(crate) history: bool,
    pub(crate) parts: Vec<Part>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// Insert or update; a column the rows know nothing of becomes null.
    Rows,
    /// Insert or update; every other column stays as it is.
    Columns,
    /// Mark as deleted.
    Tombstones,
}

/// Rows of one batch.
pub(crate) struct Part {
    pub(crate) table: Table,
    /// The batch's place in the load.
    pub(super) batch: usize,
    /// When the snapshot began that the rows belong to.
    pub(crate) snapshot: Option<Timestamp>,
    /// The rows to take, where not all are: a later row of the load has the key of the others.
    pub(crate) taken: Option<Vec<u32>>,
}

impl Part {
    /// The columns, in the order of the schema.
    pub(crate) fn cells(&self) -> Result<Vec<Cells<'_>>> {
        (0..self.table.schema.columns.len()).map(|index| Cells::of(&self.table, index)).collect()
    }

    /// The number of rows to take.
    pub(crate) fn len(&self) -> usize {
        self.taken.as_ref().map_or(self.table.len(), Vec::len)
    }

    /// The rows to take.
    pub(crate) fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).map(|index| self.taken.as_ref().map_or(index, |taken| taken[index] as usize))
    }

    /// The key of every row of the batch.
    pub(crate) fn keys(&self) -> Result<&StringArray> {
        keys(&self.table)
    }
}

impl Step {
    /// The number of rows to take.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(Part::len).sum()
    }
}

fn keys(table: &Table) -> Result<&StringArray> {
    let wrong = |what: &str| Error::new(codes::BUG, what).with("table", &table.schema.name).with("column", &table.schema.key);
    let index = table.schema.index_of(&table.schema.key).ok_or_else(|| wrong("rows carry no key"))?;
    let keys = table.rows.column(index).as_string_opt::<i32>().ok_or_else(|| wrong("the key of a table is one column of text"))?;
    if keys.null_count() > 0 { Err(wrong("a row has no key")) } else { Ok(keys) }
}

/// Rows of a batch on their way into a step.
pub(super) struct Rows {
    pub(super) counts_records: bool,
    pub(super) mode: Mode,
    pub(super) reading_started_at: Timestamp,
    pub(super) batch: usize,
    pub(super) table: Table,
}

impl TablePlan {
    pub(super) fn new(name: &TableName, parts: Vec<Rows>) -> Result<(Self, u64)> {
        // Pages mostly share one schema; looking at it once is enough.
        let mut schemas: Vec<&Arc<TableSchema>> = parts.iter().map(|rows| &rows.table.schema).collect();
        schemas.dedup_by(|one, other| Arc::ptr_eq(one, other));
        let layout = Layout::of(name, schemas.into_iter().map(Arc::as_ref))?;
        let (taken, duplicates) = last_of_each_key(&parts)?;
        let mut steps: Vec<Step> = Vec::new();
        // Rows before a tombstone go in before it; among upserts the order is free, for every key comes once.
        let mut first_of_run = 0;
        for (Rows { counts_records, mode, reading_started_at, batch, table }, taken) in parts.into_iter().zip(taken) {
            let kind = match (table.operation, mode) {
                (Operation::Tombstone | Operation::Merge | Operation::Sets, _) => StepKind::Tombstones,
                (Operation::Upsert, Mode::Columns) => StepKind::Columns,
                (Operation::Upsert, _) => StepKind::Rows,
            };
            if steps.last().is_some_and(|last| (last.kind == StepKind::Tombstones) != (kind == StepKind::Tombstones)) {
                first_of_run = steps.len();
            }
            let schema = Arc::clone(&table.schema);
            let snapshot = closes(mode).then_some(reading_started_at);
            let part = Part { table, batch, snapshot, taken };
            part.keys()?;
            match steps[first_of_run..].iter_mut().find(|step| {
                step.kind == kind && step.counts_records == counts_records && (Arc::ptr_eq(&step.schema, &schema) || step.schema == schema)
            }) {
                Some(step) => step.parts.push(part),
                None => steps.push(Step { kind, schema, counts_records, history: false, parts: vec![part] }),
            }
        }
        Ok((Self { layout, steps }, duplicates))
    }
}

/// Whether a reading marks, at its end, rows that it did not see.
pub(super) fn closes(mode: Mode) -> bool {
    matches!(mode, Mode::Snapshot | Mode::Parents)
}

/// For every part the rows to take, where a later row has the key of others, and how many records are left out for that.
fn last_of_each_key(parts: &[Rows]) -> Result<(Vec<Option<Vec<u32>>>, u64)> {
    #[cfg(feature = "planted-no-dedupe")]
    fail::fail_point!("planted::no_dedupe", |_| Ok((vec![None; parts.len()], 0)));
    let upserts = || parts.iter().enumerate().filter(|(_, rows)| rows.table.operation == Operation::Upsert);
    let mut seen: HashSet<&str> = HashSet::with_capacity(upserts().map(|(_, rows)| rows.table.len()).sum());
    let mut taken: Vec<Option<Vec<u32>>> = vec![None; parts.len()];
    let mut records = 0;
    for (index, rows) in upserts().rev() {
        let keys = keys(&rows.table)?;
        let mut left_out = HashSet::new();
        for row in (0..rows.table.len()).rev() {
            if !seen.insert(keys.value(row)) {
                left_out.insert(row);
            }
        }
        if !left_out.is_empty() {
            records += if rows.counts_records { left_out.len() as u64 } else { 0 };
            // Row numbers of a record batch fit.
            taken[index] = Some((0..rows.table.len()).filter(|row| !left_out.contains(row)).map(|row| row as u32).collect());
        }
    }
    Ok((taken, records))
}
