//! When a pipeline runs: cron expressions, intervals, time zones with their daylight saving, black-outs, and what they mean in words.
//!
//! Arithmetic alone: nothing here knows a clock, a database or a process.
