//! What a pipeline file says about a Salesforce organisation.

use aqueduct_connector::config::{self, filled, filled_text, wrong};
use aqueduct_connector::schema::{Result, Secret};
use aqueduct_connector::{Auth, ClientAuthentication, Grant, Instance};
use schemars::JsonSchema;
use serde::Deserialize;

/// The domains of organisations. <https://help.salesforce.com/s/articleView?id=xcloud.domain_name_url_formats.htm>
const INSTANCE: Instance =
    Instance { key: "instance_url", domains: &["salesforce.com", "salesforce.mil", "cloudforce.com", "sfcrmproducts.cn"] };
const TOKEN: &str = "/services/oauth2/token";

/// The config of the connector: `client_id` with `client_secret` and `refresh_token`, with `username` and `private_key`, or with
/// `client_secret` alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The consumer key of the connected app.
    client_id: Option<String>,
    /// The consumer secret of the connected app.
    client_secret: Option<Secret>,
    /// The refresh token that a user's consent gave. Without it and without `username` the app's own client credentials are used.
    refresh_token: Option<Secret>,
    /// The user that a JWT is signed for.
    username: Option<String>,
    /// The RSA private key whose certificate the connected app has, PEM; signs for `username`.
    private_key: Option<Secret>,
    /// Where tokens are given: `https://login.salesforce.com`, `https://test.salesforce.com` for sandboxes, or the organisation's My
    /// Domain, which client credentials need.
    #[serde(default = "login_url")]
    login_url: String,
    /// The address of the API. It replaces every host of Salesforce, the one for tokens included.
    pub(crate) base_url: Option<String>,
    /// The version of the API.
    #[serde(default = "api_version")]
    pub(crate) api_version: String,
    /// How many seconds a change may take to show: transactions commit with the time at which they wrote. What is younger is read again
    /// by the next run.
    #[serde(default = "lag_seconds")]
    pub(crate) lag_seconds: u32,
    /// The part of the organisation's daily requests, used by whomever, at which to stop and leave the rest to others.
    #[serde(default = "daily_requests_share")]
    #[schemars(range(min = 0.01, max = 1.0))]
    pub(crate) daily_requests_share: f64,
    /// When to read a first load by Bulk API 2.0: where it needs fewer requests, wherever Salesforce lets it, or never.
    #[serde(default)]
    pub(crate) bulk: Bulk,
    /// Objects to read besides the standard ones, by their API names; `*` stands for any run of characters, so `*__c` is all custom
    /// objects.
    #[serde(default)]
    pub(crate) objects: Vec<String>,
}

/// When Bulk API 2.0 is used.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bulk {
    /// Where it needs fewer requests.
    #[default]
    Auto,
    /// For every object that can be read so.
    Always,
    /// Never.
    Never,
}

fn login_url() -> String {
    "https://login.salesforce.com".to_owned()
}

fn api_version() -> String {
    "v62.0".to_owned()
}

fn lag_seconds() -> u32 {
    600
}

fn daily_requests_share() -> f64 {
    0.8
}

impl Config {
    /// Reads and checks a config.
    pub(crate) fn parse(value: serde_json::Value) -> Result<Self> {
        let mut config: Self = config::parse(crate::NAME, value)?;
        let address = |key, url: &str| config::address(key, url, "https://acme.my.salesforce.com");
        config.login_url = address("login_url", &config.login_url)?;
        config.base_url = filled_text(config.base_url.as_ref()).map(|url| address("base_url", &url)).transpose()?;
        if config.login_url.contains(".lightning.force.com") {
            return Err(wrong("`login_url` is the address of the web pages; use the My Domain, https://….my.salesforce.com"));
        }
        let number = config.api_version.strip_prefix('v').and_then(|version| version.strip_suffix(".0"));
        if number.and_then(|number| number.parse::<u32>().ok()).is_none_or(|number| number < 47) {
            return Err(wrong("`api_version` is `v47.0` or later, for example `v62.0`"));
        }
        if !(config.daily_requests_share > 0.0 && config.daily_requests_share <= 1.0) {
            return Err(wrong("`daily_requests_share` must be more than 0 and at most 1"));
        }
        config.auth().map(|_| config)
    }

    /// Where requests go until a token's answer names the organisation's own host.
    pub(crate) fn base_url(&self) -> &str {
        self.base_url.as_deref().unwrap_or(&self.login_url)
    }

