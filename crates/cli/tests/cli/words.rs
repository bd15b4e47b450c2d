//! What the command line prints: data on standard output, words on standard error, both held as snapshots.
//!
//! `INSTA_UPDATE=always cargo test -p aqueduct-cli --test cli words` writes the snapshots anew, to be looked through as a diff.

use std::process::Command;

use insta::assert_snapshot;
use regex::Regex;

use crate::account::{Account, nowhere};
use crate::database::Database;
use crate::project::Project;

/// A small account read one stream after the other, so that every line has its place.
fn prepared() -> (Account, Project) {
    let account = Account::of(60);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "run: { parallel_streams: 1 }\n");
    (account, project)
}

/// A text without what differs from run to run; words of the same length, so that tables keep their form.
fn steady(project: &Project, text: &str) -> String {
    let text = text.replace(&project.path("").display().to_string(), "[folder]/").replace("[folder]//", "[folder]/");
    let rules = [
        (r"\d{14}-[0-9a-f]{8}", "[run xxxxxxxxxxxxxxxxx]"),
        (r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[time xxxxxxxxxxxxx]"),
        (r"\(\d+\.\d s", "([n] s"),
        (r", \d+\.\d s, ", ", [n] s, "),
        (r"(xx\] +)\d+\.\d  ", "$1[n]  "),
        (r"127\.0\.0\.1:\d+", "[address]"),
    ];
    rules.iter().fold(text, |text, (pattern, word)| Regex::new(pattern).unwrap().replace_all(&text, *word).into_owned())
}

#[test]
fn help() {
    let project = Project::new();
    let ended = project.run("--help").with_code(0);
    assert_eq!(ended.err, "");
    assert_snapshot!(ended.out);
    assert_snapshot!("run_help", project.run("run --help").with_code(0).out);
    assert_eq!(project.run("--version").with_code(0).out, concat!("aqueduct ", env!("CARGO_PKG_VERSION"), "\n"));
    // Nothing at all is a question, and its answer goes where words go.
    let ended = project.run("").with_code(2);
    assert!(ended.out.is_empty() && ended.err.contains("Usage: aqueduct"), "{}", ended.err);
}

#[test]
fn the_words_of_runs_and_what_they_leave() {
    let (_account, project) = prepared();
    assert_snapshot!("check", steady(&project, &project.run("check p.yaml").with_code(0).out));
    assert_eq!(project.run("runs p.yaml").with_code(0).out, "The pipeline has not run yet.\n");
    assert_eq!(project.run("state list p.yaml").with_code(0).out, "No stream has been read yet.\n");
    let dry = project.run("run p.yaml --dry-run").with_code(0);
    assert_snapshot!("dry_run", steady(&project, &dry.out));
    let ended = project.run("run p.yaml").with_code(0);
    assert_snapshot!("run", steady(&project, &ended.out));
    assert_snapshot!("run_progress", steady(&project, &ended.err));
    project.run("run p.yaml --select contacts").with_code(0);
    assert_snapshot!("runs", steady(&project, &project.run("runs p.yaml").with_code(0).out));
    assert_snapshot!("state_list", steady(&project, &project.run("state list p.yaml").with_code(0).out));
    assert_snapshot!("state_clear", project.run("state clear p.yaml --stream deals").with_code(0).out);
    let ended = project.run("run p.yaml --quiet").with_code(0);
    assert_eq!(ended.err, "");
}

#[test]
fn json_is_all_there_is_on_standard_output() {
    let (_account, project) = prepared();
    let run = project.run("run p.yaml --json").with_code(0);
    let report = run.json();
    assert_eq!((&report["pipeline"], &report["status"], &report["exit_code"]), (&"p".into(), &"ok".into(), &0.into()));
    assert_eq!(run.err, "");
    let runs = project.run("runs p.yaml --json").with_code(0).json();
    assert_eq!(runs["run_id"], report["run_id"]);
    assert_eq!(runs["streams"], report["streams"]);
    assert_eq!(project.run("check p.yaml --json").with_code(0).json()["streams_with_state"], 15);
    let streams = project.run("discover p.yaml --json").with_code(0).json_lines();
    assert_eq!(streams.len(), 15);
    assert!(streams[0]["fields"].as_array().unwrap().iter().any(|field| field["path"] == "properties.email" && field["selected"] == true));
    let preview = project.run("preview p.yaml --json --limit 2 --select deals").with_code(0).json();
    assert_eq!(
        preview["tables"].as_array().unwrap().iter().map(|table| table["rows"].as_array().unwrap().len()).collect::<Vec<_>>(),
        [2, 2]
    );
    assert_eq!(project.run("discover --config hubspot --json").with_code(0).json()["type"], "object");
    assert_eq!(project.run("discover --connectors --json").with_code(0).json_lines().len(), 4);
    assert_eq!(project.run("validate --schema").with_code(0).json()["title"], "PipelineFile");

    // A state goes out and comes in again as it was.
    let states = project.run("state list p.yaml --json").with_code(0).json();
    project.run("state clear p.yaml --json").with_code(0);
    assert_eq!(project.run("state list p.yaml --json").with_code(0).json(), serde_json::json!({}));
    for (stream, state) in states.as_object().unwrap() {
        project.feed(&format!("state set p.yaml --stream {stream}"), state.to_string().as_bytes()).with_code(0);
    }
    assert_eq!(project.run("state list p.yaml --json").with_code(0).json(), states);
    assert_eq!(project.run("run p.yaml --json").with_code(0).stream("contacts")["read"], 0);
    let refused = project.feed("state set p.yaml --stream deals --json", b"{\"settled\": 1}").with_code(5);
    assert_eq!(refused.json()["error"]["code"], "AQ4003");

    let error = project.run("run nope --json").with_code(2);
    assert_eq!((&error.json()["error"]["code"], &error.json()["error"]["exit_code"]), (&"AQ1012".into(), &2.into()));
    assert!(error.err.starts_with("error AQ1012 "), "{}", error.err);
}

#[test]
fn a_start_from_nothing() {
    let project = Project::new();
    let ended = project.run("init hubspot").with_code(0);
    assert_eq!(ended.err, "");
    assert_snapshot!("init", ended.out);
    assert_snapshot!("init_pipeline", project.read("pipelines/hubspot.yaml"));
    assert_snapshot!("init_env", project.read(".env.example"));
    project.write(".env", "HUBSPOT_ACCESS_TOKEN=t\n");
    assert_eq!(project.run("validate").with_code(0).out, "pipelines/hubspot.yaml: sound\n");
    // A second time it keeps what is there.
    project.write("pipelines/hubspot.yaml", "mine");
    assert!(project.run("init hubspot").with_code(0).out.starts_with("./pipelines/hubspot.yaml exists and stays as it is\n"));
    assert_eq!(project.read("pipelines/hubspot.yaml"), "mine");
    project.run("init files --name people").with_code(0);
    assert_snapshot!("init_files", project.read("pipelines/people.yaml"));
    assert!(project.run("init hubspit").with_code(2).err.contains("Did you mean `hubspot`?"));
}

#[test]
fn what_connectors_take() {
    let project = Project::new();
    assert_snapshot!("connectors", project.run("discover --connectors").with_code(0).out);
    assert_snapshot!("config_hubspot", project.run("discover --config hubspot").with_code(0).out);
    assert_snapshot!("config_files", project.run("discover --config files").with_code(0).out);
}

#[test]
fn cleaned_values_come_in_the_order_of_the_lines() {
    let project = Project::new();
    let ended = project.feed("clean email", b" Ann@Example.COM \r\nnonsense\n\n\xff\xfe@example.com\nlast@example.org");
    assert_eq!(ended.err, "");
    assert_snapshot!("clean_email", ended.with_code(0).out);
    assert_snapshot!(
        "clean_phone",
        project.feed("clean phone_number --country GB", b"020 7946 0018\n+49 30 901820\nn/a\n12\n").with_code(0).out
    );
    assert_snapshot!("clean_money", project.feed("clean money --decimal-separator ,", b"1.234,50\n1,234.50\nabc\n").with_code(0).out);
    assert_snapshot!("clean_date", project.feed("clean date --day-first", b"03/04/2026\n2026-04-03\n31/02/2026\n").with_code(0).out);
    assert_snapshot!("clean_country", project.feed("clean country", "Deutschland\nUK\nAtlantis\n".as_bytes()).with_code(0).out);

    let many: String = (0..5_000).map(|number| format!("Person{number}@Example.com\n")).collect();
    let lines = project.feed("clean email", many.as_bytes()).with_code(0).json_lines();
    assert_eq!(lines.len(), 5_000);
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(line["input"], format!("Person{number}@Example.com"));
    }
    // Every type there is takes a line and says something of it.
    let types = project.run("clean --list").with_code(0).out;
    let names: std::collections::BTreeSet<&str> = types.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let line = project.feed(&format!("clean {name}"), b"2026-01-31\n").with_code(0).json();
        let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["code", "input", "status", "value"], "{name}: {line}");
    }
}

