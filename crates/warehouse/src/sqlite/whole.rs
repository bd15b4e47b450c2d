//! Rows that are staged as they will be stored, so that SQLite copies them byte for byte.
//!
//! `INSERT INTO … SELECT *` between two tables whose columns have the same types, and of which the target has no index, moves whole
//! rows and looks at no value (`xferOptimization` in SQLite's insert.c): a fourth of the work of taking each value out and putting it in.
//! It also checks and converts nothing, so it is done only for tables that this process has made and whose columns are what it made them.

use std::sync::Arc;

use super::tables::{StoredColumn, declared};
use crate::cells::timestamp_text;
use crate::layout::{IS_DELETED, LOAD_ID, LOADED_AT, ROW_HASH};
use crate::load_plan::{LoadPlan, Step};

/// Where the value of a staged column comes from.
pub(crate) enum Source {
    /// A column of the rows.
    Carried(usize),
    /// The digest of the row.
    Digest,
    /// The same text in all rows.
    Text(String),
    /// The same number in all rows.
    Integer(i64),
    /// Nowhere.
    Null,
}

/// How the rows of a step are staged as they are stored.
pub(crate) struct Whole {
    /// The source of each column of the table.
    pub(crate) sources: Vec<Source>,
    /// The place of each column of the rows, and after them that of the digest.
    pub(crate) places: Vec<usize>,
    /// The columns of the table.
    pub(crate) columns: Arc<[StoredColumn]>,
}

impl Whole {
    /// `None` where a value would have to be converted or checked, or a column is missing.
    pub(crate) fn new(plan: &LoadPlan, step: &Step, columns: &Arc<[StoredColumn]>) -> Option<Self> {
        let schema = &step.schema;
        let mut places = vec![None; schema.columns.len() + 1];
        let mut sources = Vec::with_capacity(columns.len());
        let mut same = 0;
        for (place, column) in columns.iter().enumerate() {
            let name = column.name.as_str();
            let source = if let Some(carried) = schema.index_of(name) {
                let fits = column.declared == declared(schema.columns[carried].value_type);
                // Keys are never null; of others nobody would notice.
                if !fits || column.filled && name != schema.key.as_ref() {
                    return None;
                }
                places[carried] = Some(place);
                Source::Carried(carried)
            } else if name == ROW_HASH {
                places[schema.columns.len()] = Some(place);
                Source::Digest
            } else if let Some((_, value)) = schema.constants.iter().find(|(constant, _)| constant.as_ref() == name) {
                same += 1;
                Source::Text(value.to_string())
            } else {
                match name {
                    // A row that says nothing of a deletion is alive.
                    IS_DELETED => Source::Integer(0),
                    LOAD_ID => Source::Text(plan.load_id.clone()),
                    LOADED_AT => Source::Text(timestamp_text(plan.loaded_at)),
                    _ if column.filled => return None,
                    _ => Source::Null,
                }
            };
            let typed = match &source {
                Source::Digest | Source::Text(_) => ["TEXT", "TIMESTAMP TEXT"].contains(&column.declared.as_str()),
                Source::Integer(_) => column.declared == "BOOLEAN",
                Source::Carried(_) | Source::Null => true,
            };
            if !typed {
                return None;
            }
            sources.push(source);
        }
        let places = places.into_iter().collect::<Option<Vec<_>>>()?;
        (same == schema.constants.len()).then(|| Self { sources, places, columns: Arc::clone(columns) })
    }
}
