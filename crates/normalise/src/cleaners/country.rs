//! Countries as ISO 3166-1 alpha-2, from codes, numbers, flags and names in many languages.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use aqueduct_schema::{Cleaned, CleaningStatus};
use unicode_normalization::UnicodeNormalization;

use super::CleaningContext;
use super::country_name::{AMBIGUOUS, GONE, NAMES, NOT_COUNTRIES};
use super::text::{Presence, is_hidden, presence};

/// The version of these rules.
pub(super) const VERSION: u32 = 2;

rules! { Country;
    Missing "country.empty" "  " => None, "There is nothing but space.";
    Missing "country.placeholder" "n/a" => None, "The text stands for no value.";
    Fixed "country.code_in_capitals" "gb" => Some("GB"), "The alpha-2 code was written in capitals.";
    Fixed "country.code_replaced" "GBR" => Some("GB"), "An alpha-3 or numeric code, a flag, or a code in other use (UK, EL) became the alpha-2 code.";
    Fixed "country.name_replaced" "Deutschland" => Some("DE"), "A name became the code.";
    Fixed "country.hidden_characters_removed" "G\u{200b}B" => Some("GB"), "Control, zero-width or directional characters were taken out of a code.";
    Fixed "country.resolved_by_context" "Korea" => Some("KR"), "Several countries share the name; the row or the pipeline names one of them.", { default_country: "KR" };
    Suspect "country.ambiguous" "Georgia" => None, "Several countries, or a country and a state, share the name.";
    Suspect "country.may_be_absent" "NA" => Some("NA"), "NA is the code of Namibia and also the usual short form of \"not available\".";
    Suspect "country.no_longer_exists" "Yugoslavia" => None, "The country has no code any more; its successors are several.";
    Invalid "country.not_a_country" "Europe" => None, "It is a part of the world or a market.";
    Invalid "country.unknown" "Atlantis" => None, "No country has this code or name.";
}

/// What a name stands for.
#[derive(Clone, Copy)]
enum Meaning {
    One(&'static str),
    Several(&'static [&'static str]),
    Gone,
    NotACountry,
}

/// Every known name by its folded form.
static MEANINGS: LazyLock<HashMap<String, Meaning>> = LazyLock::new(|| {
    let mut meanings = HashMap::new();
    for country in rust_iso3166::ALL {
        meanings.insert(fold(country.name), Meaning::One(country.alpha2));
        // "Bolivia (Plurinational State of)", "Korea, Republic of": without what follows, unless that makes it ambiguous (see below).
        if let Some((short, _)) = country.name.split_once(['(', ',']) {
            meanings.entry(fold(short)).or_insert(Meaning::One(country.alpha2));
        }
    }
    for (code, names) in NAMES {
        for name in *names {
            meanings.insert(fold(name), Meaning::One(code));
        }
    }
    for (name, codes) in AMBIGUOUS {
        meanings.insert(fold(name), Meaning::Several(codes));
    }
    for name in GONE {
        meanings.insert(fold(name), Meaning::Gone);
    }
    for name in NOT_COUNTRIES {
        meanings.insert(fold(name), Meaning::NotACountry);
    }
    meanings
});

/// The country whose name is nearest to a folded text that is none; nothing where none or several are near.
pub(super) fn nearest(folded: &str) -> Option<&'static str> {
    if folded.chars().count() < 4 {
        return None;
    }
    let near = MEANINGS.iter().filter_map(|(name, meaning)| match meaning {
        Meaning::One(code) => Some((strsim::osa_distance(folded, name), *code)),
        _ => None,
    });
    let allowed = if folded.chars().count() < 8 { 1 } else { 2 };
    let near: Vec<(usize, &str)> = near.filter(|(distance, _)| *distance <= allowed).collect();
    let best = near.iter().map(|(distance, _)| *distance).min()?;
    let mut codes = near.iter().filter(|(distance, _)| *distance == best).map(|(_, code)| *code);
    let first = codes.next()?;
    codes.all(|code| code == first).then_some(first)
}

