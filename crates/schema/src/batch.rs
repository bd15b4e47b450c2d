//! Batches and the stage they have reached.
//!
//! A batch moves raw → normalised → checked → protected. Each step is one method, called in one crate alone
//! (`engine` begins, then `normalise`, `quality`, `privacy`), and only a protected batch gives its rows away to be loaded.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::checkpoint::Checkpoint;
use crate::cleaning::CleaningCount;
use crate::reject::Reject;
use crate::table::Table;

/// A stage of a batch.
pub trait Stage: sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! stages {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $($(#[$doc])* #[derive(Clone, Copy, Debug)] pub enum $name {} impl sealed::Sealed for $name {} impl Stage for $name {})*
    };
}

stages! {
    /// As the source gave it, in columns.
    Raw
    /// Mapped onto the common schema and cleaned.
    Normalised
    /// Judged: what must not be loaded is among the rejects.
    Checked
    /// Treated by the policy. The only stage a warehouse takes.
    Protected
}

/// How many records went where. For every stream of every run, `read = loaded + quarantined + filtered + unchanged`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records in the pages, malformed ones included.
    pub read: u64,
    /// Records left out on purpose: by a `when` in the mapping, or an older copy of a record that comes again in the same load.
    pub filtered: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.filtered += other.filtered;
    }
}

/// Rows, rejects and the checkpoint that covers them.
#[derive(Debug)]
pub struct Batch<S: Stage> {
    stream: Arc<str>,
    tables: Vec<Table>,
    rejects: Vec<Reject>,
    counts: Counts,
    checkpoint: Checkpoint,
    cleaning: Vec<CleaningCount>,
    parents: Vec<String>,
    stage: PhantomData<fn() -> S>,
}

impl<S: Stage> Batch<S> {
    /// The stream the rows were read from.
    pub fn stream(&self) -> &Arc<str> {
        &self.stream
    }

    /// The rows. A raw batch has one table, the source's own; later stages have the source table first, then common tables.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The records that are not loaded.
    pub fn rejects(&self) -> &[Reject] {
        &self.rejects
    }

    /// What was read and left out.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The state that these rows make true.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// What cleaning did to the cells of these rows.
    pub fn cleaning(&self) -> &[CleaningCount] {
        &self.cleaning
    }

    /// What cleaning did, for `normalise` to fill and `privacy` to protect.
    pub fn cleaning_mut(&mut self) -> &mut Vec<CleaningCount> {
        &mut self.cleaning
    }

    fn moved<T: Stage>(self, tables: Vec<Table>, rejects: Vec<Reject>, counts: Counts) -> Batch<T> {
        let Self { stream, checkpoint, cleaning, parents, .. } = self;
        Batch { stream, tables, rejects, counts, checkpoint, cleaning, parents, stage: PhantomData }
    }
}

impl Batch<Raw> {
    /// A page's records in columns, with the records that could not be taken apart. For the engine alone.
    pub fn raw(stream: Arc<str>, records: Table, rejects: Vec<Reject>, read: u64, checkpoint: Checkpoint) -> Self {
        Self {
            stream,
            tables: vec![records],
            rejects,
            counts: Counts { read, filtered: 0 },
            checkpoint,
            cleaning: Vec::new(),
            parents: Vec::new(),
            stage: PhantomData,
        }
    }

    /// With the records of another kind whose own records are all in this reading. For the engine alone.
    #[must_use]
    pub fn of_parents(mut self, parents: Vec<String>) -> Self {
        self.parents = parents;
        self
    }

    /// The records of another kind whose own records are all in this reading.
    pub fn parents(&self) -> &[String] {
        &self.parents
    }

    /// After mapping and cleaning: the tables to load, the rejects (earlier ones included) and how many records were left out.
    /// For `normalise` alone.
    pub fn into_normalised(self, tables: Vec<Table>, rejects: Vec<Reject>, filtered: u64) -> Batch<Normalised> {
        let counts = Counts { read: self.counts.read, filtered: self.counts.filtered + filtered };
        self.moved(tables, rejects, counts)
    }
}

impl Batch<Normalised> {
    /// After judging: the tables that may be loaded and all rejects. For `quality` alone.
    pub fn into_checked(self, tables: Vec<Table>, rejects: Vec<Reject>) -> Batch<Checked> {
        let counts = self.counts;
        self.moved(tables, rejects, counts)
    }

    /// Takes the batch's tables and rejects out to be judged, leaving both empty.
    pub fn take_content(&mut self) -> (Vec<Table>, Vec<Reject>) {
        (std::mem::take(&mut self.tables), std::mem::take(&mut self.rejects))
    }
}

impl Batch<Checked> {
    /// After the policy: the tables and rejects as they may be stored. For `privacy` alone.
    pub fn into_protected(self, tables: Vec<Table>, rejects: Vec<Reject>) -> Batch<Protected> {
        let counts = self.counts;
        self.moved(tables, rejects, counts)
    }

    /// The batch without its source table, for rows that were made from that table again: no record was read, and each that is turned
    /// away counts as read and rejected.
    #[must_use]
    pub fn without_source(mut self) -> Self {
        self.tables.retain(|table| !matches!(table.schema.name.layer, crate::table::Layer::Source(_)));
        self.counts = Counts { read: self.rejects.len() as u64, filtered: 0 };
        self
    }

    /// Takes the batch's tables and rejects out to be protected, leaving both empty.
    pub fn take_content(&mut self) -> (Vec<Table>, Vec<Reject>) {
        (std::mem::take(&mut self.tables), std::mem::take(&mut self.rejects))
    }
}

impl Batch<Protected> {
    /// The rows, rejects, counts and checkpoint, to be loaded in one transaction.
    pub fn into_parts(self) -> (Arc<str>, Vec<Table>, Vec<Reject>, Counts, Checkpoint) {
        (self.stream, self.tables, self.rejects, self.counts, self.checkpoint)
    }
}
