//! `aqueduct serve` as it is used: real processes that run real pipelines, are killed, and are told to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::account::{Account, PAGES_OF_CONTACTS, nowhere};
use crate::database::Database;
use crate::project::{Project, pipeline, wait_until};

/// The documents of a kind in a control store, by their keys.
fn documents(control: &Database, kind: &str) -> BTreeMap<String, Value> {
    let table = match control {
        Database::Sqlite(_) => "control",
        Database::Postgres(_) => "aqueduct.control",
    };
    let rows =
        control.try_ask(&format!("SELECT key, content FROM {table} WHERE kind = '{kind}' AND content IS NOT NULL")).unwrap_or_default();
    rows.into_iter().map(|mut row| (row.remove(0), serde_json::from_str(&row.remove(0)).unwrap())).collect()
}

fn count_ended(control: &Database) -> usize {
    documents(control, "occurrence").values().filter(|document| document["state"] == "ended").count()
}

fn seconds(at: &Value) -> i64 {
    let text = at.as_str().unwrap();
    let parsed = text.parse::<jiff::Timestamp>().unwrap();
    parsed.as_second()
}

/// Every time of every schedule since `looked` has ended well in one run or is still open; the warehouses know of these runs and no others.
fn assert_each_once(project: &Project, control: &Database, looked: &BTreeMap<String, i64>, steps: &BTreeMap<&str, i64>) -> usize {
    let (occurrences, schedules) = (documents(control, "occurrence"), documents(control, "schedule"));
    let (mut all, mut runs) = (0, BTreeMap::<String, BTreeSet<String>>::new());
    for (name, step) in steps {
        let standing = &schedules[*name];
        let open: BTreeSet<i64> = standing["open"].as_array().into_iter().flatten().map(|open| seconds(&open["at"])).collect();
        let until = seconds(&standing["looked_at"]);
        let mut at = looked[*name].div_euclid(*step) * step + step;
        while at <= until {
            let key = format!("{name}/{}", jiff::Timestamp::from_second(at).unwrap());
            let document = occurrences.get(&key);
            let ended = document.is_some_and(|document| document["state"] == "ended");
            assert!(ended || open.contains(&at), "{key} was missed: {document:?}");
            if let Some(document) = document.filter(|_| ended) {
                assert_eq!((&document["exit_code"], &document["tally"]["attempts"]), (&0.into(), &1.into()), "{key}: {document}");
                assert!(runs.entry((*name).to_owned()).or_default().insert(document["run_id"].as_str().unwrap().to_owned()));
                all += 1;
            }
            at += step;
        }
    }
    for (name, runs) in runs {
        let warehouse = Database::Sqlite(project.path(&format!("{name}.db")));
        let known: BTreeSet<String> = warehouse.list("SELECT run_id FROM _runs WHERE status = 'ok'").into_iter().collect();
        assert_eq!(known, runs, "the runs of {name}");
        assert_eq!(warehouse.count("_runs", "1 = 1"), runs.len(), "no run of {name} failed");
    }
    all
}

/// Up to when the schedules were looked at before anything fell due, in seconds.
fn looked(control: &Database) -> BTreeMap<String, i64> {
    let from = |standing: &Value| match standing["open"].get(0) {
        Some(first) => seconds(&first["at"]) - 1,
        None => seconds(&standing["looked_at"]),
    };
    documents(control, "schedule").into_iter().map(|(name, standing)| (name, from(&standing))).collect()
}

#[test]
fn a_scheduler_that_is_killed_ten_times_misses_nothing_and_runs_nothing_twice() {
    let project = Project::new();
    let control = Database::Sqlite(project.path(".aqueduct/control.db"));
    let steps = BTreeMap::from([("a", 2), ("b", 3), ("c", 3)]);
    for (name, step) in &steps {
        pipeline(&project, name, &format!("{{ cron: \"*/{step} * * * * *\", catch_up: all, overlap: queue }}"));
    }
    project.run("serve --once --http off").with_code(0);
    let from = looked(&control);
    for kill in 0..10 {
        let serving = project.start("serve --http off");
        // Somewhere between the claim of an occurrence and the end of its run.
        let before = documents(&control, "occurrence").len();
        wait_until("it has begun something new", || documents(&control, "occurrence").len() > before + kill % 3);
        serving.kill();
    }
    // Runs of the killed ones may still be ending by themselves: only what nobody had begun is the last one's own.
    let known = documents(&control, "occurrence");
    let serving = project.start("serve --http off");
    wait_until("it has caught up", || {
        let occurrences = documents(&control, "occurrence");
        let ended: Vec<_> = occurrences.iter().filter(|(_, document)| document["state"] == "ended").collect();
        ended.len() >= 12 && ended.iter().filter(|(key, _)| !known.contains_key(*key)).count() >= 3
    });
    serving.signal("TERM");
    let ended = serving.end().with_code(0);
    assert!(ended.err.contains("the run has ended well"), "{}", ended.err);
    let all = assert_each_once(&project, &control, &from, &steps);
    assert!(all >= 12, "{all}");
    assert!(std::fs::read_dir(project.path(".aqueduct/logs/a")).unwrap().count() > 2, "every run has its log");
}

