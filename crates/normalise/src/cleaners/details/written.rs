//! Details of countries, amounts and instants: what the way they were written says.

use iso_currency::Currency;

use super::{Detail, told};
use crate::cleaners::text::{Presence, presence, presence_without_na, to_ascii_forms};
use crate::cleaners::{CleaningContext, country, money};

/// Parts of the United Kingdom that stand in the place of a country.
const PARTS: [(&str, &str); 5] =
    [("england", "GB-ENG"), ("scotland", "GB-SCT"), ("wales", "GB-WLS"), ("northernireland", "GB-NIR"), ("cymru", "GB-WLS")];

/// Of a country as it was written, and the code of its cleaner.
pub(super) fn of_country(value: &str, code: &str) -> Vec<Detail> {
    let mut out = Vec::new();
    let Presence::Value(text) = presence(value) else { return out };
    let name = country::fold(text);
    let part = PARTS.iter().find(|(known, _)| *known == name).map_or("", |(_, code)| *code);
    told(&mut out, "country.region", part);
    if code == "country.unknown" {
        told(&mut out, "country.suggestion", country::nearest(&name).unwrap_or_default());
    }
    out
}

/// Of an amount as it was written.
pub(super) fn of_money(value: &str, context: &CleaningContext<'_>) -> Vec<Detail> {
    let mut out = Vec::new();
    let Presence::Value(text) = presence_without_na(value) else { return out };
    let beside = money::currency_beside(&to_ascii_forms(text));
    told(&mut out, "money.currency", beside.unwrap_or_default());
    let code = beside.map(str::to_owned).or_else(|| context.currency.map(str::to_ascii_uppercase));
    let exponent = code.and_then(|code| Currency::from_code(&code)).and_then(Currency::exponent);
    told(&mut out, "money.minor_units", exponent.map(|exponent| exponent.to_string()).unwrap_or_default());
    out
}

/// Of an instant as it was written.
pub(super) fn of_timestamp(value: &str) -> Vec<Detail> {
    let mut out = Vec::new();
    let Presence::Value(text) = presence_without_na(value) else { return out };
    let plain = to_ascii_forms(text);
    let text = plain.trim();
    let offset = match text.rfind(['+', '-', 'Z', 'z']) {
        Some(at) if text[at..].eq_ignore_ascii_case("z") => Some("+00:00".to_owned()),
        // A sign after the time of day, not one inside the day.
        Some(at) if at > 10 && text[..at].contains(':') => written_offset(&text[at..]),
        _ => None,
    };
    told(&mut out, "timestamp.offset", offset.unwrap_or_default());
    out
}

/// `+0530`, `+05:30` and `+05` as `+05:30` and `+05:00`.
fn written_offset(text: &str) -> Option<String> {
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        1 => (format!("0{digits}"), "00"),
        2 => (digits.clone(), "00"),
        4 => (digits[..2].to_owned(), &digits[2..]),
        _ => return None,
    };
    Some(format!("{}{hours}:{minutes}", &text[..1]))
}
