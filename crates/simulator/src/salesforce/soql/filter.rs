//! Whether a record meets a condition.

use std::cmp::Ordering;
use std::ops::Range;

use super::grammar::Sign;
use crate::salesforce::data::Data;
use crate::salesforce::fields::Schema;
use crate::salesforce::ids::significant;
use crate::salesforce::record::Record;

/// Where a value is found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    /// The references to follow.
    pub(crate) path: Vec<usize>,
    pub(crate) end: End,
}

/// The end of a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// A field of the object that the path leads to.
    Field(usize),
    /// A field by its name, where the last reference leads to one of several objects; `Type` is the object's own name.
    Named(String),
}

/// A value to compare with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Null,
    /// Texts are not told apart by case.
    Text(String),
    /// Ids are told by their first 15 characters, by case.
    Id(String),
    /// Dates and truths, as they are written.
    Plain(String),
    Number(f64),
    /// From the first millisecond to the one after the last.
    Times(Range<i64>),
    /// The same for dates, as they are written.
    Days(String, String),
}

/// A condition that knows its schema.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare { source: Source, sign: Sign, operand: Operand },
    In { source: Source, negated: bool, operands: Vec<Operand> },
}

/// The times and numbers that a condition leaves possible, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl Bounds {
    pub(crate) const ALL: Self = Self { from: i64::MIN, to: i64::MAX };

    pub(crate) fn are_open(self) -> bool {
        self == Self::ALL
    }
}

impl Filter {
    /// Whether a record meets it.
    pub(crate) fn holds(&self, data: &Data, schema: &Schema, record: &Record) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.holds(data, schema, record)),
            Self::Or(any) => any.iter().any(|filter| filter.holds(data, schema, record)),
            Self::Not(inner) => !inner.holds(data, schema, record),
            Self::Compare { source, sign, operand } => source.with(data, schema, record, |value| meets(value, *sign, operand)),
            Self::In { source, negated, operands } => {
                source.with(data, schema, record, |value| operands.iter().any(|operand| meets(value, Sign::Equal, operand)) != *negated)
            }
        }
    }

    /// What it leaves possible of a source, as `value` reads operands.
    pub(crate) fn bounds(&self, wanted: &Source, value: &impl Fn(&Operand) -> Option<Range<i64>>) -> Bounds {
        match self {
            Self::And(all) => all
                .iter()
                .map(|filter| filter.bounds(wanted, value))
                .fold(Bounds::ALL, |one, other| Bounds { from: one.from.max(other.from), to: one.to.min(other.to) }),
            Self::Or(any) => {
                any.iter().map(|filter| filter.bounds(wanted, value)).fold(Bounds { from: i64::MAX, to: i64::MIN }, |one, other| Bounds {
                    from: one.from.min(other.from),
                    to: one.to.max(other.to),
                })
            }
            Self::Compare { source, sign, operand } if source == wanted => {
                let Some(range) = value(operand) else { return Bounds::ALL };
                match sign {
                    Sign::Equal => Bounds { from: range.start, to: range.end - 1 },
                    Sign::Less => Bounds { to: range.start, ..Bounds::ALL },
                    Sign::LessOrEqual => Bounds { to: range.end - 1, ..Bounds::ALL },
                    Sign::Greater | Sign::GreaterOrEqual => Bounds { from: range.start, ..Bounds::ALL },
                    Sign::Unequal | Sign::Like => Bounds::ALL,
                }
            }
            Self::In { source, negated: false, operands } if source == wanted => {
                let ranges: Option<Vec<Range<i64>>> = operands.iter().map(value).collect();
                let ranges = ranges.unwrap_or_default();
                let from = ranges.iter().map(|range| range.start).min();
                let to = ranges.iter().map(|range| range.end - 1).max();
                from.zip(to).map_or(Bounds::ALL, |(from, to)| Bounds { from, to })
            }
            _ => Bounds::ALL,
        }
    }
}

/// A value of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'r> {
    Null,
    Text(&'r str),
    Time(i64),
}

