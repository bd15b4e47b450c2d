//! The ledger of runs as people see it: listed, shown, followed, compared and explained, without asking the warehouse.

use std::fs::File;

use serde_json::Value;

use crate::account::{Account, PAGES_OF_CONTACTS};
use crate::database::Database;
use crate::project::{Project, wait_until};

const PIPELINE: &str = "source:
  connector: files
  config: { path: people.csv, key: id }
normalise:
  mappings:
    - { entity: contact, stream: people, fields: { full_name: name, email: email } }
destination: { url: \"sqlite://warehouse.db\" }
";

const PEOPLE: &str = "id,name,email\n1,Ann Lee,ann@example.com\n2,Bob Jones,bob@example.com\n3,Zoe Fox,zoe@example.com\n";

/// A small export in `pipelines/shop.yaml`, in a folder without runs.
pub(crate) fn shop() -> Project {
    let project = Project::new();
    project.write("people.csv", PEOPLE);
    project.write("pipelines/shop.yaml", PIPELINE);
    project
}

/// Every run in the ledger, the newest first.
fn listed(project: &Project, words: &str) -> Vec<Value> {
    project.run(&format!("runs list {words} --json")).with_code(0).json_lines()
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[test]
fn two_runs_are_listed_shown_compared_and_explained() {
    let project = shop();
    assert_eq!(project.run("runs list").with_code(0).out, "There is no such run in the ledger.\n");
    assert!(Project::new().run("runs list").with_code(2).err.contains("there is no ledger of runs here"));
    assert!(!project.path(".aqueduct").exists(), "looking makes no store");
    project.run("runs show last").with_code(2);
    project.run("run shop").with_code(0);
    let typed = project.run("runs list shp").with_code(2);
    assert!(typed.err.contains("there is no pipeline `shp`") && typed.err.contains("Did you mean `shop`?"), "{}", typed.err);
    project.run("runs list shop --status failed").with_code(0);
    project.write("people.csv", PEOPLE.replace("bob@", "robert@") + "4,New One,new@example.com\n5,Bad,line,here\n");
    project.run("run shop").with_code(0);

    let runs = listed(&project, "");
    assert_eq!(runs.len(), 2);
    for (run, expected) in runs.iter().zip([[5, 1, 1, 2, 1], [3, 3, 0, 0, 0]]) {
        assert_eq!((&run["outcome"], &run["exit_code"], &run["pipeline"]), (&"ok".into(), &0.into(), &"shop".into()));
        assert_eq!((&run["kind"], &run["in_warehouse"], &run["attempt"]), (&"run".into(), &true.into(), &1.into()));
        let stream = &run["streams"][0];
        assert_eq!(["read", "new", "changed", "unchanged", "quarantined"].map(|name| number(stream, name)), expected, "{stream}");
        assert_eq!((&stream["stream"], &stream["ended"], &stream["state_moved"]), (&"people".into(), &true.into(), &true.into()));
        assert_eq!((&stream["readings"][0]["mode"], &stream["readings"][0]["complete"]), (&"changes".into(), &true.into()));
        assert!(number(stream, "loads") >= 1 && number(stream, "bytes_written") > 100 && number(stream, "rows_written") >= 2, "{stream}");
        assert!(number(&run["process"], "peak_memory_bytes") > 1 << 20, "{run}");
        assert!(run["process"]["cpu_ms"].is_u64() && run["destination"].as_str().unwrap().ends_with("warehouse.db"));
    }
    let id = |place: usize| runs[place]["run_id"].as_str().unwrap().to_owned();
    let table = project.run("runs list shop").with_code(0).out;
    assert!(table.find(&id(0)).unwrap() < table.find(&id(1)).unwrap(), "{table}");
    assert_eq!(listed(&project, "shop --limit 1").len(), 1);
    assert_eq!(listed(&project, "--status failed,partial").len(), 0);
    assert_eq!(listed(&project, "--since 1h").len(), 2);
    assert_eq!(listed(&project, "--since 2099-01-01").len(), 0);
    assert!(project.run("runs list --since soon").with_code(2).err.contains("`soon` is no time"));

    // Everything from here on without the warehouse, and from another place than the pipeline's file.
    std::fs::remove_file(project.path("warehouse.db")).unwrap();
    let show = |words: &str| project.run(&format!("runs show {words} --json")).with_code(0).json()["run_id"].as_str().unwrap().to_owned();
    assert_eq!([show("last"), show("last~1"), show(&id(1)), show(&id(0)[..22])], [id(0), id(1), id(1), id(0)]);
    assert_eq!(show("last --pipeline shop"), id(0));
    let several = project.run("runs show 20").with_code(2).err;
    assert!(several.contains("several runs in the ledger begin with `20`") && several.contains(&id(0)), "{several}");
    assert!(project.run("runs show last~2").with_code(2).err.contains("there are only 2 runs in the ledger"));
    assert!(project.run("runs show last --pipeline gone").with_code(2).err.contains("there is no run of `gone`"));
    let shown = project.run("runs show last").with_code(0).out;
    for words in ["Streams", "Readings", "changes", "to its end", "settled until", "of memory at most", "handed to the warehouse"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let compared = project.run("runs diff last~1 last").with_code(0).out;
    assert!(compared.contains("Stream people had 0 records in quarantine and has 1."), "{compared}");
    assert!(compared.lines().any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").ends_with("new 3 1 -67 %")), "{compared}");
    let json = project.run(&format!("runs diff {} last --json", id(1))).with_code(0).json();
    assert_eq!((&json["one"], &json["other"]), (&id(1).into(), &id(0).into()));
    let told = project.run("explain last").with_code(0).out;
    for words in [
        "did all it was to do",
        "It looked at 5 records: 1 new, 1 changed",
        "1 record could not be loaded",
        "aqueduct quarantine list shop",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let told = project.run("explain last~1 --json").with_code(0).json();
    assert_eq!((&told["next"][0], &told["doubtful"][0]), (&"Nothing.".into(), &"Nothing is missing, and nothing is doubtful.".into()));
}

#[test]
fn every_kind_of_run_is_in_the_ledger() {
    let project = shop();
    for command in [
        "run shop",
        "run shop --dry-run --limit 2",
        "reconcile shop --repair",
        "renormalise shop",
        "quarantine replay shop",
        "quarantine discard shop --all",
        "identity resolve shop",
    ] {
        project.run(command).with_code(0);
    }
    let runs = listed(&project, "shop");
    let kinds: Vec<&str> = runs.iter().rev().map(|run| run["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["run", "dry_run", "reconcile", "renormalise", "quarantine_replay", "quarantine_discard", "identity"]);
    assert!(runs.iter().all(|run| run["outcome"] == "ok" && run["ended"].is_string()), "{runs:?}");
    assert_eq!(runs[5]["options"], serde_json::json!(["--limit 2"]));
    assert!(project.run("explain last~5").with_code(0).out.contains("None of it was stored."));
}

#[test]
fn a_run_that_never_came_to_its_warehouse_is_in_the_ledger() {
    let project = shop();
    project.write("pipelines/shop.yaml", PIPELINE.replace("sqlite://warehouse.db", "sqlite://people.csv/warehouse.db"));
    let ended = project.run("run shop").with_code(5);
    let last = ended.err.lines().last().unwrap();
    assert!(last.starts_with("shop: failed, exit code 5, AQ4001"), "{last}");
    let run = listed(&project, "").remove(0);
    assert_eq!((&run["outcome"], &run["exit_code"], &run["in_warehouse"]), (&"failed".into(), &5.into(), &false.into()));
    assert_eq!(run["error"]["code"], "AQ4001");
    let told = project.run("explain last").with_code(0).out;
    assert!(told.contains("What stopped it: AQ4001") && told.contains("did not come as far as its warehouse"), "{told}");

    let account = Account::of(5);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    project.set("TOKEN", "canary-not-a-token");
    project.run("run p.yaml").with_code(3);
    let shown = project.run("runs show last --json").with_code(0);
    let run = shown.json();
    assert_eq!((&run["outcome"], &run["exit_code"], &run["error"]["code"]), (&"failed".into(), &3.into(), &"AQ2001".into()));
    assert_eq!(run["traffic"]["answers"], serde_json::json!({"401": account.counters().total}));
    assert!(!shown.out.contains("canary"), "no secret is in the ledger");
}

#[test]
fn a_killed_run_was_interrupted_and_a_refused_one_is_not_the_last() {
    let account = Account::of(320);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "run: { records_per_load: 100 }\n");
    let stalled = account.stall(PAGES_OF_CONTACTS, 2);
    let first = project.start("run p.yaml --select contacts");
    stalled.wait();
    let run = listed(&project, "p.yaml").remove(0);
    assert_eq!((&run["outcome"], &run["ended"], &run["holder"]["process"]), (&"running".into(), &Value::Null, &first.id().into()));

    let second = project.run("run p.yaml --select contacts").with_code(9);
    assert!(second.err.lines().last().unwrap().starts_with("p: refused, exit code 9, AQ5002 ["), "{}", second.err);
    assert_eq!(listed(&project, "").len(), 1, "who was refused is not asked for");
    let refused = listed(&project, "--status refused").remove(0);
    assert_eq!((&refused["exit_code"], &refused["traffic"]["calls"]), (&9.into(), &Value::Null));
    assert!(project.run(&format!("explain {}", refused["run_id"].as_str().unwrap())).with_code(0).out.contains("That is no failure"));
    assert_eq!(project.run("runs show last --json").with_code(0).json()["run_id"], run["run_id"]);

    wait_until("the first run has loaded its first pages", || database.committed("contacts") == 2);
    first.kill();
    let killed = project.run("runs show last --json").with_code(0).json();
    assert_eq!((&killed["run_id"], &killed["outcome"], &killed["exit_code"]), (&run["run_id"], &"interrupted".into(), &Value::Null));
    let told = project.run("explain last").with_code(0).out;
    assert!(told.contains("gone without a word") && told.contains("goes on from the checkpoint"), "{told}");

    account.clear_faults();
    let stalled = account.stall(PAGES_OF_CONTACTS, 0);
    let third = project.start("run p.yaml --select contacts");
    stalled.wait();
    third.signal("TERM");
    assert!(third.end().with_code(143).out.lines().last().unwrap().starts_with("p: interrupted, exit code 143"));
    let stopped = project.run("runs show last --json").with_code(0).json();
    assert_eq!((&stopped["outcome"], stopped["ended"].is_string()), (&"interrupted".into(), true));
}

#[test]
fn runs_are_followed_as_plain_lines() {
    let project = shop();
    let said = project.path("said");
    let mut tail = project.command("runs tail").stdout(File::create(&said).unwrap()).spawn().unwrap();
    let lines = || project.read("said").lines().map(str::to_owned).collect::<Vec<String>>();
    project.run("run shop").with_code(0);
    wait_until("the end of the run was told", || lines().iter().any(|line| line.contains(" shop: ok, 3 new, 0 changed")));
    project.write("people.csv", "id,name,email\nbroken");
    project.run("run shop --quiet");
    wait_until("the end of the second run was told", || lines().len() >= 2);
    let id = tail.id().to_string();
    assert!(std::process::Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
    assert_eq!(tail.wait().unwrap().code(), Some(0), "an end by hand is how it ends");
    assert_eq!(lines().iter().filter(|line| line.contains("3 new")).count(), 1, "{:?}", lines());
}

#[test]
fn the_ledger_keeps_as_many_as_it_is_told() {
    let project = shop();
    project.write("pipelines/shop.yaml", PIPELINE.to_owned() + "control: { keep_runs: 2 }\n");
    for _ in 0..4 {
        project.run("run shop").with_code(0);
    }
    assert_eq!(listed(&project, "").len(), 2);
}
