//! A stream: what its records are, how they can be read, and where they stand in the API.

use std::time::Duration;

use aqueduct_schema::{Mode, RecordSchema};

use crate::limits::LimitClass;
use crate::paging::Paging;
use crate::windows::{ById, Instants, Windows};

/// A stream of records of one kind.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The name in pipeline files, tables and reports: a plural in snake case.
    pub name: String,
    /// The records.
    pub record: RecordSchema,
    /// The ways it can be read. With `Backfill` and `Changes`, the first load is a backfill and later runs read changes; with `Snapshot`
    /// every run reads all; `Deletions` are read after changes.
    pub modes: Vec<Mode>,
    /// How long a change may take at the source until a reading shows it. The settled cursor stays so far behind (`NEVER-PAST-LAG`).
    pub lag: Duration,
    /// How many records a page has.
    pub page_size: u32,
    /// The vendor's page about it.
    pub documentation: &'static str,
    /// Where it stands in the API, for streams that need no code.
    pub endpoint: Option<Endpoint>,
    /// Whether the vendor leaves the array of records out of an answer that has none, or has `null` in its place; see [`Stream::records_may_be_missing`].
    pub records_may_be_missing: bool,
    /// How it is cut into windows, where the vendor caps what one question gives.
    pub windows: Option<Windows>,
}

impl Stream {
    /// A stream without a lag that reads 100 records a page.
    pub fn new(name: &str, record: RecordSchema, modes: &[Mode], documentation: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            record,
            modes: modes.to_vec(),
            lag: Duration::ZERO,
            page_size: 100,
            documentation,
            endpoint: None,
            records_may_be_missing: false,
            windows: None,
        }
    }

    /// With a lag.
    #[must_use]
    pub fn lag(mut self, lag: Duration) -> Self {
        self.lag = lag;
        self
    }

    /// With a page size.
    #[must_use]
    pub fn page_size(mut self, page_size: u32) -> Self {
        self.page_size = page_size;
        self
    }

    /// The vendor leaves the array of records out of an answer that has none, or has `null` in its place: then an object without it is
    /// the end, unless it tells of a failure (`error`, `errors`, `code`, `message`).
    #[must_use]
    pub fn records_may_be_missing(mut self) -> Self {
        self.records_may_be_missing = true;
        self
    }

    /// Cut into windows.
    #[must_use]
    pub fn windows(mut self, windows: Windows) -> Self {
        self.windows = Some(windows);
        self
    }

    /// Read by the engine alone from this endpoint.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }
}

/// Where a stream stands in an API and how it is paged.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The path below the base URL.
    pub path: &'static str,
    /// Object keys from the root of an answer to the array of records.
    pub items: &'static [&'static str],
    /// How one page leads to the next.
    pub paging: Paging,
    /// The query parameter for the page size, if there is one.
    pub page_size_parameter: Option<&'static str>,
    /// Query parameters that every request has.
    pub query: &'static [(&'static str, &'static str)],
    /// The query parameter that asks for what changed at or after an RFC 3339 instant; needed for `Changes`, and sent for a `Backfill` that
    /// begins at an instant.
    pub since_parameter: Option<&'static str>,
    /// The query parameter that asks for what changed before an instant, in a `Backfill` that ends and in every window. Without it records
    /// beyond the end are read and let go, as far as they have a time of change.
    pub until_parameter: Option<&'static str>,
    /// How instants are written in these two parameters.
    pub instants: Instants,
    /// Object keys from the root of an answer to the number of all live records that match, also of those beyond a page. Not for a number
    /// that the vendor cuts off at its cap.
    pub total: Option<&'static [&'static str]>,
    /// How an instant with more records than the cap is read; without it such an instant fails.
    pub by_id: Option<ById>,
    /// The limit it counts against.
    pub class: LimitClass,
}

impl Endpoint {
    /// An endpoint without parameters, counting against the limit of requests that have none of their own.
    pub const fn new(path: &'static str, items: &'static [&'static str], paging: Paging) -> Self {
        Self {
            path,
            items,
            paging,
            page_size_parameter: None,
            query: &[],
            since_parameter: None,
            until_parameter: None,
            instants: Instants::Rfc3339,
            total: None,
            by_id: None,
            class: LimitClass::DEFAULT,
        }
    }

    /// With the query parameter for the page size.
    #[must_use]
    pub const fn page_size(mut self, parameter: &'static str) -> Self {
        self.page_size_parameter = Some(parameter);
        self
    }

    /// With query parameters that every request has.
    #[must_use]
    pub const fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    /// With the query parameter for what changed at or after an instant.
    #[must_use]
    pub const fn since(mut self, parameter: &'static str) -> Self {
        self.since_parameter = Some(parameter);
        self
    }

    /// With the query parameter for what changed before an instant.
    #[must_use]
    pub const fn until(mut self, parameter: &'static str) -> Self {
        self.until_parameter = Some(parameter);
        self
    }

    /// With another way of writing instants than RFC 3339.
    #[must_use]
    pub const fn instants(mut self, instants: Instants) -> Self {
        self.instants = instants;
        self
    }

    /// With the place of the number of all records that match.
    #[must_use]
    pub const fn total(mut self, keys: &'static [&'static str]) -> Self {
        self.total = Some(keys);
        self
    }

    /// With the query parameter for "greater than this id", and those that put records in the order of ids.
    #[must_use]
    pub const fn by_id(mut self, parameter: &'static str, query: &'static [(&'static str, &'static str)]) -> Self {
        self.by_id = Some(ById { parameter, query });
        self
    }

    /// Counting against a limit of its own.
    #[must_use]
    pub const fn class(mut self, class: LimitClass) -> Self {
        self.class = class;
        self
    }
}
