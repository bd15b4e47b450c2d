//! Private-app tokens, OAuth tokens and scopes.

use std::collections::{BTreeMap, BTreeSet};

use hyper::header;
use serde_json::{Value, json};

use super::errors::Correlation;
use crate::clock::Clock;
use crate::random::Random;
use crate::server::{Asked, Reply};

/// The account's number.
pub(crate) const PORTAL_ID: u64 = 62_515_001;
const USER_ID: u64 = 9_000_401;
const APP_ID: u64 = 1_234_567;

/// What an OAuth app needs to get access tokens. Invented, and good for this simulator alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCredentials {
    /// The app.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: String,
    /// The grant of an installed account. HubSpot does not rotate it.
    pub refresh_token: String,
}

/// The scopes of the app, as long as none is taken away.
const SCOPES: &[&str] = &[
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.products.read",
    "crm.objects.products.write",
    "crm.objects.line_items.read",
    "crm.objects.line_items.write",
    "crm.objects.owners.read",
    "crm.lists.read",
    "crm.schemas.contacts.read",
    "crm.schemas.companies.read",
    "crm.schemas.deals.read",
    "crm.schemas.products.read",
    "crm.schemas.line_items.read",
];

#[derive(Debug)]
struct State {
    access: BTreeMap<String, i64>,
    codes: BTreeSet<String>,
    revoked_scopes: BTreeSet<String>,
    refresh_valid: bool,
    lifetime_ms: i64,
    issued: u64,
}

/// Who may call, and with which scopes.
#[derive(Debug)]
pub(crate) struct Auth {
    clock: Clock,
    seed: u64,
    static_token: String,
    credentials: ClientCredentials,
    state: std::sync::Mutex<State>,
}

/// How a request has shown who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    PrivateApp,
    OAuthApp,
}

impl Auth {
    pub(crate) fn new(seed: u64, clock: Clock, lifetime_ms: i64) -> Self {
        let text = |topic: u64| {
            let mut random = Random::of_row(seed, topic, 0);
            format!("{:016x}{:016x}", random.bits(), random.bits())
        };
        let credentials = ClientCredentials {
            client_id: format!("client-{}", text(101)),
            client_secret: format!("secret-{}", text(102)),
            refresh_token: format!("refresh-{}", text(103)),
        };
        let state = State {
            access: BTreeMap::new(),
            codes: BTreeSet::new(),
            revoked_scopes: BTreeSet::new(),
            refresh_valid: true,
            lifetime_ms,
            issued: 0,
        };
        Self { clock, seed, static_token: format!("pat-na1-{}", text(100)), credentials, state: std::sync::Mutex::new(state) }
    }

    pub(crate) fn static_token(&self) -> &str {
        &self.static_token
    }

    pub(crate) fn credentials(&self) -> &ClientCredentials {
        &self.credentials
    }

    pub(crate) fn authorization_code(&self) -> String {
        let code = self.fresh("code");
        self.lock().codes.insert(code.clone());
        code
    }

    pub(crate) fn set_lifetime(&self, milliseconds: i64) {
        self.lock().lifetime_ms = milliseconds;
    }

    pub(crate) fn expire_all(&self, now: i64) {
        for expires in self.lock().access.values_mut() {
            *expires = (*expires).min(now);
        }
    }

    pub(crate) fn set_refresh_valid(&self, valid: bool) {
        self.lock().refresh_valid = valid;
    }

    pub(crate) fn revoke_scope(&self, scope: String) {
        self.lock().revoked_scopes.insert(scope);
    }

    pub(crate) fn grant_scope(&self, scope: &str) {
        self.lock().revoked_scopes.remove(scope);
    }

    /// Who calls, or the 401.
    pub(crate) fn caller(&self, asked: &Asked, errors: &Correlation) -> Result<Caller, Reply> {
        let missing = || {
            errors.error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found. This API supports OAuth 2.0 authentication.")
        };
        let token = asked
            .header(header::AUTHORIZATION)
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, token) = token.ok_or_else(missing)?;
        let token = token.trim();
        if token == self.static_token {
            return Ok(Caller::PrivateApp);
        }
        let expires = self.lock().access.get(token).copied();
        let Some(expires) = expires else {
            return Err(errors.error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found or not valid."));
        };
        let past = self.clock.now_ms() - expires;
        if past < 0 {
            return Ok(Caller::OAuthApp);
        }
        let ago = match past / 1000 {
            seconds @ 0..60 => format!("{seconds} second(s)"),
            seconds @ 60..3600 => format!("{} minute(s)", seconds / 60),
            seconds => format!("{} hour(s)", seconds / 3600),
        };
        Err(errors.error(401, "EXPIRED_AUTHENTICATION", format!("The OAuth token used to make this call expired {ago} ago.")))
    }

