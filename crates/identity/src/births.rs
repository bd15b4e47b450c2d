//! How often two strangers are born on one day.

use crate::learn::pairs_of;
use crate::levels::{LEVELS, birth};
use crate::model::Shares;
use crate::prepared::Records;

/// Pairs of people, and how many of them share the year of birth, and the day of the year. Of two strangers hardly any share both, and those
/// that seem to are mostly one person whom nothing else shows; but many share the one or the other, whoever they are.
#[derive(Debug)]
pub(crate) struct Births {
    pairs: f64,
    years: f64,
    days: f64,
}

/// What is assumed before anybody was looked at: of so many pairs one shares the part, and it counts like ten times as many pairs.
const YEARS: f64 = 60.0;
const DAYS: f64 = 365.0;
const PRIOR: f64 = 10.0;

impl Births {
    /// Counts those whose whole date is known and is not one of the dates that forms are filled with.
    pub(crate) fn new(records: &Records, shares: &Shares) -> Self {
        let known = |birth: u32| ![birth / 10_000, birth / 100 % 100, birth % 100].contains(&0);
        let all: Vec<u32> = records.rows.iter().map(|row| row.birth).filter(|birth| known(*birth)).collect();
        let all: Vec<u32> = all.into_iter().filter(|birth| !shares.listed.contains_key(&u64::from(*birth))).collect();
        let sharing = |part: fn(u32) -> u32| {
            let mut parts: Vec<u32> = all.iter().map(|birth| part(*birth)).collect();
            parts.sort_unstable();
            parts.chunk_by(|left, right| left == right).map(|group| pairs_of(group.len() as u64)).sum::<u64>() as f64
        };
        Self { pairs: pairs_of(all.len() as u64) as f64, years: sharing(|birth| birth / 10_000), days: sharing(|birth| birth % 10_000) }
    }

    /// The chance that two strangers share the whole date, where this part of all pairs is of one person whose dates are so often at each
    /// level.
    pub(crate) fn chance(&self, matches: f64, matching: &[f64; LEVELS]) -> f64 {
        // Where one of the three parts is wrong, any of them may be.
        let nearly: f64 =
            [birth::NEAR, birth::EXCHANGED, birth::MISTYPED, birth::TWO_PARTS].iter().map(|level| matching[usize::from(*level)]).sum();
        let strangers = self.pairs * (1.0 - matches);
        let of_one_person = self.pairs * matches * (matching[usize::from(birth::SAME)] + nearly * 2.0 / 3.0);
        let part = |sharing: f64, assumed: f64| ((sharing - of_one_person).max(0.0) + PRIOR) / (strangers + PRIOR * assumed);
        part(self.years, YEARS) * part(self.days, DAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::Random;
    use crate::record::{Attribute, Entity, Record};

    #[test]
    fn people_who_stand_twice_do_not_make_strangers_born_on_one_day() {
        let mut random = Random::new(3);
        let mut draw = |from: u64, to: u64| from + random.below(to - from + 1);
        let mut rows: Vec<Record> = Vec::new();
        for id in 0..1_000 {
            let date = format!("{:04}-{:02}-{:02}", draw(1940, 1999), draw(1, 12), draw(1, 28));
            for copy in 0..2 {
                rows.push(Record::new("list", format!("{id} {copy}")).with(Attribute::BirthDate, &date));
            }
        }
        rows.extend((0..100).map(|id| Record::new("list", format!("unknown {id}")).with(Attribute::BirthDate, "1900-01-01")));
        let records = Records::new(Entity::Contact, rows.iter());
        let shares = Shares { listed: [(19_000_101, 0.04)].into(), otherwise: 0.0 };
        let mut matching = [0.0; LEVELS];
        matching[usize::from(birth::SAME)] = 1.0;
        let (found, right) = (Births::new(&records, &shares).chance(1_000.0 / 1_999_000.0, &matching), 1.0 / (60.0 * 12.0 * 28.0));
        assert!((found / right - 1.0).abs() < 0.1, "{found} for {right}");
    }
}
