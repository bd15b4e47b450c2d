//! Salesforce: what queries select, and how wrong ones are refused.
#![allow(clippy::unwrap_used)]

mod organisation;

use std::collections::BTreeSet;

use aqueduct_simulator::salesforce::Options;
use organisation::{ids, options, organisation};
use serde_json::json;

#[tokio::test]
async fn conditions_select_what_they_say() {
    let org = organisation(Options { users: 3, ..options(0) }).await;
    let store = org.store();
    let mut made = Vec::new();
    for (name, score, email, born, opted_out) in [
        ("Ann", "1.5", "ann@example.com", "1990-01-01", "true"),
        ("bob", "10", "", "2000-12-31", "false"),
        ("Cid", "", "CID@example.com", "", "false"),
        ("O'Hara", "-3", "100%@example.com", "1990-01-01", "false"),
    ] {
        org.advance(60);
        let values = [("LastName", name), ("Score__c", score), ("Email", email), ("Birthdate", born), ("HasOptedOutOfEmail", opted_out)];
        made.push(store.create("Contact", values).unwrap());
    }
    // Made at 00:01:00, 00:02:00, 00:03:00 and 00:04:00.
    let first = &made[0][..15];
    for (condition, names) in [
        ("LastName = 'ANN'", "Ann"),
        ("LastName != 'ann' AND Email != null", "Cid,O'Hara"),
        ("LastName LIKE '_o_'", "bob"),
        ("LastName LIKE '%''%'", "error"),
        ("LastName LIKE '%\\'%'", "O'Hara"),
        ("Email LIKE '100\\%@%'", "O'Hara"),
        ("Score__c > 1.4", "Ann,bob"),
        ("Score__c <= 1.5", "Ann,O'Hara"),
        ("Score__c = null", "Cid"),
        ("Score__c != 10", "Ann,Cid,O'Hara"),
        ("Birthdate = 1990-01-01", "Ann,O'Hara"),
        ("Birthdate > 1990-01-01", "bob"),
        ("HasOptedOutOfEmail = true", "Ann"),
        ("NOT HasOptedOutOfEmail = true", "bob,Cid,O'Hara"),
        ("Email IN ('cid@example.com', 'nobody@example.com')", "Cid"),
        ("Email NOT IN ('cid@example.com')", "Ann,bob,O'Hara"),
        ("SystemModstamp > 2026-07-01T00:02:00Z", "Cid,O'Hara"),
        ("SystemModstamp >= 2026-07-01T02:02:00.000+02:00 AND SystemModstamp < 2026-07-01T00:04:00Z", "bob,Cid"),
        ("CreatedDate = TODAY AND (LastName = 'Ann' OR LastName = 'bob')", "Ann,bob"),
        ("CreatedDate = LAST_N_DAYS:3", "Ann,bob,Cid,O'Hara"),
        ("CreatedDate < TODAY", ""),
        (&format!("Id > '{first}'"), "bob,Cid,O'Hara"),
        (&format!("Id IN ('{}', '{first}')", made[2]), "Ann,Cid"),
        ("(SystemModstamp = 2026-07-01T00:02:00Z AND Id > '003000000000000') OR SystemModstamp > 2026-07-01T00:03:00Z", "bob,O'Hara"),
        ("Account.Name = null AND Owner.Name = null AND LastName > 'b' AND LastName < 'd'", "bob,Cid"),
        ("c.LastName = 'Ann' AND IsDeleted = false", "Ann"),
    ] {
        let answer = org.query(&format!("SELECT LastName FROM Contact c WHERE {condition}")).await;
        if names == "error" {
            assert_eq!(answer.status, 400, "{condition}");
            continue;
        }
        let found: Vec<String> = answer.records().iter().map(|row| row["LastName"].as_str().unwrap().to_owned()).collect();
        assert_eq!(found.join(","), names, "{condition}");
    }
}

