//! Birth dates as eight digits, which can be compared even where they make no date.

/// A date in the order year, month, day as digits.
pub(crate) type Digits = [u8; 8];

/// Which part of a date comes first where the digits alone do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// 07/09/1927 is the seventh of September.
    DayFirst,
    /// 07/09/1927 is the ninth of July.
    MonthFirst,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a date of any common form into `YYYYMMDD`; parts that are not given are `00`. Digits that make no date, such as the month 13,
/// are kept: a mistyped date still tells people apart. `None` where there is nothing like a date.
pub fn date_digits(text: &str, order: DateOrder) -> Option<String> {
    let text = text.trim();
    let text =
        text.split_once(['T', 't']).map_or(text, |(date, rest)| if rest.starts_with(|c: char| c.is_ascii_digit()) { date } else { text });
    let mut parts: Vec<&str> = text.split(|letter: char| !letter.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    // A time of day after the date.
    if parts.len() > 3 && parts[..3].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit())) {
        parts.truncate(3);
    }
    // A float, as spreadsheets write whole numbers.
    if let [whole, "0" | "00"] = parts[..]
        && whole.len() == 8
    {
        parts.truncate(1);
    }
    let number = |part: &str| part.parse::<u32>().ok().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()));
    match parts[..] {
        [only] if only.len() == 8 && number(only).is_some() => {
            let starts_with_year = |text: &str| matches!(&text[..2], "18" | "19" | "20");
            if starts_with_year(only) || !starts_with_year(&only[4..]) {
                return Some(only.to_owned());
            }
            let (first, second, year) = (&only[..2], &only[2..4], &only[4..]);
            Some(match order {
                DateOrder::DayFirst => format!("{year}{second}{first}"),
                DateOrder::MonthFirst => format!("{year}{first}{second}"),
            })
        }
        [only] if only.len() == 7 && number(only).is_some() => Some(format!("{only}0")),
        [only] if only.len() == 6 && number(only).is_some() => Some(format!("{only}00")),
        [only] if only.len() == 4 && number(only).is_some_and(|year| (1850..2100).contains(&year)) => Some(format!("{only}0000")),
        [year, month] if year.len() == 4 => Some(digits(number(year)?, number(month)?, 0)),
        [one, two, three] => {
            let month_name = |part: &str| {
                let part = part.to_lowercase();
                (part.len() >= 3).then(|| MONTHS.iter().position(|month| part.starts_with(month))).flatten().map(|index| index as u32 + 1)
            };
            let day = |part: &str| number(part.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()));
            if let Some(month) = month_name(two) {
                return Some(if one.len() == 4 {
                    digits(number(one)?, month, day(three)?)
                } else {
                    digits(full(three)?, month, day(one)?)
                });
            }
            if let Some(month) = month_name(one) {
                return Some(digits(full(three)?, month, day(two)?));
            }
            let (first, second) = (number(one)?, number(two)?);
            if one.len() >= 3 {
                return Some(digits(first, second, number(three)?));
            }
            let year = full(three)?;
            let day_first = match order {
                _ if first > 12 && second <= 12 => true,
                _ if second > 12 && first <= 12 => false,
                DateOrder::DayFirst => true,
                DateOrder::MonthFirst => false,
            };
            Some(if day_first { digits(year, second, first) } else { digits(year, first, second) })
        }
        _ => None,
    }
}

fn digits(year: u32, month: u32, day: u32) -> String {
    format!("{:04}{:02}{:02}", year % 10_000, month % 100, day % 100)
}

/// A year of four digits; of two digits, the one of a person who lives.
fn full(text: &str) -> Option<u32> {
    let year: u32 = text.parse().ok()?;
    Some(match text.len() {
        1 | 2 if year > 25 => 1900 + year,
        1 | 2 => 2000 + year,
        _ => year,
    })
}

