//! The law of all cleaners, held against ten thousand arbitrary texts (the example `cleaner_laws` takes a million), against the forms that
//! cleaners know, and against their own examples.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/arbitrary.rs"]
mod arbitrary;

use std::collections::BTreeSet;

use aqueduct_normalise::cleaners::{CleaningContext, VERSION, clean, rules, version};
use aqueduct_schema::{CleaningStatus, SemanticType};
use arbitrary::{CONTEXTS, Chance, broken, take_details, text};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn assert_holds(semantic: SemanticType, value: &str, context: &CleaningContext<'_>) {
    assert_eq!(broken(semantic, value, context), None);
}

#[test]
fn every_cleaner_holds_the_law_for_ten_thousand_texts() {
    let (mut chance, mut details) = (Chance(0x00a9_0e0d), 0);
    for number in 0..10_000 {
        let value = text(&mut chance);
        let context = &CONTEXTS[number % CONTEXTS.len()];
        for semantic in SemanticType::ALL {
            assert_eq!(broken(semantic, &value, context), None, "text {number}");
        }
        if number % 10 == 0 {
            details += SemanticType::ALL.into_iter().map(|semantic| take_details(semantic, &value, context)).sum::<usize>();
        }
    }
    assert!(details > 1000, "{details}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, rng_seed: RngSeed::Fixed(0x00a9_0e0d), ..ProptestConfig::default() })]

    #[test]
    fn the_law_holds_for_any_string(value in any::<String>()) {
        for semantic in SemanticType::ALL {
            for context in &CONTEXTS {
                assert_holds(semantic, &value, context);
            }
        }
    }

    #[test]
    fn telephone_numbers_hold_the_law(value in "(\\+|00|0)?[0-9]{1,3}[ (-]?[0-9]{2,14}( ?(x|ext\\.?) ?[0-9]{1,4})?") {
        for context in &CONTEXTS {
            assert_holds(SemanticType::PhoneNumber, &value, context);
        }
    }

    #[test]
    fn numbers_hold_the_law(value in "[(+-]?[$€]?[0-9]{1,5}([., '][0-9]{1,4}){0,3}(e[+-]?[0-9]{1,2})?[)%-]?( USD| kr)?") {
        for semantic in [SemanticType::Money, SemanticType::Ratio, SemanticType::Count] {
            for context in &CONTEXTS {
                assert_holds(semantic, &value, context);
            }
        }
    }

    #[test]
    fn times_hold_the_law(
        value in "([0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}|[0-3]?[0-9][./][0-3]?[0-9][./](19|20)?[0-9]{2})([T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{1,9})?)?)?( ?(Z|[+-][01][0-9]:?[03]0|PM))?",
    ) {
        for semantic in [SemanticType::Timestamp, SemanticType::Date] {
            for context in &CONTEXTS {
                assert_holds(semantic, &value, context);
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
        assert_holds(rule.semantic, rule.example_in, &rule.context);
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
