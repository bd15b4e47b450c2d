//! The common schema as it is printed, and its history from one run to the next.

use aqueduct_simulator::hubspot::ObjectKind;

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

#[test]
fn the_pipeline_file_names_the_tables_that_keep_history() {
    let account = Account::of(10);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "history: { entities: [deal] }\n");
    project.run("run p.yaml").with_code(0);
    assert_eq!(database.list("SELECT name FROM sqlite_schema WHERE type = 'view' AND name LIKE '%_history'"), ["deal_history"]);
    account.pipeline(&mut project, &database, "history: { entities: [deals] }\n");
    let ended = project.run("validate p.yaml").with_code(2);
    assert!(ended.err.contains("there is no entity `deals`") && ended.err.contains("Did you mean `deal`?"), "{}", ended.err);
}
