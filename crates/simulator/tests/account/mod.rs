//! A simulated account and a small client, shared by the tests of this folder.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part of it")]

use std::io::Read;
use std::sync::Once;
use std::time::Duration;

use aqueduct_simulator::hubspot::{Clock, Options, Simulator};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// The instant at which the tests' clocks stand: a day after the invented data ends.
pub(crate) const START: &str = "2026-07-01T00:00:00Z";

/// A reply with its body as sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn unzipped(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(self.bytes.as_slice()).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

pub(crate) struct Account {
    pub(crate) simulator: Simulator,
    http: reqwest::Client,
    pub(crate) token: String,
}

#[expect(clippy::disallowed_methods, reason = "the engine's client would hide what these tests look at, and this crate must not know it")]
pub(crate) async fn account(options: Options) -> Account {
    static PROVIDER: Once = Once::new();
    // The client asks for a provider even though it only speaks plain HTTP here.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let simulator = Simulator::start(options).await.unwrap();
    let token = simulator.access_token();
    let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).no_proxy().build().unwrap();
    Account { simulator, http, token }
}

/// Options with a clock that stands still.
pub(crate) fn options(contacts: usize) -> Options {
    Options { contacts, clock: Clock::manual(START.parse().unwrap()), ..Options::default() }
}

impl Account {
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, bytes: response.bytes().await?.to_vec() })
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.simulator.base_url());
        self.http.request(method.parse().unwrap(), url)
    }

    pub(crate) async fn try_get(&self, path: &str) -> Result<Answer, reqwest::Error> {
        self.send(self.request("GET", path).bearer_auth(&self.token)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.try_get(path).await.unwrap()
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(self.request(method, path).bearer_auth(&self.token).header("content-type", "application/json").body(body.to_string()))
            .await
            .unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, body).await
    }

    pub(crate) async fn form(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let body = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        self.send(self.request("POST", path).header("content-type", "application/x-www-form-urlencoded").body(body)).await.unwrap()
    }

    /// The rows of all pages from a path on.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = after.as_ref().map_or_else(|| path.to_owned(), |after| format!("{path}{joint}after={after}"));
            let mut page = self.get(&page).await.json();
            rows.append(page["results"].as_array_mut().unwrap());
            match page["paging"]["next"]["after"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => return rows,
            }
        }
    }

    /// The rows of all pages of a search.
    pub(crate) async fn search(&self, object: &str, mut body: Value) -> Vec<Value> {
        let mut rows = Vec::new();
        body["limit"] = json!(200);
        loop {
            let answer = self.post(&format!("/crm/v3/objects/{object}/search"), &body).await;
            assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
            let mut page = answer.json();
            rows.append(page["results"].as_array_mut().unwrap());
            if page.get("paging").is_none() {
                return rows;
            }
            body["after"] = page["paging"]["next"]["after"].clone();
        }
    }
}

/// The ids of rows, as numbers.
pub(crate) fn ids(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["id"].as_str().unwrap().parse().unwrap()).collect()
}

/// A search body with one filter.
pub(crate) fn filter(filter: Value) -> Value {
    json!({"filterGroups": [{"filters": [filter]}]})
}
