//! The HTTP side that all vendors share: accept, count, harm as told, answer, compress.

mod body;
mod harm;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::fmt::rfc2822;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::clock::{Clock, timestamp};
use crate::counters::{CounterSet, RequestClass};
use crate::faults::{Effect, FaultList, RetryAfter, Seen};
pub(crate) use body::ScriptedBody;

/// Bodies above this are refused with 413.
const MAX_REQUEST_BODY: usize = 16 * 1024 * 1024;
/// Replies below this are not worth compressing.
const MIN_GZIP_BODY: usize = 256;

/// A request, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// The path as sent, still percent-encoded.
    pub(crate) path: String,
    /// The query as sent; empty when there is none.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    /// Path and query as sent.
    pub(crate) fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// The decoded pairs of the query.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    /// A header as text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A reply before any harm is done to it.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Bytes,
    /// Whether the body is compressed already.
    pub(crate) gzipped: bool,
    /// When a pause that the reply asks for ends, by the simulator's clock.
    pub(crate) retry_after_ends: Option<i64>,
}

impl Reply {
    /// A JSON reply.
    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: "application/json;charset=utf-8",
            headers: Vec::new(),
            body: body.into(),
            gzipped: false,
            retry_after_ends: None,
        }
    }

    /// A reply with no body.
    pub(crate) fn empty(status: u16) -> Self {
        Self::json(status, Bytes::new())
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: HeaderName, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

/// What a vendor adds: its endpoints, its error bodies and its way of paging.
pub(crate) trait Vendor: Send + Sync + 'static {
    /// What kind of endpoint a request goes to.
    fn class(&self, asked: &Asked) -> RequestClass;
    /// The path for the log, without secrets.
    fn logged_path(&self, asked: &Asked) -> String;
    /// The reply to a request.
    fn answer(&self, asked: &Asked) -> Reply;
    /// The vendor's reply for an error status of an endpoint of this class.
    fn error(&self, status: u16, class: RequestClass) -> Reply;
    /// The vendor's name for the kind of records that the reply to a request holds, if it holds records.
    fn topic(&self, _asked: &Asked) -> Option<String> {
        None
    }
    /// Ends every OAuth access token.
    fn expire_tokens(&self);
    /// The request for the page before, if this is a paged request that had one.
    fn previous_page(&self, asked: &Asked) -> Option<Asked>;
    /// The pointer to a page that the request carries, if any.
    fn cursor(&self, asked: &Asked) -> Option<String>;
    /// Puts a pointer to the next page into a page.
    fn with_next_cursor(&self, page: Reply, cursor: Option<&str>) -> Reply;
    /// Turns the rows of a page round.
    fn reversed(&self, page: Reply) -> Reply;
}

/// A vendor with all that surrounds it.
pub(crate) struct Served<V> {
    pub(crate) vendor: V,
    pub(crate) clock: Clock,
    pub(crate) counters: CounterSet,
    pub(crate) faults: FaultList,
    pub(crate) gzip: AtomicBool,
}

impl<V> Served<V> {
    /// A vendor that nobody has asked anything yet, without faults.
    pub(crate) fn new(vendor: V, clock: Clock, request_log_capacity: usize, gzip: bool) -> Arc<Self> {
        Arc::new(Self {
            vendor,
            clock,
            counters: CounterSet::new(request_log_capacity),
            faults: FaultList::default(),
            gzip: AtomicBool::new(gzip),
        })
    }
}

/// A running server. Connections end when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves on a port of localhost; 0 takes a free one.
    pub(crate) async fn start<V: Vendor>(port: u16, served: Arc<Served<V>>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, move |request| handle(Arc::clone(&served), request)));
        Ok(Self { address, accepting })
    }

    /// Stops serving and waits until every connection has ended.
    pub(crate) async fn stop(mut self) {
        self.accepting.abort();
        // The task was told to end; that it did so by being aborted is no news.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers every connection that is made, until it is aborted.
pub(crate) async fn accept<B, E, F>(listener: TcpListener, answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static)
where
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: hyper::body::Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Dropping the set ends its connections, so that an aborted server leaves none behind.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // A connection that failed before it was accepted, or too many open files: the next may do better.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        // Replies are whole pages; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        connections.spawn(async move {
            let mut protocol = hyper::server::conn::http1::Builder::new();
            // Vendors write `Content-Type`, and there are clients that look for a name by its letters.
            protocol.title_case_headers(true);
            // A connection that ends in an error is either the client's business or a fault that was asked for.
            let _ = protocol.serve_connection(TokioIo::new(stream), hyper::service::service_fn(answer)).await;
        });
    }
}

