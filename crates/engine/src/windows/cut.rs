//! Cutting and halving spans of time. In microseconds since 1970, whole multiples of the smallest step.

use std::time::Duration;

/// Beyond this (the year 9999) nothing is cut any more.
const LATEST: i64 = 253_402_300_799_000_000;
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// A step in microseconds, at least one.
pub(crate) fn step(smallest: Duration) -> i64 {
    span(smallest).clamp(1, DAY * 366)
}

/// A span in microseconds.
pub(crate) fn span(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// The last multiple of a step at or before an instant.
pub(crate) fn floor(at: i64, step: i64) -> i64 {
    at.saturating_sub(at.rem_euclid(step))
}

/// The first multiple of a step at or after an instant.
pub(crate) fn ceiling(at: i64, step: i64) -> i64 {
    match at.rem_euclid(step) {
        0 => at,
        over => at.saturating_add(step - over),
    }
}

/// Where a span is split: an instant inside it that leaves both parts at least one step; `None` where there is none. A span without an end
/// is split at `now`, and what lies in the future there by steps that double; one without a beginning in the same way, from 1970.
pub(crate) fn middle(from: Option<i64>, until: Option<i64>, now: i64, step: i64) -> Option<i64> {
    let inside = |at: i64| from.is_none_or(|from| at > from) && until.is_none_or(|until| at < until);
    let at = match (from, until) {
        (Some(from), Some(until)) => {
            let half = floor(from + until.saturating_sub(from) / 2, step);
            if half > from { half } else { from.saturating_add(step) }
        }
        (Some(from), None) if from < now => ceiling(now, step),
        (Some(from), None) => ceiling(from.saturating_add((from - now).max(DAY)), step),
        (None, None) => ceiling(now, step),
        (None, Some(until)) if until > step => floor(until / 2, step).max(0),
        (None, Some(until)) => floor(until.saturating_sub(until.saturating_neg().max(DAY)), step),
    };
    (inside(at) && (-LATEST..=LATEST).contains(&at)).then_some(at)
}
