//! Sorting the batches of a load: rows to the tables they go to, and everything else to what it means for the load.

use std::collections::HashMap;
use std::sync::Arc;

use aqueduct_schema::{Batch, CleaningCount, Layer, Operation, Protected, Reject, Result, Table, TableName, Timestamp};

use super::SetsOf;
use super::tables::{Rows, closes};
use crate::merges::Merged;
use crate::shadow::{Redirect, ShadowKind};

/// What is in the batches so far. What a [`LoadPlan`](super::LoadPlan) has under the same names is described there.
pub(super) struct Sorting {
    stream: Arc<str>,
    pub(super) shadow: Option<Redirect>,
    /// The rows of each table, in the order in which the tables were met.
    pub(super) tables: Vec<(TableName, Vec<Rows>)>,
    positions: HashMap<TableName, usize>,
    pub(super) rejects: Vec<Reject>,
    pub(super) rejected: HashMap<String, usize>,
    pub(super) cleaning: Vec<CleaningCount>,
    pub(super) snapshots: Vec<Timestamp>,
    pub(super) completed: Vec<Timestamp>,
    pub(super) sets: Vec<SetsOf>,
    pub(super) merges: Vec<Merged>,
    pub(super) pages: u64,
    pub(super) read: u64,
    pub(super) filtered: u64,
}

impl Sorting {
    /// Sorts batches of a stream.
    ///
    /// # Errors
    /// `AQ9001` when rows do not fit together.
    pub(super) fn of(stream: &Arc<str>, batches: Vec<Batch<Protected>>, shadow: Option<Redirect>) -> Result<Self> {
        let mut sorting = Self {
            stream: Arc::clone(stream),
            shadow,
            tables: Vec::new(),
            positions: HashMap::new(),
            rejects: Vec::new(),
            rejected: HashMap::new(),
            cleaning: Vec::new(),
            snapshots: Vec::new(),
            completed: Vec::new(),
            sets: Vec::new(),
            merges: Vec::new(),
            pages: batches.len() as u64,
            read: 0,
            filtered: 0,
        };
        for (index, batch) in batches.into_iter().enumerate() {
            sorting.batch(index, batch)?;
        }
        for readings in [&mut sorting.snapshots, &mut sorting.completed] {
            readings.sort_unstable();
            readings.dedup();
        }
        Ok(sorting)
    }

    fn batch(&mut self, index: usize, batch: Batch<Protected>) -> Result<()> {
        if !self.is_of_keys() {
            CleaningCount::add_to(&mut self.cleaning, batch.cleaning());
        }
        let (_, tables, rejects, counts, of) = batch.into_parts();
        // What is in a shadow is compared as a whole in the end.
        if closes(of.mode) && self.shadow.is_none() {
            self.snapshots.push(of.reading_started_at);
            if of.reading_complete {
                self.completed.push(of.reading_started_at);
            }
        }
        self.read += counts.read;
        self.filtered += counts.filtered;
        self.rejected.extend(rejects.iter().filter_map(|reject| Some((reject.source_id.clone()?, index))));
        self.rejects.extend(rejects);
        for (place, table) in tables.into_iter().enumerate() {
            match table.operation {
                Operation::Merge if self.is_of_keys() => {}
                Operation::Merge => self.merges.extend(Merged::all_of(&table)),
                Operation::Sets => self.sets.push(SetsOf { reading: of.reading_started_at, table }),
                Operation::Upsert | Operation::Tombstone => {
                    // Rows that are made from stored ones again come without a source table.
                    let counts_records = place == 0 && matches!(table.schema.name.layer, Layer::Source(_));
                    let table = self.led(table, counts_records)?;
                    self.rows_of(&table.schema.name).push(Rows {
                        counts_records,
                        mode: of.mode,
                        reading_started_at: of.reading_started_at,
                        batch: index,
                        table,
                    });
                }
            }
        }
        Ok(())
    }

    /// Whether the load is of a reading of keys, whose records are not whole.
    fn is_of_keys(&self) -> bool {
        self.shadow.as_ref().is_some_and(|shadow| shadow.kind() == ShadowKind::Keys)
    }

    /// A table with the name that its rows go to.
    fn led(&mut self, table: Table, counts_records: bool) -> Result<Table> {
        match &mut self.shadow {
            Some(shadow) => shadow.lead(&self.stream, table, counts_records),
            None => Ok(table),
        }
    }

    fn rows_of(&mut self, name: &TableName) -> &mut Vec<Rows> {
        let position = *self.positions.entry(name.clone()).or_insert_with(|| {
            self.tables.push((name.clone(), Vec::new()));
            self.tables.len() - 1
        });
        &mut self.tables[position].1
    }
}
