//! Changes over HTTP, and the sameness of invented data.
#![allow(clippy::unwrap_used)]

mod account;

use account::{account, ids, options};
use aqueduct_simulator::hubspot::ObjectKind::{Companies, Contacts, Deals};
use aqueduct_simulator::hubspot::{ObjectKind, Options, RecordState, RequestClass};
use serde_json::{Value, json};

#[tokio::test]
async fn records_are_created_changed_and_archived() {
    let account = account(options(0)).await;
    let store = account.simulator.store();
    let company = store.create(Companies, [("name", "Acme")]).unwrap();
    let body = json!({
        "properties": {"email": "ann@example.com", "loyalty_points": 7, "hs_email_optout": true, "city": null},
        "associations": [{"to": {"id": company.to_string()}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]}],
    });
    let created = account.post("/crm/v3/objects/contacts", &body).await;
    assert_eq!(created.status, 201);
    let id: u64 = created.json()["id"].as_str().unwrap().parse().unwrap();
    let record = store.record(Contacts, id).unwrap();
    let shown = ["email", "loyalty_points", "hs_email_optout", "city"].map(|name| record.properties[name].as_str());
    assert_eq!(shown, ["ann@example.com", "7", "true", ""]);
    assert_eq!(store.associations(Contacts, Companies).len(), 1);

    let again = account.post("/crm/v3/objects/contacts", &json!({"properties": {"email": "ANN@example.com "}})).await;
    assert_eq!((again.status, again.json()["category"].as_str()), (409, Some("CONFLICT")));
    let unknown = account.post("/crm/v3/objects/contacts", &json!({"properties": {"no_such": "1"}})).await;
    assert_eq!((unknown.status, unknown.json()["errors"][0]["code"].as_str()), (400, Some("PROPERTY_DOESNT_EXIST")));
    assert_eq!(account.post("/crm/v3/objects/contacts", &json!({"properties": {"createdate": "1"}})).await.status, 400);

    account.simulator.clock().advance(std::time::Duration::from_secs(1));
    let changed = account
        .call("PATCH", "/crm/v3/objects/contacts/ann%40example.com?idProperty=email", &json!({"properties": {"city": "Bath"}}))
        .await;
    assert_eq!((changed.status, changed.json()["updatedAt"].as_str()), (200, Some("2026-07-01T00:00:01.000Z")));
    assert_eq!(account.call("PATCH", "/crm/v3/objects/contacts/5", &json!({"properties": {}})).await.status, 404);
    assert_eq!(account.call("DELETE", &format!("/crm/v3/objects/contacts/{id}"), &Value::Null).await.status, 204);
    assert_eq!(store.record(Contacts, id).unwrap().state, RecordState::Archived);
    assert_eq!(account.simulator.counters().of(RequestClass::Write), 7);
}

#[tokio::test]
async fn batches_merges_and_erasures_work_over_http() {
    let account = account(options(0)).await;
    let store = account.simulator.store();
    let inputs: Vec<Value> = (0..4).map(|number| json!({"properties": {"email": format!("p{number}@example.com")}})).collect();
    let created = account.post("/crm/v3/objects/contacts/batch/create", &json!({"inputs": inputs})).await;
    assert_eq!(created.status, 201);
    let made = ids(created.json()["results"].as_array().unwrap());
    assert_eq!(made, store.ids(Contacts));
    let text = |id: u64| id.to_string();
    let updated = account
        .post("/crm/v3/objects/contacts/batch/update", &json!({"inputs": [{"id": text(made[0]), "properties": {"city": "Hove"}}]}))
        .await;
    assert_eq!((updated.status, updated.json()["results"][0]["properties"]["city"].as_str()), (200, Some("Hove")));
    let merged =
        account.post("/crm/v3/objects/contacts/merge", &json!({"primaryObjectId": text(made[1]), "objectIdToMerge": text(made[0])})).await;
    assert_eq!((merged.status, merged.json()["id"].as_str()), (200, Some(text(made[1]).as_str())));
    assert_eq!(store.record(Contacts, made[0]).unwrap().state, RecordState::MergedInto(made[1]));
    assert_eq!(store.record(Contacts, made[1]).unwrap().properties["city"], "Hove");
    let erased = account.post("/crm/v3/objects/contacts/gdpr-delete", &json!({"idProperty": "email", "objectId": "p2@example.com"})).await;
    assert_eq!((erased.status, store.record(Contacts, made[2]).unwrap().state), (204, RecordState::Erased));
    assert_eq!(account.post("/crm/v3/objects/contacts", &json!({"properties": {"email": "P2@example.com"}})).await.status, 400);
    assert_eq!(account.post("/crm/v3/objects/contacts/batch/archive", &json!({"inputs": [{"id": text(made[3])}]})).await.status, 204);
    assert_eq!((store.ids(Contacts), store.archived_ids(Contacts)), (vec![made[1]], vec![made[3]]));
}

