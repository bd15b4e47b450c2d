//! Reading a connector's config.

use aqueduct_schema::{Error, Result, Secret, codes};
use serde::de::DeserializeOwned;

/// Reads a connector's config from the value in the pipeline file. Config structs carry `#[serde(deny_unknown_fields)]`.
///
/// # Errors
/// `AQ1005` with the name of the connector and what is wrong; values are not quoted, since they may be secrets.
pub fn parse<T: DeserializeOwned>(connector: &str, config: serde_json::Value) -> Result<T> {
    let config = if config.is_null() { serde_json::Value::Object(serde_json::Map::new()) } else { config };
    serde_json::from_value(config).map_err(|error| {
        let text = error.to_string();
        // "invalid type: string \"pat-…\", expected …": the value could be a secret, so only what follows it is kept.
        let reason = match (text.starts_with("invalid"), text.find(", expected ")) {
            (true, Some(at)) => format!("a value has the wrong type{}", &text[at..]),
            _ => text,
        };
        Error::new(codes::BAD_CONFIG, format!("the config of connector `{connector}` is wrong: {reason}"))
    })
}

/// The error for a config that is read well and says what cannot be. The message must not quote a value.
pub fn wrong(message: &str) -> Error {
    Error::new(codes::BAD_CONFIG, message)
}

/// The address that a key holds, without a slash at its end.
///
/// # Errors
/// `AQ1005` when it is no address of a host; `example` is a right one.
pub fn address(key: &str, text: &str, example: &str) -> Result<String> {
    let text = text.trim_end_matches('/');
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.contains(['?', '#', ' '])) {
        return Err(wrong(&format!("`{key}` must be an address such as {example}")));
    }
    Ok(text.to_owned())
}

/// A secret that holds something; variables that are not set leave empty ones.
pub fn filled(secret: Option<&Secret>) -> Option<Secret> {
    secret.filter(|secret| !secret.expose().trim().is_empty()).cloned()
}

/// A text that holds something.
pub fn filled_text(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty()).cloned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_schema::Secret;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[allow(dead_code)]
        access_token: Secret,
        #[serde(default)]
        #[allow(dead_code)]
        pages: u32,
    }

    #[test]
    fn says_what_is_wrong_without_the_value() {
        let error = parse::<Config>("x", serde_json::json!({"access_tokn": "canary-1"})).unwrap_err().to_string();
        assert!(error.contains("access_tokn") && !error.contains("canary-1"), "{error}");
        let error = parse::<Config>("x", serde_json::json!({"access_token": "a", "pages": "canary-2"})).unwrap_err().to_string();
        assert!(error.contains("expected u32") && !error.contains("canary-2"), "{error}");
        assert!(parse::<Config>("x", serde_json::Value::Null).unwrap_err().to_string().contains("access_token"));
    }

    #[test]
    fn addresses_have_a_host_and_no_slash_at_the_end() {
        assert_eq!(address("base_url", "https://a.example/v3//", "x").unwrap(), "https://a.example/v3");
        for wrong in ["", "https://", "a.example", "https://a.example/?q=canary", "https://a b"] {
            let error = address("base_url", wrong, "https://b.example").unwrap_err().to_string();
            assert!(error.contains("`base_url`") && error.contains("https://b.example") && !error.contains("canary"), "{error}");
        }
        assert!(filled(Some(&Secret::new(" "))).is_none() && filled(Some(&Secret::new("s"))).is_some());
        assert!(filled_text(Some(&String::new())).is_none() && filled_text(None).is_none());
    }
}
