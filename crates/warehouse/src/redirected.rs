//! The columns of a load that point at rows which were merged away, pointing at the rows that stand for those.
//!
//! The digest of a row stays that of what the source said, so that a row which comes again as before counts as unchanged.

use std::collections::HashMap;
use std::sync::Arc;

use aqueduct_schema::{Entity, Layer, TableName, references};
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, StringArray};

use crate::cells::Cells;
use crate::load_plan::{LoadPlan, Part, StepKind};
use crate::merges::Winners;

/// Columns by their place, in place of a part's own.
pub(crate) type Replaced = Vec<(usize, StringArray)>;

/// What is replaced in a load: by table and step, for each part.
#[derive(Default)]
pub(crate) struct Redirected(HashMap<(usize, usize), Vec<Replaced>>);

impl Redirected {
    /// Looks the references of a load up. Nothing is done while no row is merged away.
    pub(crate) fn of(plan: &LoadPlan, winners: &Winners) -> Self {
        let mut found = HashMap::new();
        if winners.is_empty() {
            return Self(found);
        }
        for (number, table) in plan.tables.iter().enumerate() {
            let Some(entity) = entity_of(plan, &table.layout.name) else { continue };
            let columns: Vec<&str> = references::of(entity).map(|reference| reference.column).collect();
            for (place, step) in table.steps.iter().enumerate().filter(|(_, step)| step.kind != StepKind::Tombstones) {
                let columns: Vec<usize> = columns.iter().filter_map(|column| step.schema.index_of(column)).collect();
                let parts: Vec<Replaced> = step.parts.iter().map(|part| replaced(part, &columns, winners)).collect();
                if parts.iter().any(|replaced| !replaced.is_empty()) {
                    found.insert((number, place), parts);
                }
            }
        }
        Self(found)
    }

    /// What is replaced in a step, for each of its parts; empty when nothing is.
    pub(crate) fn step(&self, table: usize, step: usize) -> &[Replaced] {
        self.0.get(&(table, step)).map_or(&[], Vec::as_slice)
    }
}

/// The cells of a part as they are stored.
pub(crate) fn stored_cells<'a>(cells: &[Cells<'a>], replaced: Option<&'a Replaced>) -> Vec<Cells<'a>> {
    let mut cells = cells.to_vec();
    for (column, values) in replaced.into_iter().flatten() {
        cells[*column] = Cells::Text(values);
    }
    cells
}

/// The entity of a table of a load, also where its rows go to a shadow first.
pub(crate) fn entity_of(plan: &LoadPlan, name: &TableName) -> Option<&'static Entity> {
    let common = |name: &TableName| if name.layer == Layer::Common { Entity::named(&name.name) } else { None };
    match name.layer {
        Layer::Shadow => {
            let tables = plan.shadow.iter().flat_map(|shadow| &shadow.tables);
            tables.filter(|table| table.table() == *name).find_map(|table| common(&table.scope.table()))
        }
        _ => common(name),
    }
}

fn replaced(part: &Part, columns: &[usize], winners: &Winners) -> Replaced {
    let mut all = Vec::new();
    for column in columns {
        let Some(ids) = part.table.rows.column(*column).as_string_opt::<i32>() else { continue };
        let resolved: Vec<Option<&Arc<str>>> = ids.iter().map(|id| winners.resolved(id?)).collect();
        if resolved.iter().all(Option::is_none) {
            continue;
        }
        let mut builder = StringBuilder::with_capacity(ids.len(), ids.value_data().len());
        for (row, resolved) in resolved.into_iter().enumerate() {
            match resolved {
                Some(resolved) => builder.append_value(resolved),
                None => builder.append_option(ids.is_valid(row).then(|| ids.value(row))),
            }
        }
        all.push((*column, builder.finish()));
    }
    all
}
