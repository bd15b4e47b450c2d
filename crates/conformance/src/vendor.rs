//! What the suite needs of a vendor: declared facts, and accounts that it may change and harm.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_engine::Clock;
use aqueduct_schema::Timestamp;
use async_trait::async_trait;
use serde_json::Value;

/// What a vendor was asked to do; an error says why it could not. It fails the rule that asked.
pub type Did<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// A vendor behind a connector: a simulated API, a folder of files.
#[async_trait]
pub trait Vendor: Send + Sync {
    /// What the vendor is like. Rules that need more than it has are not applicable.
    fn facts(&self) -> Facts;

    /// Why an account does not declare [`Ability::Change`] although its connector may be good for more, and what to do about it. The
    /// report says it after the table, with the rules that were not tried for it.
    fn lacks_change(&self) -> Option<String> {
        None
    }

    /// A fresh account, the same every time. Each rule gets its own, so that no rule depends on what another left behind.
    ///
    /// # Errors
    /// What kept it from opening.
    async fn open(&self) -> Did<Arc<dyn TestAccount>>;
}

/// What a vendor declares.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The stream whose records the account can change. It comes in three pages or more when ten records are read at once.
    pub stream: &'static str,
    /// What an account can be made to do.
    pub abilities: &'static [Ability],
    /// The ways in which an answer can fail to be one; see `POSITIVE-END`.
    pub no_answers: &'static [Harm],
    /// The most records that one question can reach, where the vendor cuts off silently or refuses beyond it.
    pub cap: Option<usize>,
    /// How long a change can stay hidden from whoever asks for changes, where it can.
    pub late: Option<Duration>,
}

impl Facts {
    /// Whether an account has an ability.
    pub fn can(&self, ability: Ability) -> bool {
        self.abilities.contains(&ability)
    }
}

/// What an account can be made to do. A [`TestAccount`] implements the methods of the abilities that its vendor declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Create, update and delete records, also while they are read.
    Change,
    /// Merge a record into another.
    Merge,
    /// Hold records that are dated in the future.
    FutureDates,
    /// Refuse credentials.
    Credentials,
    /// Give access tokens that run out.
    OAuth,
    /// Refuse one stream to credentials that are good for others.
    Permissions,
    /// Answer with any HTTP status, a counted number of times, and tell which requests it got.
    Statuses,
}

/// What happens to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// The right headers and no body.
    EmptyBody,
    /// A well-formed page of HTML, as a proxy's login page, in place of the answer.
    Html,
    /// The right answer, cut in the middle of a record.
    CutOff,
    /// A well-formed answer that has no list of records.
    NoRecords,
    /// The vendor's error body under a status of success.
    ErrorBody,
    /// The connection ends in the middle of the answer.
    Dropped,
    /// An error status with the vendor's error body.
    Status(u16),
    /// The vendor asks to slow down, and says for how many seconds or does not.
    SlowDown(Option<u64>),
    /// The access token has run out.
    TokenExpired,
}

/// A request that an account got.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// When, by the account's clock.
    pub at: Timestamp,
    /// The status of the answer; 0 for a connection that was dropped.
    pub status: u16,
    /// Whether it asked for an access token.
    pub token: bool,
}

/// An account of a simulated vendor. Methods whose ability the vendor does not declare are never called.
pub trait TestAccount: Send + Sync {
    /// The connector's config that reaches the account with good credentials.
    fn config(&self) -> Value;

    /// Everything in any of the configs, and everything the account hands out, that must never be printed.
    fn secrets(&self) -> Vec<String>;

    /// The account's clock. The engine runs on it, so that waiting moves it and nobody waits.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Moves the clock.
    fn advance(&self, span: Duration);

    /// The source ids of everything that a complete first load of a stream must hold; `None` for streams it cannot tell of.
    fn live_ids(&self, stream: &str) -> Option<BTreeSet<String>>;

    /// [`Ability::Change`]: creates records in one instant, now, and gives their source ids.
    ///
    /// # Errors
    /// What kept it from doing so; the same for the methods that follow.
    fn create(&self, _stream: &str, _count: usize) -> Did<Vec<String>> {
        undeclared()
    }

    /// [`Ability::Change`]: changes a record, now.
    fn update(&self, _stream: &str, _id: &str) -> Did {
        undeclared()
    }

    /// [`Ability::Change`]: deletes (archives) a record, now.
    fn delete(&self, _stream: &str, _id: &str) -> Did {
        undeclared()
    }

    /// [`Ability::Merge`]: merges a record into another, now, and gives the source id of the one that is left.
    fn merge(&self, _stream: &str, _winner: &str, _loser: &str) -> Did<String> {
        undeclared()
    }

    /// [`Ability::FutureDates`]: creates a record whose times lie at an instant, and gives its source id.
    fn create_dated(&self, _stream: &str, _at: Timestamp) -> Did<String> {
        undeclared()
    }

    /// Makes changes visible to whoever asks for changes only after a while; for vendors that declare [`Facts::late`].
    fn hide_changes_for(&self, _late: Duration) -> Did {
        undeclared()
    }

    /// Harms answers that hold a stream's records: lets `skip` of them pass, then harms `times` of them, or all until
    /// [`TestAccount::heal`]. Only without [`Ability::Statuses`] may `times` be taken for all.
    fn harm(&self, _stream: &str, _harm: Harm, _skip: u64, _times: Option<u64>) -> Did {
        undeclared()
    }

    /// Ends all harm.
    fn heal(&self) -> Did {
        Ok(())
    }

    /// [`Ability::Statuses`]: the requests so far, in order.
    fn asked(&self) -> Vec<Asked> {
        Vec::new()
    }

    /// [`Ability::Credentials`]: a config like [`TestAccount::config`] with credentials that the account refuses.
    fn refused_config(&self) -> Value {
        Value::Null
    }

    /// [`Ability::OAuth`]: a config whose access tokens have to be fetched.
    fn oauth_config(&self) -> Value {
        Value::Null
    }

    /// [`Ability::OAuth`]: takes the consent back: no token is given any more.
    fn revoke_consent(&self) -> Did {
        undeclared()
    }

    /// [`Ability::Permissions`]: takes one permission away, and gives the streams that cannot be read without it.
    fn forbid(&self) -> Did<BTreeSet<String>> {
        undeclared()
    }
}

fn undeclared<T>() -> Did<T> {
    Err("the vendor declares an ability whose method it does not have".into())
}
