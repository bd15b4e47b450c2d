//! `aqueduct schedule next` and `export`, and what `validate` says of the files of a folder against each other.

use crate::project::Project;

const REST: &str = "source: { connector: hubspot, config: { access_token: \"${TOKEN}\" } }\ndestination: { url: sqlite://warehouse.db }\n";

/// A folder with these pipelines: names, and their schedules or whatever else is to stand in their files.
fn project(pipelines: &[(&str, &str)]) -> Project {
    let project = Project::new();
    for (name, lines) in pipelines {
        project.write(&format!("pipelines/{name}.yaml"), format!("{lines}\n{REST}"));
    }
    project
}

#[test]
fn what_comes_next_is_shown_by_both_clocks_with_what_holds_it_back() {
    let project = project(&[
        ("crm", "schedule: { cron: \"30 1 * * *\", timezone: Europe/London }"),
        ("mail", "schedule:\n  every: 12h\n  after: [crm]\n  blackout: [{ from: \"23:00\", until: \"00:30\" }]"),
        ("shop", "schedule: { cron: \"@weekly\", paused: true }"),
        ("by-hand", ""),
    ]);
    // No variable is set: none is needed to say when something runs. The night in which British clocks go forward is a Sunday's.
    let shown = project.run("schedule next --count 6 --from 2027-03-27T00:00").with_code(0);
    let lines: Vec<&str> = shown.out.lines().map(str::trim).collect();
    let columns = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert_eq!(
        lines.iter().map(|line| columns(line)).collect::<Vec<_>>(),
        [
            "pipeline local time UTC starts held back by",
            "crm 2027-03-27 01:30:00 Europe/London 2027-03-27 01:30:00Z",
            "mail 2027-03-27 12:00:00 UTC 2027-03-27 12:00:00Z after crm",
            "mail 2027-03-28 00:00:00 UTC 2027-03-28 00:00:00Z 00:30:00Z black-out until 00:30; after crm",
            "shop 2027-03-28 00:00:00 UTC 2027-03-28 00:00:00Z paused in the pipeline file",
            "crm 2027-03-28 02:00:00 Europe/London 2027-03-28 01:00:00Z",
            "mail 2027-03-28 12:00:00 UTC 2027-03-28 12:00:00Z after crm",
        ]
    );
    assert!(!project.path(".aqueduct").exists(), "asking made a control store");
    let lines = project.run("schedule next crm --count 2 --from 2027-03-27T02:00:00Z --json").with_code(0).json_lines();
    assert_eq!(lines[0]["local"], "2027-03-28T02:00:00+01:00");
    assert_eq!(lines[0]["at"], "2027-03-28T01:00:00Z");
    assert_eq!(lines[0]["schedule"], "at 01:30 every day, Europe/London time");
    assert_eq!((lines.len(), &lines[1]["at"]), (2, &"2027-03-29T00:30:00Z".into()));
    let without = project.run("schedule next by-hand").with_code(2);
    assert!(without.err.contains("AQ1016 pipeline `by-hand` has no schedule"), "{}", without.err);
}

#[test]
fn files_of_a_folder_are_checked_against_each_other() {
    let mut project = project(&[
        ("a", "schedule:\n  every: 1h\n  after: [b]"),
        ("b", "schedule:\n  every: 1h\n  after: [a]"),
        ("c", "schedule: { every: 1h, after: [bb] }"),
        ("d", "name: c"),
        ("e", "schedule: { cron: \"0 0 30 2 *\" }"),
    ]);
    project.set("TOKEN", "t");
    for command in ["validate", "validate pipelines", "schedule next", "schedule export --format crontab --output deploy"] {
        let told = project.run(command).with_code(2);
        for error in [
            "error AQ1021 pipelines wait for each other: a after b after a (pipelines/b.yaml:3:11)",
            "error AQ1020 `c` waits for `bb`, and there is no such pipeline (pipelines/c.yaml:1:32)\n  data: Nothing was read or written.\n  next: Did you mean `b`?",
            "error AQ1019 `c` is the name of the pipeline in pipelines/c.yaml too (pipelines/d.yaml:1:7)",
            "error AQ1018 no month among those named has a day 30, so it never falls due (pipelines/e.yaml:1:20)",
        ] {
            assert_eq!(told.err.matches(error).count(), 1, "{command}: {error}\n{}", told.err);
        }
    }
    assert!(!project.path("deploy").exists());
    // One file alone says nothing of the others.
    project.run("validate a").with_code(0);
    let lines = project.run("validate --json").with_code(2).json_lines();
    let codes: Vec<_> = lines.iter().filter_map(|line| line["error"]["code"].as_str()).collect();
    assert_eq!(codes, ["AQ1018", "AQ1019", "AQ1020", "AQ1021"]);
}

