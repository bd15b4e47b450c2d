//! How a source writes its instants and days, where it does not write them as everybody does.

use jiff::Zoned;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::value::{Value, text_to_units};

/// A declared way of writing instants or days.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Format {
    /// Milliseconds since 1970.
    EpochMilliseconds,
    /// Seconds since 1970, with or without a fraction.
    EpochSeconds,
    /// A pattern of `%` directives as `strftime` has them.
    Pattern(String),
}

impl std::fmt::Display for Format {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::EpochMilliseconds => "epoch_milliseconds",
            Self::EpochSeconds => "epoch_seconds",
            Self::Pattern(pattern) => pattern,
        })
    }
}

/// The code of a value that is not written as its mapping says.
pub(crate) const NO_MATCH: &str = "format.no_match";

impl Format {
    /// The format of a word or pattern; otherwise what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "epoch_milliseconds" => return Ok(Self::EpochMilliseconds),
            "epoch_seconds" => return Ok(Self::EpochSeconds),
            _ => {}
        }
        if !text.contains('%') {
            return Err("write epoch_milliseconds, epoch_seconds or a pattern such as %d/%m/%Y".to_owned());
        }
        // Writing a moment and reading it back tells every directive that cannot be used.
        let moment = Zoned::default();
        let sample = strtime::format(text, &moment).map_err(|error| error.to_string())?;
        let parsed = strtime::parse(text, &sample).map_err(|error| error.to_string())?;
        parsed.to_date().map_err(|_| "it does not name a day".to_owned())?;
        Ok(Self::Pattern(text.to_owned()))
    }

    /// Reads a value; a time of day without an offset is meant in `zone`.
    pub(crate) fn read<'a>(&self, value: &Value<'a>, zone: &TimeZone) -> Value<'a> {
        let microseconds = match self {
            Self::EpochMilliseconds => epoch(value, 1_000),
            Self::EpochSeconds => epoch(value, 1_000_000),
            Self::Pattern(pattern) => return read_pattern(pattern, value, zone),
        };
        microseconds.map_or(Value::Bad(NO_MATCH), Value::Timestamp)
    }
}

fn epoch(value: &Value<'_>, microseconds_each: i64) -> Option<i64> {
    match value {
        Value::Integer(count) => count.checked_mul(microseconds_each),
        Value::Decimal(units) => scaled(*units, microseconds_each),
        Value::Timestamp(microseconds) => Some(*microseconds),
        Value::Text(text) => scaled(text_to_units(text)?, microseconds_each),
        _ => None,
    }
}

fn scaled(units: i128, microseconds_each: i64) -> Option<i64> {
    let microseconds = units.checked_mul(i128::from(microseconds_each))?.div_euclid(1_000_000_000);
    i64::try_from(microseconds).ok()
}

fn read_pattern<'a>(pattern: &str, value: &Value<'a>, zone: &TimeZone) -> Value<'a> {
    // A column that the decoder has already read as a day or an instant needs no pattern.
    if let Value::Date(days) = value {
        return Value::Date(*days);
    }
    if let Value::Timestamp(microseconds) = value {
        return Value::Timestamp(*microseconds);
    }
    let Some(text) = value.text() else { return Value::Bad(NO_MATCH) };
    let Ok(parsed) = strtime::parse(pattern, text.trim()) else { return Value::Bad(NO_MATCH) };
    if parsed.hour().is_none() {
        return match parsed.to_date() {
            Ok(date) => date_value(date),
            Err(_) => Value::Bad(NO_MATCH),
        };
    }
    if let Ok(instant) = parsed.to_timestamp() {
        return Value::Timestamp(instant.as_microsecond());
    }
    match parsed.to_datetime().and_then(|local| zone.to_ambiguous_timestamp(local).compatible()) {
        Ok(instant) => Value::Timestamp(instant.as_microsecond()),
        Err(_) => Value::Bad(NO_MATCH),
    }
}

fn date_value<'a>(date: jiff::civil::Date) -> Value<'a> {
    let days = date.since(jiff::civil::date(1970, 1, 1)).map(|span| span.get_days());
    days.map_or(Value::Bad(NO_MATCH), Value::Date)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(format: &str, value: Value<'static>) -> Value<'static> {
        Format::parse(format).unwrap().read(&value, &TimeZone::get("Europe/London").unwrap())
    }

    #[test]
    fn epochs_and_patterns_give_instants_and_days() {
        assert_eq!(read("epoch_milliseconds", Value::Integer(1_770_000_000_123)), Value::Timestamp(1_770_000_000_123_000));
        assert_eq!(read("epoch_seconds", Value::Text("1770000000.5".into())), Value::Timestamp(1_770_000_000_500_000));
        assert_eq!(read("epoch_seconds", Value::Text("soon".into())), Value::Bad(NO_MATCH));
        assert_eq!(read("epoch_milliseconds", Value::Integer(i64::MAX)), Value::Bad(NO_MATCH));
        assert_eq!(read("%d/%m/%Y", Value::Text("02/01/1970".into())), Value::Date(1));
        assert_eq!(read("%d/%m/%Y %H:%M", Value::Text("01/07/2026 12:00".into())), Value::Timestamp(1_782_903_600_000_000));
        assert_eq!(read("%Y-%m-%dT%H:%M:%S%z", Value::Text("1970-01-01T01:00:00+0100".into())), Value::Timestamp(0));
        assert_eq!(read("%d/%m/%Y", Value::Text("31/02/2026".into())), Value::Bad(NO_MATCH));
    }

    #[test]
    fn patterns_are_checked_before_they_are_used() {
        for wrong in ["yesterday", "%H:%M", "%d/%m/%Y %!"] {
            assert!(Format::parse(wrong).is_err(), "{wrong}");
        }
    }
}
