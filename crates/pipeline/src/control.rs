//! The control store as the engine and a run use it: one opened for a pipeline when it is first needed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aqueduct_connector::{Auth, Connector, Grant, LimitClass, Usage};
use aqueduct_control::{AccountName, Answer, Control, Priority, Returned, Tokens, Told, Turn};
use aqueduct_engine::{Ask, Budget, Clock, Handful, StoredTokens, TokenStore, TokenTurn};
use aqueduct_schema::{Result, Secret, Timestamp};
use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::file::QuotaSection;

/// How often the store is told what the vendor says of its quota, unless it is used up.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Where a pipeline's control store is.
#[derive(Clone, Debug)]
pub struct ControlAddress {
    /// `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    pub url: Secret,
    /// What tokens are sealed with; a key file beside the SQLite file where it is left out.
    pub key: Option<Secret>,
}

/// A control store that is opened when it is first needed.
#[derive(Debug)]
pub(crate) struct Shared {
    address: ControlAddress,
    opened: OnceCell<Control>,
}

impl Shared {
    pub(crate) fn new(address: &ControlAddress) -> Self {
        Self { address: address.clone(), opened: OnceCell::new() }
    }

    /// The store, open.
    ///
    /// # Errors
    /// `AQ4004` when it cannot be opened.
    pub(crate) async fn open(&self) -> Result<&Control> {
        self.opened.get_or_try_init(|| Control::open(&self.address.url, self.address.key.clone())).await
    }
}

/// The store by the time of a pipeline that has a clock of its own.
#[derive(Clone)]
pub(crate) struct Timed {
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Option<Arc<dyn Clock>>,
}

impl std::fmt::Debug for Timed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shared.fmt(formatter)
    }
}

impl Timed {
    async fn open(&self) -> Result<Control> {
        let control = self.shared.open().await?;
        Ok(match self.clock.clone() {
            Some(clock) => control.with_time(move || clock.now()),
            None => control.clone(),
        })
    }
}

/// The budget of the account that a pipeline reads.
#[derive(Debug)]
pub(crate) struct SharedBudget {
    store: Timed,
    account: String,
    connector: String,
    quota: QuotaSection,
    priority: Priority,
    /// What was last told, and when.
    told: Mutex<Option<(Usage, Timestamp)>>,
    /// Whether the store knows what the account is called.
    named: OnceCell<()>,
}

impl SharedBudget {
    pub(crate) fn new(store: Timed, connector: &dyn Connector, name: &str, quota: &QuotaSection, priority: Priority) -> Self {
        let account = match &quota.account {
            Some(account) => aqueduct_control::digest(&["account", name, account]),
            None => {
                let auth = connector.auth();
                let parts: Vec<&str> = ["credentials", name, connector.base_url()].into_iter().chain(who(&auth)).collect();
                aqueduct_control::digest(&parts)
            }
        };
        let (connector, named) = (name.to_owned(), OnceCell::new());
        Self { store, account, connector, quota: quota.clone(), priority, told: Mutex::new(None), named }
    }

    /// The store, which knows what the account is called: figures of its quota are told by that name.
    async fn open(&self) -> Result<Control> {
        let store = self.store.open().await?;
        let name = || AccountName {
            connector: self.connector.clone(),
            account: self.quota.account.clone().unwrap_or_else(|| self.account[..12].to_owned()),
            daily: self.quota.daily,
            time_zone: self.quota.time_zone.clone(),
        };
        self.named.get_or_try_init(async || store.name_account(&self.account, &name()).await).await?;
        Ok(store)
    }

    /// The part of a figure that pipelines may use.
    fn part(&self, of: u32) -> u32 {
        ((f64::from(of) * self.quota.share) as u32).max(1)
    }

    /// Whether something is worth telling now.
    fn is_news(&self, usage: Usage, now: Timestamp) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let known = told.is_some_and(|(before, at)| now.since(at) < TOLD_EVERY && (usage.used < usage.stop_at || before == usage));
        if !known {
            *told = Some((usage, now));
        }
        !known
    }
}

