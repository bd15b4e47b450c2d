//! Limiter windows as vendors run them: a rolling window and a calendar-day quota.

use std::collections::VecDeque;

/// At most `limit` requests in any `window_ms` milliseconds.
#[derive(Debug)]
pub(crate) struct RollingWindow {
    limit: usize,
    window_ms: i64,
    taken: VecDeque<i64>,
}

impl RollingWindow {
    /// An empty window.
    pub(crate) fn new(limit: u32, window_ms: i64) -> Self {
        Self { limit: limit as usize, window_ms, taken: VecDeque::new() }
    }

    /// Takes a place at `now_ms`: the number of places left, or the milliseconds until one is free.
    pub(crate) fn take(&mut self, now_ms: i64) -> Result<usize, i64> {
        let window = self.window_ms;
        // A clock set back leaves times ahead of now; those no longer say anything about this window.
        self.taken.retain(|&at| at <= now_ms && now_ms - at < window);
        if self.taken.len() >= self.limit {
            let oldest = self.taken.front().copied().unwrap_or(now_ms);
            return Err((oldest + window - now_ms).max(1));
        }
        self.taken.push_back(now_ms);
        Ok(self.limit - self.taken.len())
    }

    /// The number of requests that fit into the window.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The length of the window in milliseconds.
    pub(crate) fn window_ms(&self) -> i64 {
        self.window_ms
    }
}

/// At most `limit` requests in a calendar day.
#[derive(Debug)]
pub(crate) struct DailyQuota {
    limit: u64,
    used: u64,
    day: i32,
}

impl DailyQuota {
    /// A quota of which nothing is used.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, used: 0, day: 0 }
    }

    /// Uses one request of `day` (any number that differs from day to day): what is left, or `None` when it is used up.
    pub(crate) fn take(&mut self, day: i32) -> Option<u64> {
        if day != self.day {
            self.day = day;
            self.used = 0;
        }
        if self.used >= self.limit {
            return None;
        }
        self.used += 1;
        Some(self.limit - self.used)
    }

    /// The quota of a day.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_rolls() {
        let mut window = RollingWindow::new(2, 1_000);
        assert_eq!(window.take(0), Ok(1));
        assert_eq!(window.take(400), Ok(0));
        assert_eq!(window.take(999), Err(1));
        assert_eq!(window.take(1_000), Ok(0));
        assert_eq!(window.take(1_200), Err(200));
    }

    #[test]
    fn a_clock_set_back_frees_the_window() {
        let mut window = RollingWindow::new(1, 1_000);
        assert_eq!(window.take(50_000), Ok(0));
        assert_eq!(window.take(100), Ok(0));
    }

    #[test]
    fn a_quota_starts_anew_each_day() {
        let mut quota = DailyQuota::new(2);
        assert_eq!(quota.take(1), Some(1));
        assert_eq!(quota.take(1), Some(0));
        assert_eq!(quota.take(1), None);
        assert_eq!(quota.take(2), Some(1));
    }
}