#[tokio::test]
async fn order_limit_and_offset_hold() {
    let org = organisation(options(0)).await;
    for (name, score) in [("b", "2"), ("A", ""), ("c", "10")] {
        org.advance(1);
        org.store().create("Contact", [("LastName", name), ("Score__c", score)]).unwrap();
    }
    for (rest, names) in [
        ("ORDER BY LastName", "Abc"),
        ("ORDER BY LastName DESC", "cbA"),
        ("ORDER BY Score__c", "Abc"),
        ("ORDER BY Score__c DESC", "cbA"),
        ("ORDER BY Score__c ASC NULLS LAST", "bcA"),
        ("ORDER BY Score__c DESC NULLS FIRST, Id", "Acb"),
        ("ORDER BY SystemModstamp DESC LIMIT 2", "cA"),
        ("ORDER BY SystemModstamp, Id LIMIT 1 OFFSET 1", "A"),
        ("ORDER BY Id LIMIT 2", "bA"),
        ("LIMIT 0", ""),
    ] {
        let rows = org.query(&format!("SELECT LastName FROM Contact {rest}")).await.records();
        let found: String = rows.iter().map(|row| row["LastName"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{rest}");
    }
    let count = org.query("SELECT COUNT() FROM Contact WHERE LastName != 'b'").await.json();
    assert_eq!(count, json!({"totalSize": 2, "done": true, "records": []}));
}

#[tokio::test]
async fn keyset_reading_by_id_and_by_time_misses_nothing() {
    let org = organisation(Options { bulk_update_per_mille: 600, ..options(300) }).await;
    let mut by_id: Vec<String> = Vec::new();
    loop {
        let after = by_id.last().map_or_else(String::new, |last| format!("WHERE Id > '{last}' "));
        let page = org.ids(&format!("SELECT Id FROM Contact {after}ORDER BY Id LIMIT 40")).await;
        if page.is_empty() {
            break;
        }
        by_id.extend(page);
    }
    assert_eq!(by_id, org.store().ids("Contact"));

    let (mut by_time, mut last) = (Vec::new(), ("1970-01-01T00:00:00Z".to_owned(), "003000000000000".to_owned()));
    loop {
        let (time, id) = &last;
        let condition = format!("SystemModstamp > {time} OR (SystemModstamp = {time} AND Id > '{id}')");
        let rows =
            org.query(&format!("SELECT Id, SystemModstamp FROM Contact WHERE {condition} ORDER BY SystemModstamp, Id LIMIT 40")).await;
        let rows = rows.records();
        let Some(end) = rows.last() else { break };
        last = (end["SystemModstamp"].as_str().unwrap().replace("+0000", "Z"), end["Id"].as_str().unwrap().to_owned());
        by_time.extend(ids(&rows));
    }
    assert_eq!(by_time.len(), by_id.len());
    assert_eq!(by_time.into_iter().collect::<BTreeSet<_>>(), by_id.into_iter().collect());
}

#[tokio::test]
async fn records_have_their_shape() {
    let org = organisation(Options { users: 2, ..options(0) }).await;
    let store = org.store();
    let user = store.ids("User")[0].clone();
    let account = store.create("Account", [("Name", "Acme \"GmbH\""), ("OwnerId", user.as_str()), ("AnnualRevenue", "1500")]).unwrap();
    let values = [("LastName", "Öz"), ("FirstName", "Ann"), ("AccountId", account.as_str()), ("MailingCity", "Bonn"), ("OwnerId", &user)];
    let contact = store.create("Contact", values).unwrap();
    store.create("Task", [("Subject", "Call"), ("WhoId", contact.as_str())]).unwrap();
    let row = &org
        .query("select id, name, mailingaddress, doNotCall, account.owner.name, Account.AnnualRevenue, CreatedDate, Email from contact")
        .await
        .records()[0];
    let at = "/services/data/v62.0/sobjects";
    assert_eq!(
        *row,
        json!({
            "attributes": {"type": "Contact", "url": format!("{at}/Contact/{contact}")},
            "Id": contact, "Name": "Ann Öz",
            "MailingAddress": {"city": "Bonn", "country": null, "countryCode": null, "geocodeAccuracy": null, "latitude": null,
                "longitude": null, "postalCode": null, "state": null, "stateCode": null, "street": null},
            "DoNotCall": false,
            "Account": {
                "attributes": {"type": "Account", "url": format!("{at}/Account/{account}")},
                "Owner": {"attributes": {"type": "User", "url": format!("{at}/User/{user}")}, "Name": "Integration User"},
                "AnnualRevenue": 1500.0,
            },
            "CreatedDate": "2026-07-01T00:00:00.000+0000", "Email": null,
        })
    );
    let task = &org.query("SELECT Who.Type, Who.Name, What.Name FROM Task WHERE Who.Type = 'Contact'").await.records()[0];
    assert_eq!((&task["Who"]["Type"], &task["Who"]["Name"], &task["What"]), (&json!("Contact"), &json!("Ann Öz"), &json!(null)));
    let all = &org.query("SELECT FIELDS(ALL) FROM Contact LIMIT 1").await.records()[0];
    assert_eq!(all.as_object().unwrap().len(), store.fields("Contact").len() + 1);
    let custom = &org.query("SELECT FIELDS(CUSTOM), Id FROM Contact LIMIT 1").await.records()[0];
    assert!(custom.as_object().unwrap().keys().all(|key| key.ends_with("__c") || key == "Id" || key == "attributes"));
}

#[tokio::test]
async fn wrong_queries_are_refused_as_the_vendor_does() {
    let org = organisation(options(3)).await;
    for (query, code, words) in [
        ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Contact WHERE DoNotCall = true AND Id = null OR Id = null", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE", "sObject type 'Nothing' is not supported."),
        ("SELECT Id, Nope__c FROM Contact", "INVALID_FIELD", "No such column 'Nope__c' on entity 'Contact'."),
        ("SELECT Id FROM Contact ORDER BY Nope", "INVALID_FIELD", "No such column 'Nope' on entity 'Contact'."),
        ("SELECT Foo.Name FROM Contact", "INVALID_FIELD", "Didn't understand relationship 'Foo' in field path."),
        ("SELECT Id, Id FROM Contact", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Id FROM Contact WHERE CreatedDate > '2026-01-01'", "INVALID_FIELD", "must be of type dateTime and should not be enclosed"),
        ("SELECT Id FROM Contact WHERE CreatedDate > 2026-01-01", "INVALID_FIELD", "must be of type dateTime and should not be enclosed"),
        ("SELECT Id FROM Contact WHERE LastName = 5", "INVALID_FIELD", "must be of type string and should be enclosed in quotes"),
        ("SELECT Id FROM Contact WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
        ("SELECT Id FROM Contact WHERE Description = 'x'", "INVALID_FIELD", "field 'Description' can not be filtered in a query call"),
        ("SELECT Id FROM Contact ORDER BY Interests__c", "INVALID_FIELD", "can not be sorted in a query call"),
        ("SELECT FIELDS(ALL) FROM Contact", "MALFORMED_QUERY", "must have a LIMIT of at most 200"),
        ("SELECT FIELDS(ALL) FROM Contact LIMIT 201", "MALFORMED_QUERY", "must have a LIMIT of at most 200"),
        ("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
        ("SELECT Id FROM Contact GROUP BY Id", "MALFORMED_QUERY", "GROUP"),
    ] {
        let answer = org.query(query).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{query}");
        let message = answer.json()[0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words), "{query}: {message}");
    }
    let message = org.query("SELECT Id, Nope__c FROM Contact").await.json()[0]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("\nSELECT Id, Nope__c FROM Contact\n           ^\nERROR at Row:1:Column:12\nNo such column"), "{message}");
}

#[tokio::test]
async fn hidden_fields_and_objects_are_as_if_there_were_none() {
    let org = organisation(options(3)).await;
    let store = org.store();
    let fields = |answer: organisation::Answer| -> BTreeSet<String> {
        answer.json()["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap().to_owned()).collect()
    };
    assert!(fields(org.get("/sobjects/Contact/describe").await).contains("Email"));
    store.set_field_hidden("Contact", "Email", true).unwrap();
    assert!(!fields(org.get("/sobjects/Contact/describe").await).contains("Email"));
    assert_eq!(org.query("SELECT Email FROM Contact").await.error(), (400, "INVALID_FIELD".to_owned()));
    store.set_object_hidden("Lead", true).unwrap();
    let all = org.get("/sobjects/").await.json();
    assert!(all["sobjects"].as_array().unwrap().iter().all(|object| object["name"] != "Lead"));
    assert_eq!(org.get("/sobjects/Lead/describe").await.error(), (404, "NOT_FOUND".to_owned()));
    assert_eq!(org.query("SELECT Id FROM Lead").await.error(), (400, "INVALID_TYPE".to_owned()));
    store.add_field("Contact", "Level__c pick(One|Two)").unwrap();
    assert_eq!(org.query("SELECT Level__c FROM Contact LIMIT 1").await.records()[0]["Level__c"], json!(null));
}
