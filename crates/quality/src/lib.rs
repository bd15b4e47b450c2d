//! The quality stage: judges rows and says which may be loaded. It never changes a value.

pub mod breaker;
pub mod contract;
pub mod drift;
pub mod required;

pub use breaker::{Breaker, QuarantineLimits};
pub use contract::{Contract, Judgement, OnChange};
pub use required::check;
