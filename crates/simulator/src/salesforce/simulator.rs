//! The handle on a running simulator.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::auth::ClientCredentials;
use super::bulk::{JobState, JobView};
use super::generate::generate;
use super::options::{BulkPace, Limits, Options};
use super::route::Salesforce;
use super::store::Store;
use crate::clock::milliseconds;
use crate::controls::controls;
use crate::server::{Served, Server};

/// A Salesforce organisation that answers on 127.0.0.1 until it is stopped or dropped.
pub struct Simulator {
    server: Server,
    /// The instances that the organisation has moved to, one after the other.
    instances: Vec<Server>,
    served: Arc<Served<Salesforce>>,
}

impl Simulator {
    /// Fills an organisation as the options say and serves it.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (port, gzip, clock, log) = (options.port, options.gzip, options.clock.clone(), options.request_log_capacity);
        // Inventing a large organisation takes a while, which is no business of the caller's other tasks.
        let vendor = tokio::task::spawn_blocking(move || {
            let store = Store::new(generate(&options), options.clock.clone(), milliseconds(options.commit_lag));
            Salesforce::new(&options, store)
        })
        .await
        .map_err(io::Error::other)?;
        let served = Served::new(vendor, clock, log, gzip);
        let server = Server::start(port, Arc::clone(&served)).await?;
        Ok(Self { server, instances: Vec::new(), served })
    }

    /// The root of all endpoints, `http://127.0.0.1:<port>`, without a slash at the end. It is the login host as well.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// A fresh session's token.
    #[must_use]
    pub fn access_token(&self) -> String {
        self.served.vendor.auth().session()
    }

    /// What a connected app needs to get sessions.
    #[must_use]
    pub fn client_credentials(&self) -> ClientCredentials {
        self.served.vendor.auth().credentials()
    }

    /// The organisation.
    #[must_use]
    pub fn store(&self) -> Store {
        self.served.vendor.store().clone()
    }

    /// Sets the limits; what was used is forgotten.
    pub fn set_limits(&self, limits: Limits) {
        self.served.vendor.usage().set_limits(limits);
    }

    /// Sets how many requests of others run for long at the moment.
    pub fn set_long_requests(&self, running: u32) {
        self.served.vendor.settings().long_requests = running;
    }

    /// Answers queries without a limit whose result has more records with `QUERY_TIMEOUT`.
    pub fn set_query_timeout(&self, records: Option<usize>) {
        self.served.vendor.settings().timeout_records = records;
    }

    /// Sets the most ids of a replication answer; above it is `EXCEEDED_ID_LIMIT`. Salesforce: 600,000.
    pub fn set_replication_limit(&self, ids: usize) {
        self.served.vendor.settings().replication_ids = ids;
    }

    /// Forgets deletions before an instant, as when the log of deletions was trimmed.
    pub fn trim_deletions(&self, before: Timestamp) {
        self.served.vendor.settings().deletions_from = Some(before.as_millisecond());
    }

    /// Sets the most records in a page of REST, and in one of Bulk results.
    pub fn set_page_records(&self, rest: Option<usize>, bulk: Option<usize>) {
        let mut settings = self.served.vendor.settings();
        (settings.page_records, settings.bulk_page_records) = (rest, bulk);
    }

    /// Sets how Bulk jobs go ahead from now on.
    pub fn set_bulk_pace(&self, pace: BulkPace) {
        self.served.vendor.settings().bulk = pace;
    }

    /// Makes the next jobs that would complete fail, with these words.
    pub fn fail_bulk_jobs(&self, count: u32, message: impl Into<String>) {
        self.served.vendor.jobs().failing = Some((count, message.into()));
    }

    /// All Bulk jobs that were ever made, oldest first, deleted ones included.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobView> {
        self.served.vendor.jobs().views()
    }

    /// The Bulk jobs that wait, run, or keep results: what a careful client leaves none of.
    #[must_use]
    pub fn open_jobs(&self) -> Vec<JobView> {
        let open = |job: &JobView| !job.deleted && !matches!(job.state, JobState::Failed | JobState::Aborted);
        self.jobs().into_iter().filter(open).collect()
    }

    /// How many query locators are open.
    #[must_use]
    pub fn open_locators(&self) -> usize {
        self.served.vendor.locators().open()
    }

    /// Sets how long changes from now on stay invisible after the time they bear.
    pub fn set_commit_lag(&self, lag: Duration) {
        self.served.vendor.store().set_commit_lag_ms(milliseconds(lag));
    }

    /// Sets how long a session lives without being used.
    pub fn set_session_timeout(&self, timeout: Duration) {
        self.served.vendor.auth().set_timeout(milliseconds(timeout));
    }

    /// Ends every session.
    pub fn expire_tokens(&self) {
        self.served.vendor.auth().end_sessions();
    }

    /// Takes the user's consent back, or gives it again: without it no session is given.
    pub fn set_consent(&self, consent: bool) {
        self.served.vendor.auth().set_consent(consent);
    }

    /// Sets the `instance_url` of token answers; `None` is the host that the client asked.
    pub fn set_instance_url(&self, url: Option<String>) {
        self.served.vendor.auth().set_instance_url(url);
    }

    /// Moves the organisation to an instance with a host of its own, which tokens name from now on. The host that it leaves answers data
    /// requests with a page that says there is no such address; tokens are given where they were.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn move_instance(&mut self) -> io::Result<()> {
        let left = self.instances.last().unwrap_or(&self.server).address.to_string();
        let instance = Server::start(0, Arc::clone(&self.served)).await?;
        self.set_instance_url(Some(format!("http://{}", instance.address)));
        self.served.vendor.settings().left_hosts.push(left);
        self.instances.push(instance);
        Ok(())
    }

    /// Stops serving and waits until it has.
    pub async fn stop(self) {
        for instance in self.instances {
            instance.stop().await;
        }
        self.server.stop().await;
    }
}

controls!(Simulator);
