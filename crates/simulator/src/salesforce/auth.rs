//! The token endpoint and sessions, which live as long as they are used.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::header;
use serde_json::json;

use super::assertion::{Key, Refusal};
use super::errors::{expired_session, token_error};
use super::ids::id_text;
use super::options::RefreshRotation;
use crate::clock::Clock;
use crate::random::Random;
use crate::server::{Asked, Reply};

/// The organisation's number.
pub(crate) const ORGANIZATION: u64 = 71_001;
/// The number of the integration user.
pub(crate) const INTEGRATION_USER: u64 = 1;

/// What a connected app needs to get sessions. Invented, and good for this simulator alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCredentials {
    /// The app's consumer key.
    pub client_id: String,
    /// The app's consumer secret.
    pub client_secret: String,
    /// The grant of a user; after a rotation the newest.
    pub refresh_token: String,
    /// The private key of the app's certificate, PEM.
    pub private_key: String,
    /// The integration user's name, the subject of assertions.
    pub username: String,
}

#[derive(Debug)]
struct State {
    /// When each session was last used.
    sessions: BTreeMap<String, i64>,
    /// Refresh tokens that are good.
    refresh: Vec<String>,
    consent: bool,
    issued: u64,
    timeout_ms: i64,
    instance_url: Option<String>,
}

/// Who may call.
#[derive(Debug)]
pub(crate) struct Auth {
    clock: Clock,
    seed: u64,
    client_id: String,
    client_secret: String,
    username: String,
    rotation: RefreshRotation,
    key: Key,
    state: Mutex<State>,
}

