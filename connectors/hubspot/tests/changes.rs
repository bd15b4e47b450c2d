//! Changes by search: no record is skipped, whatever shares an instant or moves while it is read.
#![allow(clippy::unwrap_used)]

mod fake;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aqueduct_connector::Read;
use aqueduct_connector::schema::{Cursor, Mode, Position, Timestamp, codes};
use aqueduct_connector::serde_json::{Value, json};
use fake::{Fake, after, body, connector, is_last, page, ready, records, stream};

fn deal(id: u64, modified: i64) -> Value {
    let at = Timestamp::from_milliseconds(modified).to_string();
    json!({"id": id.to_string(), "properties": {"hs_lastmodifieddate": at, "dealname": "Renewal"}, "updatedAt": at, "archived": false})
}

fn filter(property: &str, operator: &str, value: &str) -> Value {
    json!({"propertyName": property, "operator": operator, "value": value})
}

#[test]
fn the_next_search_begins_at_the_last_time_seen() {
    let fake = Fake::in_order(&[
        (200, json!({"total": 3, "results": [deal(1, 2_000_000), deal(2, 2_000_005)], "paging": {"next": {"after": "2"}}})),
        (200, json!({"total": 1, "results": [deal(2, 2_000_005)]})),
    ]);
    let connector = connector(json!({}));
    let deals = stream(connector.as_ref(), "deals", &["dealname"]).page_size(2);
    let first = page(connector.as_ref(), &fake, &deals, Mode::Changes, None).unwrap();
    assert_eq!(after(&first), Position(json!({"since_ms": 2_000_005})));
    let second = page(connector.as_ref(), &fake, &deals, Mode::Changes, Some(&after(&first))).unwrap();
    assert!(is_last(&second));
    assert_eq!(fake.paths(), ["POST /crm/v3/objects/deals/search"; 2]);
    assert_eq!(fake.class(0), "search");
    let expected = json!({
        "filterGroups": [{"filters": [filter("hs_lastmodifieddate", "GTE", "1000000")]}],
        "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}],
        "properties": ["dealname", "hs_lastmodifieddate"],
        "limit": 2,
    });
    assert_eq!(fake.body(0), expected);
    assert_eq!(fake.body(1)["filterGroups"][0]["filters"], json!([filter("hs_lastmodifieddate", "GTE", "2000005")]));
}

#[test]
fn contacts_have_their_own_property_and_zero_is_never_asked_for() {
    let fake = Fake::in_order(&[(200, json!({"total": 0, "results": []})), (200, json!({"total": 0, "results": []}))]);
    let connector = connector(json!({}));
    let contacts = stream(connector.as_ref(), "contacts", &[]);
    let read = |from: Option<&Cursor>, mode, until| {
        let read = Read { stream: &contacts, mode, from, until, position: None, bookmark: None, by_id: false };
        assert!(is_last(&ready(connector.read(&fake.context(), &read)).unwrap()));
    };
    read(Some(&Cursor::at(Timestamp::from_milliseconds(0))), Mode::Changes, None);
    read(Some(&Cursor::at(Timestamp::from_seconds(5))), Mode::Backfill, Some(Timestamp::from_seconds(9)));
    assert_eq!(fake.body(0)["filterGroups"][0]["filters"], json!([filter("lastmodifieddate", "GTE", "1000")]));
    assert_eq!((&fake.body(0)["limit"], &fake.body(0)["properties"]), (&json!(200), &json!(["lastmodifieddate"])));
    let window = json!([filter("lastmodifieddate", "GTE", "5000"), filter("lastmodifieddate", "LT", "9000")]);
    assert_eq!(fake.body(1)["filterGroups"][0]["filters"], window);
}

#[test]
fn an_instant_with_more_records_than_a_page_is_drained_by_id() {
    let moment = 2_000_000;
    let fake = Fake::in_order(&[
        (200, json!({"results": [deal(9, moment), deal(30, moment)], "paging": {"next": {"after": "2"}}})),
        (200, json!({"results": [deal(9, moment), deal(10, moment)], "paging": {"next": {"after": "2"}}})),
        (200, json!({"results": [deal(30, moment)]})),
        (200, json!({"results": []})),
    ]);
    let connector = connector(json!({}));
    let deals = stream(connector.as_ref(), "deals", &[]).page_size(2);
    let mut position = None;
    let mut positions = Vec::new();
    for _ in 0..3 {
        let page = page(connector.as_ref(), &fake, &deals, Mode::Changes, position.as_ref()).unwrap();
        position = Some(after(&page));
        positions.push(after(&page).0);
    }
    let expected =
        [json!({"since_ms": moment, "after_id": "0"}), json!({"since_ms": moment, "after_id": "10"}), json!({"since_ms": moment + 1})];
    assert_eq!(positions, expected);
    assert!(is_last(&page(connector.as_ref(), &fake, &deals, Mode::Changes, position.as_ref()).unwrap()));
    let drain = json!([filter("hs_lastmodifieddate", "EQ", "2000000"), filter("hs_object_id", "GT", "10")]);
    assert_eq!(fake.body(2)["filterGroups"][0]["filters"], drain);
    assert_eq!(fake.body(2)["sorts"], json!([{"propertyName": "hs_object_id", "direction": "ASCENDING"}]));
}

