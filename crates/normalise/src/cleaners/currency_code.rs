//! Currencies as ISO 4217 codes.

use aqueduct_schema::Cleaned;

use super::symbol::{self, Meaning};
use super::text::{Presence, presence_without_na, to_ascii_forms};

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { CurrencyCode;
    Missing "currency_code.empty" "  " => None, "There is nothing but space.";
    Missing "currency_code.placeholder" "n/a" => None, "The text stands for no value.";
    Fixed "currency_code.rewritten" "usd" => Some("USD"), "The code was written in capitals, or a sign was replaced by the code of the one currency it stands for.";
    Suspect "currency_code.shared_symbol" "$" => None, "Several currencies share the sign.";
    Invalid "currency_code.unknown" "Dollars" => None, "ISO 4217 has no such currency.";
}

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("currency_code.empty"),
        Presence::Placeholder => return Cleaned::missing("currency_code.placeholder"),
        Presence::Value(text) => text,
    };
    let meaning = symbol::iso_code(text).map(Meaning::One).or_else(|| symbol::meaning(&to_ascii_forms(text)));
    match meaning {
        Some(Meaning::One(code)) if code == value => Cleaned::ok(value),
        Some(Meaning::One(code)) => Cleaned::fixed(code, "currency_code.rewritten"),
        Some(Meaning::Shared) => Cleaned::suspect_without_value("currency_code.shared_symbol"),
        None => Cleaned::invalid("currency_code.unknown"),
    }
}

#[cfg(test)]
mod tests {
    use crate::cleaners::vectors::check;

    #[test]
    fn codes_and_signs() {
        check(
            aqueduct_schema::SemanticType::CurrencyCode,
            &[
                ("EUR", Some("EUR"), ""),
                (" eur", Some("EUR"), "currency_code.rewritten"),
                ("€", Some("EUR"), "currency_code.rewritten"),
                ("US$", Some("USD"), "currency_code.rewritten"),
                ("£", None, "currency_code.shared_symbol"),
                ("XYZ", None, "currency_code.unknown"),
                ("-", None, "currency_code.placeholder"),
            ],
        );
    }
}
