//! The engine's time. Everything that waits or looks at the time asks a [`Clock`], so that tests neither sleep nor race.

use std::time::Duration;

use aqueduct_schema::Timestamp;
use async_trait::async_trait;

/// A source of time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Waits. Afterwards [`Clock::now`] has moved on by at least `span`; a test's clock moves itself instead of waiting.
    async fn sleep(&self, span: Duration);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is handed")]
#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microseconds(jiff::Timestamp::now().as_microsecond())
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}
