//! Salesforce: pages and locators, sessions and tokens, limits, faults.
#![allow(clippy::unwrap_used)]

mod organisation;

use aqueduct_simulator::salesforce::{Effect, Fault, Limits, Match, Options, RefreshRotation, RequestClass};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use organisation::{ids, options, organisation};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;

#[tokio::test]
async fn pages_follow_their_locators() {
    let org = organisation(options(450)).await;
    let request = org.request("GET", "/query?q=SELECT+Id+FROM+Contact").bearer_auth(&org.token);
    let mut page = org.send(request.header("Sforce-Query-Options", "batchSize=50")).await;
    let (mut found, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let rows = page.records();
        sizes.push(rows.len());
        found.extend(ids(&rows));
        let body = page.json();
        assert_eq!(body["totalSize"], org.store().count("Contact"));
        assert_eq!(body["done"], json!(body.get("nextRecordsUrl").is_none()));
        let Some(next) = body["nextRecordsUrl"].as_str() else { break };
        page = org.get(&next.replace("/query/", if sizes.len() == 1 { "/queryAll/" } else { "/query/" })).await;
    }
    assert_eq!(found, org.store().ids("Contact"));
    assert_eq!(sizes[..2], [200, 200], "less than 200 is taken as 200");
    assert!(org.simulator.open_locators() == 0);
}

#[tokio::test]
async fn a_result_stays_as_it_was_and_its_locator_ends() {
    let org = organisation(Options { page_records: Some(10), ..options(30) }).await;
    let next = |answer: &organisation::Answer| answer.json()["nextRecordsUrl"].as_str().unwrap().to_owned();
    let first = org.query("SELECT Id FROM Contact").await;
    let last = org.store().ids("Contact").pop().unwrap();
    org.store().delete("Contact", &last).unwrap();
    let second = org.get(&next(&first)).await;
    let third = org.get(&next(&second)).await;
    assert!(third.text.contains(&last), "the result was taken before the deletion");
    assert_eq!(org.get("/query/01g5g0000000009AAA-10").await.error(), (400, "INVALID_QUERY_LOCATOR".to_owned()));

    let mut open = Vec::new();
    for _ in 0..11 {
        open.push(next(&org.query("SELECT Id FROM Contact").await));
    }
    assert_eq!(org.simulator.open_locators(), 10);
    assert_eq!(org.get(&open[0]).await.error().1, "INVALID_QUERY_LOCATOR", "the oldest of eleven is gone");
    assert_eq!(org.get(&open[1]).await.status, 200);
    org.advance(2 * 24 * 3600);
    let token = org.simulator.access_token();
    let answer = org.send(org.request("GET", &open[2]).bearer_auth(token)).await;
    assert_eq!(answer.error().1, "INVALID_QUERY_LOCATOR");
}

#[tokio::test]
async fn wide_rows_make_short_pages() {
    let org = organisation(Options { page_bytes: Some(5_000), ..options(100) }).await;
    let narrow = org.query("SELECT Id FROM Contact").await.records().len();
    let wide = org.query("SELECT Id, Name, Email, Phone, MailingAddress, Description, Title FROM Contact").await.records().len();
    assert!(wide < narrow && wide > 1, "{wide} and {narrow}");
}

#[tokio::test]
async fn sessions_slide_and_tokens_come_by_every_flow() {
    let org = organisation(options(1)).await;
    for _ in 0..3 {
        org.advance(7_000);
        assert_eq!(org.get("/limits").await.status, 200, "each use moves the end");
    }
    org.advance(7_200);
    let answer = org.get("/limits").await;
    assert_eq!(answer.json(), json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]));
    assert_eq!(answer.status, 401);

    let app = org.simulator.client_credentials();
    let secrets = [("client_id", app.client_id.as_str()), ("client_secret", app.client_secret.as_str())];
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", app.refresh_token.as_str()), secrets[0], secrets[1]];
    let body = org.token_request(&refresh).await.json();
    assert!(body.get("expires_in").is_none() && body.get("refresh_token").is_none());
    assert_eq!(body["instance_url"], org.simulator.base_url());
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(org.send(org.request("GET", "/limits").bearer_auth(token)).await.status, 200);
    let identity = org.send(org.request("GET", "/services/oauth2/userinfo").bearer_auth(token)).await.json();
    assert!(body["id"].as_str().unwrap().contains(identity["organization_id"].as_str().unwrap()));
    assert_eq!(org.token_request(&[("grant_type", "client_credentials"), secrets[0], secrets[1]]).await.status, 200);
    for (form, error) in [
        (vec![("grant_type", "password"), secrets[0], secrets[1]], "unsupported_grant_type"),
        (vec![("grant_type", "client_credentials"), ("client_id", "x"), secrets[1]], "invalid_client_id"),
        (vec![("grant_type", "client_credentials"), secrets[0], ("client_secret", "x")], "invalid_client"),
        (vec![("grant_type", "refresh_token"), ("refresh_token", "x"), secrets[0], secrets[1]], "invalid_grant"),
    ] {
        let answer = org.token_request(&form).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some(error)));
    }
    org.simulator.set_consent(false);
    assert_eq!(org.token_request(&refresh).await.json()["error"], "invalid_grant");
    assert_eq!(org.simulator.counters().of(RequestClass::Token), 7);
}

