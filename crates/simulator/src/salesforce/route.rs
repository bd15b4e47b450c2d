//! From a request to the endpoint that answers it: size, version, session, quota, in this order.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::Method;
use hyper::header::{HOST, HeaderName};
use serde_json::{Value, json};

use super::auth::Auth;
use super::bulk::{Jobs, locator_of, place};
use super::describe::{NEWEST, OLDEST};
use super::errors::{error, no_such_page, not_found, of_status, requests_used_up, too_many_at_once};
use super::options::{BulkPace, Options};
use super::query::Locators;
use super::select::View;
use super::soql::grammar::{Selected, parse};
use super::store::Store;
use super::usage::Usage;
use crate::clock::milliseconds;
use crate::counters::RequestClass;
use crate::server::{Asked, Reply, Vendor};

/// Path, query and headers together may be so long.
const MAX_HEAD: usize = 16 * 1024;

/// Settings that can change while the server runs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) page_records: Option<usize>,
    pub(crate) page_bytes: Option<usize>,
    pub(crate) bulk_page_records: Option<usize>,
    pub(crate) scrambled: bool,
    pub(crate) bulk: BulkPace,
    /// Results above this are answered with `QUERY_TIMEOUT`.
    pub(crate) timeout_records: Option<usize>,
    /// Requests of others that run for long at the moment.
    pub(crate) long_requests: u32,
    /// The most ids of a replication answer.
    pub(crate) replication_ids: usize,
    /// Deletions before this are no longer in the log.
    pub(crate) deletions_from: Option<i64>,
    /// Hosts that the organisation has moved away from.
    pub(crate) left_hosts: Vec<String>,
}

impl Settings {
    pub(crate) fn view(&self, now_ms: i64, all: bool) -> View {
        View { now_ms, all, scrambled: self.scrambled }
    }
}

/// The vendor: an organisation with its endpoints.
#[derive(Debug)]
pub(crate) struct Salesforce {
    store: Store,
    auth: Auth,
    usage: Mutex<Usage>,
    settings: Mutex<Settings>,
    locators: Mutex<Locators>,
    jobs: Mutex<Jobs>,
}

/// An endpoint with what its path says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Route {
    Token,
    Revoke,
    Identity,
    Versions,
    Soap,
    /// An endpoint of a version.
    Of(u32, Endpoint),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Endpoint {
    Resources,
    Global,
    Object(String),
    Describe(String),
    Deleted(String),
    Updated(String),
    Record(String, String),
    Create(String),
    Update(String, String),
    Delete(String, String),
    Query,
    QueryAll,
    More(String),
    BatchRead(String),
    Limits,
    RecordCount,
    CreateJob,
    Jobs,
    Job(String),
    AbortJob(String),
    DeleteJob(String),
    Results(String),
    ResultPages(String),
    Unknown,
}

impl Route {
    fn parse(asked: &Asked) -> Option<Self> {
        let parts: Vec<&str> = asked.path.split('/').filter(|part| !part.is_empty()).collect();
        let (get, post) = (asked.method == Method::GET, asked.method == Method::POST);
        Some(match parts.as_slice() {
            ["services", "oauth2", "token"] if post => Self::Token,
            ["services", "oauth2", "revoke"] if post => Self::Revoke,
            ["services", "oauth2", "userinfo"] if get || post => Self::Identity,
            ["id", _, _] if get => Self::Identity,
            ["services", "data"] if get => Self::Versions,
            ["services", "Soap", "u", _] if post => Self::Soap,
            ["services", "data", version, rest @ ..] => {
                let number = version.strip_prefix('v')?.strip_suffix(".0")?.parse().ok()?;
                Self::Of(number, Endpoint::parse(asked, rest))
            }
            _ => return None,
        })
    }
}

