//! Windows in which nothing starts.

use aqueduct_schema::{Error, Result, codes};
use jiff::civil::{Date, Time, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_saphyr::Spanned;

use crate::check::Checker;
use crate::section::{BlackoutSection, Then};
use crate::zone::{Zone, first_instant, last_instant};

/// Longer than any black-out may last: windows that follow upon each other for so long never end.
const NEVER_ENDS: i64 = 8 * 24;

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// The windows of a schedule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blackouts(Vec<Window>);

#[derive(Clone, Debug)]
struct Window {
    /// The weekdays on which it begins; none is all.
    days: Vec<Weekday>,
    from: Time,
    /// None is the end of the day.
    until: Option<Time>,
    zone: TimeZone,
    then: Then,
}

/// A black-out as an instant inside it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The first instant that no window has any more.
    pub(crate) until: Timestamp,
    /// What happens to what falls due at the instant: skipped where any window that has it says so.
    pub(crate) then: Then,
}

impl Blackouts {
    pub(crate) fn compile(sections: &[BlackoutSection], zone: &Zone, checker: &Checker<'_>) -> Result<Self> {
        let windows = sections.iter().map(|section| Window::compile(section, zone, checker)).collect::<Result<Vec<_>>>()?;
        let blackouts = Self(windows);
        for (window, section) in blackouts.0.iter().zip(sections) {
            // Whichever day of a week is its first, from there on either all windows follow upon each other without end, or they do not.
            let begin = (0..7).find_map(|day| Some(window.on(date(2024, 1, 1).checked_add(day.days()).ok()?)?.0));
            let without_end =
                |begin| blackouts.covering(begin).is_some_and(|held| held.until.duration_since(begin).as_hours() >= NEVER_ENDS);
            if begin.is_some_and(without_end) {
                let error = checker.wrong("the black-outs follow upon each other without end, so nothing would ever run", &section.from);
                return Err(error.advise("Leave some time of the week out of them; `paused: true` stops a pipeline altogether."));
            }
        }
        Ok(blackouts)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The black-out in which an instant lies.
    pub(crate) fn covering(&self, instant: Timestamp) -> Option<Held> {
        let mut held: Option<Held> = None;
        for window in &self.0 {
            let Some(end) = window.end_around(instant) else { continue };
            let skips = window.then == Then::Skip || held.is_some_and(|held| held.then == Then::Skip);
            let until = held.map_or(end, |held| held.until.max(end));
            held = Some(Held { until, then: if skips { Then::Skip } else { Then::Run } });
        }
        let mut held = held?;
        // One window may begin where, or before, another ends.
        while let Some(end) = self.0.iter().filter_map(|window| window.end_around(held.until)).max() {
            held.until = end;
            if end.duration_since(instant).as_hours() >= NEVER_ENDS {
                break;
            }
        }
        Some(held)
    }
}

impl Window {
    fn compile(section: &BlackoutSection, zone: &Zone, checker: &Checker<'_>) -> Result<Self> {
        let zone = match &section.timezone {
            Some(named) => Zone::named(&named.value).map_err(|error| checker.at(error, named))?.time_zone,
            None => zone.time_zone.clone(),
        };
        let days = section.days.iter().map(|day| weekday(day, checker)).collect::<Result<_>>()?;
        let Some(from) = time(&section.from, checker)? else {
            return Err(checker.wrong("a black-out begins at 00:00 to 23:59", &section.from));
        };
        let until = time(&section.until, checker)?;
        if until == Some(from) {
            let error = checker.wrong("the black-out ends when it begins", &section.until);
            return Err(error.advise("A whole day is `from: 00:00` and `until: 24:00`."));
        }
        Ok(Self { days, from, until, zone, then: section.then })
    }

    /// Beginning and end of the window of a day, where the day has one.
    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let end = match self.until {
            Some(until) if until > self.from => day.to_datetime(until),
            Some(until) => day.tomorrow().ok()?.to_datetime(until),
            None => day.tomorrow().ok()?.to_datetime(Time::midnight()),
        };
        // A time that comes twice begins the window the first time and ends it the second.
        let (begin, end) = (first_instant(&self.zone, day.to_datetime(self.from))?, last_instant(&self.zone, end)?);
        (begin < end).then_some((begin, end))
    }

    /// The end of the window around an instant, where there is one.
    fn end_around(&self, instant: Timestamp) -> Option<Timestamp> {
        let day = self.zone.to_datetime(instant).date();
        // One of yesterday may go over midnight.
        let days = [day.yesterday().ok(), Some(day)].into_iter().flatten();
        days.filter_map(|day| self.on(day)).filter(|(begin, end)| (*begin..*end).contains(&instant)).map(|(_, end)| end).max()
    }
}

fn weekday(written: &Spanned<String>, checker: &Checker<'_>) -> Result<Weekday> {
    let word = written.value.to_lowercase();
    let found = DAYS.iter().find(|(short, day)| word == *short || word == format!("{day:?}").to_lowercase());
    found.map(|(_, day)| *day).ok_or_else(|| {
        let error = checker.wrong(format!("`{}` is not a weekday", written.value), written);
        let letters: String = word.chars().take(3).collect();
        let near = DAYS.iter().min_by_key(|(short, _)| strsim::damerau_levenshtein(&letters, short));
        match near.filter(|(short, _)| strsim::damerau_levenshtein(&letters, short) <= 1) {
            Some((near, _)) => error.advise(format!("Did you mean `{near}`?")),
            None => error.advise("Write `mon`, `tue`, `wed`, `thu`, `fri`, `sat` or `sun`."),
        }
    })
}

/// A time of day; none for 24:00.
fn time(written: &Spanned<String>, checker: &Checker<'_>) -> Result<Option<Time>> {
    let wrong = || {
        let error = Error::new(codes::BAD_SCHEDULE, format!("`{}` is not a time of day", written.value));
        checker.at(error.advise("Write it as 06:30, from 00:00 to 24:00."), written)
    };
    let parts: Vec<&str> = written.value.trim().split(':').collect();
    let number = |part: &str| if part.len() == 2 { part.parse::<i8>().ok() } else { None };
    let (hour, minute, second) = match parts[..] {
        [hour, minute] => (number(hour), number(minute), Some(0)),
        [hour, minute, second] => (number(hour), number(minute), number(second)),
        _ => return Err(wrong()),
    };
    match (hour, minute, second) {
        (Some(24), Some(0), Some(0)) => Ok(None),
        (Some(hour), Some(minute), Some(second)) => Time::new(hour, minute, second, 0).map(Some).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}
