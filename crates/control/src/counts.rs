//! What became of the records of a stream, of a run, or of many runs.

use std::iter::Sum;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Counts of records and rows. `read = new + changed + unchanged + quarantined + filtered` for a stream that was read to its end and
/// loaded; a row marked as deleted counts as changed too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Records read and committed.
    pub read: u64,
    /// Rows that are new in the stream's first table: its source table, or a common one where that alone was written.
    pub new: u64,
    /// Rows that have changed there.
    pub changed: u64,
    /// Records that were already stored as they are.
    pub unchanged: u64,
    /// Rows marked as deleted there.
    pub deleted: u64,
    /// Records that went to quarantine.
    pub quarantined: u64,
    /// Records left out on purpose.
    pub filtered: u64,
}

impl Counts {
    /// Rows that are not as they were.
    pub fn written(&self) -> u64 {
        self.new + self.changed + self.deleted
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.new += other.new;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.quarantined += other.quarantined;
        self.filtered += other.filtered;
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        let mut sum = Self::default();
        counts.for_each(|counts| sum += counts);
        sum
    }
}
