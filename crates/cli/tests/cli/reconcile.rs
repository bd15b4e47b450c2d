//! `aqueduct reconcile`: what is missing, extra or stale is told, stored and repaired, whoever is to blame for it.

use std::time::Duration;

use aqueduct_simulator::Clock;
use aqueduct_simulator::hubspot::{ObjectKind, Options};
use aqueduct_simulator::salesforce;
use serde_json::Value;

use crate::account::Account;
use crate::database::Database;
use crate::project::Project;
use crate::salesforce as organisations;

/// The sums of a report: at the source, in the warehouse, missing, extra, stale.
fn sums(report: &Value) -> [u64; 5] {
    let windows = report["windows"].as_array().unwrap();
    ["source", "warehouse", "missing", "extra", "stale"].map(|name| windows.iter().map(|window| window[name].as_u64().unwrap()).sum())
}

fn clock() -> Clock {
    Clock::running_from(Clock::real().now() - Duration::from_secs(86_400))
}

fn hubspot_is_compared_and_repaired(database: &Database, mut project: Project) {
    let clock = clock();
    let options = Options { contacts: 180, archived_per_mille: 0, merged_per_mille: 0, clock: clock.clone(), ..Options::default() };
    let account = Account::start(options);
    let store = account.store();
    account.pipeline(&mut project, database, "");
    project.run("run p.yaml --json --select contacts").with_code(0);
    for line in ["reconcile p.yaml --json --select contacts", "reconcile p.yaml --json --select contacts --full"] {
        let report = project.run(line).with_code(0).json();
        assert_eq!((sums(&report), &report["agrees"]), ([180, 180, 0, 0, 0], &true.into()), "{report}");
    }

    // One is erased; one changes and one is made while the search is further behind than its lag; somebody deletes two rows by hand.
    let contacts = store.ids(ObjectKind::Contacts);
    store.gdpr_delete(ObjectKind::Contacts, contacts[3]).unwrap();
    account.set_index_lag(Duration::from_secs(86_400));
    store.update(ObjectKind::Contacts, contacts[4], [("jobtitle", "Head of Canals")]).unwrap();
    store.create(ObjectKind::Contacts, [("email", "late@example.com"), ("lastname", "Late")]).unwrap();
    clock.advance(Duration::from_secs(3 * 3_600));
    project.run("run p.yaml --json --select contacts").with_code(0);
    account.set_index_lag(Duration::ZERO);
    project.run("run p.yaml --json --select contacts").with_code(0);
    for id in &contacts[10..12] {
        for table in ["hubspot_contacts", "contact"] {
            database.ask(&format!("DELETE FROM {} WHERE source_id = '{id}'", database.table(table)));
        }
    }
    assert_eq!(database.count("contact", "job_title = 'Head of Canals'"), 0, "the change came too late for every run");

    let report = project.run("reconcile p.yaml --json --select contacts").with_code(8).json();
    assert_eq!(sums(&report), [180, 178, 2, 0, 0], "counts alone: {report}");
    let report = project.run("reconcile p.yaml --json --select contacts --full").with_code(8).json();
    assert_eq!(sums(&report), [180, 178, 3, 1, 1], "{report}");
    assert!(report["windows"].as_array().unwrap().len() > 1, "by month: {report}");
    let run = report["run_id"].as_str().unwrap();
    let stored = database.one(&format!(
        "SELECT sum(missing) * 100 + sum(extra) * 10 + sum(stale) FROM {} WHERE run_id = '{run}'",
        database.table("_reconciliation")
    ));
    assert_eq!(stored, "311");
    let mut named = database
        .list(&format!("SELECT source_id FROM {} WHERE run_id = '{run}' AND differing <> 'missing'", database.table("_differences")));
    named.sort_unstable();
    assert_eq!(named, [contacts[3].to_string(), contacts[4].to_string()]);
    let sample = project.run("reconcile p.yaml --json --select contacts --sample 100").with_code(8).json();
    let sampled: Vec<&Value> = sample["windows"].as_array().unwrap().iter().filter(|window| window["window"] != "all").collect();
    assert_eq!(sampled.iter().map(|window| window["source"].as_u64().unwrap()).sum::<u64>(), 100, "{sample}");
    assert!(sampled.iter().all(|window| window["extra"] == 0), "of a sample nothing is extra: {sample}");
    let shown = project.run("reconcile p.yaml --select contacts --full").with_code(8);
    assert!(shown.out.contains("DIFFER") && shown.out.contains("missing"), "{}", shown.out);
    // A line for what differs, and one for all that agrees.
    let differing =
        report["windows"].as_array().unwrap().iter().filter(|window| ["missing", "extra", "stale"].iter().any(|name| window[*name] != 0));
    let lines = shown.out.lines().filter(|line| line.starts_with(" contacts")).count();
    assert_eq!(lines, differing.count() + 1, "{}", shown.out);
    assert!(shown.out.contains(" that agree "), "{}", shown.out);

    let report = project.run("reconcile p.yaml --json --select contacts --repair").with_code(0).json();
    assert_eq!(sums(&report), [180, 180, 0, 0, 0], "{report}");
    assert_eq!(report["repaired"][0]["marked_as_deleted"], 1, "{report}");
    for table in ["hubspot_contacts", "contact"] {
        let mut found = database.list(&format!("SELECT source_id FROM {} WHERE NOT is_deleted", database.table(table)));
        found.sort_unstable();
        let mut expected: Vec<String> = store.ids(ObjectKind::Contacts).iter().map(u64::to_string).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{table}");
    }
    assert_eq!(database.count("contact", "job_title = 'Head of Canals'"), 1);
    assert_eq!(database.count("contact_point", &format!("source_id LIKE '{}:%' AND NOT is_deleted", contacts[3])), 0);
    project.run("run p.yaml --json").with_code(0);
    // Every stream, those without a listing of ids too.
    project.run("reconcile p.yaml --json --full").with_code(0);
}

