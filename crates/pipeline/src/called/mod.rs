//! A run that another program calls at the times of the pipeline's schedule: it keeps what the schedule says besides when.
//!
//! Nobody but the called processes themselves is there to look at the time, so each finds out by the schedule which occurrence it is for,
//! waits for what has to be waited for, and takes the occurrence in the control store as `aqueduct serve` does. What is not run says why
//! there, and two processes that are called for one occurrence run it once.

mod before;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_control::occurrence::{Exit, Occurrence, OccurrenceId, State, Terms, Why};
use aqueduct_control::occurrence_rules::{Claimant, is_dead, skipped_for};
use aqueduct_control::{Control, Holder};
use aqueduct_engine::Clock;
use aqueduct_schedule::{Overlap, Schedule, Verdict};
use aqueduct_schema::{Error, Result, Timestamp, codes};
use tokio::sync::watch;

use self::before::Before;
use crate::pipeline::Pipeline;
use crate::runs::moment;
use crate::schedules::{circle_before, pipeline_files, survey};

/// How long occurrences that are over are kept, and how many of a pipeline that has more in that time.
pub const KEPT: (Duration, u32) = (Duration::from_secs(30 * 86_400), 1_000);
/// How many old occurrences one run forgets at most.
const FORGOTTEN_AT_ONCE: usize = 100;
/// How far the clock of the program that calls may be ahead.
const AHEAD: Duration = Duration::from_secs(10);
/// How often it is looked at whether what is waited for has come.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a claim holds; the run that it is for begins at once.
const CLAIM_LIFE: Duration = Duration::from_secs(60);
/// How many earlier occurrences are looked at that may wait to be tried again.
const EARLIER: usize = 10;

/// How long the occurrences of a schedule are kept that are over.
pub fn kept(schedule: &Schedule, now: Timestamp) -> Duration {
    let rhythm = schedule.rhythm(instant(now)).unwrap_or(KEPT.0);
    rhythm.saturating_mul(KEPT.1).min(KEPT.0)
}

/// A pipeline that is called.
pub struct Call {
    name: String,
    schedule: Schedule,
    /// The pipelines it comes after, each with its schedule where it has one that can be read.
    after: Vec<(String, Option<Schedule>)>,
    control: Control,
    clock: Arc<dyn Clock>,
    stop: watch::Receiver<bool>,
    holder: Holder,
}

/// What a called process is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Run under this occurrence, which has been claimed for it.
    Run(OccurrenceId),
    /// Run, but not under the occurrence: it is over, so that whoever calls wants a run besides.
    Besides(OccurrenceId),
    /// Nothing.
    NotNow(NotNow),
}

/// An occurrence that is not run by this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotNow {
    /// Which one.
    pub id: OccurrenceId,
    /// Why, in one word: that of [`Why`], or `under_way`.
    pub why: &'static str,
    /// Why, in a few.
    pub words: String,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "call of {}", self.name)
    }
}

/// What keeps an occurrence from being run now.
enum Hindrance {
    /// It is not to be run.
    Never(Why, Option<String>, String),
    /// Another process has it.
    Theirs(String),
    /// Not before an instant, in words.
    Until(Timestamp, String),
    /// Another pipeline, in words.
    Other(String),
}

impl Call {
    /// Of a pipeline, by the time of its schedule. The other files of its folder are read where it comes after other pipelines.
    ///
    /// # Errors
    /// `AQ1016` for a pipeline without a schedule, `AQ1020` for an `after` that names no pipeline of the folder, `AQ1021` for pipelines that
    /// wait for each other, `AQ4004` when the control store cannot be opened.
    pub async fn of(pipeline: &Pipeline, clock: Arc<dyn Clock>, stop: watch::Receiver<bool>) -> Result<Self> {
        let file = &pipeline.file;
        let Some(schedule) = file.schedule.clone() else {
            let error = Error::new(codes::BAD_SCHEDULE, format!("pipeline `{}` has no schedule", file.name)).at(&file.path, 1, 0);
            return Err(error.advise("Write `schedule: { every: 15m }` into its file, or run it without --scheduled."));
        };
        let after = if schedule.dependencies().is_empty() { Vec::new() } else { before::found(Path::new(&file.path), &schedule)? };
        let control = pipeline.control().open().await?.clone();
        Ok(Self { name: file.name.clone(), schedule, after, control, clock, stop, holder: Holder::this("") })
    }

