//! Names of people: tidied, never re-cased, never split.

use aqueduct_schema::Cleaned;

use super::line::{Line, LineCodes, tidy};

/// The version of these rules.
pub(super) const VERSION: u32 = 3;

rules! { PersonName;
    Missing "person_name.empty" "  " => None, "There is nothing but space.";
    Missing "person_name.placeholder" "N/A" => None, "The text stands for no value, or is a form's own label.";
    Fixed "person_name.spaces_tidied" " Ada  Lovelace" => Some("Ada Lovelace"), "Space was trimmed or collapsed; line breaks became spaces.";
    Fixed "person_name.composed" "Zoe\u{308}" => Some("Zoë"), "Letters and their marks were composed (NFC).";
    Fixed "person_name.hidden_characters_removed" "Ada\u{200b} Lovelace" => Some("Ada Lovelace"), "Control, zero-width or directional characters were taken out; the joiners that shape letters stay.";
    Fixed "person_name.mojibake_repaired" "JosÃ©" => Some("José"), "UTF-8 that had been read as Windows-1252 was read again.";
    Fixed "person_name.markup_removed" "O&#39;Brien" => Some("O'Brien"), "Tags of HTML were taken out, or its character references read.";
    Suspect "person_name.all_capitals" "ADA LOVELACE" => Some("ADA LOVELACE"), "Every letter is a capital; the name is kept as given.";
    Suspect "person_name.all_lower_case" "ada lovelace" => Some("ada lovelace"), "No letter is a capital; the name is kept as given.";
    Suspect "person_name.contains_digit" "Ada Lovelace 2" => Some("Ada Lovelace 2"), "There is a digit in the name.";
    Suspect "person_name.looks_like_email" "ada@acme.com" => Some("ada@acme.com"), "There is an at sign in the name.";
    Suspect "person_name.looks_like_url" "Win at http://acme.com" => Some("Win at http://acme.com"), "There is a web address in the name.";
    Suspect "person_name.may_be_placeholder" "Null" => Some("Null"), "The word can stand for no value, but people have this name too.";
    Suspect "person_name.test_word" "Test" => Some("Test"), "The name is a word that people type to try a form.";
}

const CODES: LineCodes = LineCodes {
    empty: "person_name.empty",
    placeholder: "person_name.placeholder",
    spaces: "person_name.spaces_tidied",
    composed: "person_name.composed",
    hidden: "person_name.hidden_characters_removed",
    repaired: "person_name.mojibake_repaired",
    markup: "person_name.markup_removed",
};

/// Fewer cased letters than this say nothing about a habit of writing ("JP", "Al", "van").
const LETTERS_FOR_CASE: usize = 4;

/// Labels of form fields that land in the field itself.
const FORM_LABELS: [&str; 9] =
    ["first name", "firstname", "last name", "lastname", "full name", "your name", "no name", "noname", "no last name"];

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    let (text, code) = match tidy(value, &CODES) {
        Line::Empty => return Cleaned::missing(CODES.empty),
        Line::Placeholder(word) if is_also_a_name(&word) => return Cleaned::suspect(word, "person_name.may_be_placeholder"),
        Line::Placeholder(_) => return Cleaned::missing(CODES.placeholder),
        Line::Text(text, code) => (text, code),
    };
    if FORM_LABELS.iter().any(|label| label.eq_ignore_ascii_case(&text)) {
        return Cleaned::missing(CODES.placeholder);
    }
    match doubt(&text) {
        Some(doubt) => Cleaned::suspect(text, doubt),
        None if code.is_empty() => Cleaned::ok(text),
        None => Cleaned::fixed(text, code),
    }
}

/// "Null", "None", "Nil" and "Nan" are names of people when they are written like names.
fn is_also_a_name(word: &str) -> bool {
    matches!(word, "Null" | "None" | "Nil" | "Nan")
}

