//! Every fault does what it says, so many times, to what it matches.
#![allow(clippy::unwrap_used)]

mod account;

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use account::{Account, account, ids, options};
use aqueduct_simulator::hubspot::ObjectKind::Contacts;
use aqueduct_simulator::hubspot::{ContentLength, Effect, Fault, Match, RequestClass, RetryAfter};
use serde_json::json;

const CONTACTS: &str = "/crm/v3/objects/contacts?limit=20";

async fn harmed(effect: Effect) -> Account {
    let account = account(options(60)).await;
    account.simulator.inject(Fault::next(1, effect));
    account
}

async fn is_well_again(account: &Account) {
    let answer = account.get(CONTACTS).await;
    assert_eq!((answer.status, answer.json()["results"].as_array().unwrap().len()), (200, 20));
    assert_eq!(account.simulator.counters().faults, 1);
}

#[tokio::test]
async fn statuses_come_with_the_vendors_body() {
    for (status, category) in [
        (500, "INTERNAL_ERROR"),
        (503, "SERVICE_UNAVAILABLE"),
        (423, "LOCKED"),
        (524, "SERVICE_UNAVAILABLE"),
        (477, "MIGRATION_IN_PROGRESS"),
    ] {
        let account = harmed(Effect::status(status)).await;
        let answer = account.get(CONTACTS).await;
        assert_eq!((answer.status, answer.json()["category"].as_str()), (status, Some(category)));
        is_well_again(&account).await;
    }
}

#[tokio::test]
async fn pauses_are_asked_for_in_every_form() {
    let forms = [
        (RetryAfter::Seconds(7), "7"),
        (RetryAfter::Date(Duration::from_secs(90)), "Wed, 01 Jul 2026 00:01:30 GMT"),
        (RetryAfter::Seconds(1_000_000_000), "1000000000"),
        (RetryAfter::Text("-5".into()), "-5"),
    ];
    for (form, text) in forms {
        let account = harmed(Effect::status_retry_after(429, form)).await;
        let answer = account.get(CONTACTS).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some(text)));
        assert_eq!(answer.json()["policyName"], "TEN_SECONDLY_ROLLING");
        is_well_again(&account).await;
    }
}

#[tokio::test]
async fn a_storm_hits_a_share_of_the_requests_it_matches() {
    let account = account(options(5)).await;
    account.simulator.inject(Fault::always(Effect::status(429)).when(Match::class(RequestClass::List).chance(500, 11)));
    let mut hit = 0;
    for _ in 0..100 {
        hit += u32::from(account.get(CONTACTS).await.status == 429);
    }
    assert!((30..70).contains(&hit), "{hit}");
    assert_eq!(account.get("/crm/v3/owners").await.status, 200);
    assert_eq!(account.simulator.counters().throttled, u64::from(hit));
    account.simulator.clear_faults();
    assert_eq!(account.get(CONTACTS).await.status, 200);
}

#[tokio::test]
async fn bodies_that_are_not_what_they_seem() {
    let account = harmed(Effect::ErrorBodyWithOk).await;
    let answer = account.get(CONTACTS).await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("error")));
    is_well_again(&account).await;

    let account = harmed(Effect::HtmlWithOk).await;
    let answer = account.get(CONTACTS).await;
    assert!(
        answer.status == 200
            && answer.bytes.starts_with(b"<!DOCTYPE html>")
            && answer.header("content-type").unwrap().starts_with("text/html")
    );
    is_well_again(&account).await;

    let account = harmed(Effect::EmptyBody).await;
    let answer = account.get(CONTACTS).await;
    assert_eq!((answer.status, answer.bytes.len()), (200, 0));
    is_well_again(&account).await;

    let account = harmed(Effect::Body("{\"results\":null}".into())).await;
    assert_eq!(account.get(CONTACTS).await.json(), json!({"results": null}));
    is_well_again(&account).await;

    let account = harmed(Effect::DeepNesting { depth: 5_000 }).await;
    assert_eq!(account.get(CONTACTS).await.bytes.iter().filter(|byte| **byte == b'[').count(), 5_000);
    is_well_again(&account).await;
}

