//! What was learned from the data, and how likely two records are of one person by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::levels::{FIELD_COUNT, FIELD_SPECS, Field, Frequency, LEVELS, Pattern, birth, company, email, graded, name, place, plain};
use crate::prepared::{Prepared, Records, Tables};
use crate::record::Entity;

/// What was learned: how often values of one person agree, how often those of two people do, and how common values are. Pure data, to be
/// stored as JSON. With a model, the answer for a record depends on nothing but the records it shares keys with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The version of the rules it was learned for.
    pub version: u32,
    /// What it tells apart.
    pub entity: Entity,
    /// How many records it was learned from.
    pub records: u64,
    /// The most records that may share a key.
    pub cap: usize,
    /// From which probability pairs are linked without asking.
    pub auto: f64,
    /// From which probability pairs are shown for review.
    pub review: f64,
    /// The part of all pairs that are of one person.
    pub(crate) matches: f64,
    /// The part of all pairs that are of one household, and of one company.
    pub(crate) neighbours: [f64; 2],
    pub(crate) matching: [[f64; LEVELS]; FIELD_COUNT],
    pub(crate) unrelated: [[f64; LEVELS]; FIELD_COUNT],
    /// How many times more often strangers of one first name share the surname than any strangers do: names go together by where people
    /// come from.
    pub(crate) together: f64,
    pub(crate) shares: BTreeMap<Shared, Shares>,
    /// How rare the rarer of two names is that are of two people and yet similar: the mean of one divided by its share, for each level of
    /// the first name and of the surname; 0 where too few were seen.
    pub(crate) rarities: [[f64; LEVELS]; 2],
}

/// The version of the rules for comparing and learning. A stored model of another version is to be learned again.
pub const MODEL_VERSION: u32 = 2;

/// Values whose frequency is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shared {
    First,
    Last,
    Email,
    Phone,
    Birth,
    Street,
    Code,
    City,
    Identifier,
    Company,
    Domain,
}

impl Shared {
    pub(crate) const ALL: [Self; 11] = [
        Self::First,
        Self::Last,
        Self::Email,
        Self::Phone,
        Self::Birth,
        Self::Street,
        Self::Code,
        Self::City,
        Self::Identifier,
        Self::Company,
        Self::Domain,
    ];

    pub(crate) fn frequency(self, entity: Entity) -> Frequency {
        match self {
            Self::Email | Self::Phone | Self::Birth | Self::Identifier => Frequency::NearlyUnique,
            Self::Company | Self::Domain if entity == Entity::Account => Frequency::NearlyUnique,
            _ => Frequency::ByValue,
        }
    }

    /// The field it belongs to, and the levels at which two records share it.
    fn levels(self) -> (Field, &'static [u8]) {
        match self {
            Self::First => (Field::First, &[name::SAME]),
            Self::Last => (Field::Last, &[name::SAME]),
            Self::Email => (Field::Email, &[email::SAME]),
            Self::Phone => (Field::Phone, &[plain::SAME]),
            Self::Birth => (Field::Birth, &[birth::SAME]),
            Self::Street => (Field::Street, &[graded::SAME]),
            Self::Code => (Field::Place, &[place::CODE, place::CODE_AND_CITY]),
            Self::City => (Field::Place, &[place::CITY, place::CODE_NEAR_AND_CITY, place::CODE_AND_CITY]),
            Self::Identifier => (Field::Identifier, &[graded::SAME]),
            Self::Company => (Field::Company, &[company::SAME]),
            Self::Domain => (Field::Domain, &[plain::SAME]),
        }
    }

    /// The hash of the record's value, 0 where there is none.
    pub(crate) fn value(self, row: &Prepared, tables: &Tables) -> u64 {
        match self {
            Self::First => tables.names.find(row.first).map_or(0, |name| name.hash),
            Self::Last => tables.names.find(row.last).map_or(0, |name| name.hash),
            Self::Email => tables.emails.find(row.emails[0]).map_or(0, |email| email.hash),
            Self::Phone => tables.numbers.find(row.phones[0]).map_or(0, |phone| phone.hash),
            Self::Birth => u64::from(row.birth),
            Self::Street => tables.words.find(row.street).map_or(0, |word| word.hash),
            Self::Code => tables.words.find(row.code).map_or(0, |word| word.hash),
            Self::City => tables.words.find(row.city).map_or(0, |word| word.hash),
            Self::Identifier => tables.numbers.find(row.identifiers[0]).map_or(0, |id| id.hash),
            Self::Company => tables.companies.find(row.company).map_or(0, |company| company.hash),
            Self::Domain => tables.domains.find(row.domain).map_or(0, |domain| domain.hash),
        }
    }
}

