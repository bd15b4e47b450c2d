//! A schedule in words, for those who do not read cron.

use crate::expression::Expression;
use crate::field::{Field, Special};
use crate::interval::Interval;
use crate::occurrences::Pattern;
use crate::schedule::Schedule;
use crate::span;

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
/// As many times of day as are listed one by one.
const LISTED: usize = 8;

/// The schedule in words.
pub(crate) fn words(schedule: &Schedule) -> String {
    let (text, of_the_clock) = match &schedule.pattern {
        Pattern::Interval(Interval::Elapsed { seconds, .. }) => (every(std::time::Duration::from_secs(seconds.unsigned_abs())), false),
        Pattern::Interval(Interval::Days(1)) => ("every day at 00:00".to_owned(), true),
        Pattern::Interval(Interval::Days(7)) => ("every Monday at 00:00".to_owned(), true),
        Pattern::Interval(Interval::Days(days)) => (format!("every {days} days at 00:00"), true),
        Pattern::Expression(expression) => expression_words(expression),
    };
    match (of_the_clock, schedule.zone_name()) {
        (false, _) => text,
        (true, "UTC") => format!("{text}, UTC"),
        (true, zone) => format!("{text}, {} time", zone.replace('_', " ")),
    }
}

/// An interval: `every hour`, `every 15 minutes`, `every 1 hour 30 minutes`.
fn every(span: std::time::Duration) -> String {
    match span.as_secs() {
        1 => "every second".to_owned(),
        60 => "every minute".to_owned(),
        3_600 => "every hour".to_owned(),
        _ => format!("every {}", span::words(span)),
    }
}

/// An expression, and whether it depends on what the clock of its zone shows.
fn expression_words(expression: &Expression) -> (String, bool) {
    let days = days(expression);
    let times = times(expression);
    match (times, days) {
        (Times::Interval(text), None) => (text, false),
        (Times::Interval(text), Some(days)) => (format!("{text} {days}"), true),
        (Times::Clock(text), None) => (format!("{text} every day"), true),
        (Times::Clock(text), Some(days)) => (format!("{text} {days}"), true),
        (Times::Hours(text), None) => (text, true),
        (Times::Hours(text), Some(days)) => (format!("{text} {days}"), true),
    }
}

enum Times {
    /// The same in every hour.
    Interval(String),
    /// Times of day.
    Clock(String),
    /// Something within some hours.
    Hours(String),
}

fn times(expression: &Expression) -> Times {
    let (seconds, minutes, hours) = (&expression.second.values, &expression.minute.values, &expression.hour.values);
    let second = (seconds.as_slice() != [0]).then_some(seconds);
    if hours.len() == 24 {
        return Times::Interval(within_the_hour(expression));
    }
    if expression.times() <= LISTED {
        let mut listed = Vec::new();
        for hour in hours {
            for minute in minutes {
                listed.extend(seconds.iter().map(|value| match second {
                    Some(_) => format!("{hour:02}:{minute:02}:{value:02}"),
                    None => format!("{hour:02}:{minute:02}"),
                }));
            }
        }
        return Times::Clock(format!("at {}", list(&listed)));
    }
    if let (None, [minute], Some(step)) = (second, minutes.as_slice(), whole_step(hours, 24)) {
        let from = format!("from {:02}:{minute:02}", hours.first().copied().unwrap_or_default());
        return Times::Hours(if *minute == 0 && hours.first() == Some(&0) {
            format!("every {step} hours")
        } else {
            format!("every {step} hours {from}")
        });
    }
    let (first, last) = (hours.first().copied().unwrap_or_default(), hours.last().copied().unwrap_or_default());
    let within = within_the_hour(expression);
    if usize::from(last - first) + 1 == hours.len() {
        let (from, until) = (minutes.first().copied().unwrap_or_default(), minutes.last().copied().unwrap_or_default());
        return Times::Hours(format!("{within}, from {first:02}:{from:02} to {last:02}:{until:02}"));
    }
    let hours: Vec<String> = hours.iter().map(|hour| format!("{hour:02}")).collect();
    Times::Hours(format!("{within}, in the hours {}", list(&hours)))
}

/// What happens in an hour: `every 15 minutes`, `every hour`, `at 5 and 35 minutes past every hour`.
fn within_the_hour(expression: &Expression) -> String {
    let (seconds, minutes) = (&expression.second.values, &expression.minute.values);
    let of_minutes = match (minutes.as_slice(), whole_step(minutes, 60)) {
        (_, Some(1)) => "every minute".to_owned(),
        ([0], _) => "every hour".to_owned(),
        ([minute], _) => format!("{} past every hour", count(*minute, "minute")),
        ([0, ..], Some(step)) => format!("every {step} minutes"),
        ([first, ..], Some(step)) => format!("every {step} minutes from {} past every hour", count(*first, "minute")),
        (several, None) => format!("{} minutes past every hour", numbers(several)),
        ([], _) => String::new(),
    };
    match (seconds.as_slice(), whole_step(seconds, 60)) {
        ([0], _) => of_minutes,
        (_, Some(step)) if minutes.len() == 60 => {
            if step == 1 {
                "every second".to_owned()
            } else {
                format!("every {step} seconds")
            }
        }
        (several, _) => format!("{of_minutes}, at {} {}", if several.len() == 1 { "second" } else { "seconds" }, numbers(several)),
    }
}

