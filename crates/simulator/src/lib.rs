//! Vendors' APIs on localhost: real HTTP servers over a versioned store, with the vendors' limits, error bodies,
//! search semantics and faults, for tests and the demo.
//!
//! Each vendor is a module (`brevo`, `hubspot`, `salesforce`). What vendors share lies beside it: the clock, the versioned store, limiter
//! windows, fault switches, counters and the generator of invented people.
//!
//! The crate is written from the vendors' published facts and from their SDKs' models alone, and depends on no other
//! crate of this workspace, so that a misreading in a connector is not repeated here.
//!
//! Credentials handed out here are invented per seed and open nothing, so they are plain strings.

pub mod brevo;
pub mod clock;
mod controls;
pub mod counters;
pub mod faults;
pub mod hubspot;
mod limiter;
mod people;
pub mod plain;
mod random;
pub mod replay;
pub mod salesforce;
mod server;
mod store;

pub use clock::Clock;
pub use counters::{Counters, LoggedRequest, RequestClass};
pub use faults::{ContentLength, Effect, Fault, Match, RetryAfter, Times};
pub use random::Random;
