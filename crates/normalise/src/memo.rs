//! A small memory of what became of a value, for columns that repeat their values.

/// Places for answers; a new answer takes the place of an older one.
const PLACES: usize = 4_096;
/// Longer values are not kept: they seldom come twice.
const LONGEST: usize = 64;
/// After so many questions a memo looks at whether it is of use, and again whenever they have doubled.
const TRIAL: u32 = 512;

/// Answers by value. A memo that is seldom asked twice for the same value gives up and costs nothing from then on.
///
/// Each value has one place, by a hash that is quick rather than strong: values that were chosen to meet in one place only take turns.
#[derive(Debug)]
pub(crate) struct Memo<V> {
    places: Vec<Option<(Box<str>, V)>>,
    asked: u32,
    found: u32,
    active: bool,
}

impl<V> Memo<V> {
    pub(crate) fn new(active: bool) -> Self {
        Self { places: Vec::new(), asked: 0, found: 0, active }
    }

    pub(crate) fn get(&mut self, value: &str) -> Option<&V> {
        if !self.active || value.len() > LONGEST {
            return None;
        }
        self.asked = self.asked.wrapping_add(1);
        if self.asked >= TRIAL && self.asked.is_power_of_two() && self.found < self.asked / 3 {
            self.active = false;
            self.places = Vec::new();
            return None;
        }
        match self.places.get(place(value)) {
            Some(Some((known, answer))) if **known == *value => {
                self.found = self.found.wrapping_add(1);
                Some(answer)
            }
            _ => None,
        }
    }

    pub(crate) fn keep(&mut self, value: &str, answer: impl FnOnce() -> V) {
        if !self.active || value.len() > LONGEST {
            return;
        }
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        self.places[place(value)] = Some((value.into(), answer()));
    }
}

fn place(value: &str) -> usize {
    // Multiplication by an odd constant near 2^64 divided by the golden ratio carries every bit upwards, where it is read.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = value.len() as u64;
    let mut chunks = value.as_bytes().chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    for byte in chunks.remainder() {
        hash = (hash.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(FACTOR);
    }
    (hash >> 52) as usize % PLACES
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
        assert!(!unique.active && unique.places.is_empty());
        assert!(repeated.active);
    }

    #[test]
    fn values_that_share_a_place_are_never_mixed_up() {
        let mut memo = Memo::new(true);
        for number in 0..20_000 {
            let value = format!("value {}", number % 200 * 37);
            if let Some(answer) = memo.get(&value) {
                assert_eq!(*answer, value);
            }
            memo.keep(&value, || value.clone());
        }
    }

    #[test]
    fn names_spread_over_the_places() {
        let mut places: Vec<usize> = (0..1_000).map(|number| place(&format!("Company {number} GmbH"))).collect();
        places.sort_unstable();
        places.dedup();
        assert!(places.len() > 800, "{}", places.len());
    }
}