/// The names of people whose rarity counts where they are only similar, too.
pub(crate) const NAMES: [(Shared, Field); 2] = [(Shared::First, Field::First), (Shared::Last, Field::Last)];
/// The levels at which one name may be a mistyped other.
pub(crate) const SIMILAR_NAMES: [u8; 3] = [name::SOUND, name::SIMILAR, name::NEAR];

/// How common values are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shares {
    /// The share of values that are common enough to be listed, by their hash.
    pub(crate) listed: BTreeMap<u64, f64>,
    /// The share of every other value.
    pub(crate) otherwise: f64,
}

impl Shares {
    /// The share of the value of a hash.
    pub(crate) fn of(&self, hash: u64) -> f64 {
        self.listed.get(&hash).copied().unwrap_or(self.otherwise)
    }
}

/// The evidence of one pair: for every field how many times more often this is seen in records of one person than of two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Evidence {
    pub(crate) ratios: [f64; FIELD_COUNT],
    /// What the frequency of the value itself did to the ratio: above 1 for a rare value.
    pub(crate) rarity: [f64; FIELD_COUNT],
    /// What is taken back because the two names go together anyway: 1 or less.
    pub(crate) together: f64,
}

/// A model made ready for the records at hand.
#[derive(Debug)]
pub(crate) struct Scorer<'m> {
    pub(crate) model: &'m Model,
    ratios: [[f64; LEVELS]; FIELD_COUNT],
    /// By how much a shared value changes the ratio, by the value's number: first names, surnames, e-mail addresses, numbers (as
    /// telephone numbers, as identifiers), streets, postal codes, towns, companies, domains.
    factors: BTreeMap<Shared, Vec<f32>>,
    /// One divided by the share of every first name, and of every surname, by its number.
    rarities: [Vec<f32>; 2],
}

/// No two names that are similar weigh more or less than this for being rare or common.
const SIMILAR_RARITY: (f64, f64) = (1.0 / 16.0, 32.0);

/// No value weighs more than this for being rare or common.
const RARITY: (f64, f64) = (1.0 / 4_096.0, 1_024.0);

impl<'m> Scorer<'m> {
    pub(crate) fn new(model: &'m Model, records: &Records) -> Self {
        let tables = &records.tables;
        let mut factors = BTreeMap::new();
        for shared in Shared::ALL {
            let hashes: Vec<u64> = match shared {
                Shared::First | Shared::Last => (1..tables.names.numbers()).map(|number| tables.names.get(number as u32).hash).collect(),
                Shared::Email => (1..tables.emails.numbers()).map(|number| tables.emails.get(number as u32).hash).collect(),
                Shared::Phone | Shared::Identifier => {
                    (1..tables.numbers.numbers()).map(|number| tables.numbers.get(number as u32).hash).collect()
                }
                Shared::Street | Shared::Code | Shared::City => {
                    (1..tables.words.numbers()).map(|number| tables.words.get(number as u32).hash).collect()
                }
                Shared::Company => (1..tables.companies.numbers()).map(|number| tables.companies.get(number as u32).hash).collect(),
                Shared::Domain => (1..tables.domains.numbers()).map(|number| tables.domains.get(number as u32).hash).collect(),
                Shared::Birth => Vec::new(),
            };
            let of = |hash: &u64| model.factor(shared, *hash) as f32;
            factors.insert(shared, std::iter::once(1.0).chain(hashes.iter().map(of)).collect());
        }
        let names = 1..tables.names.numbers() as u32;
        let rarities = NAMES.map(|(shared, _)| {
            std::iter::once(0.0)
                .chain(names.clone().map(|number| (1.0 / model.share(shared, tables.names.get(number).hash)) as f32))
                .collect()
        });
        Self { model, ratios: model.ratios(), factors, rarities }
    }

    /// By how much the rarer of two similar names changes the ratio. Who mistypes a name makes one that hardly anybody has; Andrea and
    /// Andreas are two people.
    fn similar(&self, name: usize, level: u8, left: u32, right: u32) -> f64 {
        let typical = self.model.rarities[name][usize::from(level)];
        let of = |number: u32| self.rarities[name].get(number as usize).copied().unwrap_or_default();
        if typical > 0.0 { (f64::from(of(left).max(of(right))) / typical).clamp(SIMILAR_RARITY.0, SIMILAR_RARITY.1) } else { 1.0 }
    }