impl Source {
    /// Calls `then` with the value.
    pub(crate) fn with<T>(&self, data: &Data, schema: &Schema, record: &Record, then: impl FnOnce(Found<'_>) -> T) -> T {
        if self.path.is_empty()
            && let End::Field(place) = self.end
        {
            let field = &schema.fields[place];
            if let Some(time) = record.time(field.origin) {
                return then(Found::Time(time));
            }
            if field.origin == crate::salesforce::fields::Origin::Stored {
                let text = record.stored(field, place);
                return then(if text.is_empty() { Found::Null } else { Found::Text(text) });
            }
            return then(Found::Text(&record.text(schema, place)));
        }
        let text = self.text(data, schema, record);
        then(text.as_deref().map_or(Found::Null, Found::Text))
    }

    /// The value as a Bulk query writes it; `None` is null.
    pub(crate) fn text(&self, data: &Data, schema: &Schema, record: &Record) -> Option<String> {
        let Some((first, rest)) = self.path.split_first() else {
            let End::Field(place) = self.end else { return None };
            return Some(record.text(schema, place)).filter(|text| !text.is_empty());
        };
        let (mut schema, mut record) = data.referred(schema, record, *first)?;
        for reference in rest {
            (schema, record) = data.referred(schema, record, *reference)?;
        }
        let place = match &self.end {
            End::Field(place) => *place,
            End::Named(name) if name.eq_ignore_ascii_case("Type") => return Some(schema.name.clone()),
            End::Named(name) => schema.visible(name)?,
        };
        Some(record.text(schema, place)).filter(|text| !text.is_empty())
    }
}

fn meets(value: Found<'_>, sign: Sign, operand: &Operand) -> bool {
    if sign == Sign::Unequal {
        return !meets(value, Sign::Equal, operand);
    }
    let (text, time) = match value {
        Found::Null => return sign == Sign::Equal && *operand == Operand::Null,
        Found::Text(text) => (text, None),
        Found::Time(time) => ("", Some(time)),
    };
    match operand {
        Operand::Null => false,
        Operand::Text(pattern) if sign == Sign::Like => like(&text.to_lowercase(), &pattern.to_lowercase()),
        Operand::Text(other) => by(sign, text.to_lowercase().cmp(&other.to_lowercase())),
        Operand::Id(other) => by(sign, significant(text).cmp(significant(other))),
        Operand::Plain(other) => by(sign, text.cmp(other.as_str())),
        Operand::Number(other) => text.parse::<f64>().is_ok_and(|number| by(sign, number.total_cmp(other))),
        Operand::Times(span) => {
            let time = time.or_else(|| super::dates::instant(text));
            time.is_some_and(|time| within(sign, time < span.start, time >= span.end))
        }
        Operand::Days(from, after) => within(sign, text < from.as_str(), text >= after.as_str()),
    }
}

fn by(sign: Sign, order: Ordering) -> bool {
    match sign {
        Sign::Equal => order.is_eq(),
        Sign::Unequal => order.is_ne(),
        Sign::Less => order.is_lt(),
        Sign::LessOrEqual => order.is_le(),
        Sign::Greater => order.is_gt(),
        Sign::GreaterOrEqual => order.is_ge(),
        Sign::Like => false,
    }
}

/// A comparison with a span.
fn within(sign: Sign, before: bool, after: bool) -> bool {
    match sign {
        Sign::Equal => !before && !after,
        Sign::Unequal => before || after,
        Sign::Less => before,
        Sign::LessOrEqual => !after,
        Sign::Greater => after,
        Sign::GreaterOrEqual => !before,
        Sign::Like => false,
    }
}

/// `%` stands for any letters, `_` for one, and both for themselves behind a backslash.
fn like(text: &str, pattern: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => text.is_empty(),
        Some('%') => {
            let rest = letters.as_str();
            text.char_indices().map(|(place, _)| place).chain([text.len()]).any(|place| like(&text[place..], rest))
        }
        Some('_') => {
            let mut own = text.chars();
            own.next().is_some() && like(own.as_str(), letters.as_str())
        }
        Some(letter) => {
            let wanted = if letter == '\\' { letters.next().unwrap_or('\\') } else { letter };
            text.strip_prefix(wanted).is_some_and(|rest| like(rest, letters.as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match() {
        for (text, pattern, meets) in [
            ("anna", "an%", true),
            ("anna", "%n_", true),
            ("anna", "an", false),
            ("100%", "100\\%", true),
            ("1000", "100\\%", false),
            ("", "%", true),
            ("żaba", "_aba", true),
        ] {
            assert_eq!(like(text, pattern), meets, "{text} like {pattern}");
        }
    }

    #[test]
    fn nulls_are_unequal_to_everything_but_null() {
        let text = Operand::Text("a".to_owned());
        assert!(meets(Found::Null, Sign::Unequal, &text) && !meets(Found::Null, Sign::Less, &text));
        assert!(meets(Found::Null, Sign::Equal, &Operand::Null) && meets(Found::Text("x"), Sign::Unequal, &Operand::Null));
        assert!(meets(Found::Text("ANN"), Sign::Equal, &Operand::Text("ann".to_owned())));
        assert!(!meets(Found::Text("003aB"), Sign::Equal, &Operand::Id("003Ab".to_owned())));
        assert!(meets(Found::Text("9.0"), Sign::Less, &Operand::Number(10.0)));
    }
}
