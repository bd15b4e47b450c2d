//! A small memory of what became of a value, for columns that repeat their values.

use std::collections::HashMap;

/// The most values one memo keeps.
const CAPACITY: usize = 4_096;
/// Longer values are not kept: they seldom come twice.
const LONGEST: usize = 64;

/// Answers by value. A memo that is seldom asked twice for the same value gives up and costs nothing from then on.
#[derive(Debug)]
pub(crate) struct Memo<V> {
    entries: HashMap<Box<str>, V>,
    asked: u32,
    found: u32,
    active: bool,
}

impl<V> Memo<V> {
    pub(crate) fn new(active: bool) -> Self {
        Self { entries: HashMap::new(), asked: 0, found: 0, active }
    }

    pub(crate) fn get(&mut self, value: &str) -> Option<&V> {
        if !self.active || value.len() > LONGEST {
            return None;
        }
        self.asked = self.asked.wrapping_add(1);
        if self.asked >= 512 && self.asked.is_power_of_two() && self.found < self.asked / 3 {
            self.active = false;
            self.entries = HashMap::new();
            return None;
        }
        let entry = self.entries.get(value);
        self.found = self.found.wrapping_add(u32::from(entry.is_some()));
        entry
    }

    pub(crate) fn keep(&mut self, value: &str, answer: impl FnOnce() -> V) {
        if self.active && value.len() <= LONGEST && self.entries.len() < CAPACITY {
            self.entries.insert(value.into(), answer());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memo_without_repetition_gives_up_and_one_with_repetition_does_not() {
        let mut unique = Memo::new(true);
        let mut repeated = Memo::new(true);
        for number in 0..2_000 {
            let value = number.to_string();
            assert_eq!(unique.get(&value), None);
            unique.keep(&value, || number);
            let value = (number % 7).to_string();
            match repeated.get(&value) {
                Some(answer) => assert_eq!(*answer, number % 7),
                None => repeated.keep(&value, || number % 7),
            }
        }
        assert!(!unique.active && unique.entries.is_empty());
        assert!(repeated.active && repeated.entries.len() == 7);
    }
}
