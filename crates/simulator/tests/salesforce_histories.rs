//! Salesforce: field histories, which note changes of tracked fields and share the fate and the secrets of their records.
#![allow(clippy::unwrap_used)]

mod organisation;

use std::time::Duration;

use aqueduct_simulator::salesforce::{Options, RecordState};
use organisation::{Organisation, encoded, ids, options, organisation};
use serde_json::{Value, json};

/// Field, type, old and new value of each note that a query gives.
async fn notes(org: &Organisation, object: &str, more: &str) -> Vec<Value> {
    let rows =
        org.query_all(&format!("SELECT Field, DataType, OldValue, NewValue FROM {object} {more} ORDER BY CreatedDate, Id")).await.records();
    rows.iter().map(|row| json!([row["Field"], row["DataType"], row["OldValue"], row["NewValue"]])).collect()
}

#[tokio::test]
async fn changes_of_tracked_fields_are_noted_with_their_types() {
    let org = organisation(options(0)).await;
    let store = org.store();
    let first = store.create("Account", [("Name", "Lock Ltd")]).unwrap();
    let second = store.create("Account", [("Name", "Weir Ltd"), ("AnnualRevenue", "1000")]).unwrap();
    let contact = store.create("Contact", [("LastName", "C"), ("AccountId", first.as_str()), ("Score__c", "1.5")]).unwrap();
    org.advance(60);
    let changes = [
        ("AccountId", second.as_str()),
        ("Score__c", "2"),
        ("HasOptedOutOfEmail", "true"),
        ("Interests__c", "Data"),
        ("Department", "Sales"),
    ];
    store.update("Contact", &contact, changes).unwrap();
    store.update("Contact", &contact, [("EmailBouncedDate", "2026-07-01T00:00:30Z")]).unwrap();
    store.update("Contact", &contact, [("HasOptedOutOfEmail", "true")]).unwrap();
    let expected = json!([
        ["created", "Text", null, null],
        ["Account", "Text", "Lock Ltd", "Weir Ltd"],
        ["Account", "EntityId", first, second],
        ["HasOptedOutOfEmail", "Boolean", false, true],
        ["Interests__c", "MultiEnum", null, null],
        ["Score__c", "Double", 1.5, 2.0],
        ["EmailBouncedDate", "DateTime", null, "2026-07-01T00:00:30.000+0000"],
    ]);
    assert_eq!(json!(notes(&org, "ContactHistory", "").await), expected, "untracked fields and changes to the same value leave no note");
    let row = &org.query("SELECT FIELDS(ALL) FROM ContactHistory WHERE Field = 'created' LIMIT 1").await.records()[0];
    assert_eq!((&row["ContactId"], &row["CreatedDate"]), (&json!(contact), &json!("2026-07-01T00:00:00.000+0000")));
    let no_stamp = row.get("SystemModstamp").is_none() && row.get("LastModifiedDate").is_none();
    assert!(no_stamp && row["Id"].as_str().unwrap().starts_with("017"));

    org.simulator.store().set_tracked("Contact", "Department", true).unwrap();
    store.update("Contact", &contact, [("Department", "Service")]).unwrap();
    assert_eq!(notes(&org, "ContactHistory", "WHERE Field = 'Department'").await, [json!(["Department", "Text", "Sales", "Service"])]);
    let deal = [("Name", "D"), ("StageName", "Prospecting"), ("CloseDate", "2026-12-31"), ("Amount", "100")];
    let deal = store.create("Opportunity", deal).unwrap();
    store.update("Opportunity", &deal, [("StageName", "Closed Won"), ("Amount", "150")]).unwrap();
    let expected = json!([
        ["created", "Text", null, null],
        ["StageName", "DynamicEnum", "Prospecting", "Closed Won"],
        ["Amount", "Currency", 100.0, 150.0]
    ]);
    assert_eq!(json!(notes(&org, "OpportunityFieldHistory", "").await), expected);
}

