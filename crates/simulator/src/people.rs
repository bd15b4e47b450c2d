//! Invented people and companies with the dirt that real systems hold. Every e-mail address and web site is in a domain
//! set aside for examples.

mod regions;

pub(crate) use regions::{REGIONS, Region};

use crate::random::Random;

/// A person as one would write them well, before any dirt.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) region: &'static Region,
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    /// The part of an address before the `@`.
    pub(crate) mailbox: String,
}

/// Domains of companies; none can ever belong to anyone.
const MAIL_HOSTS: &[&str] =
    &["example.com", "example.org", "example.net", "mail.test", "post.example", "bücher.example", "corp.example.com"];
const COMPANY_WORDS: &[&str] = &[
    "Acme",
    "Nordwind",
    "Blue Heron",
    "Société du Lac",
    "Sol y Mar",
    "Ōkami",
    "Brightwater",
    "Kowal",
    "Drei Eichen",
    "Lumière",
    "Atlas & Sons",
    "Pão Quente",
    "Zenith",
    "Quill",
    "Marigold",
    "ÆON",
    "Fjord",
    "Tern",
];
const COMPANY_TRADES: &[&str] = &["Logistics", "Foods", "Systems", "Textil", "Energy", "Studios", "Pharma", "Bau", "Consulting", "Trading"];
const JOBS: &[&str] = &[
    "CEO",
    "Head of Data",
    "engineer",
    "VP, Marketing & Sales",
    "Geschäftsführer",
    "Directrice commerciale",
    "owner",
    "部長",
    "Sr. Buyer",
    "student",
    "n/a",
    "Chief Happiness Officer 🎉",
];
/// Those who work with the records: owners and users.
pub(crate) const COLLEAGUES: [(&str, &str); 8] = [
    ("Robin", "Park"),
    ("Ines", "Alvarado"),
    ("Tom", "Ek"),
    ("Mei", "Lin"),
    ("Yara", "Haddad"),
    ("Piotr", "Zak"),
    ("Sam", "Okoro"),
    ("Lea", "Brandt"),
];
const ROLES: &[&str] = &["info", "sales", "office", "noreply", "kontakt", "admin"];

impl Person {
    /// The person of a random draw; frequent regions come more often.
    pub(crate) fn draw(random: &mut Random, number: u64) -> Self {
        // The smaller of two draws leans towards the front of the list.
        let place = random.index(REGIONS.len()).min(random.index(REGIONS.len()));
        let region = &REGIONS[place];
        let (given, plain_given) = region.given[random.index(region.given.len())];
        let (family, plain_family) = region.family[random.index(region.family.len())];
        let mailbox = match random.below(4) {
            0 => format!("{plain_given}.{plain_family}{number}"),
            1 => format!("{}{plain_family}{number}", &plain_given[..1]),
            2 => format!("{plain_family}.{plain_given}.{number}"),
            _ => format!("{plain_given}_{number}"),
        };
        Self { region, given, family, mailbox }
    }

    /// Given and family name with the dirt of forms and imports.
    pub(crate) fn names(&self, random: &mut Random) -> (String, String) {
        let (given, family) = (dirty_name(random, self.given), dirty_name(random, self.family));
        match random.below(100) {
            // Typed into the wrong fields.
            0 => (family, given),
            1 if self.region.family_first => (format!("{}{}", self.family, self.given), String::new()),
            2 => (format!("{} {}", self.given, self.family), String::new()),
            3 => (format!("{}, {}", self.family, self.given), family),
            _ => (given, family),
        }
    }

    /// An e-mail address, clean three times in four; `None` when there is none.
    pub(crate) fn email(&self, random: &mut Random) -> Option<String> {
        let host = random.pick(MAIL_HOSTS);
        let clean = format!("{}@{host}", self.mailbox);
        Some(match random.below(100) {
            0..4 => clean.to_uppercase(),
            4..7 => format!(" {clean} "),
            7..8 => format!("{clean}\u{a0}"),
            8..9 => format!("mailto:{clean}"),
            9..10 => format!("{} {} <{clean}>", self.given, self.family),
            10..12 => format!("{}+news@{host}", self.mailbox),
            12..15 => format!("{}@{host}", random.pick(ROLES)),
            15 => "not-an-email".to_owned(),
            16 => format!("{}@", self.mailbox),
            17 => format!("{} at {host}", self.mailbox),
            18 => format!("{}@@{host}", self.mailbox),
            19 => format!("{clean}, {}.second@{host}", self.mailbox),
            20 => String::new(),
            21..24 => return None,
            _ => clean,
        })
    }

    /// A telephone number in one of the region's ways of writing, or what people put in its place.
    pub(crate) fn phone(&self, random: &mut Random) -> Option<String> {
        Some(match random.below(100) {
            0..3 => "n/a".to_owned(),
            3 => "0000000000".to_owned(),
            4 => "4.47701E+11".to_owned(),
            5 => "call after 5pm".to_owned(),
            6..12 => String::new(),
            12..20 => return None,
            20..23 => format!("'{}", digits(random, self.region.phones[0])),
            23..25 => format!("{} / {}", digits(random, self.region.phones[0]), digits(random, self.region.phones[0])),
            _ => {
                let pattern = random.pick(self.region.phones);
                digits(random, pattern)
            }
        })
    }

    /// The country in one of its spellings, or something else that fields of this kind hold.
    pub(crate) fn country(&self, random: &mut Random) -> Option<String> {
        Some(match random.below(100) {
            0..5 => String::new(),
            5..10 => return None,
            10 => "Earth".to_owned(),
            11 => "--Select--".to_owned(),
            12..40 => random.pick(self.region.country).to_owned(),
            _ => self.region.country[0].to_owned(),
        })
    }

