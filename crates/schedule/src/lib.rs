//! When a pipeline runs: cron expressions, intervals, time zones with their daylight saving, black-outs, and what they mean in words.
//!
//! Arithmetic alone: nothing here knows a clock, a database or a process.

mod blackout;
mod check;
mod editor;
pub mod export;
mod expression;
mod field;
mod interval;
mod jitter;
mod occurrences;
mod schedule;
mod section;
mod span;
mod words;
mod zone;

pub use occurrences::Occurrences;
pub use schedule::{Retries, Schedule, Verdict};
pub use section::{BlackoutSection, CatchUp, Overlap, RetriesSection, ScheduleSection, Then};
