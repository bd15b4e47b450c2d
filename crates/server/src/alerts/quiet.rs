//! Quiet hours: times of the day at which nobody wants to hear of what can wait.

use aqueduct_pipeline::schema::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::span::TimeOfDay;

/// Quiet hours in a time zone. Hours that end before they begin go over midnight and belong to the day on which they begin.
#[derive(Clone, Debug)]
pub(crate) struct QuietHours {
    pub(crate) zone: TimeZone,
    pub(crate) from: TimeOfDay,
    pub(crate) until: TimeOfDay,
    /// The days on which they begin; every day where it is empty.
    pub(crate) days: Vec<Weekday>,
}

impl QuietHours {
    /// Whether it is quiet. The clock on the wall decides, so a night in which it is changed is an hour longer or shorter.
    pub(crate) fn cover(&self, at: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_microsecond(at.microseconds()) else { return false };
        let here = instant.to_zoned(self.zone.clone());
        let minutes = u16::try_from(here.hour()).unwrap_or(0) * 60 + u16::try_from(here.minute()).unwrap_or(0);
        let began_on = |day: Weekday| self.days.is_empty() || self.days.contains(&day);
        let (today, yesterday) = (here.weekday(), here.weekday().previous());
        if self.from < self.until {
            began_on(today) && (self.from.minutes..self.until.minutes).contains(&minutes)
        } else {
            (began_on(today) && minutes >= self.from.minutes) || (began_on(yesterday) && minutes < self.until.minutes)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hours(zone: &str, from: u16, until: u16, days: &[Weekday]) -> QuietHours {
        QuietHours {
            zone: TimeZone::get(zone).unwrap(),
            from: TimeOfDay { minutes: from * 60 },
            until: TimeOfDay { minutes: until * 60 },
            days: days.to_vec(),
        }
    }

    fn quiet(hours: &QuietHours, at: &str) -> bool {
        hours.cover(at.parse().unwrap())
    }

    #[test]
    fn a_night_goes_over_midnight_in_its_own_zone() {
        let night = hours("Europe/London", 22, 7, &[]);
        // In November London is on UTC, in July an hour ahead.
        for (at, expected) in [
            ("2026-11-22T21:59:59Z", false),
            ("2026-11-22T22:00:00Z", true),
            ("2026-11-23T06:59:59Z", true),
            ("2026-11-23T07:00:00Z", false),
            ("2026-07-22T20:59:59Z", false),
            ("2026-07-22T21:00:00Z", true),
            ("2026-07-23T06:00:00Z", false),
        ] {
            assert_eq!(quiet(&night, at), expected, "{at}");
        }
    }

    #[test]
    fn days_are_those_on_which_it_begins() {
        // 2026-11-20 is a Friday.
        let weekend = hours("UTC", 22, 7, &[Weekday::Friday]);
        assert!(quiet(&weekend, "2026-11-20T23:00:00Z") && quiet(&weekend, "2026-11-21T06:00:00Z"));
        assert!(!quiet(&weekend, "2026-11-20T06:00:00Z") && !quiet(&weekend, "2026-11-21T23:00:00Z"));
        let whole = hours("UTC", 0, 24, &[Weekday::Saturday, Weekday::Sunday]);
        assert!(quiet(&whole, "2026-11-21T00:00:00Z") && quiet(&whole, "2026-11-22T23:59:59Z"));
        assert!(!quiet(&whole, "2026-11-23T00:00:00Z"));
        let noon = hours("Asia/Kolkata", 12, 13, &[]);
        assert!(quiet(&noon, "2026-11-22T06:30:00Z") && !quiet(&noon, "2026-11-22T07:30:00Z"));
    }

    #[test]
    fn the_clock_on_the_wall_decides_when_it_is_changed() {
        // New York: 2026-11-01 02:00 becomes 01:00, 2026-03-08 02:00 becomes 03:00.
        let night = hours("America/New_York", 1, 3, &[]);
        let minutes = |from: &str, count: i64| {
            let from: Timestamp = from.parse().unwrap();
            (0..count).filter(|minute| night.cover(Timestamp::from_seconds(from.microseconds() / 1_000_000 + minute * 60))).count()
        };
        assert_eq!(minutes("2026-10-31T04:00:00Z", 1_440), 120);
        assert_eq!(minutes("2026-11-01T04:00:00Z", 1_440), 180);
        assert_eq!(minutes("2026-03-08T05:00:00Z", 1_440), 60);
    }
}
