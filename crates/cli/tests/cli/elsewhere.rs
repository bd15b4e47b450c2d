//! Commands that are called from another folder than that of the project, as cron and systemd do it: everything is where it was.

use std::path::PathBuf;

use crate::project::{Project, wait_until};

/// Every file under a folder, by its path from there.
fn files(folder: PathBuf) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.clone()];
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(inside).unwrap().flatten() {
            match entry.path().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path().strip_prefix(&folder).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

/// A project whose files name others by relative paths, and a folder beside it.
fn project() -> Project {
    let project = Project::new();
    project.write("crm/exports/people.csv", "id,email\n1,ada@example.com\n2,grace@example.com\n");
    project.write("crm/policies/mine.yaml", "columns: {}\n");
    project.write("crm/.env", "KEY_COLUMN=id\n");
    project.write("crm/token", "sixteen characters or more\n");
    project.write(
        "crm/pipelines/a.yaml",
        "name: people\nschedule: { cron: \"@yearly\" }\nsource: { connector: files, config: { path: \"exports/*.csv\", key: \"${KEY_COLUMN}\" } }\n\
         privacy: { policy: policies/mine.yaml, token_key: \"${file:token}\" }\ndestination: { url: \"sqlite://warehouse.db\" }\n",
    );
    std::fs::create_dir(project.path("away")).unwrap();
    project
}

/// The exit code of a command called in a folder of the project, and its output.
fn called(project: &Project, folder: &str, line: &str) -> (Option<i32>, String) {
    let ended = project.command(line).current_dir(project.path(folder)).output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stdout).unwrap() + &String::from_utf8(ended.stderr).unwrap())
}

#[test]
fn a_run_from_another_folder_is_the_same_run() {
    let project = project();
    let at_home = called(&project, "crm", "run a");
    assert!(at_home.0 == Some(0) && at_home.1.contains("people: ok, 2 new"), "{}", at_home.1);
    let whole = project.path("crm/pipelines/a.yaml").display().to_string();
    for named in [whole.as_str(), "../crm/pipelines/a.yaml"] {
        let (code, said) = called(&project, "away", &format!("run {named} --summary-file runs.jsonl"));
        assert!(code == Some(0) && said.contains("people: ok, 0 new"), "the same warehouse, with nothing new: {said}");
        let (code, said) = called(&project, "away", &format!("run {named} --scheduled --quiet"));
        assert_eq!((code, said.as_str()), (Some(0), ""));
        let (code, said) = called(&project, "away", &format!("validate {named}"));
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = called(&project, "away", &format!("runs list {named} --json"));
        assert!(code == Some(0) && said.lines().count() >= 2, "{said}");
    }
    // What the command line names is where the command was called; nothing else is.
    assert_eq!(files(project.path("away")), ["runs.jsonl"]);
    assert_eq!(std::fs::read_to_string(project.path("away/runs.jsonl")).unwrap().lines().count(), 2);
    assert!(files(project.path("crm")).contains(&"warehouse.db".to_owned()));
}

#[test]
fn a_server_from_another_folder_serves_the_same_warehouse() {
    let project = project();
    project.write("crm/pipelines/a.yaml", project.read("crm/pipelines/a.yaml").replace("cron: \"@yearly\"", "every: 1s"));
    // The first look at a schedule makes nothing due.
    wait_until("something has fallen due and has been run", || {
        let (code, said) = called(&project, "away", "serve ../crm/pipelines --once --http off");
        assert_eq!(code, Some(0), "{said}");
        project.path("crm/warehouse.db").exists()
    });
    assert_eq!(files(project.path("away")), Vec::<String>::new());
}

#[test]
fn a_pipeline_is_found_by_its_name_and_by_both_endings() {
    let project = project();
    // The file is a.yaml, and every list shows its name.
    let (code, said) = called(&project, "crm", "run people --quiet");
    assert_eq!((code, said.as_str()), (Some(0), ""));
    std::fs::rename(project.path("crm/pipelines/a.yaml"), project.path("crm/pipelines/b.yml")).unwrap();
    for named in ["b", "people"] {
        let (code, said) = called(&project, "crm", &format!("run {named} --quiet"));
        assert_eq!((code, said.as_str()), (Some(0), ""));
    }
    let (code, said) = called(&project, "crm", "run peple");
    assert!(code == Some(2) && said.contains("Did you mean `people`?"), "{said}");
}
