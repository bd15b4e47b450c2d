//! Two records beside each other: the level of every field.

use crate::address::Plain;
use crate::date;
use crate::levels::{Field, Pattern, birth, email, graded, name, place, plain, suffix};
use crate::names::Name;
use crate::prepared::{Prepared, Table, Tables, digits};

/// Levels of pairs of values that were compared lately. Values meet again and again, and comparing letters is what costs.
#[derive(Debug)]
pub(crate) struct Memory {
    slots: Vec<(u32, u32, u8)>,
}

const SLOTS: usize = 1 << 16;

impl Memory {
    pub(crate) fn new() -> Self {
        Self { slots: vec![(0, 0, 0); SLOTS] }
    }

    fn level(&mut self, kind: u32, left: u32, right: u32, compare: impl FnOnce() -> u8) -> u8 {
        let (low, high) = (left.min(right), left.max(right));
        let key = low ^ (kind << 29);
        let spread = (u64::from(key) << 32 | u64::from(high)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = &mut self.slots[(spread >> 48) as usize];
        if (slot.0, slot.1) != (key, high) || slot.2 == 0 {
            *slot = (key, high, compare());
        }
        slot.2
    }
}

/// Compares two records.
pub(crate) fn compare(left: &Prepared, right: &Prepared, tables: &Tables, memory: &mut Memory) -> Pattern {
    let mut pattern = Pattern::default();
    let mut set = |field: Field, level: u8| pattern[field as usize] = level;
    let names = &tables.names;

    let first = names_level(left.first, right.first, names, memory);
    let last = names_level(left.last, right.last, names, memory);
    let crossed = if first <= name::SIMILAR && last <= name::SIMILAR { crossed(left, right, names, memory) } else { 0 };
    if crossed == 0 {
        set(Field::First, first);
        set(Field::Last, last);
    } else {
        set(Field::First, crossed);
    }
    set(Field::Middle, names_level(left.middle, right.middle, names, memory));
    if left.generation != 0 && right.generation != 0 {
        set(Field::Suffix, if left.generation == right.generation { suffix::SAME } else { suffix::DIFFERENT });
    }

    let email = match emails(left, right, tables, memory) {
        // Mills and Miller have addresses as near each other as their names, and that was counted.
        email::NEAR if differ_as_names_do(left, right, tables) => email::DIFFERENT,
        level => level,
    };
    set(Field::Email, email);
    set(Field::Phone, phones(left, right, tables));
    if let (Some(one), Some(other)) = (digits(left.birth), digits(right.birth)) {
        set(Field::Birth, if left.birth == right.birth { birth::SAME } else { date::compare(one, other) });
    }

    set(Field::House, plain_level(left.house, right.house, &tables.words, memory));
    set(Field::Street, graded_level(left.street, right.street, &tables.words, memory));
    set(Field::Place, places(left, right, tables, memory));
    set(Field::Identifier, identifiers(left, right, tables));
    if left.company != 0 && right.company != 0 {
        let companies = &tables.companies;
        let compared = || companies.get(left.company).compare_companies(companies.get(right.company));
        set(Field::Company, memory.level(4, left.company, right.company, compared));
    }
    // The domain of an address that is the same was counted with the address.
    if email < email::NEAR && left.domain != 0 && right.domain != 0 {
        set(Field::Domain, domains(left.domain, right.domain, &tables.domains));
    }
    pattern
}

/// Names that stand in each other's fields: both, or one of which the place was taken by another name. 0 where they do not.
fn crossed(left: &Prepared, right: &Prepared, names: &Table<Name>, memory: &mut Memory) -> u8 {
    let levels = [names_level(left.first, right.last, names, memory), names_level(left.last, right.first, names, memory)];
    let near = |level: &u8| matches!(*level, name::NEAR | name::SAME);
    match levels.iter().filter(|level| near(level)).count() {
        0 => 0,
        _ if levels.iter().all(|level| *level >= name::VARIANT) => name::EXCHANGED,
        _ => name::MISPLACED,
    }
}

fn names_level(left: u32, right: u32, names: &Table<Name>, memory: &mut Memory) -> u8 {
    match (left, right) {
        (0, _) | (_, 0) => 0,
        (left, right) if left == right => {
            if names.get(left).latin.len() == 1 {
                name::INITIAL
            } else {
                name::SAME
            }
        }
        (left, right) => memory.level(1, left, right, || names.get(left).compare(names.get(right))),
    }
}

fn plain_level(left: u32, right: u32, table: &Table<Plain>, memory: &mut Memory) -> u8 {
    match (left, right) {
        (0, _) | (_, 0) => 0,
        (left, right) if left == right => plain::SAME,
        (left, right) => memory.level(2, left, right, || table.get(left).compare(table.get(right))),
    }
}

fn graded_level(left: u32, right: u32, table: &Table<Plain>, memory: &mut Memory) -> u8 {
    match (left, right) {
        (0, _) | (_, 0) => 0,
        (left, right) if left == right => graded::SAME,
        (left, right) => memory.level(3, left, right, || table.get(left).grade(table.get(right))),
    }
}

fn emails(left: &Prepared, right: &Prepared, tables: &Tables, memory: &mut Memory) -> u8 {
    let mut best = 0;
    for (one, mine_derived) in left.emails.into_iter().zip(left.derived).filter(|(email, _)| *email != 0) {
        for (other, yours_derived) in right.emails.into_iter().zip(right.derived).filter(|(email, _)| *email != 0) {
            let (mine, yours) = (tables.emails.get(one), tables.emails.get(other));
            let shared = tables.is_shared_email(one) || tables.is_shared_email(other);
            // What belongs to an office says nothing about a person, neither when it is the same nor when it differs.
            let level = match shared {
                true => 0,
                false if mine.hash == yours.hash => email::SAME,
                false => match memory.level(5, one, other, || mine.compare(yours)) {
                    // What is alike is the name, which was counted: what is left differs.
                    email::SIMILAR if mine_derived || yours_derived => email::DIFFERENT,
                    email::LOCAL_PART if (mine_derived || yours_derived) && !mine.has_number() => email::DIFFERENT,
                    level => level,
                },
            };
            best = best.max(level);
        }
    }
    best
}

/// Whether the addresses of two records differ only because each has the name of its own record in it.
fn differ_as_names_do(left: &Prepared, right: &Prepared, tables: &Tables) -> bool {
    let local = |row: &Prepared| tables.emails.find(row.emails[0]).map(|email| &*email.local);
    let (Some(mine), Some(yours)) = (local(left), local(right)) else { return false };
    let has = |local: &str, name: u32| tables.names.find(name).is_some_and(|name| name.latin.len() >= 3 && local.contains(&*name.latin));
    let begins = |local: &str, name: u32| tables.names.find(name).is_some_and(|name| local.chars().next() == name.latin.chars().next());
    let named = |one: u32, other: u32| one != other && has(mine, one) && has(yours, other);
    let abbreviated = || mine.chars().next() != yours.chars().next() && begins(mine, left.first) && begins(yours, right.first);
    named(left.first, right.first) || named(left.last, right.last) || abbreviated()
}

fn phones(left: &Prepared, right: &Prepared, tables: &Tables) -> u8 {
    let mut best = 0;
    for one in left.phones.into_iter().filter(|phone| *phone != 0) {
        for other in right.phones.into_iter().filter(|phone| *phone != 0) {
            let (mine, yours) = (&tables.numbers.get(one), &tables.numbers.get(other));
            let end = |text: &str| text.get(text.len().saturating_sub(8)..).unwrap_or_default().to_owned();
            let level = match () {
                () if one == other || mine.hash == yours.hash => plain::SAME,
                // The same number with and without its country.
                () if mine.text.len() != yours.text.len()
                    && mine.text.len().min(yours.text.len()) >= 8
                    && end(&mine.text) == end(&yours.text) =>
                {
                    plain::SAME
                }
                () if mine.text.len() >= 7 && mine.edits(yours) == 1 => plain::NEAR,
                () => plain::DIFFERENT,
            };
            best = best.max(level);
        }
    }
    best
}

fn identifiers(left: &Prepared, right: &Prepared, tables: &Tables) -> u8 {
    let mut best = 0;
    for one in left.identifiers.into_iter().filter(|id| *id != 0) {
        for other in right.identifiers.into_iter().filter(|id| *id != 0) {
            best = best.max(match tables.numbers.get(one).edits(tables.numbers.get(other)) {
                0 => graded::SAME,
                1 => graded::NEAR,
                2 if tables.numbers.get(one).text.len() >= 6 => graded::SIMILAR,
                _ => graded::DIFFERENT,
            });
        }
    }
    best
}

fn domains(left: u32, right: u32, domains: &Table<Plain>) -> u8 {
    if left == right { plain::SAME } else { domains.get(left).compare(domains.get(right)) }
}

/// Postal code, town and region are one field: who shares the first shares the others, and they must not be counted three times.
fn places(left: &Prepared, right: &Prepared, tables: &Tables, memory: &mut Memory) -> u8 {
    let code = plain_level(left.code, right.code, &tables.words, memory);
    let code = if code == plain::DIFFERENT && is_exchange(left.code, right.code, &tables.words) { plain::NEAR } else { code };
    let city = graded_level(left.city, right.city, &tables.words, memory);
    let region = plain_level(left.region, right.region, &tables.words, memory);
    match (code, city) {
        (0, 0) => match region {
            0 => 0,
            plain::SAME => place::REGION,
            _ => place::DIFFERENT,
        },
        (plain::SAME, graded::NEAR | graded::SAME) => place::CODE_AND_CITY,
        (plain::SAME, _) => place::CODE,
        (plain::NEAR, graded::NEAR | graded::SAME) => place::CODE_NEAR_AND_CITY,
        (_, graded::NEAR | graded::SAME) => place::CITY,
        (plain::NEAR, _) => place::CODE_NEAR,
        (_, graded::SIMILAR) => place::CITY_SIMILAR,
        _ if region == plain::SAME => place::REGION,
        _ => place::DIFFERENT,
    }
}

/// Two neighbouring digits exchanged: one edit for people, and `compare` counts it so already for texts of two letters and more.
fn is_exchange(left: u32, right: u32, words: &Table<Plain>) -> bool {
    let (Some(left), Some(right)) = (words.find(left), words.find(right)) else { return false };
    // The outward half of a British code, the first five digits of an American one.
    let (short, long) = if left.text.len() < right.text.len() { (&left.text, &right.text) } else { (&right.text, &left.text) };
    short.len() >= 3 && short.len() < long.len() && long.starts_with(&**short)
}
