//! The JSON Schemas of docs/reference, by which editors check files, held against every file of the repository and against mistakes, by a
//! validator and a reader of YAML that are not Aqueduct's.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::python::{beside, interpreter, succeed};

/// A text to be checked.
struct Text {
    name: String,
    schema: &'static str,
    /// Whether it is a part of a file.
    partial: bool,
    yaml: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What is wrong with each text.
fn check(texts: &[Text]) -> Vec<Vec<String>> {
    let reference = root().join("docs/reference");
    let asked: Vec<_> = texts.iter().map(|text| json!([reference.join(text.schema), text.partial, text.yaml])).collect();
    let mut command = Command::new(interpreter("kubernetes"));
    let told = succeed("jsonschema", command.arg("-B").arg(beside("check_schema.py")), &json!(asked).to_string());
    serde_json::from_slice(&told.stdout).unwrap()
}

fn files_in(folder: &str, ending: &str) -> Vec<PathBuf> {
    let found = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = found.filter(|path| path.extension().is_some_and(|own| own == ending)).collect();
    files.sort();
    files
}

fn whole(path: &Path, schema: &'static str) -> Text {
    let yaml = std::fs::read_to_string(path).unwrap();
    Text { name: path.display().to_string(), schema, partial: false, yaml }
}

/// The pieces of YAML on a page that are pipeline files, parts of them, or project files.
fn on_page(page: &Path) -> Vec<Text> {
    let text = std::fs::read_to_string(page).unwrap();
    let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let found = blocks.filter_map(|block| {
        let keys: Vec<&str> =
            block.lines().filter(|line| line.starts_with(char::is_alphabetic)).filter_map(|line| line.split(':').next()).collect();
        let sections =
            ["name", "schedule", "source", "normalise", "privacy", "quality", "identity", "destination", "history", "run", "control"];
        let schema = match keys.as_slice() {
            ["alerts"] => "project.schema.json",
            [_, ..] if keys.iter().all(|key| sections.contains(key)) => "pipeline.schema.json",
            _ => return None,
        };
        Some(Text { name: page.display().to_string(), schema, partial: true, yaml: block.to_owned() })
    });
    found.collect()
}

#[test]
fn every_file_of_the_repository_is_one_by_its_schema() {
    let mut texts: Vec<Text> = files_in("pipelines", "yaml").iter().map(|path| whole(path, "pipeline.schema.json")).collect();
    assert!(texts.len() >= 4);
    for vendor in std::fs::read_dir(root().join("connectors")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        let folder = format!("connectors/{vendor}/src/mapping");
        if root().join(&folder).is_dir() {
            texts.extend(files_in(&folder, "yaml").iter().map(|path| whole(path, "mapping.schema.json")));
        }
    }
    assert!(texts.len() > 30, "{}", texts.len());
    let before = texts.len();
    texts.extend(["docs", "docs/connectors", "."].into_iter().flat_map(|folder| files_in(folder, "md")).flat_map(|page| on_page(&page)));
    assert!(texts.len() > before + 10, "{} on pages", texts.len() - before);
    assert!(texts.iter().any(|text| text.schema == "project.schema.json"));
    for (text, wrong) in texts.iter().zip(check(&texts)) {
        assert!(wrong.is_empty(), "{}: {wrong:#?}\n{}", text.name, text.yaml);
    }
}

const GOOD: &str = "name: crm
schedule: { cron: \"30 6 * * *\", jitter: 1m30s, blackout: [{ days: [mon, Friday], from: \"08:00\", until: \"24:00\" }] }
source:
  connector: hubspot
  config: { access_token: ${TOKEN}, requests_per_10_seconds: 90 }
  quota: { share: 0.8 }
normalise:
  overrides: { contact: { job_title: { join: [{ first_of: [properties.a, { constant: x }] }, properties.b] } } }
  clean: { contact: { job_title: [{ replace: { from: x, to: \"\" } }] } }
destination: { url: \"${WAREHOUSE:-sqlite://warehouse.db}\" }
";

#[test]
fn mistakes_are_found_where_they_are() {
    let mistakes = [
        ("name: crm", "name: c r m", "$.name"),
        ("name: crm", "nmae: crm", "$: Additional properties"),
        ("cron: \"30 6 * * *\"", "every: 15", "$.schedule.every"),
        ("cron: \"30 6 * * *\"", "every: 15x", "$.schedule.every"),
        ("cron: \"30 6 * * *\"", "cron: \"@daily\", every: 15m", "$.schedule"),
        ("cron: \"30 6 * * *\", ", "", "$.schedule"),
        ("jitter: 1m30s", "jitter: 30s1m", "$.schedule.jitter"),
        ("jitter: 1m30s", "overlap: wait", "$.schedule.overlap"),
        ("jitter: 1m30s", "priority: 101", "$.schedule.priority"),
        ("jitter: 1m30s", "retries: { attempts: 21 }", "$.schedule.retries.attempts"),
        ("jitter: 1m30s", "retires: { attempts: 2 }", "$.schedule: Additional properties"),
        ("mon, Friday", "mon, Fridya", "$.schedule.blackout[0].days[1]"),
        ("from: \"08:00\"", "from: \"25:00\"", "$.schedule.blackout[0].from"),
        ("connector: hubspot", "connector: hubspto", "$.source.connector"),
        ("access_token: ${TOKEN}", "acess_token: ${TOKEN}", "$.source.config: Additional properties"),
        ("requests_per_10_seconds: 90", "requests_per_10_seconds: many", "$.source.config.requests_per_10_seconds"),
        (
            "connector: hubspot\n  config: { access_token: ${TOKEN}, requests_per_10_seconds: 90 }",
            "connector: brevo\n  config: {}",
            "$.source.config",
        ),
        ("share: 0.8", "share: 0", "$.source.quota.share"),
        ("overrides: { contact: { job_title", "overrides: { contact: { job_tilte", "$.normalise.overrides.contact: Additional properties"),
        ("constant: x", "konstant: x", "$.normalise.overrides.contact.job_title"),
        ("replace: { from: x, to: \"\" }", "replace: { from: x }", "$.normalise.clean.contact.job_title[0]"),
        ("destination: { url: \"${WAREHOUSE:-sqlite://warehouse.db}\" }\n", "", "$: 'destination' is a required property"),
    ];
    let text = |yaml: String| Text { name: String::new(), schema: "pipeline.schema.json", partial: false, yaml };
    let mut texts = vec![text(GOOD.to_owned())];
    for (right, wrong, _) in mistakes {
        assert_eq!(GOOD.matches(right).count(), 1, "{right}");
        texts.push(text(GOOD.replace(right, wrong)));
    }
    let project = |yaml: &str| Text { schema: "project.schema.json", ..text(yaml.to_owned()) };
    texts.push(project("alerts: { sinks: { chat: { slack: { url: \"${URL}\" } } }, remind_every: 12h }"));
    texts.push(project("alerts: { sinks: { chat: { slack: { url: x }, webhook: { url: y } } } }"));
    texts.push(project("alerts: { sinks: { chat: { slack: { url: x } } }, severities: { run_faild: info } }"));
    texts.push(project("alerts: { sinks: { chat: { slack: { url: x } } }, remind_every: soon }"));
    let found = check(&texts);
    assert_eq!(found[0], [] as [&str; 0]);
    for ((_, wrong, place), found) in mistakes.iter().zip(&found[1..]) {
        assert!(found.iter().any(|found| found.starts_with(place)), "{wrong}: {found:?}");
    }
    let of_projects: Vec<usize> = found[mistakes.len() + 1..].iter().map(Vec::len).collect();
    assert!(of_projects[0] == 0 && of_projects[1..].iter().all(|count| *count > 0), "{found:?}");
}
