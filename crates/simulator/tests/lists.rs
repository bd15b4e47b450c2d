//! Lists and memberships over HTTP, held against the store.
#![allow(clippy::unwrap_used)]

mod account;

use std::time::Duration;

use account::{account, options};
use aqueduct_simulator::hubspot::{ListKind, ObjectKind};
use serde_json::{Value, json};

#[tokio::test]
async fn lists_are_counted_through_and_give_what_is_asked_for() {
    let account = account(options(120)).await;
    let store = account.simulator.store();
    let search = |offset: usize| json!({"offset": offset, "count": 2, "additionalProperties": ["hs_list_size"]});
    let mut found: Vec<Value> = Vec::new();
    loop {
        let page = account.post("/crm/v3/lists/search", &search(found.len())).await.json();
        found.extend(page["lists"].as_array().unwrap().iter().cloned());
        assert_eq!((page["offset"].as_u64(), page["total"].as_u64()), (Some(found.len() as u64), Some(5)));
        if page["hasMore"] == false {
            break;
        }
    }
    let expected: Vec<(String, String)> =
        store.lists().into_iter().map(|list| (list.id.to_string(), list.members.len().to_string())).collect();
    let told = |list: &Value| {
        let size = list["additionalProperties"]["hs_list_size"].as_str().unwrap().to_owned();
        (list["listId"].as_str().unwrap().to_owned(), size)
    };
    assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(found[0]["additionalProperties"].as_object().unwrap().len(), 1);
    let kinds: Vec<&str> = found.iter().map(|list| list["objectTypeId"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["0-1", "0-1", "0-1", "0-1", "0-2"]);
    for bad in [json!({"count": 501}), json!({"count": 0}), json!({"sort": "NAME"}), json!({"offset": "x"})] {
        assert_eq!(account.post("/crm/v3/lists/search", &bad).await.status, 400, "{bad}");
    }
    account.simulator.revoke_scope("crm.lists.read");
    assert_eq!(account.post("/crm/v3/lists/search", &json!({})).await.status, 403);
}

#[tokio::test]
async fn members_come_by_record_or_the_latest_first_and_leave_without_a_word() {
    let account = account(options(40)).await;
    let (store, clock) = (account.simulator.store(), account.simulator.clock());
    let list = store.create_list("Fair", ObjectKind::Contacts, ListKind::Manual);
    let contacts = store.ids(ObjectKind::Contacts);
    for place in [4, 1, 3] {
        clock.advance(Duration::from_secs(1));
        store.add_to_list(list, contacts[place]).unwrap();
    }
    let records = |rows: Vec<Value>| rows.iter().map(|row| row["recordId"].as_str().unwrap().parse().unwrap()).collect::<Vec<u64>>();
    let path = format!("/crm/v3/lists/{list}/memberships");
    assert_eq!(records(account.all(&format!("{path}?limit=2")).await), [contacts[1], contacts[3], contacts[4]]);
    assert_eq!(records(account.all(&format!("{path}/join-order?limit=2")).await), [contacts[3], contacts[1], contacts[4]]);
    assert_eq!(account.get(&format!("{path}?limit=251")).await.status, 400);

    let version = |answer: Value| answer["list"]["listVersion"].as_u64().unwrap();
    let before = version(account.get(&format!("/crm/v3/lists/{list}")).await.json());
    assert!(store.remove_from_list(list, contacts[1]));
    store.archive(ObjectKind::Contacts, contacts[4]).unwrap();
    assert_eq!(records(account.all(&path).await), [contacts[3]]);
    assert!(version(account.get(&format!("/crm/v3/lists/{list}")).await.json()) > before);
    assert!(store.delete_list(list));
    let gone = account.get(&path).await;
    assert_eq!((gone.status, gone.json()["category"].as_str()), (404, Some("OBJECT_NOT_FOUND")));
    assert!(store.add_to_list(list, contacts[3]).is_err());
}

#[tokio::test]
async fn lines_are_linked_with_one_deal_and_know_their_product() {
    let account = account(options(400)).await;
    let store = account.simulator.store();
    let links = store.associations(ObjectKind::LineItems, ObjectKind::Deals);
    assert!(links.len() > 40 && links.iter().all(|link| link.type_id == 20));
    let products = store.ids(ObjectKind::Products);
    let mut named = 0;
    store.for_each(ObjectKind::LineItems, |line| {
        named += usize::from(line.properties.get("hs_product_id").is_some_and(|id| products.contains(&id.parse().unwrap())));
    });
    assert!(named > 20, "{named}");
}
