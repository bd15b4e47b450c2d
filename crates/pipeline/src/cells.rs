//! Cells as text, for people to look at.

use aqueduct_schema::Timestamp;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

/// A cell as a person reads it; `None` for null.
pub(crate) fn text(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Decimal128(..) => {
            let text = column.as_primitive::<Decimal128Type>().value_as_string(row);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        DataType::Date32 => column.as_primitive::<Date32Type>().value_as_date(row)?.to_string(),
        DataType::Timestamp(..) => Timestamp::from_microseconds(column.as_primitive::<TimestampMicrosecondType>().value(row)).to_string(),
        other => format!("({other})"),
    })
}
