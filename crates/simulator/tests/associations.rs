//! Associations: inside records, one source, many sources, labels, changes.
#![allow(clippy::unwrap_used)]

mod account;

use account::{account, options};
use aqueduct_simulator::hubspot::ObjectKind::{Companies, Contacts, Deals};
use aqueduct_simulator::hubspot::Options;
use serde_json::{Value, json};

/// Source, target and type id of every association in rows of a batch.
fn edges(rows: &[Value]) -> Vec<(u64, u64, u64)> {
    let mut edges = Vec::new();
    for row in rows {
        let from = row["from"]["id"].as_str().unwrap().parse().unwrap();
        for to in row["to"].as_array().unwrap() {
            edges.extend(
                to["associationTypes"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|kind| (from, to["toObjectId"].as_u64().unwrap(), kind["typeId"].as_u64().unwrap())),
            );
        }
    }
    edges.sort_unstable();
    edges
}

#[tokio::test]
async fn batches_over_all_sources_give_every_association_of_the_store() {
    let account = account(options(400)).await;
    let store = account.simulator.store();
    for (from, to) in
        [(Contacts, Companies), (Companies, Contacts), (Contacts, Deals), (Deals, Contacts), (Deals, Companies), (Companies, Deals)]
    {
        let mut found = Vec::new();
        let sources = store.ids(from);
        for chunk in sources.chunks(1000) {
            let inputs: Vec<Value> = chunk.iter().map(|id| json!({"id": id.to_string()})).collect();
            let answer =
                account.post(&format!("/crm/v4/associations/{}/{}/batch/read", from.name(), to.name()), &json!({"inputs": inputs})).await;
            let body = answer.json();
            let alone = body["errors"].as_array().map_or(0, Vec::len);
            assert_eq!(answer.status, if alone == 0 { 200 } else { 207 });
            assert_eq!(alone + body["results"].as_array().unwrap().len(), chunk.len());
            found.extend(edges(body["results"].as_array().unwrap()));
        }
        let mut wanted: Vec<(u64, u64, u64)> =
            store.associations(from, to).iter().map(|edge| (edge.from, edge.to, u64::from(edge.type_id))).collect();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        assert!(!wanted.is_empty());
    }
}

async fn hub(page_size: usize) -> (account::Account, u64, Vec<u64>) {
    let account = account(Options { association_page_size: page_size, inline_associations: 4, ..options(0) }).await;
    let store = account.simulator.store();
    let company = store.create(Companies, [("name", "Hub")]).unwrap();
    let contacts: Vec<u64> = (0..5).map(|_| store.create(Contacts, [("city", "Bath")]).unwrap()).collect();
    for contact in &contacts {
        store.associate((Contacts, *contact), (Companies, company), 279).unwrap();
    }
    (account, company, contacts)
}

#[tokio::test]
async fn one_source_is_paged() {
    let (account, company, contacts) = hub(2).await;
    let rows = account.all(&format!("/crm/v4/objects/companies/{company}/associations/contacts")).await;
    assert_eq!(rows.iter().map(|row| row["toObjectId"].as_u64().unwrap()).collect::<Vec<_>>(), contacts);
    assert_eq!(rows[0]["associationTypes"], json!([{"category": "HUBSPOT_DEFINED", "typeId": 280, "label": null}]));
    assert_eq!(account.get(&format!("/crm/v4/objects/companies/{company}/associations/contacts?limit=501")).await.status, 400);
    assert_eq!(account.get("/crm/v4/objects/companies/1/associations/contacts").await.status, 404);
}

