//! The law of all cleaners, held against arbitrary text and against valid values with planted dirt.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::BTreeSet;

use aqueduct_schema::{CleaningStatus, SemanticType};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{
    CleaningContext, VERSION, clean, date_days, decimal_units, email_match_key, email_normalized, rules, timestamp_micros, version,
};

/// Contexts of several kinds: none, European, American, and one whose facts make no sense.
const CONTEXTS: [CleaningContext<'static>; 4] = [
    CleaningContext::NONE,
    CleaningContext {
        country: Some("DE"),
        default_country: Some("GB"),
        currency: Some("EUR"),
        time_zone: Some("Europe/Berlin"),
        decimal_separator: Some(','),
        day_first: Some(true),
    },
    CleaningContext {
        country: None,
        default_country: Some("US"),
        currency: Some("JPY"),
        time_zone: Some("America/New_York"),
        decimal_separator: Some('.'),
        day_first: Some(false),
    },
    CleaningContext {
        country: Some("Ω"),
        default_country: Some(""),
        currency: Some("💶"),
        time_zone: Some("../etc"),
        decimal_separator: Some('x'),
        day_first: None,
    },
];

/// What the law demands of one value in one context.
fn hold(semantic: SemanticType, value: &str, context: &CleaningContext<'_>) {
    let cleaned = clean(semantic, value, context);
    let about = format!("{} {value:?} {context:?} gave {cleaned:?}", semantic.name());
    match cleaned.status {
        CleaningStatus::Ok => {
            assert_eq!((cleaned.value.as_deref(), cleaned.code), (Some(value), ""), "{about}");
            assert!(matches!(cleaned.value, Some(Cow::Borrowed(_))), "{about} copied");
        }
        CleaningStatus::Fixed => assert!(cleaned.value.as_deref().is_some_and(|clean| clean != value), "{about}"),
        CleaningStatus::Suspect => {}
        CleaningStatus::Invalid | CleaningStatus::Missing => assert_eq!(cleaned.value, None, "{about}"),
    }
    if cleaned.status != CleaningStatus::Ok {
        let rule = rules().find(|rule| rule.code == cleaned.code);
        assert!(rule.is_some_and(|rule| rule.status == cleaned.status && rule.semantic == semantic), "{about}: no rule");
    }
    let Some(first) = cleaned.value else {
        return;
    };
    assert!(!first.is_empty(), "{about}");
    let again = clean(semantic, &first, context);
    assert_eq!(again.value.as_deref(), Some(first.as_ref()), "{about}, then {again:?}");
    match semantic {
        SemanticType::Timestamp => assert!(timestamp_micros(&first).is_some(), "{about}"),
        SemanticType::Date => assert!(date_days(&first).is_some(), "{about}"),
        SemanticType::Money | SemanticType::Ratio => assert!(decimal_units(&first).is_some(), "{about}"),
        SemanticType::Count => assert!(first.parse::<i64>().is_ok(), "{about}"),
        SemanticType::Flag => assert!(matches!(first.as_ref(), "true" | "false"), "{about}"),
        SemanticType::Email => {
            let key = email_normalized(&first).into_owned();
            assert_eq!(email_normalized(&key), key.as_str(), "{about}");
            let key = email_match_key(&first).into_owned();
            assert_eq!(email_match_key(&key), key.as_str(), "{about}");
        }
        _ => {}
    }
}

fn hold_everywhere(value: &str) {
    for semantic in SemanticType::ALL {
        for context in &CONTEXTS {
            hold(semantic, value, context);
        }
    }
}

/// Text near the forms that cleaners know: pieces that mean something, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(" "),
        Just("\u{200b}"),
        Just("\u{200d}"),
        Just("\u{a0}"),
        Just("\r\n"),
        Just("\u{0}"),
        Just("\u{202e}"),
        Just("\u{301}"),
        Just("."),
        Just(","),
        Just("-"),
        Just("+"),
        Just("("),
        Just(")"),
        Just("<"),
        Just(">"),
        Just("\""),
        Just("'"),
        Just(";"),
        Just(":"),
        Just("/"),
        Just("@"),
        Just("%"),
        Just("$"),
        Just("€"),
        Just("#"),
        Just("_"),
        Just("&"),
        Just("0"),
        Just("1"),
        Just("12"),
        Just("00"),
        Just("44"),
        Just("999"),
        Just("2026"),
        Just("2026-01-31"),
        Just("31/01/2026"),
        Just("T"),
        Just("12:00"),
        Just("Z"),
        Just("E+11"),
        Just("e3"),
        Just("PM"),
        Just("UTC"),
        Just("ada"),
        Just("acme.com"),
        Just("ACME.test"),
        Just("mailto:"),
        Just("http://"),
        Just("https://"),
        Just("xn--"),
        Just("?utm_source=x"),
        Just("null"),
        Just("n/a"),
        Just("None"),
        Just("USD"),
        Just("kr."),
        Just("ext"),
        Just("GB"),
        Just("Korea"),
        Just("the "),
        Just("en-"),
        Just("Europe/"),
        Just("Ã©"),
        Just("Ãƒ"),
        Just("ß"),
        Just("İ"),
        Just("ａ"),
        Just("＠"),
        Just("٣"),
        Just("<b>"),
        Just("</p>"),
        Just("&lt;"),
        Just("ſ"),
        Just("\u{37e}"),
        Just("\u{212a}"),
        Just("日本"),
        Just("🇬🇧"),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// A valid value with a few characters taken out, put in or doubled.
