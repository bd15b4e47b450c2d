//! A simulated Brevo account: API v3 as a reader of contacts, lists, campaigns, events, companies and deals sees it.
//!
//! It is a description for the [`plain`](crate::plain) simulator. Written from the models of `getbrevo/brevo-node`, the connectors of
//! Estuary (`source-brevo`) and Airbyte (`source-sendinblue`), and <https://developers.brevo.com>. Unlike Brevo it refuses parameters
//! that it does not know, so that a misspelt one is seen.
//!
//! What makes Brevo special:
//! - lists come with the newest first unless `sort=asc` is asked for, so that a new record moves all pages;
//! - `modifiedSince` and `createdSince` filter, yet records are always in the order of their creation;
//! - whether either takes in the instant itself is not documented; [`Account::since_excludes`] has it both ways;
//! - an answer of the event list without events has no `events`, and most lists tell no `count`;
//! - times have the offset of the account's time zone, here of Paris;
//! - a contact needs no e-mail address, and attributes without a value are left out;
//! - what is deleted is gone: 404, and no list of what went;
//! - a 429 has `x-sib-ratelimit-reset` and no `Retry-After`.
//!
//! ```
//! use aqueduct_simulator::brevo::{self, Account};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let account = Account { contacts: 200, ..Account::default() };
//! let simulator = brevo::Simulator::start(&brevo::description(&account), Default::default()).await.unwrap();
//! assert_eq!(simulator.store().ids("contacts").len(), 200);
//! # });
//! ```

mod contacts;
mod messages;
mod sales;
mod times;

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::plain::{Authentication, Description, RateLimit, Refused, Why};
pub use crate::plain::{
    Clock, ContentLength, Counters, Credentials, Effect, Fault, LoggedRequest, Match, Options, RequestClass, RetryAfter, Simulator, Store,
    StoreError, Times,
};

/// What an account holds.
#[derive(Clone, Debug)]
pub struct Account {
    /// How many contacts; a twentieth of them may get no e-mail. Other records follow from this.
    pub contacts: usize,
    /// The limits of its plan.
    pub limits: Limits,
    /// Whether `modifiedSince` and `createdSince` leave out the instant that they name.
    pub since_excludes: bool,
}

impl Default for Account {
    /// 35 contacts, no limits.
    fn default() -> Self {
        Self { contacts: 35, limits: Limits::None, since_excludes: false }
    }
}

/// How many requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// All of them, without the headers that tell how many are left.
    None,
    /// Those of the general tier: ten a second for contacts, two a second for statistics, a hundred an hour for everything else.
    /// Source: the rate limits of <https://developers.brevo.com>, read from its index; the number for statistics is not published.
    Free,
}

/// An account as a description: streams `contacts`, `list_contacts` (those of one list), `attributes`, `lists`, `campaigns`,
/// `companies`, `deals`, `pipelines`, `events`, `blocked_contacts`, `users`.
#[must_use]
pub fn description(account: &Account) -> Description {
    let key = Authentication::header("api-key");
    let described = Description::new(key).base_path("/v3").key_begins("xkeysib-").account("/account", organisation()).errors(error);
    let described = contacts::endpoints(account).into_iter().fold(described, Description::endpoint);
    let described = messages::endpoints(account).into_iter().fold(described, Description::endpoint);
    let described = sales::endpoints(account).into_iter().fold(described, Description::endpoint);
    match account.limits {
        Limits::None => described,
        Limits::Free => described
            .rate_limit_of(["/contacts"], limit(10, 1))
            .rate_limit_of(["/smtp/statistics"], limit(2, 1))
            .rate_limit(limit(100, 3_600)),
    }
}

fn limit(requests: u32, seconds: u64) -> RateLimit {
    let headers = ["limit", "remaining", "reset"].map(|name| format!("x-sib-ratelimit-{name}"));
    RateLimit { requests, window: Duration::from_secs(seconds), headers, retry_after: false }
}

fn organisation() -> Json {
    json!({
        "organization_id": "6a43e0f1b2c3d4e5f6a7b8c9",
        "user_id": 4_200_017,
        "enterprise": false,
        "companyName": "Nordwind Studios",
        "email": "owner@nordwind.example",
        "firstName": "Zoé",
        "lastName": "Lambert",
        "address": {"street": "12 rue de l'Exemple", "city": "Paris", "zipCode": "75000", "country": "France"},
        "plan": [{"type": "free", "creditsType": "sendLimit", "credits": 300}],
        "relay": {"enabled": true, "data": {"userName": "owner@nordwind.example", "relay": "smtp-relay.example", "port": 587}},
        "marketingAutomation": {"enabled": false}
    })
}

/// Brevo's error body: a code that programs read and a sentence.
fn error(refused: &Refused) -> Json {
    let code = match (refused.why, refused.status) {
        (Why::Key, _) | (Why::Asked, 401) => "unauthorized",
        (Why::Permission, _) | (Why::Asked, 403) => "permission_denied",
        (Why::Path | Why::Record, _) | (Why::Asked, 404) => "document_not_found",
        (Why::Range, _) => "out_of_range",
        (Why::Missing, _) => "missing_parameter",
        (Why::Limit, _) | (Why::Asked, 429) => "too_many_requests",
        (Why::Parameter | Why::Value, _) | (Why::Asked, 400..=499) => "invalid_parameter",
        (Why::Asked, _) => "internal_error",
    };
    let message = if refused.why == Why::Key { "Key not found" } else { &refused.message };
    json!({"code": code, "message": message})
}
