//! The connector: a vendor behind four methods.

use std::fmt;
use std::sync::Arc;

use aqueduct_schema::{Cursor, Error, Mode, Position, Result, Timestamp, codes};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use schemars::Schema;
use serde::de::DeserializeOwned;

use crate::auth::Auth;
use crate::http::{Http, Response};
use crate::limits::{Cost, Limit, LimitClass, Usage};
use crate::page::Page;
use crate::status::{Action, StatusRule};
use crate::stream::Stream;

/// An entry in the table of connectors: everything that can be said without credentials.
#[derive(Clone)]
pub struct Registration {
    /// The name in pipeline files: the vendor, in snake case.
    pub name: &'static str,
    /// What it reads, in a sentence.
    pub summary: &'static str,
    /// The vendor's documentation.
    pub documentation: &'static str,
    /// The JSON Schema of the config.
    pub config_schema: fn() -> Schema,
    /// Makes a connector from a config.
    ///
    /// # Errors
    /// `AQ1005` when the config is wrong; see [`crate::config::parse`].
    pub build: fn(serde_json::Value) -> Result<Arc<dyn Connector>>,
    /// The mappings onto the common schema: name of the file and YAML text.
    pub mappings: &'static [(&'static str, &'static str)],
}

impl fmt::Debug for Registration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "connector {}", self.name)
    }
}

/// A vendor.
///
/// The rules of reading, each a named test of the conformance suite:
/// - `CURSOR-BY-VALUE`: a position holds a value of the data, never an offset; it stays right when records before it vanish.
/// - `COMPOSITE`: records that share an instant are told apart by id; none is skipped, however many there are.
/// - `NEVER-PAST-LAG`: the settled cursor stays behind the server's time by the stream's lag. The engine does this.
/// - `POSITIVE-END`: the last page is a well-formed answer that says it is the last; an empty or odd body is an error.
/// - `NO-SILENT-CAP`: a window that hits a vendor's cap is split or fails.
/// - `COVERS-ITS-ROWS`: the position a page names begins after that page's records and not later.
/// - `FUTURE-CLAMP`: a record dated in the future moves no cursor beyond the server's time.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The base URL for paths, without a slash at the end; empty for connectors that send no requests.
    fn base_url(&self) -> &str;

    /// How requests are signed.
    fn auth(&self) -> Auth;

    /// The vendor's limits. A class that is not named has none.
    fn limits(&self) -> Vec<Limit>;

    /// Headers that every request has besides those of its own, such as the version of the API that the connector was written for.
    fn headers(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Statuses that mean something else than [`crate::status::DEFAULT`] says.
    fn status_rules(&self) -> &'static [StatusRule] {
        &[]
    }

    /// Looks into an answer that the status alone does not explain: an error body under status 200, a 403 that is a quota.
    /// `None` leaves it to the tables. The body must be looked at only, never kept.
    fn classify(&self, _response: &Response) -> Option<Action> {
        None
    }

    /// The header in which an answer says how long to wait, in seconds or as an HTTP date, where the vendor has another than
    /// `Retry-After`. `Retry-After` counts first.
    fn retry_after_header(&self) -> &'static str {
        "retry-after"
    }

    /// How much of the day's quota is used, where answers say so. Asked of every answer; the engine sends nothing more once
    /// [`Usage::stop_at`] is reached (`AQ3002`).
    fn usage(&self, _response: &Response) -> Option<Usage> {
        None
    }

    /// What the connector can tell people of its source before any record is read, in their words: what was recognised in files, and
    /// how surely. `None` where there is nothing to tell.
    ///
    /// # Errors
    /// When the source cannot be looked at.
    fn describe(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// Whom the credentials belong to.
    ///
    /// # Errors
    /// `AQ2001` when they are refused.
    async fn check(&self, context: &Context) -> Result<Account>;

    /// The streams there are, with every field the account has.
    ///
    /// # Errors
    /// Those of the requests it makes.
    async fn discover(&self, context: &Context) -> Result<Vec<Stream>>;

    /// How many records a stream has, or how many of them last changed within a span: for plans, and to prove that nothing is missing.
    /// Deleted records do not count. `None` where the vendor does not say it in one request. An endpoint that declares its total needs no
    /// code here.
    ///
    /// # Errors
    /// Those of the request it makes.
    async fn count(&self, context: &Context, span: &Span<'_>) -> Result<Option<u64>> {
        crate::declared::count(context, span).await
    }

    /// What it costs to read so many records of a stream by [`Mode::Backfill`], all there are or (`windowed`) those of a window with a
    /// beginning and an end. `None` where it cannot be read so; a window that leaves out nothing but what lies outside of it is one that
    /// the vendor filters by the time of change.
    fn cost(&self, stream: &Stream, windowed: bool, records: u64) -> Option<Cost> {
        let has_end = stream.endpoint.as_ref().is_some_and(|endpoint| endpoint.until_parameter.is_some());
        let possible = (!windowed || has_end) && stream.modes.contains(&Mode::Backfill);
        let class = stream.endpoint.as_ref().map_or(LimitClass::DEFAULT, |endpoint| endpoint.class);
        possible.then(|| Cost::new(class, records.div_ceil(u64::from(stream.page_size.max(1))).max(1)))
    }

    /// Reads one page. A stream that declares its endpoint needs no code here.
    ///
    /// # Errors
    /// Those of the requests it makes, `AQ3005` for an answer without the records it should have.
    async fn read(&self, context: &Context, read: &Read<'_>) -> Result<Page> {
        crate::declared::read(context, read).await
    }
}