#[tokio::test]
async fn an_assertion_is_signed_with_the_key_that_is_handed_out() {
    let org = organisation(options(1)).await;
    let app = org.simulator.client_credentials();
    let der: String = app.private_key.lines().filter(|line| !line.starts_with("-----")).collect();
    let pair = RsaKeyPair::from_pkcs8(&STANDARD.decode(der).unwrap()).unwrap();
    let now = org.simulator.clock().now().as_second();
    let assertion = |audience: &str, seconds: i64| {
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({"iss": app.client_id, "sub": app.username, "aud": audience, "exp": now + seconds});
        let text = format!("{}.{}", part(json!({"alg": "RS256"})), part(claims));
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    for audience in ["https://login.salesforce.com", &org.simulator.base_url()] {
        let answer = org.token_request(&[grant, ("assertion", &assertion(audience, 180))]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(org.send(org.request("GET", "/limits").bearer_auth(token)).await.status, 200);
    }
    for (audience, seconds) in [("https://elsewhere.example", 180), ("https://login.salesforce.com", 0)] {
        let answer = org.token_request(&[grant, ("assertion", &assertion(audience, seconds))]).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_grant")));
    }
}

#[tokio::test]
async fn rotated_refresh_tokens_replace_each_other() {
    for (rotation, old_is_good) in [(RefreshRotation::Lenient, true), (RefreshRotation::Strict, false)] {
        let org = organisation(Options { refresh_rotation: rotation, ..options(1) }).await;
        let app = org.simulator.client_credentials();
        let form = |token: &str| {
            [
                ("grant_type", "refresh_token"),
                ("client_id", &app.client_id),
                ("client_secret", &app.client_secret),
                ("refresh_token", token),
            ]
            .map(|(name, value)| (name, value.to_owned()))
        };
        let ask = async |token: &str| {
            let form = form(token);
            org.token_request(&form.each_ref().map(|(name, value)| (*name, value.as_str()))).await
        };
        let fresh = ask(&app.refresh_token).await.json()["refresh_token"].as_str().unwrap().to_owned();
        assert_ne!(fresh, app.refresh_token);
        assert_eq!(ask(&app.refresh_token).await.status == 200, old_is_good);
        assert_eq!(org.simulator.client_credentials().refresh_token == fresh, !old_is_good);
        assert_eq!(ask(&fresh).await.status, 200);
    }
}

#[tokio::test]
async fn limits_are_told_and_kept() {
    let org = organisation(Options { limits: Limits { daily_requests: Some(3), ..Limits::developer() }, ..options(3) }).await;
    for used in 1..=3 {
        let answer = org.query("SELECT Id FROM Contact").await;
        assert_eq!((answer.status, answer.header("sforce-limit-info")), (200, Some(format!("api-usage={used}/3").as_str())));
    }
    let refused = org.query("SELECT Id FROM Contact").await;
    assert_eq!(refused.json(), json!([{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]));
    assert_eq!((refused.status, refused.header("sforce-limit-info"), refused.header("retry-after")), (403, Some("api-usage=3/3"), None));
    org.simulator.set_limits(Limits::developer());
    org.simulator.set_long_requests(5);
    let refused = org.query("SELECT Id FROM Contact").await;
    assert_eq!(refused.error(), (403, "REQUEST_LIMIT_EXCEEDED".to_owned()));
    assert!(refused.text.contains("ConcurrentRequests"));
    org.simulator.set_long_requests(4);
    assert_eq!(org.query("SELECT Id FROM Contact").await.status, 200);
    org.simulator.set_query_timeout(Some(2));
    assert_eq!(org.query("SELECT Id FROM Contact").await.error().1, "QUERY_TIMEOUT");
    assert_eq!(org.query("SELECT Id FROM Contact LIMIT 3").await.status, 200);
    assert_eq!(org.get("/limits").await.json()["DailyApiRequests"], json!({"Max": 15_000, "Remaining": 14_995}));
}

#[tokio::test]
async fn requests_that_are_too_long_or_of_no_version_are_refused() {
    let org = organisation(options(3)).await;
    let long = "A".repeat(16_300);
    assert_eq!(org.query(&format!("SELECT {long} FROM Contact")).await.status, 431);
    assert_eq!(org.query(&format!("SELECT {long}{long} FROM Contact")).await.status, 414);
    assert_eq!(org.get("/services/data/v30.0/limits").await.error(), (410, "UNSUPPORTED_API_VERSION".to_owned()));
    assert_eq!(org.get("/services/data/v99.0/limits").await.status, 404);
    let versions = org.send(org.request("GET", "/services/data/")).await.json();
    let winter = versions.as_array().unwrap().iter().find(|version| version["version"] == "62.0").unwrap();
    assert_eq!(*winter, json!({"label": "Winter '25", "url": "/services/data/v62.0", "version": "62.0"}));
}

#[tokio::test]
async fn batch_reads_keep_the_order_and_say_null() {
    let org = organisation(options(10)).await;
    let known = org.store().ids("Contact");
    let body = json!({"ids": [&known[2], "0035g0000000zzzAAA", &known[0]], "fields": ["Id", "Account.Name"]});
    let rows = org.call("POST", "/composite/sobjects/Contact", &body).await.json();
    assert_eq!((&rows[0]["Id"], &rows[1], &rows[2]["Id"]), (&json!(known[2]), &json!(null), &json!(known[0])));
    let counts = org.get("/limits/recordCount?sObjects=Contact").await.json();
    assert_eq!(counts, json!({"sObjects": [{"name": "Contact", "count": known.len()}]}));
    let one = org.get(&format!("/sobjects/Contact/{}?fields=LastName", known[0])).await.json();
    assert!(one["LastName"].is_string() && one["Id"].is_null());
}

#[tokio::test]
async fn faults_are_the_vendors() {
    let org = organisation(Options { page_records: Some(2), ..options(8) }).await;
    for (status, code) in
        [(401, "INVALID_SESSION_ID"), (403, "REQUEST_LIMIT_EXCEEDED"), (500, "UNKNOWN_EXCEPTION"), (503, "SERVER_UNAVAILABLE")]
    {
        org.simulator.inject(Fault::next(1, Effect::status(status)).when(Match::records_of("Contact")));
        assert_eq!(org.query("SELECT Id FROM Lead").await.status, 200, "only contacts are harmed");
        assert_eq!(org.query("SELECT COUNT() FROM Contact").await.status, 200, "a number is no record");
        assert_eq!(org.query("SELECT Id FROM Contact").await.error(), (status, code.to_owned()));
    }
    for (status, body) in [(420, ""), (406, "<html>")] {
        org.simulator.inject(Fault::next(1, Effect::status(status)));
        let answer = org.query("SELECT Id FROM Contact").await;
        assert!(answer.status == status && answer.text.starts_with(body) && answer.text.is_empty() == body.is_empty());
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    }
    org.simulator.inject(Fault::next(1, Effect::ErrorBodyWithOk));
    let answer = org.query("SELECT Id FROM Contact").await;
    assert_eq!(answer.error(), (200, "UNKNOWN_EXCEPTION".to_owned()));

    let first = org.query("SELECT Id FROM Contact").await;
    let next = first.json()["nextRecordsUrl"].as_str().unwrap().to_owned();
    org.simulator.inject(Fault::next(1, Effect::RepeatPage).when(Match::records_of("Contact")));
    assert_eq!(ids(&org.get(&next).await.records()), ids(&first.records()));
    org.simulator.inject(Fault::next(1, Effect::SameCursor));
    let same = org.get(&next).await;
    assert_eq!(same.json()["nextRecordsUrl"], next);
    org.simulator.inject(Fault::next(1, Effect::ReversePage));
    let turned: Vec<String> = ids(&org.get(&next).await.records()).into_iter().rev().collect();
    assert_eq!(turned, ids(&same.records()));
    org.simulator.inject(Fault::next(1, Effect::ExpireTokens));
    assert_eq!(org.get(&next).await.status, 401);
}
