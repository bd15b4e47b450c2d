//! `aqueduct run --scheduled`, as cron and its like call it, and the files that are exported for them.

use std::process::Command;

use crate::project::{Ended, Project, pipeline};

fn call(project: &Project, name: &str) -> Ended {
    project.run(&format!("run {name} --scheduled"))
}

#[test]
fn a_called_run_takes_its_occurrence_and_is_shown() {
    let project = Project::new();
    pipeline(&project, "a", "{ cron: \"@yearly\", timeout: 1h, jitter: 1s }");
    let ran = call(&project, "a").with_code(0);
    assert!(ran.out.contains("a: ok, 2 new"), "{}", ran.out);
    let shown = project.run("runs list --json").with_code(0).json_lines();
    let year = &shown[0]["began"].as_str().unwrap()[..4];
    assert_eq!(shown[0]["occurrence"], format!("a/{year}-01-01T00:00:00Z"));
    let status = project.run("schedule status --json").with_code(0).json();
    assert_eq!((&status["last"]["code"], &status["failures_in_a_row"]), (&0.into(), &0.into()), "{status}");
    assert_eq!(status["last"]["run_id"], shown[0]["run_id"]);
    // Whoever starts it once more by hand wants a run, and gets one.
    let again = call(&project, "a").with_code(0);
    assert!(again.out.contains("a: ok, 0 new"), "{}", again.out);
    let shown = project.run("runs list --json").with_code(0).json_lines();
    assert_eq!((shown.len(), shown[0]["occurrence"].is_null()), (2, true));
    // A pipeline without a schedule has no occurrences.
    project.write("pipelines/b.yaml", project.read("pipelines/a.yaml").split_once('\n').unwrap().1);
    let without = call(&project, "b").with_code(2);
    assert!(without.err.contains("AQ1016 pipeline `b` has no schedule (pipelines/b.yaml:1"), "{}", without.err);
    project.run("run a --scheduled --jitter 5s").with_code(2);
}

#[test]
fn what_is_not_run_says_why_and_is_no_failure() {
    let project = Project::new();
    pipeline(&project, "a", "{ every: 1h }");
    project.run("schedule pause a --reason audit").with_code(0);
    let paused = call(&project, "a").with_code(0);
    assert!(paused.out.starts_with("a: not run, paused since ") && paused.out.contains(": audit [a/20"), "{}", paused.out);
    assert_eq!((project.run("run a --scheduled --quiet").with_code(0).out.as_str(), project.path("a.db").exists()), ("", false));
    let line = project.run("run a --scheduled --json").with_code(0).json();
    assert_eq!((&line["ran"], &line["why"], &line["pipeline"]), (&false.into(), &"paused".into(), &"a".into()));
    project.run("schedule resume a").with_code(0);
    // Two days without any start: the one in which this test runs, and the next.
    let days: Vec<String> = ["date +%a", "date -d tomorrow +%a"].map(weekday).to_vec();
    let blackout = format!("[{{ days: [{}], from: \"00:00\", until: \"24:00\", then: skip }}]", days.join(", "));
    pipeline(&project, "b", &format!("{{ every: 1h, blackout: {blackout} }}"));
    let held = call(&project, "b").with_code(0);
    assert!(held.out.starts_with("b: not run, black-out until 00:00 UTC [b/20"), "{}", held.out);
    assert!(held.out.contains("`aqueduct run b` runs it now"), "{}", held.out);
    project.run("run b").with_code(0);
}

/// A weekday as the machine tells it in UTC.
fn weekday(command: &str) -> String {
    let told = Command::new("sh").args(["-c", command]).env("TZ", "UTC").env("LC_ALL", "C").output().unwrap();
    String::from_utf8(told.stdout).unwrap().trim().to_lowercase()
}

#[test]
fn pipelines_that_wait_for_each_other_are_refused_before_they_wait() {
    let project = Project::new();
    for (name, after) in [("a", "b"), ("b", "c"), ("c", "b"), ("d", "e")] {
        pipeline(&project, name, &format!("{{ cron: \"@yearly\", after: [{after}] }}"));
    }
    pipeline(&project, "e", "{ cron: \"@yearly\" }");
    for name in ["a", "b", "c"] {
        let refused = call(&project, name).with_code(2);
        assert!(refused.err.contains("AQ1021 pipelines wait for each other: ") && !refused.err.contains("waits:"), "{}", refused.err);
    }
    // What has nothing to do with the circle runs.
    call(&project, "e").with_code(0);
    call(&project, "d").with_code(0);
}

