//! Clean tables: cells in their canonical form, as plausible as names, companies and addresses of several languages can be, with a share of
//! awkward ones that are right all the same ("Null" is a surname, "AT&T" a company).

use aqueduct_schema::SemanticType;

use crate::arbitrary::Chance;

/// A column of the clean table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) semantic: SemanticType,
}

pub(crate) const COLUMNS: [Column; 16] = [
    Column { name: "full_name", semantic: SemanticType::PersonName },
    Column { name: "email", semantic: SemanticType::Email },
    Column { name: "phone", semantic: SemanticType::PhoneNumber },
    Column { name: "company", semantic: SemanticType::CompanyName },
    Column { name: "job_title", semantic: SemanticType::Label },
    Column { name: "city", semantic: SemanticType::Label },
    Column { name: "postal_code", semantic: SemanticType::PostalCode },
    Column { name: "country", semantic: SemanticType::Country },
    Column { name: "language", semantic: SemanticType::Language },
    Column { name: "website", semantic: SemanticType::Url },
    Column { name: "birth_date", semantic: SemanticType::Date },
    Column { name: "created_at", semantic: SemanticType::Timestamp },
    Column { name: "amount", semantic: SemanticType::Money },
    Column { name: "employees", semantic: SemanticType::Count },
    Column { name: "stage", semantic: SemanticType::Category },
    Column { name: "note", semantic: SemanticType::FreeText },
];

const FIRST: [&str; 40] = [
    "Ada",
    "José",
    "Zoë",
    "Siobhán",
    "Łukasz",
    "Mary-Ann",
    "李",
    "Noor",
    "Иван",
    "François",
    "Jürgen",
    "Nguyễn",
    "Aoife",
    "Søren",
    "Björk",
    "Émilie",
    "Ali",
    "Mohammed",
    "Priya",
    "Chloé",
    "Daniel",
    "Olivia",
    "Noah",
    "Emma",
    "Liam",
    "Sofía",
    "Hannah",
    "Tomáš",
    "Şebnem",
    "Þór",
    "Al",
    "Jo",
    "Bo",
    "Na",
    "Yu",
    "Renée",
    "Ángel",
    "Inês",
    "Jean-Luc",
    "Maria",
];
const LAST: [&str; 44] = [
    "Lovelace",
    "García",
    "van der Berg",
    "Ní Dhúill",
    "Kowalski",
    "O'Brien",
    "王",
    "Al-Amin",
    "Петров",
    "Müller",
    "Núñez",
    "McDonald",
    "de la Cruz",
    "Sørensen",
    "Guðmundsdóttir",
    "D'Angelo",
    "Smith",
    "Jones",
    "Brown",
    "Wilson",
    "Taylor",
    "Schmidt",
    "Weiß",
    "Größe",
    "Lefèvre",
    "Čapek",
    "Yıldız",
    "Håkansson",
    "Nakamura",
    "Nguyễn",
    "Patel",
    "Khan",
    "Null",
    "Test-Meyer",
    "St. John",
    "Zürcher",
    "Castañeda",
    "Lindström",
    "Fitzgerald",
    "Ångström",
    "Đorđević",
    "Ó Súilleabháin",
    "Abc-Schulz",
    "Ng",
];
const COMPANIES: [&str; 24] = [
    "Acme Ltd",
    "Bücher & Söhne GmbH",
    "AT&T",
    "Initech Inc.",
    "Nestlé S.A.",
    "R&D Partners",
    "株式会社 山田",
    "O'Reilly Media",
    "3M",
    "IBM",
    "a.s.r.",
    "Société Générale",
    "Johnson & Johnson",
    "Marks & Spencer",
    "5 < 7 Studio",
    "None Too Soon Bakery",
    "Null Island Surf Co",
    "Test Equity",
    "Žabka Polska",
    "Ørsted A/S",
    "E.ON",
    "H&M",
    "Yahoo!",
    "(RED)",
];
const TITLES: [&str; 16] = [
    "Head of Sales",
    "CEO",
    "Ingénieur commercial",
    "VP, R&D",
    "Leiter Einkauf",
    "Account Manager (EMEA)",
    "C++ Developer",
    "Empty Nester Coach",
    "Chief of Staff",
    "QA / Test Lead",
    "Directeur général",
    "Buyer",
    "Owner",
    "Sachbearbeiter Größe",
    "Nurse",
    "Tester",
];
const CITIES: [&str; 20] = [
    "London",
    "Zürich",
    "São Paulo",
    "Kraków",
    "Paris",
    "München",
    "New York",
    "Saint-Étienne",
    "Reykjavík",
    "Málaga",
    "Göteborg",
    "Brno",
    "İzmir",
    "東京",
    "Łódź",
    "Å",
    "Y",
    "Nice",
    "Córdoba",
    "Cork",
];
const DOMAINS: [&str; 16] = [
    "acme.com",
    "mail.acme.co.uk",
    "buecher.de",
    "gmail.com",
    "hotmail.com",
    "outlook.com",
    "yahoo.com",
    "gmx.de",
    "initech.io",
    "universite.fr",
    "example.org",
    "mail.com",
    "web.de",
    "xn--bcher-kva.de",
    "3m.com",
    "ymail.com",
];
const COUNTRIES: [&str; 16] = ["GB", "DE", "US", "FR", "ES", "IT", "NL", "PL", "SE", "JP", "BR", "CH", "AT", "IE", "IN", "CA"];
const LANGUAGES: [&str; 10] = ["en", "de", "fr", "es", "en-GB", "pt-BR", "pl", "sv", "ja", "zh-Hant"];
const STAGES: [&str; 8] = ["customer", "mql", "sql", "lead", "closed_won", "other", "unknown", "opportunity"];
const NOTES: [&str; 8] = [
    "Called twice. No answer, try again on Monday.",
    "Größe 5 passt, 3 < 4 aber > 2.",
    "Prefers e-mail.\nDo not call before 10.",
    "Met at the fair in Köln; wants a quote for 1,200 units.",
    "Said: \"n/a until Q3\".",
    "C'est la société qui a changé de nom.",
    "AT&T contract ends 2027 & needs renewal",
    "Asked about <product> and about prices.",
];

