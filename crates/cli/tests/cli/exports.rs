//! A CSV export as it comes: in the encoding of an old spreadsheet, with broken lines, through a pipeline file with mistakes.

use crate::database::Database;
use crate::project::Project;

/// Latin-1, line 4 with a field too many, line 6 without a key, line 8 with a field too few.
const PEOPLE: &[u8] = b"id,name,email,city\n\
    1,Zo\xe9 M\xfcller,zoe@example.com,K\xf6ln\n\
    2,Bob Jones,bob@example.com,York\n\
    3,Eve,Adams,eve@example.com,Hull\n\
    4,Ren\xe9 Gar\xe7on,rene@example.com,Orl\xe9ans\n\
    ,Nobody,nobody@example.com,Bath\n\
    6,Ann Lee,not an address,Leeds\n\
    7,Max\n";

const PIPELINE: &str = "source:
  connector: files
  config:
    path: exports/people.csv
    key: id
normalise:
  mappings:
    - entity: contact
      stream: people
      fields:
        full_name: name
        email: email
        city: city
destination: { url: \"${WAREHOUSE}\" }
";

fn project(pipeline: &str, database: &Database) -> Project {
    let mut project = Project::new();
    project.set("WAREHOUSE", database.url());
    project.write("exports/people.csv", PEOPLE);
    project.write("p.yaml", pipeline);
    project
}

fn good_rows_are_loaded_and_bad_ones_are_in_quarantine(database: &Database) {
    let project = project(PIPELINE, database);
    let ended = project.run("run p.yaml --json").with_code(0);
    let report = ended.stream("people");
    assert_eq!(["read", "loaded", "quarantined"].map(|name| report[name].as_u64().unwrap()), [7, 4, 3]);
    let people = database.ask(&format!("SELECT source_id, full_name, email, city FROM {} ORDER BY source_id", database.table("contact")));
    assert_eq!(
        people,
        [
            ["1", "Zoé Müller", "zoe@example.com", "Köln"],
            ["2", "Bob Jones", "bob@example.com", "York"],
            ["4", "René Garçon", "rene@example.com", "Orléans"],
            ["6", "Ann Lee", "NULL", "Leeds"],
        ]
    );
    assert_eq!(database.list(&format!("SELECT name FROM {} WHERE id = '1'", database.table("files_people"))), ["Zoé Müller"]);
    let quarantine = database.table("_quarantine");
    let rejected = database.ask(&format!("SELECT location, rule, status FROM {quarantine} WHERE location IS NOT NULL ORDER BY location"));
    assert_eq!(
        rejected,
        [["exports/people.csv:4", "csv.wrong_number_of_fields", "new"], ["exports/people.csv:8", "csv.wrong_number_of_fields", "new"],]
    );
    let messages = database.ask(&format!("SELECT rule, field, message FROM {quarantine} ORDER BY rule, message"));
    assert_eq!(
        messages,
        [
            ["csv.wrong_number_of_fields", "NULL", "The record has 2 fields, not 4 as the header."],
            ["csv.wrong_number_of_fields", "NULL", "The record has 5 fields, not 4 as the header."],
            ["key.missing", "id", "the record has nothing in `id`, which identifies it"],
        ]
    );
    // The file has not changed, so the next run has nothing to read; a corrected file is read again and the line is no more a reject.
    let again = project.run("run p.yaml --json").with_code(0);
    assert_eq!(again.stream("people")["read"], 0);
    let corrected = String::from_utf8_lossy(PEOPLE).replace("3,Eve,Adams,", "3,Eve Adams,").replace('\u{fffd}', "e");
    project.write("exports/people.csv", corrected);
    let corrected = project.run("run p.yaml --json").with_code(0);
    assert_eq!(corrected.stream("people")["quarantined"], 2);
    assert_eq!(database.list(&format!("SELECT full_name FROM {} WHERE source_id = '3'", database.table("contact"))), ["Eve Adams"]);
}

#[test]
fn good_rows_are_in_sqlite_and_bad_ones_in_its_quarantine() {
    let project = Project::new();
    good_rows_are_loaded_and_bad_ones_are_in_quarantine(&Database::sqlite(&project));
}

#[test]
fn good_rows_are_in_postgres_and_bad_ones_in_its_quarantine() {
    good_rows_are_loaded_and_bad_ones_are_in_quarantine(&Database::postgres());
}

#[test]
fn mistakes_in_the_pipeline_file_are_named_with_file_line_and_what_to_do() {
    let cases = [
        (
            PIPELINE.replace("key: id", "key: idd"),
            "AQ1008 `key` names `idd`, which is not a column of `exports/people.csv`, columns `id`, `name`, `email`, `city` \
             (exports/people.csv:1)",
            "Did you mean `id`?",
        ),
        (
            PIPELINE.replace("full_name: name", "full_name: nmae"),
            "AQ1008 unknown path `nmae` of stream `people`; did you mean `name`? (p.yaml:11:20)",
            "Write `name`, or discover the stream again if the field is new.",
        ),
        (
            PIPELINE.replace("    key: id", "    kee: id"),
            "AQ1005 the config of connector `files` is wrong: unknown field `kee`, expected one of `path`, `key`, `stream`, `format`, \
             `delimiter`, `quote`, `encoding`, `updated_at`, `created_at`, `types`, `layout`, `sample_rows`, `account` (p.yaml:5:5)",
            "Correct the config; `aqueduct discover --config CONNECTOR` lists what the connector takes.",
        ),
        (
            PIPELINE.replace("      stream: people", "      strem: people"),
            "AQ1003 unknown key `strem`; did you mean `stream`?, allowed entity, stream, when, each, fields (p.yaml:9:7)",
            "Write `stream`.",
        ),
        (
            PIPELINE.replace("    key: id\n", ""),
            "AQ1005 `key` is missing: `exports/people.csv` has no known layout, columns that look like a key",
            "Set `key` to the column that identifies a record",
        ),
        (
            PIPELINE.replace("people.csv", "peeple.csv"),
            "AQ1012 no file fits `exports/peeple.csv`, folder",
            "Correct `path`; it is relative to the folder that has pipelines/",
        ),
    ];
    for (pipeline, error, advice) in cases {
        let folder = Project::new();
        let project = project(&pipeline, &Database::sqlite(&folder));
        for command in ["validate p.yaml", "run p.yaml"] {
            let ended = project.run(command).with_code(2);
            assert!(ended.err.starts_with(&format!("error {error}")), "expected {error}\n{}", ended.err);
            assert!(ended.err.contains(&format!("\n  data: Nothing was read or written.\n  next: {advice}")), "{}", ended.err);
        }
        assert!(!folder.path("warehouse.db").exists());
    }
}