    fn factor(&self, shared: Shared, left: u32, right: u32) -> f64 {
        let of = |number: u32| self.factors.get(&shared).and_then(|factors| factors.get(number as usize)).copied().unwrap_or(1.0);
        f64::from(of(left).min(of(right)))
    }

    /// The evidence of a pair.
    pub(crate) fn evidence(&self, left: &Prepared, right: &Prepared, pattern: &Pattern, tables: &Tables) -> Evidence {
        let together = self.model.taken_back(pattern);
        let mut evidence = Evidence { ratios: [1.0; FIELD_COUNT], rarity: [1.0; FIELD_COUNT], together };
        for (field, level) in pattern.iter().enumerate() {
            evidence.ratios[field] = self.ratios[field][*level as usize];
        }
        let mut rare = |field: Field, factor: f64| {
            evidence.rarity[field as usize] = factor;
            evidence.ratios[field as usize] *= factor;
        };
        let level = |field: Field| pattern[field as usize];
        for (place, (left, right)) in [(left.first, right.first), (left.last, right.last)].into_iter().enumerate() {
            let (shared, field) = NAMES[place];
            match level(field) {
                name::SAME => rare(field, self.factor(shared, left, right)),
                similar if SIMILAR_NAMES.contains(&similar) => rare(field, self.similar(place, similar, left, right)),
                _ => {}
            }
        }
        if level(Field::Email) == email::SAME {
            let same = |one: &u32, other: &u32| *one != 0 && *other != 0 && tables.emails.get(*one).hash == tables.emails.get(*other).hash;
            let found =
                left.emails.iter().flat_map(|one| right.emails.iter().map(move |other| (one, other))).find(|(one, other)| same(one, other));
            if let Some((one, other)) = found {
                rare(Field::Email, self.factor(Shared::Email, *one, *other));
            }
        }
        if level(Field::Phone) == plain::SAME {
            // Of several shared numbers the one that fewest have.
            let pairs = left.phones.iter().flat_map(|one| right.phones.iter().map(move |other| (*one, *other)));
            let same =
                pairs.filter(|(one, other)| *one != 0 && *other != 0 && tables.numbers.get(*one).hash == tables.numbers.get(*other).hash);
            rare(Field::Phone, same.map(|(one, other)| self.factor(Shared::Phone, one, other)).reduce(f64::max).unwrap_or(1.0));
        }
        if level(Field::Birth) == birth::SAME {
            rare(Field::Birth, self.model.factor(Shared::Birth, u64::from(left.birth)));
        }
        if level(Field::Street) == graded::SAME {
            rare(Field::Street, self.factor(Shared::Street, left.street, right.street));
        }
        match level(Field::Place) {
            place::CODE | place::CODE_AND_CITY => rare(Field::Place, self.factor(Shared::Code, left.code, right.code)),
            place::CITY => rare(Field::Place, self.factor(Shared::City, left.city, right.city)),
            _ => {}
        }
        if level(Field::Identifier) == graded::SAME {
            rare(Field::Identifier, self.factor(Shared::Identifier, left.identifiers[0], right.identifiers[0]));
        }
        if level(Field::Company) == company::SAME {
            rare(Field::Company, self.factor(Shared::Company, left.company, right.company));
        }
        if level(Field::Domain) == plain::SAME {
            rare(Field::Domain, self.factor(Shared::Domain, left.domain, right.domain));
        }
        evidence
    }
}

impl Model {
    /// Keeps nine digits of every number, which come back from JSON as they were whatever reads it.
    pub(crate) fn round(&mut self) {
        let round = |number: &mut f64| *number = format!("{number:.8e}").parse().unwrap_or(*number);
        let tables = self.matching.iter_mut().chain(&mut self.unrelated).flatten();
        tables.chain(&mut self.neighbours).chain([&mut self.matches, &mut self.together]).for_each(round);
        self.rarities.iter_mut().flatten().for_each(round);
        for shares in self.shares.values_mut() {
            shares.listed.values_mut().chain([&mut shares.otherwise]).for_each(round);
        }
    }

    /// How likely a pair is of one person: against two who are strangers, of one household, or of one company.
    pub(crate) fn probability(&self, evidence: &Evidence) -> f64 {
        let [matching, household, colleagues] = self.odds(evidence);
        let unrelated = 1.0 - self.matches - self.neighbours[0] - self.neighbours[1];
        matching / (matching + household + colleagues + unrelated)
    }

    /// What of the evidence of two names is no evidence, because who has the one has the other more often.
    pub(crate) fn taken_back(&self, pattern: &Pattern) -> f64 {
        let agrees = |field: Field| (name::SIMILAR..=name::SAME).contains(&pattern[field as usize]);
        if agrees(Field::First) && agrees(Field::Last) { 1.0 / self.together } else { 1.0 }
    }

