//! The control store as its users see it.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_schema::{Error, Result, Secret, Timestamp, codes};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::address::Address;
use crate::budget::{Account, Answer, Ask, Told};
use crate::documents::{Change, Documents, KINDS, Place};
use crate::holder::Holder;
use crate::lease::{self, Acquired, Lease};
use crate::postgres::Postgres;
use crate::sealer::Keyring;
use crate::sqlite::Sqlite;
use crate::tokens::{Kept, Tokens, Turn};

type Time = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// An open control store.
#[derive(Clone)]
pub struct Control {
    documents: Arc<dyn Documents>,
    keys: Arc<Keyring>,
    holder: Holder,
    time: Option<Time>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("control store")
    }
}

impl Control {
    /// Opens a control store: `sqlite://FILE` (made with its folder where it is missing) or `postgres://USER:PASSWORD@HOST/DATABASE`.
    /// Tokens are sealed with the key; without one, with a key file that is made beside the SQLite file.
    ///
    /// # Errors
    /// `AQ1014` when the address cannot be understood, `AQ4004` when the store cannot be opened.
    pub async fn open(url: &Secret, key: Option<Secret>) -> Result<Self> {
        let (documents, store): (Arc<dyn Documents>, _) = match Address::parse(url)? {
            Address::Sqlite(path) => (Arc::new(Sqlite::open(&path).await?), Some(path)),
            Address::Postgres(options) => (Arc::new(Postgres::open(*options).await?), None),
        };
        let keys = Keyring::new(key, store);
        Ok(Self { documents, keys: Arc::new(keys), holder: Holder::this(""), time: None })
    }

    /// The same store by another time than that of its database.
    #[must_use]
    pub fn with_time(&self, time: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { time: Some(Arc::new(time)), ..self.clone() }
    }

