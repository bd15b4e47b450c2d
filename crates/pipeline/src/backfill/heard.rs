//! What is heard of a backfill: by the ledger of runs, and by whoever asked for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use aqueduct_schema::Error;
use aqueduct_warehouse::{RunRecord, WindowState};

use super::{BackfillEvent, BackfillObserver, BackfillReport};
use crate::ledger::{Told, Windows};
use crate::observer::{Event, Observer};

/// Follows a backfill for the ledger of runs, and passes on what happens.
pub(super) struct Listening {
    windows: Windows,
    inner: Arc<dyn BackfillObserver>,
}

impl Listening {
    pub(super) fn new(windows: Windows, inner: Arc<dyn BackfillObserver>) -> Self {
        Self { windows, inner }
    }
}

impl BackfillObserver for Listening {
    fn observe(&self, event: BackfillEvent<'_>) {
        match &event {
            BackfillEvent::Planned(plan) => {
                self.windows.planned(plan.streams.iter().map(|stream| (stream.stream.clone(), (0, stream.windows.len() as u64))));
            }
            BackfillEvent::Window(window) if window.state == WindowState::Verified => self.windows.done(&window.stream, window.read),
            _ => {}
        }
        self.inner.observe(event);
    }
}

impl Told for BackfillReport {
    fn record(&self) -> Option<&RunRecord> {
        Some(&self.record)
    }

    fn errors(&self) -> &[(String, Error)] {
        &self.errors
    }

    fn windows(&self) -> BTreeMap<String, (u64, u64)> {
        let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for window in &self.windows {
            let (done, all) = counts.entry(window.stream.clone()).or_default();
            *done += u64::from(matches!(window.state, WindowState::Verified | WindowState::Loaded));
            *all += 1;
        }
        counts
    }
}

/// Passes on what a lease and the ledger of runs have to say.
pub(super) struct Passing(pub(super) Arc<dyn BackfillObserver>);

impl Observer for Passing {
    fn observe(&self, event: Event<'_>) {
        match event {
            Event::Note(text) => self.0.observe(BackfillEvent::Note(text)),
            Event::Ended { entry } => self.0.observe(BackfillEvent::Ended(entry)),
            Event::Planned { .. } | Event::Progress { .. } | Event::Finished { .. } => {}
        }
    }
}
