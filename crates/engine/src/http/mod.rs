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

use aqueduct_connector::{Connector, Http, Request, Response};
use aqueduct_schema::Result;
use async_trait::async_trait;

use crate::clock::Clock;
use crate::meter::Meter;
use crate::settings::Settings;

/// A request on its way, with the meter of whoever sent it.
pub(crate) struct Exchange {
    request: Request,
    meter: Arc<Meter>,
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
    /// Puts the layers together for a connector. Requests for tokens are told to the meter.
    ///
    /// # Errors
    /// `AQ1005` when the base URL cannot be used.
    pub(crate) fn new(connector: Arc<dyn Connector>, settings: &Settings, clock: Arc<dyn Clock>, meter: &Arc<Meter>) -> Result<Self> {
        let base = address::BaseUrl::parse(connector.base_url(), &settings.plain_http_hosts)?;
        let send = send::Send::new(base.clone(), settings, clock.clone())?;
        let timeout = Arc::new(timeout::Timeout::new(send, settings.total_timeout));
        let sign = sign::Sign::new(timeout, base, connector.auth(), settings, clock.clone(), meter)?.with_headers(connector.headers())?;
        let limit = limit::Limit::new(sign, &connector.limits(), clock.clone(), settings.budget.clone());
        let retry = retry::Retry::new(limit, connector, settings, clock);
        Ok(Self { layers: trace::Trace::new(retry) })
    }
}

/// A client whose requests are told to one meter.
pub(crate) struct Metered {
    pub(crate) client: Arc<Client>,
    pub(crate) meter: Arc<Meter>,
}

#[async_trait]
impl Http for Metered {
    async fn send(&self, request: Request) -> Result<Response> {
        self.client.layers.send(&Exchange { request, meter: self.meter.clone() }).await
    }
}
