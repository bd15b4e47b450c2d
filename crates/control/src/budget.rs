//! Budgets: how many requests the processes that share an account may still send.
//!
//! A process takes a few requests at a time and may use them for a moment (`valid_for`). Because nobody knows when in that moment each
//! is sent, a handful counts against the limit from its taking until the limit's whole span after its moment has passed. So no window
//! of that span, wherever it begins, holds more than the limit, however many processes take part. Taking is also spread over the span,
//! so that a fresh budget is not spent in one burst.

use std::collections::BTreeMap;
use std::time::Duration;

use aqueduct_schema::{Error, Result, Timestamp, codes};
use serde::{Deserialize, Serialize};

/// How long a vendor's own count is believed before it is looked at again by a request.
const BELIEVED: Duration = Duration::from_secs(60);
/// Into how many parts a span is cut: what was taken within one part is kept as one entry, so that a document stays small.
const PARTS: u32 = 128;
/// The part of a burst in the limit, as the process-local limiter has it.
const BURST: u32 = 10;
/// What a backfill may use while live runs are about: three quarters.
const BACKFILL: (u32, u32) = (3, 4);
/// The longest pause that is believed; a longer one was written under a clock that has been set back since.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// Who goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// What people wait for.
    #[default]
    Live,
    /// History, which gives way to what is live.
    Backfill,
}

/// What is asked of a budget.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// The class of requests.
    pub class: &'a str,
    /// How many the vendor allows in what time; none where it names no limit.
    pub limit: Option<(u32, Duration)>,
    /// How many may come in a burst, the rest evenly; a tenth where it is not said.
    pub burst: Option<u32>,
    /// How many are wanted; at least one.
    pub wanted: u32,
    /// For how long after the taking they may be used.
    pub valid_for: Duration,
    /// Who asks.
    pub priority: Priority,
    /// How many all processes together may send in a day.
    pub daily: Option<u64>,
    /// The time zone whose midnight begins a day, an IANA name.
    pub time_zone: &'a str,
    /// What an earlier taking left over.
    pub returned: Option<Returned>,
}

/// Requests that were taken and not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returned {
    /// When they were taken, as [`Answer::Go`] had it.
    pub taken_at: Timestamp,
    /// How many.
    pub count: u32,
}

/// What a budget answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// So many may be sent now.
    Go {
        /// How many; at most what was wanted.
        count: u32,
        /// When they were taken, by the store's time.
        taken_at: Timestamp,
    },
    /// None yet; asking again is worth it after this long.
    Wait(Duration),
    /// None until the quota is renewed.
    Spent {
        /// How many are used.
        used: u64,
        /// How many are allowed.
        allowed: u64,
        /// How long until a new day, where the ceiling is one's own.
        renewed_in: Option<Duration>,
    },
}

/// How much of a quota is used, as the vendor tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Requests used, by everybody.
    pub used: u64,
    /// Requests the vendor allows.
    pub allowed: u64,
    /// From here on nothing more is sent. Where it is all that is allowed, the vendor's own refusal is waited for: it knows when the
    /// quota is renewed.
    pub stop_at: u64,
}

/// Everything about one account.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Account {
    classes: BTreeMap<String, Class>,
    /// The day of `used`.
    day: String,
    used: u64,
    /// What the vendor told, when, and how many were taken since.
    told: Option<(Told, i64, u64)>,
    /// Until when a live run counts as about.
    live_until: i64,
    /// Until when a live run waits, so that a backfill takes nothing.
    live_waits_until: i64,
}

/// Everything about one class. Times are microseconds since 1970.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Class {
    taken: Vec<Taken>,
    /// When the next request is due if all so far had come evenly.
    due: i64,
    paused_until: i64,
    /// The longest span that anybody asked with.
    span: i64,
}

/// What was taken from `first` to `last`, all of it usable until `until` at the latest.
#[derive(Debug, Serialize, Deserialize)]
struct Taken {
    first: i64,
    last: i64,
    until: i64,
    count: u32,
}