impl Endpoint {
    fn parse(asked: &Asked, rest: &[&str]) -> Self {
        let own = |text: &str| text.to_owned();
        let get = asked.method == Method::GET;
        match (asked.method.as_str(), rest) {
            ("GET", []) => Self::Resources,
            ("GET", ["sobjects"]) => Self::Global,
            ("GET", ["sobjects", object]) => Self::Object(own(object)),
            ("GET", ["sobjects", object, "describe"]) => Self::Describe(own(object)),
            ("GET", ["sobjects", object, "deleted"]) => Self::Deleted(own(object)),
            ("GET", ["sobjects", object, "updated"]) => Self::Updated(own(object)),
            ("GET", ["sobjects", object, id]) => Self::Record(own(object), own(id)),
            ("POST", ["sobjects", object]) => Self::Create(own(object)),
            ("PATCH", ["sobjects", object, id]) => Self::Update(own(object), own(id)),
            ("DELETE", ["sobjects", object, id]) => Self::Delete(own(object), own(id)),
            ("GET", ["query"]) => Self::Query,
            ("GET", ["queryAll"]) => Self::QueryAll,
            ("GET", ["query" | "queryAll", locator]) => Self::More(own(locator)),
            ("POST", ["composite", "sobjects", object]) => Self::BatchRead(own(object)),
            ("GET", ["limits"]) => Self::Limits,
            ("GET", ["limits", "recordCount"]) => Self::RecordCount,
            ("POST", ["jobs", "query"]) => Self::CreateJob,
            ("GET", ["jobs", "query"]) => Self::Jobs,
            ("GET", ["jobs", "query", id]) => Self::Job(own(id)),
            ("PATCH", ["jobs", "query", id]) => Self::AbortJob(own(id)),
            ("DELETE", ["jobs", "query", id]) => Self::DeleteJob(own(id)),
            ("GET", ["jobs", "query", id, "results"]) => Self::Results(own(id)),
            ("GET", ["jobs", "query", id, "resultPages"]) if get => Self::ResultPages(own(id)),
            _ => Self::Unknown,
        }
    }

