//! Backfills: windows of history beside the live runs, killed, paused, stopped and done again.

use aqueduct_simulator::Clock;
use aqueduct_simulator::hubspot::{Effect, Fault, Match, ObjectKind, Options};
use serde_json::Value;

use crate::account::Account;
use crate::database::{Database, OF_THE_LOAD, difference};
use crate::project::{Project, wait_until};

/// Small loads, so that a kill falls between two of them; a request that hangs is soon sent again.
const SMALL_LOADS: &str = "run: { records_per_load: 200, idle_timeout_seconds: 2 }\n";
const SEARCH: &str = "/objects/contacts/search";
/// Three windows, several pages each.
const WINDOWS: &str = "backfill p.yaml --from 2021-01-01 --window P2Y --streams contacts --parallel 1 --json";

/// The columns that tell loads apart, in tables and in what PostgreSQL shows of their history.
pub(crate) fn of_the_load() -> Vec<&'static str> {
    [OF_THE_LOAD, &["recorded_from", "recorded_to"]].concat()
}

/// The windows of a report, newest first.
fn windows(report: &Value) -> &Vec<Value> {
    report["windows"].as_array().unwrap()
}

fn sum(report: &Value, column: &str) -> u64 {
    windows(report).iter().map(|window| window[column].as_u64().unwrap()).sum()
}

#[track_caller]
fn assert_complete(report: &Value, records: u64) {
    assert_eq!(report["state"], "complete", "{report}");
    assert!(windows(report).iter().all(|window| window["state"] == "verified" && window["expected"] == window["found"]), "{report}");
    assert_eq!(sum(report, "expected"), records, "{report}");
    assert_eq!(
        sum(report, "read"),
        ["loaded", "unchanged", "quarantined", "filtered"].iter().map(|column| sum(report, column)).sum::<u64>()
    );
}

/// Searches for counts and pages so far.
fn searches(account: &Account) -> u64 {
    account.request_log().iter().filter(|request| request.path.contains(SEARCH)).count() as u64
}

fn killed(database: &Database, undisturbed: &Database, mut project: Project) {
    let account = Account::of(700);
    let mut calm = Project::new();
    account.pipeline(&mut calm, undisturbed, SMALL_LOADS);
    let report = calm.run(WINDOWS).with_code(0).json();
    assert_complete(&report, 700);
    assert_eq!((windows(&report).len(), sum(&report, "loaded")), (3, 700));
    let expected = undisturbed.content(&of_the_load());

    account.pipeline(&mut project, database, SMALL_LOADS);
    // In the plan, between two pages of the first window, and in another window.
    for passed in [2, 3, 4] {
        let stalled = account.stall(SEARCH, passed);
        let backfill = project.start(WINDOWS);
        stalled.wait();
        let loads = database.committed("contacts");
        backfill.kill();
        account.clear_faults();
        assert!(database.committed("contacts") >= loads);
    }
    let report = project.run(WINDOWS).with_code(0).json();
    assert_complete(&report, 700);
    assert_eq!(difference(&expected, &database.content(&of_the_load())), Default::default());
    assert_eq!(database.count("_backfills", "state = 'complete'"), 1, "it went on with the one that it had begun");
    assert!(sum(&report, "read") < 720, "what was committed is not read again: {report}");
    assert_eq!(database.count("_state", "1 = 1"), 0, "no live cursor was touched");
    // Done again, it is a new one that changes nothing.
    let before = database.content(&[]);
    let report = project.run(WINDOWS).with_code(0).json();
    assert_complete(&report, 700);
    assert_eq!((sum(&report, "loaded"), database.count("_backfills", "state = 'complete'")), (0, 2));
    assert_eq!(difference(&before, &database.content(&[])), Default::default());
}

#[test]
fn a_killed_backfill_goes_on_in_sqlite() {
    let (project, calm) = (Project::new(), Project::new());
    killed(&Database::sqlite(&project), &Database::sqlite(&calm), project);
}

#[test]
fn a_killed_backfill_goes_on_in_postgres() {
    killed(&Database::postgres(), &Database::postgres(), Project::new());
}

