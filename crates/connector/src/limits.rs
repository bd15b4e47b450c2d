//! Limits a vendor sets, by class of request. The engine keeps them.

use std::time::Duration;

/// A class of requests that share a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LimitClass(pub &'static str);

impl LimitClass {
    /// Requests without a limit of their own.
    pub const DEFAULT: Self = Self("default");
}

/// So many requests in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The class it holds for.
    pub class: LimitClass,
    /// How many requests.
    pub requests: u32,
    /// In what time.
    pub per: Duration,
    /// How many requests of the class may be under way at once.
    pub concurrent: u32,
    /// How many may come in a burst, the rest evenly; a tenth where it is not said. A bucket of an hour wants most of it at once, or a
    /// run of a few requests waits for minutes.
    pub burst: Option<u32>,
}

impl Limit {
    /// A limit; at most 8 requests under way at once.
    pub const fn new(class: LimitClass, requests: u32, per: Duration) -> Self {
        Self { class, requests, per, concurrent: 8, burst: None }
    }
}

impl Limit {
    /// With so many at once.
    #[must_use]
    pub const fn burst(mut self, requests: u32) -> Self {
        self.burst = Some(requests);
        self
    }
}

/// How much of a quota that spans many requests (a day's, usually) is used, as an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Requests used so far, by everybody who shares the quota.
    pub used: u64,
    /// Requests the vendor allows.
    pub allowed: u64,
    /// From here on no further request is sent: the rest is for the other users of the account. The run stops with a checkpoint.
    pub stop_at: u64,
}

/// What it costs to read so many records of a stream, as far as the vendor's paging says it beforehand: for plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The limit that the requests count against.
    pub class: LimitClass,
    /// How many requests, when nothing has to be asked twice.
    pub requests: u64,
    /// Whether the source prepares the records first (an export job), which takes a time that nobody knows beforehand.
    pub prepared: bool,
    /// Whether two readings of the stream at the same time would be in each other's way.
    pub alone: bool,
}

impl Cost {
    /// So many requests of a class, for records that are ready to be read.
    pub const fn new(class: LimitClass, requests: u64) -> Self {
        Self { class, requests, prepared: false, alone: false }
    }
}
