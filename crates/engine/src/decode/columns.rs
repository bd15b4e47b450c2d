//! Rows that are in columns already (Parquet): taken over by name as text in exact form, then typed as every other page.

use std::fmt::Write;

use aqueduct_connector::Origin;
use aqueduct_schema::{Error, Result, Timestamp, codes};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};

use super::json_lines::location;
use super::rows::Rows;

/// Takes the rows over. Columns that no field names are left out.
///
/// # Errors
/// `AQ3006` for a column of a type that has no exact text form here.
pub(crate) fn decode(rows: &mut Rows, batch: &RecordBatch, origin: &Origin) -> Result<()> {
    let mut columns = Vec::new();
    for (index, field) in rows.plan.fields.iter().enumerate() {
        let Some(array) = batch.column_by_name(&field.path) else { continue };
        if !supported(array.data_type()) {
            let message = format!("column `{}` has the type {}, which cannot be read", field.path, array.data_type());
            return Err(Error::new(codes::REQUEST_REJECTED, message)
                .advise("Leave the column out with `select`, or write the file with a plain type."));
        }
        columns.push((index, array));
    }
    let mut text = String::new();
    for row in 0..batch.num_rows() {
        for (index, array) in &columns {
            text.clear();
            if write_text(array, row, &mut text) {
                rows.set_text(*index, &text);
            }
        }
        let rejects = rows.rejects.len();
        rows.end_record(None);
        for reject in &mut rows.rejects[rejects..] {
            reject.location = Some(location(origin, row as u64));
        }
    }
    Ok(())
}

fn supported(data_type: &DataType) -> bool {
    use DataType::{
        Boolean, Date32, Date64, Decimal128, Dictionary, Float32, Float64, Int8, Int16, Int32, Int64, LargeList, LargeUtf8, List, Null,
        Struct, Timestamp, UInt8, UInt16, UInt32, UInt64, Utf8, Utf8View,
    };
    match data_type {
        Null | Boolean | Utf8 | LargeUtf8 | Utf8View | Date32 | Date64 | Timestamp(..) | Decimal128(..) => true,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float32 | Float64 => true,
        Dictionary(_, values) => supported(values),
        List(item) | LargeList(item) => supported(item.data_type()),
        Struct(fields) => fields.iter().all(|field| supported(field.data_type())),
        _ => false,
    }
}

/// Appends a value's text; false when there is none.
fn write_text(array: &dyn Array, row: usize, out: &mut String) -> bool {
    if array.is_null(row) {
        return false;
    }
    match array.data_type() {
        DataType::Utf8 => out.push_str(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => out.push_str(array.as_string::<i64>().value(row)),
        DataType::Utf8View => out.push_str(array.as_string_view().value(row)),
        DataType::Boolean => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Int8 => plain::<Int8Type>(array, row, out),
        DataType::Int16 => plain::<Int16Type>(array, row, out),
        DataType::Int32 => plain::<Int32Type>(array, row, out),
        DataType::Int64 => plain::<Int64Type>(array, row, out),
        DataType::UInt8 => plain::<UInt8Type>(array, row, out),
        DataType::UInt16 => plain::<UInt16Type>(array, row, out),
        DataType::UInt32 => plain::<UInt32Type>(array, row, out),
        DataType::UInt64 => plain::<UInt64Type>(array, row, out),
        // The shortest decimal that reads back as the same number.
        DataType::Float32 => plain::<Float32Type>(array, row, out),
        DataType::Float64 => plain::<Float64Type>(array, row, out),
        DataType::Decimal128(_, scale) => write_decimal(array.as_primitive::<Decimal128Type>().value(row), *scale, out),
        DataType::Date32 => write_day(i64::from(array.as_primitive::<Date32Type>().value(row)), out),
        DataType::Date64 => write_day(array.as_primitive::<Date64Type>().value(row).div_euclid(86_400_000), out),
        DataType::Timestamp(unit, zone) => {
            let value = match unit {
                TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row).saturating_mul(1_000_000),
                TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row).saturating_mul(1_000),
                TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
                TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000),
            };
            let _ = write!(out, "{}", Timestamp::from_microseconds(value));
            // A time without a zone is no instant: it stays a text, and whoever knows the zone may say so.
            if zone.is_none() && out.ends_with('Z') {
                out.pop();
            }
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let Some(key) = dictionary.normalized_keys().get(row).copied() else { return false };
            return write_text(dictionary.values(), key, out);
        }
        _ => write_json(array, row, out),
    }
    true
}

fn plain<T: ArrowPrimitiveType>(array: &dyn Array, row: usize, out: &mut String)
where
    T::Native: std::fmt::Display,
{
    let _ = write!(out, "{}", array.as_primitive::<T>().value(row));
}

fn write_decimal(value: i128, scale: i8, out: &mut String) {
    if scale <= 0 {
        let _ = write!(out, "{value}");
        if value != 0 {
            out.extend(std::iter::repeat_n('0', usize::from(scale.unsigned_abs())));
        }
        return;
    }
    let scale = usize::from(scale.unsigned_abs());
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let _ = write!(out, "{}{whole}.{fraction}", if value < 0 { "-" } else { "" });
}

fn write_day(day: i64, out: &mut String) {
    let instant = Timestamp::from_seconds(day.saturating_mul(86_400)).to_string();
    out.push_str(instant.split('T').next().unwrap_or(&instant));
}

/// Appends a value as JSON.
fn write_json(array: &dyn Array, row: usize, out: &mut String) {
    if array.is_null(row) {
        out.push_str("null");
        return;
    }
    match array.data_type() {
        DataType::List(_) => write_list(&array.as_list::<i32>().value(row), out),
        DataType::LargeList(_) => write_list(&array.as_list::<i64>().value(row), out),
        DataType::Struct(fields) => {
            out.push('{');
            for (place, (field, values)) in fields.iter().zip(array.as_struct().columns()).enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_string(field.name(), out);
                out.push(':');
                write_json(values, row, out);
            }
            out.push('}');
        }
        data_type => {
            let number = data_type.is_numeric() || matches!(data_type, DataType::Boolean);
            let mut text = String::new();
            write_text(array, row, &mut text);
            // Infinities and NaN have no JSON form but a text.
            let number = number && !text.ends_with(['N', 'f']);
            if number { out.push_str(&text) } else { write_string(&text, out) }
        }
    }
}

fn write_list(values: &ArrayRef, out: &mut String) {
    out.push('[');
    for row in 0..values.len() {
        if row > 0 {
            out.push(',');
        }
        write_json(values, row, out);
    }
    out.push(']');
}

fn write_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