/// Standard output and standard error of a command on a terminal, as they mix there.
fn on_a_terminal(project: &Project, line: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new("script");
    let binary = env!("CARGO_BIN_EXE_aqueduct");
    command.args(["-qec", &format!("{binary} {line}"), "/dev/null"]).current_dir(project.path(""));
    command.env_remove("NO_COLOR").env("TERM", "xterm").envs(variables.iter().copied());
    let output = command.output().expect("this test needs a terminal from `script` (Debian: bsdutils)");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let project = Project::new();
    let coloured = on_a_terminal(&project, "run nope", &[]);
    assert!(coloured.contains("\x1b[1m\x1b[31merror"), "{coloured:?}");
    let plain = on_a_terminal(&project, "run nope", &[("NO_COLOR", "1")]);
    assert!(plain.starts_with("error AQ1012") && !plain.contains('\x1b'), "{plain:?}");
    assert!(!project.run("run nope").err.contains('\x1b'));
    // The log keeps to it too: nobody listens where nobody is.
    let text = "config: { access_token: t, base_url: 'ADDRESS' } }\ndestination: { url: 'discard://' }\nrun: { retry_seconds: 0 }\n";
    project.write("p.yaml", format!("source: {{ connector: hubspot, {}", text.replace("ADDRESS", &nowhere())));
    let logged = project.run("run p.yaml -vv").with_code(4).err;
    assert!(logged.contains("DEBUG") && !logged.contains('\x1b'), "{logged:?}");
    assert!(on_a_terminal(&project, "run p.yaml -vv", &[]).contains("\x1b[34mDEBUG"));
}
