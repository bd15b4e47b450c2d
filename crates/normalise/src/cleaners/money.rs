//! Amounts of money: exact decimals; the currency stands in a field of its own.

use std::borrow::Cow;

use aqueduct_schema::Cleaned;
use iso_currency::Currency;

use super::CleaningContext;
use super::decimal::{self, Problem};
use super::symbol;
use super::text::{Presence, note, presence_without_na, to_ascii_forms};

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { Money;
    Missing "money.empty" "  " => None, "There is nothing but space.";
    Missing "money.placeholder" "n/a" => None, "The text stands for no value.";
    Fixed "money.rewritten" "1,200.50" => Some("1200.50"), "Grouping, signs and digits were brought into the one form.";
    Fixed "money.currency_removed" "€ 1.200,50" => Some("1200.50"), "A currency's sign or code stood beside the number; it is not stored here, and `$` alone names no currency.";
    Suspect "money.ambiguous_separator" "1,234" => None, "The separator may group thousands or begin the fraction, and no locale is declared.";
    Suspect "money.unexpected_separator" "12,50" => Some("12.50"), "The separators are not those of the declared locale, but can be read in only one way.", { decimal_separator: '.' };
    Suspect "money.rounded" "0.30000000000000004" => Some("0.300000000"), "There are more than nine decimals; they were rounded half to even.";
    Suspect "money.other_currency" "12 EUR" => Some("12"), "The currency beside the number is not that of the row.", { currency: "USD" };
    Suspect "money.too_many_decimals" "12.55" => Some("12.55"), "There are more decimals than the row's currency has.", { currency: "JPY" };
    Suspect "money.abbreviated" "1.2k" => None, "A letter stands for thousands or millions; which is not certain.";
    Invalid "money.has_words" "from 12" => None, "There are words beside the number.";
    Invalid "money.malformed" "1,2,3" => None, "It is not a number.";
    Invalid "money.too_large" "123456789012345678901234567890" => None, "There are more than 29 digits before the point.";
}

pub(super) fn clean<'v>(value: &'v str, context: &CleaningContext<'_>) -> Cleaned<'v> {
    let separator = context.decimal_separator;
    if decimal::is_canonical(value, separator) && context.currency.is_none() {
        return Cleaned::ok(value);
    }
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("money.empty"),
        Presence::Placeholder => return Cleaned::missing("money.placeholder"),
        Presence::Value(text) => text,
    };
    let plain = to_ascii_forms(text);
    let amount = match peel(plain.trim()) {
        Ok(amount) => amount,
        Err(refusal) => return refusal,
    };
    let number = match decimal::read(amount.number, separator) {
        Ok(number) if amount.negative => number.negated(),
        Ok(number) => number,
        Err(Problem::Ambiguous) => return Cleaned::suspect_without_value("money.ambiguous_separator"),
        Err(Problem::Malformed) => return Cleaned::invalid("money.malformed"),
        Err(Problem::TooLarge) => return Cleaned::invalid("money.too_large"),
    };
    let written = number.text(separator);
    let mut code = "";
    let clean = if written == value { Cow::Borrowed(value) } else { Cow::Owned(written) };
    if amount.has_currency {
        note(&mut code, "money.currency_removed");
    } else if matches!(clean, Cow::Owned(_)) {
        note(&mut code, "money.rewritten");
    }
    let of_row = context.currency.and_then(|code| Currency::from_code(&code.to_ascii_uppercase()));
    let doubt = if number.unexpected_separator {
        Some("money.unexpected_separator")
    } else if number.rounded {
        Some("money.rounded")
    } else if amount.currency.is_some_and(|beside| of_row.is_some_and(|of_row| of_row.code() != beside)) {
        Some("money.other_currency")
    } else if of_row.and_then(Currency::exponent).is_some_and(|exponent| number.decimals() > usize::from(exponent)) {
        Some("money.too_many_decimals")
    } else {
        None
    };
    match doubt {
        Some(doubt) => Cleaned::suspect(clean, doubt),
        None if code.is_empty() => Cleaned::ok(clean),
        None => Cleaned::fixed(clean, code),
    }
}

