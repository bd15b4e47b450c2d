//! The stage: raw batches in, batches of the common schema out.

use std::sync::Arc;

use aqueduct_schema::{
    Batch, Error, Mode, Normalised, Operation, Raw, RecordSchema, Reject, RejectCell, Result, Source, Table, TableName, TableSchema, codes,
};
use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, new_null_array};
use jiff::tz::TimeZone;

use crate::cleaners::CleaningContext;
use crate::evaluate::Surroundings;
use crate::mappings::Mappings;
use crate::plan::Plan;
use crate::planner::Planner;
use crate::records::{Reading, Records};
use crate::report::Report;
use crate::rows::{Failure, Failures, KEY_MISSING, Rows, known_flag};
use crate::settings::Defaults;
use crate::told::{self, Telling};
use crate::value::Input;

/// Maps and cleans the batches of one stream.
///
/// It keeps what it has learnt about repeated values from batch to batch, so one is made for a stream and used for all its batches.
pub struct Normaliser {
    mappings: Mappings,
    stream: Arc<str>,
    record: RecordSchema,
    source: Source,
    defaults: Defaults,
    zone: TimeZone,
    plan: Plan,
    report: Report,
}

impl std::fmt::Debug for Normaliser {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "normaliser of {}", self.stream)
    }
}

