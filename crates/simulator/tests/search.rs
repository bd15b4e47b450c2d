//! Search: operators against the store, the cap, the index lag.
#![allow(clippy::unwrap_used)]

mod account;

use std::time::Duration;

use account::{account, filter, ids, options};
use aqueduct_simulator::hubspot::ObjectKind::{Companies, Contacts, Deals};
use aqueduct_simulator::hubspot::{Options, RecordView, Store};
use serde_json::{Value, json};

/// The live contacts for which a check holds, by id.
fn expected(store: &Store, holds: impl Fn(&RecordView) -> bool) -> Vec<u64> {
    let mut found = Vec::new();
    store.for_each(Contacts, |record| {
        if holds(record) {
            found.push(record.id);
        }
    });
    found
}

fn value<'a>(record: &'a RecordView, name: &str) -> Option<&'a str> {
    record.properties.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

fn number(record: &RecordView, name: &str) -> Option<f64> {
    value(record, name).and_then(|text| text.parse().ok())
}

#[tokio::test]
async fn operators_find_what_the_store_holds() {
    let account = account(options(600)).await;
    let store = account.simulator.store();
    let points = |low: f64, high: f64| {
        move |record: &RecordView| number(record, "loyalty_points").is_some_and(|points| (low..=high).contains(&points))
    };
    let stage = |record: &RecordView, wanted: &[&str]| value(record, "lifecyclestage").is_some_and(|stage| wanted.contains(&stage));
    let since = "2025-01-01T00:00:00Z".parse().unwrap();
    type Check<'a> = Box<dyn Fn(&RecordView) -> bool + 'a>;
    let cases: Vec<(Value, Check<'_>)> = vec![
        (
            json!({"propertyName": "loyalty_points", "operator": "BETWEEN", "value": "100", "highValue": "5000"}),
            Box::new(points(100.0, 5000.0)),
        ),
        (json!({"propertyName": "loyalty_points", "operator": "LTE", "value": "700"}), Box::new(points(f64::MIN, 700.0))),
        (json!({"propertyName": "loyalty_points", "operator": "GTE", "value": 9000}), Box::new(points(9000.0, f64::MAX))),
        (
            json!({"propertyName": "loyalty_points", "operator": "HAS_PROPERTY"}),
            Box::new(|record| number(record, "loyalty_points").is_some()),
        ),
        (
            json!({"propertyName": "loyalty_points", "operator": "NOT_HAS_PROPERTY"}),
            Box::new(|record| number(record, "loyalty_points").is_none()),
        ),
        (
            json!({"propertyName": "lifecyclestage", "operator": "EQ", "value": "customer"}),
            Box::new(move |record| stage(record, &["customer"])),
        ),
        (
            json!({"propertyName": "lifecyclestage", "operator": "NEQ", "value": "customer"}),
            Box::new(move |record| !stage(record, &["customer"])),
        ),
        (
            json!({"propertyName": "lifecyclestage", "operator": "IN", "values": ["lead", "other"]}),
            Box::new(move |record| stage(record, &["lead", "other"])),
        ),
        (
            json!({"propertyName": "lifecyclestage", "operator": "NOT_IN", "values": ["lead", "other"]}),
            Box::new(move |record| !stage(record, &["lead", "other"])),
        ),
        (
            json!({"propertyName": "email", "operator": "CONTAINS_TOKEN", "value": "*@mail.test"}),
            Box::new(|record| value(record, "email").is_some_and(|email| email.to_lowercase().ends_with("@mail.test"))),
        ),
        (
            json!({"propertyName": "jobtitle", "operator": "NOT_CONTAINS_TOKEN", "value": "ceo"}),
            Box::new(|record| value(record, "jobtitle") != Some("CEO")),
        ),
        (
            json!({"propertyName": "lastmodifieddate", "operator": "GT", "value": "1735689600000"}),
            Box::new(move |record| record.modified_at > since),
        ),
        (
            json!({"propertyName": "lastmodifieddate", "operator": "LT", "value": "2025-01-01T00:00:00Z"}),
            Box::new(move |record| record.modified_at < since),
        ),
        (json!({"propertyName": "hs_object_id", "operator": "GT", "value": "100600"}), Box::new(|record| record.id > 100_600)),
    ];
    for (one, check) in cases {
        let found = ids(&account.search("contacts", filter(one.clone())).await);
        let wanted = expected(&store, check);
        assert!(!wanted.is_empty() && wanted.len() < store.count(Contacts), "{one} tells nothing");
        // Some addresses end in a blank, which a word does not.
        if one["operator"] == "CONTAINS_TOKEN" {
            assert!(wanted.iter().all(|id| found.contains(id)), "{one}");
        } else {
            assert_eq!(found, wanted, "{one}");
        }
    }
}

