//! Resolving what changed gives what resolving everything gives.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod people;

use std::collections::{BTreeMap, BTreeSet};

use aqueduct_identity::{
    Asked, Attribute, Change, Entity, Known, Model, Options, Record, RecordKey, Resolution, StoredPair, Update, Verdict, resolve, update,
};
use people::{Dice, people};
use proptest::prelude::*;

/// What a warehouse stores.
#[derive(Default)]
struct Stored {
    records: BTreeMap<RecordKey, Record>,
    keys: BTreeMap<RecordKey, Vec<u64>>,
    clusters: BTreeMap<RecordKey, RecordKey>,
    pairs: BTreeMap<(RecordKey, RecordKey), StoredPair>,
    turns: usize,
    compared: u64,
}

impl Stored {
    fn of(records: &[Record], resolution: &Resolution) -> Self {
        let mut stored = Self { records: records.iter().map(|record| (record.key.clone(), record.clone())).collect(), ..Self::default() };
        let keys = &resolution.keys;
        for (row, key) in (0..).zip(keys) {
            stored.keys.insert(key.clone(), resolution.block_keys(row));
            stored.clusters.insert(key.clone(), keys[resolution.clusters[row as usize] as usize].clone());
        }
        let mut explainer = resolution.explainer();
        for pair in &resolution.pairs {
            let (a, b) = (&keys[pair.left as usize], &keys[pair.right as usize]);
            stored.pairs.insert((a.clone(), b.clone()), StoredPair::new(pair, a, b, &mut explainer));
        }
        stored
    }

    fn answer(&self, asked: &Asked, known: &mut Known) {
        for key in &asked.blocks {
            let members = self.keys.iter().filter(|(_, keys)| keys.contains(key)).map(|(record, _)| record.clone());
            known.blocks.insert(*key, members.collect());
        }
        for key in &asked.records {
            known.records.extend(self.records.get(key).map(|record| (key.clone(), record.clone())));
        }
        for key in &asked.pairs {
            let pairs = self.pairs.values().filter(|pair| pair.a == *key || pair.b == *key);
            known.pairs.insert(key.clone(), pairs.cloned().collect());
        }
    }

    fn change(&mut self, model: &Model, verdicts: &[Verdict], changes: &[(RecordKey, Option<Record>)]) {
        let changes: Vec<Change> = changes
            .iter()
            .map(|(key, after)| Change { key: key.clone(), before: self.keys.get(key).cloned().unwrap_or_default(), after: after.clone() })
            .collect();
        let mut known = Known::default();
        for _ in 0..20 {
            self.turns += 1;
            match update(model, verdicts, &changes, &known) {
                Err(asked) => self.answer(&asked, &mut known),
                Ok(made) => return self.apply(&changes, made),
            }
        }
        panic!("an update asks without end");
    }

    fn apply(&mut self, changes: &[Change], made: Update) {
        self.compared = made.compared;
        for change in changes {
            match &change.after {
                Some(record) => drop(self.records.insert(change.key.clone(), record.clone())),
                None => {
                    self.records.remove(&change.key);
                    self.keys.remove(&change.key);
                    self.clusters.remove(&change.key);
                }
            }
        }
        self.keys.extend(made.keys.into_iter().filter(|(key, _)| self.records.contains_key(key)));
        let replaced: BTreeSet<RecordKey> = made.clusters.keys().cloned().collect();
        self.pairs
            .retain(|(a, b), _| !(made.removed.contains(a) || made.removed.contains(b) || (replaced.contains(a) && replaced.contains(b))));
        self.clusters.extend(made.clusters);
        self.pairs.extend(made.pairs.into_iter().map(|pair| ((pair.a.clone(), pair.b.clone()), pair)));
    }
}

fn options(model: Option<Model>, verdicts: &[Verdict]) -> Options {
    Options { threads: 1, random_pairs: 20_000, cap: 12, model, verdicts: verdicts.to_vec(), ..Options::new(Entity::Contact) }
}

fn assert_as_from_nothing(stored: &Stored, model: &Model, verdicts: &[Verdict]) {
    let records: Vec<Record> = stored.records.values().cloned().collect();
    let whole = Stored::of(&records, &resolve(records.clone(), &options(Some(model.clone()), verdicts)));
    assert_eq!(differing(&stored.keys, &whole.keys), []);
    assert_eq!(differing(&stored.clusters, &whole.clusters), []);
    assert_eq!(differing(&stored.pairs, &whole.pairs), []);
}

/// What two maps do not have in common.
fn differing<'m, K: Ord + Clone, V: PartialEq>(
    one: &'m BTreeMap<K, V>,
    other: &'m BTreeMap<K, V>,
) -> Vec<(K, Option<&'m V>, Option<&'m V>)> {
    let keys: BTreeSet<&K> = one.keys().chain(other.keys()).collect();
    keys.into_iter().filter(|key| one.get(key) != other.get(key)).map(|key| (key.clone(), one.get(key), other.get(key))).collect()
}

