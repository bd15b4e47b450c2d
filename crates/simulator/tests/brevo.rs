//! The simulated Brevo account, over HTTP.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Once;
use std::time::Duration;

use aqueduct_simulator::brevo::{self, Account, Limits, Options, RequestClass, Simulator};
use aqueduct_simulator::{Clock, Effect, Fault, Match};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

struct Client {
    simulator: Simulator,
    http: reqwest::Client,
    key: String,
}

#[expect(clippy::disallowed_methods, reason = "the engine's client would hide what these tests look at, and this crate must not know it")]
async fn client(account: &Account) -> Client {
    static PROVIDER: Once = Once::new();
    // The client asks for a provider even though it only speaks plain HTTP here.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let clock = Clock::manual("2026-07-01T00:00:00Z".parse().unwrap());
    let simulator = Simulator::start(&brevo::description(account), Options { clock, ..Options::default() }).await.unwrap();
    let key = simulator.credentials().key;
    Client { simulator, http: reqwest::Client::builder().no_proxy().build().unwrap(), key }
}

impl Client {
    async fn ask(&self, path: &str, key: &str) -> (u16, HeaderMap, Value) {
        let answer = self.http.get(format!("{}{path}", self.simulator.base_url())).header("api-key", key).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        (status, headers, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, _, body) = self.ask(path, &self.key).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Status and code of an answer that is an error.
    async fn refused(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.ask(path, &self.key).await;
        assert!(!body["message"].as_str().unwrap().is_empty(), "{path}: {body}");
        assert_eq!(body.as_object().unwrap().len(), 2, "{path}: {body}");
        (status, body["code"].as_str().unwrap().to_owned())
    }

    /// The ids of a list's answer.
    async fn ids(&self, path: &str, items: &str) -> Vec<u64> {
        self.get(path).await[items].as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()).collect()
    }
}

#[tokio::test]
async fn the_newest_comes_first_unless_told_otherwise() {
    let client = client(&Account::default()).await;
    let whole: Vec<u64> = (1_001..1_036).collect();
    assert_eq!(client.ids("/contacts?sort=asc", "contacts").await, whole);
    let backwards: Vec<u64> = whole.iter().rev().copied().collect();
    assert_eq!(client.ids("/contacts", "contacts").await, backwards);
    assert_eq!(client.ids("/contacts?limit=10&offset=30&sort=desc", "contacts").await, backwards[30..]);
    // What is new moves every page of the default order, and none of the other.
    client.simulator.store().create("contacts", 1).unwrap();
    assert_eq!(client.ids("/contacts?limit=2&offset=2", "contacts").await, [1_034, 1_033]);
    assert_eq!(client.ids("/contacts?limit=2&offset=2&sort=asc", "contacts").await, [1_003, 1_004]);
    assert_eq!(client.refused("/contacts?sort=up").await, (400, "invalid_parameter".to_owned()));
    assert_eq!(client.get("/contacts?offset=90").await, json!({"contacts": [], "count": 36}));
}

#[tokio::test]
async fn what_changed_comes_in_the_order_of_creation() {
    for since_excludes in [false, true] {
        let client = client(&Account { since_excludes, ..Account::default() }).await;
        let store = client.simulator.store();
        client.simulator.clock().advance(Duration::from_secs(1));
        for id in ["1020", "1003"] {
            store.update("contacts", id).unwrap();
        }
        let instant = "2026-07-01T00:00:01.000Z";
        let found = client.get(&format!("/contacts?sort=asc&modifiedSince={instant}")).await;
        let after = client.ids("/contacts?sort=asc&modifiedSince=2026-07-01T02:00:00.999%2B02:00", "contacts").await;
        assert_eq!(after, [1_003, 1_020]);
        assert_eq!(found["count"], if since_excludes { 0 } else { 2 });
        let new = store.create("contacts", 3).unwrap().len();
        let made = client.ids(&format!("/contacts?createdSince={instant}"), "contacts").await;
        assert_eq!(made.len(), if since_excludes { 0 } else { new });
        let both = format!("/contacts?createdSince={instant}&modifiedSince=2026-07-01T00:00:00Z&limit=1&sort=asc&offset=1");
        assert_eq!(client.get(&both).await["count"], if since_excludes { 0 } else { 3 });
        assert_eq!(client.refused("/contacts?modifiedSince=today").await, (400, "invalid_parameter".to_owned()));
    }
}

