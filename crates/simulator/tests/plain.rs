//! A vendor of a description, asked over HTTP: keys, paging of every style, parameters, limits, faults.
#![allow(clippy::unwrap_used)]

use std::sync::Once;
use std::time::Duration;

use aqueduct_simulator::plain::{
    Authentication, BeyondCap, Clock, Description, Effect, Endpoint, Fault, Match, Options, Paging, RateLimit, Simulator, Value,
};
use reqwest::header::HeaderMap;
use serde_json::{Value as Json, json};

struct Asked {
    status: u16,
    headers: HeaderMap,
    body: Json,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn ids(&self, array: &str) -> Vec<u64> {
        let records = self.body.pointer(array).unwrap_or_else(|| panic!("{}", self.body)).as_array().unwrap();
        records.iter().map(|record| record["id"].as_u64().unwrap()).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "the engine's client would hide what these tests look at, and this crate must not know it")]
async fn ask(simulator: &Simulator, target: &str, headers: &[(&str, String)]) -> Asked {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).no_proxy().build().unwrap();
    let url = if target.starts_with("http") { target.to_owned() } else { format!("{}{target}", simulator.base_url()) };
    let request = headers.iter().fold(client.get(url), |request, (name, value)| request.header(*name, value));
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Asked { status, headers, body: serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default() }
}

async fn started(description: &Description) -> Simulator {
    let clock = Clock::manual("2026-07-01T00:00:00Z".parse().unwrap());
    Simulator::start(description, Options { clock, ..Options::default() }).await.unwrap()
}

fn things() -> Endpoint {
    let endpoint = Endpoint::new("things", "/things").items(["data"]).count(25);
    endpoint.field("id", Value::NumericId).field("at", Value::UpdatedAt)
}

fn open(endpoint: Endpoint) -> Description {
    Description::new(Authentication::None).endpoint(endpoint)
}

