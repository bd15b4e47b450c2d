//! The scheduler under a clock that tests drive, with runs that are no processes, and control stores of every kind.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod absences;
mod instances;
mod kills;
mod memory;
mod policies;
mod world;
mod year;
