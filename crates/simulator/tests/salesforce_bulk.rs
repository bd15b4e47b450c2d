//! Salesforce: Bulk API 2.0 query jobs.
#![allow(clippy::unwrap_used)]

mod organisation;

use std::time::Duration;

use aqueduct_simulator::salesforce::{BulkPace, JobState, Limits, Options};
use organisation::{Answer, Organisation, options, organisation};
use serde_json::json;

async fn create(org: &Organisation, operation: &str, query: &str) -> Answer {
    org.call("POST", "/jobs/query", &json!({"operation": operation, "query": query})).await
}

async fn job(org: &Organisation, operation: &str, query: &str) -> String {
    let answer = create(org, operation, query).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!((&body["state"], &body["lineEnding"], &body["columnDelimiter"]), (&json!("UploadComplete"), &json!("LF"), &json!("COMMA")));
    body["id"].as_str().unwrap().to_owned()
}

async fn state(org: &Organisation, id: &str) -> String {
    org.get(&format!("/jobs/query/{id}")).await.json()["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_job_runs_and_is_read_in_pages() {
    let org = organisation(options(25)).await;
    let id = job(&org, "query", "SELECT Id, IsDeleted, SystemModstamp FROM Contact").await;
    let info = org.get(&format!("/jobs/query/{id}")).await.json();
    let count = org.store().count("Contact");
    assert_eq!(
        (&info["state"], &info["jobType"], &info["numberRecordsProcessed"]),
        (&json!("JobComplete"), &json!("V2Query"), &json!(count))
    );
    let (mut rows, mut locator, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let more = if locator.is_empty() { String::new() } else { format!("&locator={locator}") };
        let page = org.get(&format!("/jobs/query/{id}/results?maxRecords=10{more}")).await;
        let lines = page.rows();
        assert_eq!(lines[0], ["Id", "IsDeleted", "SystemModstamp"]);
        assert_eq!(page.header("sforce-numberofrecords").unwrap(), (lines.len() - 1).to_string());
        rows.extend_from_slice(&lines[1..]);
        pages += 1;
        page.header("sforce-locator").unwrap().clone_into(&mut locator);
        if locator == "null" {
            break;
        }
    }
    assert_eq!((pages, rows.len()), (count.div_ceil(10), count));
    assert!(rows.iter().all(|row| row[1] == "false" && row[2].ends_with(".000Z")));
    assert_eq!(rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), org.store().ids("Contact"));

    let all = job(&org, "queryAll", "SELECT Id FROM Contact").await;
    assert_eq!(state(&org, &all).await, "JobComplete");
    assert_eq!(org.get(&format!("/jobs/query/{all}/results")).await.rows().len(), 26);
    assert_eq!(org.simulator.open_jobs().len(), 2);
    for id in [&id, &all] {
        assert_eq!(org.call("DELETE", &format!("/jobs/query/{id}"), &json!({})).await.status, 204);
        assert_eq!(org.get(&format!("/jobs/query/{id}")).await.error(), (404, "NOT_FOUND".to_owned()));
        assert_eq!(org.get(&format!("/jobs/query/{id}/results")).await.status, 404);
    }
    assert!(org.simulator.open_jobs().is_empty() && org.simulator.jobs().iter().all(|job| job.deleted));
}

#[tokio::test]
async fn values_are_quoted_and_null_is_empty() {
    let org = organisation(options(0)).await;
    let account = org.store().create("Account", [("Name", "A \"B\", C\nD")]).unwrap();
    org.store().create("Contact", [("LastName", "Öz"), ("AccountId", account.as_str()), ("Score__c", "5")]).unwrap();
    let id = job(&org, "query", "SELECT LastName, Email, Account.Name, Score__c, Owner.Name FROM Contact").await;
    state(&org, &id).await;
    let page = org.get(&format!("/jobs/query/{id}/results")).await;
    let expected = "\"LastName\",\"Email\",\"Account.Name\",\"Score__c\",\"Owner.Name\"\n\"Öz\",\"\",\"A \"\"B\"\", C\nD\",\"5.0\",\"\"\n";
    assert_eq!((page.text.as_str(), page.header("content-type")), (expected, Some("text/csv")));
    let empty = job(&org, "query", "SELECT Id FROM Lead").await;
    state(&org, &empty).await;
    let page = org.get(&format!("/jobs/query/{empty}/results")).await;
    assert_eq!(
        (page.text.as_str(), page.header("sforce-numberofrecords"), page.header("sforce-locator")),
        ("\"Id\"\n", Some("0"), Some("null"))
    );
}

