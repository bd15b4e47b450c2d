//! A contract freezes, holds back or lets go what the source changes; nothing is lost in any of the three.

use aqueduct_simulator::hubspot::{ObjectKind, Property, PropertyType};

use crate::account::Account;
use crate::database::{Database, difference};
use crate::project::Project;

/// Writes `p.yaml` with a contract, for all contacts and companies.
fn pipeline(account: &Account, project: &mut Project, database: &Database, contract: &str) {
    account.pipeline(project, database, "quality: { contract: contracts/crm.yaml }\n");
    let written = project.read("p.yaml");
    project.write("p.yaml", written.replace("destination:", "  select: [contacts.*, companies.*]\ndestination:"));
    project.write("contracts/crm.yaml", contract);
}

fn what_is_frozen_waits_and_the_rest_goes_on(database: &Database, mut project: Project) {
    let account = Account::of(60);
    let contract = "kind: contract\nversion: 1\nstreams:\n  contacts: { on_change: freeze, fields: { fax: { on_change: evolve } } }\n";
    pipeline(&account, &mut project, database, contract);
    project.run("run p.yaml --json").with_code(0);
    let store = account.store();
    let (contacts, companies) = (store.ids(ObjectKind::Contacts), store.ids(ObjectKind::Companies));
    // A label is no change of what is stored, and fax may go.
    store.archive_property(ObjectKind::Contacts, "fax");
    let points = store.properties(ObjectKind::Contacts).into_iter().find(|property| property.name == "loyalty_points").unwrap();
    store.add_property(ObjectKind::Contacts, Property { label: "Points".to_owned(), ..points.clone() });
    project.run("run p.yaml --json").with_code(0);

    store.add_property(ObjectKind::Contacts, Property { kind: PropertyType::String, ..points });
    store.add_property(ObjectKind::Contacts, Property::custom("shoe_size", "Shoe size", PropertyType::Number));
    store.update(ObjectKind::Contacts, contacts[3], [("city", "Basel")]).unwrap();
    store.update(ObjectKind::Companies, companies[3], [("city", "Basel")]).unwrap();
    let before = database.content(&[]);
    for _ in 0..2 {
        let ended = project.run("run p.yaml --json").with_code(8);
        let error = &ended.json()["errors"][0]["error"];
        assert_eq!(error["code"], "AQ6005");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("properties.shoe_size is new (decimal)"), "{message}");
        assert!(message.contains("properties.loyalty_points was decimal and is text"), "{message}");
        assert!(error["next"].as_str().unwrap().contains("aqueduct drift p --accept contacts"), "{error}");
        assert_eq!(ended.stream("contacts")["requests"], 0);
    }
    let written = difference(&before, &database.content(&[]));
    assert!(written.changed.iter().all(|(table, _)| ["hubspot_companies", "account"].contains(&table.as_str())), "{written:?}");
    assert_eq!(database.count("account", "city = 'Basel'"), 1, "other streams go on");
    let waiting = project.run("drift p.yaml").with_code(0).out;
    assert!(waiting.contains("Stream contacts is not read") && waiting.contains("--accept contacts"), "{waiting}");

    let ended = project.run("drift p.yaml --accept contcts").with_code(2);
    assert!(ended.err.contains("AQ1007"), "{}", ended.err);
    project.run("drift p.yaml --accept contacts").with_code(0);
    assert!(!project.run("drift p.yaml").with_code(0).out.contains("is not read"));
    let ended = project.run("run p.yaml --json").with_code(0);
    assert_eq!(ended.json()["columns_filled"]["contacts"], serde_json::json!(["properties.shoe_size"]));
    assert_eq!(database.count("contact", "city = 'Basel'"), 1);
    assert!(project.run("drift p.yaml --accept").with_code(0).out.contains("Nothing waited"));
}

#[test]
fn what_is_frozen_waits_and_the_rest_goes_on_in_sqlite() {
    let project = Project::new();
    what_is_frozen_waits_and_the_rest_goes_on(&Database::sqlite(&project), project);
}

