//! Reading YAML that people wrote, with errors that name file, line and column.

use serde::de::DeserializeOwned;

use crate::codes;
use crate::error::{Error, Result};

/// The limits of a file that people write. What it may nest is bounded, since reading takes stack for every level of it.
pub fn budget() -> Option<serde_saphyr::Budget> {
    serde_saphyr::budget! { max_depth: MAX_DEPTH }
}

/// How deep a file may nest: pipeline files and mappings need less than half of it.
const MAX_DEPTH: usize = 24;

/// Reads a YAML text. `file` is its name as the person knows it.
///
/// # Errors
/// `AQ1003` for an unknown key, `AQ1002` for anything else, each with line and column.
pub fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T> {
    serde_saphyr::from_str_with_options(text, serde_saphyr::options! { budget: budget() }).map_err(|error| located(file, &error))
}

/// Turns an error of the YAML reader into Aqueduct's. Values are not quoted: they may be secrets.
pub fn located(file: &str, error: &serde_saphyr::Error) -> Error {
    let plain = error.without_snippet();
    let text = plain.to_string();
    // The reader appends the place in words; it is told by the location instead.
    let reason = text
        .split(" at line ")
        .next()
        .and_then(|reason| reason.split(", set DuplicateKeyPolicy").next())
        .unwrap_or(&text)
        .trim_end_matches([',', ':', ' ']);
    // The reader's words for what begins where are of its trade.
    let reason = match reason {
        "expected mapping start" => "`key: value` is expected here, one key or more",
        "expected sequence start" => "a list is expected here, such as `[a, b]`",
        reason if reason.starts_with("budget breached: Depth ") => "this is nested deeper than any setting of a file is",
        reason if reason.starts_with("budget breached: ") => "the file has more in it than is read of one",
        reason => reason,
    }
    .to_owned();
    let (line, column) = plain.location().map_or((1, 0), |location| (location.line(), location.column()));
    let unknown = reason.contains("unknown field");
    let error = Error::new(if unknown { codes::UNKNOWN_KEY } else { codes::BAD_YAML }, reason);
    error.at(file, line, column)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, dead_code)]
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        name: String,
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(default)]
        any: serde_json::Value,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        count: u32,
    }

    #[test]
    fn errors_name_line_and_column() {
        for (text, code, line, column) in [
            ("name: a\nselct: b\n", codes::UNKNOWN_KEY, 2, 1),
            ("name: a\ninner:\n  count: canary\n", codes::BAD_YAML, 3, 10),
            ("name: a\ninner:\n  cuont: 1\n", codes::UNKNOWN_KEY, 3, 3),
            ("name: [a\n", codes::BAD_YAML, 1, 7),
            ("inner: {count: 1}\n", codes::BAD_YAML, 1, 1),
            ("name: a\nname: b\n", codes::BAD_YAML, 2, 1),
            ("name: a\ninner: 3\n", codes::BAD_YAML, 2, 8),
        ] {
            let error = read::<Outer>("p.yaml", text).unwrap_err();
            let place = error.location().unwrap();
            assert_eq!((error.code(), place.line, place.column), (code, line, column), "{error}");
            assert!(!error.to_string().contains("canary") && !error.to_string().contains(" start"), "{error}");
        }
    }

    #[test]
    fn what_nests_too_deep_is_refused_with_its_place() {
        let nested = |depth: usize| format!("name: a\nany: {}{}\n", "[".repeat(depth), "]".repeat(depth));
        read::<Outer>("p.yaml", &nested(MAX_DEPTH - 1)).unwrap();
        let error = read::<Outer>("p.yaml", &nested(MAX_DEPTH)).unwrap_err();
        assert_eq!((error.code(), error.location().unwrap().line), (codes::BAD_YAML, 2));
        assert!(error.to_string().contains("nested deeper"), "{error}");
        read::<Outer>("p.yaml", &nested(100_000)).unwrap_err();
    }

    #[test]
    fn free_values_become_json() {
        let outer: Outer = read("p.yaml", "name: a\nany: {a: 1, b: [true, x]}\n").unwrap();
        assert_eq!(outer.any["b"][1], "x");
    }
}
