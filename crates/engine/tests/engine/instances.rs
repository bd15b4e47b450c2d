//! Vendors that give every customer a host, applications that sign statements, and quotas that answers tell of.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aqueduct_connector::{
    Account, Auth, ClientAuthentication, Connector, Context, Grant, Instance, Limit, Request, Response, Stream, Usage,
};
use aqueduct_engine::{Clock, Engine};
use aqueduct_schema::{Error, Result, Secret, codes};
use async_trait::async_trait;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::clock::TestClock;
use crate::server::{Reply, Server};
use crate::support::{OneRequest, settings};

const INSTANCE: Instance = Instance { key: "instance_url", domains: &["vendor.example"] };

fn oauth(grant: Grant) -> Auth {
    Auth::OAuth2 {
        token_url: "/oauth/token".to_owned(),
        client_id: "app".to_owned(),
        client_secret: Secret::new("canary-secret"),
        grant,
        authentication: ClientAuthentication::Body,
        instance: Some(INSTANCE),
    }
}

async fn refused(instance_url: &'static str) -> Error {
    let server = Server::start(move |_, _| Reply::ok(format!(r#"{{"access_token":"t"{instance_url}}}"#))).await;
    let connector = OneRequest::new(&server.base_url).auth(oauth(Grant::RefreshToken(Secret::new("r"))));
    let mut settings = settings();
    settings.page_attempts = 1;
    settings.max_attempts = 1;
    connector.engine_with(&Arc::new(TestClock::running()), settings).check().await.unwrap_err()
}

#[tokio::test]
async fn requests_go_to_the_host_that_the_token_names() {
    let data = Server::start(|_, _| Reply::ok("from the instance")).await;
    let instance = data.base_url.clone();
    let login = Server::start(move |_, _| Reply::ok(format!(r#"{{"access_token":"t-1","instance_url":"{instance}"}}"#))).await;
    let connector = OneRequest::new(&login.base_url).auth(oauth(Grant::RefreshToken(Secret::new("r"))));
    let account = connector.engine(&Arc::new(TestClock::running())).check().await.unwrap();
    assert_eq!(account.id, "from the instance");
    assert_eq!(data.seen()[0].header("authorization"), Some("Bearer t-1"));
    assert_eq!(login.seen().len(), 1, "nothing but the token is asked of the login host");
}

#[tokio::test]
async fn a_host_that_is_not_the_vendors_gets_no_credentials() {
    for elsewhere in ["https://vendor.example.evil.example", "https://evilvendor.example", "http://eu1.vendor.example", "vendor.example"] {
        let text: &'static str = Box::leak(format!(r#","instance_url":"{elsewhere}""#).into_boxed_str());
        assert_eq!(refused(text).await.code(), codes::HOSTILE_ANSWER, "{elsewhere}");
    }
    assert_eq!(refused("").await.code(), codes::MALFORMED_ANSWER);
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    iat: i64,
    exp: i64,
}

#[tokio::test]
async fn an_application_signs_a_statement_for_every_token() {
    let server = Server::start(|seen, _| match seen.path() {
        "/oauth/token" => Reply::ok(format!(r#"{{"access_token":"t","instance_url":"http://{}"}}"#, seen.header("host").unwrap())),
        _ => Reply::ok(""),
    })
    .await;
    let grant = Grant::JwtBearer {
        subject: "integration@example.com".to_owned(),
        audience: "https://login.vendor.example".to_owned(),
        private_key: Secret::new(include_str!("key-of-nobody.pem")),
    };
    let clock = Arc::new(TestClock::running());
    OneRequest::new(&server.base_url).auth(oauth(grant)).engine(&clock).check().await.unwrap();
    let seen = &server.seen()[0];
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect();
    assert_eq!(fields[0], ("grant_type".to_owned(), "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()));
    assert_eq!((fields[1].0.as_str(), fields.len()), ("assertion", 2), "the secret stays at home");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["https://login.vendor.example"]);
    // The test's clock is not today's.
    validation.validate_exp = false;
    let key = DecodingKey::from_rsa_pem(include_bytes!("key-of-nobody.pub.pem")).unwrap();
    let claims = jsonwebtoken::decode::<Claims>(&fields[1].1, &key, &validation).unwrap().claims;
    assert_eq!((claims.iss.as_str(), claims.sub.as_str()), ("app", "integration@example.com"));
    let now = clock.now().microseconds() / 1_000_000;
    assert!(claims.iat <= now && claims.exp > now && claims.exp - claims.iat <= 300);
}

#[tokio::test]
async fn a_key_that_is_none_is_a_mistake_in_the_config() {
    let server = Server::start(|_, _| Reply::ok("{}")).await;
    let grant = Grant::JwtBearer { subject: "s".to_owned(), audience: "a".to_owned(), private_key: Secret::new("-----BEGIN canary-----") };
    let error = OneRequest::new(&server.base_url).auth(oauth(grant)).engine(&Arc::new(TestClock::running())).check().await.unwrap_err();
    assert_eq!(error.code(), codes::BAD_CONFIG);
    assert!(!format!("{error:?}").contains("canary") && server.seen().is_empty());
}

#[tokio::test]
async fn a_final_refusal_is_told_to_everybody_and_asked_once() {
    let server = Server::start(|_, _| Reply::new(400, r#"{"error":"invalid_grant"}"#)).await;
    let engine =
        OneRequest::new(&server.base_url).auth(oauth(Grant::RefreshToken(Secret::new("r")))).engine(&Arc::new(TestClock::running()));
    for _ in 0..5 {
        assert_eq!(engine.check().await.unwrap_err().code(), codes::CREDENTIALS_REFUSED);
    }
    assert_eq!(server.seen().len(), 1, "five streams do not flood the token endpoint");
}

/// Tells of its quota in a header.
struct Metered(OneRequest);

#[async_trait]
impl Connector for Metered {
    fn base_url(&self) -> &str {
        self.0.base_url()
    }

    fn auth(&self) -> Auth {
        Auth::None
    }

    fn limits(&self) -> Vec<Limit> {
        Vec::new()
    }

    fn usage(&self, response: &Response) -> Option<Usage> {
        Some(Usage { used: response.header("x-used")?.parse().ok()?, allowed: 100, stop_at: 80 })
    }

    async fn check(&self, context: &Context) -> Result<Account> {
        context.http.send(Request::get("/thing", "things: get")).await?;
        self.0.check(context).await
    }

    async fn discover(&self, _: &Context) -> Result<Vec<Stream>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn nothing_is_sent_once_our_part_of_a_quota_is_used_up() {
    let used = Arc::new(AtomicUsize::new(78));
    let server = Server::start(move |_, _| Reply::ok("{}").header("x-used", &used.fetch_add(1, Ordering::SeqCst).to_string())).await;
    let engine = Engine::new(Arc::new(Metered(OneRequest::new(&server.base_url))), settings(), Arc::new(TestClock::running())).unwrap();
    engine.check().await.unwrap();
    let error = engine.check().await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), (codes::QUOTA_REACHED, 7));
    assert_eq!(server.seen().len(), 3, "the answer that reached it was still used");
}
