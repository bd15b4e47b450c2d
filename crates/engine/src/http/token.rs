//! Access tokens of OAuth 2 (RFC 6749): fetched when needed, by one request at a time, and renewed before they run out.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::{ClientAuthentication, Grant, Instance, Response, json};
use aqueduct_schema::{Error, Result, Retry, Secret, Timestamp, codes};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderValue};
use serde::Deserialize;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::warn;
use url::Url;

use super::address::{self, BaseUrl};
use super::send::Outgoing;
use super::timeout::Timeout;
use super::{assertion, refusal, retry_after, sign};
use crate::clock::Clock;
use crate::meter::{self, Meter};
use crate::settings::Settings;
use crate::token_store::{StoredTokens, TokenStore, TokenTurn};

/// Numbers the tokens, so that one that was refused is told from the one that has replaced it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u64);

/// Who asks for tokens, and where.
pub(crate) struct Application {
    pub(crate) token_url: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) instance: Option<Instance>,
}

/// What a request is signed with, and where it goes when the token names a host.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) generation: Generation,
    pub(crate) header: HeaderValue,
    pub(crate) base: Option<BaseUrl>,
}

/// The tokens of one application. Behind a lock that is held while one is fetched, so that there is one flight at a time.
pub(crate) struct Tokens {
    state: Arc<Mutex<State>>,
    exchange: Arc<Exchange>,
}

struct State {
    grant: Grant,
    token: Option<Token>,
    /// The serial of a token of the store that the vendor no longer takes.
    stale: Option<u64>,
    /// What a renewal brought and could not be stored yet: it must not be used before, and must not be lost.
    unkept: Option<(u64, StoredTokens)>,
    fetched: u64,
    /// The credentials were refused for good: asking again, once for every stream, would only get the application blocked.
    refused: Option<Refused>,
}

/// What is left of a refusal, to be told to every stream.
struct Refused {
    message: String,
    advice: String,
}

impl Refused {
    fn error(&self) -> Error {
        Error::new(codes::CREDENTIALS_REFUSED, self.message.clone()).advise(self.advice.clone()).operation("access token")
    }
}

struct Token {
    current: Current,
    /// Its number in the store.
    serial: Option<u64>,
    /// When three quarters of its life are over.
    renew_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

struct Exchange {
    inner: Arc<Timeout>,
    url: Url,
    application: Application,
    plain_http_hosts: Vec<String>,
    clock: Arc<dyn Clock>,
    store: Option<Arc<dyn TokenStore>>,
    meter: Arc<Meter>,
}

impl Tokens {
    pub(crate) fn new(
        inner: Arc<Timeout>,
        base: &BaseUrl,
        application: Application,
        grant: Grant,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        meter: Arc<Meter>,
    ) -> Result<Self> {
        let url = if application.token_url.starts_with('/') {
            base.resolve(&application.token_url)?
        } else {
            address::check(&application.token_url, "token URL", &settings.plain_http_hosts)?
        };
        let state = State { grant, token: None, stale: None, unkept: None, fetched: 0, refused: None };
        let plain_http_hosts = settings.plain_http_hosts.clone();
        let store = settings.token_store.clone();
        let exchange = Exchange { inner, url, application, plain_http_hosts, clock, store, meter };
        Ok(Self { state: Arc::new(Mutex::new(state)), exchange: Arc::new(exchange) })
    }

    /// A token that is valid now.
    pub(crate) async fn current(&self) -> Result<Current> {
        let mut state = self.state.clone().lock_owned().await;
        let now = self.exchange.clock.now();
        if let Some(token) = &state.token
            && token.renew_at.is_none_or(|at| now < at)
        {
            return Ok(token.current.clone());
        }
        if let Some(refused) = &state.refused {
            return Err(refused.error());
        }
        let exchange = self.exchange.clone();
        // In a task of its own: a caller that stops waiting must not lose a refresh token that the source has just replaced.
        let fetch = tokio::spawn(async move {
            let outcome = exchange.obtain(&mut state).await;
            finish(state, outcome, now)
        });
        fetch.await.map_err(|_| Error::new(codes::BUG, "fetching an access token came to a sudden end"))?
    }