impl Normaliser {
    /// A normaliser for the batches of `stream`, whose records have the selected fields `record`.
    ///
    /// # Errors
    /// `AQ1009` when the records have no key, or a filter, an array or a required field of a mapping is not selected.
    pub fn new(mappings: &Mappings, stream: &str, record: &RecordSchema, source: &Source, defaults: &Defaults) -> Result<Self> {
        let columns = record.fields.iter().map(|field| aqueduct_schema::Column::technical(&field.column, field.value_type)).collect();
        let raw = Arc::new(TableSchema {
            name: TableName::source(&source.system, stream),
            columns,
            absent_columns: Vec::new(),
            key: "_id".into(),
            constants: Vec::new(),
        });
        let zone = match defaults.time_zone.as_deref() {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| Error::new(codes::BAD_MAPPING, format!("unknown time zone `{name}`")))?,
        };
        Ok(Self {
            plan: Planner { mappings, stream, record, source, raw: &raw }.plan()?,
            mappings: mappings.clone(),
            stream: stream.into(),
            record: record.clone(),
            source: source.clone(),
            defaults: defaults.clone(),
            zone,
            report: Report::default(),
        })
    }

    /// Takes a batch to the common schema.
    ///
    /// The first table is the source's own with the columns that every source table has before it; then comes one table a mapping,
    /// and tombstones for slots (telephone numbers, for example) that a change has emptied. A record without a key, or without a
    /// valid value in a required field, is among the rejects and in none of the tables, so that
    /// `read = rows of the first table + rejects`. Deletions by key alone become tombstones in the same tables.
    ///
    /// # Errors
    /// `AQ1009` when the batch lacks a column that a mapping cannot do without; `AQ9001` when it has none of its stream's form.
    pub fn run(&mut self, batch: Batch<Raw>) -> Result<Batch<Normalised>> {
        let [table] = batch.tables() else {
            return Err(Error::new(codes::BUG, "a raw batch has one table").with("tables", batch.tables().len()));
        };
        let table = table.clone();
        let mut rejects = batch.rejects().to_vec();
        if table.operation == Operation::Tombstone {
            let (tables, keyless) = self.deletions(&table, batch.checkpoint().reading_started_at.microseconds())?;
            rejects.extend(keyless);
            return Ok(batch.into_normalised(tables, rejects, 0));
        }
        self.plan_for(&table.schema)?;
        let first_load = matches!(batch.checkpoint().mode, Mode::Backfill | Mode::Snapshot);
        let reading = Reading {
            deleted: batch.checkpoint().mode == Mode::Deletions,
            tombstones: !first_load,
            started_at: batch.checkpoint().reading_started_at.microseconds(),
        };
        let mut tables = self.normalise(&table, &reading, &mut rejects)?;
        if !batch.parents().is_empty() {
            let around = Surroundings { context: CleaningContext::NONE, zone: &self.zone };
            tables.extend(told::sets(&mut self.plan, &self.record, batch.parents(), &around)?);
        }
        let mut batch = batch.into_normalised(tables, rejects, 0);
        *batch.cleaning_mut() = self.report.take();
        Ok(batch)
    }

    /// Tombstones for records of which the source gives the key alone.
    fn deletions(&self, table: &Table, started_at: i64) -> Result<(Vec<Table>, Vec<Reject>)> {
        let Self { mappings, stream, record, source, .. } = self;
        let planner = Planner { mappings, stream, record, source, raw: &table.schema };
        let around = Surroundings { context: CleaningContext::NONE, zone: &self.zone };
        crate::deletions::tombstones(&planner, table, started_at, &around)
    }

    fn plan_for(&mut self, raw: &Arc<TableSchema>) -> Result<()> {
        if !Arc::ptr_eq(&self.plan.raw, raw) {
            if *self.plan.raw == **raw {
                self.plan.raw = raw.clone();
            } else {
                let Self { mappings, stream, record, source, .. } = self;
                self.plan = Planner { mappings, stream, record, source, raw }.plan()?;
            }
        }
        Ok(())
    }

    fn normalise(&mut self, table: &Table, reading: &Reading, rejects: &mut Vec<Reject>) -> Result<Vec<Table>> {
        let rows = table.len();
        let columns = table.rows.columns();
        let inputs: Vec<Input> = columns.iter().map(Input::new).collect::<Result<_>>()?;
        let context = CleaningContext {
            default_country: self.defaults.country.as_deref(),
            currency: self.defaults.currency.as_deref(),
            time_zone: self.defaults.time_zone.as_deref(),
            decimal_separator: self.defaults.decimal_separator,
            day_first: self.defaults.day_first,
            ..CleaningContext::NONE
        };
        let around = Surroundings { context, zone: &self.zone };
        let Plan { space, source, entities, .. } = &mut self.plan;
        let computed = space.run(&inputs, rows, &around)?;
        let origins = |place: usize| table.schema.columns.get(place).map(|column| column.name.clone());
        let batch = Records { columns, inputs: &inputs, rows, around: &around, space, computed: &computed, reading, origins: &origins };

        let mut failures = Failures::new();
        let keys = computed.clean[source.key].array.as_string::<i32>();
        for row in (0..rows).filter(|row| keys.is_null(*row)) {
            failures.insert(row, key_failure(&self.record));
        }
        let time = |job: Option<usize>| match job {
            Some(job) => computed.clean[job].array.clone(),
            None => new_null_array(&aqueduct_schema::ValueType::Timestamp.arrow(), rows),
        };
        let mut source_columns = vec![
            computed.ids[source.id].clone(),
            computed.clean[source.key].array.clone(),
            time(source.created_at),
            time(source.updated_at),
            known_flag(source.is_deleted.map(|job| &computed.clean[job].array), rows, reading.deleted),
            time(source.deleted_at),
        ];
        source_columns.extend(columns.iter().cloned());
        let mut built =
            vec![Rows { table: source.table.clone(), operation: Operation::Upsert, columns: source_columns, parents: None, count: rows }];
        for plan in entities.iter_mut() {
            batch.entity(plan, source.updated_at, &mut built, &mut self.report, &mut failures)?;
        }
        if reading.tombstones {
            for plan in entities.iter() {
                batch.lapsed(plan, source.updated_at, &mut built)?;
            }
        }

        let kept = (!failures.is_empty()).then(|| (0..rows).map(|row| Some(!failures.contains_key(&row))).collect::<BooleanArray>());
        for (row, failure) in failures {
            let source_id = keys.is_valid(row).then(|| keys.value(row).to_owned());
            rejects.push(reject(failure, source_id, source.table.schema.columns[6..].iter().zip(&inputs), row));
        }
        let mut tables = built.into_iter().map(|rows| rows.into_table(kept.as_ref())).collect::<Result<Vec<_>>>()?;
        if told::tells(&self.record, entities) {
            let Self { mappings, stream, record, source: identity, .. } = &*self;
            let Plan { raw, source, entities, .. } = &self.plan;
            let telling = Telling { record, raw, identity, source, inputs: &inputs, computed: &computed, rows };
            let merges = telling.merges(entities)?;
            // In a first load nothing of them was there before.
            if reading.tombstones
                && let Some(gone) = telling.gone()?
            {
                let planner = Planner { mappings, stream, record, source: identity, raw: &gone.schema };
                let buried = crate::deletions::tombstones(&planner, &gone, reading.started_at, &around)?.0;
                // The rows that were merged themselves are marked with what they became.
                tables.extend(buried.into_iter().filter(|table| merges.iter().all(|merge| merge.schema.name != table.schema.name)));
            }
            tables.extend(merges);
        }
        Ok(tables)
    }
}

fn key_failure(record: &RecordSchema) -> Failure {
    let key = record.key.join(", ");
    Failure { rule: KEY_MISSING, message: format!("the record has nothing in `{key}`, which identifies it"), field: key }
}

fn reject<'c>(
    failure: Failure,
    source_id: Option<String>,
    cells: impl Iterator<Item = (&'c aqueduct_schema::Column, &'c Input)>,
    row: usize,
) -> Reject {
    Reject {
        rule: failure.rule.into(),
        field: Some(failure.field.into()),
        message: failure.message,
        source_id,
        location: None,
        sealed: None,
        record: cells
            .map(|(column, input)| RejectCell {
                column: column.name.clone(),
                sensitivity: column.sensitivity,
                value: input.value(row).text().map(std::borrow::Cow::into_owned),
            })
            .collect(),
    }
}
