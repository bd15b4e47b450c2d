//! Tables that this process created and still fills: rows are appended, and the index of the keys is made at the end.
//!
//! Row ids are digests, so every key falls on another page of its index: kept up to date from the first row on, the index makes the
//! database rewrite most of its pages in every load (measured: a third of the processor time of a first load into SQLite, four tenths of
//! that of PostgreSQL). Made at once, it is sorted and written once. Until then a filter of fixed size knows the keys that are in; as
//! soon as a key may have come before, the index is made and rows are merged by it. The index is also made at the end of the run, and
//! by whoever else loads into the table and finds it missing, before anything is written. Rows that somebody puts in by other means are
//! told by the last row id in SQLite; in PostgreSQL one that has the key of a loaded row gives way to it when the index is made.

use std::collections::HashMap;
use std::sync::Arc;

use aqueduct_schema::{Result, TableName};

use crate::layout::Layout;
use crate::load_plan::Step;

/// The filter's size in bits: 8 MiB of memory, some two million keys before keys that are new look known.
const BITS: usize = 1 << 26;
/// Bits of a line of the processor's cache.
const LINE: usize = 512;
/// Bits a key.
const PROBES: usize = 6;

/// The tables without index, and the filter of their keys.
#[derive(Default)]
pub(crate) struct Unindexed {
    /// How many rows each table has, and its key column.
    rows: HashMap<TableName, (u64, Arc<str>)>,
    filter: Vec<u64>,
}

impl Unindexed {
    /// How many rows this process put into the table since it created it; `None` when it did not, or the index is made.
    pub(crate) fn rows(&self, name: &TableName) -> Option<u64> {
        self.rows.get(name).map(|(rows, _)| *rows)
    }

    /// The tables whose index is to be made, with their keys.
    pub(crate) fn tables(&self) -> Vec<(TableName, Arc<str>)> {
        self.rows.iter().map(|(name, (_, key))| (name.clone(), Arc::clone(key))).collect()
    }

    /// Notes, after the commit, how many rows the table has.
    pub(crate) fn set(&mut self, layout: &Layout, rows: u64) {
        self.rows.insert(layout.name.clone(), (rows, Arc::clone(&layout.key)));
    }

    /// Notes that the table has its index, or is in doubt.
    pub(crate) fn remove(&mut self, name: &TableName) {
        if self.rows.remove(name).is_some() && self.rows.is_empty() {
            self.filter = Vec::new();
        }
    }

    /// Adds the keys of a step. True when none of them can be in the table.
    pub(crate) fn adds(&mut self, name: &TableName, step: &Step) -> Result<bool> {
        let seed = seed(name);
        let mut new = true;
        for part in &step.parts {
            let keys = part.keys()?;
            for row in part.rows() {
                new &= !self.add(seed, keys.value(row));
            }
        }
        Ok(new)
    }

    /// Adds a key. True when it may have been added before, to a table of the same seed.
    fn add(&mut self, table_seed: u64, key: &str) -> bool {
        if self.filter.is_empty() {
            self.filter = vec![0; BITS / 64];
        }
        let hash = seeded(table_seed, key);
        // All bits of a key lie in one line of the processor's cache: eight words, of which the hash names the first.
        let line = (hash as usize % (BITS / LINE)) * (LINE / 64);
        let mut rest = hash >> 17 ^ hash.rotate_left(27).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut known = true;
        for _ in 0..PROBES {
            let bit = rest as usize % LINE;
            rest >>= 9;
            let (word, mask) = (&mut self.filter[line + bit / 64], 1 << (bit % 64));
            known &= *word & mask != 0;
            *word |= mask;
        }
        known
    }
}

/// A number that stands for a table in the filter.
fn seed(name: &TableName) -> u64 {
    seeded(0, &name.to_string())
}

fn seeded(seed: u64, key: &str) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    seed.hash(&mut hasher);
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_key_is_always_known_and_a_new_one_hardly_ever() {
        let mut unindexed = Unindexed::default();
        let (one, other) = (seed(&TableName::common("contact")), seed(&TableName::common("account")));
        let wrong = (0..200_000).filter(|key| unindexed.add(one, &key.to_string())).count();
        assert_eq!(wrong, 0);
        assert!((0..200_000).all(|key| unindexed.add(one, &key.to_string())));
        assert_eq!((0..200_000).filter(|key| unindexed.add(other, &key.to_string())).count(), 0);
    }
}