    /// Forgets a token that was refused, unless another has replaced it already.
    pub(crate) async fn discard(&self, stale: Generation) {
        let mut state = self.state.lock().await;
        if let Some(token) = state.token.take_if(|token| token.current.generation == stale) {
            state.stale = token.serial;
        }
    }
}

/// The token after a fetch. When a renewal ahead of time failed for a moment, the old token still serves.
fn finish(mut state: OwnedMutexGuard<State>, outcome: Result<()>, now: Timestamp) -> Result<Current> {
    if let Err(error) = outcome {
        let usable = state.token.as_ref().is_some_and(|token| token.expires_at.is_some_and(|at| now < at));
        if error.retry() != Retry::Temporary || !usable {
            if error.code() == codes::CREDENTIALS_REFUSED {
                state.refused = Some(Refused { message: error.message().to_owned(), advice: error.advice().to_owned() });
            }
            return Err(error);
        }
    }
    let token = state.token.as_ref().ok_or_else(|| Error::new(codes::BUG, "no access token after fetching one"))?;
    Ok(token.current.clone())
}

/// The answer of a token endpoint (RFC 6749, section 5.1). Some vendors write the number of seconds as text.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<Secret>,
    refresh_token: Option<Secret>,
    expires_in: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

impl Seconds {
    fn span(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        Duration::try_from_secs_f64(seconds).ok().filter(|span| !span.is_zero())
    }
}

impl Exchange {
    /// Gets a token: from the store, or from the vendor when it is this process's turn.
    async fn obtain(&self, state: &mut State) -> Result<()> {
        let Some(store) = &self.store else {
            let tokens = self.ask(&state.grant).await?;
            if let (Grant::RefreshToken(stored), Some(rotated)) = (&mut state.grant, &tokens.refresh_token) {
                *stored = rotated.clone();
            }
            return self.adopt(state, &tokens, None);
        };
        loop {
            if let Some((ticket, tokens)) = &state.unkept {
                let serial = store.keep(*ticket, tokens).await?;
                let Some((_, tokens)) = state.unkept.take() else { continue };
                if serial.is_some() {
                    return self.adopt(state, &tokens, serial);
                }
            }
            match store.turn(state.stale).await? {
                TokenTurn::Use { serial, tokens } => return self.adopt(state, &tokens, Some(serial)),
                TokenTurn::Wait(wait) => self.clock.sleep(wait).await,
                TokenTurn::Renew { ticket, extend_every, refresh_token, interrupted } => {
                    let grant = match (&state.grant, refresh_token) {
                        (Grant::RefreshToken(_), Some(newest)) => Grant::RefreshToken(newest),
                        (configured, _) => configured.clone(),
                    };
                    match self.ask_in_turn(store.as_ref(), ticket, extend_every, &grant).await {
                        Ok(tokens) => state.unkept = Some((ticket, tokens)),
                        Err(error) => {
                            if let Err(error) = store.abandon(ticket).await {
                                warn!("the turn to renew the access token could not be ended: {error}");
                            }
                            return Err(if interrupted && error.code() == codes::CREDENTIALS_REFUSED {
                                error.advise(
                                    "A process ended while it renewed the token, and what the source gave it may be lost. Reconnect the \
                                     account, put the new refresh token into the config, and run again.",
                                )
                            } else {
                                error
                            });
                        }
                    }
                }
            }
        }
    }

    /// Asks the vendor for a token, and says to the others that this goes on for as long as it does.
    async fn ask_in_turn(&self, store: &dyn TokenStore, ticket: u64, extend_every: Duration, grant: &Grant) -> Result<StoredTokens> {
        let mut answer = std::pin::pin!(self.ask(grant));
        loop {
            // Time as it passes, like the request's own timeout.
            match tokio::time::timeout(extend_every, &mut answer).await {
                Ok(outcome) => return outcome,
                Err(_) => {
                    if let Err(error) = store.extend(ticket).await {
                        warn!("the turn to renew the access token could not be extended: {error}");
                    }
                }
            }
        }
    }

