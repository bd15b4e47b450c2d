//! What was learned from the data, and how likely two records are of one person by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::levels::{FIELD_COUNT, FIELD_SPECS, Field, Frequency, LEVELS, Pattern, birth, company, email, graded, name, place, plain};
use crate::names::Name;
use crate::prepared::{Prepared, Tables};
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
    /// How much two names say, by their rarity, that are of two people and yet similar: the mean for each level of the first name and of the
    /// surname; 0 where too few were seen.
    pub(crate) rarities: [[f64; LEVELS]; 2],
}

/// The version of the rules for comparing and learning. A stored model of another version is to be learned again.
pub const MODEL_VERSION: u32 = 3;

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

/// No value weighs more than this for being rare or common.
const RARITY: (f64, f64) = (1.0 / 4_096.0, 1_024.0);

/// How common values are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shares {
    /// The share of values that are common enough to be listed, by their hash.
    pub(crate) listed: BTreeMap<u64, f64>,
    /// The share of every other value.
    pub(crate) otherwise: f64,
}

impl Shares {
    /// Whether a name is known to be one, because people are called so anywhere or because several are here.
    pub(crate) fn is_name(&self, name: &Name) -> bool {
        name.is_known() || self.listed.contains_key(&name.hash)
    }

    /// The share of the value of a hash.
    pub(crate) fn of(&self, hash: u64) -> f64 {
        self.listed.get(&hash).copied().unwrap_or(self.otherwise)
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
        let [matching, household, colleagues] = self.likelihoods(&evidence.pattern, &evidence.ratios);
        [self.matches * matching * evidence.together, self.neighbours[0] * household, self.neighbours[1] * colleagues]
    }

    /// For every field and level how many times more often it is seen in records of one person than of two. No level weighs less than
    /// "differs", and none but the exchange of names, and a letter in one, more than "the same".
    pub(crate) fn ratios(&self) -> [[f64; LEVELS]; FIELD_COUNT] {
        let mut ratios = [[1.0; LEVELS]; FIELD_COUNT];
        for (field, spec) in FIELD_SPECS.iter().enumerate() {
            let levels = spec.levels.len();
            let same = if field == Field::Birth as usize { levels } else { levels.min(name::SAME as usize) };
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
                    false if field == Field::Birth as usize => highest,
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

    /// Whether a name is known to be one, and no mistake: because people are called so anywhere, or several are in this list.
    pub(crate) fn is_name(&self, shared: Shared, name: &Name) -> bool {
        self.shares.get(&shared).is_some_and(|shares| shares.is_name(name))
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
