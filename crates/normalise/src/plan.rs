//! What is to be done with the batches of a stream, worked out once for the columns they have.

use std::sync::Arc;

use aqueduct_schema::{Entity, Field, RowIds, TableSchema};
use arrow_schema::Schema;

use crate::evaluate::Compiled;
use crate::mapping::Test;
use crate::space::Space;

/// A table's schema with its Arrow form, so that no batch makes it anew.
#[derive(Clone, Debug)]
pub(crate) struct PlannedTable {
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) arrow: Arc<Schema>,
}

impl From<TableSchema> for PlannedTable {
    fn from(schema: TableSchema) -> Self {
        Self { arrow: schema.arrow(), schema: Arc::new(schema) }
    }
}

/// Everything to do with the batches of one stream.
pub(crate) struct Plan {
    /// The columns the plan is for.
    pub(crate) raw: Arc<TableSchema>,
    pub(crate) space: Space,
    pub(crate) source: SourcePlan,
    pub(crate) entities: Vec<EntityPlan>,
}

/// The source table: cleaned columns by their jobs.
#[derive(Debug)]
pub(crate) struct SourcePlan {
    pub(crate) table: PlannedTable,
    pub(crate) key: usize,
    pub(crate) id: usize,
    pub(crate) created_at: Option<usize>,
    pub(crate) updated_at: Option<usize>,
    pub(crate) is_deleted: Option<usize>,
    pub(crate) deleted_at: Option<usize>,
}

/// The rows of one mapping.
pub(crate) struct EntityPlan {
    pub(crate) entity: &'static Entity,
    pub(crate) table: PlannedTable,
    pub(crate) condition: Option<(Compiled, Test)>,
    /// Where a record that once met the condition, and meets it no longer, is marked as gone.
    pub(crate) lapsed: Option<PlannedTable>,
    pub(crate) shape: Shape,
}

pub(crate) enum Shape {
    Record(RowSet),
    Elements {
        array: usize,
        sources: Vec<ElementSource>,
        space: Space,
        set: RowSet,
    },
    /// Row ids are made for the slots that are filled alone: most of a record's slots are empty.
    Slots {
        sets: Vec<RowSet>,
        ids: Box<RowIds>,
        tombstones: PlannedTable,
    },
}

/// Where a column over elements comes from.
#[derive(Debug, PartialEq)]
pub(crate) enum ElementSource {
    /// A column of the records, repeated for each element.
    Record(usize),
    /// The keys to a value inside the element.
    Inside(String),
}

/// The columns of one kind of row, between `id` and `_flags`.
#[derive(Debug)]
pub(crate) struct RowSet {
    pub(crate) id: SetIds,
    pub(crate) columns: Vec<Planned>,
}

/// The row ids of a set.
#[derive(Debug)]
pub(crate) enum SetIds {
    /// A job's.
    Job(usize),
    /// Those of a slot: made from the records' source ids (a cleaned column) and the label. There is a row where one of the cleaned
    /// columns `signals` has something.
    Slot { source_id: usize, label: String, signals: Vec<usize> },
}

#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) field: &'static Field,
    pub(crate) fill: Fill,
    pub(crate) required: bool,
}

/// What fills a column.
#[derive(Debug)]
pub(crate) enum Fill {
    /// A cleaned column.
    Clean(usize),
    /// The cleaned column of source ids; a slot's get their label once it is known which there are.
    SourceId(usize),
    /// A cleaned flag, with a default for what is unknown.
    Deleted(Option<usize>),
    /// Row ids made from a cleaned column.
    RowId {
        id: usize,
        clean: usize,
    },
    /// A column derived from a cleaned one, by its job.
    Derived(usize),
    Null,
}

impl Fill {
    /// The cleaned column whose verdicts are the field's.
    pub(crate) fn clean(&self) -> Option<usize> {
        match self {
            Self::Clean(job) | Self::SourceId(job) | Self::Deleted(Some(job)) | Self::RowId { clean: job, .. } => Some(*job),
            _ => None,
        }
    }
}