/// Words that people type to get past a form, alone or twice, and one letter held down.
fn is_test_word(text: &str) -> bool {
    const WORDS: [&str; 16] = [
        "test",
        "tester",
        "testing",
        "test user",
        "dummy",
        "asd",
        "qwe",
        "abc",
        "abcd",
        "xyz",
        "foo",
        "bar",
        "foo bar",
        "foobar",
        "sample",
        "blah",
    ];
    let is_word = |text: &str| WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    let twice = text.split_once(' ').is_some_and(|(one, other)| one.eq_ignore_ascii_case(other) && is_word(one));
    let mut letters = text.chars().flat_map(char::to_lowercase);
    let held = text.is_ascii()
        && text.len() > 2
        && letters.next().is_some_and(|first| first.is_ascii_alphabetic() && letters.all(|next| next == first));
    text.len() <= 16 && (is_word(text) || twice) || held
}

fn doubt(text: &str) -> Option<&'static str> {
    let (mut capitals, mut smalls) = (0_usize, 0_usize);
    let (mut digit, mut at, mut colon) = (false, false, false);
    if text.is_ascii() {
        for byte in text.bytes() {
            capitals += usize::from(byte.is_ascii_uppercase());
            smalls += usize::from(byte.is_ascii_lowercase());
            digit |= byte.is_ascii_digit();
            at |= byte == b'@';
            colon |= byte == b':';
        }
    } else {
        for character in text.chars() {
            capitals += usize::from(character.is_uppercase());
            smalls += usize::from(character.is_lowercase());
            digit |= character.is_ascii_digit();
            at |= character == '@';
            colon |= character == ':';
        }
    }
    if at {
        Some("person_name.looks_like_email")
    } else if colon && text.contains("://") {
        Some("person_name.looks_like_url")
    } else if digit {
        Some("person_name.contains_digit")
    } else if is_test_word(text) {
        Some("person_name.test_word")
    } else if smalls == 0 && capitals >= LETTERS_FOR_CASE {
        Some("person_name.all_capitals")
    } else if capitals == 0 && smalls >= LETTERS_FOR_CASE {
        Some("person_name.all_lower_case")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::cleaners::vectors::check;

    #[test]
    fn real_names_and_their_dirt() {
        check(
            aqueduct_schema::SemanticType::PersonName,
            &[
                ("Ada Lovelace", Some("Ada Lovelace"), ""),
                ("Siobhán Ní Dhúill", Some("Siobhán Ní Dhúill"), ""),
                ("O'Brien-McDonald", Some("O'Brien-McDonald"), ""),
                ("van der Berg", Some("van der Berg"), ""),
                ("李小龍", Some("李小龍"), ""),
                ("Иван Петров", Some("Иван Петров"), ""),
                ("می\u{200c}خواهم", Some("می\u{200c}خواهم"), ""),
                ("രാജന്\u{200d}", Some("രാജന്\u{200d}"), ""),
                ("Bo", Some("Bo"), ""),
                ("Na", Some("Na"), ""),
                ("X Æ", Some("X Æ"), ""),
                ("JP", Some("JP"), ""),
                ("\tJane\u{a0}\u{a0}Doe\r\n", Some("Jane Doe"), "person_name.spaces_tidied"),
                ("Jane\nDoe", Some("Jane Doe"), "person_name.spaces_tidied"),
                ("Jane\u{202e}Doe", Some("JaneDoe"), "person_name.hidden_characters_removed"),
                ("Jane\u{0}Doe", Some("JaneDoe"), "person_name.hidden_characters_removed"),
                ("MÃ¼ller", Some("Müller"), "person_name.mojibake_repaired"),
                ("Jose\u{301}", Some("José"), "person_name.composed"),
                ("JANE DOE", Some("JANE DOE"), "person_name.all_capitals"),
                (" jane  doe ", Some("jane doe"), "person_name.all_lower_case"),
                ("ÉLODIE", Some("ÉLODIE"), "person_name.all_capitals"),
                ("=Jane+Doe", Some("=Jane+Doe"), ""),
                ("jane@acme.com", Some("jane@acme.com"), "person_name.looks_like_email"),
                ("Jane 2", Some("Jane 2"), "person_name.contains_digit"),
                ("Null", Some("Null"), "person_name.may_be_placeholder"),
                ("NULL", None, "person_name.placeholder"),
                ("null", None, "person_name.placeholder"),
                ("-", None, "person_name.placeholder"),
                ("First Name", None, "person_name.placeholder"),
                ("n\u{200b}/a", None, "person_name.placeholder"),
                ("test", Some("test"), "person_name.test_word"),
                ("\u{feff}", None, "person_name.empty"),
            ],
        );
    }
}
