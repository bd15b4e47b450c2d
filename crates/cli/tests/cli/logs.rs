//! Logs as JSON: one object a line, with what they are about, and with nothing that must not be written.

use aqueduct_simulator::hubspot::{Effect, Fault, Match, RequestClass, RetryAfter};
use serde_json::Value;

use crate::database::Database;
use crate::privacy::{PERSONAL, TOKEN_KEY, UNSELECTED, account, found};
use crate::project::{Ended, Project};

#[track_caller]
fn lines(ended: &Ended) -> Vec<Value> {
    let lines: Vec<Value> =
        ended.err.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect();
    for line in &lines {
        assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        assert!(["error", "warn", "info", "debug"].contains(&line["level"].as_str().unwrap_or_default()), "{line}");
        assert!(line["message"].is_string(), "{line}");
    }
    lines
}

#[test]
fn a_run_says_what_each_line_is_about_and_nothing_personal() {
    let account = account();
    account.inject(Fault::next(2, Effect::status_retry_after(429, RetryAfter::Seconds(0))).when(Match::class(RequestClass::List)));
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    project.set("TOKEN_KEY", TOKEN_KEY);
    account.pipeline(&mut project, &database, "privacy: { token_key: \"${TOKEN_KEY}\" }\n");
    let ended = project.run("run p.yaml -vv --log-format json").with_code(0);
    let lines = lines(&ended);
    let of_contacts: Vec<&Value> = lines.iter().filter(|line| line["stream"] == "contacts").collect();
    assert!(of_contacts.len() > 3, "{}", ended.err);
    for line in of_contacts {
        assert_eq!(line["pipeline"], "p", "{line}");
        assert!(line["run"].as_str().is_some_and(|run| run.starts_with("20")), "{line}");
    }
    assert!(lines.iter().any(|line| line["operation"].is_string() && line["level"] == "debug"), "requests are told in detail");
    assert!(lines.iter().any(|line| line["code"] == "AQ3001" && line["run"].is_string()), "{}", ended.err);
    assert_eq!(found(&ended.err, &PERSONAL), None);
    assert_eq!(found(&ended.err, &[&account.access_token(), UNSELECTED, TOKEN_KEY]), None);
}

#[test]
fn the_run_and_its_pipeline_are_there_at_the_usual_level_too() {
    let account = account();
    account.inject(Fault::always(Effect::status(401)).when(Match::path("/objects/contacts")));
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    let ended = project.run("run p.yaml --log-format json");
    let lines = lines(&ended);
    let failed = lines.iter().find(|line| line["code"].is_string() && line["level"] == "warn").unwrap_or_else(|| panic!("{}", ended.err));
    assert!(failed["run"].is_string() && failed["pipeline"] == "p", "{failed}");
}

#[test]
fn the_error_that_ends_a_command_is_a_line_with_its_place() {
    let project = Project::new();
    project.write("p.yaml", "source:\n  connector: hubspot\nselct: x\n");
    let ended = project.run("validate p.yaml --log-format json").with_code(2);
    let lines = lines(&ended);
    assert_eq!(lines.len(), 1, "{}", ended.err);
    assert_eq!((&lines[0]["level"], &lines[0]["code"]), (&Value::from("error"), &Value::from("AQ1003")));
    assert_eq!((&lines[0]["file"], &lines[0]["line"]), (&Value::from("p.yaml"), &Value::from(3)));
    assert!(lines[0]["next"].is_string());
    // Without the flag it is for people.
    assert!(project.run("validate p.yaml").with_code(2).err.starts_with("error AQ1003"));
}
