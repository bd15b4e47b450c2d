//! Expectation-maximisation: how often values of one person agree, although nobody says which records are of one person.

use crate::accelerate::accelerate;
use crate::evidence::counted_once;
use crate::learn::Histogram;
use crate::levels::{FIELD_COUNT, FIELD_SPECS, Field, LEVELS, Pattern, name, packed, unpacked};
use crate::model::Model;

/// Pairs that share one value.
pub(crate) struct Pass {
    /// How often each pattern is among them.
    pub(crate) patterns: Histogram,
    /// Fields that say nothing here, because the pairs were chosen by them.
    pub(crate) silent: Vec<usize>,
}

/// A pattern, and how rare the values are that its records share: who shares a rare name is rarely a namesake. Rarity is kept in whole
/// bits, that of the first name apart, because a household does not share it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weighed {
    pattern: Pattern,
    first: i32,
    others: i32,
}

impl Weighed {
    pub(crate) fn new(pattern: &Pattern, rarity: &[f64; FIELD_COUNT]) -> Self {
        let bits = |factor: f64| (factor.log2().round() as i32).clamp(-8, 7);
        let first = rarity[Field::First as usize];
        Self { pattern: *pattern, first: bits(first), others: bits(rarity.iter().product::<f64>() / first) }
    }

    pub(crate) fn word(&self) -> u64 {
        packed(&self.pattern) | ((self.first + 8) as u64) << 52 | ((self.others + 8) as u64) << 56
    }

    fn of_word(word: u64) -> Self {
        Self { pattern: unpacked(word), first: (word >> 52 & 15) as i32 - 8, others: (word >> 56 & 15) as i32 - 8 }
    }

    fn likelihoods(&self, model: &Model, ratios: &[[f64; LEVELS]; FIELD_COUNT], silent: &[usize]) -> [f64; 3] {
        let ratio = |field: usize| if silent.contains(&field) { 1.0 } else { ratios[field][self.pattern[field] as usize] };
        let mut spoken = std::array::from_fn(ratio);
        counted_once(&mut spoken);
        let [matching, household, company] = model.likelihoods(&self.pattern, &spoken);
        let (first, others) = (f64::from(self.first).exp2(), f64::from(self.others).exp2());
        [matching * first * others * model.taken_back(&self.pattern), household * others, company * others]
    }
}

/// What is assumed counts like so many pairs of one person, so that a field which is seldom filled keeps to it.
const PRIOR_MATCHES: f64 = 8.0;
/// No level is rarer than this among records of one person, and no difference than that: there is always another way to be wrong.
const LEAST_MATCHING: f64 = 0.002;
const LEAST_DIFFERING: f64 = 0.01;
/// Of a list that says little, pairs of one household or company are at least this share of those of one person, where they can be
/// recognised; a list with many more pairs of one person than `FEW_MATCHES` speaks for itself.
const LEAST_NEIGHBOURS: f64 = 1.0;
const MOST_NEIGHBOURS: f64 = 0.2;
const FEW_MATCHES: f64 = 100.0;
/// Names and birth dates of one person differ altogether no more often than this. In a list with few different names, namesakes would
/// otherwise be taken for one person, of whom nothing else agrees.
const MOST_DIFFERING: [(Field, f64); 4] = [(Field::First, 0.15), (Field::Last, 0.2), (Field::Birth, 0.12), (Field::Identifier, 0.2)];
/// So many namesakes more or fewer say nothing about how names go together, and nowhere do they go together more than so many times.
const FEW_NAMESAKES: f64 = 20.0;
const MOST_TOGETHER: f64 = 64.0;
/// How many rounds learning takes at most, the first time and when it is repeated.
const ROUNDS: [usize; 2] = [90, 30];

/// The fields that say nothing in a pass, and its patterns with how often they are seen.
type Seen<'p> = (&'p [usize], Vec<(Weighed, f64)>);

/// What is learned over all passes at once. Every pass has rates of its own, for a pair that shares an e-mail address is more often of one
/// person than one that shares a town.
pub(crate) struct Maximiser<'p> {
    passes: Vec<Seen<'p>>,
    neighbours: [bool; 2],
    own: Option<Vec<f64>>,
}

