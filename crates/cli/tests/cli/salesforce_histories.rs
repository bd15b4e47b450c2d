//! Salesforce's histories in both databases: what fields were, from the vendor's own notes, equal to what the organisation notes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aqueduct_simulator::salesforce::{Clock, Options, RecordView, Simulator};

use crate::account::runtime;
use crate::database::{Database, OF_THE_LOAD, difference};
use crate::project::Project;
use crate::salesforce::{organisation, pipeline};

/// Object, stream, parent, entity, and a field that is hidden from the user.
const HISTORIES: [(&str, &str, &str, &str, &str); 4] = [
    ("AccountHistory", "account_history", "Account", "account", "Industry"),
    ("ContactHistory", "contact_history", "Contact", "contact", "Title"),
    ("LeadHistory", "lead_history", "Lead", "lead", "Rating"),
    ("OpportunityFieldHistory", "opportunity_field_history", "Opportunity", "deal", "NextStep"),
];
const OBJECTS: &str = "    objects: [AccountHistory, ContactHistory, LeadHistory, OpportunityFieldHistory]\n";
const DAY: u64 = 24 * 3600;

/// Types whose values are tidied on their way into the common tables.
const TEXTS: &str = "('Text', 'Email', 'Phone', 'Url', 'MultiLineText')";

fn is_text(note: &RecordView) -> bool {
    TEXTS.contains(&format!("'{}'", note.values["DataType"]))
}

fn value(note: &RecordView, field: &str) -> String {
    let text = note.values.get(field).cloned().unwrap_or_else(|| "NULL".to_owned());
    // Queries end instants otherwise than the organisation's own values do.
    if note.values["DataType"] == "DateTime" { text.replace('Z', "+0000") } else { text }
}

/// The field that a note is about: of a reference, ids are told of the field and names of the relationship.
fn field(note: &RecordView) -> String {
    let end = if note.values["DataType"] == "EntityId" { "Id" } else { "" };
    format!("{}{end}", note.values["Field"])
}

/// A field as `property_change` names it: in lower case, with single low lines.
fn property(field: &str) -> String {
    field.to_lowercase().replace("__", "_")
}

/// The notes that the user may see: not of hidden fields.
fn notes(organisation: &Simulator, object: &str, hidden: &str) -> Vec<RecordView> {
    let mut notes = Vec::new();
    organisation.store().for_each(object, |note| notes.push(note.clone()));
    notes.retain(|note| note.values["Field"] != hidden);
    notes
}

