//! Keeps the vendor's limits: requests in a span of time and requests at once, by class. After "slow down" a whole class waits.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aqueduct_connector::{LimitClass, Usage};
use aqueduct_schema::{Error, Result, Timestamp, codes};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::Semaphore;
use tracing::warn;

use super::share::Share;
use super::sign::Sign;
use super::token::Generation;
use super::{Attempt, Exchange};
use crate::budget::Budget;
use crate::clock::Clock;
use crate::meter::Waiting;

/// The engine's clock as governor wants it: time since 1970.
#[derive(Clone)]
struct SinceEpoch(Arc<dyn Clock>);

impl governor::clock::Clock for SinceEpoch {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.now().since(Timestamp::from_seconds(0))
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, SinceEpoch, NoOpMiddleware<Duration>>;

/// The state of one class.
struct Class {
    pace: Pace,
    at_once: Option<Semaphore>,
    /// Microseconds since 1970 until which nothing is sent.
    paused_until: AtomicI64,
}

/// What a request waits for.
enum Pace {
    Free,
    /// This process keeps the limit by itself.
    Own(Limiter),
    /// The limit is shared with other processes.
    Shared(Share),
}

impl Class {
    fn new(pace: Pace, at_once: Option<Semaphore>) -> Self {
        Self { pace, at_once, paused_until: AtomicI64::new(i64::MIN) }
    }
}

pub(crate) struct Limit {
    inner: Sign,
    clock: Arc<dyn Clock>,
    budget: Option<Arc<dyn Budget>>,
    classes: Mutex<HashMap<LimitClass, Arc<Class>>>,
}

impl Limit {
    pub(crate) fn new(inner: Sign, limits: &[aqueduct_connector::Limit], clock: Arc<dyn Clock>, budget: Option<Arc<dyn Budget>>) -> Self {
        let classes = limits
            .iter()
            .map(|limit| {
                let pace = match &budget {
                    Some(budget) => Pace::Shared(Share::new(budget.clone(), clock.clone(), limit.class, Some(*limit))),
                    None => quota(limit.requests, limit.per, limit.burst)
                        .map_or(Pace::Free, |quota| Pace::Own(RateLimiter::direct_with_clock(quota, SinceEpoch(clock.clone())))),
                };
                (limit.class, Arc::new(Class::new(pace, Some(Semaphore::new(limit.concurrent.max(1) as usize)))))
            })
            .collect();
        Self { inner, clock, budget, classes: Mutex::new(classes) }
    }

    pub(crate) async fn send(&self, exchange: &Exchange) -> Result<Attempt> {
        let class = self.class(exchange.request.class);
        let waiting = exchange.meter.wait(Waiting::Limits);
        let permit = match &class.at_once {
            Some(at_once) => Some(at_once.acquire().await.map_err(|_| Error::new(codes::BUG, "the limiter was closed"))?),
            None => None,
        };
        self.turn(&class, exchange.request.class).await?;
        drop(waiting);
        let outcome = self.inner.send(exchange).await;
        drop(permit);
        outcome
    }

    /// Sends nothing of a class for a while. A longer pause that is under way stays.
    pub(crate) async fn pause(&self, class: LimitClass, wait: Duration) {
        self.class(class).paused_until.fetch_max(self.clock.now().plus(wait).microseconds(), Ordering::AcqRel);
        if let Some(budget) = &self.budget
            && let Err(error) = budget.slow_down(class, wait).await
        {
            warn!("other processes could not be told to slow down: {error}");
        }
    }

    /// Passes on what the vendor says of its quota.
    pub(crate) async fn learn(&self, usage: Usage) {
        if let Some(budget) = &self.budget
            && let Err(error) = budget.learn(usage).await
        {
            warn!("other processes could not be told of the quota: {error}");
        }
    }

    /// Passes on that a token is no longer taken.
    pub(crate) async fn renew(&self, stale: Generation) {
        self.inner.renew(stale).await;
    }

    async fn turn(&self, class: &Class, name: LimitClass) -> Result<()> {
        loop {
            let paused = Timestamp::from_microseconds(class.paused_until.load(Ordering::Acquire)).since(self.clock.now());
            if !paused.is_zero() {
                tell(paused, name);
                self.clock.sleep(paused).await;
                continue;
            }
            match &class.pace {
                Pace::Free => return Ok(()),
                Pace::Shared(share) => {
                    share.request().await?;
                    // Somebody may have been told to slow down while this one stood in line.
                    if class.paused_until.load(Ordering::Acquire) <= self.clock.now().microseconds() {
                        return Ok(());
                    }
                }
                Pace::Own(limiter) => {
                    let Err(not_until) = limiter.check() else { return Ok(()) };
                    let wait = not_until.wait_time_from(governor::clock::Clock::now(&SinceEpoch(self.clock.clone())));
                    tell(wait, name);
                    // At least a microsecond, the grain of the clock, so that the loop always moves on.
                    self.clock.sleep(wait.max(Duration::from_micros(1))).await;
                }
            }
        }
    }

    fn class(&self, class: LimitClass) -> Arc<Class> {
        let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || {
            let shared = self.budget.clone().map(|budget| Share::new(budget, self.clock.clone(), class, None));
            Arc::new(Class::new(shared.map_or(Pace::Free, Pace::Shared), None))
        };
        classes.entry(class).or_insert_with(missing).clone()
    }
}

/// From here on a person would think that the run hangs.
const NOTICED: Duration = Duration::from_secs(10);

/// Says why nothing happens for a while.
pub(crate) fn tell(wait: Duration, class: LimitClass) {
    if wait >= NOTICED {
        warn!(seconds = wait.as_secs(), class = class.0, "waiting for the source's limit");
    }
}

/// A tenth of the requests (or as many as the limit says) may come in a burst, the rest evenly, so that no window of the limit's span,
/// wherever it begins, ever holds more than `requests`: a burst of `b` and one more every `per / (requests - b + 1)`.
fn quota(requests: u32, per: Duration, burst: Option<u32>) -> Option<Quota> {
    let burst = NonZeroU32::new(burst.unwrap_or(requests / 10).clamp(1, requests.max(1)))?;
    let interval = per / requests.checked_sub(burst.get())?.checked_add(1)?;
    Some(Quota::with_period(interval.max(Duration::from_nanos(1)))?.allow_burst(burst))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use governor::clock::FakeRelativeClock;

    #[test]
    fn no_window_holds_more_than_the_limit() {
        for (requests, milliseconds, burst) in
            [(1, 1_000, None), (5, 1_000, None), (100, 10_000, None), (190, 10_000, None), (100, 10_000, Some(80)), (10, 1_000, Some(99))]
        {
            let per = Duration::from_millis(milliseconds);
            let clock = FakeRelativeClock::default();
            let limiter = RateLimiter::direct_with_clock(quota(requests, per, burst).unwrap(), clock.clone());
            let step = Duration::from_millis(1);
            let mut sent: Vec<Duration> = Vec::new();
            for tick in 0..(3 * milliseconds) {
                while limiter.check().is_ok() {
                    sent.push(step * u32::try_from(tick).unwrap());
                }
                clock.advance(step);
            }
            let most = sent.iter().map(|from| sent.iter().filter(|at| *at >= from && **at < *from + per).count()).max().unwrap();
            assert!(most <= requests as usize, "{requests} in {per:?}: {most}");
            assert!(burst.is_some() || sent.len() >= 2 * requests as usize, "{requests} in {per:?}: only {}", sent.len());
        }
    }
}