#[tokio::test]
async fn states_follow_the_clock_and_the_polls() {
    let pace = BulkPace { queued: Duration::from_secs(5), queued_polls: 1, running: Duration::from_secs(60), running_polls: 2 };
    let org = organisation(Options { bulk: pace, ..options(5) }).await;
    let id = job(&org, "query", "SELECT Id FROM Contact").await;
    assert_eq!(state(&org, &id).await, "UploadComplete");
    assert_eq!(org.get(&format!("/jobs/query/{id}/results")).await.error(), (400, "INVALIDJOBSTATE".to_owned()));
    assert_eq!(org.call("DELETE", &format!("/jobs/query/{id}"), &json!({})).await.error().1, "INVALIDJOBSTATE");
    let late = org.store().create("Contact", [("LastName", "Before it ran")]).unwrap();
    org.advance(5);
    assert_eq!(state(&org, &id).await, "InProgress");
    org.store().create("Contact", [("LastName", "After it ran")]).unwrap();
    org.advance(60);
    assert_eq!(state(&org, &id).await, "InProgress", "it was asked for only once");
    assert_eq!(state(&org, &id).await, "JobComplete");
    let rows = org.get(&format!("/jobs/query/{id}/results")).await.rows();
    assert_eq!((rows.last().unwrap()[0].as_str(), rows.len()), (late.as_str(), org.store().count("Contact")));

    let other = job(&org, "query", "SELECT Id FROM Contact").await;
    let aborted = org.call("PATCH", &format!("/jobs/query/{other}"), &json!({"state": "Aborted"})).await;
    assert_eq!(aborted.json()["state"], "Aborted");
    assert_eq!(org.call("PATCH", &format!("/jobs/query/{other}"), &json!({"state": "Aborted"})).await.status, 400);
    assert_eq!(org.simulator.jobs()[1].state, JobState::Aborted);
    let list = org.get("/jobs/query?jobType=V2Query").await.json();
    let states: Vec<&str> = list["records"].as_array().unwrap().iter().map(|job| job["state"].as_str().unwrap()).collect();
    assert_eq!((states, &list["done"], &list["nextRecordsUrl"]), (vec!["JobComplete", "Aborted"], &json!(true), &json!(null)));

    org.advance(7 * 24 * 3600);
    let again = org.simulator.access_token();
    let answer = org.send(org.request("GET", &format!("/jobs/query/{id}/results")).bearer_auth(again)).await;
    assert_eq!(answer.error(), (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn what_bulk_cannot_do_is_refused() {
    let org = organisation(Options { limits: Limits { daily_bulk_jobs: Some(2), ..Limits::none() }, ..options(5) }).await;
    for (query, code, words) in [
        ("SELECT Id, MailingAddress FROM Contact", "FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query"),
        ("SELECT Id FROM OpportunityStage", "INVALIDENTITY", "is not supported by the Bulk API"),
        ("SELECT Id FROM Contact OFFSET 1", "API_ERROR", "OFFSET"),
        ("SELECT LastName FROM Contact GROUP BY LastName", "API_ERROR", "GROUP BY"),
        ("SELECT Nope FROM Contact", "INVALID_FIELD", "No such column 'Nope'"),
        ("SELECT", "MALFORMED_QUERY", "unexpected token"),
    ] {
        let answer = create(&org, "query", query).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{query}");
        assert!(answer.text.contains(words), "{query}: {}", answer.text);
    }
    assert!(org.simulator.jobs().is_empty());
    org.store().set_bulk_supported("Lead", false).unwrap();
    assert_eq!(create(&org, "query", "SELECT Id FROM Lead").await.error().1, "INVALIDENTITY");

    let first = job(&org, "query", "SELECT Id FROM Contact").await;
    org.simulator.fail_bulk_jobs(1, "InternalServerError : the job was too large");
    let info = org.get(&format!("/jobs/query/{first}")).await.json();
    assert_eq!((&info["state"], &info["numberRecordsProcessed"]), (&json!("Failed"), &json!(0)));
    assert!(info["errorMessage"].as_str().unwrap().contains("too large"));
    let second = job(&org, "query", "SELECT Id FROM Contact").await;
    assert_ne!(first, second, "the same request twice makes two jobs");
    let third = create(&org, "query", "SELECT Id FROM Contact").await;
    assert_eq!(third.error(), (400, "LIMIT_EXCEEDED".to_owned()));
    assert!(third.text.contains("Max bulk v2 query jobs (2) per 24 hrs has been reached"));
    assert_eq!(org.get("/limits").await.json()["DailyBulkV2QueryJobs"], json!({"Max": 2, "Remaining": 0}));
}
