//! Instants: in UTC with microseconds, in one canonical text (see [`timestamp_text`]).

use std::borrow::Cow;
use std::cell::RefCell;

use aqueduct_schema::Cleaned;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::CleaningContext;
use super::civil::{self, Clock, Day, MICROS_PER_SECOND, timestamp_micros, timestamp_text};
use super::clock::{self, Zone};
use super::day::{self, DayProblem};
use super::text::{Presence, note, presence_without_na, to_ascii_forms};
use super::time_zone::DATABASE;

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { Timestamp;
    Missing "timestamp.empty" "  " => None, "There is nothing but space.";
    Missing "timestamp.placeholder" "n/a" => None, "The text stands for no value.";
    Missing "timestamp.sentinel" "1970-01-01T00:00:00Z" => None, "Programs write this instant when there is none.";
    Fixed "timestamp.rewritten" "2026-01-31T12:00:00+0100" => Some("2026-01-31T11:00:00Z"), "The instant was brought to UTC and its one form.";
    Fixed "timestamp.precision_reduced" "2026-01-31T12:00:00.123456789Z" => Some("2026-01-31T12:00:00.123456Z"), "Digits below the microsecond were cut off.";
    Fixed "timestamp.leap_second" "2016-12-31T23:59:60Z" => Some("2016-12-31T23:59:59.999999Z"), "A leap second became the last microsecond before it.";
    Fixed "timestamp.zone_applied" "2026-01-31 12:00:00" => Some("2026-01-31T11:00:00Z"), "The time had no zone; the declared zone of the source was used.", { time_zone: "Europe/Berlin" };
    Suspect "timestamp.clock_change" "2026-03-29 02:30:00" => Some("2026-03-29T01:30:00Z"), "The clocks changed: the local time occurred twice (the first is taken) or never (it is moved by the gap).", { time_zone: "Europe/Berlin" };
    Suspect "timestamp.no_time_zone" "2026-01-31 12:00:00" => None, "The time has no zone and none is declared.";
    Suspect "timestamp.day_only" "2026-01-31" => Some("2026-01-30T23:00:00Z"), "There is no time of day; the day's first instant in the declared zone is kept.", { time_zone: "Europe/Berlin" };
    Suspect "timestamp.epoch_number" "1770000000000" => None, "It may be an epoch; its unit is declared by the connector, not guessed.";
    Suspect "timestamp.ambiguous_order" "03/04/2026 12:00 UTC" => None, "Day and month could change places, and no order is declared.";
    Suspect "timestamp.unexpected_order" "01/31/2026 12:00 UTC" => Some("2026-01-31T12:00:00Z"), "Day and month are certain, but not in the declared order.", { day_first: true };
    Suspect "timestamp.two_digit_year" "31/01/26 12:00 UTC" => None, "The century is not written.";
    Suspect "timestamp.unlikely_year" "0206-01-31T12:00:00Z" => Some("0206-01-31T12:00:00Z"), "The year is before 1880 or after 2200.";
    Invalid "timestamp.impossible" "2026-02-30T12:00:00Z" => None, "There is no such day or time.";
    Invalid "timestamp.malformed" "yesterday" => None, "It is no instant.";
}

