//! The columns that are computed for a batch, each once however many fields and entities use it.

use std::sync::Arc;

use aqueduct_schema::{Entity, Result, RowIds, SemanticType, Source};
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};

use crate::column::{CleanColumn, CleanJob, MISSING, Semantics};
use crate::derive::{normalized, status_words};
use crate::evaluate::{Compiled, Surroundings};
use crate::memo::Memo;
use crate::value::Input;

/// The number of hexadecimal digits of a row id.
const ID_LENGTH: usize = 32;

/// What is computed over one kind of row: the records of a batch, or the elements inside them.
#[derive(Debug, Default)]
pub(crate) struct Space {
    pub(crate) clean: Vec<CleanJob>,
    /// For each of `clean`: the columns that it only chooses from, because each of its parts is cleaned anyway.
    parts: Vec<Vec<usize>>,
    ids: Vec<IdJob>,
    derived: Vec<Derived>,
}

/// What was computed, by job.
pub(crate) struct Computed {
    pub(crate) clean: Vec<CleanColumn>,
    pub(crate) ids: Vec<ArrayRef>,
    pub(crate) derived: Vec<ArrayRef>,
}

/// A column that follows from a cleaned one.
#[derive(Debug, PartialEq)]
struct Derived {
    of: usize,
    normalized: bool,
}

/// A column of row ids.
#[derive(Debug)]
struct IdJob {
    /// The cleaned column of source ids.
    of: usize,
    target: Target,
    memo: Memo<Box<str>>,
}

/// The entity of the rows that ids point at.
enum Target {
    One {
        name: String,
        ids: Box<RowIds>,
    },
    /// The one that another cleaned column names, row by row.
    Named {
        by: usize,
        source: Source,
        ids: Vec<(&'static str, RowIds)>,
    },
}

impl std::fmt::Debug for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One { name, .. } => write!(formatter, "One({name})"),
            Self::Named { by, .. } => write!(formatter, "Named({by})"),
        }
    }
}

impl Space {
    /// The job that cleans a column; a new one unless the same column is cleaned already.
    pub(crate) fn clean(&mut self, expression: Compiled, semantics: Semantics, country: Option<usize>, currency: Option<usize>) -> usize {
        let known = self.clean.iter().position(|job| job.does(&expression, &semantics, country, currency));
        known.unwrap_or_else(|| {
            self.clean.push(CleanJob::new(expression, semantics, country, currency));
            self.parts.push(Vec::new());
            self.clean.len() - 1
        })
    }

    /// The job that makes the row ids of `entity` (an entity's name, or a source table's) from a column of source ids.
    pub(crate) fn row_ids(&mut self, source: &Source, entity: &str, of: usize) -> usize {
        let known = self.ids.iter().position(|job| job.of == of && matches!(&job.target, Target::One { name, .. } if name == entity));
        known.unwrap_or_else(|| {
            let target = Target::One { name: entity.to_owned(), ids: Box::new(RowIds::new(source, entity)) };
            self.ids.push(IdJob { of, target, memo: Memo::new(true) });
            self.ids.len() - 1
        })
    }

    /// The job that derives a column from a cleaned one: the form it is joined by, or else its verdicts in words.
    pub(crate) fn derived(&mut self, of: usize, normalized: bool) -> usize {
        let job = Derived { of, normalized };
        let known = self.derived.iter().position(|known| *known == job);
        known.unwrap_or_else(|| {
            self.derived.push(job);
            self.derived.len() - 1
        })
    }

    /// The job that makes the row ids of the entity that the column `by` names.
    pub(crate) fn named_row_ids(&mut self, source: &Source, by: usize, of: usize) -> usize {
        let target = Target::Named { by, source: source.clone(), ids: Vec::new() };
        self.ids.push(IdJob { of, target, memo: Memo::new(false) });
        self.ids.len() - 1
    }

    /// Finds the columns that choose the first of several which are cleaned for other fields: cleaning a telephone number costs more
    /// than all the rest. To be called once all jobs are known.
    pub(crate) fn share(&mut self) {
        for place in 0..self.clean.len() {
            let job = &self.clean[place];
            let Compiled::FirstOf(parts) = &job.expression else { continue };
            if !matches!(job.semantics, Semantics::Fixed(SemanticType::PhoneNumber | SemanticType::Email | SemanticType::Url)) {
                continue;
            }
            let find = |part| self.clean.iter().position(|other| other.does(part, &job.semantics, job.country, job.currency));
            self.parts[place] = parts.iter().map(find).collect::<Option<_>>().unwrap_or_default();
        }
    }

