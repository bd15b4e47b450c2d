//! The outermost layer: one span a request, with what was done and how it went. Query values, headers and bodies are never in it.

use std::time::Instant;

use aqueduct_connector::Response;
use aqueduct_schema::Result;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug, info_span, warn};

use super::Exchange;
use super::retry::Retry;

pub(crate) struct Trace {
    inner: Retry,
}

impl Trace {
    pub(crate) fn new(inner: Retry) -> Self {
        Self { inner }
    }

    pub(crate) async fn send(&self, exchange: &Exchange) -> Result<Response> {
        let request = &exchange.request;
        let span = info_span!(
            "request",
            operation = %request.operation,
            class = request.class.0,
            status = Empty,
            bytes = Empty,
            wire_bytes = Empty,
            attempts = Empty,
            duration_ms = Empty,
        );
        async {
            let begun = Instant::now();
            let (attempts, outcome) = self.inner.send(exchange).await;
            let span = Span::current();
            span.record("attempts", attempts);
            span.record("duration_ms", u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
            match &outcome {
                Ok(response) => {
                    span.record("status", response.status);
                    span.record("bytes", response.body.len());
                    span.record("wire_bytes", response.wire_bytes);
                    debug!("answered");
                }
                Err(error) => warn!(code = error.code().id, "failed"),
            }
            outcome
        }
        .instrument(span)
        .await
    }
}
