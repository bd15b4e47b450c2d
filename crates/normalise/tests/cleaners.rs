//! The law of all cleaners, held against ten thousand arbitrary texts (the example `cleaner_laws` takes a million).
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/arbitrary.rs"]
mod arbitrary;

use aqueduct_schema::SemanticType;
use arbitrary::{CONTEXTS, Chance, broken, take_details, text};

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
