//! What records tell of other records: which were merged into them or they into which, and to whom all of a reading's records belong.

use std::sync::Arc;

use aqueduct_schema::{
    Column, MergeForm, Operation, RecordSchema, Result, RowIds, Sensitivity, Source, Table, TableSchema, ValueType, merges,
};
use arrow_array::builder::{BooleanBuilder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, new_null_array};

use crate::evaluate::{Compiled, Surroundings};
use crate::plan::{EntityPlan, Fill, Plan, RowSet, SetIds, Shape, SourcePlan};
use crate::rows::bug;
use crate::space::Computed;
use crate::value::Input;

/// What is needed to understand what records tell of merges.
pub(crate) struct Telling<'t> {
    pub(crate) record: &'t RecordSchema,
    pub(crate) raw: &'t TableSchema,
    pub(crate) identity: &'t Source,
    pub(crate) source: &'t SourcePlan,
    pub(crate) inputs: &'t [Input],
    pub(crate) computed: &'t Computed,
    pub(crate) rows: usize,
}

/// One record that another lists as merged into it.
struct Listed {
    row: usize,
    id: String,
    at: Option<i64>,
    evidence: String,
}

impl Telling<'_> {
    /// A table of merges for each entity that has one row a record.
    pub(crate) fn merges(&self, entities: &[EntityPlan]) -> Result<Vec<Table>> {
        let listed = self.listed();
        let mut tables = Vec::new();
        for plan in entities {
            if let Some((set, ids)) = self.of_record(plan) {
                tables.extend(self.of_entity(plan, set, ids, &listed)?);
            }
        }
        Ok(tables)
    }

    /// The set of rows with the key of their record for their id, and the job that makes their ids.
    fn of_record<'p>(&self, plan: &'p EntityPlan) -> Option<(&'p RowSet, usize)> {
        let Shape::Record(set) = &plan.shape else { return None };
        let SetIds::Job(ids) = set.id else { return None };
        let by_key = set.columns.iter().any(|planned| matches!(planned.fill, Fill::SourceId(job) if job == self.source.key));
        (plan.condition.is_none() && by_key).then_some((set, ids))
    }

    fn of_entity(&self, plan: &EntityPlan, set: &RowSet, ids: usize, listed: &[Listed]) -> Result<Option<Table>> {
        let (own, keys) = (self.computed.ids[ids].as_string::<i32>(), self.computed.clean[self.source.key].array.as_string::<i32>());
        let mut rows = Rows::default();
        let into = set.columns.iter().find(|planned| planned.field.name == "merged_into_id").and_then(|planned| match planned.fill {
            Fill::RowId { id, clean } => {
                Some((self.computed.ids[id].as_string::<i32>(), self.computed.clean[clean].array.as_string::<i32>()))
            }
            _ => None,
        });
        if let Some((winners, winner_keys)) = into {
            let evidence = self.record.merges.iter().find(|signal| signal.form == MergeForm::Into);
            let evidence = evidence.map_or("merged_into_id", |signal| leaf(&signal.path));
            for row in (0..self.rows).filter(|row| winners.is_valid(*row) && own.is_valid(*row)) {
                let sources = [keys.value(row), winner_keys.value(row)];
                rows.push([own.value(row), winners.value(row)], sources, self.changed_at(row), evidence, true);
            }
        }
        let losers = RowIds::new(self.identity, plan.entity.name);
        for Listed { row, id, at, evidence } in listed.iter().filter(|listed| own.is_valid(listed.row)) {
            rows.push([&losers.id(id), own.value(*row)], [id, keys.value(*row)], at.or(self.changed_at(*row)), evidence, false);
        }
        if rows.count == 0 {
            return Ok(None);
        }
        let of_ids = plan.table.schema.columns.iter().find(|column| column.name.as_ref() == "source_id");
        let of_ids = of_ids.map_or(Sensitivity::Direct, |column| column.sensitivity);
        rows.into_table(merges::schema(plan.entity.name, of_ids, plan.table.schema.constants.clone())).map(Some)
    }

    /// When a record last changed, in microseconds.
    fn changed_at(&self, row: usize) -> Option<i64> {
        let times = self.computed.clean[self.source.updated_at?].array.as_primitive::<TimestampMicrosecondType>();
        times.is_valid(row).then(|| times.value(row))
    }

    fn listed(&self) -> Vec<Listed> {
        let mut all: Vec<Listed> = Vec::new();
        let lists = self.record.merges.iter().filter_map(|signal| match signal.form {
            MergeForm::Of { separator, timed } => Some((signal, separator, timed)),
            MergeForm::Into => None,
        });
        let lists: Vec<_> = lists
            .filter_map(|(signal, separator, timed)| {
                let field = self.record.index_of(&signal.path)?;
                Some((self.raw.index_of(&self.record.fields[field].column)?, leaf(&signal.path), separator, timed))
            })
            .collect();
        for row in 0..self.rows {
            let first = all.len();
            for (column, evidence, separator, timed) in &lists {
                let value = self.inputs[*column].value(row);
                let Some(text) = value.text() else { continue };
                for entry in text.split(*separator).map(str::trim).filter(|entry| !entry.is_empty()) {
                    let (id, at) = match entry.rsplit_once(':').filter(|_| *timed) {
                        Some((id, at)) => (id, at.parse::<i64>().ok().and_then(|at| at.checked_mul(1_000))),
                        None => (entry, None),
                    };
                    match all[first..].iter_mut().find(|known| known.id == id) {
                        Some(known) => {
                            known.at = known.at.or(at);
                            if !known.evidence.split(", ").any(|word| word == *evidence) {
                                known.evidence = format!("{}, {evidence}", known.evidence);
                            }
                        }
                        None => all.push(Listed { row, id: id.to_owned(), at, evidence: (*evidence).to_owned() }),
                    }
                }
            }
        }
        all
    }

    /// The records that are listed as merged away, as deletions by key; `None` when there are none, or their key has several parts.
    pub(crate) fn gone(&self) -> Result<Option<Table>> {
        let [key] = self.record.key.as_slice() else { return Ok(None) };
        let Some(field) = self.record.index_of(key) else { return Ok(None) };
        let listed = self.listed();
        if listed.is_empty() {
            return Ok(None);
        }
        let columns = vec![
            Column::technical(&self.record.fields[field].column, ValueType::Text),
            Column::technical("deleted_at", ValueType::Timestamp),
        ];
        let schema = TableSchema { columns, absent_columns: Vec::new(), ..self.raw.clone() };
        let ids: StringArray = listed.iter().map(|listed| Some(listed.id.as_str())).collect();
        let mut times = times(listed.len());
        listed.iter().for_each(|listed| times.append_option(listed.at.or(self.changed_at(listed.row))));
        let rows = RecordBatch::try_new(schema.arrow(), vec![Arc::new(ids), Arc::new(times.finish())]).map_err(bug)?;
        Table::new(Arc::new(schema), Operation::Tombstone, rows).map(Some)
    }
}