    /// Takes the lease of a pipeline for so long, if nobody has it or whoever has it is gone or late.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn acquire(&self, name: &str, holder: &Holder, life: Duration) -> Result<Acquired> {
        let acquired = self
            .change(Place { kind: "lease", key: name, durable: false }, |stored: Option<Lease>, now| {
                let (lease, acquired) = lease::acquire(stored, holder, life, now);
                Ok((lease.map(Some), acquired))
            })
            .await?;
        fail::fail_point!("control::lease_taken");
        Ok(acquired)
    }

    /// Prolongs the lease of a run: whether it still has it.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn renew(&self, name: &str, run_id: &str, life: Duration) -> Result<bool> {
        let ours = self
            .change(Place { kind: "lease", key: name, durable: false }, |stored, now| {
                let renewed = lease::renew(stored, run_id, life, now);
                let ours = renewed.is_some();
                Ok((renewed.map(Some), ours))
            })
            .await?;
        fail::fail_point!("control::lease_renewed");
        Ok(ours)
    }

    /// Gives the lease of a run back, if it still has it.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn release(&self, name: &str, run_id: &str) -> Result<()> {
        self.change(Place { kind: "lease", key: name, durable: false }, |stored: Option<Lease>, _| {
            Ok((stored.filter(|lease| lease.holder.run_id == run_id).map(|_| None), ()))
        })
        .await?;
        fail::fail_point!("control::lease_released");
        Ok(())
    }

    /// Takes requests from the budget of an account.
    ///
    /// # Errors
    /// `AQ4004`; `AQ1005` for a time zone that does not exist.
    pub async fn take(&self, account: &str, ask: &Ask<'_>) -> Result<Answer> {
        let answer = self.account(account, |account, now| account.take(ask, now)).await?;
        fail::fail_point!("control::requests_taken");
        Ok(answer)
    }

    /// Takes nothing of a class for a while: the vendor asked for it.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn slow_down(&self, account: &str, class: &str, wait: Duration) -> Result<()> {
        self.account(account, |account, now| {
            account.slow_down(class, wait, now);
            Ok(())
        })
        .await
    }

    /// Notes how much of its quota the vendor says is used.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn learn(&self, account: &str, told: Told) -> Result<()> {
        self.account(account, |account, now| {
            account.learn(told, now);
            Ok(())
        })
        .await
    }

    /// Whose turn it is to renew the tokens of a grant. `stale` is the serial of a token that the vendor no longer takes.
    ///
    /// # Errors
    /// `AQ4004`; `AQ2004` when the tokens were sealed with another key; `AQ1014` when there is no key.
    pub async fn turn(&self, grant: &str, stale: Option<u64>) -> Result<Turn> {
        let key = self.keys.key()?;
        let mut ticket = [0; 8];
        getrandom::fill(&mut ticket).map_err(|_| Error::new(codes::BUG, "the system has no random numbers"))?;
        // Half of the numbers, so that every reader of JSON keeps them as they are.
        let ticket = u64::from_le_bytes(ticket) >> 12;
        let turn = self
            .tokens(grant, |kept, now| {
                let turn = kept.turn(grant, key, stale, &self.holder, ticket, now)?;
                Ok((matches!(turn, Turn::Renew { .. }), turn))
            })
            .await?;
        fail::fail_point!("control::turn_taken");
        Ok(turn)
    }

    /// Stores what a renewal brought, before it is used: its serial, or nothing when the turn has gone to somebody else meanwhile.
    ///
    /// # Errors
    /// As [`Control::turn`].
    pub async fn keep(&self, grant: &str, ticket: u64, tokens: &Tokens) -> Result<Option<u64>> {
        let key = self.keys.key()?;
        fail::fail_point!("control::tokens_renewed");
        let serial = self
            .tokens(grant, |kept, _| {
                let serial = kept.keep(grant, key, ticket, tokens)?;
                Ok((serial.is_some(), serial))
            })
            .await?;
        fail::fail_point!("control::tokens_stored");
        Ok(serial)
    }

    /// Lets a turn go on while the vendor's answer is waited for; does nothing when it has gone to somebody else.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn extend(&self, grant: &str, ticket: u64) -> Result<()> {
        self.tokens(grant, |kept, now| Ok((kept.extend(ticket, now), ()))).await
    }

    /// Ends a turn whose renewal brought nothing.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn abandon(&self, grant: &str, ticket: u64) -> Result<()> {
        self.tokens(grant, |kept, _| Ok((kept.abandon(ticket), ()))).await
    }

    async fn account<R: Send>(&self, key: &str, mut change: impl FnMut(&mut Account, Timestamp) -> Result<R> + Send) -> Result<R> {
        let place = Place { kind: "budget", key, durable: false };
        self.change(place, |stored, now| {
            let mut account: Account = stored.unwrap_or_default();
            let outcome = change(&mut account, now)?;
            Ok((Some(Some(account)), outcome))
        })
        .await
    }

    async fn tokens<R: Send>(&self, key: &str, mut change: impl FnMut(&mut Kept, Timestamp) -> Result<(bool, R)> + Send) -> Result<R> {
        let place = Place { kind: "tokens", key, durable: true };
        self.change(place, |stored, now| {
            let mut kept: Kept = stored.unwrap_or_default();
            let (changed, outcome) = change(&mut kept, now)?;
            Ok((changed.then_some(Some(kept)), outcome))
        })
        .await
    }

    /// The documents of a kind whose keys lie from the first to the last, both included, with their keys, ordered by the bytes of the
    /// keys; the last come first where the newest are wanted.
    ///
    /// # Errors
    /// `AQ4004`, also for a document that a newer version wrote in another form.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        kind: &str,
        first_key: &str,
        last_key: &str,
        limit: usize,
        newest_first: bool,
    ) -> Result<Vec<(String, T)>> {
        let found = self.documents.list(kind, first_key, last_key, limit, newest_first).await?;
        let read = found.into_iter().map(|(key, content)| match serde_json::from_str(&content) {
            Ok(document) => Ok((key, document)),
            Err(_) => Err(unreadable(kind)),
        });
        read.collect()
    }

    /// One document as it is now.
    ///
    /// # Errors
    /// As [`Control::list`].
    pub(crate) async fn get<T: DeserializeOwned>(&self, kind: &str, key: &str) -> Result<Option<T>> {
        Ok(self.list(kind, key, key, 1, false).await?.pop().map(|(_, document)| document))
    }

    /// Takes documents of a kind away, in one transaction.
    ///
    /// # Errors
    /// `AQ4004`.
    pub(crate) async fn remove(&self, kind: &str, keys: &[String]) -> Result<()> {
        self.documents.remove(kind, keys).await
    }

    /// The time by which leases and everything else here live: that of the database, one for all who share it.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn now(&self) -> Result<Timestamp> {
        match &self.time {
            Some(time) => Ok(time()),
            None => self.documents.now().await,
        }
    }

    /// Changes a document. The decision gives what to store (`None`: nothing changes, `Some(None)`: it goes) and what to give back.
    pub(crate) async fn change<T, R>(
        &self,
        place: Place<'_>,
        mut decide: impl FnMut(Option<T>, Timestamp) -> Result<(Option<Option<T>>, R)> + Send,
    ) -> Result<R>
    where
        T: Serialize + DeserializeOwned,
        R: Send,
    {
        debug_assert!(KINDS.contains(&place.kind), "{} is no kind of document", place.kind);
        let mut outcome = None;
        let mut decide = |content: Option<&str>, now: Timestamp| {
            let stored = content.map(serde_json::from_str).transpose().map_err(|_| unreadable(place.kind))?;
            let (changed, given) = decide(stored, now)?;
            outcome = Some(given);
            Ok(match changed {
                None => Change::Keep,
                Some(None) => Change::Remove,
                Some(Some(value)) => Change::Put(
                    serde_json::to_string(&value)
                        .map_err(|_| Error::new(codes::BUG, "a document of the control store cannot be written"))?,
                ),
            })
        };
        let now = self.time.as_ref().map(|time| time());
        self.documents.update(place, now, &mut decide).await?;
        outcome.ok_or_else(|| Error::new(codes::BUG, "the control store did not decide"))
    }
}

fn unreadable(kind: &str) -> Error {
    Error::new(codes::CONTROL_UNREACHABLE, "a document of the control store cannot be read: a newer version may have written it")
        .with("kind", kind)
}