#[test]
fn a_called_run_comes_after_those_it_depends_on() {
    let project = Project::new();
    // What is due only once a year is not waited for where nobody has started it.
    pipeline(&project, "a", "{ cron: \"@yearly\" }");
    pipeline(&project, "z", "{ cron: \"@yearly\", after: [a] }");
    project.write("people.csv", "id,email\n1,ada@example.com\n");
    call(&project, "z").with_code(0);
    // A run by hand is as good as one by the schedule.
    project.run("run a").with_code(0);
    call(&project, "z").with_code(0);
    std::fs::remove_file(project.path("people.csv")).unwrap();
    call(&project, "a").with_code(2);
    let failed = call(&project, "z").with_code(0);
    assert!(failed.out.starts_with("z: not run, `a`, which it comes after, did not end well [z/"), "{}", failed.out);
    pipeline(&project, "z", "{ cron: \"@yearly\", after: [aa] }");
    let unknown = call(&project, "z").with_code(2);
    assert!(unknown.err.contains("AQ1020 `z` waits for `aa`, and there is no such pipeline (pipelines/z.yaml:1:"), "{}", unknown.err);
    assert!(unknown.err.contains("Did you mean `a`?"), "{}", unknown.err);
}

#[test]
fn what_fails_is_tried_again_by_the_same_process() {
    let project = Project::new();
    // A destination that cannot be: exit code 5.
    pipeline(&project, "a", "{ cron: \"@yearly\", retries: { attempts: 2, backoff: 1s } }");
    let text = project.read("pipelines/a.yaml").replace("sqlite://a.db", "postgres://nobody:x@127.0.0.1:1/none");
    project.write("pipelines/a.yaml", text);
    let failed = call(&project, "a").with_code(5);
    assert_eq!(failed.err.matches(" is tried again at ").count(), 2, "{}", failed.err);
    assert_eq!(failed.err.matches("a: failed, exit code 5").count(), 3, "{}", failed.err);
    let status = project.run("schedule status --json").with_code(0).json();
    assert_eq!((&status["last"]["code"], &status["last"]["attempts"], status["open"].as_array().unwrap().len()), (&5.into(), &3.into(), 0));
}

#[test]
fn an_exported_command_runs_as_it_stands() {
    let project = Project::new();
    pipeline(&project, "a", "{ cron: \"@daily\", retries: { attempts: 1 }, blackout: [{ from: \"03:00\", until: \"03:01\" }] }");
    pipeline(&project, "z", "{ cron: \"@daily\", after: [a], blackout: [{ from: \"03:00\", until: \"03:01\" }] }");
    project.run("schedule export --format crontab --output deploy").with_code(0);
    let table = project.read("deploy/aqueduct.crontab");
    let commands: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("0 0 * * * ")).collect();
    assert_eq!(commands.len(), 2, "{table}");
    for command in commands {
        let ran = Command::new("/bin/sh").args(["-c", command]).env_clear().output().unwrap();
        assert!(ran.status.success(), "{command}\n{}", String::from_utf8_lossy(&ran.stderr));
    }
    let runs = project.run("runs list --json").with_code(0).json_lines();
    let of: Vec<_> = runs.iter().map(|run| (run["pipeline"].as_str().unwrap(), run["outcome"].as_str().unwrap())).collect();
    assert_eq!(of, [("z", "ok"), ("a", "ok")]);
}

#[test]
fn what_is_misspelt_is_told_with_the_nearest_that_is_right() {
    let project = Project::new();
    let told = |project: &Project, command: &str| project.run(command).with_code(2).err;
    for (schedule, error, next) in [
        ("{ evry: 15m }", "AQ1003 unknown field `evry`", "Did you mean `every`?"),
        ("{ every: 15m, overlap: cancle }", "AQ1002 unknown variant `cancle`", "Did you mean `cancel`?"),
        ("{ cron: \"0 6 * * MON-\" }", "AQ1016 `MON-` is a range that lacks an end (pipelines/a.yaml:1:28)", "as in `0-7`."),
        (
            "{ every: 15m, timezone: Europe/Londn }",
            "AQ1017 `Europe/Londn` is not a time zone (pipelines/a.yaml:1:",
            "Did you mean `Europe/London`?",
        ),
    ] {
        pipeline(&project, "a", schedule);
        let said = told(&project, "validate");
        assert!(said.contains(error) && said.contains(next) && said.contains("(pipelines/a.yaml:1:"), "{said}");
    }
    pipeline(&project, "crm", "{ every: 15m }");
    assert!(
        told(&project, "schedule next cmr").contains("there is no pipeline `cmr`\n")
            && told(&project, "run cmr").contains("Did you mean `crm`?")
    );
    told(&project, "schedule next --count 0");
}

#[test]
fn schemas_for_editors_are_those_of_the_reference() {
    let project = Project::new();
    for kind in ["pipeline", "project", "mapping"] {
        let printed = project.run(&format!("schema {kind}")).with_code(0).out;
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/reference/{kind}.schema.json"));
        let command = format!("cargo run -p aqueduct-cli --bin aqueduct -- schema {kind} > docs/reference/{kind}.schema.json");
        assert!(std::fs::read_to_string(path).unwrap() == printed, "docs/reference/{kind}.schema.json is out of date: `{command}`");
    }
    let error = project.run("schema pipeline --format ddl").with_code(2).err;
    assert!(error.contains("the schema of a kind of file is JSON"), "{error}");
}
