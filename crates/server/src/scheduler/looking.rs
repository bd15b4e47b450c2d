//! What fell due, and what becomes of it before anything is started: black-outs, pauses, and what nobody was there for.

use std::cmp::Reverse;

use aqueduct_pipeline::control_store::occurrence::{Skipped, Why};
use aqueduct_pipeline::control_store::standing::{Look, Open};
use aqueduct_pipeline::schema::{Result, Timestamp};
use aqueduct_schedule::{CatchUp, Schedule, Verdict};

use super::entry::Entry;
use super::turn::{Scheduler, instant, timestamp};
use crate::alert::{Alert, Event};

/// How many occurrences are looked at in one go. After a long absence it takes several.
const AT_ONCE: usize = 500;
/// How many open occurrences a pipeline may have before no more are looked for: they are not lost, only later.
const OPEN: usize = 1_000;

impl Scheduler {
    /// Notes what fell due by now, of every pipeline whose time has come.
    pub(super) async fn look_at_what_fell_due(&mut self, now: Timestamp) -> Result<()> {
        while let Some(Reverse((at, name))) = self.times.peek().cloned() {
            if at > now {
                break;
            }
            let is_right = self.pipelines.get(&name).is_some_and(|entry| entry.next == Some(at));
            if is_right && !self.look_at(&name, now).await? {
                // No more are looked for until some are over; the turn after that puts the time back.
                if let Some(entry) = self.pipelines.get_mut(&name) {
                    entry.next = None;
                }
            }
            // Only now: a store that does not answer must not make anybody forget the time.
            self.times.pop();
        }
        Ok(())
    }

    /// Looks at one pipeline; whether it could be looked at.
    async fn look_at(&mut self, name: &str, now: Timestamp) -> Result<bool> {
        let Some(entry) = self.pipelines.get(name) else { return Ok(true) };
        let (Some(schedule), Some(standing)) = (entry.schedule(), &entry.standing) else { return Ok(true) };
        if standing.open.len() >= OPEN {
            return Ok(false);
        }
        let from = standing.looked_at;
        let due: Vec<Timestamp> = schedule.between(instant(from), instant(now)).take(AT_ONCE).map(timestamp).collect();
        let last = due.last().copied().filter(|_| due.len() == AT_ONCE);
        let until = last.unwrap_or(now).max(from);
        let more = last.is_some_and(|last| schedule.next_after(instant(last)).is_some_and(|next| timestamp(next) <= now));
        let policy = match schedule.catch_up() {
            // What another schedule would have let fall due is made up for once, and not one by one.
            CatchUp::All if standing.by != entry.by() => CatchUp::Latest,
            policy => policy,
        };
        let seen = Judge { name, entry, schedule, policy, now, tolerance: self.settings.tolerance, more };
        let fell_due = seen.judge(&due);
        let missed = fell_due.iter().find(|open| open.skipped.as_ref().is_some_and(Skipped::is_missed)).cloned();
        let changed = self.store.look(name, &Look { from, until, by: entry.by(), fell_due }).await?;
        fail::fail_point!("scheduler::looked");
        if changed.done
            && policy == CatchUp::None
            && let Some(Open { at, skipped: Some(skipped), .. }) = missed
        {
            tracing::warn!(pipeline = %name, "{} occurrences from {at} on were missed while no scheduler ran", skipped.count);
            self.alerts.raise(Alert::new(Event::OccurrenceMissed { due_at: at, count: skipped.count }, name, now)).await;
        }
        if let Some(entry) = self.pipelines.get_mut(name) {
            entry.stands(changed.document);
            entry.next = None;
        }
        self.stirred.insert(name.to_owned());
        self.note_open(name);
        self.set_next(name);
        Ok(true)
    }
}

/// Decides about what fell due between two looks.
struct Judge<'j> {
    name: &'j str,
    entry: &'j Entry,
    schedule: &'j Schedule,
    policy: CatchUp,
    now: Timestamp,
    tolerance: std::time::Duration,
    /// Whether there is more that fell due, so that nothing here is the latest.
    more: bool,
}

impl Judge<'_> {
    fn judge(&self, due: &[Timestamp]) -> Vec<Open> {
        let mut judged: Vec<(Open, Option<Why>)> = due.iter().map(|at| self.first_judgement(*at)).collect();
        let is_late = |open: &Open| self.now.since(open.starts_at()) > self.tolerance;
        let latest = judged.iter().rposition(|(_, why)| why.is_none()).filter(|_| !self.more);
        // Of several that could all start now nobody was there for the earlier ones, however short a time ago they fell due.
        let can_start = |open: &Open| open.starts_at() <= self.now;
        let is_crowd = self.more || judged.iter().filter(|(open, why)| why.is_none() && can_start(open)).count() > 1;
        for (index, (open, why)) in judged.iter_mut().enumerate() {
            // Where every one is run, the last of a crowd would otherwise overlap with those before it.
            let is_missed = is_crowd && can_start(open) && (Some(index) != latest || self.policy == CatchUp::All);
            if why.is_some() || !(is_late(open) || is_missed) {
                continue;
            }
            match self.policy {
                CatchUp::All => open.late = true,
                CatchUp::Latest if Some(index) == latest => {}
                CatchUp::Latest | CatchUp::None => *why = Some(Why::CatchUp),
            }
        }
        self.grouped(judged)
    }

    /// What schedule and pauses say of an occurrence.
    fn first_judgement(&self, at: Timestamp) -> (Open, Option<Why>) {
        let open = Open::new(at);
        if self.entry.is_paused_at(at) {
            return (open, Some(Why::Paused));
        }
        match self.schedule.verdict(self.name, instant(at)) {
            Verdict::Start { at: start } | Verdict::Held { at: start, .. } => {
                let start = timestamp(start);
                (Open { start_at: (start != at).then_some(start), ..open }, None)
            }
            Verdict::Superseded { .. } | Verdict::Skipped { .. } => (open, Some(Why::Blackout)),
        }
    }

    /// Several in a row that are not run for one reason are one entry, so that a long absence is no long list.
    fn grouped(&self, judged: Vec<(Open, Option<Why>)>) -> Vec<Open> {
        let mut fell_due: Vec<Open> = Vec::new();
        for (mut open, why) in judged {
            if let Some(why) = why {
                let before = fell_due.last_mut().and_then(|last| last.skipped.as_mut());
                if let Some(before) = before.filter(|before| before.why == why) {
                    before.count += 1;
                    before.last = open.at;
                    continue;
                }
                open.start_at = None;
                open.skipped = Some(Skipped { why, about: None, count: 1, last: open.at, decided_at: self.now });
            }
            fell_due.push(open);
        }
        fell_due
    }
}
