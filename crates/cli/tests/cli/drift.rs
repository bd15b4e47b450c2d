//! What the source changes in its streams and fields: it is noted, columns are filled for all history, and a contract has its way.

use std::time::Duration;

use aqueduct_simulator::Clock;
use aqueduct_simulator::hubspot::{ObjectKind, Property, PropertyType};
use aqueduct_simulator::salesforce::Options;
use serde_json::Value;

use crate::account::Account;
use crate::database::{Database, difference};
use crate::project::{Ended, Project, wait_until};
use crate::salesforce;

/// Columns that say when a row was written and what all of its content is.
const OF_THE_ROW: &[&str] = &["_load_id", "_loaded_at", "_row_hash"];

/// Writes `p.yaml`, which reads these streams and fields of the account, with these lines more.
fn pipeline(account: &Account, project: &mut Project, database: &Database, select: &str, more: &str) {
    account.pipeline(project, database, more);
    let written = project.read("p.yaml");
    project.write("p.yaml", written.replace("destination:", &format!("  select: [{select}]\ndestination:")));
}

/// Gives contacts a property whose values move no record's time of change: they were there before anybody looked.
fn add_old_values(account: &Account, name: &str, kind: PropertyType, value: impl Fn(u64) -> String) {
    let store = account.store();
    let property = Property::custom(name, format!("The {name}"), kind);
    store.add_property(ObjectKind::Contacts, property.clone().calculated());
    for id in store.ids(ObjectKind::Contacts) {
        store.update(ObjectKind::Contacts, id, [(name, value(id))]).unwrap();
    }
    store.add_property(ObjectKind::Contacts, property);
}

/// The changes in a report, as `stream field kind before after`.
fn changes(ended: &Ended) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |change: &Value| ["stream", "field", "kind", "before", "after"].map(|key| word(&change[key])).join(" ");
    ended.json()["schema_changes"].as_array().unwrap().iter().map(line).collect()
}

/// The requests for pages of contacts since so many requests.
fn pages_of_contacts(account: &Account, since: usize) -> Vec<String> {
    let log = account.request_log().into_iter().skip(since).map(|request| request.path);
    log.filter(|path| path.contains("/objects/contacts?") && path.contains("archived=false")).collect()
}

fn a_new_property_is_filled_for_all_history(database: &Database, mut project: Project) {
    let account = Account::of(260);
    pipeline(&account, &mut project, database, "contacts.*", "");
    let first = project.run("run p.yaml --json").with_code(0);
    assert!(changes(&first).is_empty(), "nothing to compare with: {:?}", changes(&first));
    let before = database.content(&[OF_THE_ROW, &["shoe_size"]].concat());
    add_old_values(&account, "shoe_size", PropertyType::Number, |id| (id % 50).to_string());

    let asked = account.request_log().len();
    let ended = project.run("run p.yaml --json").with_code(0);
    assert_eq!(changes(&ended), ["contacts properties.shoe_size added - decimal"]);
    assert_eq!(ended.json()["columns_filled"]["contacts"], serde_json::json!(["properties.shoe_size"]));
    let pages = pages_of_contacts(&account, asked);
    assert_eq!(pages.len(), 3, "{pages:?}");
    assert!(pages.iter().all(|path| path.contains("shoe_size") && !path.contains("firstname")), "{pages:?}");
    assert_eq!(database.count("hubspot_contacts", "shoe_size IS NOT NULL"), 260);
    let wrong = "SELECT count(*) FROM {} WHERE CAST(shoe_size AS integer) <> CAST(source_id AS bigint) % 50";
    assert_eq!(database.one(&wrong.replace("{}", &database.table("hubspot_contacts"))), "0");
    let after = database.content(&[OF_THE_ROW, &["shoe_size"]].concat());
    assert_eq!(difference(&before, &after), Default::default(), "no other column is touched");

    // Once.
    let asked = account.request_log().len();
    let ended = project.run("run p.yaml --json").with_code(0);
    assert!(changes(&ended).is_empty() && ended.json()["columns_filled"].as_object().unwrap().is_empty());
    assert!(pages_of_contacts(&account, asked).is_empty());
    let listed = project.run("drift p.yaml").with_code(0).out;
    assert!(listed.contains("properties.shoe_size") && listed.contains("added"), "{listed}");
    let told = &project.run("drift p.yaml --json").with_code(0).json_lines()[0];
    assert_eq!((&told["kind"], &told["stream"], &told["after"]), (&"added".into(), &"contacts".into(), &"decimal".into()));
}

#[test]
fn a_new_property_is_filled_for_all_history_in_sqlite() {
    let project = Project::new();
    a_new_property_is_filled_for_all_history(&Database::sqlite(&project), project);
}

#[test]
fn a_new_property_is_filled_for_all_history_in_postgres() {
    a_new_property_is_filled_for_all_history(&Database::postgres(), Project::new());
}

