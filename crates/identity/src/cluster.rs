//! From links to clusters, with care: a link is refused where what it would join contradicts itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::score::Scored;

/// What clustering asks about two rows.
pub(crate) trait Judge {
    /// How strongly all values of two rows speak for one person, in bits of log-odds; strongly negative where they speak against it.
    fn bits(&mut self, left: u32, right: u32) -> f64;
    /// Whether the two must stay apart, and why.
    fn forbids(&mut self, left: u32, right: u32) -> Option<&'static str>;
}

/// What people decided, by rows.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// Pairs that are the same.
    pub(crate) same: BTreeSet<(u32, u32)>,
    /// Those of them that the source merged.
    pub(crate) merged: BTreeSet<(u32, u32)>,
    /// Pairs that are not.
    pub(crate) different: BTreeSet<(u32, u32)>,
}

impl Decided {
    /// Rows in the parts that people, or the source, put together.
    fn units(&self, rows: &[u32]) -> Vec<Vec<u32>> {
        let mut units: Vec<Vec<u32>> = Vec::new();
        for row in rows {
            let joined = |unit: &Vec<u32>| unit.iter().any(|other| self.same.contains(&(*row.min(other), *row.max(other))));
            let (mut mine, others): (Vec<Vec<u32>>, Vec<Vec<u32>>) = units.into_iter().partition(joined);
            units = others;
            let mut unit: Vec<u32> = mine.drain(..).flatten().collect();
            unit.push(*row);
            units.push(unit);
        }
        units
    }
}

/// Clusters of rows, and links that were refused with the reason.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    /// For each row the least row of its cluster.
    pub(crate) of: Vec<u32>,
    pub(crate) refused: BTreeMap<(u32, u32), &'static str>,
}

/// No single pair outweighs more than this: one odd value must not tear a cluster apart, nor hold one together.
const MOST_BITS: f64 = 15.0;
/// Beyond so many members on a side only the first are asked.
const ASKED: usize = 24;
/// Clusters with more members are not searched for a weak place.
const LARGEST_CUT: usize = 64;

const AGAINST: &str = "what the two groups have against each other outweighs the link";
const UNMERGED: &str = "a person decided that they are not the same";
const WEAK: &str = "the group was held together in one weak place";

/// Clusters `rows` rows by links, the most likely first.
pub(crate) fn cluster(rows: usize, links: &[Scored], decided: &Decided, judge: &mut impl Judge) -> Clusters {
    let mut groups = Groups::new(rows);
    let mut refused = BTreeMap::new();
    for (left, right) in &decided.same {
        groups.join(*left, *right);
    }
    let mut order: Vec<&Scored> = links.iter().collect();
    order.sort_by(|one, other| {
        other.probability.total_cmp(&one.probability).then_with(|| (one.left, one.right).cmp(&(other.left, other.right)))
    });
    for link in order {
        let (left, right) = (groups.root(link.left), groups.root(link.right));
        if left == right {
            continue;
        }
        match objection(&groups.members[left as usize], &groups.members[right as usize], decided, judge) {
            Some(reason) => drop(refused.insert((link.left, link.right), reason)),
            None => groups.join(left, right),
        }
    }
    let mut of: Vec<u32> = (0..rows as u32).collect();
    for members in groups.members.iter().filter(|members| members.len() > 1) {
        for part in whole(members.clone(), decided, judge, &mut refused) {
            let least = part.iter().copied().min().unwrap_or_default();
            part.iter().for_each(|row| of[*row as usize] = least);
        }
    }
    Clusters { of, refused }
}

/// Why two groups must not become one.
fn objection(left: &[u32], right: &[u32], decided: &Decided, judge: &mut impl Judge) -> Option<&'static str> {
    if !decided.different.is_empty() {
        let apart = |one: u32, other: u32| decided.different.contains(&(one.min(other), one.max(other)));
        if left.iter().any(|one| right.iter().any(|other| apart(*one, *other))) {
            return Some(UNMERGED);
        }
    }
    // What a person put together speaks with one voice: the one that fits best.
    let (ones, others) = (decided.units(&left[..left.len().min(ASKED)]), decided.units(&right[..right.len().min(ASKED)]));
    for one in left.iter().take(ASKED) {
        for other in right.iter().take(ASKED) {
            if let Some(reason) = judge.forbids(*one.min(other), *one.max(other)) {
                return Some(reason);
            }
        }
    }
    let bits: f64 = ones.iter().map(|one| others.iter().map(|other| between(one, other, decided, judge)).sum::<f64>()).sum();
    (bits <= 0.0).then_some(AGAINST)
}

