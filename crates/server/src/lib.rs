//! Runs pipelines on their schedules, answers health, readiness and metrics, and raises alerts.

pub mod alert;
pub mod overview;