pub(super) fn clean<'v>(value: &'v str, context: &CleaningContext<'_>) -> Cleaned<'v> {
    if let Some(micros) = timestamp_micros(value) {
        return judge(Cow::Borrowed(value), micros, "");
    }
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("timestamp.empty"),
        Presence::Placeholder => return Cleaned::missing("timestamp.placeholder"),
        Presence::Value(text) => text,
    };
    let plain = to_ascii_forms(text);
    let plain = plain.trim();
    let digits = plain.strip_prefix('-').unwrap_or(plain);
    if digits.len() != 8 && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && digits.matches('.').count() < 2 {
        return Cleaned::suspect_without_value("timestamp.epoch_number");
    }
    let found = match day::read(plain, context.day_first) {
        Ok(found) => found,
        Err(DayProblem::Ambiguous) => return Cleaned::suspect_without_value("timestamp.ambiguous_order"),
        Err(DayProblem::TwoDigitYear) => return Cleaned::suspect_without_value("timestamp.two_digit_year"),
        Err(DayProblem::Zero) => return Cleaned::missing("timestamp.sentinel"),
        Err(DayProblem::Impossible) => return Cleaned::invalid("timestamp.impossible"),
        Err(DayProblem::Malformed) => return Cleaned::invalid("timestamp.malformed"),
    };
    if found.rest.is_empty() {
        return day_only(found.day, context);
    }
    let reading = match clock::read(found.rest) {
        Ok(reading) => reading,
        Err(code) => return Cleaned::invalid(code),
    };
    let mut code = "";
    let local = civil::micros(found.day, reading.clock) + if reading.end_of_day { civil::MICROS_PER_DAY } else { 0 };
    let micros = match reading.zone {
        Zone::Offset(seconds) => local - i64::from(seconds) * MICROS_PER_SECOND,
        Zone::None => {
            if is_sentinel_day(found.day) && reading.clock == Clock::default() {
                return Cleaned::missing("timestamp.sentinel");
            }
            match in_zone(local, context.time_zone) {
                Some((micros, false)) => {
                    note(&mut code, "timestamp.zone_applied");
                    micros
                }
                Some((micros, true)) => return kept_with_doubt(micros, "timestamp.clock_change"),
                None => return Cleaned::suspect_without_value("timestamp.no_time_zone"),
            }
        }
    };
    let micros = if reading.leap_second {
        // Leap seconds come at the end of a day in UTC only.
        if (micros + MICROS_PER_SECOND).rem_euclid(civil::MICROS_PER_DAY) >= MICROS_PER_SECOND {
            return Cleaned::invalid("timestamp.impossible");
        }
        code = "timestamp.leap_second";
        micros - micros.rem_euclid(MICROS_PER_SECOND) + MICROS_PER_SECOND - 1
    } else {
        micros
    };
    if reading.precision_reduced {
        note(&mut code, "timestamp.precision_reduced");
    }
    if !found.as_declared {
        return kept_with_doubt(micros, "timestamp.unexpected_order");
    }
    note(&mut code, "timestamp.rewritten");
    match timestamp_text(micros) {
        Some(text) => judge(Cow::Owned(text), micros, code),
        None => Cleaned::invalid("timestamp.impossible"),
    }
}

/// Judges an instant that is known: the sentinels and the years that nobody means.
fn judge<'v>(text: Cow<'v, str>, micros: i64, code: &'static str) -> Cleaned<'v> {
    let bytes = text.as_bytes();
    if let Some(day) = Day::at_start(bytes) {
        if is_sentinel_day(day) && (micros.rem_euclid(civil::MICROS_PER_DAY) == 0 || day.year == 9999) {
            return Cleaned::missing("timestamp.sentinel");
        }
        if !(1880..=2200).contains(&day.year) {
            return Cleaned::suspect(text, "timestamp.unlikely_year");
        }
    }
    if code.is_empty() { Cleaned::ok(text) } else { Cleaned::fixed(text, code) }
}

/// Days whose midnight programs write when there is no instant; the last one at any time.
fn is_sentinel_day(day: Day) -> bool {
    matches!((day.year, day.month, day.day), (1970, 1, 1) | (1900, 1, 1) | (9999, 12, 31) | (1, 1, 1) | (1899, 12, 30 | 31) | (1753, 1, 1))
}

fn kept_with_doubt(micros: i64, code: &'static str) -> Cleaned<'static> {
    match timestamp_text(micros) {
        Some(text) => match judge(Cow::Owned(text), micros, code) {
            Cleaned { status: aqueduct_schema::CleaningStatus::Fixed, value: Some(text), code } => Cleaned::suspect(text, code),
            other => other,
        },
        None => Cleaned::invalid("timestamp.impossible"),
    }
}

fn day_only(day: Day, context: &CleaningContext<'_>) -> Cleaned<'static> {
    if is_sentinel_day(day) {
        return Cleaned::missing("timestamp.sentinel");
    }
    match in_zone(civil::micros(day, Clock::default()), context.time_zone) {
        Some((micros, _)) => kept_with_doubt(micros, "timestamp.day_only"),
        None => Cleaned::suspect_without_value("timestamp.no_time_zone"),
    }
}

thread_local! {
    /// The zone used last: a source has one.
    static LAST_ZONE: RefCell<Option<(String, TimeZone)>> = const { RefCell::new(None) };
}

/// The instant of a local time in a zone, and whether the clocks changed there; `None` without a known zone.
fn in_zone(local: i64, zone: Option<&str>) -> Option<(i64, bool)> {
    let name = zone?;
    let zone = LAST_ZONE.with_borrow_mut(|last| match last {
        Some((known, zone)) if known == name => Some(zone.clone()),
        _ => {
            let zone = DATABASE.get(name).ok()?;
            *last = Some((name.to_owned(), zone.clone()));
            Some(zone)
        }
    })?;
    // A local time read as if it were UTC has the same calendar fields.
    let fields = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_microsecond(local).ok()?);
    let found = zone.to_ambiguous_timestamp(fields);
    let changed = !matches!(found.offset(), AmbiguousOffset::Unambiguous { .. });
    Some((found.compatible().ok()?.as_microsecond(), changed))
}
