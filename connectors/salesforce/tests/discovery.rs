//! The account, the streams and their fields, whatever the organisation has or hides.
#![allow(clippy::unwrap_used)]

mod fake;

use aqueduct_connector::schema::{Entity, Mode, ValueType, Visibility, codes, yaml};
use aqueduct_connector::serde_json::{Value, json};
use fake::{Fake, connector, field, fields, found, ok, ready, refused, stream};

#[test]
fn the_organisation_is_the_account() {
    let connector = connector(json!({}));
    let organisation = json!({"Id": "00D000000000001EAA", "Name": "Acme", "TimeZoneSidKey": "Europe/London"});
    let fake = Fake::new(&connector, &[refused(400, "INVALID_FIELD", "No such column"), found(1, true, &[organisation])]);
    let account = ready(connector.check(&fake.context())).unwrap();
    assert_eq!((account.id.as_str(), account.name.as_deref()), ("00D000000000001EAA", Some("Acme")));
    assert_eq!((account.time_zone.as_deref(), account.currency), (Some("Europe/London"), None));
    let fake = Fake::new(&connector, &[found(0, true, &[])]);
    assert_eq!(ready(connector.check(&fake.context())).unwrap_err().code(), codes::MALFORMED_ANSWER);
}

#[test]
fn descriptions_become_schemas() {
    let connector = connector(json!({}));
    let mut formula = field("Score__c", "double");
    formula["calculated"] = json!(true);
    let more = [
        field("Email", "email"),
        field("AccountId", "reference"),
        field("MailingAddress", "address"),
        field("MailingCity", "string"),
        field("Photo__c", "base64"),
        field("Birthdate", "date"),
        field("HasOptedOutOfEmail", "boolean"),
        formula,
    ];
    let stream = &stream(&connector, "Contact", ok(fields(&more)));
    assert_eq!((stream.name.as_str(), stream.lag.as_secs(), stream.record.object.as_ref()), ("contacts", 600, "Contact"));
    assert_eq!(stream.modes, [Mode::Backfill, Mode::Changes, Mode::Deletions, Mode::Ids, Mode::Columns]);
    let of = |path: &str| stream.record.index_of(path).map(|index| &stream.record.fields[index]);
    assert!(of("MailingAddress").is_none() && of("Photo__c").is_none());
    assert!(of("Score__c").is_some_and(|field| field.custom && field.calculated && field.value_type == ValueType::Decimal));
    assert_eq!(of("Birthdate").unwrap().value_type, ValueType::Date);
    let record = &stream.record;
    assert_eq!((record.updated_at.as_deref(), record.is_deleted.as_deref()), (Some("SystemModstamp"), Some("IsDeleted")));
    // What mappings use is there whether the user sees it or not, and is never asked for.
    for (path, visibility) in [
        ("Email", Visibility::Visible),
        ("Phone", Visibility::Hidden),
        ("MasterRecordId", Visibility::Hidden),
        ("IndividualId", Visibility::Absent),
        ("MailingCountryCode", Visibility::Absent),
    ] {
        assert_eq!(of(path).unwrap().visibility, visibility, "{path}");
    }
    let fake = Fake::new(&connector, &[found(0, true, &[])]);
    fake::page(&connector, &fake, stream, Mode::Changes, None).unwrap();
    let asked = fake.query(0, "q");
    assert!(asked.contains("Email") && !asked.contains("Phone") && !asked.contains("MasterRecordId"), "{asked}");
}

#[test]
fn an_object_that_is_hidden_hides_no_other_and_is_not_passed_over() {
    let connector = connector(json!({"objects": ["Case"]}));
    let objects = json!({"sobjects": [
        {"name": "Contact", "queryable": true, "replicateable": true},
        {"name": "Case", "queryable": true, "replicateable": false},
        {"name": "Individual", "queryable": false, "replicateable": true},
    ]});
    let fake = Fake::new(&connector, &[ok(objects), refused(404, "NOT_FOUND", "The requested resource does not exist"), ok(fields(&[]))]);
    let streams = ready(connector.discover(&fake.context())).unwrap();
    assert_eq!(fake.paths(), ["GET sobjects/", "GET sobjects/Contact/describe", "GET sobjects/Case/describe"]);
    let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!((names.len(), names[1], names[12]), (13, "contacts", "case"), "{names:?}");
    assert!(!names.contains(&"individuals") && names.contains(&"leads"), "{names:?}");
    assert_eq!(streams[12].modes, [Mode::Backfill, Mode::Changes, Mode::Ids, Mode::Columns]);
    for hidden in [&streams[1], &streams[2]] {
        assert!(hidden.record.index_of("Email").is_some() && hidden.modes.contains(&Mode::Changes), "{}", hidden.name);
        let fake = Fake::new(&connector, &[refused(400, "INVALID_TYPE", "sObject type is not supported.")]);
        assert_eq!(fake::page(&connector, &fake, hidden, Mode::Changes, None).unwrap_err().code(), codes::PERMISSION_DENIED);
    }
}

#[test]
fn objects_that_are_not_there_are_named() {
    let connector = connector(json!({"objects": ["Invoice__c"]}));
    let fake = Fake::new(&connector, &[ok(json!({"sobjects": []}))]);
    let error = ready(connector.discover(&fake.context())).unwrap_err();
    assert!(error.code() == codes::BAD_CONFIG && format!("{error:?}").contains("Invoice__c"), "{error:?}");
}

#[test]
fn the_time_of_change_is_the_best_there_is() {
    let connector = connector(json!({"objects": ["*"]}));
    let of = |names: &[&str]| {
        let fields: Vec<_> = [field("Id", "id")].into_iter().chain(names.iter().map(|name| field(name, "datetime"))).collect();
        let stream = stream(&connector, "Odd__c", ok(json!({"fields": fields})));
        (stream.record.updated_at, stream.modes[0])
    };
    assert_eq!(of(&["CreatedDate", "LastModifiedDate"]), (Some("LastModifiedDate".to_owned()), Mode::Backfill));
    assert_eq!(of(&["CreatedDate"]), (Some("CreatedDate".to_owned()), Mode::Backfill));
    assert_eq!(of(&[]), (None, Mode::Snapshot));
}

#[test]
fn mappings_give_fields_that_entities_have() {
    let mut entities = Vec::new();
    for (file, text) in aqueduct_connector_salesforce::registration().mappings {
        for document in text.split("\n---\n") {
            let mapping: Value = yaml::read(file, document).unwrap();
            let name = mapping["entity"].as_str().unwrap();
            let entity = Entity::named(name).unwrap();
            assert_eq!(*file, format!("{name}.yaml"));
            let sets = std::iter::once(&mapping["fields"]).chain(mapping["each"].as_array().into_iter().flatten());
            let given: Vec<&String> = sets.flat_map(|set| set.as_object().unwrap().keys()).collect();
            for field in &given {
                let known = entity.field(field).unwrap_or_else(|| unreachable!("{file}: {field}"));
                assert!(known.derivation.is_none(), "{file}: {field} follows from another field");
            }
            for field in entity.fields.iter().filter(|field| field.required) {
                assert!(given.iter().any(|name| *name == field.name), "{file}: {} is required", field.name);
            }
            entities.push(name.to_owned());
        }
    }
    entities.dedup();
    assert_eq!(entities.len(), 15, "{entities:?}");
}