impl<'p> Maximiser<'p> {
    pub(crate) fn new(passes: &'p [Pass], neighbours: [bool; 2]) -> Self {
        let patterns = |pass: &Pass| pass.patterns.iter().map(|(word, count)| (Weighed::of_word(*word), *count)).collect();
        Self { passes: passes.iter().map(|pass| (&*pass.silent, patterns(pass))).collect(), neighbours, own: None }
    }

    /// The levels of one person's records, from those that the model has; the next call goes on where this one ended.
    pub(crate) fn maximise(&mut self, model: &Model) -> [[f64; LEVELS]; FIELD_COUNT] {
        let rounds = ROUNDS[usize::from(self.own.is_some())];
        let starting = || self.passes.iter().flat_map(|_| starting_rates(0.02, self.neighbours)).collect();
        let own = self.own.take().unwrap_or_else(starting);
        let start: Vec<f64> = model.matching.iter().flatten().copied().chain(own).collect();
        let mut learned = Model { shares: Default::default(), ..model.clone() };
        let found = accelerate(start, rounds, |numbers| self.round(numbers, &mut learned));
        let (matching, own) = parts(&found);
        self.own = Some(own.iter().flatten().copied().collect());
        matching
    }

    /// How many times more often strangers of one first name share the surname than any strangers do.
    pub(crate) fn together(&self, model: &Model) -> f64 {
        let (first, last) = (Field::First as usize, Field::Last as usize);
        let Some(place) = self.passes.iter().position(|(silent, _)| **silent == [first]) else { return 1.0 };
        let (silent, patterns) = &self.passes[place];
        let rates: [f64; 3] = std::array::from_fn(|class| self.own.as_ref().map_or(0.0, |own| own[place * 3 + class]));
        let ratios = model.ratios();
        let (mut same, mut all) = (0.0, 0.0);
        for (pattern, count) in patterns.iter().filter(|(pattern, _)| pattern.pattern[last] != 0) {
            let (parts, _) = posterior(pattern.likelihoods(model, &ratios, silent), rates);
            let strangers = 1.0 - parts.iter().sum::<f64>();
            all += count * strangers;
            // Where it is open who they are, they say nothing about strangers; and a household shares the surname whatever it is.
            same += if pattern.pattern[last] == name::SAME && strangers > 0.9 { count * strangers } else { 0.0 };
        }
        let expected = all * model.unrelated[last][name::SAME as usize];
        // What chance alone may add does not count.
        ((same - 2.0 * same.sqrt() + FEW_NAMESAKES) / (expected + FEW_NAMESAKES)).clamp(1.0, MOST_TOGETHER)
    }

    /// One round of expectation and maximisation, and how well what it began with explains the pairs.
    fn round(&self, numbers: &[f64], learned: &mut Model) -> (Vec<f64>, f64) {
        let (matching, mut own) = parts(numbers);
        learned.matching = matching.map(whole);
        own.iter_mut().for_each(|rates| *rates = bounded(*rates));
        let ratios = learned.ratios();
        let (mut counts, mut fit) = ([[0.0; LEVELS]; FIELD_COUNT], 0.0);
        for ((silent, patterns), rates) in self.passes.iter().zip(&mut own) {
            let (mut sums, mut all) = ([0.0; 3], 0.0);
            for (pattern, count) in patterns {
                let (parts, explained) = posterior(pattern.likelihoods(learned, &ratios, silent), *rates);
                all += count;
                fit += count * explained.ln();
                for (sum, part) in sums.iter_mut().zip(parts) {
                    *sum += part * count;
                }
                for field in (0..FIELD_COUNT).filter(|field| !silent.contains(field)) {
                    counts[field][pattern.pattern[field] as usize] += parts[0] * count;
                }
            }
            *rates = bounded(sums.map(|sum| sum / f64::max(all, 1.0)));
        }
        let mut next = Vec::with_capacity(numbers.len());
        for (field, spec) in FIELD_SPECS.iter().enumerate() {
            for (level, assumed) in (1..).zip(spec.levels).filter(|(_, assumed)| assumed.matching > 0.0) {
                fit += PRIOR_MATCHES * assumed.matching * learned.matching[field][level].max(1e-12).ln();
            }
            next.extend(levels(field, &counts[field]));
        }
        next.extend(own.iter().flatten());
        (next, fit)
    }
}

