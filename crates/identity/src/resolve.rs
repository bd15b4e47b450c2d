//! Resolving a whole set of records.

use std::collections::BTreeMap;

use crate::blocking::{Blocks, Skipped};
use crate::cluster::{Clusters, Decided, Judge, cluster};
use crate::compare::{Memory, compare};
use crate::coverage::{Coverage, coverage};
use crate::evidence::Scorer;
use crate::explain::{Reason, reasons};
use crate::learn::learn;
use crate::model::Model;
use crate::prepared::{Records, emails_of_several, shared_emails};
use crate::record::{Entity, Record, RecordKey, Verdict};
use crate::rules::{Rule, born_apart, forbids};
use crate::score::{Scored, score, threshold, weigh};

/// How to resolve.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// What the records are.
    pub entity: Entity,
    /// On how many threads; the answer does not depend on it.
    pub threads: usize,
    /// Where random choices begin; the answer is the same for the same seed.
    pub seed: u64,
    /// How many random pairs show what agrees by chance.
    pub random_pairs: u64,
    /// The most records that may share a key; blocks with more are skipped and reported.
    pub cap: usize,
    /// The most wrong links among the automatic ones, as a share.
    pub false_links: f64,
    /// The least probability of an automatic link.
    pub least_auto: f64,
    /// From which probability pairs are linked, where that does not follow from the other two.
    pub link_from: Option<f64>,
    /// From which probability a pair that is not linked is shown for review.
    pub review: f64,
    /// A model learned earlier; learned from the records where it is left out.
    pub model: Option<Model>,
    /// What people decided.
    pub verdicts: Vec<Verdict>,
}

impl Options {
    /// The usual ones for an entity.
    pub fn new(entity: Entity) -> Self {
        Self {
            entity,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            seed: 1,
            random_pairs: 1_000_000,
            cap: 200,
            false_links: 0.001,
            least_auto: 0.95,
            link_from: None,
            review: 0.2,
            model: None,
            verdicts: Vec::new(),
        }
    }
}

/// What is done with a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Linked: the two are in one cluster.
    Auto,
    /// Not linked, but likely enough that a person should look.
    Review,
    /// Not linked.
    No,
}

impl Decision {
    /// Its name as it is stored and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Review => "review",
            Self::No => "no",
        }
    }
}

/// Two records and what was decided about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The record of the lesser key, by its place in [`Resolution::keys`].
    pub left: u32,
    /// The other record.
    pub right: u32,
    /// How likely they are of one person or company.
    pub probability: f64,
    /// What was decided. `Auto` exactly where both are in one cluster.
    pub decision: Decision,
    /// By which rule.
    pub rule: Rule,
    /// Whether the two share a key. A pair that does not was only weighed because both are in one cluster, or because a person spoke of it.
    pub is_found: bool,
    /// Why a likely pair was not linked, or was taken apart.
    pub refused: Option<&'static str>,
}

/// What was found.
#[derive(Debug)]
pub struct Resolution {
    /// The records' keys, in order.
    pub keys: Vec<RecordKey>,
    /// For each record the place of the first record of its cluster.
    pub clusters: Vec<u32>,
    /// Pairs worth knowing, in order: linked, to be reviewed, or likelier than one in a hundred.
    pub pairs: Vec<Pair>,
    /// What was learned, or what was given.
    pub model: Model,
    /// How many pairs were compared.
    pub compared: u64,
    /// How well each key finds pairs.
    pub coverage: Coverage,
    /// Blocks that were left out because too many records share a key.
    pub skipped: Vec<Skipped>,
    /// How many records the largest block had that was used.
    pub largest_block: usize,
    records: Records,
}

