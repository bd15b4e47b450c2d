//! Records as they are compared: every value once, as a number in a table.

use std::collections::HashMap;

use crate::address::{Email, Plain, street};
use crate::date::Digits;
use crate::levels::name;
use crate::names::{Name, generation, split};
use crate::record::{Attribute, Entity, Record, RecordKey};
use crate::text::{hash, mix};

/// Values of one kind, each once. Number 0 is no value.
#[derive(Debug)]
pub(crate) struct Table<T> {
    numbers: HashMap<Box<str>, u32>,
    values: Vec<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), values: Vec::new() }
    }
}

impl<T> Table<T> {
    fn number(&mut self, text: &str, make: impl FnOnce() -> Option<T>) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = match make() {
            Some(value) => {
                self.values.push(value);
                self.values.len() as u32
            }
            None => 0,
        };
        self.numbers.insert(text.into(), number);
        number
    }

    /// The value of a number that is not 0.
    pub(crate) fn get(&self, number: u32) -> &T {
        &self.values[number as usize - 1]
    }

    /// The value of a number, `None` for 0.
    pub(crate) fn find(&self, number: u32) -> Option<&T> {
        self.values.get((number as usize).wrapping_sub(1))
    }

    /// One more than the highest number.
    pub(crate) fn numbers(&self) -> usize {
        self.values.len() + 1
    }

    /// Forgets the texts, which only reading needs.
    fn close(&mut self) {
        self.numbers = HashMap::new();
    }
}

/// One record's values as numbers in the tables.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prepared {
    pub(crate) first: u32,
    pub(crate) middle: u32,
    pub(crate) last: u32,
    pub(crate) generation: u8,
    pub(crate) is_verified: bool,
    pub(crate) emails: [u32; 2],
    /// Whether what stands before the @ is made from the name, so that it agrees wherever the names do.
    pub(crate) derived: [bool; 2],
    pub(crate) phones: [u32; 3],
    /// Eight decimal digits as one number, 0 where unknown.
    pub(crate) birth: u32,
    pub(crate) house: u32,
    pub(crate) street: u32,
    pub(crate) city: u32,
    pub(crate) region: u32,
    pub(crate) code: u32,
    pub(crate) identifiers: [u32; 3],
    pub(crate) company: u32,
    pub(crate) domain: u32,
    pub(crate) source: u32,
    pub(crate) strong: u32,
    /// Hashes of the record's own key, and of the record that the source merged it into or 0.
    pub(crate) own: u64,
    pub(crate) merged: u64,
}

impl Prepared {
    /// Whether neither a given name nor a surname is known.
    pub(crate) fn is_unnamed(&self) -> bool {
        self.first == 0 && self.last == 0
    }

    /// A hash of all that is compared: the same for records that say the same. Numbers in tables go into it, so it holds for one set of
    /// records only.
    pub(crate) fn content(&self) -> u64 {
        let single = [
            self.first,
            self.middle,
            self.last,
            u32::from(self.generation),
            self.birth,
            self.house,
            self.street,
            self.city,
            self.region,
            self.code,
            self.company,
            self.domain,
        ];
        let all = single.iter().chain(&self.emails).chain(&self.phones).chain(&self.identifiers);
        all.fold(0, |content, number| mix(content, u64::from(*number)))
    }
}

/// A number as eight digits; `None` for 0.
pub(crate) fn digits(number: u32) -> Option<Digits> {
    let mut digits = [b'0'; 8];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    (number != 0).then_some(digits)
}

/// The tables that prepared records point into.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) names: Table<Name>,
    pub(crate) emails: Table<Email>,
    /// Telephone numbers and identifiers.
    pub(crate) numbers: Table<Plain>,
    /// Streets, towns, regions, house numbers and postal codes.
    pub(crate) words: Table<Plain>,
    pub(crate) companies: Table<Name>,
    pub(crate) domains: Table<Plain>,
    sources: HashMap<Box<str>, u32>,
    /// E-mail addresses that several people share, by number.
    pub(crate) shared_emails: Vec<bool>,
    /// E-mail addresses under which names stand that are not one person's, by number.
    pub(crate) emails_of_several: Vec<bool>,
}

/// Records with their tables.
#[derive(Debug)]
pub(crate) struct Records {
    pub(crate) entity: Entity,
    pub(crate) rows: Vec<Prepared>,
    pub(crate) tables: Tables,
}

impl Records {
    /// Prepares records, in the order given.
    pub(crate) fn new<'r>(entity: Entity, records: impl Iterator<Item = &'r Record>) -> Self {
        let mut tables = Tables::default();
        let rows = records.map(|record| tables.prepare(entity, record)).collect();
        let Tables { names, emails, numbers, words, companies, domains, .. } = &mut tables;
        names.close();
        emails.close();
        numbers.close();
        words.close();
        companies.close();
        domains.close();
        Self { entity, rows, tables }
    }
}