    /// Chooses the first part that has something, as the expression would have done before cleaning.
    fn first_of(&mut self, place: usize, inputs: &[Input], rows: usize, clean: &[CleanColumn], around: &Surroundings<'_>) -> CleanColumn {
        let mut builder = StringBuilder::with_capacity(rows, rows * 16);
        let mut verdicts = Vec::with_capacity(rows);
        for row in 0..rows {
            let chosen = self.parts[place].iter().copied().find(|part| !self.clean[*part].expression.value(inputs, row, around).is_blank());
            let Some(part) = chosen else {
                builder.append_null();
                verdicts.push(MISSING);
                continue;
            };
            let values = clean[part].array.as_string::<i32>();
            builder.append_option(values.is_valid(row).then(|| values.value(row)));
            let (status, code) = self.clean[part].verdicts[usize::from(clean[part].verdicts[row])];
            verdicts.push(self.clean[place].verdict(status, code));
        }
        CleanColumn { array: Arc::new(builder.finish()), verdicts }
    }

    pub(crate) fn run(&mut self, inputs: &[Input], rows: usize, around: &Surroundings<'_>) -> Result<Computed> {
        let mut clean = vec![CleanColumn::empty(); self.clean.len()];
        for place in (0..self.clean.len()).filter(|place| self.parts[*place].is_empty()) {
            clean[place] = self.clean[place].run(inputs, rows, &clean, around)?;
        }
        for place in 0..self.clean.len() {
            if !self.parts[place].is_empty() {
                clean[place] = self.first_of(place, inputs, rows, &clean, around);
            }
        }
        let ids = self.ids.iter_mut().map(|job| job.run(&clean, rows)).collect();
        let derive = |job: &Derived| {
            if job.normalized { normalized(&self.clean[job.of], &clean[job.of]) } else { status_words(&self.clean[job.of], &clean[job.of]) }
        };
        let derived = self.derived.iter().map(derive).collect();
        Ok(Computed { clean, ids, derived })
    }
}

impl IdJob {
    fn run(&mut self, clean: &[CleanColumn], rows: usize) -> ArrayRef {
        let source_ids = clean[self.of].array.as_string::<i32>();
        let mut builder = StringBuilder::with_capacity(rows, rows * ID_LENGTH);
        let mut id = String::with_capacity(ID_LENGTH);
        for row in 0..rows {
            if !source_ids.is_valid(row) {
                builder.append_null();
                continue;
            }
            let source_id = source_ids.value(row);
            if let Some(known) = self.memo.get(source_id) {
                builder.append_value(known);
                continue;
            }
            id.clear();
            match &mut self.target {
                Target::One { ids, .. } => ids.write(source_id, &mut id),
                Target::Named { by, source, ids } => {
                    let names = clean[*by].array.as_string::<i32>();
                    let entity = if names.is_valid(row) { Entity::named(names.value(row)) } else { None };
                    let Some(entity) = entity else {
                        builder.append_null();
                        continue;
                    };
                    let place = ids.iter().position(|(name, _)| *name == entity.name).unwrap_or_else(|| {
                        ids.push((entity.name, RowIds::new(source, entity.name)));
                        ids.len() - 1
                    });
                    ids[place].1.write(source_id, &mut id);
                }
            }
            builder.append_value(&id);
            self.memo.keep(source_id, || id.as_str().into());
        }
        Arc::new(builder.finish())
    }
}

/// The source ids of a slot's rows (the record's id, a colon, the label) and their row ids.
pub(crate) fn labelled(source_ids: &ArrayRef, label: &str, ids: &RowIds) -> (ArrayRef, ArrayRef) {
    let source_ids = source_ids.as_string::<i32>();
    let rows = source_ids.len();
    let mut texts = StringBuilder::with_capacity(rows, source_ids.value_data().len() + rows * (label.len() + 1));
    let mut row_ids = StringBuilder::with_capacity(rows, rows * ID_LENGTH);
    let (mut text, mut id) = (String::new(), String::with_capacity(ID_LENGTH));
    for source_id in source_ids {
        let Some(source_id) = source_id else {
            texts.append_null();
            row_ids.append_null();
            continue;
        };
        text.clear();
        text.push_str(source_id);
        text.push(':');
        text.push_str(label);
        id.clear();
        ids.write(&text, &mut id);
        texts.append_value(&text);
        row_ids.append_value(&id);
    }
    (Arc::new(texts.finish()), Arc::new(row_ids.finish()))
}
