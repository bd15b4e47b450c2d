//! Learning a model: how often values agree by chance from random pairs, how often those of one person do by expectation-maximisation.

use std::collections::{BTreeMap, HashMap};

use crate::births::Births;
use crate::blocking::{Blocks, kind};
use crate::compare::{Memory, compare};
use crate::evidence::{Scorer, similarity};
use crate::levels::{FIELD_COUNT, FIELD_SPECS, Field, Frequency, LEVELS, birth, name, packed, unpacked};
use crate::maximise::{Maximiser, Pass, Weighed, rates};
use crate::model::{MODEL_VERSION, Model, NAMES, SIMILAR_NAMES, Shared, Shares};
use crate::names::Name;
use crate::parallel::{Random, in_order};
use crate::prepared::{Prepared, Records};
use crate::record::Entity;
use crate::relatives;
use crate::resolve::Options;
use crate::text::mix;

/// How many pairs of a pass, and of a kind of key, are looked at when learning.
const PAIRS_OF_A_PASS: u64 = 200_000;
/// Groups with more records teach little for what they cost.
const LARGEST_GROUP: usize = 1_000;
/// What is assumed about chance counts like so many random pairs.
const PRIOR_PAIRS: f64 = 2_000.0;
/// No level is rarer by chance than this: what was never seen in a million pairs is not impossible.
const LEAST_CHANCE: f64 = 1e-7;

/// A histogram of patterns, packed alone or with their rarity.
pub(crate) type Histogram = BTreeMap<u64, f64>;

/// The values that passes share, and the fields that each says nothing about.
const PASSES: [(Shared, &[Field]); 10] = [
    (Shared::First, &[Field::First]),
    (Shared::Last, &[Field::Last]),
    (Shared::Birth, &[Field::Birth]),
    (Shared::Email, &[Field::Email, Field::Domain]),
    (Shared::Phone, &[Field::Phone]),
    (Shared::Street, &[Field::Street, Field::House, Field::Place]),
    (Shared::Code, &[Field::Place]),
    (Shared::Identifier, &[Field::Identifier]),
    (Shared::Company, &[Field::Company]),
    (Shared::Domain, &[Field::Domain, Field::Email]),
];

/// Learns from records and their blocks.
pub(crate) fn learn(records: &Records, blocks: &Blocks, options: &Options) -> Model {
    let shares = shares(records);
    let (chance, rarities) = random_pairs(records, &shares, options);
    let same = all_pairs(records);
    let births = Births::new(records, &shares[&Shared::Birth]);
    let mut model = Model {
        version: MODEL_VERSION,
        entity: records.entity,
        records: records.rows.len() as u64,
        cap: options.cap,
        auto: 1.0,
        review: options.review,
        matches: 1e-6,
        neighbours: [0.0; 2],
        matching: assumed(|level| level.matching),
        unrelated: unrelated(&chance, &same, &births, None),
        together: 1.0,
        shares,
        rarities,
    };
    let scorer = Scorer::new(&model, records);
    let passes: Vec<Pass> = PASSES.iter().filter_map(|(shared, silent)| pass(records, &scorer, *shared, silent, options)).collect();
    let candidates = candidates(records, &scorer, blocks, options);
    drop(scorer);
    let all = pairs_of(records.rows.len() as u64) as f64;
    let neighbours = possible_neighbours(records);
    // Random pairs of a small list hold some of one person; what these agree on is not chance.
    let mut maximiser = Maximiser::new(&passes, neighbours);
    for _ in 0..3 {
        model.matching = maximiser.maximise(&model);
        model.together = maximiser.together(&model);
        (model.matches, model.neighbours) = rates(&candidates, &model, all, neighbours);
        model.unrelated = unrelated(&chance, &same, &births, Some(&model));
    }
    (model.matches, model.neighbours) = rates(&candidates, &model, all, neighbours);
    if records.entity == Entity::Contact && !neighbours[0] && relatives::are_hidden(records) {
        model.neighbours[0] = (relatives::households(records) / all.max(1.0)).min(0.2);
    }
    model.round();
    model
}

/// How many pairs so many records make.
pub(crate) fn pairs_of(records: u64) -> u64 {
    records.saturating_mul(records.saturating_sub(1)) / 2
}

