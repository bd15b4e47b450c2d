//! What may become of an occurrence: plain functions over its document, the same on both databases.
//!
//! Two times go in. `now` is the store's and decides about leases, which are about processes. `at` is that of the schedule, which a test
//! may drive: when something falls due, begins and is tried again.

use std::time::Duration;

use aqueduct_schema::Timestamp;

use crate::holder::Holder;
use crate::occurrence::{Attempt, Begun, Claim, Ended, Exit, Occurrence, OccurrenceId, Skipped, State, Stop, Tally, Terms, Why};

/// How many attempts a document lists.
const LISTED: usize = 20;
/// How often a run that died, or that somebody stopped, is tried again whatever the schedule says of retries: nobody has judged it yet.
const LOST_RUNS: u32 = 3;
/// The waits after a run that found the pipeline held by another run.
const HELD: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(300));
/// The waits after a run whose source had no quota left and did not say until when. Some vendors begin a day anew at a midnight, others let go
/// of requests that are a day old: runs that end at their first request until there is some meet both.
const SPENT: (Duration, Duration) = (Duration::from_secs(3_600), Duration::from_secs(6 * 3_600));
/// How many such waits there are: 1, 2, 4, 6, 6 and 6 hours are a day and an hour, after which every quota of a day has been renewed.
const SPENT_RUNS: u32 = 6;
/// The wait after a run that died, where the schedule names none.
const AFTER_DEATH: Duration = Duration::from_secs(10);
/// A lease that ends later than this was written under a clock that has been set back since.
const FARTHEST: Duration = Duration::from_secs(6 * 3_600);

/// A scheduler that claims an occurrence.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// Its name.
    pub instance: String,
    /// Its process.
    pub holder: Holder,
    /// How long the claim holds.
    pub life: Duration,
    /// What the schedule says of further attempts.
    pub terms: Terms,
}

/// Claims an occurrence that is due, also one that nothing is stored of yet. Nothing where it is not to be had now.
pub fn claim(stored: Option<Occurrence>, id: &OccurrenceId, by: &Claimant, at: Timestamp, now: Timestamp) -> Option<Occurrence> {
    let mut occurrence = stored.unwrap_or_else(|| Occurrence {
        pipeline: id.pipeline.clone(),
        at: id.at,
        state: State::Due { not_before: None },
        terms: by.terms,
        attempts: Vec::new(),
        tally: Tally::default(),
    });
    let is_to_be_had = match &occurrence.state {
        State::Due { not_before } => not_before.is_none_or(|not_before| not_before <= at),
        _ => false,
    };
    #[cfg(feature = "planted-no-claim")]
    let is_to_be_had = is_to_be_had || crate::planted::claims_what_is_another_s();
    if !is_to_be_had {
        return None;
    }
    occurrence.terms = by.terms;
    occurrence.state = State::Claimed(Claim {
        instance: by.instance.clone(),
        holder: by.holder.clone(),
        attempt: occurrence.tally.attempts + 1,
        since: at,
        until: now.plus(by.life),
    });
    Some(occurrence)
}

/// A claim renewed by the process that has it.
pub fn renew_claim(stored: Option<Occurrence>, holder: &Holder, life: Duration, now: Timestamp) -> Option<Occurrence> {
    let mut occurrence = stored?;
    match &mut occurrence.state {
        State::Claimed(claim) if claim.holder == *holder => claim.until = now.plus(life),
        _ => return None,
    }
    Some(occurrence)
}

/// A run's first act: what is claimed, by whichever scheduler, is begun. A run that asks twice has it.
pub fn begin(stored: Option<Occurrence>, holder: &Holder, life: Duration, at: Timestamp, now: Timestamp) -> Option<Occurrence> {
    let mut occurrence = stored?;
    let run = match &occurrence.state {
        State::Claimed(claim) => Begun {
            instance: claim.instance.clone(),
            holder: holder.clone(),
            attempt: claim.attempt,
            since: at,
            until: now.plus(life),
            stop: None,
        },
        State::Begun(run) if run.holder == *holder => run.clone(),
        _ => return None,
    };
    occurrence.state = State::Begun(run);
    Some(occurrence)
}

