//! Alerts: what was told of, to whom, and what is still to be told, so that restarts and several schedulers tell a thing once.
//!
//! A problem is a document under the name of what is wrong (`hubspot/run`, `hubspot/stale/contacts`). It holds at most one notice
//! for each sink. A notice is claimed before it is sent and settled afterwards; whoever dies in between leaves a claim that runs out, so
//! a notice may arrive twice and is never lost. Notices bear a number that does not change while they are tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aqueduct_schema::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A claim that ends later than this from now was written under a clock that has been set back since.
const LONGEST_CLAIM: Duration = Duration::from_secs(3_600);

/// Why a notice is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The problem is new.
    Opened,
    /// It has become more severe.
    Worse,
    /// It lasts.
    Reminder,
    /// It is over.
    Recovered,
    /// It came and went before it could be told.
    Passed,
}

/// Something to be told to one sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Why.
    pub reason: Reason,
    /// What happened, as it was raised last; of a recovery, as the recovery was raised.
    pub content: Value,
    /// How severe the problem is; higher is worse.
    pub severity: u8,
    /// Since when the problem is there.
    pub since: Timestamp,
    /// How often it was raised.
    pub count: u64,
    /// Its number, which is new for every notice of the problem.
    pub number: u64,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// Not to be sent before.
    pub not_before: Timestamp,
    /// Until when somebody is sending it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claimed_until: Option<Timestamp>,
}

impl Notice {
    /// Whether it tells the end of something.
    pub fn is_over(&self) -> bool {
        matches!(self.reason, Reason::Recovered | Reason::Passed)
    }

    /// Whether it may be sent now: nobody else is sending it, and it is not put off.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let claimed = self.claimed_until.is_some_and(|until| now < until && until <= now.plus(LONGEST_CLAIM));
        // What is put off for longer than a day was put off under another clock.
        let put_off = now < self.not_before && self.not_before <= now.plus(Duration::from_secs(86_400));
        !claimed && !put_off
    }
}

/// Something that is wrong, or was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// What happened, as it was raised last.
    pub content: Value,
    /// The highest severity since it is there.
    pub severity: u8,
    /// Whether it lasts until its recovery is raised; otherwise it is an event, which is told again when it happens again much later.
    pub lasting: bool,
    /// Whether it is there.
    pub open: bool,
    /// Since when.
    pub since: Timestamp,
    /// When it was raised last.
    pub raised_at: Timestamp,
    /// How often it was raised.
    pub count: u64,
    /// When each sink was last told of it.
    pub told: BTreeMap<String, Timestamp>,
    /// What each sink is to be told.
    pub notices: BTreeMap<String, Notice>,
    next_number: u64,
}

/// What is raised.
#[derive(Clone, Copy, Debug)]
pub struct Raise<'r> {
    /// What happened; no personal value and no secret.
    pub content: &'r Value,
    /// How severe it is; higher is worse.
    pub severity: u8,
    /// Who is to be told.
    pub sinks: &'r [String],
    /// Whether it lasts until it is recovered from.
    pub lasting: bool,
    /// For how long the same event is not told again, if it does not last.
    pub quiet_for: Duration,
}

/// What became of a notice that was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was sent.
    Told,
    /// It could not be sent and is tried again after this long.
    Later(Duration),
    /// There was no room for it, and it is tried after this long.
    Held(Duration),
    /// It is given up.
    Dropped,
}

impl Problem {
    fn notify(&mut self, sink: &str, reason: Reason, content: &Value, now: Timestamp) {
        self.next_number += 1;
        let notice = Notice {
            reason,
            content: content.clone(),
            severity: self.severity,
            since: self.since,
            count: self.count,
            number: self.next_number,
            attempts: 0,
            not_before: now,
            claimed_until: None,
        };
        self.notices.insert(sink.to_owned(), notice);
    }

    /// Whether time alone makes something of it: a reminder, or its end. See [`crate::AlertBook::tend`].
    pub fn is_to_tend(&self, remind_every: Duration, quiet_for: Duration, now: Timestamp) -> bool {
        tend(self.clone(), remind_every, quiet_for, now).as_ref() != Some(self)
    }

    fn is_over(&self) -> bool {
        !self.open && self.notices.is_empty()
    }
}

/// The sinks to which a notice is on its way.
fn claimed(notices: &BTreeMap<String, Notice>) -> Vec<String> {
    notices.iter().filter(|(_, notice)| notice.claimed_until.is_some()).map(|(sink, _)| sink.clone()).collect()
}