fn parts(numbers: &[f64]) -> ([[f64; LEVELS]; FIELD_COUNT], Vec<[f64; 3]>) {
    let number = |place: usize| numbers.get(place).copied().unwrap_or_default();
    let matching = std::array::from_fn(|field| std::array::from_fn(|level| number(field * LEVELS + level)));
    let own = (FIELD_COUNT * LEVELS..numbers.len()).step_by(3).map(|place| std::array::from_fn(|class| number(place + class)));
    (matching, own.collect())
}

fn whole(levels: [f64; LEVELS]) -> [f64; LEVELS] {
    let sum: f64 = levels.iter().sum();
    levels.map(|level| if level > 1e-200 { level / sum } else { 0.0 })
}

/// The levels of a field as they were counted in records of one person, with what is assumed of them.
fn levels(field: usize, counts: &[f64; LEVELS]) -> [f64; LEVELS] {
    let known: f64 = counts[1..].iter().sum::<f64>() + PRIOR_MATCHES;
    let mut levels = [0.0; LEVELS];
    for (level, assumed) in (1..).zip(FIELD_SPECS[field].levels).filter(|(_, assumed)| assumed.matching > 0.0) {
        let least = if level == 1 { LEAST_DIFFERING } else { LEAST_MATCHING };
        levels[level] = ((counts[level] + PRIOR_MATCHES * assumed.matching) / known).max(least.min(assumed.matching));
    }
    let mut levels = whole(levels);
    let most = MOST_DIFFERING.iter().find(|(known, _)| *known as usize == field).map_or(1.0, |(_, most)| *most);
    if levels[1] > most {
        let scale = (1.0 - most) / (1.0 - levels[1]).max(1e-9);
        levels = levels.map(|level| level * scale);
        levels[1] = most;
    }
    levels
}

/// How many of all pairs are of one person, of one household and of one company, from the pairs that blocking found.
pub(crate) fn rates(candidates: &Histogram, model: &Model, all: f64, neighbours: [bool; 2]) -> (f64, [f64; 2]) {
    let ratios = model.ratios();
    let likelihoods: Vec<([f64; 3], f64)> =
        candidates.iter().map(|(word, count)| (Weighed::of_word(*word).likelihoods(model, &ratios, &[]), *count)).collect();
    let found: f64 = likelihoods.iter().map(|(_, count)| count).sum();
    let start = starting_rates((likelihoods.len() as f64 / all.max(1.0)).clamp(1e-9, 0.05), neighbours);
    let rates = accelerate(start.to_vec(), 150, |rates| {
        let rates = bounded(std::array::from_fn(|class| rates[class]));
        let mut sums = [0.0; 3];
        // Pairs that blocking did not find are of strangers.
        let mut fit = (all - found).max(0.0) * (1.0 - rates.iter().sum::<f64>()).ln();
        for (likelihoods, count) in &likelihoods {
            let (parts, explained) = posterior(*likelihoods, rates);
            fit += count * explained.ln();
            for (sum, part) in sums.iter_mut().zip(parts) {
                *sum += part * count;
            }
        }
        let mut rates = sums.map(|sum| sum / all.max(1.0));
        // A list may hold no two records of one person, and no family: but never is that certain, and where people stand twice their
        // families do too.
        let least = (0.5 / all.max(1.0)).min(0.1);
        rates[0] = rates[0].clamp(least, 0.5);
        // In a list of two or three records half of all pairs may be of one person, and as many of neighbours cannot be besides.
        let neighbourly = least.max(LEAST_NEIGHBOURS * rates[0] * FEW_MATCHES / (FEW_MATCHES + rates[0] * all)).min(MOST_NEIGHBOURS);
        for (rate, possible) in rates[1..].iter_mut().zip(neighbours) {
            *rate = if possible { rate.clamp(neighbourly, MOST_NEIGHBOURS) } else { 0.0 };
        }
        (rates.to_vec(), fit)
    });
    (rates[0], [rates[1], rates[2]])
}

fn starting_rates(matches: f64, neighbours: [bool; 2]) -> [f64; 3] {
    [matches, if neighbours[0] { matches / 2.0 } else { 0.0 }, if neighbours[1] { matches / 2.0 } else { 0.0 }]
}

fn bounded(rates: [f64; 3]) -> [f64; 3] {
    let sum: f64 = rates.iter().sum();
    if sum > 0.99 { rates.map(|rate| rate * 0.99 / sum) } else { rates }
}

