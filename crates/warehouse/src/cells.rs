//! The values of an Arrow column, one at a time and borrowed, and their text forms.

use std::borrow::Cow;

use aqueduct_schema::semantic::DECIMAL_SCALE;
use aqueduct_schema::{Error, Result, Table, ValueType, codes};
use arrow_array::{Array, BooleanArray, Date32Array, Decimal128Array, Int64Array, StringArray, TimestampMicrosecondArray};

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// No value.
    Null,
    /// Text, or JSON text.
    Text(&'a str),
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A decimal number times 10^9.
    Decimal(i128),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
}

/// A column of Arrow values.
#[derive(Clone, Copy)]
pub(crate) enum Cells<'a> {
    /// The rows have no such column.
    Absent,
    Text(&'a StringArray),
    Boolean(&'a BooleanArray),
    Integer(&'a Int64Array),
    Decimal(&'a Decimal128Array),
    Date(&'a Date32Array),
    Timestamp(&'a TimestampMicrosecondArray),
}

/// 0001-01-01 and 9999-12-31 in days, and the instants at which those years begin and end: what an RFC 3339 text can hold.
/// Both destinations store the same, so a value outside becomes null in both.
const FIRST_DAY: i32 = -719_162;
const LAST_DAY: i32 = 2_932_896;
const DAY: i64 = 86_400_000_000;
const FIRST_INSTANT: i64 = FIRST_DAY as i64 * DAY;
const LAST_INSTANT: i64 = (LAST_DAY as i64 + 1) * DAY - 1;

impl<'a> Cells<'a> {
    /// The values of a table's column.
    ///
    /// # Errors
    /// `AQ9001` when the column is not of the type its schema names.
    pub(crate) fn of(table: &'a Table, index: usize) -> Result<Self> {
        let (column, array) = (&table.schema.columns[index], table.rows.column(index).as_any());
        let cells = match column.value_type {
            ValueType::Text | ValueType::Json => array.downcast_ref().map(Self::Text),
            ValueType::Boolean => array.downcast_ref().map(Self::Boolean),
            ValueType::Integer => array.downcast_ref().map(Self::Integer),
            ValueType::Decimal => array.downcast_ref().map(Self::Decimal),
            ValueType::Date => array.downcast_ref().map(Self::Date),
            ValueType::Timestamp => array.downcast_ref().map(Self::Timestamp),
        };
        cells.ok_or_else(|| {
            Error::new(codes::BUG, "a column is not of its type").with("table", &table.schema.name).with("column", &column.name)
        })
    }

    /// The value in a row. Days and instants outside the years 1 to 9999 are null.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Cell<'a> {
        match self {
            Self::Absent => Cell::Null,
            Self::Text(array) if array.is_valid(row) => Cell::Text(array.value(row)),
            Self::Boolean(array) if array.is_valid(row) => Cell::Boolean(array.value(row)),
            Self::Integer(array) if array.is_valid(row) => Cell::Integer(array.value(row)),
            Self::Decimal(array) if array.is_valid(row) => Cell::Decimal(array.value(row)),
            Self::Date(array) if array.is_valid(row) => match array.value(row) {
                day @ FIRST_DAY..=LAST_DAY => Cell::Date(day),
                _ => Cell::Null,
            },
            Self::Timestamp(array) if array.is_valid(row) => match array.value(row) {
                instant @ FIRST_INSTANT..=LAST_INSTANT => Cell::Timestamp(instant),
                _ => Cell::Null,
            },
            _ => Cell::Null,
        }
    }

    /// How many values [`Cells::get`] turns into null because no calendar of a destination holds them.
    pub(crate) fn out_of_range(&self) -> usize {
        match self {
            Self::Date(array) => array.iter().flatten().filter(|day| !(FIRST_DAY..=LAST_DAY).contains(day)).count(),
            Self::Timestamp(array) => array.iter().flatten().filter(|at| !(FIRST_INSTANT..=LAST_INSTANT).contains(at)).count(),
            _ => 0,
        }
    }
}

impl<'a> Cell<'a> {
    /// The value as a column of a wider type holds it; values of the column's own type stay as they are.
    #[inline]
    pub(crate) fn widened(self, to: ValueType, text: &'a mut Vec<u8>) -> Cell<'a> {
        match (self, to) {
            (Cell::Integer(value), ValueType::Decimal) => Cell::Decimal(i128::from(value) * 10_i128.pow(DECIMAL_SCALE as u32)),
            (Cell::Date(day), ValueType::Timestamp) => Cell::Timestamp(i64::from(day) * DAY),
            (Cell::Null | Cell::Text(_), _) => self,
            (_, ValueType::Text) => {
                text.clear();
                self.push_text(text);
                match std::str::from_utf8(text) {
                    Ok(text) => Cell::Text(text),
                    Err(_) => Cell::Null,
                }
            }
            _ => self,
        }
    }

    /// Appends the canonical text form: `true`/`false`, digits without trailing zeros after the point, `YYYY-MM-DD`,
    /// `YYYY-MM-DDThh:mm:ss.ffffffZ`. Null appends nothing.
    #[inline]
    pub(crate) fn push_text(self, out: &mut Vec<u8>) {
        match self {
            Cell::Null => {}
            Cell::Text(text) => out.extend_from_slice(text.as_bytes()),
            Cell::Boolean(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Cell::Integer(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
            Cell::Decimal(value) => push_decimal(out, value),
            Cell::Date(day) => push_date(out, i64::from(day)),
            Cell::Timestamp(instant) => push_timestamp(out, instant),
        }
    }
}

const ONE: u128 = 10_u128.pow(DECIMAL_SCALE as u32);

fn push_decimal(out: &mut Vec<u8>, value: i128) {
    if value < 0 {
        out.push(b'-');
    }
    let (whole, fraction) = (value.unsigned_abs() / ONE, value.unsigned_abs() % ONE);
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    if fraction > 0 {
        out.push(b'.');
        let start = out.len();
        let mut rest = fraction;
        let mut unit = ONE / 10;
        while rest > 0 {
            // A digit below ten by construction.
            out.push(b'0' + (rest / unit) as u8);
            rest %= unit;
            unit /= 10;
        }
        debug_assert!(out.len() - start <= DECIMAL_SCALE as usize);
    }
}

/// Year, month and day of a day since 1970-01-01 in the proleptic Gregorian calendar, counted in 400-year eras that begin on 1 March.
fn civil(day: i64) -> (i64, i64, i64) {
    let from_era_start = day + 719_468;
    let era = from_era_start.div_euclid(146_097);
    let day_of_era = from_era_start.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_month)
}

#[inline]
fn push_digits(out: &mut Vec<u8>, value: i64, width: u32) {
    let mut unit = 10_i64.pow(width - 1);
    let mut rest = value;
    for _ in 0..width {
        // A digit below ten: callers give values of at most `width` digits.
        out.push(b'0' + (rest / unit % 10) as u8);
        rest %= unit;
        unit = (unit / 10).max(1);
    }
}

fn push_date(out: &mut Vec<u8>, day: i64) {
    let (year, month, day) = civil(day);
    push_digits(out, year, 4);
    out.push(b'-');
    push_digits(out, month, 2);
    out.push(b'-');
    push_digits(out, day, 2);
}

/// Appends an instant as RFC 3339 in UTC with microseconds.
pub(crate) fn push_timestamp(out: &mut Vec<u8>, instant: i64) {
    push_date(out, instant.div_euclid(DAY));
    let time = instant.rem_euclid(DAY);
    let seconds = time / 1_000_000;
    for (mark, value) in [(b'T', seconds / 3_600), (b':', seconds / 60 % 60), (b':', seconds % 60)] {
        out.push(mark);
        push_digits(out, value, 2);
    }
    out.push(b'.');
    push_digits(out, time % 1_000_000, 6);
    out.push(b'Z');
}

/// An instant as RFC 3339 in UTC with microseconds.
pub(crate) fn timestamp_text(instant: aqueduct_schema::Timestamp) -> String {
    let mut out = Vec::with_capacity(27);
    push_timestamp(&mut out, instant.microseconds().clamp(FIRST_INSTANT, LAST_INSTANT));
    String::from_utf8_lossy(&out).into_owned()
}

/// A text without U+0000, which PostgreSQL cannot store and SQLite's tools take for the end of the text: U+FFFD stands in its place.
#[inline]
pub(crate) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.as_bytes().contains(&0) { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(cell: Cell<'_>) -> String {
        let mut out = Vec::new();
        cell.push_text(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_keep_every_digit_and_no_trailing_zero() {
        assert_eq!(text(Cell::Decimal(1_500_000_000)), "1.5");
        assert_eq!(text(Cell::Decimal(-1)), "-0.000000001");
        assert_eq!(text(Cell::Decimal(0)), "0");
        assert_eq!(text(Cell::Decimal(100_000_000_000)), "100");
        assert_eq!(text(Cell::Decimal(10_i128.pow(38) - 1)), "99999999999999999999999999999.999999999");
        assert_eq!(text(Cell::Integer(7).widened(ValueType::Decimal, &mut Vec::new())), "7");
    }

    #[test]
    fn days_and_instants_agree_with_jiff_over_the_whole_range() {
        for day in (FIRST_DAY..=LAST_DAY).step_by(97).chain([FIRST_DAY, LAST_DAY, -1, 0, 11_016, 11_017]) {
            let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
            assert_eq!(text(Cell::Date(day)), date.to_string());
        }
        assert_eq!(text(Cell::Timestamp(LAST_INSTANT)), "9999-12-31T23:59:59.999999Z");
        // The last day is beyond jiff's own range.
        for instant in [FIRST_INSTANT, LAST_INSTANT - 2 * DAY, -1, 0, 1, 1_770_000_000_123_456] {
            let expected = jiff::Timestamp::from_microsecond(instant).unwrap();
            let written = text(Cell::Timestamp(instant));
            assert_eq!(written.parse::<jiff::Timestamp>().unwrap(), expected);
            assert_eq!(written.len(), 27);
        }
        assert_eq!(text(Cell::Date(0).widened(ValueType::Timestamp, &mut Vec::new())), "1970-01-01T00:00:00.000000Z");
        assert_eq!(text(Cell::Boolean(true).widened(ValueType::Text, &mut Vec::new())), "true");
    }

    #[test]
    fn what_no_calendar_holds_is_null_and_counted() {
        let array = Date32Array::from(vec![Some(i32::MAX), Some(0), None, Some(FIRST_DAY - 1)]);
        let cells = Cells::Date(&array);
        assert_eq!((cells.get(0), cells.get(1), cells.get(2), cells.get(3)), (Cell::Null, Cell::Date(0), Cell::Null, Cell::Null));
        assert_eq!(cells.out_of_range(), 2);
    }
}
