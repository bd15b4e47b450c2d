//! Parquet's values as those of the common schema.
//!
//! Plain types are handed over as they are. A binary float becomes the shortest decimal that reads back as the same float: numbers keep
//! every digit they have, and get none.

use std::fmt::Write;
use std::sync::Arc;

use aqueduct_connector::schema::semantic::DECIMAL_SCALE;
use aqueduct_connector::schema::{Timestamp, ValueType};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, TimeUnit};
use serde_json::Value;

use crate::parquet::words;

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// The type of a Parquet column's values, and why; no type when they cannot be read.
pub(crate) fn value_type(data_type: &DataType) -> (Option<ValueType>, String) {
    let of_file = |value_type| (Some(value_type), format!("the file's schema says {}", words(data_type)));
    match data_type {
        DataType::Boolean => of_file(ValueType::Boolean),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => of_file(ValueType::Integer),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => of_file(ValueType::Integer),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => of_file(ValueType::Decimal),
        DataType::Decimal128(precision, scale) if i16::from(*precision) - i16::from(*scale) <= 29 && *scale <= DECIMAL_SCALE => {
            of_file(ValueType::Decimal)
        }
        DataType::Date32 => of_file(ValueType::Date),
        DataType::Timestamp(_, Some(_)) => of_file(ValueType::Timestamp),
        DataType::Timestamp(_, None) => {
            (Some(ValueType::Text), "times without a time zone: a mapping reads them in the pipeline's time zone".to_owned())
        }
        DataType::Struct(_) | DataType::List(_) | DataType::Map(..) => of_file(ValueType::Json),
        DataType::Utf8 | DataType::Binary | DataType::FixedSizeBinary(_) | DataType::Time32(_) | DataType::Time64(_) => {
            of_file(ValueType::Text)
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => {
            (Some(ValueType::Text), format!("{} have more digits than a decimal column holds", words(data_type)))
        }
        other => (None, format!("columns of {other} are not read")),
    }
}

/// A column of a page: plain types as they are, everything else as text or JSON.
pub(crate) fn column(array: &ArrayRef, value_type: ValueType) -> ArrayRef {
    match (array.data_type(), value_type) {
        (_, ValueType::Json) => {
            let json = |row| (!array.is_null(row)).then(|| json_of(array, row).to_string());
            Arc::new((0..array.len()).map(json).collect::<StringArray>())
        }
        // A column that the config declares to hold instants is one in UTC, whatever the writer said.
        (DataType::Timestamp(_, None), ValueType::Timestamp) => {
            let instants: TimestampMicrosecondArray = (0..array.len()).map(|row| microseconds(array, row)).collect();
            Arc::new(instants.with_timezone("UTC"))
        }
        (DataType::Boolean | DataType::Utf8 | DataType::Date32 | DataType::Timestamp(..) | DataType::Decimal128(..), _) => array.clone(),
        (data_type, _) if data_type.is_integer() => array.clone(),
        _ => Arc::new(texts(array)),
    }
}

/// The values as text.
pub(crate) fn texts(array: &ArrayRef) -> StringArray {
    (0..array.len()).map(|row| text_of(array, row)).collect()
}

fn integer(array: &ArrayRef, row: usize) -> Option<i128> {
    fn at<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> i128
    where
        T::Native: Into<i128>,
    {
        array.as_primitive::<T>().value(row).into()
    }
    Some(match array.data_type() {
        DataType::Int8 => at::<Int8Type>(array, row),
        DataType::Int16 => at::<Int16Type>(array, row),
        DataType::Int32 => at::<Int32Type>(array, row),
        DataType::Int64 => at::<Int64Type>(array, row),
        DataType::UInt8 => at::<UInt8Type>(array, row),
        DataType::UInt16 => at::<UInt16Type>(array, row),
        DataType::UInt32 => at::<UInt32Type>(array, row),
        DataType::UInt64 => at::<UInt64Type>(array, row),
        _ => return None,
    })
}

/// An instant in microseconds since 1970; what a nanosecond column has below that is cut off.
fn microseconds(array: &ArrayRef, row: usize) -> Option<i64> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => array.as_primitive::<TimestampMillisecondType>().value(row).saturating_mul(1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => array.as_primitive::<TimestampMicrosecondType>().value(row),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000),
        _ => return None,
    })
}

