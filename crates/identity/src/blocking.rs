//! Which pairs are compared at all: those that have a key in common.

use serde::{Deserialize, Serialize};

use crate::names::Name;
use crate::prepared::{Prepared, Records, Tables};
use crate::record::Entity;
use crate::text::{hash, mix};

/// The kinds of keys, with the words by which a report names them.
pub(crate) const KINDS: [&str; 26] = [
    "e-mail address",
    "name before the @ of the e-mail address",
    "telephone number",
    "identifier",
    "birth date and initial",
    "birth date and initial of the surname",
    "sound of both names",
    "beginnings of both names",
    "sound of first name, year of birth, initial of surname",
    "sound of surname, year of birth, initial",
    "sound of first name, day and month of birth",
    "sound of surname, day and month of birth",
    "postal code and sound of surname",
    "postal code and sound of first name",
    "street, house number and initial",
    "town, sound of surname, initial",
    "company and sound of surname",
    "month of birth and both initials",
    "company's name",
    "beginning of company's name and place",
    "domain",
    "words of company's name",
    "street and house number of a company",
    "birth date",
    "street, postal code and initial",
    "merged by the source",
];

/// The kind of the keys by which merged records find each other.
pub(crate) const MERGED: usize = 25;
/// The kind of the keys of whole e-mail addresses.
pub(crate) const EMAIL: usize = 0;

const KIND_BITS: u32 = 5;

/// A key: the kind in its lowest bits, a hash above. It is the same on every machine and may be stored.
pub(crate) type Key = u64;

/// The kind of a key, by its place in [`KINDS`].
pub(crate) fn kind(key: Key) -> usize {
    (key & ((1 << KIND_BITS) - 1)) as usize
}

fn key(kind: u64, parts: &[u64]) -> Option<Key> {
    if parts.contains(&0) {
        return None;
    }
    let hashed = parts.iter().fold(kind + 1, |joined, part| mix(joined, *part));
    Some(hashed << KIND_BITS | kind)
}

/// The key of a whole e-mail address, by the address's hash.
pub(crate) fn of_address(hash: u64) -> Option<Key> {
    key(EMAIL as u64, &[hash])
}

/// The keys of a record, in order, each once.
pub(crate) fn keys(row: &Prepared, tables: &Tables, entity: Entity, keys: &mut Vec<Key>) {
    keys.clear();
    for email in row.emails.into_iter().filter_map(|email| tables.emails.find(email)) {
        if entity == Entity::Contact && !email.is_role {
            keys.extend(of_address(email.hash));
            keys.extend(key(1, &[hash(&email.local)]).filter(|_| email.local.len() >= 5));
        } else if entity == Entity::Account {
            keys.extend(key(0, &[email.hash]));
        }
    }
    for phone in row.phones.into_iter().filter_map(|phone| tables.numbers.find(phone)) {
        keys.extend(key(2, &[hash(phone.text.get(phone.text.len().saturating_sub(8)..).unwrap_or(&phone.text))]));
    }
    for identifier in row.identifiers.into_iter().filter_map(|identifier| tables.numbers.find(identifier)) {
        keys.extend(key(3, &[identifier.hash]));
    }
    match entity {
        Entity::Contact => of_person(row, tables, keys),
        Entity::Account => of_company(row, tables, keys),
    }
    keys.extend(key(MERGED as u64, &[row.own]));
    keys.extend(key(MERGED as u64, &[row.merged]));
    keys.sort_unstable();
    keys.dedup();
}

fn of_person(row: &Prepared, tables: &Tables, keys: &mut Vec<Key>) {
    let (first, last) = (tables.names.find(row.first), tables.names.find(row.last));
    let sound = |name: Option<&Name>| name.map_or(0, |name| if name.sound == 0 { name.hash } else { name.sound });
    let initial = |name: Option<&Name>| name.map_or(0, Name::initial);
    let (first_sound, last_sound, first_initial, last_initial) = (sound(first), sound(last), initial(first), initial(last));
    // 0 stands for what is unknown, so a part that is 0 in itself is moved.
    let birth = u64::from(row.birth);
    let (year, month, day) = (birth / 10_000, birth / 100 % 100, birth % 100);
    let (month_known, day_known) = (birth != 0 && month != 0, birth != 0 && month != 0 && day != 0);
    let whole = if day_known { birth } else { 0 };
    let month_and_day = if day_known { month * 100 + day } else { 0 };
    let year_and_month = if month_known { year * 100 + month } else { 0 };
    keys.extend(key(4, &[whole, first_initial]));
    keys.extend(key(5, &[whole, last_initial]));
    // In either order, so that exchanged names meet.
    keys.extend(key(6, &[first_sound.min(last_sound), first_sound.max(last_sound)]));
    let beginning = |name: Option<&Name>| name.map_or(0, |name| hash(&name.latin.chars().take(3).collect::<String>()));
    keys.extend(key(7, &[beginning(first), beginning(last)]));
    keys.extend(key(8, &[first_sound, year, last_initial]));
    keys.extend(key(9, &[last_sound, year, first_initial]));
    keys.extend(key(10, &[first_sound, month_and_day]));
    keys.extend(key(11, &[last_sound, month_and_day]));
    let word = |number: u32| tables.words.find(number).map_or(0, |word| word.hash);
    let (code, street, house, city) = (word(row.code), word(row.street), word(row.house), word(row.city));
    keys.extend(key(12, &[code, last_sound]));
    keys.extend(key(13, &[code, first_sound]));
    keys.extend(key(14, &[street, house, first_initial]));
    keys.extend(key(15, &[city, last_sound, first_initial]));
    let company = tables.companies.find(row.company).map_or(0, |company| company.hash);
    let domain = tables.domains.find(row.domain).map_or(0, |domain| domain.hash);
    keys.extend(key(16, &[company, last_sound]));
    keys.extend(key(16, &[domain, last_sound]));
    keys.extend(key(23, &[whole]));
    keys.extend(key(24, &[street, code, first_initial]));
    keys.extend(key(17, &[year_and_month, first_initial, last_initial]));
}