impl Account {
    /// Answers, and notes what is taken.
    ///
    /// # Errors
    /// `AQ1005` for a time zone that does not exist.
    pub(crate) fn take(&mut self, ask: &Ask<'_>, now: Timestamp) -> Result<Answer> {
        let at = now.microseconds();
        let day = Day::of(now, ask.time_zone)?;
        if self.day != day.name {
            self.day = day.name;
            self.used = 0;
        }
        let class = self.classes.entry(ask.class.to_owned()).or_default();
        class.settle(at);
        if let Some(returned) = ask.returned {
            let back = class.give_back(returned);
            if let Some((requests, per)) = ask.limit {
                // The place in the even flow comes back too; the bound is what was taken, not when it is due.
                class.due -= i64::from(back) * interval(requests.max(1), micros(per), micros(ask.valid_for));
            }
            self.used = self.used.saturating_sub(u64::from(back));
            if let Some((_, _, since)) = &mut self.told {
                *since = since.saturating_sub(u64::from(back));
            }
        }
        if class.paused_until > at {
            return Ok(Answer::Wait(span(class.paused_until - at)));
        }
        let left = ask.daily.map_or(u64::MAX, |daily| daily.saturating_sub(self.used));
        if let Some(allowed) = ask.daily.filter(|_| left == 0) {
            return Ok(Answer::Spent { used: self.used, allowed, renewed_in: Some(day.ends_in) });
        }
        if let Some((told, when, since)) = self.told
            && (0..micros(BELIEVED)).contains(&(at - when))
            && told.stop_at < told.allowed
            && told.used + since >= told.stop_at
        {
            return Ok(Answer::Spent { used: told.used + since, allowed: told.allowed, renewed_in: None });
        }
        let wanted = u32::try_from(left).unwrap_or(u32::MAX).min(ask.wanted.max(1));
        let count = match ask.limit {
            None => Ok(wanted),
            Some((requests, per)) => {
                let burst = ask.burst.unwrap_or(requests / BURST).clamp(1, requests.max(1));
                let turn = Turn {
                    requests: requests.max(1),
                    burst: i64::from(burst),
                    per: micros(per).max(1),
                    valid: micros(ask.valid_for).max(1),
                    at,
                };
                let live = ask.priority == Priority::Live;
                let others = if live { (0, 0) } else { (self.live_until, self.live_waits_until) };
                let count = class.take(&turn, wanted, others);
                if live {
                    self.live_until = at + turn.per;
                    if let Err(wait) = count {
                        self.live_waits_until = at + wait + turn.valid;
                    }
                }
                count
            }
        };
        Ok(match count {
            Ok(count) => {
                self.used += u64::from(count);
                if let Some((_, _, since)) = &mut self.told {
                    *since += u64::from(count);
                }
                Answer::Go { count, taken_at: now }
            }
            Err(wait) => Answer::Wait(span(wait)),
        })
    }

    /// Requests used today, and how many may be: by what the vendor told within a day, or by the ceiling of one's own, whichever has less
    /// left.
    ///
    /// # Errors
    /// `AQ1005` for a time zone that does not exist.
    pub(crate) fn used_today(&self, daily: Option<u64>, time_zone: &str, now: Timestamp) -> Result<(u64, Option<u64>)> {
        let counted = if self.day == Day::of(now, time_zone)?.name { self.used } else { 0 };
        let told = self.told.filter(|(_, when, _)| (0..micros(Duration::from_secs(86_400))).contains(&(now.microseconds() - when)));
        Ok(match (told, daily) {
            (None, daily) => (counted, daily),
            (Some((told, _, since)), daily) => {
                let (used, allowed) = (told.used + since, told.stop_at.min(told.allowed));
                match daily {
                    Some(daily) if daily.saturating_sub(counted) < allowed.saturating_sub(used) => (counted, Some(daily)),
                    _ => (used, Some(allowed)),
                }
            }
        })
    }

    /// Takes nothing of a class for a while. A longer pause that is under way stays.
    pub(crate) fn slow_down(&mut self, class: &str, wait: Duration, now: Timestamp) {
        let class = self.classes.entry(class.to_owned()).or_default();
        class.settle(now.microseconds());
        class.paused_until = class.paused_until.max(now.plus(wait.min(LONGEST_PAUSE)).microseconds());
    }

    /// Notes what the vendor told.
    pub(crate) fn learn(&mut self, told: Told, now: Timestamp) {
        self.told = Some((told, now.microseconds(), 0));
    }
}

