//! Intervals: `every: 15m`.

use aqueduct_schema::{Error, Result, codes};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::span::Written;
use crate::zone::{Zone, first_instant};

/// The Monday from whose midnight intervals are counted, so that weeks begin on Mondays and hours on the hour.
const FIRST_DAY: Date = date(2000, 1, 3);

/// An interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interval {
    /// So much time, as it passes, from an instant on.
    Elapsed {
        /// How many seconds.
        seconds: i64,
        /// One of its occurrences.
        anchor: Timestamp,
    },
    /// So many days of the calendar, at the beginning of the day.
    Days(i64),
}

impl Interval {
    pub(crate) fn parse(text: &str, zone: &Zone) -> Result<Self> {
        let (days, seconds) = Written::parse(text).map_err(|message| Error::new(codes::BAD_SCHEDULE, message))?.days_and_seconds();
        let wrong = |message: &str, advice: &str| Err(Error::new(codes::BAD_SCHEDULE, message).advise(advice));
        match (i64::try_from(days).unwrap_or(i64::MAX), i64::try_from(seconds).unwrap_or(i64::MAX)) {
            (0, 0) => wrong("an interval of nothing never ends", "Write how long it is, for example `every: 15m`."),
            (0, seconds) => {
                let anchor = first_instant(&zone.time_zone, FIRST_DAY.at(0, 0, 0, 0)).unwrap_or(Timestamp::UNIX_EPOCH);
                Ok(Self::Elapsed { seconds, anchor })
            }
            (days, 0) if days <= 366 => Ok(Self::Days(days)),
            (_, 0) => wrong("the interval is longer than a year", "Use `cron` with a month, for example `@yearly`."),
            _ => wrong(
                "an interval is either of days, which follow the calendar, or of hours, which are counted as they pass",
                "Write the whole of it in hours, or in days.",
            ),
        }
    }

    /// The first occurrence after an instant.
    pub(crate) fn next_after(self, zone: &TimeZone, instant: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Elapsed { seconds, anchor } => {
                // Seconds are rounded down, before 1970 too, so an occurrence's own fraction of a second does not give it again.
                let whole = instant.as_second() - i64::from(instant.subsec_nanosecond() < 0);
                let steps = (whole - anchor.as_second()).div_euclid(seconds) + 1;
                anchor.checked_add(SignedDuration::from_secs(steps.checked_mul(seconds)?)).ok()
            }
            Self::Days(days) => {
                let mut day = zone.to_datetime(instant).date();
                let since = i64::from(FIRST_DAY.until(day).ok()?.get_days());
                day = day.checked_sub(since.rem_euclid(days).days()).ok()?;
                loop {
                    if let Some(start) = first_instant(zone, day.at(0, 0, 0, 0)).filter(|start| *start > instant) {
                        return Some(start);
                    }
                    day = day.checked_add(days.days()).ok()?;
                }
            }
        }
    }
}
