//! Turns a connector's request into one that can be sent: address, headers, body and the credentials.

use std::sync::Arc;

use aqueduct_connector::{Auth, Body, KeyPlacement, Method, Request, Response};
use aqueduct_schema::{Error, Result, Secret, codes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::address::BaseUrl;
use super::send::Outgoing;
use super::timeout::Timeout;
use super::token::{Generation, Tokens};
use super::{Attempt, Exchange};
use crate::clock::Clock;
use crate::meter::Meter;
use crate::settings::Settings;

pub(crate) struct Sign {
    inner: Arc<Timeout>,
    base: BaseUrl,
    credentials: Credentials,
    /// Headers that every request has.
    headers: Vec<(HeaderName, HeaderValue)>,
}

enum Credentials {
    None,
    Header(HeaderName, HeaderValue),
    Query(&'static str, Secret),
    Tokens(Tokens),
}

impl Sign {
    pub(crate) fn new(
        inner: Arc<Timeout>,
        base: BaseUrl,
        auth: Auth,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        meter: &Arc<Meter>,
    ) -> Result<Self> {
        let credentials = match auth {
            Auth::None => Credentials::None,
            Auth::Bearer(token) => Credentials::Header(AUTHORIZATION, secret_header(&format!("Bearer {}", token.expose()))?),
            Auth::Basic { user, password } => Credentials::Header(AUTHORIZATION, basic(user.expose(), password.expose())?),
            Auth::ApiKey { placement: KeyPlacement::Header(name), prefix, key } => {
                let name = HeaderName::try_from(name).map_err(|_| Error::new(codes::BUG, "the name of a key's header is none"))?;
                Credentials::Header(name, secret_header(&format!("{prefix}{}", key.expose()))?)
            }
            Auth::ApiKey { placement: KeyPlacement::Query(name), prefix, key } => {
                Credentials::Query(name, Secret::new(format!("{prefix}{}", key.expose())))
            }
            Auth::OAuth2 { token_url, client_id, client_secret, grant, authentication, instance } => {
                let application = super::token::Application { token_url, client_id, client_secret, authentication, instance };
                Credentials::Tokens(Tokens::new(inner.clone(), &base, application, grant, settings, clock, meter.clone())?)
            }
        };
        Ok(Self { inner, base, credentials, headers: Vec::new() })
    }

    /// With headers that every request has, unless it has others of their names.
    ///
    /// # Errors
    /// `AQ9001` when one cannot be sent.
    pub(crate) fn with_headers(mut self, headers: Vec<(&'static str, String)>) -> Result<Self> {
        for (name, value) in headers {
            let unusable = || Error::new(codes::BUG, "the connector has a header that cannot be sent").with("header", name);
            let value = HeaderValue::try_from(value).map_err(|_| unusable())?;
            self.headers.push((HeaderName::try_from(name).map_err(|_| unusable())?, value));
        }
        Ok(self)
    }

    pub(crate) async fn send(&self, exchange: &Exchange) -> Result<Attempt> {
        let request = &exchange.request;
        let current = match &self.credentials {
            Credentials::Tokens(tokens) => Some(tokens.current().await?),
            _ => None,
        };
        let base = current.as_ref().and_then(|current| current.base.as_ref()).unwrap_or(&self.base);
        let mut outgoing = outgoing(base, request, &exchange.meter)?;
        for (name, value) in &self.headers {
            if !request.headers.iter().any(|(own, _)| name.as_str().eq_ignore_ascii_case(own)) {
                outgoing.headers.insert(name.clone(), value.clone());
            }
        }
        let token = match &self.credentials {
            Credentials::None => None,
            Credentials::Header(name, value) => {
                outgoing.headers.insert(name.clone(), value.clone());
                None
            }
            Credentials::Query(name, key) => {
                with_key(&mut outgoing.url, name, key);
                None
            }
            Credentials::Tokens(_) => current.map(|current| {
                outgoing.headers.insert(AUTHORIZATION, current.header);
                current.generation
            }),
        };
        let mut response = self.inner.send(&outgoing).await?;
        if let Credentials::Query(name, key) = &self.credentials {
            without_key(&mut response, name, key);
        }
        Ok(Attempt { response, token })
    }

    /// Passes on that a token is no longer taken.
    pub(crate) async fn renew(&self, stale: Generation) {
        if let Credentials::Tokens(tokens) = &self.credentials {
            tokens.discard(stale).await;
        }
    }
}

/// The request as it goes out, not yet signed.
fn outgoing(base: &BaseUrl, request: &Request, meter: &Arc<Meter>) -> Result<Outgoing> {
    let mut url = base.resolve(&request.url)?;
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.query);
    }
    let mut headers = HeaderMap::with_capacity(4 + request.headers.len());
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    for (name, value) in &request.headers {
        let unusable = |_| Error::new(codes::BUG, "a request has a header that cannot be sent");
        let name = HeaderName::try_from(name.as_str()).map_err(|error| unusable(error.to_string()))?;
        headers.insert(name, HeaderValue::try_from(value.as_str()).map_err(|error| unusable(error.to_string()))?);
    }
    let body = match &request.body {
        Body::Empty => None,
        Body::Json(text) => Some((HeaderValue::from_static("application/json"), Bytes::from(text.clone()))),
        Body::Form(fields) => Some(form(fields)),
    };
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    };
    Ok(Outgoing { method, url, headers, body, operation: request.operation.clone(), class: request.class, meter: meter.clone() })
}

/// Adds a key to an address, in place of one that is there.
fn with_key(url: &mut Url, name: &str, key: &Secret) {
    let others: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(other, _)| other != name).collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, key.expose());
}

/// Takes the key out of the links that an answer holds: some vendors give back the whole address of a request, and links are stored.
fn without_key(response: &mut Response, name: &str, key: &Secret) {
    let encoded: String = url::form_urlencoded::byte_serialize(key.expose().as_bytes()).collect();
    let pairs = [format!("{name}={encoded}"), format!("{name}={}", key.expose())];
    for pair in &pairs {
        if response.body.windows(pair.len()).any(|window| window == pair.as_bytes()) {
            // A body with the key in it is text, since the key is.
            response.body = String::from_utf8_lossy(&response.body).replace(pair, "").into();
        }
        for (_, value) in &mut response.headers {
            if value.contains(pair) {
                *value = value.replace(pair, "");
            }
        }
    }
}

/// Form fields as a body.
pub(crate) fn form<T: AsRef<str>>(fields: &[(T, T)]) -> (HeaderValue, Bytes) {
    let text = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))
        .finish();
    (HeaderValue::from_static("application/x-www-form-urlencoded"), text.into())
}

/// The value of an `Authorization` header for HTTP Basic.
///
/// # Errors
/// `AQ1005` when a half cannot stand in a header.
pub(crate) fn basic(user: &str, password: &str) -> Result<HeaderValue> {
    secret_header(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// A header value that is not shown when headers are printed.
///
/// # Errors
/// `AQ1005` when the text cannot stand in a header; the text is not quoted.
pub(crate) fn secret_header(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| Error::new(codes::BAD_CONFIG, "the credentials hold a character that cannot be sent, such as a line break"))?;
    value.set_sensitive(true);
    Ok(value)
}
