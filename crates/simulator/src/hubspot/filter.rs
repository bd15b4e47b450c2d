//! Search filters: operators over typed values.
//!
//! What the vendor's sources leave open is decided here as a search index would: a missing value satisfies the negative
//! operators (`NEQ`, `NOT_IN`, `NOT_CONTAINS_TOKEN`) and no other but `NOT_HAS_PROPERTY`; texts compare without case.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::schema::{Field, PropertyType, Schema};
use super::values::Values;
use crate::store::{History, Version};

/// A value that can be compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Key {
    Number(f64),
    Time(i64),
    Text(String),
}

impl Key {
    /// The key of a text for a type of property; `None` when the text is not of that type.
    pub(crate) fn of(kind: PropertyType, text: &str) -> Option<Self> {
        let text = text.trim();
        match kind {
            PropertyType::Number => text.parse().ok().map(Self::Number),
            PropertyType::Date | PropertyType::DateTime => time(text).map(Self::Time),
            PropertyType::String | PropertyType::Enumeration | PropertyType::Bool | PropertyType::PhoneNumber => {
                Some(Self::Text(text.to_lowercase()))
            }
        }
    }

    /// The order of two keys of one type.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// An instant in milliseconds: digits are milliseconds since the epoch, everything else is ISO 8601. What is finer than a
/// millisecond is cut off.
fn time(text: &str) -> Option<i64> {
    if let Ok(milliseconds) = text.parse::<i64>() {
        return Some(milliseconds);
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_millisecond());
    }
    let date: Date = text.parse().ok()?;
    date.in_tz("UTC").ok().map(|midnight| midnight.timestamp().as_millisecond())
}

#[derive(Clone, Debug)]
enum Test {
    Equal(Key),
    NotEqual(Key),
    Less(Key),
    LessOrEqual(Key),
    Greater(Key),
    GreaterOrEqual(Key),
    Between(Key, Key),
    In(Vec<Key>),
    NotIn(Vec<Key>),
    Has,
    HasNot,
    Contains(String),
    ContainsNot(String),
}

/// One filter.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    field: Field,
    kind: PropertyType,
    test: Test,
}

/// Why a filter cannot be run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadFilter {
    /// Told to the client as 400.
    Invalid(String),
    /// The epoch itself as a bound makes the vendor fail with 500.
    Epoch,
}

