//! Vectors of the cleaner of telephone numbers, and its agreement with the metadata's own examples.
#![allow(clippy::unwrap_used)]

use aqueduct_schema::CleaningStatus;
use aqueduct_schema::SemanticType::PhoneNumber;

use super::vectors::{check, check_in};
use super::{CleaningContext, clean, phone_text};

fn in_country(country: &'static str) -> CleaningContext<'static> {
    CleaningContext { country: Some(country), ..CleaningContext::default() }
}

#[test]
fn numbers_that_name_their_country() {
    check(
        PhoneNumber,
        &[
            ("+442079460958", Some("+442079460958"), ""),
            ("+16502530000", Some("+16502530000"), ""),
            ("+390236618300", Some("+390236618300"), ""),
            ("+80012345678", Some("+80012345678"), ""),
            ("+44 20 7946 0958", Some("+442079460958"), "phone_number.formatted"),
            ("+44 (0)20 7946 0958", Some("+442079460958"), "phone_number.formatted"),
            ("(+44) 20 7946-0958", Some("+442079460958"), "phone_number.formatted"),
            ("+1 (650) 253-0000", Some("+16502530000"), "phone_number.formatted"),
            ("+1.650.253.0000", Some("+16502530000"), "phone_number.formatted"),
            ("'+442079460958", Some("+442079460958"), "phone_number.formatted"),
            ("＋４４ ２０ ７９４６ ０９５８", Some("+442079460958"), "phone_number.formatted"),
            ("\u{202a}+44 20 7946 0958\u{202c}", Some("+442079460958"), "phone_number.formatted"),
            ("tel:+44-20-7946-0958", Some("+442079460958"), "phone_number.formatted"),
            ("Tel.: +44 20 7946 0958", Some("+442079460958"), "phone_number.formatted"),
            ("+0044 20 7946 0958", Some("+442079460958"), "phone_number.formatted"),
            ("+442079460958.0", Some("+442079460958"), "phone_number.formatted"),
            ("+49 30/1234567", Some("+49301234567"), "phone_number.formatted"),
            ("0044 20 7946 0958", Some("+442079460958"), "phone_number.international_prefix"),
            ("+44 20 7946 0958 x123", Some("+442079460958"), "phone_number.extension_removed"),
            ("+1 650-253-0000, ext. 99", Some("+16502530000"), "phone_number.extension_removed"),
            ("+1 650-253-0000 #99", Some("+16502530000"), "phone_number.extension_removed"),
            ("tel:+1-650-253-0000;ext=99", Some("+16502530000"), "phone_number.extension_removed"),
            ("+1 800 FLOWERS", Some("+18003569377"), "phone_number.letters_dialled"),
            ("+15551234567", Some("+15551234567"), "phone_number.not_assigned"),
            ("+1 253 0000", None, "phone_number.no_area_code"),
            ("020 7946 0958", None, "phone_number.no_country"),
            ("447911123456", None, "phone_number.no_country"),
            ("+44 20 7946 0958; +44 7700 900123", None, "phone_number.several_numbers"),
            ("+442079460958 +447700900123", None, "phone_number.several_numbers"),
            ("4.479E+11", None, "phone_number.scientific_notation"),
            ("4,47911E+11", None, "phone_number.scientific_notation"),
            ("+0 20 7946 0958", None, "phone_number.unknown_calling_code"),
            ("+44 7", None, "phone_number.too_short"),
            ("+4420794609581234", None, "phone_number.too_long"),
            ("0000000000", None, "phone_number.placeholder"),
            ("1234567890", None, "phone_number.placeholder"),
            ("+44 0000 000000", None, "phone_number.placeholder"),
            ("999-999-9999", None, "phone_number.placeholder"),
            ("ada@acme.com", None, "phone_number.malformed"),
            ("ask at reception", None, "phone_number.malformed"),
            ("12", None, "phone_number.too_short"),
        ],
    );
}

#[test]
fn numbers_as_dialled_inside_a_country() {
    check_in(
        PhoneNumber,
        &in_country("GB"),
        &[
            ("020 7946 0958", Some("+442079460958"), "phone_number.country_added"),
            ("(020) 7946 0958", Some("+442079460958"), "phone_number.country_added"),
            ("2079460958", Some("+442079460958"), "phone_number.country_added"),
            ("07400 123456", Some("+447400123456"), "phone_number.country_added"),
            ("447400123456", Some("+447400123456"), "phone_number.plus_added"),
            ("+1 650 253 0000", Some("+16502530000"), "phone_number.formatted"),
            ("00 1 650 253 0000", Some("+16502530000"), "phone_number.international_prefix"),
        ],
    );
    check_in(
        PhoneNumber,
        &in_country("US"),
        &[
            ("(650) 253-0000", Some("+16502530000"), "phone_number.country_added"),
            ("1-650-253-0000", Some("+16502530000"), "phone_number.country_added"),
            ("011 44 20 7946 0958", Some("+442079460958"), "phone_number.international_prefix"),
            ("0044 20 7946 0958", Some("+442079460958"), "phone_number.international_prefix"),
            ("555-123-4567", Some("+15551234567"), "phone_number.not_assigned"),
        ],
    );
    check_in(PhoneNumber, &in_country("IT"), &[("02 3661 8300", Some("+390236618300"), "phone_number.country_added")]);
    check_in(PhoneNumber, &in_country("DE"), &[("030/1234567", Some("+49301234567"), "phone_number.country_added")]);
    check_in(PhoneNumber, &in_country("AR"), &[("0343 15 555 1212", Some("+5493435551212"), "phone_number.country_added")]);
    check_in(PhoneNumber, &in_country("RU"), &[("8 (912) 345-67-89", Some("+79123456789"), "phone_number.country_added")]);
    check_in(
        PhoneNumber,
        &in_country("BR"),
        &[
            ("(11) 96123-4567", Some("+5511961234567"), "phone_number.country_added"),
            ("001 212 911 1861", Some("+12129111861"), "phone_number.international_prefix"),
            ("0015 1 650 253 0000", Some("+16502530000"), "phone_number.international_prefix"),
        ],
    );
    check_in(PhoneNumber, &in_country("FR"), &[("01 42 68 53 00", Some("+33142685300"), "phone_number.country_added")]);
    check_in(PhoneNumber, &in_country("ZZ"), &[("020 7946 0958", None, "phone_number.no_country")]);
}

#[test]
fn the_row_goes_before_the_pipeline() {
    let context = CleaningContext { country: Some("FR"), default_country: Some("GB"), ..CleaningContext::default() };
    check_in(PhoneNumber, &context, &[("01 42 68 53 00", Some("+33142685300"), "phone_number.country_added")]);
    let context = CleaningContext { default_country: Some("gb"), ..CleaningContext::default() };
    check_in(PhoneNumber, &context, &[("020 7946 0958", Some("+442079460958"), "phone_number.country_added")]);
}

/// Every example number of every country and kind is clean as E.164, and comes out of its own country's digits.
#[test]
fn examples_of_all_countries() {
    let mut checked = 0;
    for metadata in phonenumber::metadata::DATABASE.iter() {
        let descriptors = metadata.descriptors();
        for descriptor in [descriptors.fixed_line(), descriptors.mobile(), descriptors.toll_free()].into_iter().flatten() {
            let Some(example) = descriptor.example() else {
                continue;
            };
            // Some countries' examples are the row of digits that people type for no number.
            if phone_text::read(example) == Err(phone_text::Refusal::Placeholder) {
                continue;
            }
            let e164 = format!("+{}{example}", metadata.country_code());
            let cleaned = clean(PhoneNumber, &e164, &CleaningContext::default());
            assert_eq!((cleaned.status, cleaned.value.as_deref()), (CleaningStatus::Ok, Some(e164.as_str())), "{e164}");
            if metadata.id().len() == 2 && metadata.id() != "001" {
                let context = CleaningContext { country: Some(metadata.id()), ..CleaningContext::default() };
                let cleaned = clean(PhoneNumber, example, &context);
                assert_eq!(cleaned.value.as_deref(), Some(e164.as_str()), "{} {example}", metadata.id());
            }
            checked += 1;
        }
    }
    assert!(checked > 600, "{checked}");
}