#[test]
fn what_is_frozen_waits_and_the_rest_goes_on_in_postgres() {
    what_is_frozen_waits_and_the_rest_goes_on(&Database::postgres(), Project::new());
}

fn what_does_not_fit_goes_to_quarantine(database: &Database, mut project: Project) {
    let account = Account::of(60);
    pipeline(&account, &mut project, database, "on_change: quarantine\n");
    project.run("run p.yaml --json").with_code(0);
    let store = account.store();
    let ids = store.ids(ObjectKind::Contacts);
    let points = store.properties(ObjectKind::Contacts).into_iter().find(|property| property.name == "loyalty_points").unwrap();
    store.add_property(ObjectKind::Contacts, Property { kind: PropertyType::String, ..points });
    store.add_property(ObjectKind::Contacts, Property::custom("shoe_size", "Shoe size", PropertyType::Number));
    store.update(ObjectKind::Contacts, ids[3], [("loyalty_points", "a dozen"), ("shoe_size", "41")]).unwrap();
    store.update(ObjectKind::Contacts, ids[4], [("loyalty_points", "12"), ("shoe_size", "42")]).unwrap();
    let ended = project.run("run p.yaml --json").with_code(0);
    let report = ended.stream("contacts");
    assert_eq!((report["loaded"].as_u64(), report["quarantined"].as_u64()), (Some(1), Some(1)), "{report}");
    assert_eq!(ended.json()["fields_not_accepted"]["contacts"], serde_json::json!(["properties.shoe_size"]));
    let row = database.ask(&format!("SELECT source_id, rule, field, status FROM {}", database.table("_quarantine")));
    assert_eq!(row, [[ids[3].to_string(), "contract.type".to_owned(), "properties.loyalty_points".to_owned(), "new".to_owned()]]);
    let points = |id: u64| {
        let table = database.table("hubspot_contacts");
        database.one(&format!("SELECT CAST(CAST(loyalty_points AS integer) AS text) FROM {table} WHERE source_id = '{id}'"))
    };
    assert_eq!(points(ids[4]), "12");
    let column = "SELECT count(*) FROM {} WHERE shoe_size IS NOT NULL".replace("{}", &database.table("hubspot_contacts"));
    assert!(database.try_ask(&column).is_err(), "the column is not there");
    assert!(project.run("drift p.yaml").with_code(0).out.contains("Not stored of stream contacts"));
    // It stays so until somebody accepts it; then all of it comes, for all records.
    let ended = project.run("run p.yaml --json").with_code(0);
    assert!(ended.json()["schema_changes"].as_array().unwrap().is_empty());
    assert!(database.try_ask(&column).is_err());
    project.run("drift p.yaml --accept").with_code(0);
    store.update(ObjectKind::Contacts, ids[3], [("city", "Basel")]).unwrap();
    let ended = project.run("run p.yaml --json").with_code(0);
    assert_eq!(ended.json()["columns_filled"]["contacts"], serde_json::json!(["properties.shoe_size"]));
    assert_eq!(database.one(&column), "2");
    let cell = database.one(&format!("SELECT loyalty_points FROM {} WHERE source_id = '{}'", database.table("hubspot_contacts"), ids[3]));
    assert_eq!(cell, "a dozen", "the column is text now");
    assert_eq!(database.list(&format!("SELECT status FROM {}", database.table("_quarantine"))), ["fixed"]);
}

#[test]
fn what_does_not_fit_goes_to_quarantine_in_sqlite() {
    let project = Project::new();
    what_does_not_fit_goes_to_quarantine(&Database::sqlite(&project), project);
}

#[test]
fn what_does_not_fit_goes_to_quarantine_in_postgres() {
    what_does_not_fit_goes_to_quarantine(&Database::postgres(), Project::new());
}