/// Whether households and colleagues can be recognised at all: by addresses, telephone numbers or mailboxes, by companies.
fn possible_neighbours(records: &Records) -> [bool; 2] {
    if records.entity == Entity::Account {
        return [false; 2];
    }
    let filled = |value: fn(&Prepared) -> bool| records.rows.iter().filter(|row| value(row)).count() * 5 >= records.rows.len().max(1);
    let reached = filled(|row| row.street != 0 || row.code != 0 || row.phones[0] != 0 || row.emails[0] != 0);
    [reached, filled(|row| row.company != 0 || row.domain != 0)]
}

fn assumed(of: impl Fn(&crate::levels::Level) -> f64) -> [[f64; LEVELS]; FIELD_COUNT] {
    std::array::from_fn(|field| {
        std::array::from_fn(|level| level.checked_sub(1).and_then(|index| FIELD_SPECS[field].levels.get(index)).map_or(0.0, &of))
    })
}

/// So many pairs of similar names say how rare such names are.
const FEWEST_SIMILAR: f64 = 30.0;

/// How many pairs of names at a level were seen, and the sum of the rarities of the rarer ones.
type Rarities = [[(f64, f64); LEVELS]; 2];

/// The patterns of random pairs, of all pairs where there are not more; and how rare names are that are only similar.
fn random_pairs(records: &Records, shares: &BTreeMap<Shared, Shares>, options: &Options) -> (Histogram, [[f64; LEVELS]; 2]) {
    let rows = records.rows.len() as u64;
    let wanted = options.random_pairs;
    let pieces: Vec<u64> = (0..64).collect();
    let rarity = NAMES.map(|(shared, _)| {
        let names = &records.tables.names;
        let shares = &shares[&shared];
        let of = |name: Option<&Name>| name.map_or((1.0, false), |name| (1.0 / shares.of(name.hash), shares.is_name(name)));
        (0..names.numbers()).map(|number| of(names.find(number as u32))).collect::<Vec<(f64, bool)>>()
    });
    let found = in_order(options.threads, &pieces, Memory::new, |memory, piece| {
        let (mut counted, mut rarities) = (HashMap::new(), Rarities::default());
        let mut count = |left: u64, right: u64| {
            let (one, other) = (&records.rows[left as usize], &records.rows[right as usize]);
            let pattern = compare(one, other, &records.tables, memory);
            for (place, (one, other)) in [(one.first, other.first), (one.last, other.last)].into_iter().enumerate() {
                let level = pattern[NAMES[place].1 as usize];
                if SIMILAR_NAMES.contains(&level) {
                    let (seen, sum) = &mut rarities[place][usize::from(level)];
                    *seen += 1.0;
                    let (one, other) = (rarity[place][one as usize], rarity[place][other as usize]);
                    *sum += similarity([one.0, other.0], [one.1, other.1]).0;
                }
            }
            *counted.entry(packed(&pattern)).or_insert(0.0) += 1.0;
        };
        if pairs_of(rows) <= wanted {
            for left in (*piece..rows).step_by(pieces.len()) {
                (left + 1..rows).for_each(|right| count(left, right));
            }
        } else {
            let mut random = Random::new(mix(options.seed, *piece + 1));
            for _ in 0..wanted / 64 + 1 {
                let (left, right) = (random.below(rows), random.below(rows));
                if left != right {
                    count(left, right);
                }
            }
        }
        (counted, rarities)
    });
    let (histograms, rarities): (Vec<HashMap<u64, f64>>, Vec<Rarities>) = found.into_iter().unzip();
    let mean = |place: usize, level: usize| {
        let (seen, sum) = rarities.iter().map(|part| part[place][level]).fold((0.0, 0.0), |all, part| (all.0 + part.0, all.1 + part.1));
        if seen >= FEWEST_SIMILAR { sum / seen } else { 0.0 }
    };
    (joined(histograms), std::array::from_fn(|place| std::array::from_fn(|level| mean(place, level))))
}

fn joined(histograms: Vec<HashMap<u64, f64>>) -> Histogram {
    let mut joined = Histogram::new();
    for histogram in histograms {
        for (pattern, count) in histogram {
            *joined.entry(pattern).or_insert(0.0) += count;
        }
    }
    joined
}

