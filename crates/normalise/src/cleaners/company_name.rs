//! Names of companies and organisations: tidied, nothing else; the legal form stays.

use aqueduct_schema::Cleaned;

use super::line::LineCodes;

/// The version of these rules.
pub(super) const VERSION: u32 = 3;

rules! { CompanyName;
    Missing "company_name.empty" "  " => None, "There is nothing but space.";
    Missing "company_name.placeholder" "N/A" => None, "The text stands for no value.";
    Fixed "company_name.spaces_tidied" " Acme  Ltd" => Some("Acme Ltd"), "Space was trimmed or collapsed; line breaks became spaces.";
    Fixed "company_name.composed" "Socie\u{301}te\u{301}" => Some("Société"), "Letters and their marks were composed (NFC).";
    Fixed "company_name.hidden_characters_removed" "Acme\u{200b} Ltd" => Some("Acme Ltd"), "Control, zero-width or directional characters were taken out.";
    Fixed "company_name.mojibake_repaired" "NestlÃ©" => Some("Nestlé"), "UTF-8 that had been read as Windows-1252 was read again.";
    Fixed "company_name.markup_removed" "Smith &amp; Sons" => Some("Smith & Sons"), "Tags of HTML were taken out, or its character references read.";
}

const CODES: LineCodes = LineCodes {
    empty: "company_name.empty",
    placeholder: "company_name.placeholder",
    spaces: "company_name.spaces_tidied",
    composed: "company_name.composed",
    hidden: "company_name.hidden_characters_removed",
    repaired: "company_name.mojibake_repaired",
    markup: "company_name.markup_removed",
};

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    CODES.clean(value)
}