/// A name reduced to its letters: lower case, without marks, spaces, punctuation and a leading "the".
pub(super) fn fold(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    if name.is_ascii() {
        for byte in name.bytes() {
            match byte {
                b'&' => out.push_str("and"),
                _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte.to_ascii_lowercase())),
                _ => {}
            }
        }
    } else {
        for character in name.nfkd().flat_map(char::to_lowercase) {
            match character {
                '&' => out.push_str("and"),
                'ß' => out.push_str("ss"),
                'ø' => out.push('o'),
                'ł' => out.push('l'),
                'ı' => out.push('i'),
                'æ' => out.push_str("ae"),
                'đ' | 'ð' => out.push('d'),
                '\u{300}'..='\u{36f}' => {}
                _ if character.is_alphanumeric() || !character.is_ascii() && is_mark_of_a_script(character) => out.push(character),
                _ => {}
            }
        }
    }
    match out.strip_prefix("the") {
        Some(rest) if !rest.is_empty() && starts_with_article(name) => rest.to_owned(),
        _ => out,
    }
}

/// Vowel signs of the Indic scripts and Thai are part of a word; joiners and punctuation are not.
fn is_mark_of_a_script(character: char) -> bool {
    matches!(character, '\u{900}'..='\u{e7f}' | '\u{3099}' | '\u{309a}')
}

fn starts_with_article(name: &str) -> bool {
    name.trim_start().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("the "))
}

pub(super) fn clean<'v>(value: &'v str, context: &CleaningContext<'_>) -> Cleaned<'v> {
    if let [first, second] = value.as_bytes()
        && first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && value != "NA"
        && is_alpha2(value)
    {
        return Cleaned::ok(value);
    }
    let text = match presence(value) {
        Presence::Empty => return Cleaned::missing("country.empty"),
        Presence::Placeholder => return Cleaned::missing("country.placeholder"),
        Presence::Value(text) => text,
    };
    if text.chars().any(|character| is_hidden(character) || character.is_control()) {
        let plain: String = text.chars().filter(|character| !(is_hidden(*character) || character.is_control())).collect();
        let Cleaned { value, status, code } = clean(&plain, context);
        let value = value.map(|value| Cow::Owned(value.into_owned()));
        let code = if status == CleaningStatus::Ok { "country.hidden_characters_removed" } else { code };
        let status = if status == CleaningStatus::Ok { CleaningStatus::Fixed } else { status };
        return Cleaned { value, status, code };
    }
    if text.len() <= 4
        && let Some(found) = code(text, value)
    {
        return found;
    }
    if let Some(code) = flag(text) {
        return Cleaned::fixed(code, "country.code_replaced");
    }
    match MEANINGS.get(&fold(text)) {
        Some(Meaning::One(code)) => Cleaned::fixed(*code, "country.name_replaced"),
        Some(Meaning::Several(codes)) => {
            let known = [context.country, context.default_country].into_iter().flatten();
            let mut named = known.filter_map(|known| codes.iter().find(|code| code.eq_ignore_ascii_case(known)));
            match named.next() {
                Some(code) => Cleaned::fixed(*code, "country.resolved_by_context"),
                None => Cleaned::suspect_without_value("country.ambiguous"),
            }
        }
        Some(Meaning::Gone) => Cleaned::suspect_without_value("country.no_longer_exists"),
        Some(Meaning::NotACountry) => Cleaned::invalid("country.not_a_country"),
        None => Cleaned::invalid("country.unknown"),
    }
}

/// Whether a text of two capitals is a code of ISO 3166-1, or XK, which is set aside for users and stands for Kosovo everywhere.
fn is_alpha2(text: &str) -> bool {
    text == "XK" || rust_iso3166::from_alpha2(text).is_some()
}

/// Codes of two or three letters or three digits.
fn code<'v>(text: &str, value: &'v str) -> Option<Cleaned<'v>> {
    let upper = text.to_ascii_uppercase();
    match upper.as_str() {
        "NA" => {
            let clean = if value == "NA" { Cow::Borrowed(value) } else { Cow::Borrowed("NA") };
            return Some(Cleaned::suspect(clean, "country.may_be_absent"));
        }
        "UK" => return Some(Cleaned::fixed("GB", "country.code_replaced")),
        "EL" => return Some(Cleaned::fixed("GR", "country.code_replaced")),
        "XK" => return Some(Cleaned::fixed("XK", "country.code_in_capitals")),
        "XKX" => return Some(Cleaned::fixed("XK", "country.code_replaced")),
        "AN" | "CS" | "YU" | "SU" | "DD" | "ZR" | "TP" | "ANT" | "SCG" | "YUG" | "SUN" => {
            return Some(Cleaned::suspect_without_value("country.no_longer_exists"));
        }
        _ => {}
    }
    match upper.len() {
        2 => rust_iso3166::from_alpha2(&upper).map(|country| Cleaned::fixed(country.alpha2, "country.code_in_capitals")),
        3 => rust_iso3166::from_alpha3(&upper)
            .or_else(|| rust_iso3166::from_numeric_str(&upper))
            .map(|country| Cleaned::fixed(country.alpha2, "country.code_replaced")),
        _ => None,
    }
}

