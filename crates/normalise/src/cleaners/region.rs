//! Parts of countries: ISO 3166-2 codes, from codes and from names where the row's country is known; anything else as a tidy line.

use std::collections::HashMap;
use std::sync::LazyLock;

use aqueduct_schema::Cleaned;
use rust_iso3166::iso3166_2::{self, SUBDIVISION_MAP};

use super::CleaningContext;
use super::country::fold;
use super::line::LineCodes;

/// The version of these rules.
pub(super) const VERSION: u32 = 3;

rules! { Region;
    Missing "region.empty" "  " => None, "There is nothing but space.";
    Missing "region.placeholder" "N/A" => None, "The text stands for no value.";
    Fixed "region.code_in_capitals" "us-ca" => Some("US-CA"), "An ISO 3166-2 code was written in capitals.";
    Fixed "region.code_completed" "CA" => Some("US-CA"), "The code lacked its country, which the row names.", { country: "US" };
    Fixed "region.name_replaced" "Bayern" => Some("DE-BY"), "The name of a part of the row's country became its ISO 3166-2 code.", { country: "DE" };
    Fixed "region.spaces_tidied" " New  York" => Some("New York"), "Space was trimmed or collapsed; line breaks became spaces.";
    Fixed "region.composed" "Que\u{301}bec" => Some("Québec"), "Letters and their marks were composed (NFC).";
    Fixed "region.hidden_characters_removed" "New\u{200b} York" => Some("New York"), "Control, zero-width or directional characters were taken out.";
    Fixed "region.mojibake_repaired" "QuÃ©bec" => Some("Québec"), "UTF-8 that had been read as Windows-1252 was read again.";
    Fixed "region.markup_removed" "Tyne &amp; Wear" => Some("Tyne & Wear"), "Tags of HTML were taken out, or its character references read.";
}

const CODES: LineCodes = LineCodes {
    empty: "region.empty",
    placeholder: "region.placeholder",
    spaces: "region.spaces_tidied",
    composed: "region.composed",
    hidden: "region.hidden_characters_removed",
    repaired: "region.mojibake_repaired",
    markup: "region.markup_removed",
};

/// The code of each part by its country and folded name; `None` for a name that several parts of a country share (a city and the
/// county around it, say).
static NAMES: LazyLock<HashMap<(&'static str, String), Option<&'static str>>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    let mut add = |code: &'static str, name: &str| {
        let known = names.entry((&code[..2], fold(name))).or_insert(Some(code));
        if *known != Some(code) {
            *known = None;
        }
    };
    for part in SUBDIVISION_MAP.values() {
        add(part.code, part.name);
        // "Edinburgh, City of", "Bruxelles-Capitale, Région de": the name without what it is.
        if let Some((short, _)) = part.name.split_once(',') {
            add(part.code, short);
        }
        for suffix in [" län", " fylke", "s län", " megye", " županija"] {
            if let Some(short) = part.name.strip_suffix(suffix) {
                add(part.code, short);
            }
        }
    }
    for (code, others) in OTHER_NAMES {
        others.iter().for_each(|name| add(code, name));
    }
    names
});

/// Names in English of parts that the standard names in their own language, and short forms.
const OTHER_NAMES: [(&str, &[&str]); 22] = [
    ("DE-BY", &["Bavaria"]),
    ("DE-NI", &["Lower Saxony"]),
    ("DE-NW", &["North Rhine-Westphalia", "NRW"]),
    ("DE-SN", &["Saxony"]),
    ("DE-ST", &["Saxony-Anhalt"]),
    ("DE-TH", &["Thuringia"]),
    ("DE-HE", &["Hesse"]),
    ("DE-RP", &["Rhineland-Palatinate"]),
    ("AT-9", &["Vienna"]),
    ("AT-7", &["Tyrol"]),
    ("IT-25", &["Lombardy"]),
    ("IT-52", &["Tuscany"]),
    ("IT-82", &["Sicily"]),
    ("IT-21", &["Piedmont"]),
    ("ES-CT", &["Catalonia", "Cataluña"]),
    ("ES-AN", &["Andalusia"]),
    ("CH-GE", &["Geneva"]),
    ("CH-ZH", &["Zurich"]),
    ("CH-BE", &["Berne"]),
    ("US-DC", &["Washington DC", "Washington D.C."]),
    ("GB-SCT", &["Scotland"]),
    ("GB-WLS", &["Wales"]),
];

