//! Known errors: each makes a dirty cell of a clean one, and says what a right repair would store.

use encoding_rs::WINDOWS_1252;

use crate::arbitrary::Chance;

/// What should be stored for a dirty cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// The clean cell again.
    Clean,
    /// Nothing: the value is lost or was none.
    Nothing,
    /// The cell as it is, with a flag: nobody can know better.
    AsGiven,
}

/// An error that can be planted.
pub(crate) struct Damage {
    pub(crate) name: &'static str,
    /// The columns it belongs to.
    pub(crate) columns: &'static [&'static str],
    pub(crate) truth: Truth,
    /// Makes the dirty cell; nothing where this cell cannot have the error.
    pub(crate) plant: fn(&str, &str, &mut Chance) -> Option<String>,
}

const NAMES: &[&str] = &["full_name", "company", "job_title", "city"];
const WORDS: &[&str] = &["full_name", "company", "job_title", "city", "note"];
const CODES: &[&str] =
    &["email", "phone", "country", "language", "website", "birth_date", "created_at", "amount", "employees", "stage", "postal_code"];

pub(crate) const DAMAGES: &[Damage] = &[
    Damage {
        name: "space at the ends or doubled",
        columns: &[
            "full_name",
            "company",
            "job_title",
            "city",
            "email",
            "phone",
            "country",
            "language",
            "birth_date",
            "amount",
            "stage",
            "website",
        ],
        truth: Truth::Clean,
        plant: spaces,
    },
    Damage {
        name: "zero-width or no-break character",
        columns: &["full_name", "company", "job_title", "email", "phone", "country", "birth_date", "amount", "employees", "stage"],
        truth: Truth::Clean,
        plant: hidden,
    },
    Damage { name: "directional override or control character", columns: NAMES, truth: Truth::Clean, plant: control },
    Damage { name: "letters and marks apart (NFD)", columns: NAMES, truth: Truth::Clean, plant: decomposed },
    Damage { name: "mojibake", columns: NAMES, truth: Truth::Clean, plant: |cell, _, _| mojibake(cell) },
    Damage { name: "mojibake twice", columns: NAMES, truth: Truth::Clean, plant: |cell, _, _| mojibake(&mojibake(cell)?) },
    Damage {
        name: "HTML tags around a name",
        columns: NAMES,
        truth: Truth::Clean,
        plant: |cell, _, chance| {
            let tag = chance.pick(&["b", "p", "span", "strong"]);
            Some(format!("<{tag}>{cell}</{tag}>"))
        },
    },
    Damage { name: "HTML character references", columns: NAMES, truth: Truth::Clean, plant: |cell, _, _| references(cell, 1) },
    Damage { name: "HTML character references twice", columns: NAMES, truth: Truth::Clean, plant: |cell, _, _| references(cell, 2) },
    Damage {
        name: "a word for nothing",
        columns: &[
            "full_name",
            "company",
            "job_title",
            "city",
            "email",
            "phone",
            "country",
            "language",
            "website",
            "birth_date",
            "created_at",
            "amount",
            "employees",
            "stage",
            "postal_code",
            "note",
        ],
        truth: Truth::Nothing,
        plant: |_, _, chance| {
            Some(
                chance
                    .pick(&["N/A", "n/a", "NULL", "null", "\\N", "NaN", "(null)", "--", "-", "?", "#N/A", "#REF!", "undefined", "  "])
                    .to_owned(),
            )
        },
    },
    Damage {
        name: "a placeholder typed to pass a form",
        columns: &["full_name", "email", "phone", "postal_code"],
        truth: Truth::Nothing,
        plant: placeholder,
    },
    Damage { name: "all capitals", columns: &["full_name"], truth: Truth::AsGiven, plant: |cell, _, _| Some(cell.to_uppercase()) },
    Damage {
        name: "capitals in a code",
        columns: &["stage", "language"],
        truth: Truth::Clean,
        plant: |cell, _, _| Some(cell.to_uppercase()),
    },
    Damage {
        name: "small letters in a code",
        columns: &["country", "postal_code"],
        truth: Truth::Clean,
        plant: |cell, _, _| Some(cell.to_lowercase()),
    },
    Damage { name: "capitals in the domain", columns: &["email", "website"], truth: Truth::Clean, plant: capital_domain },
    Damage {
        name: "letters of double width",
        columns: &["email", "phone", "amount", "employees", "postal_code"],
        truth: Truth::Clean,
        plant: |cell, _, _| {
            Some(cell.chars().map(|c| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c) } else { c }).collect())
        },
    },
    Damage { name: "typing error in a name", columns: &["full_name"], truth: Truth::Clean, plant: typo },
    Damage {
        name: "country by name",
        columns: &["country"],
        truth: Truth::Clean,
        plant: |cell, _, chance| country_names(cell).map(|names| chance.pick(names).to_owned()),
    },
    Damage {
        name: "country by a mistyped name",
        columns: &["country"],
        truth: Truth::Nothing,
        plant: |cell, _, chance| typo(country_names(cell)?[0], "", chance),
    },
    Damage {
        name: "no country in the column of countries",
        columns: &["country"],
        truth: Truth::Nothing,
        plant: |_, _, chance| Some(chance.pick(&["Europe", "EMEA", "London", "Yes", "DACH", "12345", "Bavaria"]).to_owned()),
    },
    Damage {
        name: "e-mail with mailto, brackets or a final sign",
        columns: &["email"],
        truth: Truth::Clean,
        plant: |cell, _, chance| {
            Some(match chance.below(4) {
                0 => format!("mailto:{cell}"),
                1 => format!("<{cell}>"),
                2 => format!("{cell}."),
                _ => format!("Ada Lovelace <{cell}>"),
            })
        },
    },
    Damage {
        name: "e-mail without its sign, or with two",
        columns: &["email"],
        truth: Truth::Nothing,
        plant: |cell, _, chance| {
            Some(match chance.below(3) {
                0 => cell.replace('@', ""),
                1 => cell.replace('@', "@@"),
                _ => cell.replace('@', "(at)"),
            })
        },
    },
    Damage {
        name: "comma in the domain",
        columns: &["email"],
        truth: Truth::Nothing,
        plant: |cell, _, _| {
            let (local, domain) = cell.rsplit_once('@')?;
            Some(format!("{local}@{}", domain.replacen('.', ",", 1)))
        },
    },
    Damage { name: "near-miss domain", columns: &["email"], truth: Truth::AsGiven, plant: near_miss },
    Damage {
        name: "telephone number as people write it",
        columns: &["phone"],
        truth: Truth::Clean,
        plant: |cell, _, chance| {
            Some(match chance.below(4) {
                0 => format!("{} {} {}", &cell[..3], &cell[3..7], &cell[7..]),
                1 => format!("00{}", &cell[1..]),
                2 => format!("tel:{cell}"),
                _ => format!("{}.{}-{}", &cell[..5], &cell[5..8], &cell[8..]),
            })
        },
    },
    Damage {
        name: "telephone number cut short",
        columns: &["phone"],
        truth: Truth::Nothing,
        plant: |cell, _, chance| Some(cell[..cell.len() - 2 - chance.below(4)].to_owned()),
    },
    Damage {
        name: "telephone number in scientific notation",
        columns: &["phone"],
        truth: Truth::Nothing,
        plant: |cell, _, _| Some(format!("{}.{}E+{}", &cell[1..2], &cell[2..5], cell.len() - 2)),
    },
    Damage {
        name: "apostrophe or .0 of a spreadsheet",
        columns: &["phone", "postal_code"],
        truth: Truth::Clean,
        plant: |cell, _, chance| {
            Some(if chance.happens(500) || !cell.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit()) {
                format!("'{cell}")
            } else {
                format!("{cell}.0")
            })
        },
    },
    Damage {
        name: "leading zero of a postal code lost",
        columns: &["postal_code"],
        truth: Truth::AsGiven,
        plant: |cell, country, _| {
            (matches!(country, "DE" | "US" | "FR" | "ES" | "IT") && cell.starts_with('0')).then(|| cell.trim_start_matches('0').to_owned())
        },
    },
    Damage {
        name: "date as a spreadsheet's number",
        columns: &["birth_date"],
        truth: Truth::Nothing,
        plant: |_, _, chance| Some((20_000 + chance.below(20_000)).to_string()),
    },
    Damage {
        name: "day and month swapped, declared order",
        columns: &["birth_date"],
        truth: Truth::Clean,
        plant: |cell, _, _| Some(format!("{}/{}/{}", &cell[5..7], &cell[8..], &cell[..4])),
    },
    Damage {
        name: "date in the declared order",
        columns: &["birth_date"],
        truth: Truth::Clean,
        plant: |cell, _, _| Some(format!("{}/{}/{}", &cell[8..], &cell[5..7], &cell[..4])),
    },
    Damage {
        name: "a day that does not exist",
        columns: &["birth_date"],
        truth: Truth::Nothing,
        plant: |cell, _, chance| Some(format!("{}-{}", &cell[..4], chance.pick(&["02-30", "13-01", "00-10", "11-31"]))),
    },
    Damage {
        name: "a program's word for no date",
        columns: &["birth_date", "created_at"],
        truth: Truth::Nothing,
        plant: |_, _, chance| Some(chance.pick(&["1900-01-01", "9999-12-31", "0000-00-00", "0001-01-01"]).to_owned()),
    },
    Damage {
        name: "instant with another offset",
        columns: &["created_at"],
        truth: Truth::Clean,
        plant: |cell, _, _| Some(format!("{}+00:00", &cell[..19])),
    },
    Damage {
        name: "instant without a zone",
        columns: &["created_at"],
        truth: Truth::Nothing,
        plant: |cell, _, _| Some(cell[..19].replace('T', " ")),
    },
    Damage {
        name: "separators of another language, certain",
        columns: &["amount"],
        truth: Truth::Clean,
        plant: |cell, _, chance| Some(grouped(cell, chance.pick(&[('.', ','), (' ', ','), ('\'', '.'), (',', '.')]))),
    },
    Damage {
        name: "separators of another language, uncertain",
        columns: &["amount", "employees"],
        truth: Truth::Nothing,
        plant: |_, _, chance| Some(format!("{}{}{:03}", 1 + chance.below(999), chance.pick(&['.', ',']), chance.below(1000))),
    },
    Damage {
        name: "currency or brackets around an amount",
        columns: &["amount"],
        truth: Truth::Clean,
        plant: |cell, _, chance| {
            Some(match chance.below(3) {
                0 => format!("€ {cell}"),
                1 => format!("{cell} EUR"),
                _ => format!("${cell}"),
            })
        },
    },
    Damage {
        name: "web address without scheme, or with a campaign",
        columns: &["website"],
        truth: Truth::Clean,
        plant: |cell, _, chance| {
            Some(if chance.happens(500) {
                cell.strip_prefix("https://")?.to_owned()
            } else if cell.contains('?') {
                format!("{cell}&utm_source=mail&gclid=1")
            } else {
                format!("{cell}?utm_source=mail")
            })
        },
    },
    Damage {
        name: "value of another column",
        columns: &["email", "phone", "country", "website", "birth_date", "amount", "employees", "created_at"],
        truth: Truth::Nothing,
        plant: |_, _, chance| Some(chance.pick(&["Ada Lovelace", "Head of Sales", "see notes", "London"]).to_owned()),
    },
    Damage {
        name: "HTML in a note",
        columns: &["note"],
        truth: Truth::Clean,
        plant: |cell, _, _| (!cell.contains(['<', '&', '\n'])).then(|| format!("<div><p>{cell}</p></div>")),
    },
    Damage {
        name: "line ends of other systems",
        columns: &["note"],
        truth: Truth::Clean,
        plant: |cell, _, _| cell.contains('\n').then(|| cell.replace('\n', "\r\n")),
    },
];