/// One asking.
struct Turn {
    requests: u32,
    burst: i64,
    per: i64,
    valid: i64,
    at: i64,
}

impl Class {
    /// Brings times that a clock set back has left in the future to where they can be at most.
    fn settle(&mut self, at: i64) {
        self.paused_until = self.paused_until.min(at + micros(LONGEST_PAUSE));
        let span = self.span;
        for taken in self.taken.iter_mut().filter(|taken| taken.first > at) {
            *taken = Taken { first: at, last: at, until: taken.until.min(at + span), count: taken.count };
        }
        self.due = self.due.min(at + span);
        self.taken.retain(|taken| taken.count > 0 && taken.until > at - span);
    }

    fn give_back(&mut self, returned: Returned) -> u32 {
        let at = returned.taken_at.microseconds();
        let Some(taken) = self.taken.iter_mut().find(|taken| (taken.first..=taken.last).contains(&at)) else { return 0 };
        let back = returned.count.min(taken.count);
        taken.count -= back;
        back
    }

    /// As many as may go, or how long to wait. `others`: until when live runs are about, and until when one waits.
    fn take(&mut self, turn: &Turn, wanted: u32, others: (i64, i64)) -> Result<u32, i64> {
        let Turn { requests, burst, per, valid, at } = *turn;
        self.span = self.span.max(per);
        // Short waits would ask the store again and again; what becomes free meanwhile is not lost.
        let at_least = (valid / 4).max(1);
        if others.1 > at {
            return Err((others.1.min(at + per) - at).max(at_least));
        }
        let allowed = if others.0 > at { (requests * BACKFILL.0 / BACKFILL.1).max(1) } else { requests };
        let counting = || self.taken.iter().filter(|taken| taken.until > at - per);
        let used: u64 = counting().map(|taken| u64::from(taken.count)).sum();
        let free = u64::from(allowed).saturating_sub(used);
        let interval = interval(requests, per, valid);
        let due = self.due.max(at);
        let even = (at + burst * interval - due) / interval;
        let count = u32::try_from(free.min(u64::try_from(even).unwrap_or(0))).unwrap_or(u32::MAX).min(wanted);
        if count == 0 {
            let until_even = if even > 0 { 0 } else { due + interval - burst * interval - at };
            let until_free = if free > 0 { 0 } else { counting().map(|taken| taken.until + per - at).min().unwrap_or(0) };
            return Err(until_even.max(until_free).max(at_least));
        }
        self.due = due + i64::from(count) * interval;
        let part = per / i64::from(PARTS);
        match self.taken.last_mut() {
            Some(taken) if taken.first <= at && at - taken.first < part => {
                taken.last = taken.last.max(at);
                taken.until = taken.until.max(at + valid);
                taken.count += count;
            }
            _ => self.taken.push(Taken { first: at, last: at, until: at + valid, count }),
        }
        Ok(count)
    }
}

/// A day in some time zone.
struct Day {
    name: String,
    ends_in: Duration,
}

impl Day {
    fn of(now: Timestamp, time_zone: &str) -> Result<Self> {
        let unknown = || Error::new(codes::BAD_CONFIG, format!("`{time_zone}` is not a time zone such as Europe/London"));
        let instant = jiff::Timestamp::from_microsecond(now.microseconds()).unwrap_or_default();
        let here = instant.in_tz(time_zone).map_err(|_| unknown())?;
        let next = here.tomorrow().and_then(|next| next.start_of_day()).map_err(|_| unknown())?;
        let ends_in = Duration::try_from(next.timestamp().duration_since(instant)).unwrap_or_default();
        Ok(Self { name: here.date().to_string(), ends_in })
    }
}

/// Whether a time zone exists.
///
/// # Errors
/// `AQ1005`.
pub fn check_time_zone(time_zone: &str) -> Result<()> {
    Day::of(Timestamp::from_seconds(0), time_zone).map(|_| ())
}

/// The time from one request to the next when they come evenly.
fn interval(requests: u32, per: i64, valid: i64) -> i64 {
    ((per + valid) / i64::from(requests)).max(1)
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}

fn span(microseconds: i64) -> Duration {
    Duration::from_micros(u64::try_from(microseconds).unwrap_or(1).max(1))
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
