//! Spans of time and times of day as the file has them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer};

/// A span as people write it: `90s`, `15m`, `6h`, `2d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || de::Error::custom("a span of time is written as 90s, 15m, 6h or 2d");
        let unit = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = text[..unit].parse().map_err(|_| wrong())?;
        let seconds = match &text[unit..] {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return Err(wrong()),
        };
        let seconds = number.checked_mul(seconds).filter(|seconds| *seconds <= 10 * 366 * 86_400).ok_or_else(wrong)?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^\d+[smhdw]$" })
    }
}

/// A time of day: `22:00`; `24:00` is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimeOfDay {
    /// Minutes since midnight.
    pub(crate) minutes: u16,
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || de::Error::custom("a time of day is written as \"22:00\", in quotes");
        let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
        let digits = |text: &str| text.len() <= 2 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(hour) || minute.len() != 2 || !digits(minute) {
            return Err(wrong());
        }
        let (hour, minute): (u16, u16) = (hour.parse().map_err(|_| wrong())?, minute.parse().map_err(|_| wrong())?);
        let minutes = hour * 60 + minute;
        if minute > 59 || minutes > 24 * 60 { Err(wrong()) } else { Ok(Self { minutes }) }
    }
}

impl JsonSchema for TimeOfDay {
    fn schema_name() -> Cow<'static, str> {
        "TimeOfDay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^(([01]?\d|2[0-3]):[0-5]\d|24:00)$" })
    }
}

/// A span in words, the two largest units of it: `2 days 4 hours`.
pub(crate) struct Words(pub(crate) Duration);

impl fmt::Display for Words {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_secs();
        let mut said = 0;
        for (seconds, unit) in [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")] {
            let count = rest / seconds;
            rest %= seconds;
            if count > 0 {
                let space = if said > 0 { " " } else { "" };
                write!(formatter, "{space}{count} {unit}{}", if count == 1 { "" } else { "s" })?;
                said += 1;
            }
            // A unit that is left out ends it too: nobody says 1 day 5 seconds.
            if said == 2 || (said == 1 && count == 0) {
                return Ok(());
            }
        }
        if said == 0 { formatter.write_str("less than a second") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn spans_and_times_are_read() {
        let span = |text: &str| serde_json::from_value::<Span>(text.into()).map(|span| span.0.as_secs());
        assert_eq!((span("90s").unwrap(), span("15m").unwrap(), span("6h").unwrap(), span("2d").unwrap()), (90, 900, 21_600, 172_800));
        for bad in ["", "15", "m", "-1h", "1.5h", "15min", "9999999999999999999s", "99999d"] {
            assert!(span(bad).is_err(), "{bad}");
        }
        let time = |text: &str| serde_json::from_value::<TimeOfDay>(text.into()).map(|time| time.minutes);
        assert_eq!((time("00:00").unwrap(), time("7:05").unwrap(), time("24:00").unwrap()), (0, 425, 1_440));
        for bad in ["", "7", "24:01", "12:60", "12:5", "+1:00", "1:+5", "012:00"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_are_said_in_two_units() {
        let words = |seconds| Words(Duration::from_secs(seconds)).to_string();
        for (seconds, said) in [
            (0, "less than a second"),
            (1, "1 second"),
            (90, "1 minute 30 seconds"),
            (3_600, "1 hour"),
            (3_605, "1 hour"),
            (187_205, "2 days 4 hours"),
        ] {
            assert_eq!(words(seconds), said);
        }
    }
}