#[async_trait]
impl Budget for SharedBudget {
    async fn take(&self, ask: &Ask) -> Result<Handful> {
        if ask.limit.is_none() && self.quota.daily.is_none() {
            return Ok(Handful::Go { count: ask.wanted, taken_at: Timestamp::from_seconds(0) });
        }
        let asked = aqueduct_control::Ask {
            class: ask.class.0,
            limit: ask.limit.map(|limit| (self.part(limit.requests), limit.per)),
            burst: ask.limit.and_then(|limit| limit.burst).map(|burst| self.part(burst)),
            wanted: ask.wanted,
            valid_for: ask.valid_for,
            priority: self.priority,
            daily: self.quota.daily,
            time_zone: &self.quota.time_zone,
            returned: ask.returned.map(|(taken_at, count)| Returned { taken_at, count }),
        };
        Ok(match self.open().await?.take(&self.account, &asked).await? {
            Answer::Go { count, taken_at } => Handful::Go { count, taken_at },
            Answer::Wait(wait) => Handful::Wait(wait),
            Answer::Spent { used, allowed, renewed_in } => Handful::Spent { used, allowed, renewed_in },
        })
    }

    async fn slow_down(&self, class: LimitClass, wait: Duration) -> Result<()> {
        self.store.open().await?.slow_down(&self.account, class.0, wait).await
    }

    async fn learn(&self, usage: Usage) -> Result<()> {
        let part = (usage.allowed as f64 * self.quota.share) as u64;
        let usage = Usage { stop_at: usage.stop_at.min(part), ..usage };
        let now = self.store.clock.as_ref().map_or_else(|| aqueduct_engine::SystemClock.now(), |clock| clock.now());
        if !self.is_news(usage, now) {
            return Ok(());
        }
        let told = Told { used: usage.used, allowed: usage.allowed, stop_at: usage.stop_at };
        self.open().await?.learn(&self.account, told).await
    }
}

/// The tokens of the grant that a pipeline has.
#[derive(Debug)]
pub(crate) struct SharedTokens {
    store: Timed,
    grant: String,
}

impl SharedTokens {
    /// For a connector whose access tokens run out. A grant goes by a digest of everything that was configured, so another refresh
    /// token in the pipeline file is another grant, and what was stored of the one before is not looked at.
    pub(crate) fn new(store: Timed, connector: &dyn Connector, name: &str) -> Option<Self> {
        let auth = connector.auth();
        let Auth::OAuth2 { token_url, client_secret, .. } = &auth else { return None };
        let parts = ["grant", name, connector.base_url(), token_url, client_secret.expose()];
        let parts: Vec<&str> = parts.into_iter().chain(who(&auth)).collect();
        Some(Self { store, grant: aqueduct_control::digest(&parts) })
    }
}

#[async_trait]
impl TokenStore for SharedTokens {
    async fn turn(&self, stale: Option<u64>) -> Result<TokenTurn> {
        Ok(match self.store.open().await?.turn(&self.grant, stale).await? {
            Turn::Use { serial, tokens } => {
                let Tokens { access_token, refresh_token, instance, renew_at, expires_at } = tokens;
                TokenTurn::Use { serial, tokens: StoredTokens { access_token, refresh_token, instance, renew_at, expires_at } }
            }
            Turn::Wait(wait) => TokenTurn::Wait(wait),
            Turn::Renew { ticket, extend_every, refresh_token, interrupted } => {
                TokenTurn::Renew { ticket, extend_every, refresh_token, interrupted }
            }
        })
    }

    async fn keep(&self, ticket: u64, tokens: &StoredTokens) -> Result<Option<u64>> {
        let StoredTokens { access_token, refresh_token, instance, renew_at, expires_at } = tokens.clone();
        let tokens = Tokens { access_token, refresh_token, instance, renew_at, expires_at };
        self.store.open().await?.keep(&self.grant, ticket, &tokens).await
    }

    async fn extend(&self, ticket: u64) -> Result<()> {
        self.store.open().await?.extend(&self.grant, ticket).await
    }

    async fn abandon(&self, ticket: u64) -> Result<()> {
        self.store.open().await?.abandon(&self.grant, ticket).await
    }
}

/// What tells one set of credentials from another.
fn who(auth: &Auth) -> Vec<&str> {
    match auth {
        Auth::None => Vec::new(),
        Auth::Bearer(token) => vec![token.expose()],
        Auth::Basic { user, password } => vec![user.expose(), password.expose()],
        Auth::ApiKey { key, .. } => vec![key.expose()],
        Auth::OAuth2 { client_id, grant, .. } => match grant {
            Grant::RefreshToken(token) => vec![client_id, "refresh token", token.expose()],
            Grant::ClientCredentials { scopes } => {
                [client_id.as_str(), "client"].into_iter().chain(scopes.iter().map(String::as_str)).collect()
            }
            Grant::JwtBearer { subject, audience, private_key } => vec![client_id, "assertion", subject, audience, private_key.expose()],
        },
    }
}