#[test]
fn of_two_schedulers_on_postgres_one_may_be_killed() {
    let mut project = Project::new();
    let control = Database::postgres();
    project.set("AQUEDUCT_CONTROL_URL", control.url());
    let steps = BTreeMap::from([("a", 2), ("b", 2), ("c", 3)]);
    for (name, step) in &steps {
        pipeline(&project, name, &format!("{{ cron: \"*/{step} * * * * *\", catch_up: all, overlap: queue }}"));
    }
    project.run("serve --once --http off").with_code(0);
    let from = looked(&control);
    let serve = |name: &str| project.start(&format!("serve --http off --concurrency 1 --instance {name}"));
    let (one, two) = (serve("one"), serve("two"));
    let by = |name: &str| {
        let occurrences = documents(&control, "occurrence");
        occurrences.values().filter(|document| document["attempts"][0]["instance"] == name).count()
    };
    wait_until("both have run something", || by("one") > 1 && by("two") > 1);
    one.kill();
    let ended = count_ended(&control);
    wait_until("the other goes on alone", || count_ended(&control) > ended + 5);
    two.signal("TERM");
    two.end().with_code(0);
    assert_each_once(&project, &control, &from, &steps);
}

#[test]
fn a_server_that_is_told_to_stop_stops_its_runs_and_another_goes_on() {
    let account = Account::of(320);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "run: { records_per_load: 100 }\n");
    let schedule = "schedule: { cron: \"* * * * * *\", overlap: queue }\n";
    project.write("pipelines/p.yaml", schedule.to_owned() + &project.read("p.yaml"));
    let control = Database::Sqlite(project.path(".aqueduct/control.db"));
    let stalled = account.stall(PAGES_OF_CONTACTS, 2);
    let serving = project.start("serve --http off --grace 0s");
    stalled.wait();
    serving.signal("TERM");
    serving.end().with_code(143);
    let occurrences = documents(&control, "occurrence");
    let (key, first) = occurrences.first_key_value().unwrap();
    assert_eq!((&first["state"], &first["attempts"][0]["stop"]), (&"due".into(), &"shutdown".into()), "{first}");
    assert_eq!(first["attempts"][0]["code"], 143);

    account.clear_faults();
    let serving = project.start("serve --http off");
    wait_until("it has gone on", || documents(&control, "occurrence")[key]["state"] == "ended");
    let again = documents(&control, "occurrence")[key].clone();
    assert_eq!((&again["exit_code"], &again["tally"]["attempts"]), (&0.into(), &2.into()), "{again}");
    assert_eq!(database.count("contact", "NOT is_deleted"), 320);
    // Without a terminal SIGHUP is a wish to read files again, which the server does by itself.
    serving.signal("HUP");
    serving.signal("INT");
    serving.end().with_code(0);
}

