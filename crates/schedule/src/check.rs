//! What is checked of a schedule besides its times, and the places of mistakes.

use std::time::Duration;

use aqueduct_schema::{Error, Result, codes};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_saphyr::Spanned;

use crate::occurrences::Occurrences;
use crate::schedule::{Retries, Schedule, Verdict};
use crate::section::{RetriesSection, ScheduleSection};
use crate::span::{self, Written};

/// From when on a schedule is looked at to see whether its keys go together: a Monday, and the beginning of a leap year. No clock is asked, so
/// that a file that is right stays right.
const LOOKED_AT_FROM: &str = "2024-01-01T00:00:00Z";
/// How many occurrences are looked at.
const LOOKED_AT: usize = 1_000;

/// Knows the file, and gives mistakes their place in it.
pub(crate) struct Checker<'f> {
    pub(crate) file: &'f str,
}

impl Checker<'_> {
    pub(crate) fn at<T>(&self, error: Error, value: &Spanned<T>) -> Error {
        error.at(self.file, value.referenced.line(), value.referenced.column())
    }

    pub(crate) fn wrong<T>(&self, message: impl Into<String>, value: &Spanned<T>) -> Error {
        self.at(Error::new(codes::BAD_SCHEDULE, message), value)
    }

    /// A span of time that may be left out.
    pub(crate) fn span(&self, written: Option<&Spanned<String>>, key: &str) -> Result<Option<Duration>> {
        let Some(written) = written else { return Ok(None) };
        let span = Written::parse(&written.value).map_err(|message| self.wrong(format!("`{key}`: {message}"), written))?.duration();
        if span.is_zero() && key != "jitter" {
            return Err(self.wrong(format!("`{key}` is longer than nothing"), written));
        }
        Ok(Some(span))
    }

    pub(crate) fn retries(&self, section: &RetriesSection) -> Result<Retries> {
        let attempts = match &section.attempts {
            Some(attempts) if attempts.value > 20 => return Err(self.wrong("`attempts` is 0 to 20", attempts)),
            Some(attempts) => attempts.value,
            None => 0,
        };
        if let Some(alone) = section.backoff.as_ref().or(section.most.as_ref()).filter(|_| section.attempts.is_none()) {
            return Err(self.wrong("waits between attempts are named, but not how many `attempts` there are", alone));
        }
        let backoff = self.span(section.backoff.as_ref(), "backoff")?.unwrap_or(Duration::from_mins(1));
        let most = self.span(section.most.as_ref(), "most")?;
        match (most, &section.most) {
            (Some(most), Some(written)) if most < backoff => {
                let message = format!("the longest wait, {}, is shorter than the first, {}", span::words(most), span::words(backoff));
                Err(self.wrong(message, written))
            }
            _ => Ok(Retries { attempts, backoff, most: most.unwrap_or(Duration::from_hours(1)).max(backoff) }),
        }
    }

    pub(crate) fn after(&self, names: &[Spanned<String>]) -> Result<Vec<String>> {
        for (at, name) in names.iter().enumerate() {
            if names[..at].iter().any(|earlier| earlier.value == name.value) {
                return Err(self.wrong(format!("`{}` is named twice", name.value), name));
            }
        }
        Ok(names.iter().map(|name| name.value.clone()).collect())
    }

    pub(crate) fn priority(&self, written: Option<&Spanned<i32>>) -> Result<i32> {
        match written {
            Some(priority) if !(-100..=100).contains(&priority.value) => Err(self.wrong("`priority` is -100 to 100", priority)),
            Some(priority) => Ok(priority.value),
            None => Ok(0),
        }
    }
}

/// Refuses keys that are right each for itself and not together.
pub(crate) fn refuse_contradictions(schedule: &Schedule, section: &ScheduleSection, checker: &Checker<'_>) -> Result<()> {
    let from: Timestamp = LOOKED_AT_FROM.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    if let Some(written) = section.jitter.as_ref().filter(|_| !schedule.jitter().is_zero()) {
        // By the fields alone: when clocks change, occurrences may come closer once a year.
        let some: Vec<Timestamp> = Occurrences::new(&schedule.pattern, &TimeZone::UTC, from).take(LOOKED_AT).collect();
        let closest = some.windows(2).map(|pair| pair[1].duration_since(pair[0]).unsigned_abs()).min();
        if let Some(closest) = closest.filter(|closest| *closest < schedule.jitter()) {
            let (jitter, closest) = (span::words(schedule.jitter()), span::words(closest));
            let error = checker.wrong(format!("a jitter of {jitter} is longer than the {closest} between two occurrences"), written);
            return Err(error.advise(format!("Write a jitter of {closest} at most.")));
        }
    }
    let Some(window) = section.blackout.first() else { return Ok(()) };
    let mut instant = from;
    for _ in 0..LOOKED_AT {
        let Some(occurrence) = schedule.next_after(instant) else { break };
        match schedule.verdict("", occurrence) {
            // What follows inside the same black-out is skipped as well, or is looked at when the window comes round again.
            Verdict::Skipped { until } => instant = until.checked_sub(Duration::from_nanos(1)).unwrap_or(until).max(occurrence),
            _ => return Ok(()),
        }
    }
    let error = checker.wrong("every time of the schedule falls into a black-out that skips it, so it never runs", &window.from);
    Err(error.advise("Move the times or the window, or write `then: run` to run once at its end."))
}
