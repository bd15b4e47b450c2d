//! How far a backfill is, over all its windows and processes.

use std::sync::{Arc, Mutex, PoisonError};

use aqueduct_warehouse::BackfillWindow;

use super::{BackfillEvent, BackfillObserver};
use crate::observer::{Event, Observer};

/// How many records are committed, over all windows and processes.
pub(super) struct Tally {
    committed: Mutex<Vec<u64>>,
    expected: Option<u64>,
    observer: Arc<dyn BackfillObserver>,
}

impl Tally {
    pub(super) fn of(windows: &[BackfillWindow], observer: Arc<dyn BackfillObserver>) -> Self {
        let expected = windows.iter().map(|window| window.planned).sum();
        Self { committed: Mutex::new(windows.iter().map(|window| window.read).collect()), expected, observer }
    }

    pub(super) fn set(&self, index: usize, records: u64) {
        let records = {
            let mut committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
            committed[index] = records;
            committed.iter().sum::<u64>()
        };
        // What a job that vanished gave once more is not more of the whole.
        let records = self.expected.map_or(records, |expected| records.min(expected));
        self.observer.observe(BackfillEvent::Progress { records, expected: self.expected });
    }

    /// A window that is read from its beginning has nothing yet.
    pub(super) fn forget(&self, index: usize, read: u64) {
        if read > 0 {
            self.set(index, 0);
        }
    }
}

/// Hears of one window for the tally of all.
pub(super) struct OfWindow {
    pub(super) index: usize,
    /// Records of it that earlier passes have committed.
    pub(super) before: u64,
    pub(super) tally: Arc<Tally>,
}

impl Observer for OfWindow {
    fn observe(&self, event: Event<'_>) {
        if let Event::Progress { committed, .. } = event {
            self.tally.set(self.index, self.before + committed);
        }
    }
}