#[tokio::test]
async fn a_source_in_a_batch_is_paged_too() {
    let (account, company, contacts) = hub(2).await;
    let (mut found, mut after, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let mut input = json!({"id": company.to_string()});
        if after.is_string() {
            input["after"] = after;
        }
        let body = account.post("/crm/v4/associations/companies/contacts/batch/read", &json!({"inputs": [input]})).await.json();
        found.extend(edges(body["results"].as_array().unwrap()).into_iter().map(|(_, to, _)| to));
        pages += 1;
        after = body["results"][0]["paging"]["next"]["after"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!((found, pages), (contacts, 3));
}

#[tokio::test]
async fn a_source_without_associations_is_an_error_entry() {
    let (account, company, _) = hub(500).await;
    let answer = account
        .post("/crm/v4/associations/companies/deals/batch/read", &json!({"inputs": [{"id": company.to_string()}, {"id": "77"}]}))
        .await;
    let body = answer.json();
    assert_eq!((answer.status, body["numErrors"].as_u64(), body["results"].as_array().unwrap().len()), (207, Some(2), 0));
    assert_eq!(body["errors"][0]["subCategory"], "crm.associations.NO_ASSOCIATIONS_FOUND");
    assert_eq!(body["errors"][1]["context"], json!({"fromObjectId": ["77"], "fromObjectType": ["company"], "toObjectType": ["deal"]}));
    let many: Vec<Value> = (0..1001).map(|id| json!({"id": id.to_string()})).collect();
    assert_eq!(account.post("/crm/v4/associations/companies/deals/batch/read", &json!({"inputs": many})).await.status, 400);
}

#[tokio::test]
async fn a_list_shows_associations_once_for_each_label_and_cuts_long_ones() {
    let (account, company, contacts) = hub(500).await;
    let store = account.simulator.store();
    store.associate((Contacts, contacts[0]), (Companies, company), 1).unwrap();
    let row = account.get(&format!("/crm/v3/objects/contacts/{}?associations=companies,deals", contacts[0])).await.json();
    let id = company.to_string();
    assert_eq!(
        row["associations"],
        json!({"companies": {"results": [{"id": id, "type": "contact_to_company_unlabeled"}, {"id": id, "type": "contact_to_company"}]}})
    );
    let rows = account.all("/crm/v3/objects/companies?associations=contacts").await;
    let inside = &rows[0]["associations"]["contacts"];
    assert_eq!(inside["results"].as_array().unwrap().len(), 4);
    let rest = inside["paging"]["next"]["link"].as_str().unwrap().replace(&account.simulator.base_url(), "");
    assert!(account.all(&rest).await.iter().any(|row| row["toObjectId"] == contacts[4]));
}

#[tokio::test]
async fn labels_and_changes_of_associations_are_seen_from_both_ends() {
    let (account, company, contacts) = hub(500).await;
    let store = account.simulator.store();
    let labels = account.get("/crm/v4/associations/contacts/companies/labels").await.json();
    assert_eq!(labels["results"][1], json!({"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"}));
    let path = format!("/crm/v4/objects/contacts/{}/associations/companies/{company}", contacts[1]);
    assert_eq!(account.call("PUT", &path, &json!([{"associationCategory": "USER_DEFINED", "associationTypeId": 11}])).await.status, 201);
    let from_company = store.associations(Companies, Contacts);
    assert!(from_company.iter().any(|edge| (edge.to, edge.type_id, edge.label) == (contacts[1], 12, Some("Decision maker"))));
    assert_eq!(account.call("DELETE", &path, &Value::Null).await.status, 204);
    assert_eq!(store.associations(Companies, Contacts).len(), 4);
    let changes = store.association_changes();
    assert_eq!(changes.iter().filter(|change| !change.added).count(), 2);
    assert_eq!(store.record(Companies, company).unwrap().properties["num_associated_contacts"], "4");
}

#[tokio::test]
async fn associations_of_archived_records_are_hidden_and_those_of_merged_ones_move() {
    let (account, company, contacts) = hub(500).await;
    let store = account.simulator.store();
    store.archive(Contacts, contacts[0]).unwrap();
    assert_eq!(store.associations(Companies, Contacts).len(), 4);
    store.restore(Contacts, contacts[0]).unwrap();
    assert_eq!(store.associations(Companies, Contacts).len(), 5);
    let other = store.create(Contacts, [("city", "Hove")]).unwrap();
    store.merge(Contacts, other, contacts[0]).unwrap();
    let rows = account.all(&format!("/crm/v4/objects/contacts/{other}/associations/companies")).await;
    assert_eq!(rows.iter().map(|row| row["toObjectId"].as_u64().unwrap()).collect::<Vec<_>>(), [company]);
    store.gdpr_delete(Contacts, other).unwrap();
    assert_eq!(store.associations(Companies, Contacts).len(), 4);
}

#[tokio::test]
async fn a_record_has_one_primary_company() {
    let (account, company, contacts) = hub(500).await;
    let store = account.simulator.store();
    let second = store.create(Companies, [("name", "Second")]).unwrap();
    store.associate((Contacts, contacts[0]), (Companies, company), 1).unwrap();
    store.associate((Companies, second), (Contacts, contacts[0]), 2).unwrap();
    let primaries: Vec<u64> = store.associations(Contacts, Companies).iter().filter(|edge| edge.type_id == 1).map(|edge| edge.to).collect();
    assert_eq!(primaries, [second]);

    store.associate((Contacts, contacts[1]), (Companies, company), 1).unwrap();
    store.merge(Contacts, contacts[0], contacts[1]).unwrap();
    let kept: Vec<(u64, u32)> = store
        .associations(Contacts, Companies)
        .iter()
        .filter(|edge| edge.from == contacts[0])
        .map(|edge| (edge.to, edge.type_id))
        .collect();
    assert_eq!(kept, [(company, 279), (second, 279), (second, 1)]);
}