#[tokio::test]
async fn groups_are_alternatives_and_filters_in_a_group_all_hold() {
    let account = account(options(400)).await;
    let store = account.simulator.store();
    let body = json!({"filterGroups": [
        {"filters": [{"propertyName": "lifecyclestage", "operator": "EQ", "value": "lead"}, {"propertyName": "loyalty_points", "operator": "GT", "value": "3000"}]},
        {"filters": [{"propertyName": "lifecyclestage", "operator": "EQ", "value": "customer"}]},
    ], "properties": ["lifecyclestage"]});
    let wanted = expected(&store, |record| match value(record, "lifecyclestage") {
        Some("lead") => number(record, "loyalty_points").is_some_and(|points| points > 3000.0),
        stage => stage == Some("customer"),
    });
    assert_eq!(ids(&account.search("contacts", body.clone()).await), wanted);
    let bare = json!({"filters": body["filterGroups"][0]["filters"]});
    let wanted = json!({"filterGroups": [body["filterGroups"][0]]});
    let found = account.search("contacts", bare).await;
    assert!(!found.is_empty());
    assert_eq!(ids(&found), ids(&account.search("contacts", wanted).await), "one group without its wrapping");
}

#[tokio::test]
async fn results_come_sorted_and_counted() {
    let account = account(options(300)).await;
    let body = json!({"sorts": [{"propertyName": "lastmodifieddate", "direction": "DESCENDING"}]});
    let rows = account.search("contacts", body.clone()).await;
    let times: Vec<&str> = rows.iter().map(|row| row["properties"]["lastmodifieddate"].as_str().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]));
    assert_eq!(rows.len(), account.simulator.store().count(Contacts));
    let first = account.post("/crm/v3/objects/contacts/search", &body).await;
    assert_eq!(first.json()["total"], rows.len());
    assert_eq!(first.json()["results"].as_array().unwrap().len(), 10, "the default limit");
    assert_eq!(first.json()["paging"], json!({"next": {"after": "10"}}));
    assert!(first.header("x-hubspot-ratelimit-max").is_none());
}

#[tokio::test]
async fn a_query_looks_into_the_usual_properties() {
    let account = account(options(50)).await;
    let store = account.simulator.store();
    let id = store.create(Contacts, [("firstname", "Quintessa"), ("email", "q@example.com")]).unwrap();
    store.create(Contacts, [("jobtitle", "Quintessa")]).unwrap();
    assert_eq!(ids(&account.search("contacts", json!({"query": "quintess"})).await), [id]);
    assert_eq!(account.post("/crm/v3/objects/contacts/search", &json!({"query": "x".repeat(3001)})).await.status, 400);
}

#[tokio::test]
async fn nothing_lies_beyond_ten_thousand_results() {
    let account = account(Options { companies: Some(10_150), archived_per_mille: 0, ..options(0) }).await;
    let page = async |after: usize, limit: usize| {
        account.post("/crm/v3/objects/companies/search", &json!({"limit": limit, "after": after.to_string()})).await
    };
    let last = page(9_800, 200).await;
    assert_eq!((last.status, last.json()["total"].as_u64()), (200, Some(10_150)));
    assert_eq!(last.json()["paging"]["next"]["after"], "10000");
    let beyond = page(10_000, 1).await;
    assert_eq!((beyond.status, beyond.json()["category"].as_str()), (400, Some("VALIDATION_ERROR")));
    assert_eq!(page(9_801, 200).await.status, 400);
    assert_eq!(page(9_999, 1).await.status, 200);
}

