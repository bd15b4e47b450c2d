//! Limits, tokens and scopes.
#![allow(clippy::unwrap_used)]

mod account;

use std::time::Duration;

use account::{Account, account, options};
use aqueduct_simulator::hubspot::{Burst, Limits, Options, RequestClass};
use serde_json::json;

const CONTACTS: &str = "/crm/v3/objects/contacts";

fn limited(limits: Limits) -> Options {
    Options { limits, ..options(5) }
}

#[tokio::test]
async fn the_rolling_window_answers_429_and_tells_where_it_stands() {
    let account = account(limited(Limits::starter())).await;
    for used in 1..=100 {
        let answer = account.get(CONTACTS).await;
        assert_eq!((answer.status, answer.header("x-hubspot-ratelimit-remaining")), (200, Some((100 - used).to_string().as_str())));
    }
    let refused = account.get(CONTACTS).await;
    let body = refused.json();
    assert_eq!(
        (refused.status, body["policyName"].as_str(), body["errorType"].as_str()),
        (429, Some("TEN_SECONDLY_ROLLING"), Some("RATE_LIMIT"))
    );
    assert_eq!(body["message"], "You have reached your ten_secondly_rolling limit.");
    assert!(body["requestId"].is_string() && refused.header("retry-after").is_none());
    let headers = ["max", "remaining", "interval-milliseconds", "daily", "daily-remaining"]
        .map(|name| refused.header(&format!("x-hubspot-ratelimit-{name}")).map(str::to_owned));
    assert_eq!(headers[..3], [Some("100".into()), Some("0".into()), Some("10000".into())]);
    assert_eq!(account.post("/crm/v3/objects/contacts/search", &json!({})).await.status, 200, "search has its own window");

    account.simulator.clock().advance(Duration::from_secs(10));
    let free = account.get(CONTACTS).await;
    assert_eq!((free.status, free.header("x-hubspot-ratelimit-daily")), (200, Some("250000")));
    assert_eq!(account.simulator.counters().throttled, 1);
}

#[tokio::test]
async fn search_has_its_own_limit_and_no_headers() {
    let account = account(limited(Limits::professional())).await;
    let search = async || account.post("/crm/v3/objects/deals/search", &json!({})).await;
    for _ in 0..5 {
        let answer = search().await;
        assert_eq!(answer.status, 200);
        assert!(!answer.headers.keys().any(|name| name.as_str().contains("ratelimit")));
    }
    let refused = search().await;
    assert_eq!((refused.status, refused.json()["policyName"].as_str()), (429, Some("SECONDLY")));
    assert_eq!(refused.json()["message"], "You have reached your secondly limit.");
    assert!(!refused.headers.keys().any(|name| name.as_str().contains("ratelimit")));
    account.simulator.clock().advance(Duration::from_secs(1));
    assert_eq!(search().await.status, 200);
}

#[tokio::test]
async fn the_daily_quota_ends_at_midnight_of_the_accounts_time_zone() {
    let limits = Limits { daily: Some(2), ..Limits::none() };
    let account = account(limited(limits)).await;
    assert_eq!(account.get(CONTACTS).await.header("x-hubspot-ratelimit-daily-remaining"), Some("1"));
    assert_eq!(account.post("/crm/v3/objects/deals/search", &json!({})).await.status, 200);
    let refused = account.get(CONTACTS).await;
    assert_eq!((refused.status, refused.json()["policyName"].as_str()), (429, Some("DAILY")));
    // In London the 1st of July ends at 23:00 UTC.
    account.simulator.clock().set("2026-07-01T22:59:59.999Z".parse().unwrap());
    assert_eq!(account.get(CONTACTS).await.status, 429);
    account.simulator.clock().set("2026-07-01T23:00:00Z".parse().unwrap());
    assert_eq!(account.get(CONTACTS).await.status, 200);
}

