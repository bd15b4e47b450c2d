//! Rows in the binary format of COPY (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format"): straight from
//! Arrow into one buffer. Nothing has to be escaped here, and the server parses no number and no time.

use aqueduct_schema::ValueType;

use crate::cells::{Cell, without_nul};

/// What comes before the first row.
pub(crate) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What comes after the last row.
pub(crate) const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

/// Days and microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
const DAYS_TO_2000: i32 = 10_957;
const MICROSECONDS_TO_2000: i64 = DAYS_TO_2000 as i64 * 86_400_000_000;

/// Appends a value for a column of its own type, or of text.
#[inline]
pub(crate) fn push(out: &mut Vec<u8>, cell: Cell<'_>) {
    match cell {
        Cell::Null => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        Cell::Text(text) if text.as_bytes().contains(&0) => push_field(out, without_nul(text).as_bytes()),
        Cell::Text(text) => push_field(out, text.as_bytes()),
        Cell::Boolean(value) => push_field(out, &[u8::from(value)]),
        Cell::Integer(value) => push_field(out, &value.to_be_bytes()),
        Cell::Decimal(value) => push_numeric(out, value),
        Cell::Date(day) => push_field(out, &(day - DAYS_TO_2000).to_be_bytes()),
        Cell::Timestamp(instant) => push_field(out, &(instant - MICROSECONDS_TO_2000).to_be_bytes()),
    }
}

/// Appends a value as the stored type has it.
#[inline]
pub(crate) fn push_as(out: &mut Vec<u8>, cell: Cell<'_>, stored: ValueType, text: &mut Vec<u8>) {
    push(out, cell.widened(stored, text));
}

#[inline]
pub(crate) fn push_field(out: &mut Vec<u8>, bytes: &[u8]) {
    // A value is far below the 1 GiB that PostgreSQL takes; batches hold less than 2 GiB of text in all.
    out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// `numeric` as it is sent: digits of base 10,000, the weight of the first, sign, digits shown after the point
/// (`numeric_send` in PostgreSQL's src/backend/utils/adt/numeric.c).
fn push_numeric(out: &mut Vec<u8>, value: i128) {
    const ONE: u128 = 1_000_000_000;
    let (mut whole, fraction) = (value.unsigned_abs() / ONE, value.unsigned_abs() % ONE);
    // Twelve digits after the point are three groups of four; 29 before it are eight.
    let mut groups = [0_i16; 11];
    let mut rest = fraction * 1_000;
    for group in groups[8..].iter_mut().rev() {
        *group = (rest % 10_000) as i16;
        rest /= 10_000;
    }
    for group in groups[..8].iter_mut().rev() {
        *group = (whole % 10_000) as i16;
        whole /= 10_000;
    }
    let first = groups.iter().position(|group| *group != 0).unwrap_or(groups.len());
    let last = groups.iter().rposition(|group| *group != 0).map_or(first, |last| last + 1);
    let digits = &groups[first..last];
    let weight = if digits.is_empty() { 0 } else { 7 - first as i16 };
    let sign: u16 = if value < 0 { 0x4000 } else { 0 };
    out.extend_from_slice(&(8 + 2 * digits.len() as i32).to_be_bytes());
    out.extend_from_slice(&(digits.len() as i16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&9_i16.to_be_bytes());
    for digit in digits {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(cell: Cell<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        push(&mut out, cell);
        out
    }

    #[test]
    fn values_are_sent_as_postgresql_receives_them() {
        assert_eq!(bytes(Cell::Null), [255, 255, 255, 255]);
        assert_eq!(bytes(Cell::Text("a\0")), [0, 0, 0, 4, b'a', 0xef, 0xbf, 0xbd]);
        assert_eq!(bytes(Cell::Date(10_957)), [0, 0, 0, 4, 0, 0, 0, 0]);
        assert_eq!(bytes(Cell::Timestamp(946_684_800_000_001)), [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
        // -12345.6 is -1 2345 . 6000: three digits, the first of weight 1.
        assert_eq!(bytes(Cell::Decimal(-12_345_600_000_000)), [0, 0, 0, 14, 0, 3, 0, 1, 0x40, 0, 0, 9, 0, 1, 9, 41, 23, 112]);
        assert_eq!(bytes(Cell::Decimal(0)), [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9]);
        // 0.000000001 is the tenth of the third group after the point, less two digits.
        assert_eq!(bytes(Cell::Decimal(1)), [0, 0, 0, 10, 0, 1, 255, 253, 0, 0, 0, 9, 3, 232]);
    }
}