/// Every column has errors; the sets are named so that a new column is not forgotten.
pub(crate) fn columns_with_damage() -> impl Iterator<Item = &'static str> {
    WORDS.iter().chain(CODES).copied()
}

fn spaces(cell: &str, _: &str, chance: &mut Chance) -> Option<String> {
    Some(match chance.below(4) {
        0 => format!("  {cell}"),
        1 => format!("{cell}\t"),
        2 if cell.contains(' ') => cell.replacen(' ', "   ", 1),
        2 => format!(" {cell} "),
        _ => format!("{cell}\r\n"),
    })
}

fn place(cell: &str, chance: &mut Chance) -> usize {
    let places: Vec<usize> = cell.char_indices().map(|(place, _)| place).skip(1).collect();
    if places.is_empty() { 0 } else { chance.pick(&places) }
}

fn hidden(cell: &str, _: &str, chance: &mut Chance) -> Option<String> {
    if chance.happens(300) {
        return Some(format!("\u{a0}{cell}\u{a0}"));
    }
    let mut dirty = cell.to_owned();
    dirty.insert(place(cell, chance), chance.pick(&['\u{200b}', '\u{feff}', '\u{2060}', '\u{ad}']));
    Some(dirty)
}

fn control(cell: &str, _: &str, chance: &mut Chance) -> Option<String> {
    let mut dirty = cell.to_owned();
    dirty.insert(place(cell, chance), chance.pick(&['\u{202e}', '\u{0}', '\u{7}', '\u{200f}', '\u{2066}']));
    Some(dirty)
}

