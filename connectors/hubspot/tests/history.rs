//! What properties were: a record for each change, in the order of time.
#![allow(clippy::unwrap_used)]

mod fake;

use aqueduct_connector::schema::{Mode, codes};
use aqueduct_connector::serde_json::{Value, json};
use fake::{Fake, after, connector, is_last, page, records, stream};

fn entry(value: &str, at: &str) -> Value {
    json!({"value": value, "timestamp": at, "sourceType": "CRM_UI", "sourceId": "userId:9001", "updatedByUserId": 9001})
}

fn deal(id: &str, histories: Value) -> Value {
    json!({"id": id, "properties": {"hs_object_id": id}, "propertiesWithHistory": histories, "archived": false})
}

#[test]
fn every_value_comes_with_the_one_before_it_and_a_stage_with_its_pipeline() {
    // The latest comes first; two values of one instant are one change.
    let stages = [
        entry("won", "2026-03-01T00:00:00.000Z"),
        entry("98", "2026-02-01T00:01:00.500Z"),
        entry("sent", "2026-02-01T00:00:00.500Z"),
        entry("typo", "2026-02-01T00:00:00.500Z"),
        entry("new", "2026-01-01T00:00:00Z"),
    ];
    let pipelines = [entry("renewals", "2026-02-01T00:01:00.500Z"), entry("default", "2026-01-01T00:00:00Z")];
    let answer = json!({"results": [deal("7", json!({"dealstage": stages, "pipeline": pipelines})), deal("8", json!({}))]});
    let fake = Fake::in_order(&[(200, answer), (200, json!({"results": []}))]);
    let connector = connector(json!({"history": {"deals": ["dealstage"]}}));
    let changes = stream(connector.as_ref(), "deal_property_changes", &[]);
    let first = page(connector.as_ref(), &fake, &changes, Mode::Backfill, None).unwrap();
    let found = records(&first);
    let told = |name: &str| found.iter().map(|change| change[name].clone()).collect::<Vec<_>>();
    assert_eq!(told("value"), ["new", "sent", "98", "won"]);
    assert_eq!(told("old_value"), [json!(null), json!("new"), json!("sent"), json!("98")]);
    assert_eq!(told("pipeline_id"), ["default", "default", "renewals", "renewals"]);
    assert_eq!(told("old_pipeline_id"), [json!(null), json!("default"), json!("default"), json!("renewals")]);
    assert_eq!(told("old_value_seconds"), [json!(null), json!(2_678_400), json!(60), json!(2_419_139)]);
    assert_eq!(found[1]["timestamp"], "2026-02-01T00:00:00.5Z");
    assert_eq!((found[0]["record_id"].as_str(), found[0]["updated_by_user_id"].as_str()), (Some("7"), Some("9001")));
    // Then those in the recycle bin.
    assert!(is_last(&page(connector.as_ref(), &fake, &changes, Mode::Backfill, Some(&after(&first))).unwrap()));
    let query = |request, name: &str| fake.query(request, name).unwrap_or_default();
    assert_eq!([query(0, "limit"), query(0, "archived"), query(0, "propertiesWithHistory")], ["50", "false", "dealstage,pipeline"]);
    assert_eq!(query(1, "archived"), "true");
}

#[test]
fn changes_are_searched_for_and_read_in_batches_of_fifty() {
    let record = |id: u32| json!({"id": id.to_string(), "properties": {"lastmodifieddate": "2026-02-01T00:00:00Z"}});
    let past = |id: u32| deal(&id.to_string(), json!({"lifecyclestage": [entry("lead", "2026-01-01T00:00:00Z")]}));
    let found: Vec<Value> = (1..=60).map(record).collect();
    let batch = |ids: std::ops::RangeInclusive<u32>| json!({"status": "COMPLETE", "results": ids.map(past).collect::<Vec<_>>()});
    let fake = Fake::in_order(&[
        (200, json!({"total": 60, "results": found})),
        (200, batch(1..=50)),
        (200, batch(51..=60)),
        (200, json!({"total": 1, "results": [record(1)]})),
        (200, json!({"status": "COMPLETE", "results": []})),
    ]);
    let connector = connector(json!({}));
    let changes = stream(connector.as_ref(), "contact_property_changes", &[]);
    let whole = page(connector.as_ref(), &fake, &changes, Mode::Changes, None).unwrap();
    assert!(is_last(&whole) && records(&whole).len() == 60);
    assert_eq!(fake.body(1)["propertiesWithHistory"], json!(["lifecyclestage", "hs_lead_status", "hubspot_owner_id"]));
    assert_eq!(fake.body(1)["inputs"].as_array().unwrap().len(), 50);
    assert_eq!((fake.class(0), fake.class(1)), ("search", "default"));
    let lacking = page(connector.as_ref(), &fake, &changes, Mode::Changes, None).unwrap_err();
    assert_eq!(lacking.code(), codes::MALFORMED_ANSWER);
}

#[test]
fn a_value_without_its_time_is_no_answer() {
    let answer = json!({"results": [deal("7", json!({"amount": [{"value": "1", "timestamp": "soon"}]}))]});
    let fake = Fake::in_order(&[(200, answer), (200, json!({"status": "error"}))]);
    let connector = connector(json!({}));
    let changes = stream(connector.as_ref(), "deal_property_changes", &[]);
    for _ in 0..2 {
        let error = page(connector.as_ref(), &fake, &changes, Mode::Backfill, None).unwrap_err();
        assert_eq!(error.code(), codes::MALFORMED_ANSWER);
    }
}
