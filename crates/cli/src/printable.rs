//! Text as it may be shown: a source's names and values must not move a cursor, set a window's title or turn a line around.

use std::borrow::Cow;
use std::fmt::Write;

/// Characters of a cell of a table at most. A source may give its fields names of any length, and every row is as wide as the widest.
const LONGEST_CELL: usize = 1_000;

/// A text without control characters but line ends and tabs, and without what changes the direction of writing: each is shown by its
/// number instead. The signs that make words bold or red stay where `coloured` says that they are the command's own.
pub(crate) fn printable(text: &str, coloured: bool) -> Cow<'_, str> {
    if !text.chars().any(|letter| acts(letter) && !matches!(letter, '\n' | '\t')) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let own = ["\x1b[0m", "\x1b[1m", "\x1b[31m"].into_iter().find(|sign| coloured && rest.starts_with(sign));
        match own {
            Some(sign) => {
                shown.push_str(sign);
                rest = &rest[sign.len()..];
                continue;
            }
            None if acts(letter) && !matches!(letter, '\n' | '\t') => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(letter));
            }
            None => shown.push(letter),
        }
        rest = &rest[letter.len_utf8()..];
    }
    Cow::Owned(shown)
}

/// A cell of a table: one line, not longer than can be looked at.
pub(crate) fn cell(text: &str) -> String {
    let spaced = text.replace(['\n', '\r', '\t'], " ");
    match spaced.char_indices().nth(LONGEST_CELL) {
        Some((at, _)) => format!("{}…", &spaced[..at]),
        None => spaced,
    }
}

/// JSON that means the same and acts on no terminal: serde_json escapes the first 32 control characters and no others.
pub(crate) fn json(text: String) -> String {
    if !text.chars().any(acts) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        // Outside of strings JSON has nothing but ASCII, and here no control characters.
        if acts(letter) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(letter));
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// Whether a terminal may do something on this character other than show it: control characters (U+009B begins a command as ESC [ does)
/// and those that embed, override and isolate directions (UAX #9).
fn acts(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_a_terminal() {
        for (text, shown) in [
            ("Zoë\tΑθήνα\n👩‍👧 שלום", "Zoë\tΑθήνα\n👩‍👧 שלום"),
            ("\x1b]0;owned\x07", "\\u{1b}]0;owned\\u{7}"),
            ("a\rb\u{9b}31m\u{7f}", "a\\u{d}b\\u{9b}31m\\u{7f}"),
            ("user\u{202e}gpj.exe", "user\\u{202e}gpj.exe"),
            ("\x1b[1mbold\x1b[0m", "\\u{1b}[1mbold\\u{1b}[0m"),
        ] {
            assert_eq!(printable(text, false), shown);
            assert_eq!(printable(shown, false), shown);
        }
        assert_eq!(printable("\x1b[1mown\x1b[0m \x1b[2J", true), "\x1b[1mown\x1b[0m \\u{1b}[2J");
    }

    #[test]
    fn a_cell_is_one_line_of_bounded_length() {
        assert_eq!(cell("a\nb\r\nc\td"), "a b  c d");
        assert_eq!(cell(&"é".repeat(200_000)).chars().count(), LONGEST_CELL + 1);
    }

    #[test]
    fn json_means_the_same() {
        let value = serde_json::json!({ "a\u{9b}": "\x1b[2J\u{7f}\u{202e}é\n" });
        let text = json(value.to_string());
        assert!(text.chars().all(|letter| !acts(letter)), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok(), Some(value));
    }
}
