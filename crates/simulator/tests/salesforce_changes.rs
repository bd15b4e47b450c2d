//! Salesforce: deletions, merges, conversions, late commits, and values that change without a time moving.
#![allow(clippy::unwrap_used)]

mod organisation;

use std::time::Duration;

use aqueduct_simulator::salesforce::{Options, RecordState};
use organisation::{Organisation, encoded, ids, options, organisation};
use serde_json::{Value, json};

async fn span(org: &Organisation, object: &str, what: &str, start: &str, end: &str) -> organisation::Answer {
    org.get(&format!("/sobjects/{object}/{what}/?start={}&end={}", encoded(start), encoded(end))).await
}

#[tokio::test]
async fn deleted_records_lie_in_the_bin_for_fifteen_days() {
    let org = organisation(Options { session_timeout: Duration::from_secs(90 * 24 * 3600), ..options(0) }).await;
    let store = org.store();
    let made: Vec<String> = (0..4).map(|number| store.create("Contact", [("LastName", format!("C{number}"))]).unwrap()).collect();
    org.advance(60);
    store.delete("Contact", &made[0]).unwrap();
    store.delete("Contact", &made[1]).unwrap();
    store.hard_delete("Contact", &made[2]).unwrap();
    org.advance(60);
    store.undelete("Contact", &made[1]).unwrap();
    assert_eq!(org.ids("SELECT Id FROM Contact").await, [made[1].clone(), made[3].clone()]);
    let all = org.query_all("SELECT Id, IsDeleted, SystemModstamp, MasterRecordId FROM Contact WHERE IsDeleted = true").await.records();
    assert_eq!((ids(&all), &all[0]["SystemModstamp"]), (vec![made[0].clone()], &json!("2026-07-01T00:01:00.000+0000")));
    let back = org.query(&format!("SELECT SystemModstamp FROM Contact WHERE Id = '{}'", made[1])).await.records();
    assert_eq!(back[0]["SystemModstamp"], "2026-07-01T00:02:00.000+0000");

    org.advance(600);
    let body = span(&org, "Contact", "deleted", "2026-07-01T00:00:00+00:00", "2026-07-01T01:00:00+00:00").await.json();
    let told: Vec<&Value> = body["deletedRecords"].as_array().unwrap().iter().map(|record| &record["id"]).collect();
    assert_eq!(told, [&json!(made[0]), &json!(made[2])], "what left the bin is told, what came back is not");
    assert_eq!(body["deletedRecords"][0]["deletedDate"], "2026-07-01T00:01:00.000+0000");
    assert_eq!(body["latestDateCovered"], "2026-07-01T00:12:00.000+0000", "not the end, which lies ahead");
    assert_eq!(body["earliestDateAvailable"], "2026-06-16T00:12:00.000+0000");

    org.advance(15 * 24 * 3600);
    assert_eq!(org.query_all("SELECT COUNT() FROM Contact").await.json()["totalSize"], 2);
    let body = span(&org, "Contact", "deleted", "2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z").await.json();
    assert_eq!(body["deletedRecords"], json!([]));
    assert_eq!(body["earliestDateAvailable"], "2026-07-01T00:12:00.000+0000", "later than asked for: something may be lost");
    org.advance(16 * 24 * 3600);
    let old = span(&org, "Contact", "deleted", "2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z").await;
    assert_eq!(old.error(), (400, "INVALID_REPLICATION_DATE".to_owned()));
}