fn beside(database: &Database, mut project: Project) {
    let account = Account::of(320);
    account.pipeline(&mut project, database, SMALL_LOADS);
    let ids = account.store().ids(ObjectKind::Contacts);
    let stalled = account.stall(SEARCH, 2);
    let backfill = project.start(WINDOWS);
    stalled.wait();
    // The first load of a live run, which lists, and a change that its next run finds.
    project.run("run p.yaml --select contacts").with_code(0);
    account.store().update(ObjectKind::Contacts, ids[3], [("jobtitle", "Head of Canals")]).unwrap();
    let state = database.ask(&format!("SELECT * FROM {}", database.table("_state")));
    let second = project.run("backfill p.yaml --from 2024-01-01 --streams contacts").with_code(9);
    assert!(second.err.contains("AQ5002 another backfill of `p` is under way"), "{}", second.err);
    account.clear_faults();
    let report = backfill.end().with_code(0).json();
    assert_eq!(report["state"], "complete", "{report}");
    assert_eq!(database.ask(&format!("SELECT * FROM {}", database.table("_state"))), state, "no live cursor was touched");
    project.run("run p.yaml --select contacts").with_code(0);
    let changed = database.one(&format!("SELECT job_title FROM {} WHERE source_id = '{}'", database.table("contact"), ids[3]));
    assert_eq!((database.count("contact", "NOT is_deleted"), changed.as_str()), (320, "Head of Canals"));
    // An older row of a window never takes the place of a newer one.
    project.run("backfill p.yaml --from 2021-01-01 --window P3Y --streams contacts").with_code(0);
    let still = database.one(&format!("SELECT job_title FROM {} WHERE source_id = '{}'", database.table("contact"), ids[3]));
    assert_eq!(still, "Head of Canals");
}

#[test]
fn live_runs_go_on_beside_a_backfill_in_sqlite() {
    let project = Project::new();
    beside(&Database::sqlite(&project), project);
}

#[test]
fn live_runs_go_on_beside_a_backfill_in_postgres() {
    beside(&Database::postgres(), Project::new());
}

#[test]
fn a_backfill_pauses_and_goes_on() {
    let account = Account::of(700);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, SMALL_LOADS);
    assert!(project.run("backfill list p.yaml").with_code(0).out.contains("no backfill yet"));
    project.run("backfill pause p.yaml").with_code(2);
    let stalled = account.stall(SEARCH, 4);
    let backfill = project.start("backfill p.yaml --from 2021-01-01 --window P2Y --streams contacts --parallel 1");
    stalled.wait();
    let asked = project.run("backfill pause p.yaml").with_code(0);
    assert!(asked.out.contains("is asked to pause"), "{}", asked.out);
    let status = project.run("backfill status p.yaml").with_code(0);
    assert!(status.out.contains("running, asked to pause"), "{}", status.out);
    let ended = backfill.end().with_code(0);
    assert!(ended.out.contains(": paused") && ended.out.contains("It is paused; `aqueduct backfill resume p:20"), "{}", ended.out);
    account.clear_faults();
    let status = project.run("backfill status p.yaml --json").with_code(0).json();
    assert_eq!((status["state"].as_str(), status["arguments"]["window"].as_str()), (Some("paused"), Some("P2Y")));
    let id = status["id"].as_str().unwrap();
    // By its id, from the pipeline's name.
    project.write("pipelines/p.yaml", project.read("p.yaml"));
    let report = project.run(&format!("backfill resume {id} --json")).with_code(0).json();
    assert_complete(&report, 700);
    assert_eq!(report["id"], id);
    let listed = project.run("backfill list p.yaml").with_code(0).out;
    assert!(listed.contains("--from 2021-01-01 --window P2Y --streams contacts"), "{listed}");
    let listed = project.run("backfill list p.yaml --json").with_code(0).json();
    assert_eq!((listed["id"].as_str(), listed["state"].as_str()), (Some(id), Some("complete")));
    project.run("backfill resume p.yaml").with_code(2);
    let shown = project.run("backfill status p.yaml --windows").with_code(0).out;
    assert_eq!(shown.lines().filter(|line| line.contains(" verified ")).count(), 3 + 1, "{shown}");
}

#[test]
fn a_backfill_stops_at_the_calls_that_are_allowed_and_at_signals() {
    let account = Account::of(700);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, SMALL_LOADS);
    // Not enough for a plan: whoever called again with as many would come to the same place again.
    for line in [format!("{WINDOWS} --max-calls 7"), format!("{WINDOWS} --max-calls 3 --plan")] {
        let ended = project.run(&line).with_code(7).json();
        let error = ended["error"].to_string();
        assert!(error.contains("--max-calls") && error.contains("nothing is begun") && error.contains("Allow more calls"), "{error}");
    }
    assert_eq!(database.count("_backfills", "1 = 1"), 0);
    let mut runs = 0;
    let report = loop {
        account.reset_counters();
        let ended = project.run(&format!("{WINDOWS} --max-calls 12"));
        assert!(account.counters().total <= 12, "{:?}", account.counters());
        runs += 1;
        match ended.code {
            Some(7) if runs < 10 => {
                let report = ended.json();
                assert!(report["windows"].as_array().into_iter().flatten().all(|window| window["state"] != "running"), "{report}");
                assert!(
                    report["errors"].to_string().contains("--max-calls") || report["error"].to_string().contains("--max-calls"),
                    "{report}"
                );
            }
            _ => break ended.with_code(0).json(),
        }
    };
    assert!(runs > 1);
    assert_complete(&report, 700);

    let stalled = account.stall(SEARCH, 5);
    let backfill = project.start(WINDOWS);
    stalled.wait();
    backfill.signal("TERM");
    let report = backfill.end().with_code(143).json();
    assert_eq!((report["state"].as_str(), report["errors"].as_array().map(Vec::len)), (Some("stopped"), Some(0)));
    account.clear_faults();
    assert_complete(&project.run("backfill resume p.yaml --json").with_code(0).json(), 700);
}

