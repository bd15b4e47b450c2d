//! The rows of a batch's records: of each entity, with tombstones for what records have lost.

use std::collections::HashSet;
use std::sync::Arc;

use aqueduct_schema::{Column, Operation, Result, RowIds, ValueType};
use arrow_array::builder::TimestampMicrosecondBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array, new_null_array};
use arrow_select::concat::concat;

use crate::elements::elements;
use crate::evaluate::{Compiled, Surroundings, lower_case};
use crate::mapping::Test;
use crate::plan::{ElementSource, EntityPlan, Fill, PlannedTable, RowSet, SetIds, Shape};
use crate::report::Report;
use crate::rows::{Failures, Rows, SetBuilder, bug, filled, positions, spread};
use crate::space::{Computed, Space, labelled};
use crate::value::Input;

/// What the way of reading means for rows.
pub(crate) struct Reading {
    /// Whether every record of the reading is a deleted one, unless it says otherwise.
    pub(crate) deleted: bool,
    /// Whether slots may have been filled before.
    pub(crate) tombstones: bool,
    /// The time of the reading in microseconds, for deletions without a time.
    pub(crate) started_at: i64,
}

/// The records of a batch with all that is computed from them.
pub(crate) struct Records<'b> {
    pub(crate) columns: &'b [ArrayRef],
    pub(crate) inputs: &'b [Input],
    pub(crate) rows: usize,
    pub(crate) around: &'b Surroundings<'b>,
    pub(crate) space: &'b Space,
    pub(crate) computed: &'b Computed,
    pub(crate) reading: &'b Reading,
    /// The names of the columns, by their places.
    pub(crate) origins: &'b dyn Fn(usize) -> Option<Arc<str>>,
}