#[tokio::test]
async fn a_merge_can_make_a_new_record() {
    let account = account(Options { merge_creates_record: true, ..options(0) }).await;
    let store = account.simulator.store();
    let [first, second] = ["a", "b"].map(|name| store.create(Companies, [("name", name)]).unwrap());
    let left = store.merge(Companies, first, second).unwrap();
    assert_eq!(store.ids(Companies), [left]);
    assert!(left > second);
    assert_eq!(store.record(Companies, left).unwrap().properties["hs_merged_object_ids"], format!("{first};{second}"));
    assert_eq!(account.get(&format!("/crm/v3/objects/companies/{first}")).await.json()["id"], json!(left.to_string()));
    assert!(store.merge(Companies, left, left).is_err());
}

async fn pages(seed: u64) -> Vec<Vec<u8>> {
    let account = account(Options { seed, ..options(300) }).await;
    let mut pages = Vec::new();
    for kind in ObjectKind::ALL {
        let names: Vec<String> = account.simulator.store().properties(kind).into_iter().map(|property| property.name).collect();
        let mut after = account.simulator.store().ids(kind)[0];
        for _ in 0..3 {
            let answer =
                account.get(&format!("/crm/v3/objects/{}?limit=100&after={after}&properties={}", kind.name(), names.join(","))).await;
            after = answer.json()["paging"]["next"]["after"].as_str().map_or(u64::MAX, |after| after.parse().unwrap());
            // The address of the server is not part of the data.
            pages.push(String::from_utf8(answer.bytes).unwrap().replace(&account.simulator.base_url(), "").into_bytes());
        }
        pages.push(format!("{:?}", account.simulator.store().associations(Contacts, kind)).into_bytes());
    }
    pages
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes() {
    let first = pages(5).await;
    assert_eq!(first, pages(5).await);
    assert_ne!(first, pages(6).await);
}

#[tokio::test]
async fn invented_data_has_the_traits_that_pipelines_stumble_over() {
    let account = account(options(4_000)).await;
    let store = account.simulator.store();
    let mut seen = std::collections::BTreeMap::new();
    let mut times = std::collections::BTreeMap::new();
    store.for_each(Contacts, |record| {
        let value = |name: &str| record.properties.get(name).map(String::as_str);
        let mut note = |trait_name: &'static str, has: bool| *seen.entry(trait_name).or_insert(0) += u32::from(has);
        note("empty e-mail", value("email") == Some(""));
        note("no e-mail", value("email").is_none());
        note("upper-case e-mail", value("email").is_some_and(|email| email.len() > 3 && email.to_uppercase() == email));
        note("opt-out", value("hs_email_optout") == Some("true"));
        note("mark-up", value("message").is_some_and(|message| message.contains("<p>")));
        note("amount with separators", value("annualrevenue").is_some_and(|amount| amount.contains(',')));
        note("merged", value("hs_merged_object_ids").is_some());
        note("future", value("notes_last_contacted").is_some_and(|at| at > "2026-07-01"));
        note("company", value("associatedcompanyid").is_some());
        assert!(record.created_at <= record.modified_at);
        assert!(record.modified_at < "2026-06-30T00:00:00Z".parse().unwrap());
        *times.entry(record.modified_at).or_insert(0_u32) += 1;
    });
    assert!(seen.values().all(|count| *count > 0), "{seen:?}");
    assert!(times.values().any(|count| *count > 50), "a bulk update shares one millisecond");
    let mut deals = 0;
    store.for_each(Deals, |deal| {
        deals += u32::from(
            store
                .pipelines()
                .iter()
                .any(|(pipeline, stages)| *pipeline == deal.properties["pipeline"] && stages.contains(&deal.properties["dealstage"])),
        )
    });
    assert_eq!(deals as usize, store.count(Deals));
    assert!(store.ids(Contacts).iter().any(|id| store.versions(Contacts, *id).len() > 1));
}
