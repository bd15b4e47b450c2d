//! Reading by list: first loads, archived records, owners, stages and links.
#![allow(clippy::unwrap_used)]

mod fake;

use aqueduct_connector::schema::{Mode, Position, codes};
use aqueduct_connector::serde_json::{Value, json};
use fake::{Fake, after, connector, is_last, page, records, stream};

fn contact(id: &str) -> Value {
    json!({"id": id, "properties": {"email": format!("c{id}@example.com")}, "updatedAt": "2026-02-01T00:00:00.123Z", "archived": false})
}

#[test]
fn lists_go_on_by_id_until_no_page_is_announced() {
    let fake = Fake::in_order(&[
        (200, json!({"results": [contact("51")], "paging": {"next": {"after": "52", "link": "https://api.hubapi.com/x"}}})),
        (200, json!({"results": [contact("52")]})),
        (200, json!({"results": []})),
    ]);
    let connector = connector(json!({}));
    let contacts = stream(connector.as_ref(), "contacts", &["email", "firstname"]);
    let first = page(connector.as_ref(), &fake, &contacts, Mode::Backfill, None).unwrap();
    assert_eq!(records(&first)[0]["id"], "51");
    assert_eq!(after(&first), Position(json!("52")));
    let second = page(connector.as_ref(), &fake, &contacts, Mode::Backfill, Some(&after(&first))).unwrap();
    assert!(is_last(&second) && records(&second).len() == 1);
    assert!(is_last(&page(connector.as_ref(), &fake, &contacts, Mode::Backfill, None).unwrap()), "an account without contacts");
    assert_eq!(fake.paths(), ["GET /crm/v3/objects/contacts"; 3]);
    let query = |request, name: &str| fake.query(request, name).unwrap_or_default();
    assert_eq!([query(0, "limit"), query(0, "archived"), query(0, "properties")], ["100", "false", "email,firstname"]);
    assert_eq!([query(0, "after"), query(1, "after")], ["", "52"]);
    assert_eq!(fake.class(0), "default");
}

#[test]
fn archived_records_are_the_deletions() {
    let gone = json!({"id": "7", "properties": {}, "archived": true, "archivedAt": "2026-02-01T00:00:00Z"});
    let fake = Fake::in_order(&[(200, json!({"results": [gone.clone()]}))]);
    let connector = connector(json!({"api_version": "2026-03"}));
    let deals = stream(connector.as_ref(), "deals", &[]);
    let deleted = page(connector.as_ref(), &fake, &deals, Mode::Deletions, None).unwrap();
    assert_eq!(records(&deleted), [gone]);
    assert_eq!(fake.paths(), ["GET /crm/objects/2026-03/deals"]);
    assert_eq!((fake.query(0, "archived").unwrap().as_str(), fake.query(0, "properties").unwrap().as_str()), ("true", "hs_object_id"));
}