/// The weight between two units: of the two rows that fit best.
fn between(one: &[u32], other: &[u32], decided: &Decided, judge: &mut impl Judge) -> f64 {
    let mut best = f64::NEG_INFINITY;
    for one in one {
        for other in other {
            let pair = (*one.min(other), *one.max(other));
            if decided.different.contains(&pair) {
                return -1_000.0;
            }
            best = best.max(judge.bits(pair.0, pair.1).clamp(-MOST_BITS, MOST_BITS));
        }
    }
    best
}

/// The parts of a cluster that hold together: it is split at its weakest cut as long as the cut is outweighed by what crosses it against.
fn whole(
    mut members: Vec<u32>,
    decided: &Decided,
    judge: &mut impl Judge,
    refused: &mut BTreeMap<(u32, u32), &'static str>,
) -> Vec<Vec<u32>> {
    members.sort_unstable();
    let units = decided.units(&members);
    if units.len() < 3 || members.len() > LARGEST_CUT {
        return vec![members];
    }
    let mut weights = vec![vec![0.0; units.len()]; units.len()];
    for one in 0..units.len() {
        for other in one + 1..units.len() {
            let weight = between(&units[one], &units[other], decided, judge);
            (weights[one][other], weights[other][one]) = (weight, weight);
        }
    }
    let net = |side: &[usize]| -> f64 {
        side.iter().map(|one| (0..units.len()).filter(|other| !side.contains(other)).map(|other| weights[*one][other]).sum::<f64>()).sum()
    };
    let mut cuts: Vec<Vec<usize>> = (0..units.len()).map(|unit| vec![unit]).collect();
    cuts.push(minimum_cut(&weights));
    let weakest = cuts.into_iter().map(|cut| (net(&cut), cut)).min_by(|one, other| one.0.total_cmp(&other.0));
    let Some((_, side)) = weakest.filter(|(net, side)| *net <= 0.0 && !side.is_empty() && side.len() < units.len()) else {
        return vec![members];
    };
    let (inside, outside): (Vec<usize>, Vec<usize>) = (0..units.len()).partition(|index| side.contains(index));
    let rows = |part: &[usize]| -> Vec<u32> { part.iter().flat_map(|index| units[*index].iter().copied()).collect() };
    let (inside, outside) = (rows(&inside), rows(&outside));
    for one in &inside {
        for other in &outside {
            refused.insert((*one.min(other), *one.max(other)), WEAK);
        }
    }
    [inside, outside].into_iter().flat_map(|part| whole(part, decided, judge, refused)).collect()
}

/// The side of the cut that the least positive weight crosses, by Stoer and Wagner's algorithm (J. ACM 44, 1997).
fn minimum_cut(weights: &[Vec<f64>]) -> Vec<usize> {
    let mut weights: Vec<Vec<f64>> = weights.iter().map(|row| row.iter().map(|weight| weight.max(0.0)).collect()).collect();
    let mut vertices: Vec<Vec<usize>> = (0..weights.len()).map(|vertex| vec![vertex]).collect();
    let mut live: Vec<usize> = (0..weights.len()).collect();
    let (mut least, mut side) = (f64::INFINITY, Vec::new());
    while live.len() > 1 {
        let mut reach = vec![0.0_f64; weights.len()];
        let mut left = live.clone();
        let (mut last, mut before) = (live[0], live[0]);
        while !left.is_empty() {
            let at =
                (0..left.len()).max_by(|one, other| reach[left[*one]].total_cmp(&reach[left[*other]]).then(other.cmp(one))).unwrap_or(0);
            (before, last) = (last, left.swap_remove(at));
            left.sort_unstable();
            left.iter().for_each(|vertex| reach[*vertex] += weights[last][*vertex]);
        }
        if reach[last] < least {
            (least, side) = (reach[last], vertices[last].clone());
        }
        let moved = std::mem::take(&mut vertices[last]);
        vertices[before].extend(moved);
        for vertex in live.iter().copied().filter(|vertex| *vertex != before && *vertex != last) {
            let weight = weights[last][vertex];
            weights[before][vertex] += weight;
            weights[vertex][before] += weight;
        }
        live.retain(|vertex| *vertex != last);
    }
    side
}

/// Groups that only grow.
struct Groups {
    parents: Vec<u32>,
    /// The members of each root, empty elsewhere.
    members: Vec<Vec<u32>>,
}

