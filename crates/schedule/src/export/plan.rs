//! A schedule as expressions of cron in a zone, which is what all formats are made from.

use jiff::civil::date;
use jiff::tz::TimeZone;

use super::reckoning::{Reckoning, differs, same_clock};
use super::{Job, Options, Part, Refusals};
use crate::expression::Expression;
use crate::field::Special;
use crate::interval::Interval;
use crate::occurrences::Pattern;
use crate::zone::{Zone, first_instant};

const DAY: i64 = 86_400;

/// Expressions that together say a schedule, and the zone of their fields.
pub(super) struct Plan {
    pub(super) expressions: Vec<Expression>,
    pub(super) zone: Zone,
}

/// What a program's own expressions cannot have.
pub(super) struct Limits {
    /// Whether there are seconds.
    pub(super) seconds: bool,
    /// How many expressions one job may have.
    pub(super) expressions: usize,
    /// How it goes through daylight saving.
    pub(super) reckoning: Reckoning,
    /// What it is called.
    pub(super) name: &'static str,
}

/// Says a schedule in expressions, or refuses. Where a program can name any zone, `zone` is none.
pub(super) fn plan(job: &Job<'_>, limits: &Limits, zone: Option<&Zone>, options: &Options, refusals: &mut Refusals<'_>) -> Option<Plan> {
    let schedule = job.schedule;
    let (expressions, own_zone) = match &schedule.pattern {
        Pattern::Expression(expression) => (vec![(**expression).clone()], schedule.zone.clone()),
        Pattern::Interval(interval) => match of_interval(*interval, &schedule.zone) {
            Some(said) => said,
            None => {
                let message = format!("{} has no way to say {}", limits.name, schedule.words());
                refusals.refuse(job, &message, "Choose an interval that goes into a day without a rest, such as 20m, 6h or 1d.");
                return None;
            }
        },
    };
    if !limits.seconds && expressions.iter().any(|expression| expression.second.values != [0]) {
        let message = format!("{} knows no seconds, and it runs {}", limits.name, schedule.words());
        refusals.refuse(job, &message, "Begin its runs at full minutes, or export it for systemd.");
        return None;
    }
    if expressions.len() > limits.expressions {
        let message = format!("{} takes one expression, and {} needs {}", limits.name, schedule.words(), expressions.len());
        refusals.refuse(job, &message, "Choose an interval that goes into an hour or is a number of whole hours.");
        return None;
    }
    // What does not depend on the clock of a zone is the same by that of every other, and UTC has no nights of its own kind.
    let meant = (&schedule.pattern, &schedule.zone.time_zone);
    let in_every_hour = expressions.iter().all(|it| it.hour.values.len() == 24 && it.day.any && it.month.any && it.weekday.any);
    let utc = Zone::utc();
    let by_clock_of = |zone: &Zone| {
        (in_every_hour || same_clock(&zone.time_zone, &own_zone.time_zone, options.from))
            && differs(meant, (&expressions, &zone.time_zone), limits.reckoning, options.from).is_none()
    };
    let chosen = match zone {
        None if by_clock_of(&utc) => utc,
        None => own_zone,
        Some(zone) if by_clock_of(zone) || same_clock(&zone.time_zone, &own_zone.time_zone, options.from) => zone.clone(),
        Some(zone) => {
            let message = format!("its times are those of {}, and {} goes by those of {}", own_zone.name, limits.name, zone.name);
            let advice = format!(
                "If the clock of that machine is in {0}, add `--cron-timezone {0}`. If its cron is cronie (Fedora, Red Hat, Arch), which knows CRON_TZ, add \
                 `--cron-tz`; the cron of Debian and Ubuntu does not.",
                own_zone.name
            );
            refusals.refuse(job, &message, &advice);
            return None;
        }
    };
    if let Some(at) = differs(meant, (&expressions, &chosen.time_zone), limits.reckoning, options.from) {
        let local = schedule.zone.time_zone.to_datetime(at);
        let message = format!(
            "{} does not run it as meant when clocks change, first around {} {} in {}",
            limits.name,
            local.date(),
            local.time(),
            schedule.zone_name()
        );
        refusals.refuse_part(Part::DaylightSaving, job, &message);
    }
    Some(Plan { expressions, zone: chosen })
}

/// An interval in expressions, where it goes into a day without a rest.
fn of_interval(interval: Interval, zone: &Zone) -> Option<(Vec<Expression>, Zone)> {
    match interval {
        Interval::Days(1) => Some((vec![Expression::parse("0 0 * * *").ok()?], zone.clone())),
        Interval::Days(7) => Some((vec![Expression::parse("0 0 * * MON").ok()?], zone.clone())),
        Interval::Days(_) => None,
        Interval::Elapsed { seconds, anchor } => {
            if DAY % seconds != 0 {
                return None;
            }
            let first = anchor.as_second().rem_euclid(seconds);
            let texts = of_seconds(first, seconds);
            let expressions: Option<Vec<Expression>> = texts.iter().map(|text| Expression::parse(text).ok()).collect();
            Some((expressions?, Zone::utc()))
        }
    }
}

