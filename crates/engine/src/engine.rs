//! The engine of one connector.

use std::sync::Arc;

use aqueduct_connector::{Account, Connector, Context, Cost, Limit, Span, Stream};
use aqueduct_schema::{Batch, Raw, Result, StreamState, Timestamp};
use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::http::{Client, Metered};
use crate::meter::Meter;
use crate::options::{ReadOptions, StreamOutcome};
use crate::patience::Patience;
use crate::reading;
use crate::settings::Settings;

/// Runs one connector. Streams may be read at the same time: they share the connections, the limits and the access token.
pub struct Engine {
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    client: Arc<Client>,
    meter: Arc<Meter>,
}

impl Engine {
    /// Sets the connector's client up. Sends nothing.
    ///
    /// # Errors
    /// `AQ1005` when the base URL, the token URL or the credentials cannot be used as they stand.
    pub fn new(connector: Arc<dyn Connector>, settings: Settings, clock: Arc<dyn Clock>) -> Result<Self> {
        let meter = settings.meter.clone().unwrap_or_else(|| Meter::new(clock.clone()));
        let client = Arc::new(Client::new(connector.clone(), &settings, clock.clone(), &meter)?);
        Ok(Self { connector, settings, clock, client, meter })
    }

    /// What this engine has exchanged with its source, and waited for.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Whom the credentials belong to.
    ///
    /// # Errors
    /// Those of [`Connector::check`]; `AQ2001` when the credentials are refused.
    pub async fn check(&self) -> Result<Account> {
        self.patiently(|context| async move { self.connector.check(&context).await }).await
    }

    /// The streams there are, with every field the account has.
    ///
    /// # Errors
    /// Those of [`Connector::discover`].
    pub async fn discover(&self) -> Result<Vec<Stream>> {
        self.patiently(|context| async move { self.connector.discover(&context).await }).await
    }

    /// How many records a stream has, or how many of them last changed within a span; see [`Connector::count`].
    ///
    /// # Errors
    /// Those of [`Connector::count`].
    pub async fn count(&self, stream: &Stream, from: Option<Timestamp>, until: Option<Timestamp>) -> Result<Option<u64>> {
        self.patiently(|context| async move { self.connector.count(&context, &Span { stream, from, until }).await }).await
    }

    /// What it costs to read so many records, all there are or those of a window; see [`Connector::cost`].
    pub fn cost(&self, stream: &Stream, windowed: bool, records: u64) -> Option<Cost> {
        self.connector.cost(stream, windowed, records)
    }

    /// The vendor's limits.
    pub fn limits(&self) -> Vec<Limit> {
        self.connector.limits()
    }

    /// Reads one stream through all readings that are due and hands over a raw batch a page, in order, each with the checkpoint that
    /// is true once it is committed. A page without records is handed over too: its checkpoint counts.
    ///
    /// Fetching the next page goes on while a page is decoded; when nobody takes the batches, nothing more is fetched. If the
    /// receiver is dropped the reading ends as if it had been cancelled. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The first error that trying again did not help; what was handed over before it is whole. `AQ3009` when paging goes in a
    /// circle, `AQ3005` when a page stays unreadable, `AQ1001` when the stream cannot be read as `options` ask.
    pub async fn read_stream(
        &self,
        stream: &Stream,
        state: StreamState,
        options: &ReadOptions,
        out: mpsc::Sender<Batch<Raw>>,
    ) -> Result<StreamOutcome> {
        reading::read_stream(self, stream, state, options, out).await
    }

    /// Does something again while its answers do not have the agreed shape, as often as a page is read.
    async fn patiently<T, F: Future<Output = Result<T>>>(&self, attempt: impl Fn(Context) -> F) -> Result<T> {
        let mut patience = Patience::new(self, &self.meter);
        let (_never, mut cancel) = watch::channel(false);
        loop {
            match attempt(self.context(self.meter.clone())).await {
                Ok(answer) => return Ok(answer),
                Err(error) => patience.wait(error, &mut cancel).await?,
            }
        }
    }

    pub(crate) fn context(&self, meter: Arc<Meter>) -> Context {
        Context { http: Arc::new(Metered { client: self.client.clone(), meter }), now: self.clock.now() }
    }
}
