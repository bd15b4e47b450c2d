//! The sweep of ids: who is gone at a source that tells no deletions is found by its listing, and a listing that lacks records deletes nobody.

use std::ops::Deref;
use std::sync::mpsc;
use std::time::Duration;

use aqueduct_simulator::brevo::{self, Effect, Fault, Match};
use aqueduct_simulator::hubspot::ObjectKind;
use serde_json::json;

use crate::account::{Account as HubSpot, runtime};
use crate::database::Database;
use crate::project::{Project, wait_until};

/// A Brevo account that answers until this is dropped.
struct Account(brevo::Simulator);

impl Deref for Account {
    type Target = brevo::Simulator;

    fn deref(&self) -> &brevo::Simulator {
        &self.0
    }
}

impl Account {
    fn of(contacts: usize) -> Self {
        let account = brevo::Account { contacts, ..brevo::Account::default() };
        Self(runtime().block_on(brevo::Simulator::start(&brevo::description(&account), brevo::Options::default())).unwrap())
    }

    fn pipeline(&self, project: &mut Project, database: &Database, more: &str) {
        project.set("KEY", self.credentials().key);
        project.set("ADDRESS", self.base_url());
        project.set("WAREHOUSE", database.url());
        project.write(
            "p.yaml",
            format!(
                "source:\n  connector: brevo\n  config: {{ api_key: \"${{KEY}}\", base_url: \"${{ADDRESS}}\" }}\n  select: [contacts]\n\
                 destination: {{ url: \"${{WAREHOUSE}}\" }}\n{more}"
            ),
        );
    }

    /// How many pages of the listing of ids were asked for, after so many requests.
    fn listed(&self, after: usize) -> usize {
        let log = self.request_log();
        let of_contacts = log.iter().skip(after).filter(|request| request.path.contains("/contacts?"));
        of_contacts.filter(|request| !request.path.contains("modifiedSince") && request.path.contains("limit=1000")).count()
    }
}

/// The numbers of `_deletions`: table, means and rows.
fn evidence(database: &Database) -> Vec<String> {
    let sql = format!(
        "SELECT table_name || ' ' || deleted_by || ' ' || rows_deleted FROM {} WHERE table_name LIKE '%contact%' ORDER BY 1",
        database.table("_deletions")
    );
    database.list(&sql).into_iter().filter(|row| !row.contains("point")).collect()
}

