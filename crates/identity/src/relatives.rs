//! Twins, in lists that show nobody's family: names and birth dates alone cannot tell them from one person whose first name is wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::levels::{FIELD_SPECS, Field, name};
use crate::prepared::{Prepared, Records};

/// So many pairs of twins a list has for each of its people, before it is looked at: of a hundred people three are a twin, and of a few of them
/// the other twin is in the list too and has the same surname.
const TWINS: f64 = 0.002;
/// What is assumed counts like half a pair of twins that was seen: it may be wrong by several times.
const PRIOR: f64 = 0.5;

/// How many pairs of the list are of one household, so that as many twins are expected as the list shows.
///
/// Who stands in a list more than once under the same first name is called so. Two that share surname and birth date and are both called so
/// are two people: a wrong first name is hardly ever given twice. How many such twins are seen, of those that could have been, tells how many
/// there are of whom nothing can be seen.
pub(crate) fn households(records: &Records) -> f64 {
    let told: Vec<&Prepared> = records.rows.iter().filter(|row| is_told(row)).collect();
    let value = |number: u32| records.tables.names.find(number).map_or(0, |name| name.hash);
    // Each first name of a birth date: the name's number, and how many are called so.
    let mut called: BTreeMap<(u32, u64), (u32, u64)> = BTreeMap::new();
    for row in &told {
        let entry = called.entry((row.birth, value(row.first))).or_insert((row.first, 0));
        *entry = (entry.0.min(row.first), entry.1 + 1);
    }
    let is_firm = |key: &(u32, u64)| called.get(key).is_some_and(|(_, count)| *count > 1);
    // Families: the first names that go with a surname and a birth date. A first name in two of them joins these.
    let mut families: BTreeMap<(u32, u64), BTreeSet<u64>> = BTreeMap::new();
    for row in &told {
        families.entry((row.birth, value(row.last))).or_default().insert(value(row.first));
    }
    let (mut people, mut twice, mut seen) = (0.0, 0.0, 0.0);
    let mut counted: BTreeSet<(u32, u64)> = BTreeSet::new();
    for ((birth, _), names) in &families {
        let firm: Vec<(u32, u64)> = names.iter().map(|name| (*birth, *name)).filter(is_firm).collect();
        // Who was met under another spelling of the surname is not another person.
        let met = firm.iter().filter(|key| counted.insert(**key)).count();
        let is_new = firm.is_empty() || met > 0;
        people += f64::from(is_new);
        twice += f64::from(is_new && !firm.is_empty());
        for (index, one) in firm.iter().enumerate() {
            for other in &firm[index + 1..] {
                let (one, other) = (records.tables.names.get(called[one].0), records.tables.names.get(called[other].0));
                seen += f64::from(one.compare(other) == name::DIFFERENT);
            }
        }
    }
    let twice: f64 = twice / f64::max(people, 1.0);
    let expected = f64::max(TWINS * people, 1e-9);
    (PRIOR + seen) / (PRIOR / expected + twice * twice) / FIELD_SPECS[Field::Birth as usize].shared[0]
}

/// Whether a list has too few columns to show households, and those that twins share.
pub(crate) fn are_hidden(records: &Records) -> bool {
    records.rows.iter().filter(|row| is_told(row)).count() * 5 >= records.rows.len().max(1)
}

fn is_told(row: &Prepared) -> bool {
    row.first != 0 && row.last != 0 && row.birth != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::Random;
    use crate::record::{Attribute, Entity, Record};

    const GIVEN: [&str; 8] = ["Anna", "Robert", "Katharina", "Tim", "Sophie", "Viktor", "Ursula", "Jonas"];

    /// A list of people of whom each stands in it so often, and twins of some of them.
    fn list(times: usize, twins: usize) -> Records {
        let mut random = Random::new(7);
        let mut rows = Vec::new();
        for person in 0..500_usize {
            let (surname, given) = (format!("Name{}", random.below(300)), random.below(8) as usize);
            let birth = format!("{:04}-{:02}-{:02}", 1940 + random.below(60), 1 + random.below(12), 1 + random.below(28));
            for twin in 0..1 + usize::from(person < twins) {
                for copy in 0..times {
                    let row =
                        Record::new("list", format!("{person} {twin} {copy}")).with(Attribute::FirstName, GIVEN[(given + 3 * twin) % 8]);
                    rows.push(row.with(Attribute::LastName, &surname).with(Attribute::BirthDate, &birth));
                }
            }
        }
        Records::new(Entity::Contact, rows.iter())
    }

    #[test]
    fn twins_are_seen_where_people_stand_twice() {
        let twins = |list: &Records| households(list) * FIELD_SPECS[Field::Birth as usize].shared[0];
        let (unseen, seen, none) = (twins(&list(1, 20)), twins(&list(2, 20)), twins(&list(2, 0)));
        assert!((10.0..25.0).contains(&seen), "{seen}");
        // Where nobody stands twice, nothing is known but what is usual.
        assert!((0.9..1.1).contains(&(unseen / (TWINS * 500.0))), "{unseen}");
        assert!(none < unseen, "{none}");
    }
}
