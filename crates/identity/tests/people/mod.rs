//! Invented people, with the mistakes that lists have, and with those who only look alike.
#![allow(dead_code, missing_docs, unreachable_pub)]

use aqueduct_identity::{Attribute, Record};

/// Chance that is the same everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x5851_f42d_4c95_7f2d)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }
}

const FIRST: &[&str] = &[
    "Anna",
    "Bernd",
    "Carla",
    "David",
    "Elena",
    "Frank",
    "Greta",
    "Hans",
    "Irene",
    "Jonas",
    "Katharina",
    "Lukas",
    "Maria",
    "Nora",
    "Oskar",
    "Paula",
    "Quentin",
    "Robert",
    "Sophie",
    "Thomas",
    "Ursula",
    "Viktor",
    "William",
    "Xenia",
    "Yusuf",
    "Zoe",
    "Charlotte",
    "Edward",
];
const LAST: &[&str] = &[
    "Ahrens",
    "Becker",
    "Castellano",
    "Drummond",
    "Eriksson",
    "Fontaine",
    "Gallagher",
    "Hoffmann",
    "Ivanova",
    "Jankowski",
    "Kowalczyk",
    "Lindqvist",
    "Montgomery",
    "Novak",
    "Okafor",
    "Petrovic",
    "Quinlan",
    "Rasmussen",
    "Schneider",
    "Takahashi",
    "Underwood",
    "Vasquez",
    "Whitfield",
    "Yamamoto",
    "Zimmermann",
    "Abernathy",
    "Brandenburg",
    "Carmichael",
    "Delacroix",
    "Eisenberg",
];
const CITIES: &[&str] = &["Berlin", "Hamburg", "Leeds", "Lyon", "Porto", "Graz", "Utrecht", "Malmo"];

/// A text with one mistake in it.
pub fn mistyped(dice: &mut Dice, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = dice.below(letters.len());
    match dice.below(4) {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, (b'a' + dice.below(26) as u8) as char),
        2 if at + 1 < letters.len() => letters.swap(at, at + 1),
        _ => letters[at] = (b'a' + dice.below(26) as u8) as char,
    }
    letters.into_iter().collect()
}

/// Records of about `count` people and who each is of; every other person has two or three records.
pub fn people(seed: u64, count: usize) -> Vec<(Record, usize)> {
    let mut dice = Dice::new(seed);
    let mut records = Vec::new();
    for person in 0..count {
        let (first, last) = (dice.one(FIRST), dice.one(LAST));
        let birth = format!("{:04}-{:02}-{:02}", 1940 + dice.below(65), 1 + dice.below(12), 1 + dice.below(28));
        let email = format!("{}.{}{}@example.net", first.to_lowercase(), last.to_lowercase(), dice.below(10_000));
        let phone = format!("+4930{:07}", dice.below(10_000_000));
        let (city, code) = (dice.one(CITIES), format!("{:05}", dice.below(100_000)));
        let street = format!("{}st. {}", dice.one(LAST), 1 + dice.below(200));
        let copies = 1 + dice.below(2) * (1 + dice.below(2));
        for copy in 0..copies {
            let mut record = Record::new(["crm", "shop", "list"][copy % 3], format!("{person}-{copy}"));
            let values = [
                (Attribute::FirstName, first),
                (Attribute::LastName, last),
                (Attribute::Email, &email),
                (Attribute::Phone, &phone),
                (Attribute::BirthDate, &birth),
                (Attribute::Street, &street),
                (Attribute::City, city),
                (Attribute::PostalCode, &code),
            ];
            for (attribute, value) in values {
                match dice.below(12) {
                    0 | 1 => {}
                    2 if copy > 0 => record.push(attribute, &mistyped(&mut dice, value)),
                    _ => record.push(attribute, value),
                }
            }
            records.push((record, person));
        }
    }
    records
}

/// Records of `count` different companies.
pub fn companies(seed: u64, count: usize) -> Vec<Record> {
    let mut dice = Dice::new(seed);
    let company = |number: usize| {
        let (name, trade) = (dice.one(LAST), dice.one(&["Foods", "Systems", "Logistics", "Legal", "Motors", "Design"]));
        let domain = format!("{}{number}.example", name.to_lowercase());
        Record::new("crm", number.to_string())
            .with(Attribute::Company, &format!("{name} {trade} {number}"))
            .with(Attribute::Domain, &domain)
            .with(Attribute::Phone, &format!("+4930{:07}", dice.below(10_000_000)))
            .with(Attribute::City, dice.one(CITIES))
    };
    (0..count).map(company).collect()
}

/// Families of three at one address with one telephone, nobody of them twice.
pub fn families(seed: u64, count: usize) -> Vec<Record> {
    let mut dice = Dice::new(seed);
    let mut records = Vec::new();
    for family in 0..count {
        let (last, city, code) = (dice.one(LAST), dice.one(CITIES), format!("{:05}", dice.below(100_000)));
        let (phone, street) = (format!("+4940{:07}", dice.below(10_000_000)), format!("{}st. {}", dice.one(LAST), 1 + dice.below(200)));
        for member in 0..3 {
            let birth = format!("{:04}-{:02}-{:02}", 1940 + 10 * member + dice.below(20), 1 + dice.below(12), 1 + dice.below(28));
            let first = FIRST[(dice.below(9) + member * 9) % FIRST.len()];
            records.push(
                Record::new("families", format!("{family}-{member}"))
                    .with(Attribute::FirstName, first)
                    .with(Attribute::LastName, last)
                    .with(Attribute::Phone, &phone)
                    .with(Attribute::BirthDate, &birth)
                    .with(Attribute::Street, &street)
                    .with(Attribute::City, city)
                    .with(Attribute::PostalCode, &code),
            );
        }
    }
    records
}
