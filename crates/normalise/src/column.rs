//! One column through its cleaner: values, and what the cleaner found in each.

use std::sync::Arc;

use aqueduct_schema::{CleaningStatus, Field, Result, SemanticType, ValueType, entities};
use arrow_array::builder::{BooleanBuilder, Date32Builder, Decimal128Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, new_null_array};

use crate::cleaners::{self, CleaningContext};
use crate::evaluate::{Compiled, Surroundings};
use crate::memo::Memo;
use crate::value::{Input, UNITS, Value};

/// The code of a canonical value that its column cannot hold, such as a count beyond 64 bits.
const OUT_OF_RANGE: &str = "value.out_of_range";

/// Which cleaner the values have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Semantics {
    Fixed(SemanticType),
    /// The one that another field of the row names: a contact point's value by its kind.
    Selected {
        entity: &'static str,
        field: &'static Field,
        by: Box<Compiled>,
    },
}

/// What a cleaner found: a status and a code, numbered within one column. The first two are always the same.
pub(crate) type Verdict = u16;
pub(crate) const OK: Verdict = 0;
pub(crate) const MISSING: Verdict = 1;

/// A column to clean.
#[derive(Debug)]
pub(crate) struct CleanJob {
    pub(crate) expression: Compiled,
    pub(crate) semantics: Semantics,
    /// The cleaned column that names the row's country.
    pub(crate) country: Option<usize>,
    /// The cleaned column that names the row's currency.
    pub(crate) currency: Option<usize>,
    /// The meaning of the verdicts.
    pub(crate) verdicts: Vec<(CleaningStatus, &'static str)>,
    memo: Memo<(Option<Box<str>>, Verdict)>,
    constant: Option<CleanColumn>,
}

/// A cleaned column: canonical values in the semantic type's Arrow type, and a verdict a row.
#[derive(Clone, Debug)]
pub(crate) struct CleanColumn {
    pub(crate) array: ArrayRef,
    pub(crate) verdicts: Vec<Verdict>,
}

impl CleanColumn {
    /// A column that is still to be cleaned.
    pub(crate) fn empty() -> Self {
        Self { array: new_null_array(&ValueType::Text.arrow(), 0), verdicts: Vec::new() }
    }
}

impl CleanJob {
    pub(crate) fn new(expression: Compiled, semantics: Semantics, country: Option<usize>, currency: Option<usize>) -> Self {
        use SemanticType::{Category, CompanyName, Count, Country, CurrencyCode, Domain, Flag, Label, Language, PersonName, TimeZone, Url};
        let repeats = matches!(
            semantics,
            Semantics::Fixed(
                Category | CompanyName | Count | Country | CurrencyCode | Domain | Flag | Label | Language | PersonName | TimeZone | Url
            )
        );
        Self {
            expression,
            semantics,
            country,
            currency,
            verdicts: vec![(CleaningStatus::Ok, ""), (CleaningStatus::Missing, "")],
            memo: Memo::new(repeats),
            constant: None,
        }
    }

    pub(crate) fn does(&self, expression: &Compiled, semantics: &Semantics, country: Option<usize>, currency: Option<usize>) -> bool {
        self.country == country && self.currency == currency && self.semantics == *semantics && self.expression == *expression
    }

    /// The number of a verdict in this column.
    pub(crate) fn verdict(&mut self, status: CleaningStatus, code: &'static str) -> Verdict {
        verdict(&mut self.verdicts, status, code)
    }

    pub(crate) fn value_type(&self) -> ValueType {
        match &self.semantics {
            Semantics::Fixed(semantic) => semantic.value_type(),
            Semantics::Selected { field, .. } => field.value_type(),
        }
    }

