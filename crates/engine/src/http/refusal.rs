//! The error of an answer that is no success. Bodies may hold personal values or secrets, so nothing of them is kept but one short
//! code word.

use aqueduct_connector::{Response, json};
use aqueduct_schema::{Code, Error};
use serde_json::value::RawValue;

/// Where vendors put the word for the kind of error, in the order they are tried.
const WORDS: [&[&str]; 6] = [&["category"], &["status"], &["error"], &["errorCode"], &["code"], &["error", "code"]];

/// An error body larger than this is not looked into.
const LARGEST_BODY: usize = 64 << 10;

pub(crate) fn error(code: Code, response: &Response) -> Error {
    let error = Error::new(code, code.title).with("status", response.status);
    match word(&response.body) {
        Some(word) => error.with("reason", word),
        None => error,
    }
}

/// The word for the kind of error, if the body has one that looks like a word of a program: `[A-Za-z0-9_.-]{1,64}` with a letter.
pub(crate) fn word(body: &[u8]) -> Option<String> {
    if body.len() > LARGEST_BODY {
        return None;
    }
    // Salesforce answers with a list of errors; the first says why.
    let listed: Option<Vec<&RawValue>> = if body.first() == Some(&b'[') { serde_json::from_slice(body).ok() } else { None };
    let body = listed.as_ref().and_then(|errors| errors.first()).map_or(body, |first| first.get().as_bytes());
    WORDS.iter().find_map(|pointer| {
        let text = json::find_text(body, pointer).ok()??;
        let is_word = text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
            && text.bytes().any(|byte| byte.is_ascii_alphabetic())
            && text != "error";
        is_word.then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_code_word_is_kept() {
        assert_eq!(word(br#"{"status":"error","category":"RATE_LIMITS","message":"a@b.example"}"#).as_deref(), Some("RATE_LIMITS"));
        assert_eq!(word(br#"{"error":"invalid_grant"}"#).as_deref(), Some("invalid_grant"));
        assert_eq!(word(br#"{"error":{"code":"expired"}}"#).as_deref(), Some("expired"));
        assert_eq!(word(br#"{"error":"Ada Lovelace is not allowed"}"#), None);
        assert_eq!(word(br#"{"error":"ada@example.com"}"#), None);
        assert_eq!(word(br#"{"code":"4155550100"}"#), None);
        assert_eq!(word(br#"[{"message":"a@b.example","errorCode":"INVALID_FIELD"}]"#).as_deref(), Some("INVALID_FIELD"));
        assert_eq!(word(b"<html>"), None);
    }
}
