//! Work shared among threads, with answers in the order of the work.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does every piece of work once, on so many threads, and gives the answers in the order of the pieces. Each thread has a state of its
/// own, which must not change an answer.
pub(crate) fn in_order<P: Sync, S, A: Send>(
    threads: usize,
    pieces: &[P],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &P) -> A + Sync,
) -> Vec<A> {
    if threads <= 1 || pieces.len() <= 1 {
        let mut own = state();
        return pieces.iter().map(|piece| work(&mut own, piece)).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(pieces.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(pieces.len()) {
            scope.spawn(|| {
                let mut own = state();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(piece) = pieces.get(index) else { return };
                    let answer = work(&mut own, piece);
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, answer));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, answer)| answer).collect()
}

/// Random numbers that are the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        ((u128::from(crate::text::mix(self.0, 0x5bd1_e995)) * u128::from(limit)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_order() {
        let pieces: Vec<u64> = (0..100).collect();
        for threads in [1, 2, 4] {
            assert_eq!(in_order(threads, &pieces, || 0, |_, piece| piece * 2), pieces.iter().map(|piece| piece * 2).collect::<Vec<_>>());
        }
        let mut random = Random::new(7);
        assert!((0..1_000).all(|_| random.below(10) < 10));
    }
}
