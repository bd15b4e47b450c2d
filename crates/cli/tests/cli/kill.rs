//! `kill -9` in the middle of a run: the next run leaves what an undisturbed one leaves.

use crate::account::{Account, PAGES_OF_CONTACTS};
use crate::database::{Content, Database, OF_THE_LOAD, difference};
use crate::project::{Project, wait_until};

/// Small loads, so that a kill falls between two of them.
const SMALL_LOADS: &str = "run: { records_per_load: 100, parallel_streams: 2 }\n";

/// Where a run is killed: the stream, a part of the requests that read it, and how many of its loads are committed by then.
const PLACES: [(&str, &str, u64); 3] =
    [("contacts", PAGES_OF_CONTACTS, 1), ("contacts", PAGES_OF_CONTACTS, 3), ("contact_companies", "/contacts/companies/batch/read", 2)];

fn undisturbed(account: &Account, database: &Database, mut project: Project) -> Content {
    account.pipeline(&mut project, database, SMALL_LOADS);
    project.run("run p.yaml").with_code(0);
    database.content(OF_THE_LOAD)
}

/// Kills a run while it waits for a page after so many loads, runs again, and gives the rows.
fn killed(account: &Account, database: &Database, mut project: Project, (stream, request, loads): (&str, &str, u64)) -> Content {
    account.pipeline(&mut project, database, SMALL_LOADS);
    let stalled = account.stall(request, loads);
    let run = project.start("run p.yaml");
    stalled.wait();
    wait_until("the loads before the page that hangs are committed", || database.committed(stream) as u64 >= loads);
    run.kill();
    account.clear_faults();
    let status = || database.one(&format!("SELECT status FROM {} ORDER BY run_id DESC LIMIT 1", database.table("_runs")));
    assert_eq!((database.committed(stream) as u64, status()), (loads, "running".to_owned()));

    let again = project.run("run p.yaml --json").with_code(0);
    let report = again.stream(stream);
    let read = report["read"].as_u64().unwrap();
    let sum = ["loaded", "unchanged", "quarantined", "filtered"].iter().map(|name| report[*name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(read, sum, "{report}");
    if stream == "contacts" {
        // It went on from its checkpoint and did not begin anew.
        assert_eq!(read, 320 - 100 * loads);
    }
    assert_eq!(status(), "ok");
    let content = database.content(OF_THE_LOAD);
    let third = project.run("run p.yaml").with_code(0);
    assert_eq!(difference(&content, &database.content(OF_THE_LOAD)), Default::default(), "{}", third.out);
    content
}

fn account() -> Account {
    Account::of(320)
}

#[test]
fn a_killed_run_is_completed_in_sqlite() {
    let account = account();
    let project = Project::new();
    let expected = undisturbed(&account, &Database::sqlite(&project), project);
    for place in PLACES {
        let project = Project::new();
        let found = killed(&account, &Database::sqlite(&project), project, place);
        assert_eq!(difference(&expected, &found), Default::default(), "{place:?}");
    }
}

#[test]
fn a_killed_run_is_completed_in_postgres() {
    let account = account();
    let expected = undisturbed(&account, &Database::postgres(), Project::new());
    for place in PLACES {
        let found = killed(&account, &Database::postgres(), Project::new(), place);
        assert_eq!(difference(&expected, &found), Default::default(), "{place:?}");
    }
}