/// How likely each explanation is: one person, one household, one company, what is left being chance; and how likely what is seen is by
/// all of them, against chance alone.
fn posterior(likelihoods: [f64; 3], rates: [f64; 3]) -> ([f64; 3], f64) {
    let parts: [f64; 3] = std::array::from_fn(|class| likelihoods[class] * rates[class]);
    let all = parts.iter().sum::<f64>() + 1.0 - rates.iter().sum::<f64>();
    (parts.map(|part| part / all), all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::levels::{birth, email};
    use crate::parallel::Random;
    use crate::record::Entity;

    /// A model that assumes nothing but what is assumed of every field.
    fn model() -> Model {
        let assumed = |of: fn(&crate::levels::Level) -> f64| {
            std::array::from_fn(|field| {
                std::array::from_fn(|level| level.checked_sub(1).and_then(|level| FIELD_SPECS[field].levels.get(level)).map_or(0.0, of))
            })
        };
        Model {
            version: 1,
            entity: Entity::Contact,
            records: 0,
            cap: 0,
            auto: 1.0,
            review: 1.0,
            matches: 1e-4,
            neighbours: [0.0; 2],
            matching: assumed(|level| level.matching),
            unrelated: assumed(|level| level.unrelated),
            shares: Default::default(),
            rarities: Default::default(),
            together: 1.0,
        }
    }

    #[test]
    fn what_was_planted_is_found() {
        let mut random = Random::new(5);
        let mut draw = |levels: &[(u8, f64)]| {
            let mut left = random.below(1_000_000) as f64 / 1_000_000.0;
            levels
                .iter()
                .find(|(_, share)| {
                    left -= share;
                    left < 0.0
                })
                .map_or(levels[0].0, |(level, _)| *level)
        };
        type Levels = [(u8, f64); 2];
        let planted: [(Field, Levels, Levels); 4] = [
            (Field::First, [(name::SAME, 0.87), (name::DIFFERENT, 0.13)], [(name::SAME, 0.006), (name::DIFFERENT, 0.994)]),
            (Field::Last, [(name::SAME, 0.9), (name::DIFFERENT, 0.1)], [(name::SAME, 0.002), (name::DIFFERENT, 0.998)]),
            (Field::Birth, [(birth::SAME, 0.9), (birth::DIFFERENT, 0.1)], [(birth::SAME, 0.000_1), (birth::DIFFERENT, 0.999_9)]),
            (Field::Email, [(email::SAME, 0.5), (email::DIFFERENT, 0.5)], [(email::SAME, 0.000_1), (email::DIFFERENT, 0.999_9)]),
        ];
        let mut passes = Vec::new();
        for (silent, ..) in &planted {
            let mut patterns = Histogram::new();
            for pair in 0..20_000 {
                let mut pattern = Pattern::default();
                for (field, matching, unrelated) in &planted {
                    pattern[*field as usize] = draw(if pair % 10 == 0 { matching } else { unrelated });
                }
                pattern[*silent as usize] = name::SAME;
                *patterns.entry(Weighed::new(&pattern, &[1.0; FIELD_COUNT]).word()).or_insert(0.0) += 1.0;
            }
            passes.push(Pass { patterns, silent: vec![*silent as usize] });
        }
        let learned = Maximiser::new(&passes, [false; 2]).maximise(&model());
        for (field, matching, _) in planted {
            for (level, share) in matching {
                let found = learned[field as usize][level as usize];
                assert!((found - share).abs() < 0.03, "{field:?} {level}: {found} for {share}");
            }
        }
        // How many are of one person, from all pairs.
        let mut candidates = Histogram::new();
        for (word, count) in &passes[0].patterns {
            *candidates.entry(*word).or_insert(0.0) += count;
        }
        let told = Model { matching: learned, ..model() };
        let (matches, _) = rates(&candidates, &told, 200_000.0, [false; 2]);
        assert!((matches - 0.01).abs() < 0.002, "{matches}");
    }

    #[test]
    fn words_keep_patterns_and_rarity() {
        let pattern: Pattern = std::array::from_fn(|field| (field % 5) as u8);
        let mut rarity = [1.0; FIELD_COUNT];
        (rarity[Field::First as usize], rarity[Field::Last as usize]) = (8.0, 0.25);
        let weighed = Weighed::new(&pattern, &rarity);
        assert_eq!((weighed.first, weighed.others, Weighed::of_word(weighed.word())), (3, -2, weighed));
    }
}
