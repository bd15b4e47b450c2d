//! What a description says of the vendor's limits: rates in its words, and headers of the answer that asks to wait.

use super::document::Document;
use super::fields::letters;
use crate::plan::{Limit, Noted};

/// Where nothing is said, so many a second.
const USUAL: u32 = 5;
const SPANS: &[(u32, &[&str])] =
    &[(1, &["s", "sec", "second", "seconds"]), (60, &["m", "min", "minute", "minutes"]), (3600, &["h", "hour", "hours"])];

/// The slowest rate that the description speaks of, as a whole or at one of these paths.
pub(super) fn limit(document: &Document, paths: &[&str]) -> Noted<Limit> {
    let mut words = vec![document.root["info"]["description"].as_str().unwrap_or_default()];
    for read in document.reads().into_iter().filter(|read| paths.contains(&read.path)) {
        words.extend(["description", "summary"].iter().filter_map(|key| read.operation[*key].as_str()));
    }
    let rate = |limit: &Limit| (u64::from(limit.requests) * 3600) / u64::from(limit.seconds);
    match words.into_iter().flat_map(rates).min_by_key(rate) {
        Some(limit) => Noted::guessed(limit, "the slowest rate that the description speaks of: look which requests it is for"),
        None => Noted::guessed(Limit { requests: USUAL, seconds: 1 }, "the description does not tell of limits: look the vendor's up"),
    }
}

/// The rates in a text: `10/s`, `150 / m`, `100 requests per minute`.
fn rates(text: &str) -> Vec<Limit> {
    let apart = text.replace('/', " / ");
    let trim = |word: &str| word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric() && letter != '/').to_ascii_lowercase();
    let words: Vec<String> = apart.split_whitespace().map(trim).filter(|word| !word.is_empty()).collect();
    let span = |word: &str| SPANS.iter().find(|(_, names)| names.contains(&word)).map(|(seconds, _)| *seconds);
    let found = words.iter().enumerate().filter_map(|(place, word)| {
        let requests = word.parse().ok().filter(|requests| (1..1_000_000).contains(requests))?;
        let rest: Vec<&str> = words[place + 1..].iter().take(4).map(String::as_str).collect();
        let seconds = match rest.as_slice() {
            ["/", unit, ..] => span(unit)?,
            ["requests" | "calls", "per" | "/" | "a", unit, ..] | ["requests" | "calls", "every", unit, ..] => span(unit)?,
            ["api", "requests" | "calls", "per" | "/" | "a", unit] => span(unit)?,
            _ => return None,
        };
        Some(Limit { requests, seconds })
    });
    found.collect()
}

/// The header that says how many seconds to wait, where the answer to too many requests has one and no `Retry-After`.
pub(super) fn retry_after_header(document: &Document) -> Option<Noted<String>> {
    let mut own = None;
    for read in document.reads() {
        let Some(answer) = document.follow(&read.operation["responses"]["429"]) else { continue };
        for (name, header) in answer["headers"].as_object().into_iter().flatten() {
            if name.eq_ignore_ascii_case("retry-after") {
                return None;
            }
            let words = document.follow(header).and_then(|header| header["description"].as_str()).unwrap_or_default().to_lowercase();
            // An instant of the same name would be taken for a very long wait.
            let is_wait = words.contains("second") && !["epoch", "unix", "timestamp", "1970"].iter().any(|word| words.contains(word));
            if is_wait && (letters(name).contains("reset") || letters(name).contains("retryafter")) {
                own = own.or_else(|| Some(name.to_ascii_lowercase()));
            }
        }
    }
    own.map(|name| Noted::guessed(name.clone(), format!("`{name}` says how many seconds to wait, by its words")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(operation: serde_json::Value, description: &str) -> Document {
        Document { root: json!({"info": {"description": description}, "paths": {"/a": {"get": operation}}}) }
    }

    #[test]
    fn the_slowest_rate_of_what_is_read_is_taken() {
        let of = |words: &str| limit(&document(json!({"description": words}), "Be kind."), &["/a"]).value;
        for (words, requests, seconds) in [
            ("Burst: `10/s`<br>Steady: `150/m`", 150, 60),
            ("At most 100 requests per minute, please.", 100, 60),
            ("The limit is 20 API calls per second.", 20, 1),
            ("Pages of 100 records / the second page", USUAL, 1),
            ("1/2 of 3 seconds", USUAL, 1),
        ] {
            assert_eq!(of(words), Limit { requests, seconds }, "{words}");
        }
        let elsewhere = document(json!({"description": "1/h"}), "600 requests per minute");
        assert_eq!(limit(&elsewhere, &["/b"]).value, Limit { requests: 600, seconds: 60 });
    }

    #[test]
    fn a_header_of_the_vendors_own_is_taken_when_it_says_seconds() {
        let of = |headers: serde_json::Value| retry_after_header(&document(json!({"responses": {"429": {"headers": headers}}}), ""));
        let reset = |words: &str| json!({"X-RateLimit-Reset": {"description": words}});
        assert_eq!(of(reset("Seconds until the limit is reset")).map(|header| header.value).as_deref(), Some("x-ratelimit-reset"));
        assert_eq!(of(reset("Unix timestamp in seconds")), None);
        assert_eq!(of(json!({"Retry-After": {}, "X-Reset": {"description": "seconds"}})), None);
        assert_eq!(retry_after_header(&document(json!({}), "")), None);
    }
}
