//! Cron expressions: read, refused with the place of the mistake, and asked which days and times of day they have.

use aqueduct_schema::{Code, Error, codes};
use croner::{Cron, CronPattern};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};
use serde_saphyr::Spanned;

use crate::field::{Field, Kind};

/// Years after which the calendar repeats, weekdays included.
const CALENDAR_REPEATS_AFTER: i64 = 400;

/// A mistake in an expression.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// Where in the expression it is, in bytes.
    offset: usize,
    message: String,
    advice: Option<String>,
    code: Code,
}

impl Problem {
    pub(crate) fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into(), advice: None, code: codes::BAD_SCHEDULE }
    }

    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    fn never_due(message: impl Into<String>) -> Self {
        Self { code: codes::NEVER_DUE, ..Self::new(0, message) }
    }

    /// The error, at its place in a pipeline file.
    pub(crate) fn placed(self, file: &str, written: &Spanned<String>) -> Error {
        // A scalar that is as long as its value stands there without quotes; in quotes, the value begins one column later.
        let quoted = usize::try_from(written.referenced.span().len()).is_ok_and(|length| length > written.value.chars().count());
        let column = written.referenced.column() + self.offset as u64 + u64::from(quoted);
        let error = self.unplaced();
        error.at(file, written.referenced.line(), column)
    }

    /// The error without a place.
    pub(crate) fn unplaced(self) -> Error {
        let error = Error::new(self.code, self.message);
        match self.advice {
            Some(advice) => error.advise(advice),
            None => error,
        }
    }
}

/// An expression that has at least one day.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) second: Field,
    pub(crate) minute: Field,
    pub(crate) hour: Field,
    pub(crate) day: Field,
    pub(crate) month: Field,
    pub(crate) weekday: Field,
    /// Whether a day needs both its day of the month and its weekday; otherwise one of them is enough where both are conditions.
    pub(crate) both_days: bool,
    /// Whether it goes by elapsed time: a field of the time of day begins with `*`. Otherwise it names fixed times of day.
    pub(crate) elapsed: bool,
    pattern: CronPattern,
}

const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

impl Expression {
    /// Reads an expression of 5 fields, of 6 with seconds first, or one of the names with `@`.
    pub(crate) fn parse(written: &str) -> Result<Self, Problem> {
        let text = match written.trim() {
            name if name.starts_with('@') => nickname(name)?,
            _ => written,
        };
        let mut words = places(text);
        if !(5..=6).contains(&words.len()) {
            return Err(wrong_count(words.len()));
        }
        if words.len() == 5 {
            words.insert(0, (0, "0"));
        }
        let field = |kind, at: usize| Field::parse(kind, words[at].1, words[at].0);
        let (second, minute, hour) = (field(Kind::Second, 0)?, field(Kind::Minute, 1)?, field(Kind::Hour, 2)?);
        let (day, month) = (field(Kind::Day, 3)?, field(Kind::Month, 4)?);
        let (weekday_at, weekday_word) = words[5];
        // A `+` before the weekday asks for both days, as croner has it.
        let (both_days, weekday) = match weekday_word.strip_prefix('+') {
            Some(rest) => (true, Field::parse(Kind::Weekday, rest, weekday_at + 1)?),
            None => (false, Field::parse(Kind::Weekday, weekday_word, weekday_at)?),
        };
        let plus = if both_days { "+" } else { "" };
        let numbers = format!("{} {} {} {} {} {plus}{}", second.text, minute.text, hour.text, day.text, month.text, weekday.text);
        let cron: Cron = numbers.parse().map_err(|error| Problem::new(0, format!("the expression cannot be read ({error})")))?;
        let elapsed = second.star || minute.star || hour.star;
        let expression = Self { second, minute, hour, day, month, weekday, both_days, elapsed, pattern: cron.pattern };
        if expression.next_day(date(2000, 1, 1)).is_none_or(|day| i64::from(day.year()) >= 2000 + CALENDAR_REPEATS_AFTER) {
            return Err(expression.no_day());
        }
        Ok(expression)
    }

    /// The first day from a day on, it included, that the expression has. None at the end of the calendar, and where there is none in as many years as it
    /// takes the calendar to repeat.
    pub(crate) fn next_day(&self, from: Date) -> Option<Date> {
        let last = from.checked_add(CALENDAR_REPEATS_AFTER.years()).unwrap_or(Date::MAX);
        let mut day = from;
        while day <= last {
            if !self.month.values.contains(&day.month().unsigned_abs()) {
                day = day.last_of_month().tomorrow().ok()?;
            } else if self.has_day(day) {
                return Some(day);
            } else {
                day = day.tomorrow().ok()?;
            }
        }
        None
    }

    fn has_day(&self, day: Date) -> bool {
        let weekday = croner::Weekday::from_days_from_sunday(day.weekday().to_sunday_zero_offset().unsigned_abs().into());
        let (year, month, number) = (i32::from(day.year()), day.month().unsigned_abs().into(), day.day().unsigned_abs().into());
        self.pattern.day_match(year, month, number, weekday).unwrap_or(false)
    }

