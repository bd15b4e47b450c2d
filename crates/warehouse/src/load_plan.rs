//! The batches of a load, sorted into tables and steps, with duplicates told apart. Made once; every attempt to load reads it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aqueduct_schema::{
    Batch, Checkpoint, CleaningCount, Error, Layer, Mode, Operation, Protected, Reject, Result, Table, TableName, TableSchema, Timestamp,
    codes,
};
use arrow_array::cast::AsArray;
use arrow_array::{Array, StringArray};

use crate::backfill::WindowKey;
use crate::cells::Cells;
use crate::history::History;
use crate::layout::{Layout, SOURCE_ID};
use crate::merges::Merged;
use crate::quarantine::{self, QuarantineRow};
use crate::shadow::{Redirect, ShadowKind};
use crate::warehouse::{Fence, Receipt, TableReceipt};

/// Everything a load does.
pub(crate) struct LoadPlan {
    pub(crate) stream: Arc<str>,
    /// The same for the same place in the same run, so that a load whose commit was not answered can be found.
    pub(crate) load_id: String,
    pub(crate) loaded_at: Timestamp,
    /// Source table first.
    pub(crate) tables: Vec<TablePlan>,
    pub(crate) quarantine: Vec<QuarantineRow>,
    /// Ids at the source of the records that are rejected, with the last batch that did so.
    pub(crate) rejected: HashMap<String, usize>,
    pub(crate) checkpoint: Checkpoint,
    /// What cleaning did; nothing of a reading of keys, whose records are not whole.
    pub(crate) cleaning: Vec<CleaningCount>,
    /// When the readings began that batches of this load belong to and whose ends mark what they did not see: snapshots, and readings of
    /// what belongs to some records.
    pub(crate) snapshots: Vec<Timestamp>,
    /// Those of them that are complete with this load.
    pub(crate) completed: Vec<Timestamp>,
    /// The records whose own rows are all in a reading.
    pub(crate) sets: Vec<SetsOf>,
    /// Which rows were merged into which, as the source says.
    pub(crate) merges: Vec<Merged>,
    /// Where the rows go when they are not to be seen yet.
    pub(crate) shadow: Option<Redirect>,
    /// The window of a backfill whose row of the ledger takes the checkpoint.
    pub(crate) window: Option<Arc<WindowKey>>,
    /// Pages of the source in it.
    pub(crate) pages: u64,
    pub(crate) read: u64,
    pub(crate) quarantined: u64,
    pub(crate) filtered: u64,
}

/// Values of a column whose rows are all in a reading.
pub(crate) struct SetsOf {
    /// When the reading began.
    pub(crate) reading: Timestamp,
    /// The values, in the only column.
    pub(crate) table: Table,
}

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
    batch: usize,
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

impl LoadPlan {
    /// Sorts batches. There is at least one.
    ///
    /// # Errors
    /// `AQ9001` when rows do not fit together.
    pub(crate) fn new(
        fence: &Fence,
        sequence: u64,
        loaded_at: Timestamp,
        batches: Vec<Batch<Protected>>,
        mut shadow: Option<Redirect>,
    ) -> Result<Self> {
        let Some((stream, checkpoint)) = batches.last().map(|last| (Arc::clone(last.stream()), last.checkpoint().clone())) else {
            return Err(Error::new(codes::BUG, "a load without batches"));
        };
        let of_keys = shadow.as_ref().is_some_and(|shadow| shadow.kind() == ShadowKind::Keys);
        let pages = batches.len() as u64;
        let (mut read, mut filtered, mut quarantined) = (0, 0, 0);
        let mut tables: Vec<TablePlan> = Vec::new();
        let mut grouped: Vec<(TableName, Vec<Rows>)> = Vec::new();
        let mut positions: HashMap<TableName, usize> = HashMap::new();
        let mut rejects: Vec<Reject> = Vec::new();
        let (mut snapshots, mut completed) = (Vec::new(), Vec::new());
        let mut rejected: HashMap<String, usize> = HashMap::new();
        let mut cleaning = Vec::new();
        let (mut sets, mut merges) = (Vec::new(), Vec::new());
        for (index, batch) in batches.into_iter().enumerate() {
            if !of_keys {
                CleaningCount::add_to(&mut cleaning, batch.cleaning());
            }
            let (_, parts, batch_rejects, counts, of) = batch.into_parts();
            // What is in a shadow is compared as a whole in the end.
            if closes(of.mode) && shadow.is_none() {
                snapshots.push(of.reading_started_at);
                if of.reading_complete {
                    completed.push(of.reading_started_at);
                }
            }
            read += counts.read;
            filtered += counts.filtered;
            quarantined += batch_rejects.len() as u64;
            for id in batch_rejects.iter().filter_map(|reject| reject.source_id.clone()) {
                rejected.insert(id, index);
            }
            rejects.extend(batch_rejects);
            for (place, table) in parts.into_iter().enumerate() {
                match table.operation {
                    Operation::Merge if of_keys => continue,
                    Operation::Merge => {
                        merges.extend(Merged::all_of(&table));
                        continue;
                    }
                    Operation::Sets => {
                        sets.push(SetsOf { reading: of.reading_started_at, table });
                        continue;
                    }
                    Operation::Upsert | Operation::Tombstone => {}
                }
                // Rows that are made from stored ones again come without a source table.
                let records = place == 0 && matches!(table.schema.name.layer, Layer::Source(_));
                let table = match &mut shadow {
                    Some(shadow) => shadow.lead(&stream, table, records)?,
                    None => table,
                };
                let name = table.schema.name.clone();
                let position = *positions.entry(name.clone()).or_insert_with(|| {
                    grouped.push((name, Vec::new()));
                    grouped.len() - 1
                });
                grouped[position].1.push(Rows {
                    counts_records: records,
                    mode: of.mode,
                    reading_started_at: of.reading_started_at,
                    batch: index,
                    table,
                });
            }
        }
        for readings in [&mut snapshots, &mut completed] {
            readings.sort_unstable();
            readings.dedup();
        }
        for (name, parts) in grouped {
            let (table, duplicates) = TablePlan::new(&name, parts)?;
            filtered += duplicates;
            tables.push(table);
        }
        Ok(Self {
            load_id: load_id(fence, &stream, sequence),
            loaded_at,
            tables,
            quarantine: quarantine::rows(fence, &stream, rejects),
            rejected,
            checkpoint,
            cleaning,
            snapshots,
            completed,
            sets,
            merges,
            shadow,
            window: None,
            pages,
            stream,
            read,
            quarantined,
            filtered,
        })
    }

