//! What a scheduler asks of `aqueduct run`: a wait, an end, a line to read, silence when all is well, and the exit code.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::account::{Account, PAGES_OF_CONTACTS, nowhere};
use crate::database::Database;
use crate::ledger::shop;
use crate::project::{Project, wait_until};

fn lines(project: &Project) -> Vec<Value> {
    project.read("summary.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_last_line_says_it_all() {
    let project = shop();
    let ended = project.run("run shop").with_code(0);
    let last = ended.out.lines().last().unwrap();
    let run = project.run("runs show last --json").with_code(0).json();
    let id = run["run_id"].as_str().unwrap();
    assert!(last.starts_with("shop: ok, 3 new, 0 changed, 0 deleted, 0 quarantined, 0 calls, "), "{last}");
    assert!(last.contains(", settled until 20") && last.ends_with(&format!(" [{id}]")), "{last}");
    // Nobody is written to when all is well, and somebody is when it is not.
    let quiet = project.run("run shop --quiet").with_code(0);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
    project.write("pipelines/shop.yaml", project.read("pipelines/shop.yaml").replace("warehouse.db", "people.csv/warehouse.db"));
    let failed = project.run("run shop --quiet").with_code(5);
    assert!(failed.err.lines().last().unwrap().starts_with("shop: failed, exit code 5, AQ4001"), "{}", failed.err);
    assert_eq!(failed.out, "");
}

#[test]
fn runs_at_the_same_time_write_whole_lines_into_one_file() {
    let project = shop();
    let file = project.read("pipelines/shop.yaml");
    let names: Vec<String> = (0..6).map(|number| format!("shop{number}")).collect();
    for name in &names {
        project.write(&format!("pipelines/{name}.yaml"), file.replace("warehouse.db", &format!("{name}.db")));
    }
    let running: Vec<_> = names.iter().map(|name| project.start(&format!("run {name} --quiet --summary-file summary.jsonl"))).collect();
    for run in running {
        run.end().with_code(0);
    }
    project.run("run nothing-like-it --summary-file summary.jsonl").with_code(2);
    let written = lines(&project);
    assert_eq!(written.len(), 7);
    for name in &names {
        let line = written.iter().find(|line| line["pipeline"] == name.as_str()).unwrap();
        assert_eq!(
            (&line["outcome"], &line["exit_code"], &line["new"], &line["streams"][0]["read"]),
            (&"ok".into(), &0.into(), &3.into(), &3.into())
        );
        assert!(line["began"].as_str().unwrap() <= line["ended"].as_str().unwrap() && line["settled_until"].is_string(), "{line}");
    }
    let line = &written[6];
    assert_eq!((&line["outcome"], &line["exit_code"], &line["run_id"]), (&"failed".into(), &2.into(), &Value::Null));
    assert_eq!((&line["pipeline"], &line["error"]["code"]), (&"nothing-like-it".into(), &"AQ1012".into()));
    // Before anything is read.
    let refused = project.run("run shop --summary-file people.csv/summary").with_code(2);
    assert!(refused.err.contains("cannot be written to"), "{}", refused.err);
}

#[test]
fn a_wait_before_a_run_is_said() {
    let project = shop();
    let ended = project.run("run shop --jitter 1s").with_code(0);
    assert!(ended.err.starts_with("shop begins in 0."), "{}", ended.err);
    // A wait that somebody stops is no run.
    let said = std::fs::File::create(project.path("said")).unwrap();
    let mut waiting = project.command("run shop --jitter 30d --summary-file summary.jsonl").stderr(said).spawn().unwrap();
    wait_until("it says how long it waits", || project.read("said").contains("begins in"));
    assert!(Command::new("kill").args(["-s", "TERM", &waiting.id().to_string()]).status().unwrap().success());
    assert_eq!(waiting.wait().unwrap().code(), Some(143));
    let line = lines(&project).remove(0);
    assert_eq!((&line["outcome"], &line["exit_code"], &line["error"]["code"]), (&"interrupted".into(), &143.into(), &"AQ7001".into()));
    assert_eq!(project.run("runs list --json").with_code(0).json_lines().len(), 1);
}

#[test]
fn a_run_out_of_time_is_partial() {
    let project = shop();
    let ended = project.run("run shop --timeout 0s --json --summary-file summary.jsonl").with_code(6);
    assert!(!ended.out.is_empty());
    let line = lines(&project).remove(0);
    assert_eq!(line["exit_code"], 6);
    assert_ne!(line["outcome"], "ok");
    // Tables of cron throw standard output away and mail what is on standard error.
    let quiet = project.run("run shop --timeout 0s --quiet").with_code(6);
    assert_eq!(quiet.out, "");
    assert!(
        quiet.err.starts_with("stream people is not complete: AQ7001 the time that the run was given was over")
            && quiet.err.contains("\n  next: "),
        "{}",
        quiet.err
    );
    assert!(quiet.err.lines().last().unwrap().starts_with("shop: partial, exit code 6, AQ7001"), "{}", quiet.err);
    project.run("run shop").with_code(0);
}

#[test]
fn every_exit_code_of_the_table_is_reached() {
    let page = include_str!("../../../../docs/reference/exit-codes.md");
    let code = |line: &str| line.strip_prefix("| ")?.split(' ').next()?.parse::<i32>().ok();
    let documented: BTreeSet<i32> = page.lines().filter_map(code).collect();
    // A mistake of Aqueduct's own is not made on purpose.
    let reached = RefCell::new(BTreeSet::from([1]));
    let reach = |project: &Project, line: &str, code: i32| {
        project.run(line).with_code(code);
        reached.borrow_mut().insert(code);
    };
    let project = shop();
    reach(&project, "run shop", 0);
    reach(&project, "run gone", 2);
    reach(&project, "run shop --timeout 0s", 6);
    project.write("people.csv", project.read("people.csv") + "4,New One,new@example.com\n");
    reach(&project, "reconcile shop --full", 8);
    project.write("pipelines/shop.yaml", project.read("pipelines/shop.yaml").replace("warehouse.db", "people.csv/warehouse.db"));
    reach(&project, "run shop", 5);

    let account = Account::of(5);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "run: { retry_seconds: 0 }\n");
    let file = project.read("p.yaml");
    project.write("unknown.yaml", file.replace("${TOKEN}", "another"));
    reach(&project, "run unknown.yaml", 3);
    project.write("away.yaml", file.replace("${ADDRESS}", &nowhere()));
    reach(&project, "run away.yaml", 4);
    project.write("spent.yaml", file.replace("source:\n", "source:\n  quota: { daily: 1, account: small }\n"));
    reach(&project, "run spent.yaml", 7);
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let stalled = account.stall(PAGES_OF_CONTACTS, 0);
        let running = project.start_at_a_terminal("run p.yaml --select contacts");
        stalled.wait();
        reach(&project, "run p.yaml", 9);
        running.signal(signal);
        running.end().with_code(code);
        reached.borrow_mut().insert(code);
        account.clear_faults();
    }
    assert_eq!(reached.into_inner(), documented);
}