/// The currency that stands beside a number, where it names one.
pub(super) fn currency_beside(plain: &str) -> Option<&'static str> {
    peel(plain.trim()).ok()?.currency
}

/// A number with what stood around it.
struct Amount<'t> {
    number: &'t str,
    negative: bool,
    has_currency: bool,
    /// The ISO code, when the sign or word beside the number names one currency.
    currency: Option<&'static str>,
}

/// Takes signs, parentheses and the currency away from both ends of a number.
fn peel(text: &str) -> Result<Amount<'_>, Cleaned<'static>> {
    let mut amount = Amount { number: text, negative: false, has_currency: false, currency: None };
    let (mut signed, mut open) = (false, false);
    loop {
        let number = amount.number.trim();
        amount.number = number;
        let Some(first) = number.chars().next() else {
            return Err(Cleaned::invalid("money.malformed"));
        };
        if first.is_ascii_digit() || matches!(first, '.' | ',') {
            break;
        } else if first == '(' && !open && !signed {
            open = true;
            amount.number = &number[1..];
        } else if matches!(first, '-' | '+') && !signed && !open {
            signed = true;
            amount.negative = first == '-';
            amount.number = &number[1..];
        } else {
            let end = number.find(|c: char| c.is_ascii_digit() || matches!(c, ' ' | '(' | '-' | '+' | ',')).unwrap_or(number.len());
            // "Rs.500": the point belongs to the word.
            amount.take_currency(&number[..end])?;
            amount.number = &number[end..];
        }
    }
    let mut closed = !open;
    loop {
        let number = amount.number.trim();
        amount.number = number;
        let Some(last) = number.chars().next_back() else {
            return Err(Cleaned::invalid("money.malformed"));
        };
        // German and Dutch prices end in ",-" or ",--" for no cents.
        let bare = number.trim_end_matches('-');
        if bare.len() < number.len() && bare.ends_with([',', '.']) {
            amount.number = &bare[..bare.len() - 1];
        } else if last.is_ascii_digit() || last == '.' && number[..number.len() - 1].ends_with(|c: char| c.is_ascii_digit()) {
            break;
        } else if last == ')' && !closed {
            closed = true;
            amount.negative = true;
            amount.number = &number[..number.len() - 1];
        } else if last == '-' && !signed && !open {
            signed = true;
            amount.negative = true;
            amount.number = &number[..number.len() - 1];
        } else {
            let start = number.rfind(|c: char| c.is_ascii_digit() || matches!(c, ' ' | ')' | '-')).map_or(0, |index| index + 1);
            amount.take_currency(&number[start..])?;
            amount.number = &number[..start];
        }
    }
    if closed { Ok(amount) } else { Err(Cleaned::invalid("money.malformed")) }
}

