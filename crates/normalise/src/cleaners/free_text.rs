//! Text of any length: HTML becomes text, line ends become one, hidden characters go, and 64 KiB are kept.

use std::borrow::Cow;

use aqueduct_schema::Cleaned;

use super::html;
use super::text::{Presence, compose, is_hidden_in_text, note, presence};

/// The version of these rules.
pub(super) const VERSION: u32 = 2;

rules! { FreeText;
    Missing "free_text.empty" "  " => None, "There is nothing but space.";
    Missing "free_text.placeholder" "N/A" => None, "The text stands for no value.";
    Fixed "free_text.html_removed" "<p>Hello <b>Ada</b></p>" => Some("Hello Ada"), "HTML became text; tags that stood in it as text keep their brackets apart from the name.";
    Fixed "free_text.hidden_characters_removed" "He\u{200b}llo" => Some("Hello"), "Control, zero-width, directional or tag characters were taken out; the joiners that shape letters stay.";
    Fixed "free_text.composed" "Cafe\u{301}" => Some("Café"), "Letters and their marks were composed (NFC).";
    Fixed "free_text.lines_normalised" "a\r\nb " => Some("a\nb"), "Line ends became one kind; space at the ends was taken out.";
    Suspect "free_text.truncated" TOO_LONG => Some(TOO_LONG.split_at(LONGEST).0), "Only the first 64 KiB are kept.";
}

/// What is kept of a text, in bytes.
pub(super) const LONGEST: usize = 64 * 1024;
/// An example of a text that is one byte too long.
const TOO_LONG: &str = match str::from_utf8(&[b'a'; LONGEST + 1]) {
    Ok(text) => text,
    Err(_) => "",
};
/// What is read of a text that is HTML; markup is longer than what it says.
const LONGEST_HTML: usize = 4 * LONGEST;

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    match presence(value) {
        Presence::Empty => return Cleaned::missing("free_text.empty"),
        Presence::Placeholder => return Cleaned::missing("free_text.placeholder"),
        Presence::Value(_) => {}
    }
    if value.len() <= LONGEST && is_plain(value) {
        return Cleaned::ok(value);
    }
    let mut code = "";
    let mut cut = false;
    let mut text = Cow::Borrowed(value);
    if html::looks_like_html(&text) {
        let (head, was_cut) = head(&text, LONGEST_HTML);
        cut |= was_cut;
        text = Cow::Owned(html::to_text(head));
        note(&mut code, "free_text.html_removed");
    }
    // Hidden characters can stand inside a tag, and composing can make one ("<" with a mark); each step may so give another work.
    loop {
        let next = pass(&text, &mut code);
        let next = if html::looks_like_html(&next) { html::separate_tags(&next) } else { next };
        if next == text {
            break;
        }
        text = Cow::Owned(next);
    }
    if text.len() > LONGEST {
        text = Cow::Owned(head(&text, LONGEST).0.trim_end().to_owned());
        cut = true;
    }
    match presence(&text) {
        Presence::Empty => return Cleaned::missing("free_text.empty"),
        Presence::Placeholder => return Cleaned::missing("free_text.placeholder"),
        Presence::Value(_) => {}
    }
    if cut {
        return Cleaned::suspect(text, "free_text.truncated");
    }
    if text == value {
        return Cleaned::ok(value);
    }
    note(&mut code, "free_text.lines_normalised");
    Cleaned::fixed(text, code)
}

/// ASCII text in which nothing can need a change.
fn is_plain(value: &str) -> bool {
    let bytes = value.as_bytes();
    let ends_plain = bytes.first().is_some_and(u8::is_ascii_graphic) && bytes.last().is_some_and(u8::is_ascii_graphic);
    ends_plain && bytes.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'<' || matches!(byte, b' ' | b'\n' | b'\t'))
}

/// The longest start of a text of at most so many bytes, and whether that leaves something out.
fn head(text: &str, longest: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(longest);
    (&text[..end], end < text.len())
}

fn pass(text: &str, code: &mut &'static str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => {
                characters.next_if_eq(&'\n');
                out.push('\n');
            }
            '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{b}' | '\u{c}' => out.push('\n'),
            '\n' | '\t' => out.push(character),
            _ if character.is_control() || is_hidden_in_text(character) => note(code, "free_text.hidden_characters_removed"),
            _ => out.push(character),
        }
    }
    if let Cow::Owned(composed) = compose(&out) {
        note(code, "free_text.composed");
        out = composed;
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cleaners::vectors::check;

    #[test]
    fn notes_and_bodies() {
        check(
            aqueduct_schema::SemanticType::FreeText,
            &[
                ("Called twice.\nNo answer.", Some("Called twice.\nNo answer."), ""),
                ("a < b and b > c", Some("a < b and b > c"), ""),
                ("x <y", Some("x <y"), ""),
                ("Größe: 5\u{a0}m", Some("Größe: 5\u{a0}m"), ""),
                ("one\rtwo\r\nthree", Some("one\ntwo\nthree"), "free_text.lines_normalised"),
                ("ignore\u{e0041}\u{e0042} this", Some("ignore this"), "free_text.hidden_characters_removed"),
                ("<div>One</div><div>Two &amp; three</div>", Some("One\nTwo & three"), "free_text.html_removed"),
                ("<p>a</p><script>steal()</script><p>b</p>", Some("a\n\nb"), "free_text.html_removed"),
                ("<p>&lt;b&gt;bold&lt;/b&gt;</p>", Some("< b>bold< /b>"), "free_text.html_removed"),
                ("<p> </p>", None, "free_text.empty"),
                ("<p>n/a</p>", None, "free_text.placeholder"),
                ("👩\u{200d}💻", Some("👩\u{200d}💻"), ""),
            ],
        );
    }

    #[test]
    fn hostile_markup_ends() {
        let deep = 40_000;
        let flat = [
            "<br>x",
            "<p>x</p>",
            "<b>x</b>",
            "<div><i>x</div></i>",
            "<a href='x'>y</a>",
            "<tr><td>x</td></tr>",
            "<ul><li>x</li></ul>",
            "<div></x>",
            "<div><font a=1></div>",
        ];
        for markup in [
            "<div>",
            "<b>",
            "<table><tr><td>",
            "<blockquote>",
            "<ul><li>",
            "<a href='x'>",
            "<p",
            "<b a= ",
            "<!--",
            "<pre>",
            "<font color=red>",
        ]
        .into_iter()
        .chain(flat)
        {
            let text = format!("{}x", markup.repeat(deep));
            let cleaned = clean(&text);
            assert!(cleaned.value.is_none_or(|value| value.len() <= LONGEST), "{markup}");
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let long = "é".repeat(LONGEST);
        let cleaned = clean(&long);
        assert_eq!(cleaned.code, "free_text.truncated");
        let value = cleaned.value.unwrap();
        assert_eq!(value.len(), LONGEST);
        assert_eq!(clean(&value), Cleaned::ok(value.as_ref()));
    }
}
