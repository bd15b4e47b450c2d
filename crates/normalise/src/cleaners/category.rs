//! Words of a closed set: lower case, with low lines between.
//!
//! Which words there are, and what a vendor calls them, is the mapping's business; this only makes spellings of one word equal.

use std::borrow::Cow;

use aqueduct_schema::Cleaned;

use super::text::{compose, is_hidden, trim};

/// The version of these rules.
pub(super) const VERSION: u32 = 3;

rules! { Category;
    Missing "category.empty" "  " => None, "There is nothing but space.";
    Missing "category.placeholder" "--None--" => None, "The text stands for no value. `unknown`, `none` and `other` are words of many sets and stay.";
    Fixed "category.rewritten" "Closed Won" => Some("closed_won"), "The word was written in lower case with low lines between its parts.";
}

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    if is_canonical(value) {
        return if is_absent(value) { Cleaned::missing("category.placeholder") } else { Cleaned::ok(value) };
    }
    let text = trim(value);
    if text.is_empty() {
        return Cleaned::missing("category.empty");
    }
    let lower = text.to_lowercase();
    if is_absent(&lower) || text.chars().all(|c| matches!(c, '-' | '_' | '.' | '?' | '—' | '–' | ' ')) {
        return Cleaned::missing("category.placeholder");
    }
    // Lower case and composition can each give the other new work ("İ"), so they run until nothing changes.
    let mut word = words(&lower);
    loop {
        let next = words(&compose(&word.to_lowercase()));
        if next == word {
            break;
        }
        word = next;
    }
    match word.as_str() {
        "" => Cleaned::missing("category.empty"),
        word if is_absent(word) || trim(word).chars().all(|c| matches!(c, '.' | '?')) => Cleaned::missing("category.placeholder"),
        _ => {
            let clean = if word == value { Cow::Borrowed(value) } else { Cow::Owned(word) };
            if matches!(clean, Cow::Borrowed(_)) { Cleaned::ok(clean) } else { Cleaned::fixed(clean, "category.rewritten") }
        }
    }
}

/// Whether a text in lower case stands for no value in any set of words.
fn is_absent(lower: &str) -> bool {
    matches!(
        lower,
        "n/a"
            | "n.a."
            | "#n/a"
            | "null"
            | "(null)"
            | "<null>"
            | "nil"
            | "nan"
            | "undefined"
            | "--none--"
            | "-none-"
            | "(none)"
            | "\\n"
            | "not set"
            | "(not set)"
            | "(not_set)"
            | "not_set"
            | "(blank)"
            | "#ref!"
            | "#value!"
            | "#name?"
            | "#null!"
            | "#div/0!"
            | "#num!"
    )
}

fn is_canonical(value: &str) -> bool {
    let mut previous = b'_';
    for &byte in value.as_bytes() {
        let sound = match byte {
            b'_' => previous != b'_',
            b'a'..=b'z' | b'0'..=b'9' => true,
            _ => false,
        };
        if !sound {
            return false;
        }
        previous = byte;
    }
    previous != b'_'
}

/// The words of a text with one low line between each.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut pending = false;
    for character in text.chars() {
        if character.is_whitespace() || matches!(character, '-' | '_' | '\u{2010}'..='\u{2015}') {
            pending = !out.is_empty();
        } else if !(character.is_control() || is_hidden(character)) {
            if pending {
                out.push('_');
                pending = false;
            }
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::cleaners::vectors::check;

    #[test]
    fn spellings_of_a_word() {
        check(
            aqueduct_schema::SemanticType::Category,
            &[
                ("customer", Some("customer"), ""),
                ("mql", Some("mql"), ""),
                ("Marketing Qualified Lead", Some("marketing_qualified_lead"), "category.rewritten"),
                ("closed-won", Some("closed_won"), "category.rewritten"),
                ("New  -  Open", Some("new_open"), "category.rewritten"),
                ("unknown", Some("unknown"), ""),
                ("none", Some("none"), ""),
                ("ÉTÉ", Some("été"), "category.rewritten"),
                ("R&D", Some("r&d"), "category.rewritten"),
                ("null", None, "category.placeholder"),
                ("N/A", None, "category.placeholder"),
                ("_", None, "category.placeholder"),
                ("\u{200b}", None, "category.empty"),
            ],
        );
    }
}
