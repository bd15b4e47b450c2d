//! Whole numbers of things, as 64-bit integers.

use aqueduct_schema::Cleaned;

use super::CleaningContext;
use super::decimal::{self, Problem};
use super::text::{Presence, presence_without_na, to_ascii_forms};

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { Count;
    Missing "count.empty" "  " => None, "There is nothing but space.";
    Missing "count.placeholder" "n/a" => None, "The text stands for no value.";
    Fixed "count.rewritten" "12.0" => Some("12"), "Grouping, signs, zeros and digits were brought into the one form.";
    Suspect "count.negative" "-3" => Some("-3"), "It is below zero.";
    Suspect "count.ambiguous_separator" "1,000" => None, "The separator may group thousands or begin the fraction, and no locale is declared.";
    Suspect "count.unexpected_separator" "1.200.000" => Some("1200000"), "The separators are not those of the declared locale, but can be read in only one way.", { decimal_separator: '.' };
    Suspect "count.range" "11-50" => None, "It is a range; no number in it is chosen.";
    Suspect "count.at_least" "10,000+" => None, "It is a lower limit, not a number.";
    Invalid "count.not_whole" "12.5" => None, "There is a fraction.";
    Invalid "count.malformed" "many" => None, "It is not a number.";
    Invalid "count.too_large" "9223372036854775808" => None, "It is over the range of 64 bits.";
}

pub(super) fn clean<'v>(value: &'v str, context: &CleaningContext<'_>) -> Cleaned<'v> {
    let bytes = value.as_bytes();
    if (1..=18).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_digit) && (bytes[0] != b'0' || bytes.len() == 1) {
        return Cleaned::ok(value);
    }
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("count.empty"),
        Presence::Placeholder => return Cleaned::missing("count.placeholder"),
        Presence::Value(text) => text,
    };
    let plain = to_ascii_forms(text);
    let plain = plain.trim();
    if is_range(plain) {
        return Cleaned::suspect_without_value("count.range");
    }
    if plain.len() > 1 && plain.ends_with('+') {
        return Cleaned::suspect_without_value("count.at_least");
    }
    let number = match decimal::read(plain, context.decimal_separator) {
        Ok(number) => number,
        Err(Problem::Ambiguous) => return Cleaned::suspect_without_value("count.ambiguous_separator"),
        Err(Problem::Malformed) => return Cleaned::invalid("count.malformed"),
        Err(Problem::TooLarge) => return Cleaned::invalid("count.too_large"),
    };
    if !number.is_whole() || number.rounded {
        return Cleaned::invalid("count.not_whole");
    }
    let Some(count) = number.to_i64() else {
        return Cleaned::invalid("count.too_large");
    };
    let clean = count.to_string();
    if number.unexpected_separator {
        Cleaned::suspect(clean, "count.unexpected_separator")
    } else if number.is_negative() {
        Cleaned::suspect(clean, "count.negative")
    } else if clean == value {
        Cleaned::ok(value)
    } else {
        Cleaned::fixed(clean, "count.rewritten")
    }
}

/// "11-50", "11 to 50": two rows of digits with a dash or a word between.
fn is_range(text: &str) -> bool {
    let digits =
        |part: &str| !part.trim().is_empty() && part.trim().bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.'));
    [" to ", "-"].iter().any(|between| text.split_once(between).is_some_and(|(low, high)| digits(low) && digits(high)))
}

#[cfg(test)]
mod tests {
    use crate::cleaners::vectors::check;

    #[test]
    fn whole_numbers() {
        check(
            aqueduct_schema::SemanticType::Count,
            &[
                ("0", Some("0"), ""),
                ("250", Some("250"), ""),
                ("9223372036854775807", Some("9223372036854775807"), ""),
                ("0250", Some("250"), "count.rewritten"),
                ("250.00", Some("250"), "count.rewritten"),
                ("1.2e3", Some("1200"), "count.rewritten"),
                ("1 000", Some("1000"), "count.rewritten"),
                ("1,234,567", Some("1234567"), "count.rewritten"),
                ("1.234", None, "count.ambiguous_separator"),
                ("11 – 50", None, "count.range"),
                ("51 to 200", None, "count.range"),
                ("10+", None, "count.at_least"),
                ("0.5", None, "count.not_whole"),
                ("12 people", None, "count.malformed"),
            ],
        );
    }
}
