//! Whether the pipelines that an occurrence comes after have done their part.

use aqueduct_pipeline::control_store::occurrence::{State, Why};
use aqueduct_pipeline::schema::{Result, Timestamp};

use super::turn::Scheduler;

/// How many occurrences back the last one that was run is looked for.
const BACK: usize = 50;

/// What the pipelines before say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// All have ended well.
    Well,
    /// One has not ended yet.
    Wait,
    /// One did not end well.
    Failed(String),
}

impl Scheduler {
    /// Looks at the latest occurrence, at or before this one, of every pipeline that a pipeline comes after. An occurrence that was not
    /// run because another did its work (overlap, catch-up, black-out) or because somebody paused it is passed over.
    pub(super) async fn before(&self, name: &str, at: Timestamp) -> Result<Before> {
        let after = self.pipelines.get(name).and_then(|entry| entry.schedule()).map(|schedule| schedule.dependencies().to_vec());
        let after = after.unwrap_or_default();
        // Whether somebody has to be waited for is known without asking the store.
        for other in &after {
            let Some(entry) = self.pipelines.get(other) else { continue };
            let is_unknown = entry.next.is_some_and(|next| next <= at);
            if is_unknown || entry.open().iter().any(|open| open.at <= at && open.skipped.is_none()) {
                return Ok(Before::Wait);
            }
        }
        for other in after {
            let latest = self.store.occurrences(&other, at, BACK).await?;
            let decisive = latest.iter().find(|occurrence| match &occurrence.state {
                State::Skipped(skipped) => skipped.why == Why::Dependency,
                // A call of `run --scheduled` that found the pipeline held: another run has done its part.
                State::Ended(ended) => ended.exit_code != Some(9),
                _ => true,
            });
            match decisive.map(|occurrence| &occurrence.state) {
                None => {}
                Some(State::Ended(ended)) if ended.exit_code == Some(0) => {}
                Some(State::Ended(_) | State::Skipped(_)) => return Ok(Before::Failed(other)),
                // Another scheduler knows more than the last look at the store has shown.
                Some(_) => return Ok(Before::Wait),
            }
        }
        Ok(Before::Well)
    }
}