fn of_company(row: &Prepared, tables: &Tables, keys: &mut Vec<Key>) {
    let name = tables.companies.find(row.company);
    let word = |number: u32| tables.words.find(number).map_or(0, |word| word.hash);
    let (code, street, house, city) = (word(row.code), word(row.street), word(row.house), word(row.city));
    if let Some(name) = name {
        keys.extend(key(18, &[name.hash]));
        keys.extend(key(18, &[name.sound]).filter(|_| name.latin.len() >= 5));
        keys.extend(key(18, &[hash(&name.initials)]).filter(|_| name.words.len() >= 3));
        let beginning: String = name.latin.chars().take(4).collect();
        for place in [code, city] {
            keys.extend(key(19, &[hash(&beginning), place]));
        }
        // Pairs of words, so that words in another order or one more of them still meet.
        for (index, one) in name.words.iter().enumerate().take(4) {
            for other in name.words.iter().skip(index + 1).take(3) {
                keys.extend(key(21, &[*one.min(other), *one.max(other)]));
            }
        }
        if let Some(longest) = name.words.first() {
            keys.extend(key(21, &[*longest]));
        }
    }
    keys.extend(key(20, &[tables.domains.find(row.domain).map_or(0, |domain| domain.hash)]));
    keys.extend(key(22, &[street, house]));
}

/// Records by key. Keys with more records than the cap are left out and counted.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// Sorted: key, row.
    pub(crate) entries: Vec<(Key, u32)>,
    /// Where each row's keys begin in `kept`.
    starts: Vec<u32>,
    kept: Vec<Key>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) largest: usize,
}

/// Blocks of one kind that were left out because too many records share a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// What the key is made of.
    pub key: String,
    /// How many blocks.
    pub blocks: u64,
    /// How many records were in them.
    pub records: u64,
}

impl Blocks {
    /// The blocks of all records, each of two records at least and of no more than the cap.
    pub(crate) fn new(records: &Records, cap: usize) -> Self {
        let mut own = Vec::new();
        let mut entries = Vec::with_capacity(records.rows.len() * 8);
        for (index, row) in records.rows.iter().enumerate() {
            keys(row, &records.tables, records.entity, &mut own);
            entries.extend(own.iter().map(|key| (*key, index as u32)));
        }
        entries.sort_unstable();
        let mut skipped: Vec<Skipped> = KINDS.iter().map(|kind| Skipped { key: (*kind).to_owned(), ..Skipped::default() }).collect();
        let (mut kept, mut from, mut largest) = (0, 0, 0);
        while from < entries.len() {
            let key = entries[from].0;
            let size = entries[from..].iter().take_while(|entry| entry.0 == key).count();
            if size > cap {
                let skipped = &mut skipped[kind(key)];
                skipped.blocks += 1;
                skipped.records += size as u64;
            } else if size > 1 {
                entries.copy_within(from..from + size, kept);
                kept += size;
                largest = largest.max(size);
            }
            from += size;
        }
        entries.truncate(kept);
        entries.shrink_to_fit();
        skipped.retain(|skipped| skipped.blocks > 0);
        let (starts, own) = by_row(&entries, records.rows.len());
        Self { entries, starts, kept: own, skipped, largest }
    }

    /// The keys of a row, in order.
    pub(crate) fn keys_of(&self, row: u32) -> &[Key] {
        &self.kept[self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize]
    }

    /// The first key two rows have in common: the block in which they are compared.
    pub(crate) fn first_common(&self, left: u32, right: u32) -> Option<Key> {
        common(self.keys_of(left), self.keys_of(right)).next()
    }

    /// The blocks, in order of their keys.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[(Key, u32)]> {
        self.entries.chunk_by(|left, right| left.0 == right.0)
    }
}

/// The keys that stand in both sorted lists.
pub(crate) fn common<'k>(left: &'k [Key], right: &'k [Key]) -> impl Iterator<Item = Key> + 'k {
    let (mut one, mut other) = (0, 0);
    std::iter::from_fn(move || {
        while one < left.len() && other < right.len() {
            let (mine, yours) = (left[one], right[other]);
            one += usize::from(mine <= yours);
            other += usize::from(yours <= mine);
            if mine == yours {
                return Some(mine);
            }
        }
        None
    })
}

fn by_row(entries: &[(Key, u32)], rows: usize) -> (Vec<u32>, Vec<Key>) {
    let mut starts = vec![0_u32; rows + 1];
    for (_, row) in entries {
        starts[*row as usize + 1] += 1;
    }
    for index in 0..rows {
        starts[index + 1] += starts[index];
    }
    let (mut next, mut keys) = (starts.clone(), vec![0; entries.len()]);
    for (key, row) in entries {
        let place = &mut next[*row as usize];
        keys[*place as usize] = *key;
        *place += 1;
    }
    (starts, keys)
}