    /// The 403 of a call whose scope was taken away.
    pub(crate) fn check_scope(&self, scope: &str, errors: &Correlation) -> Result<(), Reply> {
        if !self.lock().revoked_scopes.contains(scope) {
            return Ok(());
        }
        let message = "This app hasn't been granted all required scopes to make this call.";
        let detail =
            json!({"message": "One or more of the following scopes are required.", "context": {"requiredGranularScopes": [scope]}});
        Err(errors.detailed(403, "MISSING_SCOPES", message, json!({"errors": [detail]})))
    }

    /// `POST /oauth/v1/token` and its successors, which differ in where parameters may stand and in what comes back.
    pub(crate) fn token(&self, asked: &Asked, first_version: bool, errors: &Correlation) -> Reply {
        let mut parameters: BTreeMap<String, String> = url::form_urlencoded::parse(&asked.body).into_owned().collect();
        if first_version {
            parameters.extend(asked.pairs());
        }
        let get = |name: &str| parameters.get(name).map_or("", String::as_str);
        let refuse = |status: &str, message: &str| {
            if first_version {
                Reply::json(400, json!({"status": status, "message": message, "correlationId": errors.next()}).to_string())
            } else {
                errors.error(400, status, message)
            }
        };
        if get("client_id") != self.credentials.client_id {
            return refuse("BAD_CLIENT_ID", "missing or unknown client id");
        }
        if get("client_secret") != self.credentials.client_secret {
            return refuse("BAD_CLIENT_SECRET", "missing or invalid client secret");
        }
        match get("grant_type") {
            "refresh_token" => {
                if get("refresh_token") != self.credentials.refresh_token || !self.lock().refresh_valid {
                    return refuse("BAD_REFRESH_TOKEN", "missing or invalid refresh token");
                }
                self.issue(first_version, true)
            }
            "authorization_code" => {
                if !self.lock().codes.remove(get("code")) {
                    return refuse("BAD_AUTH_CODE", "missing or unknown auth code");
                }
                self.issue(first_version, true)
            }
            "client_credentials" => self.issue(first_version, false),
            _ => refuse("BAD_GRANT_TYPE", "missing or unknown grant type"),
        }
    }

    fn issue(&self, first_version: bool, with_refresh: bool) -> Reply {
        let token = self.fresh("CSIM");
        let now = self.clock.now_ms();
        let mut state = self.lock();
        state.access.retain(|_, expires| *expires > now - 24 * 3_600_000);
        let lifetime_ms = state.lifetime_ms;
        state.access.insert(token.clone(), now + lifetime_ms);
        let scopes = scopes(&state);
        drop(state);
        let mut body = json!({"token_type": "bearer", "access_token": token, "expires_in": lifetime_ms / 1000});
        if with_refresh {
            body["refresh_token"] = json!(self.credentials.refresh_token);
        }
        if !first_version {
            body["token_use"] = json!("access_token");
            body["hub_id"] = json!(PORTAL_ID);
            body["user_id"] = json!(USER_ID);
            body["scopes"] = json!(scopes);
        }
        Reply::json(200, body.to_string())
    }

    /// `GET /oauth/v1/access-tokens/{token}`.
    pub(crate) fn access_token_info(&self, token: &str, errors: &Correlation) -> Reply {
        let state = self.lock();
        let left = state.access.get(token).map(|expires| expires - self.clock.now_ms()).filter(|left| *left > 0);
        match left {
            None => errors.error(400, "INVALID_AUTHENTICATION", "missing or invalid access token"),
            Some(left) => {
                Reply::json(200, self.info(token, &state, json!({"expires_in": left / 1000, "app_id": APP_ID, "token_type": "access"})))
            }
        }
    }

    /// `GET /oauth/v1/refresh-tokens/{token}`.
    pub(crate) fn refresh_token_info(&self, token: &str, errors: &Correlation) -> Reply {
        let state = self.lock();
        if token != self.credentials.refresh_token || !state.refresh_valid {
            return errors.error(404, "OBJECT_NOT_FOUND", "missing or invalid refresh token");
        }
        Reply::json(200, self.info(token, &state, json!({"client_id": self.credentials.client_id, "token_type": "refresh"})))
    }

    /// `DELETE /oauth/v1/refresh-tokens/{token}`.
    pub(crate) fn revoke_refresh_token(&self, token: &str) -> Reply {
        if token == self.credentials.refresh_token {
            self.set_refresh_valid(false);
        }
        Reply::empty(204)
    }

    fn info(&self, token: &str, state: &State, more: Value) -> String {
        let mut body = json!({"token": token, "hub_id": PORTAL_ID, "hub_domain": "simulated.example", "user": "admin@example.com", "user_id": USER_ID, "scopes": scopes(state)});
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        body.to_string()
    }

    fn fresh(&self, prefix: &str) -> String {
        let number = {
            let mut state = self.lock();
            state.issued += 1;
            state.issued
        };
        let mut random = Random::of_row(self.seed, 104, number);
        format!("{prefix}{:016x}{:016x}{:016x}", random.bits(), random.bits(), random.bits())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn scopes(state: &State) -> Vec<&'static str> {
    SCOPES.iter().copied().filter(|scope| !state.revoked_scopes.contains(*scope)).collect()
}