fn decomposed(cell: &str, _: &str, _: &mut Chance) -> Option<String> {
    use unicode_normalization::UnicodeNormalization;
    let apart: String = cell.nfd().collect();
    (apart != cell).then_some(apart)
}

/// UTF-8 read as Windows-1252, where every byte has a character there.
fn mojibake(cell: &str) -> Option<String> {
    if cell.is_ascii() {
        return None;
    }
    let (seen, _, bad) = WINDOWS_1252.decode(cell.as_bytes());
    (!bad).then(|| seen.into_owned())
}

fn references(cell: &str, times: usize) -> Option<String> {
    let mut dirty = cell.to_owned();
    for _ in 0..times {
        dirty = dirty.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&#39;").replace('é', "&eacute;").replace('ü', "&#252;");
    }
    (dirty != cell).then_some(dirty)
}

fn placeholder(cell: &str, _: &str, chance: &mut Chance) -> Option<String> {
    Some(
        if cell.contains('@') {
            chance.pick(&["none@none.com", "test@test.com", "noemail@noemail.com", "na"])
        } else if cell.starts_with('+') {
            chance.pick(&["0000000000", "1234567890", "999-999-9999", "0"])
        } else if cell.bytes().any(|byte| byte.is_ascii_digit()) {
            chance.pick(&["00000", "0000"])
        } else {
            chance.pick(&["First Name", "asdf", "qwerty", "unknown", "Last Name"])
        }
        .to_owned(),
    )
}

