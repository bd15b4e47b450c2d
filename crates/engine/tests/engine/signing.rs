//! Credentials and access tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aqueduct_connector::{Auth, ClientAuthentication, Grant, KeyPlacement};
use aqueduct_engine::Engine;
use aqueduct_schema::{Retry, Secret, codes};

use crate::clock::TestClock;
use crate::server::{Reply, Seen, Server};
use crate::support::OneRequest;

fn oauth(grant: Grant, authentication: ClientAuthentication) -> Auth {
    Auth::OAuth2 {
        token_url: "/oauth/token".to_owned(),
        client_id: "app".to_owned(),
        client_secret: Secret::new("canary-secret"),
        grant,
        authentication,
        instance: None,
    }
}

fn refresh_token() -> Auth {
    oauth(Grant::RefreshToken(Secret::new("refresh-0")), ClientAuthentication::Body)
}

/// A vendor that gives out `token-1`, `token-2`, … and takes only those that `valid` says.
struct Vendor {
    server: Server,
    clock: Arc<TestClock>,
    engine: Arc<Engine>,
}

impl Vendor {
    async fn new(token: impl Fn(usize) -> Reply + Send + Sync + 'static, valid: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let given = AtomicUsize::new(0);
        let server = Server::start(move |seen: &Seen, _| match seen.path() {
            "/oauth/token" => token(given.fetch_add(1, Ordering::SeqCst) + 1),
            _ => match seen.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
                Some(token) if valid(token) => Reply::ok(token),
                _ => Reply::new(401, r#"{"category":"EXPIRED_AUTHENTICATION"}"#),
            },
        })
        .await;
        let clock = Arc::new(TestClock::running());
        let engine = Arc::new(OneRequest::new(&server.base_url).auth(refresh_token()).engine(&clock));
        Self { server, clock, engine }
    }

    /// The token with which a request got through.
    async fn ask(&self) -> String {
        self.engine.check().await.unwrap().id
    }

    fn tokens(&self) -> usize {
        self.server.count("/oauth/token")
    }
}