/// An account at the vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The vendor's id of the account; part of every row id.
    pub id: String,
    /// What to call it, where the vendor says.
    pub name: Option<String>,
    /// Its time zone as an IANA name, where the vendor says.
    pub time_zone: Option<String>,
    /// Its currency, ISO 4217, where the vendor says.
    pub currency: Option<String>,
}

/// What the engine hands to a connector for one call.
#[derive(Clone)]
pub struct Context {
    /// Sends requests.
    pub http: Arc<dyn Http>,
    /// The machine's time at the call, for connectors whose source has no clock.
    pub now: Timestamp,
}

/// A span of a stream, to be counted.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The stream.
    pub stream: &'a Stream,
    /// The first instant of the span, by the records' last change; `None` counts from the beginning.
    pub from: Option<Timestamp>,
    /// The end of the span, exclusive; `None` counts to the end.
    pub until: Option<Timestamp>,
}

/// What to read.
#[derive(Clone, Debug)]
pub struct Read<'a> {
    /// The stream, with the selected fields alone.
    pub stream: &'a Stream,
    /// The way of reading.
    pub mode: Mode,
    /// For `Changes`: read what changed at or after this cursor. For `Backfill`: the first instant of the window, if it has one. For every
    /// mode but `Deletions` of a stream with [`crate::Windows`]: the first instant of the window that is read now.
    pub from: Option<&'a Cursor>,
    /// The end of the window, exclusive: a backfill's, or that of the one of [`crate::Windows`] that is read now. `None` reads to the end.
    pub until: Option<Timestamp>,
    /// Where the page begins; `None` for the first. Made by this connector in [`crate::Next::Page`].
    pub position: Option<&'a Position>,
    /// Where the last reading left off, for streams that keep their place themselves.
    pub bookmark: Option<&'a Position>,
    /// Whether the window is an instant with more records than one question gives, to be read in the order of ids; only for streams that
    /// say they can ([`crate::Windows::by_id`], [`crate::Endpoint::by_id`]). Each page is then a question of its own.
    pub by_id: bool,
}

impl Read<'_> {
    /// What is being done, for errors and traces: `contacts: changes`.
    pub fn operation(&self) -> String {
        format!("{}: {}", self.stream.name, self.mode.name())
    }

    /// The place where the page begins, as the connector wrote it with [`crate::Next::page`]; `None` for the first.
    ///
    /// # Errors
    /// `AQ4003` for a place that is none of this connector's.
    pub fn place<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let place = self.position.map(|Position(value)| T::deserialize(value));
        place.transpose().map_err(|_| Error::new(codes::BAD_STATE, "a stored position does not fit the stream").operation(self.operation()))
    }
}

/// Asks what there is, `at_once` questions at a time, and gives the answers in order. What may not be asked for is `None`: one missing
/// permission, or one kind of record that the account does not have, must not hide the others; reading it says what it lacks.
///
/// # Errors
/// The first other error.
pub async fn described<T>(questions: Vec<impl Future<Output = Result<T>>>, at_once: usize) -> Result<Vec<Option<T>>> {
    let answers = stream::iter(questions).buffered(at_once.max(1)).map(|answer| match answer {
        Err(error) if matches!(error.code(), codes::PERMISSION_DENIED | codes::REQUEST_REJECTED) => Ok(None),
        answer => answer.map(Some),
    });
    answers.try_collect().await
}
