//! How long to wait between attempts. The only file that knows the crate `backoff`, which is no longer maintained.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aqueduct_schema::Timestamp;
use backoff::backoff::Backoff;
use backoff::exponential::ExponentialBackoff;

use crate::clock::Clock;
use crate::settings::Settings;

/// The waits of one request: doubling, with jitter, until the budget of time is used up.
pub(crate) struct Schedule {
    waits: ExponentialBackoff<Elapsed>,
    budget: Duration,
}

/// The engine's clock as `backoff` wants it: an instant of the machine moved on by the time passed since.
struct Elapsed {
    clock: Arc<dyn Clock>,
    began: Timestamp,
    anchor: Instant,
}

impl backoff::Clock for Elapsed {
    fn now(&self) -> Instant {
        self.anchor + self.clock.now().since(self.began)
    }
}

impl Schedule {
    /// A schedule that begins now.
    pub(crate) fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        let anchor = Instant::now();
        let began = clock.now();
        let waits = ExponentialBackoff {
            current_interval: settings.first_wait,
            initial_interval: settings.first_wait,
            randomization_factor: 0.5,
            multiplier: 2.0,
            max_interval: settings.longest_wait,
            start_time: anchor,
            max_elapsed_time: Some(settings.max_elapsed),
            clock: Elapsed { clock, began, anchor },
        };
        Self { waits, budget: settings.max_elapsed }
    }

    /// The next wait; `None` when the budget does not hold it.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        self.waits.next_backoff()
    }

    /// A wait the source asked for; `None` when the budget does not hold it.
    pub(crate) fn asked(&self, wait: Duration) -> Option<Duration> {
        (self.waits.get_elapsed_time().saturating_add(wait) <= self.budget).then_some(wait)
    }
}
