//! Days and clock times of the Gregorian calendar as plain numbers, and how they are written.

/// A calendar day; always one that exists, in the years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) year: u16,
    pub(super) month: u8,
    pub(super) day: u8,
}

/// A time of day; the second is below sixty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
    /// Millionths of the second.
    pub(super) micros: u32,
}

pub(super) const MICROS_PER_SECOND: i64 = 1_000_000;
pub(super) const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

impl Day {
    /// The day, if it exists.
    pub(super) fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let longest = match month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (year <= 9999 && (1..=longest).contains(&day)).then_some(Self { year, month, day })
    }

    /// Days since 1970-01-01 (the algorithm counts years from March, so that the leap day comes last).
    pub(super) fn since_epoch(self) -> i32 {
        let month = i32::from(self.month);
        let year = i32::from(self.year) - i32::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i32::from(self.day) - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// The day so many days after 1970-01-01, if its year has four digits.
    pub(super) fn from_epoch(days: i64) -> Option<Self> {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }

    /// `YYYY-MM-DD`.
    pub(super) fn text(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// The day written at the start of a text as `YYYY-MM-DD`.
    pub(super) fn at_start(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, ..] => {
                let year = u16::from(two(*y1, *y2)?) * 100 + u16::from(two(*y3, *y4)?);
                Self::new(year, two(*m1, *m2)?, two(*d1, *d2)?)
            }
            _ => None,
        }
    }
}

impl Clock {
    /// Millionths of a second since midnight.
    pub(super) fn micros_of_day(self) -> i64 {
        let seconds = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        seconds * MICROS_PER_SECOND + i64::from(self.micros)
    }
}

/// Two ASCII digits as a number.
pub(super) fn two(tens: u8, units: u8) -> Option<u8> {
    (tens.is_ascii_digit() && units.is_ascii_digit()).then(|| (tens - b'0') * 10 + (units - b'0'))
}

/// Microseconds since 1970-01-01T00:00:00Z of a time in UTC.
pub(super) fn micros(day: Day, clock: Clock) -> i64 {
    i64::from(day.since_epoch()) * MICROS_PER_DAY + clock.micros_of_day()
}

/// The canonical text of an instant: RFC 3339 in UTC with a `Z`, and of the second's fraction nothing when it is zero, three digits
/// when they hold it, six otherwise. The only form of an instant in clean values.
///
/// `None` outside the years 0 to 9999.
pub fn timestamp_text(micros: i64) -> Option<String> {
    let day = Day::from_epoch(micros.div_euclid(MICROS_PER_DAY))?;
    let of_day = micros.rem_euclid(MICROS_PER_DAY);
    let (seconds, fraction) = (of_day / MICROS_PER_SECOND, of_day % MICROS_PER_SECOND);
    let mut out = Vec::with_capacity(27);
    let mut push = |number: i64, digits: u32, sign: &[u8]| {
        for place in (0..digits).rev() {
            // A remainder of ten is a digit.
            out.push(b'0' + u8::try_from(number / 10_i64.pow(place) % 10).unwrap_or_default());
        }
        out.extend_from_slice(sign);
    };
    push(i64::from(day.year), 4, b"-");
    push(i64::from(day.month), 2, b"-");
    push(i64::from(day.day), 2, b"T");
    push(seconds / 3600, 2, b":");
    push(seconds / 60 % 60, 2, b":");
    push(seconds % 60, 2, if fraction == 0 { b"Z" } else { b"." });
    if fraction % 1000 != 0 {
        push(fraction, 6, b"Z");
    } else if fraction != 0 {
        push(fraction / 1000, 3, b"Z");
    }
    String::from_utf8(out).ok()
}

/// Microseconds since 1970-01-01T00:00:00Z of a canonical instant: what an Arrow timestamp holds. `None` for any other text.
pub fn timestamp_micros(clean: &str) -> Option<i64> {
    let bytes = clean.as_bytes();
    let day = Day::at_start(bytes)?;
    let [b'T', h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = bytes.get(10..)? else {
        return None;
    };
    let micros_of_second = match rest {
        b"Z" => 0,
        [b'.', digits @ .., b'Z'] if matches!(digits.len(), 3 | 6) => {
            let mut number = 0_u32;
            for &digit in digits {
                number = number * 10 + u32::from(digit.checked_sub(b'0').filter(|&digit| digit <= 9)?);
            }
            // A fraction is as short as it can be.
            match digits.len() {
                3 if number != 0 => number * 1000,
                6 if !number.is_multiple_of(1000) => number,
                _ => return None,
            }
        }
        _ => return None,
    };
    let clock = Clock { hour: two(*h1, *h2)?, minute: two(*m1, *m2)?, second: two(*s1, *s2)?, micros: micros_of_second };
    (clock.hour < 24 && clock.minute < 60 && clock.second < 60).then(|| micros(day, clock))
}

/// Days since 1970-01-01 of a canonical date: what an Arrow `Date32` holds. `None` for any other text.
pub fn date_days(clean: &str) -> Option<i32> {
    if clean.len() == 10 { Day::at_start(clean.as_bytes()).map(Day::since_epoch) } else { None }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn days_count_as_jiff_counts_them() {
        let epoch = jiff::civil::date(1970, 1, 1);
        let mut day = jiff::civil::date(0, 1, 1);
        while day < jiff::civil::date(9990, 1, 1) {
            let ours = Day::new(day.year().unsigned_abs(), day.month().unsigned_abs(), day.day().unsigned_abs()).unwrap();
            assert_eq!(ours.since_epoch(), day.since(epoch).unwrap().get_days());
            assert_eq!(Day::from_epoch(i64::from(ours.since_epoch())), Some(ours));
            assert_eq!(ours.text(), day.to_string());
            day = day.checked_add(jiff::Span::new().days(13)).unwrap();
        }
        assert_eq!(Day::new(2023, 2, 29), None);
        assert_eq!(Day::new(1900, 2, 29), None);
        assert!(Day::new(2000, 2, 29).is_some());
    }

    #[test]
    fn instants_are_written_and_read() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_770_000_000_123_000, "2026-02-02T02:40:00.123Z"),
            (1_770_000_000_120_000, "2026-02-02T02:40:00.120Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(timestamp_text(micros).as_deref(), Some(text));
            assert_eq!(timestamp_micros(text), Some(micros));
        }
        assert_eq!(timestamp_text(i64::MAX), None);
        assert_eq!(timestamp_text(i64::MIN), None);
        for text in
            ["2026-02-02T02:40:00.000Z", "2026-02-02T02:40:00.12Z", "2026-02-02T24:00:00Z", "2026-02-30T00:00:00Z", "2026-02-02", ""]
        {
            assert_eq!(timestamp_micros(text), None, "{text}");
        }
        assert_eq!(date_days("1970-01-02"), Some(1));
        assert_eq!(date_days("1970-01-02T"), None);
    }
}
