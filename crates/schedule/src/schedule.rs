//! A schedule that is checked and ready to be asked for times.

use std::time::Duration;

use aqueduct_schema::{Error, Result, codes};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::blackout::Blackouts;
use crate::check::{Checker, refuse_contradictions};
use crate::expression::Expression;
use crate::interval::Interval;
use crate::jitter::share;
use crate::occurrences::{Occurrences, Pattern};
use crate::section::{CatchUp, Overlap, ScheduleSection, Then};
use crate::zone::Zone;

/// When a pipeline runs, and what holds for its runs. Knows no clock: every answer follows from the instants it is asked about.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub(crate) pattern: Pattern,
    pub(crate) zone: Zone,
    pub(crate) blackouts: Blackouts,
    jitter: Duration,
    timeout: Option<Duration>,
    overlap: Overlap,
    catch_up: CatchUp,
    retries: Retries,
    after: Vec<String>,
    paused: bool,
    priority: i32,
}

/// How often a run that failed is tried again, and with which waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// How often at most; 0 is never.
    pub attempts: u32,
    /// The first wait.
    pub backoff: Duration,
    /// The longest wait.
    pub most: Duration,
}

impl Retries {
    /// How long to wait before a further attempt, of which the first is 1: twice as long each time, up to the longest. Nothing once there
    /// have been as many as may be.
    pub fn wait(&self, attempt: u32) -> Option<Duration> {
        if attempt == 0 || attempt > self.attempts {
            return None;
        }
        let factor = 2_u32.saturating_pow(attempt - 1);
        Some(self.backoff.saturating_mul(factor).min(self.most))
    }
}

/// What becomes of an occurrence as far as jitter and black-outs decide it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It starts at `at`: its own time and the jitter.
    Start {
        /// When.
        at: Timestamp,
    },
    /// It falls into a black-out and starts after its end, at `at`.
    Held {
        /// The end of the black-out.
        until: Timestamp,
        /// When: the end and the jitter.
        at: Timestamp,
    },
    /// It falls into a black-out, and a later occurrence inside the same one runs at its end in place of all.
    Superseded {
        /// The end of the black-out.
        until: Timestamp,
    },
    /// It falls into a black-out that skips what falls due inside.
    Skipped {
        /// The end of the black-out.
        until: Timestamp,
    },
}

impl Verdict {
    /// When a run starts, where one does.
    pub fn starts_at(&self) -> Option<Timestamp> {
        match self {
            Self::Start { at } | Self::Held { at, .. } => Some(*at),
            Self::Superseded { .. } | Self::Skipped { .. } => None,
        }
    }
}

impl Schedule {
    /// Checks the words of a pipeline file. `file` is its name as the person knows it.
    ///
    /// # Errors
    /// `AQ1016` for an expression, a span or a time that cannot be read, for keys that contradict each other, and for black-outs that leave
    /// nothing; `AQ1017` for an unknown time zone; `AQ1018` for a schedule that never falls due. With line and column, but for a section
    /// that lacks both `cron` and `every`: that error has no place yet.
    pub fn compile(section: &ScheduleSection, file: &str) -> Result<Self> {
        let checker = Checker { file };
        let zone = match &section.timezone {
            Some(named) => Zone::named(&named.value).map_err(|error| checker.at(error, named))?,
            None => Zone::utc(),
        };
        let pattern = match (&section.cron, &section.every) {
            (Some(cron), None) => {
                let expression = Expression::parse(&cron.value).map_err(|problem| problem.placed(file, cron))?;
                Pattern::Expression(Box::new(expression))
            }
            (None, Some(every)) => Pattern::Interval(Interval::parse(&every.value, &zone).map_err(|error| checker.at(error, every))?),
            (Some(_), Some(every)) => {
                let error = Error::new(codes::BAD_SCHEDULE, "`cron` and `every` are both there, and a schedule has one of them");
                return Err(checker.at(error.advise("Take one of the two keys away."), every));
            }
            (None, None) => {
                let error = Error::new(codes::BAD_SCHEDULE, "the schedule does not say when: it has neither `cron` nor `every`");
                return Err(error.advise("Write `cron: \"30 6 * * *\"` or `every: 15m` into the section `schedule`."));
            }
        };
        let schedule = Self {
            jitter: checker.span(section.jitter.as_ref(), "jitter")?.unwrap_or_default(),
            timeout: checker.span(section.timeout.as_ref(), "timeout")?,
            overlap: section.overlap,
            catch_up: section.catch_up,
            retries: checker.retries(&section.retries)?,
            after: checker.after(&section.after)?,
            paused: section.paused,
            priority: checker.priority(section.priority.as_ref())?,
            blackouts: Blackouts::compile(&section.blackout, &zone, &checker)?,
            pattern,
            zone,
        };
        refuse_contradictions(&schedule, section, &checker)?;
        Ok(schedule)
    }

