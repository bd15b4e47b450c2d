//! What a pipeline file says about an account at Brevo.

use aqueduct_connector::schema::{Result, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

/// The config of the connector.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// An API key of the account (`xkeysib-…`).
    pub(crate) api_key: Secret,
    /// The address of the API.
    #[serde(default = "base_url")]
    pub(crate) base_url: String,
    /// How many requests an hour the plan allows, those for contacts and events apart: 100 on free and starter plans.
    #[serde(default = "requests_per_hour")]
    pub(crate) requests_per_hour: u32,
}

fn base_url() -> String {
    "https://api.brevo.com/v3".to_owned()
}

fn requests_per_hour() -> u32 {
    100
}

impl Config {
    /// Reads a config.
    pub(crate) fn parse(value: serde_json::Value) -> Result<Self> {
        let mut config: Self = aqueduct_connector::config::parse(crate::NAME, value)?;
        config.base_url.truncate(config.base_url.trim_end_matches('/').len());
        Ok(config)
    }
}
