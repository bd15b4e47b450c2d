//! Time zones by name, and which instants a civil time is in one.

use aqueduct_schema::{Error, Result, codes};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// A change of the clock longer than this is not daylight saving but a zone that moves across the date line or an end of a reckoning: the
/// times that are left out then are not made up for.
const LONGEST_GAP: SignedDuration = SignedDuration::from_hours(3);

/// A time zone and its name.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    /// The IANA name in its own spelling.
    pub(crate) name: String,
    /// Its rules.
    pub(crate) time_zone: TimeZone,
}

impl Zone {
    pub(crate) fn utc() -> Self {
        Self { name: "UTC".to_owned(), time_zone: TimeZone::UTC }
    }

    /// A zone by its IANA name, however its letters are cased.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let name = name.trim();
        match TimeZone::get(name) {
            Ok(time_zone) => Ok(Self { name: time_zone.iana_name().unwrap_or(name).to_owned(), time_zone }),
            Err(_) => {
                let error = Error::new(codes::UNKNOWN_TIME_ZONE, format!("`{name}` is not a time zone"));
                Err(match nearest(name) {
                    Some(near) => error.advise(format!("Did you mean `{near}`?")),
                    None => error,
                })
            }
        }
    }
}

/// The name that is nearest to a word which is none: a place that the word names, or the least misspelt.
fn nearest(word: &str) -> Option<String> {
    let word = word.to_lowercase().replace(' ', "_");
    let place = |name: &str| name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let wanted = place(&word);
    let distance = |name: &str| {
        let whole = strsim::damerau_levenshtein(&word, &name.to_lowercase());
        // A right place in a wrong region or in none is nearer than any misspelling of the whole.
        let part = strsim::damerau_levenshtein(&wanted, &place(name));
        whole.min(part + usize::from(part > 0))
    };
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).filter(|name| offered(name)).collect();
    names.into_iter().map(|name| (distance(&name), name)).min().filter(|(distance, _)| *distance <= word.len() / 2).map(|(_, name)| name)
}

/// Whether a name is worth proposing: not the copies of the database in sub-folders, nor names kept for old files.
fn offered(name: &str) -> bool {
    (name.contains('/') || name == "UTC") && !["posix/", "right/", "Etc/", "SystemV/", "US/"].iter().any(|folder| name.starts_with(folder))
}

/// The instant of a civil time in a zone. One that the clock leaves out is the first instant after the gap; one that comes twice is the first
/// of the two. None where the clock leaves out more than daylight saving does.
pub(crate) fn first_instant(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
        AmbiguousOffset::Gap { before, after } => {
            if before.duration_until(after) > LONGEST_GAP {
                return None;
            }
            // Read with the offset of afterwards, the civil time lies before the change of the clock.
            Some(zone.following(after.to_timestamp(civil).ok()?).next()?.timestamp())
        }
    }
}

/// As [`first_instant`], but the second of two.
pub(crate) fn last_instant(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Fold { after, .. } => after.to_timestamp(civil).ok(),
        _ => first_instant(zone, civil),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_is_none_is_answered_with_the_nearest() {
        for (word, near) in [
            ("Europe/Londn", "Europe/London"),
            ("London", "Europe/London"),
            ("new york", "America/New_York"),
            ("Europe/Sydney", "Australia/Sydney"),
            ("America/NewYork", "America/New_York"),
            ("Asia/Calcuta", "Asia/Calcutta"),
        ] {
            let error = Zone::named(word).unwrap_err();
            assert_eq!(error.code(), codes::UNKNOWN_TIME_ZONE);
            assert!(error.advice().contains(near), "{word}: {}", error.advice());
        }
        assert_eq!(Zone::named("xxxxxxxxxx").unwrap_err().advice(), codes::UNKNOWN_TIME_ZONE.advice);
        assert_eq!(Zone::named("europe/london").unwrap().name, "Europe/London");
    }

    #[test]
    fn gaps_and_overlaps_are_told() {
        let at = |zone: &str, civil: &str| {
            let zone = Zone::named(zone).unwrap().time_zone;
            let civil: DateTime = civil.parse().unwrap();
            (first_instant(&zone, civil).map(|at| at.to_string()), last_instant(&zone, civil).map(|at| at.to_string()))
        };
        let both = |text: &str| (Some(text.to_owned()), Some(text.to_owned()));
        assert_eq!(at("America/New_York", "2026-03-08T02:30"), both("2026-03-08T07:00:00Z"));
        assert_eq!(at("America/New_York", "2026-03-08T02:00"), both("2026-03-08T07:00:00Z"));
        assert_eq!(at("America/New_York", "2026-03-08T03:00"), both("2026-03-08T07:00:00Z"));
        assert_eq!(at("America/New_York", "2026-11-01T01:30"), (Some("2026-11-01T05:30:00Z".into()), Some("2026-11-01T06:30:00Z".into())));
        // Half an hour, as Lord Howe Island has it, and a gap at midnight.
        assert_eq!(at("Australia/Lord_Howe", "2026-10-04T02:10"), both("2026-10-03T15:30:00Z"));
        assert_eq!(at("Africa/Cairo", "2026-04-24T00:00"), both("2026-04-23T22:00:00Z"));
        // Samoa left out a whole day.
        assert_eq!(at("Pacific/Apia", "2011-12-30T12:00"), (None, None));
    }
}
