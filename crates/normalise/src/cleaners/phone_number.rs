//! Telephone numbers as E.164: a plus sign and at most fifteen digits or so, nothing else.

use std::borrow::Cow;

use aqueduct_schema::Cleaned;

use super::CleaningContext;
use super::numbering_plan::{self, Group, Length, Plan};
use super::phone_text::{self, Refusal, Written};
use super::text::{Presence, presence_without_na};

/// The version of these rules; the numbering plans are of libphonenumber 9.0.33.
pub(super) const VERSION: u32 = 2;

rules! { PhoneNumber;
    Missing "phone_number.empty" "  " => None, "There is nothing but space.";
    Missing "phone_number.placeholder" "0000000000" => None, "The text stands for no number.";
    Fixed "phone_number.formatted" "+44 20 7946 0958" => Some("+442079460958"), "Spaces and signs were taken out of an international number.";
    Fixed "phone_number.international_prefix" "0044 20 7946 0958" => Some("+442079460958"), "The prefix for calls abroad (00, or 011 in America) became a plus sign.";
    Fixed "phone_number.country_added" "020 7946 0958" => Some("+442079460958"), "The number was written as dialled inside the country that the row or the pipeline names.", { country: "GB" };
    Fixed "phone_number.plus_added" "442079460958" => Some("+442079460958"), "The calling code of the named country stood before the number without a plus sign.", { country: "GB" };
    Fixed "phone_number.extension_removed" "+44 20 7946 0958 ext. 12" => Some("+442079460958"), "An extension was taken out; E.164 has no place for it.";
    Fixed "phone_number.letters_dialled" "1-800-FLOWERS" => Some("+18003569377"), "Letters were dialled as on a telephone's keys.", { country: "US" };
    Suspect "phone_number.not_assigned" "+1 555 123 4567" => Some("+15551234567"), "The length is right, but the plan gives out no such number.";
    Suspect "phone_number.no_country" "020 7946 0958" => None, "The number names no country, and neither does the row nor the pipeline.";
    Suspect "phone_number.no_area_code" "253 0000" => None, "The number lacks its area code.", { country: "US" };
    Suspect "phone_number.several_numbers" "020 7946 0958 / 07700 900123" => None, "There are several numbers; none is chosen.";
    Invalid "phone_number.scientific_notation" "4.479E+11" => None, "A spreadsheet has rounded the number; its digits are lost.";
    Invalid "phone_number.unknown_calling_code" "+999 123 4567" => None, "No country has this calling code.";
    Invalid "phone_number.too_short" "+44 2" => None, "There are fewer digits than any number of the country has.";
    Invalid "phone_number.too_long" "+44 20 7946 0958 1234" => None, "There are more digits than any number of the country has.";
    Invalid "phone_number.wrong_length" "+47 123456" => None, "Numbers of the country have fewer or more digits.";
    Invalid "phone_number.malformed" "call me" => None, "It is no telephone number.";
}

pub(super) fn clean<'v>(value: &'v str, context: &CleaningContext<'_>) -> Cleaned<'v> {
    if let Some(digits) = canonical(value)
        && let Some((group, national)) = numbering_plan::split(digits)
        && group.is_valid(national)
    {
        return Cleaned::ok(value);
    }
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("phone_number.empty"),
        Presence::Placeholder => return Cleaned::missing("phone_number.placeholder"),
        Presence::Value(text) => text,
    };
    let written = match phone_text::read(text) {
        Ok(written) => written,
        Err(Refusal::Malformed) => return Cleaned::invalid("phone_number.malformed"),
        Err(Refusal::Scientific) => return Cleaned::invalid("phone_number.scientific_notation"),
        Err(Refusal::Several) => return Cleaned::suspect_without_value("phone_number.several_numbers"),
        Err(Refusal::Placeholder) => return Cleaned::missing("phone_number.placeholder"),
    };
    let region = [context.country, context.default_country].into_iter().flatten().find_map(numbering_plan::of_country);
    match resolve(&written, region) {
        Ok(number) => judge(&number, &written, value),
        Err(refusal) => refusal,
    }
}

