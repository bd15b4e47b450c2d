//! Lists, single records and batches over HTTP, held against the store.
#![allow(clippy::unwrap_used)]

mod account;

use account::{account, ids, options};
use aqueduct_simulator::hubspot::ObjectKind::{Companies, Contacts, Deals};
use aqueduct_simulator::hubspot::{ObjectKind, Property, PropertyType, RequestClass};
use serde_json::{Value, json};

#[tokio::test]
async fn every_page_of_every_object_gives_every_record_once_in_order() {
    let account = account(options(430)).await;
    let store = account.simulator.store();
    for kind in ObjectKind::ALL {
        let path = format!("/crm/v3/objects/{}?limit=37", kind.name());
        let live = account.all(&path).await;
        assert_eq!(ids(&live), store.ids(kind));
        assert!(live.iter().all(|row| row["archived"] == false && row.get("archivedAt").is_none()));
        let archived = account.all(&format!("{path}&archived=true")).await;
        assert_eq!(ids(&archived), store.archived_ids(kind));
        assert!(!archived.is_empty());
        assert!(archived.iter().all(|row| row["archived"] == true && row["archivedAt"].is_string()));
    }
    assert!(account.simulator.counters().of(RequestClass::List) > 10);
}

#[tokio::test]
async fn values_are_texts_or_null_and_only_what_is_asked_for_comes() {
    let account = account(options(0)).await;
    let store = account.simulator.store();
    let id = store.create(Contacts, [("email", "ann@example.com"), ("loyalty_points", "1500.00"), ("city", "Bath")]).unwrap();
    store.update(Contacts, id, [("city", "")]).unwrap();

    let plain = account.get("/crm/v3/objects/contacts").await.json();
    let names: Vec<&String> = plain["results"][0]["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"]);
    assert!(plain.get("paging").is_none(), "the last page has no paging at all");

    let asked = account
        .get(&format!("/crm/v3/objects/contacts/{id}?properties=city,phone,no_such_property&properties=loyalty_points"))
        .await
        .json();
    let expected = json!({"createdate": "2026-07-01T00:00:00.000Z", "lastmodifieddate": "2026-07-01T00:00:00.000Z", "hs_object_id": id.to_string(), "city": "", "phone": null, "loyalty_points": "1500.00"});
    assert_eq!(asked["properties"], expected);
    assert_eq!(asked["id"], json!(id.to_string()));
    assert!(asked.get("associations").is_none());
}

#[tokio::test]
async fn a_date_header_shows_the_simulators_clock() {
    let account = account(options(0)).await;
    assert_eq!(account.get("/crm/v3/objects/deals").await.header("date"), Some("Wed, 01 Jul 2026 00:00:00 GMT"));
}

#[tokio::test]
async fn limits_of_pages_are_kept() {
    let account = account(options(30)).await;
    assert_eq!(account.get("/crm/v3/objects/contacts").await.json()["results"].as_array().unwrap().len(), 10);
    for bad in ["limit=101", "limit=0", "limit=x", "after=soon", "limit=51&propertiesWithHistory=email", "associations=spaceships"] {
        let answer = account.get(&format!("/crm/v3/objects/contacts?{bad}")).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert_eq!(answer.json()["category"], "VALIDATION_ERROR");
        assert!(answer.json()["correlationId"].is_string());
    }
    let long = format!("/crm/v3/objects/contacts?properties={}", "x".repeat(17_000));
    assert_eq!(account.get(&long).await.status, 414);
    for missing in
        ["/crm/v3/objects/spaceships", "/crm/v3/nothing", "/crm/v3/objects/contacts/1", "/crm/v3/owners/1", "/crm/v3/pipelines/tickets"]
    {
        let answer = account.get(missing).await;
        assert_eq!((answer.status, answer.json()["status"].as_str()), (404, Some("error")), "{missing}");
    }
}