impl Tables {
    fn prepare(&mut self, entity: Entity, record: &Record) -> Prepared {
        let mut row = Prepared { is_verified: record.is_verified, ..Prepared::default() };
        row.source = self.source(&record.key.source);
        let key = |key: &RecordKey| mix(hash(&key.source), hash(&key.record));
        let (own, merged) = (&record.key, record.merged_into.as_ref());
        row.merged = merged.map_or(0, key);
        row.own = mix(hash(&own.source), hash(&own.record));
        row.strong = record.strong_id.as_deref().map_or(0, |id| self.source(&format!("id {id}")));
        let keys: Vec<&str> = record.all(Attribute::EmailMatchKey).collect();
        let (mut emails, mut phones, mut identifiers) = (0, 0, 0);
        let mut given_number = false;
        for (attribute, value) in &record.values {
            match attribute {
                Attribute::FirstName if row.first == 0 => row.first = self.name(value),
                Attribute::MiddleName if row.middle == 0 => row.middle = self.name(value),
                Attribute::LastName if row.last == 0 => row.last = self.name(value),
                Attribute::NameSuffix => row.generation = generation(value).unwrap_or(row.generation),
                Attribute::Email if emails < row.emails.len() => {
                    row.emails[emails] = self.emails.number(value, || Email::new(value, keys.get(emails).copied()));
                    emails += usize::from(row.emails[emails] != 0);
                }
                Attribute::Phone if phones < row.phones.len() => {
                    row.phones[phones] = self.numbers.number(value, || Plain::new(value).filter(|number| number.text.len() >= 5));
                    phones += usize::from(row.phones[phones] != 0);
                }
                Attribute::BirthDate if row.birth == 0 => {
                    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
                    row.birth = if digits.len() == 8 { digits.parse().unwrap_or(0) } else { 0 };
                }
                Attribute::HouseNumber => {
                    row.house = self.word(value);
                    given_number = row.house != 0;
                }
                Attribute::Street if row.street == 0 => {
                    let (name, number) = street(value);
                    row.street = self.word(&name);
                    if let Some(number) = number.filter(|_| !given_number) {
                        row.house = self.word(&number);
                    }
                }
                Attribute::City if row.city == 0 => row.city = self.word(value),
                Attribute::Region if row.region == 0 => row.region = self.word(value),
                Attribute::PostalCode if row.code == 0 => row.code = self.word(value),
                Attribute::ExternalId if identifiers < row.identifiers.len() => {
                    row.identifiers[identifiers] = self.numbers.number(value, || Plain::new(value).filter(|id| id.text.len() >= 4));
                    identifiers += usize::from(row.identifiers[identifiers] != 0);
                }
                Attribute::Company if row.company == 0 => row.company = self.companies.number(value, || Name::of_company(value)),
                Attribute::Domain if row.domain == 0 => row.domain = self.domain(value),
                _ => {}
            }
        }
        if let Some(full) = record.get(Attribute::FullName).filter(|_| entity == Entity::Contact && (row.first == 0 || row.last == 0)) {
            let parts = split(full);
            if row.first == 0 && row.last == 0 {
                row.first = self.name(&parts.first);
                row.last = self.name(&parts.last);
                row.middle = if row.middle == 0 { self.name(&parts.middle) } else { row.middle };
            }
            row.generation = parts.suffix.as_deref().and_then(generation).unwrap_or(row.generation);
        }
        row.derived = row.emails.map(|email| self.is_derived(&row, email));
        if row.domain == 0
            && let Some(email) = self.emails.find(row.emails[0]).filter(|email| !email.is_free)
        {
            let domain = email.domain.clone();
            row.domain = self.domain(&domain);
        }
        row
    }

    fn is_derived(&self, row: &Prepared, email: u32) -> bool {
        let Some(email) = self.emails.find(email) else { return false };
        let letters: String = email.local.chars().filter(char::is_ascii_alphabetic).collect();
        let names = [row.first, row.last].into_iter().filter_map(|name| self.names.find(name)).filter(|name| name.latin.len() >= 3);
        // A mistyped name still begins or ends as the right one does.
        names.into_iter().any(|name| {
            let (head, tail) =
                (name.latin.get(..4).unwrap_or(&name.latin), name.latin.get(name.latin.len().saturating_sub(4)..).unwrap_or(&name.latin));
            letters.contains(head) || letters.contains(tail)
        })
    }

    fn name(&mut self, value: &str) -> u32 {
        self.names.number(value, || Name::of_person(value))
    }

    fn word(&mut self, value: &str) -> u32 {
        self.words.number(value, || Plain::new(value))
    }

    fn domain(&mut self, value: &str) -> u32 {
        let value = value.trim().trim_start_matches("www.");
        if crate::address::is_free_mail(value) { 0 } else { self.domains.number(value, || Plain::new(value)) }
    }

    fn source(&mut self, value: &str) -> u32 {
        let next = self.sources.len() as u32 + 1;
        *self.sources.entry(value.into()).or_insert(next)
    }