impl Groups {
    fn new(rows: usize) -> Self {
        Self { parents: (0..rows as u32).collect(), members: (0..rows as u32).map(|row| vec![row]).collect() }
    }

    fn root(&mut self, mut row: u32) -> u32 {
        while self.parents[row as usize] != row {
            let above = self.parents[self.parents[row as usize] as usize];
            self.parents[row as usize] = above;
            row = above;
        }
        row
    }

    fn join(&mut self, left: u32, right: u32) {
        let (left, right) = (self.root(left), self.root(right));
        if left != right {
            let (kept, gone) = (left.min(right), left.max(right));
            self.parents[gone as usize] = kept;
            let moved = std::mem::take(&mut self.members[gone as usize]);
            let members = &mut self.members[kept as usize];
            members.extend(moved);
            members.sort_unstable();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rule;

    struct Told(BTreeMap<(u32, u32), f64>, Option<(u32, u32)>);

    impl Judge for Told {
        fn bits(&mut self, left: u32, right: u32) -> f64 {
            self.0.get(&(left, right)).copied().unwrap_or(-4.0)
        }
        fn forbids(&mut self, left: u32, right: u32) -> Option<&'static str> {
            (self.1 == Some((left, right))).then_some("told so")
        }
    }

    fn link(left: u32, right: u32, probability: f64) -> Scored {
        Scored { left, right, probability, rule: Rule::Weighed, is_found: true }
    }

    fn told(bits: &[(u32, u32, f64)]) -> Told {
        Told(bits.iter().map(|(left, right, bits)| ((*left, *right), *bits)).collect(), None)
    }

    #[test]
    fn links_make_chains() {
        let links = [link(0, 1, 0.999), link(1, 2, 0.999)];
        let clusters = cluster(4, &links, &Decided::default(), &mut told(&[(0, 1, 9.0), (1, 2, 9.0)]));
        assert_eq!(clusters.of, [0, 0, 0, 3]);
    }

    #[test]
    fn a_chain_that_contradicts_itself_is_not_made() {
        let links = [link(0, 1, 0.9999), link(1, 2, 0.999)];
        let clusters = cluster(3, &links, &Decided::default(), &mut told(&[(0, 1, 13.0), (1, 2, 9.0), (0, 2, -20.0)]));
        assert_eq!((clusters.of, clusters.refused.get(&(1, 2))), (vec![0, 0, 2], Some(&AGAINST)));
    }

    #[test]
    fn what_must_stay_apart_stays_apart() {
        let links = [link(0, 1, 0.999), link(1, 2, 0.998)];
        let mut judge = told(&[(0, 1, 9.0), (1, 2, 9.0), (0, 2, 9.0)]);
        judge.1 = Some((0, 2));
        assert_eq!(cluster(3, &links, &Decided::default(), &mut judge).of, [0, 0, 2]);
    }

    #[test]
    fn people_decide() {
        let links = [link(0, 1, 0.999)];
        let decided = Decided { same: [(1, 2)].into(), different: [(0, 1)].into(), ..Decided::default() };
        let clusters = cluster(3, &links, &decided, &mut told(&[(0, 1, 9.0)]));
        assert_eq!((clusters.of, clusters.refused.get(&(0, 1))), (vec![0, 1, 1], Some(&UNMERGED)));
    }

    #[test]
    fn a_cluster_is_split_where_it_is_weak() {
        // Two firm pairs that one link holds together against all else, joined before the contradiction was known.
        let bits = [(0, 1, 12.0), (2, 3, 12.0), (1, 2, 10.0), (0, 2, -4.0), (0, 3, -4.0), (1, 3, -4.0)];
        let mut parts = whole(vec![0, 1, 2, 3], &Decided::default(), &mut told(&bits), &mut BTreeMap::new());
        parts.sort();
        assert_eq!(parts, [[0, 1], [2, 3]]);
    }

    #[test]
    fn the_minimum_cut() {
        let mut weights = vec![vec![0.0; 6]; 6];
        for (one, other, weight) in [(0, 1, 3.0), (1, 2, 3.0), (0, 2, 3.0), (2, 3, 1.0), (3, 4, 3.0), (4, 5, 3.0), (3, 5, 3.0)] {
            weights[one][other] = weight;
            weights[other][one] = weight;
        }
        let mut side = minimum_cut(&weights);
        side.sort_unstable();
        assert!(side == [0, 1, 2] || side == [3, 4, 5], "{side:?}");
    }
}
