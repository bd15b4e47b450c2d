//! From computed columns to the rows of tables.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use aqueduct_schema::{CleaningExample, CleaningStatus, Error, Field, Operation, Result, RowIds, SemanticType, Table, ValueType, codes};
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array, new_null_array};
use arrow_select::filter::FilterBuilder;
use arrow_select::take::take;

use crate::column::{CleanJob, MISSING, OK};
use crate::evaluate::Surroundings;
use crate::plan::{Fill, Planned, PlannedTable, RowSet, SetIds};
use crate::report::{Cells, Counted, Report, shortened};
use crate::space::{Computed, labelled};
use crate::value::Input;

/// The code of a record without what identifies it.
pub(crate) const KEY_MISSING: &str = "key.missing";
/// The code of a record without a field that is required.
pub(crate) const REQUIRED_MISSING: &str = "required.missing";
/// The code of a reference to an entity that there is not.
const UNKNOWN_ENTITY: &str = "reference.unknown_entity";

/// Why a record is not loaded.
pub(crate) struct Failure {
    pub(crate) rule: &'static str,
    pub(crate) field: String,
    pub(crate) message: String,
}

/// The first failure of each record that has one.
pub(crate) type Failures = BTreeMap<usize, Failure>;

/// Rows of one table with the records they come from; without parents row `n` comes from record `n`.
pub(crate) struct Rows {
    pub(crate) table: PlannedTable,
    pub(crate) operation: Operation,
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) parents: Option<UInt32Array>,
    pub(crate) count: usize,
}

impl Rows {
    /// The table of these rows without those of failed records.
    pub(crate) fn into_table(self, kept: Option<&BooleanArray>) -> Result<Table> {
        let mut columns = self.columns;
        let mut count = self.count;
        if let Some(kept) = kept {
            let mask = match &self.parents {
                None => kept.clone(),
                Some(parents) => parents.values().iter().map(|parent| Some(kept.value(*parent as usize))).collect(),
            };
            (columns, count) = filtered(columns, &mask)?;
        }
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(count));
        let rows = RecordBatch::try_new_with_options(self.table.arrow, columns, &options).map_err(bug)?;
        Table::new(self.table.schema, self.operation, rows)
    }
}

pub(crate) fn bug(error: arrow_schema::ArrowError) -> Error {
    Error::new(codes::BUG, "columns could not be put together").caused_by(error)
}

pub(crate) fn filtered(columns: Vec<ArrayRef>, mask: &BooleanArray) -> Result<(Vec<ArrayRef>, usize)> {
    let predicate = FilterBuilder::new(mask).optimize().build();
    let columns = columns.iter().map(|column| predicate.filter(column.as_ref())).collect::<std::result::Result<_, _>>().map_err(bug)?;
    Ok((columns, predicate.count()))
}

/// The positions of the rows that a mask lets through.
pub(crate) fn positions(mask: &BooleanArray) -> UInt32Array {
    (0_u32..).zip(mask.values().iter()).filter(|(_, kept)| *kept).map(|(row, _)| row).collect()
}

/// One kind of row, being built.
pub(crate) struct SetBuilder<'b> {
    pub(crate) entity: &'static str,
    pub(crate) set: &'b RowSet,
    pub(crate) jobs: &'b [CleanJob],
    pub(crate) computed: &'b Computed,
    /// How many rows were computed, and which of them there are; all without a mask.
    pub(crate) rows: usize,
    pub(crate) mask: Option<&'b BooleanArray>,
    /// What makes the row ids of a slot.
    pub(crate) slot_ids: Option<&'b RowIds>,
    /// What `is_deleted` is where the source does not say.
    pub(crate) deleted: bool,
    /// What the jobs read, and the columns of the source that each of it comes from.
    pub(crate) inputs: &'b [Input],
    pub(crate) origins: &'b dyn Fn(usize) -> Option<Arc<str>>,
    pub(crate) around: &'b Surroundings<'b>,
}

/// The cells of one field of a set.
struct FieldCells<'c> {
    set: &'c SetBuilder<'c>,
    job: usize,
    kept: &'c ArrayRef,
}

