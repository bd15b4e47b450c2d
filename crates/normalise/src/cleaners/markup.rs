//! HTML in a line that should have none: what a form or an export left of a page.

use std::borrow::Cow;

use super::html;

/// The line as a page would show it, where it has tags of HTML or character references; nothing where it has none.
pub(super) fn removed(text: &str) -> Option<String> {
    let tagged = text.contains('<') && html::looks_like_html(text);
    if !tagged && !has_reference(text) {
        return None;
    }
    // Without a tag, a "<" is a sign that somebody wrote.
    let source = if tagged { Cow::Borrowed(text) } else { Cow::Owned(text.replace('<', "&lt;")) };
    let shown = html::to_text(&source);
    let shown = shown.trim();
    // What does not become shorter has lost nothing, and a second look would go on for ever.
    (shown.len() < text.trim().len()).then(|| shown.to_owned())
}

/// Whether there is something like `&amp;`, `&#233;` or `&#xe9;`.
fn has_reference(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        rest = &rest[at + 1..];
        let end = rest.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'#')).unwrap_or(rest.len());
        let name = &rest[..end];
        let sound = match name.strip_prefix('#') {
            Some(number) => match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => !hexadecimal.is_empty() && hexadecimal.bytes().all(|byte| byte.is_ascii_hexdigit()),
                None => !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()),
            },
            None => (2..=8).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        };
        if sound && rest[end..].starts_with(';') {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::removed;

    #[test]
    fn what_is_html_is_shown_as_text() {
        for (written, shown) in [
            ("<b>Ada</b> Lovelace", "Ada Lovelace"),
            ("O&#39;Brien", "O'Brien"),
            ("Smith &amp; Sons", "Smith & Sons"),
            ("Jos&eacute;", "José"),
            ("Ada&nbsp;Lovelace", "Ada\u{a0}Lovelace"),
            ("<p>Ada</p>", "Ada"),
            ("a < b &amp; c", "a < b & c"),
        ] {
            assert_eq!(removed(written).as_deref(), Some(shown), "{written}");
        }
        for text in ["Smith & Sons", "AT&T; Verizon", "a < b", "Ada <ada@acme.com>", "R&D;", "Q&A", "&;", "&nonsense;"] {
            assert_eq!(removed(text), None, "{text}");
        }
    }
}
