//! How a simulated organisation is set up.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, GENERATED_UNTIL, timestamp};

/// The settings of a simulator. `Options::default()` is a small organisation without limits on a free port.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The clock of the organisation.
    pub clock: Clock,
    /// The seed of the data and of the credentials.
    pub seed: u64,
    /// How many contacts to invent, deleted and merged ones included; the same for what follows.
    pub contacts: usize,
    /// Accounts; `None` is one for every five contacts.
    pub accounts: Option<usize>,
    /// Leads; `None` is one for every two contacts.
    pub leads: Option<usize>,
    /// Opportunities; `None` is one for every four contacts.
    pub opportunities: Option<usize>,
    /// Tasks; `None` is as many as contacts.
    pub tasks: Option<usize>,
    /// Events; `None` is one for every four contacts.
    pub events: Option<usize>,
    /// Campaigns; `None` is one for every forty contacts.
    pub campaigns: Option<usize>,
    /// Campaign members; `None` is one for every two contacts.
    pub campaign_members: Option<usize>,
    /// Individuals, each with consents; `None` is one for every five contacts.
    pub individuals: Option<usize>,
    /// Records of the custom object `Subscription__c`; `None` is one for every eight contacts.
    pub subscriptions: Option<usize>,
    /// Users, the integration user included.
    pub users: usize,
    /// All invented records were created and modified before this instant, whatever the clock shows, so that the same
    /// seed gives the same data on every day. Deletions and merges alone happen in the ten days before the clock's time,
    /// as the recycle bin keeps only fifteen.
    pub generated_until: Timestamp,
    /// How many records in a thousand lie in the recycle bin.
    pub deleted_per_mille: u64,
    /// How many accounts, contacts and leads in a thousand were merged into another.
    pub merged_per_mille: u64,
    /// How many leads in a thousand were converted.
    pub converted_per_mille: u64,
    /// How many records in a thousand share one modification instant, as after a bulk import.
    pub bulk_update_per_mille: u64,
    /// Of how many accounts, contacts, leads and opportunities in a thousand there is a field history.
    pub field_history_per_mille: u64,
    /// The limits that are enforced.
    pub limits: Limits,
    /// How long a change stays invisible after the time it bears, as when a long transaction commits.
    pub commit_lag: Duration,
    /// Whether replies are compressed for clients that accept it.
    pub gzip: bool,
    /// How long a session lives without being used. Salesforce: 2 h by default.
    pub session_timeout: Duration,
    /// What happens to refresh tokens when they are used.
    pub refresh_rotation: RefreshRotation,
    /// The most records in a page of REST, below what the client asks for.
    pub page_records: Option<usize>,
    /// The size of a page of REST in bytes after which no further record is put into it, as with wide rows.
    pub page_bytes: Option<usize>,
    /// The most records in a page of Bulk results, below what the client asks for.
    pub bulk_page_records: Option<usize>,
    /// Whether records come in no particular order where none is asked for.
    pub scrambled: bool,
    /// How Bulk jobs go ahead.
    pub bulk: BulkPace,
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
            accounts: None,
            leads: None,
            opportunities: None,
            tasks: None,
            events: None,
            campaigns: None,
            campaign_members: None,
            individuals: None,
            subscriptions: None,
            users: 12,
            generated_until: timestamp(GENERATED_UNTIL),
            deleted_per_mille: 20,
            merged_per_mille: 4,
            converted_per_mille: 60,
            bulk_update_per_mille: 50,
            field_history_per_mille: 300,
            limits: Limits::none(),
            commit_lag: Duration::ZERO,
            gzip: true,
            session_timeout: Duration::from_secs(2 * 3600),
            refresh_rotation: RefreshRotation::Never,
            page_records: None,
            page_bytes: None,
            bulk_page_records: None,
            scrambled: false,
            bulk: BulkPace::default(),
            request_log_capacity: 10_000,
        }
    }
}

impl Options {
    /// An organisation with its users and stages and no other record.
    #[must_use]
    pub fn empty() -> Self {
        Self { contacts: 0, ..Self::default() }
    }

    pub(crate) fn count(&self, own: Option<usize>, contacts_for_each: usize) -> usize {
        own.unwrap_or(self.contacts.div_ceil(contacts_for_each))
    }
}

/// What happens to a refresh token when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshRotation {
    /// It stays, and the answer has none. This is how connected apps begin.
    Never,
    /// The answer has a new one; the old one stays good.
    Lenient,
    /// The answer has a new one; the old one is good no more.
    Strict,
}

/// How long a Bulk job stays in a state: until both the time has passed and it was asked for so often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BulkPace {
    /// How long it waits in `UploadComplete`, by the clock.
    pub queued: Duration,
    /// How often it answers `UploadComplete`.
    pub queued_polls: u32,
    /// How long it runs in `InProgress`, by the clock.
    pub running: Duration,
    /// How often it answers `InProgress`.
    pub running_polls: u32,
}

/// The limits of an organisation. A part that is `None` is counted and told, and not enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests in 24 hours.
    pub daily_requests: Option<u64>,
    /// Bulk query jobs in 24 hours. Salesforce: 10,000.
    pub daily_bulk_jobs: Option<u64>,
    /// Requests that may run for long at the same time; see `Simulator::set_long_requests`.
    pub long_requests: Option<u32>,
    /// The most open query locators of a user; the oldest goes when one more comes. Salesforce: 10.
    pub open_locators: usize,
}

impl Limits {
    /// No daily limits.
    #[must_use]
    pub fn none() -> Self {
        Self { daily_requests: None, daily_bulk_jobs: None, long_requests: None, open_locators: 10 }
    }

    /// A Developer Edition: 15,000 requests a day, five long ones at a time.
    #[must_use]
    pub fn developer() -> Self {
        Self { daily_requests: Some(15_000), daily_bulk_jobs: Some(10_000), long_requests: Some(5), open_locators: 10 }
    }

    /// An Enterprise Edition with twelve users: 112,000 requests a day, 25 long ones at a time.
    #[must_use]
    pub fn enterprise() -> Self {
        Self { daily_requests: Some(112_000), daily_bulk_jobs: Some(10_000), long_requests: Some(25), open_locators: 10 }
    }
}
