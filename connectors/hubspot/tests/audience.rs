//! Lists, their members, and lines with their deals.
#![allow(clippy::unwrap_used, clippy::panic)]

mod fake;

use aqueduct_connector::schema::{Mode, codes};
use aqueduct_connector::serde_json::{Value, from_slice, json};
use aqueduct_connector::{Next, Page, Records};
use fake::{Fake, after, connector, is_last, page, records, stream};

fn list(id: &str) -> Value {
    json!({"listId": id, "name": "L", "objectTypeId": "0-1", "processingType": "MANUAL", "additionalProperties": {"hs_lastmodifieddate": "1770000000000"}})
}

fn lists(ids: &[&str], more: bool) -> (u16, Value) {
    (200, json!({"lists": ids.iter().map(|id| list(id)).collect::<Vec<_>>(), "hasMore": more, "offset": 9, "total": 9}))
}

fn members(ids: &[&str], after: Option<&str>) -> (u16, Value) {
    let results: Vec<Value> = ids.iter().map(|id| json!({"recordId": id, "membershipTimestamp": "2026-02-01T00:00:00Z"})).collect();
    match after {
        Some(after) => (200, json!({"results": results, "paging": {"next": {"after": after}}})),
        None => (200, json!({"results": results})),
    }
}

#[test]
fn a_list_that_was_deleted_before_the_place_is_noticed_and_all_are_read_again() {
    // After "1" and "2" the next page must begin with "2"; "1" was deleted, and so "3" would have been passed over.
    let fake = Fake::in_order(&[lists(&["1", "2"], true), lists(&["4"], false), lists(&["2", "3"], true), lists(&["3", "4"], false)]);
    let connector = connector(json!({}));
    let stream = stream(connector.as_ref(), "lists", &[]);
    let mut position = None;
    let mut seen = Vec::new();
    let last = loop {
        let page = page(connector.as_ref(), &fake, &stream, Mode::Snapshot, position.as_ref()).unwrap();
        seen.extend(records(&page).into_iter().map(|list| list["listId"].as_str().unwrap().to_owned()));
        match page.next {
            Next::Page(next) => position = Some(next),
            end => break end,
        }
    };
    assert_eq!(last, Next::End { bookmark: None });
    assert_eq!(seen, ["1", "2", "4", "2", "3", "3", "4"]);
    assert_eq!([0, 1, 2, 3].map(|request| fake.body(request)["offset"].clone()), [json!(0), json!(1), json!(0), json!(1)]);
    assert_eq!((fake.body(0)["count"].clone(), fake.body(0)["sort"].clone()), (json!(500), json!("HS_LIST_ID")));
}

#[test]
fn lists_that_never_stand_still_and_answers_without_lists_are_errors() {
    let connector = connector(json!({}));
    let stream = stream(connector.as_ref(), "lists", &[]);
    let mut turn = 0;
    let fake = Fake::computed(move |_| {
        turn += 1;
        (200, lists(&[&turn.to_string()], true).1.to_string())
    });
    let mut position = None;
    let error = loop {
        match page(connector.as_ref(), &fake, &stream, Mode::Snapshot, position.as_ref()) {
            Ok(page) => position = Some(after(&page)),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), codes::PAGING_LOOP);
    for body in [json!({}), json!({"lists": []}), json!({"lists": [], "hasMore": true})] {
        let fake = Fake::in_order(&[(200, body)]);
        let error = page(connector.as_ref(), &fake, &stream, Mode::Snapshot, None).unwrap_err();
        assert_eq!(error.code(), codes::MALFORMED_ANSWER);
    }
}

