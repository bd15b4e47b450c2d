//! Columns of text to columns of the type the source declares.
//!
//! A value fits a type when reading it loses nothing that is stored: `007` is no integer, `1.5` is none either, a day is no instant.
//! If one value of a column does not fit, the whole column of that page widens, integers to decimals to text, everything else to
//! text, and the texts are kept as they came.

use std::sync::Arc;

use aqueduct_schema::semantic::{DECIMAL_PRECISION, DECIMAL_SCALE};
use aqueduct_schema::{Error, Result, ValueType, codes};
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::text_column::Texts;

/// The column in the narrowest type, from the declared one upwards, that holds all its values.
///
/// # Errors
/// `AQ9001` when the texts are not UTF-8, which the decoders rule out.
pub(crate) fn convert(texts: Texts, declared: ValueType) -> Result<(ValueType, ArrayRef)> {
    let mut value_type = declared;
    loop {
        let typed: Option<ArrayRef> = match value_type {
            ValueType::Text | ValueType::Json => return Ok((value_type, Arc::new(texts.into_array()?))),
            ValueType::Boolean => booleans(&texts),
            ValueType::Integer => primitives::<Int64Type>(&texts, integer).map(|array| Arc::new(array) as ArrayRef),
            ValueType::Decimal => match primitives::<Decimal128Type>(&texts, decimal) {
                Some(array) => {
                    let array = array
                        .with_precision_and_scale(DECIMAL_PRECISION, DECIMAL_SCALE)
                        .map_err(|error| Error::new(codes::BUG, "decimals do not have their type").caused_by(error))?;
                    Some(Arc::new(array))
                }
                None => None,
            },
            ValueType::Date => primitives::<Date32Type>(&texts, date).map(|array| Arc::new(array) as ArrayRef),
            ValueType::Timestamp => {
                primitives::<TimestampMicrosecondType>(&texts, timestamp).map(|array| Arc::new(array.with_timezone("UTC")) as ArrayRef)
            }
        };
        if let Some(array) = typed {
            return Ok((value_type, array));
        }
        value_type = value_type.widened(if value_type == ValueType::Integer { ValueType::Decimal } else { ValueType::Text });
    }
}

/// Whether a value can be read as a type; an empty text is no value and fits.
pub(crate) fn fits(text: &[u8], value_type: ValueType) -> bool {
    text.is_empty()
        || match value_type {
            ValueType::Text | ValueType::Json => true,
            ValueType::Boolean => text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false"),
            ValueType::Integer => integer(text).is_some(),
            ValueType::Decimal => decimal(text).is_some(),
            ValueType::Date => date(text).is_some(),
            ValueType::Timestamp => timestamp(text).is_some(),
        }
}

/// All values read by `parse`, nulls and empty texts as nulls; `None` when one does not fit.
fn primitives<T: ArrowPrimitiveType>(texts: &Texts, parse: impl Fn(&[u8]) -> Option<T::Native>) -> Option<PrimitiveArray<T>> {
    let mut values = Vec::with_capacity(texts.valid.len());
    let mut empty = 0;
    for text in texts.iter() {
        values.push(match text {
            None => T::Native::default(),
            Some([]) => {
                empty += 1;
                T::Native::default()
            }
            Some(text) => parse(text)?,
        });
    }
    Some(PrimitiveArray::new(values.into(), present(texts, empty)))
}

fn booleans(texts: &Texts) -> Option<ArrayRef> {
    let mut values = Vec::with_capacity(texts.valid.len());
    let mut empty = 0;
    for text in texts.iter() {
        values.push(match text {
            None => false,
            Some([]) => {
                empty += 1;
                false
            }
            Some(text) if text.eq_ignore_ascii_case(b"true") => true,
            Some(text) if text.eq_ignore_ascii_case(b"false") => false,
            Some(_) => return None,
        });
    }
    Some(Arc::new(BooleanArray::new(BooleanBuffer::from(values), present(texts, empty))))
}

/// Which values are there: neither null nor, of which there are `empty`, empty texts.
fn present(texts: &Texts, empty: usize) -> Option<NullBuffer> {
    if empty == 0 {
        return texts.nulls();
    }
    let present: Vec<bool> = texts.iter().map(|text| text.is_some_and(|text| !text.is_empty())).collect();
    Some(NullBuffer::new(BooleanBuffer::from(present)))
}