/// The digits of a text that is nothing but a plus sign and as many digits as a number can have.
fn canonical(value: &str) -> Option<&str> {
    let digits = value.strip_prefix('+')?;
    ((6..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// A number whose country is known.
#[derive(Clone)]
struct Number {
    group: Group,
    main: &'static Plan,
    national: String,
    code: &'static str,
}

fn resolve(written: &Written, region: Option<&'static Plan>) -> Result<Number, Cleaned<'static>> {
    let digits = written.digits.as_str();
    if written.plus {
        // "+0044…" is written where a form puts the plus sign before whatever is typed.
        return international(digits.strip_prefix("00").unwrap_or(digits), "phone_number.formatted");
    }
    let is_valid = |number: &Number| number.group.is_valid(&number.national);
    let of_region = region.and_then(|plan| plan.without_international_prefix(digits));
    let of_region = of_region.and_then(|rest| international(rest, "phone_number.international_prefix").ok());
    if let Some(number) = of_region.as_ref().filter(|number| is_valid(number)) {
        return Ok(number.clone());
    }
    // In some countries digits of the carrier follow the zeros (Brazil's 0012), so "001 212 …" can be read in two ways.
    if let Some(rest) = digits.strip_prefix("00") {
        let plain = international(rest, "phone_number.international_prefix");
        return match (plain, of_region) {
            (Ok(number), _) if is_valid(&number) => Ok(number),
            (_, Some(number)) => Ok(number),
            (plain, None) => plain,
        };
    }
    let Some(plan) = region else {
        let is_short = digits.len() < 6;
        return Err(if is_short {
            Cleaned::invalid("phone_number.too_short")
        } else {
            Cleaned::suspect_without_value("phone_number.no_country")
        });
    };
    national(digits, plan)
}

fn international(digits: &str, code: &'static str) -> Result<Number, Cleaned<'static>> {
    let Some((group, national)) = numbering_plan::split(digits) else {
        return Err(Cleaned::invalid("phone_number.unknown_calling_code"));
    };
    let Some(main) = group.main() else {
        return Err(Cleaned::invalid("phone_number.unknown_calling_code"));
    };
    let mut national = national.to_owned();
    // "+44 (0)20 …": the trunk prefix is taken out, again if it was written twice, unless the number is valid with it (Italy).
    while !group.is_valid(&national)
        && let Some(stripped) = main.without_national_prefix(&national)
    {
        if stripped.len() >= national.len() {
            if group.is_valid(&stripped) {
                national = stripped;
            }
            break;
        }
        national = stripped;
    }
    Ok(Number { group, main, national, code })
}

fn national(digits: &str, plan: &'static Plan) -> Result<Number, Cleaned<'static>> {
    let group = Group::of(plan);
    let main = group.main().unwrap_or(plan);
    let calling_code = plan.country_code().to_string();
    let inside = plan.without_national_prefix(digits).unwrap_or_else(|| digits.to_owned());
    if !group.is_valid(&inside)
        && let Some(rest) = digits.strip_prefix(&calling_code)
        && !plan.has_general_shape(digits)
        && let Ok(number) = international(digits, "phone_number.plus_added")
        && (number.group.is_valid(&number.national) || plan.length(digits) == Length::TooLong && plan.has_general_shape(rest))
    {
        return Ok(number);
    }
    // What is stored is read again as an international number, so it has to be what that reading gives.
    let number = international(&format!("{calling_code}{inside}"), "phone_number.country_added")?;
    Ok(Number { main, ..number })
}

fn judge<'v>(number: &Number, written: &Written, value: &'v str) -> Cleaned<'v> {
    if number.national.bytes().all(|byte| byte == b'0') {
        return Cleaned::missing("phone_number.placeholder");
    }
    let is_valid = number.group.is_valid(&number.national);
    if written.letters && !is_valid {
        return Cleaned::invalid("phone_number.malformed");
    }
    let text = format!("+{}{}", number.main.country_code(), number.national);
    let clean = if text == value { Cow::Borrowed(value) } else { Cow::Owned(text) };
    if !is_valid {
        return match number.main.length(&number.national) {
            Length::Possible => Cleaned::suspect(clean, "phone_number.not_assigned"),
            Length::LocalOnly => Cleaned::suspect_without_value("phone_number.no_area_code"),
            Length::TooShort => Cleaned::invalid("phone_number.too_short"),
            Length::TooLong => Cleaned::invalid("phone_number.too_long"),
            Length::Between => Cleaned::invalid("phone_number.wrong_length"),
        };
    }
    if matches!(clean, Cow::Borrowed(_)) {
        Cleaned::ok(clean)
    } else if written.extension {
        Cleaned::fixed(clean, "phone_number.extension_removed")
    } else if written.letters {
        Cleaned::fixed(clean, "phone_number.letters_dialled")
    } else {
        Cleaned::fixed(clean, number.code)
    }
}