#[tokio::test]
async fn a_batch_gives_what_is_there_and_names_what_is_not() {
    let account = account(options(120)).await;
    let store = account.simulator.store();
    let mut wanted: Vec<u64> = store.ids(Contacts).into_iter().take(3).collect();
    wanted.reverse();
    let inputs: Vec<Value> = wanted.iter().map(|id| json!({"id": id.to_string()})).collect();
    let whole = account.post("/crm/v3/objects/contacts/batch/read", &json!({"properties": ["email"], "inputs": inputs})).await;
    assert_eq!(whole.status, 200);
    wanted.sort_unstable();
    assert_eq!(ids(whole.json()["results"].as_array().unwrap()), wanted);
    assert!(whole.json().get("numErrors").is_none());

    let partial = account
        .post("/crm/v3/objects/contacts/batch/read", &json!({"properties": [], "inputs": [{"id": "1"}, {"id": wanted[0].to_string()}]}))
        .await;
    assert_eq!(partial.status, 207);
    let body = partial.json();
    assert_eq!((body["numErrors"].as_u64(), ids(body["results"].as_array().unwrap())), (Some(1), vec![wanted[0]]));
    assert_eq!((body["errors"][0]["category"].as_str(), &body["errors"][0]["context"]["ids"]), (Some("OBJECT_NOT_FOUND"), &json!(["1"])));

    let many: Vec<Value> = (0..101).map(|id| json!({"id": id.to_string()})).collect();
    assert_eq!(account.post("/crm/v3/objects/contacts/batch/read", &json!({"inputs": many})).await.status, 400);

    let email = store.create(Contacts, [("email", "Ann.Unique@example.com")]).unwrap();
    let found = account
        .post("/crm/v3/objects/contacts/batch/read", &json!({"idProperty": "email", "inputs": [{"id": "ann.unique@EXAMPLE.com"}]}))
        .await
        .json();
    assert_eq!(ids(found["results"].as_array().unwrap()), [email]);
}

#[tokio::test]
async fn archived_merged_and_erased_records_go_where_the_vendor_puts_them() {
    let account = account(options(0)).await;
    let store = account.simulator.store();
    let new = |email: &str| store.create(Contacts, [("email", email)]).unwrap();
    let (kept, archived, loser, erased) = (new("a@example.com"), new("b@example.com"), new("c@example.com"), new("d@example.com"));
    store.update(Contacts, loser, [("city", "Bath")]).unwrap();
    store.archive(Contacts, archived).unwrap();
    assert_eq!(store.merge(Contacts, kept, loser).unwrap(), kept);
    store.gdpr_delete(Contacts, erased).unwrap();

    assert_eq!(ids(&account.all("/crm/v3/objects/contacts").await), [kept]);
    assert_eq!(ids(&account.all("/crm/v3/objects/contacts?archived=True").await), [archived]);
    assert_eq!(account.get(&format!("/crm/v3/objects/contacts/{archived}")).await.status, 404);
    assert_eq!(account.get(&format!("/crm/v3/objects/contacts/{archived}?archived=true")).await.status, 200);
    assert_eq!(account.get(&format!("/crm/v3/objects/contacts/{erased}?archived=true")).await.status, 404);
    let by_loser = account.get(&format!("/crm/v3/objects/contacts/{loser}?properties=city,hs_merged_object_ids")).await.json();
    assert_eq!(by_loser["id"], json!(kept.to_string()));
    assert_eq!(by_loser["properties"]["city"], "Bath");
    assert_eq!(by_loser["properties"]["hs_merged_object_ids"], json!(loser.to_string()));
    store.restore(Contacts, archived).unwrap();
    assert_eq!(ids(&account.all("/crm/v3/objects/contacts").await), [kept, archived]);
    assert!(store.versions(Contacts, erased).iter().all(|version| !version.properties.contains_key("email")));
}

#[tokio::test]
async fn histories_list_the_values_a_property_has_had() {
    let account = account(options(0)).await;
    let store = account.simulator.store();
    let id = store.create(Deals, [("dealstage", "qualifiedtobuy")]).unwrap();
    account.simulator.clock().advance(std::time::Duration::from_secs(60));
    store.update(Deals, id, [("dealstage", "closedwon")]).unwrap();
    let row = account.get(&format!("/crm/v3/objects/deals/{id}?propertiesWithHistory=dealstage")).await.json();
    let history = row["propertiesWithHistory"]["dealstage"].as_array().unwrap();
    let values: Vec<(&str, &str)> =
        history.iter().map(|entry| (entry["value"].as_str().unwrap(), entry["timestamp"].as_str().unwrap())).collect();
    assert_eq!(values, [("closedwon", "2026-07-01T00:01:00.000Z"), ("qualifiedtobuy", "2026-07-01T00:00:00.000Z")]);
    assert_eq!(row["updatedAt"], "2026-07-01T00:01:00.000Z");
}

