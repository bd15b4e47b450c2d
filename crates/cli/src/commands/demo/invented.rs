//! Invented people as three systems have them, each with its own omissions and typing errors, and who is who.

use std::collections::BTreeMap;

use aqueduct_simulator::Random;

const GIVEN: [(&str, &str); 40] = [
    ("William", "Bill"),
    ("Elizabeth", "Liz"),
    ("Robert", "Bob"),
    ("Margaret", "Maggie"),
    ("James", "Jim"),
    ("Katherine", "Kate"),
    ("Thomas", "Tom"),
    ("Susan", "Sue"),
    ("Michael", "Mike"),
    ("Jennifer", "Jen"),
    ("Richard", "Dick"),
    ("Patricia", "Pat"),
    ("Christopher", "Chris"),
    ("Rebecca", "Becky"),
    ("Alexander", "Alex"),
    ("Samantha", "Sam"),
    ("Daniel", "Dan"),
    ("Victoria", "Vicky"),
    ("Benjamin", "Ben"),
    ("Deborah", "Debbie"),
    ("Matthew", "Matt"),
    ("Amanda", "Mandy"),
    ("Nicholas", "Nick"),
    ("Jessica", "Jess"),
    ("Ahmed", "Ahmed"),
    ("Ingrid", "Ingrid"),
    ("Carlos", "Carlos"),
    ("Mei", "Mei"),
    ("Pierre", "Pierre"),
    ("Olga", "Olga"),
    ("Giovanni", "Gianni"),
    ("Fatima", "Fatima"),
    ("Sven", "Sven"),
    ("Aisha", "Aisha"),
    ("Dmitri", "Dima"),
    ("Lucia", "Lucia"),
    ("Hiroshi", "Hiroshi"),
    ("Priya", "Priya"),
    ("Tomasz", "Tomek"),
    ("Zoë", "Zoë"),
];
const FAMILY: [&str; 60] = [
    "Whit", "Black", "Hart", "Fair", "Stan", "Wood", "Green", "North", "Ash", "Brad", "Clay", "Dal", "Ell", "Farn", "Gar", "Holl", "Kir",
    "Lang", "Mar", "Nor", "Old", "Pem", "Rad", "Sher", "Thorn", "Under", "Wake", "Bel", "Cran", "Dun", "Ever", "Fen", "Gold", "Hazel",
    "Ives", "Jarr", "Kemp", "Lock", "Mill", "New", "Oak", "Pres", "Quin", "Rams", "Swin", "Tem", "Ux", "Ver", "Win", "Yar", "Al", "Birch",
    "Cole", "Dray", "Ed", "Ful", "Graf", "Hum", "In", "Jes",
];
const ENDINGS: [&str; 24] = [
    "field", "man", "ley", "ton", "son", "worth", "well", "wood", "by", "ford", "ham", "croft", "stone", "er", "ing", "s", "bury", "den",
    "combe", "brook", "shaw", "wick", "gate", "land",
];
const TOWNS: [(&str, &str); 20] = [
    ("Leeds", "LS"),
    ("York", "YO"),
    ("Bristol", "BS"),
    ("Oxford", "OX"),
    ("Norwich", "NR"),
    ("Exeter", "EX"),
    ("Derby", "DE"),
    ("Bath", "BA"),
    ("Durham", "DH"),
    ("Lincoln", "LN"),
    ("Truro", "TR"),
    ("Dundee", "DD"),
    ("Cardiff", "CF"),
    ("Swansea", "SA"),
    ("Luton", "LU"),
    ("Preston", "PR"),
    ("Telford", "TF"),
    ("Ipswich", "IP"),
    ("Perth", "PH"),
    ("Chester", "CH"),
];
const STREETS: [&str; 12] = [
    "High Street",
    "Station Road",
    "Church Lane",
    "Mill Lane",
    "Park Avenue",
    "Victoria Road",
    "Queen Street",
    "Green Lane",
    "The Crescent",
    "North Road",
    "Kings Road",
    "Manor Drive",
];
const HOSTS: [&str; 8] = [
    "example.com",
    "example.org",
    "example.net",
    "mail.example.com",
    "post.example.org",
    "home.example.net",
    "work.example.com",
    "corp.example.org",
];

/// Chance from a seed: the same people for everybody.
struct Chance(Random);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.bits() % end as u64).unwrap_or(0)
    }

    fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    /// So many times in a hundred.
    fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }
}

