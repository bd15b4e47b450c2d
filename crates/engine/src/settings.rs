//! What the engine allows and how long it waits.

use std::sync::Arc;
use std::time::Duration;

use crate::budget::Budget;
use crate::exchange::ExchangeObserver;
use crate::meter::Meter;
use crate::token_store::TokenStore;

/// Timeouts, retries and caps. The defaults are for production; tests shorten them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long an answer may pause without a byte, the wait for its first byte included.
    pub idle_timeout: Duration,
    /// How long one attempt may take, from connecting to the last byte.
    pub total_timeout: Duration,
    /// How many times a request is sent at most.
    pub max_attempts: u32,
    /// How long a request is tried again, waits included.
    pub max_elapsed: Duration,
    /// The wait before the second attempt, where the source names none; it doubles, with jitter of a half either way.
    pub first_wait: Duration,
    /// The longest wait between attempts, where the source names none.
    pub longest_wait: Duration,
    /// The longest wait the source may ask for. A request that is told to wait longer fails, temporarily, with what was asked.
    pub max_retry_after: Duration,
    /// How many times a page whose answer does not have the agreed shape is read at most.
    pub page_attempts: u32,
    /// How long the source may take to prepare a page that it promised for later.
    pub longest_job: Duration,
    /// The largest body after decompression, in bytes.
    pub body_limit: usize,
    /// The largest ratio of a decompressed body to its compressed bytes; looked at once a body is over one MiB.
    pub ratio_limit: u32,
    /// How deep objects and arrays of a JSON body may nest.
    pub depth_limit: usize,
    /// The longest value of a record, in bytes. A record with a longer one is rejected by the rule `value.too_long`.
    pub value_limit: usize,
    /// The `User-Agent` of every request.
    pub user_agent: String,
    /// Hosts that may be spoken to without TLS, besides the loopback ones: a proxy or a simulator in a private network.
    pub plain_http_hosts: Vec<String>,
    /// Is shown every exchange; for recordings.
    pub observer: Option<Arc<dyn ExchangeObserver>>,
    /// The requests that this process may send, where it shares an account with others; without it, it keeps the limits by itself.
    pub budget: Option<Arc<dyn Budget>>,
    /// Is told what is exchanged and waited for; the engine has a meter of its own where there is none.
    pub meter: Option<Arc<Meter>>,
    /// Where access tokens are kept for all processes that use them; without it, each fetches its own.
    pub token_store: Option<Arc<dyn TokenStore>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(180),
            max_attempts: 8,
            max_elapsed: Duration::from_secs(15 * 60),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
            max_retry_after: Duration::from_secs(5 * 60),
            page_attempts: 3,
            longest_job: Duration::from_secs(24 * 60 * 60),
            body_limit: 256 << 20,
            ratio_limit: 200,
            depth_limit: 64,
            value_limit: 1 << 20,
            user_agent: concat!("aqueduct/", env!("CARGO_PKG_VERSION")).to_owned(),
            plain_http_hosts: Vec::new(),
            observer: None,
            budget: None,
            meter: None,
            token_store: None,
        }
    }
}