#[tokio::test]
async fn each_kind_of_key_lets_in_and_others_do_not() {
    let by_header = Authentication::Header { name: "x-key".to_owned(), prefix: "Key ".to_owned() };
    for authentication in [Authentication::Bearer, by_header, Authentication::Query("key".to_owned()), Authentication::Basic] {
        let description = Description::new(authentication.clone())
            .base_path("/v2")
            .refused_status(403)
            .error_body(|status| json!({"code": status}))
            .account("/me", json!({"name": "Acme"}));
        let simulator = started(&description).await;
        let credentials = simulator.credentials();
        let key = &credentials.key;
        let good: (String, Vec<(&str, String)>) = match &authentication {
            Authentication::Header { .. } => ("/me".into(), vec![("x-key", format!("Key {key}"))]),
            Authentication::Query(_) => (format!("/me?key={key}"), vec![]),
            Authentication::Basic => {
                let text = base64(&format!("{key}:{}", credentials.password));
                ("/me".into(), vec![("authorization", format!("Basic {text}"))])
            }
            _ => ("/me".into(), vec![("authorization", format!("Bearer {key}"))]),
        };
        let answer = ask(&simulator, &good.0, &good.1).await;
        assert_eq!((answer.status, &answer.body), (200, &json!({"name": "Acme"})), "{authentication:?}");
        let refused = ask(&simulator, "/me", &[]).await;
        assert_eq!((refused.status, &refused.body["code"]), (403, &json!(403)), "{authentication:?}");
        let logged = simulator.request_log();
        assert!(!logged.iter().any(|request| request.path.contains(key.as_str())), "{logged:?}");
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn every_style_leads_through_all_records_in_order() {
    let all: Vec<u64> = (1_001..1_026).collect();
    for paging in
        [Paging::next_token(["meta", "next"], "after"), Paging::next_link(["meta", "next"]), Paging::LinkHeader, Paging::keyset("above")]
    {
        let simulator = started(&open(things().paging(paging.clone()).page_size("limit", 10))).await;
        let (mut found, mut target) = (Vec::new(), "/things?limit=10".to_owned());
        loop {
            let page = ask(&simulator, &target, &[]).await;
            found.extend(page.ids("/data"));
            let next = page.body.pointer("/meta/next").and_then(Json::as_str).map(str::to_owned);
            target = match (&paging, next, page.header("link")) {
                (Paging::NextToken { .. }, Some(token), _) => format!("/things?limit=10&after={token}"),
                (Paging::NextLink { .. }, Some(link), _) => link,
                (Paging::LinkHeader, _, Some(header)) => header.trim_start_matches('<').split('>').next().unwrap().to_owned(),
                (Paging::Keyset { .. }, ..) if page.ids("/data").len() == 10 => format!("/things?limit=10&above={}", found.last().unwrap()),
                _ => break,
            };
        }
        assert_eq!(found, all, "{paging:?}");
    }
    let simulator = started(&open(things().paging(Paging::offset("skip")).total(["total"]))).await;
    let page = ask(&simulator, "/things?skip=20", &[]).await;
    assert_eq!((page.ids("/data"), &page.body["total"]), (all[20..].to_vec(), &json!(25)));
    let simulator = started(&open(things().paging(Paging::page_number("page", 1)))).await;
    assert_eq!(ask(&simulator, "/things?page=3", &[]).await.ids("/data"), all[20..]);
    assert!(ask(&simulator, "/things?page=4", &[]).await.ids("/data").is_empty());
}

#[tokio::test]
async fn tokens_hold_while_records_before_them_vanish() {
    let simulator = started(&open(things().paging(Paging::next_token(["next"], "after")))).await;
    let first = ask(&simulator, "/things", &[]).await;
    simulator.store().delete("things", "1003").unwrap();
    let second = ask(&simulator, &format!("/things?after={}", first.body["next"].as_str().unwrap()), &[]).await;
    assert_eq!(second.ids("/data")[0], 1_011);
    assert!(simulator.store().delete("things", "1003").is_err(), "it is gone already");
}

#[tokio::test]
async fn what_a_request_may_not_say_is_refused() {
    let endpoint = things().paging(Paging::offset("skip")).page_size("limit", 20).query("kind", "all").since("since");
    let simulator = started(&open(endpoint)).await;
    for (target, status) in [
        ("/things?kind=all&limit=20", 200),
        ("/things?kind=all&limit=21", 400),
        ("/things?kind=all&limit=0", 400),
        ("/things?kind=some", 400),
        ("/things", 400),
        ("/things?kind=all&skip=many", 400),
        ("/things?kind=all&since=yesterday", 400),
        ("/things?kind=all&limt=5", 400),
        ("/others", 404),
    ] {
        let answer = ask(&simulator, target, &[]).await;
        assert_eq!(answer.status, status, "{target}: {}", answer.body);
    }
}

#[tokio::test]
async fn changes_are_found_from_an_instant_on_which_counts() {
    let simulator = started(&open(things().since("since"))).await;
    let store = simulator.store();
    simulator.clock().advance(Duration::from_secs(60));
    store.update("things", "1005").unwrap();
    let created = store.create("things", 2).unwrap();
    let changed = ask(&simulator, "/things?since=2026-07-01T00:01:00Z", &[]).await;
    assert_eq!(changed.ids("/data"), [1_005, created[0].parse().unwrap(), created[1].parse().unwrap()]);
    assert!(ask(&simulator, "/things?since=2026-07-01T00:01:00.001Z", &[]).await.ids("/data").is_empty());
    let dated = store.create_dated("things", "2027-01-01T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(ask(&simulator, "/things?since=2026-12-31T00:00:00Z", &[]).await.ids("/data"), [dated.parse::<u64>().unwrap()]);
    assert_eq!((store.ids("things").len(), store.records("things").len()), (28, 28));
}

#[tokio::test]
async fn an_answer_without_records_may_have_no_array() {
    let simulator = started(&open(things().count(0).items_missing_when_empty().total(["total"]))).await;
    assert_eq!(ask(&simulator, "/things", &[]).await.body, json!({"total": 0}));
    let simulator = started(&open(things().count(0))).await;
    assert_eq!(ask(&simulator, "/things", &[]).await.body, json!({"data": []}));
    let simulator = started(&open(things().count(0).items_null_when_empty())).await;
    assert_eq!(ask(&simulator, "/things", &[]).await.body, json!({"data": null}));
}

#[tokio::test]
async fn deleted_records_are_listed_where_they_are_asked_for() {
    let endpoint = things().paging(Paging::next_token(["next"], "after")).page_size("limit", 10).since("since").total(["total"]);
    let endpoint = endpoint.deleted("status", "deleted").field("is_deleted", Value::Deleted);
    let simulator = started(&open(endpoint)).await;
    assert!(ask(&simulator, "/things?status=deleted", &[]).await.ids("/data").is_empty());
    for id in ["1007", "1003", "1005"] {
        simulator.clock().advance(Duration::from_secs(60));
        simulator.store().delete("things", id).unwrap();
    }
    let first = ask(&simulator, "/things?status=deleted&limit=2", &[]).await;
    assert_eq!(
        (first.ids("/data"), &first.body["total"], &first.body["data"][0]["is_deleted"]),
        (vec![1_003, 1_005], &json!(3), &json!(true))
    );
    let next = format!("/things?status=deleted&limit=2&after={}", first.body["next"].as_str().unwrap());
    let rest = ask(&simulator, &next, &[]).await;
    assert_eq!((rest.ids("/data"), &rest.body["next"]), (vec![1_007], &json!(null)));
    assert_eq!(ask(&simulator, "/things?status=deleted&since=2026-07-01T00:02:00Z", &[]).await.ids("/data"), [1_003, 1_005]);
    let live = ask(&simulator, "/things", &[]).await;
    assert!(!live.ids("/data").contains(&1_003) && live.body["data"][0]["is_deleted"] == json!(false));
    assert_eq!(ask(&simulator, "/things?status=open", &[]).await.status, 400);
}

#[tokio::test]
async fn a_path_may_always_have_one_answer_and_a_list_its_primary_element() {
    let endpoint = things().field("mail", Value::Email).field("mails", Value::of_primary("value", Value::Email));
    let fields = json!({"data": [{"code": "a"}]});
    let simulator = started(&open(endpoint).account("/me", json!({"id": 7})).answer("/fields", fields.clone())).await;
    assert_eq!(ask(&simulator, "/fields?limit=500", &[]).await.body, fields);
    assert_eq!(ask(&simulator, "/me", &[]).await.body, json!({"id": 7}));
    let page = ask(&simulator, "/things", &[]).await;
    let lengths: Vec<usize> = page.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|thing| {
            let mails = thing["mails"].as_array().unwrap();
            let primary = mails.iter().find(|mail| mail["primary"] == json!(true)).unwrap();
            assert_eq!(primary["value"], thing["mail"]);
            mails.len()
        })
        .collect();
    assert!(lengths.contains(&1) && lengths.contains(&2), "{lengths:?}");
}

#[tokio::test]
async fn the_limit_is_kept_and_told_in_the_vendors_words() {
    let headers = ["X-Limit", "X-Left", "X-Reset"].map(str::to_owned);
    let limit = RateLimit { requests: 2, window: Duration::from_secs(10), headers, retry_after: true };
    let simulator = started(&open(things()).rate_limit(limit)).await;
    for left in ["1", "0"] {
        let answer = ask(&simulator, "/things", &[]).await;
        assert_eq!((answer.status, answer.header("x-limit"), answer.header("x-left")), (200, Some("2"), Some(left)));
    }
    let refused = ask(&simulator, "/things", &[]).await;
    assert_eq!((refused.status, refused.header("x-left")), (429, Some("0")));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    simulator.clock().advance(Duration::from_secs(wait));
    assert_eq!(ask(&simulator, "/things", &[]).await.status, 200);
    assert_eq!((simulator.counters().throttled, simulator.counters().early_retries), (1, 0));
}

#[tokio::test]
async fn faults_and_permissions_hit_the_stream_that_is_named() {
    let other = Endpoint::new("others", "/others").field("id", Value::NumericId);
    let simulator = started(&open(things()).endpoint(other)).await;
    simulator.inject(Fault::always(Effect::status(500)).when(Match::records_of("things")));
    assert_eq!((ask(&simulator, "/things", &[]).await.status, ask(&simulator, "/others", &[]).await.status), (500, 200));
    simulator.clear_faults();
    simulator.inject(Fault::next(1, Effect::ReversePage));
    assert!(ask(&simulator, "/things", &[]).await.ids("/data").is_sorted_by(|one, other| one > other));
    simulator.forbid("things");
    assert_eq!((ask(&simulator, "/things", &[]).await.status, ask(&simulator, "/others", &[]).await.status), (403, 200));
    simulator.stop().await;
}

#[tokio::test]
async fn a_cap_cuts_off_or_refuses_and_questions_can_be_made_smaller() {
    for (beyond, paging) in [
        (BeyondCap::CutOff, Paging::offset("offset")),
        (BeyondCap::CutOff, Paging::next_token(["next"], "after")),
        (BeyondCap::Refused, Paging::offset("offset")),
        (BeyondCap::Refused, Paging::next_token(["next"], "after")),
    ] {
        let by_offset = paging.counts_records();
        let listed = things().paging(paging).page_size("limit", 10).until("until").after_id("above").cap(12, beyond);
        let simulator = started(&open(listed)).await;
        assert_eq!(ask(&simulator, "/things?limit=10", &[]).await.ids("/data").len(), 10);
        let second = if by_offset { "offset=10" } else { "after=1010" };
        let whole = ask(&simulator, &format!("/things?limit=10&{second}"), &[]).await;
        match beyond {
            BeyondCap::CutOff => assert!(whole.ids("/data") == [1_011, 1_012] && whole.body["next"].is_null(), "{:?}", whole.body),
            BeyondCap::Refused => assert_eq!(whole.status, 400),
        }
        let smaller = ask(&simulator, &format!("/things?limit=2&{second}"), &[]).await;
        assert_eq!(smaller.ids("/data"), [1_011, 1_012]);
        assert_eq!(ask(&simulator, "/things?limit=3&above=1020", &[]).await.ids("/data"), [1_021, 1_022, 1_023]);
        assert!(ask(&simulator, "/things?limit=10&until=2026-01-01T00:00:00Z", &[]).await.ids("/data").is_empty());
        assert_eq!(ask(&simulator, "/things?until=soon", &[]).await.status, 400);
    }
}
