//! Two runners of one pipeline, dead runners, and runners that wake up after they were taken for dead.

use std::process::Command;

use crate::account::{Account, PAGES_OF_CONTACTS};
use crate::database::{Database, difference};
use crate::project::{Project, wait_until};

fn second_runner(database: &Database, mut project: Project) {
    let account = Account::of(320);
    account.pipeline(&mut project, database, "run: { records_per_load: 100 }\n");
    let stalled = account.stall(PAGES_OF_CONTACTS, 2);
    let first = project.start("run p.yaml --json --select contacts");
    stalled.wait();
    wait_until("the first run has loaded its first pages", || database.committed("contacts") == 2);

    let before = account.request_log().len();
    let second = project.run("run p.yaml --select contacts").with_code(9);
    let words = second.err.lines().find(|line| line.starts_with("error AQ5002 ")).unwrap_or_else(|| panic!("{}", second.err));
    for fact in
        ["another run of `p` is under way", ", run 20", ", host ", &format!(", process {}", first.id()), ", since 20", ", lease until 20"]
    {
        assert!(words.contains(fact), "{fact}: {words}");
    }
    assert_eq!(account.request_log().len(), before, "it asked the source for nothing");
    // What writes nothing, or elsewhere, disturbs nobody.
    account.clear_faults();
    project.run("run p.yaml --dry-run --select contacts --limit 5").with_code(0);
    project.write("q.yaml", project.read("p.yaml").replace("${WAREHOUSE}", "sqlite://other.db"));
    project.run("run q.yaml --select contacts").with_code(0);

    first.kill();
    let third = project.run("run p.yaml --json --select contacts").with_code(0);
    assert!(third.err.contains("has died: this run takes the pipeline over"), "{}", third.err);
    assert_eq!(third.stream("contacts")["read"], 120, "it goes on where the dead one stood");
    assert_eq!(database.count("contact", "NOT is_deleted"), 320);
    let fourth = project.run("run p.yaml --select contacts").with_code(0);
    assert!(!fourth.err.contains("over"), "a run that ends gives its lease back: {}", fourth.err);
}

#[test]
fn a_second_runner_is_told_who_was_first_in_sqlite() {
    let project = Project::new();
    second_runner(&Database::sqlite(&project), project);
}

#[test]
fn a_second_runner_is_told_who_was_first_in_postgres() {
    // With the control store in a database of its own, as several machines have it.
    let mut project = Project::new();
    project.set("AQUEDUCT_CONTROL_URL", Database::postgres().url());
    second_runner(&Database::postgres(), project);
}

/// A run that sleeps longer than its lease lives wakes up to find another in its place.
fn zombie(database: &Database, mut project: Project) {
    let account = Account::of(320);
    account.pipeline(&mut project, database, "run: { records_per_load: 100, idle_timeout_seconds: 2 }\ncontrol: { lease_seconds: 2 }\n");
    let stalled = account.stall(PAGES_OF_CONTACTS, 2);
    let first = project.start("run p.yaml --json --select contacts");
    stalled.wait();
    wait_until("the first run has loaded its first pages", || database.committed("contacts") == 2);
    project.run("run p.yaml --select contacts").with_code(9);
    // Between two signs of life: one that sleeps while it writes into the control store keeps everybody out of it.
    let control = project.path(".aqueduct/control.db");
    wait_until("the first run sleeps and holds no lock", || {
        first.signal("STOP");
        let free = Command::new("sqlite3").arg(&control).arg("BEGIN IMMEDIATE; ROLLBACK;").output().unwrap().status.success();
        if !free {
            first.signal("CONT");
        }
        free
    });
    account.clear_faults();
    wait_until("the lease of the paused run is over", || {
        let second = project.run("run p.yaml --select contacts");
        assert!(matches!(second.code, Some(0 | 9)), "{second:?}");
        assert_eq!(second.code == Some(0), second.err.contains("was not heard of in time"), "{second:?}");
        second.code == Some(0)
    });
    let after = database.content(&[]);
    assert_eq!(database.count("contact", "NOT is_deleted"), 320);

    first.signal("CONT");
    let ended = first.end().with_code(9);
    assert_eq!(ended.json()["errors"][0]["error"]["code"], "AQ5001");
    assert_eq!(difference(&after, &database.content(&[])), Default::default(), "it has written nothing more");
    project.run("run p.yaml --select contacts").with_code(0);
}