/// Every so many seconds from a first one on, in UTC.
fn of_seconds(first: i64, step: i64) -> Vec<String> {
    // `*/n` where that is what it is: shorter to read, and taken for an interval by every cron.
    let circle = |first: i64, step: i64, of: i64| match (first, step) {
        (_, 1) => "*".to_owned(),
        (0, step) if step < of => format!("*/{step}"),
        _ => (first..of).step_by(usize::try_from(step).unwrap_or(1)).map(|value| value.to_string()).collect::<Vec<_>>().join(","),
    };
    let (second, minute, hour) = (first % 60, first / 60 % 60, first / 3_600);
    if step < 60 && 60 % step == 0 {
        return vec![format!("{} * * * * *", circle(second, step, 60))];
    }
    if step < 3_600 && step % 60 == 0 && 3_600 % step == 0 {
        return vec![format!("{second} {} * * * *", circle(minute, step / 60, 60))];
    }
    if step % 3_600 == 0 {
        return vec![format!("{second} {minute} {} * * *", circle(hour, step / 3_600, 24))];
    }
    // One expression for each minute and second of the hour at which it falls due.
    let mut by_minute = std::collections::BTreeMap::<(i64, i64), Vec<String>>::new();
    for at in (first..DAY).step_by(usize::try_from(step).unwrap_or(1)) {
        by_minute.entry((at % 3_600 / 60, at % 60)).or_default().push((at / 3_600).to_string());
    }
    by_minute.into_iter().map(|((minute, second), hours)| format!("{second} {minute} {} * * *", hours.join(","))).collect()
}

/// The five fields as every cron takes them. None where days are named in a way of Aqueduct's own.
pub(super) fn five_fields(expression: &Expression) -> Option<String> {
    if expression.both_days || !expression.day.special.is_empty() || !expression.weekday.special.is_empty() {
        return None;
    }
    Some(format!(
        "{} {} {} {} {}",
        expression.minute.text,
        expression.hour.text,
        days(expression),
        expression.month.text,
        weekdays(expression)
    ))
}

/// As [`five_fields`], for the Python library croniter, which knows the last day, the last Friday and the second Tuesday of a month.
pub(super) fn five_fields_of_croniter(expression: &Expression) -> Option<String> {
    if expression.both_days {
        return None;
    }
    let mut day = match days(expression) {
        any if any == "*" => Vec::new(),
        _ if expression.day.values.is_empty() => Vec::new(),
        some => vec![some],
    };
    for special in &expression.day.special {
        match special {
            Special::LastDay => day.push("l".to_owned()),
            _ => return None,
        }
    }
    let mut weekday = Vec::new();
    for special in &expression.weekday.special {
        match special {
            Special::Nth(weekday_number, nth) => weekday.push(format!("{weekday_number}#{nth}")),
            Special::LastWeekday(number) => weekday.push(format!("l{number}")),
            _ => return None,
        }
    }
    if !weekday.is_empty() && !expression.weekday.values.is_empty() {
        // croniter refuses plain weekdays beside these.
        return None;
    }
    let day = if day.is_empty() { "*".to_owned() } else { day.join(",") };
    let weekday = if weekday.is_empty() { weekdays(expression) } else { weekday.join(",") };
    Some(format!("{} {} {day} {} {weekday}", expression.minute.text, expression.hour.text, expression.month.text))
}

/// The days of the month. `*/2` beside weekdays is written `1-31/2`: Vixie cron takes a `*` at the beginning for no condition, and
/// Aqueduct, as other crons, does not.
fn days(expression: &Expression) -> String {
    match expression.day.text.strip_prefix("*/") {
        Some(step) if !expression.weekday.any => format!("1-31/{step}"),
        _ => expression.day.text.clone(),
    }
}

/// The weekdays, Sunday being 0 and never 7, which not every cron knows.
fn weekdays(expression: &Expression) -> String {
    if expression.weekday.any { "*".to_owned() } else { ranges(&expression.weekday.values, "-", 1) }
}

/// Numbers as a list with ranges: `1-5,7`.
pub(super) fn ranges(values: &[u8], to: &str, width: usize) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = values;
    while let Some(first) = rest.first() {
        let run = rest.iter().enumerate().take_while(|(at, value)| usize::from(**value - first) == *at).count();
        // Two neighbours are shorter to read as a list.
        let taken = if run >= 3 { run } else { 1 };
        let last = rest[taken - 1];
        parts.push(if taken > 1 { format!("{first:0width$}{to}{last:0width$}") } else { format!("{first:0width$}") });
        rest = &rest[taken..];
    }
    parts.join(",")
}

/// The shortest time between two occurrences, as the fields have it: how long a run that waits for another may wait, so that no more than
/// one does.
pub(super) fn shortest_gap(job: &Job<'_>) -> Option<std::time::Duration> {
    let from = first_instant(&TimeZone::UTC, date(2024, 1, 1).at(0, 0, 0, 0))?;
    let some: Vec<_> = crate::occurrences::Occurrences::new(&job.schedule.pattern, &TimeZone::UTC, from).take(500).collect();
    some.windows(2).map(|pair| pair[1].duration_since(pair[0]).unsigned_abs()).min()
}