#[tokio::test]
async fn contacts_are_as_brevo_writes_them() {
    let client = client(&Account { contacts: 400, ..Account::default() }).await;
    let contacts = client.get("/contacts?limit=1000&sort=asc").await["contacts"].as_array().unwrap().clone();
    assert_eq!(contacts, client.simulator.store().records("contacts"));
    let names: BTreeSet<String> = client.get("/contacts/attributes").await["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attribute| attribute["name"].as_str().unwrap().to_owned())
        .collect();
    for contact in &contacts {
        for (name, value) in contact["attributes"].as_object().unwrap() {
            assert!(names.contains(name) && *value != json!("") && !value.is_null(), "{contact}");
        }
        assert!(contact["email"].is_string() || contact.get("email").is_none() && contact["attributes"]["SMS"].is_string(), "{contact}");
        let created = contact["createdAt"].as_str().unwrap();
        let offset = if created < "2026-03-29T02" { "+01:00" } else { "+02:00" };
        assert!(created.ends_with(offset) && created.len() == 29, "{created}");
    }
    let has = |is: &dyn Fn(&Value) -> bool| contacts.iter().filter(|contact| is(contact)).count();
    assert!(has(&|contact| contact.get("email").is_none()) > 5);
    assert!(has(&|contact| contact["attributes"].get("FIRSTNAME").is_none()) > 0);
    assert!(has(&|contact| contact["attributes"]["DOUBLE_OPT-IN"] == "1") > 50);
    assert!(has(&|contact| contact["createdAt"].as_str().unwrap().ends_with("+01:00")) > 20);
    assert!(has(&|contact| contact.get("listUnsubscribed").is_some()) > 20);

    // Whom nothing may be sent to is the same in both places.
    let blacklisted: BTreeSet<&str> =
        contacts.iter().filter(|contact| contact["emailBlacklisted"] == true).map(|contact| contact["email"].as_str().unwrap()).collect();
    let blocked = client.get("/smtp/blockedContacts?limit=100").await;
    let blocked: BTreeSet<&str> = blocked["contacts"].as_array().unwrap().iter().map(|one| one["email"].as_str().unwrap()).collect();
    assert_eq!(blacklisted, blocked);
    assert_eq!(blocked.len(), 20);
}

#[tokio::test]
async fn lists_have_their_contacts() {
    let client = client(&Account { contacts: 120, ..Account::default() }).await;
    let lists = client.get("/contacts/lists?limit=50&sort=asc").await;
    assert_eq!(lists["count"], 12);
    for list in lists["lists"].as_array().unwrap() {
        let id = list["id"].as_u64().unwrap();
        let found = client.get(&format!("/contacts/lists/{id}/contacts?limit=500")).await;
        let size = list["totalSubscribers"].as_u64().unwrap() + list["totalBlacklisted"].as_u64().unwrap();
        assert_eq!(found["count"], size, "{list}");
        let of_list = found["contacts"].as_array().unwrap();
        assert!(of_list.iter().all(|contact| contact["listIds"].as_array().unwrap().contains(&json!(id))));
        assert_eq!(client.get(&format!("/contacts?listIds={id}")).await["count"], size);
        assert_eq!(client.get(&format!("/contacts/lists/{id}")).await, *list);
    }
    let store = client.simulator.store();
    let moved = ("listIds".to_owned(), json!([1_001]));
    client.simulator.clock().advance(Duration::from_secs(5));
    store.update_with("contacts", "1002", [moved]).unwrap();
    assert_eq!(client.ids("/contacts/lists/1001/contacts?modifiedSince=2026-07-01T00:00:05Z", "contacts").await, [1_002]);
    assert_eq!(client.refused("/contacts/lists/7/contacts").await, (404, "document_not_found".to_owned()));
    assert_eq!(client.refused("/contacts/lists?limit=51").await, (400, "out_of_range".to_owned()));
    assert_eq!(client.refused("/contacts/lists/1001/contacts?limit=501").await, (400, "out_of_range".to_owned()));
}

#[tokio::test]
async fn what_is_deleted_leaves_nothing_behind() {
    let client = client(&Account::default()).await;
    let contact = client.get("/contacts/1001").await;
    let email = contact["email"].as_str().unwrap().replace('@', "%40");
    assert_eq!(client.get(&format!("/contacts/{email}")).await, contact);
    client.simulator.store().delete("contacts", "1001").unwrap();
    for path in ["/contacts/1001".to_owned(), format!("/contacts/{email}"), "/contacts/nobody".to_owned(), "/nothing".to_owned()] {
        assert_eq!(client.refused(&path).await, (404, "document_not_found".to_owned()));
    }
    assert_eq!(client.get("/contacts?limit=1").await["count"], 34);
    assert_eq!(client.simulator.counters().of(RequestClass::Get), 5);
}

#[tokio::test]
async fn events_lie_in_a_window_and_their_key_is_missing_without_them() {
    let client = client(&Account { contacts: 100, ..Account::default() }).await;
    let default = client.get("/smtp/statistics/events").await["events"].as_array().unwrap().clone();
    let dates: Vec<&str> = default.iter().map(|event| event["date"].as_str().unwrap()).collect();
    assert!(dates.is_sorted_by(|one, other| one >= other) && dates.iter().all(|date| *date >= "2026-06-01"), "{dates:?}");
    let whole = client.get("/smtp/statistics/events?days=90&sort=asc").await["events"].as_array().unwrap().len();
    assert!(whole > default.len());
    let day = client.get("/smtp/statistics/events?startDate=2026-06-10&endDate=2026-06-10").await;
    let on_day = |event: &Value| event["date"].as_str().unwrap().starts_with("2026-06-10");
    assert!(day["events"].as_array().unwrap().iter().all(on_day) && dates.iter().any(|date| date.starts_with("2026-06-10")));
    let message = default[0]["messageId"].as_str().unwrap().replace('<', "%3C").replace('>', "%3E");
    let of_message = client.get(&format!("/smtp/statistics/events?days=90&messageId={message}")).await;
    assert!((1..=4).contains(&of_message["events"].as_array().unwrap().len()));
    let email = default[0]["email"].as_str().unwrap().replace('@', "%40");
    let to_one = client.get(&format!("/smtp/statistics/events?email={email}")).await;
    assert!(to_one["events"].as_array().unwrap().iter().all(|event| event["email"] == default[0]["email"]));
    let clicks = client.get("/smtp/statistics/events?days=90&event=clicks").await;
    assert!(clicks["events"].as_array().unwrap().iter().all(|event| event["event"] == "clicks" && event["link"] != ""));

    assert_eq!(client.get("/smtp/statistics/events?startDate=2025-01-01&endDate=2025-01-02").await, json!({}));
    assert_eq!(client.get("/smtp/statistics/events?offset=5000").await, json!({}));
    for (query, code) in [
        ("days=91", "out_of_range"),
        ("startDate=2026-01-01&endDate=2026-06-01", "out_of_range"),
        ("startDate=2026-01-01", "missing_parameter"),
        ("days=3&startDate=2026-01-01&endDate=2026-01-02", "invalid_parameter"),
        ("startDate=2026-02-02&endDate=2026-01-02", "invalid_parameter"),
        ("event=dreamt", "invalid_parameter"),
        ("limit=5001", "out_of_range"),
    ] {
        assert_eq!(client.refused(&format!("/smtp/statistics/events?{query}")).await, (400, code.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn campaigns_can_be_asked_for_by_state() {
    let client = client(&Account::default()).await;
    let all = client.get("/emailCampaigns?limit=100&statistics=globalStats").await;
    let all = all["campaigns"].as_array().unwrap();
    assert_eq!(all.len(), 24);
    let sent = client.get("/emailCampaigns?status=sent&startDate=2026-01-01T00:00:00.000Z&endDate=2026-12-01T00:00:00.000Z").await;
    let expected: Vec<Value> = all.iter().filter(|campaign| campaign["status"] == "sent").cloned().collect();
    assert!(!expected.is_empty() && expected.iter().all(|campaign| campaign["sentDate"].is_string()));
    assert_eq!(sent["campaigns"], json!(expected));
    assert_eq!(client.refused("/emailCampaigns?limit=101").await, (400, "out_of_range".to_owned()));
    assert_eq!(client.refused("/emailCampaigns?status=sold").await, (400, "invalid_parameter".to_owned()));
}

#[tokio::test]
async fn sales_are_linked() {
    let client = client(&Account { contacts: 90, ..Account::default() }).await;
    let mut companies = Vec::new();
    for page in 1.. {
        let items = client.get(&format!("/companies?limit=10&page={page}&sort=asc")).await["items"].as_array().unwrap().clone();
        companies.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        if items.len() < 10 {
            break;
        }
    }
    assert_eq!((companies.len(), companies.iter().collect::<BTreeSet<_>>().len()), (31, 31));
    let deals = client.get("/crm/deals?limit=1000").await;
    assert!(deals.get("count").is_none());
    let deals = deals["items"].as_array().unwrap();
    assert_eq!(client.get("/crm/deals?limit=5&offset=40").await["items"], json!(deals[40..45]));
    let pipelines = client.get("/crm/pipeline/details/all").await;
    for deal in deals {
        let attributes = &deal["attributes"];
        let pipeline = pipelines.as_array().unwrap().iter().find(|pipeline| pipeline["pipeline"] == attributes["pipeline"]).unwrap();
        assert!(pipeline["stages"].as_array().unwrap().iter().any(|stage| stage["id"] == attributes["deal_stage"]), "{deal}");
        for company in deal["linkedCompaniesIds"].as_array().unwrap() {
            assert!(companies.contains(&company.as_str().unwrap().to_owned()), "{deal}");
        }
    }
    let id = deals[0]["id"].as_str().unwrap();
    assert_eq!(client.get(&format!("/crm/deals/{id}")).await, deals[0]);
    let users = client.get("/organization/invited/users").await;
    assert_eq!(users["users"].as_array().unwrap().iter().filter(|user| user["is_owner"] == "true").count(), 1);
}

#[tokio::test]
async fn limits_are_told_in_headers_without_retry_after() {
    let client = client(&Account { limits: Limits::Free, ..Account::default() }).await;
    let told = |headers: &HeaderMap| ["limit", "remaining", "reset"].map(|name| headers[&format!("x-sib-ratelimit-{name}")].clone());
    for left in (0..10).rev() {
        let (status, headers, _) = client.ask("/contacts/lists", &client.key).await;
        assert_eq!((status, told(&headers)), (200, ["10", left.to_string().as_str(), "1"].map(|text| text.parse().unwrap())));
    }
    let (status, headers, body) = client.ask("/contacts", &client.key).await;
    assert_eq!((status, body["code"].as_str()), (429, Some("too_many_requests")));
    assert_eq!(told(&headers), ["10", "0", "1"]);
    assert!(headers.get("retry-after").is_none());
    let (_, headers, _) = client.ask("/companies", &client.key).await;
    assert_eq!(told(&headers), ["100", "99", "3600"], "everything else has a limit of its own");
    client.simulator.clock().advance(Duration::from_secs(1));
    client.get("/contacts").await;
    assert_eq!(client.simulator.counters().throttled, 1);
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let client = client(&Account::default()).await;
    assert!(client.key.starts_with("xkeysib-"));
    let account = client.get("/account").await;
    assert!(account["organization_id"].is_string() && account["companyName"].is_string());
    let (status, _, body) = client.ask("/account", "xkeysib-other").await;
    assert_eq!((status, body), (401, json!({"code": "unauthorized", "message": "Key not found"})));
    client.simulator.forbid("deals");
    assert_eq!(client.refused("/crm/deals").await, (403, "permission_denied".to_owned()));
    assert_eq!(client.refused("/contacts?limit=1001").await, (400, "out_of_range".to_owned()));
    assert_eq!(client.refused("/contacts?limit=many").await, (400, "invalid_parameter".to_owned()));
    assert_eq!(client.refused("/contacts?colour=red").await, (400, "invalid_parameter".to_owned()));
    client.simulator.inject(Fault::next(1, Effect::status(500)).when(Match::records_of("contacts")));
    client.get("/companies").await;
    assert_eq!(client.refused("/contacts").await, (500, "internal_error".to_owned()));
    client.get("/contacts").await;
}
