//! Resolving what a run touched, and nothing else, with the answer that resolving everything would give.
//!
//! Whoever stores the records asks and answers in turns, because where they are stored is not known here: [`update`] says what it has to
//! know, and is called again when that is [`Known`], until it has everything. Two or three turns are usual, and what is asked for is
//! bounded by the blocks and clusters of the records that changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::blocking::{self, Key};
use crate::compare::Memory;
use crate::evidence::Scorer;
use crate::model::Model;
use crate::prepared::RECORDS_OF_SEVERAL;
use crate::record::{Record, RecordKey, Verdict};
use crate::resolve::{Decision, Explainer, Pair, prepare, settle};
use crate::rules::Rule;
use crate::score::{LEAST_PROBABILITY, Scored, weigh};

/// A record that a run touched.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which record.
    pub key: RecordKey,
    /// The blocking keys that are stored for it; none for a new record.
    pub before: Vec<u64>,
    /// The record as it is now; `None` where it is gone. The same as before for a record that a person's new verdict is about.
    pub after: Option<Record>,
}

/// A pair as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPair {
    /// The record of the lesser key.
    pub a: RecordKey,
    /// The other record.
    pub b: RecordKey,
    /// How likely they are of one person or company.
    pub probability: f64,
    /// What was decided.
    pub decision: Decision,
    /// By which rule.
    pub rule: Rule,
    /// Whether the two share a key.
    pub is_found: bool,
    /// Why a likely pair was not linked.
    pub refused: Option<String>,
    /// The reasons on one line; see [`crate::line`].
    pub reasons: String,
}

/// What is known of the state before the change, as far as it was asked for. Everything in it is as it was stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// The members of blocks, by blocking key; empty for a key that nobody has.
    pub blocks: BTreeMap<u64, Vec<RecordKey>>,
    /// Records.
    pub records: BTreeMap<RecordKey, Record>,
    /// All stored pairs of a record; empty for a record that has none.
    pub pairs: BTreeMap<RecordKey, Vec<StoredPair>>,
}

/// What has to be known before an update can be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Blocking keys whose members are needed.
    pub blocks: BTreeSet<u64>,
    /// Records that are needed.
    pub records: BTreeSet<RecordKey>,
    /// Records whose stored pairs are needed.
    pub pairs: BTreeSet<RecordKey>,
}

impl Asked {
    /// The answer where nothing has to be asked for it.
    fn or<T>(self, answer: T) -> Result<T, Self> {
        if self.blocks.is_empty() && self.records.is_empty() && self.pairs.is_empty() { Ok(answer) } else { Err(self) }
    }
}

/// What changes in what is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// The blocking keys of every changed record, which replace those that are stored; none for a record that is gone.
    pub keys: BTreeMap<RecordKey, Vec<u64>>,
    /// The first member of each record's cluster, for every record whose cluster may have changed.
    pub clusters: BTreeMap<RecordKey, RecordKey>,
    /// Every stored pair with one of these records is to be removed, whatever the other is.
    pub removed: BTreeSet<RecordKey>,
    /// Every stored pair of which both records are in `clusters` is to be removed too. These pairs take the place of all that were.
    pub pairs: Vec<StoredPair>,
    /// How many pairs were compared.
    pub compared: u64,
}

/// One turn: the update, or what must be known for it.
///
/// The model has to be the one that everything stored was resolved with; after learning a new one, everything is resolved anew.
pub fn update(model: &Model, verdicts: &[Verdict], changes: &[Change], known: &Known) -> Result<Update, Asked> {
    let changed: BTreeMap<&RecordKey, &Change> = changes.iter().map(|change| (&change.key, change)).collect();
    let now = Now { model, known, verdicts, keys: keys_after(model, &changed), changed: &changed };
    let stale = now.stale()?;
    let (mut pairs, mut all) = now.compared(&stale)?;
    now.ask_addresses(&all)?;
    let compared = pairs.len() as u64;
    let reached = now.reached(&stale, now.linking(&all, &pairs))?;
    all.extend(reached.iter().cloned());
    now.ask_addresses(&all)?;

    // Pairs of which no record is stale are as they were, as long as they share a key.
    for pair in reached.iter().flat_map(|key| known.pairs.get(key).into_iter().flatten()) {
        if pair.is_found && reached.contains(&pair.a) && reached.contains(&pair.b) && !stale.contains(&pair.a) && !stale.contains(&pair.b) {
            pairs.insert((pair.a.clone(), pair.b.clone()));
        }
    }
    let mut update =
        now.settle(&all, &pairs, |a, b| (reached.contains(a) && reached.contains(b)) || stale.contains(a) || stale.contains(b));
    update.clusters.retain(|key, _| reached.contains(key));
    update.removed = stale;
    update.keys = now.keys;
    update.compared = compared;
    Ok(update)
}

