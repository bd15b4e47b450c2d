//! A request's way to the vendor and back, in one written order: trace( retry( limit( sign( timeout( send ))))).
//!
//! The order matters, from the outside in:
//! - `trace` sees the request as the connector meant it, once, with the number of attempts it took.
//! - `retry` is outside `limit`, so that every attempt counts against the vendor's limits, not only the first.
//! - `limit` is outside `sign`, so that a request that waited a minute for its turn is signed with a token that is valid now.
//! - `sign` is outside `timeout`: fetching a token has a timeout of its own and does not eat up the request's.
//! - `timeout` is innermost but for `send`: it holds for one attempt. Around `retry` it would cut off the waiting that a vendor asked for.

mod address;
mod assertion;
mod body;
pub(crate) mod depth;
mod limit;
mod refusal;
mod retry;
mod retry_after;
pub(crate) mod schedule;
mod send;
mod share;
mod sign;
mod timeout;
mod token;
mod trace;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aqueduct_connector::{Connector, Http, Request, Response};
use aqueduct_schema::Result;
use async_trait::async_trait;

use crate::clock::Clock;
use crate::settings::Settings;

/// What one reader has sent and received.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    wire_bytes: AtomicU64,
}

impl Counters {
    fn sent(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn received(&self, bytes: u64) {
        self.wire_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Requests sent.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes of bodies received.
    pub(crate) fn wire_bytes(&self) -> u64 {
        self.wire_bytes.load(Ordering::Relaxed)
    }
}

/// A request on its way, with the counters of whoever sent it.
pub(crate) struct Exchange {
    request: Request,
    counters: Arc<Counters>,
}

/// One answer, with the token it was asked for with.
pub(crate) struct Attempt {
    response: Response,
    token: Option<token::Generation>,
}

/// All layers.
pub(crate) struct Client {
    layers: trace::Trace,
}

impl Client {
    /// Puts the layers together for a connector.
    ///
    /// # Errors
    /// `AQ1005` when the base URL cannot be used.
    pub(crate) fn new(connector: Arc<dyn Connector>, settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self> {
        let base = address::BaseUrl::parse(connector.base_url(), &settings.plain_http_hosts)?;
        let send = send::Send::new(base.clone(), settings, clock.clone())?;
        let timeout = Arc::new(timeout::Timeout::new(send, settings.total_timeout));
        let sign = sign::Sign::new(timeout, base, connector.auth(), settings, clock.clone())?.with_headers(connector.headers())?;
        let limit = limit::Limit::new(sign, &connector.limits(), clock.clone(), settings.budget.clone());
        let retry = retry::Retry::new(limit, connector, settings, clock);
        Ok(Self { layers: trace::Trace::new(retry) })
    }
}

/// A client that counts for one reader.
pub(crate) struct Counted {
    pub(crate) client: Arc<Client>,
    pub(crate) counters: Arc<Counters>,
}

#[async_trait]
impl Http for Counted {
    async fn send(&self, request: Request) -> Result<Response> {
        self.client.layers.send(&Exchange { request, counters: self.counters.clone() }).await
    }
}
