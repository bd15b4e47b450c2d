//! What reached a simulator: counters by class and status, early retries, and a bounded request log.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::clock::timestamp;

/// What kind of endpoint a request went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestClass {
    /// A page of a plain listing of records.
    List,
    /// One record by its id.
    Get,
    /// A batch read of records.
    Batch,
    /// A search with filters.
    Search,
    /// Associations between records, one source or many.
    Association,
    /// Owners, pipelines, schema discovery, account details.
    Reference,
    /// The token endpoint and its relatives.
    Token,
    /// An export job: its making, its state, its end.
    Job,
    /// Anything that changes data.
    Write,
    /// A path that the vendor does not have.
    Unknown,
}

/// A snapshot of the counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that arrived, those answered by a fault included.
    pub total: u64,
    /// Requests by class.
    pub by_class: BTreeMap<RequestClass, u64>,
    /// Replies by HTTP status; a dropped connection counts as 0.
    pub by_status: BTreeMap<u16, u64>,
    /// Replies with status 429.
    pub throttled: u64,
    /// The same request (method, path, query, body) sent again before the `Retry-After` of its own reply had ended.
    pub early_retries: u64,
    /// Any request that arrived while some `Retry-After` was running.
    pub during_retry_after: u64,
    /// Faults that took effect.
    pub faults: u64,
    /// Bytes of bodies handed to the network, after compression.
    pub body_bytes: u64,
    /// The largest number of requests that were being answered at the same time.
    pub peak_in_flight: u64,
    /// The largest number of token requests that were being answered at the same time.
    pub peak_token_in_flight: u64,
}

impl Counters {
    /// The number of requests of a class.
    #[must_use]
    pub fn of(&self, class: RequestClass) -> u64 {
        self.by_class.get(&class).copied().unwrap_or(0)
    }

    /// The number of replies with an HTTP status.
    #[must_use]
    pub fn status(&self, status: u16) -> u64 {
        self.by_status.get(&status).copied().unwrap_or(0)
    }
}

/// One line of the request log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRequest {
    /// 1 for the first request, then counting.
    pub number: u64,
    /// When it arrived, by the simulator's clock.
    pub at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// Path and query; a token in a path is left out.
    pub path: String,
    /// What kind of endpoint it went to.
    pub class: RequestClass,
    /// The status of the reply; 0 when the connection was dropped, `None` while it is being answered.
    pub status: Option<u16>,
}

/// The live counters of one simulator.
#[derive(Debug)]
pub(crate) struct CounterSet {
    inner: Mutex<Inner>,
    log_capacity: usize,
}

#[derive(Debug, Default)]
struct Inner {
    counters: Counters,
    log: VecDeque<LoggedRequest>,
    in_flight: u64,
    token_in_flight: u64,
    retry_after_ends: i64,
    waiting: HashMap<u64, i64>,
    sequence: u64,
}

/// A request that has arrived and is being answered.
#[derive(Debug)]
pub(crate) struct Arrived {
    number: u64,
    fingerprint: u64,
    class: RequestClass,
}

impl CounterSet {
    /// Counters that keep the last `log_capacity` requests in the log.
    pub(crate) fn new(log_capacity: usize) -> Self {
        Self { inner: Mutex::new(Inner::default()), log_capacity }
    }

    /// Counts a request that has just arrived.
    pub(crate) fn arrive(&self, now_ms: i64, method: &str, path: &str, body: &[u8], logged: String, class: RequestClass) -> Arrived {
        let mut hasher = DefaultHasher::new();
        (method, path, body).hash(&mut hasher);
        let fingerprint = hasher.finish();

        let mut guard = self.lock();
        let inner = &mut *guard;
        inner.sequence += 1;
        inner.in_flight += 1;
        inner.token_in_flight += u64::from(class == RequestClass::Token);
        let counters = &mut inner.counters;
        counters.total += 1;
        *counters.by_class.entry(class).or_default() += 1;
        counters.peak_in_flight = counters.peak_in_flight.max(inner.in_flight);
        counters.peak_token_in_flight = counters.peak_token_in_flight.max(inner.token_in_flight);
        counters.during_retry_after += u64::from(now_ms < inner.retry_after_ends);
        if inner.waiting.remove(&fingerprint).is_some_and(|ends| now_ms < ends) {
            counters.early_retries += 1;
        }
        if inner.log.len() >= self.log_capacity {
            inner.log.pop_front();
        }
        if self.log_capacity > 0 {
            let entry = LoggedRequest {
                number: inner.sequence,
                at: timestamp(now_ms),
                method: method.to_owned(),
                path: logged,
                class,
                status: None,
            };
            inner.log.push_back(entry);
        }
        Arrived { number: inner.sequence, fingerprint, class }
    }

