//! The simulator's clock: everything that happens at a vendor happens at this clock's time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A clock that tests own. Clones show the same time.
///
/// Its resolution is one millisecond, the resolution of the vendors' timestamps.
#[derive(Clone, Debug)]
pub struct Clock {
    reading: Arc<Mutex<Reading>>,
}

#[derive(Debug)]
struct Reading {
    milliseconds: i64,
    /// When the reading was taken; `None` for a clock that stands still.
    taken: Option<Instant>,
}

impl Clock {
    /// A clock that shows the machine's time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is handed in")]
    pub fn real() -> Self {
        Self::running_from(Timestamp::now())
    }

    /// A clock that stands at `at` until it is moved by [`Clock::set`] or [`Clock::advance`].
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self::starting(at, None)
    }

    /// A clock that shows `at` now and runs from there. It can be moved while it runs.
    #[must_use]
    pub fn running_from(at: Timestamp) -> Self {
        Self::starting(at, Some(Instant::now()))
    }

    fn starting(at: Timestamp, taken: Option<Instant>) -> Self {
        let reading = Reading { milliseconds: at.as_millisecond(), taken };
        Self { reading: Arc::new(Mutex::new(reading)) }
    }

    /// The time now, in whole milliseconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        timestamp(self.now_ms())
    }

    /// Moves the clock to `at`, forwards or backwards; a running clock runs on from there.
    pub fn set(&self, at: Timestamp) {
        let mut reading = self.lock();
        reading.milliseconds = at.as_millisecond();
        reading.taken = reading.taken.map(|_| Instant::now());
    }

    /// Moves the clock forwards by `by`.
    pub fn advance(&self, by: Duration) {
        let mut reading = self.lock();
        reading.milliseconds = reading.milliseconds.saturating_add(milliseconds(by));
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        let reading = self.lock();
        let run = reading.taken.map_or(0, |taken| milliseconds(taken.elapsed()));
        reading.milliseconds.saturating_add(run)
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::real()
    }
}

/// The instant before which invented records were created and modified, in milliseconds since the epoch: 2026-06-30T00:00:00Z.
pub(crate) const GENERATED_UNTIL: i64 = 1_782_777_600_000;

/// Whole milliseconds of a duration, saturating.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The instant of a number of milliseconds since the epoch, held within what a timestamp can show.
pub(crate) fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(if milliseconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// An instant as the vendors write it: `2026-02-01T00:00:00.123Z`, always three decimals.
pub(crate) fn iso(milliseconds: i64) -> String {
    format!("{:.3}", timestamp(milliseconds))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual("2026-02-01T00:00:00.123456Z".parse().unwrap());
        assert_eq!(clock.now().to_string(), "2026-02-01T00:00:00.123Z");
        clock.clone().advance(Duration::from_millis(1500));
        assert_eq!(clock.now().to_string(), "2026-02-01T00:00:01.623Z");
        clock.set("2020-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(iso(clock.now_ms()), "2020-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_running_clock_starts_where_it_is_told() {
        let start: Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
        let clock = Clock::running_from(start);
        assert!(clock.now() >= start);
        clock.advance(Duration::from_secs(3600));
        assert!(clock.now().as_second() >= start.as_second() + 3600);
    }
}
