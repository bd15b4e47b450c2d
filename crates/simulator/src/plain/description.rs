//! What a plain vendor is like.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::cap::BeyondCap;
use super::filter::{Filter, Keep, Parameters};
use super::paging::Paging;
use super::refused::Refused;
use super::row::{Row, Value};
use super::store::Candidate;

/// How requests prove who sends them. The simulator invents the key; see [`super::Simulator::credentials`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Not at all.
    None,
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// A key in a header.
    Header {
        /// The header, in lower case.
        name: String,
        /// What stands before the key, with its space.
        prefix: String,
    },
    /// A key in a query parameter of this name.
    Query(String),
    /// HTTP Basic with a user and a password.
    Basic,
}

impl Authentication {
    /// A key in a header.
    #[must_use]
    pub fn header(name: &str) -> Self {
        Self::Header { name: name.to_ascii_lowercase(), prefix: String::new() }
    }
}

/// So many requests in any window of so long. Beyond it the answer has status 429.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many requests.
    pub requests: u32,
    /// In how long, by the simulator's clock.
    pub window: Duration,
    /// The vendor's names of the headers for the limit, what is left of it, and the seconds until it is whole again; empty for none.
    pub headers: [String; 3],
    /// Whether a 429 says in `Retry-After` how many seconds to wait.
    pub retry_after: bool,
}

type ErrorBody = Arc<dyn Fn(&Refused) -> serde_json::Value + Send + Sync>;
pub(crate) type Find = Arc<dyn Fn(&Candidate<'_>, &str) -> bool + Send + Sync>;
pub(crate) type MakeRecord = Arc<dyn Fn(&Row<'_>) -> serde_json::Value + Send + Sync>;

/// A vendor.
#[derive(Clone)]
pub struct Description {
    pub(crate) authentication: Authentication,
    pub(crate) refused_status: u16,
    pub(crate) base_path: String,
    /// Paths whose answer is always the same.
    pub(crate) answers: Vec<(String, serde_json::Value)>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) error_body: ErrorBody,
    /// Each with what the paths that it counts begin with; nothing for all paths.
    pub(crate) rate_limits: Vec<(Vec<String>, RateLimit)>,
    pub(crate) key_begins: String,
}

impl Description {
    /// A vendor without endpoints or limits, whose errors are `{"error": {"status": …, "message": …}}`.
    #[must_use]
    pub fn new(authentication: Authentication) -> Self {
        Self {
            authentication,
            refused_status: 401,
            base_path: String::new(),
            answers: Vec::new(),
            endpoints: Vec::new(),
            error_body: Arc::new(|_| serde_json::Value::Null),
            rate_limits: Vec::new(),
            key_begins: "key-".to_owned(),
        }
        .error_body(|status| json!({"error": {"status": status, "message": "The request was not answered."}}))
    }

    /// What every path begins with, such as `/v1`.
    #[must_use]
    pub fn base_path(mut self, path: &str) -> Self {
        self.base_path = path.trim_end_matches('/').to_owned();
        self
    }

    /// The path that tells of the account, and its answer.
    #[must_use]
    pub fn account(self, path: &str, answer: serde_json::Value) -> Self {
        self.answer(path, answer)
    }

    /// A path that is no list of records and always has this answer, whatever its parameters are: what fields there are, the currencies
    /// of the account.
    #[must_use]
    pub fn answer(mut self, path: &str, answer: serde_json::Value) -> Self {
        self.answers.push((path.to_owned(), answer));
        self
    }

    /// The status for a wrong key; 401 where it is not said.
    #[must_use]
    pub fn refused_status(mut self, status: u16) -> Self {
        self.refused_status = status;
        self
    }

    /// What the invented key begins with.
    #[must_use]
    pub fn key_begins(mut self, text: &str) -> Self {
        text.clone_into(&mut self.key_begins);
        self
    }

    /// The body of an error by its status; what is wrong is added to it as `detail`.
    #[must_use]
    pub fn error_body(self, body: impl Fn(u16) -> serde_json::Value + Send + Sync + 'static) -> Self {
        self.errors(move |refused| {
            let mut body = body(refused.status);
            if let Some(body) = body.as_object_mut() {
                body.insert("detail".to_owned(), json!(refused.message));
            }
            body
        })
    }

    /// The body of an error by what is wrong.
    #[must_use]
    pub fn errors(mut self, body: impl Fn(&Refused) -> serde_json::Value + Send + Sync + 'static) -> Self {
        self.error_body = Arc::new(body);
        self
    }

    /// With a limit over all endpoints that have none of their own.
    #[must_use]
    pub fn rate_limit(self, limit: RateLimit) -> Self {
        self.rate_limit_of([""; 0], limit)
    }

    /// With a limit of its own for the paths that begin so, below the base path. Of several limits the first that fits counts.
    #[must_use]
    pub fn rate_limit_of<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>, limit: RateLimit) -> Self {
        let paths: Vec<String> = paths.into_iter().map(Into::into).collect();
        let place = self.rate_limits.iter().position(|(paths, _)| paths.is_empty()).unwrap_or(self.rate_limits.len());
        if paths.is_empty() {
            self.rate_limits.truncate(place);
            self.rate_limits.push((paths, limit));
        } else {
            self.rate_limits.insert(place, (paths, limit));
        }
        self
    }

    /// With one more endpoint.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// The endpoints, in the order in which they were described.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// How requests prove who sends them.
    #[must_use]
    pub fn authentication(&self) -> &Authentication {
        &self.authentication
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Description")
            .field("base_path", &self.base_path)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

/// A list of records of one kind.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) items: Vec<String>,
    pub(crate) paging: Paging,
    pub(crate) page_size_parameter: Option<String>,
    pub(crate) default_page_size: usize,
    pub(crate) maximum_page_size: usize,
    pub(crate) since: Option<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) sort: Option<(String, String)>,
    pub(crate) total: Option<Vec<String>>,
    pub(crate) items_missing_when_empty: bool,
    pub(crate) items_null_when_empty: bool,
    pub(crate) deleted: Option<(String, String)>,
    pub(crate) count: usize,
    pub(crate) fields: Vec<(String, Value)>,
    pub(crate) make: Option<MakeRecord>,
    pub(crate) of: Option<String>,
    pub(crate) parent: Option<(String, String)>,
    pub(crate) filters: Vec<Filter>,
    pub(crate) direction: Option<[String; 3]>,
    pub(crate) ignored: Vec<String>,
    pub(crate) record: Option<(String, Find)>,
    pub(crate) cap: Option<(usize, BeyondCap)>,
}