fn mutated() -> impl Strategy<Value = String> {
    let examples: Vec<&'static str> = rules().map(|rule| rule.example_in).filter(|text| text.len() < 200).collect();
    (proptest::sample::select(examples), proptest::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..4_u8), 0..4)).prop_map(
        |(text, edits)| {
            let mut characters: Vec<char> = text.chars().collect();
            for (place, character, edit) in edits {
                let place = place.index(characters.len() + 1);
                match edit {
                    0 => characters.insert(place, character),
                    1 if place < characters.len() => drop(characters.remove(place)),
                    2 if place < characters.len() => characters.insert(place, characters[place]),
                    3 if place < characters.len() => characters[place] = character,
                    _ => {}
                }
            }
            characters.into_iter().collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, rng_seed: RngSeed::Fixed(0x00a9_0e0d), ..ProptestConfig::default() })]

    #[test]
    fn the_law_holds_for_arbitrary_text(value in any::<String>()) {
        hold_everywhere(&value);
    }

    #[test]
    fn the_law_holds_for_pieces_of_known_forms(value in pieces()) {
        hold_everywhere(&value);
    }

    #[test]
    fn the_law_holds_for_damaged_examples(value in mutated()) {
        hold_everywhere(&value);
    }

    #[test]
    fn telephone_numbers_hold_the_law(value in "(\\+|00|0)?[0-9]{1,3}[ (-]?[0-9]{2,14}( ?(x|ext\\.?) ?[0-9]{1,4})?") {
        for context in &CONTEXTS {
            hold(SemanticType::PhoneNumber, &value, context);
        }
    }

    #[test]
    fn numbers_hold_the_law(value in "[(+-]?[$€]?[0-9]{1,5}([., '][0-9]{1,4}){0,3}(e[+-]?[0-9]{1,2})?[)%-]?( USD| kr)?") {
        for semantic in [SemanticType::Money, SemanticType::Ratio, SemanticType::Count] {
            for context in &CONTEXTS {
                hold(semantic, &value, context);
            }
        }
    }

    #[test]
    fn times_hold_the_law(
        value in "([0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}|[0-3]?[0-9][./][0-3]?[0-9][./](19|20)?[0-9]{2})([T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{1,9})?)?)?( ?(Z|[+-][01][0-9]:?[03]0|PM))?",
    ) {
        for semantic in [SemanticType::Timestamp, SemanticType::Date] {
            for context in &CONTEXTS {
                hold(semantic, &value, context);
            }
        }
    }
}

#[test]
fn every_example_gives_its_code() {
    for rule in rules() {
        let cleaned = clean(rule.semantic, rule.example_in, &rule.context);
        let expected = (rule.code, rule.status, rule.example_out);
        assert_eq!(
            (cleaned.code, cleaned.status, cleaned.value.as_deref()),
            expected,
            "{:?}",
            rule.example_in.get(..60).unwrap_or(rule.example_in)
        );
        hold(rule.semantic, rule.example_in, &rule.context);
    }
}

#[test]
fn codes_are_unique_and_bear_the_name_of_their_type() {
    let mut seen = BTreeSet::new();
    for rule in rules() {
        assert!(seen.insert(rule.code), "{} twice", rule.code);
        assert_eq!(rule.code.split_once('.').map(|(semantic, _)| semantic), Some(rule.semantic.name()));
        assert!(rule.meaning.ends_with('.') && rule.meaning.len() > 10, "{}", rule.code);
        let stores = matches!(rule.status, CleaningStatus::Fixed | CleaningStatus::Suspect);
        assert!(rule.example_out.is_none() || stores, "{}", rule.code);
    }
    for semantic in SemanticType::ALL {
        assert!(rules().any(|rule| rule.semantic == semantic && rule.status == CleaningStatus::Missing), "{}", semantic.name());
    }
}

#[test]
fn the_version_rises_with_every_cleaner() {
    assert_eq!(VERSION, SemanticType::ALL.into_iter().map(version).sum::<u32>());
}