#[test]
fn a_plan_tells_what_it_will_cost_and_a_listing_is_taken_where_it_is_quicker() {
    let account = Account::of(900);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, SMALL_LOADS);
    for (asked, whole, count) in
        [("--from 2021-01-01 --window P2Y", false, 3), ("", true, 1), ("--from 2025-01-01 --to 2025-01-20", false, 19)]
    {
        let line = format!("backfill p.yaml --streams contacts {asked} --json");
        let plan = project.run(&format!("{line} --plan")).with_code(0).json();
        let stream = &plan["streams"][0];
        assert_eq!((stream["whole"].as_bool(), plan["quota"].is_null()), (Some(whole), true), "{plan}");
        assert!(stream["windows"].as_array().unwrap().len() <= count, "{plan}");
        assert_eq!(database.try_ask("SELECT * FROM _backfills").is_err(), count == 3, "a plan stores nothing");
        account.reset_counters();
        let report = project.run(&line).with_code(0).json();
        assert_eq!(report["state"], "complete", "{report}");
        assert_eq!(Some(sum(&report, "planned")), plan["records"].as_u64(), "the windows hold what the plan says: {report}");
        // What it counted is what there was.
        assert_eq!(Some(sum(&report, "expected")), plan["records"].as_u64(), "{plan} {report}");
        let (planned, planning) = (plan["calls"].as_u64().unwrap(), plan["planning_calls"].as_u64().unwrap());
        let reference = report["calls"].as_u64().unwrap() - sum(&report, "requests") - planning;
        assert!(reference <= 6, "asking for the account and its fields: {report}");
        assert_eq!(account.counters().total, report["calls"].as_u64().unwrap());
        let (sent, tenth) = (sum(&report, "requests"), planned.div_ceil(10) + 2);
        assert!(sent.abs_diff(planned) <= tenth, "{sent} calls, not {planned}");
    }
    let words = project.run("backfill p.yaml --plan --from 2024-01-01").with_code(0).out;
    for part in ["contacts", "companies", "deals", "total", "does not tell its daily quota", "Left out: owners"] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[test]
fn what_cannot_be_read_by_windows_is_refused() {
    let account = Account::of(20);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    let ended = project.run("backfill p.yaml --streams owners").with_code(2);
    assert!(ended.err.contains("stream `owners` cannot be read by windows") && ended.err.contains("--full-refresh"), "{}", ended.err);
    let ended = project.run("backfill p.yaml --from 2026-01-01 --to 2025-01-01 --streams contacts").with_code(2);
    assert!(ended.err.contains("ends before it begins"), "{}", ended.err);
    let ended = project.run("backfill p.yaml --from 2026-01-01 --to 2026-01-01 --streams contacts").with_code(2);
    assert!(ended.err.contains("there is no time in the span"), "{}", ended.err);
    let ended = project.run("backfill p.yaml --from 2999-01-01 --streams contacts").with_code(2);
    assert!(ended.err.contains("nothing is settled that late") && !ended.err.contains("--to"), "{}", ended.err);
    for nothing in ["--window monthly", "--parallel 0", "--max-calls 0"] {
        project.run(&format!("backfill p.yaml {nothing}")).with_code(2);
    }
    project.run("backfill").with_code(2);
    project.write("d.yaml", project.read("p.yaml").replace("${WAREHOUSE}", "discard://"));
    assert!(project.run("backfill d.yaml").with_code(2).err.contains("AQ1010"));
    project.write("people.csv", "id,email\n1,a@example.com\n");
    project.write("f.yaml", "source: { connector: files, config: { path: people.csv, key: id } }\ndestination: { url: sqlite://f.db }\n");
    let ended = project.run("backfill f.yaml").with_code(2);
    assert!(ended.err.contains("no stream of this pipeline can be read by windows"), "{}", ended.err);
}

/// An account whose time is half a year ago, so that what is created during a test lies in a window that was read before.
fn of_the_past() -> Account {
    let clock = Clock::running_from("2026-07-01T00:00:00Z".parse().unwrap());
    Account::start(Options { contacts: 50, archived_per_mille: 0, merged_per_mille: 0, clock, ..Options::default() })
}

