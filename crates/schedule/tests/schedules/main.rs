//! Schedules against calculations that share nothing with them: a year counted minute by minute, croniter, cron, systemd, schemas.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod croniter;
mod editors;
mod examples;
mod exports;
mod laws;
mod mistakes;
mod mix;
mod paths;
mod python;
mod year;

use aqueduct_schedule::{Schedule, ScheduleSection};
use aqueduct_schema::Result;

/// The schedule of these words, as a pipeline file would have it.
fn compile(text: &str) -> Result<Schedule> {
    Schedule::compile(&aqueduct_schema::yaml::read::<ScheduleSection>("p.yaml", text)?, "p.yaml")
}

/// The schedule of these words.
#[track_caller]
fn schedule(text: &str) -> Schedule {
    compile(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}