    /// Cleans the column. `done` are the columns cleaned before, which country and currency point into.
    pub(crate) fn run(&mut self, inputs: &[Input], rows: usize, done: &[CleanColumn], around: &Surroundings<'_>) -> Result<CleanColumn> {
        if let Some(column) = self.as_it_is(inputs) {
            return Ok(column);
        }
        if self.expression.is_constant()
            && self.country.is_none()
            && self.currency.is_none()
            && matches!(self.semantics, Semantics::Fixed(_))
        {
            let wide_enough = self.constant.as_ref().is_some_and(|constant| constant.verdicts.len() >= rows);
            let constant = match self.constant.take() {
                Some(constant) if wide_enough => constant,
                _ => self.clean_rows(inputs, rows, done, around)?,
            };
            let column = CleanColumn { array: constant.array.slice(0, rows), verdicts: constant.verdicts[..rows].to_vec() };
            self.constant = Some(constant);
            return Ok(column);
        }
        self.clean_rows(inputs, rows, done, around)
    }

    /// A typed source column that fits goes on as it is.
    fn as_it_is(&self, inputs: &[Input]) -> Option<CleanColumn> {
        let Compiled::Column(column) = self.expression else { return None };
        let array: ArrayRef = match inputs.get(column)? {
            Input::Text(_) => return None,
            Input::Boolean(array) => Arc::new(array.clone()),
            Input::Integer(array) => Arc::new(array.clone()),
            Input::Decimal(array) => Arc::new(array.clone()),
            Input::Date(array) => Arc::new(array.clone()),
            Input::Timestamp(array) => Arc::new(array.clone()),
        };
        if *array.data_type() != self.value_type().arrow() {
            return None;
        }
        let verdicts = match array.nulls() {
            None => vec![OK; array.len()],
            Some(nulls) => nulls.iter().map(|valid| if valid { OK } else { MISSING }).collect(),
        };
        Some(CleanColumn { array, verdicts })
    }