#[tokio::test]
async fn retries_before_a_retry_after_has_ended_are_counted() {
    let burst = Some(Burst { requests: 1, window: Duration::from_secs(3) });
    let account = account(limited(Limits { burst, send_retry_after: true, ..Limits::none() })).await;
    assert_eq!(account.get(CONTACTS).await.status, 200);
    account.simulator.clock().advance(Duration::from_millis(500));
    let refused = account.get(CONTACTS).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("3")));
    account.simulator.clock().advance(Duration::from_secs(1));
    assert_eq!(account.get(CONTACTS).await.status, 429);
    assert_eq!(account.get("/crm/v3/owners").await.status, 429);
    account.simulator.clock().advance(Duration::from_secs(2));
    assert_eq!(account.get(CONTACTS).await.status, 200);
    let counters = account.simulator.counters();
    assert_eq!((counters.early_retries, counters.during_retry_after), (1, 2));
    account.simulator.set_limits(Limits::none());
    assert_eq!(account.get(CONTACTS).await.status, 200);
}

async fn bearer(account: &Account, token: &str) -> (u16, String) {
    let answer = account.send(account.request("GET", CONTACTS).bearer_auth(token)).await.unwrap();
    let category = if answer.status == 200 { String::new() } else { answer.json()["category"].as_str().unwrap().to_owned() };
    (answer.status, category)
}

#[tokio::test]
async fn a_call_without_a_valid_token_is_refused() {
    let account = account(options(5)).await;
    let none = account.send(account.request("GET", CONTACTS)).await.unwrap();
    assert_eq!((none.status, none.json()["category"].as_str()), (401, Some("INVALID_AUTHENTICATION")));
    assert_eq!(bearer(&account, "pat-na1-other").await, (401, "INVALID_AUTHENTICATION".to_owned()));
    assert_eq!(bearer(&account, &account.token.clone()).await.0, 200);
}

#[tokio::test]
async fn an_oauth_token_lives_half_an_hour_and_is_refreshed() {
    let account = account(options(5)).await;
    let secrets = account.simulator.client_credentials();
    let pairs = [
        ("grant_type", "refresh_token"),
        ("client_id", &secrets.client_id),
        ("client_secret", &secrets.client_secret),
        ("refresh_token", &secrets.refresh_token),
    ];
    let first = account.form("/oauth/v1/token", &pairs).await.json();
    assert_eq!(
        (first["expires_in"].as_u64(), first["refresh_token"].as_str(), first["token_type"].as_str()),
        (Some(1800), Some(secrets.refresh_token.as_str()), Some("bearer"))
    );
    assert!(first.get("hub_id").is_none());
    let token = first["access_token"].as_str().unwrap();
    assert_eq!(bearer(&account, token).await.0, 200);

    let info = account.get(&format!("/oauth/v1/access-tokens/{token}")).await.json();
    assert_eq!((info["expires_in"].as_u64(), info["token"].as_str()), (Some(1800), Some(token)));
    account.simulator.clock().advance(Duration::from_secs(1799));
    assert_eq!(bearer(&account, token).await.0, 200);
    account.simulator.clock().advance(Duration::from_secs(1));
    assert_eq!(bearer(&account, token).await, (401, "EXPIRED_AUTHENTICATION".to_owned()));
    account.simulator.clock().advance(Duration::from_secs(3 * 3600));
    let answer = account.send(account.request("GET", CONTACTS).bearer_auth(token)).await.unwrap();
    assert_eq!(answer.json()["message"], "The OAuth token used to make this call expired 3 hour(s) ago.");
    assert_eq!(account.get(&format!("/oauth/v1/access-tokens/{token}")).await.status, 400);

    let second = account.form("/oauth/v3/token", &pairs).await.json();
    assert_ne!(second["access_token"], first["access_token"]);
    assert!(second["hub_id"].is_u64() && second["scopes"].is_array() && second["token_use"] == "access_token");
    assert_eq!(account.simulator.counters().of(RequestClass::Token), 4);
    assert!(account.simulator.request_log().iter().all(|line| !line.path.contains(token)), "no token in the log");

    account.simulator.expire_tokens();
    assert_eq!(bearer(&account, second["access_token"].as_str().unwrap()).await.1, "EXPIRED_AUTHENTICATION");
    account.simulator.set_token_lifetime(Duration::from_secs(5));
    assert_eq!(account.form("/oauth/v3/token", &pairs).await.json()["expires_in"], 5);
}

