//! Spans of time as people write them: `90s`, `15m`, `1h30m`, `2d`, `1w`.

use std::time::Duration;

/// The units, the longest first, each with its seconds.
const UNITS: [(char, u64, &str); 5] =
    [('w', 604_800, "week"), ('d', 86_400, "day"), ('h', 3_600, "hour"), ('m', 60, "minute"), ('s', 1, "second")];

/// A span as it is written: so many of each unit, in the order of [`UNITS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written([u64; 5]);

impl Written {
    /// Reads a span. The message of a mistake has no code and no place yet.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a span of time such as 90s, 15m, 1h30m or 1d");
        let mut counts = [0; 5];
        let mut rest = text.trim();
        let mut next = 0;
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let count: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            let unit = rest[digits..].chars().next().ok_or_else(wrong)?;
            let at = UNITS.iter().position(|(letter, ..)| *letter == unit).filter(|at| *at >= next).ok_or_else(wrong)?;
            counts[at] = count;
            next = at + 1;
            rest = &rest[digits + unit.len_utf8()..];
        }
        let written = Self(counts);
        // A century is longer than anything here, and keeps sums of spans far from overflow.
        if counts.iter().any(|count| *count > 100_000_000) || written.seconds() > 3_200_000_000 {
            return Err(format!("`{text}` is too long"));
        }
        Ok(written)
    }

    /// Whole days, and the rest in seconds.
    pub(crate) fn days_and_seconds(self) -> (u64, u64) {
        let [weeks, days, hours, minutes, seconds] = self.0;
        (weeks * 7 + days, hours * 3_600 + minutes * 60 + seconds)
    }

    fn seconds(self) -> u64 {
        let (days, seconds) = self.days_and_seconds();
        days * 86_400 + seconds
    }

    /// As a duration, a day being 24 hours.
    pub(crate) fn duration(self) -> Duration {
        Duration::from_secs(self.seconds())
    }
}

/// A span in words: `1 hour 30 minutes`.
pub(crate) fn words(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    let mut parts = Vec::new();
    for (_, seconds, name) in &UNITS[1..] {
        let count = rest / seconds;
        rest %= seconds;
        if count > 0 {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    if parts.is_empty() { "0 seconds".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, seconds, said) in [
            ("90s", 90, "1 minute 30 seconds"),
            ("15m", 900, "15 minutes"),
            ("1h30m", 5_400, "1 hour 30 minutes"),
            ("2d", 172_800, "2 days"),
            ("1w", 604_800, "7 days"),
            ("0s", 0, "0 seconds"),
            (" 61m ", 3_660, "1 hour 1 minute"),
        ] {
            let duration = Written::parse(text).unwrap().duration();
            assert_eq!((duration.as_secs(), words(duration)), (seconds, said.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_span_is_refused() {
        for text in ["", "15", "m", "15 m", "1.5h", "-1h", "15min", "30m1h", "1h1h", "1ms", "99999999999w", "4000000000s", "½h", "5µ"] {
            assert!(Written::parse(text).is_err(), "{text}");
        }
    }
}