    /// The schedule.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// How long the run may wait for another of the pipeline: until the next occurrence, where it is to wait at all.
    pub fn patience(&self) -> Option<Duration> {
        let now = instant(self.clock.now());
        let next = self.schedule.next_after(now).filter(|_| self.schedule.overlap() == Overlap::Queue)?;
        Some(next.duration_since(now).unsigned_abs())
    }

    /// Waits until the latest occurrence may be run, and claims it. Where the next one falls due meanwhile, that one takes its place. `tell`
    /// is told what it waits for.
    ///
    /// # Errors
    /// `AQ7001` when it is stopped meanwhile, `AQ4004` when the control store cannot be used.
    pub async fn turn(&self, tell: &(dyn Fn(&str) + Sync)) -> Result<Turn> {
        let mut at = self.latest();
        let mut told = String::new();
        loop {
            let latest = self.latest();
            if latest > at {
                self.leave(&self.id(at), Why::Overlap, None).await?;
                at = latest;
            }
            let (id, now) = (self.id(at), self.clock.now());
            let document = self.control.occurrence(&id).await?;
            let over = document.as_ref().is_some_and(Occurrence::is_over);
            let words = match self.hindrance(at, document.as_ref(), now).await? {
                None if over => return Ok(Turn::Besides(id)),
                None => match self.claim(&id, now).await? {
                    true => return Ok(Turn::Run(id)),
                    // Somebody else was faster; the document says who.
                    false => continue,
                },
                Some(Hindrance::Never(why, about, words)) => {
                    self.leave(&id, why, about).await?;
                    return Ok(Turn::NotNow(NotNow { id, why: why.word(), words }));
                }
                Some(Hindrance::Theirs(words)) => return Ok(Turn::NotNow(NotNow { id, why: "under_way", words })),
                Some(Hindrance::Until(until, words)) => {
                    self.say(tell, &mut told, &id, words);
                    self.sleep(until.since(now).min(LOOK_EVERY)).await?;
                    continue;
                }
                Some(Hindrance::Other(words)) => words,
            };
            self.say(tell, &mut told, &id, words);
            self.sleep(LOOK_EVERY).await?;
        }
    }