fn a_kill_while_a_column_is_filled_heals(database: &Database, mut project: Project) {
    let account = Account::of(320);
    pipeline(&account, &mut project, database, "contacts, contacts.budget_text", "run: { records_per_load: 100 }\n");
    project.run("run p.yaml --json").with_code(0);
    let before = database.content(&[OF_THE_ROW, &["member_since", "loyalty_points"]].concat());
    // Two fields that were there all the time are selected now; between the kills, one more.
    let file = project.read("p.yaml");
    project.write("p.yaml", file.replace("contacts.budget_text", "contacts.budget_text, contacts.member_since"));
    let filled = |column: &str| {
        let sql = format!("SELECT count(*) FROM {} WHERE {column} IS NOT NULL", database.table("hubspot_contacts"));
        database.try_ask(&sql).map_or(0, |rows| rows[0][0].parse::<usize>().unwrap())
    };
    for pages in [1, 1] {
        let had = database.committed("contacts");
        let stalled = account.stall("archived=false", pages);
        let run = project.start("run p.yaml");
        stalled.wait();
        wait_until("the page before the one that hangs is committed", || database.committed("contacts") > had);
        run.kill();
        account.clear_faults();
    }
    let half = filled("member_since");
    assert!(half > 0, "some of it is there");
    let file = project.read("p.yaml");
    project.write("p.yaml", file.replace("contacts.member_since", "contacts.member_since, contacts.loyalty_points"));
    let ended = project.run("run p.yaml --json").with_code(0);
    let expected = serde_json::json!(["properties.loyalty_points", "properties.member_since"]);
    assert_eq!(ended.json()["columns_filled"]["contacts"], expected);
    let store = account.store();
    let mut has = [0, 0];
    store.for_each(ObjectKind::Contacts, |record| {
        for (count, name) in has.iter_mut().zip(["member_since", "loyalty_points"]) {
            *count += usize::from(record.properties.get(name).is_some_and(|value| !value.is_empty()));
        }
    });
    assert_eq!([filled("member_since"), filled("loyalty_points")], has);
    assert!(has[0] > half, "the kills came before the end");
    let after = database.content(&[OF_THE_ROW, &["member_since", "loyalty_points"]].concat());
    assert_eq!(difference(&before, &after), Default::default());
    let asked = account.request_log().len();
    project.run("run p.yaml --json").with_code(0);
    assert!(pages_of_contacts(&account, asked).is_empty(), "it is filled once");
}

#[test]
fn a_kill_while_a_column_is_filled_heals_in_sqlite() {
    let project = Project::new();
    a_kill_while_a_column_is_filled_heals(&Database::sqlite(&project), project);
}

#[test]
fn a_kill_while_a_column_is_filled_heals_in_postgres() {
    a_kill_while_a_column_is_filled_heals(&Database::postgres(), Project::new());
}

#[test]
fn a_new_formula_of_salesforce_is_filled_for_all_history() {
    let clock = Clock::running_from(Clock::real().now() - Duration::from_secs(7_200));
    let organisation = salesforce::organisation(Options { contacts: 150, clock, ..Options::default() });
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    salesforce::pipeline(&organisation, &mut project, &database, "", "  select: [contacts.*, leads]\n");
    project.run("run p.yaml --json").with_code(0);
    let before = database.content(&[OF_THE_ROW, &["tier_score_c"]].concat());
    let store = organisation.store();
    store.add_field("Contact", "Tier_Score__c int(4,0) calc label(Tier score)").unwrap();
    for (number, id) in store.ids("Contact").iter().enumerate() {
        store.set_formula("Contact", id, "Tier_Score__c", &number.to_string()).unwrap();
    }
    let asked = organisation.request_log().len();
    let ended = project.run("run p.yaml --json").with_code(0);
    assert_eq!(changes(&ended), ["contacts Tier_Score__c added - integer"]);
    assert_eq!(ended.json()["columns_filled"]["contacts"], serde_json::json!(["Tier_Score__c"]));
    assert_eq!(database.count("salesforce_contacts", "tier_score_c IS NOT NULL"), store.ids("Contact").len());
    let after = database.content(&[OF_THE_ROW, &["tier_score_c"]].concat());
    assert_eq!(difference(&before, &after), Default::default());
    let queries: Vec<String> = organisation.request_log().into_iter().skip(asked).map(|request| request.path).collect();
    let of_columns: Vec<&String> = queries.iter().filter(|path| path.contains("Tier_Score__c") && !path.contains("FirstName")).collect();
    assert_eq!(of_columns.len(), 1, "one small query: {queries:?}");
    let ended = project.run("run p.yaml --json").with_code(0);
    assert!(ended.json()["columns_filled"].as_object().unwrap().is_empty() && changes(&ended).is_empty());
}