#[test]
fn hubspot_is_compared_and_repaired_in_sqlite() {
    let project = Project::new();
    hubspot_is_compared_and_repaired(&Database::sqlite(&project), project);
}

#[test]
fn hubspot_is_compared_and_repaired_in_postgres() {
    hubspot_is_compared_and_repaired(&Database::postgres(), Project::new());
}

#[test]
fn salesforce_is_compared_and_repaired() {
    let clock = clock();
    let organisation =
        organisations::organisation(salesforce::Options { contacts: 120, clock: clock.clone(), ..salesforce::Options::default() });
    let store = organisation.store();
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    organisations::pipeline(&organisation, &mut project, &database, "", "");
    project.run("run p.yaml --json").with_code(0);
    let report = project.run("reconcile p.yaml --json").with_code(0).json();
    assert_eq!(report["agrees"], true);
    project.run("reconcile p.yaml --json --full").with_code(0);

    let contacts = store.ids("Contact");
    let count = contacts.len() as u64;
    // A transaction that takes longer than the lag, and rows that somebody deletes by hand.
    organisation.set_commit_lag(Duration::from_secs(7_200));
    store.update("Contact", &contacts[4], [("Title", "Head of Canals")]).unwrap();
    organisation.set_commit_lag(Duration::ZERO);
    clock.advance(Duration::from_secs(3_600));
    project.run("run p.yaml --json --select contacts").with_code(0);
    clock.advance(Duration::from_secs(7_200));
    project.run("run p.yaml --json --select contacts").with_code(0);
    for table in ["salesforce_contacts", "contact"] {
        database.ask(&format!("DELETE FROM {} WHERE source_id = '{}'", database.table(table), contacts[10]));
    }
    // A record that comes to the end of the bin unseen: as if the row had been live here all the time.
    store.hard_delete("Contact", &contacts[20]).unwrap();
    let report = project.run("reconcile p.yaml --json --select contacts --full").with_code(8).json();
    assert_eq!(sums(&report), [count - 1, count - 1, 1, 1, 1], "{report}");
    let report = project.run("reconcile p.yaml --json --select contacts --repair --full").with_code(0).json();
    assert_eq!(sums(&report), [count - 1, count - 1, 0, 0, 0], "{report}");
    assert_eq!(database.count("contact", "job_title = 'Head of Canals'"), 1);
    assert_eq!(database.count("contact", "NOT is_deleted"), store.count("Contact"));
    assert_eq!(database.count("contact", &format!("is_deleted AND source_id = '{}'", contacts[20])), 1);
}

#[test]
fn a_repair_that_would_delete_most_rows_asks() {
    let account = Account::of(120);
    let store = account.store();
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    project.run("run p.yaml --select contacts").with_code(0);
    for id in store.ids(ObjectKind::Contacts).iter().take(90) {
        store.gdpr_delete(ObjectKind::Contacts, *id).unwrap();
    }
    let ended = project.run("reconcile p.yaml --json --select contacts --repair").with_code(8);
    assert_eq!(ended.json()["errors"][0]["error"]["code"], "AQ6001");
    assert_eq!(database.count("contact", "NOT is_deleted"), 120);
    project.run("reconcile p.yaml --json --select contacts --repair --allow-mass-delete").with_code(0);
    assert_eq!(database.count("contact", "NOT is_deleted"), 30);
}
