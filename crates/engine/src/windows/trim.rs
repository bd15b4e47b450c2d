//! Records beyond the end of a window, for sources that cannot be told the end.

use aqueduct_connector::Stream;
use aqueduct_schema::{Error, Result, Timestamp, codes};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, BooleanArray};
use arrow_select::filter::filter_record_batch;

use crate::decode::Decoded;

/// Lets go of records that last changed at or after the end of a window, where the stream declares an endpoint without a parameter for the
/// end. They do not count as read. Records without a time of change stay.
///
/// # Errors
/// `AQ9001` when rows cannot be picked.
pub(crate) fn trim(stream: &Stream, decoded: &mut Decoded, until: Option<Timestamp>) -> Result<()> {
    let Some(until) = until.filter(|_| stream.endpoint.as_ref().is_some_and(|endpoint| endpoint.until_parameter.is_none())) else {
        return Ok(());
    };
    let Some(path) = &stream.record.updated_at else { return Ok(()) };
    let Some(field) = stream.record.index_of(path).map(|index| &stream.record.fields[index]) else { return Ok(()) };
    let rows = &decoded.table.rows;
    let Some(times) = rows.column_by_name(&field.column).and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>()) else {
        return Ok(());
    };
    let end = until.microseconds();
    let kept: BooleanArray = (0..times.len()).map(|row| Some(times.is_null(row) || times.value(row) < end)).collect();
    let gone = (kept.len() - kept.true_count()) as u64;
    if gone > 0 {
        let picked = filter_record_batch(rows, &kept);
        decoded.table.rows = picked.map_err(|error| Error::new(codes::BUG, "rows of a window cannot be picked").caused_by(error))?;
        decoded.read -= gone;
    }
    Ok(())
}
