//! Identifiers given by a source: kept to the letter, only space around them goes.

use aqueduct_schema::Cleaned;

use super::text::trim;

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { SourceId;
    Missing "source_id.empty" "  " => None, "There is nothing but space.";
    Missing "source_id.placeholder" "null" => None, "The text stands for no value.";
    Fixed "source_id.spaces_removed" " 42" => Some("42"), "Space around the identifier was taken out.";
    Invalid "source_id.scientific_notation" "1.23457E+11" => None, "A spreadsheet has rounded the identifier; its digits are lost.";
    Invalid "source_id.control_character" "4\n2" => None, "There is a control character inside.";
}

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    let text = trim(value);
    match text {
        "" => return Cleaned::missing("source_id.empty"),
        "null" | "NULL" | "None" | "none" | "nan" | "NaN" | "undefined" | "n/a" | "N/A" | "#N/A" | "-" | "\\N" => {
            return Cleaned::missing("source_id.placeholder");
        }
        _ => {}
    }
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Cleaned::invalid("source_id.control_character");
    }
    if is_scientific(text) {
        return Cleaned::invalid("source_id.scientific_notation");
    }
    if text.len() == value.len() { Cleaned::ok(value) } else { Cleaned::fixed(text, "source_id.spaces_removed") }
}

/// Whether a text is a number as spreadsheets write one that was too long for its cell, for example `1.23457E+11`.
pub(super) fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let Some((whole, fraction)) = mantissa.split_once(['.', ',']) else {
        return exponent.starts_with('+') && digits(mantissa) && digits(&exponent[1..]);
    };
    digits(whole) && digits(fraction) && digits(exponent.strip_prefix('+').unwrap_or(exponent))
}

#[cfg(test)]
mod tests {
    use crate::cleaners::vectors::check;

    #[test]
    fn identifiers_stay() {
        check(
            aqueduct_schema::SemanticType::SourceId,
            &[
                ("0015g00000ABCDEfGH", Some("0015g00000ABCDEfGH"), ""),
                ("007", Some("007"), ""),
                ("a b", Some("a b"), ""),
                ("NA", Some("NA"), ""),
                ("12E45", Some("12E45"), ""),
                ("\u{feff}42\r", Some("42"), "source_id.spaces_removed"),
                ("4.5E+12", None, "source_id.scientific_notation"),
                ("None", None, "source_id.placeholder"),
            ],
        );
    }
}
