//! What is to be done with the batches of a stream, worked out once for the columns they have.

use std::sync::Arc;

use aqueduct_schema::{Entity, Field, TableSchema};

use crate::evaluate::Compiled;
use crate::mapping::Test;
use crate::space::Space;

/// Everything to do with the batches of one stream.
#[derive(Debug)]
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
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) key: usize,
    pub(crate) id: usize,
    pub(crate) created_at: Option<usize>,
    pub(crate) updated_at: Option<usize>,
    pub(crate) is_deleted: Option<usize>,
    pub(crate) deleted_at: Option<usize>,
}

/// The rows of one mapping.
#[derive(Debug)]
pub(crate) struct EntityPlan {
    pub(crate) entity: &'static Entity,
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) condition: Option<(Compiled, Test)>,
    pub(crate) shape: Shape,
}

#[derive(Debug)]
pub(crate) enum Shape {
    Record(RowSet),
    Elements { array: usize, sources: Vec<ElementSource>, space: Space, set: RowSet },
    Slots { sets: Vec<RowSet>, tombstones: Arc<TableSchema> },
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
    /// The job of the row ids.
    pub(crate) id: usize,
    pub(crate) columns: Vec<Planned>,
    /// For a slot: its label, and the cleaned columns of which one must have a value for there to be a row.
    pub(crate) slot: Option<(String, Vec<usize>)>,
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
    /// The cleaned column of source ids, with the slot's label where the set has one.
    SourceId(usize),
    /// A cleaned flag, with a default for what is unknown.
    Deleted(Option<usize>),
    /// Row ids made from a cleaned column.
    RowId {
        id: usize,
        clean: usize,
    },
    /// A cleaned column in the form it is joined by.
    Normalized(usize),
    /// The verdicts of a cleaned column.
    Status(usize),
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