/// Fields with one value a record, of which all pairs that share it can be counted without looking at them: how many pairs have a value
/// at all, and how many the same.
fn all_pairs(records: &Records) -> Vec<(Field, usize, f64, f64)> {
    let fields = [(Shared::First, Field::First, name::SAME), (Shared::Last, Field::Last, name::SAME)];
    let counted = fields.into_iter().map(|(shared, field, level)| {
        let mut values: Vec<u64> = records.rows.iter().map(|row| shared.value(row, &records.tables)).filter(|value| *value != 0).collect();
        values.sort_unstable();
        let same: u64 = values.chunk_by(|left, right| left == right).map(|group| pairs_of(group.len() as u64)).sum();
        (field, usize::from(level), pairs_of(values.len() as u64) as f64, same as f64)
    });
    counted.collect()
}

/// How often each level is seen by chance: as counted, less what pairs of one person contribute, and with what is assumed for the rest.
fn unrelated(
    chance: &Histogram,
    same: &[(Field, usize, f64, f64)],
    births: &Births,
    model: Option<&Model>,
) -> [[f64; LEVELS]; FIELD_COUNT] {
    let assumed = assumed(|level| level.unrelated);
    let birth_date = Field::Birth as usize;
    let born_together = model
        .map_or_else(|| births.chance(0.0, &[0.0; LEVELS]), |model| births.chance(model.matches.min(0.5), &model.matching[birth_date]));
    let (mut counts, mut all) = ([[0.0; LEVELS]; FIELD_COUNT], 0.0);
    for (pattern, count) in chance {
        all += count;
        for (field, level) in unpacked(*pattern).into_iter().enumerate() {
            counts[field][level as usize] += count;
        }
    }
    std::array::from_fn(|field| {
        let known: f64 = counts[field][1..].iter().sum();
        // Pairs of one person with a value in the field: in the sample, and of all pairs.
        let matches = |pairs: f64| model.map_or(0.0, |model| pairs * model.matches.min(0.5));
        let share = |level: usize, counted: f64, pairs: f64| {
            let contributed = model.map_or(0.0, |model| matches(pairs) * model.matching[field][level]);
            let assumed_pairs = PRIOR_PAIRS * assumed[field][level];
            (((counted - contributed).max(0.0) + assumed_pairs) / (pairs - matches(pairs) + PRIOR_PAIRS).max(1.0)).max(LEAST_CHANCE)
        };
        let exact = same.iter().find(|(exact, ..)| *exact as usize == field);
        let mut levels: [f64; LEVELS] = std::array::from_fn(|level| match exact {
            _ if level == 0 || assumed[field][level] == 0.0 => 0.0,
            _ if field == birth_date && level == usize::from(birth::SAME) => born_together.max(LEAST_CHANCE),
            Some((_, same, pairs, counted)) if *same == level && *pairs > all => share(level, *counted, *pairs),
            _ => share(level, counts[field][level], known),
        });
        let sum: f64 = levels.iter().sum();
        levels.iter_mut().for_each(|level| *level /= sum);
        levels
    })
}

/// The pairs that share one value, as far as they are looked at.
fn pass(records: &Records, scorer: &Scorer<'_>, shared: Shared, silent: &[Field], options: &Options) -> Option<Pass> {
    let value = |row: &Prepared| match shared {
        Shared::Street => mix(shared.value(row, &records.tables), u64::from(row.house)) * u64::from(row.street != 0 && row.house != 0),
        Shared::Email if records.tables.is_shared_email(row.emails[0]) => 0,
        shared => shared.value(row, &records.tables),
    };
    let mut entries: Vec<(u64, u32)> =
        records.rows.iter().zip(0..).map(|(row, index)| (value(row), index)).filter(|entry| entry.0 != 0).collect();
    entries.sort_unstable();
    let groups: Vec<&[(u64, u32)]> =
        entries.chunk_by(|left, right| left.0 == right.0).filter(|group| (2..=LARGEST_GROUP).contains(&group.len())).collect();
    let chosen = sample(&groups, options.seed).0;
    let counted = count(records, scorer, &chosen, options, |_, _, _| true);
    (!counted.is_empty()).then(|| Pass { patterns: counted, silent: silent.iter().map(|field| *field as usize).collect() })
}