/// A sign of life of a run.
pub fn hear(stored: Option<Occurrence>, run_id: &str, life: Duration, now: Timestamp) -> Option<Occurrence> {
    let mut occurrence = stored?;
    match &mut occurrence.state {
        State::Begun(run) if run.holder.run_id == run_id => run.until = now.plus(life),
        _ => return None,
    }
    Some(occurrence)
}

/// Notes why a run is to stop. The first reason stays.
pub fn ask_to_stop(stored: Option<Occurrence>, run_id: &str, why: Stop) -> Option<Occurrence> {
    let mut occurrence = stored?;
    match &mut occurrence.state {
        State::Begun(run) if run.holder.run_id == run_id && run.stop.is_none() => run.stop = Some(why),
        _ => return None,
    }
    Some(occurrence)
}

/// A run's last act.
pub fn end(stored: Option<Occurrence>, run_id: &str, exit: &Exit, at: Timestamp) -> Option<Occurrence> {
    let occurrence = stored?;
    let State::Begun(run) = &occurrence.state else {
        // The answer to the first question may have been lost on its way.
        let told = occurrence.attempts.last().is_some_and(|last| last.run_id.as_deref() == Some(run_id));
        return told.then_some(occurrence);
    };
    if run.holder.run_id != run_id {
        return None;
    }
    let attempt = ended(run, exit.clone(), at);
    Some(conclude(occurrence, attempt, at))
}

/// A process ended before its run began, as the scheduler that started it has seen.
pub fn give_up(stored: Option<Occurrence>, holder: &Holder, exit: &Exit, at: Timestamp) -> Option<Occurrence> {
    let occurrence = stored?;
    let State::Claimed(claim) = &occurrence.state else { return None };
    if claim.holder != *holder {
        return None;
    }
    // Nobody but a run that began can say that the pipeline is held.
    let code = exit.code.map(|code| if code == 9 || code == 0 { 1 } else { code });
    let attempt = Attempt {
        number: claim.attempt,
        instance: claim.instance.clone(),
        run_id: None,
        began_at: claim.since,
        ended_at: at,
        exit: Exit { code, ..exit.clone() },
        stop: None,
    };
    Some(conclude(occurrence, attempt, at))
}

/// Whether whoever has an occurrence is gone, or has not been heard of in time.
pub fn is_dead(occurrence: &Occurrence, now: Timestamp) -> bool {
    match &occurrence.state {
        State::Claimed(claim) => claim.holder.is_gone() || is_past(claim.until, now),
        State::Begun(run) => run.holder.is_gone() || is_past(run.until, now),
        _ => false,
    }
}

/// Makes an occurrence due again whose scheduler or runner is dead.
pub fn revive(stored: Option<Occurrence>, at: Timestamp, now: Timestamp) -> Option<Occurrence> {
    let mut occurrence = stored?;
    if !is_dead(&occurrence, now) {
        return None;
    }
    if let State::Begun(run) = &occurrence.state {
        let attempt = ended(run, Exit::default(), at);
        return Some(conclude(occurrence, attempt, at));
    }
    // A claim under which nothing began was no attempt.
    occurrence.state = State::Due { not_before: None };
    Some(occurrence)
}

