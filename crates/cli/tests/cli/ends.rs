//! How runs end: the exit code, the words that go with it, and what is committed by then.

use aqueduct_simulator::hubspot::{Effect, Fault, Limits, Match, ObjectKind};

use crate::account::{Account, PAGES_OF_CONTACTS, nowhere};
use crate::database::{Database, difference};
use crate::project::{Ended, Project};

/// A project whose pipeline reads a small account into SQLite.
fn prepared(account: &Account, more: &str) -> (Project, Database) {
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, more);
    (project, database)
}

/// The three lines of an error on standard error.
#[track_caller]
fn assert_error(ended: &Ended, begins: &str, advice: &str) {
    let at = ended.err.find("error AQ").unwrap_or_else(|| panic!("no error in {}", ended.err));
    let lines: Vec<&str> = ended.err[at..].lines().collect();
    assert!(lines[0].starts_with(&format!("error {begins}")), "{}", lines[0]);
    assert!(lines[1].starts_with("  data: "), "{}", lines[1]);
    assert!(lines[2].starts_with("  next: ") && lines[2].contains(advice), "{}", lines[2]);
}

#[test]
fn a_wrong_token_ends_with_3() {
    let account = Account::of(20);
    let (mut project, _) = prepared(&account, "");
    project.set("TOKEN", "pat-na1-wrong-canary");
    for command in ["run p.yaml", "check p.yaml", "preview p.yaml", "discover p.yaml", "validate p.yaml --online"] {
        let ended = project.run(command).with_code(3);
        assert_error(&ended, "AQ2001 ", "Check the token");
        assert!(!ended.err.contains("canary"), "{}", ended.err);
    }
    assert!(!project.path("warehouse.db").exists(), "nothing was read, so there is nothing to write");
}

#[test]
fn a_source_that_is_down_ends_with_4() {
    let account = Account::of(20);
    let (mut project, _) = prepared(&account, "run: { retry_seconds: 1 }\n");
    project.set("ADDRESS", nowhere());
    assert_error(&project.run("run p.yaml").with_code(4), "AQ3004 ", "run again");

    // It answers at first and then no more: what was loaded stays, and the run says that it is not complete.
    let (project, database) = prepared(&account, "run: { retry_seconds: 1 }\n");
    account.inject(Fault::always(Effect::status(503)).when(Match::path("/objects/")));
    let ended = project.run("run p.yaml --json").with_code(6);
    assert_eq!(ended.json()["status"], "partial");
    let codes: Vec<_> = ended.json()["errors"].as_array().unwrap().iter().map(|error| error["error"]["code"].clone()).collect();
    assert!(!codes.is_empty() && codes.iter().all(|code| code == "AQ3003"), "{codes:?}");
    assert_eq!(database.count("user", "NOT is_deleted"), account.store().owners().len());
}

#[test]
fn a_destination_out_of_reach_ends_with_5() {
    let account = Account::of(20);
    let (mut project, _) = prepared(&account, "");
    let server = Database::postgres().url();
    let (server, _) = server.rsplit_once('/').unwrap();
    project.set("WAREHOUSE", format!("{}/no_such_database", server.replace("aqueduct@", "aqueduct:canary-password@")));
    for command in ["run p.yaml", "check p.yaml", "state list p.yaml", "runs p.yaml"] {
        let ended = project.run(command).with_code(5);
        assert_error(&ended, "AQ4001 ", "Correct user, password or database in the destination's address.");
        assert!(!ended.err.contains("canary"), "{}", ended.err);
    }
    project.set("WAREHOUSE", format!("sqlite://{}", project.path("no/such/folder/warehouse.db").display()));
    assert_error(&project.run("run p.yaml").with_code(5), "AQ4001 ", "");
}

