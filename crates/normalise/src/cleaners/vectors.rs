//! How the tests of all cleaners check a table of vectors.

use aqueduct_schema::{CleaningStatus, SemanticType};

use super::{CleaningContext, clean, rules};

/// Checks value and code of each input, without facts around it.
pub(crate) fn check(semantic: SemanticType, vectors: &[(&str, Option<&str>, &str)]) {
    check_in(semantic, &CleaningContext::default(), vectors);
}

/// Checks value and code of each input, that the status is the code's, and that cleaning the value again gives it again.
pub(crate) fn check_in(semantic: SemanticType, context: &CleaningContext<'_>, vectors: &[(&str, Option<&str>, &str)]) {
    for &(input, value, code) in vectors {
        let cleaned = clean(semantic, input, context);
        assert_eq!((cleaned.value.as_deref(), cleaned.code), (value, code), "{input:?}");
        let status = match code {
            "" => CleaningStatus::Ok,
            _ => rules().find(|rule| rule.code == code && rule.semantic == semantic).map_or(CleaningStatus::Ok, |rule| rule.status),
        };
        assert_eq!(cleaned.status, status, "{input:?} {code}");
        if let Some(value) = value {
            let again = clean(semantic, value, context);
            assert_eq!(again.value.as_deref(), Some(value), "{input:?} cleaned twice");
        }
    }
}
