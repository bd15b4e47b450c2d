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
}

impl Limit {
    /// A limit; at most 8 requests under way at once.
    pub const fn new(class: LimitClass, requests: u32, per: Duration) -> Self {
        Self { class, requests, per, concurrent: 8 }
    }
}
