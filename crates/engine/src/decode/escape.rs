//! Takes the escapes out of a JSON string that is known to be well-formed.

/// Appends the text of a JSON string (given without its quotation marks) to `out`.
///
/// A surrogate without its other half stands for no character. Such halves come from sources that cut texts after so many UTF-16
/// units; each becomes U+FFFD, as the Unicode standard advises, so that the rest of the text is kept.
pub(crate) fn unescape(text: &str, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let (character, length) = match escape.as_bytes().first() {
            Some(b'u') => unicode(escape),
            Some(b'n') => ('\n', 1),
            Some(b't') => ('\t', 1),
            Some(b'r') => ('\r', 1),
            Some(b'b') => ('\u{8}', 1),
            Some(b'f') => ('\u{c}', 1),
            Some(other) if other.is_ascii() => (char::from(*other), 1),
            _ => (char::REPLACEMENT_CHARACTER, 0),
        };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = escape.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
}

/// The character of `uXXXX` or of a pair of them, and how many bytes it takes up.
fn unicode(escape: &str) -> (char, usize) {
    let unit = |text: &str| text.get(1..5).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let Some(first) = unit(escape) else { return (char::REPLACEMENT_CHARACTER, 1) };
    if (0xD800..0xDC00).contains(&first)
        && let Some(second) = escape.get(5..).and_then(|more| more.strip_prefix('\\')).filter(|more| more.starts_with('u')).and_then(unit)
        && (0xDC00..0xE000).contains(&second)
    {
        let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(json: &str) -> String {
        let mut out = Vec::new();
        unescape(json, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_become_their_characters() {
        assert_eq!(text(r#"a\"b\\c\/d\n\t\r\b\fé"#), "a\"b\\c/d\n\t\r\u{8}\u{c}é");
        assert_eq!(text(r"\u0041\u00e9\u20AC\ud83d\ude00!"), "Aé€😀!");
        assert_eq!(text(r"x\u0000y"), "x\0y");
    }

    #[test]
    fn half_surrogates_cost_one_character() {
        assert_eq!(text(r"a\ud83d"), "a\u{FFFD}");
        assert_eq!(text(r"a\ud83dz"), "a\u{FFFD}z");
        assert_eq!(text(r"\ude00\u0041"), "\u{FFFD}A");
        assert_eq!(text(r"\ud83d\u0041"), "\u{FFFD}A");
        assert_eq!(text(r"\ud83d\ud83d\ude00"), "\u{FFFD}😀");
    }

    #[test]
    fn agrees_with_serde_json() {
        for json in [r#""\u00fc\ud834\udd1e""#, r#""\\u0041""#, r#""\"\"\"""#, r#""a\/b""#] {
            let expected: String = serde_json::from_str(json).unwrap();
            assert_eq!(text(&json[1..json.len() - 1]), expected);
        }
    }
}