fn token(number: usize, expires_in: &str) -> Reply {
    Reply::ok(format!(r#"{{"access_token":"token-{number}","refresh_token":"refresh-{number}","expires_in":{expires_in}}}"#))
}

#[tokio::test]
async fn every_kind_of_credentials_stands_in_its_place() {
    let secret = || Secret::new("canary");
    let table = [
        (Auth::None, None),
        (Auth::Bearer(secret()), Some("authorization: Bearer canary")),
        (Auth::Basic { user: secret(), password: Secret::new("") }, Some("authorization: Basic Y2FuYXJ5Og==")),
        (
            Auth::ApiKey { placement: KeyPlacement::Header("X-Key"), prefix: "Klaviyo-API-Key ", key: secret() },
            Some("x-key: Klaviyo-API-Key canary"),
        ),
        (Auth::ApiKey { placement: KeyPlacement::Query("hapikey"), prefix: "", key: secret() }, Some("/thing?hapikey=canary")),
    ];
    for (auth, expected) in table {
        let server = Server::start(|_, _| Reply::new(401, "canary")).await;
        let error = OneRequest::new(&server.base_url).auth(auth).engine(&Arc::new(TestClock::running())).check().await.unwrap_err();
        assert_eq!((error.code(), error.retry()), (codes::CREDENTIALS_REFUSED, Retry::Never));
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        // A refused key is not tried again: that locks accounts.
        let [seen] = server.seen().try_into().unwrap();
        let text = seen.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>() + &seen.target;
        match expected {
            Some(expected) => assert!(text.contains(expected), "{text}"),
            None => assert!(!text.contains("canary")),
        }
    }
}

#[test]
fn credentials_that_cannot_be_sent_are_a_mistake_in_the_config() {
    let connector = OneRequest::new("http://127.0.0.1:9").auth(Auth::Bearer(Secret::new("canary\nx")));
    let error = Engine::new(Arc::new(connector), Default::default(), Arc::new(TestClock::running())).err().unwrap();
    assert_eq!(error.code(), codes::BAD_CONFIG);
    assert!(!format!("{error:?}").contains("canary"));
}

#[tokio::test]
async fn one_token_serves_everybody() {
    let vendor = Vendor::new(|number| token(number, "3600"), |token| token == "token-1").await;
    let asks: Vec<_> = (0..10)
        .map(|_| {
            let engine = vendor.engine.clone();
            tokio::spawn(async move { engine.check().await.unwrap().id })
        })
        .collect();
    for ask in asks {
        assert_eq!(ask.await.unwrap(), "token-1");
    }
    assert_eq!(vendor.tokens(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_at_three_quarters_of_its_life() {
    // Some vendors write the seconds as text.
    let vendor = Vendor::new(|number| token(number, "\"100\""), |_| true).await;
    assert_eq!(vendor.ask().await, "token-1");
    vendor.clock.advance(Duration::from_secs(74));
    assert_eq!(vendor.ask().await, "token-1");
    vendor.clock.advance(Duration::from_secs(1));
    assert_eq!(vendor.ask().await, "token-2");
    let bodies: Vec<String> = vendor.server.seen().into_iter().filter(|seen| seen.method == "POST").map(|seen| seen.body).collect();
    assert_eq!(
        bodies,
        [
            "grant_type=refresh_token&refresh_token=refresh-0&client_id=app&client_secret=canary-secret",
            // The refresh token was replaced by the first answer.
            "grant_type=refresh_token&refresh_token=refresh-1&client_id=app&client_secret=canary-secret",
        ]
    );
}

#[tokio::test]
async fn a_renewal_that_fails_for_a_moment_leaves_the_old_token() {
    let vendor = Vendor::new(|number| if number == 2 { Reply::new(503, "") } else { token(number, "100") }, |_| true).await;
    vendor.ask().await;
    vendor.clock.advance(Duration::from_secs(80));
    assert_eq!(vendor.ask().await, "token-1");
    assert_eq!(vendor.ask().await, "token-3");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_for_all() {
    let vendor = Vendor::new(|number| token(number, "3600"), |token| token != "token-1").await;
    let asks: Vec<_> = (0..8)
        .map(|_| {
            let engine = vendor.engine.clone();
            tokio::spawn(async move { engine.check().await.unwrap().id })
        })
        .collect();
    for ask in asks {
        assert_eq!(ask.await.unwrap(), "token-2");
    }
    assert_eq!(vendor.tokens(), 2);
}

#[tokio::test]
async fn a_renewed_token_that_is_refused_too_is_the_end() {
    let vendor = Vendor::new(|number| token(number, "3600"), |_| false).await;
    let error = vendor.engine.check().await.unwrap_err();
    assert_eq!(error.code(), codes::CREDENTIALS_REFUSED);
    assert_eq!((vendor.server.count("/thing"), vendor.tokens()), (2, 2));
}

#[tokio::test]
async fn refusals_of_the_token_endpoint_are_understood() {
    for (status, body) in [(400, r#"{"error":"invalid_grant"}"#), (200, r#"{"ok":false,"error":"invalid_grant"}"#), (401, "<html>")] {
        let vendor = Vendor::new(move |_| Reply::new(status, body), |_| true).await;
        let error = vendor.engine.check().await.unwrap_err();
        assert_eq!((error.code(), error.retry()), (codes::CREDENTIALS_REFUSED, Retry::Never), "{status} {body}");
        assert_eq!(vendor.tokens(), 1);
        assert!(!format!("{error:?}").contains("canary-secret"));
    }
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_is_tried_again() {
    let vendor = Vendor::new(
        |number| match number {
            1 => Reply::new(429, "").header("retry-after", "5"),
            2 => Reply::ok("<html>"),
            _ => token(number, "3600"),
        },
        |_| true,
    )
    .await;
    assert_eq!(vendor.ask().await, "token-3");
    assert_eq!(vendor.clock.slept()[0], Duration::from_secs(5));
}

#[tokio::test]
async fn applications_prove_themselves_as_the_vendor_wants() {
    let server = Server::start(|seen, _| match seen.path() {
        "/oauth/token" => Reply::ok(r#"{"access_token":"token-1"}"#),
        _ => Reply::ok(""),
    })
    .await;
    let grant = Grant::ClientCredentials { scopes: vec!["read".to_owned(), "crm".to_owned()] };
    let connector = OneRequest::new(&server.base_url).auth(oauth(grant, ClientAuthentication::Basic));
    connector.engine(&Arc::new(TestClock::running())).check().await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.body, "grant_type=client_credentials&scope=read+crm");
    assert_eq!(seen.header("authorization"), Some("Basic YXBwOmNhbmFyeS1zZWNyZXQ="));
}

#[tokio::test]
async fn a_key_that_a_vendor_gives_back_is_not_seen_and_not_sent_twice() {
    let server = Server::start(|seen, _| Reply::ok(format!(r#"{{"next":"{}&page=2"}}"#, seen.target))).await;
    let key = Auth::ApiKey { placement: KeyPlacement::Query("hapikey"), prefix: "", key: Secret::new("canary/1") };
    let mut connector = OneRequest::new(&server.base_url).auth(key);
    connector.request = aqueduct_connector::Request::get("/thing?hapikey=canary%2F1&limit=3", "things: get");
    let account = connector.engine(&Arc::new(TestClock::running())).check().await.unwrap();
    assert!(!account.id.contains("canary") && account.id.contains("limit=3"), "{}", account.id);
    assert_eq!(server.seen()[0].target, "/thing?limit=3&hapikey=canary%2F1");
}
