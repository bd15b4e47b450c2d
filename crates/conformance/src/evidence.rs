//! Everything that was said while the rules were tried, to be searched for secrets.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aqueduct_schema::{Error, StreamState};

/// Texts that a person or a table gets to see, with what each was.
#[derive(Default)]
pub(crate) struct Evidence {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    texts: BTreeSet<(&'static str, String)>,
    secrets: BTreeSet<String>,
}

impl Evidence {
    /// Takes note of what must not be printed.
    pub(crate) fn secrets(&self, secrets: Vec<String>) {
        self.lock().secrets.extend(secrets.into_iter().filter(|secret| !secret.is_empty()));
    }

    /// Takes an error in all its words.
    pub(crate) fn error(&self, error: &Error) {
        let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        self.text("an error", format!("{error} {error:?} {} {} {source}", error.advice(), error.data()));
    }

    /// Takes the state of a stream as it is stored.
    pub(crate) fn state(&self, state: &StreamState) {
        self.text("stored state", serde_json::to_string(state).unwrap_or_default());
    }

    /// Takes something that can be printed for whoever looks for a mistake.
    pub(crate) fn debug(&self, what: &'static str, value: &impl Debug) {
        self.text(what, format!("{value:?}"));
    }

    /// What was printed although it is a secret; the secret itself is left out here too.
    pub(crate) fn leaks(&self) -> Vec<String> {
        let inner = self.lock();
        let leak = |(what, text): &(&'static str, String)| {
            let found = inner.secrets.iter().find(|secret| text.contains(secret.as_str()))?;
            let cut: String = text.replace(found.as_str(), "[here]").chars().take(300).collect();
            Some(format!("{what} holds a secret: {cut}"))
        };
        inner.texts.iter().filter_map(leak).collect()
    }

    /// How many texts and secrets there are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.texts.len(), inner.secrets.len())
    }

    fn text(&self, what: &'static str, text: String) {
        self.lock().texts.insert((what, text));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aqueduct_schema::codes;

    #[test]
    fn a_leak_is_found_and_not_repeated() {
        let evidence = Evidence::default();
        evidence.secrets(vec!["canary-1".into(), String::new()]);
        evidence.error(&Error::new(codes::SOURCE_FAILED, "all is quiet"));
        assert_eq!((evidence.leaks(), evidence.counts()), (Vec::new(), (1, 1)));
        evidence.error(&Error::new(codes::SOURCE_FAILED, "failed").caused_by("sent canary-1"));
        let leaks = evidence.leaks();
        assert!(leaks.len() == 1 && leaks[0].contains("sent [here]") && !leaks[0].contains("canary"), "{leaks:?}");
    }
}