async fn handle<V: Vendor>(served: Arc<Served<V>>, request: Request<Incoming>) -> io::Result<Response<ScriptedBody>> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_REQUEST_BODY).collect().await else {
        return Ok(response(StatusCode::PAYLOAD_TOO_LARGE, ScriptedBody::whole(Bytes::new())));
    };
    let asked = Asked {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: body.to_bytes(),
    };
    served.serve(asked)
}

impl<V: Vendor> Served<V> {
    fn serve(&self, asked: Asked) -> io::Result<Response<ScriptedBody>> {
        let class = self.vendor.class(&asked);
        let target = asked.target();
        let method = asked.method.as_str().to_owned();
        let arrived = self.counters.arrive(self.clock.now_ms(), &method, &target, &asked.body, self.vendor.logged_path(&asked), class);
        let topic = if self.faults.is_empty() { None } else { self.vendor.topic(&asked) };
        let seen = Seen { method: &method, path: &target, body: &asked.body, class, topic: topic.as_deref() };
        let (calls, effect) = self.faults.take(&seen);
        for call in calls {
            call();
        }
        if matches!(effect, Some(Effect::DropConnection)) {
            self.counters.reply(&arrived, 0, 0, None, true);
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let mut reply = self.reply(&asked, class, effect.as_ref());
        if reply.body.len() >= MIN_GZIP_BODY && !reply.gzipped && self.gzip.load(Ordering::Relaxed) && accepts_gzip(&asked) {
            reply.body = gzip(&reply.body);
            reply.gzipped = true;
        }
        self.counters.reply(&arrived, reply.status, reply.body.len() as u64, reply.retry_after_ends, effect.is_some());
        Ok(self.render(reply, effect.as_ref()))
    }

    fn render(&self, reply: Reply, effect: Option<&Effect>) -> Response<ScriptedBody> {
        let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (body, claimed) = harm::transmission(reply.body, effect);
        let mut response = response(status, body);
        let headers = response.headers_mut();
        if status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
        }
        if reply.gzipped {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(claimed) = claimed {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(claimed));
        }
        // Clients take the server's time from here, so it must be the simulator's.
        if let Ok(date) = HeaderValue::from_str(&http_date(self.clock.now_ms())) {
            headers.insert(header::DATE, date);
        }
        for (name, value) in reply.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }

    /// An error reply that asks for a pause.
    fn with_retry_after(&self, reply: Reply, retry_after: &RetryAfter) -> Reply {
        let now = self.clock.now_ms();
        let (value, ends) = match retry_after {
            RetryAfter::Seconds(seconds) => {
                let pause = i64::try_from(*seconds).unwrap_or(i64::MAX).saturating_mul(1000);
                (seconds.to_string(), Some(now.saturating_add(pause)))
            }
            RetryAfter::Date(ahead) => {
                let ends = now.saturating_add(crate::clock::milliseconds(*ahead));
                // The header has whole seconds; what was promised is the second it names.
                (http_date(ends), Some(ends - ends.rem_euclid(1000)))
            }
            RetryAfter::Text(text) => (text.clone(), None),
        };
        let mut reply = reply.with(header::RETRY_AFTER, value);
        reply.retry_after_ends = ends;
        reply
    }
}

fn response(status: StatusCode, body: ScriptedBody) -> Response<ScriptedBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn accepts_gzip(asked: &Asked) -> bool {
    asked
        .header(header::ACCEPT_ENCODING)
        .is_some_and(|accepted| accepted.split(',').any(|coding| matches!(coding.split(';').next().map(str::trim), Some("gzip" | "*"))))
}

/// The bytes, compressed fast: this is for tests, where the processor is scarcer than the wire.
pub(crate) fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    Bytes::from(encoder.finish().unwrap_or_default())
}

/// An instant as HTTP writes it, `Sun, 01 Feb 2026 00:00:00 GMT`.
fn http_date(milliseconds: i64) -> String {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp(milliseconds)).unwrap_or_default()
}
