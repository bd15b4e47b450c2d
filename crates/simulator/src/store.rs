//! A versioned store: every row keeps all its versions with their times.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;

/// What a version says about the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State<K> {
    /// It is there.
    Live,
    /// It lies in the recycle bin.
    Archived,
    /// It was merged into another row.
    Merged(K),
    /// It was erased for good; its values are gone from all versions.
    Erased,
}

/// One version of a row.
#[derive(Clone, Debug)]
pub(crate) struct Version<K, T> {
    /// When it came about, in milliseconds.
    pub(crate) at: i64,
    /// What the vendor gives as the modification time. It may stay behind `at`: some changes do not move it.
    pub(crate) modified_at: i64,
    pub(crate) state: State<K>,
    pub(crate) value: T,
}

/// A row with all its versions, oldest first. There is always at least one.
#[derive(Clone, Debug)]
pub(crate) struct History<K, T> {
    pub(crate) created_at: i64,
    first: Version<K, T>,
    later: Vec<Version<K, T>>,
}

impl<K, T> History<K, T> {
    /// The latest version.
    pub(crate) fn current(&self) -> &Version<K, T> {
        self.later.last().unwrap_or(&self.first)
    }

    /// The version that was the latest at `at`.
    pub(crate) fn as_of(&self, at: i64) -> Option<&Version<K, T>> {
        self.versions().rev().find(|version| version.at <= at)
    }

    /// All versions, oldest first.
    pub(crate) fn versions(&self) -> impl DoubleEndedIterator<Item = &Version<K, T>> {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// Whether the latest version is live.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.current().state, State::Live)
    }

    /// Whether the latest version is in the recycle bin.
    pub(crate) fn is_archived(&self) -> bool {
        matches!(self.current().state, State::Archived)
    }
}

/// The rows of one kind, by key.
#[derive(Clone, Debug)]
pub(crate) struct Table<K, T> {
    rows: BTreeMap<K, History<K, T>>,
    /// Live rows by modification time, so that a search for recent changes need not look at every row.
    by_modified: BTreeSet<(i64, K)>,
    archived: BTreeSet<K>,
    /// Rows in the recycle bin by modification time.
    archived_by_modified: BTreeSet<(i64, K)>,
}

impl<K: Ord + Clone, T> Table<K, T> {
    /// A table without rows.
    pub(crate) fn new() -> Self {
        Self { rows: BTreeMap::new(), by_modified: BTreeSet::new(), archived: BTreeSet::new(), archived_by_modified: BTreeSet::new() }
    }

    /// Adds a live row, in place of any row with that key.
    pub(crate) fn insert(&mut self, key: K, created_at: i64, modified_at: i64, value: T) {
        self.insert_at(key, created_at, modified_at.max(created_at), modified_at, value);
    }

    /// Adds a live row that came about at another time than its modification time says.
    pub(crate) fn insert_at(&mut self, key: K, created_at: i64, at: i64, modified_at: i64, value: T) {
        if let Some(old) = self.rows.get(&key) {
            let place = (old.current().modified_at, key.clone());
            self.by_modified.remove(&place);
            self.archived_by_modified.remove(&place);
        }
        self.archived.remove(&key);
        self.by_modified.insert((modified_at, key.clone()));
        let first = Version { at, modified_at, state: State::Live, value };
        self.rows.insert(key, History { created_at, first, later: Vec::new() });
    }

    /// Adds a version to a row; false when there is no such row. Versions never go back in time: an `at` before the
    /// latest version is taken as that version's time.
    pub(crate) fn change(&mut self, key: &K, at: i64, moves_modified: bool, state: State<K>, value: T) -> bool {
        let Some(before) = self.rows.get(key).map(History::current) else { return false };
        let at = at.max(before.at);
        let modified_at = if moves_modified { at.max(before.modified_at) } else { before.modified_at };
        self.change_stamped(key, at, modified_at, state, value)
    }

    /// The same with a modification time of its own, which may lie before the time at which the version came about.
    pub(crate) fn change_stamped(&mut self, key: &K, at: i64, modified_at: i64, state: State<K>, value: T) -> bool {
        let Some(history) = self.rows.get_mut(key) else { return false };
        let before = history.current();
        let at = at.max(before.at);
        let place = (before.modified_at, key.clone());
        self.by_modified.remove(&place);
        self.archived_by_modified.remove(&place);
        self.archived.remove(key);
        match &state {
            State::Live => drop(self.by_modified.insert((modified_at, key.clone()))),
            State::Archived => {
                self.archived.insert(key.clone());
                self.archived_by_modified.insert((modified_at, key.clone()));
            }
            State::Merged(_) | State::Erased => {}
        }
        history.later.push(Version { at, modified_at, state, value });
        true
    }

