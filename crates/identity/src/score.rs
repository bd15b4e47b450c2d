//! Every pair that blocking finds, weighed.

use crate::blocking::Blocks;
use crate::compare::{Memory, compare};
use crate::evidence::Scorer;
use crate::levels::Field;
use crate::parallel::in_order;
use crate::prepared::Records;
use crate::rules::{CERTAIN, Rule, certain};

/// Two records that were compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored {
    /// The row of the lesser key.
    pub(crate) left: u32,
    pub(crate) right: u32,
    pub(crate) probability: f64,
    pub(crate) rule: Rule,
    /// Whether the two share a key; else they were only compared because they are in one cluster.
    pub(crate) is_found: bool,
}

/// Pairs less likely than this are forgotten.
pub(crate) const LEAST_PROBABILITY: f64 = 0.01;

/// Weighs one pair.
pub(crate) fn weigh(records: &Records, scorer: &Scorer<'_>, memory: &mut Memory, left: u32, right: u32) -> Scored {
    let (one, other) = (&records.rows[left as usize], &records.rows[right as usize]);
    let pattern = compare(one, other, &records.tables, memory);
    let evidence = scorer.evidence(one, other, &pattern, &records.tables);
    let weighed = scorer.model.probability(&evidence);
    let given = evidence.ratios[Field::First as usize];
    match certain(one, other, &pattern, given, &records.tables, records.entity) {
        Some(rule) => Scored { left, right, probability: weighed.max(CERTAIN), rule, is_found: false },
        None => Scored { left, right, probability: weighed, rule: Rule::Weighed, is_found: false },
    }
}

/// All pairs of all blocks that are likely enough, in order of their rows, and how many were compared.
pub(crate) fn score(records: &Records, blocks: &Blocks, scorer: &Scorer<'_>, threads: usize) -> (Vec<Scored>, u64) {
    let mut pieces: Vec<std::ops::Range<usize>> = Vec::new();
    let (mut from, mut start, mut pairs) = (0, 0, 0);
    for group in blocks.groups() {
        from += group.len();
        pairs += group.len() * group.len();
        if pairs > 200_000 {
            pieces.push(start..from);
            (start, pairs) = (from, 0);
        }
    }
    pieces.push(start..from);
    let parts = in_order(threads, &pieces, Memory::new, |memory, piece| {
        let (mut found, mut compared) = (Vec::new(), 0);
        for group in blocks.entries[piece.clone()].chunk_by(|left, right| left.0 == right.0) {
            for (index, (key, left)) in group.iter().enumerate() {
                for (_, right) in &group[index + 1..] {
                    if blocks.first_common(*left, *right) != Some(*key) {
                        continue;
                    }
                    compared += 1;
                    let scored = weigh(records, scorer, memory, *left, *right);
                    if scored.probability >= LEAST_PROBABILITY {
                        found.push(Scored { is_found: true, ..scored });
                    }
                }
            }
        }
        (found, compared)
    });
    let compared = parts.iter().map(|(_, compared)| compared).sum();
    let mut all: Vec<Scored> = parts.into_iter().flat_map(|(found, _)| found).collect();
    all.sort_unstable_by_key(|pair| (pair.left, pair.right));
    (all, compared)
}

/// From which probability pairs may be linked so that at most `rate` of the links are expected to be wrong.
pub(crate) fn threshold(pairs: &[Scored], rate: f64, least: f64) -> f64 {
    let mut probabilities: Vec<f64> = pairs.iter().map(|pair| pair.probability).filter(|probability| *probability >= least).collect();
    probabilities.sort_by(|left, right| right.total_cmp(left));
    let (mut wrong, mut threshold) = (0.0, 1.0_f64);
    for (count, probability) in (1..).zip(probabilities) {
        wrong += 1.0 - probability;
        if wrong / f64::from(count) > rate {
            break;
        }
        threshold = probability;
    }
    // Nine digits, and not more than it was.
    (threshold.min(1.0 - rate) * 1e9).floor() / 1e9
}