    /// Counts the reply to a request; `retry_after_ms` when the reply asked for a pause.
    pub(crate) fn reply(&self, arrived: &Arrived, status: u16, body_bytes: u64, retry_after_ends: Option<i64>, faulty: bool) {
        let mut guard = self.lock();
        let inner = &mut *guard;
        inner.in_flight = inner.in_flight.saturating_sub(1);
        if arrived.class == RequestClass::Token {
            inner.token_in_flight = inner.token_in_flight.saturating_sub(1);
        }
        let counters = &mut inner.counters;
        *counters.by_status.entry(status).or_default() += 1;
        counters.throttled += u64::from(status == 429);
        counters.faults += u64::from(faulty);
        counters.body_bytes += body_bytes;
        if let Some(ends) = retry_after_ends {
            inner.retry_after_ends = inner.retry_after_ends.max(ends);
            // A client that never returns must not make this grow without end.
            if inner.waiting.len() >= 100_000 {
                inner.waiting.clear();
            }
            inner.waiting.insert(arrived.fingerprint, ends);
        }
        let first = inner.log.front().map_or(0, |entry| entry.number);
        let place = arrived.number.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        if let Some(entry) = place.and_then(|place| inner.log.get_mut(place)) {
            entry.status = Some(status);
        }
    }

    /// The counters now.
    pub(crate) fn snapshot(&self) -> Counters {
        self.lock().counters.clone()
    }

    /// The log now, oldest first.
    pub(crate) fn log(&self) -> Vec<LoggedRequest> {
        self.lock().log.iter().cloned().collect()
    }

    /// Sets the counters to zero and empties the log. A running `Retry-After` runs on.
    pub(crate) fn reset(&self) {
        let mut inner = self.lock();
        inner.counters = Counters::default();
        inner.log.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(set: &CounterSet, now_ms: i64, path: &str) -> Arrived {
        set.arrive(now_ms, "GET", path, b"", path.to_owned(), RequestClass::List)
    }

    #[test]
    fn an_early_retry_is_told_from_another_request() {
        let set = CounterSet::new(10);
        let first = arrive(&set, 0, "/a");
        set.reply(&first, 429, 10, Some(1_000), false);
        let other = arrive(&set, 500, "/b");
        set.reply(&other, 200, 10, None, false);
        let early = arrive(&set, 999, "/a");
        set.reply(&early, 429, 10, Some(2_000), false);
        let patient = arrive(&set, 2_000, "/a");
        set.reply(&patient, 200, 10, None, false);

        let counters = set.snapshot();
        assert_eq!((counters.total, counters.throttled), (4, 2));
        assert_eq!((counters.early_retries, counters.during_retry_after), (1, 2));
        assert_eq!(counters.of(RequestClass::List), 4);
        assert_eq!(counters.status(200), 2);
    }

    #[test]
    fn the_log_is_bounded_and_knows_the_status() {
        let set = CounterSet::new(2);
        let requests: Vec<Arrived> = ["/a", "/b", "/c"].iter().map(|path| arrive(&set, 0, path)).collect();
        for request in &requests {
            set.reply(request, 204, 0, None, false);
        }
        let log = set.log();
        assert_eq!(log.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["/b", "/c"]);
        assert!(log.iter().all(|entry| entry.status == Some(204)));
        assert_eq!(set.snapshot().peak_in_flight, 3);
        set.reset();
        assert!(set.log().is_empty());
    }
}
