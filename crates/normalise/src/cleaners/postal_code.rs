//! Postal codes: capitals, single spaces; digits that a spreadsheet took away are not invented.

use std::borrow::Cow;

use aqueduct_schema::Cleaned;

use super::CleaningContext;
use super::source_id::is_scientific;
use super::text::{Presence, note, presence_without_na, to_ascii_forms};

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { PostalCode;
    Missing "postal_code.empty" "  " => None, "There is nothing but space.";
    Missing "postal_code.placeholder" "00000" => None, "The text stands for no value.";
    Fixed "postal_code.rewritten" "sw1a  1aa" => Some("SW1A 1AA"), "The code was written in capitals with single spaces.";
    Fixed "postal_code.space_added" "SW1A1AA" => Some("SW1A 1AA"), "The space of a British code was put in.", { country: "GB" };
    Fixed "postal_code.decimal_removed" "10115.0" => Some("10115"), "A spreadsheet's fraction of zero was taken out.";
    Suspect "postal_code.too_short_for_country" "2139" => Some("2139"), "The country's codes have more digits; leading zeros may be lost.", { country: "US" };
    Invalid "postal_code.scientific_notation" "1.0115E+4" => None, "A spreadsheet has rounded the code.";
    Invalid "postal_code.malformed" "see above!" => None, "It is no postal code: one has up to twelve letters and digits, at least one of them a digit or all of them letters.";
}

/// Countries whose codes are digits only, and how many.
const DIGITS: [(&str, usize); 24] = [
    ("AT", 4),
    ("AU", 4),
    ("BE", 4),
    ("CH", 4),
    ("CN", 6),
    ("CZ", 5),
    ("DE", 5),
    ("DK", 4),
    ("ES", 5),
    ("FI", 5),
    ("FR", 5),
    ("GR", 5),
    ("HU", 4),
    ("IN", 6),
    ("IT", 5),
    ("KR", 5),
    ("MX", 5),
    ("NO", 4),
    ("NZ", 4),
    ("RU", 6),
    ("SE", 5),
    ("TR", 5),
    ("UA", 5),
    ("US", 5),
];

/// The longest code in use with its separators (US ZIP+4 has ten).
const LONGEST: usize = 12;

pub(super) fn clean<'v>(value: &'v str, context: &CleaningContext<'_>) -> Cleaned<'v> {
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("postal_code.empty"),
        Presence::Placeholder => return Cleaned::missing("postal_code.placeholder"),
        Presence::Value(text) => text,
    };
    let country = context.country.or(context.default_country);
    if text.len() == value.len() && is_canonical(value) {
        return judge(Cow::Borrowed(value), country, "");
    }
    let plain = to_ascii_forms(text);
    let bare = plain.trim().trim_start_matches('\'');
    if is_scientific(bare) {
        return Cleaned::invalid("postal_code.scientific_notation");
    }
    let mut code = "";
    let bare = match bare.strip_suffix(".0") {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            note(&mut code, "postal_code.decimal_removed");
            digits
        }
        _ => bare,
    };
    let clean = bare.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_uppercase();
    let clean = clean.replace(" -", "-").replace("- ", "-");
    if !is_canonical(&clean) {
        return Cleaned::invalid("postal_code.malformed");
    }
    let clean = if clean == value { Cow::Borrowed(value) } else { Cow::Owned(clean) };
    if matches!(clean, Cow::Owned(_)) {
        note(&mut code, "postal_code.rewritten");
    }
    judge(clean, country, code)
}

fn is_canonical(text: &str) -> bool {
    let mut previous = b' ';
    let mut alphanumeric = false;
    for &byte in text.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'0'..=b'9' => alphanumeric = true,
            b' ' | b'-' if previous != b' ' && previous != b'-' => {}
            _ => return false,
        }
        previous = byte;
    }
    alphanumeric && text.len() <= LONGEST && previous != b' ' && previous != b'-'
}

fn judge<'v>(clean: Cow<'v, str>, country: Option<&str>, mut code: &'static str) -> Cleaned<'v> {
    // Taking characters out can lay bare a word that stands for no value.
    let is_word = !matches!(presence_without_na(&clean), Presence::Value(_));
    if is_word || clean.len() >= 4 && clean.bytes().all(|byte| byte == b'0') {
        return Cleaned::missing("postal_code.placeholder");
    }
    if !clean.bytes().any(|byte| byte.is_ascii_digit()) && clean.len() > 4 {
        return Cleaned::invalid("postal_code.malformed");
    }
    let country = country.unwrap_or_default();
    let digits = DIGITS.iter().find(|(of, _)| of.eq_ignore_ascii_case(country)).map(|&(_, digits)| digits);
    if digits.is_some_and(|digits| clean.len() < digits && clean.bytes().all(|byte| byte.is_ascii_digit())) {
        return Cleaned::suspect(clean, "postal_code.too_short_for_country");
    }
    let clean = if country.eq_ignore_ascii_case("GB") && is_british_without_space(clean.as_bytes()) {
        note(&mut code, "postal_code.space_added");
        let (outward, inward) = clean.split_at(clean.len() - 3);
        Cow::Owned(format!("{outward} {inward}"))
    } else {
        clean
    };
    if code.is_empty() { Cleaned::ok(clean) } else { Cleaned::fixed(clean, code) }
}

/// "SW1A1AA": an outward code of two to four, then a digit and two letters.
fn is_british_without_space(code: &[u8]) -> bool {
    match code {
        [outward @ .., digit, first, second] => {
            (2..=4).contains(&outward.len())
                && outward.iter().all(u8::is_ascii_alphanumeric)
                && outward[0].is_ascii_alphabetic()
                && digit.is_ascii_digit()
                && first.is_ascii_alphabetic()
                && second.is_ascii_alphabetic()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::cleaners::CleaningContext;
    use crate::cleaners::vectors::{check, check_in};
    use aqueduct_schema::SemanticType::PostalCode;

    #[test]
    fn codes_of_several_countries() {
        check(
            PostalCode,
            &[
                ("10115", Some("10115"), ""),
                ("SW1A 1AA", Some("SW1A 1AA"), ""),
                ("90210-1234", Some("90210-1234"), ""),
                ("k1a 0b1", Some("K1A 0B1"), "postal_code.rewritten"),
                ("'02139", Some("02139"), "postal_code.rewritten"),
                ("１００-０００１", Some("100-0001"), "postal_code.rewritten"),
                ("London", None, "postal_code.malformed"),
                ("12345678901234", None, "postal_code.malformed"),
                ("NA", None, "postal_code.placeholder"),
            ],
        );
        let britain = CleaningContext { country: Some("GB"), ..CleaningContext::default() };
        check_in(
            PostalCode,
            &britain,
            &[("ec1a1bb", Some("EC1A 1BB"), "postal_code.rewritten"), ("M11AE", Some("M1 1AE"), "postal_code.space_added")],
        );
    }
}
