//! One short line of words: tidied, nothing else.

use aqueduct_schema::Cleaned;

use super::line::LineCodes;

/// The version of these rules.
pub(super) const VERSION: u32 = 3;

rules! { Label;
    Missing "label.empty" "  " => None, "There is nothing but space.";
    Missing "label.placeholder" "N/A" => None, "The text stands for no value.";
    Fixed "label.spaces_tidied" " Head of  Sales" => Some("Head of Sales"), "Space was trimmed or collapsed; line breaks became spaces.";
    Fixed "label.composed" "Cafe\u{301}" => Some("Café"), "Letters and their marks were composed (NFC).";
    Fixed "label.hidden_characters_removed" "Head\u{200b} of Sales" => Some("Head of Sales"), "Control, zero-width or directional characters were taken out.";
    Fixed "label.mojibake_repaired" "ZÃ¼rich" => Some("Zürich"), "UTF-8 that had been read as Windows-1252 was read again.";
    Fixed "label.markup_removed" "R&amp;D" => Some("R&D"), "Tags of HTML were taken out, or its character references read.";
}

const CODES: LineCodes = LineCodes {
    empty: "label.empty",
    placeholder: "label.placeholder",
    spaces: "label.spaces_tidied",
    composed: "label.composed",
    hidden: "label.hidden_characters_removed",
    repaired: "label.mojibake_repaired",
    markup: "label.markup_removed",
};

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    CODES.clean(value)
}
