//! Requests and responses as connectors see them. The engine sends; a connector never owns a client.

use std::fmt;

use aqueduct_schema::{Result, Timestamp, codes};
use async_trait::async_trait;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::limits::LimitClass;

/// The HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

/// What a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// A JSON text.
    Json(String),
    /// Form fields.
    Form(Vec<(String, String)>),
}

/// One request. Built with [`Request::get`] or [`Request::post`] and the methods that follow.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// A path below the connector's base URL, beginning with `/`, or an absolute URL that the source itself gave (a next link). An
    /// absolute URL on another host than the base URL is refused by the engine: credentials never leave their host.
    pub url: String,
    /// Query parameters, not yet encoded.
    pub query: Vec<(String, String)>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// Which of the connector's limits the request counts against.
    pub class: LimitClass,
    /// Whether sending it twice does no harm. Reads are; the engine retries only these after an unknown outcome.
    pub idempotent: bool,
    /// What is being done, for errors and traces, for example `contacts: list`.
    pub operation: String,
}

impl Request {
    /// A GET of a path or a next link.
    pub fn get(url: impl Into<String>, operation: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            url: url.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Body::Empty,
            class: LimitClass::DEFAULT,
            idempotent: true,
            operation: operation.into(),
        }
    }

    /// A POST of a JSON text that reads and changes nothing, such as a search.
    pub fn post(url: impl Into<String>, json: String, operation: impl Into<String>) -> Self {
        Self { method: Method::Post, body: Body::Json(json), ..Self::get(url, operation) }
    }

    /// A PATCH of a JSON text that sets something to a state, so that sending it twice does no harm.
    pub fn patch(url: impl Into<String>, json: String, operation: impl Into<String>) -> Self {
        Self { method: Method::Patch, ..Self::post(url, json, operation) }
    }

    /// A DELETE.
    pub fn delete(url: impl Into<String>, operation: impl Into<String>) -> Self {
        Self { method: Method::Delete, ..Self::get(url, operation) }
    }

    /// Not to be sent again when it is not known whether the source carried it out, such as a POST that begins a job.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.idempotent = false;
        self
    }

    /// With a query parameter.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Counting against a limit of its own.
    #[must_use]
    pub fn class(mut self, class: LimitClass) -> Self {
        self.class = class;
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Query values and bodies may hold personal values or secrets: only their names are shown.
        let names: Vec<&str> = self.query.iter().map(|(name, _)| name.as_str()).collect();
        write!(formatter, "{:?} {} {names:?} [{}]", self.method, self.url.split('?').next().unwrap_or_default(), self.operation)
    }
}

/// The answer to a request, its body whole and decompressed within the engine's limits.
#[derive(Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The server's time by its `Date` header, or the machine's where there is none, when the request was sent.
    pub server_time: Timestamp,
    /// Bytes received over the wire, before decompression.
    pub wire_bytes: u64,
    /// The operation of the request.
    pub operation: String,
}

impl Response {
    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(mine, _)| mine == name).map(|(_, value)| value.as_str())
    }

    /// The body as a typed JSON answer.
    ///
    /// # Errors
    /// `AQ3005` when the body is not that: an empty body, an HTML page, a missing key. It may be tried again.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| self.malformed(&error.to_string()))
    }

    /// The error for an answer that does not have the agreed shape. `reason` must not quote the body.
    pub fn malformed(&self, reason: &str) -> aqueduct_schema::Error {
        // serde's messages quote values ("invalid type: string \"...\""): keep the part before the first quotation mark.
        let reason = reason.split(['"', '`']).next().unwrap_or_default().trim();
        aqueduct_schema::Error::new(codes::MALFORMED_ANSWER, format!("the answer does not have the agreed shape ({reason})"))
            .operation(self.operation.clone())
            .with("status", self.status)
            .with("bytes", self.body.len())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} with {} bytes [{}]", self.status, self.body.len(), self.operation)
    }
}

/// Sends requests: traced, retried, limited, signed and timed by the engine, in that order.
#[async_trait]
pub trait Http: Send + Sync {
    /// Sends a request and gives a successful answer.
    ///
    /// # Errors
    /// What the status table makes of the answer, after retries; see [`crate::status`].
    async fn send(&self, request: Request) -> Result<Response>;
}
