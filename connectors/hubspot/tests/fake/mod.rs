//! A transport with prepared answers, and what the tests ask of the connector.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use aqueduct_connector::schema::{Cursor, Error, Mode, Position, Result, Timestamp};
use aqueduct_connector::serde_json::{Value, from_slice, from_str, json};
use aqueduct_connector::{Body, Connector, Context, Http, Method, Next, Page, Read, Records, Request, Response, Stream, async_trait};

/// Answers a request with status and body.
type Answers = Box<dyn FnMut(&Request) -> Result<(u16, String)> + Send>;

/// A transport that remembers what it was asked.
pub(crate) struct Fake {
    answers: Mutex<Answers>,
    asked: Mutex<Vec<Request>>,
}

impl Fake {
    /// Gives these answers in order and no more.
    pub(crate) fn in_order(answers: &[(u16, Value)]) -> Arc<Self> {
        let mut answers = answers.to_vec();
        answers.reverse();
        Self::computed(move |request| {
            let (status, body) = answers.pop().unwrap_or_else(|| panic!("one request too many: {request:?}"));
            (status, body.to_string())
        })
    }

    /// Computes each answer.
    pub(crate) fn computed(mut answers: impl FnMut(&Request) -> (u16, String) + Send + 'static) -> Arc<Self> {
        Self::from(Box::new(move |request| Ok(answers(request))))
    }

    /// Fails some requests, once, as the engine does after its table of statuses, and gives the others the same answer.
    pub(crate) fn refusing(error: Error, which: impl Fn(&Request) -> bool + Send + 'static, answer: Value) -> Arc<Self> {
        let mut error = Some(error);
        Self::from(Box::new(move |request| if which(request) { Err(error.take().unwrap()) } else { Ok((200, answer.to_string())) }))
    }

    fn from(answers: Answers) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers), asked: Mutex::new(Vec::new()) })
    }

    /// Method and path of every request, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        let line = |request: &Request| format!("{} {}", if request.method == Method::Get { "GET" } else { "POST" }, request.url);
        self.asked.lock().unwrap().iter().map(line).collect()
    }

    /// A query parameter of a request.
    pub(crate) fn query(&self, request: usize, name: &str) -> Option<String> {
        let asked = self.asked.lock().unwrap();
        asked[request].query.iter().find(|(mine, _)| mine == name).map(|(_, value)| value.clone())
    }

    /// The JSON body of a request.
    pub(crate) fn body(&self, request: usize) -> Value {
        body(&self.asked.lock().unwrap()[request])
    }

    /// The class of limit of a request.
    pub(crate) fn class(&self, request: usize) -> &'static str {
        self.asked.lock().unwrap()[request].class.0
    }

    pub(crate) fn context(self: &Arc<Self>) -> Context {
        Context { http: self.clone(), now: Timestamp::from_seconds(1_770_000_000) }
    }
}

/// The JSON body of a request.
pub(crate) fn body(request: &Request) -> Value {
    let Body::Json(text) = &request.body else { panic!("{request:?} has no JSON body") };
    from_str(text).unwrap()
}

#[async_trait]
impl Http for Fake {
    async fn send(&self, request: Request) -> Result<Response> {
        let (status, body) = (self.answers.lock().unwrap())(&request)?;
        let operation = request.operation.clone();
        self.asked.lock().unwrap().push(request);
        let server_time = Timestamp::from_seconds(1_770_000_000);
        Ok(Response { status, headers: Vec::new(), wire_bytes: body.len() as u64, body: body.into(), server_time, operation })
    }
}

/// The result of a future that waits for nothing.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the connector waits for something that is not a request"),
    }
}

/// A connector with a config beside its token.
pub(crate) fn connector(mut config: Value) -> Arc<dyn Connector> {
    config["access_token"] = json!("pat-test");
    (aqueduct_connector_hubspot::registration().build)(config).unwrap()
}

/// The streams of an account whose object types have these properties.
pub(crate) fn streams(connector: &dyn Connector, properties: &[Value]) -> Vec<Stream> {
    let answer = json!({"results": properties});
    let fake = Fake::computed(move |_| (200, answer.to_string()));
    ready(connector.discover(&fake.context())).unwrap()
}

/// A stream by name, of an account with these text properties, which are selected and no others.
pub(crate) fn stream(connector: &dyn Connector, name: &str, properties: &[&str]) -> Stream {
    let answer: Vec<Value> = properties.iter().map(|name| json!({"name": name, "type": "string", "hubspotDefined": true})).collect();
    let mut stream = streams(connector, &answer).into_iter().find(|stream| stream.name == name).unwrap();
    stream.record.fields.retain(|field| field.path.strip_prefix("properties.").is_none_or(|name| properties.contains(&name)));
    stream
}

/// Reads one page.
pub(crate) fn page(connector: &dyn Connector, fake: &Arc<Fake>, stream: &Stream, mode: Mode, position: Option<&Position>) -> Result<Page> {
    let from = Cursor::at(Timestamp::from_milliseconds(1_000_000));
    let from = (mode == Mode::Changes).then_some(&from);
    ready(connector.read(&fake.context(), &Read { stream, mode, from, until: None, position, bookmark: None, by_id: false }))
}

/// The records of a page.
pub(crate) fn records(page: &Page) -> Vec<Value> {
    let Records::Json { body, pointer } = &page.records else { panic!("not JSON") };
    let whole: Value = from_slice(body).unwrap();
    pointer.iter().fold(&whole, |value, key| &value[*key]).as_array().unwrap().clone()
}

/// The position of the page that comes after.
pub(crate) fn after(page: &Page) -> Position {
    let Next::Page(position) = &page.next else { panic!("this was the last page") };
    position.clone()
}

/// Whether the page is the last.
pub(crate) fn is_last(page: &Page) -> bool {
    page.next == Next::End { bookmark: None }
}