#[test]
fn a_run_whose_process_dies_is_run_again_and_its_occurrence_is_nobody_elses() {
    let account = Account::of(320);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "run: { records_per_load: 100 }\n");
    project.write(
        "pipelines/p.yaml",
        "schedule: { cron: \"* * * * * *\", retries: { attempts: 1, backoff: 1s } }\n".to_owned() + &project.read("p.yaml"),
    );
    let control = Database::Sqlite(project.path(".aqueduct/control.db"));
    let stalled = account.stall(PAGES_OF_CONTACTS, 2);
    let serving = project.start("serve --http off");
    stalled.wait();
    let (key, begun) = documents(&control, "occurrence").pop_first().unwrap();
    assert_eq!(begun["state"], "begun");
    // Whoever comes under the same occurrence, or under one that nobody has claimed, asks the source for nothing.
    project.set("ADDRESS", nowhere());
    let second = project.run(&format!("run pipelines/p.yaml --occurrence {key}")).with_code(9);
    assert!(second.err.contains("AQ5003") && second.err.contains("state begun"), "{}", second.err);
    let unclaimed = project.run("run pipelines/p.yaml --occurrence p/2026-01-01T00:00:00Z").with_code(9);
    assert!(unclaimed.err.contains("no scheduler has claimed it"), "{}", unclaimed.err);
    project.run("run pipelines/p.yaml --occurrence q/2026-01-01T00:00:00Z").with_code(2);
    project.run("run pipelines/p.yaml --occurrence noon").with_code(2);

    account.clear_faults();
    let process = begun["holder"]["process"].to_string();
    assert!(std::process::Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
    wait_until("it is run again", || documents(&control, "occurrence")[&key]["state"] == "ended");
    let ended = documents(&control, "occurrence")[&key].clone();
    assert_eq!((&ended["exit_code"], &ended["tally"]["lost"]), (&0.into(), &1.into()), "{ended}");
    assert_eq!(database.count("contact", "NOT is_deleted"), 320);
    serving.signal("TERM");
    let said = serving.end().with_code(0);
    assert!(said.err.contains("the run has died by a signal"), "{}", said.err);
}

#[test]
fn schedules_are_paused_resumed_and_shown() {
    let project = Project::new();
    let control = Database::Sqlite(project.path(".aqueduct/control.db"));
    pipeline(&project, "a", "{ cron: \"* * * * * *\" }");
    pipeline(&project, "b", "{ cron: \"0 0 1 1 *\", paused: true }");
    project.run("serve --once --http off").with_code(0);
    let begun = Instant::now();
    wait_until("a second has passed", || begun.elapsed() > Duration::from_millis(1_100));
    project.run("serve --once --http off").with_code(0);
    assert_eq!(count_ended(&control), 1, "the latest of what was due, once");

    let a_second = || {
        let begun = Instant::now();
        wait_until("a second has passed", || begun.elapsed() > Duration::from_millis(1_100));
    };
    let paused = project.run("schedule pause a --reason audit").with_code(0);
    assert!(paused.out.contains("a is paused"), "{}", paused.out);
    assert!(project.run("schedule pause a").with_code(0).out.contains("already"));
    a_second();
    project.run("serve --once --http off").with_code(0);
    assert_eq!(count_ended(&control), 1);
    let lines = project.run("schedule status --json").with_code(0).json_lines();
    assert_eq!((&lines[0]["paused"]["reason"], &lines[0]["last"]["code"], &lines[0]["next"]), (&"audit".into(), &0.into(), &Value::Null));
    assert_eq!(lines[1]["paused"]["by"], "pipeline file");
    let status = project.run("schedule status").with_code(0);
    assert!(status.out.contains("paused by command line: audit") && status.out.contains("ok, 20"), "{}", status.out);
    assert!(project.run("schedule resume a").with_code(0).out.contains("runs by its schedule again"));
    a_second();
    project.run("serve --once --http off").with_code(0);
    assert_eq!(count_ended(&control), 2);
    let skipped = documents(&control, "occurrence").into_values().filter(|document| document["state"] == "skipped");
    assert!(skipped.map(|document| document["why"].clone()).any(|why| why == "paused"), "what fell due meanwhile says why");

    // A file that breaks is told, and the others go on.
    project.write("pipelines/b.yaml", "schedule: { every: 15x }\n");
    let once = project.run("serve --once --http off").with_code(0);
    assert!(once.err.contains("pipelines/b.yaml:1") || once.err.contains("b.yaml"), "{}", once.err);
    project.run("schedule status nothing").with_code(2);
    project.run("serve nowhere").with_code(2);
    project.run("serve --http 127.0.0.1").with_code(2);
    project.run("serve --http 0.0.0.0:0").with_code(2);
}

#[test]
fn the_server_listens_and_its_logs_may_be_json() {
    let project = Project::new();
    let control = Database::Sqlite(project.path(".aqueduct/control.db"));
    pipeline(&project, "a", "{ cron: \"0 0 1 1 *\" }");
    project.write("token", "0123456789abcdef0123456789abcdef");
    let serving = project.start("serve --http 127.0.0.1:0 --token-file token --log-format json");
    let log = project.path(".aqueduct");
    wait_until("the store is there", || log.exists() && !documents(&control, "schedule").is_empty());
    serving.signal("TERM");
    let ended = serving.end().with_code(0);
    assert!(ended.err.lines().any(|line| line.contains("listening on http://127.0.0.1:")), "{}", ended.err);
    assert!(ended.err.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", ended.err);
}
