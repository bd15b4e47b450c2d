//! Plain numbers with a fraction: probabilities, rates.

use std::borrow::Cow;

use aqueduct_schema::Cleaned;

use super::CleaningContext;
use super::decimal::{self, Problem};
use super::text::{Presence, presence_without_na, to_ascii_forms};

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { Ratio;
    Missing "ratio.empty" "  " => None, "There is nothing but space.";
    Missing "ratio.placeholder" "n/a" => None, "The text stands for no value.";
    Fixed "ratio.rewritten" "0,5" => Some("0.5"), "Grouping, signs and digits were brought into the one form.";
    Fixed "ratio.percent" "40 %" => Some("0.40"), "Per cent became a hundredth.";
    Suspect "ratio.ambiguous_separator" "1,234" => None, "The separator may group thousands or begin the fraction, and no locale is declared.";
    Suspect "ratio.unexpected_separator" "0,5" => Some("0.5"), "The separators are not those of the declared locale, but can be read in only one way.", { decimal_separator: '.' };
    Suspect "ratio.rounded" "0.33333333333" => Some("0.333333333"), "There are more than nine decimals; they were rounded half to even.";
    Invalid "ratio.malformed" "half" => None, "It is not a number.";
    Invalid "ratio.too_large" "1e40" => None, "There are more than 29 digits before the point.";
}

pub(super) fn clean<'v>(value: &'v str, context: &CleaningContext<'_>) -> Cleaned<'v> {
    let separator = context.decimal_separator;
    if decimal::is_canonical(value, separator) {
        return Cleaned::ok(value);
    }
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("ratio.empty"),
        Presence::Placeholder => return Cleaned::missing("ratio.placeholder"),
        Presence::Value(text) => text,
    };
    let plain = to_ascii_forms(text);
    let plain = plain.trim();
    let percent = plain.strip_suffix('%').map(str::trim_end);
    let number = decimal::read(percent.unwrap_or(plain), separator);
    let number = if percent.is_some() { number.and_then(decimal::Decimal::hundredth) } else { number };
    let number = match number {
        Ok(number) => number,
        Err(Problem::Ambiguous) => return Cleaned::suspect_without_value("ratio.ambiguous_separator"),
        Err(Problem::Malformed) => return Cleaned::invalid("ratio.malformed"),
        Err(Problem::TooLarge) => return Cleaned::invalid("ratio.too_large"),
    };
    let written = number.text(separator);
    let clean = if written == value { Cow::Borrowed(value) } else { Cow::Owned(written) };
    if number.unexpected_separator {
        Cleaned::suspect(clean, "ratio.unexpected_separator")
    } else if number.rounded {
        Cleaned::suspect(clean, "ratio.rounded")
    } else if percent.is_some() {
        Cleaned::fixed(clean, "ratio.percent")
    } else if matches!(clean, Cow::Borrowed(_)) {
        Cleaned::ok(clean)
    } else {
        Cleaned::fixed(clean, "ratio.rewritten")
    }
}

#[cfg(test)]
mod tests {
    use crate::cleaners::vectors::check;

    #[test]
    fn probabilities_and_rates() {
        check(
            aqueduct_schema::SemanticType::Ratio,
            &[
                ("0.4", Some("0.4"), ""),
                ("1", Some("1"), ""),
                ("1.0", Some("1.0"), ""),
                ("100%", Some("1.00"), "ratio.percent"),
                ("0.5%", Some("0.005"), "ratio.percent"),
                ("123.4%", Some("1.2340"), "ratio.percent"),
                ("1e-3", Some("0.001"), "ratio.rewritten"),
                ("-,5", Some("-0.5"), "ratio.rewritten"),
                ("1.085", None, "ratio.ambiguous_separator"),
                ("1/2", None, "ratio.malformed"),
                ("%", None, "ratio.malformed"),
            ],
        );
    }
}
