//! Times of the account, and the parameters that ask for a span of them.

use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use crate::clock::timestamp;
use crate::plain::{Keep, Parameters, Refused, Row, Why};

/// The most days that a question for events may span.
const LONGEST_WINDOW: i32 = 90;
const DEFAULT_WINDOW: i32 = 30;

/// The account's time zone.
static ZONE: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC));

/// An instant as Brevo writes it: `2026-02-01T00:00:00.000+01:00`.
pub(super) fn local(milliseconds: i64) -> String {
    timestamp(milliseconds).to_zoned(ZONE.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// The filter of `modifiedSince` or `createdSince`.
pub(super) fn since(
    parameter: &'static str,
    excludes: bool,
    time: fn(&Row<'_>) -> i64,
) -> impl Fn(&Parameters) -> Result<Option<Keep>, Refused> {
    move |parameters| {
        let Some(since) = parameters.instant(parameter)? else { return Ok(None) };
        let first = if excludes { since + 1 } else { since };
        Ok(Some(Box::new(move |candidate| time(&candidate.row()) >= first)))
    }
}

/// When a record was created.
pub(super) fn created(row: &Row<'_>) -> i64 {
    row.created_at
}

/// When a record last changed.
pub(super) fn modified(row: &Row<'_>) -> i64 {
    row.updated_at
}

/// The filter of events by day: `days` back from now or all days from `startDate` to `endDate`, of the account's time zone; the last
/// thirty days where neither is said.
pub(super) fn days(parameters: &Parameters) -> Result<Option<Keep>, Refused> {
    let today = parameters.now().to_zoned(ZONE.clone()).date();
    let (first, last) = match (parameters.get("days"), day(parameters, "startDate")?, day(parameters, "endDate")?) {
        (None, None, None) => (before(today, DEFAULT_WINDOW), today),
        (Some(days), None, None) => {
            let days: i32 = days.parse().map_err(|_| Refused::value("`days` must be a number"))?;
            if !(1..=LONGEST_WINDOW).contains(&days) {
                return Err(too_long());
            }
            (before(today, days), today)
        }
        (None, Some(first), Some(last)) => (first, last),
        (Some(_), ..) => return Err(Refused::value("`days` cannot be used with `startDate` and `endDate`")),
        (None, ..) => return Err(Refused::new(400, Why::Missing, "`startDate` and `endDate` belong together")),
    };
    if first > last {
        return Err(Refused::value("`startDate` must not be after `endDate`"));
    }
    if first.until(last).map_or(i32::MAX, |span: Span| span.get_days()) > LONGEST_WINDOW {
        return Err(too_long());
    }
    let (from, until) = (beginning(first), beginning(last.tomorrow().unwrap_or(last)));
    Ok(Some(Box::new(move |candidate| (from..until).contains(&candidate.row().created_at))))
}

fn too_long() -> Refused {
    Refused::new(400, Why::Range, format!("at most {LONGEST_WINDOW} days can be asked for"))
}

fn day(parameters: &Parameters, name: &str) -> Result<Option<Date>, Refused> {
    let parsed = parameters.get(name).map(str::parse::<Date>).transpose();
    parsed.map_err(|_| Refused::value(format!("`{name}` must be a day such as 2026-01-31")))
}

fn before(day: Date, days: i32) -> Date {
    day.saturating_sub(days.days())
}

/// When a day begins in the account's time zone, in milliseconds.
fn beginning(day: Date) -> i64 {
    day.to_zoned(ZONE.clone()).map_or(0, |begins| begins.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_offset_of_paris() {
        assert_eq!(local(1_769_900_400_000), "2026-02-01T00:00:00.000+01:00");
        assert_eq!(local(1_782_864_000_123), "2026-07-01T02:00:00.123+02:00");
    }
}