pub(super) fn clean<'v>(value: &'v str, context: &CleaningContext<'_>) -> Cleaned<'v> {
    let tidy = CODES.clean(value);
    let Some(text) = tidy.value.as_deref() else { return tidy };
    match subdivision(text) {
        Some(code) if code == value => return Cleaned::ok(value),
        Some(code) => return Cleaned::fixed(code, "region.code_in_capitals"),
        None => {}
    }
    // A pipeline's country says nothing about the row: "CA" is a state of one and a county of another.
    match context.country.and_then(|country| within(text, country)) {
        Some((code, reason)) => Cleaned::fixed(code, reason),
        None => tidy,
    }
}

/// The part of a country that a text names by the end of its code or by its name.
fn within(text: &str, country: &str) -> Option<(&'static str, &'static str)> {
    if country.len() != 2 || !country.is_ascii() {
        return None;
    }
    let country = country.to_ascii_uppercase();
    if text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let code = format!("{country}-{}", text.to_ascii_uppercase());
        if let Some(known) = iso3166_2::from_code(&code) {
            return Some((known.code, "region.code_completed"));
        }
    }
    // Keys borrow the country from the code of one of its parts.
    let key = COUNTRIES.get(country.as_str())?;
    let code = (*NAMES.get(&(*key, fold(text)))?)?;
    Some((code, "region.name_replaced"))
}

/// The countries that have parts.
static COUNTRIES: LazyLock<std::collections::HashSet<&'static str>> =
    LazyLock::new(|| SUBDIVISION_MAP.values().map(|part| &part.code[..2]).collect());

/// The code of ISO 3166-2 that a text is, in any case.
fn subdivision(text: &str) -> Option<&'static str> {
    match text.as_bytes() {
        [_, _, b'-', rest @ ..] if (1..=3).contains(&rest.len()) => {
            iso3166_2::from_code(&text.to_ascii_uppercase()).map(|known| known.code)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleaners::vectors::{check, check_in};
    use aqueduct_schema::SemanticType::Region;

    #[test]
    fn codes_and_names() {
        check(
            Region,
            &[
                ("US-NY", Some("US-NY"), ""),
                ("gb-sct ", Some("GB-SCT"), "region.code_in_capitals"),
                ("NA", Some("NA"), ""),
                ("Baden-Württemberg", Some("Baden-Württemberg"), ""),
                ("California ", Some("California"), "region.spaces_tidied"),
                ("zz-zz", Some("zz-zz"), ""),
                ("CA", Some("CA"), ""),
            ],
        );
    }

    #[test]
    fn the_rows_country_makes_codes_of_names() {
        let of = |country| CleaningContext { country: Some(country), ..CleaningContext::NONE };
        check_in(
            Region,
            &of("US"),
            &[
                ("ca", Some("US-CA"), "region.code_completed"),
                ("California", Some("US-CA"), "region.name_replaced"),
                (" new  york", Some("US-NY"), "region.name_replaced"),
                ("Washington D.C.", Some("US-DC"), "region.name_replaced"),
                ("Bavaria", Some("Bavaria"), ""),
                ("US-CA", Some("US-CA"), ""),
            ],
        );
        check_in(Region, &of("de"), &[("Bavaria", Some("DE-BY"), "region.name_replaced"), ("NW", Some("DE-NW"), "region.code_completed")]);
        check_in(Region, &of("SE"), &[("Skåne", Some("SE-M"), "region.name_replaced")]);
        check_in(
            Region,
            &of("GB"),
            &[("Edinburgh", Some("GB-EDH"), "region.name_replaced"), ("Greater London", Some("Greater London"), "")],
        );
        let pipeline = CleaningContext { default_country: Some("US"), ..CleaningContext::NONE };
        check_in(Region, &pipeline, &[("CA", Some("CA"), ""), ("California", Some("California"), "")]);
        for (code, _) in OTHER_NAMES {
            assert!(iso3166_2::from_code(code).is_some(), "{code}");
        }
    }
}
