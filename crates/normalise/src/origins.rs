//! Where the values of common fields come from, in words: for documentation.

use std::fmt::{self, Display, Formatter};

use aqueduct_schema::Field;

use crate::expression::{Expression, Take};
use crate::mapping::{Condition, Each, MappedField, Mapping, Test};
use crate::value::units_to_text;

/// Where a mapping takes a field from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The field of the mapping's entity.
    pub field: &'static Field,
    /// The expression, in words close to those of the language.
    pub from: String,
    /// The label of the set of fields it belongs to, where a record gives several rows.
    pub label: Option<String>,
}

impl Mapping {
    /// Where every field that it maps comes from, in its order.
    pub fn origins(&self) -> Vec<Origin> {
        let origin = |mapped: &MappedField, label: Option<&str>| Origin {
            field: mapped.field,
            from: mapped.expression.to_string(),
            label: label.map(str::to_owned),
        };
        let mut origins: Vec<Origin> = self.fields.iter().map(|mapped| origin(mapped, None)).collect();
        if let Each::Slot(slots) = &self.each {
            origins.extend(slots.iter().flat_map(|slot| slot.fields.iter().map(|mapped| origin(mapped, Some(&slot.label)))));
        }
        origins
    }

    /// Which records give a row, in words; nothing where all do.
    pub fn condition(&self) -> Option<String> {
        self.when.as_ref().map(ToString::to_string)
    }
}

impl Display for Condition {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let path = &self.path.name;
        match &self.test {
            Test::Is(words) => write!(formatter, "{path} is {}", words.join(" or ")),
            Test::Not(words) => write!(formatter, "{path} is not {}", words.join(" nor ")),
            Test::Present(true) => write!(formatter, "{path} has a value"),
            Test::Present(false) => write!(formatter, "{path} has no value"),
        }
    }
}

fn list(parts: &[Expression], between: &str) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

impl Display for Expression {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => formatter.write_str(&path.name),
            Self::Constant(word, _) => write!(formatter, "\"{word}\""),
            Self::Join { parts, with } => write!(formatter, "{} joined with \"{with}\"", list(parts, ", ")),
            Self::FirstOf(parts) => write!(formatter, "the first of {}", list(parts, ", ")),
            Self::Values { from, table, otherwise } => {
                let pairs: Vec<String> = table.iter().map(|(from, to)| format!("{from}={to}")).collect();
                write!(formatter, "{from} by {}", pairs.join(", "))?;
                otherwise.as_ref().map_or(Ok(()), |word| write!(formatter, ", otherwise {word}"))
            }
            Self::Scale { from, factor } => write!(formatter, "{from} times {}", units_to_text(*factor)),
            Self::Format { from, format } => write!(formatter, "{from} as {format}"),
            Self::Split { from, by, take } => {
                let part = match take {
                    Take::First => "the first part".to_owned(),
                    Take::Last => "the last part".to_owned(),
                    Take::Rest => "all but the first part".to_owned(),
                    Take::Number(number) => format!("part {number}"),
                };
                write!(formatter, "{part} of {from} between \"{by}\"")
            }
            Self::Call { function, of } => write!(formatter, "{}({})", function.name, list(of, ", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::parse_mappings;

    #[test]
    fn expressions_are_told_in_words() {
        let yaml = "entity: contact\nstream: people\nwhen: { path: a, is: [x, y] }\nfields:\n  full_name: { join: [a, b] }\n  \
                    first_name: { split: n, by: \" \", take: first }\n  lead_source: { constant: web }\n  \
                    lifecycle_stage: { from: s, values: { mql: mql }, otherwise: other }\n  phone_e164: { first_of: [p, q] }\n";
        let mapping = &parse_mappings("m.yaml", yaml).unwrap()[0];
        let told: Vec<String> = mapping.origins().iter().map(|origin| format!("{}: {}", origin.field.name, origin.from)).collect();
        assert_eq!(
            told,
            [
                "full_name: a, b joined with \" \"",
                "first_name: the first part of n between \" \"",
                "lead_source: \"web\"",
                "lifecycle_stage: s by mql=mql, otherwise other",
                "phone_e164: the first of p, q",
            ]
        );
        assert_eq!(mapping.condition().unwrap(), "a is x or y");
    }
}
