//! What was used of the limits.

use super::options::Limits;
use crate::limiter::RollingDay;

/// What is told as the limit where none is enforced: that of a full sandbox.
const UNLIMITED: u64 = 5_000_000;

/// Counters and limits.
#[derive(Debug)]
pub(crate) struct Usage {
    limits: Limits,
    requests: RollingDay,
}

impl Usage {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, requests: RollingDay::default() }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn set_limits(&mut self, limits: Limits) {
        *self = Self::new(limits);
    }

    /// Requests of the last 24 hours and how many there may be.
    pub(crate) fn requests(&mut self, now_ms: i64) -> (u64, u64) {
        (self.requests.count(now_ms), self.limits.daily_requests.unwrap_or(UNLIMITED))
    }

    /// Counts a request; false when there were too many before.
    pub(crate) fn take(&mut self, now_ms: i64) -> bool {
        let (used, most) = self.requests(now_ms);
        if self.limits.daily_requests.is_some() && used >= most {
            return false;
        }
        self.requests.add(now_ms);
        true
    }

    /// The header of every REST answer.
    pub(crate) fn header(&mut self, now_ms: i64) -> String {
        let (used, most) = self.requests(now_ms);
        format!("api-usage={used}/{most}")
    }
}