#[test]
fn only_a_well_formed_last_page_is_an_end() {
    let connector = connector(json!({}));
    let deals = stream(connector.as_ref(), "deals", &[]).page_size(2);
    let read = |body: Value, position: Option<Value>| {
        let position = position.map(Position);
        page(connector.as_ref(), &Fake::in_order(&[(200, body)]), &deals, Mode::Changes, position.as_ref())
    };
    let (one, other) = (deal(1, 2_000_000), deal(2, 2_000_001));
    assert!(is_last(&read(json!({"results": [one]}), None).unwrap()));
    assert!(!is_last(&read(json!({"results": [one, other]}), None).unwrap()), "a full page is never the last");
    let more = json!({"next": {"after": "1"}});
    assert!(!is_last(&read(json!({"results": [one], "paging": more}), None).unwrap()), "a short page that announces another");
    let untimed = json!({"id": "3", "properties": {}});
    let drain = Some(json!({"since_ms": 2_000_000, "after_id": "5"}));
    for (body, position) in [
        (json!({"results": [], "paging": more}), None),
        (json!({"results": [], "paging": more}), drain.clone()),
        (json!({"results": [one, untimed]}), None),
        (json!({"results": [deal(9, 2_000_000), deal(8, 2_000_000)]}), drain.clone()),
        (json!({"results": [deal(5, 2_000_000)]}), drain),
        (json!({"results": [one], "paging": {"next": {}}}), None),
    ] {
        assert_eq!(read(body, position).unwrap_err().code(), codes::MALFORMED_ANSWER);
    }
    let error = read(json!({}), Some(json!({"offset": 200}))).unwrap_err();
    assert_eq!(error.code(), codes::BAD_STATE);
}

#[test]
fn times_may_be_epoch_milliseconds_and_pages_out_of_order() {
    let connector = connector(json!({}));
    let deals = stream(connector.as_ref(), "deals", &[]).page_size(2);
    let epoch = json!({"id": "2", "properties": {"hs_lastmodifieddate": "2000007"}, "updatedAt": "2026-02-01T00:00:00Z"});
    for (results, expected) in [
        (json!([deal(1, 2_000_000), epoch]), json!({"since_ms": 2_000_007})),
        (json!([deal(1, 2_000_009), deal(2, 2_000_004)]), json!({"since_ms": 2_000_004})),
        // Before the bound: going back would never end, so the instant of the bound is drained and left behind.
        (json!([deal(1, 2_000_009), deal(2, 900_000)]), json!({"since_ms": 1_000_000, "after_id": "0"})),
    ] {
        let page = page(connector.as_ref(), &Fake::in_order(&[(200, json!({"results": results}))]), &deals, Mode::Changes, None).unwrap();
        assert_eq!(after(&page).0, expected);
    }
}

/// A store that answers searches as HubSpot does, over record ids and their times of change.
fn search(store: &BTreeMap<u64, i64>, request: &Value) -> Value {
    let holds = |filter: &Value, id: u64, modified: i64| {
        let mine = if filter["propertyName"] == "hs_object_id" { i64::try_from(id).unwrap() } else { modified };
        let bound: i64 = filter["value"].as_str().unwrap().parse().unwrap();
        match filter["operator"].as_str().unwrap() {
            "EQ" => mine == bound,
            "GT" => mine > bound,
            "GTE" => mine >= bound,
            other => unreachable!("{other}"),
        }
    };
    let filters = request["filterGroups"][0]["filters"].as_array().unwrap();
    let mut found: Vec<(u64, i64)> =
        store.iter().map(|(id, at)| (*id, *at)).filter(|(id, at)| filters.iter().all(|filter| holds(filter, *id, *at))).collect();
    // Records of one instant come in an order that is not the order of their ids.
    let by_id = request["sorts"][0]["propertyName"] == "hs_object_id";
    found.sort_by_key(|(id, at)| if by_id { (0, *id) } else { (*at, id.reverse_bits()) });
    let limit = usize::try_from(request["limit"].as_u64().unwrap()).unwrap();
    let results: Vec<Value> = found.iter().take(limit).map(|(id, at)| deal(*id, *at)).collect();
    let mut answer = json!({"total": found.len(), "results": results});
    if found.len() > limit {
        answer["paging"] = json!({"next": {"after": limit.to_string()}});
    }
    answer
}

#[test]
fn records_that_change_while_pages_are_read_are_neither_skipped_nor_shift_others() {
    // Bulk updates: 60 records at each of a few instants, and a record between two of them.
    let store: BTreeMap<u64, i64> =
        (0..300).map(|id| (id + 1, 2_000_000 + i64::try_from(id / 60).unwrap())).chain([(900, 3_000_000)]).collect();
    let store = Arc::new(Mutex::new((store, 0_u64)));
    let server = store.clone();
    let fake = Fake::computed(move |request| {
        let mut server = server.lock().unwrap();
        let answer = search(&server.0, &body(request));
        // After each page one record changes and moves to the end, some of them not yet read.
        server.1 += 1;
        let (turn, moved) = (server.1, server.1 * 7 % 300 + 1);
        if turn <= 40 {
            server.0.insert(moved, 4_000_000 + i64::try_from(turn).unwrap());
        }
        (200, answer.to_string())
    });
    let connector = connector(json!({}));
    let deals = stream(connector.as_ref(), "deals", &[]).page_size(7);
    let mut seen: BTreeMap<u64, String> = BTreeMap::new();
    let mut position = None;
    for turn in 0.. {
        assert!(turn < 1_000, "the reading does not end");
        let page = page(connector.as_ref(), &fake, &deals, Mode::Changes, position.as_ref()).unwrap();
        for record in records(&page) {
            seen.insert(record["id"].as_str().unwrap().parse().unwrap(), record["updatedAt"].as_str().unwrap().to_owned());
        }
        if is_last(&page) {
            break;
        }
        position = Some(after(&page));
    }
    let now: BTreeMap<u64, String> =
        store.lock().unwrap().0.iter().map(|(id, at)| (*id, Timestamp::from_milliseconds(*at).to_string())).collect();
    assert_eq!(seen, now, "every record is there in its latest state");
}