    /// Overwrites the values of every version of a row.
    pub(crate) fn wipe(&mut self, key: &K, mut empty: impl FnMut() -> T) {
        if let Some(history) = self.rows.get_mut(key) {
            history.first.value = empty();
            for version in &mut history.later {
                version.value = empty();
            }
        }
    }

    /// A row in any state.
    pub(crate) fn get(&self, key: &K) -> Option<&History<K, T>> {
        self.rows.get(key)
    }

    /// All rows in any state, by key.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&K, &History<K, T>)> {
        self.rows.iter()
    }

    /// Live rows with a key in `range`, by key.
    pub(crate) fn live(&self, range: impl RangeBounds<K>) -> impl Iterator<Item = (&K, &History<K, T>)> {
        self.rows.range(range).filter(|(_, history)| history.is_live())
    }

    /// Rows in the recycle bin with a key in `range`, by key.
    pub(crate) fn archived(&self, range: impl RangeBounds<K>) -> impl Iterator<Item = (&K, &History<K, T>)> {
        self.archived.range(range).filter_map(|key| self.rows.get_key_value(key))
    }

    /// Keys of live rows whose modification time lies in `range`, by time and key.
    pub(crate) fn modified(&self, range: impl RangeBounds<(i64, K)>) -> impl Iterator<Item = &K> {
        self.by_modified.range(range).map(|(_, key)| key)
    }

    /// Keys of live rows whose modification time lies in `range`, with it, by time and key.
    pub(crate) fn modified_pairs(&self, range: impl RangeBounds<(i64, K)>) -> impl Iterator<Item = &(i64, K)> {
        self.by_modified.range(range)
    }

    /// Keys of rows in the recycle bin whose modification time lies in `range`, with it, by time and key.
    pub(crate) fn archived_modified(&self, range: impl RangeBounds<(i64, K)>) -> impl Iterator<Item = &(i64, K)> {
        self.archived_by_modified.range(range)
    }

    /// Rows in any state with a key in `range`, by key.
    pub(crate) fn range(&self, range: impl RangeBounds<K>) -> impl Iterator<Item = (&K, &History<K, T>)> {
        self.rows.range(range)
    }

    /// The number of live rows.
    pub(crate) fn live_count(&self) -> usize {
        self.by_modified.len()
    }

    /// The number of rows in the recycle bin.
    pub(crate) fn archived_count(&self) -> usize {
        self.archived.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn table() -> Table<u64, &'static str> {
        let mut table = Table::new();
        for key in 1..=3 {
            table.insert(key, 10, 10, "a");
        }
        table
    }

    #[test]
    fn versions_are_kept_with_their_times() {
        let mut table = table();
        assert!(table.change(&2, 20, true, State::Live, "b"));
        assert!(table.change(&2, 30, false, State::Live, "c"));
        let row = table.get(&2).unwrap();
        assert_eq!(
            row.versions().map(|version| (version.at, version.modified_at, version.value)).collect::<Vec<_>>(),
            [(10, 10, "a"), (20, 20, "b"), (30, 20, "c")]
        );
        assert_eq!(row.as_of(25).unwrap().value, "b");
        assert!(row.as_of(9).is_none());
        assert!(!table.change(&9, 1, true, State::Live, "x"));
    }

    #[test]
    fn a_clock_set_back_does_not_reorder_versions() {
        let mut table = table();
        table.change(&1, 5, true, State::Live, "b");
        assert_eq!(table.get(&1).unwrap().current().at, 10);
    }

    #[test]
    fn a_late_commit_has_an_earlier_modification_time() {
        let mut table = table();
        table.change_stamped(&1, 50, 40, State::Live, "b");
        table.insert_at(4, 40, 50, 40, "n");
        assert_eq!(table.get(&1).unwrap().as_of(45).unwrap().value, "a");
        assert!(table.get(&4).unwrap().as_of(45).is_none());
        assert_eq!(table.modified((40, 0)..).copied().collect::<Vec<_>>(), [1, 4]);
    }

    #[test]
    fn states_move_rows_between_the_listings() {
        let mut table = table();
        table.change(&1, 20, true, State::Archived, "a");
        table.change(&3, 20, true, State::Merged(2), "a");
        assert_eq!(table.live(..).map(|(key, _)| *key).collect::<Vec<_>>(), [2]);
        assert_eq!(table.archived(..).map(|(key, _)| *key).collect::<Vec<_>>(), [1]);
        assert_eq!((table.live_count(), table.archived_count()), (1, 1));
        assert_eq!(table.modified((15, 0)..).count(), 0);
        assert_eq!(table.archived_modified((15, 0)..).copied().collect::<Vec<_>>(), [(20, 1)]);
        assert_eq!(table.range(2..).count(), 2);
        table.change(&1, 30, true, State::Live, "a");
        assert_eq!(table.modified((15, 0)..).copied().collect::<Vec<_>>(), [1]);
        table.wipe(&1, || "");
        assert!(table.get(&1).unwrap().versions().all(|version| version.value.is_empty()));
    }
}