#[test]
fn answers_without_records_are_errors() {
    let connector = connector(json!({}));
    for (name, mode) in [
        ("contacts", Mode::Backfill),
        ("contacts", Mode::Deletions),
        ("contacts", Mode::Changes),
        ("owners", Mode::Snapshot),
        ("pipeline_stages", Mode::Snapshot),
        ("deal_contacts", Mode::Snapshot),
    ] {
        let stream = stream(connector.as_ref(), name, &["email"]);
        for body in [json!({"status": "error", "message": "canary"}), json!({}), json!([]), json!({"results": null})] {
            let error = page(connector.as_ref(), &Fake::in_order(&[(200, body)]), &stream, mode, None).unwrap_err();
            assert_eq!(error.code(), codes::MALFORMED_ANSWER, "{name}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
    let contacts = stream(connector.as_ref(), "contacts", &["email"]);
    let html = Fake::computed(|_| (200, "<html>".to_owned()));
    assert_eq!(page(connector.as_ref(), &html, &contacts, Mode::Backfill, None).unwrap_err().code(), codes::MALFORMED_ANSWER);
    let wrong = Position(json!({"page": 3}));
    assert_eq!(page(connector.as_ref(), &html, &contacts, Mode::Backfill, Some(&wrong)).unwrap_err().code(), codes::BAD_STATE);
    assert_eq!(page(connector.as_ref(), &html, &contacts, Mode::Snapshot, None).unwrap_err().code(), codes::BUG);
}

#[test]
fn more_properties_than_a_url_holds_go_into_a_batch() {
    let names: Vec<String> = (0..200).map(|number| format!("a_property_with_a_long_name_{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let listed = json!({"results": [{"id": "1"}, {"id": "2"}, {"id": "3"}], "paging": {"next": {"after": "4"}}});
    let missing = json!({"status": "error", "category": "OBJECT_NOT_FOUND", "message": "…", "context": {"ids": ["2"]}});
    let batch = json!({"status": "COMPLETE", "results": [contact("3"), contact("1")], "errors": [missing], "numErrors": 1});
    let lacking = json!({"status": "COMPLETE", "results": [contact("3"), contact("1")]});
    let fake = Fake::in_order(&[
        (200, listed.clone()),
        (207, batch),
        (200, listed.clone()),
        (200, lacking),
        (200, listed),
        (200, json!({"status": "PROCESSING", "results": []})),
        (200, json!({"results": []})),
    ]);
    let connector = connector(json!({}));
    let contacts = stream(connector.as_ref(), "contacts", &names);
    let first = page(connector.as_ref(), &fake, &contacts, Mode::Deletions, None).unwrap();
    assert_eq!(records(&first).len(), 2);
    assert_eq!(after(&first), Position(json!("4")));
    assert_eq!(fake.paths(), ["GET /crm/v3/objects/contacts", "POST /crm/v3/objects/contacts/batch/read"]);
    assert_eq!(fake.query(0, "properties").unwrap(), "hs_object_id");
    assert_eq!(fake.query(1, "archived").unwrap(), "true");
    assert_eq!(fake.body(1)["inputs"], json!([{"id": "1"}, {"id": "2"}, {"id": "3"}]));
    assert_eq!(fake.body(1)["properties"], json!(names));
    for _ in 0..2 {
        let error = page(connector.as_ref(), &fake, &contacts, Mode::Backfill, None).unwrap_err();
        assert_eq!(error.code(), codes::MALFORMED_ANSWER, "nothing is lost silently");
    }
    assert!(is_last(&page(connector.as_ref(), &fake, &contacts, Mode::Backfill, None).unwrap()), "no ids, no batch");
}

#[test]
fn owners_who_left_come_after_those_who_are_there() {
    let owner = |id: &str, archived: bool| json!({"id": id, "email": "rep@example.com", "type": "PERSON", "archived": archived});
    let fake = Fake::in_order(&[
        (200, json!({"results": [owner("1", false)], "paging": {"next": {"after": "a"}}})),
        (200, json!({"results": [owner("2", false)]})),
        (200, json!({"results": [owner("3", true)], "paging": {"next": {"after": "b"}}})),
        (200, json!({"results": []})),
    ]);
    let connector = connector(json!({}));
    let owners = stream(connector.as_ref(), "owners", &[]);
    let (mut position, mut seen) = (None, Vec::new());
    loop {
        let page = page(connector.as_ref(), &fake, &owners, Mode::Snapshot, position.as_ref()).unwrap();
        seen.extend(records(&page).iter().map(|owner| owner["id"].as_str().unwrap().to_owned()));
        if is_last(&page) {
            break;
        }
        position = Some(after(&page));
    }
    assert_eq!(seen, ["1", "2", "3"]);
    assert_eq!(fake.paths(), ["GET /crm/v3/owners"; 4]);
    let asked = |request, name: &str| fake.query(request, name).unwrap_or_default();
    assert_eq!([0, 1, 2, 3].map(|request| asked(request, "archived") + &asked(request, "after")), ["false", "falsea", "true", "trueb"]);
}

#[test]
fn stages_are_records_with_their_pipeline() {
    let stage = |id: &str| json!({"id": id, "label": "Won", "displayOrder": 5, "metadata": {"isClosed": "true", "probability": "1.0"}, "archived": false, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-02T00:00:00Z"});
    let pipeline = |id: &str, archived: bool| json!({"id": id, "label": "Sales", "displayOrder": 0, "archived": archived, "stages": [stage("closedwon"), stage("9")]});
    let pipelines = json!({"results": [pipeline("default", false), pipeline("77", true)]});
    let paged = json!({"results": [], "paging": {"next": {"after": "2"}}});
    let fake = Fake::in_order(&[(200, pipelines), (200, paged)]);
    let connector = connector(json!({}));
    let stages = stream(connector.as_ref(), "pipeline_stages", &[]);
    let whole = page(connector.as_ref(), &fake, &stages, Mode::Snapshot, None).unwrap();
    assert!(is_last(&whole));
    let found = records(&whole);
    let keys: Vec<String> = found.iter().map(|record| format!("{}:{}", record["pipeline_id"], record["id"]).replace('"', "")).collect();
    assert_eq!(keys, ["default:closedwon", "default:9", "77:closedwon", "77:9"]);
    assert_eq!(stages.record.key, ["pipeline_id", "id"]);
    let first = json!({
        "pipeline_id": "default", "pipeline_label": "Sales", "pipeline_display_order": 0, "id": "closedwon", "label": "Won", "displayOrder": 5,
        "metadata": {"isClosed": "true", "probability": "1.0"}, "archived": false, "archivedAt": null,
        "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-02T00:00:00Z",
    });
    assert_eq!(found[0], first);
    assert_eq!(found[2]["archived"], true, "a stage goes with its pipeline");
    assert_eq!(page(connector.as_ref(), &fake, &stages, Mode::Snapshot, None).unwrap_err().code(), codes::SILENT_CAP);
    assert_eq!(fake.paths()[0], "GET /crm/v3/pipelines/deals");
}

#[test]
fn links_are_read_for_listed_ids_and_followed_inside_one_record() {
    let kind = |category: &str, id: u32, label: Option<&str>| json!({"category": category, "typeId": id, "label": label});
    let main = kind("HUBSPOT_DEFINED", 5, Some("Primary"));
    let plain = kind("HUBSPOT_DEFINED", 341, None);
    let none =
        json!({"status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND", "message": "…"});
    let many = json!({"from": {"id": "1"}, "to": [
        {"toObjectId": 901, "associationTypes": [main, plain]},
        {"toObjectId": "901", "associationTypes": [plain]},
        {"toObjectId": "902", "associationTypes": [kind("USER_DEFINED", 5, Some("Partner"))]},
    ], "paging": {"next": {"after": "902"}}});
    let rest = |id: &str, to: u32| json!({"from": {"id": id}, "to": [{"toObjectId": to, "associationTypes": [plain]}]});
    let mut open = rest("3", 904);
    open["paging"] = json!({"next": {"after": "904"}});
    let fake = Fake::in_order(&[
        (200, json!({"results": [{"id": "1"}, {"id": "2"}], "paging": {"next": {"after": "3"}}})),
        (207, json!({"status": "COMPLETE", "results": [many], "errors": [none], "numErrors": 1})),
        (200, json!({"status": "COMPLETE", "results": [rest("1", 903)]})),
        (200, json!({"results": [{"id": "3"}]})),
        (200, json!({"status": "COMPLETE", "results": [open]})),
        (200, json!({"status": "COMPLETE", "results": [rest("3", 905)]})),
        (200, json!({"results": []})),
    ]);
    let connector = connector(json!({}));
    let links = stream(connector.as_ref(), "deal_companies", &[]);
    let first = page(connector.as_ref(), &fake, &links, Mode::Snapshot, None).unwrap();
    let link = |to: &str, category: &str, kind: u32, label: Option<&str>| json!({"from_id": "1", "to_id": to, "category": category, "type_id": kind, "label": label});
    assert_eq!(
        records(&first),
        [
            link("901", "HUBSPOT_DEFINED", 5, Some("Primary")),
            link("901", "HUBSPOT_DEFINED", 341, None),
            link("902", "USER_DEFINED", 5, Some("Partner"))
        ]
    );
    let second = page(connector.as_ref(), &fake, &links, Mode::Snapshot, Some(&after(&first))).unwrap();
    assert_eq!(records(&second), [link("903", "HUBSPOT_DEFINED", 341, None)]);
    let third = page(connector.as_ref(), &fake, &links, Mode::Snapshot, Some(&after(&second))).unwrap();
    assert_eq!(records(&third)[0]["to_id"], "904");
    let fourth = page(connector.as_ref(), &fake, &links, Mode::Snapshot, Some(&after(&third))).unwrap();
    assert_eq!(records(&fourth)[0]["to_id"], "905");
    assert!(is_last(&fourth), "the list has ended, and no record has more");
    let none = page(connector.as_ref(), &fake, &links, Mode::Snapshot, None).unwrap();
    assert!(is_last(&none) && records(&none).is_empty());
    let batch = "POST /crm/v4/associations/deals/companies/batch/read";
    let list = "GET /crm/v3/objects/deals";
    assert_eq!(fake.paths(), [list, batch, batch, list, batch, batch, list]);
    assert_eq!(fake.body(1), json!({"inputs": [{"id": "1"}, {"id": "2"}]}));
    assert_eq!(fake.body(2), json!({"inputs": [{"id": "1", "after": "902"}]}));
    assert_eq!(fake.query(3, "after").unwrap(), "3");
    assert_eq!(fake.body(5), json!({"inputs": [{"id": "3", "after": "904"}]}));
}

#[test]
fn failed_parts_of_a_batch_are_not_taken_for_missing_links() {
    let connector = connector(json!({}));
    let links = stream(connector.as_ref(), "contact_companies", &[]);
    let with = |category: &str| json!({"status": "COMPLETE", "results": [], "errors": [{"status": "error", "category": category, "message": "canary"}]});
    let untyped = json!({"status": "COMPLETE", "results": [{"from": {"id": "1"}, "to": [{"toObjectId": 1, "associationTypes": []}]}]});
    for (status, body, code) in [
        (207, with("INTERNAL_ERROR"), codes::SOURCE_FAILED),
        (207, with("MISSING_SCOPES"), codes::PERMISSION_DENIED),
        (200, untyped, codes::MALFORMED_ANSWER),
        (200, json!({"status": "COMPLETE"}), codes::MALFORMED_ANSWER),
    ] {
        let fake = Fake::in_order(&[(200, json!({"results": [{"id": "1"}]})), (status, body)]);
        let error = page(connector.as_ref(), &fake, &links, Mode::Snapshot, None).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