/// A person as she is.
#[derive(Clone, Debug)]
struct Person {
    given: &'static (&'static str, &'static str),
    family: String,
    street: String,
    town: &'static (&'static str, &'static str),
    postal_code: String,
    mobile: String,
    email: String,
    work_email: String,
}

/// A person as one system has her.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// Whose entry it is.
    pub(super) person: usize,
    pub(super) given: String,
    pub(super) family: String,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) street: String,
    pub(super) town: String,
    pub(super) postal_code: String,
}

/// The three systems: a marketing tool, a sales tool, and a list that somebody exported years ago.
#[derive(Debug, Default)]
pub(super) struct Systems {
    pub(super) hubspot: Vec<Entry>,
    pub(super) salesforce: Vec<Entry>,
    pub(super) list: Vec<Entry>,
}

/// Invents so many people; each is in one of the systems at least. One in twenty lives with another who has the same family name.
pub(super) fn invent(count: usize, seed: u64) -> Systems {
    let mut chance = Chance(Random::new(seed));
    let mut people: Vec<Person> = Vec::with_capacity(count);
    for number in 0..count {
        let person = draw(&mut chance, number, people.last());
        people.push(person);
    }
    let mut systems = Systems::default();
    for (number, person) in people.iter().enumerate() {
        let [hubspot, salesforce, list] = [80, 70, 60].map(|share| chance.percent(share));
        if hubspot || !(salesforce || list) {
            systems.hubspot.push(in_hubspot(&mut chance, number, person));
        }
        if salesforce {
            systems.salesforce.push(in_salesforce(&mut chance, number, person));
        }
        if list {
            systems.list.push(in_list(&mut chance, number, person));
        }
    }
    systems
}

fn draw(chance: &mut Chance, number: usize, before: Option<&Person>) -> Person {
    let given = chance.pick(&GIVEN);
    let family = format!("{}{}", chance.pick(&FAMILY), chance.pick(&ENDINGS));
    let town = chance.pick(&TOWNS);
    let street = format!("{} {}", 1 + chance.below(180), chance.pick(&STREETS));
    let postal_code = format!("{}{} {}{}{}", town.1, 1 + chance.below(18), 1 + chance.below(9), letter(chance), letter(chance));
    let mobile = format!("+447{:09}", 400_000_000 + chance.below(500_000_000));
    let household = before.filter(|_| chance.percent(5));
    let family = household.map_or(family, |other| other.family.clone());
    let (first, last) = (plain(given.0), family.to_lowercase());
    let mailbox = match chance.below(3) {
        0 => format!("{first}.{last}"),
        1 => format!("{}{last}{}", &first[..1], number % 100),
        _ => format!("{last}.{first}{}", 1950 + chance.below(55)),
    };
    let (email, work_email) = (format!("{mailbox}@{}", chance.pick(&HOSTS[..6])), format!("{first}.{last}@{}", chance.pick(&HOSTS[6..])));
    match household {
        Some(other) => Person { given, family, email, work_email, mobile, ..other.clone() },
        None => Person { given, family, street, town, postal_code, mobile, email, work_email },
    }
}

fn letter(chance: &mut Chance) -> char {
    char::from(*chance.pick(b"ABDEFGHJLNPQRSTUWXYZ"))
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace('ë', "e")
}

fn entry(number: usize, person: &Person) -> Entry {
    Entry {
        person: number,
        given: person.given.0.to_owned(),
        family: person.family.clone(),
        email: person.email.clone(),
        phone: person.mobile.clone(),
        street: person.street.clone(),
        town: person.town.0.to_owned(),
        postal_code: person.postal_code.clone(),
    }
}

/// What people type into forms: most of it right, some left out.
fn in_hubspot(chance: &mut Chance, number: usize, person: &Person) -> Entry {
    let mut entry = entry(number, person);
    if chance.percent(30) {
        entry.phone.clear();
    }
    if chance.percent(60) {
        (entry.street, entry.postal_code) = (String::new(), String::new());
    }
    if chance.percent(5) {
        entry.given = slip(chance, &entry.given);
    }
    if chance.percent(6) {
        (entry.given, entry.family) = (entry.given.to_uppercase(), entry.family.to_uppercase());
    }
    entry
}

