//! What was exchanged with a source and where the time went: the counters that a run's ledger keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checkpoint::Mode;
use crate::time::Timestamp;

/// Readings that a record lists at most; a backfill of many windows has more.
const MOST_READINGS: usize = 400;

/// What was exchanged with a source, by one stream or by a whole run, and how long what was waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// Requests by class of limits and operation, in that order. Every attempt counts, and so do redirects and requests for tokens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Calls>,
    /// Answers by HTTP status; 0 for requests whose answer did not come or broke off.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<u16, u64>,
    /// Requests that were sent again, by the reason: `rate_limited`, `network`, `source_failed`, `malformed_answer`, `token_renewed`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub retries: BTreeMap<String, u64>,
    /// What was waited for.
    pub time: TimeSpent,
    /// The readings that were made, in their order; of a stream alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<Reading>,
}

/// Requests of one class and operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calls {
    /// The class of limits that they count against, for example `search`; `default` where a vendor has one limit for all, `token` for
    /// requests of access tokens, which count against none.
    pub class: String,
    /// What was being done, for example `contacts: changes`.
    pub operation: String,
    /// How many were sent.
    pub requests: u64,
    /// Bytes of bodies, decompressed, of answers that came whole.
    pub bytes: u64,
    /// Bytes of bodies as they came over the wire, those of answers that broke off included.
    pub wire_bytes: u64,
}

/// How long what was waited for, in milliseconds of time on the wall: while two requests wait at once, time passes once. The kinds
/// overlap, since one page is fetched while another is loaded; their sum may be more than a run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeSpent {
    /// A request waited for its turn within the source's limits, or because the source had asked to slow down.
    pub limits_ms: u64,
    /// A request waited before it was sent again, after a failure.
    pub retries_ms: u64,
    /// The source prepared what was asked for: an export job.
    pub preparing_ms: u64,
    /// A request was on its way, until the last byte of its answer.
    pub answers_ms: u64,
    /// The destination carried a load out.
    pub loads_ms: u64,
}

/// One reading of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The way of reading.
    pub mode: Mode,
    /// The first instant of what was asked for; absent for all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The end of it, exclusive; absent for all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether it went on where an earlier run had left off.
    #[serde(default)]
    pub resumed: bool,
    /// Whether it came to its end.
    #[serde(default)]
    pub complete: bool,
}

impl Traffic {
    /// Requests sent.
    pub fn requests(&self) -> u64 {
        self.calls.iter().map(|calls| calls.requests).sum()
    }

    /// Bytes of bodies, decompressed.
    pub fn bytes(&self) -> u64 {
        self.calls.iter().map(|calls| calls.bytes).sum()
    }

    /// Bytes of bodies as they came over the wire.
    pub fn wire_bytes(&self) -> u64 {
        self.calls.iter().map(|calls| calls.wire_bytes).sum()
    }

    /// Requests that were sent again.
    pub fn retried(&self) -> u64 {
        self.retries.values().sum()
    }

    /// Requests by class of limits.
    pub fn by_class(&self) -> BTreeMap<&str, u64> {
        let mut classes = BTreeMap::new();
        for calls in &self.calls {
            *classes.entry(calls.class.as_str()).or_default() += calls.requests;
        }
        classes
    }

    /// Adds what another part of the same work exchanged. Times are added as if one part came after the other.
    pub fn join(&mut self, other: &Self) {
        for calls in &other.calls {
            let key = |calls: &Calls| (calls.class.clone(), calls.operation.clone());
            match self.calls.binary_search_by_key(&key(calls), key) {
                Ok(place) => self.calls[place].add(calls),
                Err(place) => self.calls.insert(place, calls.clone()),
            }
        }
        for (status, answers) in &other.answers {
            *self.answers.entry(*status).or_default() += answers;
        }
        for (reason, retries) in &other.retries {
            *self.retries.entry(reason.clone()).or_default() += retries;
        }
        self.time.add(&other.time);
        let room = MOST_READINGS.saturating_sub(self.readings.len());
        self.readings.extend(other.readings.iter().take(room).cloned());
    }
}

impl Calls {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.wire_bytes += other.wire_bytes;
    }
}

impl TimeSpent {
    fn add(&mut self, other: &Self) {
        self.limits_ms += other.limits_ms;
        self.retries_ms += other.retries_ms;
        self.preparing_ms += other.preparing_ms;
        self.answers_ms += other.answers_ms;
        self.loads_ms += other.loads_ms;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn calls(class: &str, operation: &str, requests: u64) -> Calls {
        Calls { class: class.to_owned(), operation: operation.to_owned(), requests, bytes: requests * 10, wire_bytes: requests }
    }

    #[test]
    fn parts_add_up() {
        let mut sum = Traffic { calls: vec![calls("default", "a: list", 2)], ..Traffic::default() };
        let part = Traffic {
            calls: vec![calls("default", "a: list", 3), calls("search", "a: changes", 1)],
            answers: BTreeMap::from([(200, 3), (429, 1)]),
            retries: BTreeMap::from([("rate_limited".to_owned(), 1)]),
            time: TimeSpent { limits_ms: 7, ..TimeSpent::default() },
            readings: vec![Reading { mode: Mode::Changes, from: None, until: None, resumed: false, complete: true }],
        };
        sum.join(&part);
        sum.join(&part);
        assert_eq!((sum.requests(), sum.bytes(), sum.wire_bytes(), sum.retried()), (10, 100, 10, 2));
        assert_eq!(sum.by_class(), BTreeMap::from([("default", 8), ("search", 2)]));
        assert_eq!((sum.answers[&429], sum.time.limits_ms, sum.readings.len()), (2, 14, 2));
        let json = serde_json::to_string(&sum).unwrap();
        assert_eq!(serde_json::from_str::<Traffic>(&json).unwrap(), sum);
        assert_eq!(serde_json::from_str::<Traffic>("{}").unwrap(), Traffic::default());
    }
}
