//! What all cleaners share about text: blank characters, words that stand for no value, decimal digits of all scripts.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Whether a value says anything.
pub(super) enum Presence<'v> {
    /// It does; trimmed of blank characters at both ends.
    Value(&'v str),
    /// It has only blank characters.
    Empty,
    /// It is a word or a sign that stands for no value.
    Placeholder,
}

/// Characters that show nothing and carry no meaning in a value: zero-width signs, directional controls, tags.
/// The two joiners (U+200C, U+200D) are among them; text in which they shape letters keeps them by [`is_hidden_in_text`].
pub(super) fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// [`is_hidden`] without the joiners, which Persian, the Indic scripts and emoji need.
pub(super) fn is_hidden_in_text(character: char) -> bool {
    is_hidden(character) && !matches!(character, '\u{200c}' | '\u{200d}')
}

/// White space, hidden and control characters.
pub(super) fn is_blank(character: char) -> bool {
    character.is_whitespace() || character.is_control() || is_hidden(character)
}

/// The text without blank characters at both ends.
pub(super) fn trim(text: &str) -> &str {
    match text.as_bytes() {
        [only] if only.is_ascii_graphic() => text,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim_matches(is_blank),
    }
}

/// Trims a value and recognises the words that stand for none.
pub(super) fn presence(value: &str) -> Presence<'_> {
    let text = trim(value);
    if text.is_empty() {
        Presence::Empty
    } else if is_placeholder(text) {
        Presence::Placeholder
    } else {
        Presence::Value(text)
    }
}

/// As [`presence`], for types in which `NA` can mean nothing else than "not available".
pub(super) fn presence_without_na(value: &str) -> Presence<'_> {
    match presence(value) {
        Presence::Value(text) if text.eq_ignore_ascii_case("na") => Presence::Placeholder,
        other => other,
    }
}

/// The longest placeholder, brackets included, in bytes.
const LONGEST_PLACEHOLDER: usize = 24;

/// Whether a trimmed text is a word or a row of signs that people and exports write for "no value".
pub(super) fn is_placeholder(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() > LONGEST_PLACEHOLDER {
        return false;
    }
    let is_sign = |c: char| matches!(c, '-' | '_' | '.' | '?' | '*' | '#' | '~' | '/' | '\\' | '\u{2010}'..='\u{2015}' | '…' | ' ');
    if text.chars().all(is_sign) {
        return true;
    }
    let mut buffer = [0_u8; LONGEST_PLACEHOLDER];
    let lower = &mut buffer[..bytes.len()];
    lower.copy_from_slice(bytes);
    lower.make_ascii_lowercase();
    let mut word: &[u8] = lower;
    let mut bracketed = false;
    while let [b'(' | b'[' | b'<' | b'{' | b'-' | b'#' | b'*', rest @ ..] = word {
        word = rest;
        bracketed = true;
    }
    while let [rest @ .., b')' | b']' | b'>' | b'}' | b'-' | b'*'] = word {
        word = rest;
    }
    if let Some(rest) = word.strip_suffix(b"...").or_else(|| word.strip_suffix("…".as_bytes())) {
        word = rest;
        bracketed = true;
    }
    match word.trim_ascii() {
        b"n/a" | b"n.a." | b"n.a" | b"n/a." | b"null" | b"nil" | b"none" | b"nan" | b"undefined" | b"unknown" | b"unspecified"
        | b"not available" | b"not applicable" | b"not provided" | b"not specified" | b"not set" | b"no data" | b"no value" | b"tbd"
        | b"tbc" | b"asdf" | b"asdfgh" | b"qwerty" | b"\\n" | b"k.a." => true,
        // The first line of a form's list, where nobody chose another.
        b"please select" | b"please choose" | b"select one" | b"choose one" | b"please select one" | b"please choose one"
        | b"select an option" | b"choose an option" => true,
        // Signs of an error in a spreadsheet's cell, and words that only stand for nothing inside brackets.
        b"ref!" | b"value!" | b"name?" | b"null!" | b"div/0!" | b"num!" | b"na" | b"empty" | b"blank" | b"no name" | b"select"
        | b"choose" => bracketed,
        _ => false,
    }
}

/// The zero of every script whose decimal digits occur in customer data; each is followed by one to nine.
const ZEROS: [char; 14] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}', '\u{e50}',
    '\u{1040}', '\u{ff10}',
];

/// The ASCII digit for a decimal digit of any of the usual scripts.
fn ascii_digit(character: char) -> Option<char> {
    let point = u32::from(character);
    ZEROS.iter().find_map(|&zero| {
        let offset = point.checked_sub(u32::from(zero))?;
        if offset < 10 { char::from_digit(offset, 10) } else { None }
    })
}

/// The text with digits, signs and letters of other widths and scripts written in ASCII, spaces as `U+0020`, and hidden
/// characters gone: the first step for values that are meant for machines.
pub(super) fn to_ascii_forms(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for character in text.nfc() {
        match character {
            _ if is_hidden(character) => {}
            _ if character.is_whitespace() => out.push(' '),
            _ if character.is_control() => {}
            '\u{ff01}'..='\u{ff5e}' => out.extend(char::from_u32(u32::from(character) - 0xfee0)),
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' => out.push('-'),
            '\u{2018}' | '\u{2019}' | '\u{2bc}' => out.push('\''),
            '\u{fe6b}' => out.push('@'),
            '\u{66b}' => out.push('.'),
            '\u{66c}' => out.push(','),
            _ => out.push(ascii_digit(character).unwrap_or(character)),
        }
    }
    Cow::Owned(out)
}

/// The text in the composed form (NFC), borrowed when it is so already.
pub(super) fn compose(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    let composed: String = text.nfc().collect();
    if composed == text { Cow::Borrowed(text) } else { Cow::Owned(composed) }
}

/// Keeps the first reason that is noted.
pub(super) fn note(code: &mut &'static str, reason: &'static str) {
    if code.is_empty() {
        *code = reason;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_words_that_mean_nothing() {
        for word in [
            "n/a",
            "N/A",
            "NULL",
            "None",
            "--None--",
            "- None -",
            "-",
            "—",
            "???",
            "(not set)",
            "[blank]",
            "#REF!",
            "#N/A",
            "<null>",
            "\\N",
            "asdf",
        ] {
            assert!(is_placeholder(word), "{word}");
        }
        for word in
            ["--Select--", "-- Select --", "Select...", "Please select", "-- Please select --", "Choose one", "[Choose]", "( none )"]
        {
            assert!(is_placeholder(word), "{word}");
        }
        for word in [
            "Select",
            "Choose",
            "Select Ltd",
            "Select.",
            "Pleasure",
            "Chosen",
            "Nathan",
            "blank",
            "NA",
            "Nones",
            "0",
            "no",
            "Ono",
            "x",
            "Empty Ltd",
            "5",
            "unknown soldier trust",
        ] {
            assert!(!is_placeholder(word), "{word}");
        }
    }

    #[test]
    fn other_scripts_are_written_in_ascii() {
        assert_eq!(to_ascii_forms("＋４４ ٧٩١١ १२३"), "+44 7911 123");
        assert_eq!(to_ascii_forms("1\u{202f}200\u{a0}\u{2212}5\u{200b}"), "1 200 -5");
        assert!(matches!(to_ascii_forms("plain"), Cow::Borrowed(_)));
    }
}
