//! Expressions compiled to columns, and their value in a row.

use std::borrow::Cow;
use std::sync::Arc;

use aqueduct_schema::SemanticType;
use jiff::tz::TimeZone;

use crate::cleaners::{self, CleaningContext};
use crate::expression::{Expression, Path, Take};
use crate::format::Format;
use crate::functions::Function;
use crate::steps::{Step, carry_out};
use crate::value::{Input, UNITS, Value, text_to_units};

/// The code of a value that should be scaled and is no number.
pub(crate) const NOT_A_NUMBER: &str = "scale.not_a_number";
/// The code of a number that scaling makes too large.
pub(crate) const OUT_OF_RANGE: &str = "scale.out_of_range";

/// An expression over the columns of a batch, by their positions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Compiled {
    Missing,
    Column(usize),
    Constant(String),
    Join {
        parts: Vec<Compiled>,
        with: String,
    },
    /// The parts of a key; without any one of them there is no key.
    Key(Vec<Compiled>),
    FirstOf(Vec<Compiled>),
    Values {
        from: Box<Compiled>,
        table: Vec<(String, String)>,
        otherwise: Option<String>,
    },
    Scale {
        from: Box<Compiled>,
        factor: i128,
    },
    Format {
        from: Box<Compiled>,
        format: Format,
    },
    Split {
        from: Box<Compiled>,
        by: String,
        take: Take,
    },
    Call {
        function: Function,
        of: Vec<Compiled>,
    },
    /// The cleaning steps of a pipeline file.
    Steps {
        of: Box<Compiled>,
        steps: Arc<[Step]>,
    },
}

/// Compiles an expression. `None` when it has paths and `resolve` finds no column for any of them: the field is then absent, not empty.
pub(crate) fn compile(expression: &Expression, resolve: &mut dyn FnMut(&Path) -> Option<usize>) -> Option<Compiled> {
    let mut found = 0;
    let compiled = compile_part(expression, &mut |path| {
        let column = resolve(path);
        found += usize::from(column.is_some());
        column
    });
    (found > 0 || expression.paths().is_empty()).then_some(compiled)
}

fn compile_part(expression: &Expression, resolve: &mut dyn FnMut(&Path) -> Option<usize>) -> Compiled {
    let mut all = |parts: &[Expression]| parts.iter().map(|part| compile_part(part, resolve)).collect::<Vec<_>>();
    match expression {
        Expression::Path(path) => resolve(path).map_or(Compiled::Missing, Compiled::Column),
        Expression::Constant(word, _) => Compiled::Constant(word.clone()),
        Expression::Join { parts, with } => Compiled::Join { parts: all(parts), with: with.clone() },
        Expression::FirstOf(parts) => Compiled::FirstOf(all(parts)),
        Expression::Call { function, of } => Compiled::Call { function: *function, of: all(of) },
        Expression::Values { from, table, otherwise } => {
            Compiled::Values { from: Box::new(compile_part(from, resolve)), table: table.clone(), otherwise: otherwise.clone() }
        }
        Expression::Scale { from, factor } => Compiled::Scale { from: Box::new(compile_part(from, resolve)), factor: *factor },
        Expression::Format { from, format } => Compiled::Format { from: Box::new(compile_part(from, resolve)), format: format.clone() },
        Expression::Split { from, by, take } => {
            Compiled::Split { from: Box::new(compile_part(from, resolve)), by: by.clone(), take: *take }
        }
    }
}

/// What expressions assume beyond the row.
pub(crate) struct Surroundings<'s> {
    pub(crate) context: CleaningContext<'s>,
    pub(crate) zone: &'s TimeZone,
}

