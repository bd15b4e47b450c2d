//! Records in quarantine: listed, shown, replayed after a mapping is mended, given up, and gone in time.

use crate::database::Database;
use crate::project::Project;

const MEMBERS: &str = "id,campaign,former_campaign,person,note\n\
    1,c1,,p1,fine\n\
    2,,c2,p2,canary-note\n\
    3,,c3,p3,x\n\
    4,,,p4,never\n";

fn pipeline(campaign: &str, more: &str) -> String {
    format!(
        "name: members
source:
  connector: files
  config: {{ path: members.csv, key: id }}
  select: [members.*]
normalise:
  mappings:
    - entity: campaign_member
      stream: members
      fields:
        campaign_id: {campaign}
        contact_id: person
        status: note
privacy: {{ policy: policy.yaml }}
{more}
destination: {{ url: \"${{WAREHOUSE}}\" }}
"
    )
}

fn project(database: &Database) -> Project {
    let mut project = Project::new();
    project.set("WAREHOUSE", database.url());
    project.write("members.csv", MEMBERS);
    project.write("policy.yaml", "columns: { files_members.note: drop, campaign_member.status: drop }\n");
    project.write("p.yaml", pipeline("campaign", ""));
    project
}

fn a_mended_rule_is_replayed_without_the_source(database: &Database) {
    let project = project(database);
    let report = project.run("run p.yaml --json").with_code(0);
    assert_eq!(["loaded", "quarantined"].map(|name| report.stream("members")[name].as_u64().unwrap()), [1, 3]);

    let listed = project.run("quarantine list p.yaml --json").with_code(0).json_lines();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|row| row["rule"] == "required.missing" && row["status"] == "new" && row["has_original"] == true));
    let second = listed.iter().find(|row| row["source_id"] == "2").unwrap();
    assert_eq!(second["record"]["former_campaign"], "c2");
    let words = project.run("quarantine list p.yaml").with_code(0);
    assert!(words.out.contains("required.missing") && words.out.contains("campaign"), "{}", words.out);

    // The policy keeps the note out of the warehouse; the original has it, for whoever has the key.
    let id = second["row_id"].as_str().unwrap();
    let shown = project.run(&format!("quarantine show p.yaml {}", &id[..8])).with_code(0);
    assert!(shown.out.contains("former_campaign") && !shown.out.contains("canary-note"), "{}", shown.out);
    let original = project.run(&format!("quarantine show p.yaml {id} --original --json")).with_code(0).json();
    assert_eq!(original["original"]["note"], "canary-note");
    let everything = format!("{:?}", database.ask(&format!("SELECT record, sealed, message FROM {}", database.table("_quarantine"))));
    assert!(!everything.contains("canary-note"), "{everything}");
    assert_eq!(project.run("quarantine show p.yaml ffff").code, Some(2));

    // Nothing is mended yet, so nothing moves.
    let told = project.run("quarantine replay p.yaml").with_code(0);
    assert!(told.out.contains("still turned away: 3 by required.missing"), "{}", told.out);

    // Mended; the file is gone, for the records are read from quarantine alone.
    project.write("p.yaml", pipeline("{ first_of: [campaign, former_campaign] }", ""));
    project.write("members.csv", MEMBERS.lines().next().unwrap());
    let replayed = project.run("quarantine replay p.yaml --json").with_code(0).json();
    assert_eq!(replayed["streams"][0]["loaded"], 2, "{replayed}");
    assert_eq!(replayed["still_rejected"]["members"]["required.missing"], 1, "{replayed}");
    let table = database.table("campaign_member");
    assert_eq!(database.list(&format!("SELECT source_id FROM {table} ORDER BY source_id")), ["1", "2", "3"]);
    let status = |id: &str| database.list(&format!("SELECT status FROM {} WHERE source_id = '{id}'", database.table("_quarantine")));
    assert_eq!([status("2"), status("3"), status("4")], [["replayed"], ["replayed"], ["new"]]);
    let again = project.run("quarantine replay p.yaml").with_code(0);
    assert!(again.out.contains("still turned away: 1 by"), "{}", again.out);
    let listed = project.run("quarantine list p.yaml --status replayed --json").with_code(0).json_lines();
    assert!(listed.len() == 2 && listed.iter().all(|row| row["resolved_by"].is_string()), "{listed:?}");

    // What is left is not wanted.
    assert_eq!(project.run("quarantine discard p.yaml").code, Some(2));
    let given_up = project.run("quarantine discard p.yaml --all --by ann").with_code(0);
    assert!(given_up.out.contains("1 record given up"), "{}", given_up.out);
    assert_eq!(status("4"), ["discarded"]);
    assert!(project.run("quarantine list p.yaml").with_code(0).out.contains("no such record"));
    assert!(project.run("runs p.yaml").with_code(0).out.contains("ok"));
}

#[test]
fn a_mended_rule_is_replayed_into_sqlite() {
    let folder = Project::new();
    a_mended_rule_is_replayed_without_the_source(&Database::sqlite(&folder));
}

#[test]
fn a_mended_rule_is_replayed_into_postgres() {
    a_mended_rule_is_replayed_without_the_source(&Database::postgres());
}

#[test]
fn originals_need_the_key_that_sealed_them_and_may_be_left_out() {
    let folder = Project::new();
    let mut project = project(&Database::sqlite(&folder));
    project.run("run p.yaml").with_code(0);
    project.set("AQUEDUCT_CONTROL_KEY", "another key, long enough to be one of them");
    let refused = project.run("quarantine replay p.yaml");
    assert!(refused.code == Some(3) && refused.out.contains("AQ2005"), "{refused:?}");

    let folder = Project::new();
    let database = Database::sqlite(&folder);
    let project = self::project(&database);
    project.write("p.yaml", pipeline("campaign", "quality: { quarantine: { keep_originals: false } }"));
    project.run("run p.yaml").with_code(0);
    assert_eq!(database.list("SELECT count(*) FROM _quarantine WHERE sealed IS NOT NULL"), ["0"]);
    let refused = project.run("quarantine replay p.yaml").with_code(2);
    assert!(refused.err.contains("keeps no originals"), "{}", refused.err);
}

#[test]
fn what_is_old_leaves_the_quarantine_by_itself() {
    let folder = Project::new();
    let database = Database::sqlite(&folder);
    let project = project(&database);
    project.run("run p.yaml").with_code(0);
    database.ask("UPDATE _quarantine SET last_seen = '2026-01-01T00:00:00Z' WHERE source_id <> '4'");
    project.run("run p.yaml").with_code(0);
    assert_eq!(database.list("SELECT source_id FROM _quarantine"), ["4"]);
}