/// The blocking keys of every changed record; none for one that is gone.
fn keys_after(model: &Model, changed: &BTreeMap<&RecordKey, &Change>) -> BTreeMap<RecordKey, Vec<Key>> {
    let keys = |change: &Change| change.after.as_ref().map_or_else(Vec::new, |record| keys_of(model, record));
    changed.iter().map(|(key, change)| ((*key).clone(), keys(change))).collect()
}

fn keys_of(model: &Model, record: &Record) -> Vec<Key> {
    let (_, records, _) = prepare(vec![record.clone()], model.entity, &[]);
    let mut keys = Vec::new();
    blocking::keys(&records.rows[0], &records.tables, model.entity, &mut keys);
    keys
}

/// Two records, the lesser key first.
type Two = (RecordKey, RecordKey);

fn ordered(one: &RecordKey, other: &RecordKey) -> Two {
    if one < other { (one.clone(), other.clone()) } else { (other.clone(), one.clone()) }
}

/// The state after the change, as far as it is known.
struct Now<'k> {
    model: &'k Model,
    known: &'k Known,
    verdicts: &'k [Verdict],
    changed: &'k BTreeMap<&'k RecordKey, &'k Change>,
    /// The blocking keys of the changed records.
    keys: BTreeMap<RecordKey, Vec<Key>>,
}

