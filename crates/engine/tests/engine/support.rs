//! Connectors for tests.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::{Account, Auth, Connector, Context, Limit, Page, Read, Request, Stream};
use aqueduct_engine::{Engine, ReadOptions, Settings, StreamOutcome};
use aqueduct_schema::{Batch, Mode, Raw, RecordField, RecordSchema, Result, StreamState, ValueType};
use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::clock::TestClock;

/// Production's settings with short timeouts.
pub(crate) fn settings() -> Settings {
    Settings {
        idle_timeout: Duration::from_secs(20),
        total_timeout: Duration::from_secs(20),
        max_attempts: 4,
        max_retry_after: Duration::from_secs(60),
        body_limit: 8 << 20,
        ..Settings::default()
    }
}

/// Reads a stream to its end: what arrived, and how it went.
pub(crate) async fn run(
    engine: &Engine,
    stream: &Stream,
    state: StreamState,
    options: &ReadOptions,
) -> (Vec<Batch<Raw>>, Result<StreamOutcome>) {
    let (out, mut batches) = mpsc::channel(2);
    let collect = async {
        let mut all = Vec::new();
        while let Some(batch) = batches.recv().await {
            all.push(batch);
        }
        all
    };
    let (outcome, batches) = tokio::join!(engine.read_stream(stream, state, options, out), collect);
    (batches, outcome)
}

/// A connector whose check sends one request and gives back what was answered.
#[derive(Clone)]
pub(crate) struct OneRequest {
    pub(crate) base_url: String,
    pub(crate) auth: Auth,
    pub(crate) limits: Vec<Limit>,
    pub(crate) request: Request,
    pub(crate) expects_json: bool,
}

impl OneRequest {
    pub(crate) fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            auth: Auth::None,
            limits: Vec::new(),
            request: Request::get("/thing", "things: get"),
            expects_json: false,
        }
    }

    pub(crate) fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    pub(crate) fn engine(self, clock: &Arc<TestClock>) -> Engine {
        self.engine_with(clock, settings())
    }

    pub(crate) fn engine_with(self, clock: &Arc<TestClock>, settings: Settings) -> Engine {
        Engine::new(Arc::new(self), settings, clock.clone()).unwrap()
    }
}

#[async_trait]
impl Connector for OneRequest {
    fn base_url(&self) -> &str {
        &self.base_url
    }

    fn auth(&self) -> Auth {
        self.auth.clone()
    }

    fn limits(&self) -> Vec<Limit> {
        self.limits.clone()
    }

    fn retry_after_header(&self) -> &'static str {
        "x-limit-reset"
    }

    async fn check(&self, context: &Context) -> Result<Account> {
        let response = context.http.send(self.request.clone()).await?;
        if self.expects_json {
            response.json::<std::collections::BTreeMap<String, String>>()?;
        }
        let id = String::from_utf8_lossy(&response.body).into_owned();
        Ok(Account { id, name: Some(response.server_time.to_string()), time_zone: None, currency: None })
    }

    async fn discover(&self, _: &Context) -> Result<Vec<Stream>> {
        Ok(Vec::new())
    }
}

type Reader = dyn Fn(&Read<'_>, &Context) -> Result<Page> + Send + Sync;

/// A connector without HTTP, whose pages a closure makes.
pub(crate) struct InMemory(pub(crate) Box<Reader>);

#[async_trait]
impl Connector for InMemory {
    fn base_url(&self) -> &str {
        ""
    }

    fn auth(&self) -> Auth {
        Auth::None
    }

    fn limits(&self) -> Vec<Limit> {
        Vec::new()
    }

    async fn check(&self, _: &Context) -> Result<Account> {
        Ok(Account { id: "memory".to_owned(), name: None, time_zone: None, currency: None })
    }

    async fn discover(&self, _: &Context) -> Result<Vec<Stream>> {
        Ok(Vec::new())
    }

    async fn read(&self, context: &Context, read: &Read<'_>) -> Result<Page> {
        (self.0)(read, context)
    }
}

/// Things with an id and a time of change.
pub(crate) fn things(modes: &[Mode]) -> Stream {
    let fields = vec![RecordField::new("id", ValueType::Integer), RecordField::new("updated", ValueType::Timestamp)];
    let record = RecordSchema::new("thing", fields, &["id"]).times("updated", "updated");
    Stream::new("things", record, modes, "").lag(Duration::from_secs(300)).page_size(3)
}