#[test]
fn every_kind_of_change_is_told_once() {
    let account = Account::of(30);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    let store = account.store();
    let sized = Property::custom("boots", "Boot size", PropertyType::Number).with_options(&[("a", "Small"), ("b", "Large")]);
    store.add_property(ObjectKind::Contacts, sized.clone());
    store.add_property(ObjectKind::Contacts, Property::custom("old_name", "A label of its own", PropertyType::String));
    pipeline(&account, &mut project, &database, "contacts.*", "");
    project.run("run p.yaml --json").with_code(0);
    let changed = Property { label: "Boots".to_owned(), kind: PropertyType::String, calculated: true, ..sized };
    store.add_property(ObjectKind::Contacts, changed.with_options(&[("b", "Huge"), ("c", "c")]));
    store.archive_property(ObjectKind::Contacts, "old_name");
    store.add_property(ObjectKind::Contacts, Property::custom("new_name", "A label of its own", PropertyType::String));
    store.archive_property(ObjectKind::Contacts, "health_notes");
    store.archive_property(ObjectKind::Contacts, "fax");
    let ended = project.run("run p.yaml").with_code(0);
    for line in [
        "contacts: properties.boots was decimal and is text",
        "contacts: properties.boots is labelled `Boots`, was `Boot size`",
        "contacts: properties.boots can be chosen as `c`",
        "contacts: properties.boots can no longer be chosen as `a (Small)`",
        "contacts: properties.boots shows `b (Huge)` where it showed `b (Large)`",
        "contacts: properties.boots is calculated now",
        "contacts: properties.new_name was called properties.old_name",
        "contacts: properties.fax is gone (was text)",
    ] {
        assert!(ended.out.lines().any(|told| told.trim() == line), "{line}\n{}", ended.out);
    }
    assert!(changes(&project.run("run p.yaml --json").with_code(0)).is_empty(), "told once");
    let stored = database.list("SELECT kind FROM _schema_changes ORDER BY kind");
    let expected = [
        "became_calculated",
        "picklist_label_changed",
        "picklist_value_added",
        "picklist_value_removed",
        "relabelled",
        "removed",
        "renamed",
        "retyped",
    ];
    assert_eq!(stored, expected, "a field that is hidden from us is no field");
}

#[test]
fn a_selected_property_that_is_gone_is_empty_and_no_mistake() {
    let account = Account::of(40);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    let store = account.store();
    let more = "normalise: { overrides: { contact: { job_title: properties.budget_text } } }\n";
    pipeline(&account, &mut project, &database, "contacts, contacts.loyalty_points", more);
    project.run("run p.yaml --json").with_code(0);
    let kept = database.count("hubspot_contacts", "loyalty_points IS NOT NULL");
    assert!(kept > 1);
    store.archive_property(ObjectKind::Contacts, "loyalty_points");
    store.archive_property(ObjectKind::Contacts, "budget_text");
    let id = database.one("SELECT min(source_id) FROM hubspot_contacts WHERE loyalty_points IS NOT NULL");
    store.update(ObjectKind::Contacts, id.parse().unwrap(), [("city", "Basel")]).unwrap();
    let ended = project.run("run p.yaml --json").with_code(0);
    let told = ["contacts properties.budget_text removed text -", "contacts properties.loyalty_points removed decimal -"];
    let mut found = changes(&ended);
    found.sort();
    assert_eq!(found, told);
    assert_eq!(ended.stream("contacts")["loaded"], 1);
    assert_eq!(database.count("hubspot_contacts", "loyalty_points IS NOT NULL"), kept - 1, "the column stays; what changed is null");
    assert_eq!(database.one(&format!("SELECT city FROM hubspot_contacts WHERE source_id = '{id}'")), "Basel");
    // A word that never was a field is a mistake all the same.
    project.write("p.yaml", project.read("p.yaml").replace("contacts.loyalty_points", "contacts.loyalty_pints"));
    let ended = project.run("run p.yaml").with_code(2);
    assert!(ended.err.contains("AQ1008"), "{}", ended.err);
}

#[test]
fn values_that_do_not_fit_widen_the_column_and_are_told() {
    let account = Account::of(30);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    pipeline(&account, &mut project, &database, "contacts, contacts.loyalty_points", "");
    project.run("run p.yaml --json").with_code(0);
    let store = account.store();
    let ids = store.ids(ObjectKind::Contacts);
    // The account turns the property into text, and back: some values stay that are no numbers.
    let points = store.properties(ObjectKind::Contacts).into_iter().find(|property| property.name == "loyalty_points").unwrap();
    store.add_property(ObjectKind::Contacts, Property { kind: PropertyType::String, ..points.clone() });
    store.update(ObjectKind::Contacts, ids[3], [("loyalty_points", "a dozen")]).unwrap();
    store.update(ObjectKind::Contacts, ids[4], [("loyalty_points", "12.5")]).unwrap();
    store.add_property(ObjectKind::Contacts, points);
    let ended = project.run("run p.yaml --json").with_code(0);
    assert_eq!(changes(&ended), ["contacts properties.loyalty_points widened decimal text"]);
    assert_eq!((ended.stream("contacts")["loaded"].as_u64(), ended.stream("contacts")["quarantined"].as_u64()), (Some(2), Some(0)));
    let cell = |id: u64| database.one(&format!("SELECT loyalty_points FROM hubspot_contacts WHERE source_id = '{id}'"));
    assert_eq!((cell(ids[3]), cell(ids[4])), ("a dozen".to_owned(), "12.5".to_owned()));
    assert_eq!(database.count("hubspot_contacts", "1 = 1"), 30);
    assert!(changes(&project.run("run p.yaml --json").with_code(0)).is_empty());
}