#[test]
fn mistakes_in_a_contract_are_named_with_their_place() {
    let project = Project::new();
    project.write("people.csv", "id,email,joined\n1,a@example.com,2026-01-31\n");
    let file = "source: { connector: files, config: { path: people.csv, key: id } }\nquality: { contract: c.yaml }\ndestination: { url: sqlite://w.db }\n";
    project.write("p.yaml", file);
    for (contract, code, place, said) in [
        ("on_change: freez\n", "AQ1002", "c.yaml:1:12", ""),
        ("streams:\n  people: { on_chang: freeze }\n", "AQ1003", "c.yaml:2:13", ""),
        ("version: 9\n", "AQ1015", "c.yaml:1:10", "version 9"),
        ("streams:\n  peeple: { on_change: freeze }\n", "AQ1007", "c.yaml:2:3", "Did you mean `people`?"),
        ("streams:\n  people:\n    fields:\n      emial: { on_change: freeze }\n", "AQ1008", "c.yaml:4:7", "Did you mean `email`?"),
    ] {
        project.write("c.yaml", contract);
        let ended = project.run("validate p.yaml").with_code(2);
        for part in [code, place, said] {
            assert!(ended.err.contains(part), "{part}: {}", ended.err);
        }
    }
    project.write("c.yaml", "streams: { people: { on_change: freeze, fields: { email: { on_change: evolve } } } }\n");
    project.run("validate p.yaml").with_code(0);
    project.write("p.yaml", file.replace("c.yaml", "d.yaml"));
    assert!(project.run("validate p.yaml").with_code(2).err.contains("p.yaml:2:22"));
}

#[test]
fn tables_say_up_to_when_they_are_complete() {
    let account = Account::of(30);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    assert!(project.run("state list p.yaml --tables").with_code(0).out.contains("No table has been filled"));
    project.run("run p.yaml --select contacts").with_code(0);
    let report = project.run("run p.yaml --json").with_code(0);
    let until = |stream: &str| report.stream(stream)["settled_until"].as_str().unwrap().to_owned();
    let rows = project.run("state list p.yaml --tables --json").with_code(0).json_lines();
    let of = |table: &str, stream: &str| {
        let mut found = rows.iter().filter(|row| row["table"] == table && row["stream"] == stream);
        found.next().unwrap_or_else(|| panic!("{table} {stream}: {rows:?}")).clone()
    };
    let contact = of("contact", "contacts");
    let instant = |value: &serde_json::Value| value.as_str().unwrap().trim_end_matches('Z').trim_end_matches('0').to_owned();
    let told = |text: String| text.trim_end_matches('Z').trim_end_matches('0').to_owned();
    assert_eq!(instant(&contact["settled_until"]), told(until("contacts")));
    assert_eq!((&contact["source_system"], &contact["pipeline"]), (&"hubspot".into(), &"p".into()));
    // Links between objects come from several streams: the earliest of them decides.
    let links: Vec<_> = rows.iter().filter(|row| row["table"] == "association").collect();
    assert!(links.len() > 1, "{rows:?}");
    let earliest = links.iter().map(|row| row["settled_until"].as_str().unwrap()).min().unwrap();
    assert!(links.iter().all(|row| row["table_settled_until"].as_str() == Some(earliest)), "{links:?}");
    assert_eq!(database.list("SELECT DISTINCT table_settled_until FROM _settled WHERE \"table\" = 'association'").len(), 1);
    let shown = project.run("state list p.yaml").with_code(0).out;
    assert!(shown.contains("hubspot_contacts") && shown.contains("p/contacts"), "{shown}");
    // A stream that is to be read anew holds its tables back.
    project.run("state clear p.yaml --stream contacts").with_code(0);
    let rows = project.run("state list p.yaml --tables --json").with_code(0).json_lines();
    let contact = rows.iter().find(|row| row["table"] == "hubspot_contacts").unwrap();
    assert!(contact["settled_until"].is_null() && contact["table_settled_until"].is_null(), "{contact}");
}