impl Filter {
    /// Reads a filter of a search request.
    pub(crate) fn parse(schema: &Schema, filter: &Value) -> Result<Self, BadFilter> {
        let invalid = |message: String| BadFilter::Invalid(message);
        let name = filter["propertyName"].as_str().ok_or_else(|| invalid("a filter needs a propertyName".into()))?;
        let (field, kind) = schema.field(name).zip(schema.kind(name)).ok_or_else(|| invalid(format!("There is no property \"{name}\"")))?;
        let key_of = |value: &Value, member: &str| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => return Err(invalid(format!("the filter on {name} needs a {member}"))),
            };
            match Key::of(kind, &text) {
                Some(Key::Time(0)) => Err(BadFilter::Epoch),
                Some(key) => Ok(key),
                None => Err(invalid(format!("{text} is no value for {name}"))),
            }
        };
        let key = || key_of(&filter["value"], "value");
        let keys = || {
            let values = filter["values"]
                .as_array()
                .filter(|values| !values.is_empty())
                .ok_or_else(|| invalid(format!("the filter on {name} needs values")))?;
            values.iter().map(|value| key_of(value, "value")).collect::<Result<Vec<Key>, BadFilter>>()
        };
        let token =
            || filter["value"].as_str().map(str::to_lowercase).ok_or_else(|| invalid(format!("the filter on {name} needs a value")));
        let test = match filter["operator"].as_str().unwrap_or_default() {
            "EQ" => Test::Equal(key()?),
            "NEQ" => Test::NotEqual(key()?),
            "LT" => Test::Less(key()?),
            "LTE" => Test::LessOrEqual(key()?),
            "GT" => Test::Greater(key()?),
            "GTE" => Test::GreaterOrEqual(key()?),
            "BETWEEN" => Test::Between(key()?, key_of(&filter["highValue"], "highValue")?),
            "IN" => Test::In(keys()?),
            "NOT_IN" => Test::NotIn(keys()?),
            "HAS_PROPERTY" => Test::Has,
            "NOT_HAS_PROPERTY" => Test::HasNot,
            "CONTAINS_TOKEN" => Test::Contains(token()?),
            "NOT_CONTAINS_TOKEN" => Test::ContainsNot(token()?),
            other => return Err(invalid(format!("unknown operator \"{other}\""))),
        };
        Ok(Self { field, kind, test })
    }

    /// Whether a version of a record satisfies it.
    pub(crate) fn holds(&self, id: u64, row: &History<u64, Values>, version: &Version<u64, Values>) -> bool {
        let key = key_of(self.field, self.kind, id, row, version);
        let ordered = |bound: &Key, wanted: &[Ordering]| key.as_ref().is_some_and(|key| wanted.contains(&key.order(bound)));
        match &self.test {
            Test::Equal(bound) => ordered(bound, &[Ordering::Equal]),
            Test::NotEqual(bound) => !ordered(bound, &[Ordering::Equal]),
            Test::Less(bound) => ordered(bound, &[Ordering::Less]),
            Test::LessOrEqual(bound) => ordered(bound, &[Ordering::Less, Ordering::Equal]),
            Test::Greater(bound) => ordered(bound, &[Ordering::Greater]),
            Test::GreaterOrEqual(bound) => ordered(bound, &[Ordering::Greater, Ordering::Equal]),
            Test::Between(low, high) => {
                ordered(low, &[Ordering::Greater, Ordering::Equal]) && ordered(high, &[Ordering::Less, Ordering::Equal])
            }
            Test::In(bounds) => bounds.iter().any(|bound| ordered(bound, &[Ordering::Equal])),
            Test::NotIn(bounds) => !bounds.iter().any(|bound| ordered(bound, &[Ordering::Equal])),
            Test::Has => key.is_some(),
            Test::HasNot => key.is_none(),
            Test::Contains(token) => self.text(id, version).is_some_and(|text| contains_token(&text, token)),
            Test::ContainsNot(token) => !self.text(id, version).is_some_and(|text| contains_token(&text, token)),
        }
    }

    fn text(&self, id: u64, version: &Version<u64, Values>) -> Option<String> {
        match self.field {
            Field::Id => Some(id.to_string()),
            Field::Stored(property) => version.value.get(property).map(str::to_lowercase),
            Field::Created | Field::Modified => None,
        }
    }

    /// The least and the greatest modification time that can satisfy it, if it says anything about that time.
    pub(crate) fn modified_bounds(&self) -> Option<(i64, i64)> {
        if self.field != Field::Modified {
            return None;
        }
        match &self.test {
            Test::Equal(Key::Time(at)) => Some((*at, *at)),
            Test::Less(Key::Time(at)) | Test::LessOrEqual(Key::Time(at)) => Some((i64::MIN, *at)),
            Test::Greater(Key::Time(at)) | Test::GreaterOrEqual(Key::Time(at)) => Some((*at, i64::MAX)),
            Test::Between(Key::Time(low), Key::Time(high)) => Some((*low, *high)),
            _ => None,
        }
    }
}

/// The key of a field in a version of a record; `None` when it has no value, an empty one, or one that is not of its type.
pub(crate) fn key_of(field: Field, kind: PropertyType, id: u64, row: &History<u64, Values>, version: &Version<u64, Values>) -> Option<Key> {
    match field {
        // Ids are far below the numbers that a double cannot hold exactly.
        Field::Id => id.to_string().parse().ok().map(Key::Number),
        Field::Created => Some(Key::Time(row.created_at)),
        Field::Modified => Some(Key::Time(version.modified_at)),
        Field::Stored(property) => version.value.get(property).filter(|value| !value.is_empty()).and_then(|value| Key::of(kind, value)),
    }
}

/// Whether one of the words of a text is the token; `*` stands for any letters. Both are in lower case.
pub(crate) fn contains_token(text: &str, token: &str) -> bool {
    let word_break = |letter: char| !letter.is_alphanumeric();
    // A token of several words is looked for as it stands.
    if token.chars().any(|letter| word_break(letter) && letter != '*') {
        return matches(&format!("*{token}*"), text);
    }
    matches(token, text) || text.split(word_break).any(|word| !word.is_empty() && matches(token, word))
}

/// Whether a text is what a pattern with `*` describes.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(place) = rest.find(part) else { return false };
        rest = &rest[place + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_both_forms() {
        assert_eq!(time("1770000000123"), Some(1_770_000_000_123));
        assert_eq!(time("2026-02-02T02:40:00.123999Z"), Some(1_770_000_000_123));
        assert_eq!(time("2026-02-02"), Some(1_769_990_400_000));
        assert_eq!(time("soon"), None);
    }

    #[test]
    fn tokens_match_words_and_patterns() {
        assert!(contains_token("ann@example.com", "example"));
        assert!(contains_token("ann@example.com", "*@example.com"));
        assert!(contains_token("ann@example.com", "ann@example.com"));
        assert!(contains_token("ann@example.com", "exam*"));
        assert!(!contains_token("ann@example.com", "exam"));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(!matches("a*b*c", "a-c-b"));
        assert!(matches("*", ""));
    }
}
