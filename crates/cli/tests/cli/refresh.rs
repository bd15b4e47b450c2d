//! `run --full-refresh`: what nothing else finds is found, and until it is complete everything is as it was.

use std::time::Duration;

use aqueduct_simulator::Clock;
use aqueduct_simulator::hubspot::{Effect, Fault, Match, ObjectKind};
use aqueduct_simulator::salesforce::Options;

use crate::account::{Account, PAGES_OF_CONTACTS};
use crate::database::{Content, Database, difference};
use crate::project::Project;
use crate::salesforce;

/// Small loads, so that a refresh that is stopped has some of them behind it.
const SMALL_LOADS: &str = "run: { records_per_load: 100, parallel_streams: 1, retry_seconds: 1 }\n";

/// The rows that everybody sees, and where the streams stand.
fn visible(database: &Database) -> (Content, Vec<String>) {
    (database.content(&[]), database.list(&format!("SELECT stream || state FROM {} ORDER BY stream", database.table("_state"))))
}

/// How many shadows there are, tables included.
fn shadows(database: &Database) -> usize {
    let tables = match database {
        Database::Sqlite(_) => "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name GLOB '_shadow_*'",
        Database::Postgres(_) => "SELECT count(*) FROM pg_tables WHERE schemaname = 'aqueduct' AND tablename LIKE 'shadow\\_%'",
    };
    database.one(tables).parse::<usize>().unwrap()
        + database.one(&format!("SELECT count(*) FROM {}", database.table("_shadows"))).parse::<usize>().unwrap()
}

