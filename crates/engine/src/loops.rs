//! Notices when paging goes in a circle.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use aqueduct_schema::Position;

/// Watches the positions of one reading in constant memory.
///
/// A position that equals one of the last three is found at once. A longer circle is found by Brent's method: each position is
/// compared with a marker that moves forward at steps of powers of two, which any circle must meet again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LoopGuard {
    recent: [Option<u64>; 3],
    marker: Option<u64>,
    steps: u64,
    power: u64,
}

impl LoopGuard {
    /// Takes note of a position; true when it was there before.
    pub(crate) fn repeats(&mut self, position: &Position) -> bool {
        let mut hasher = DefaultHasher::new();
        position.0.to_string().hash(&mut hasher);
        let hash = Some(hasher.finish());
        if self.recent.contains(&hash) || self.marker == hash {
            return true;
        }
        self.recent.rotate_right(1);
        self.recent[0] = hash;
        self.steps += 1;
        if self.steps >= self.power {
            self.marker = hash;
            self.steps = 0;
            self.power = (self.power * 2).max(4);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pages_until_found(mut position: impl FnMut(u64) -> u64) -> Option<u64> {
        let mut guard = LoopGuard::default();
        (0..10_000).find(|page| guard.repeats(&Position(json!(position(*page)))))
    }

    #[test]
    fn circles_of_any_length_are_found_and_progress_is_not() {
        assert_eq!(pages_until_found(|page| page), None);
        assert_eq!(pages_until_found(|_| 7), Some(1));
        assert_eq!(pages_until_found(|page| page % 3), Some(3));
        for length in [2, 5, 10, 100, 1_000] {
            let found = pages_until_found(|page| if page < 17 { 1_000_000 + page } else { page % length });
            assert!(found.is_some_and(|found| found <= 17 + 4 * length + 40), "{length}: {found:?}");
        }
    }
}