/// Groups so that about as many pairs as wanted are looked at, and the share of the pairs that these are.
fn sample<'g>(groups: &[&'g [(u64, u32)]], seed: u64) -> (Vec<&'g [(u64, u32)]>, f64) {
    let pairs = |group: &[(u64, u32)]| pairs_of(group.len() as u64);
    let all: u64 = groups.iter().map(|group| pairs(group)).sum();
    let limit = (u64::MAX as f64 * (PAIRS_OF_A_PASS as f64 / all.max(1) as f64).min(1.0)) as u64;
    let chosen: Vec<&[(u64, u32)]> = groups.iter().copied().filter(|group| mix(group[0].0, seed) <= limit).collect();
    let looked_at: u64 = chosen.iter().map(|group| pairs(group)).sum();
    (chosen, looked_at as f64 / all.max(1) as f64)
}

fn count(
    records: &Records,
    scorer: &Scorer<'_>,
    groups: &[&[(u64, u32)]],
    options: &Options,
    wanted: impl Fn(u64, u32, u32) -> bool + Sync,
) -> Histogram {
    let pieces: Vec<&[&[(u64, u32)]]> = groups.chunks(64).collect();
    joined(in_order(options.threads, &pieces, Memory::new, |memory, piece| {
        let mut counted = HashMap::new();
        for group in *piece {
            for (index, (key, left)) in group.iter().enumerate() {
                for (_, right) in &group[index + 1..] {
                    if wanted(*key, *left, *right) {
                        let (one, other) = (&records.rows[*left as usize], &records.rows[*right as usize]);
                        let pattern = compare(one, other, &records.tables, memory);
                        let rarity = scorer.evidence(one, other, &pattern, &records.tables).rarity;
                        *counted.entry(Weighed::new(&pattern, &rarity).word()).or_insert(0.0) += 1.0;
                    }
                }
            }
        }
        counted
    }))
}

/// The patterns of the pairs that blocking finds, each pair once, scaled up where only some of them were looked at.
fn candidates(records: &Records, scorer: &Scorer<'_>, blocks: &Blocks, options: &Options) -> Histogram {
    let mut by_kind: BTreeMap<usize, Vec<&[(u64, u32)]>> = BTreeMap::new();
    for group in blocks.groups() {
        by_kind.entry(kind(group[0].0)).or_default().push(group);
    }
    let mut all = Histogram::new();
    for groups in by_kind.values() {
        let (chosen, share) = sample(groups, options.seed);
        for (pattern, counted) in count(records, scorer, &chosen, options, |key, left, right| blocks.first_common(left, right) == Some(key))
        {
            *all.entry(pattern).or_insert(0.0) += counted / share.max(1e-9);
        }
    }
    all
}

/// How common values are.
fn shares(records: &Records) -> BTreeMap<Shared, Shares> {
    Shared::ALL.into_iter().map(|shared| (shared, shares_of(records, shared))).collect()
}

/// Values beyond so many are not listed: the rest is rare enough to be treated alike.
const LISTED: usize = 20_000;

fn shares_of(records: &Records, shared: Shared) -> Shares {
    let tables = &records.tables;
    let nearly_unique = shared.frequency(records.entity) == Frequency::NearlyUnique;
    let who = |row: &Prepared| match records.entity {
        // A value is as common as it is among people: rows that say the same throughout are one.
        _ if !nearly_unique => row.content(),
        Entity::Contact => tables.names.find(row.first).map_or(0, |name| name.sound),
        // Companies of one name are told apart by where they are, other values by the name.
        Entity::Account if shared == Shared::Company => tables.words.find(row.code.max(row.city)).map_or(0, |word| word.hash),
        Entity::Account => tables.companies.find(row.company).map_or(0, |name| name.sound),
    };
    let mut values: Vec<(u64, u64)> =
        records.rows.iter().map(|row| (shared.value(row, tables), who(row))).filter(|value| value.0 != 0).collect();
    values.sort_unstable();
    if !nearly_unique {
        values.dedup();
    }
    let filled = values.len() as f64;
    let mut listed: Vec<(u64, f64)> = Vec::new();
    for group in values.chunk_by(|left, right| left.0 == right.0) {
        let count = group.len() as f64;
        let people = group.chunk_by(|left, right| left.1 == right.1).count() as f64;
        match nearly_unique {
            true if people >= 4.0 => listed.push((group[0].0, (people - 2.0) / filled)),
            false if count >= 3.0 => listed.push((group[0].0, count / (filled + 100.0))),
            _ => {}
        }
    }
    listed.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
    listed.truncate(LISTED);
    Shares { listed: listed.into_iter().collect(), otherwise: 1.5 / (filled + 100.0) }
}
