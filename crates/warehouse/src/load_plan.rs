//! The batches of a load, sorted into tables and steps, with duplicates told apart. Made once; every attempt to load reads it.

mod sorting;
mod tables;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aqueduct_schema::{Batch, Checkpoint, CleaningCount, Error, Protected, Result, Table, Timestamp, codes};
use arrow_array::cast::AsArray;

use self::sorting::Sorting;
pub(crate) use self::tables::{Part, Step, StepKind, TablePlan};
use crate::backfill::WindowKey;
use crate::history::History;
use crate::layout::SOURCE_ID;
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
        shadow: Option<Redirect>,
    ) -> Result<Self> {
        let Some((stream, checkpoint)) = batches.last().map(|last| (Arc::clone(last.stream()), last.checkpoint().clone())) else {
            return Err(Error::new(codes::BUG, "a load without batches"));
        };
        let sorted = Sorting::of(&stream, batches, shadow)?;
        let mut tables: Vec<TablePlan> = Vec::with_capacity(sorted.tables.len());
        let mut filtered = sorted.filtered;
        for (name, rows) in sorted.tables {
            let (table, duplicates) = TablePlan::new(&name, rows)?;
            filtered += duplicates;
            tables.push(table);
        }
        Ok(Self {
            load_id: load_id(fence, &stream, sequence),
            loaded_at,
            tables,
            quarantined: sorted.rejects.len() as u64,
            quarantine: quarantine::rows(fence, &stream, sorted.rejects),
            rejected: sorted.rejected,
            checkpoint,
            cleaning: sorted.cleaning,
            snapshots: sorted.snapshots,
            completed: sorted.completed,
            sets: sorted.sets,
            merges: sorted.merges,
            shadow: sorted.shadow,
            window: None,
            pages: sorted.pages,
            stream,
            read: sorted.read,
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
