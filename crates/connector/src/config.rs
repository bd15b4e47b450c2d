//! Reading a connector's config.

use aqueduct_schema::{Error, Result, codes};
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
}
