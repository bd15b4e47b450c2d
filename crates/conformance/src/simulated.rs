//! What the simulated vendors have in common.

use std::time::Duration;

use aqueduct_engine::Clock;
use aqueduct_schema::Timestamp;
use aqueduct_simulator::{ContentLength, Effect, Fault, LoggedRequest, Match, RequestClass, RetryAfter};
use async_trait::async_trait;

use crate::vendor::{Asked, Harm};

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

/// Harm as a simulator does it, whichever vendor it plays. An answer is cut off after `cut` bytes; one without records is `no_records`.
pub(crate) fn effect(harm: Harm, cut: usize, no_records: &str) -> Effect {
    match harm {
        Harm::EmptyBody => Effect::EmptyBody,
        Harm::Html => Effect::HtmlWithOk,
        Harm::CutOff => Effect::Truncate { at: cut, content_length: ContentLength::Sent },
        Harm::NoRecords => Effect::Body(no_records.to_owned()),
        Harm::ErrorBody => Effect::ErrorBodyWithOk,
        Harm::Dropped => Effect::Truncate { at: cut, content_length: ContentLength::Whole },
        Harm::Status(status) => Effect::status(status),
        Harm::SlowDown(None) => Effect::status(429),
        Harm::SlowDown(Some(seconds)) => Effect::status_retry_after(429, RetryAfter::Seconds(seconds)),
        Harm::TokenExpired => Effect::ExpireTokens,
    }
}

/// An effect on so many of the requests that match after some were spared, or on all of them.
pub(crate) fn fault(effect: Effect, requests: Match, skip: u64, times: Option<u64>) -> Fault {
    let fault = times.map_or_else(|| Fault::always(effect.clone()), |times| Fault::next(times, effect.clone()));
    fault.when(requests.after(skip))
}

/// A request as the suite counts it.
pub(crate) fn asked(request: &LoggedRequest) -> Asked {
    Asked {
        at: Timestamp::from_microseconds(request.at.as_microsecond()),
        status: request.status.unwrap_or_default(),
        token: request.class == RequestClass::Token,
    }
}