#[test]
fn a_paused_runner_writes_no_more_after_a_takeover_in_sqlite() {
    let project = Project::new();
    zombie(&Database::sqlite(&project), project);
}

#[test]
fn a_paused_runner_writes_no_more_after_a_takeover_in_postgres() {
    zombie(&Database::postgres(), Project::new());
}

#[test]
fn a_runner_may_wait_for_the_one_before() {
    let account = Account::of(320);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    let stalled = account.stall(PAGES_OF_CONTACTS, 2);
    let first = project.start("run p.yaml --select contacts");
    stalled.wait();
    project.run("run p.yaml --select contacts --wait-for-lease 1s").with_code(9);
    let waiting = project.start("run p.yaml --select contacts --wait-for-lease 10m --json");
    account.clear_faults();
    first.signal("TERM");
    first.end().with_code(143);
    // A run that ends by a signal gives its lease back, so there is nothing to take over.
    let ended = waiting.end().with_code(0);
    assert!(!ended.err.contains("over"), "{}", ended.err);
    assert_eq!(database.count("contact", "NOT is_deleted"), 320);
}

#[test]
fn a_run_whose_lease_is_lost_stops_by_itself() {
    let account = Account::of(320);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "control: { lease_seconds: 1 }\n");
    let stalled = account.stall(PAGES_OF_CONTACTS, 2);
    let run = project.start("run p.yaml --json --select contacts");
    stalled.wait();
    // The answer it waits for never comes, so it is the lease alone that can end it.
    let control = Database::Sqlite(project.path(".aqueduct/control.db"));
    assert_eq!(control.ask("DELETE FROM control WHERE kind = 'lease' RETURNING 1").len(), 1);
    let ended = run.end().with_code(9);
    assert_eq!(ended.json()["errors"][0]["error"]["code"], "AQ5001");
    assert!(ended.json()["errors"][0]["error"].to_string().contains("lost the lease"), "{}", ended.out);
    account.clear_faults();
    project.run("run p.yaml --select contacts").with_code(0);
    assert_eq!(database.count("contact", "NOT is_deleted"), 320);
}

#[test]
fn the_store_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let account = Account::of(20);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    project.write("pipelines/p.yaml", project.read("p.yaml"));
    project.run("run pipelines/p.yaml").with_code(0);
    let mode = |name: &str| std::fs::metadata(project.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(".aqueduct"), mode(".aqueduct/control.db")], [0o700, 0o600]);
    assert!(!project.path("pipelines/.aqueduct").exists());
    assert!(!project.path(".aqueduct/control.key").exists(), "without tokens there is nothing to seal");
    let content = Database::Sqlite(project.path(".aqueduct/control.db")).list("SELECT kind || key || content FROM control").concat();
    assert!(!content.is_empty() && !content.contains(&account.access_token()), "{content}");

    project.write("bad.yaml", project.read("p.yaml") + "control: { url: \"mysql://u:canary@h/d\" }\n");
    let ended = project.run("run bad.yaml").with_code(2);
    assert!(ended.err.contains("AQ1014") && ended.err.contains("bad.yaml:5") && !ended.err.contains("canary"), "{}", ended.err);
    project.write("broken.db", "this is no database, however long it may be");
    project.set("AQUEDUCT_CONTROL_URL", "sqlite://broken.db");
    let ended = project.run("run p.yaml").with_code(5);
    assert!(ended.err.contains("AQ4004"), "{}", ended.err);
}
