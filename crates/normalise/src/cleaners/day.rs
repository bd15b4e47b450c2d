//! Reads calendar days as people write them.

use super::civil::Day;

/// Why a text is no day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DayProblem {
    /// Day and month could change places, and nothing says which is which.
    Ambiguous,
    /// The year has only two digits.
    TwoDigitYear,
    /// The text has not the shape of a day.
    Malformed,
    /// There is no such day.
    Impossible,
    /// Year, month and day are all zero: a database's word for no day.
    Zero,
}

/// A day at the start of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'t> {
    pub(super) day: Day,
    /// What follows it.
    pub(super) rest: &'t str,
    /// Whether day and month stand in the order that was declared, or none was.
    pub(super) as_declared: bool,
}

/// Reads a day at the start of a trimmed ASCII text: year first, day or month first, with the month's English name, or eight digits.
pub(super) fn read(text: &str, day_first: Option<bool>) -> Result<Found<'_>, DayProblem> {
    let text = without_weekday(text);
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return month_name_first(text);
    }
    let (first, rest) = number(text)?;
    if first.len() == 8 {
        let day = Day::at_start(format!("{}-{}-{}", &first[..4], &first[4..6], &first[6..]).as_bytes()).ok_or(DayProblem::Impossible)?;
        return Ok(Found { day, rest, as_declared: true });
    }
    let separator = rest.chars().next().ok_or(DayProblem::Malformed)?;
    let rest = rest.get(1..).unwrap_or_default();
    if matches!(separator, ' ' | '-' | '.') && rest.trim_start().starts_with(|c: char| c.is_ascii_alphabetic())
        || separator.is_ascii_alphabetic()
    {
        return day_then_month_name(text);
    }
    if !matches!(separator, '-' | '/' | '.') {
        return Err(DayProblem::Malformed);
    }
    let (second, rest) = number(rest)?;
    let (third, rest) = number(rest.strip_prefix(separator).ok_or(DayProblem::Malformed)?)?;
    if first.len() == 4 {
        let day = build(first, second, third)?;
        return Ok(Found { day, rest, as_declared: true });
    }
    if first.len() > 2 || second.len() > 2 {
        return Err(DayProblem::Malformed);
    }
    match third.len() {
        4 => {}
        1 | 2 => return Err(DayProblem::TwoDigitYear),
        _ => return Err(DayProblem::Malformed),
    }
    let (one, two) = (small(first)?, small(second)?);
    if (one, two, third) == (0, 0, "0000") {
        return Err(DayProblem::Zero);
    }
    let (day_comes_first, as_declared) = match (one > 12, two > 12) {
        (true, true) => return Err(DayProblem::Impossible),
        (true, false) => (true, day_first != Some(false)),
        (false, true) => (false, day_first != Some(true)),
        (false, false) if one == two => (true, true),
        (false, false) => (day_first.ok_or(DayProblem::Ambiguous)?, true),
    };
    let day = if day_comes_first { build(third, second, first)? } else { build(third, first, second)? };
    Ok(Found { day, rest, as_declared })
}

/// The digits at the start of a text, and the rest.
fn number(text: &str) -> Result<(&str, &str), DayProblem> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if end == 0 || end > 8 { Err(DayProblem::Malformed) } else { Ok(text.split_at(end)) }
}

fn small(digits: &str) -> Result<u8, DayProblem> {
    digits.parse().map_err(|_| DayProblem::Malformed)
}

fn build(year: &str, month: &str, day: &str) -> Result<Day, DayProblem> {
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return Err(if year.len() <= 2 { DayProblem::TwoDigitYear } else { DayProblem::Malformed });
    }
    let (month, day) = (small(month)?, small(day)?);
    let year: u16 = year.parse().map_err(|_| DayProblem::Malformed)?;
    if (year, month, day) == (0, 0, 0) {
        return Err(DayProblem::Zero);
    }
    Day::new(year, month, day).ok_or(DayProblem::Impossible)
}

const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The letters at the start of a text, and the rest.
fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len()))
}

/// Whether a word is a name or its short form of three letters or more ("Sept" is as good as "Sep").
fn is_short_for(word: &str, name: &str) -> bool {
    word.len() >= 3 && name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn without_weekday(text: &str) -> &str {
    let (name, rest) = word(text);
    if WEEKDAYS.iter().any(|weekday| is_short_for(name, weekday)) { rest.trim_start_matches(['.', ',', ' ']) } else { text }
}

fn month_of(word: &str) -> Result<u8, DayProblem> {
    let place = MONTHS.iter().position(|month| is_short_for(word, month)).ok_or(DayProblem::Malformed)?;
    u8::try_from(place + 1).map_err(|_| DayProblem::Malformed)
}

fn without_ordinal(rest: &str) -> &str {
    ["st", "nd", "rd", "th"].iter().find_map(|ending| rest.strip_prefix(ending)).unwrap_or(rest)
}

/// "Mar 5, 2024".
fn month_name_first(text: &str) -> Result<Found<'_>, DayProblem> {
    let (name, rest) = word(text);
    let month = month_of(name)?;
    let (day, rest) = number(rest.trim_start_matches(['.', ' ', '-']))?;
    let (year, rest) = number(without_ordinal(rest).trim_start_matches([',', ' ', '-']))?;
    finish(year, month, day, rest)
}

/// "5 Mar 2024", "05-Mar-2024", "5th March, 2024".
fn day_then_month_name(text: &str) -> Result<Found<'_>, DayProblem> {
    let (day, rest) = number(text)?;
    let (name, rest) = word(without_ordinal(rest).trim_start_matches(['.', ' ', '-']));
    let month = month_of(name)?;
    let (year, rest) = number(rest.trim_start_matches(['.', ',', ' ', '-']))?;
    finish(year, month, day, rest)
}

fn finish<'t>(year: &str, month: u8, day: &str, rest: &'t str) -> Result<Found<'t>, DayProblem> {
    Ok(Found { day: build(year, &month.to_string(), day)?, rest, as_declared: true })
}