impl Auth {
    pub(crate) fn new(seed: u64, clock: Clock, timeout_ms: i64, rotation: RefreshRotation) -> Self {
        let text = |topic: u64| {
            let mut random = Random::of_row(seed, topic, 0);
            format!("{:016x}{:016x}", random.bits(), random.bits())
        };
        let state = State {
            sessions: BTreeMap::new(),
            refresh: vec![format!("5Aep861{}", text(203))],
            consent: true,
            issued: 0,
            timeout_ms,
            instance_url: None,
        };
        Self {
            clock,
            seed,
            client_id: format!("3MVG9{}", text(201)),
            client_secret: text(202).to_uppercase(),
            username: "integration@aqueduct.example".to_owned(),
            rotation,
            key: Key::invented(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn credentials(&self) -> ClientCredentials {
        ClientCredentials {
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            refresh_token: self.lock().refresh.last().cloned().unwrap_or_default(),
            private_key: self.key.private_pem().to_owned(),
            username: self.username.clone(),
        }
    }

    /// A fresh session.
    pub(crate) fn session(&self) -> String {
        let token = format!("{}!{}", &id_text(*b"00D", ORGANIZATION)[..15], self.fresh("AR8AQ"));
        let now = self.clock.now_ms();
        self.lock().sessions.insert(token.clone(), now);
        token
    }

    pub(crate) fn end_sessions(&self) {
        self.lock().sessions.clear();
    }

    pub(crate) fn set_consent(&self, consent: bool) {
        self.lock().consent = consent;
    }

    pub(crate) fn set_timeout(&self, milliseconds: i64) {
        self.lock().timeout_ms = milliseconds;
    }

    pub(crate) fn set_instance_url(&self, url: Option<String>) {
        self.lock().instance_url = url;
    }

    /// Lets a request in and moves its session's end, or gives the 401.
    pub(crate) fn check(&self, asked: &Asked) -> Result<(), Reply> {
        let token = asked
            .header(header::AUTHORIZATION)
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth"));
        let (_, token) = token.ok_or_else(expired_session)?;
        self.check_session(token.trim())
    }

    /// The same for a session by its token.
    pub(crate) fn check_session(&self, token: &str) -> Result<(), Reply> {
        let now = self.clock.now_ms();
        let mut state = self.lock();
        let timeout = state.timeout_ms;
        let used = state.sessions.get_mut(token).ok_or_else(expired_session)?;
        if now - *used >= timeout {
            return Err(expired_session());
        }
        *used = now.max(*used);
        Ok(())
    }

    /// `POST /services/oauth2/token`.
    pub(crate) fn token(&self, asked: &Asked) -> Reply {
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&asked.body).into_owned().collect();
        let get = |name: &str| form.get(name).map_or("", String::as_str);
        let host = base_url(asked);
        let grant = get("grant_type");
        if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer" {
            let audiences = ["https://login.salesforce.com", "https://test.salesforce.com", host.as_str()];
            let checked = self.key.check(get("assertion"), &self.client_id, &self.username, &audiences, self.clock.now_ms() / 1000);
            return match checked {
                Ok(()) if self.lock().consent => self.issue(&host, None),
                Ok(()) => token_error("invalid_grant", "user hasn't approved this consumer"),
                Err(Refusal(error, description)) => token_error(error, description),
            };
        }
        if !matches!(grant, "refresh_token" | "client_credentials") {
            return token_error("unsupported_grant_type", "grant type not supported");
        }
        if get("client_id") != self.client_id {
            return token_error("invalid_client_id", "client identifier invalid");
        }
        if get("client_secret") != self.client_secret {
            return token_error("invalid_client", "invalid client credentials");
        }
        if !self.lock().consent {
            return token_error("invalid_grant", "expired access/refresh token");
        }
        if grant == "client_credentials" {
            return self.issue(&host, None);
        }
        if !self.lock().refresh.iter().any(|good| good == get("refresh_token")) {
            return token_error("invalid_grant", "expired access/refresh token");
        }
        if self.rotation == RefreshRotation::Never {
            return self.issue(&host, None);
        }
        let fresh = self.fresh("5Aep861");
        let mut state = self.lock();
        if self.rotation == RefreshRotation::Strict {
            state.refresh.clear();
        }
        state.refresh.push(fresh.clone());
        drop(state);
        self.issue(&host, Some(&fresh))
    }

    fn issue(&self, host: &str, refresh_token: Option<&str>) -> Reply {
        let token = self.session();
        let instance = self.lock().instance_url.clone().unwrap_or_else(|| host.to_owned());
        let mut body = json!({
            "access_token": token,
            "signature": "c2ltdWxhdGVkIHNpZ25hdHVyZQ==",
            "scope": "refresh_token api",
            "instance_url": instance,
            "id": identity_url(host),
            "token_type": "Bearer",
            "issued_at": self.clock.now_ms().to_string(),
        });
        if let Some(refresh_token) = refresh_token {
            body["refresh_token"] = json!(refresh_token);
        }
        Reply::json(200, body.to_string())
    }

    /// `POST /services/oauth2/revoke`.
    pub(crate) fn revoke(&self, asked: &Asked) -> Reply {
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&asked.body).into_owned().collect();
        let token = form.get("token").map_or("", String::as_str);
        let mut state = self.lock();
        state.sessions.remove(token);
        if state.refresh.iter().any(|good| good == token) {
            state.consent = false;
        }
        Reply::empty(200)
    }

    /// The user behind a session: `GET /services/oauth2/userinfo` and the identity URL.
    pub(crate) fn identity(&self, asked: &Asked) -> Reply {
        let host = base_url(asked);
        let body = json!({
            "id": identity_url(&host),
            "sub": identity_url(&host),
            "user_id": id_text(*b"005", INTEGRATION_USER),
            "organization_id": id_text(*b"00D", ORGANIZATION),
            "username": self.username,
            "preferred_username": self.username,
            "email": self.username,
            "active": true,
            "user_type": "STANDARD",
        });
        Reply::json(200, body.to_string())
    }

    fn fresh(&self, prefix: &str) -> String {
        let number = {
            let mut state = self.lock();
            state.issued += 1;
            state.issued
        };
        let mut random = Random::of_row(self.seed, 204, number);
        format!("{prefix}{:016x}{:016x}{:016x}", random.bits(), random.bits(), random.bits())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The root as the client wrote it.
fn base_url(asked: &Asked) -> String {
    format!("http://{}", asked.header(header::HOST).unwrap_or("127.0.0.1"))
}

fn identity_url(host: &str) -> String {
    format!("{host}/id/{}/{}", id_text(*b"00D", ORGANIZATION), id_text(*b"005", INTEGRATION_USER))
}