#[test]
fn a_forbidden_stream_ends_with_6_and_the_others_are_loaded() {
    let account = Account::of(60);
    let (project, database) = prepared(&account, "");
    account.revoke_scope("crm.objects.deals.read");
    let ended = project.run("run p.yaml --json").with_code(6);
    let report = ended.json();
    assert_eq!((&report["status"], &report["exit_code"]), (&"partial".into(), &6.into()));
    let mut failed: Vec<_> = report["errors"].as_array().unwrap().iter().map(|error| error["stream"].as_str().unwrap()).collect();
    failed.sort_unstable();
    assert_eq!(failed, ["deal_companies", "deal_contacts", "deal_property_changes", "deals"]);
    for error in report["errors"].as_array().unwrap() {
        assert_eq!((&error["error"]["code"], &error["error"]["exit_code"]), (&"AQ2002".into(), &3.into()));
    }
    assert_eq!(database.count("contact", "NOT is_deleted"), 60);
    assert_eq!(database.count("account", "NOT is_deleted"), account.store().count(ObjectKind::Companies));

    account.grant_scope("crm.objects.deals.read");
    project.run("run p.yaml").with_code(0);
    assert_eq!(database.count("deal", "NOT is_deleted"), account.store().count(ObjectKind::Deals));
}

#[test]
fn a_quota_used_up_ends_with_7_and_the_next_day_goes_on() {
    let account = Account::of(320);
    let (project, database) = prepared(&account, "run: { records_per_load: 100, parallel_streams: 1 }\n");
    account.set_limits(Limits { daily: Some(8), ..Limits::none() });
    let ended = project.run("run p.yaml --json --select contacts").with_code(7);
    assert_eq!(ended.json()["errors"][0]["error"]["code"], "AQ3002");
    let before = database.count("contact", "1 = 1");
    assert!(before > 0 && before < 320 && before.is_multiple_of(100), "{before}");
    account.set_limits(Limits::none());
    let ended = project.run("run p.yaml --json --select contacts").with_code(0);
    assert_eq!(ended.stream("contacts")["read"], 320 - before);
    assert_eq!(database.count("contact", "NOT is_deleted"), 320);
}

#[test]
fn a_mass_deletion_ends_with_8_until_it_is_allowed() {
    let account = Account::of(200);
    let (project, database) = prepared(&account, "");
    let select = "--select contact_companies";
    project.run(&format!("run p.yaml {select}")).with_code(0);
    let before = database.content(&[]);
    let links = database.count("hubspot_contact_companies", "NOT is_deleted");
    let (contacts, companies) = (ObjectKind::Contacts, ObjectKind::Companies);
    let all = account.store().associations(contacts, companies);
    assert_eq!(all.len(), links);
    for link in &all[..all.len() * 2 / 3] {
        account.store().dissociate((contacts, link.from), (companies, link.to), None).unwrap();
    }
    let ended = project.run(&format!("run p.yaml --json --sweep-associations {select}")).with_code(8);
    let error = &ended.json()["errors"][0]["error"];
    assert_eq!(error["code"], "AQ6001");
    assert!(error["next"].as_str().unwrap().contains("--allow-mass-delete"), "{error}");
    assert_eq!(difference(&before, &database.content(&[])), Default::default());

    project.run(&format!("run p.yaml --allow-mass-delete --sweep-associations {select}")).with_code(0);
    assert_eq!(database.count("hubspot_contact_companies", "NOT is_deleted"), account.store().associations(contacts, companies).len());
    assert_eq!(database.count("hubspot_contact_companies", "1 = 1"), links);
}

/// Ends a run by a signal while it waits for a page; what was read before is committed and the next run goes on from there.
fn a_signal_ends_a_run_after_a_checkpoint(signal: &str, code: i32) {
    let account = Account::of(320);
    let (project, database) = prepared(&account, "run: { parallel_streams: 1 }\n");
    let stalled = account.stall(PAGES_OF_CONTACTS, 2);
    let run = project.start("run p.yaml --json --select contacts");
    stalled.wait();
    run.signal(signal);
    let ended = run.end().with_code(code);
    account.clear_faults();
    assert_eq!(ended.json()["status"], "interrupted");
    assert_eq!(ended.json()["errors"][0]["error"]["code"], "AQ7001");
    // Loads are of ten thousand records, so these two pages were committed because of the signal.
    assert_eq!((ended.stream("contacts")["loaded"].as_u64(), database.count("contact", "NOT is_deleted")), (Some(200), 200));

    let ended = project.run("run p.yaml --json --select contacts").with_code(0);
    assert_eq!(ended.stream("contacts")["read"], 120);
    assert_eq!(database.count("contact", "NOT is_deleted"), 320);
}

#[test]
fn a_terminated_run_ends_with_143() {
    a_signal_ends_a_run_after_a_checkpoint("TERM", 143);
}

#[test]
fn an_interrupted_run_ends_with_130() {
    a_signal_ends_a_run_after_a_checkpoint("INT", 130);
}