/// Creates a contact with each search after so many.
fn create_with_searches(account: &Account, passed: u64, times: u64) {
    let store = account.store();
    let create = move || {
        store.create(ObjectKind::Contacts, [("email", "late@example.com")]).map(|_| ()).unwrap_or(());
    };
    account.inject(Fault::next(times, Effect::call(create)).when(Match::path(SEARCH).after(passed)));
}

#[test]
fn a_window_that_lacks_records_is_read_once_more_and_then_differs() {
    let line = "backfill p.yaml --from 2020-01-01 --to 2026-08-01 --window P20Y --streams contacts --json";
    for (times, code, state, attempts) in [(1, 0, "verified", 2), (9, 8, "differs", 2)] {
        let account = of_the_past();
        let mut project = Project::new();
        let database = Database::sqlite(&project);
        account.pipeline(&mut project, &database, SMALL_LOADS);
        // One search counts for the plan and one reads; those after them verify and read again.
        create_with_searches(&account, 2, times);
        let ended = project.run(line).with_code(code);
        let report = ended.json();
        let window = &windows(&report)[0];
        assert_eq!((window["state"].as_str(), window["attempts"].as_u64()), (Some(state), Some(attempts)), "{report}");
        assert!(ended.err.contains("50 of 51 records are there; it is read once more"), "{}", ended.err);
        account.clear_faults();
        // A window that differs is looked at again by the same command; one that does not is done.
        let report = project.run(line).with_code(0).json();
        assert_eq!(report["state"], "complete");
        assert_eq!(database.count("_backfills", "1 = 1"), if code == 8 { 1 } else { 2 });
        assert_eq!(database.count("contact", "NOT is_deleted"), account.store().count(ObjectKind::Contacts));
    }
}

#[test]
fn searches_of_a_backfill_are_counted_once() {
    // A guard for the numbers that other tests rely on: one window of one page is counted, read and counted.
    let account = Account::of(20);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    project.run("backfill p.yaml --from 2020-01-01 --window P20Y --streams contacts").with_code(0);
    assert_eq!(searches(&account), 3);
}

#[test]
fn a_backfill_that_is_stopped_while_it_verifies_is_not_complete() {
    let account = Account::of(20);
    for (is_signal, code, state) in [(true, 143, "stopped"), (false, 0, "paused")] {
        let mut project = Project::new();
        let database = Database::sqlite(&project);
        account.pipeline(&mut project, &database, "");
        let line = "backfill p.yaml --from 2020-01-01 --window P20Y --streams contacts --json";
        // One search counts for the plan, one reads, and the one that verifies hangs.
        let stalled = account.stall(SEARCH, 2);
        let backfill = project.start(line);
        stalled.wait();
        if is_signal {
            backfill.signal("TERM");
        } else {
            project.run("backfill pause p.yaml").with_code(0);
        }
        let report = backfill.end().with_code(code).json();
        assert_eq!((report["state"].as_str(), windows(&report)[0]["state"].as_str()), (Some(state), Some("loaded")), "{report}");
        account.clear_faults();
        account.reset_counters();
        let report = project.run(line).with_code(0).json();
        assert_complete(&report, 20);
        assert_eq!((database.count("_backfills", "1 = 1"), windows(&report)[0]["attempts"].as_u64()), (1, Some(1)), "it went on");
    }
}

#[test]
fn a_record_that_came_twice_into_quarantine_hides_no_missing_one() {
    let account = Account::of(700);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    let strict = "normalise: { required: { contact: [phone_e164, mobile_e164] } }\nquality: { quarantine: { maximum_share: 1.0 } }\n";
    account.pipeline(&mut project, &database, &format!("{SMALL_LOADS}{strict}"));
    // One search counts for the plan, and the last of four pages hangs. Somebody takes a row away that is there by then.
    let stalled = account.stall(SEARCH, 4);
    let backfill = project.start("backfill p.yaml --from 2020-01-01 --window P20Y --streams contacts --json");
    stalled.wait();
    wait_until("a load is committed", || database.committed("contacts") > 0);
    let id = database.one("SELECT min(source_id) FROM hubspot_contacts");
    for table in ["hubspot_contacts", "contact"] {
        database.ask(&format!("DELETE FROM {table} WHERE source_id = '{id}'"));
    }
    account.clear_faults();
    let report = backfill.end().with_code(0).json();
    let window = &windows(&report)[0];
    let rejected = database.one("SELECT count(DISTINCT source_id) FROM _quarantine").parse::<u64>().unwrap();
    assert!(window["quarantined"].as_u64().unwrap() > rejected, "the pages overlap where records are rejected: {report}");
    assert_eq!((window["state"].as_str(), window["attempts"].as_u64()), (Some("verified"), Some(2)), "it was noticed: {report}");
    assert_eq!(database.count("hubspot_contacts", &format!("source_id = '{id}'")), 1);
    assert_eq!(window["expected"].as_u64(), Some(window["found"].as_u64().unwrap() + rejected), "{report}");
}