fn leaf(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn times(length: usize) -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::with_capacity(length).with_data_type(ValueType::Timestamp.arrow())
}

/// Rows of a table of merges, being put together.
#[derive(Default)]
struct Rows {
    texts: [StringBuilder; 4],
    at: Vec<Option<i64>>,
    evidence: StringBuilder,
    said_by_loser: BooleanBuilder,
    count: usize,
}

impl Rows {
    fn push(&mut self, ids: [&str; 2], source_ids: [&str; 2], at: Option<i64>, evidence: &str, said_by_loser: bool) {
        for (builder, text) in self.texts.iter_mut().zip(ids.into_iter().chain(source_ids)) {
            builder.append_value(text);
        }
        self.at.push(at);
        self.evidence.append_value(evidence);
        self.said_by_loser.append_value(said_by_loser);
        self.count += 1;
    }

    fn into_table(mut self, schema: TableSchema) -> Result<Table> {
        let mut at = times(self.at.len());
        self.at.iter().for_each(|time| at.append_option(*time));
        let mut columns: Vec<ArrayRef> = self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef).collect();
        columns.extend([Arc::new(at.finish()) as ArrayRef, Arc::new(self.evidence.finish()), Arc::new(self.said_by_loser.finish())]);
        let rows = RecordBatch::try_new(schema.arrow(), columns).map_err(bug)?;
        Table::new(Arc::new(schema), Operation::Merge, rows)
    }
}

/// For the source table and each common table of whose rows the parent is known: the parents whose rows are all in the reading.
pub(crate) fn sets(plan: &mut Plan, record: &RecordSchema, parents: &[String], around: &Surroundings<'_>) -> Result<Vec<Table>> {
    let column = record.parent.as_ref().and_then(|path| record.index_of(path)).map(|field| record.fields[field].column.clone());
    let Some(place) = column.as_ref().and_then(|column| plan.raw.index_of(column)) else { return Ok(Vec::new()) };
    let Some(of_source) = plan.source.table.schema.columns.iter().find(|other| Some(&other.name) == column.as_ref()) else {
        return Ok(Vec::new());
    };
    let values: ArrayRef = Arc::new(parents.iter().map(|parent| Some(parent.as_str())).collect::<StringArray>());
    // Records of which only the parent is known have the ids of their parents' rows where others have them.
    let inputs = plan.raw.columns.iter().enumerate().map(|(index, column)| match index {
        index if index == place => Input::new(&values),
        _ => Input::new(&new_null_array(&column.value_type.arrow(), parents.len())),
    });
    let computed = plan.space.run(&inputs.collect::<Result<Vec<_>>>()?, parents.len(), around)?;
    let mut tables = vec![of_column(&plan.source.table.schema, of_source.clone(), values)?];
    for entity in &plan.entities {
        let Shape::Record(set) = &entity.shape else { continue };
        for planned in &set.columns {
            let Fill::RowId { id, clean } = planned.fill else { continue };
            if plan.space.clean[clean].expression == Compiled::Column(place) {
                let schema = &entity.table.schema;
                let Some(column) = schema.columns.iter().find(|column| column.name.as_ref() == planned.field.name) else { continue };
                tables.push(of_column(schema, column.clone(), computed.ids[id].clone())?);
            }
        }
    }
    Ok(tables)
}

fn of_column(schema: &TableSchema, column: Column, values: ArrayRef) -> Result<Table> {
    let column = Column { required: false, ..column };
    let schema = TableSchema { columns: vec![column], absent_columns: Vec::new(), ..schema.clone() };
    let rows = RecordBatch::try_new(schema.arrow(), vec![values]).map_err(bug)?;
    Table::new(Arc::new(schema), Operation::Sets, rows)
}

/// Whether the records of an entity may tell of merges.
pub(crate) fn tells(record: &RecordSchema, entities: &[EntityPlan]) -> bool {
    let maps = |plan: &EntityPlan| match &plan.shape {
        Shape::Record(set) => set.columns.iter().any(|planned| planned.field.name == "merged_into_id"),
        _ => false,
    };
    !record.merges.is_empty() || entities.iter().any(maps)
}