/// Gives up an occurrence that waits. One that was run has ended as its last attempt did.
pub fn skip(stored: Option<Occurrence>, id: &OccurrenceId, skipped: &Skipped) -> Option<Occurrence> {
    let skipped = State::Skipped(skipped.clone());
    let Some(mut occurrence) = stored else {
        return Some(Occurrence {
            pipeline: id.pipeline.clone(),
            at: id.at,
            state: skipped,
            terms: Terms::default(),
            attempts: Vec::new(),
            tally: Tally::default(),
        });
    };
    if !matches!(occurrence.state, State::Due { .. }) {
        return None;
    }
    occurrence.state = match occurrence.attempts.last() {
        Some(last) => State::Ended(Ended { exit_code: last.exit.code, run_id: last.run_id.clone(), ended_at: last.ended_at }),
        None => skipped,
    };
    Some(occurrence)
}

/// The reason for which something is skipped, for one occurrence.
pub fn skipped_for(why: Why, about: Option<String>, occurrence: Timestamp, at: Timestamp) -> Skipped {
    Skipped { why, about, count: 1, last: occurrence, decided_at: at }
}

fn is_past(until: Timestamp, now: Timestamp) -> bool {
    until <= now || until > now.plus(FARTHEST)
}

fn ended(run: &Begun, exit: Exit, at: Timestamp) -> Attempt {
    Attempt {
        number: run.attempt,
        instance: run.instance.clone(),
        run_id: Some(run.holder.run_id.clone()),
        began_at: run.since,
        ended_at: at,
        exit,
        stop: run.stop,
    }
}

/// Lists an attempt and decides whether there is a further one.
fn conclude(mut occurrence: Occurrence, attempt: Attempt, at: Timestamp) -> Occurrence {
    let tally = &mut occurrence.tally;
    tally.attempts = attempt.number;
    if attempt.exit.code != Some(9) {
        tally.held = 0;
    }
    if attempt.exit.code != Some(7) {
        tally.spent = 0;
    }
    let again = again(tally, &attempt, occurrence.terms, at);
    let over = Ended { exit_code: attempt.exit.code, run_id: attempt.run_id.clone(), ended_at: at };
    occurrence.attempts.push(attempt);
    if occurrence.attempts.len() > LISTED {
        occurrence.attempts.remove(0);
    }
    occurrence.state = match again {
        Some(not_before) => State::Due { not_before: Some(not_before) },
        None => State::Ended(over),
    };
    occurrence
}

/// When there is a further attempt; counts this one.
fn again(tally: &mut Tally, attempt: &Attempt, terms: Terms, at: Timestamp) -> Option<Timestamp> {
    let backoff = |first: Duration, most: Duration, number: u32| {
        at.plus(first.saturating_mul(2_u32.saturating_pow(number.saturating_sub(1).min(30))).min(most))
    };
    let (first, most) = (Duration::from_secs(terms.backoff_seconds), Duration::from_secs(terms.most_seconds));
    match (attempt.exit.code, attempt.stop) {
        // 2, 3 and 8 are for a person: the same run would end in the same way.
        (Some(0 | 2 | 3 | 8), _) | (_, Some(Stop::Overlap)) => None,
        (Some(129 | 130 | 143) | None, Some(Stop::Shutdown)) => Some(at),
        (Some(9), _) => {
            tally.held = tally.held.saturating_add(1);
            Some(backoff(HELD.0, HELD.1, tally.held))
        }
        (Some(7), _) => match attempt.exit.again_at {
            Some(again_at) => Some(again_at.max(at)),
            None => {
                tally.spent = tally.spent.saturating_add(1);
                (tally.spent <= SPENT_RUNS).then(|| backoff(SPENT.0, SPENT.1, tally.spent))
            }
        },
        (Some(129 | 130 | 143) | None, None) => {
            tally.lost = tally.lost.saturating_add(1);
            let first = if first.is_zero() { AFTER_DEATH } else { first };
            (tally.lost <= LOST_RUNS.max(terms.retries)).then(|| backoff(first, most.max(first), tally.lost))
        }
        (Some(_) | None, _) => {
            tally.failed = tally.failed.saturating_add(1);
            (tally.failed <= terms.retries).then(|| backoff(first, most, tally.failed))
        }
    }
}