fn assert_equal_to_the_source(organisation: &Simulator, database: &Database) {
    let store = organisation.store();
    for (object, stream, parent, entity, hidden) in HISTORIES {
        let notes = notes(organisation, object, hidden);
        assert!(notes.len() > 20, "{object}");
        let cells = |note: &RecordView| {
            let known = ["Field", "DataType"].map(|field| note.values[field].clone());
            let of = note.values[&format!("{parent}Id")].clone();
            [vec![note.id.clone(), of], known.to_vec(), vec![value(note, "OldValue"), value(note, "NewValue")]].concat()
        };
        let expected: BTreeSet<Vec<String>> = notes.iter().map(cells).collect();
        let table = database.table(&format!("salesforce_{stream}"));
        let column = format!("{}_id", parent.to_lowercase());
        let rows = format!("SELECT source_id, {column}, field, data_type, old_value, new_value FROM {table} WHERE NOT is_deleted");
        let found: BTreeSet<Vec<String>> = database.ask(&rows).into_iter().collect();
        assert_eq!(found, expected, "{stream}");

        // What has no values is no change of a value. Texts are tidied on their way, other values are not.
        let told: Vec<&RecordView> =
            notes.iter().filter(|note| !matches!(note.values["DataType"].as_str(), "StringPlusClob" | "MultiEnum")).collect();
        let change = |note: &&RecordView| {
            let mut row = vec![note.id.clone(), note.values[&format!("{parent}Id")].clone(), property(&field(note))];
            row.extend(["OldValue", "NewValue"].map(|of| if is_text(note) { String::new() } else { value(note, of) }));
            row
        };
        let expected: BTreeSet<Vec<String>> = told.iter().map(change).collect();
        let (changes, records) = (database.table("property_change"), database.table(entity));
        let rows = format!(
            "SELECT c.source_id, r.source_id, c.property, CASE WHEN s.data_type IN {TEXTS} THEN '' ELSE c.old_value END, \
             CASE WHEN s.data_type IN {TEXTS} THEN '' ELSE c.new_value END FROM {changes} AS c JOIN {records} AS r ON r.id = c.record_id \
             JOIN {table} AS s ON s.source_id = c.source_id WHERE c.entity = '{entity}' AND NOT c.is_deleted"
        );
        let found: BTreeSet<Vec<String>> = database.ask(&rows).into_iter().collect();
        assert_eq!(found, expected, "{entity}");

        // The value that holds now is the one that the record has.
        let rows = format!(
            "SELECT r.source_id, p.property, p.value FROM {} AS p JOIN {records} AS r ON r.id = p.record_id \
             WHERE p.entity = '{entity}' AND p.valid_to IS NULL AND NOT r.is_deleted",
            database.table("property_history")
        );
        let typed = told.iter().filter(|note| !is_text(note)).map(|note| (property(&field(note)), field(note)));
        let typed: BTreeMap<String, String> = typed.collect();
        let mut compared = 0;
        for row in database.ask(&rows) {
            let Some(field) = typed.get(&row[1]) else { continue };
            let now = store.record(parent, &row[0]).unwrap().values.get(field).cloned().unwrap_or_else(|| "NULL".to_owned());
            assert_eq!(row[2].replace("+0000", "Z"), now, "{field} of {}", row[0]);
            compared += 1;
        }
        assert!(compared > 10, "{entity}: {compared}");
    }
    let mut expected = BTreeSet::new();
    store.for_each("OpportunityHistory", |step| {
        expected.insert(vec![step.id.clone(), step.values["OpportunityId"].clone(), step.values["StageName"].clone()]);
    });
    let [steps, deals, stages] = ["deal_stage_history", "deal", "pipeline_stage"].map(|table| database.table(table));
    let rows = format!(
        "SELECT h.source_id, d.source_id, s.source_id FROM {steps} AS h JOIN {deals} AS d ON d.id = h.deal_id \
         JOIN {stages} AS s ON s.id = h.to_stage_id WHERE NOT h.is_deleted"
    );
    assert_eq!(database.ask(&rows).into_iter().collect::<BTreeSet<_>>(), expected);
}

/// Records of an object that have notes, by the id of the record, for changes that concern them.
fn noted(organisation: &Simulator, object: &str, parent: &str) -> Vec<String> {
    let mut noted: BTreeMap<String, usize> = BTreeMap::new();
    organisation.store().for_each(object, |note| *noted.entry(note.values[&format!("{parent}Id")].clone()).or_default() += 1);
    noted.into_keys().collect()
}