#[test]
fn exports_are_written_and_what_is_not_theirs_is_kept() {
    let project = project(&[("crm", "schedule: { cron: \"30 1 * * *\", timezone: Europe/London }"), ("mail", "schedule: { every: 15m }")]);
    let there = "--folder /srv/crm --command /usr/local/bin/aqueduct";
    let line = format!("schedule export --format systemd --output deploy --user crm {there}");
    // British clocks go forward at 01:00, and systemd would leave 01:30 out.
    let refused = project.run(&line).with_code(2);
    assert!(refused.err.contains("error AQ1022 pipeline `crm`: systemd does not run it as meant when clocks change"), "{}", refused.err);
    assert!(!project.path("deploy").exists());
    let written = project.run(&format!("{line} --leave-out daylight-saving")).with_code(0);
    let files = ["aqueduct-crm.service", "aqueduct-crm.timer", "aqueduct-mail.service", "aqueduct-mail.timer"];
    assert_eq!(written.out.lines().collect::<Vec<_>>(), files.map(|file| format!("deploy/{file}")));
    let service = project.read("deploy/aqueduct-crm.service");
    assert!(service.contains("\nExecStart=/usr/local/bin/aqueduct run pipelines/crm.yaml --scheduled\n"), "{service}");
    // Again is no mistake; a file that somebody else wrote is.
    project.run(&format!("schedule export mail --format systemd --output deploy {there}")).with_code(0);
    project.write("deploy/aqueduct.crontab", "MAILTO=me\n");
    let refused = project.run(&format!("schedule export mail --format crontab --output deploy {there}")).with_code(2);
    assert!(refused.err.contains("`deploy/aqueduct.crontab` is there and was not written by an export"), "{}", refused.err);
    assert_eq!(project.read("deploy/aqueduct.crontab"), "MAILTO=me\n");
    for (format, options, file) in [
        ("crontab", "--cron-timezone Europe/London --leave-out daylight-saving", "aqueduct.crontab"),
        ("kubernetes", "--image registry.example/crm:7 --leave-out daylight-saving", "aqueduct-crm.yaml"),
        ("airflow", "", "aqueduct_crm.py"),
    ] {
        let line = format!("schedule export --format {format} --output {format} {options} {there}");
        project.run(&line).with_code(0);
        assert!(project.read(&format!("{format}/{file}")).contains("Written by `aqueduct schedule export`"));
    }
    let unknown = project.run(&format!("schedule export --format crontab --output x --leave-out moon {there}")).with_code(2);
    assert!(unknown.err.contains("`moon` is none of overlap, catch-up, daylight-saving"), "{}", unknown.err);
    let crontab = project.run(&format!("schedule export --format crontab --output x --cron-timezone Europe/Londn {there}")).with_code(2);
    assert!(crontab.err.contains("AQ1017") && crontab.err.contains("Europe/London"), "{}", crontab.err);
}

#[test]
fn the_schema_for_editors_has_the_words_of_a_schedule() {
    let schema = Project::new().run("validate --schema").with_code(0).json();
    let section = &schema["$defs"]["ScheduleSection"];
    assert_eq!(section["additionalProperties"], false);
    for word in
        ["cron", "every", "timezone", "jitter", "timeout", "overlap", "catch_up", "retries", "after", "blackout", "paused", "priority"]
    {
        assert!(section["properties"][word]["description"].as_str().is_some_and(|words| words.len() > 10), "{word}: {section}");
    }
}
