//! A connector with somebody between it and the engine, who knows which page is read and may change the source before it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aqueduct_connector::{
    Account, Action, Auth, Connector, Context, Limit, Page, Read, Records, Response, Span, StatusRule, Stream, Usage, async_trait,
};
use aqueduct_engine::{Clock, Settings, decode};
use aqueduct_schema::{Error, Result, TableName, Timestamp, codes};

use crate::raw::Compared;
use crate::records::records;
use crate::tampered::{Place, Tamper, Tampered};
use crate::vendor::Did;

/// Called before a page is read, from the second page on, with the ids seen so far.
pub(crate) type Between = Arc<dyn Fn(&[String]) -> Did + Send + Sync>;

/// The connector, watched.
pub(crate) struct Watched {
    pub(crate) inner: Arc<dyn Connector>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) between: Option<Between>,
    pub(crate) tamper: Option<(Place, Tamper)>,
    /// Where the records stand, as the last page showed it.
    pub(crate) place: Place,
    pub(crate) seen: Mutex<Seen>,
}

/// What was seen of a reading.
#[derive(Default)]
pub(crate) struct Seen {
    ids: Vec<String>,
    pages: u64,
    /// The account's time when the first page had come.
    pub(crate) first_page_at: Option<Timestamp>,
    /// What the source wrote, beside what arrived.
    pub(crate) compared: Compared,
}

impl Watched {
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Connector for Watched {
    fn base_url(&self) -> &str {
        self.inner.base_url()
    }

    fn auth(&self) -> Auth {
        self.inner.auth()
    }

    fn limits(&self) -> Vec<Limit> {
        self.inner.limits()
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        self.inner.headers()
    }

    fn status_rules(&self) -> &'static [StatusRule] {
        self.inner.status_rules()
    }

    fn classify(&self, response: &Response) -> Option<Action> {
        self.inner.classify(response)
    }

    fn usage(&self, response: &Response) -> Option<Usage> {
        self.inner.usage(response)
    }

    fn describe(&self) -> Result<Option<String>> {
        self.inner.describe()
    }

    async fn check(&self, context: &Context) -> Result<Account> {
        self.inner.check(context).await
    }

    async fn discover(&self, context: &Context) -> Result<Vec<Stream>> {
        self.inner.discover(context).await
    }

    async fn count(&self, context: &Context, span: &Span<'_>) -> Result<Option<u64>> {
        self.inner.count(context, span).await
    }

    async fn read(&self, context: &Context, read: &Read<'_>) -> Result<Page> {
        if let Some(between) = &self.between {
            let ids = Some(self.seen()).filter(|seen| seen.pages > 0).map(|seen| seen.ids.clone());
            let did = ids.map_or(Ok(()), |ids| between(&ids));
            did.map_err(|error| Error::new(codes::BUG, "the vendor could not do what the suite asked of it").caused_by(error))?;
        }
        let page = match &self.tamper {
            Some((place, tamper)) => {
                let place = place.known().unwrap_or_default();
                let http = Arc::new(Tampered { inner: context.http.clone(), place, tamper: tamper.clone() });
                self.inner.read(&Context { http, ..context.clone() }, read).await?
            }
            None => self.inner.read(context, read).await?,
        };
        if let Records::Json { pointer, body } = &page.records
            && body.len() > 2
        {
            self.place.learn(pointer);
        }
        // What cannot be decoded is the engine's to complain about.
        let decoded = decode(read.stream, TableName::source("watched", &read.stream.name), &page.records, &self.settings).ok();
        let found = decoded.as_ref().and_then(|decoded| records(read.stream, &decoded.table).ok()).unwrap_or_default();
        let mut seen = self.seen();
        if let Some(decoded) = &decoded {
            seen.compared.add(read.stream, &page.records, &decoded.table);
        }
        seen.pages += 1;
        seen.first_page_at.get_or_insert(self.clock.now());
        seen.ids.extend(found.into_iter().map(|record| record.id));
        drop(seen);
        Ok(page)
    }
}
