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

/// How many events there were in the last 24 hours, to the minute; a counter for limits of hundreds of thousands.
#[derive(Debug, Default)]
pub(crate) struct RollingDay {
    minutes: VecDeque<(i64, u64)>,
    sum: u64,
}

impl RollingDay {
    const MINUTES: i64 = 24 * 60;

    /// The number of events of the 24 hours before `now_ms`.
    pub(crate) fn count(&mut self, now_ms: i64) -> u64 {
        let now = now_ms.div_euclid(60_000);
        while let Some((minute, count)) = self.minutes.front().copied() {
            // A clock set back leaves minutes ahead of now; those no longer say anything about this day.
            if minute > now - Self::MINUTES && minute <= now {
                break;
            }
            self.minutes.pop_front();
            self.sum -= count;
        }
        self.sum
    }

    /// Counts an event and gives the number with it.
    pub(crate) fn add(&mut self, now_ms: i64) -> u64 {
        self.count(now_ms);
        let now = now_ms.div_euclid(60_000);
        match self.minutes.back_mut() {
            Some((minute, count)) if *minute == now => *count += 1,
            _ => self.minutes.push_back((now, 1)),
        }
        self.sum += 1;
        self.sum
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
    fn a_day_rolls_by_the_minute() {
        let mut day = RollingDay::default();
        assert_eq!((day.add(0), day.add(1), day.add(60_000)), (1, 2, 3));
        assert_eq!(day.count(24 * 3_600_000), 1);
        assert_eq!(day.add(24 * 3_600_000 + 60_000), 1);
        assert_eq!(day.add(5), 1);
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