/// A record as lists of addresses have it.
fn nameless(record: &Record) -> Record {
    let is_name = |attribute: &Attribute| matches!(attribute, Attribute::FirstName | Attribute::LastName | Attribute::FullName);
    Record { values: record.values.iter().filter(|(attribute, _)| !is_name(attribute)).cloned().collect(), ..record.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn an_update_gives_what_resolving_everything_gives(seed in any::<u64>()) {
        let mut dice = Dice::new(seed);
        let all: Vec<Record> = people(seed, 120).into_iter().map(|(record, _)| record).collect();
        let model = resolve(all.clone(), &options(None, &[])).model;
        let mut verdicts = Vec::new();
        let start = &all[..all.len() * 2 / 3];
        let mut stored = Stored::of(start, &resolve(start.to_vec(), &options(Some(model.clone()), &[])));
        for _ in 0..6 {
            let mut changes = BTreeMap::new();
            for _ in 0..=dice.below(5) {
                let record = &all[dice.below(all.len())];
                let values = all[dice.below(all.len())].values.clone();
                let after = match dice.below(6) {
                    0 => None,
                    // Another's values, in part: records move from block to block.
                    1 => Some(Record { values: values.into_iter().chain(record.values.clone()).collect(), ..record.clone() }),
                    2 => Some(Record { merged_into: Some(all[dice.below(all.len())].key.clone()), ..record.clone() }),
                    3 => Some(nameless(record)),
                    _ => Some(record.clone()),
                };
                changes.insert(record.key.clone(), after);
            }
            if dice.below(2) == 0 {
                let (a, b) = (all[dice.below(all.len())].key.clone(), all[dice.below(all.len())].key.clone());
                for key in [&a, &b] {
                    changes.entry(key.clone()).or_insert_with(|| stored.records.get(key).cloned());
                }
                verdicts.push(Verdict { a, b, is_same: dice.below(2) == 0 });
            }
            if dice.below(2) == 0 && let Some(pair) = stored.pairs.values().nth(dice.below(stored.pairs.len().max(1))) {
                let (a, b) = (pair.a.clone(), pair.b.clone());
                for key in [&a, &b] {
                    changes.entry(key.clone()).or_insert_with(|| stored.records.get(key).cloned());
                }
                verdicts.push(Verdict::unmerge(a, b));
            }
            let changes: Vec<(RecordKey, Option<Record>)> = changes.into_iter().collect();
            stored.change(&model, &verdicts, &changes);
            assert_as_from_nothing(&stored, &model, &verdicts);
        }
    }
}

#[test]
fn an_added_record_costs_no_more_than_its_blocks() {
    let cost = |count: usize| {
        let all: Vec<Record> = people(5, count).into_iter().map(|(record, _)| record).collect();
        let model = resolve(all.clone(), &options(None, &[])).model;
        let mut stored = Stored::of(&all, &resolve(all.clone(), &options(Some(model.clone()), &[])));
        let added = Record { key: RecordKey::new("new", "1"), ..all[7].clone() };
        stored.change(&model, &[], &[(added.key.clone(), Some(added))]);
        (stored.compared, stored.turns)
    };
    for count in [200, 1_600] {
        let (compared, turns) = cost(count);
        assert!(compared <= 250, "{compared} pairs compared for one record among {count}");
        assert!(turns <= 12, "{turns} turns");
    }
}

/// An address stands alone in one list. Whose it is changes with every name that comes to stand beside it.
#[test]
fn an_address_alone_goes_with_the_names_beside_it() {
    let all: Vec<Record> = people(5, 100).into_iter().map(|(record, _)| record).collect();
    let model = resolve(all.clone(), &options(None, &[])).model;
    let mut stored = Stored::of(&all, &resolve(all.clone(), &options(Some(model.clone()), &[])));
    let record = |id: &str, first: &str, last: &str| {
        let named = [(Attribute::FirstName, first), (Attribute::LastName, last), (Attribute::Email, "lovelace@acme.example")];
        named.into_iter().filter(|(_, value)| !value.is_empty()).fold(Record::new("mine", id), |record, (of, value)| record.with(of, value))
    };
    let together = |stored: &Stored, one: &str, other: &str| {
        let cluster = |id: &str| stored.clusters[&RecordKey::new("mine", id)].clone();
        cluster(one) == cluster(other)
    };
    let mut change = |record: Option<Record>, id: &str| {
        stored.change(&model, &[], &[(RecordKey::new("mine", id), record)]);
        assert_as_from_nothing(&stored, &model, &[]);
        [("1", "2"), ("1", "3")]
            .map(|(one, other)| stored.records.contains_key(&RecordKey::new("mine", other)) && together(&stored, one, other))
    };
    assert_eq!(change(Some(record("1", "", "")), "1"), [false, false]);
    assert_eq!(change(Some(record("2", "Ada", "Lovelace")), "2"), [true, false]);
    assert_eq!(change(Some(record("3", "William", "Lovelace")), "3"), [false, false]);
    assert_eq!(change(Some(record("3", "A.", "Lovelace")), "3"), [true, true]);
    assert_eq!(change(None, "2"), [false, true]);
    assert_eq!(change(Some(record("3", "", "")), "3"), [false, true]);
}
