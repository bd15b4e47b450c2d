//! The evidence of a pair: what each field weighs for the records at hand.

use std::collections::BTreeMap;

use crate::levels::{FIELD_COUNT, FIELD_SPECS, Field, LEVELS, Pattern, birth, company, email, graded, name, place, plain};
use crate::model::{Model, NAMES, SIMILAR_NAMES, Shared};
use crate::prepared::{Prepared, Records, Tables};

/// The evidence of one pair: for every field how many times more often this is seen in records of one person than of two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Evidence {
    pub(crate) ratios: [f64; FIELD_COUNT],
    /// What the frequency of the value itself did to the ratio: above 1 for a rare value.
    pub(crate) rarity: [f64; FIELD_COUNT],
    /// What is taken back because the two names go together anyway: 1 or less.
    pub(crate) together: f64,
    pub(crate) pattern: Pattern,
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
/// In so many ways a name is written wrongly so that another one comes of it that people have.
const WAYS_TO_ANOTHER_NAME: f64 = 30.0;

/// How much two similar names say for one person, beside others that are as similar; and whether both are names that people have. Who mistypes
/// a name makes one that hardly anybody has, and says as much as the name that was meant: the one that more people have. John and Joan are
/// two people. `rarity` is one divided by the share of each, `are_names` whether they are known to be names.
pub(crate) fn similarity(rarity: [f64; 2], are_names: [bool; 2]) -> (f64, bool) {
    match are_names {
        [true, true] => ((rarity[0] + rarity[1]) / WAYS_TO_ANOTHER_NAME, true),
        _ => (rarity[0].min(rarity[1]), false),
    }
}

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

    /// By how much the rarity of two similar names changes the ratio.
    fn similar(&self, name: usize, level: u8, tables: &Tables, left: u32, right: u32) -> f64 {
        let (shared, field) = NAMES[name];
        let rarity = |number: u32| f64::from(self.rarities[name].get(number as usize).copied().unwrap_or_default());
        let is_name = |number: u32| self.model.is_name(shared, tables.names.get(number));
        let (weight, are_names) = similarity([rarity(left), rarity(right)], [is_name(left), is_name(right)]);
        let typical = self.model.rarities[name][usize::from(level)];
        let usual = if typical > 0.0 { (weight / typical).clamp(SIMILAR_RARITY.0, SIMILAR_RARITY.1) } else { 1.0 };
        let ratios = &self.ratios[field as usize];
        let (ratio, least) = (ratios[usize::from(level)], ratios[name::DIFFERENT as usize]);
        let most = self.model.matching[field as usize][usize::from(level)] * weight;
        if are_names { usual.min(most.max(least) / ratio) } else { usual }
    }

    /// By how much it changes the ratio what names stand in each other's fields: Peter Frank and Frank Peters are two people, for many are
    /// called so, and there are few whose given name is Snell.
    fn crossed(&self, left: &Prepared, right: &Prepared, level: u8, tables: &Tables) -> f64 {
        let share = |shared: Shared, number: u32| tables.names.find(number).map_or(1.0, |name| self.model.share(shared, name.hash));
        let [given, family] = [Shared::First, Shared::Last];
        let coincidence = |row: &Prepared| share(given, row.first) * share(family, row.last);
        let rarity = if level == name::EXCHANGED {
            // Either of the two is the right way round, and the other one would be a coincidence.
            (1.0 / coincidence(left) + 1.0 / coincidence(right)) / 2.0
        } else {
            let near = |one: u32, other: u32| match (tables.names.find(one), tables.names.find(other)) {
                (Some(one), Some(other)) => matches!(one.compare(other), name::NEAR | name::SAME),
                _ => false,
            };
            let (one, other) = if near(left.first, right.last) { (left.first, right.last) } else { (right.first, left.last) };
            (1.0 / share(given, one) + 1.0 / share(family, other)) / 2.0
        };
        let (field, level) = (Field::First as usize, usize::from(level));
        let ratio = self.ratios[field][level];
        let most = if level == usize::from(name::EXCHANGED) { ratio } else { self.ratios[field][usize::from(name::SAME)] };
        (self.model.matching[field][level] * rarity).clamp(self.ratios[field][usize::from(name::DIFFERENT)], most) / ratio
    }

    fn factor(&self, shared: Shared, left: u32, right: u32) -> f64 {
        let of = |number: u32| self.factors.get(&shared).and_then(|factors| factors.get(number as usize)).copied().unwrap_or(1.0);
        f64::from(of(left).min(of(right)))
    }

    /// The evidence of a pair.
    pub(crate) fn evidence(&self, left: &Prepared, right: &Prepared, pattern: &Pattern, tables: &Tables) -> Evidence {
        let together = self.model.taken_back(pattern);
        let mut evidence = Evidence { ratios: [1.0; FIELD_COUNT], rarity: [1.0; FIELD_COUNT], together, pattern: *pattern };
        for (field, level) in pattern.iter().enumerate() {
            evidence.ratios[field] = self.ratios[field][*level as usize];
        }
        let mut rare = |field: Field, factor: f64| {
            evidence.rarity[field as usize] = factor;
            evidence.ratios[field as usize] *= factor;
        };
        let level = |field: Field| pattern[field as usize];
        if matches!(level(Field::First), name::EXCHANGED | name::MISPLACED) {
            rare(Field::First, self.crossed(left, right, level(Field::First), tables));
        }
        for (place, (left, right)) in [(left.first, right.first), (left.last, right.last)].into_iter().enumerate() {
            let (shared, field) = NAMES[place];
            match level(field) {
                name::SAME => rare(field, self.factor(shared, left, right)),
                similar if SIMILAR_NAMES.contains(&similar) => rare(field, self.similar(place, similar, tables, left, right)),
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
        counted_once(&mut evidence.ratios);
        evidence
    }
}

/// Of what speaks against an address only the strongest counts: who moves changes number, street and town at once.
pub(crate) fn counted_once(ratios: &mut [f64; FIELD_COUNT]) {
    let against = || [Field::House, Field::Street, Field::Place].map(|field| field as usize).into_iter();
    let strongest = against().min_by(|one, other| ratios[*one].total_cmp(&ratios[*other]));
    for field in against().filter(|field| Some(*field) != strongest) {
        ratios[field] = ratios[field].max(1.0);
    }
}

impl Model {
    /// The likelihoods of the fields' ratios: one person, one household, one company; two strangers are 1.
    pub(crate) fn likelihoods(&self, pattern: &Pattern, ratios: &[f64; FIELD_COUNT]) -> [f64; 3] {
        let (first, last) = (Field::First as usize, Field::Last as usize);
        let mut likelihoods = [1.0; 3];
        for (field, ratio) in ratios.iter().enumerate() {
            let ([household, company], mut shared) = (FIELD_SPECS[field].shared, *ratio);
            let mut household = household;
            if field == first && pattern[field] == name::MISPLACED {
                // A brother whose names are exchanged, or a child whose surname is the father's given name: what they share is the surname.
                let [exchanged, misplaced] = [name::EXCHANGED, name::MISPLACED].map(|level| self.matching[first][usize::from(level)]);
                (household, shared) = (FIELD_SPECS[last].shared[0], ratio * (exchanged / misplaced.max(1e-9)).max(1.0));
            }
            likelihoods[0] *= ratio;
            likelihoods[1] *= 1.0 - household + household * shared;
            likelihoods[2] *= 1.0 - company + company * ratio;
        }
        likelihoods
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_moves_changes_the_whole_address_once() {
        let mut ratios = [2.0; FIELD_COUNT];
        let place = |field: Field| field as usize;
        (ratios[place(Field::House)], ratios[place(Field::Street)], ratios[place(Field::Place)]) = (0.1, 0.02, 0.05);
        counted_once(&mut ratios);
        assert_eq!([ratios[place(Field::House)], ratios[place(Field::Street)], ratios[place(Field::Place)]], [1.0, 0.02, 1.0]);
        (ratios[place(Field::House)], ratios[place(Field::Street)], ratios[place(Field::Place)]) = (8.0, 0.5, 9.0);
        counted_once(&mut ratios);
        assert_eq!([ratios[place(Field::House)], ratios[place(Field::Street)], ratios[place(Field::Place)]], [8.0, 0.5, 9.0]);
    }

    #[test]
    fn a_mistyped_name_says_what_the_name_says_that_was_meant() {
        let (common, rare, nobody) = (50.0, 2_000.0, 10_000.0);
        assert_eq!(similarity([common, nobody], [true, false]), (common, false));
        assert_eq!(similarity([nobody, rare], [false, true]), (rare, false));
        let (two_names, are_names) = similarity([common, 2.0 * common], [true, true]);
        assert!(are_names && two_names < common / 4.0, "{two_names}");
    }
}