#[tokio::test]
async fn a_body_can_end_too_early_in_three_ways() {
    let account = account(options(60)).await;
    let whole = account.get(CONTACTS).await.bytes;
    for content_length in [ContentLength::Sent, ContentLength::Whole, ContentLength::Absent] {
        account.simulator.inject(Fault::next(1, Effect::Truncate { at: 1_000, content_length }));
        let answer = account.try_get(CONTACTS).await;
        if content_length == ContentLength::Sent {
            assert_eq!(answer.unwrap().bytes, whole[..1_000]);
        } else {
            assert!(answer.is_err(), "{content_length:?}: the client notices");
        }
        assert_eq!(account.get(CONTACTS).await.bytes, whole);
    }
}

#[tokio::test]
async fn the_cut_part_of_a_body_reaches_the_client() {
    let account = harmed(Effect::Truncate { at: 1_000, content_length: ContentLength::Whole }).await;
    let (address, token) = (account.simulator.address(), account.token.clone());
    let received = tokio::task::spawn_blocking(move || {
        use std::io::Write;
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {CONTACTS} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        // A reset after the data is as good an end as any.
        let _ = stream.read_to_end(&mut bytes);
        bytes
    });
    let text = String::from_utf8_lossy(&received.await.unwrap()).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let claimed: usize = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
    assert!(claimed > 1_000);
    assert!((900..=1_000).contains(&body.chars().count()), "{}", body.len());
}

#[tokio::test]
async fn a_connection_can_be_dropped_or_fall_silent() {
    let account = harmed(Effect::DropConnection).await;
    assert!(account.try_get(CONTACTS).await.is_err());
    assert_eq!(account.simulator.counters().status(0), 1);
    is_well_again(&account).await;

    for effect in [Effect::Stall { at: 100 }, Effect::Stall { at: 0 }] {
        let account = harmed(effect).await;
        let silent = account.send(account.request("GET", CONTACTS).bearer_auth(&account.token).timeout(Duration::from_millis(300))).await;
        assert!(silent.unwrap_err().is_timeout());
        is_well_again(&account).await;
    }
    let account = harmed(Effect::Endless).await;
    let endless = account.send(account.request("GET", CONTACTS).bearer_auth(&account.token).timeout(Duration::from_millis(300))).await;
    assert!(endless.unwrap_err().is_timeout());
    is_well_again(&account).await;
}

#[tokio::test]
async fn a_slow_body_comes_whole() {
    let account = account(options(60)).await;
    let whole = account.get(CONTACTS).await.bytes;
    account.simulator.inject(Fault::next(1, Effect::Slow { piece: 700, pause: Duration::from_millis(1) }));
    assert_eq!(account.get(CONTACTS).await.bytes, whole);
}

#[tokio::test]
async fn pages_repeat_stand_still_or_turn_round() {
    let account = account(options(60)).await;
    let first = account.get(CONTACTS).await.json();
    let second_path = format!("{CONTACTS}&after={}", first["paging"]["next"]["after"].as_str().unwrap());
    account.simulator.inject(Fault::next(1, Effect::RepeatPage));
    assert_eq!(account.get(&second_path).await.json(), first, "the page before comes again");
    let second = account.get(&second_path).await.json();
    assert_ne!(second, first);

    account.simulator.inject(Fault::next(1, Effect::SameCursor));
    let stuck = account.get(&second_path).await.json();
    assert_eq!(stuck["results"], second["results"]);
    assert_eq!(stuck["paging"]["next"]["after"], first["paging"]["next"]["after"]);

    account.simulator.inject(Fault::next(1, Effect::ReversePage));
    let mut turned = ids(account.get(&second_path).await.json()["results"].as_array().unwrap());
    turned.reverse();
    assert_eq!(turned, ids(second["results"].as_array().unwrap()));
    let stored = account.simulator.store().ids(Contacts);
    assert_eq!(ids(&account.all(CONTACTS).await), stored, "a repeated page loses nothing");
    account.simulator.inject(Fault::next(1, Effect::RepeatPage));
    assert_eq!(account.get(CONTACTS).await.json(), first, "a first page has none before it");
}

