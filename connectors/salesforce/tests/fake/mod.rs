//! A transport with prepared answers, and what the tests ask of the connector.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use aqueduct_connector::schema::{Cursor, Error, Mode, Position, Result, Timestamp, codes};
use aqueduct_connector::serde_json::{Value, from_slice, from_str, json};
use aqueduct_connector::{Action, Body, Connector, Context, Http, Method, Next, Page, Read, Records, Request, Response, Stream};
use aqueduct_connector::{async_trait, status};

pub(crate) const NOW: i64 = 1_770_000_000;

/// Status, headers and body.
#[derive(Clone, Debug)]
pub(crate) struct Answer(pub(crate) u16, pub(crate) Vec<(&'static str, String)>, pub(crate) String);

pub(crate) fn ok(body: Value) -> Answer {
    Answer(200, Vec::new(), body.to_string())
}

pub(crate) fn refused(status: u16, code: &str, message: &str) -> Answer {
    Answer(status, Vec::new(), json!([{"errorCode": code, "message": message}]).to_string())
}

/// The answer to a query: `done`, the number that fits and the records.
pub(crate) fn found(total: usize, done: bool, records: &[Value]) -> Answer {
    ok(json!({"totalSize": total, "done": done, "records": records}))
}

/// A page of bulk results.
pub(crate) fn csv(rows: u64, locator: &str, body: &str) -> Answer {
    let headers = vec![("sforce-numberofrecords", rows.to_string()), ("sforce-locator", locator.to_owned())];
    Answer(200, headers, body.to_owned())
}

/// A transport that gives its answers in order and remembers what it was asked.
pub(crate) struct Fake {
    answers: Mutex<Vec<Answer>>,
    asked: Mutex<Vec<Request>>,
    connector: Arc<dyn Connector>,
}

impl Fake {
    pub(crate) fn new(connector: &Arc<dyn Connector>, answers: &[Answer]) -> Arc<Self> {
        let mut answers = answers.to_vec();
        answers.reverse();
        Arc::new(Self { answers: Mutex::new(answers), asked: Mutex::new(Vec::new()), connector: connector.clone() })
    }

    /// Method and path of every request, in order, without the part all paths share.
    pub(crate) fn paths(&self) -> Vec<String> {
        let method = |request: &Request| match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        };
        let path = |request: &Request| request.url.strip_prefix("/services/data/v62.0/").unwrap().to_owned();
        self.asked.lock().unwrap().iter().map(|request| format!("{} {}", method(request), path(request))).collect()
    }

    pub(crate) fn query(&self, request: usize, name: &str) -> String {
        let asked = self.asked.lock().unwrap();
        asked[request].query.iter().find(|(mine, _)| mine == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// What a query asks for from its table on.
    pub(crate) fn from(&self, request: usize) -> String {
        self.query(request, "q").split_once(" FROM ").unwrap().1.to_owned()
    }

    pub(crate) fn body(&self, request: usize) -> Value {
        let Body::Json(text) = &self.asked.lock().unwrap()[request].body else { panic!("no JSON body") };
        from_str(text).unwrap()
    }

    pub(crate) fn idempotent(&self, request: usize) -> bool {
        self.asked.lock().unwrap()[request].idempotent
    }

    /// Whether every answer was asked for.
    pub(crate) fn is_used_up(&self) -> bool {
        self.answers.lock().unwrap().is_empty()
    }

    pub(crate) fn context(self: &Arc<Self>) -> Context {
        Context { http: self.clone(), now: Timestamp::from_seconds(NOW) }
    }
}

#[async_trait]
impl Http for Fake {
    /// As the engine does: what is no success by the connector's word is an error.
    async fn send(&self, request: Request) -> Result<Response> {
        let Answer(status, headers, body) =
            self.answers.lock().unwrap().pop().unwrap_or_else(|| panic!("one request too many: {request:?} {:?}", request.query));
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let operation = request.operation.clone();
        self.asked.lock().unwrap().push(request);
        let (server_time, wire_bytes) = (Timestamp::from_seconds(NOW), body.len() as u64);
        let response = Response { status, headers, body: body.into(), server_time, wire_bytes, operation };
        match self.connector.classify(&response).unwrap_or_else(|| status::action(self.connector.status_rules(), status)) {
            Action::Accept => Ok(response),
            Action::Fail(code) | Action::Retry(code) => Err(Error::new(code, "refused")),
            other => Err(Error::new(codes::BUG, format!("{other:?}"))),
        }
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

/// A connector with a config beside its credentials.
pub(crate) fn connector(mut config: Value) -> Arc<dyn Connector> {
    for (key, value) in [("client_id", "c"), ("client_secret", "s"), ("refresh_token", "r")] {
        config[key] = json!(value);
    }
    (aqueduct_connector_salesforce::registration().build)(config).unwrap()
}

/// A field of a description.
pub(crate) fn field(name: &str, kind: &str) -> Value {
    json!({"name": name, "type": kind, "label": name, "custom": name.ends_with("__c"), "calculated": false})
}

/// The fields every object has, and these.
pub(crate) fn fields(more: &[Value]) -> Value {
    let mut fields = vec![field("Id", "id"), field("IsDeleted", "boolean"), field("CreatedDate", "datetime")];
    fields.push(field("SystemModstamp", "datetime"));
    fields.extend(more.iter().cloned());
    json!({"fields": fields})
}

/// The stream of an object, of an organisation that shows this one alone.
pub(crate) fn stream(connector: &Arc<dyn Connector>, object: &str, description: Answer) -> Stream {
    let objects = ok(json!({"sobjects": [{"name": object, "queryable": true, "replicateable": true}]}));
    let fake = Fake::new(connector, &[objects, description]);
    let streams = ready(connector.discover(&fake.context())).unwrap();
    streams.into_iter().find(|stream| *stream.record.object == *object).unwrap()
}

/// Contacts of which these text fields are selected.
pub(crate) fn contacts(connector: &Arc<dyn Connector>, names: &[&str]) -> Stream {
    let more: Vec<Value> = names.iter().map(|name| field(name, "string")).collect();
    let mut stream = stream(connector, "Contact", ok(fields(&more)));
    let record = stream.record.clone();
    stream.record.fields.retain(|field| record.has_role(&field.path) || names.contains(&field.path.as_str()));
    stream
}

/// An id of a contact, in the order of its number.
pub(crate) fn id(number: usize) -> String {
    format!("003{number:015}")
}

/// A record that changed so many seconds after another.
pub(crate) fn record(number: usize, second: usize) -> Value {
    json!({"attributes": {"type": "Contact"}, "Id": id(number), "SystemModstamp": format!("2026-02-01T00:00:{second:02}.000+0000")})
}

pub(crate) fn read<'r>(stream: &'r Stream, mode: Mode, from: Option<&'r Cursor>, position: Option<&'r Position>) -> Read<'r> {
    Read { stream, mode, from, until: None, position, bookmark: None, by_id: false }
}

/// Reads one page.
pub(crate) fn page(
    connector: &Arc<dyn Connector>,
    fake: &Arc<Fake>,
    stream: &Stream,
    mode: Mode,
    position: Option<&Position>,
) -> Result<Page> {
    let from = Cursor::at(Timestamp::from_seconds(NOW - 3_600));
    let from = matches!(mode, Mode::Changes | Mode::Deletions).then_some(&from);
    ready(connector.read(&fake.context(), &read(stream, mode, from, position)))
}

/// The records of a page of JSON.
pub(crate) fn records(page: &Page) -> Vec<Value> {
    let Records::Json { body, pointer } = &page.records else { panic!("not JSON") };
    let whole: Value = from_slice(body).unwrap();
    pointer.iter().fold(&whole, |value, key| &value[*key]).as_array().unwrap().clone()
}

/// The position of the page that comes after, and the wait before it in milliseconds.
pub(crate) fn after(page: &Page) -> (Position, Option<u128>) {
    match &page.next {
        Next::Page(position) => (position.clone(), None),
        Next::Later { position, wait } => (position.clone(), Some(wait.as_millis())),
        Next::End { .. } | Next::TooMany => panic!("this was the last page"),
    }
}

/// Whether the page is the last.
pub(crate) fn is_last(page: &Page) -> bool {
    page.next == Next::End { bookmark: None }
}