    /// How requests are signed.
    pub(crate) fn auth(&self) -> Result<Auth> {
        let secret = filled(self.client_secret.as_ref());
        let Some(client_id) = filled_text(self.client_id.as_ref()) else {
            return Err(wrong("there is no `client_id`: the consumer key of a connected app is needed with any kind of credentials"));
        };
        let user = (filled_text(self.username.as_ref()), filled(self.private_key.as_ref()));
        let grant = match (filled(self.refresh_token.as_ref()), user.0, user.1) {
            (Some(token), None, None) => Grant::RefreshToken(token),
            (None, Some(subject), Some(private_key)) => Grant::JwtBearer { subject, audience: self.audience(), private_key },
            (None, None, None) if self.base_url.is_some() || self.login_url.contains(".my.salesforce.") => {
                Grant::ClientCredentials { scopes: Vec::new() }
            }
            (None, None, None) => {
                return Err(wrong(
                    "client credentials are given by the organisation's My Domain alone: set `login_url` to \
                    https://….my.salesforce.com, or give `refresh_token`, or `username` and `private_key`",
                ));
            }
            (Some(_), ..) => return Err(wrong("give `refresh_token`, or `username` and `private_key`, not both")),
            _ => return Err(wrong("a JWT needs both `username` and `private_key`")),
        };
        if secret.is_none() && !matches!(grant, Grant::JwtBearer { .. }) {
            return Err(wrong("there is no `client_secret`: the consumer secret of the connected app"));
        }
        Ok(Auth::OAuth2 {
            token_url: TOKEN.to_owned(),
            client_id,
            client_secret: secret.unwrap_or_else(|| Secret::new("")),
            grant,
            authentication: ClientAuthentication::Body,
            instance: self.base_url.is_none().then_some(INSTANCE),
        })
    }

    /// Whom a JWT is for: one of two names, whatever the host.
    /// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_jwt_flow.htm>
    fn audience(&self) -> String {
        let sandbox = self.login_url.contains("//test.salesforce.com") || self.login_url.contains(".sandbox.my.salesforce.");
        if sandbox { "https://test.salesforce.com" } else { "https://login.salesforce.com" }.to_owned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_connector::schema::codes;
    use serde_json::{Value, json};

    fn parsed(extra: Value) -> Result<Config> {
        let mut value = json!({"client_id": "c", "client_secret": "canary-1"});
        for (key, other) in extra.as_object().unwrap() {
            value[key] = other.clone();
        }
        Config::parse(value)
    }

    fn grant(extra: Value) -> (Grant, Option<Instance>) {
        match parsed(extra).unwrap().auth().unwrap() {
            Auth::OAuth2 { grant, instance, .. } => (grant, instance),
            _ => unreachable!("only OAuth"),
        }
    }

    #[test]
    fn three_kinds_of_credentials() {
        let (kind, instance) = grant(json!({"refresh_token": "r"}));
        assert!(matches!(kind, Grant::RefreshToken(token) if token.expose() == "r") && instance.is_some());
        let sandbox =
            json!({"username": "a@b.example", "private_key": "k", "client_secret": "", "login_url": "https://test.salesforce.com/"});
        assert!(matches!(grant(sandbox).0, Grant::JwtBearer { audience, .. } if audience == "https://test.salesforce.com"));
        assert!(matches!(grant(json!({"login_url": "https://acme.my.salesforce.com"})).0, Grant::ClientCredentials { .. }));
        let (kind, instance) = grant(json!({"base_url": "http://127.0.0.1:9/"}));
        assert!(matches!(kind, Grant::ClientCredentials { .. }) && instance.is_none());
        assert_eq!(parsed(json!({"base_url": "http://127.0.0.1:9/"})).unwrap().base_url(), "http://127.0.0.1:9");
    }

    #[test]
    fn what_is_wrong_is_said_without_values() {
        for (extra, word) in [
            (json!({}), "My Domain"),
            (json!({"client_id": ""}), "client_id"),
            (json!({"client_secret": null, "refresh_token": "canary-2"}), "client_secret"),
            (json!({"refresh_token": "canary-2", "username": "u"}), "not both"),
            (json!({"username": "u"}), "both `username`"),
            (json!({"refresh_token": "r", "login_url": "https://acme.lightning.force.com"}), "web pages"),
            (json!({"refresh_token": "r", "login_url": "acme"}), "login_url"),
            (json!({"refresh_token": "r", "api_version": "62"}), "api_version"),
            (json!({"refresh_token": "r", "daily_requests_share": 0}), "daily_requests_share"),
            (json!({"refresh_token": "r", "bulk": "sometimes"}), "sometimes"),
            (json!({"refresh_tokn": "canary-2"}), "refresh_tokn"),
        ] {
            let error = parsed(extra).unwrap_err();
            assert_eq!(error.code(), codes::BAD_CONFIG);
            assert!(error.to_string().contains(word) && !error.to_string().contains("canary"), "{error}");
        }
    }
}
