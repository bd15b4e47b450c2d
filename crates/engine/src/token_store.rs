//! A store of access tokens that other processes use too.

use std::fmt;
use std::time::Duration;

use aqueduct_schema::{Result, Secret, Timestamp};
use async_trait::async_trait;

/// What a token endpoint gave.
#[derive(Clone, Debug)]
pub struct StoredTokens {
    /// What requests are signed with.
    pub access_token: Secret,
    /// What the next access token is asked for with, where the vendor gave a new one.
    pub refresh_token: Option<Secret>,
    /// The address of the account's own host, where the vendor names one.
    pub instance: Option<String>,
    /// When it should be renewed; unknown where the vendor does not say how long it serves.
    pub renew_at: Option<Timestamp>,
    /// When it serves no more.
    pub expires_at: Option<Timestamp>,
}

/// What a process that needs an access token does.
#[derive(Clone, Debug)]
pub enum TokenTurn {
    /// Use what is stored.
    Use {
        /// Numbers the tokens.
        serial: u64,
        /// The tokens.
        tokens: StoredTokens,
    },
    /// Wait so long and ask again: another process renews them.
    Wait(Duration),
    /// Renew them, and store what came with this ticket.
    Renew {
        /// Proves the turn.
        ticket: u64,
        /// How often [`TokenStore::extend`] is called while the vendor's answer is waited for.
        extend_every: Duration,
        /// The newest refresh token, where one was stored; otherwise the configured one is the newest.
        refresh_token: Option<Secret>,
        /// Whether a process ended in the middle of a renewal: what the vendor gave it may be lost.
        interrupted: bool,
    },
}

/// Tokens of one grant, shared by everybody who uses it. One process at a time renews them, and stores what it got before using it, so
/// that a refresh token that may be used once is never lost with a process.
#[async_trait]
pub trait TokenStore: Send + Sync + fmt::Debug {
    /// Whose turn it is. `stale` is the serial of a token that the vendor no longer takes.
    ///
    /// # Errors
    /// When the store cannot be asked, or what it has cannot be read.
    async fn turn(&self, stale: Option<u64>) -> Result<TokenTurn>;

    /// Stores what a renewal brought: its serial, or nothing when the turn has gone to somebody else meanwhile.
    ///
    /// # Errors
    /// When it cannot be stored. The same ticket may be tried again.
    async fn keep(&self, ticket: u64, tokens: &StoredTokens) -> Result<Option<u64>>;

    /// Lets a turn go on while the vendor's answer is waited for; does nothing when it has gone to somebody else.
    ///
    /// # Errors
    /// When the store cannot be asked.
    async fn extend(&self, ticket: u64) -> Result<()>;

    /// Ends a turn that brought nothing.
    ///
    /// # Errors
    /// When the store cannot be asked.
    async fn abandon(&self, ticket: u64) -> Result<()>;
}
