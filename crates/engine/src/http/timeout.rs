//! Bounds one attempt in time, from connecting to the last byte. Pauses inside an answer are bounded by the client of `send`.

use std::time::Duration;

use aqueduct_connector::Response;
use aqueduct_schema::{Error, Result, codes};

use super::send::{Outgoing, Send};

pub(crate) struct Timeout {
    inner: Send,
    total: Duration,
}

impl Timeout {
    pub(crate) fn new(inner: Send, total: Duration) -> Self {
        Self { inner, total }
    }

    pub(crate) async fn send(&self, outgoing: &Outgoing) -> Result<Response> {
        match tokio::time::timeout(self.total, self.inner.send(outgoing)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::new(codes::NETWORK, "the answer took too long").with("limit", format_args!("{:?}", self.total))),
        }
    }
}