    /// How many times of day it has.
    pub(crate) fn times(&self) -> usize {
        self.hour.values.len() * self.minute.values.len() * self.second.values.len()
    }

    /// Why no day was found.
    fn no_day(&self) -> Problem {
        let longest = self.month.values.iter().map(|month| days_in(*month)).max().unwrap_or(31);
        let problem = match self.day.values.first() {
            Some(first) if *first > longest && self.day.special.is_empty() => {
                Problem::never_due(format!("no month among those named has a day {first}, so it never falls due"))
            }
            _ => Problem::never_due("no day has everything that the fields ask for, so it never falls due"),
        };
        problem.advise("Correct the fields of days and months; `L` is the last day of a month, however long it is.")
    }
}

/// The most days that a month has.
fn days_in(month: u8) -> u8 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn nickname(name: &str) -> Result<&'static str, Problem> {
    let lower = name.to_ascii_lowercase();
    if let Some((_, text)) = NICKNAMES.iter().find(|(known, _)| *known == lower) {
        return Ok(text);
    }
    if lower == "@reboot" {
        let problem = Problem::new(0, "`@reboot` names no time");
        return Err(problem.advise("Let the machine start `aqueduct serve`, or run the pipeline from its start-up script."));
    }
    let near = NICKNAMES.iter().map(|(known, _)| (strsim::damerau_levenshtein(&lower, known), *known)).min();
    let near = near.filter(|(distance, _)| *distance <= 3).map_or("@daily", |(_, near)| near);
    Err(Problem::new(0, format!("`{name}` is not known")).advise(format!("Did you mean `{near}`?")))
}

/// The words of a text, each with its place.
fn places(text: &str) -> Vec<(usize, &str)> {
    let start = text.as_ptr() as usize;
    text.split_whitespace().map(|word| (word.as_ptr() as usize - start, word)).collect()
}

fn wrong_count(count: usize) -> Problem {
    let message = match count {
        0 => "the expression is empty".to_owned(),
        1 => "an expression has 5 fields, or 6 with seconds first; this has 1".to_owned(),
        _ => format!("an expression has 5 fields, or 6 with seconds first; this has {count}"),
    };
    let problem = Problem::new(0, message);
    match count {
        7 => problem.advise("Take the field of years away; a schedule goes on until it is changed."),
        _ => problem.advise("The fields are: minute, hour, day of the month, month, weekday. `30 6 * * MON-FRI` is 06:30 on weekdays."),
    }
}

/// The civil times of an expression, in order.
#[derive(Clone, Debug)]
pub(crate) struct Civil<'e> {
    expression: &'e Expression,
    /// A day of the expression; none at the end of the calendar.
    day: Option<Date>,
    hour: usize,
    minute: usize,
    second: usize,
}

impl<'e> Civil<'e> {
    /// From a civil time on, it included.
    pub(crate) fn from(expression: &'e Expression, start: DateTime) -> Self {
        let day = expression.next_day(start.date());
        let mut civil = Self { expression, day, hour: 0, minute: 0, second: 0 };
        if day == Some(start.date()) {
            let below = |values: &[u8], than: i8| values.partition_point(|value| *value < than.unsigned_abs());
            let is = |values: &[u8], at: usize, value: i8| values.get(at) == Some(&value.unsigned_abs());
            civil.hour = below(&expression.hour.values, start.hour());
            if is(&expression.hour.values, civil.hour, start.hour()) {
                civil.minute = below(&expression.minute.values, start.minute());
                if is(&expression.minute.values, civil.minute, start.minute()) {
                    civil.second = below(&expression.second.values, start.second());
                }
            }
            civil.carry();
        }
        civil
    }

    /// Brings indices that have run out back to the next time there is.
    fn carry(&mut self) {
        if self.second == self.expression.second.values.len() {
            (self.second, self.minute) = (0, self.minute + 1);
        }
        if self.minute == self.expression.minute.values.len() {
            (self.second, self.minute, self.hour) = (0, 0, self.hour + 1);
        }
        if self.hour == self.expression.hour.values.len() {
            (self.second, self.minute, self.hour) = (0, 0, 0);
            self.day = self.day.and_then(|day| day.tomorrow().ok()).and_then(|day| self.expression.next_day(day));
        }
    }

    /// The next time, without going on.
    pub(crate) fn peek(&self) -> Option<DateTime> {
        let value = |field: &Field, at: usize| field.values.get(at).and_then(|value| i8::try_from(*value).ok());
        let hour = value(&self.expression.hour, self.hour)?;
        let minute = value(&self.expression.minute, self.minute)?;
        let second = value(&self.expression.second, self.second)?;
        Some(self.day?.at(hour, minute, second, 0))
    }
}

impl Iterator for Civil<'_> {
    type Item = DateTime;

    fn next(&mut self) -> Option<DateTime> {
        let time = self.peek()?;
        self.second += 1;
        self.carry();
        Some(time)
    }
}