    /// The first occurrence after an instant; nothing only at the end of time (the year 9999).
    ///
    /// An occurrence is the time as the schedule says it. Jitter and black-outs do not move it: see [`Schedule::verdict`].
    pub fn next_after(&self, instant: Timestamp) -> Option<Timestamp> {
        self.after(instant).next()
    }

    /// All occurrences after an instant, in order, without end.
    pub fn after(&self, instant: Timestamp) -> Occurrences<'_> {
        Occurrences::new(&self.pattern, &self.zone.time_zone, instant)
    }

    /// The occurrences after `from`, up to `until` and with it: what has fallen due when the clock goes from one to the other.
    pub fn between(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        self.after(from).take_while(move |occurrence| *occurrence <= until)
    }

    /// The latest occurrence at or before an instant; nothing where there was none in the nine years before, in which every day of a calendar
    /// lies.
    pub fn latest(&self, instant: Timestamp) -> Option<Timestamp> {
        // Occurrences are counted forwards, so it is looked for in ever longer stretches that end here.
        [1, 24, 32 * 24, 366 * 24, 9 * 366 * 24].into_iter().find_map(|hours| {
            let from = instant.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN);
            self.between(from, instant).last()
        })
    }

    /// How long it is from one occurrence to the next, on average of the ten after an instant.
    pub fn rhythm(&self, after: Timestamp) -> Option<Duration> {
        let ahead: Vec<Timestamp> = self.after(after).take(11).collect();
        let gaps = u32::try_from(ahead.len().checked_sub(1)?).ok().filter(|gaps| *gaps > 0)?;
        Some(ahead.last()?.duration_since(*ahead.first()?).unsigned_abs() / gaps)
    }

    /// What becomes of an occurrence of a pipeline: when its run starts, or why it does not. It follows from the pipeline's name, the schedule and
    /// the occurrence alone, so every scheduler gives the same answer, at any time.
    pub fn verdict(&self, pipeline: &str, occurrence: Timestamp) -> Verdict {
        let jitter = self.jitter_of(pipeline, occurrence);
        let put_off = |from: Timestamp| {
            let start = from.checked_add(jitter).unwrap_or(Timestamp::MAX);
            // Jitter does not carry a start into a black-out.
            if self.blackouts.covering(start).is_some() { from } else { start }
        };
        let Some(held) = self.blackouts.covering(occurrence) else {
            return Verdict::Start { at: put_off(occurrence) };
        };
        if held.then == Then::Skip {
            return Verdict::Skipped { until: held.until };
        }
        let runs = |later: Timestamp| later == held.until || self.blackouts.covering(later).is_some_and(|held| held.then == Then::Run);
        if self.between(occurrence, held.until).any(runs) {
            return Verdict::Superseded { until: held.until };
        }
        Verdict::Held { until: held.until, at: put_off(held.until) }
    }

    /// The end of the black-out in which an instant lies, where it lies in one: no run and no retry starts then.
    pub fn held_until(&self, instant: Timestamp) -> Option<Timestamp> {
        self.blackouts.covering(instant).map(|held| held.until)
    }

    /// How long the start of an occurrence is put off: less than the schedule's jitter, always the same for the same pipeline and occurrence.
    pub fn jitter_of(&self, pipeline: &str, occurrence: Timestamp) -> Duration {
        share(self.jitter, pipeline, occurrence)
    }

    /// Whether there are windows in which nothing starts.
    pub fn has_blackouts(&self) -> bool {
        !self.blackouts.is_empty()
    }

    /// The zone of the schedule, an IANA name.
    pub fn zone_name(&self) -> &str {
        &self.zone.name
    }

    /// The zone of the schedule.
    pub fn time_zone(&self) -> &TimeZone {
        &self.zone.time_zone
    }

    /// The longest that a start is put off; zero where it never is.
    pub fn jitter(&self) -> Duration {
        self.jitter
    }

    /// How long a run may take.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// What happens while a run is under way.
    pub fn overlap(&self) -> Overlap {
        self.overlap
    }

    /// What happens to what fell due while no scheduler ran.
    pub fn catch_up(&self) -> CatchUp {
        self.catch_up
    }

    /// How often and when a run that failed is tried again.
    pub fn retries(&self) -> Retries {
        self.retries
    }

    /// The pipelines that this one waits for, by name, in the order of the file.
    pub fn dependencies(&self) -> &[String] {
        &self.after
    }

    /// Whether the pipeline file pauses it.
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// Which goes first where more are due than may run at once: the higher.
    pub fn priority(&self) -> i32 {
        self.priority
    }

    /// The schedule in words: `every 15 minutes`, `at 06:30 on weekdays, Europe/London time`.
    pub fn words(&self) -> String {
        crate::words::words(self)
    }
}