/// The days, where not all are meant.
fn days(expression: &Expression) -> Option<String> {
    let of_month = (!expression.day.any).then(|| days_of_month(&expression.day, &expression.month));
    let weekdays = (!expression.weekday.any).then(|| weekdays(&expression.weekday));
    let months = (!expression.month.any).then(|| months(&expression.month));
    // A single day of a single month is a date, which names its month itself.
    let date = expression.weekday.any && is_date(&expression.day, &expression.month);
    let days = match (of_month, weekdays) {
        (Some(of_month), Some(weekdays)) if expression.both_days => {
            Some(format!("{of_month} where that is {}", weekdays.trim_start_matches("on ")))
        }
        (Some(of_month), Some(weekdays)) => Some(format!("{of_month} and {weekdays}")),
        (one, other) => one.or(other),
    };
    match (days, months.filter(|_| !date)) {
        (Some(days), Some(months)) => Some(format!("{} {months}", days.trim_end_matches(" of the month"))),
        (days, months) => days.or(months),
    }
}

fn is_date(day: &Field, month: &Field) -> bool {
    day.values.len() == 1 && day.special.is_empty() && month.values.len() == 1
}

fn days_of_month(day: &Field, month: &Field) -> String {
    if let (true, [number], [of]) = (is_date(day, month), day.values.as_slice(), month.values.as_slice()) {
        return format!("on {number} {}", MONTHS[usize::from(of - 1) % 12]);
    }
    let mut named: Vec<String> = day.values.iter().map(|number| ordinal(*number)).collect();
    named.extend(day.special.iter().map(|special| match special {
        Special::LastDay => "last day".to_owned(),
        Special::LastWorkday => "last of Monday to Friday".to_owned(),
        Special::NearestWorkday(number) => format!("one of Monday to Friday nearest the {}", ordinal(*number)),
        Special::Nth(..) | Special::LastWeekday(_) => String::new(),
    }));
    format!("on the {} of the month", list(&named))
}

fn weekdays(field: &Field) -> String {
    let mut named: Vec<String> = match (field.values.as_slice(), field.special.is_empty()) {
        ([1, 2, 3, 4, 5], true) => return "on weekdays".to_owned(),
        ([0, 6], true) => return "at weekends".to_owned(),
        ([0, 1, 2, 3, 4, 5, 6], _) => return "on every weekday and weekend".to_owned(),
        // Weeks begin on Monday here, so Sunday comes last.
        (values, _) => {
            let mut values: Vec<u8> = values.iter().map(|value| (value + 6) % 7).collect();
            values.sort_unstable();
            let (first, last) = (values.first().copied().unwrap_or_default(), values.last().copied().unwrap_or_default());
            let name = |value: u8| WEEKDAYS[usize::from((value + 1) % 7)];
            if values.len() > 2 && usize::from(last - first) + 1 == values.len() && field.special.is_empty() {
                return format!("from {} to {}", name(first), name(last));
            }
            values.into_iter().map(|value| name(value).to_owned()).collect()
        }
    };
    let name = |weekday: &u8| WEEKDAYS[usize::from(weekday % 7)];
    let of_month = field.special.iter().map(|special| match special {
        Special::Nth(weekday, nth) => {
            format!("the {} {}", ["first", "second", "third", "fourth", "fifth"][usize::from(nth - 1) % 5], name(weekday))
        }
        Special::LastWeekday(weekday) => format!("the last {}", name(weekday)),
        Special::LastDay | Special::LastWorkday | Special::NearestWorkday(_) => String::new(),
    });
    named.extend(of_month);
    format!("on {}{}", list(&named), if field.special.is_empty() { "" } else { " of the month" })
}

fn months(field: &Field) -> String {
    let (first, last) = (field.values.first().copied().unwrap_or(1), field.values.last().copied().unwrap_or(1));
    let name = |month: u8| MONTHS[usize::from(month - 1) % 12];
    if field.values.len() > 2 && usize::from(last - first) + 1 == field.values.len() {
        return format!("from {} to {}", name(first), name(last));
    }
    let named: Vec<String> = field.values.iter().map(|month| name(*month).to_owned()).collect();
    format!("in {}", list(&named))
}

/// The step of values that go round a circle of so many in equal steps; none for a single value.
fn whole_step(values: &[u8], circle: u8) -> Option<u8> {
    let (first, second) = (values.first()?, values.get(1)?);
    let step = second - first;
    let even = values.windows(2).all(|pair| pair[1] - pair[0] == step);
    (even && *first < step && usize::from(circle) == values.len() * usize::from(step)).then_some(step)
}

fn count(number: u8, unit: &str) -> String {
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

fn numbers(values: &[u8]) -> String {
    list(&values.iter().map(u8::to_string).collect::<Vec<_>>())
}

fn ordinal(number: u8) -> String {
    let ending = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// `a`, `a and b`, `a, b and c`.
fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
