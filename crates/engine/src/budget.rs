//! A budget of requests that other processes draw on too.

use std::fmt;
use std::time::Duration;

use aqueduct_connector::{Limit, LimitClass, Usage};
use aqueduct_schema::{Result, Timestamp};
use async_trait::async_trait;

/// What is asked of a budget.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The class of requests.
    pub class: LimitClass,
    /// The vendor's limit of the class; none where it names no limit.
    pub limit: Option<Limit>,
    /// How many are wanted; at least one.
    pub wanted: u32,
    /// For how long after the asking they may be sent.
    pub valid_for: Duration,
    /// What an earlier handful left over: when it was taken, as [`Handful::Go`] had it, and how many.
    pub returned: Option<(Timestamp, u32)>,
}

/// What a budget answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handful {
    /// So many may be sent within the time asked for.
    Go {
        /// How many; at most what was wanted.
        count: u32,
        /// When they were taken, by the budget's own time.
        taken_at: Timestamp,
    },
    /// None yet; asking again is worth it after this long.
    Wait(Duration),
    /// None until the quota is renewed: the run stops with a checkpoint.
    Spent {
        /// How many are used.
        used: u64,
        /// How many are allowed.
        allowed: u64,
        /// How long until then, if that is known.
        renewed_in: Option<Duration>,
    },
}

/// Requests that may be sent, shared by everybody who uses one account.
///
/// A handful is taken at once, so that the place where the budget is kept is asked rarely. What is not sent in time lapses, and is
/// given back with the next asking.
#[async_trait]
pub trait Budget: Send + Sync + fmt::Debug {
    /// Takes a handful of requests, or says how long to wait.
    ///
    /// # Errors
    /// When the budget cannot be asked: then nothing may be sent.
    async fn take(&self, ask: &Ask) -> Result<Handful>;

    /// Tells that the vendor asked to slow down: nobody takes anything of the class for so long.
    ///
    /// # Errors
    /// When that cannot be told.
    async fn slow_down(&self, class: LimitClass, wait: Duration) -> Result<()>;

    /// Tells how much of its quota the vendor says is used.
    ///
    /// # Errors
    /// When that cannot be told.
    async fn learn(&self, usage: Usage) -> Result<()>;
}
