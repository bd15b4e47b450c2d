//! True or false, in the words of forms and exports.

use aqueduct_schema::Cleaned;

use super::text::{Presence, presence_without_na, to_ascii_forms};

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { Flag;
    Missing "flag.empty" "  " => None, "There is nothing but space.";
    Missing "flag.placeholder" "n/a" => None, "The text stands for no value.";
    Fixed "flag.rewritten" "Yes" => Some("true"), "A word or sign for yes or no became true or false.";
    Invalid "flag.unknown_word" "maybe" => None, "The text is no word for yes or no that means the same in every language.";
}

/// Words that mean yes, and nothing else, wherever they are written.
const TRUE: [&str; 15] = ["true", "yes", "1", "y", "t", "on", "1.0", "ja", "oui", "si", "sí", "sim", "да", "はい", "是"];
/// Words that mean no.
const FALSE: [&str; 15] = ["false", "no", "0", "n", "f", "off", "0.0", "nein", "non", "não", "nao", "nej", "нет", "いいえ", "否"];

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    match value {
        "true" | "false" => return Cleaned::ok(value),
        "True" | "1" | "TRUE" | "yes" | "Yes" => return Cleaned::fixed("true", "flag.rewritten"),
        "False" | "0" | "FALSE" | "no" | "No" => return Cleaned::fixed("false", "flag.rewritten"),
        _ => {}
    }
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("flag.empty"),
        Presence::Placeholder => return Cleaned::missing("flag.placeholder"),
        Presence::Value(text) => text,
    };
    let word = to_ascii_forms(text).trim().to_lowercase();
    if TRUE.contains(&word.as_str()) {
        Cleaned::fixed("true", "flag.rewritten")
    } else if FALSE.contains(&word.as_str()) {
        Cleaned::fixed("false", "flag.rewritten")
    } else {
        Cleaned::invalid("flag.unknown_word")
    }
}

#[cfg(test)]
mod tests {
    use crate::cleaners::vectors::check;

    #[test]
    fn words_for_yes_and_no() {
        check(
            aqueduct_schema::SemanticType::Flag,
            &[
                ("true", Some("true"), ""),
                ("TRUE", Some("true"), "flag.rewritten"),
                (" y ", Some("true"), "flag.rewritten"),
                ("１", Some("true"), "flag.rewritten"),
                ("Sí", Some("true"), "flag.rewritten"),
                ("NÃO", Some("false"), "flag.rewritten"),
                ("off", Some("false"), "flag.rewritten"),
                ("2", None, "flag.unknown_word"),
                ("ne", None, "flag.unknown_word"),
                ("null", None, "flag.placeholder"),
            ],
        );
    }
}
