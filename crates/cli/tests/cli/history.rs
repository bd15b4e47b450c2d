//! The common schema as it is printed, and its history from one run to the next.

use std::time::Duration;

use aqueduct_simulator::hubspot::{self, ObjectKind, Options};

use crate::account::Account;
use crate::database::Database;
use crate::project::Project;

#[test]
fn the_common_schema_is_printed_in_four_ways() {
    let project = Project::new();
    let page = project.run("schema").with_code(0);
    assert_eq!(page.err, "");
    assert_eq!(page.out, include_str!("../../../../docs/reference/schema.md"));
    let json = project.run("schema --format json").with_code(0).json();
    let contact = json["tables"].as_array().unwrap().iter().find(|table| table["name"] == "contact").unwrap();
    let email = contact["columns"].as_array().unwrap().iter().find(|column| column["name"] == "email").unwrap();
    assert_eq!((email["type"].as_str(), email["sensitivity"].as_str()), (Some("text"), Some("direct")));
    assert!(email["sources"].as_array().unwrap().iter().any(|source| source["from"] == "properties.email"), "{email}");
    assert_eq!(project.run("schema --json").with_code(0).json(), json);
    assert!(project.run("schema --format mermaid").with_code(0).out.starts_with("erDiagram\n"));
    for (dialect, word) in [("sqlite", "CREATE UNIQUE INDEX"), ("postgres", "numeric(38,9)")] {
        let ddl = project.run(&format!("schema --format ddl --dialect {dialect}")).with_code(0).out;
        assert!(ddl.contains("CREATE TABLE") && ddl.contains(word), "{ddl}");
    }
    let ended = project.run("schema --format ddl --dialect oracle").with_code(2);
    assert!(ended.err.contains("write sqlite or postgres"), "{}", ended.err);
}

fn versions_follow_the_source(database: &Database, mut project: Project) {
    let account = Account::of(30);
    let store = account.store();
    let contacts = store.ids(ObjectKind::Contacts);
    let (changed, archived) = (contacts[3], contacts[5]);
    store.update(ObjectKind::Contacts, changed, [("jobtitle", "Pilot")]).unwrap();
    account.pipeline(&mut project, database, "");
    project.run("run p.yaml").with_code(0);
    store.update(ObjectKind::Contacts, changed, [("jobtitle", "Captain")]).unwrap();
    store.archive(ObjectKind::Contacts, archived).unwrap();
    project.run("run p.yaml").with_code(0);
    project.run("run p.yaml --full-refresh").with_code(0);
    let history = database.table("contact_history");
    let told = |id: u64, what: &str| {
        database.list(&format!("SELECT {what} FROM {history} WHERE source_id = '{id}' AND recorded_to IS NULL ORDER BY valid_from"))
    };
    assert_eq!(told(changed, "job_title"), ["Pilot", "Captain"]);
    assert_eq!(told(changed, "CASE WHEN valid_to IS NULL THEN 'open' ELSE 'ended' END"), ["ended", "open"]);
    assert_eq!(told(archived, "CASE WHEN valid_to IS NULL THEN 'open' ELSE 'ended' END"), ["ended"]);
    let contact = database.table("contact");
    let differing = format!(
        "SELECT count(*) FROM {contact} AS c WHERE NOT c.is_deleted AND NOT EXISTS (SELECT 1 FROM {history} AS h WHERE h.id = c.id \
         AND h._row_hash = c._row_hash AND h.valid_to IS NULL AND h.recorded_to IS NULL)"
    );
    assert_eq!(database.one(&differing), "0");
    let open = format!("SELECT count(*) FROM {history} WHERE valid_to IS NULL AND recorded_to IS NULL");
    assert_eq!(database.one(&open), database.one(&format!("SELECT count(*) FROM {contact} WHERE NOT is_deleted")));
}

#[test]
fn versions_follow_the_source_in_sqlite() {
    let project = Project::new();
    versions_follow_the_source(&Database::sqlite(&project), project);
}

#[test]
fn versions_follow_the_source_in_postgres() {
    versions_follow_the_source(&Database::postgres(), Project::new());
}

