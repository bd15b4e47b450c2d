//! Older endpoints over HTTP, held against the newer ones that say the same.
#![allow(clippy::unwrap_used)]

mod account;

use account::{account, options};
use aqueduct_simulator::hubspot::ObjectKind;
use serde_json::{Value, json};

fn texts(list: &Value, member: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|row| row[member].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_older_list_of_properties_is_bare_and_names_the_same() {
    let account = account(options(0)).await;
    for kind in ObjectKind::ALL {
        let older = account.get(&format!("/properties/v2/{}/properties", kind.singular())).await.json();
        let newer = account.get(&format!("/crm/v3/properties/{}", kind.name())).await.json();
        for member in ["name", "type", "label"] {
            assert_eq!(texts(&older, member), texts(&newer["results"], member));
        }
        assert!(older[0]["createdAt"].is_i64() && older[0]["deleted"] == json!(false) && older[0].get("archived").is_none());
    }
    account.simulator.revoke_scope("crm.schemas.deals.read");
    assert_eq!(account.get("/properties/v2/deals/properties").await.status, 403);
}

#[tokio::test]
async fn the_older_list_of_pipelines_tells_of_the_same_stages() {
    let account = account(options(0)).await;
    let older = account.get("/crm-pipelines/v1/pipelines/deals").await.json();
    let newer = account.get("/crm/v3/pipelines/deals").await.json();
    assert_eq!(texts(&older["results"], "pipelineId"), texts(&newer["results"], "id"));
    for (older, newer) in older["results"].as_array().unwrap().iter().zip(newer["results"].as_array().unwrap()) {
        assert_eq!(texts(&older["stages"], "stageId"), texts(&newer["stages"], "id"));
        let metadata = |stages: &Value| stages.as_array().unwrap().iter().map(|stage| stage["metadata"].clone()).collect::<Vec<_>>();
        assert_eq!(metadata(&older["stages"]), metadata(&newer["stages"]));
    }
}

#[tokio::test]
async fn object_types_without_records_are_known_and_empty() {
    let account = account(options(20)).await;
    for path in ["/crm/v3/schemas", "/crm-object-schemas/v3/schemas"] {
        assert_eq!(account.get(path).await.json(), json!({"results": []}));
    }
    let page = "/crm/v3/objects/contacts?limit=100";
    let plain = account.get(&format!("{page}&associations=companies")).await.json();
    assert_eq!(account.get(&format!("{page}&associations=tickets,companies,line_items")).await.json()["results"], plain["results"]);
    let first = plain["results"][0]["id"].as_str().unwrap();
    let read = |other: &str| {
        let path = format!("/crm/v4/associations/contact/{other}/batch/read");
        account.request("POST", &path).bearer_auth(&account.token).body(json!({"inputs": [{"id": first}]}).to_string())
    };
    let empty = account.send(read("tickets")).await.unwrap();
    assert_eq!((empty.status, empty.json()["numErrors"].as_u64(), &empty.json()["results"]), (207, Some(1), &json!([])));
    assert_eq!(account.send(read("spaceships")).await.unwrap().status, 404);
}