    fn class(&self) -> RequestClass {
        match self {
            Self::Query | Self::QueryAll | Self::More(_) | Self::Results(_) => RequestClass::List,
            Self::Deleted(_) | Self::Updated(_) => RequestClass::Search,
            Self::Record(..) => RequestClass::Get,
            Self::BatchRead(_) => RequestClass::Batch,
            Self::Create(_) | Self::Update(..) | Self::Delete(..) => RequestClass::Write,
            Self::CreateJob | Self::Jobs | Self::Job(_) | Self::AbortJob(_) | Self::DeleteJob(_) | Self::ResultPages(_) => {
                RequestClass::Job
            }
            Self::Unknown => RequestClass::Unknown,
            _ => RequestClass::Reference,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Salesforce {
    pub(crate) fn new(options: &Options, store: Store) -> Self {
        let settings = Settings {
            page_records: options.page_records,
            page_bytes: options.page_bytes,
            bulk_page_records: options.bulk_page_records,
            scrambled: options.scrambled,
            bulk: options.bulk,
            timeout_records: None,
            long_requests: 0,
            replication_ids: 600_000,
            deletions_from: None,
            left_hosts: Vec::new(),
        };
        Self {
            auth: Auth::new(options.seed, store.clock().clone(), milliseconds(options.session_timeout), options.refresh_rotation),
            usage: Mutex::new(Usage::new(options.limits)),
            settings: Mutex::new(settings),
            locators: Mutex::default(),
            jobs: Mutex::default(),
            store,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.auth
    }

    pub(crate) fn now(&self) -> i64 {
        self.store.clock().now_ms()
    }

    pub(crate) fn usage(&self) -> MutexGuard<'_, Usage> {
        lock(&self.usage)
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    pub(crate) fn locators(&self) -> MutexGuard<'_, Locators> {
        lock(&self.locators)
    }

    pub(crate) fn jobs(&self) -> MutexGuard<'_, Jobs> {
        lock(&self.jobs)
    }

    /// The 403 when too many requests run for long.
    pub(crate) fn check_long_requests(&self) -> Result<(), Reply> {
        let running = self.settings().long_requests;
        let most = self.usage().limits().long_requests;
        if most.is_some_and(|most| running >= most) { Err(too_many_at_once()) } else { Ok(()) }
    }

    fn dispatch(&self, asked: &Asked, endpoint: &Endpoint, version: &str) -> Result<Reply, Reply> {
        match endpoint {
            Endpoint::Resources => Ok(Self::resources(version)),
            Endpoint::Global => Ok(self.global(version)),
            Endpoint::Object(object) => self.object_info(object, version),
            Endpoint::Describe(object) => self.describe(object, version),
            Endpoint::Deleted(object) => self.deleted(asked, object),
            Endpoint::Updated(object) => self.updated(asked, object),
            Endpoint::Record(object, id) => self.one(asked, object, id, version),
            Endpoint::Create(object) => self.create(asked, object),
            Endpoint::Update(object, id) => self.update(asked, object, id),
            Endpoint::Delete(object, id) => self.delete(object, id),
            Endpoint::Query => self.query(asked, false, version),
            Endpoint::QueryAll => self.query(asked, true, version),
            Endpoint::More(locator) => self.query_more(locator, version),
            Endpoint::BatchRead(object) => self.batch_read(asked, object, version),
            Endpoint::Limits => Ok(self.limits_reply()),
            Endpoint::RecordCount => Ok(self.record_count(asked)),
            Endpoint::CreateJob => self.create_job(asked, version),
            Endpoint::Jobs => Ok(self.list_jobs(asked, version)),
            Endpoint::Job(id) => self.job(id, version),
            Endpoint::AbortJob(id) => self.abort_job(asked, id, version),
            Endpoint::DeleteJob(id) => self.delete_job(id),
            Endpoint::Results(id) => self.job_results(asked, id),
            Endpoint::ResultPages(id) => self.result_pages(id, version),
            Endpoint::Unknown => Err(not_found()),
        }
    }

    fn checked(&self, asked: &Asked) -> Result<Reply, Reply> {
        let uri = asked.target().len();
        let headers: usize = asked.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if uri > MAX_HEAD {
            return Err(of_status(414, false));
        }
        if uri + headers > MAX_HEAD {
            return Err(of_status(431, false));
        }
        match Route::parse(asked).ok_or_else(not_found)? {
            Route::Token => Ok(self.auth.token(asked)),
            Route::Revoke => Ok(self.auth.revoke(asked)),
            Route::Identity => self.auth.check(asked).map(|()| self.auth.identity(asked)),
            Route::Versions => Ok(Self::versions()),
            Route::Soap => Ok(self.soap(asked)),
            Route::Of(..) if asked.header(HOST).is_some_and(|host| self.settings().left_hosts.iter().any(|left| left == host)) => {
                Err(no_such_page())
            }
            Route::Of(number, _) if number < OLDEST => {
                Err(error(410, "UNSUPPORTED_API_VERSION", "The requested API version is retired and no longer available"))
            }
            Route::Of(number, _) if number > NEWEST => Err(not_found()),
            Route::Of(number, endpoint) => {
                self.auth.check(asked)?;
                let now = self.now();
                let reply = if self.usage().take(now) {
                    self.dispatch(asked, &endpoint, &format!("v{number}.0")).unwrap_or_else(|error| error)
                } else {
                    requests_used_up()
                };
                let used = self.usage().header(now);
                Ok(reply.with(HeaderName::from_static("sforce-limit-info"), used))
            }
        }
    }
}

impl Vendor for Salesforce {
    fn class(&self, asked: &Asked) -> RequestClass {
        match Route::parse(asked) {
            Some(Route::Token | Route::Revoke) => RequestClass::Token,
            Some(Route::Of(_, endpoint)) => endpoint.class(),
            Some(Route::Soap) => RequestClass::Write,
            Some(Route::Identity | Route::Versions) => RequestClass::Reference,
            None => RequestClass::Unknown,
        }
    }

    fn logged_path(&self, asked: &Asked) -> String {
        if self.class(asked) == RequestClass::Token { asked.path.clone() } else { asked.target() }
    }

    fn answer(&self, asked: &Asked) -> Reply {
        self.checked(asked).unwrap_or_else(|error| error)
    }

    fn error(&self, status: u16, class: RequestClass) -> Reply {
        of_status(status, class == RequestClass::Token)
    }

    fn topic(&self, asked: &Asked) -> Option<String> {
        let Some(Route::Of(_, endpoint)) = Route::parse(asked) else { return None };
        let name = match endpoint {
            Endpoint::Query | Endpoint::QueryAll => {
                let query = asked.pairs().into_iter().find(|(name, _)| name == "q").map(|(_, query)| query)?;
                let query = parse(&query).ok()?;
                // A number is no record.
                (!query.selected.contains(&Selected::Count)).then_some(query.object.name)?
            }
            Endpoint::More(text) => self.locators().find(&text).map(|(_, held, _)| held.object.clone())?,
            Endpoint::Results(id) => self.jobs().find(&id).map(|job| job.object.clone())?,
            Endpoint::BatchRead(object) | Endpoint::Record(object, _) => object,
            _ => return None,
        };
        let data = self.store.read();
        data.place(&name).map(|place| data.object(place).schema.name.clone())
    }

    fn expire_tokens(&self) {
        self.auth.end_sessions();
    }

    fn previous_page(&self, asked: &Asked) -> Option<Asked> {
        let cursor = self.cursor(asked)?;
        let mut previous = asked.clone();
        if let Some(Route::Of(number, Endpoint::More(_))) = Route::parse(asked) {
            let before = self.locator_before(&cursor)?;
            previous.path = format!("/services/data/v{number}.0/query/{before}");
            return Some(previous);
        }
        let start = place(&cursor)?;
        let pairs = asked.pairs();
        let most = pairs.iter().find(|(name, _)| name == "maxRecords").and_then(|(_, most)| most.parse::<usize>().ok());
        let most = self.settings().bulk_page_records.into_iter().chain(most).min()?;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.iter().filter(|(name, _)| name != "locator"));
        query.append_pair("locator", &locator_of(start.saturating_sub(most)));
        previous.query = query.finish();
        Some(previous)
    }

    fn cursor(&self, asked: &Asked) -> Option<String> {
        match Route::parse(asked)? {
            Route::Of(_, Endpoint::More(locator)) => Some(locator),
            Route::Of(_, Endpoint::Results(_)) => asked.pairs().into_iter().find(|(name, _)| name == "locator").map(|(_, value)| value),
            _ => None,
        }
    }

    fn with_next_cursor(&self, mut page: Reply, cursor: Option<&str>) -> Reply {
        let Some(cursor) = cursor else { return page };
        if page.content_type == "text/csv" {
            return page.with(HeaderName::from_static("sforce-locator"), cursor);
        }
        if let Ok(mut body) = serde_json::from_slice::<Value>(&page.body) {
            body["done"] = json!(false);
            body["nextRecordsUrl"] = json!(format!("/services/data/v62.0/query/{cursor}"));
            page.body = Bytes::from(body.to_string());
        }
        page
    }

    fn reversed(&self, mut page: Reply) -> Reply {
        if page.content_type == "text/csv" {
            page.body = Bytes::from(reversed_lines(&page.body));
        } else if let Ok(mut body) = serde_json::from_slice::<Value>(&page.body) {
            if let Some(rows) = body["records"].as_array_mut() {
                rows.reverse();
            }
            page.body = Bytes::from(body.to_string());
        }
        page
    }
}

/// The lines of a CSV with the first in its place and the others turned round; line ends in quotes end no line.
fn reversed_lines(body: &[u8]) -> Vec<u8> {
    let (mut lines, mut start, mut inside) = (Vec::new(), 0, false);
    for (place, byte) in body.iter().enumerate() {
        match byte {
            b'"' => inside = !inside,
            b'\n' if !inside => {
                lines.push(&body[start..=place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    if let Some(rows) = lines.get_mut(1..) {
        rows.reverse();
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_turned_round_but_for_the_first() {
        assert_eq!(reversed_lines(b"\"a\"\n\"1\n\"\n\"2\"\n"), b"\"a\"\n\"2\"\n\"1\n\"\n");
        assert_eq!(reversed_lines(b"\"a\"\n"), b"\"a\"\n");
    }
}