/// Finds which records are of one person or company. The order of the records does not matter; of records with the same key the last
/// counts.
pub fn resolve(mut records: Vec<Record>, options: &Options) -> Resolution {
    records.sort_by(|left, right| left.key.cmp(&right.key));
    records.reverse();
    records.dedup_by(|left, right| left.key == right.key);
    records.reverse();
    let (keys, prepared, decided) = prepare(records, options.entity, &options.verdicts);
    let cap = options.model.as_ref().map_or(options.cap, |model| model.cap);
    let blocks = Blocks::new(&prepared, cap);
    let learned = options.model.is_none();
    let mut model = options.model.clone().unwrap_or_else(|| learn(&prepared, &blocks, options));
    let (pairs, compared) = score(&prepared, &blocks, &Scorer::new(&model, &prepared), options.threads);
    if learned {
        model.auto = options.link_from.unwrap_or_else(|| threshold(&pairs, options.false_links, options.least_auto));
    }
    let coverage = coverage(&pairs, &blocks, &model);
    let (skipped, largest_block) = (blocks.skipped.clone(), blocks.largest);
    drop(blocks);
    let (pairs, clusters) = settle(&prepared, &model, pairs, &decided);
    Resolution { keys, clusters, pairs, model, compared, coverage, skipped, largest_block, records: prepared }
}

/// Records in order of their keys, as they are compared, with what is decided about them already.
pub(crate) fn prepare(records: Vec<Record>, entity: Entity, verdicts: &[Verdict]) -> (Vec<RecordKey>, Records, Decided) {
    let mut prepared = Records::new(entity, records.iter());
    prepared.tables.shared_emails = shared_emails(&prepared.rows, &prepared.tables);
    prepared.tables.emails_of_several = emails_of_several(&prepared.rows, &prepared.tables);
    let merged: Vec<(RecordKey, RecordKey)> =
        records.iter().filter_map(|record| Some((record.key.clone(), record.merged_into.clone()?))).collect();
    let keys: Vec<RecordKey> = records.into_iter().map(|record| record.key).collect();
    let mut decided = Decided::default();
    let place = |key: &RecordKey| keys.binary_search(key).ok().map(|place| place as u32);
    let pair = |left: &RecordKey, right: &RecordKey| {
        let (left, right) = (place(left)?, place(right)?);
        (left != right).then_some((left.min(right), left.max(right)))
    };
    decided.same.extend(merged.iter().filter_map(|(from, into)| pair(from, into)));
    decided.merged = decided.same.clone();
    for verdict in verdicts {
        let Some(pair) = pair(&verdict.a, &verdict.b) else { continue };
        let (into, out_of) =
            if verdict.is_same { (&mut decided.same, &mut decided.different) } else { (&mut decided.different, &mut decided.same) };
        out_of.remove(&pair);
        into.insert(pair);
    }
    (keys, prepared, decided)
}

/// Clusters the pairs, and says of each what became of it.
pub(crate) fn settle(records: &Records, model: &Model, mut scored: Vec<Scored>, decided: &Decided) -> (Vec<Pair>, Vec<u32>) {
    let scorer = Scorer::new(model, records);
    let links: Vec<Scored> = scored.iter().copied().filter(|pair| pair.probability >= model.auto).collect();
    let mut judge = Values { records, scorer: &scorer, memory: Memory::new() };
    let Clusters { of, refused } = cluster(records.rows.len(), &links, decided, &mut judge);
    drop(links);
    // Pairs that were joined through others are weighed too, so that every pair of a cluster has its reasons.
    let known: std::collections::HashSet<(u32, u32)> = scored.iter().map(|pair| (pair.left, pair.right)).collect();
    let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (row, least) in (0..).zip(&of) {
        if row != *least {
            members.entry(*least).or_insert_with(|| vec![*least]).push(row);
        }
    }
    for cluster in members.values().filter(|members| members.len() <= MOST_LISTED) {
        for (index, left) in cluster.iter().enumerate() {
            for right in &cluster[index + 1..] {
                if !known.contains(&(*left, *right)) {
                    scored.push(weigh(records, &scorer, &mut judge.memory, *left, *right));
                }
            }
        }
    }
    for (left, right) in decided.same.iter().chain(&decided.different) {
        if !known.contains(&(*left, *right)) && of[*left as usize] != of[*right as usize] {
            scored.push(weigh(records, &scorer, &mut judge.memory, *left, *right));
        }
    }
    scored.sort_unstable_by_key(|pair| (pair.left, pair.right));
    let pairs = scored
        .into_iter()
        .map(|pair| {
            let both = (pair.left, pair.right);
            let together = of[pair.left as usize] == of[pair.right as usize];
            let rule = match () {
                () if decided.merged.contains(&both) && decided.same.contains(&both) => Rule::Merged,
                () if decided.same.contains(&both) || decided.different.contains(&both) => Rule::Manual,
                () if together && pair.probability < model.auto => Rule::Through,
                () => pair.rule,
            };
            let decision = match () {
                () if together => Decision::Auto,
                () if decided.different.contains(&both) => Decision::No,
                () if pair.probability >= model.review => Decision::Review,
                () => Decision::No,
            };
            let refused = refused.get(&both).copied().filter(|_| !together);
            Pair { left: pair.left, right: pair.right, probability: pair.probability, decision, rule, is_found: pair.is_found, refused }
        })
        .collect();
    (pairs, of)
}

