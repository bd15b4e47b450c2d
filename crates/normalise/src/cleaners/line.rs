//! One line of text written by people: what names, labels and regions have in common.

use std::borrow::Cow;

use super::markup;
use super::mojibake;
use super::text::{Presence, compose, is_hidden_in_text, presence, trim};

/// What was done to a line, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// Space was trimmed, collapsed or made plain.
    Spaces,
    /// Letters and their marks were composed (NFC).
    Composed,
    /// Control characters or hidden ones were taken out.
    Hidden,
    /// UTF-8 that had been read as Windows-1252 was read again.
    Repaired,
    /// Tags of HTML were taken out, or its character references read.
    Markup,
}

/// The codes of one semantic type for what can happen to a line.
pub(super) struct LineCodes {
    pub(super) empty: &'static str,
    pub(super) placeholder: &'static str,
    pub(super) spaces: &'static str,
    pub(super) composed: &'static str,
    pub(super) hidden: &'static str,
    pub(super) repaired: &'static str,
    pub(super) markup: &'static str,
}

/// A line after tidying, or the code of its absence.
pub(super) enum Line<'v> {
    /// The text and the code of the greatest change; empty when there was none.
    Text(Cow<'v, str>, &'static str),
    /// A word that stands for no value.
    Placeholder(Cow<'v, str>),
    /// Nothing at all.
    Empty,
}

/// Tidies a line: NFC, single plain spaces, no control or hidden characters, mojibake read again.
pub(super) fn tidy<'v>(value: &'v str, codes: &LineCodes) -> Line<'v> {
    match presence(value) {
        Presence::Empty => return Line::Empty,
        Presence::Placeholder => return Line::Placeholder(Cow::Borrowed(trim(value))),
        Presence::Value(_) => {}
    }
    if is_plain(value) {
        return Line::Text(Cow::Borrowed(value), "");
    }
    let mut text = Cow::Borrowed(value);
    let mut change = Change::None;
    // A step can uncover work for another (a hidden character inside mojibake), so the steps run until nothing changes.
    // Each round that changes something shortens the text or composes it, so this ends.
    loop {
        let (next, step) = pass(&text);
        if step == Change::None {
            break;
        }
        change = change.max(step);
        text = Cow::Owned(next);
    }
    // Tidying can lay bare that there is nothing, or a word that stands for no value.
    match presence(&text) {
        Presence::Empty => return Line::Empty,
        Presence::Placeholder => return Line::Placeholder(text),
        Presence::Value(_) => {}
    }
    let code = match change {
        Change::None => "",
        Change::Spaces => codes.spaces,
        Change::Composed => codes.composed,
        Change::Hidden => codes.hidden,
        Change::Repaired => codes.repaired,
        Change::Markup => codes.markup,
    };
    Line::Text(text, code)
}

/// ASCII letters and signs with single spaces between them, none of which begins something of HTML.
fn is_plain(value: &str) -> bool {
    let mut previous = b' ';
    for &byte in value.as_bytes() {
        if !(byte.is_ascii_graphic() && !matches!(byte, b'<' | b'&') || byte == b' ' && previous != b' ') {
            return false;
        }
        previous = byte;
    }
    previous != b' '
}

fn pass(text: &str) -> (String, Change) {
    let mut change = Change::None;
    let shown = markup::removed(text);
    let text = shown.as_deref().unwrap_or(text);
    if shown.is_some() {
        change = Change::Markup;
    }
    let repaired = mojibake::repair(text);
    let text = repaired.as_deref().unwrap_or(text);
    if repaired.is_some() {
        change = change.max(Change::Repaired);
    }
    let mut out = String::with_capacity(text.len());
    let mut pending = false;
    for character in text.chars() {
        if character.is_whitespace() {
            pending = true;
        } else if character.is_control() || is_hidden_in_text(character) {
            change = change.max(Change::Hidden);
        } else {
            if pending && !out.is_empty() {
                out.push(' ');
            }
            pending = false;
            out.push(character);
        }
    }
    if change == Change::None && out != text {
        change = Change::Spaces;
    }
    if let Cow::Owned(composed) = compose(&out) {
        change = change.max(Change::Composed);
        out = composed;
    }
    (out, change)
}

impl LineCodes {
    /// The whole cleaner of a type that is a tidy line and nothing more.
    pub(super) fn clean<'v>(&self, value: &'v str) -> aqueduct_schema::Cleaned<'v> {
        use aqueduct_schema::Cleaned;
        match tidy(value, self) {
            Line::Empty => Cleaned::missing(self.empty),
            Line::Placeholder(_) => Cleaned::missing(self.placeholder),
            Line::Text(text, "") => Cleaned::ok(text),
            Line::Text(text, code) => Cleaned::fixed(text, code),
        }
    }
}
