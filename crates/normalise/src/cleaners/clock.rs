//! Reads the time of day and the zone that follow a day.

use super::civil::{Clock, two};

/// What a text says about the zone of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// A distance from UTC in seconds.
    Offset(i32),
    /// Nothing.
    None,
}

/// A time of day as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) clock: Clock,
    pub(super) zone: Zone,
    /// There were digits below the microsecond that are not zero.
    pub(super) precision_reduced: bool,
    /// The second was the sixtieth; the clock holds the fifty-ninth.
    pub(super) leap_second: bool,
    /// The time was 24:00; the clock holds midnight.
    pub(super) end_of_day: bool,
}

const MALFORMED: &str = "timestamp.malformed";
const IMPOSSIBLE: &str = "timestamp.impossible";

/// Reads what follows a day: a separator, hours and minutes, perhaps seconds with a fraction, AM or PM, and a zone.
///
/// # Errors
/// The code of the reason.
pub(super) fn read(rest: &str) -> Result<Reading, &'static str> {
    let text = match rest.as_bytes() {
        [b'T' | b't' | b' ' | b',', ..] => rest[1..].trim_start(),
        _ => return Err(MALFORMED),
    };
    let (hour, text) = hour(text)?;
    // "T142210Z" is the basic form of ISO 8601.
    let basic = !text.starts_with(':');
    let (minute, text) = pair(text.strip_prefix(':').unwrap_or(text)).ok_or(MALFORMED)?;
    let after = if basic { Some(text) } else { text.strip_prefix(':') };
    let (second, text) = match after.and_then(pair) {
        Some((second, text)) => (second, text),
        None if text.starts_with(':') => return Err(MALFORMED),
        None => (0, text),
    };
    let (micros, precision_reduced, text) = fraction(text)?;
    let (hour, text) = half_of_day(hour, text)?;
    let zone = zone(text.trim_start())?;
    let leap_second = second == 60 && minute == 59;
    let end_of_day = (hour, minute, second, micros) == (24, 0, 0, 0);
    if !end_of_day && hour > 23 || minute > 59 || second > 59 && !leap_second {
        return Err(IMPOSSIBLE);
    }
    let clock = Clock { hour: if end_of_day { 0 } else { hour }, minute, second: second.min(59), micros };
    Ok(Reading { clock, zone, precision_reduced, leap_second, end_of_day })
}

/// One or two digits for the hour.
fn hour(text: &str) -> Result<(u8, &str), &'static str> {
    match text.as_bytes() {
        [digit, b':', ..] if digit.is_ascii_digit() => Ok((digit - b'0', &text[1..])),
        _ => pair(text).ok_or(MALFORMED),
    }
}

fn pair(text: &str) -> Option<(u8, &str)> {
    match text.as_bytes() {
        [tens, units, ..] => two(*tens, *units).map(|number| (number, &text[2..])),
        _ => None,
    }
}

fn fraction(text: &str) -> Result<(u32, bool, &str), &'static str> {
    let Some(digits) = text.strip_prefix(['.', ',']) else {
        return Ok((0, false, text));
    };
    let end = digits.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    if end == 0 {
        return Err(MALFORMED);
    }
    let mut micros = 0_u32;
    for place in 0..6 {
        micros = micros * 10 + digits.as_bytes().get(place).filter(|_| place < end).map_or(0, |digit| u32::from(digit - b'0'));
    }
    let reduced = digits.as_bytes()[..end].iter().skip(6).any(|&digit| digit != b'0');
    Ok((micros, reduced, &digits[end..]))
}

/// Applies AM or PM.
fn half_of_day(hour: u8, text: &str) -> Result<(u8, &str), &'static str> {
    let trimmed = text.trim_start();
    let Some(half) = trimmed.get(..2) else {
        return Ok((hour, text));
    };
    let afternoon = half.eq_ignore_ascii_case("pm");
    if !afternoon && !half.eq_ignore_ascii_case("am") {
        return Ok((hour, text));
    }
    match hour {
        12 => Ok((if afternoon { 12 } else { 0 }, &trimmed[2..])),
        1..=11 => Ok((if afternoon { hour + 12 } else { hour }, &trimmed[2..])),
        _ => Err(IMPOSSIBLE),
    }
}

fn zone(text: &str) -> Result<Zone, &'static str> {
    if text.is_empty() {
        return Ok(Zone::None);
    }
    if ["z", "utc", "gmt", "(utc)", "+00:00 utc", "+0000 utc"].iter().any(|name| name.eq_ignore_ascii_case(text)) {
        return Ok(Zone::Offset(0));
    }
    let bare = ["utc", "gmt"].iter().find_map(|name| text.get(..3).filter(|start| start.eq_ignore_ascii_case(name)).map(|_| &text[3..]));
    let offset = bare.unwrap_or(text);
    let sign = match offset.as_bytes() {
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return Err(MALFORMED),
    };
    let (hours, rest) = match offset.as_bytes() {
        [_, digit] | [_, digit, b':', ..] if digit.is_ascii_digit() => (digit - b'0', &offset[2..]),
        _ => pair(&offset[1..]).ok_or(MALFORMED)?,
    };
    let minutes = match rest {
        "" => 0,
        _ => match pair(rest.strip_prefix(':').unwrap_or(rest)) {
            Some((minutes, "")) => minutes,
            _ => return Err(MALFORMED),
        },
    };
    // The widest offsets in use are +14:00 and -12:00.
    if hours > 14 || minutes > 59 {
        return Err(IMPOSSIBLE);
    }
    Ok(Zone::Offset(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60)))
}
