//! Common tables made again from source tables after a mapping changed: what a full refresh would give, without the source's records.

use crate::database::Database;
use crate::project::Project;

const PEOPLE: &str = "id,name,email,town,tags,archived\n\
    1,Ann Lee,ann@example.com,Leeds,vip,false\n\
    2,Bob Jones,BOB@example.com,York,,false\n\
    3,Eve Adams,eve@example.com,Hull,vip,true\n";

fn pipeline(fields: &str, more: &str) -> String {
    format!(
        "name: people
source:
  connector: files
  config: {{ path: people.csv, key: id }}
  select: [people.*]
normalise:
  mappings:
    - entity: contact
      stream: people
      fields: {{ {fields} }}
    - entity: contact_point
      stream: people
      when: {{ path: tags, is: [vip] }}
      each: [{{ label: {{ constant: email }}, kind: {{ constant: email }}, value: email }}]
      fields: {{ contact_id: id }}
{more}
destination: {{ url: \"${{WAREHOUSE}}\" }}
"
    )
}

const BEFORE: &str = "full_name: name, email: email, is_deleted: archived";
const AFTER: &str = "full_name: name, email: email, city: town, lead_status: tags, is_deleted: archived";

fn project(database: &Database, fields: &str, more: &str) -> Project {
    let mut project = Project::new();
    project.set("WAREHOUSE", database.url());
    project.set("AQUEDUCT_TOKEN_KEY", "sixteen characters and more");
    project.write("people.csv", PEOPLE);
    project.write("p.yaml", pipeline(fields, more));
    project
}

/// Everything that a mapping decides, of every row.
fn content(database: &Database) -> Vec<Vec<String>> {
    let columns = "source_id, full_name, email, is_deleted";
    let mut rows = database.ask(&format!("SELECT {columns}, city, lead_status FROM {} ORDER BY source_id", database.table("contact")));
    let points = database.table("contact_point");
    rows.extend(database.ask(&format!("SELECT source_id, value, is_deleted FROM {points} WHERE NOT is_deleted ORDER BY source_id")));
    rows
}

fn a_changed_mapping_is_renormalised(here: &Database, fresh: &Database) {
    let project = project(here, BEFORE, "");
    project.run("run p.yaml").with_code(0);
    let mapping = pipeline(AFTER, "").replace("is: [vip]", "not: [vip]");
    project.write("p.yaml", &mapping);
    // No record is to be had from the source any more.
    project.write("people.csv", PEOPLE.lines().next().unwrap());
    let report = project.run("renormalise p.yaml --json").with_code(0).json();
    assert_eq!(report["source_rows"]["people"], 3, "{report}");

    let other = self::project(fresh, AFTER, "");
    other.write("p.yaml", &mapping);
    other.run("run p.yaml").with_code(0);
    assert_eq!(content(here), content(fresh));
    assert_eq!(here.list(&format!("SELECT city FROM {} ORDER BY source_id", here.table("contact"))), ["Leeds", "York", "Hull"]);

    // Nothing has changed since, so nothing is written; the source table and the place in the source are as they were.
    let loads = |database: &Database| database.list(&format!("SELECT max(_load_id) FROM {}", database.table("contact")));
    let before = loads(here);
    let again = project.run("renormalise p.yaml").with_code(0);
    assert!(again.out.contains("as it was"), "{}", again.out);
    assert_eq!(loads(here), before);
    let run = project.run("run p.yaml --json").with_code(0);
    assert_eq!(run.stream("people")["deleted"], 0);
}

#[test]
fn a_changed_mapping_is_renormalised_in_sqlite() {
    let (here, there) = (Project::new(), Project::new());
    a_changed_mapping_is_renormalised(&Database::sqlite(&here), &Database::sqlite(&there));
}

#[test]
fn a_changed_mapping_is_renormalised_in_postgres() {
    a_changed_mapping_is_renormalised(&Database::postgres(), &Database::postgres());
}

#[test]
fn what_is_made_from_tokens_stays_and_is_named() {
    let folder = Project::new();
    let database = Database::sqlite(&folder);
    let privacy = "privacy: { policy: policy.yaml, token_key: \"${AQUEDUCT_TOKEN_KEY}\" }";
    let project = project(&database, BEFORE, privacy);
    project.write("policy.yaml", "semantic_types: { email: tokenise }\ncolumns: { files_people.email: tokenise }\n");
    project.run("run p.yaml").with_code(0);
    let emails = "SELECT email FROM contact ORDER BY source_id";
    let before = database.list(emails);
    assert!(before.iter().all(|email| email.starts_with("tok_")), "{before:?}");
    project.write("p.yaml", pipeline(AFTER, privacy));
    let report = project.run("renormalise p.yaml --json").with_code(0).json();
    let left: Vec<&str> = report["left_as_they_are"]["people"].as_array().unwrap().iter().map(|field| field.as_str().unwrap()).collect();
    assert!(left.contains(&"contact.email") && left.contains(&"contact_point.value"), "{left:?}");
    assert_eq!(database.list(emails), before);
    assert_eq!(database.list("SELECT city FROM contact WHERE NOT is_deleted ORDER BY source_id"), ["Leeds", "York"]);
}