/// Of clusters with more members only the links that made them are listed.
const MOST_LISTED: usize = 100;

struct Values<'r> {
    records: &'r Records,
    scorer: &'r Scorer<'r>,
    memory: Memory,
}

impl Judge for Values<'_> {
    fn bits(&mut self, left: u32, right: u32) -> f64 {
        let probability = weigh(self.records, self.scorer, &mut self.memory, left, right).probability;
        let (one, other) = (&self.records.rows[left as usize], &self.records.rows[right as usize]);
        if probability < 0.9 && one.birth != 0 && other.birth != 0 {
            // Father and son of one name: a record without a birth date fits both, and must not join them.
            let pattern = compare(one, other, &self.records.tables, &mut self.memory);
            if born_apart(&pattern) {
                return f64::NEG_INFINITY;
            }
        }
        (probability / (1.0 - probability).max(1e-12)).log2()
    }

    fn forbids(&mut self, left: u32, right: u32) -> Option<&'static str> {
        let (left, right) = (&self.records.rows[left as usize], &self.records.rows[right as usize]);
        let strong = left.source == right.source && left.strong != 0 && right.strong != 0;
        let verified = left.is_verified && right.is_verified;
        if !strong && !verified {
            return None;
        }
        forbids(left, right, &compare(left, right, &self.records.tables, &mut self.memory))
    }
}

impl Resolution {
    /// How many clusters there are, those of one record among them.
    pub fn cluster_count(&self) -> usize {
        self.clusters.iter().zip(0..).filter(|(least, row)| **least == *row).count()
    }

    /// Explains pairs.
    pub fn explainer(&self) -> Explainer<'_> {
        Explainer::new(&self.records, Scorer::new(&self.model, &self.records))
    }

    /// The blocking keys of a record, in order: to be stored beside it, so that later runs find it (see [`crate::update`]).
    pub fn block_keys(&self, record: u32) -> Vec<u64> {
        let mut keys = Vec::new();
        crate::blocking::keys(&self.records.rows[record as usize], &self.records.tables, self.records.entity, &mut keys);
        keys
    }
}

/// Explains the pairs of a resolution.
#[derive(Debug)]
pub struct Explainer<'r> {
    records: &'r Records,
    scorer: Scorer<'r>,
    memory: Memory,
}

impl<'r> Explainer<'r> {
    pub(crate) fn new(records: &'r Records, scorer: Scorer<'r>) -> Self {
        Self { records, scorer, memory: Memory::new() }
    }

    /// The reasons of a pair: what each field weighs, in words and bits. The reason for keeping a likely pair apart comes first.
    pub fn reasons(&mut self, pair: &Pair) -> Vec<Reason> {
        let (left, right) = (&self.records.rows[pair.left as usize], &self.records.rows[pair.right as usize]);
        let pattern = compare(left, right, &self.records.tables, &mut self.memory);
        let evidence = self.scorer.evidence(left, right, &pattern, &self.records.tables);
        let refusal = pair.refused.map(|words| Reason { words: format!("kept apart: {words}"), bits: 0.0 });
        refusal.into_iter().chain(reasons(self.scorer.model, &pattern, &evidence, pair.rule)).collect()
    }
}