/// How near two birth dates are: a level of the field.
pub(crate) fn compare(left: Digits, right: Digits) -> u8 {
    use crate::levels::birth::{DIFFERENT, EXCHANGED, MISTYPED, NEAR, PART, SAME, TWO_DIGITS, TWO_PARTS};
    if left == right {
        return SAME;
    }
    let part = |digits: Digits, index: usize| match index {
        0 => (&digits[..4] != b"0000").then(|| [digits[0], digits[1], digits[2], digits[3]]),
        1 => (&digits[4..6] != b"00").then(|| [0, 0, digits[4], digits[5]]),
        _ => (&digits[6..] != b"00").then(|| [0, 0, digits[6], digits[7]]),
    };
    let parts = [0, 1, 2].map(|index| part(left, index).zip(part(right, index)));
    let known = parts.iter().flatten().count();
    let same = parts.iter().flatten().filter(|(left, right)| left == right).count();
    if known < 3 {
        return match same {
            2 => TWO_PARTS,
            1 if known == 1 || parts[0].is_some_and(|(left, right)| left == right) => PART,
            _ => DIFFERENT,
        };
    }
    let wrong = (0..8).filter(|index| left[*index] != right[*index]).count();
    let exchanged = wrong == 2 && (0..7).any(|at| left[at] != right[at] && left[at] == right[at + 1] && left[at + 1] == right[at]);
    let day_as_month = left[..4] == right[..4] && left[4..6] == right[6..] && left[6..] == right[4..6];
    if wrong == 1 || exchanged || day_as_month {
        match is_date(left) == is_date(right) {
            false => MISTYPED,
            true if wrong == 1 => NEAR,
            true => EXCHANGED,
        }
    } else if same == 2 {
        TWO_PARTS
    } else if wrong == 2 {
        TWO_DIGITS
    } else if parts[0].is_some_and(|(left, right)| left == right) {
        PART
    } else {
        DIFFERENT
    }
}

/// Whether somebody who stands in a list may have been born on that day. Nobody is born on the 31st of November, so such digits were meant
/// to be others.
fn is_date(digits: Digits) -> bool {
    let number = |part: &[u8]| part.iter().fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    let (year, month, day) = (number(&digits[..4]), number(&digits[4..6]), number(&digits[6..]));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (1800..=2100).contains(&year) && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_dates() {
        let table = [
            ("19270907", "19270907"),
            ("1927-09-07", "19270907"),
            ("1927-09-07T00:00:00Z", "19270907"),
            ("1927-09-07 10:11:12", "19270907"),
            ("07/09/1927", "19270907"),
            ("7.9.1927", "19270907"),
            ("13/01/1999", "19990113"),
            ("01/13/1999", "19990113"),
            ("7 Sep 1927", "19270907"),
            ("September 7, 1927", "19270907"),
            ("7th September 1927", "19270907"),
            ("19271399", "19271399"),
            ("07091927", "19270907"),
            ("19270907.0", "19270907"),
            ("07/09/27", "19270907"),
            ("1927", "19270000"),
            ("1927-09", "19270900"),
        ];
        for (text, expected) in table {
            assert_eq!(date_digits(text, DateOrder::DayFirst).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(date_digits("07/09/1927", DateOrder::MonthFirst).as_deref(), Some("19270709"));
        for nothing in ["", "unknown", "12", "a/b/c", "٣"] {
            assert_eq!(date_digits(nothing, DateOrder::DayFirst), None, "{nothing}");
        }
    }

    #[test]
    fn nearness() {
        use crate::levels::birth::*;
        for (left, right, level) in [
            (b"19270907", b"19270907", SAME),
            (b"19270907", b"19270908", NEAR),
            (b"19270907", b"19270709", EXCHANGED),
            (b"19270912", b"19270921", EXCHANGED),
            (b"19270907", b"19279007", MISTYPED),
            (b"19270907", b"10270907", MISTYPED),
            (b"19270228", b"19270229", MISTYPED),
            (b"19280228", b"19280229", NEAR),
            (b"19271399", b"19271390", NEAR),
            (b"19270907", b"19270922", TWO_PARTS),
            (b"19270907", b"19540907", TWO_PARTS),
            (b"19270907", b"19270806", TWO_DIGITS),
            (b"19270907", b"19271122", PART),
            (b"19270907", b"19270000", PART),
            (b"19270907", b"19511122", DIFFERENT),
        ] {
            assert_eq!(compare(*left, *right), level, "{left:?} {right:?}");
        }
    }
}
