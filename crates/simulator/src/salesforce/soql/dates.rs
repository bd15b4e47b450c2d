//! Dates and times in queries: literals with a time zone, and the named spans.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use crate::clock::timestamp;

/// Milliseconds of a date with time, `2026-02-01T00:00:00Z` or with an offset; `None` when it is none.
pub(crate) fn instant(text: &str) -> Option<i64> {
    if !text.contains('T') {
        return None;
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// A date as it is written, when it is one.
pub(crate) fn date(text: &str) -> Option<&str> {
    (text.len() == 10 && text.parse::<Date>().is_ok()).then_some(text)
}

/// The midnight of a date, in milliseconds; the organisation lives by UTC.
pub(crate) fn midnight(date: Date) -> i64 {
    DateTime::from(date).to_zoned(TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_millisecond())
}

/// The first day of a named span and the first day after it, `TODAY` or `LAST_N_DAYS:7` for instance.
pub(crate) fn named(name: &str, now_ms: i64) -> Option<(Date, Date)> {
    let today = timestamp(now_ms).to_zoned(TimeZone::UTC).date();
    let upper = name.to_ascii_uppercase();
    let (word, count) = match upper.split_once(':') {
        Some((word, count)) => (word, count.parse::<i64>().ok().filter(|count| *count > 0)?),
        None => (upper.as_str(), 0),
    };
    let day = |span: Span| today.checked_add(span).ok();
    let month = |from: Date, months: i64| from.first_of_month().checked_add(months.months()).ok();
    // Weeks begin on Sunday.
    let week = |weeks: i64| day((weeks * 7 - i64::from(today.weekday().to_sunday_zero_offset())).days());
    let year = |years: i64| today.first_of_year().checked_add(years.years()).ok();
    let tomorrow = day(1.day())?;
    Some(match word {
        "TODAY" => (today, tomorrow),
        "YESTERDAY" => (day(-1.day())?, today),
        "TOMORROW" => (tomorrow, day(2.days())?),
        "LAST_90_DAYS" => (day((-90).days())?, tomorrow),
        "NEXT_90_DAYS" => (tomorrow, day(91.days())?),
        "THIS_WEEK" => (week(0)?, week(1)?),
        "LAST_WEEK" => (week(-1)?, week(0)?),
        "NEXT_WEEK" => (week(1)?, week(2)?),
        "THIS_MONTH" => (month(today, 0)?, month(today, 1)?),
        "LAST_MONTH" => (month(today, -1)?, month(today, 0)?),
        "NEXT_MONTH" => (month(today, 1)?, month(today, 2)?),
        "THIS_YEAR" => (year(0)?, year(1)?),
        "LAST_YEAR" => (year(-1)?, year(0)?),
        "NEXT_YEAR" => (year(1)?, year(2)?),
        "LAST_N_DAYS" => (day((-count).days())?, tomorrow),
        "NEXT_N_DAYS" => (tomorrow, day((count + 1).days())?),
        "N_DAYS_AGO" => (day((-count).days())?, day((1 - count).days())?),
        "LAST_N_MONTHS" => (month(today, -count)?, month(today, 0)?),
        "LAST_N_YEARS" => (year(-count)?, year(0)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn spans_have_their_days() {
        // A Wednesday.
        let now = instant("2026-07-01T15:00:00Z").unwrap();
        for (name, from, to) in [
            ("TODAY", "2026-07-01", "2026-07-02"),
            ("yesterday", "2026-06-30", "2026-07-01"),
            ("LAST_N_DAYS:3", "2026-06-28", "2026-07-02"),
            ("THIS_WEEK", "2026-06-28", "2026-07-05"),
            ("LAST_MONTH", "2026-06-01", "2026-07-01"),
            ("LAST_YEAR", "2025-01-01", "2026-01-01"),
            ("LAST_N_MONTHS:2", "2026-05-01", "2026-07-01"),
        ] {
            let (start, end) = named(name, now).unwrap();
            assert_eq!((start.to_string().as_str(), end.to_string().as_str()), (from, to), "{name}");
        }
        assert!(named("LAST_N_DAYS:x", now).is_none() && named("SOMEDAY", now).is_none());
    }

    #[test]
    fn instants_have_a_zone() {
        assert_eq!(instant("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(instant("1970-01-01T00:00:00.001Z"), Some(1));
        assert_eq!(instant("1970-01-01T00:00:00"), None);
        assert_eq!(date("2026-02-30"), None);
        assert_eq!(midnight("1970-01-02".parse().unwrap()), 86_400_000);
    }
}