#[tokio::test]
async fn replication_answers_are_bounded() {
    let org = organisation(options(0)).await;
    for number in 0..3 {
        org.store().create("Lead", [("LastName", format!("L{number}")), ("Company", "C".to_owned())]).unwrap();
    }
    org.advance(3600);
    let (start, end) = ("2026-07-01T00:00:00Z", "2026-07-01T00:30:00Z");
    let body = span(&org, "Lead", "updated", start, end).await.json();
    assert_eq!(body, json!({"ids": org.store().ids("Lead"), "latestDateCovered": "2026-07-01T00:30:00.000+0000"}));
    assert_eq!(span(&org, "Lead", "updated", start, "2026-07-01T00:00:59Z").await.error().1, "INVALID_REPLICATION_DATE");
    org.simulator.set_replication_limit(2);
    assert_eq!(span(&org, "Lead", "updated", start, end).await.error(), (400, "EXCEEDED_ID_LIMIT".to_owned()));
    assert_eq!(span(&org, "Nothing", "updated", start, end).await.status, 404);
    org.store().delete("Lead", &org.store().ids("Lead")[0]).unwrap();
    org.simulator.trim_deletions("2026-07-01T02:00:00Z".parse().unwrap());
    let body = span(&org, "Lead", "deleted", start, "2026-07-01T03:00:00Z").await.json();
    assert_eq!((&body["deletedRecords"], &body["earliestDateAvailable"]), (&json!([]), &json!("2026-07-01T02:00:00.000+0000")));
}

#[tokio::test]
async fn a_merge_leaves_a_master_and_moves_what_referred_to_the_loser() {
    let org = organisation(options(0)).await;
    let store = org.store();
    let winner = store.create("Account", [("Name", "Winner")]).unwrap();
    let loser = store.create("Account", [("Name", "Loser"), ("Phone", "555")]).unwrap();
    let contact = store.create("Contact", [("LastName", "C"), ("AccountId", loser.as_str())]).unwrap();
    org.advance(60);
    store.merge("Account", &winner, &loser).unwrap();
    let gone = &org.query_all("SELECT Id, MasterRecordId FROM Account WHERE IsDeleted = true").await.records()[0];
    assert_eq!((&gone["Id"], &gone["MasterRecordId"]), (&json!(loser), &json!(winner)));
    assert_eq!(store.record("Account", &loser).unwrap().state, RecordState::MergedInto(winner.clone()));
    let moved = &org.query("SELECT AccountId, SystemModstamp, LastModifiedDate FROM Contact").await.records()[0];
    assert_eq!(moved["AccountId"], json!(winner));
    assert_eq!(moved["SystemModstamp"], "2026-07-01T00:01:00.000+0000", "the system moved it");
    assert_eq!(moved["LastModifiedDate"], "2026-07-01T00:00:00.000+0000", "nobody touched it");
    assert_eq!(store.record("Account", &winner).unwrap().values["Phone"], "555");
    assert!(store.merge("Account", &winner, &winner).is_err() && store.merge("Contact", &contact, &contact).is_err());
}

#[tokio::test]
async fn a_converted_lead_is_no_deletion() {
    let org = organisation(options(0)).await;
    let store = org.store();
    let lead = store.create("Lead", [("LastName", "Öz"), ("Company", "Acme"), ("Email", "oz@example.com")]).unwrap();
    let (account, contact, opportunity) = store.convert(&lead, Some("First deal")).unwrap();
    let row = &org
        .query("SELECT IsConverted, IsDeleted, ConvertedContactId, ConvertedAccountId, ConvertedOpportunityId FROM Lead")
        .await
        .records()[0];
    assert_eq!(row["IsConverted"], json!(true));
    assert_eq!(row["IsDeleted"], json!(false));
    assert_eq!((&row["ConvertedContactId"], &row["ConvertedAccountId"]), (&json!(contact), &json!(account)));
    assert_eq!(row["ConvertedOpportunityId"], json!(opportunity));
    assert_eq!(store.record("Contact", &contact).unwrap().values["Email"], "oz@example.com");
    assert!(store.convert(&lead, None).is_err());
}