fn capital_domain(cell: &str, _: &str, _: &mut Chance) -> Option<String> {
    match cell.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/')?);
            Some(format!("{}://{}{path}", scheme.to_uppercase(), host.to_uppercase()))
        }
        None => {
            let (local, domain) = cell.rsplit_once('@')?;
            (!domain.starts_with("xn--")).then(|| format!("{local}@{}", domain.to_uppercase()))
        }
    }
}

/// Two letters that have changed places, one left out, or one doubled.
fn typo(cell: &str, _: &str, chance: &mut Chance) -> Option<String> {
    let mut letters: Vec<char> = cell.chars().collect();
    if letters.len() < 5 {
        return None;
    }
    let at = 1 + chance.below(letters.len() - 2);
    if letters[at] == ' ' || letters[at + 1] == ' ' {
        return None;
    }
    match chance.below(3) {
        0 => letters.swap(at, at + 1),
        1 => drop(letters.remove(at)),
        _ => letters.insert(at, letters[at]),
    }
    let dirty: String = letters.into_iter().collect();
    (dirty != cell && dirty.trim() == dirty && !dirty.contains("  ")).then_some(dirty)
}

fn near_miss(cell: &str, _: &str, chance: &mut Chance) -> Option<String> {
    let (local, domain) = cell.rsplit_once('@')?;
    let missed = match domain {
        "gmail.com" => chance.pick(&["gmial.com", "gmal.com", "gmaill.com", "gnail.com", "gmail.co", "gmail.cm", "gmai.com"]),
        "hotmail.com" => chance.pick(&["hotmial.com", "hotmal.com", "hotmaill.com", "hotmail.co", "hotnail.com"]),
        "outlook.com" => chance.pick(&["outlok.com", "outllok.com", "outloook.com", "outlook.cm"]),
        "yahoo.com" => chance.pick(&["yaho.com", "yahooo.com", "yhaoo.com", "yahoo.co"]),
        _ => return None,
    };
    Some(format!("{local}@{missed}"))
}

fn country_names(code: &str) -> Option<&'static [&'static str]> {
    Some(match code {
        "GB" => &["United Kingdom", "UK", "Great Britain", "England", "GBR"],
        "DE" => &["Germany", "Deutschland", "Allemagne", "DEU", "Alemania"],
        "US" => &["United States", "USA", "U.S.A.", "Estados Unidos", "United States of America"],
        "FR" => &["France", "FRA", "Frankreich", "Francia"],
        "ES" => &["Spain", "España", "Spanien", "ESP"],
        "IT" => &["Italy", "Italia", "Italien", "ITA"],
        "NL" => &["Netherlands", "Holland", "The Netherlands", "Nederland"],
        "PL" => &["Poland", "Polska", "Polen"],
        "SE" => &["Sweden", "Sverige", "Schweden"],
        "JP" => &["Japan", "日本", "JPN"],
        "BR" => &["Brazil", "Brasil", "BRA"],
        "CH" => &["Switzerland", "Schweiz", "Suisse"],
        "AT" => &["Austria", "Österreich", "AUT"],
        "IE" => &["Ireland", "Éire", "IRL"],
        "IN" => &["India", "भारत", "IND"],
        "CA" => &["Canada", "Kanada", "CAN"],
        _ => return None,
    })
}

/// An amount with groups of thousands and another sign for the fraction.
fn grouped(cell: &str, (group, point): (char, char)) -> String {
    let (whole, fraction) = cell.split_once('.').unwrap_or((cell, "00"));
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(group);
        }
        out.push(digit);
    }
    format!("{out}{point}{fraction}")
}
