//! Records of which only the key is known, because they are gone: tombstones in every table that has rows of them.

use std::sync::Arc;

use aqueduct_schema::{Operation, Reject, RejectCell, Result, RowIds, SemanticType, Table, TableSchema, ValueType};
use arrow_array::builder::TimestampMicrosecondBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, BooleanArray};

use crate::column::Semantics;
use crate::evaluate::Surroundings;
use crate::mapping::{Each, Mapping};
use crate::plan::PlannedTable;
use crate::planner::Planner;
use crate::rows::{KEY_MISSING, Rows};
use crate::space::{Space, labelled};
use crate::value::Input;

/// The column of a tombstone's time.
const DELETED_AT: &str = "deleted_at";

/// What becomes of the keys.
struct Plan {
    space: Space,
    key: usize,
    marks: Vec<Mark>,
}

/// The rows of one table that one record has.
struct Mark {
    table: PlannedTable,
    ids: Ids,
}

enum Ids {
    /// One row, whose ids are a job's.
    Job(usize),
    /// One row a slot, whose ids are made from the key and the label.
    Slots { ids: Box<RowIds>, labels: Vec<String> },
}

impl Planner<'_> {
    fn deletions(&self) -> Result<Plan> {
        let mut space = Space::default();
        let key = self.key(&mut |path| self.column(path))?;
        let key = space.clean(key, Semantics::Fixed(SemanticType::SourceId), None, None);
        let id = space.row_ids(self.source, &format!("source.{}", self.raw.name.name), key);
        let mut marks = vec![Mark { table: self.source_tombstones().into(), ids: Ids::Job(id) }];
        for mapping in self.mappings.of(self.stream).filter(|mapping| keeps_the_key(mapping)) {
            let table = self.tombstones(mapping.entity).into();
            let ids = match &mapping.each {
                Each::Record => Ids::Job(space.row_ids(self.source, mapping.entity.name, key)),
                Each::Slot(slots) => Ids::Slots {
                    ids: Box::new(RowIds::new(self.source, mapping.entity.name)),
                    labels: slots.iter().map(|slot| slot.label.clone()).collect(),
                },
                // Which elements a record had is not known any more.
                Each::Element(_) => continue,
            };
            marks.push(Mark { table, ids });
        }
        space.share();
        Ok(Plan { space, key, marks })
    }

    fn source_tombstones(&self) -> TableSchema {
        let whole = self.source_schema();
        // The vendor's columns come with records.
        let own = whole.columns.len() - self.raw.columns.len();
        let (columns, absent_columns) =
            whole.columns.into_iter().take(own).partition(|column| matches!(column.name.as_ref(), "_id" | DELETED_AT));
        TableSchema { name: whole.name, columns, absent_columns, key: whole.key, constants: whole.constants }
    }
}

/// Whether the rows of a mapping have the record's key for their source id.
fn keeps_the_key(mapping: &Mapping) -> bool {
    !mapping.maps("source_id")
}

/// Tombstones for the keys in `table`, the source's own table first, and the entries that have no key.
///
/// # Errors
/// `AQ9001` when the table does not have the columns of the key.
pub(crate) fn tombstones(
    planner: &Planner<'_>,
    table: &Table,
    started_at: i64,
    around: &Surroundings<'_>,
) -> Result<(Vec<Table>, Vec<Reject>)> {
    let Plan { mut space, key, marks } = planner.deletions()?;
    let columns = table.rows.columns();
    let inputs: Vec<Input> = columns.iter().map(Input::new).collect::<Result<_>>()?;
    let rows = table.len();
    let computed = space.run(&inputs, rows, around)?;
    let keys = &computed.clean[key].array;
    let kept: BooleanArray = (0..rows).map(|row| Some(keys.is_valid(row))).collect();
    let kept_mask = (kept.true_count() < rows).then_some(&kept);
    let times = times(table, started_at);
    let mut tables = Vec::new();
    for Mark { table, ids } in marks {
        let ids: Vec<ArrayRef> = match ids {
            Ids::Job(job) => vec![computed.ids[job].clone()],
            Ids::Slots { ids, labels } => labels.iter().map(|label| labelled(keys, label, &ids).1).collect(),
        };
        for ids in ids {
            let columns = vec![ids, times.clone()];
            let rows = Rows { table: table.clone(), operation: Operation::Tombstone, columns, parents: None, count: rows };
            tables.push(rows.into_table(kept_mask)?);
        }
    }
    let rejects = (0..rows).filter(|row| keys.is_null(*row)).map(|row| Reject {
        rule: KEY_MISSING.into(),
        field: Some(planner.record.key.join(", ").into()),
        message: "a deletion does not say which record it is about".to_owned(),
        source_id: None,
        location: None,
        sealed: None,
        record: table
            .schema
            .columns
            .iter()
            .zip(&inputs)
            .map(|(column, input)| RejectCell {
                column: column.name.clone(),
                sensitivity: column.sensitivity,
                value: input.value(row).text().map(std::borrow::Cow::into_owned),
            })
            .collect(),
    });
    Ok((tables, rejects.collect()))
}

/// When each was deleted: as the source says, else when the reading began.
fn times(table: &Table, started_at: i64) -> ArrayRef {
    let column = table.schema.index_of(DELETED_AT).map(|index| table.rows.column(index));
    let known = column.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let mut builder = TimestampMicrosecondBuilder::with_capacity(table.len()).with_data_type(ValueType::Timestamp.arrow());
    for row in 0..table.len() {
        builder.append_value(known.filter(|times| times.is_valid(row)).map_or(started_at, |times| times.value(row)));
    }
    Arc::new(builder.finish())
}