/// The country of a flag, which is written as two regional indicators.
fn flag(text: &str) -> Option<&'static str> {
    let mut letters = String::with_capacity(2);
    for character in text.chars() {
        let offset = u32::from(character).checked_sub(0x1_f1e6).filter(|&offset| offset < 26)?;
        letters.push(char::from(b'A' + u8::try_from(offset).ok()?));
    }
    if letters == "XK" { Some("XK") } else { rust_iso3166::from_alpha2(&letters).map(|country| country.alpha2) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleaners::vectors::{check, check_in};
    use aqueduct_schema::SemanticType::Country;

    #[test]
    fn codes_and_names_of_countries() {
        check(
            Country,
            &[
                ("GB", Some("GB"), ""),
                ("XK", Some("XK"), ""),
                (" us ", Some("US"), "country.code_in_capitals"),
                ("UK", Some("GB"), "country.code_replaced"),
                ("USA", Some("US"), "country.code_replaced"),
                ("276", Some("DE"), "country.code_replaced"),
                ("🇫🇷", Some("FR"), "country.code_replaced"),
                ("U.S.A.", Some("US"), "country.name_replaced"),
                ("U.K.", Some("GB"), "country.name_replaced"),
                ("The Netherlands", Some("NL"), "country.name_replaced"),
                ("holland", Some("NL"), "country.name_replaced"),
                ("ENGLAND", Some("GB"), "country.name_replaced"),
                ("Brasil", Some("BR"), "country.name_replaced"),
                ("Côte d’Ivoire", Some("CI"), "country.name_replaced"),
                ("Cote d'Ivoire", Some("CI"), "country.name_replaced"),
                ("Österreich", Some("AT"), "country.name_replaced"),
                ("Oesterreich", Some("AT"), "country.name_replaced"),
                ("日本", Some("JP"), "country.name_replaced"),
                ("भारत", Some("IN"), "country.name_replaced"),
                ("Россия", Some("RU"), "country.name_replaced"),
                ("Türkiye", Some("TR"), "country.name_replaced"),
                ("Turkey", Some("TR"), "country.name_replaced"),
                ("United States of America", Some("US"), "country.name_replaced"),
                ("South Korea", Some("KR"), "country.name_replaced"),
                ("Vietnam", Some("VN"), "country.name_replaced"),
                ("Trinidad & Tobago", Some("TT"), "country.name_replaced"),
                ("Bolivia", Some("BO"), "country.name_replaced"),
                ("Korea", None, "country.ambiguous"),
                ("Congo", None, "country.ambiguous"),
                ("Georgia", None, "country.ambiguous"),
                ("na", Some("NA"), "country.may_be_absent"),
                ("USSR", None, "country.no_longer_exists"),
                ("EMEA", None, "country.not_a_country"),
                ("London", None, "country.unknown"),
                ("ZZ", None, "country.unknown"),
                ("n/a", None, "country.placeholder"),
            ],
        );
        let georgian = CleaningContext { country: Some("GE"), ..CleaningContext::default() };
        check_in(Country, &georgian, &[("Georgia", Some("GE"), "country.resolved_by_context")]);
        let american = CleaningContext { country: Some("US"), ..CleaningContext::default() };
        check_in(Country, &american, &[("Georgia", None, "country.ambiguous")]);
    }

    #[test]
    fn no_name_of_the_table_stands_for_two_countries() {
        let mut seen: HashMap<String, &str> = HashMap::new();
        for (code, names) in NAMES {
            assert!(is_alpha2(code), "{code}");
            for name in *names {
                let folded = fold(name);
                assert!(!folded.is_empty(), "{name}");
                let before = seen.insert(folded, code);
                assert!(before.is_none_or(|before| before == *code), "{name}");
            }
        }
        for country in rust_iso3166::ALL {
            assert_eq!(seen.get(&fold(country.name)).copied().unwrap_or(country.alpha2), country.alpha2, "{}", country.name);
        }
        for name in AMBIGUOUS.iter().map(|(name, _)| name).chain(GONE).chain(NOT_COUNTRIES) {
            assert!(!seen.contains_key(&fold(name)), "{name}");
        }
    }
}