/// What sales people note: short names, the address at work, numbers as they are spoken.
fn in_salesforce(chance: &mut Chance, number: usize, person: &Person) -> Entry {
    let mut entry = entry(number, person);
    if chance.percent(15) {
        entry.given = person.given.1.to_owned();
    }
    if chance.percent(6) {
        entry.family = slip(chance, &entry.family);
    }
    match chance.below(100) {
        0..25 => entry.email.clone_from(&person.work_email),
        25..37 => entry.email.clear(),
        _ => {}
    }
    entry.phone = match chance.below(100) {
        0..20 => String::new(),
        _ => format!("0{} {}", &entry.phone[3..7], &entry.phone[7..]),
    };
    entry
}

/// An old export: capitals, swapped columns, addresses and no e-mail for many.
fn in_list(chance: &mut Chance, number: usize, person: &Person) -> Entry {
    let mut entry = entry(number, person);
    if chance.percent(10) {
        entry.family = entry.family.to_uppercase();
    }
    if chance.percent(2) {
        std::mem::swap(&mut entry.given, &mut entry.family);
    }
    if chance.percent(8) {
        entry.family = slip(chance, &entry.family);
    }
    if chance.percent(35) {
        entry.email.clear();
    } else if chance.percent(5) {
        let (mailbox, host) =
            entry.email.split_once('@').map_or((String::new(), String::new()), |(one, two)| (slip(chance, one), two.into()));
        entry.email = format!("{mailbox}@{host}");
    }
    if chance.percent(50) {
        entry.phone.clear();
    }
    if chance.percent(4) {
        // She has moved since.
        (entry.street, entry.postal_code) = (format!("{} Old Road", 1 + chance.below(90)), String::new());
    }
    entry
}

/// A typing error: two letters swapped, one left out, or one doubled.
fn slip(chance: &mut Chance, word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() < 3 {
        return word.to_owned();
    }
    let place = 1 + chance.below(letters.len() - 2);
    match chance.below(3) {
        0 => letters.swap(place, place + 1),
        1 => drop(letters.remove(place)),
        _ => letters.insert(place, letters[place]),
    }
    letters.into_iter().collect()
}

/// How well identities agree with who is who.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Agreement {
    /// Of the pairs that were joined, the share that is one person.
    pub(super) precision: f64,
    /// Of the pairs that are one person, the share that was joined.
    pub(super) recall: f64,
    /// Pairs that are one person.
    pub(super) pairs: u64,
}

/// Counts pairs: every entry with its person and its identity.
pub(super) fn agreement(entries: &[(usize, String)]) -> Agreement {
    let pairs = |sizes: &mut dyn Iterator<Item = u64>| sizes.map(|size| size * (size - 1) / 2).sum::<u64>();
    let (mut people, mut identities, mut both) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (person, identity) in entries {
        *people.entry(person).or_insert(0_u64) += 1;
        *identities.entry(identity).or_insert(0_u64) += 1;
        *both.entry((person, identity)).or_insert(0_u64) += 1;
    }
    let [same, joined, right] =
        [&mut people.into_values() as &mut dyn Iterator<Item = u64>, &mut identities.into_values(), &mut both.into_values()].map(pairs);
    let share = |part: u64, of: u64| if of == 0 { 1.0 } else { part as f64 / of as f64 };
    Agreement { precision: share(right, joined), recall: share(right, same), pairs: same }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_counts_pairs() {
        let of = |entries: &[(usize, &str)]| {
            agreement(&entries.iter().map(|(person, identity)| (*person, (*identity).to_owned())).collect::<Vec<_>>())
        };
        let told = of(&[(1, "a"), (1, "a"), (1, "b"), (2, "b"), (3, "c")]);
        assert_eq!((told.pairs, told.precision), (3, 0.5));
        assert!((told.recall - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(of(&[(1, "a"), (2, "b")]), Agreement { precision: 1.0, recall: 1.0, pairs: 0 });
    }

    #[test]
    fn the_same_people_for_everybody() {
        let [one, two] = [7, 7].map(|seed| format!("{:?}", invent(300, seed)));
        assert_eq!(one, two);
        let systems = invent(300, 7);
        let everybody: std::collections::BTreeSet<usize> =
            [&systems.hubspot, &systems.salesforce, &systems.list].into_iter().flatten().map(|entry| entry.person).collect();
        assert_eq!(everybody.len(), 300);
    }
}
