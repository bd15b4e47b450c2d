//! The innermost layer: one request over the pooled client, redirects on the same host followed, the body taken in whole.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::{LimitClass, Response};
use aqueduct_schema::{Error, Result, Timestamp, codes};
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

use super::address::{self, BaseUrl};
use super::body::Caps;
use super::retry_after::http_date;
use crate::clock::Clock;
use crate::exchange::{Exchange, ExchangeObserver};
use crate::meter::{Meter, Receiving, Waiting};
use crate::settings::Settings;

/// How many redirects are followed.
const REDIRECTS: usize = 5;

/// A signed request.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<(HeaderValue, Bytes)>,
    pub(crate) operation: String,
    /// The class of limits it counts against.
    pub(crate) class: LimitClass,
    /// Whom its bytes are told.
    pub(crate) meter: Arc<Meter>,
}

pub(crate) struct Send {
    client: reqwest::Client,
    caps: Caps,
    clock: Arc<dyn Clock>,
    idle: Duration,
    observer: Option<Arc<dyn ExchangeObserver>>,
}

impl Send {
    #[expect(clippy::disallowed_methods, reason = "this is the client that everything else is handed")]
    pub(crate) fn new(base: BaseUrl, settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self> {
        // An error says that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(&settings.user_agent)
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.idle_timeout)
            // Redirects are followed here, where the rule about hosts is.
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(Duration::from_secs(60))
            .tcp_nodelay(true);
        if base.is_loopback() {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| Error::new(codes::BUG, "the HTTP client could not be set up").caused_by(error.without_url()))?;
        Ok(Self { client, caps: Caps::new(settings), clock, idle: settings.idle_timeout, observer: settings.observer.clone() })
    }

    pub(crate) async fn send(&self, outgoing: &Outgoing) -> Result<Response> {
        fail::fail_point!("engine::request");
        let began = self.clock.now();
        let mut next = outgoing.clone();
        let _waiting = outgoing.meter.wait(Waiting::Answer);
        for _ in 0..=REDIRECTS {
            let mut receiving = Receiving::begin(&outgoing.meter, outgoing.class, &outgoing.operation);
            let response = self.once(&next).await?;
            match redirect(&next, &response)? {
                Some(redirected) => {
                    receiving.whole(response.status().as_u16(), 0);
                    next = redirected;
                }
                None => return self.finish(outgoing, response, began, receiving).await,
            }
        }
        Err(Error::new(codes::SOURCE_FAILED, "the source redirects too often"))
    }

    async fn once(&self, outgoing: &Outgoing) -> Result<reqwest::Response> {
        let mut request = self.client.request(outgoing.method.clone(), outgoing.url.clone()).headers(outgoing.headers.clone());
        if let Some((kind, body)) = &outgoing.body {
            request = request.header(CONTENT_TYPE, kind).body(body.clone());
        }
        request.send().await.map_err(|error| network_error(error, self.idle))
    }

    async fn finish(
        &self,
        outgoing: &Outgoing,
        response: reqwest::Response,
        began: Timestamp,
        mut receiving: Receiving<'_>,
    ) -> Result<Response> {
        let answered = self.clock.now();
        let status = response.status().as_u16();
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let date = headers.iter().find(|(name, _)| name == "date").and_then(|(_, value)| http_date(value));
        // `Date` is written when the answer is, but the answer shows the data of when the request came in, or later. Whole seconds,
        // because `Date` has no finer ones and rounds down itself.
        let server_time = date.map_or(began, |date| date.minus(Duration::from_secs(answered.since(began).as_secs())));
        let (body, wire_bytes) = self.caps.take(response, &mut receiving).await?;
        receiving.whole(status, body.len());
        fail::fail_point!("engine::answered");
        if let Some(observer) = &self.observer {
            observer.exchanged(Exchange {
                operation: &outgoing.operation,
                method: outgoing.method.as_str(),
                url: outgoing.url.as_str(),
                sent: outgoing.body.as_ref().map(|(kind, body)| (kind.to_str().unwrap_or_default(), body.as_ref())),
                status,
                headers: &headers,
                body: &body,
            });
        }
        Ok(Response { status, headers, body, server_time, wire_bytes, operation: outgoing.operation.clone() })
    }
}

/// The request that a redirect leads to, if the answer is one.
///
/// # Errors
/// `AQ3007` when it leads to another scheme, host or port: what signs the request must not go there.
fn redirect(outgoing: &Outgoing, response: &reqwest::Response) -> Result<Option<Outgoing>> {
    let repeats_body = match response.status() {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => false,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        _ => return Ok(None),
    };
    if outgoing.method != Method::GET && !repeats_body {
        return Ok(None);
    }
    let Some(location) = response.headers().get("location").and_then(|value| value.to_str().ok()) else { return Ok(None) };
    let url = outgoing.url.join(location).map_err(|_| Error::new(codes::SOURCE_FAILED, "the source redirects to no address"))?;
    if address::same_origin(&outgoing.url, &url) { Ok(Some(Outgoing { url, ..outgoing.clone() })) } else { Err(address::elsewhere()) }
}

/// The error of a connection that failed. Addresses are taken out of it: their queries may hold keys or personal values.
pub(crate) fn network_error(error: reqwest::Error, idle: Duration) -> Error {
    let what = if error.is_timeout() && error.is_connect() {
        "no connection in time"
    } else if error.is_timeout() {
        "no byte of the answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke off"
    };
    let timed_out = error.is_timeout() && !error.is_connect();
    let result = Error::new(codes::NETWORK, what).caused_by(error.without_url());
    if timed_out { result.with("limit", format_args!("{idle:?}")) } else { result }
}
