//! Runs pipelines on their schedules, answers health, readiness and metrics, and raises alerts.

pub mod alert;
pub mod alerts;
pub mod http;
pub mod metrics;
pub mod overview;
pub mod project;
pub mod scheduler;
pub mod serve;