    fn clean_rows(&mut self, inputs: &[Input], rows: usize, done: &[CleanColumn], around: &Surroundings<'_>) -> Result<CleanColumn> {
        let countries = self.country.and_then(|job| done.get(job)).map(|column| column.array.as_string::<i32>());
        let currencies = self.currency.and_then(|job| done.get(job)).map(|column| column.array.as_string::<i32>());
        let mut sink = Sink::new(self.value_type(), rows);
        let mut found = Vec::with_capacity(rows);
        let Self { expression, semantics, verdicts, memo, .. } = self;
        for row in 0..rows {
            let value = expression.value(inputs, row, around);
            if sink.take_typed(&value) {
                found.push(OK);
                continue;
            }
            if value.is_blank() {
                sink.null();
                found.push(MISSING);
                continue;
            }
            if let Value::Bad(code) = value {
                sink.null();
                found.push(verdict(verdicts, CleaningStatus::Invalid, code));
                continue;
            }
            let semantic = match semantics {
                Semantics::Fixed(semantic) => *semantic,
                Semantics::Selected { entity, field, by } => selected(entity, field, &by.value(inputs, row, around)),
            };
            if semantic == SemanticType::SourceId
                && let Value::Integer(number) = value
            {
                sink.text(&number.to_string());
                found.push(OK);
                continue;
            }
            let Some(text) = value.text() else { continue };
            if let Some((kept, verdict)) = memo.get(&text) {
                match kept {
                    Some(kept) => sink.text(kept),
                    None => sink.null(),
                }
                found.push(*verdict);
                continue;
            }
            let context = CleaningContext {
                country: value_at(countries, row).or(around.context.country),
                currency: value_at(currencies, row).or(around.context.currency),
                ..around.context
            };
            let cleaned = cleaners::clean(semantic, &text, &context);
            let mut number = verdict(verdicts, cleaned.status, cleaned.code);
            match cleaned.value.as_deref() {
                None => sink.null(),
                Some(canonical) if sink.canonical(canonical) => {}
                Some(_) => {
                    sink.null();
                    number = verdict(verdicts, CleaningStatus::Invalid, OUT_OF_RANGE);
                }
            }
            found.push(number);
            if sink.is_text() {
                memo.keep(&text, || (cleaned.value.as_deref().map(Box::from), number));
            }
        }
        Ok(CleanColumn { array: sink.finish(), verdicts: found })
    }
}

fn value_at(column: Option<&arrow_array::StringArray>, row: usize) -> Option<&str> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

/// The semantic type of a value whose kind stands in another field.
fn selected(entity: &str, field: &Field, kind: &Value<'_>) -> SemanticType {
    let word = kind.text().map(|word| word.trim().to_lowercase()).unwrap_or_default();
    entities::semantic_by_kind(entity, field.name, &word).unwrap_or(field.semantic)
}

/// The number of a verdict; codes are constants, so few that looking through them is quickest.
fn verdict(verdicts: &mut Vec<(CleaningStatus, &'static str)>, status: CleaningStatus, code: &'static str) -> Verdict {
    let same = verdicts.iter().position(|(other, word)| std::ptr::eq(*word, code) && *other == status);
    let known = same.or_else(|| verdicts.iter().position(|(other, word)| *other == status && *word == code));
    let number = known.unwrap_or_else(|| {
        verdicts.push((status, code));
        verdicts.len() - 1
    });
    Verdict::try_from(number).unwrap_or(MISSING)
}

/// The builder of a column's type.
enum Sink {
    Text(StringBuilder),
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Decimal(Decimal128Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl Sink {
    fn new(value_type: ValueType, rows: usize) -> Self {
        match value_type {
            ValueType::Text | ValueType::Json => Self::Text(StringBuilder::with_capacity(rows, rows * 16)),
            ValueType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            ValueType::Integer => Self::Integer(Int64Builder::with_capacity(rows)),
            ValueType::Decimal => Self::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(ValueType::Decimal.arrow())),
            ValueType::Date => Self::Date(Date32Builder::with_capacity(rows)),
            ValueType::Timestamp => {
                Self::Timestamp(TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(ValueType::Timestamp.arrow()))
            }
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    fn null(&mut self) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
            Self::Integer(builder) => builder.append_null(),
            Self::Decimal(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
        }
    }

    fn text(&mut self, text: &str) {
        if let Self::Text(builder) = self {
            builder.append_value(text);
        }
    }

    /// Takes a value whose type already fits the column.
    fn take_typed(&mut self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Boolean(builder), Value::Boolean(value)) => builder.append_value(*value),
            (Self::Integer(builder), Value::Integer(value)) => builder.append_value(*value),
            (Self::Decimal(builder), Value::Decimal(units)) => builder.append_value(*units),
            (Self::Decimal(builder), Value::Integer(value)) => builder.append_value(i128::from(*value) * UNITS),
            (Self::Date(builder), Value::Date(days)) => builder.append_value(*days),
            (Self::Timestamp(builder), Value::Timestamp(microseconds)) => builder.append_value(*microseconds),
            _ => return false,
        }
        true
    }

    /// Takes a canonical text; false when the column cannot hold it.
    fn canonical(&mut self, text: &str) -> bool {
        match self {
            Self::Text(builder) => builder.append_value(text),
            Self::Boolean(builder) => match text {
                "true" => builder.append_value(true),
                "false" => builder.append_value(false),
                _ => return false,
            },
            Self::Integer(builder) => match text.parse() {
                Ok(number) => builder.append_value(number),
                Err(_) => return false,
            },
            Self::Decimal(builder) => match cleaners::decimal_units(text) {
                Some(units) => builder.append_value(units),
                None => return false,
            },
            Self::Date(builder) => match cleaners::date_days(text) {
                Some(days) => builder.append_value(days),
                None => return false,
            },
            Self::Timestamp(builder) => match cleaners::timestamp_micros(text) {
                Some(microseconds) => builder.append_value(microseconds),
                None => return false,
            },
        }
        true
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
            Self::Integer(mut builder) => Arc::new(builder.finish()),
            Self::Decimal(mut builder) => Arc::new(builder.finish()),
            Self::Date(mut builder) => Arc::new(builder.finish()),
            Self::Timestamp(mut builder) => Arc::new(builder.finish()),
        }
    }
}
