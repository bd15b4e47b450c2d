//! Links of records that changed: found by a search, read by a batch, each record's as a whole; and merges as HubSpot lists them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fake;

use aqueduct_connector::schema::{MergeForm, Mode, codes};
use aqueduct_connector::serde_json::{Value, json};
use aqueduct_connector::{Next, Page, Records};
use fake::{Fake, after, connector, page, records, stream};

fn found(id: &str, merged: Option<&str>) -> Value {
    json!({"id": id, "updatedAt": "2026-02-01T10:00:00Z", "properties": {
        "hs_lastmodifieddate": "2026-02-01T10:00:00Z", "hs_merged_object_ids": merged}})
}

fn linked(id: &str, to: u32, label: Option<&str>) -> Value {
    json!({"from": {"id": id}, "to": [{"toObjectId": to, "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 341, "label": label}]}]})
}

fn nobody(id: &str) -> Value {
    json!({"status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": "none", "context": {"fromObjectId": [id]}})
}

/// The links of a page, and whose they are.
fn sets(page: Page) -> (Vec<Value>, Vec<String>) {
    let Records::Sets { records: inner, parents } = page.records else { panic!("not sets") };
    (records(&Page { records: *inner, next: page.next, server_time: page.server_time }), parents)
}

#[test]
fn links_of_changed_records_are_all_that_they_have() {
    let connector = connector(json!({"search_lag_seconds": 600}));
    let links = stream(connector.as_ref(), "deal_companies", &[]);
    assert_eq!(links.modes, [Mode::Snapshot, Mode::Parents]);
    assert_eq!(links.record.parent.as_deref(), Some("from_id"));
    let mut more = linked("1", 901, Some("Primary"));
    more["paging"] = json!({"next": {"after": "902"}});
    let fake = Fake::in_order(&[
        (200, json!({"total": 3, "results": [found("1", None), found("2", Some("7;8"))]})),
        (207, json!({"status": "COMPLETE", "results": [more], "errors": [nobody("2")]})),
        (200, json!({"status": "COMPLETE", "results": [linked("1", 902, None)]})),
    ]);
    let first = page(connector.as_ref(), &fake, &links, Mode::Parents, None).unwrap();
    let next = after(&first);
    let (of_first, parents) = sets(first);
    assert_eq!(of_first[0]["label"], "Primary");
    // The one that has no links any more is named, and those that were merged into it.
    assert_eq!(parents, ["7", "8", "1", "2"]);
    let second = page(connector.as_ref(), &fake, &links, Mode::Parents, Some(&next)).unwrap();
    assert!(matches!(second.next, Next::End { .. }));
    let (of_second, parents) = sets(second);
    assert_eq!((of_second[0]["to_id"].as_str(), parents.len()), (Some("902"), 0));
    assert_eq!(
        fake.paths(),
        [
            "POST /crm/v3/objects/deals/search",
            "POST /crm/v4/associations/deals/companies/batch/read",
            "POST /crm/v4/associations/deals/companies/batch/read"
        ]
    );
    assert_eq!(fake.body(1)["inputs"], json!([{"id": "1"}, {"id": "2"}]));
    assert_eq!(fake.body(2)["inputs"], json!([{"id": "1", "after": "902"}]));
}

/// The links of one record may fill several answers while the search has further pages: neither may end the other.
#[test]
fn the_rest_of_a_records_links_does_not_end_the_search() {
    let connector = connector(json!({}));
    let links = stream(connector.as_ref(), "deal_companies", &[]);
    let mut more = linked("1", 901, None);
    more["paging"] = json!({"next": {"after": "902"}});
    let later = json!({"id": "2", "updatedAt": "2026-02-01T11:00:00Z", "properties": {"hs_lastmodifieddate": "2026-02-01T11:00:00Z"}});
    let further = json!({"total": 2, "results": [found("1", None), later], "paging": {"next": {"after": "2"}}});
    let fake = Fake::in_order(&[
        (200, further),
        (207, json!({"status": "COMPLETE", "results": [more], "errors": [nobody("2")]})),
        (200, json!({"status": "COMPLETE", "results": [linked("1", 902, None)]})),
        (200, json!({"total": 1, "results": [found("3", None)]})),
        (200, json!({"status": "COMPLETE", "results": [linked("3", 903, None)]})),
    ]);
    let mut position = None;
    let mut seen = Vec::new();
    loop {
        let page = page(connector.as_ref(), &fake, &links, Mode::Parents, position.as_ref()).unwrap();
        let next = page.next.clone();
        seen.extend(sets(page).0.into_iter().map(|link| link["to_id"].as_str().unwrap().to_owned()));
        match next {
            Next::Page(next) => position = Some(next),
            _ => break,
        }
    }
    assert_eq!(seen, ["901", "902", "903"]);
}

#[test]
fn a_search_that_finds_nobody_ends_after_one_request() {
    let connector = connector(json!({}));
    let links = stream(connector.as_ref(), "contact_companies", &[]);
    let fake = Fake::in_order(&[(200, json!({"total": 0, "results": []}))]);
    let only = page(connector.as_ref(), &fake, &links, Mode::Parents, None).unwrap();
    assert!(matches!(only.next, Next::End { .. }));
    assert_eq!(sets(only), (Vec::new(), Vec::new()));
}

#[test]
fn a_failure_of_links_is_never_an_empty_answer() {
    let connector = connector(json!({}));
    let links = stream(connector.as_ref(), "contact_companies", &[]);
    let search = (200, json!({"total": 1, "results": [found("1", None)]}));
    let failing = |category: &str| json!({"status": "COMPLETE", "results": [linked("1", 9, None)], "errors": [{"category": category}]});
    for (answer, code) in [
        (json!({"status": "COMPLETE", "results": []}), codes::MALFORMED_ANSWER),
        (json!({"status": "PROCESSING", "results": [linked("1", 9, None)]}), codes::MALFORMED_ANSWER),
        (failing("INTERNAL_ERROR"), codes::SOURCE_FAILED),
        (failing("MISSING_SCOPES"), codes::PERMISSION_DENIED),
        (json!({"status": "COMPLETE"}), codes::MALFORMED_ANSWER),
    ] {
        let fake = Fake::in_order(&[search.clone(), (207, answer.clone())]);
        assert_eq!(page(connector.as_ref(), &fake, &links, Mode::Parents, None).unwrap_err().code(), code, "{answer}");
        let listed = (200, json!({"results": [{"id": "1"}]}));
        let fake = Fake::in_order(&[listed, (207, answer.clone())]);
        assert_eq!(page(connector.as_ref(), &fake, &links, Mode::Snapshot, None).unwrap_err().code(), code, "{answer}");
    }
}

#[test]
fn objects_tell_of_merges_whatever_is_selected() {
    let connector = connector(json!({}));
    for (name, timed) in [("contacts", vec![true, false]), ("companies", vec![false]), ("deals", vec![false])] {
        let record = stream(connector.as_ref(), name, &["hs_merged_object_ids", "hs_calculated_merged_vids"]).record;
        assert!(record.has_role("properties.hs_merged_object_ids"), "{name}");
        let forms: Vec<bool> =
            record.merges.iter().map(|signal| matches!(signal.form, MergeForm::Of { separator: ';', timed: true })).collect();
        assert_eq!(forms, timed, "{name}");
        assert!(record.merges.iter().all(|signal| record.index_of(&signal.path).is_some()), "{name}");
    }
}