/// A stage of long ago, of which only the vendor's own past tells, and one that the second run brings.
fn the_past_before_the_first_run_is_known(database: &Database, mut project: Project) {
    let clock = hubspot::Clock::manual("2026-07-01T00:00:00Z".parse().unwrap());
    let account =
        Account::start(Options { contacts: 30, archived_per_mille: 0, merged_per_mille: 0, clock: clock.clone(), ..Options::default() });
    let store = account.store();
    let (contact, deal) = (store.ids(ObjectKind::Contacts)[3], store.ids(ObjectKind::Deals)[2]);
    let move_on = |days: u64, stage: &str, deal_stage: &str| {
        clock.advance(Duration::from_secs(days * 86_400));
        store.update(ObjectKind::Contacts, contact, [("lifecyclestage", stage)]).unwrap();
        store.update(ObjectKind::Deals, deal, [("pipeline", "default"), ("dealstage", deal_stage)]).unwrap();
    };
    move_on(1, "lead", "appointmentscheduled");
    move_on(10, "marketingqualifiedlead", "contractsent");
    move_on(10, "customer", "closedwon");
    account.pipeline(&mut project, database, "");
    project.run("run p.yaml").with_code(0);
    let [past, contacts, deals] = ["property_history", "contact", "deal"].map(|table| database.table(table));
    let stage_at = |day: &str| {
        let holds =
            format!("(valid_from IS NULL OR valid_from <= '{day}') AND (valid_to IS NULL OR valid_to > '{day}') AND recorded_to IS NULL");
        let of = format!("SELECT id FROM {contacts} WHERE source_id = '{contact}'");
        database.list(&format!(
            "SELECT value FROM {past} WHERE entity = 'contact' AND property = 'lifecyclestage' AND record_id = ({of}) AND {holds}"
        ))
    };
    assert_eq!(
        [stage_at("2026-07-05"), stage_at("2026-07-15"), stage_at("2026-07-25")].concat(),
        ["lead", "marketingqualifiedlead", "customer"]
    );
    assert!(stage_at("2001-01-01").is_empty());
    let [moves, stages] = ["deal_stage_history", "pipeline_stage"].map(|table| database.table(table));
    let steps = format!(
        "SELECT coalesce(f.stage_id, '-') || ' ' || t.stage_id || ' ' || coalesce(m.duration_s, 0) FROM {moves} AS m \
         JOIN {deals} AS d ON d.id = m.deal_id JOIN {stages} AS t ON t.id = m.to_stage_id LEFT JOIN {stages} AS f ON f.id = m.from_stage_id \
         WHERE d.source_id = '{deal}' AND m.changed_at > '2026-07-03' ORDER BY m.changed_at"
    );
    assert_eq!(database.list(&steps), ["appointmentscheduled contractsent 864000", "contractsent closedwon 864000"]);

    // What holds now is what the records say now, for every contact.
    let source = database.table("hubspot_contacts");
    let agree = format!(
        "SELECT count(*) FROM {source} AS s JOIN {contacts} AS c ON c.source_id = s.source_id LEFT JOIN {past} AS p ON p.record_id = c.id \
         AND p.property = 'lifecyclestage' AND p.valid_to IS NULL WHERE coalesce(s.lifecyclestage, '') <> coalesce(p.value, '')"
    );
    assert_eq!(database.one(&agree), "0");
    let told = |value: &str| database.count("property_change", &format!("new_value = '{value}' AND property = 'lifecyclestage'"));
    let before = told("evangelist");
    move_on(1, "evangelist", "closedwon");
    clock.advance(Duration::from_secs(2 * 3_600));
    let report = project.run("run p.yaml --json").with_code(0).json();
    assert_eq!(told("evangelist"), before + 1);
    assert_eq!(database.one(&agree), "0");
    assert_eq!(report["status"], "ok", "{report}");
}

#[test]
fn the_past_before_the_first_run_is_known_in_sqlite() {
    let project = Project::new();
    the_past_before_the_first_run_is_known(&Database::sqlite(&project), project);
}

#[test]
fn the_past_before_the_first_run_is_known_in_postgres() {
    the_past_before_the_first_run_is_known(&Database::postgres(), Project::new());
}

#[test]
fn the_pipeline_file_names_the_tables_that_keep_history() {
    let account = Account::of(10);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "history: { entities: [deal] }\n");
    project.run("run p.yaml").with_code(0);
    let views = database.list("SELECT name FROM sqlite_schema WHERE type = 'view' AND name LIKE '%_history' ORDER BY name");
    assert_eq!(views, ["deal_history", "property_history"]);
    account.pipeline(&mut project, &database, "history: { entities: [deals] }\n");
    let ended = project.run("validate p.yaml").with_code(2);
    assert!(ended.err.contains("there is no entity `deals`") && ended.err.contains("Did you mean `deal`?"), "{}", ended.err);
}
