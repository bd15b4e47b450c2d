//! What type a column has, judged by a sample of its values, and why.
//!
//! Text is the answer in doubt: a type is named only when every value that is not empty fits it without losing a character. A later
//! value that does not fit widens the column in the warehouse; it is never lost.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use aqueduct_connector::schema::{Timestamp, ValueType};
use serde_json::Value;

/// Whole numbers of more digits than this are identifiers, card numbers or telephone numbers, not quantities.
const LONGEST_INTEGER: usize = 15;
/// Digits before and after the point that a decimal column holds.
const DECIMAL_DIGITS: (usize, usize) = (29, 9);

/// What was seen of a column.
#[derive(Clone, Debug, Default)]
pub(crate) struct ColumnSample {
    /// Values, empty ones included.
    pub(crate) seen: u64,
    /// Empty values.
    pub(crate) empty: u64,
    kinds: Vec<Kind>,
    digests: HashSet<u64>,
    repeated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Integer,
    Decimal,
    Boolean,
    Date,
    Instant,
    LocalTime,
    LeadingZero,
    ManyDigits,
    DayFirst,
    MonthFirst,
    EitherFirst,
    Json,
    Text,
}

/// A type and the reason for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inferred {
    /// The type; none when every value is empty.
    pub(crate) value_type: Option<ValueType>,
    /// Why.
    pub(crate) explanation: &'static str,
}

impl ColumnSample {
    /// A value as text.
    pub(crate) fn add(&mut self, value: &str) {
        let value = value.trim();
        self.count(value);
        if !value.is_empty() {
            self.kind(kind_of(value));
        }
    }

    /// A value of a JSON object.
    pub(crate) fn add_json(&mut self, value: &Value) {
        match value {
            Value::Null => self.count(""),
            Value::Bool(flag) => {
                self.count(if *flag { "true" } else { "false" });
                self.kind(Kind::Boolean);
            }
            Value::Number(number) => {
                let text = number.to_string();
                self.count(&text);
                self.kind(match kind_of(&text) {
                    // A number that is written as a number is one, however many digits it has.
                    Kind::ManyDigits if number.is_i64() => Kind::Integer,
                    kind => kind,
                });
            }
            Value::String(text) => {
                let text = text.trim();
                self.count(text);
                if !text.is_empty() {
                    // What the writer put between quotation marks is text for him; only days and instants have no form of their own.
                    self.kind(match kind_of(text) {
                        Kind::Integer | Kind::Decimal | Kind::Boolean => Kind::Text,
                        kind => kind,
                    });
                }
            }
            value => {
                self.count(&value.to_string());
                self.kind(Kind::Json);
            }
        }
    }

    /// Counts records that did not have the column as empty values.
    pub(crate) fn pad(&mut self, records: u64) {
        if self.seen < records {
            self.empty += records - self.seen;
            self.seen = records;
        }
    }

    /// The share of empty values, from 0 to 1.
    pub(crate) fn empty_share(&self) -> f64 {
        if self.seen == 0 { 0.0 } else { self.empty as f64 / self.seen as f64 }
    }

    /// Whether every value is there and none comes twice.
    pub(crate) fn could_be_key(&self) -> bool {
        self.seen > 0 && self.empty == 0 && !self.repeated && !self.has(Kind::Json)
    }

    /// The type that every value fits, and why.
    pub(crate) fn infer(&self) -> Inferred {
        let only = |allowed: &[Kind]| self.kinds.iter().all(|kind| allowed.contains(kind));
        let answer = |value_type, explanation| Inferred { value_type: Some(value_type), explanation };
        if self.kinds.is_empty() {
            return Inferred { value_type: None, explanation: "every value is empty" };
        }
        if only(&[Kind::Integer]) {
            return answer(ValueType::Integer, "every value is a whole number");
        }
        if only(&[Kind::Integer, Kind::Decimal]) {
            return answer(ValueType::Decimal, "every value is a number with a point");
        }
        if only(&[Kind::Boolean]) {
            return answer(ValueType::Boolean, "every value is true or false");
        }
        if only(&[Kind::Date]) {
            return answer(ValueType::Date, "every value is a day as year-month-day");
        }
        if only(&[Kind::Instant]) {
            return answer(ValueType::Timestamp, "every value is an instant with its offset from UTC");
        }
        if self.has(Kind::Json) {
            return answer(ValueType::Json, "values are lists or objects");
        }
        let text = |explanation| answer(ValueType::Text, explanation);
        if only(&[Kind::Integer, Kind::Decimal, Kind::LeadingZero, Kind::ManyDigits]) {
            return text(if self.has(Kind::LeadingZero) {
                "values are digits with leading zeros, which numbers would lose"
            } else {
                "values have more digits than quantities have"
            });
        }
        if only(&[Kind::LocalTime, Kind::Instant, Kind::Date]) {
            return text("values are times without an offset from UTC: a mapping reads them in the pipeline's time zone");
        }
        if only(&[Kind::DayFirst, Kind::EitherFirst]) && self.has(Kind::DayFirst) {
            return text("values are days with the day first: a mapping reads them with `day_first: true`");
        }
        if only(&[Kind::MonthFirst, Kind::EitherFirst]) && self.has(Kind::MonthFirst) {
            return text("values are days with the month first: a mapping reads them with `day_first: false`");
        }
        if only(&[Kind::EitherFirst, Kind::DayFirst, Kind::MonthFirst]) {
            return text("values are days, but which number is the day and which the month cannot be told");
        }
        text("values are of several kinds, or words")
    }

    fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    fn kind(&mut self, kind: Kind) {
        if !self.has(kind) {
            self.kinds.push(kind);
        }
    }

    fn count(&mut self, value: &str) {
        self.seen += 1;
        if value.is_empty() {
            self.empty += 1;
        } else if !self.repeated {
            let mut hasher = DefaultHasher::new();
            value.hash(&mut hasher);
            self.repeated = !self.digests.insert(hasher.finish());
        }
    }
}

fn kind_of(value: &str) -> Kind {
    if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") {
        return Kind::Boolean;
    }
    number(value).or_else(|| time(value)).unwrap_or(Kind::Text)
}

fn number(value: &str) -> Option<Kind> {
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = unsigned.split_once('.').map_or((unsigned, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return None;
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Some(Kind::LeadingZero);
    }
    match fraction {
        None if whole.len() > LONGEST_INTEGER => Some(Kind::ManyDigits),
        None => Some(Kind::Integer),
        Some(fraction) if whole.len() > DECIMAL_DIGITS.0 || fraction.len() > DECIMAL_DIGITS.1 => Some(Kind::ManyDigits),
        Some(_) => Some(Kind::Decimal),
    }
}

fn time(value: &str) -> Option<Kind> {
    let bytes = value.as_bytes();
    let iso = bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' && bytes[..4].iter().all(u8::is_ascii_digit);
    if iso && value.is_char_boundary(10) {
        let is_instant = |text: &str| text.parse::<Timestamp>().is_ok();
        return match &value[10..] {
            "" => is_instant(&format!("{value}T00:00:00Z")).then_some(Kind::Date),
            _ if is_instant(value) && bytes.get(16) == Some(&b':') => Some(Kind::Instant),
            _ => is_instant(&format!("{value}Z")).then_some(Kind::LocalTime).or_else(|| {
                // HubSpot writes minutes without seconds.
                is_instant(&format!("{value}:00Z")).then_some(Kind::LocalTime)
            }),
        };
    }
    let separator = ['/', '.', '-'].into_iter().find(|separator| value.matches(*separator).count() == 2)?;
    let mut parts = value.split(separator).map(|part| part.parse::<u16>().ok());
    let (Some(Some(first)), Some(Some(second)), Some(Some(_)), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    match (first, second) {
        (13..=31, 1..=12) => Some(Kind::DayFirst),
        (1..=12, 13..=31) => Some(Kind::MonthFirst),
        (1..=12, 1..=12) => Some(Kind::EitherFirst),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(values: &[&str]) -> Inferred {
        let mut sample = ColumnSample::default();
        for value in values {
            sample.add(value);
        }
        sample.infer()
    }

    #[test]
    fn types_need_every_value() {
        let cases: [(&[&str], Option<ValueType>, &str); 20] = [
            (&["1", "-20", ""], Some(ValueType::Integer), "whole number"),
            (&["1", "2.50"], Some(ValueType::Decimal), "point"),
            (&["0", "0.5"], Some(ValueType::Decimal), "point"),
            (&["1", "x"], Some(ValueType::Text), "several kinds"),
            (&["01067", "10115"], Some(ValueType::Text), "leading zeros"),
            (&["4111111111111111", "1"], Some(ValueType::Text), "more digits"),
            (&["0.1234567891"], Some(ValueType::Text), "more digits"),
            (&["+491701234567"], Some(ValueType::Text), "several kinds"),
            (&["1e5"], Some(ValueType::Text), "several kinds"),
            (&["1,5"], Some(ValueType::Text), "several kinds"),
            (&["true", "FALSE"], Some(ValueType::Boolean), "true or false"),
            (&["yes", "no"], Some(ValueType::Text), "several kinds"),
            (&["2026-01-31"], Some(ValueType::Date), "day"),
            (&["2026-02-30"], Some(ValueType::Text), "several kinds"),
            (&["2026-01-31T12:00:00Z", "2026-01-31 12:00:00+01:00"], Some(ValueType::Timestamp), "instant"),
            (&["2026-01-31 12:00", "2026-01-31 12:00:01"], Some(ValueType::Text), "without an offset"),
            (&["31/01/2026", "01/02/2026"], Some(ValueType::Text), "day first"),
            (&["01/31/2026"], Some(ValueType::Text), "month first"),
            (&["01.02.2026"], Some(ValueType::Text), "cannot be told"),
            (&["", " "], None, "empty"),
        ];
        for (values, value_type, explanation) in cases {
            let found = inferred(values);
            assert_eq!(found.value_type, value_type, "{values:?}");
            assert!(found.explanation.contains(explanation), "{values:?}: {}", found.explanation);
        }
    }

    #[test]
    fn keys_are_unique_and_never_empty() {
        let sample = |values: &[&str]| {
            let mut sample = ColumnSample::default();
            values.iter().for_each(|value| sample.add(value));
            sample
        };
        assert!(sample(&["a", "b"]).could_be_key());
        assert!(!sample(&["a", "a"]).could_be_key());
        assert!(!sample(&["a", ""]).could_be_key());
        assert!(!sample(&[]).could_be_key());
        assert!((sample(&["a", "", "b", ""]).empty_share() - 0.5).abs() < f64::EPSILON);
    }
}