#[tokio::test]
async fn a_wrong_grant_is_refused_in_the_words_of_its_version() {
    let account = account(options(5)).await;
    let secrets = account.simulator.client_credentials();
    let app = [("client_id", secrets.client_id.as_str()), ("client_secret", secrets.client_secret.as_str())];
    let grant = async |path: &str, more: &[(&str, &str)]| account.form(path, &[&app, more].concat()).await;
    let bad = grant("/oauth/v1/token", &[("grant_type", "refresh_token"), ("refresh_token", "other")]).await;
    assert_eq!(
        (bad.status, bad.json()["status"].as_str(), bad.json()["message"].as_str()),
        (400, Some("BAD_REFRESH_TOKEN"), Some("missing or invalid refresh token"))
    );
    let bad = grant("/oauth/v3/token", &[("grant_type", "refresh_token"), ("refresh_token", "other")]).await;
    assert_eq!(
        (bad.status, bad.json()["status"].as_str(), bad.json()["category"].as_str()),
        (400, Some("error"), Some("BAD_REFRESH_TOKEN"))
    );
    // The later version does not look at the query.
    let query =
        format!("/oauth/v3/token?grant_type=client_credentials&client_id={}&client_secret={}", secrets.client_id, secrets.client_secret);
    assert_eq!(account.form(&query, &[]).await.status, 400);
    assert_eq!(account.form(&query.replace("v3", "v1"), &[]).await.status, 200);

    let code = account.simulator.authorization_code();
    let exchange = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", "https://app.example/back")];
    assert_eq!(grant("/oauth/v1/token", &exchange).await.json()["refresh_token"], json!(secrets.refresh_token));
    assert_eq!(grant("/oauth/v1/token", &exchange).await.json()["status"], "BAD_AUTH_CODE");
    let own = grant("/oauth/v3/token", &[("grant_type", "client_credentials")]).await.json();
    assert!(own["access_token"].is_string() && own.get("refresh_token").is_none());
    account.simulator.set_refresh_token_valid(false);
    let gone = grant("/oauth/v1/token", &[("grant_type", "refresh_token"), ("refresh_token", &secrets.refresh_token)]).await;
    assert_eq!(gone.json()["status"], "BAD_REFRESH_TOKEN");
}

#[tokio::test]
async fn oauth_apps_are_not_told_about_the_day() {
    let account = account(limited(Limits::professional())).await;
    let secrets = account.simulator.client_credentials();
    let pairs = [("grant_type", "client_credentials"), ("client_id", &secrets.client_id), ("client_secret", &secrets.client_secret)];
    let token = account.form("/oauth/v3/token", &pairs).await.json()["access_token"].as_str().unwrap().to_owned();
    let answer = account.send(account.request("GET", CONTACTS).bearer_auth(token)).await.unwrap();
    assert_eq!((answer.header("x-hubspot-ratelimit-max"), answer.header("x-hubspot-ratelimit-daily")), (Some("190"), None));
}

#[tokio::test]
async fn a_missing_scope_closes_its_object_alone() {
    let account = account(options(5)).await;
    account.simulator.revoke_scope("crm.objects.deals.read");
    let refused = account.get("/crm/v3/objects/deals").await;
    assert_eq!((refused.status, refused.json()["category"].as_str()), (403, Some("MISSING_SCOPES")));
    assert_eq!(refused.json()["errors"][0]["context"]["requiredGranularScopes"], json!(["crm.objects.deals.read"]));
    assert_eq!(account.get(CONTACTS).await.status, 200);
    assert_eq!(account.get("/crm/v3/properties/deals").await.status, 200);
    account.simulator.grant_scope("crm.objects.deals.read");
    assert_eq!(account.get("/crm/v3/objects/deals").await.status, 200);
}