/// A row of clean cells, in the order of [`COLUMNS`].
pub(crate) fn row(chance: &mut Chance) -> Vec<String> {
    let (first, last) = (chance.pick(&FIRST), chance.pick(&LAST));
    let country = chance.pick(&COUNTRIES);
    COLUMNS.iter().map(|column| cell(column.name, first, last, country, chance)).collect()
}

fn cell(name: &str, first: &str, last: &str, country: &str, chance: &mut Chance) -> String {
    match name {
        "full_name" => format!("{first} {last}"),
        "email" => {
            let plain: String =
                format!("{first}.{last}").chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '\'' | '-')).collect();
            let plain = plain.trim_matches(['.', '-', '\'']);
            let tag = if chance.happens(50) { "+news" } else { "" };
            format!("{}{}{tag}@{}", if plain.is_empty() { "kontakt" } else { plain }, chance.below(1000), chance.pick(&DOMAINS))
        }
        "phone" => match country {
            "GB" => format!("+4474{:08}", chance.below(100_000_000)),
            "DE" => format!("+4930{:07}", 1_000_000 + chance.below(8_999_999)),
            "FR" => format!("+3361{:07}", chance.below(10_000_000)),
            _ => format!("+1212{}{:06}", 2 + chance.below(8), chance.below(1_000_000)),
        },
        "company" => {
            let company = chance.pick(&COMPANIES);
            if chance.happens(500) {
                company.to_owned()
            } else {
                format!("{last} {}", chance.pick(&["GmbH", "& Co.", "Ltd", "S.A.", "Group"]))
            }
        }
        "job_title" => chance.pick(&TITLES).to_owned(),
        "city" => chance.pick(&CITIES).to_owned(),
        "postal_code" => match country {
            "GB" => format!("SW{}A {}AA", 1 + chance.below(9), 1 + chance.below(9)),
            "NL" => format!("{} AB", 1000 + chance.below(8999)),
            "CA" => "K1A 0B1".to_owned(),
            "AT" | "CH" => (1000 + chance.below(8999)).to_string(),
            "IN" => (100_000 + chance.below(800_000)).to_string(),
            _ => format!("{:05}", 1001 + chance.below(98_000)),
        },
        "country" => country.to_owned(),
        "language" => chance.pick(&LANGUAGES).to_owned(),
        "website" => match chance.below(3) {
            0 => format!("https://www.{}/", chance.pick(&["acme.com", "initech.io", "buecher.de"])),
            1 => format!("https://acme{}.com/team/{}", chance.below(1000), chance.below(1000)),
            _ => format!("https://shop.acme.co.uk/?page={}", chance.below(100)),
        },
        "birth_date" => format!("{}-{:02}-{:02}", 1930 + chance.below(78), 1 + chance.below(12), 1 + chance.below(28)),
        "created_at" => format!(
            "{}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            2015 + chance.below(11),
            1 + chance.below(12),
            1 + chance.below(28),
            chance.below(24),
            chance.below(60),
            1 + chance.below(59)
        ),
        "amount" => format!("{}.{:02}", 1000 + chance.below(900_000), chance.below(100)),
        "employees" => (1 + chance.below(50_000)).to_string(),
        "stage" => chance.pick(&STAGES).to_owned(),
        _ => chance.pick(&NOTES).to_owned(),
    }
}