impl Compiled {
    /// The value in a row.
    pub(crate) fn value<'v>(&'v self, inputs: &'v [Input], row: usize, around: &Surroundings<'_>) -> Value<'v> {
        match self {
            Self::Missing => Value::Missing,
            Self::Column(column) => inputs.get(*column).map_or(Value::Missing, |input| input.value(row)),
            Self::Constant(word) => Value::Text(Cow::Borrowed(word)),
            Self::Join { parts, with } => join(parts.iter().map(|part| part.value(inputs, row, around)), with),
            Self::Key(parts) => {
                if parts.iter().any(|part| part.value(inputs, row, around).is_blank()) {
                    return Value::Missing;
                }
                join(parts.iter().map(|part| part.value(inputs, row, around)), ":")
            }
            Self::FirstOf(parts) => {
                parts.iter().map(|part| part.value(inputs, row, around)).find(|value| !value.is_blank()).unwrap_or(Value::Missing)
            }
            Self::Values { from, table, otherwise } => looked_up(from.value(inputs, row, around), table, otherwise.as_deref()),
            Self::Scale { from, factor } => scale(&from.value(inputs, row, around), *factor, &around.context),
            Self::Format { from, format } => {
                let value = from.value(inputs, row, around);
                if value.is_blank() || matches!(value, Value::Bad(_)) { value } else { format.read(&value, around.zone) }
            }
            Self::Split { from, by, take } => split(from.value(inputs, row, around), by, *take),
            Self::Steps { of, steps } => carry_out(steps, of.value(inputs, row, around)),
            Self::Call { function, of } => {
                let parts: Vec<Option<Cow<'_, str>>> = of
                    .iter()
                    .map(|part| Some(part.value(inputs, row, around)).filter(|value| !value.is_blank()).and_then(|value| value.text()))
                    .collect();
                (function.run)(&parts).map_or(Value::Missing, |text| Value::Text(Cow::Owned(text.into_owned())))
            }
        }
    }

    /// Whether the value is the same in every row.
    pub(crate) fn is_constant(&self) -> bool {
        match self {
            Self::Steps { of, .. } => of.is_constant(),
            _ => matches!(self, Self::Constant(_) | Self::Missing),
        }
    }

    /// The expression as the source gives it, before the steps of the pipeline file.
    pub(crate) fn given(&self) -> &Self {
        match self {
            Self::Steps { of, .. } => of,
            _ => self,
        }
    }

    /// The columns it reads, by their positions.
    pub(crate) fn columns(&self, columns: &mut Vec<usize>) {
        match self {
            Self::Missing | Self::Constant(_) => {}
            Self::Column(column) => columns.push(*column),
            Self::Join { parts, .. } | Self::Key(parts) | Self::FirstOf(parts) | Self::Call { of: parts, .. } => {
                parts.iter().for_each(|part| part.columns(columns));
            }
            Self::Values { from: of, .. }
            | Self::Scale { from: of, .. }
            | Self::Format { from: of, .. }
            | Self::Split { from: of, .. }
            | Self::Steps { of, .. } => of.columns(columns),
        }
    }
}

/// What a table of values has for a value: the value itself, or `otherwise`, where it is not there.
pub(crate) fn looked_up<'v>(value: Value<'v>, table: &'v [(String, String)], otherwise: Option<&'v str>) -> Value<'v> {
    if value.is_blank() {
        return Value::Missing;
    }
    let Some(text) = value.text() else { return value };
    let word = lower_case(text.trim());
    match table.binary_search_by(|(key, _)| key.as_str().cmp(&word)) {
        Ok(place) => Value::Text(Cow::Borrowed(&table[place].1)),
        Err(_) => otherwise.map_or(value, |word| Value::Text(Cow::Borrowed(word))),
    }
}

/// Lower case without a copy where there is no capital.
pub(crate) fn lower_case(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

fn join<'v>(values: impl Iterator<Item = Value<'v>>, with: &str) -> Value<'v> {
    let mut joined: Option<Cow<'v, str>> = None;
    for value in values {
        let Some(text) = value.text() else { continue };
        let text = trimmed(text);
        if text.is_empty() {
            continue;
        }
        joined = Some(match joined {
            None => text,
            Some(before) => {
                let mut whole = before.into_owned();
                whole.push_str(with);
                whole.push_str(&text);
                Cow::Owned(whole)
            }
        });
    }
    joined.map_or(Value::Missing, Value::Text)
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

