//! One class of requests out of a shared budget: a handful at a time.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::{Limit, LimitClass};
use aqueduct_schema::{Error, Result, Timestamp, codes};
use tokio::sync::Mutex;

use crate::budget::{Ask, Budget, Handful};
use crate::clock::Clock;

/// A handful is valid for a fiftieth of the limit's span, within these bounds: long enough for an answer of the store, short enough to
/// cost little of the limit.
const VALID: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// The part of that time in which requests are sent, in per cent. The rest is for their way, which is not always equally long.
const SENDING: u32 = 60;

/// What is left of a handful.
struct Left {
    count: u32,
    until: Timestamp,
    taken_at: Timestamp,
}

/// A class's part in a budget. Whoever needs a request waits in line here; the first in line asks for all.
pub(crate) struct Share {
    budget: Arc<dyn Budget>,
    clock: Arc<dyn Clock>,
    class: LimitClass,
    limit: Option<Limit>,
    state: Mutex<State>,
}

struct State {
    left: Option<Left>,
    wanted: u32,
    valid_for: Duration,
}

impl Share {
    pub(crate) fn new(budget: Arc<dyn Budget>, clock: Arc<dyn Clock>, class: LimitClass, limit: Option<Limit>) -> Self {
        let valid_for = limit.map_or(VALID.1, |limit| (limit.per / 50).clamp(VALID.0, VALID.1));
        Self { budget, clock, class, limit, state: Mutex::new(State { left: None, wanted: 1, valid_for }) }
    }

    /// Waits until one request may be sent: now.
    ///
    /// # Errors
    /// `AQ3002` when the quota is used up, the budget's own error when it cannot be asked.
    pub(crate) async fn request(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        loop {
            let now = self.clock.now();
            let mut returned = None;
            if let Some(left) = &mut state.left {
                if left.count > 0 && now < left.until {
                    left.count -= 1;
                    return Ok(());
                }
                returned = (left.count > 0).then_some((left.taken_at, left.count));
                let wanted = match (left.count, now < left.until) {
                    (0, true) => state.wanted * 2,
                    (0, false) => state.wanted,
                    _ => state.wanted / 2,
                };
                state.wanted = wanted.clamp(1, self.largest(state.valid_for));
                state.left = None;
            }
            let ask = Ask { class: self.class, limit: self.limit, wanted: state.wanted, valid_for: state.valid_for, returned };
            match self.budget.take(&ask).await? {
                Handful::Go { count, taken_at } => {
                    // The time counts from before the asking: the taking was later than that.
                    let until = now.plus(state.valid_for * SENDING / 100);
                    if until <= self.clock.now() {
                        // The answer took longer than it is valid. A place that is asked over a slow way needs more time.
                        state.valid_for = (state.valid_for * 2).min(self.limit.map_or(VALID.1, |limit| limit.per).max(VALID.1));
                    }
                    state.left = Some(Left { count, until, taken_at });
                }
                Handful::Wait(wait) => {
                    super::limit::tell(wait, self.class);
                    self.clock.sleep(wait).await;
                }
                Handful::Spent { used, allowed, renewed_in } => {
                    let message = "the part of the source's quota that pipelines may use is used up";
                    let error = Error::new(codes::QUOTA_REACHED, message).with("used", used).with("allowed", allowed);
                    return Err(match renewed_in {
                        Some(wait) => error.after(wait),
                        None => error,
                    });
                }
            }
        }
    }

    /// What a handful can hold: as many as the limit gives in the time for which it is valid.
    fn largest(&self, valid_for: Duration) -> u32 {
        let Some(limit) = self.limit else { return u32::MAX / 4 };
        let part = u128::from(limit.requests) * valid_for.as_micros() / limit.per.as_micros().max(1);
        u32::try_from(part).unwrap_or(u32::MAX / 4).max(1)
    }
}
