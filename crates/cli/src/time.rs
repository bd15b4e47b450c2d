//! The time by which schedules fall due: the machine's, or in a binary built for it one that goes faster.

use std::sync::Arc;

use aqueduct_pipeline::schema::Result;
use aqueduct_pipeline::{Clock, Environment, SystemClock};
use aqueduct_server::scheduler::Settings;

/// The time of schedules.
pub(crate) struct ScheduleTime {
    clock: Arc<dyn Clock>,
    /// How many seconds of it pass in a second of the machine's.
    pace: u32,
}

impl ScheduleTime {
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// A scheduler's settings, with spans of this time that are the usual ones of the machine's.
    pub(crate) fn settings(&self) -> Settings {
        let usual = Settings::default();
        let spans = [usual.poll, usual.tolerance, usual.grace].map(|span| span.saturating_mul(self.pace));
        Settings { poll: spans[0], tolerance: spans[1], grace: spans[2], ..usual }
    }
}

/// The machine's time. With the feature `faster-schedules` what `AQUEDUCT_SCHEDULE_TIME` says, where it says something.
///
/// # Errors
/// `AQ1001` for a variable that cannot be read.
pub(crate) fn of_schedules(environment: &Environment) -> Result<ScheduleTime> {
    #[cfg(feature = "faster-schedules")]
    if let Some(text) = environment.get("AQUEDUCT_SCHEDULE_TIME") {
        let clock = aqueduct_server::scheduler::FasterClock::read(text)?;
        return Ok(ScheduleTime { pace: clock.pace(), clock: Arc::new(clock) });
    }
    let _ = environment;
    Ok(ScheduleTime { clock: Arc::new(SystemClock), pace: 1 })
}