fn an_erased_record_is_found(database: &Database, mut project: Project) {
    let account = Account::of(260);
    account.pipeline(&mut project, database, "");
    project.run("run p.yaml --json").with_code(0);
    let erased = account.store().ids(ObjectKind::Contacts)[17];
    account.store().gdpr_delete(ObjectKind::Contacts, erased).unwrap();
    // Neither the changes nor the list of archived records tell of it.
    project.run("run p.yaml --json").with_code(0);
    let live = |table: &str, condition: &str| database.count(table, &format!("NOT is_deleted AND {condition}"));
    assert_eq!(live("contact", &format!("source_id = '{erased}'")), 1);
    let before = database.content(&[]);
    let ended = project.run("run p.yaml --json --full-refresh").with_code(0);
    let report = ended.stream("contacts");
    let told = ["read", "loaded", "unchanged", "deleted"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(told, [259, 0, 259, 1], "{report}");
    let written = difference(&before, &database.content(&[]));
    assert_eq!((written.added.len(), written.gone.len()), (0, 0), "{written:?}");
    let own = [format!("source_id='{erased}'"), format!("source_id='{erased}:"), format!(":{erased}'")];
    // Lists count a member less.
    let of_the_person =
        |table: &str, row: &str| own.iter().any(|own| row.contains(own.as_str())) || ["list", "hubspot_lists"].contains(&table);
    let all_of_the_person = written.changed.iter().all(|(table, row)| of_the_person(table, row));
    assert!(!written.changed.is_empty() && all_of_the_person, "{written:?}");
    for table in ["contact", "hubspot_contacts"] {
        assert_eq!(database.list(&format!("SELECT source_id FROM {} WHERE is_deleted", database.table(table))), [erased.to_string()]);
        assert_eq!(live(table, "1 = 1"), 259);
    }
    assert_eq!(live("contact_point", &format!("source_id LIKE '{erased}:%'")), 0);
    assert_eq!(shadows(database), 0);
    // Later runs go on from where the refresh began.
    let after = database.content(&[]);
    project.run("run p.yaml --json").with_code(0);
    assert_eq!(difference(&after, &database.content(&[])), Default::default());
}

#[test]
fn an_erased_record_is_found_in_sqlite() {
    let project = Project::new();
    an_erased_record_is_found(&Database::sqlite(&project), project);
}

#[test]
fn an_erased_record_is_found_in_postgres() {
    an_erased_record_is_found(&Database::postgres(), Project::new());
}

fn what_fails_half_way_leaves_everything_as_it_was(database: &Database, mut project: Project) {
    let account = Account::of(320);
    account.pipeline(&mut project, database, SMALL_LOADS);
    project.run("run p.yaml --json").with_code(0);
    let before = visible(database);
    let store = account.store();
    let contacts = store.ids(ObjectKind::Contacts);
    store.gdpr_delete(ObjectKind::Contacts, contacts[5]).unwrap();
    store.update(ObjectKind::Contacts, contacts[6], [("jobtitle", "Head of Canals")]).unwrap();

    // The source breaks down after two pages.
    account.inject(Fault::always(Effect::status(503)).when(Match::path(PAGES_OF_CONTACTS).after(2)));
    let ended = project.run("run p.yaml --json --full-refresh --select contacts").with_code(4);
    account.clear_faults();
    assert_eq!(ended.stream("contacts")["loaded"], 0);
    assert_eq!(difference(&before.0, &database.content(&[])), Default::default());
    assert_eq!(visible(database).1, before.1);
    assert!(shadows(database) > 0, "what was read waits");

    // Killed, while it goes on from there.
    let stalled = account.stall(PAGES_OF_CONTACTS, 1);
    let run = project.start("run p.yaml --full-refresh --select contacts");
    stalled.wait();
    run.kill();
    account.clear_faults();
    assert_eq!(difference(&before.0, &database.content(&[])), Default::default());

    // A run that reads what is new is none of its business, and has none with it.
    project.run("run p.yaml --json --select contacts").with_code(0);
    let between = database.content(&[]);
    assert_eq!(database.count("contact", "job_title = 'Head of Canals'"), 1);
    assert_eq!(database.count("contact", "is_deleted"), 0);

    let asked = account.request_log().len();
    let ended = project.run("run p.yaml --json --full-refresh --select contacts").with_code(0);
    let pages = account.request_log().iter().skip(asked).filter(|request| request.path.ends_with("/objects/contacts")).count();
    assert!(pages < 4, "it went on from its checkpoint: {pages}");
    let report = ended.stream("contacts");
    assert_eq!((&report["read"], &report["deleted"]), (&319.into(), &1.into()), "{report}");
    assert_eq!(database.count("contact", "NOT is_deleted"), 319);
    assert_eq!(database.count("contact", &format!("is_deleted AND source_id = '{}'", contacts[5])), 1);
    let written = difference(&between, &database.content(&[]));
    assert!(written.changed.iter().all(|(_, row)| row.contains(&format!("source_id='{}", contacts[5]))), "{written:?}");
    assert_eq!(shadows(database), 0);
}

#[test]
fn what_fails_half_way_leaves_everything_as_it_was_in_sqlite() {
    let project = Project::new();
    what_fails_half_way_leaves_everything_as_it_was(&Database::sqlite(&project), project);
}

#[test]
fn what_fails_half_way_leaves_everything_as_it_was_in_postgres() {
    what_fails_half_way_leaves_everything_as_it_was(&Database::postgres(), Project::new());
}

#[test]
fn a_refresh_that_would_delete_most_rows_asks() {
    let account = Account::of(120);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    project.run("run p.yaml --select contacts").with_code(0);
    let store = account.store();
    for id in store.ids(ObjectKind::Contacts).iter().take(90) {
        store.gdpr_delete(ObjectKind::Contacts, *id).unwrap();
    }
    let ended = project.run("run p.yaml --json --full-refresh --select contacts").with_code(8);
    assert_eq!(ended.json()["errors"][0]["error"]["code"], "AQ6001");
    assert_eq!(database.count("contact", "NOT is_deleted"), 120);
    // Allowed, what was read is put in place without reading it again.
    let asked = account.request_log().len();
    project.run("run p.yaml --full-refresh --select contacts --allow-mass-delete").with_code(0);
    assert!(account.request_log().iter().skip(asked).all(|request| !request.path.ends_with("/objects/contacts")));
    assert_eq!(database.count("contact", "NOT is_deleted"), 30);
}

fn deletions_that_salesforce_forgot_are_found(database: &Database, mut project: Project) {
    let clock = Clock::running_from(Clock::real().now() - Duration::from_secs(7_200));
    let organisation = salesforce::organisation(Options { contacts: 90, clock, ..Options::default() });
    salesforce::pipeline(&organisation, &mut project, database, "", "  select: [contacts, leads]\n");
    project.run("run p.yaml --json").with_code(0);
    let store = organisation.store();
    let contacts = store.ids("Contact");
    store.hard_delete("Contact", &contacts[3]).unwrap();
    store.delete("Contact", &contacts[4]).unwrap();
    organisation.clock().advance(Duration::from_secs(3_600));
    organisation.trim_deletions(organisation.clock().now() - Duration::from_secs(1_800));
    let ended = project.run("run p.yaml --json --select contacts");
    assert_ne!(ended.code, Some(0), "the list of deletions no longer reaches back, and that is said");
    project.run("run p.yaml --json --full-refresh --select contacts").with_code(0);
    for (table, condition) in [("salesforce_contacts", "1 = 1"), ("contact", "1 = 1")] {
        let found: Vec<String> = database
            .list(&format!("SELECT source_id FROM {} WHERE NOT is_deleted AND {condition} ORDER BY source_id", database.table(table)));
        let mut expected = store.ids("Contact");
        expected.sort_unstable();
        assert_eq!(found, expected, "{table}");
    }
    assert_eq!(database.count("lead", "NOT is_deleted"), store.count("Lead"), "rows of other streams are as they were");
    assert_eq!(shadows(database), 0);
    project.run("run p.yaml --json --select contacts").with_code(0);
}

#[test]
fn deletions_that_salesforce_forgot_are_found_in_sqlite() {
    let project = Project::new();
    deletions_that_salesforce_forgot_are_found(&Database::sqlite(&project), project);
}

#[test]
fn deletions_that_salesforce_forgot_are_found_in_postgres() {
    deletions_that_salesforce_forgot_are_found(&Database::postgres(), Project::new());
}
