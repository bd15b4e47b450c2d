//! `src/config.rs`.

use super::{mark, quoted};
use crate::plan::{Account, Credentials, Plan};

pub(super) fn config(plan: &Plan) -> String {
    let title = &plan.title;
    let secrets: &[(&str, &str)] = match plan.credentials.value {
        Credentials::None => &[],
        Credentials::Bearer => &[("access_token", "The access token of an API client.")],
        Credentials::Header { .. } | Credentials::Query(_) => &[("api_key", "The API key.")],
        Credentials::Basic => &[("user", "The user, or the key that stands in its place."), ("password", "The password.")],
    };
    let mut keys: String = secrets.iter().map(|(key, words)| format!("    /// {words}\n    pub(crate) {key}: Secret,\n")).collect();
    if plan.account.value == Account::Config {
        keys.push_str(
            "    /// What to call the account. It is part of every row's id, so it must stay the same.\n    pub(crate) account: String,\n",
        );
    }
    let default = match &plan.base_url.value {
        Some(url) => {
            keys.push_str("    /// The address of the API.\n    #[serde(default = \"base_url\")]\n    pub(crate) base_url: String,\n");
            format!("\nfn base_url() -> String {{\n{}    {}.to_owned()\n}}\n", mark("    ", &plan.base_url), quoted(url))
        }
        None => {
            keys.push_str("    /// The address of the API.\n");
            keys.push_str(&mark("    ", &plan.base_url));
            keys.push_str("    pub(crate) base_url: String,\n");
            String::new()
        }
    };
    let secret = if secrets.is_empty() { "Result" } else { "{Result, Secret}" };
    format!(
        "//! What a pipeline file says about an account at {title}.

use aqueduct_connector::schema::{secret};
use schemars::JsonSchema;
use serde::Deserialize;

/// The config of the connector.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {{
{keys}}}
{default}
impl Config {{
    /// Reads a config.
    pub(crate) fn parse(value: serde_json::Value) -> Result<Self> {{
        let mut config: Self = aqueduct_connector::config::parse(crate::NAME, value)?;
        config.base_url.truncate(config.base_url.trim_end_matches('/').len());
        Ok(config)
    }}
}}
"
    )
}