    /// Says of a run that has ended whether and when this process is to try its occurrence again. What nobody comes back for is over.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn again(&self, id: &OccurrenceId, code: u8) -> Result<Option<Timestamp>> {
        let now = self.clock.now();
        let mut document = self.control.occurrence(id).await?;
        if document.as_ref().and_then(Occurrence::claim).is_some_and(|claim| claim.holder == self.holder) {
            document = self.control.give_up(id, &self.holder, &Exit::with(code), now).await?.document;
        }
        // Never the one that was just run: of a rare schedule it may be older than what is kept.
        let before = now.minus(kept(&self.schedule, now)).min(id.at);
        self.control.forget_occurrences(&self.name, before, FORGOTTEN_AT_ONCE).await?;
        let Some(State::Due { not_before }) = document.map(|document| document.state) else { return Ok(None) };
        // With 7 and 9 the next occurrence goes on as well as a further attempt of this one; a signal is obeyed.
        if matches!(code, 1 | 4 | 5 | 6) && !*self.stop.borrow() {
            return Ok(Some(not_before.unwrap_or(now)));
        }
        self.leave(id, Why::Overlap, None).await?;
        Ok(None)
    }

    fn id(&self, at: Timestamp) -> OccurrenceId {
        OccurrenceId::new(&self.name, at)
    }

    /// The occurrence that a process is called for now: the latest, or one that is a moment ahead by the clock of whoever calls.
    fn latest(&self) -> Timestamp {
        let now = instant(self.clock.now());
        let (latest, next) = (self.schedule.latest(now), self.schedule.next_after(now));
        timestamp(match (latest, next) {
            (Some(latest), Some(next)) => {
                let ahead = AHEAD.min(next.duration_since(latest).unsigned_abs() / 4);
                if next.duration_since(now).unsigned_abs() <= ahead { next } else { latest }
            }
            (latest, next) => latest.or(next).unwrap_or(now),
        })
    }

    async fn hindrance(&self, at: Timestamp, document: Option<&Occurrence>, now: Timestamp) -> Result<Option<Hindrance>> {
        if self.schedule.paused() {
            return Ok(Some(Hindrance::Never(Why::Paused, None, "paused in the pipeline file".to_owned())));
        }
        let standing = self.control.schedule(&self.name).await?;
        if let Some(standing) = standing.filter(|standing| standing.paused_at(at) || standing.paused_at(now)) {
            let pause = standing.paused.map_or_else(String::new, |pause| match pause.reason {
                Some(reason) => format!(" since {} by {}: {reason}", moment(pause.since), pause.by),
                None => format!(" since {} by {}", moment(pause.since), pause.by),
            });
            return Ok(Some(Hindrance::Never(Why::Paused, None, format!("paused{pause}"))));
        }
        let clock = |until: jiff::Timestamp| {
            format!("{} {}", until.to_zoned(self.schedule.time_zone().clone()).strftime("%H:%M"), self.schedule.zone_name())
        };
        let blackout = |until| format!("black-out until {}", clock(until));
        let (start, words) = match self.schedule.verdict(&self.name, instant(at)) {
            Verdict::Skipped { until } => return Ok(Some(Hindrance::Never(Why::Blackout, None, blackout(until)))),
            Verdict::Superseded { until } => {
                let words = format!("{}; a later one runs then", blackout(until));
                return Ok(Some(Hindrance::Never(Why::Blackout, None, words)));
            }
            Verdict::Held { until, at } => (at, blackout(until)),
            Verdict::Start { at } => (at, "jitter".to_owned()),
        };
        let mut start = (timestamp(start), words);
        match document.map(|document| (document, &document.state)) {
            Some((document, State::Claimed(_) | State::Begun(_))) => {
                if !is_dead(document, self.control.now().await?) {
                    return Ok(Some(Hindrance::Theirs(under_way(document))));
                }
                self.control.revive(&document.id(), now).await?;
                return Ok(Some(Hindrance::Until(now, "a run that died".to_owned())));
            }
            Some((_, State::Due { not_before: Some(not_before) })) if *not_before > start.0 => {
                start = (*not_before, format!("to be tried again at {}", moment(*not_before)));
            }
            _ => {}
        }
        if start.0 > now {
            return Ok(Some(Hindrance::Until(start.0, start.1)));
        }
        // What is tried again, or was called late, may have come into a black-out.
        if let Some(until) = self.schedule.held_until(instant(now)) {
            return Ok(Some(Hindrance::Until(timestamp(until), blackout(until))));
        }
        Ok(match self.before(at, now).await? {
            Before::Well => None,
            Before::Wait(words) => Some(Hindrance::Other(words)),
            Before::Failed(other) => {
                let words = format!("`{other}`, which it comes after, did not end well");
                Some(Hindrance::Never(Why::Dependency, Some(other), words))
            }
        })
    }

    /// Claims an occurrence. Earlier ones that wait to be tried again give way to it: nobody else may be there who comes back for them.
    async fn claim(&self, id: &OccurrenceId, now: Timestamp) -> Result<bool> {
        for earlier in self.control.occurrences(&self.name, id.at, EARLIER).await? {
            if earlier.at < id.at && matches!(earlier.state, State::Due { .. }) {
                self.leave(&earlier.id(), Why::Overlap, None).await?;
            }
        }
        let retries = self.schedule.retries();
        let terms = Terms { retries: retries.attempts, backoff_seconds: retries.backoff.as_secs(), most_seconds: retries.most.as_secs() };
        let instance = format!("{} (run --scheduled)", self.holder.host);
        let by = Claimant { instance, holder: self.holder.clone(), life: CLAIM_LIFE, terms };
        Ok(self.control.claim(id, &by, now).await?.done)
    }

    /// Says of an occurrence that it is not run, where it has not been; one that has been ends as its last attempt did.
    async fn leave(&self, id: &OccurrenceId, why: Why, about: Option<String>) -> Result<()> {
        self.control.skip(id, &skipped_for(why, about, id.at, self.clock.now())).await.map(|_| ())
    }

    fn say(&self, tell: &(dyn Fn(&str) + Sync), told: &mut String, id: &OccurrenceId, words: String) {
        if *told != words {
            tell(&format!("{id} waits: {words}"));
            *told = words;
        }
    }

    async fn sleep(&self, span: Duration) -> Result<()> {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = self.clock.sleep(span) => Ok(()),
            Ok(_) = stop.wait_for(|stop| *stop) => {
                let error = Error::new(codes::INTERRUPTED, "the run was stopped while it waited to begin");
                Err(error.data_note("Nothing was read or written."))
            }
        }
    }
}

fn under_way(document: &Occurrence) -> String {
    let holder = match &document.state {
        State::Begun(run) => &run.holder,
        State::Claimed(claim) => &claim.holder,
        _ => return "another process has it".to_owned(),
    };
    format!("process {} on {} is running it", holder.process, holder.host)
}

/// An instant as schedules have it.
fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.microseconds()).unwrap_or(jiff::Timestamp::MAX)
}

/// An instant as everybody else has it.
fn timestamp(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_microseconds(at.as_microsecond())
}