    /// With which tables keep the versions of their rows.
    pub(crate) fn keeping(mut self, history: &History) -> Self {
        for table in &mut self.tables {
            table.layout.history = history.keeps(&table.layout.name);
            table.steps.iter_mut().for_each(|step| step.history = table.layout.history);
        }
        self
    }

    /// Ids at the source of the records that are rejected, to be kept from a snapshot's tombstones.
    pub(crate) fn rejected_ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.rejected.keys().map(String::as_str).collect();
        ids.sort_unstable();
        ids
    }

    /// Ids at the source of the records that are good in this load and not rejected later in it, by the column `source_id`.
    pub(crate) fn good_ids(&self) -> Vec<&str> {
        // Keys alone, and some columns alone, say nothing about the rest of their records.
        if self.shadow.as_ref().is_some_and(|shadow| shadow.kind() == ShadowKind::Keys) {
            return Vec::new();
        }
        let mut good: HashSet<&str> = HashSet::new();
        for step in self.tables.iter().flat_map(|table| &table.steps).filter(|step| step.kind == StepKind::Rows) {
            for part in &step.parts {
                let table = &part.table;
                let ids = table.schema.index_of(SOURCE_ID).and_then(|index| table.rows.column(index).as_string_opt::<i32>());
                let ids = ids.into_iter().flat_map(|ids| ids.iter().flatten());
                good.extend(ids.filter(|id| self.rejected.get(*id).is_none_or(|rejected_in| *rejected_in < part.batch)));
            }
        }
        let mut good: Vec<&str> = good.into_iter().collect();
        good.sort_unstable();
        good
    }

    /// The receipt of a load that did `outcome`.
    pub(crate) fn receipt(&self, outcome: Outcome) -> Receipt {
        Receipt {
            load_id: self.load_id.clone(),
            read: self.read,
            loaded: outcome.loaded,
            quarantined: self.quarantined,
            filtered: self.filtered,
            unchanged: outcome.unchanged,
            tables: outcome.tables,
        }
    }
}

/// Rows of a batch on their way into a step.
struct Rows {
    counts_records: bool,
    mode: Mode,
    reading_started_at: Timestamp,
    batch: usize,
    table: Table,
}

impl TablePlan {
    fn new(name: &TableName, parts: Vec<Rows>) -> Result<(Self, u64)> {
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
fn closes(mode: Mode) -> bool {
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

/// The id of a load, by its place among those of its stream and run.
pub(crate) fn load_id(fence: &Fence, stream: &str, sequence: u64) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [fence.pipeline.as_bytes(), fence.run_id.as_bytes(), stream.as_bytes(), &sequence.to_le_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    // Eight bytes keep `_load_id` short in every row; two loads with one id would be refused by the table of loads.
    hasher.finalize().to_hex()[..16].to_owned()
}

/// What an attempt did, collected as it goes.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) tables: Vec<TableReceipt>,
    loaded: u64,
    unchanged: u64,
}

impl Outcome {
    /// Notes what a step did in its table.
    pub(crate) fn note(&mut self, step: &Step, done: &TableReceipt) {
        if step.counts_records {
            self.loaded += done.inserted + done.updated + done.deleted;
            self.unchanged += done.unchanged;
        }
        self.add(done);
    }

    /// Notes what happened in a table beside the records.
    pub(crate) fn add(&mut self, done: &TableReceipt) {
        match self.tables.iter_mut().find(|mine| mine.table == done.table) {
            Some(mine) => mine.add(done),
            None => self.tables.push(done.clone()),
        }
    }
}