impl Endpoint {
    /// The endpoint of a stream: 35 records, ten on a page, all in one array at the root of the answer, by id.
    #[must_use]
    pub fn new(name: &str, path: &str) -> Self {
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
            items: Vec::new(),
            paging: Paging::Single,
            page_size_parameter: None,
            default_page_size: 10,
            maximum_page_size: 10,
            since: None,
            query: Vec::new(),
            sort: None,
            total: None,
            items_missing_when_empty: false,
            items_null_when_empty: false,
            deleted: None,
            count: 35,
            fields: Vec::new(),
            make: None,
            of: None,
            parent: None,
            filters: Vec::new(),
            direction: None,
            ignored: Vec::new(),
            record: None,
            cap: None,
        }
    }

    /// Object keys from the root of an answer to the array of records.
    #[must_use]
    pub fn items<S: Into<String>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.items = keys.into_iter().map(Into::into).collect();
        self
    }

    /// How one page leads to the next.
    #[must_use]
    pub fn paging(mut self, paging: Paging) -> Self {
        self.paging = paging;
        self
    }

    /// The query parameter for the number of records on a page, and the most it may ask for; more is refused with 400.
    #[must_use]
    pub fn page_size(mut self, parameter: &str, maximum: usize) -> Self {
        self.page_size_parameter = Some(parameter.to_owned());
        self.maximum_page_size = maximum;
        self
    }

    /// How many records a page has where nothing is asked for; ten where it is not said.
    #[must_use]
    pub fn default_page_size(mut self, size: usize) -> Self {
        self.default_page_size = size.max(1);
        self.maximum_page_size = self.maximum_page_size.max(size);
        self
    }

    /// The query parameter for what changed at or after an instant, as RFC 3339.
    #[must_use]
    pub fn since(mut self, parameter: &str) -> Self {
        self.since = Some(parameter.to_owned());
        self
    }

    /// A query parameter that every request must have, with this value.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The query parameter and its value that order records by time of change instead of by id.
    #[must_use]
    pub fn sort(mut self, parameter: &str, by_time_of_change: &str) -> Self {
        self.sort = Some((parameter.to_owned(), by_time_of_change.to_owned()));
        self
    }

    /// The query parameter and its values for the oldest first and for the newest first, by time of creation. Where it is not said, the
    /// newest comes first. Ids of later records are greater then.
    #[must_use]
    pub fn direction(mut self, parameter: &str, ascending: &str, descending: &str) -> Self {
        self.direction = Some([parameter, ascending, descending].map(str::to_owned));
        self
    }

    /// Parameters that say which records are wanted, of the query or of the path, where they stand in braces. The code is called for
    /// every request, also for those without them, and gives nothing where all records are wanted.
    #[must_use]
    pub fn filter<S: Into<String>>(
        mut self,
        parameters: impl IntoIterator<Item = S>,
        make: impl Fn(&Parameters) -> Result<Option<Keep>, Refused> + Send + Sync + 'static,
    ) -> Self {
        self.filters.push(Filter { parameters: parameters.into_iter().map(Into::into).collect(), make: Arc::new(make) });
        self
    }

    /// Query parameters that are taken and have no effect here.
    #[must_use]
    pub fn ignores<S: Into<String>>(mut self, parameters: impl IntoIterator<Item = S>) -> Self {
        self.ignored.extend(parameters.into_iter().map(Into::into));
        self
    }

    /// The records are those of another stream.
    #[must_use]
    pub fn of(mut self, stream: &str) -> Self {
        self.of = Some(stream.to_owned());
        self
    }

    /// The parameter of the path that must be the id of a record of another stream; 404 where it is not.
    #[must_use]
    pub fn below(mut self, parameter: &str, stream: &str) -> Self {
        self.parent = Some((parameter.to_owned(), stream.to_owned()));
        self
    }

    /// The path of one record, with braces round what names it, and whether a text names a record; 404 where it names none.
    #[must_use]
    pub fn record(mut self, path: &str, names: impl Fn(&Candidate<'_>, &str) -> bool + Send + Sync + 'static) -> Self {
        self.record = Some((path.to_owned(), Arc::new(names)));
        self
    }

    /// The stream whose records these are.
    pub(crate) fn stream(&self) -> &str {
        self.of.as_deref().unwrap_or(&self.name)
    }

    /// Object keys to the number of all records that match.
    #[must_use]
    pub fn total<S: Into<String>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.total = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    /// An answer without records has no array, as some vendors have it.
    #[must_use]
    pub fn items_missing_when_empty(mut self) -> Self {
        self.items_missing_when_empty = true;
        self
    }

    /// An answer without records has `null` in place of the array, as some vendors have it.
    #[must_use]
    pub fn items_null_when_empty(mut self) -> Self {
        self.items_null_when_empty = true;
        self
    }

    /// The query parameter and its value that ask for the records that were deleted, and for no others. Without it none of those is in
    /// the list. A field of [`Value::Deleted`] says of each record which it is.
    #[must_use]
    pub fn deleted(mut self, parameter: &str, value: &str) -> Self {
        self.deleted = Some((parameter.to_owned(), value.to_owned()));
        self
    }

    /// How many records a new account has.
    #[must_use]
    pub fn count(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// A field of the records: object keys joined by dots, and what is in it.
    #[must_use]
    pub fn field(mut self, path: &str, value: Value) -> Self {
        self.fields.push((path.to_owned(), value));
        self
    }

    /// Makes records by code, in place of the table of fields.
    #[must_use]
    pub fn records(mut self, make: impl Fn(&Row<'_>) -> serde_json::Value + Send + Sync + 'static) -> Self {
        self.make = Some(Arc::new(make));
        self
    }

    /// The name of the stream.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path below the base path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How one page leads to the next; see [`Endpoint::paging`].
    #[must_use]
    pub fn style(&self) -> &Paging {
        &self.paging
    }

    /// Whether an answer without records has no array.
    #[must_use]
    pub fn is_missing_when_empty(&self) -> bool {
        self.items_missing_when_empty || self.items_null_when_empty
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Endpoint").field("name", &self.name).field("path", &self.path).finish_non_exhaustive()
    }
}