#[tokio::test]
async fn formulas_and_roll_ups_change_without_a_time() {
    let org = organisation(options(0)).await;
    let store = org.store();
    let account = store.create("Account", [("Name", "A"), ("Industry", "Energy")]).unwrap();
    store.create("Contact", [("LastName", "C"), ("AccountId", account.as_str())]).unwrap();
    let values = [("Name", "D"), ("StageName", "Prospecting"), ("CloseDate", "2026-12-31"), ("Amount", "100"), ("AccountId", &account)];
    let deal = store.create("Opportunity", values).unwrap();
    let read = "SELECT Account_Industry__c, SystemModstamp, LastModifiedDate FROM Contact";
    let before = org.query(read).await.records()[0].clone();
    assert_eq!(before["Account_Industry__c"], "Energy");
    let sum = || store.record("Account", &account).unwrap().values["Open_Amount__c"].clone();
    assert_eq!(sum(), "100.0");

    org.advance(3600);
    store.update("Account", &account, [("Industry", "Retail")]).unwrap();
    let after = org.query(read).await.records()[0].clone();
    assert_eq!(after["Account_Industry__c"], "Retail");
    assert_eq!((&after["SystemModstamp"], &after["LastModifiedDate"]), (&before["SystemModstamp"], &before["LastModifiedDate"]));

    let stamp = store.record("Account", &account).unwrap().stamp;
    org.advance(60);
    store.update("Opportunity", &deal, [("StageName", "Closed Won")]).unwrap();
    assert_eq!((sum().as_str(), store.record("Account", &account).unwrap().stamp), ("0.0", stamp));
    let deal_row = &org.query("SELECT IsWon, IsClosed, Probability, ForecastCategory, ExpectedRevenue FROM Opportunity").await.records()[0];
    assert_eq!((&deal_row["IsWon"], &deal_row["Probability"], &deal_row["ExpectedRevenue"]), (&json!(true), &json!(100.0), &json!(100.0)));
    let history = org.query("SELECT StageName FROM OpportunityHistory ORDER BY CreatedDate").await.records();
    let stages: Vec<&Value> = history.iter().map(|row| &row["StageName"]).collect();
    assert_eq!(stages, [&json!("Prospecting"), &json!("Closed Won")]);
    store.set_formula("Account", &account, "Size_Band__c", "Huge").unwrap();
    assert_eq!(store.record("Account", &account).unwrap().values["Size_Band__c"], "Huge");
    assert!(store.update("Account", &account, [("Size_Band__c", "x")]).is_err(), "people cannot write a formula's result");
}

#[tokio::test]
async fn a_late_commit_bears_an_earlier_time() {
    let org = organisation(Options { commit_lag: Duration::from_secs(300), ..options(0) }).await;
    let store = org.store();
    let id = store.create("Contact", [("LastName", "Slow")]).unwrap();
    let read = "SELECT Id, SystemModstamp FROM Contact WHERE SystemModstamp >= 2026-07-01T00:00:00Z ORDER BY SystemModstamp";
    org.advance(299);
    assert!(org.query(read).await.records().is_empty());
    org.advance(1);
    assert_eq!(org.query(read).await.records()[0]["SystemModstamp"], "2026-07-01T00:00:00.000+0000");
    org.advance(60);
    store.update("Contact", &id, [("LastName", "Slower")]).unwrap();
    org.advance(60);
    let rows =
        org.query("SELECT LastName, SystemModstamp FROM Contact WHERE SystemModstamp < 2026-07-01T00:03:00Z ORDER BY SystemModstamp").await;
    assert_eq!(rows.records()[0]["LastName"], "Slow", "the change is not seen yet, the record as it was is");
    org.advance(240);
    assert_eq!(org.query("SELECT LastName FROM Contact").await.records()[0]["LastName"], "Slower");
}

#[tokio::test]
async fn archived_activities_are_seen_with_query_all_alone() {
    let org = organisation(Options { tasks: Some(200), deleted_per_mille: 0, ..options(20) }).await;
    let (shown, all) = (org.store().ids_not_archived("Task"), org.store().ids("Task"));
    assert!(shown.len() < all.len());
    assert_eq!(org.ids("SELECT Id FROM Task").await, shown);
    assert_eq!(ids(&org.query_all("SELECT Id FROM Task").await.records()), all);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_organisation() {
    let read = async |seed: u64| {
        let org = organisation(Options { seed, ..options(60) }).await;
        let mut text = String::new();
        for object in org.store().objects() {
            text += &org.query_all(&format!("SELECT FIELDS(ALL) FROM {object} LIMIT 200")).await.text;
        }
        text
    };
    let first = read(5).await;
    assert!(first.len() > 100_000);
    assert_eq!(first, read(5).await);
    assert_ne!(first, read(6).await);
}
