//! A clock that moves when it is slept on, or when the test says so.

use std::sync::Mutex;
use std::time::Duration;

use aqueduct_engine::Clock;
use aqueduct_schema::Timestamp;
use async_trait::async_trait;
use tokio::sync::watch;

#[derive(Clone, Copy)]
struct State {
    now: Timestamp,
    sleepers: usize,
}

/// Begins at 2026-01-01T00:00:00Z.
pub(crate) struct TestClock {
    state: watch::Sender<State>,
    held: bool,
    slept: Mutex<Vec<Duration>>,
}

pub(crate) const BEGINNING: Timestamp = Timestamp::from_seconds(1_767_225_600);

impl TestClock {
    /// Whoever sleeps moves the time on and goes on at once.
    pub(crate) fn running() -> Self {
        Self { state: watch::Sender::new(State { now: BEGINNING, sleepers: 0 }), held: false, slept: Mutex::default() }
    }

    /// Whoever sleeps waits until the test moves the time on.
    pub(crate) fn held() -> Self {
        Self { held: true, ..Self::running() }
    }

    pub(crate) fn advance(&self, span: Duration) {
        self.state.send_modify(|state| state.now = state.now.plus(span));
    }

    /// Waits until so many are asleep.
    pub(crate) async fn asleep(&self, sleepers: usize) {
        self.state.subscribe().wait_for(|state| state.sleepers == sleepers).await.unwrap();
    }

    /// All waits so far.
    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.state.borrow().now
    }

    async fn sleep(&self, span: Duration) {
        self.slept.lock().unwrap().push(span);
        if !self.held {
            self.advance(span);
            tokio::task::yield_now().await;
            return;
        }
        let until = self.now().plus(span);
        let mut state = self.state.subscribe();
        self.state.send_modify(|state| state.sleepers += 1);
        state.wait_for(|state| state.now >= until).await.unwrap();
        self.state.send_modify(|state| state.sleepers -= 1);
    }
}