fn scale<'v>(value: &Value<'v>, factor: i128, context: &CleaningContext<'_>) -> Value<'v> {
    let units = match value {
        Value::Missing => return Value::Missing,
        Value::Bad(code) => return Value::Bad(code),
        Value::Integer(number) => Some(i128::from(*number) * UNITS),
        Value::Decimal(units) => Some(*units),
        Value::Text(text) if text.trim().is_empty() => return Value::Missing,
        Value::Text(text) => text_to_units(text).or_else(|| {
            // Written for people (`1.234,50`): only the cleaner of amounts may say what that means.
            let cleaned = cleaners::clean(SemanticType::Money, text, context);
            cleaned.value.as_deref().and_then(text_to_units)
        }),
        _ => None,
    };
    let Some(units) = units else { return Value::Bad(NOT_A_NUMBER) };
    let Some(product) = units.checked_mul(factor) else { return Value::Bad(OUT_OF_RANGE) };
    // Half to even, which is what remains exact on average, where the product has more than nine decimals.
    let (quotient, rest) = (product.div_euclid(UNITS), product.rem_euclid(UNITS));
    let up = rest * 2 > UNITS || rest * 2 == UNITS && quotient % 2 != 0;
    let scaled = quotient + i128::from(up);
    if scaled.unsigned_abs() < 10_u128.pow(38) { Value::Decimal(scaled) } else { Value::Bad(OUT_OF_RANGE) }
}

fn split<'v>(value: Value<'v>, by: &str, take: Take) -> Value<'v> {
    if let Value::Bad(_) = value {
        return value;
    }
    let Some(text) = value.text() else { return Value::Missing };
    let part = match &text {
        Cow::Borrowed(text) => taken(text, by, take).map(Cow::Borrowed),
        Cow::Owned(text) => taken(text, by, take).map(|part| Cow::Owned(part.to_owned())),
    };
    part.map_or(Value::Missing, Value::Text)
}

/// The part of a text, trimmed; empty parts do not count when the separator is blank.
pub(crate) fn taken<'t>(text: &'t str, by: &str, take: Take) -> Option<&'t str> {
    let text = text.trim();
    let blank = by.trim().is_empty();
    let mut parts = text.split(by).map(str::trim).filter(|part| !blank || !part.is_empty());
    let part = match take {
        Take::First => parts.next(),
        Take::Number(number) => parts.nth(number),
        Take::Last => parts.next().and_then(|_| parts.last()),
        Take::Rest => text.split_once(by).map(|(_, rest)| rest.trim()),
    };
    part.filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_text() {
        let table = [
            ("Ada King  Lovelace", " ", Take::First, Some("Ada")),
            ("Ada King  Lovelace", " ", Take::Last, Some("Lovelace")),
            ("Ada King  Lovelace", " ", Take::Rest, Some("King  Lovelace")),
            ("Ada King  Lovelace", " ", Take::Number(2), Some("Lovelace")),
            ("Ada", " ", Take::First, Some("Ada")),
            ("Ada", " ", Take::Last, None),
            ("Ada", " ", Take::Rest, None),
            ("Lovelace, Ada", ",", Take::Last, Some("Ada")),
            ("a,,c", ",", Take::Number(1), None),
            ("", ",", Take::First, None),
        ];
        for (text, by, take, expected) in table {
            assert_eq!(taken(text, by, take), expected, "{text} {take:?}");
        }
    }

    #[test]
    fn scaling_is_exact() {
        let context = CleaningContext::default();
        let cents = 10_000_000;
        assert_eq!(scale(&Value::Integer(12_345), cents, &context), Value::Decimal(123_450_000_000));
        assert_eq!(scale(&Value::Text("12345".into()), cents, &context), Value::Decimal(123_450_000_000));
        assert_eq!(scale(&Value::Decimal(50), cents, &context), Value::Decimal(0));
        assert_eq!(scale(&Value::Decimal(150), cents, &context), Value::Decimal(2));
        assert_eq!(scale(&Value::Text(" ".into()), cents, &context), Value::Missing);
        assert_eq!(scale(&Value::Boolean(true), cents, &context), Value::Bad(NOT_A_NUMBER));
        assert_eq!(scale(&Value::Decimal(i128::MAX), cents, &context), Value::Bad(OUT_OF_RANGE));
    }
}
