//! Parts of countries: ISO 3166-2 codes in capitals, anything else as a tidy line.

use aqueduct_schema::Cleaned;

use super::line::LineCodes;

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { Region;
    Missing "region.empty" "  " => None, "There is nothing but space.";
    Missing "region.placeholder" "N/A" => None, "The text stands for no value.";
    Fixed "region.code_in_capitals" "us-ca" => Some("US-CA"), "An ISO 3166-2 code was written in capitals.";
    Fixed "region.spaces_tidied" " New  York" => Some("New York"), "Space was trimmed or collapsed; line breaks became spaces.";
    Fixed "region.composed" "Que\u{301}bec" => Some("Québec"), "Letters and their marks were composed (NFC).";
    Fixed "region.hidden_characters_removed" "New\u{200b} York" => Some("New York"), "Control, zero-width or directional characters were taken out.";
    Fixed "region.mojibake_repaired" "QuÃ©bec" => Some("Québec"), "UTF-8 that had been read as Windows-1252 was read again.";
}

const CODES: LineCodes = LineCodes {
    empty: "region.empty",
    placeholder: "region.placeholder",
    spaces: "region.spaces_tidied",
    composed: "region.composed",
    hidden: "region.hidden_characters_removed",
    repaired: "region.mojibake_repaired",
};

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    let tidy = CODES.clean(value);
    match tidy.value.as_deref().and_then(subdivision) {
        Some(code) if code == value => Cleaned::ok(value),
        Some(code) => Cleaned::fixed(code, "region.code_in_capitals"),
        None => tidy,
    }
}

/// The code of ISO 3166-2 that a text is, in any case.
fn subdivision(text: &str) -> Option<&'static str> {
    match text.as_bytes() {
        [_, _, b'-', rest @ ..] if (1..=3).contains(&rest.len()) => {
            rust_iso3166::iso3166_2::from_code(&text.to_ascii_uppercase()).map(|known| known.code)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::cleaners::vectors::check;

    #[test]
    fn codes_and_names() {
        check(
            aqueduct_schema::SemanticType::Region,
            &[
                ("US-NY", Some("US-NY"), ""),
                ("gb-sct ", Some("GB-SCT"), "region.code_in_capitals"),
                ("NA", Some("NA"), ""),
                ("Baden-Württemberg", Some("Baden-Württemberg"), ""),
                ("California ", Some("California"), "region.spaces_tidied"),
                ("zz-zz", Some("zz-zz"), ""),
            ],
        );
    }
}