fn who_is_gone_is_found(database: &Database, mut project: Project) {
    let account = Account::of(260);
    account.pipeline(&mut project, database, "");
    project.run("run p.yaml --json").with_code(0);
    assert_eq!(account.listed(0), 1, "the first load alone: what was just read needs no comparison");
    for id in ["1003", "1100", "1260"] {
        account.store().delete("contacts", id).unwrap();
    }
    // Somebody deletes a row by hand.
    for table in ["brevo_contacts", "contact"] {
        database.ask(&format!("DELETE FROM {} WHERE source_id = '1050'", database.table(table)));
    }
    let asked = account.request_log().len();
    let ended = project.run("run p.yaml --json").with_code(0);
    assert_eq!(account.listed(asked), 1);
    let report = ended.stream("contacts");
    assert_eq!(report["deleted"], 3, "{report}");
    let sum = ["loaded", "unchanged", "quarantined", "filtered"].iter().map(|name| report[*name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(report["read"], sum, "{report}");
    for table in ["brevo_contacts", "contact"] {
        let mut gone = database.list(&format!("SELECT source_id FROM {} WHERE is_deleted", database.table(table)));
        gone.sort_unstable();
        assert_eq!(gone, ["1003", "1100", "1260"], "{table}");
        assert_eq!(database.count(table, "NOT is_deleted"), 257, "{table}: 1050 is back");
        assert_eq!(database.count(table, "is_deleted AND deleted_at IS NULL"), 0);
    }
    assert_eq!(database.count("contact_point", "NOT is_deleted AND source_id LIKE '1003:%'"), 0);
    // By which means it was known, and what was compared.
    let told: Vec<String> = ["brevo_contacts", "contact"].iter().map(|table| format!("{table} ids_sweep 3")).collect();
    assert_eq!(evidence(database), told);
    let joined = format!(
        "SELECT count(*) FROM {} AS c JOIN {} AS d ON d.load_id = c._load_id AND d.deleted_by = 'ids_sweep' AND d.table_name = 'contact'",
        database.table("contact"),
        database.table("_deletions")
    );
    assert_eq!(database.one(&joined), "3");
    let mut differing = database.list(&format!("SELECT differing || ' ' || source_id FROM {}", database.table("_differences")));
    differing.sort_unstable();
    assert_eq!(differing, ["extra 1003", "extra 1100", "extra 1260", "missing 1050"]);

    // Once a day, and for who asks.
    let state = project.run("state list p.yaml").with_code(0);
    assert!(state.out.contains("ids compared"), "{}", state.out);
    let asked = account.request_log().len();
    project.run("run p.yaml --json").with_code(0);
    assert_eq!(account.listed(asked), 0, "not due again");
    account.store().delete("contacts", "1004").unwrap();
    let report = project.run("run p.yaml --json --sweep-ids").with_code(0).stream("contacts");
    assert_eq!((account.listed(asked), &report["deleted"]), (1, &json!(1)), "{report}");
    project.run("reconcile p.yaml --json --full").with_code(0);
}

#[test]
fn who_is_gone_is_found_in_sqlite() {
    let project = Project::new();
    who_is_gone_is_found(&Database::sqlite(&project), project);
}

#[test]
fn who_is_gone_is_found_in_postgres() {
    who_is_gone_is_found(&Database::postgres(), Project::new());
}

#[test]
fn a_listing_that_lacks_records_deletes_nobody() {
    let account = Account::of(260);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    project.run("run p.yaml --json").with_code(0);
    account.store().delete("contacts", "1003").unwrap();
    let part = |count: usize, counted: usize| {
        let records = account.store().records("contacts");
        json!({"contacts": records[..count], "count": counted}).to_string()
    };
    // The list ends early, as a well-formed answer that looks like the last page: fewer than the source counts.
    account.inject(Fault::always(Effect::Body(part(200, 259))).when(Match::path("limit=1000")));
    let ended = project.run("run p.yaml --json").with_code(8);
    let error = &ended.json()["errors"][0]["error"];
    assert_eq!(error["code"], "AQ6004", "{error}");
    assert_eq!(database.count("contact", "is_deleted"), 0);

    // The number is as wrong as the list: then it is too many at once.
    account.clear_faults();
    account.inject(Fault::always(Effect::Body(part(100, 100))).when(Match::path("/contacts?")));
    let ended = project.run("run p.yaml --json").with_code(8);
    let error = &ended.json()["errors"][0]["error"];
    assert_eq!(error["code"], "AQ6001", "{error}");
    assert_eq!(database.count("contact", "is_deleted"), 0);

    // The next run lists anew and takes nothing of what that one listed.
    account.clear_faults();
    let report = project.run("run p.yaml --json").with_code(0).stream("contacts");
    assert_eq!((&report["deleted"], database.count("contact", "is_deleted")), (&json!(1), 1), "{report}");

    // A mass delete that is meant waits for somebody to say so, and is not listed twice for that.
    for id in 1_010..1_200 {
        account.store().delete("contacts", &id.to_string()).unwrap();
    }
    project.run("run p.yaml --json --sweep-ids").with_code(8);
    assert_eq!(database.count("contact", "NOT is_deleted"), 259);
    let asked = account.request_log().len();
    project.run("run p.yaml --json --sweep-ids --allow-mass-delete").with_code(0);
    assert_eq!(database.count("contact", "NOT is_deleted"), 69);
    assert_eq!(account.listed(asked), 0);
}

#[test]
fn a_sweep_that_is_killed_goes_on_where_it_was() {
    let account = Account::of(2_500);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "run: { records_per_load: 1000 }\n");
    project.run("run p.yaml --json").with_code(0);
    for id in ["1003", "2100", "3300"] {
        account.store().delete("contacts", id).unwrap();
    }
    // The second page of the listing hangs; changes have no second page.
    let (sender, arrived) = mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let tell = move || sender.lock().unwrap().send(()).unwrap_or(());
    account.inject(Fault::next(1, Effect::call(tell)).when(Match::path("createdSince")));
    account.inject(Fault::always(Effect::Stall { at: 0 }).when(Match::path("createdSince")));
    let run = project.start("run p.yaml");
    arrived.recv_timeout(Duration::from_secs(60)).unwrap();
    wait_until("the first page of the listing is stored", || database.count("_shadows", "kind = 'keys'") == 1);
    run.kill();
    account.clear_faults();
    assert_eq!(database.count("contact", "is_deleted"), 0);

    let asked = account.request_log().len();
    let report = project.run("run p.yaml --json").with_code(0).stream("contacts");
    assert_eq!((&report["deleted"], database.count("contact", "is_deleted")), (&json!(3), 3), "{report}");
    let log = account.request_log();
    let begun_anew = log.iter().skip(asked).any(|request| request.path.contains("limit=1000") && !request.path.contains("Since"));
    assert!(!begun_anew && account.listed(asked) > 0, "it went on from its checkpoint");
    assert_eq!(database.count("_shadows", "1 = 1"), 0);
}

#[test]
fn a_privacy_deletion_is_found_where_the_file_asks_for_sweeps() {
    let account = HubSpot::of(60);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "run: { ids_sweep_hours: 24 }\n");
    project.run("run p.yaml --json --select contacts").with_code(0);
    let contacts = account.store().ids(ObjectKind::Contacts);
    account.store().gdpr_delete(ObjectKind::Contacts, contacts[3]).unwrap();
    let report = project.run("run p.yaml --json --select contacts").with_code(0).stream("contacts");
    assert_eq!(report["deleted"], 1, "{report}");
    assert_eq!(database.list("SELECT source_id FROM contact WHERE is_deleted"), [contacts[3].to_string()]);
}