impl Amount<'_> {
    fn take_currency(&mut self, word: &str) -> Result<(), Cleaned<'static>> {
        let word = word.trim_matches(',');
        let lower = word.trim_end_matches('.').to_lowercase();
        if matches!(
            lower.as_str(),
            "k" | "m" | "mm" | "mn" | "mio" | "mrd" | "b" | "bn" | "million" | "thousand" | "billion" | "lakh" | "crore"
        ) {
            return Err(Cleaned::suspect_without_value("money.abbreviated"));
        }
        let Some(meaning) = symbol::meaning(word) else {
            return Err(if lower.chars().any(char::is_alphabetic) {
                Cleaned::invalid("money.has_words")
            } else {
                Cleaned::invalid("money.malformed")
            });
        };
        let named = meaning.code();
        if self.has_currency && self.currency.is_some() && named.is_some() && self.currency != named {
            return Err(Cleaned::invalid("money.malformed"));
        }
        self.has_currency = true;
        self.currency = named.or(self.currency);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cleaners::CleaningContext;
    use crate::cleaners::vectors::{check, check_in};
    use aqueduct_schema::SemanticType::Money;

    #[test]
    fn amounts_without_a_declared_locale() {
        check(
            Money,
            &[
                ("0", Some("0"), ""),
                ("-12.50", Some("-12.50"), ""),
                ("1200.5", Some("1200.5"), ""),
                ("0.125", Some("0.125"), ""),
                ("1234.567", Some("1234.567"), ""),
                ("1,200.50", Some("1200.50"), "money.rewritten"),
                ("1.200,50", Some("1200.50"), "money.rewritten"),
                ("1.234.567", Some("1234567"), "money.rewritten"),
                ("12,34,567.89", Some("1234567.89"), "money.rewritten"),
                ("1'200.50", Some("1200.50"), "money.rewritten"),
                ("1\u{202f}200,50", Some("1200.50"), "money.rewritten"),
                ("1 234,567", Some("1234.567"), "money.rewritten"),
                ("12,5", Some("12.5"), "money.rewritten"),
                ("(12)", Some("-12"), "money.rewritten"),
                ("12.50-", Some("-12.50"), "money.rewritten"),
                ("\u{2212}12", Some("-12"), "money.rewritten"),
                ("-0.00", Some("0.00"), "money.rewritten"),
                ("007", Some("7"), "money.rewritten"),
                (".5", Some("0.5"), "money.rewritten"),
                ("5.", Some("5"), "money.rewritten"),
                ("1.5e3", Some("1500"), "money.rewritten"),
                ("١٢٣", Some("123"), "money.rewritten"),
                ("$1,200.50", Some("1200.50"), "money.currency_removed"),
                ("($1,200.50)", Some("-1200.50"), "money.currency_removed"),
                ("-$5", Some("-5"), "money.currency_removed"),
                ("$-5", Some("-5"), "money.currency_removed"),
                ("1.200,50 €", Some("1200.50"), "money.currency_removed"),
                ("EUR 12,-", Some("12"), "money.currency_removed"),
                ("12,-", Some("12"), "money.rewritten"),
                ("US$12", Some("12"), "money.currency_removed"),
                ("Rs.500", Some("500"), "money.currency_removed"),
                ("100 kr.", Some("100"), "money.currency_removed"),
                ("$12 USD", Some("12"), "money.currency_removed"),
                ("1,234", None, "money.ambiguous_separator"),
                ("1.234", None, "money.ambiguous_separator"),
                ("$ 1.234", None, "money.ambiguous_separator"),
                ("5m", None, "money.abbreviated"),
                ("12 per month", None, "money.has_words"),
                ("1,23,4", None, "money.malformed"),
                ("1.200.50", None, "money.malformed"),
                ("12-15", None, "money.malformed"),
                ("(12", None, "money.malformed"),
                ("12%", None, "money.malformed"),
                ("EUR 12 USD", None, "money.malformed"),
            ],
        );
    }

    #[test]
    fn amounts_in_a_declared_locale() {
        let german = CleaningContext { decimal_separator: Some(','), ..CleaningContext::default() };
        check_in(
            Money,
            &german,
            &[
                ("1.234", Some("1234"), "money.rewritten"),
                ("1,234", Some("1.2340"), "money.rewritten"),
                ("1.2340", Some("1.2340"), ""),
                ("1.234,5", Some("1234.5"), "money.rewritten"),
                ("1234.5", Some("1234.5"), ""),
                ("1,234.5", Some("1234.5"), "money.unexpected_separator"),
            ],
        );
        let english = CleaningContext { decimal_separator: Some('.'), ..CleaningContext::default() };
        check_in(
            Money,
            &english,
            &[
                ("1.234", Some("1.234"), ""),
                ("1,234", Some("1234"), "money.rewritten"),
                ("1.234,50", Some("1234.50"), "money.unexpected_separator"),
            ],
        );
        let dollars = CleaningContext { currency: Some("USD"), ..CleaningContext::default() };
        check_in(
            Money,
            &dollars,
            &[
                ("12.50", Some("12.50"), ""),
                ("$12.50", Some("12.50"), "money.currency_removed"),
                ("12.505 USD", None, "money.ambiguous_separator"),
                ("£12", Some("12"), "money.currency_removed"),
                ("12.5050", Some("12.5050"), "money.too_many_decimals"),
            ],
        );
    }
}