#[tokio::test]
async fn what_the_vendor_refuses_is_refused() {
    let account = account(options(5)).await;
    let one = json!({"propertyName": "email", "operator": "HAS_PROPERTY"});
    let groups = |count: usize, filters: usize| json!({"filterGroups": vec![json!({"filters": vec![one.clone(); filters]}); count]});
    let cases = [
        (groups(5, 3), 200),
        (groups(6, 1), 400),
        (groups(1, 7), 400),
        (groups(4, 5), 400),
        (json!({"limit": 201}), 400),
        (json!({"after": "x"}), 400),
        (json!({"sorts": [{"propertyName": "email"}, {"propertyName": "city"}]}), 400),
        (filter(json!({"propertyName": "no_such_property", "operator": "EQ", "value": "1"})), 400),
        (filter(json!({"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "1"})), 400),
        (filter(json!({"propertyName": "email", "operator": "LIKE", "value": "1"})), 400),
        (filter(json!({"propertyName": "email", "operator": "EQ"})), 400),
        (filter(json!({"propertyName": "lastmodifieddate", "operator": "GTE", "value": "soon"})), 400),
        (filter(json!({"propertyName": "lastmodifieddate", "operator": "GTE", "value": "0"})), 500),
        (filter(json!({"propertyName": "lastmodifieddate", "operator": "GTE", "value": "1000"})), 200),
    ];
    for (body, status) in cases {
        assert_eq!(account.post("/crm/v3/objects/contacts/search", &body).await.status, status, "{body}");
    }
    let other = filter(json!({"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "1000"}));
    assert_eq!(account.post("/crm/v3/objects/deals/search", &other).await.status, 200);
    let broken = account.send(account.request("POST", "/crm/v3/objects/deals/search").bearer_auth(&account.token).body("{")).await.unwrap();
    assert_eq!(broken.status, 400);
}

#[tokio::test]
async fn a_change_reaches_the_index_late_and_an_archived_record_leaves_it_at_once() {
    let account = account(Options { index_lag: Duration::from_secs(300), ..options(0) }).await;
    let (store, clock) = (account.simulator.store(), account.simulator.clock());
    let (old, gone) = (store.create(Deals, [("dealname", "old")]).unwrap(), store.create(Deals, [("dealname", "gone")]).unwrap());
    assert!(account.search("deals", json!({})).await.is_empty());
    clock.advance(Duration::from_secs(299));
    assert!(account.search("deals", json!({})).await.is_empty());
    clock.advance(Duration::from_secs(1));
    assert_eq!(ids(&account.search("deals", json!({})).await), [old, gone]);

    store.archive(Deals, gone).unwrap();
    store.update(Deals, old, [("dealname", "new")]).unwrap();
    let since = filter(json!({"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "2026-07-01T00:05:00Z"}));
    let before = filter(json!({"propertyName": "hs_lastmodifieddate", "operator": "LT", "value": "2026-07-01T00:05:00Z"}));
    assert!(account.search("deals", since.clone()).await.is_empty());
    let stale = account.search("deals", before.clone()).await;
    assert_eq!((ids(&stale), stale[0]["properties"]["dealname"].as_str()), (vec![old], Some("old")));
    assert_eq!(account.get(&format!("/crm/v3/objects/deals/{old}")).await.json()["properties"]["dealname"], "new");
    account.simulator.set_index_lag(Duration::ZERO);
    assert_eq!(ids(&account.search("deals", since).await), [old]);
    assert!(account.search("deals", before).await.is_empty());
}

#[tokio::test]
async fn a_calculated_value_changes_without_moving_the_modification_time() {
    let account = account(options(0)).await;
    let (store, clock) = (account.simulator.store(), account.simulator.clock());
    let company = store.create(Companies, [("name", "Acme")]).unwrap();
    let contact = store.create(Contacts, [("email", "ann@example.com")]).unwrap();
    clock.advance(Duration::from_secs(60));
    store.associate((Contacts, contact), (Companies, company), 279).unwrap();
    let record = store.record(Companies, company).unwrap();
    assert_eq!(record.properties["num_associated_contacts"], "1");
    assert_eq!(record.properties["hs_lastmodifieddate"], "2026-07-01T00:00:00.000Z");
    store.update(Contacts, contact, [("hs_analytics_num_page_views", "7")]).unwrap();
    let since = filter(json!({"propertyName": "lastmodifieddate", "operator": "GT", "value": "2026-07-01T00:00:00Z"}));
    assert!(account.search("contacts", since.clone()).await.is_empty());
    store.update(Contacts, contact, [("city", "Bath")]).unwrap();
    assert_eq!(ids(&account.search("contacts", since).await), [contact]);
}
