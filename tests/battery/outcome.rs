//! What a trial found.

use std::collections::BTreeMap;

/// The counts of one trial, or of all trials of a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Live records of the source that are not in the warehouse.
    pub(crate) lost: u64,
    /// Keys that are there more than once.
    pub(crate) duplicated: u64,
    /// Rows that differ from those of an undisturbed run, or should not be there.
    pub(crate) different: u64,
    /// Every invariant that did not hold, in words.
    pub(crate) complaints: Vec<String>,
    /// How often things happened that show that the trial was one, such as kills.
    pub(crate) notes: BTreeMap<String, u64>,
    /// The largest values of what is bounded.
    pub(crate) peaks: BTreeMap<&'static str, u64>,
}

impl Outcome {
    /// Whether every invariant held.
    pub(crate) fn holds(&self) -> bool {
        self.lost + self.duplicated + self.different == 0 && self.complaints.is_empty()
    }

    /// Adds a complaint unless something holds.
    pub(crate) fn must(&mut self, holds: bool, complaint: impl FnOnce() -> String) {
        if !holds {
            self.complaints.push(complaint());
        }
    }

    /// Counts something that happened.
    pub(crate) fn note(&mut self, what: impl Into<String>) {
        self.note_times(what, 1);
    }

    /// Counts something that happened so often.
    pub(crate) fn note_times(&mut self, what: impl Into<String>, times: u64) {
        *self.notes.entry(what.into()).or_default() += times;
    }

    /// Holds something against its bound, and keeps the largest value that was seen.
    pub(crate) fn bound(&mut self, what: &'static str, value: u64, most: u64) {
        let peak = self.peaks.entry(what).or_default();
        *peak = value.max(*peak);
        self.must(value <= most, || format!("{what}: {value}, and not at most {most}"));
    }

    /// Adds what another look found.
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.different += other.different;
        self.complaints.extend(other.complaints);
        for (what, value) in other.peaks {
            let peak = self.peaks.entry(what).or_default();
            *peak = value.max(*peak);
        }
        for (what, times) in other.notes {
            self.note_times(what, times);
        }
    }
}
