//! The account's limiter windows, their 429 replies and their headers.

use std::sync::{Mutex, PoisonError};

use hyper::header::HeaderName;

use super::auth::Caller;
use super::errors::Correlation;
use super::options::{Burst, Limits};
use crate::clock::{milliseconds, timestamp};
use crate::limiter::{DailyQuota, RollingWindow};
use crate::server::Reply;

/// The time zone in which the account's days begin.
pub(crate) const TIME_ZONE: &str = "Europe/London";

/// The windows and quotas of the account.
#[derive(Debug)]
pub(crate) struct Limiters {
    inner: Mutex<Windows>,
}

#[derive(Debug)]
struct Windows {
    limits: Limits,
    burst: Option<RollingWindow>,
    search: Option<RollingWindow>,
    daily: Option<DailyQuota>,
}

/// Why a request was refused, and what the reply says of it.
pub(crate) struct Refusal {
    policy: &'static str,
    wait_ms: i64,
    send_retry_after: bool,
    headers: Vec<(HeaderName, String)>,
}

impl Refusal {
    /// The 429.
    pub(crate) fn reply(self, errors: &Correlation, now: i64) -> Reply {
        let mut reply = errors.throttled(self.policy);
        reply.headers.extend(self.headers);
        if self.send_retry_after {
            let seconds = (self.wait_ms + 999) / 1000;
            reply = reply.with(hyper::header::RETRY_AFTER, seconds);
            reply.retry_after_ends = Some(now + self.wait_ms);
        }
        reply
    }
}

impl Limiters {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { inner: Mutex::new(Windows::new(limits)) }
    }

    /// Sets the limits; windows and quotas start empty.
    pub(crate) fn set(&self, limits: Limits) {
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Windows::new(limits);
    }

    /// Counts a request: the headers of its reply, or why it is refused.
    pub(crate) fn take(&self, now: i64, search: bool, caller: Caller) -> Result<Vec<(HeaderName, String)>, Refusal> {
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let windows = &mut *guard;
        let send_retry_after = windows.limits.send_retry_after;
        let mut headers = Vec::new();
        let window = if search { &mut windows.search } else { &mut windows.burst };
        if let Some(window) = window {
            let taken = window.take(now);
            if !search {
                let remaining = taken.unwrap_or(0);
                headers.push((HeaderName::from_static("x-hubspot-ratelimit-max"), window.limit().to_string()));
                headers.push((HeaderName::from_static("x-hubspot-ratelimit-remaining"), remaining.to_string()));
                headers.push((HeaderName::from_static("x-hubspot-ratelimit-interval-milliseconds"), window.window_ms().to_string()));
            }
            if let Err(wait_ms) = taken {
                let policy = if search { "SECONDLY" } else { "TEN_SECONDLY_ROLLING" };
                return Err(Refusal { policy, wait_ms, send_retry_after, headers });
            }
        }
        if let Some(daily) = &mut windows.daily {
            let (day, wait_ms) = day(now);
            let left = daily.take(day);
            // OAuth apps are not told about the day; search tells nobody anything.
            if !search && caller == Caller::PrivateApp {
                headers.push((HeaderName::from_static("x-hubspot-ratelimit-daily"), daily.limit().to_string()));
                headers.push((HeaderName::from_static("x-hubspot-ratelimit-daily-remaining"), left.unwrap_or(0).to_string()));
            }
            if left.is_none() {
                return Err(Refusal { policy: "DAILY", wait_ms, send_retry_after, headers });
            }
        }
        Ok(headers)
    }
}

impl Windows {
    fn new(limits: Limits) -> Self {
        let window = |burst: Burst| RollingWindow::new(burst.requests, milliseconds(burst.window).max(1));
        Self { limits, burst: limits.burst.map(window), search: limits.search.map(window), daily: limits.daily.map(DailyQuota::new) }
    }
}

/// A number for the account's day, and the milliseconds until it ends.
fn day(now: i64) -> (i32, i64) {
    let Ok(zoned) = timestamp(now).in_tz(TIME_ZONE) else { return (0, 1000) };
    let number = i32::from(zoned.year()) * 400 + i32::from(zoned.day_of_year());
    let ends = zoned.tomorrow().and_then(|tomorrow| tomorrow.start_of_day()).map_or(now, |start| start.timestamp().as_millisecond());
    (number, (ends - now).max(1))
}
