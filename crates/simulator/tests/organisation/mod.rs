//! A simulated organisation and a small client, shared by the Salesforce tests of this folder.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part of it")]

use std::sync::Once;
use std::time::Duration;

use aqueduct_simulator::salesforce::{Clock, Options, Simulator, Store};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// The instant at which the tests' clocks stand: a day after the invented data ends.
pub(crate) const START: &str = "2026-07-01T00:00:00Z";
const VERSION: &str = "/services/data/v62.0";

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and code of an error.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.json()[0]["errorCode"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()["records"].as_array().unwrap().clone()
    }

    /// The lines of a CSV without quotes or commas in its values, the first with the names.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        assert_eq!(self.status, 200, "{}", self.text);
        self.text.lines().map(|line| line.split(',').map(|cell| cell.trim_matches('"').to_owned()).collect()).collect()
    }
}

pub(crate) struct Organisation {
    pub(crate) simulator: Simulator,
    http: reqwest::Client,
    pub(crate) token: String,
}

/// Options with a clock that stands still.
pub(crate) fn options(contacts: usize) -> Options {
    Options { contacts, clock: Clock::manual(START.parse().unwrap()), ..Options::default() }
}

#[expect(clippy::disallowed_methods, reason = "the engine's client would hide what these tests look at, and this crate must not know it")]
pub(crate) async fn organisation(options: Options) -> Organisation {
    static PROVIDER: Once = Once::new();
    // The client asks for a provider even though it only speaks plain HTTP here.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let simulator = Simulator::start(options).await.unwrap();
    let token = simulator.access_token();
    let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).no_proxy().build().unwrap();
    Organisation { simulator, http, token }
}

pub(crate) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl Organisation {
    pub(crate) fn store(&self) -> Store {
        self.simulator.store()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.simulator.clock().advance(Duration::from_secs(seconds));
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let path = if path.starts_with("/services") { path.to_owned() } else { format!("{VERSION}{path}") };
        self.http.request(method.parse().unwrap(), format!("{}{path}", self.simulator.base_url()))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path).bearer_auth(&self.token)).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(self.request(method, path).bearer_auth(&self.token).body(body.to_string())).await
    }

    pub(crate) async fn query(&self, query: &str) -> Answer {
        self.get(&format!("/query?q={}", encoded(query))).await
    }

    pub(crate) async fn query_all(&self, query: &str) -> Answer {
        self.get(&format!("/queryAll?q={}", encoded(query))).await
    }

    /// The ids that a query gives.
    pub(crate) async fn ids(&self, query: &str) -> Vec<String> {
        ids(&self.query(query).await.records())
    }

    pub(crate) async fn token_request(&self, pairs: &[(&str, &str)]) -> Answer {
        let body = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&");
        self.send(self.request("POST", "/services/oauth2/token").header("content-type", "application/x-www-form-urlencoded").body(body))
            .await
    }
}

pub(crate) fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["Id"].as_str().unwrap().to_owned()).collect()
}