    /// A job title.
    pub(crate) fn job(&self, random: &mut Random) -> Option<&'static str> {
        if random.chance(150) { None } else { Some(random.pick(JOBS)) }
    }
}

fn dirty_name(random: &mut Random, name: &str) -> String {
    match random.below(100) {
        0..6 => name.to_uppercase(),
        6..14 => name.to_lowercase(),
        14..18 => format!(" {name}"),
        18..22 => format!("{name} "),
        22 => format!("{name}  "),
        23 => format!("{name}\u{200b}"),
        24 => name.chars().flat_map(decompose).collect(),
        25 => format!("Dr. {name}"),
        26 => "test".to_owned(),
        27 => mojibake(name),
        28 => String::new(),
        _ => name.to_owned(),
    }
}

/// The two-character form of a few frequent letters with a mark.
fn decompose(letter: char) -> impl Iterator<Item = char> {
    let (base, mark) = match letter {
        'é' => ('e', Some('\u{301}')),
        'ü' => ('u', Some('\u{308}')),
        'ö' => ('o', Some('\u{308}')),
        'ä' => ('a', Some('\u{308}')),
        'ñ' => ('n', Some('\u{303}')),
        'Å' => ('A', Some('\u{30a}')),
        other => (other, None),
    };
    std::iter::once(base).chain(mark)
}

/// The text as it looks when its UTF-8 bytes were read as Latin-1.
fn mojibake(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

/// The pattern with digits in place of `#`.
pub(crate) fn digits(random: &mut Random, pattern: &str) -> String {
    pattern.chars().map(|place| if place == '#' { char::from(b'0' + u8::try_from(random.below(10)).unwrap_or(0)) } else { place }).collect()
}

/// The name of a company, without its legal form.
pub(crate) fn company_name(random: &mut Random, number: u64) -> String {
    let word = random.pick(COMPANY_WORDS);
    match random.below(3) {
        0 => format!("{word} {number}"),
        1 => format!("{word} {} {number}", random.pick(COMPANY_TRADES)),
        _ => format!("{} {word} {number}", random.pick(COMPANY_TRADES)),
    }
}

/// The name of a company with its legal form, more or less well written.
pub(crate) fn dirty_company(random: &mut Random, name: &str, region: &Region) -> String {
    let form = random.pick(region.forms);
    match random.below(20) {
        0 => name.to_uppercase(),
        1 => name.to_lowercase(),
        2 => format!("{name}, {form}"),
        3 => format!(" {name}  {form}"),
        4 => format!("{name} ({form})"),
        5..8 => name.to_owned(),
        _ => format!("{name} {form}"),
    }
}

/// A web site of a company, more or less well written.
pub(crate) fn website(random: &mut Random, domain: &str) -> Option<String> {
    Some(match random.below(12) {
        0 => format!("HTTP://WWW.{}/", domain.to_uppercase()),
        1 => domain.to_owned(),
        2 => format!("https://{domain}/about?utm_source=news&utm_medium=email#team"),
        3 => format!("http//{domain}"),
        4 => format!(" https://{domain}"),
        5 => String::new(),
        6 => return None,
        _ => format!("https://www.{domain}"),
    })
}

/// An amount as people type it into a text field.
pub(crate) fn amount_text(random: &mut Random, currency: &str) -> Option<String> {
    let (thousands, units, cents) = (1 + random.below(400), random.below(1000), random.below(100));
    Some(match random.below(12) {
        0 => format!("{thousands},{units:03}.{cents:02}"),
        1 => format!("{thousands}.{units:03},{cents:02}"),
        2 => format!("{thousands} {units:03},{cents:02} {currency}"),
        3 => format!("${thousands},{units:03}"),
        4 => format!("{currency} {thousands}{units:03}"),
        5 => format!("({thousands}{units:03}.{cents:02})"),
        6 => format!("{thousands}k"),
        7 => "TBD".to_owned(),
        8 => String::new(),
        9 => return None,
        10 => format!("{thousands}'{units:03}.{cents:02}"),
        _ => format!("{thousands}{units:03}.{cents:02}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lie_in_domains_set_aside_for_examples() {
        for number in 0..5_000 {
            let mut random = Random::of_row(3, 1, number);
            let person = Person::draw(&mut random, number);
            let Some(email) = person.email(&mut random).filter(|email| email.contains('@')) else { continue };
            let host = email.rsplit('@').next().unwrap_or_default().trim().trim_end_matches('>').to_lowercase();
            let reserved = [".com", ".org", ".net"].iter().any(|end| host.ends_with(&format!("example{end}")));
            assert!(host.is_empty() || reserved || host.ends_with(".example") || host.ends_with(".test"), "{email}");
        }
    }

    #[test]
    fn dirt_of_every_kind_occurs() {
        let people: Vec<(String, Option<String>, Option<String>)> = (0..3_000)
            .map(|number| {
                let mut random = Random::of_row(3, 1, number);
                let person = Person::draw(&mut random, number);
                (person.names(&mut random).0, person.email(&mut random), person.phone(&mut random))
            })
            .collect();
        assert!(people.iter().any(|(name, ..)| name.ends_with(' ')));
        assert!(people.iter().any(|(name, ..)| name.contains('Ã')));
        assert!(people.iter().any(|(_, email, _)| email.as_deref().is_some_and(|email| email.starts_with("mailto:"))));
        assert!(people.iter().any(|(_, email, _)| email.is_none()));
        assert!(people.iter().any(|(_, email, _)| email.as_deref() == Some("")));
        assert!(people.iter().any(|(.., phone)| phone.as_deref() == Some("4.47701E+11")));
        let scripts = ['伟', '花', 'О', 'ف', 'נ', 'आ'];
        assert!(scripts.iter().all(|letter| people.iter().any(|(name, ..)| name.contains(*letter))));
    }
}