    /// Whether two records have an address in common that is one person's, as far as names tell.
    pub(crate) fn share_an_own_address(&self, left: &Prepared, right: &Prepared) -> bool {
        let own = |email: u32| !self.is_shared_email(email) && !self.emails_of_several.get(email as usize).copied().unwrap_or_default();
        let hash = |email: u32| self.emails.find(email).map(|found| found.hash);
        left.emails
            .iter()
            .filter(|email| own(**email))
            .filter_map(|email| hash(*email))
            .any(|mine| right.emails.iter().filter(|email| own(**email)).any(|email| hash(*email) == Some(mine)))
    }

    /// Whether an address stands for an office or for several people.
    pub(crate) fn is_shared_email(&self, email: u32) -> bool {
        self.emails.find(email).is_some_and(|found| found.is_role) || self.shared_emails.get(email as usize).copied().unwrap_or_default()
    }
}

/// From how many records with an address on it can be one person's no more to whom a record without a name belongs: two names, and it.
pub(crate) const RECORDS_OF_SEVERAL: usize = 3;
/// More names than this under one address are not compared: they are several people's.
const MOST_NAMES_OF_ONE: usize = 6;

/// The e-mail addresses under which names stand that are not one person's, by number.
pub(crate) fn emails_of_several(rows: &[Prepared], tables: &Tables) -> Vec<bool> {
    let mut named: Vec<(u64, u32, u32)> = rows
        .iter()
        .filter(|row| !row.is_unnamed())
        .flat_map(|row| row.emails.iter().filter_map(|email| Some((tables.emails.find(*email)?.hash, row.first, row.last))))
        .collect();
    named.sort_unstable();
    named.dedup();
    let several: Vec<u64> = named
        .chunk_by(|left, right| left.0 == right.0)
        .filter(|names| {
            let one = |(index, one): (usize, &(u64, u32, u32))| names[..index].iter().all(|other| may_be_one(tables, *one, *other));
            names.len() > MOST_NAMES_OF_ONE || !names.iter().enumerate().all(one)
        })
        .map(|names| names[0].0)
        .collect();
    let is_of_several = |number: usize| tables.emails.find(number as u32).is_some_and(|email| several.binary_search(&email.hash).is_ok());
    (0..tables.emails.numbers()).map(is_of_several).collect()
}

/// Whether two names that stand under one address can be one person's: a surname may change, a given name is another's.
fn may_be_one(tables: &Tables, (_, first, last): (u64, u32, u32), (_, other_first, other_last): (u64, u32, u32)) -> bool {
    let level = |left: u32, right: u32| match (tables.names.find(left), tables.names.find(right)) {
        (Some(_), Some(_)) if left == right => name::SAME,
        (Some(left), Some(right)) => left.compare(right),
        _ => 0,
    };
    match level(first, other_first) {
        0 => level(last, other_last) >= name::NEAR,
        name::INITIAL => level(last, other_last) >= name::NEAR,
        given => given >= name::VARIANT || (level(first, other_last) >= name::VARIANT && level(last, other_first) >= name::VARIANT),
    }
}

/// From how many surnames on an address is shared.
pub(crate) const SURNAMES_OF_A_SHARED_ADDRESS: usize = 4;

/// The e-mail addresses that have at least four different surnames, by number.
pub(crate) fn shared_emails(rows: &[Prepared], tables: &Tables) -> Vec<bool> {
    let mut pairs: Vec<(u64, u64)> = rows
        .iter()
        .flat_map(|row| {
            row.emails
                .iter()
                .filter(|email| **email != 0)
                .map(|email| (tables.emails.get(*email).hash, tables.names.find(row.last).map_or(0, |name| name.sound)))
        })
        .filter(|(_, sound)| *sound != 0)
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    let shared: Vec<u64> = pairs
        .chunk_by(|left, right| left.0 == right.0)
        .filter(|group| group.len() >= SURNAMES_OF_A_SHARED_ADDRESS)
        .map(|group| group[0].0)
        .collect();
    let is_shared = |number: usize| tables.emails.find(number as u32).is_some_and(|email| shared.binary_search(&email.hash).is_ok());
    (0..tables.emails.numbers()).map(is_shared).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_becomes_numbers() {
        let one = Record::new("a", "1").with(Attribute::FullName, "Smith, Anna").with(Attribute::Email, "anna@acme.com");
        let two = Record::new("a", "2")
            .with(Attribute::FirstName, "ANNA")
            .with(Attribute::LastName, "Smith")
            .with(Attribute::BirthDate, "1990-01-02");
        let records = Records::new(Entity::Contact, [one, two].iter());
        let [one, two] = &records.rows[..] else { panic!("two rows") };
        assert_eq!(one.last, two.last);
        assert_eq!(records.tables.names.get(one.first).latin, records.tables.names.get(two.first).latin);
        assert_eq!((digits(two.birth), digits(one.birth)), (Some(*b"19900102"), None));
        assert_ne!(one.domain, 0);
    }
}