fn histories_arrive_and_follow(database: &Database, mut project: Project) {
    let clock = Clock::manual("2026-07-01T00:00:00Z".parse().unwrap());
    let organisation =
        organisation(Options { contacts: 150, accounts: Some(120), opportunities: Some(120), clock: clock.clone(), ..Options::default() });
    let store = organisation.store();
    for (_, _, parent, _, hidden) in HISTORIES {
        store.set_field_hidden(parent, hidden, true).unwrap();
    }
    let currency = "normalise: { overrides: { deal: { currency_code: { constant: EUR } } } }\n";
    pipeline(&organisation, &mut project, database, OBJECTS, currency);
    project.run("run p.yaml --json").with_code(0);
    assert_equal_to_the_source(&organisation, database);
    assert_eq!(database.count("deal", "currency_code IS NULL OR currency_code <> 'EUR'"), 0, "an organisation of one currency");
    let all = database.count("salesforce_contact_history", "1 = 1");

    let before = database.content(&[]);
    project.run("run p.yaml --json").with_code(0);
    assert_eq!(difference(&before, &database.content(&[])), Default::default(), "nothing has changed, so nothing is written");

    clock.advance(Duration::from_secs(DAY));
    let contacts = noted(&organisation, "ContactHistory", "Contact");
    let before = store.record("Contact", &contacts[0]).unwrap().values["OwnerId"].clone();
    let owner = store.ids("User").into_iter().find(|user| *user != before).unwrap();
    let changes = [("Email", "new@example.com"), ("Title", "Hidden"), ("OwnerId", owner.as_str()), ("HasOptedOutOfEmail", "true")];
    store.update("Contact", &contacts[0], changes).unwrap();
    store.update("Contact", &contacts[1], [("Email", ""), ("Score__c", "7.25"), ("Description", "Long")]).unwrap();
    store.delete("Contact", &contacts[2]).unwrap();
    store.hard_delete("Contact", &contacts[3]).unwrap();
    let deals = noted(&organisation, "OpportunityFieldHistory", "Opportunity");
    clock.advance(Duration::from_secs(60));
    store.update("Opportunity", &deals[0], [("StageName", "Closed Won"), ("Amount", "4711.5"), ("CloseDate", "2026-07-02")]).unwrap();
    store.delete("Opportunity", &deals[1]).unwrap();
    let mut leads = noted(&organisation, "LeadHistory", "Lead");
    leads.retain(|id| !store.record("Lead", id).unwrap().values.contains_key("ConvertedDate"));
    store.convert(&leads[0], Some("From a lead")).unwrap();
    store.merge("Lead", &leads[1], &leads[2]).unwrap();
    clock.advance(Duration::from_secs(300));
    organisation.reset_counters();
    project.run("run p.yaml --json").with_code(0);
    assert_equal_to_the_source(&organisation, database);
    let asked: Vec<String> = organisation.request_log().iter().map(|request| request.path.replace("%20", "+")).collect();
    let of_contacts: Vec<&String> = asked.iter().filter(|path| path.contains("FROM+ContactHistory")).collect();
    assert!(!of_contacts.is_empty() && of_contacts.iter().all(|path| path.contains("ORDER+BY+CreatedDate")), "{of_contacts:?}");
    let state = |id: &str| {
        let rows = format!("contact_id = '{id}'");
        (
            database.count("salesforce_contact_history", &rows),
            database.count("salesforce_contact_history", &format!("{rows} AND NOT is_deleted")),
        )
    };
    for gone in [&contacts[2], &contacts[3]] {
        let (rows, live) = state(gone);
        assert!(rows > 0 && live == 0, "the notes of a record that is deleted are deleted, and stay: {rows}, {live}");
    }
    assert!(database.count("salesforce_contact_history", "1 = 1") > all);
    let value = format!(
        "SELECT value FROM {} AS p JOIN {} AS c ON c.id = p.record_id WHERE c.source_id = '{}' AND property = 'ownerid' AND valid_to IS NULL",
        database.table("property_history"),
        database.table("contact"),
        contacts[0]
    );
    assert_eq!(database.one(&value), owner);
    assert_eq!(database.count("property_change", "property = 'title' OR new_value = 'Hidden'"), 0);
}

#[test]
fn histories_arrive_in_sqlite_and_follow() {
    let project = Project::new();
    histories_arrive_and_follow(&Database::sqlite(&project), project);
}

#[test]
fn histories_arrive_in_postgres_and_follow() {
    histories_arrive_and_follow(&Database::postgres(), Project::new());
}

#[test]
fn histories_are_the_same_by_whatever_way_the_rest_is_read() {
    let organisation = organisation(Options { contacts: 60, ..Options::default() });
    let mut contents = Vec::new();
    for bulk in ["never", "always"] {
        let mut project = Project::new();
        let database = Database::sqlite(&project);
        pipeline(&organisation, &mut project, &database, &format!("    bulk: {bulk}\n{OBJECTS}"), "");
        project.run("run p.yaml --json").with_code(0);
        contents.push(database.content(OF_THE_LOAD));
        assert!(organisation.open_jobs().is_empty());
    }
    assert!(organisation.jobs().iter().all(|job| !HISTORIES.iter().any(|history| job.object == history.0)), "{:?}", organisation.jobs());
    assert_eq!(difference(&contents[0], &contents[1]), Default::default());
}

#[test]
fn an_organisation_that_moves_to_another_instance_is_followed() {
    let mut organisation = organisation(Options { contacts: 30, ..Options::default() });
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    pipeline(&organisation, &mut project, &database, "", "  select: [contacts]\n");
    project.write("p.yaml", project.read("p.yaml").replace("base_url:", "login_url:"));
    project.run("run p.yaml --json").with_code(0);
    let store = organisation.store();
    let contact = store.ids("Contact")[4].clone();
    store.update("Contact", &contact, [("Title", "Lock Keeper")]).unwrap();
    runtime().block_on(organisation.move_instance()).unwrap();
    project.run("run p.yaml --json").with_code(0);
    let title = format!("SELECT job_title FROM {} WHERE source_id = '{contact}'", database.table("contact"));
    assert_eq!(database.one(&title), "Lock Keeper");
    runtime().block_on(organisation.move_instance()).unwrap();
    project.run("check p.yaml").with_code(0);
}