/// A whole number without needless zeros before it.
fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || digits.len() > 19 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    let mut value = 0_i64;
    for byte in digits {
        let digit = i64::from(digit(*byte)?);
        // Downwards, because there is one more negative number than there are positive ones.
        value = value.checked_mul(10)?.checked_sub(digit)?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// A decimal number, in units of its ninth place after the point. An exponent is taken when the number stays exact.
fn decimal(text: &[u8]) -> Option<i128> {
    let (negative, rest) = sign(text);
    let (number, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&rest[..at], exponent(&rest[at + 1..])?),
        None => (rest, 0),
    };
    let mut value = 0_i128;
    let mut places: Option<i32> = None;
    let mut digits = 0;
    for byte in number {
        if *byte == b'.' && places.is_none() {
            places = Some(0);
            continue;
        }
        let digit = i128::from(digit(*byte)?);
        digits += 1;
        // A zero more or less after the point changes nothing, so that no length of them is too long.
        if digit == 0 && places.is_some_and(|places| places >= i32::from(DECIMAL_SCALE)) && exponent == 0 {
            continue;
        }
        value = value.checked_mul(10)?.checked_add(digit)?;
        if let Some(places) = &mut places {
            *places += 1;
        }
    }
    let needless_zero = number.len() > 1 && number[0] == b'0' && number[1] != b'.';
    if digits == 0 || needless_zero {
        return None;
    }
    let mut shift = i32::from(DECIMAL_SCALE) + exponent - places.unwrap_or(0);
    if value == 0 {
        shift = 0;
    }
    while shift > 0 {
        value = value.checked_mul(10)?;
        shift -= 1;
    }
    while shift < 0 {
        if value % 10 != 0 {
            return None;
        }
        value /= 10;
        shift += 1;
    }
    (value < 10_i128.pow(u32::from(DECIMAL_PRECISION))).then_some(if negative { -value } else { value })
}

fn exponent(text: &[u8]) -> Option<i32> {
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let (negative, digits) = sign(text);
    if digits.is_empty() || digits.len() > 3 {
        return None;
    }
    let mut value = 0;
    for byte in digits {
        value = value * 10 + i32::from(digit(*byte)?);
    }
    Some(if negative { -value } else { value })
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    }
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

/// `YYYY-MM-DD`, as days since 1970.
fn date(text: &[u8]) -> Option<i32> {
    let text: &[u8; 10] = text.try_into().ok()?;
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = number(&text[..4])?;
    let month = number(&text[5..7])?;
    let day = number(&text[8..])?;
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_of_month(year, month) {
        return None;
    }
    Some(days_since_1970(year, month, day))
}

/// An instant with its zone as RFC 3339 and ISO 8601 write it, as microseconds since 1970. What is finer than a microsecond, the
/// grain of every instant in Aqueduct, is cut off.
fn timestamp(text: &[u8]) -> Option<i64> {
    if text.len() < 20 || !matches!(text[10], b'T' | b't' | b' ') || text[13] != b':' || text[16] != b':' {
        return None;
    }
    let days = date(&text[..10])?;
    let (hour, minute, second) = (number(&text[11..13])?, number(&text[14..16])?, number(&text[17..19])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = &text[19..];
    let mut microseconds = 0;
    if let [b'.', fraction @ ..] = rest {
        let length = fraction.iter().position(|byte| !byte.is_ascii_digit())?;
        if length == 0 || length > 9 {
            return None;
        }
        let digits = fraction[..length].iter().map(|byte| i64::from(byte - b'0'));
        microseconds = digits.chain(std::iter::repeat(0)).take(6).fold(0, |value, digit| value * 10 + digit);
        rest = &fraction[length..];
    }
    let offset = i64::from(offset_minutes(rest)?);
    let seconds = i64::from(days) * 86_400 + i64::from(hour) * 3_600 + (i64::from(minute) - offset) * 60 + i64::from(second);
    Some(seconds * 1_000_000 + microseconds)
}

/// `Z`, `+hh:mm`, `+hhmm` (as Salesforce writes it) or `+hh`, as minutes.
fn offset_minutes(text: &[u8]) -> Option<i32> {
    let (sign, hours, minutes) = match text {
        [b'Z' | b'z'] => return Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            (sign, number(&[*h1, *h2])?, number(&[*m1, *m2])?)
        }
        [sign @ (b'+' | b'-'), h1, h2] => (sign, number(&[*h1, *h2])?, 0),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = hours * 60 + minutes;
    Some(if *sign == b'-' { -offset } else { offset })
}

fn number(digits: &[u8]) -> Option<i32> {
    let mut value = 0;
    for byte in digits {
        value = value * 10 + i32::from(digit(*byte)?);
    }
    Some(value)
}

fn days_of_month(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar. Years are counted from March, so that the leap day is the last of its year.
fn days_since_1970(year: i32, month: i32, day: i32) -> i32 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
#[path = "typed_tests.rs"]
mod tests;
