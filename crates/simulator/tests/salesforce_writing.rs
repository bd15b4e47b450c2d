//! Salesforce: records changed over HTTP, by REST and by SOAP.
#![allow(clippy::unwrap_used)]

mod organisation;

use aqueduct_simulator::salesforce::{RecordState, RequestClass};
use organisation::{Answer, Organisation, options, organisation};
use serde_json::json;

async fn soap(org: &Organisation, session: &str, call: &str) -> Answer {
    let envelope = format!(
        "<?xml version=\"1.0\"?><e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Header><SessionHeader \
         xmlns=\"urn:partner.soap.sforce.com\"><sessionId>{session}</sessionId></SessionHeader></e:Header><e:Body>{call}</e:Body></e:Envelope>"
    );
    org.send(org.request("POST", "/services/Soap/u/62.0").header("soapaction", "\"\"").body(envelope)).await
}

#[tokio::test]
async fn records_are_made_changed_and_deleted() {
    let org = organisation(options(0)).await;
    let made = org.call("POST", "/sobjects/contact", &json!({"LastName": "Öz", "DoNotCall": true, "Score__c": 12.5, "Title": null})).await;
    assert_eq!((made.status, &made.json()["success"]), (201, &json!(true)));
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let row = org.store().record("Contact", &id).unwrap();
    assert_eq!(
        (row.values["LastName"].as_str(), row.values["DoNotCall"].as_str(), row.values["Score__c"].as_str()),
        ("Öz", "true", "12.5")
    );

    org.advance(60);
    let path = format!("/sobjects/Contact/{id}");
    assert_eq!(org.call("PATCH", &path, &json!({"Score__c": null, "Title": "CTO"})).await.status, 204);
    let row = org.store().record("Contact", &id).unwrap();
    assert_eq!((row.values.get("Score__c"), row.stamp.to_string().as_str()), (None, "2026-07-01T00:01:00Z"));
    assert_eq!(org.call("PATCH", &path, &json!({"Nothing__c": 1})).await.error(), (400, "INVALID_FIELD".to_owned()));
    let own = org.call("PATCH", &path, &json!({"SystemModstamp": "2026-01-01T00:00:00Z"})).await;
    assert_eq!(own.error(), (400, "INVALID_FIELD_FOR_INSERT_UPDATE".to_owned()));
    assert_eq!(org.call("PATCH", &path, &json!([])).await.error().1, "JSON_PARSER_ERROR");

    assert_eq!(org.call("DELETE", &path, &json!({})).await.status, 204);
    assert_eq!(org.store().record("Contact", &id).unwrap().state, RecordState::Deleted);
    assert_eq!(org.call("DELETE", &path, &json!({})).await.error(), (404, "ENTITY_IS_DELETED".to_owned()));
    assert_eq!(org.call("POST", "/sobjects/Nothing", &json!({})).await.status, 404);
    assert_eq!(org.simulator.counters().by_class[&RequestClass::Write], 8);
}

#[tokio::test]
async fn soap_merges_undeletes_empties_the_bin_and_converts() {
    let org = organisation(options(0)).await;
    let store = org.store();
    let ids: Vec<String> = (0..3).map(|number| store.create("Contact", [("LastName", format!("C{number}"))]).unwrap()).collect();
    let merge = format!(
        "<merge xmlns=\"urn:partner.soap.sforce.com\"><request><masterRecord><type>Contact</type><Id>{}</Id></masterRecord>\
         <recordToMergeIds>{}</recordToMergeIds></request></merge>",
        ids[0], ids[1]
    );
    assert_eq!(soap(&org, "none", &merge).await.status, 500);
    let merged = soap(&org, &org.token, &merge).await;
    assert!(
        merged.status == 200 && merged.text.contains("<mergeResponse") && merged.text.contains("<success>true</success>"),
        "{merged:?}"
    );
    assert_eq!(store.record("Contact", &ids[1]).unwrap().state, RecordState::MergedInto(ids[0].clone()));
    assert!(soap(&org, &org.token, &merge).await.text.contains("<success>false</success>"));

    store.delete("Contact", &ids[2]).unwrap();
    let undelete = format!("<p:undelete><p:ids>{}</p:ids></p:undelete>", ids[2]);
    assert!(soap(&org, &org.token, &undelete).await.text.contains("<success>true</success>"));
    assert_eq!(store.record("Contact", &ids[2]).unwrap().state, RecordState::Live);
    let empty = format!("<emptyRecycleBin><ids>{}</ids><ids>{}</ids></emptyRecycleBin>", ids[1], ids[2]);
    let emptied = soap(&org, &org.token, &empty).await.text;
    assert!(
        emptied.contains("<success>true</success>") && emptied.contains("<success>false</success>"),
        "one was not in the bin: {emptied}"
    );
    assert_eq!(store.record("Contact", &ids[1]).unwrap().state, RecordState::Erased);

    let lead = store.create("Lead", [("LastName", "L"), ("Company", "C")]).unwrap();
    let convert =
        format!("<convertLead><leadConverts><leadId>{lead}</leadId><opportunityName>D</opportunityName></leadConverts></convertLead>");
    assert!(soap(&org, &org.token, &convert).await.text.contains("<success>true</success>"));
    assert_eq!(store.record("Lead", &lead).unwrap().values["IsConverted"], "true");
    assert_eq!(soap(&org, &org.token, "<login/>").await.status, 500);
}