impl Cells for FieldCells<'_> {
    fn example(&self, row: usize) -> Option<CleaningExample> {
        let Self { set, job, kept } = self;
        let before = set.jobs[*job].expression.given().value(set.inputs, row, set.around);
        let before = shortened(before.text()?);
        let after = Input::new(kept).ok()?.value(row).text().map(shortened);
        let id = set.set.columns.iter().find_map(|planned| if let Fill::SourceId(job) = planned.fill { Some(job) } else { None });
        let id = id.map(|job| set.computed.clean[job].array.as_string::<i32>()).filter(|ids| ids.is_valid(row));
        Some(CleaningExample { before, after, source_id: id.map(|ids| ids.value(row).to_owned()) })
    }

    fn columns(&self) -> Vec<Arc<str>> {
        let mut places = Vec::new();
        self.set.jobs[self.job].expression.columns(&mut places);
        let mut columns: Vec<Arc<str>> = places.into_iter().filter_map(self.set.origins).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

impl SetBuilder<'_> {
    /// The columns of the set in the order of its table: `id`, the planned ones, `_flags`. Notes failures by record.
    pub(crate) fn build(
        &self,
        parents: Option<&UInt32Array>,
        report: &mut Report,
        failures: &mut Failures,
    ) -> Result<(Vec<ArrayRef>, usize)> {
        let mut columns = Vec::with_capacity(self.set.columns.len() + 2);
        columns.push(match &self.set.id {
            SetIds::Job(job) => self.computed.ids[*job].clone(),
            // Stands in until it is known which rows there are.
            SetIds::Slot { source_id, .. } => self.computed.clean[*source_id].array.clone(),
        });
        let mut flags = Vec::new();
        for (place, planned) in self.set.columns.iter().enumerate() {
            let column = self.column(planned)?;
            if let Some(job) = planned.fill.clean() {
                self.note_flags(place, job, &mut flags);
                if planned.required {
                    self.note_failures(planned, job, &column, parents, failures);
                }
                let counted = Counted {
                    entity: self.entity,
                    field: planned.field,
                    meanings: &self.jobs[job].verdicts,
                    verdicts: &self.computed.clean[job].verdicts,
                    kept: &column,
                };
                let cells = FieldCells { set: self, job, kept: &self.computed.clean[job].array };
                match self.mask {
                    None => report.add(&counted, 0..self.rows, &cells),
                    Some(_) => report.add(&counted, self.selected(), &cells),
                }
            }
            columns.push(column);
        }
        columns.push(self.flags_column(flags));
        let (mut columns, count) = match self.mask {
            Some(mask) => filtered(columns, mask)?,
            None => (columns, self.rows),
        };
        if let (SetIds::Slot { label, .. }, Some(ids)) = (&self.set.id, self.slot_ids) {
            let (texts, row_ids) = labelled(&columns[0], label, ids);
            columns[0] = row_ids;
            if let Some(place) = self.set.columns.iter().position(|planned| matches!(planned.fill, Fill::SourceId(_))) {
                columns[place + 1] = texts;
            }
        }
        Ok((columns, count))
    }

    fn selected(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        (0..self.rows).filter(|row| self.mask.is_none_or(|mask| mask.value(*row)))
    }

    fn column(&self, planned: &Planned) -> Result<ArrayRef> {
        let clean = |job: usize| &self.computed.clean[job].array;
        Ok(match &planned.fill {
            Fill::Clean(job) | Fill::SourceId(job) => clean(*job).clone(),
            Fill::Deleted(job) => known_flag(job.map(clean), self.rows, self.deleted),
            Fill::RowId { id, .. } => self.computed.ids[*id].clone(),
            Fill::Derived(job) => self.computed.derived[*job].clone(),
            Fill::Null => new_null_array(&planned.field.value_type().arrow(), self.rows),
        })
    }

    fn note_flags(&self, place: usize, job: usize, flags: &mut Vec<(usize, usize, &'static str)>) {
        let meanings = &self.jobs[job].verdicts;
        let flagged: Vec<bool> = meanings.iter().map(|(status, code)| is_flagged(*status, code)).collect();
        if !flagged.contains(&true) {
            return;
        }
        for (row, verdict) in self.computed.clean[job].verdicts.iter().enumerate() {
            let number = usize::from(*verdict);
            if flagged[number] {
                flags.push((row, place, meanings[number].1));
            }
        }
    }

    fn flags_column(&self, mut flags: Vec<(usize, usize, &'static str)>) -> ArrayRef {
        if flags.is_empty() {
            return new_null_array(&ValueType::Json.arrow(), self.rows);
        }
        flags.sort_unstable_by_key(|(row, place, _)| (*row, *place));
        let mut builder = StringBuilder::with_capacity(self.rows, flags.len() * 32);
        let mut flags = flags.into_iter().peekable();
        let mut text = String::new();
        for row in 0..self.rows {
            text.clear();
            while let Some((_, place, code)) = flags.next_if(|(flagged, _, _)| *flagged == row) {
                // Names of fields and codes are words of ours that JSON takes as they are.
                let before = if text.is_empty() { '{' } else { ',' };
                let _ = write!(text, "{before}\"{}\":\"{code}\"", self.set.columns[place].field.name);
            }
            if text.is_empty() {
                builder.append_null();
            } else {
                text.push('}');
                builder.append_value(&text);
            }
        }
        Arc::new(builder.finish())
    }

    fn note_failures(&self, planned: &Planned, job: usize, column: &ArrayRef, parents: Option<&UInt32Array>, failures: &mut Failures) {
        if column.logical_null_count() == 0 {
            return;
        }
        for row in self.selected().filter(|row| column.is_null(*row)) {
            let record = parents.map_or(row, |parents| parents.value(row) as usize);
            let (status, code) = self.jobs[job].verdicts[usize::from(self.computed.clean[job].verdicts[row])];
            let code = if self.computed.clean[job].array.is_valid(row) { UNKNOWN_ENTITY } else { code };
            failures.entry(record).or_insert_with(|| failure(self.entity, planned.field, status, code));
        }
    }
}

fn failure(entity: &str, field: &Field, status: CleaningStatus, code: &'static str) -> Failure {
    let name = format!("{entity}.{}", field.name);
    if code == UNKNOWN_ENTITY {
        return Failure { rule: code, message: format!("`{name}` is required, but points at an entity that there is not"), field: name };
    }
    if status == CleaningStatus::Missing {
        return Failure {
            rule: REQUIRED_MISSING,
            message: format!("`{name}` is required, but the record has nothing for it"),
            field: name,
        };
    }
    let message = format!("`{name}` is required, but what the record has for it cannot be used as {} ({code})", noun(field.semantic));
    Failure { rule: code, field: name, message }
}

fn noun(semantic: SemanticType) -> &'static str {
    match semantic {
        SemanticType::Email => "an e-mail address",
        SemanticType::PhoneNumber => "a telephone number",
        SemanticType::PersonName => "a person's name",
        SemanticType::CompanyName => "a company's name",
        SemanticType::Country => "a country",
        SemanticType::Region => "a region",
        SemanticType::PostalCode => "a postal code",
        SemanticType::Language => "a language",
        SemanticType::TimeZone => "a time zone",
        SemanticType::CurrencyCode => "a currency",
        SemanticType::Money => "an amount of money",
        SemanticType::Ratio => "a number",
        SemanticType::Timestamp => "an instant",
        SemanticType::Date => "a day",
        SemanticType::Url => "a web address",
        SemanticType::Domain => "a domain name",
        SemanticType::Flag => "a yes or no",
        SemanticType::Count => "a whole number",
        SemanticType::SourceId => "an id",
        SemanticType::Label | SemanticType::FreeText | SemanticType::Category => "a text",
    }
}

/// Whether a row's `_flags` tell of it: anything doubtful, and words that stand for no value.
fn is_flagged(status: CleaningStatus, code: &str) -> bool {
    match status {
        CleaningStatus::Suspect | CleaningStatus::Invalid => true,
        CleaningStatus::Missing => !code.is_empty(),
        CleaningStatus::Ok | CleaningStatus::Fixed => false,
    }
}

/// A flag in every row: what the source says, else the default.
pub(crate) fn known_flag(flag: Option<&ArrayRef>, rows: usize, default: bool) -> ArrayRef {
    match flag {
        None => Arc::new(BooleanArray::from(vec![default; rows])),
        Some(flag) if flag.null_count() == 0 => flag.clone(),
        Some(flag) => Arc::new(flag.as_boolean().iter().map(|value| Some(value.unwrap_or(default))).collect::<BooleanArray>()),
    }
}

/// The rows of a slot in which at least one of its own fields has something.
pub(crate) fn filled(computed: &Computed, jobs: &[CleanJob], signals: &[usize], rows: usize) -> BooleanArray {
    let nothing = |job: usize, row: usize| {
        let verdict = computed.clean[job].verdicts[row];
        verdict == MISSING || (verdict != OK && jobs[job].verdicts[usize::from(verdict)].0 == CleaningStatus::Missing)
    };
    (0..rows).map(|row| Some(!signals.iter().all(|job| nothing(*job, row)))).collect()
}

/// The same columns with row `n` taken from the position `parents[n]`.
pub(crate) fn spread(column: &ArrayRef, parents: &UInt32Array) -> Result<ArrayRef> {
    take(column.as_ref(), parents, None).map_err(bug)
}