impl Now<'_> {
    /// The records all of whose pairs are to be weighed again: those that changed, and the members of blocks that cross the cap, or whose
    /// address becomes or ceases to be shared, by gaining or losing one.
    fn stale(&self) -> Result<BTreeSet<RecordKey>, Asked> {
        let mut asked = Asked::default();
        let mut stale: BTreeSet<RecordKey> = self.keys.keys().cloned().collect();
        let touched: BTreeSet<Key> =
            self.changed.values().flat_map(|change| change.before.iter().chain(&self.keys[&change.key])).copied().collect();
        for key in touched {
            let Some(before) = self.known.blocks.get(&key) else {
                asked.blocks.insert(key);
                continue;
            };
            let after = self.members(key);
            let crosses = (before.len() <= self.model.cap) != (after.len() <= self.model.cap);
            let shares = blocking::kind(key) == blocking::EMAIL && before.len().max(after.len()) >= RECORDS_OF_SEVERAL;
            if shares && !self.ask_records(before, &mut asked) {
                continue;
            }
            if crosses || (shares && self.whose(key, before, true) != self.whose(key, &after, false)) {
                stale.extend(before.iter().cloned().chain(after));
            }
        }
        asked.or(stale)
    }

    /// The pairs of stale records that share a block, and all records that these pairs, verdicts and merges speak of.
    fn compared(&self, stale: &BTreeSet<RecordKey>) -> Result<(BTreeSet<Two>, BTreeSet<RecordKey>), Asked> {
        let mut asked = Asked::default();
        let mut pairs: BTreeSet<Two> = BTreeSet::new();
        for key in stale {
            if !self.ask(key, &mut asked) {
                continue;
            }
            let Some(record) = self.record(key) else { continue };
            for block in self.keys.get(key).cloned().unwrap_or_else(|| keys_of(self.model, record)) {
                if !self.known.blocks.contains_key(&block) {
                    asked.blocks.insert(block);
                    continue;
                }
                let members = self.members(block);
                if members.len() <= self.model.cap {
                    pairs.extend(members.into_iter().filter(|other| other != key).map(|other| ordered(key, &other)));
                }
            }
        }
        let mut all: BTreeSet<RecordKey> = pairs.iter().flat_map(|(one, other)| [one, other]).chain(stale).cloned().collect();
        all.extend(stale.iter().flat_map(|key| self.partners(key)));
        for key in &all {
            self.ask(key, &mut asked);
        }
        all.retain(|key| self.record(key).is_some());
        asked.or((pairs, all))
    }

    /// The records whose clusters may change: everything that links reach from the stale ones, as links were and as they are.
    fn reached(&self, stale: &BTreeSet<RecordKey>, linking: Vec<Two>) -> Result<BTreeSet<RecordKey>, Asked> {
        let mut asked = Asked::default();
        let mut linked: BTreeMap<RecordKey, Vec<RecordKey>> = BTreeMap::new();
        for (one, other) in linking {
            linked.entry(one.clone()).or_default().push(other.clone());
            linked.entry(other).or_default().push(one);
        }
        let linked_before =
            |pair: &&StoredPair| pair.probability >= self.model.auto || matches!(pair.rule, Rule::Merged | Rule::Manual | Rule::Through);
        let (mut reached, mut open): (BTreeSet<RecordKey>, Vec<RecordKey>) = (BTreeSet::new(), stale.iter().cloned().collect());
        while let Some(key) = open.pop() {
            if reached.insert(key.clone()) && self.ask(&key, &mut asked) {
                let stored = self.known.pairs.get(&key).into_iter().flatten();
                open.extend(stored.filter(linked_before).map(|pair| if pair.a == key { pair.b.clone() } else { pair.a.clone() }));
                open.extend(linked.get(&key).into_iter().flatten().cloned());
                open.extend(self.partners(&key));
            }
        }
        reached.retain(|key| self.record(key).is_some());
        asked.or(reached)
    }

    /// The records that verdicts and a merge name beside one.
    fn partners(&self, key: &RecordKey) -> Vec<RecordKey> {
        let spoken = self.verdicts.iter().filter(|verdict| verdict.a == *key || verdict.b == *key);
        let merged = self.record(key).and_then(|record| record.merged_into.clone());
        spoken.map(|verdict| if verdict.a == *key { verdict.b.clone() } else { verdict.a.clone() }).chain(merged).collect()
    }

    fn record(&self, key: &RecordKey) -> Option<&Record> {
        self.changed.get(key).map_or_else(|| self.known.records.get(key), |change| change.after.as_ref())
    }

    /// The members of a known block after the change.
    fn members(&self, key: Key) -> Vec<RecordKey> {
        let stored = self.known.blocks.get(&key).into_iter().flatten().filter(|member| !self.changed.contains_key(member)).cloned();
        let own = self.keys.iter().filter(|(_, own)| own.binary_search(&key).is_ok()).map(|(record, _)| record.clone());
        stored.chain(own).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether the address of a block, with these records, is one that several surnames share, and whether it is several people's.
    fn whose(&self, block: Key, members: &[RecordKey], before: bool) -> [bool; 2] {
        let record = |key: &RecordKey| if before { self.known.records.get(key) } else { self.record(key) };
        let (_, records, _) = prepare(members.iter().filter_map(record).cloned().collect(), self.model.entity, &[]);
        let tables = &records.tables;
        let of_block = |email: u32| tables.emails.find(email).and_then(|email| blocking::of_address(email.hash)) == Some(block);
        let mut numbers = (0..tables.emails.numbers()).filter(|number| of_block(*number as u32));
        numbers.next().map_or([false; 2], |number| [tables.shared_emails[number], tables.emails_of_several[number]])
    }

    /// Asks for a record and its pairs, always both: one whose pairs are known and that is not there itself does not exist, as a record may
    /// that a verdict or a merge speaks of. Whether it is known.
    fn ask(&self, key: &RecordKey, asked: &mut Asked) -> bool {
        let known = self.known.pairs.contains_key(key);
        if !known {
            asked.records.insert(key.clone());
            asked.pairs.insert(key.clone());
        }
        known
    }

    /// Asks for records as they were before the change.
    fn ask_records(&self, keys: &[RecordKey], asked: &mut Asked) -> bool {
        let missing = keys.iter().filter(|key| !self.known.records.contains_key(key));
        let before = asked.records.len();
        asked.records.extend(missing.cloned());
        asked.records.len() == before
    }

    /// Asks for all that have the e-mail addresses of the records: whether an address is shared changes what it says.
    fn ask_addresses(&self, all: &BTreeSet<RecordKey>) -> Result<(), Asked> {
        let mut asked = Asked::default();
        for key in all.iter().filter_map(|key| self.record(key)).flat_map(|record| self.addresses(record)) {
            if !self.known.blocks.contains_key(&key) {
                asked.blocks.insert(key);
                continue;
            }
            let members = self.members(key);
            if members.len() >= RECORDS_OF_SEVERAL {
                for member in &members {
                    self.ask(member, &mut asked);
                }
            }
        }
        asked.or(())
    }

    /// The blocking keys of a record's e-mail addresses.
    fn addresses(&self, record: &Record) -> impl Iterator<Item = Key> + use<> {
        keys_of(self.model, record).into_iter().filter(|key| blocking::kind(*key) == blocking::EMAIL)
    }

    /// The records of `all` and of everybody who shares an address with one of them.
    fn with_addresses(&self, all: &BTreeSet<RecordKey>) -> Vec<Record> {
        let mut keys = all.clone();
        for record in all.iter().filter_map(|key| self.record(key)) {
            let members = self.addresses(record).flat_map(|key| self.known.blocks.get(&key).into_iter().flatten());
            keys.extend(members.chain(self.changed.keys().copied()).cloned());
        }
        keys.iter().filter_map(|key| self.record(key)).cloned().collect()
    }

    /// The pairs that link their records, by weight or because it was decided.
    fn linking(&self, all: &BTreeSet<RecordKey>, pairs: &BTreeSet<Two>) -> Vec<Two> {
        let (keys, records, decided) = prepare(self.with_addresses(all), self.model.entity, self.verdicts);
        let (scorer, mut memory) = (Scorer::new(self.model, &records), Memory::new());
        let place = |key: &RecordKey| keys.binary_search(key).ok().map(|place| place as u32);
        let mut linking: Vec<Two> =
            decided.same.iter().map(|(left, right)| (keys[*left as usize].clone(), keys[*right as usize].clone())).collect();
        for pair in pairs {
            if let (Some(left), Some(right)) = (place(&pair.0), place(&pair.1))
                && weigh(&records, &scorer, &mut memory, left, right).probability >= self.model.auto
            {
                linking.push(pair.clone());
            }
        }
        linking
    }

    fn settle(&self, all: &BTreeSet<RecordKey>, pairs: &BTreeSet<Two>, wanted: impl Fn(&RecordKey, &RecordKey) -> bool) -> Update {
        let (keys, records, decided) = prepare(self.with_addresses(all), self.model.entity, self.verdicts);
        let scorer = Scorer::new(self.model, &records);
        let mut memory = Memory::new();
        let place = |key: &RecordKey| keys.binary_search(key).ok().map(|place| place as u32);
        let scored: Vec<Scored> = pairs
            .iter()
            .filter_map(|(a, b)| Some(Scored { is_found: true, ..weigh(&records, &scorer, &mut memory, place(a)?, place(b)?) }))
            .filter(|pair| pair.probability >= LEAST_PROBABILITY)
            .collect();
        let (settled, clusters) = settle(&records, self.model, scored, &decided);
        let mut explainer = Explainer::new(&records, scorer);
        let stored = |pair: &Pair| {
            let (a, b) = (&keys[pair.left as usize], &keys[pair.right as usize]);
            wanted(a, b).then(|| StoredPair::new(pair, a, b, &mut explainer))
        };
        Update {
            pairs: settled.iter().filter_map(stored).collect(),
            clusters: clusters.iter().zip(&keys).map(|(least, key)| (key.clone(), keys[*least as usize].clone())).collect(),
            ..Update::default()
        }
    }
}

impl StoredPair {
    /// A pair of a resolution, to be stored.
    pub fn new(pair: &Pair, a: &RecordKey, b: &RecordKey, explainer: &mut Explainer<'_>) -> Self {
        Self {
            a: RecordKey { source: Arc::clone(&a.source), record: a.record.clone() },
            b: RecordKey { source: Arc::clone(&b.source), record: b.record.clone() },
            probability: pair.probability,
            decision: pair.decision,
            rule: pair.rule,
            is_found: pair.is_found,
            refused: pair.refused.map(str::to_owned),
            reasons: crate::explain::line(&explainer.reasons(pair)),
        }
    }
}