/// A value as text; none for null. NaN is no value: that is how data frames write one that is missing.
fn text_of(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    if let Some(number) = integer(array, row) {
        return Some(number.to_string());
    }
    let float = |number: f64, text: String| if number.is_nan() { None } else { Some(text) };
    match array.data_type() {
        DataType::Boolean => Some(array.as_boolean().value(row).to_string()),
        DataType::Utf8 => Some(array.as_string::<i32>().value(row).to_owned()),
        DataType::Float16 => {
            let number = array.as_primitive::<Float16Type>().value(row).to_f32();
            float(number.into(), number.to_string())
        }
        DataType::Float32 => {
            let number = array.as_primitive::<Float32Type>().value(row);
            float(number.into(), number.to_string())
        }
        DataType::Float64 => {
            let number = array.as_primitive::<Float64Type>().value(row);
            float(number, number.to_string())
        }
        DataType::Decimal128(_, scale) => Some(with_point(array.as_primitive::<Decimal128Type>().value(row).to_string(), *scale)),
        DataType::Decimal256(_, scale) => Some(with_point(array.as_primitive::<Decimal256Type>().value(row).to_string(), *scale)),
        DataType::Date32 => {
            let days = i64::from(array.as_primitive::<Date32Type>().value(row));
            let midnight = Timestamp::from_microseconds(days.saturating_mul(MICROSECONDS_A_DAY)).to_string();
            Some(midnight.split('T').next().unwrap_or_default().to_owned())
        }
        DataType::Timestamp(_, zone) => {
            let text = Timestamp::from_microseconds(microseconds(array, row)?).to_string();
            Some(if zone.is_some() { text } else { text.trim_end_matches('Z').to_owned() })
        }
        DataType::Time32(TimeUnit::Millisecond) => {
            Some(time_of_day(i64::from(array.as_primitive::<Time32MillisecondType>().value(row)) * 1_000))
        }
        DataType::Time64(TimeUnit::Microsecond) => Some(time_of_day(array.as_primitive::<Time64MicrosecondType>().value(row))),
        DataType::Time64(TimeUnit::Nanosecond) => Some(time_of_day(array.as_primitive::<Time64NanosecondType>().value(row) / 1_000)),
        DataType::Binary => Some(bytes(array.as_binary::<i32>().value(row))),
        DataType::FixedSizeBinary(_) => Some(bytes(array.as_fixed_size_binary().value(row))),
        _ => Some(json_of(array, row).to_string()),
    }
}

fn with_point(digits: String, scale: i8) -> String {
    let Ok(scale) = usize::try_from(scale) else { return digits + &"0".repeat(usize::from(scale.unsigned_abs())) };
    if scale == 0 {
        return digits;
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

fn time_of_day(microseconds: i64) -> String {
    let text = Timestamp::from_microseconds(microseconds.rem_euclid(MICROSECONDS_A_DAY)).to_string();
    text.trim_start_matches("1970-01-01T").trim_end_matches('Z').to_owned()
}

/// Old writers keep text as plain bytes. Bytes that are not text are written in hexadecimal behind `\x`, as PostgreSQL does.
fn bytes(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map(str::to_owned).unwrap_or_else(|_| {
        bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    })
}

/// A value as JSON; numbers that JSON readers would round are texts.
fn json_of(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let list = |items: ArrayRef| (0..items.len()).map(|row| json_of(&items, row)).collect::<Vec<Value>>();
    match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            fields.iter().zip(columns).map(|(field, column)| (field.name().clone(), json_of(column, row))).collect()
        }
        DataType::List(_) => Value::Array(list(array.as_list::<i32>().value(row))),
        DataType::Map(..) => {
            let entries: ArrayRef = Arc::new(array.as_map().value(row));
            let entries = entries.as_struct();
            let (keys, values) = (entries.column(0), entries.column(1));
            (0..entries.len()).map(|row| (text_of(keys, row).unwrap_or_default(), json_of(values, row))).collect()
        }
        DataType::Null => Value::Null,
        _ => match (integer(array, row).and_then(|number| i64::try_from(number).ok()), text_of(array, row)) {
            (Some(number), _) => number.into(),
            (None, Some(text)) => text.into(),
            (None, None) => Value::Null,
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use arrow_array::{BinaryArray, Date32Array, Float64Array, TimestampNanosecondArray, UInt64Array};

    fn shown(array: ArrayRef) -> Vec<Option<String>> {
        texts(&array).iter().map(|value| value.map(str::to_owned)).collect()
    }

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn numbers_keep_every_digit() {
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.1), None, Some(-1500.0), Some(f64::NAN), Some(1e21)]));
        let column = column(&floats, ValueType::Decimal);
        assert_eq!(shown(column), [text("0.1"), None, text("-1500"), None, text("1000000000000000000000")]);
        assert_eq!(shown(Arc::new(UInt64Array::from(vec![u64::MAX]))), [text("18446744073709551615")]);
        assert_eq!(with_point("-5".to_owned(), 2), "-0.05");
        assert_eq!(with_point("12345".to_owned(), 2), "123.45");
        assert_eq!(with_point("12".to_owned(), -2), "1200");
    }

    #[test]
    fn days_times_and_bytes_are_written_plainly() {
        assert_eq!(shown(Arc::new(Date32Array::from(vec![Some(-1), Some(20_484), None]))), [text("1969-12-31"), text("2026-01-31"), None]);
        let naive: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1_769_860_800_123_456_789]));
        assert_eq!(shown(naive.clone()), [text("2026-01-31T12:00:00.123456")]);
        assert_eq!(column(&naive, ValueType::Timestamp).as_primitive::<TimestampMicrosecondType>().value(0), 1_769_860_800_123_456);
        assert_eq!(time_of_day(3_661_500_000), "01:01:01.5");
        assert_eq!(shown(Arc::new(BinaryArray::from(vec![b"text".as_slice(), b"\xff\x00"]))), [text("text"), text("\\xff00")]);
    }
}