/// A problem after it was raised.
pub(crate) fn raise(stored: Option<Problem>, raised: &Raise<'_>, now: Timestamp) -> Problem {
    let mut problem = stored.unwrap_or_else(|| Problem {
        content: Value::Null,
        severity: raised.severity,
        lasting: raised.lasting,
        open: true,
        since: now,
        raised_at: now,
        count: 0,
        told: BTreeMap::new(),
        notices: BTreeMap::new(),
        next_number: 0,
    });
    if !problem.open {
        // It came back before anybody heard that it was over, so for them it was never gone.
        problem.open = true;
        problem.notices.retain(|_, notice| notice.reason != Reason::Recovered || notice.claimed_until.is_some());
        // The word that it is over may be on its way: it is followed by this.
        problem.notices.values_mut().for_each(|notice| notice.reason = Reason::Opened);
        let on_their_way: Vec<String> = claimed(&problem.notices);
        on_their_way.iter().for_each(|sink| problem.notify(sink, Reason::Opened, raised.content, now));
    }
    let worse = raised.severity > problem.severity;
    problem.severity = problem.severity.max(raised.severity);
    problem.content = raised.content.clone();
    problem.raised_at = now;
    problem.count += 1;
    for sink in raised.sinks {
        let pending = problem.notices.get(sink).map(|notice| (notice.reason, notice.attempts, notice.not_before, notice.claimed_until));
        let told = problem.told.get(sink).copied();
        match (pending, told) {
            // Somebody may be sending it with the content it had, so only what has become worse is a notice of its own.
            (Some((.., Some(_))), _) if !worse => {}
            (Some((reason, attempts, not_before, claimed)), _) => {
                let told_before = claimed.is_some() || reason == Reason::Reminder;
                problem.notify(sink, if told_before && worse { Reason::Worse } else { reason }, raised.content, now);
                if let Some(notice) = problem.notices.get_mut(sink).filter(|_| !worse) {
                    (notice.attempts, notice.not_before) = (attempts, not_before);
                }
            }
            (None, None) => problem.notify(sink, Reason::Opened, raised.content, now),
            (None, Some(_)) if problem.lasting && worse => problem.notify(sink, Reason::Worse, raised.content, now),
            (None, Some(at)) if !problem.lasting && now >= at.plus(raised.quiet_for) => {
                problem.notify(sink, Reason::Opened, raised.content, now);
            }
            (None, Some(_)) => {}
        }
    }
    problem
}

/// A problem after it was recovered from; nothing when nobody is to hear of that.
pub(crate) fn recover(mut problem: Problem, content: &Value, now: Timestamp) -> Option<Problem> {
    if !problem.open || !problem.lasting {
        return Some(problem);
    }
    problem.open = false;
    let mut hearing: BTreeSet<String> = problem.told.keys().cloned().collect();
    for (sink, notice) in &mut problem.notices {
        // What is on its way is followed by the word that it is over; what has not left yet says so itself.
        if notice.claimed_until.is_none() && notice.reason == Reason::Opened && !problem.told.contains_key(sink) {
            notice.reason = Reason::Passed;
        } else {
            hearing.insert(sink.clone());
        }
    }
    hearing.iter().for_each(|sink| problem.notify(sink, Reason::Recovered, content, now));
    (!problem.is_over()).then_some(problem)
}

/// A problem at a later time: sinks that were told long ago are to be reminded, and events that are past go.
pub(crate) fn tend(mut problem: Problem, remind_every: Duration, quiet_for: Duration, now: Timestamp) -> Option<Problem> {
    if !problem.lasting {
        let last = problem.told.values().copied().max().unwrap_or(problem.raised_at);
        let past = problem.notices.is_empty() && now >= last.plus(quiet_for);
        return (!past).then_some(problem);
    }
    if problem.open && !remind_every.is_zero() {
        let late = problem.told.iter().filter(|(sink, at)| !problem.notices.contains_key(*sink) && now >= at.plus(remind_every));
        let late: Vec<String> = late.map(|(sink, _)| sink.clone()).collect();
        let content = problem.content.clone();
        late.iter().for_each(|sink| problem.notify(sink, Reason::Reminder, &content, now));
    }
    (!problem.is_over()).then_some(problem)
}

/// A problem whose notice somebody begins to send; nothing when it is not there any more, or somebody else's.
pub(crate) fn claim(mut problem: Problem, sink: &str, number: u64, life: Duration, now: Timestamp) -> Option<Problem> {
    let notice = problem.notices.get_mut(sink).filter(|notice| notice.number == number && notice.is_due(now))?;
    notice.claimed_until = Some(now.plus(life));
    Some(problem)
}

/// A problem after a notice was sent, or not; nothing when that was the last of it.
pub(crate) fn settle(mut problem: Problem, sink: &str, number: u64, settled: Settled, now: Timestamp) -> Option<Problem> {
    let current = problem.notices.get(sink).is_some_and(|notice| notice.number == number);
    match settled {
        Settled::Later(wait) | Settled::Held(wait) => {
            if let Some(notice) = problem.notices.get_mut(sink).filter(|_| current) {
                notice.attempts += u32::from(matches!(settled, Settled::Later(_)));
                notice.not_before = now.plus(wait);
                notice.claimed_until = None;
            }
        }
        Settled::Told | Settled::Dropped => {
            let passed = current && problem.notices.get(sink).is_some_and(|notice| notice.reason == Reason::Passed);
            if current {
                problem.notices.remove(sink);
            }
            if !passed {
                problem.told.insert(sink.to_owned(), now);
            }
        }
    }
    (!problem.is_over()).then_some(problem)
}

/// When a sink was last sent something.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pace {
    sent: Vec<Timestamp>,
}

/// Takes a place for one message among so many in so long; whether there is one.
pub(crate) fn take_place(stored: Option<Pace>, most: u32, per: Duration, now: Timestamp) -> (Pace, bool) {
    let mut pace = stored.unwrap_or_default();
    pace.sent.retain(|at| *at <= now && now < at.plus(per));
    let free = pace.sent.len() < most as usize;
    if free {
        pace.sent.push(now);
    }
    (pace, free)
}

#[cfg(test)]
#[path = "alert_tests.rs"]
mod tests;