    /// How much each explanation but chance is worth, chance being 1 or nearly: one person, one household, one company.
    pub(crate) fn odds(&self, evidence: &Evidence) -> [f64; 3] {
        let [matching, household, colleagues] = likelihoods(evidence.ratios.iter().copied().enumerate());
        [self.matches * matching * evidence.together, self.neighbours[0] * household, self.neighbours[1] * colleagues]
    }

    /// For every field and level how many times more often it is seen in records of one person than of two. No level weighs less than
    /// "differs", and none but the exchange of names, and a letter in one, more than "the same".
    pub(crate) fn ratios(&self) -> [[f64; LEVELS]; FIELD_COUNT] {
        let mut ratios = [[1.0; LEVELS]; FIELD_COUNT];
        for (field, spec) in FIELD_SPECS.iter().enumerate() {
            let levels = spec.levels.len();
            let same = if levels > name::SAME as usize { name::SAME as usize } else { levels };
            let own = &mut ratios[field];
            for (level, ratio) in own.iter_mut().enumerate().take(levels + 1).skip(1) {
                let (matching, unrelated) = (self.matching[field][level], self.unrelated[field][level]);
                *ratio = if matching > 0.0 && unrelated > 0.0 { matching / unrelated } else { 1.0 };
            }
            let (different, highest) = (own[1].min(1.0), own[same]);
            own[1] = different;
            let is_name = NAMES.iter().any(|(_, name)| *name as usize == field);
            for (level, ratio) in own.iter_mut().enumerate().take(same).skip(2) {
                // Names coincide by being common, and those that are common are seldom near each other.
                let most = match is_name {
                    true if level == usize::from(name::NEAR) => f64::INFINITY,
                    true => highest,
                    false => 4.0 * highest,
                };
                *ratio = ratio.min(most).max(different);
            }
            own[same] = highest.max(different);
        }
        ratios
    }

    /// The share of a value among all values of its kind.
    pub(crate) fn share(&self, shared: Shared, hash: u64) -> f64 {
        self.shares.get(&shared).map_or(1.0, |shares| shares.of(hash))
    }

    /// By how much a shared value changes the ratio of its field.
    pub(crate) fn factor(&self, shared: Shared, hash: u64) -> f64 {
        let Some(shares) = self.shares.get(&shared) else { return 1.0 };
        let listed = shares.listed.get(&hash).copied();
        let (field, levels) = shared.levels();
        let coincidence: f64 = levels.iter().map(|level| self.unrelated[field as usize][*level as usize]).sum();
        let factor = match shared.frequency(self.entity) {
            Frequency::NearlyUnique => coincidence / listed.unwrap_or(coincidence).max(coincidence),
            _ => coincidence / listed.unwrap_or(shares.otherwise),
        };
        if factor.is_finite() { factor.clamp(RARITY.0, RARITY.1) } else { 1.0 }
    }
}

/// The likelihoods of the fields' ratios: one person, one household, one company; two strangers are 1.
pub(crate) fn likelihoods(ratios: impl Iterator<Item = (usize, f64)>) -> [f64; 3] {
    let mut likelihoods = [1.0; 3];
    for (field, ratio) in ratios {
        let [household, company] = FIELD_SPECS[field].shared;
        likelihoods[0] *= ratio;
        likelihoods[1] *= 1.0 - household + household * ratio;
        likelihoods[2] *= 1.0 - company + company * ratio;
    }
    likelihoods
}

impl Model {
    /// What was learned, as a table for people: for every field and level how often it is seen in records of one person, of two, and the
    /// weight in bits.
    pub fn describe(&self) -> String {
        use std::fmt::Write;
        let mut text = format!(
            "pairs of one {}: {:.2e}, of one household {:.2e}, of colleagues {:.2e}; names go together {:.1} times\n",
            self.entity.name(),
            self.matches,
            self.neighbours[0],
            self.neighbours[1],
            self.together
        );
        let ratios = self.ratios();
        for (field, spec) in FIELD_SPECS.iter().enumerate() {
            for (level, words) in (1..).zip(spec.levels) {
                let (matching, unrelated) = (self.matching[field][level], self.unrelated[field][level]);
                let bits = ratios[field][level].log2();
                let _ = writeln!(text, "{:60} {matching:9.5} {unrelated:12.8} {bits:+6.1}", format!("{} {}", spec.name, words.words));
            }
        }
        text
    }
}