#[tokio::test]
async fn pages_of_a_search_repeat_and_stand_still_too() {
    let account = account(options(60)).await;
    let page = async |after: &str| account.post("/crm/v3/objects/contacts/search", &json!({"limit": 20, "after": after})).await.json();
    let first = page("0").await;
    account.simulator.inject(Fault::next(1, Effect::RepeatPage));
    assert_eq!(page("20").await, first);
    account.simulator.inject(Fault::next(1, Effect::SameCursor));
    assert_eq!(page("20").await["paging"]["next"]["after"], "20");
    assert_eq!(page("20").await["paging"]["next"]["after"], "40");
}

fn zipped(account: &Account) -> reqwest::RequestBuilder {
    account.request("GET", CONTACTS).bearer_auth(&account.token).header("accept-encoding", "gzip, deflate")
}

#[tokio::test]
async fn replies_are_compressed_when_asked_for_and_can_be_damaged() {
    let account = account(options(60)).await;
    let plain = account.get(CONTACTS).await;
    assert!(plain.header("content-encoding").is_none());
    let small = account.send(zipped(&account)).await.unwrap();
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    assert!(small.bytes.len() < plain.bytes.len());
    assert_eq!(small.unzipped().unwrap(), plain.bytes);

    account.simulator.inject(Fault::next(1, Effect::CorruptGzip));
    assert!(account.send(zipped(&account)).await.unwrap().unzipped().is_err());

    account.simulator.inject(Fault::next(1, Effect::GzipBomb { unpacked: 30_000_000 }));
    let bomb = account.send(zipped(&account)).await.unwrap();
    assert!(bomb.bytes.len() < 100_000);
    assert_eq!(bomb.unzipped().unwrap().len(), 30_000_000);

    account.simulator.set_gzip(false);
    assert!(account.send(zipped(&account)).await.unwrap().header("content-encoding").is_none());
}

#[tokio::test]
async fn tokens_expire_between_two_pages() {
    let mut account = account(options(60)).await;
    let secrets = account.simulator.client_credentials();
    let pairs = [("grant_type", "client_credentials"), ("client_id", &secrets.client_id), ("client_secret", &secrets.client_secret)];
    account.token = account.form("/oauth/v3/token", &pairs).await.json()["access_token"].as_str().unwrap().to_owned();
    account.simulator.inject(Fault::next(1, Effect::ExpireTokens).when(Match::path("/contacts").after(1)));
    assert_eq!(account.get(CONTACTS).await.status, 200);
    let expired = account.get(CONTACTS).await;
    assert_eq!((expired.status, expired.json()["category"].as_str()), (401, Some("EXPIRED_AUTHENTICATION")));
}

#[tokio::test]
async fn a_call_changes_records_while_somebody_pages() {
    let account = account(options(60)).await;
    let store = account.simulator.store();
    let last = *store.ids(Contacts).last().unwrap();
    let change = {
        let store = store.clone();
        move || store.archive(Contacts, last).unwrap()
    };
    account.simulator.inject(Fault::next(1, Effect::call(change)).when(Match::path("after=")));
    assert!(store.ids(Contacts).contains(&last));
    assert!(!ids(&account.all(CONTACTS).await).contains(&last));
}

#[tokio::test]
async fn a_stopped_simulator_ends_its_connections() {
    let account = harmed(Effect::Stall { at: 10 }).await;
    let address = account.simulator.address();
    let mut stalled = account.request("GET", CONTACTS).bearer_auth(&account.token).send().await.unwrap();
    account.simulator.stop().await;
    let rest = async {
        while stalled.chunk().await?.is_some() {}
        Ok::<(), reqwest::Error>(())
    };
    assert!(rest.await.is_err());
    assert!(TcpStream::connect(address).is_err());
}
