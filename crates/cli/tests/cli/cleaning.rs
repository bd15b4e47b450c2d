//! What cleaning did, from the pipeline file's own steps to the counts in the warehouse.

use crate::database::Database;
use crate::project::Project;

const PEOPLE: &str = "id,name,mail,job,born\n\
    1,Ada Lovelace, Ada@ACME.com ,VP_Sales,1815-12-10\n\
    2,<b>Bob</b> Smith,bob,Clerk / Buyer,03/04/1990\n\
    3,Eve Adams,eve@gmial.com,,1990-02-30\n";

const PIPELINE: &str = "source:
  connector: files
  config: { path: people.csv, key: id }
normalise:
  mappings:
    - entity: contact
      stream: people
      fields: { full_name: name, email: mail, job_title: job, birth_date: born }
  clean:
    contact:
      job_title:
        - { replace: { from: _, to: ' ' } }
        - { regex: { pattern: '(?i)\\bvp\\b', replacement: Vice President } }
        - { split: { by: /, take: first } }
        - { default: not given }
privacy: { policy: policy.yaml }
destination: { url: \"${WAREHOUSE}\" }
";

fn written(project: &mut Project, url: String) {
    project.set("WAREHOUSE", url);
    project.write("people.csv", PEOPLE);
    project.write("policy.yaml", "sensitivity: { direct: drop }\ncolumns: { contact.full_name: keep, files_people.name: keep }\n");
    project.write("p.yaml", PIPELINE);
}

fn steps_are_carried_out_and_counts_are_stored(mut project: Project, database: &Database) {
    written(&mut project, database.url());
    let report = project.run("run p.yaml --json").with_code(0).json();
    let titles = database.list(&format!("SELECT job_title FROM {} ORDER BY source_id", database.table("contact")));
    assert_eq!(titles, ["Vice President Sales", "Clerk", "not given"]);

    let cleaning = database.table("_cleaning");
    let emails = format!("SELECT status, code, cells, kept FROM {cleaning} WHERE field = 'email' ORDER BY code");
    assert_eq!(
        database.ask(&emails),
        [
            ["suspect", "email.near_miss_domain", "1", "1"],
            ["invalid", "email.no_at_sign", "1", "0"],
            ["fixed", "email.spaces_removed", "1", "1"]
        ]
    );
    let told = report["cleaning"].as_array().unwrap();
    assert!(told.iter().any(|count| count["code"] == "date.impossible" && count["cells"] == 1), "{told:?}");

    // An example is a value: of a name, which is kept, and of nothing that is dropped.
    let examples = format!("SELECT field, examples FROM {cleaning} WHERE examples IS NOT NULL AND code <> '' ORDER BY field");
    let examples: Vec<String> = database.ask(&examples).into_iter().map(|row| row.join(" ")).collect();
    assert_eq!(examples.len(), 1, "{examples:?}");
    assert!(examples[0].starts_with("full_name") && examples[0].contains("<b>Bob</b> Smith"), "{examples:?}");
    let summary = project.run("run p.yaml --full-refresh").with_code(0).out;
    assert!(summary.contains("1 × contact.birth_date: There is no such day (date.impossible)"), "{summary}");
    assert!(!summary.contains("Bob"), "the summary shows no value: {summary}");
    let runs = database.list(&format!("SELECT count(DISTINCT run_id) FROM {cleaning}"));
    assert_eq!(runs, ["2"], "a refresh is counted as well");
}

#[test]
fn steps_are_carried_out_and_counts_are_stored_in_sqlite() {
    let project = Project::new();
    let database = Database::sqlite(&project);
    steps_are_carried_out_and_counts_are_stored(project, &database);
}

#[test]
fn steps_are_carried_out_and_counts_are_stored_in_postgres() {
    steps_are_carried_out_and_counts_are_stored(Project::new(), &Database::postgres());
}

#[test]
fn a_step_that_cannot_work_is_told_with_its_place() {
    let mut project = Project::new();
    let url = Database::sqlite(&project).url();
    written(&mut project, url);
    project.write("p.yaml", PIPELINE.replace("(?i)\\bvp\\b", "(?i)(vp"));
    let ended = project.run("validate p.yaml").with_code(2);
    assert!(ended.err.contains("unclosed group") && ended.err.contains("p.yaml:13:31"), "{}", ended.err);
}