    /// Asks the vendor for a token.
    async fn ask(&self, grant: &Grant) -> Result<StoredTokens> {
        let response = self.inner.send(&self.request(grant)?).await.map_err(|error| error.operation("access token"))?;
        let answer = self.read(&response).map_err(|error| error.operation("access token"))?;
        let Some(access_token) = answer.access_token else {
            return Err(response.malformed("no access token in it"));
        };
        let now = self.clock.now();
        let life = answer.expires_in.as_ref().and_then(Seconds::span);
        Ok(StoredTokens {
            access_token,
            refresh_token: answer.refresh_token.filter(|_| matches!(grant, Grant::RefreshToken(_))),
            instance: self.instance(&response)?,
            renew_at: life.map(|life| now.plus(life / 4 * 3)),
            expires_at: life.map(|life| now.plus(life)),
        })
    }

    /// Signs with a token from now on.
    fn adopt(&self, state: &mut State, tokens: &StoredTokens, serial: Option<u64>) -> Result<()> {
        let base = match (&tokens.instance, self.application.instance) {
            (Some(text), Some(Instance { domains, .. })) => Some(BaseUrl::of_vendor(text, domains, &self.url, &self.plain_http_hosts)?),
            _ => None,
        };
        let header = sign::secret_header(&format!("Bearer {}", tokens.access_token.expose()))?;
        state.fetched += 1;
        state.stale = None;
        state.token = Some(Token {
            current: Current { generation: Generation(state.fetched), header, base },
            serial,
            renew_at: tokens.renew_at,
            expires_at: tokens.expires_at,
        });
        Ok(())
    }

    /// The host that the answer names, for vendors that give every customer a host of its own.
    fn instance(&self, response: &Response) -> Result<Option<String>> {
        let Some(Instance { key, domains }) = self.application.instance else { return Ok(None) };
        let text = json::find_text(&response.body, &[key]).ok().flatten();
        let text = text.ok_or_else(|| response.malformed("it does not name the host of the account"))?;
        BaseUrl::of_vendor(&text, domains, &self.url, &self.plain_http_hosts).map(|_| Some(text))
    }

    fn request(&self, grant: &Grant) -> Result<Outgoing> {
        let Application { client_id, client_secret, authentication, .. } = &self.application;
        let mut proves_itself = false;
        let mut fields: Vec<(&str, String)> = match grant {
            Grant::RefreshToken(token) => {
                vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", token.expose().to_owned())]
            }
            Grant::ClientCredentials { scopes } if scopes.is_empty() => vec![("grant_type", "client_credentials".to_owned())],
            Grant::ClientCredentials { scopes } => {
                vec![("grant_type", "client_credentials".to_owned()), ("scope", scopes.join(" "))]
            }
            Grant::JwtBearer { subject, audience, private_key } => {
                proves_itself = true;
                let assertion = assertion::sign(client_id, subject, audience, private_key, self.clock.now())?;
                vec![("grant_type", assertion::GRANT_TYPE.to_owned()), ("assertion", assertion)]
            }
        };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        match authentication {
            _ if proves_itself => {}
            ClientAuthentication::Body => {
                fields.push(("client_id", client_id.clone()));
                fields.push(("client_secret", client_secret.expose().to_owned()));
            }
            ClientAuthentication::Basic => {
                headers.insert(AUTHORIZATION, sign::basic(client_id, client_secret.expose())?);
            }
        }
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Ok(Outgoing {
            method: reqwest::Method::POST,
            url: self.url.clone(),
            headers,
            body: Some(sign::form(&fields)),
            operation: "access token".to_owned(),
            class: meter::TOKEN,
            meter: self.meter.clone(),
        })
    }

    /// The answer, if it is one. Vendors refuse under 400 and 401, and some under 200 with an error in the body.
    fn read(&self, response: &Response) -> Result<Answer> {
        let refused = || {
            refusal::error(codes::CREDENTIALS_REFUSED, response)
                .advise("Check client id, client secret and refresh token, or reconnect the account; then run again.")
        };
        match response.status {
            200..=299 => {
                let answer: Answer = response.json()?;
                if answer.access_token.is_none() && refusal::word(&response.body).is_some() { Err(refused()) } else { Ok(answer) }
            }
            429 => {
                let error = refusal::error(codes::RATE_LIMITED, response);
                Err(match retry_after::parse(response, self.clock.now()) {
                    Some(wait) => error.after(wait),
                    None => error,
                })
            }
            408 | 500..=599 => Err(refusal::error(codes::SOURCE_FAILED, response)),
            _ => Err(refused()),
        }
    }
}
