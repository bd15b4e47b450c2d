//! How a simulated account is set up.

use crate::clock::Clock;

/// The settings of a simulator. The default is an account on a free port, by the machine's clock.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The clock of the account.
    pub clock: Clock,
    /// The seed of the records and of the key.
    pub seed: u64,
    /// Whether replies are compressed for clients that accept it.
    pub gzip: bool,
    /// How many requests the log keeps.
    pub request_log_capacity: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, clock: Clock::real(), seed: 1, gzip: true, request_log_capacity: 10_000 }
    }
}
