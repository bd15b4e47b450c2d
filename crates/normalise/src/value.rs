//! One cell on its way from a source column to a cleaner, and the columns it is read from.

use std::borrow::Cow;

use aqueduct_schema::{Error, Result, Timestamp, codes};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, TimeUnit};

/// The number of units in one: decimals have nine digits after the point.
pub(crate) const UNITS: i128 = 1_000_000_000;

/// A value as a source column holds it, or as an expression makes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Missing,
    Text(Cow<'a, str>),
    Boolean(bool),
    Integer(i64),
    /// In units of a billionth.
    Decimal(i128),
    /// Days since 1970.
    Date(i32),
    /// Microseconds since 1970.
    Timestamp(i64),
    /// No value can be made, for the reason with this code.
    Bad(&'static str),
}

impl<'a> Value<'a> {
    /// The value as text in its canonical form.
    pub(crate) fn text(&self) -> Option<Cow<'a, str>> {
        Some(match self {
            Self::Missing | Self::Bad(_) => return None,
            Self::Text(text) => text.clone(),
            Self::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Integer(value) => Cow::Owned(value.to_string()),
            Self::Decimal(units) => Cow::Owned(units_to_text(*units)),
            Self::Date(days) => Cow::Owned(date_to_text(*days)),
            Self::Timestamp(microseconds) => Cow::Owned(Timestamp::from_microseconds(*microseconds).to_string()),
        })
    }

    /// Whether there is nothing, or blank text.
    pub(crate) fn is_blank(&self) -> bool {
        match self {
            Self::Missing => true,
            Self::Text(text) => text.trim_ascii().is_empty(),
            _ => false,
        }
    }
}

/// A decimal in units as text without needless zeros.
pub(crate) fn units_to_text(units: i128) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let units = units.unsigned_abs();
    let (whole, fraction) = (units / UNITS.unsigned_abs(), units % UNITS.unsigned_abs());
    if fraction == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{}", format!("{fraction:09}").trim_end_matches('0')) }
}

/// A plain decimal number (`-12.5`) in units; `None` for anything else, more than nine decimals included.
pub(crate) fn text_to_units(text: &str) -> Option<i128> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) || fraction.len() > 9 || digits.ends_with('.') {
        return None;
    }
    let fraction_units = if fraction.is_empty() { 0 } else { fraction.parse::<i128>().ok()? * 10_i128.pow(9 - fraction.len() as u32) };
    let units = whole.parse::<i128>().ok()?.checked_mul(UNITS)?.checked_add(fraction_units)?;
    Some(if negative { -units } else { units })
}

/// A day as `YYYY-MM-DD`.
pub(crate) fn date_to_text(days: i32) -> String {
    let span = jiff::Span::new().try_days(days);
    match span.and_then(|span| jiff::civil::date(1970, 1, 1).checked_add(span)) {
        Ok(date) => date.to_string(),
        Err(_) => format!("{days} days"),
    }
}

/// A source column.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Text(StringArray),
    Boolean(BooleanArray),
    Integer(Int64Array),
    Decimal(Decimal128Array),
    Date(Date32Array),
    Timestamp(TimestampMicrosecondArray),
}

impl Input {
    /// The view of an array of one of the types that [`aqueduct_schema::ValueType`] names.
    pub(crate) fn new(array: &ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Text(array.as_string::<i32>().clone()),
            DataType::Boolean => Self::Boolean(array.as_boolean().clone()),
            DataType::Int64 => Self::Integer(array.as_primitive::<Int64Type>().clone()),
            DataType::Decimal128(_, _) => Self::Decimal(array.as_primitive::<Decimal128Type>().clone()),
            DataType::Date32 => Self::Date(array.as_primitive::<Date32Type>().clone()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Timestamp(array.as_primitive::<TimestampMicrosecondType>().clone()),
            other => return Err(Error::new(codes::BUG, "a source column has a type that no value has").with("type", other)),
        })
    }

    pub(crate) fn value(&self, row: usize) -> Value<'_> {
        match self {
            Self::Text(array) if array.is_valid(row) => Value::Text(Cow::Borrowed(array.value(row))),
            Self::Boolean(array) if array.is_valid(row) => Value::Boolean(array.value(row)),
            Self::Integer(array) if array.is_valid(row) => Value::Integer(array.value(row)),
            Self::Decimal(array) if array.is_valid(row) => Value::Decimal(array.value(row)),
            Self::Date(array) if array.is_valid(row) => Value::Date(array.value(row)),
            Self::Timestamp(array) if array.is_valid(row) => Value::Timestamp(array.value(row)),
            _ => Value::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_both_ways() {
        for (text, units) in
            [("0", 0), ("-12.5", -12_500_000_000), ("0.000000001", 1), ("12345678901234567890.1", 12_345_678_901_234_567_890_100_000_000)]
        {
            assert_eq!(text_to_units(text), Some(units), "{text}");
            assert_eq!(units_to_text(units), text);
        }
        for wrong in ["", "-", "1,5", "1.", ".5", "1e3", "0.0000000001", "1 000", "9999999999999999999999999999999999999999"] {
            assert_eq!(text_to_units(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_are_written_as_iso_dates() {
        assert_eq!(date_to_text(0), "1970-01-01");
        assert_eq!(date_to_text(-1), "1969-12-31");
        assert_eq!(date_to_text(i32::MAX), "2147483647 days");
    }
}