#[tokio::test]
async fn values_cannot_be_filtered_and_notes_cannot_be_written() {
    let org = organisation(options(0)).await;
    org.store().create("Contact", [("LastName", "C")]).unwrap();
    let refused = org.query("SELECT Id FROM ContactHistory WHERE NewValue = 'x'").await;
    assert_eq!(refused.error(), (400, "INVALID_FIELD".to_owned()));
    let refused = org.query("SELECT Id FROM ContactHistory WHERE SystemModstamp > 2026-01-01T00:00:00Z").await;
    assert_eq!(refused.error(), (400, "INVALID_FIELD".to_owned()));
    let refused = org.call("POST", "/sobjects/ContactHistory", &json!({"Field": "Title"})).await;
    assert_eq!(refused.error(), (400, "INVALID_TYPE_FOR_OPERATION".to_owned()));
    let describe = org.get("/sobjects/ContactHistory/describe").await.json();
    let field = |name: &str| describe["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).unwrap().clone();
    assert_eq!((&field("NewValue")["type"], &field("NewValue")["filterable"]), (&json!("anyType"), &json!(false)));
    let names: Vec<Value> = field("Field")["picklistValues"].as_array().unwrap().iter().map(|value| value["value"].clone()).collect();
    assert!(names.contains(&json!("created")) && names.contains(&json!("Account")) && names.contains(&json!("Email")));
    assert_eq!((&describe["createable"], &describe["associateParentEntity"]), (&json!(false), &json!("Contact")));
}

#[tokio::test]
async fn notes_of_hidden_fields_and_objects_are_hidden() {
    let org = organisation(options(0)).await;
    let store = org.store();
    let contact = store.create("Contact", [("LastName", "C"), ("Title", "A"), ("Email", "a@example.com")]).unwrap();
    store.update("Contact", &contact, [("Title", "B"), ("Email", "b@example.com"), ("OwnerId", &store.ids("User")[0])]).unwrap();
    let fields = async || {
        let rows = notes(&org, "ContactHistory", "").await;
        rows.iter().map(|row| row[0].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(fields().await, ["created", "Email", "Title", "Owner", "Owner"]);
    store.set_field_hidden("Contact", "Email", true).unwrap();
    store.set_field_hidden("Contact", "OwnerId", true).unwrap();
    assert_eq!(fields().await, ["created", "Title"]);
    let all = store.ids("ContactHistory");
    let body = json!({"ids": all, "fields": ["Id"]});
    let read = org.call("POST", "/composite/sobjects/ContactHistory", &body).await.json();
    assert_eq!(read.as_array().unwrap().iter().filter(|row| row.is_null()).count(), 3);
    store.set_object_hidden("Contact", true).unwrap();
    assert_eq!(org.query("SELECT Id FROM ContactHistory").await.error(), (400, "INVALID_TYPE".to_owned()));
    assert_eq!(org.get("/sobjects/ContactHistory/describe").await.status, 404);
}

#[tokio::test]
async fn notes_follow_their_record_into_the_bin_and_out_of_it() {
    let org = organisation(options(0)).await;
    let store = org.store();
    let make = |name: &str| {
        let values = [("Name", name), ("StageName", "Prospecting"), ("CloseDate", "2026-12-31")];
        store.create("Opportunity", values).unwrap()
    };
    let (kept, binned, erased) = (make("Kept"), make("Binned"), make("Erased"));
    org.advance(60);
    store.delete("Opportunity", &binned).unwrap();
    store.hard_delete("Opportunity", &erased).unwrap();
    for object in ["OpportunityFieldHistory", "OpportunityHistory"] {
        let shown = org.query(&format!("SELECT OpportunityId FROM {object}")).await.records();
        assert_eq!(shown.iter().map(|row| &row["OpportunityId"]).collect::<Vec<_>>(), [&json!(kept)], "{object}");
        let all = org.query_all(&format!("SELECT Id, OpportunityId FROM {object} WHERE IsDeleted = true")).await.records();
        assert_eq!(all.iter().map(|row| &row["OpportunityId"]).collect::<Vec<_>>(), [&json!(binned)], "{object}");
        let path = format!("/sobjects/{object}/deleted/?start={}&end={}", encoded("2026-07-01T00:00:00Z"), encoded("2026-07-01T00:05:00Z"));
        assert_eq!(org.get(&path).await.json()["deletedRecords"].as_array().unwrap().len(), 2, "{object}");
        assert_eq!(store.record(object, &ids(&all)[0]).unwrap().state, RecordState::Deleted);
    }
    store.undelete("Opportunity", &binned).unwrap();
    assert_eq!(org.query("SELECT Id FROM OpportunityFieldHistory").await.records().len(), 2);
    assert_eq!(org.query("SELECT Id FROM OpportunityHistory").await.records().len(), 2);
}

#[tokio::test]
async fn merges_and_conversions_have_words_of_their_own() {
    let org = organisation(options(0)).await;
    let store = org.store();
    let winner = store.create("Account", [("Name", "Winner")]).unwrap();
    let loser = store.create("Account", [("Name", "Loser"), ("Phone", "555")]).unwrap();
    org.advance(60);
    store.merge("Account", &winner, &loser).unwrap();
    let expected = json!([["created", "Text", null, null], ["accountMerged", "Text", null, null], ["Phone", "Phone", null, "555"]]);
    assert_eq!(json!(notes(&org, "AccountHistory", &format!("WHERE AccountId = '{winner}'")).await), expected);
    assert_eq!(org.query("SELECT Id FROM AccountHistory").await.records().len(), 3, "the loser's lie in the bin with it");
    let lead = store.create("Lead", [("LastName", "Öz"), ("Company", "Acme"), ("Status", "Working - Contacted")]).unwrap();
    let (account, ..) = store.convert(&lead, Some("First deal")).unwrap();
    let fields: Vec<Value> = notes(&org, "LeadHistory", "").await.iter().map(|row| row[0].clone()).collect();
    assert_eq!(json!(fields), json!(["created", "Status", "leadConverted"]));
    let made = notes(&org, "AccountHistory", &format!("WHERE AccountId = '{account}'")).await;
    assert_eq!(made[0][0], "accountCreatedFromLead");
    assert_eq!(notes(&org, "OpportunityFieldHistory", "").await[0][0], "opportunityCreatedFromLead");
}

#[tokio::test]
async fn old_notes_are_forgotten() {
    const DAY: u64 = 24 * 3600;
    let org = organisation(Options { session_timeout: Duration::from_secs(1000 * DAY), ..options(0) }).await;
    org.store().create("Lead", [("LastName", "L"), ("Company", "C")]).unwrap();
    let count = async |all: bool| {
        let query = "SELECT Id FROM LeadHistory";
        if all { org.query_all(query).await.records().len() } else { org.query(query).await.records().len() }
    };
    org.advance(548 * DAY);
    assert_eq!((count(false).await, count(true).await), (1, 1));
    org.advance(DAY);
    assert_eq!((count(false).await, count(true).await), (0, 1), "for two years they are told to whoever asks for everything");
    org.advance(182 * DAY);
    assert_eq!(count(true).await, 0);
}

#[tokio::test]
async fn invented_histories_end_at_the_values_of_today() {
    let org = organisation(Options { opportunities: Some(600), ..options(300) }).await;
    let store = org.store();
    let mut told = 0;
    for (history, parent) in [("ContactHistory", "Contact"), ("LeadHistory", "Lead"), ("OpportunityFieldHistory", "Opportunity")] {
        assert!(store.count(history) > 20 && store.deleted_count(history) > 0, "{history}");
        store.for_each(history, |note| {
            let record = store.record(parent, &note.values[&format!("{parent}Id")]).unwrap();
            assert_eq!(record.state, RecordState::Live, "{}", note.id);
            assert!(note.created_at >= record.created_at && note.created_at <= record.stamp, "{}", note.id);
            let (field, kind) = (&note.values["Field"], &note.values["DataType"]);
            if !matches!(kind.as_str(), "Text" | "EntityId" | "StringPlusClob" | "MultiEnum") {
                assert_eq!(note.values.get("NewValue").map_or("", String::as_str), record.values.get(field).map_or("", String::as_str));
                told += 1;
            }
        });
    }
    assert!(told > 20, "{told}");
}