impl Records<'_> {
    /// Adds the rows of an entity to those that are built.
    pub(crate) fn entity(
        &self,
        plan: &mut EntityPlan,
        updated_at: Option<usize>,
        built: &mut Vec<Rows>,
        report: &mut Report,
        failures: &mut Failures,
    ) -> Result<()> {
        let mask = plan.condition.as_ref().map(|(expression, test)| self.matching(expression, test));
        let rows = |columns, count, parents| Rows { table: plan.table.clone(), operation: Operation::Upsert, columns, parents, count };
        match &mut plan.shape {
            Shape::Record(set) => {
                let (columns, count) = self.builder(plan.entity.name, set, mask.as_ref()).build(None, report, failures)?;
                built.push(rows(columns, count, mask.as_ref().map(positions)));
            }
            Shape::Elements { array, sources, space, set } => {
                let found = elements(&self.inputs[*array], mask.as_ref(), self.columns, sources)?;
                let count = found.parents.len();
                let computed = space.run(&found.inputs, count, self.around)?;
                let origins = |place: usize| match sources.get(place)? {
                    ElementSource::Record(column) => (self.origins)(*column),
                    ElementSource::Inside(_) => (self.origins)(*array),
                };
                let builder = SetBuilder {
                    jobs: &space.clean,
                    computed: &computed,
                    rows: count,
                    inputs: &found.inputs,
                    origins: &origins,
                    ..self.builder(plan.entity.name, set, None)
                };
                let (columns, count) = builder.build(Some(&found.parents), report, failures)?;
                built.push(rows(columns, count, Some(found.parents)));
            }
            Shape::Slots { sets, ids, tombstones } => {
                let present = |filled: &BooleanArray, is_filled: bool| -> BooleanArray {
                    let wanted = |row: usize| mask.as_ref().is_none_or(|mask| mask.value(row));
                    (0..self.rows).map(|row| Some(filled.value(row) == is_filled && wanted(row))).collect()
                };
                let (mut full, mut emptied) = (Parts::default(), Parts::default());
                for set in sets.iter() {
                    let SetIds::Slot { signals, .. } = &set.id else { continue };
                    let filled = filled(self.computed, &self.space.clean, signals, self.rows);
                    let rows = present(&filled, true);
                    if rows.true_count() > 0 {
                        let builder = SetBuilder { slot_ids: Some(ids), ..self.builder(plan.entity.name, set, Some(&rows)) };
                        full.add(builder.build(None, report, failures)?.0, &positions(&rows));
                    }
                    if self.reading.tombstones {
                        let gone = positions(&present(&filled, false));
                        emptied.add(self.tombstones(set, ids, updated_at, &gone)?, &gone);
                    }
                }
                built.push(full.into_rows(&plan.table, Operation::Upsert)?);
                if !emptied.parents.is_empty() {
                    built.push(emptied.into_rows(tombstones, Operation::Tombstone)?);
                }
            }
        }
        Ok(())
    }

    /// Tombstones for the rows that records have lost because they no longer meet the mapping's condition. Another mapping may still
    /// give the same row.
    pub(crate) fn lapsed(&self, plan: &EntityPlan, updated_at: Option<usize>, built: &mut Vec<Rows>) -> Result<()> {
        let (Some(table), Some((expression, test)), Shape::Record(set)) = (&plan.lapsed, &plan.condition, &plan.shape) else {
            return Ok(());
        };
        let SetIds::Job(job) = set.id else { return Ok(()) };
        let ids = self.computed.ids[job].as_string::<i32>();
        let here: Vec<&Rows> =
            built.iter().filter(|rows| rows.operation == Operation::Upsert && rows.table.schema.name == table.schema.name).collect();
        let there: HashSet<&str> = here.iter().flat_map(|rows| rows.columns[0].as_string::<i32>().iter().flatten()).collect();
        let matching = self.matching(expression, test);
        let is_gone = |row: usize| !matching.value(row) && ids.is_valid(row) && !there.contains(ids.value(row));
        let gone = positions(&(0..self.rows).map(|row| Some(is_gone(row))).collect());
        if gone.is_empty() {
            return Ok(());
        }
        let columns = vec![spread(&self.computed.ids[job], &gone)?, self.times(set, updated_at, &gone)];
        let count = gone.len();
        built.push(Rows { table: table.clone(), operation: Operation::Tombstone, columns, parents: Some(gone), count });
        Ok(())
    }

    fn builder<'s>(&'s self, entity: &'static str, set: &'s RowSet, mask: Option<&'s BooleanArray>) -> SetBuilder<'s> {
        let (jobs, computed) = (&self.space.clean, self.computed);
        SetBuilder {
            entity,
            set,
            jobs,
            computed,
            rows: self.rows,
            mask,
            slot_ids: None,
            deleted: self.reading.deleted,
            inputs: self.inputs,
            origins: self.origins,
            around: self.around,
        }
    }

    fn matching(&self, expression: &Compiled, test: &Test) -> BooleanArray {
        let matches = |row: usize| {
            let value = expression.value(self.inputs, row, self.around);
            let among = |words: &[String]| {
                value.text().is_some_and(|text| {
                    let word = lower_case(text.trim());
                    words.iter().any(|known| *known == word)
                })
            };
            match test {
                Test::Present(present) => value.is_blank() != *present,
                Test::Is(words) => among(words),
                Test::Not(words) => !among(words),
            }
        };
        (0..self.rows).map(|row| Some(matches(row))).collect()
    }

    /// Key and time of the rows of a slot that has nothing now.
    fn tombstones(&self, set: &RowSet, ids: &RowIds, updated_at: Option<usize>, gone: &UInt32Array) -> Result<Vec<ArrayRef>> {
        let SetIds::Slot { source_id, label, .. } = &set.id else { return Ok(Vec::new()) };
        let (_, row_ids) = labelled(&spread(&self.computed.clean[*source_id].array, gone)?, label, ids);
        Ok(vec![row_ids, self.times(set, updated_at, gone)])
    }

    /// When rows went: the record's last change, else the time of the reading.
    fn times(&self, set: &RowSet, updated_at: Option<usize>, gone: &UInt32Array) -> ArrayRef {
        let of_set = set.columns.iter().find(|planned| planned.field.name == "source_updated_at").and_then(|planned| match planned.fill {
            Fill::Clean(job) => Some(job),
            _ => None,
        });
        let times = of_set.or(updated_at).map(|job| self.computed.clean[job].array.as_primitive::<TimestampMicrosecondType>());
        let mut builder = TimestampMicrosecondBuilder::with_capacity(gone.len()).with_data_type(ValueType::Timestamp.arrow());
        for row in gone.values() {
            let row = *row as usize;
            builder.append_value(times.filter(|times| times.is_valid(row)).map_or(self.reading.started_at, |times| times.value(row)));
        }
        Arc::new(builder.finish())
    }
}

/// Rows of several sets, which come one after the other.
#[derive(Default)]
struct Parts {
    columns: Vec<Vec<ArrayRef>>,
    parents: Vec<u32>,
}

impl Parts {
    fn add(&mut self, columns: Vec<ArrayRef>, parents: &UInt32Array) {
        self.columns.push(columns);
        self.parents.extend(parents.values());
    }

    fn into_rows(self, table: &PlannedTable, operation: Operation) -> Result<Rows> {
        let joined = |(place, column): (usize, &Column)| {
            let arrays: Vec<&dyn Array> = self.columns.iter().map(|part| part[place].as_ref()).collect();
            if arrays.is_empty() { Ok(new_null_array(&column.value_type.arrow(), 0)) } else { concat(&arrays).map_err(bug) }
        };
        let columns = table.schema.columns.iter().enumerate().map(joined).collect::<Result<_>>()?;
        Ok(Rows { table: table.clone(), operation, columns, count: self.parents.len(), parents: Some(self.parents.into()) })
    }
}