#[test]
fn members_are_read_list_by_list_and_a_list_that_has_gone_has_none() {
    let gone = (404, json!({"status": "error", "category": "OBJECT_NOT_FOUND", "message": "List does not exist"}));
    let fake = Fake::in_order(&[lists(&["11", "12"], false), members(&["51", "52"], Some("52")), members(&["53"], None), gone]);
    let connector = connector(json!({}));
    let stream = stream(connector.as_ref(), "list_memberships", &[]);
    let first = page(connector.as_ref(), &fake, &stream, Mode::Snapshot, None).unwrap();
    let expected = json!({"list_id": "11", "object_type_id": "0-1", "record_id": "51", "added_at": "2026-02-01T00:00:00Z"});
    assert_eq!((records(&first)[0].clone(), records(&first).len()), (expected, 2));
    let second = page(connector.as_ref(), &fake, &stream, Mode::Snapshot, Some(&after(&first))).unwrap();
    let third = page(connector.as_ref(), &fake, &stream, Mode::Snapshot, Some(&after(&second))).unwrap();
    assert!(is_last(&third) && records(&third).is_empty());
    let paths = [
        "POST /crm/v3/lists/search",
        "GET /crm/v3/lists/11/memberships",
        "GET /crm/v3/lists/11/memberships",
        "GET /crm/v3/lists/12/memberships",
    ];
    assert_eq!(fake.paths(), paths);
    assert_eq!([fake.query(1, "limit"), fake.query(2, "after")], [Some("250".to_owned()), Some("52".to_owned())]);
}

#[test]
fn members_of_changed_lists_are_whole_sets() {
    let mut older = list("10");
    older["additionalProperties"]["hs_lastmodifieddate"] = json!("1");
    let found = json!({"lists": [older, list("11")], "hasMore": false, "offset": 2, "total": 2});
    let fake = Fake::in_order(&[(200, found), members(&[], None)]);
    let connector = connector(json!({"search_lag_seconds": 10}));
    let stream = stream(connector.as_ref(), "list_memberships", &[]);
    assert_eq!((stream.modes.as_slice(), stream.record.parent.as_deref()), (&[Mode::Snapshot, Mode::Parents][..], Some("list_id")));
    let from = aqueduct_connector::schema::Cursor::at(aqueduct_connector::schema::Timestamp::from_seconds(1_000));
    let read = aqueduct_connector::Read {
        stream: &stream,
        mode: Mode::Parents,
        from: Some(&from),
        until: None,
        position: None,
        bookmark: None,
        by_id: false,
    };
    let whole = fake::ready(connector.read(&fake.context(), &read)).unwrap();
    let Records::Sets { records: inner, parents } = whole.records else { panic!("not sets") };
    assert_eq!(parents, ["11"], "the other list has not changed");
    assert!(records(&Page { records: *inner, next: whole.next, server_time: whole.server_time }).is_empty());
}

#[test]
fn lines_come_with_their_deals() {
    let line = |id: &str| json!({"id": id, "properties": {"name": "Seat"}, "archived": false});
    let link = json!({"from": {"id": "1"}, "to": [{"toObjectId": 70, "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 20, "label": null}]}]});
    let nobody = json!({"status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND", "message": "none"});
    let fake = Fake::in_order(&[
        (200, json!({"results": [line("1"), line("2")]})),
        (207, json!({"status": "COMPLETE", "results": [link], "errors": [nobody]})),
        (200, json!({"results": [line("3")]})),
    ]);
    let connector = connector(json!({}));
    let lines = stream(connector.as_ref(), "line_items", &["name"]);
    let first = page(connector.as_ref(), &fake, &lines, Mode::Backfill, None).unwrap();
    let Records::Joined { parts } = &first.records else { panic!("not joined") };
    let Records::Json { body, .. } = &parts[1].records else { panic!("not JSON") };
    assert_eq!(from_slice::<Value>(body).unwrap(), json!([{"id": "1", "deal_id": "70"}, {"id": "2", "deal_id": null}]));
    assert_eq!(parts[1].paths, ["deal_id"]);
    assert!(parts[0].paths.iter().any(|path| path == "properties.name") && !parts[0].paths.contains(&"deal_id".to_owned()));
    let deleted = page(connector.as_ref(), &fake, &lines, Mode::Deletions, None).unwrap();
    assert_eq!(records(&deleted).len(), 1, "the recycle bin has no links");
    assert_eq!(fake.paths()[1], "POST /crm/v4/associations/line_items/deals/batch/read");
}
