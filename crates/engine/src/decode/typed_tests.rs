//! Which texts fit which type, and what becomes of those that do not.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::decode::text_column::TextColumn;
use arrow_array::Array;
use arrow_array::cast::AsArray;

fn texts(values: &[Option<&str>]) -> Texts {
    let mut column = TextColumn::new();
    for value in values {
        match value {
            Some(value) => column.push(value),
            None => column.push_null(),
        }
    }
    column.take()
}

fn typed(values: &[&str], declared: ValueType) -> (ValueType, ArrayRef) {
    convert(texts(&values.iter().map(|value| Some(*value)).collect::<Vec<_>>()), declared).unwrap()
}

#[test]
fn integers_widen_to_decimals_and_then_to_text() {
    let (value_type, array) = typed(&["9007199254740993", "-9223372036854775808", "9223372036854775807", "0", ""], ValueType::Integer);
    assert_eq!(value_type, ValueType::Integer);
    assert_eq!(array.as_primitive::<Int64Type>().value(0), 9_007_199_254_740_993);
    assert_eq!(array.as_primitive::<Int64Type>().value(1), i64::MIN);
    assert!(array.is_null(4));
    let (value_type, array) = typed(&["9223372036854775808", "1"], ValueType::Integer);
    assert_eq!(value_type, ValueType::Decimal);
    assert_eq!(array.as_primitive::<Decimal128Type>().value_as_string(0), "9223372036854775808.000000000");
    for odd in ["007", "1,200", "+1", "1e400", "x", "1 ", "0x1", "--1", "-", "99999999999999999999999999999999999999"] {
        let (value_type, array) = typed(&["1", odd, ""], ValueType::Integer);
        assert_eq!(value_type, ValueType::Text, "{odd}");
        let kept: Vec<_> = array.as_string::<i32>().iter().collect();
        assert_eq!(kept, [Some("1"), Some(odd), Some("")]);
    }
}

#[test]
fn decimals_are_exact_or_text() {
    for (text, units) in [
        ("1.5", 1_500_000_000_i128),
        ("-0.000000001", -1),
        ("1e3", 1_000_000_000_000),
        ("1.5E+2", 150_000_000_000),
        ("25e-2", 250_000_000),
        ("1.00000000000000000000", 1_000_000_000),
        (".5", 500_000_000),
        ("5.", 5_000_000_000),
        ("0", 0),
        ("0.0", 0),
        ("99999999999999999999999999999.999999999", 99_999_999_999_999_999_999_999_999_999_999_999_999),
    ] {
        assert_eq!(decimal(text.as_bytes()), Some(units), "{text}");
    }
    for text in
        ["1.0000000001", "1e400", "1e-400", "", ".", "-", "1.2.3", "1e", "e1", "00.5", "NaN", "1_0", "100000000000000000000000000000"]
    {
        assert_eq!(decimal(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn days_and_instants_agree_with_a_calendar() {
    for text in ["1970-01-01", "2000-02-29", "2024-02-29", "1999-12-31", "0001-01-01", "9999-12-31", "1900-03-01"] {
        let day: jiff::civil::Date = text.parse().unwrap();
        let expected = (day - jiff::civil::date(1970, 1, 1)).get_days();
        assert_eq!(date(text.as_bytes()), Some(expected), "{text}");
    }
    for text in ["2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-1-1", "2024-01-32", "0000-01-01", "20240101", "2024/01/01"] {
        assert_eq!(date(text.as_bytes()), None, "{text}");
    }
    for text in [
        "2026-02-02T02:40:00.123Z",
        "2026-02-02T03:40:00+01:00",
        "1969-12-31T23:59:59.999999Z",
        "2025-07-01 12:00:00-07:00",
        "2025-07-01T12:00:00.5+05:45",
    ] {
        let expected: jiff::Timestamp = text.parse().unwrap();
        assert_eq!(timestamp(text.as_bytes()), Some(expected.as_microsecond()), "{text}");
    }
    assert_eq!(timestamp(b"2024-01-01T00:00:00.000+0000"), timestamp(b"2024-01-01T00:00:00Z"));
    assert_eq!(timestamp(b"2024-01-01T00:00:00.1234567Z"), timestamp(b"2024-01-01T00:00:00.123456Z"));
    for text in [
        "1706745600000",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:60Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00+1",
        "2024-01-01T00:00:00+25:00",
        "2024-01-01T00:00:00.123",
    ] {
        assert_eq!(timestamp(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn flags_are_true_or_false_and_nothing_else() {
    let (value_type, array) = convert(texts(&[Some("true"), Some("FALSE"), Some(""), None]), ValueType::Boolean).unwrap();
    assert_eq!(value_type, ValueType::Boolean);
    let flags: Vec<_> = array.as_boolean().iter().collect();
    assert_eq!(flags, [Some(true), Some(false), None, None]);
    assert_eq!(typed(&["true", "1"], ValueType::Boolean).0, ValueType::Text);
}

#[test]
fn a_column_without_values_has_its_declared_type() {
    for declared in [ValueType::Integer, ValueType::Decimal, ValueType::Boolean, ValueType::Date, ValueType::Timestamp, ValueType::Text] {
        let (value_type, array) = convert(texts(&[None, None]), declared).unwrap();
        assert_eq!((value_type, array.data_type(), array.null_count()), (declared, &declared.arrow(), 2));
    }
}
