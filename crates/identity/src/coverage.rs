//! How much blocking may have missed, measured on the links that were found.

use serde::{Deserialize, Serialize};

use crate::blocking::{Blocks, KINDS, common, kind};
use crate::model::Model;
use crate::score::Scored;

/// How well the keys find pairs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The estimated share of all true links that at least one key finds. It follows from how many links a single key found and how many
    /// two kinds did (Chao's lower bound for unseen species); 1 where nothing was found.
    pub estimated: f64,
    /// For each kind of key that found links: its words, the share of the links it found, and the share that only it found.
    pub keys: Vec<KeyCoverage>,
}

/// How well one kind of key finds pairs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyCoverage {
    /// What the key is made of.
    pub key: String,
    /// The share of the links that it found.
    pub found: f64,
    /// The share of the links that no other kind found.
    pub alone: f64,
}

/// Measures the keys on the links.
pub(crate) fn coverage(pairs: &[Scored], blocks: &Blocks, model: &Model) -> Coverage {
    let (mut found, mut alone, mut twice, mut links) = ([0_u64; KINDS.len()], [0_u64; KINDS.len()], 0_u64, 0_u64);
    for pair in pairs.iter().filter(|pair| pair.probability >= model.auto) {
        let kinds = common(blocks.keys_of(pair.left), blocks.keys_of(pair.right)).fold(0_u32, |kinds, key| kinds | 1 << kind(key));
        links += 1;
        (0..KINDS.len()).filter(|kind| kinds & 1 << kind != 0).for_each(|kind| found[kind] += 1);
        match kinds.count_ones() {
            1 => alone[kinds.trailing_zeros() as usize] += 1,
            2 => twice += 1,
            _ => {}
        }
    }
    if links == 0 {
        return Coverage { estimated: 1.0, keys: Vec::new() };
    }
    let once = alone.iter().sum::<u64>() as f64;
    let unseen = once * (once - 1.0).max(0.0) / (2.0 * (twice as f64 + 1.0));
    let share = |count: u64| count as f64 / links as f64;
    let mut keys: Vec<KeyCoverage> = (0..KINDS.len())
        .filter(|kind| found[*kind] > 0)
        .map(|kind| KeyCoverage { key: KINDS[kind].to_owned(), found: share(found[kind]), alone: share(alone[kind]) })
        .collect();
    keys.sort_by(|left, right| right.found.total_cmp(&left.found).then_with(|| left.key.cmp(&right.key)));
    Coverage { estimated: links as f64 / (links as f64 + unseen), keys }
}
