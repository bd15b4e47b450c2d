//! How a simulated account is set up.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, GENERATED_UNTIL, timestamp};

/// The settings of a simulator. `Options::default()` is a small account without limits on a free port.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The clock of the account.
    pub clock: Clock,
    /// The seed of the data and of the credentials.
    pub seed: u64,
    /// How many contacts to invent, archived and merged ones included.
    pub contacts: usize,
    /// How many companies; `None` is one for every eight contacts.
    pub companies: Option<usize>,
    /// How many deals; `None` is one for every five contacts.
    pub deals: Option<usize>,
    /// How many products; `None` is one for every twenty contacts.
    pub products: Option<usize>,
    /// How many lines of deals; `None` is one for every deal.
    pub line_items: Option<usize>,
    /// How many lists of contacts or companies; `None` is five, and none where there are no contacts.
    pub lists: Option<usize>,
    /// How many owners; every eighth is archived.
    pub owners: usize,
    /// All invented records were created and modified before this instant, whatever the clock shows, so that the same
    /// seed gives the same data on every day.
    pub generated_until: Timestamp,
    /// How many records in a thousand lie in the recycle bin.
    pub archived_per_mille: u64,
    /// How many contacts in a thousand were merged into another.
    pub merged_per_mille: u64,
    /// How many records in a thousand share one modification instant, as after a bulk import.
    pub bulk_update_per_mille: u64,
    /// The limits that are enforced.
    pub limits: Limits,
    /// How long a change stays invisible to search.
    pub index_lag: Duration,
    /// Whether replies are compressed for clients that accept it.
    pub gzip: bool,
    /// How long an OAuth access token lives, by the clock. HubSpot: 1800 s.
    pub token_lifetime: Duration,
    /// The most records in a page of a list, below what a client asks for; `None` gives as many as are asked for.
    pub page_records: Option<usize>,
    /// The most associations of one source in one page of a v4 reply. HubSpot: 500.
    pub association_page_size: usize,
    /// The most associations of one record inside a page of records; the rest has its own paging.
    pub inline_associations: usize,
    /// Whether v4 replies give `toObjectId` as a JSON number (as observed) or as a text (as the specification says).
    pub association_ids_as_numbers: bool,
    /// Whether a merge makes a new record instead of keeping the winner's id (seen since 2025).
    pub merge_creates_record: bool,
    /// How many requests the log keeps.
    pub request_log_capacity: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            clock: Clock::real(),
            seed: 1,
            contacts: 200,
            companies: None,
            deals: None,
            products: None,
            line_items: None,
            lists: None,
            owners: 12,
            generated_until: timestamp(GENERATED_UNTIL),
            archived_per_mille: 20,
            merged_per_mille: 4,
            bulk_update_per_mille: 50,
            limits: Limits::none(),
            index_lag: Duration::ZERO,
            gzip: true,
            token_lifetime: Duration::from_secs(1800),
            page_records: None,
            association_page_size: 500,
            inline_associations: 100,
            association_ids_as_numbers: true,
            merge_creates_record: false,
            request_log_capacity: 10_000,
        }
    }
}

impl Options {
    /// An account without any record.
    #[must_use]
    pub fn empty() -> Self {
        Self { contacts: 0, ..Self::default() }
    }

    pub(crate) fn company_count(&self) -> usize {
        self.companies.unwrap_or(self.contacts.div_ceil(8))
    }

    pub(crate) fn deal_count(&self) -> usize {
        self.deals.unwrap_or(self.contacts.div_ceil(5))
    }

    pub(crate) fn product_count(&self) -> usize {
        self.products.unwrap_or(self.contacts.div_ceil(20))
    }

    pub(crate) fn line_item_count(&self) -> usize {
        self.line_items.unwrap_or(self.deal_count())
    }

    pub(crate) fn list_count(&self) -> usize {
        self.lists.unwrap_or(if self.contacts == 0 { 0 } else { 5 })
    }
}

/// Requests in a rolling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// How many requests.
    pub requests: u32,
    /// In how long, by the simulator's clock.
    pub window: Duration,
}

/// The limits of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The rolling window of all endpoints but search. The token endpoints have none.
    pub burst: Option<Burst>,
    /// The search endpoints' own window.
    pub search: Option<Burst>,
    /// Requests in a day of the account's time zone, search included.
    pub daily: Option<u64>,
    /// Whether a 429 says how long to wait. HubSpot does not do so reliably, so this is off in every preset.
    pub send_retry_after: bool,
}

impl Limits {
    /// No limits, and no headers that tell of them.
    #[must_use]
    pub fn none() -> Self {
        Self { burst: None, search: None, daily: None, send_retry_after: false }
    }

    /// A private app of a Professional account: 190 requests in 10 s, 5 searches in 1 s, 625,000 requests in a day.
    #[must_use]
    pub fn professional() -> Self {
        Self { daily: Some(625_000), ..Self::of(190) }
    }

    /// A private app of a Free or Starter account: 100 requests in 10 s, 5 searches in 1 s, 250,000 requests in a day.
    #[must_use]
    pub fn starter() -> Self {
        Self { daily: Some(250_000), ..Self::of(100) }
    }

    /// A public OAuth app: 110 requests in 10 s, 5 searches in 1 s.
    #[must_use]
    pub fn public_app() -> Self {
        Self::of(110)
    }

    fn of(requests: u32) -> Self {
        let burst = Burst { requests, window: Duration::from_secs(10) };
        let search = Burst { requests: 5, window: Duration::from_secs(1) };
        Self { burst: Some(burst), search: Some(search), daily: None, send_retry_after: false }
    }
}
