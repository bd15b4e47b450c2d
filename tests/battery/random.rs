//! Numbers by chance from a seed: the same on every machine, so that a failure can be repeated.

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(aqueduct_simulator::Random);

impl Random {
    /// The sequence of a trial: of the battery's seed, the row and the trial's number.
    pub(crate) fn of_trial(seed: u64, row: u8, trial: u64) -> Self {
        let mut random = aqueduct_simulator::Random::new(seed ^ (u64::from(row) << 56) ^ trial.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        random.bits();
        Self(random)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0.bits()
    }

    /// A number from `low` up to and without `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low).max(1)
    }

    /// One time in `of`.
    pub(crate) fn one_in(&mut self, of: u64) -> bool {
        self.next().is_multiple_of(of)
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.between(0, of.len() as u64) as usize]
    }
}
