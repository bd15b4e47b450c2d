//! What a pipeline file says about a HubSpot account.

use aqueduct_connector::config::{self, filled, filled_text, wrong};
use aqueduct_connector::schema::{Result, Secret};
use aqueduct_connector::{Auth, ClientAuthentication, Grant};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::Paths;

/// The config of the connector: either `access_token`, or `client_id`, `client_secret` and `refresh_token`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The token of a private app or a service key (`pat-…`).
    pub(crate) access_token: Option<Secret>,
    /// The id of an OAuth app.
    pub(crate) client_id: Option<String>,
    /// The secret of the OAuth app.
    pub(crate) client_secret: Option<Secret>,
    /// The refresh token that the account gave to the OAuth app.
    pub(crate) refresh_token: Option<Secret>,
    /// The address of the API. It replaces every host of HubSpot, the one for tokens included.
    #[serde(default = "base_url")]
    pub(crate) base_url: String,
    /// The version of the API: `v3` for the paths `/crm/v3/…` (associations: v4), or a dated one such as `2026-03`.
    #[serde(default = "api_version")]
    pub(crate) api_version: String,
    /// How many seconds a change may need until a search shows it. What is younger is read again by the next run.
    #[serde(default = "search_lag_seconds")]
    pub(crate) search_lag_seconds: u32,
    /// How many requests to send in ten seconds, searches not counted. HubSpot allows 100 to private apps of free and starter
    /// accounts, 110 to OAuth apps, 190 to private apps of professional and enterprise accounts.
    #[serde(default = "requests_per_10_seconds")]
    #[schemars(range(min = 1))]
    pub(crate) requests_per_10_seconds: u32,
    /// The properties whose past values are read; none of an object leaves its stream of changes out.
    #[serde(default)]
    pub(crate) history: History,
}

/// The properties whose past values are read, by object.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct History {
    /// Those of contacts.
    contacts: Vec<String>,
    /// Those of companies.
    companies: Vec<String>,
    /// Those of deals.
    deals: Vec<String>,
}

/// What is asked of the past most: how far people and sales had got, and who looked after them.
impl Default for History {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            contacts: names(&["lifecyclestage", "hs_lead_status", "hubspot_owner_id"]),
            companies: names(&["lifecyclestage", "hs_lead_status", "hubspot_owner_id"]),
            deals: names(&["dealstage", "pipeline", "amount", "closedate", "hubspot_owner_id"]),
        }
    }
}

impl History {
    /// Those of an object, by its name in paths.
    pub(crate) fn of(&self, object: &str) -> &[String] {
        match object {
            "contacts" => &self.contacts,
            "companies" => &self.companies,
            _ => &self.deals,
        }
    }
}

fn base_url() -> String {
    "https://api.hubapi.com".to_owned()
}

fn api_version() -> String {
    "v3".to_owned()
}

/// Changes can stay out of the search index for a while: an hour is what others who read completely have settled on. Reading an hour
/// again costs little, since rows that have not changed are not written again.
fn search_lag_seconds() -> u32 {
    3_600
}

/// The lowest allowance of any kind of app.
fn requests_per_10_seconds() -> u32 {
    100
}

impl Config {
    /// Reads and checks a config.
    pub(crate) fn parse(value: serde_json::Value) -> Result<Self> {
        let mut config: Self = config::parse(crate::NAME, value)?;
        config.base_url = config::address("base_url", &config.base_url, "https://api.hubapi.com")?;
        if config.api_version != "v3" && !is_dated(&config.api_version) {
            return Err(wrong("`api_version` is `v3` or a month such as `2026-03`"));
        }
        if config.requests_per_10_seconds == 0 {
            return Err(wrong("`requests_per_10_seconds` must be at least 1"));
        }
        config.auth(&Paths::new(&config.api_version)).map(|_| config)
    }

    /// How requests are signed.
    pub(crate) fn auth(&self, paths: &Paths) -> Result<Auth> {
        let app = (filled_text(self.client_id.as_ref()), filled(self.client_secret.as_ref()), filled(self.refresh_token.as_ref()));
        match (filled(self.access_token.as_ref()), app.0, app.1, app.2) {
            (Some(token), None, None, None) => Ok(Auth::Bearer(token)),
            (None, Some(client_id), Some(client_secret), Some(refresh_token)) => Ok(Auth::OAuth2 {
                token_url: paths.token(),
                client_id,
                client_secret,
                grant: Grant::RefreshToken(refresh_token),
                authentication: ClientAuthentication::Body,
                instance: None,
            }),
            (Some(_), ..) => {
                Err(wrong("give `access_token` or the three of an OAuth app (`client_id`, `client_secret`, `refresh_token`), not both"))
            }
            (None, None, None, None) => {
                Err(wrong("there are no credentials: give `access_token`, or `client_id`, `client_secret` and `refresh_token`"))
            }
            _ => Err(wrong("an OAuth app needs all of `client_id`, `client_secret` and `refresh_token`")),
        }
    }
}

fn is_dated(version: &str) -> bool {
    let date = version.strip_suffix("-beta").unwrap_or(version);
    date.len() == 7 && date.bytes().enumerate().all(|(place, byte)| if place == 4 { byte == b'-' } else { byte.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_connector::schema::codes;
    use serde_json::json;

    #[test]
    fn either_kind_of_credentials_and_not_both_or_half() {
        let config = Config::parse(json!({"access_token": "pat-1"})).unwrap();
        assert_eq!(
            (config.base_url.as_str(), config.search_lag_seconds, config.requests_per_10_seconds),
            ("https://api.hubapi.com", 3_600, 100)
        );
        assert!(matches!(config.auth(&Paths::new("v3")).unwrap(), Auth::Bearer(token) if token.expose() == "pat-1"));
        let oauth = json!({"client_id": "c", "client_secret": "canary-1", "refresh_token": "canary-2", "api_version": "2026-03"});
        let config = Config::parse(oauth).unwrap();
        let Auth::OAuth2 { token_url, authentication, grant: Grant::RefreshToken(refresh), .. } =
            config.auth(&Paths::new("2026-03")).unwrap()
        else {
            unreachable!("an OAuth config")
        };
        assert_eq!(
            (token_url.as_str(), authentication, refresh.expose()),
            ("/oauth/2026-03/token", ClientAuthentication::Body, "canary-2")
        );
        for (value, word) in [
            (json!(null), "no credentials"),
            (json!({"access_token": ""}), "no credentials"),
            (json!({"access_token": "canary-1", "client_id": "c"}), "not both"),
            (json!({"client_id": "c", "client_secret": "canary-1"}), "all of"),
            (json!({"acess_token": "canary-1"}), "acess_token"),
            (json!({"access_token": "canary-1", "base_url": "api.hubapi.com"}), "base_url"),
            (json!({"access_token": "canary-1", "api_version": "v1"}), "api_version"),
            (json!({"access_token": "canary-1", "requests_per_10_seconds": 0}), "at least 1"),
        ] {
            let error = Config::parse(value).unwrap_err();
            assert_eq!(error.code(), codes::BAD_CONFIG);
            assert!(error.to_string().contains(word) && !error.to_string().contains("canary"), "{error}");
        }
    }
}
