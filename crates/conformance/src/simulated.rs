//! What the simulated vendors have in common.

use std::time::Duration;

use aqueduct_engine::Clock;
use aqueduct_schema::Timestamp;
use async_trait::async_trait;

/// A simulator's clock as the engine's: who waits moves it.
pub(crate) struct SimulatedClock(pub(crate) aqueduct_simulator::Clock);

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microseconds(self.0.now().as_microsecond())
    }

    async fn sleep(&self, span: Duration) {
        // The simulator counts whole milliseconds.
        self.0.advance(span + Duration::from_micros(999));
        tokio::task::yield_now().await;
    }
}