#[tokio::test]
async fn schema_discovery_shows_the_account_as_it_is() {
    let account = account(options(0)).await;
    let store = account.simulator.store();
    let names = async |query: &str| -> Vec<String> {
        let body = account.get(&format!("/crm/v3/properties/contacts{query}")).await.json();
        body["results"].as_array().unwrap().iter().map(|property| property["name"].as_str().unwrap().to_owned()).collect()
    };
    let before = names("").await;
    assert!(["email", "lastmodifieddate", "favourite_colour", "loyalty_points"].iter().all(|name| before.iter().any(|own| own == name)));
    assert!(!before.iter().any(|name| name == "health_notes"), "sensitive properties are hidden");
    assert_eq!(names("?dataSensitivity=sensitive").await, ["health_notes"]);

    store.add_property(Contacts, Property::custom("shoe_size", "Shoe size", PropertyType::Number));
    assert!(store.archive_property(Contacts, "fax"));
    let after = names("").await;
    assert!(after.iter().any(|name| name == "shoe_size") && !after.iter().any(|name| name == "fax"));
    assert_eq!(names("?archived=true").await, ["fax"]);

    let one = account.get("/crm/v3/properties/deals/days_to_close").await.json();
    assert_eq!(
        (one["calculated"].as_bool(), one["type"].as_str(), one["fieldType"].as_str()),
        (Some(true), Some("number"), Some("calculation_equation"))
    );
    let colours = account.get("/crm/v3/properties/contacts/favourite_colour").await.json();
    assert_eq!((colours["type"].as_str(), colours["hubspotDefined"].as_bool()), (Some("enumeration"), Some(false)));
    assert_eq!(colours["options"][0], json!({"label": "Red", "value": "red", "displayOrder": 0, "hidden": false}));
}

#[tokio::test]
async fn owners_pipelines_and_account_details_have_their_shapes() {
    let account = account(options(0)).await;
    let store = account.simulator.store();
    let owners = account.all("/crm/v3/owners?limit=5").await;
    assert_eq!(ids(&owners), store.owners().iter().map(|(id, _)| *id).collect::<Vec<_>>());
    assert!(owners.iter().all(|owner| owner["userId"].is_u64() && (owner["type"] == "QUEUE" || owner["email"].is_string())));
    let archived = account.all("/crm/v3/owners/?archived=true").await;
    assert_eq!(ids(&archived), store.archived_owners().iter().map(|(id, _)| *id).collect::<Vec<_>>());
    assert!(archived.iter().all(|owner| owner.get("userId").is_none() && owner["userIdIncludingInactive"].is_u64()));
    let gone = store.owners()[0].0;
    assert!(store.archive_owner(gone));
    assert_eq!(account.get(&format!("/crm/v3/owners/{gone}")).await.status, 404);

    let pipelines = account.get("/crm/v3/pipelines/deals").await.json();
    let shown: Vec<(String, Vec<String>)> = pipelines["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pipeline| {
            let stages = pipeline["stages"].as_array().unwrap().iter().map(|stage| stage["id"].as_str().unwrap().to_owned()).collect();
            (pipeline["id"].as_str().unwrap().to_owned(), stages)
        })
        .collect();
    let mut expected = store.pipelines();
    expected.sort();
    let mut sorted = shown.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    assert_eq!(
        account.get("/crm/v3/pipelines/deals/default").await.json()["stages"][4]["metadata"],
        json!({"isClosed": "true", "probability": "1.0"})
    );
    assert_eq!(account.get("/account-info/v3/details").await.json()["timeZone"], "Europe/London");
    assert_eq!(store.count(Companies), 0);
}
