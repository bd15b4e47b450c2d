//! A source whose names and values are made to act on whoever looks at them, and what others on the machine may see of it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::database::Database;
use crate::project::Project;

/// Sets a window's title, clears the screen, writes to the clipboard, begins a command in one character, turns a line around.
const ACTS: [&str; 5] = ["\x1b]0;owned\x07", "\x1b[2J", "\x1b]52;c;ZXZpbA==\x07", "\u{9b}31m", "\u{202e}txt"];

fn project(header: &str, rows: &str) -> Project {
    let mut project = Project::new();
    project.set("WAREHOUSE", Database::sqlite(&project).url());
    project.write("exports/people.csv", format!("{header}\n{rows}"));
    let source = "source:\n  connector: files\n  config: { path: exports/people.csv, key: id }\n";
    project.write(
        "p.yaml",
        format!("{source}destination: {{ url: \"${{WAREHOUSE}}\" }}\nquality: {{ quarantine: {{ maximum_share: 0.9 }} }}\n"),
    );
    project
}

#[track_caller]
fn assert_acts_not(line: &str, text: &str) {
    let acts = |letter: char| (letter.is_control() && letter != '\n' && letter != '\t') || ('\u{202a}'..='\u{202e}').contains(&letter);
    let at = text.char_indices().find(|(_, letter)| acts(*letter)).map(|(at, _)| at);
    assert_eq!(at.map(|at| text[at..].chars().take(30).collect::<String>()), None, "aqueduct {line}");
}

#[test]
fn nothing_that_a_source_says_acts_on_a_terminal() {
    let header: Vec<String> = ACTS.iter().enumerate().map(|(at, sign)| format!("field {at} {sign}")).collect();
    let rows: String = ACTS.iter().map(|sign| format!("{sign},a,b,c,d,{sign}\n")).collect();
    let project = project(&format!("id,{}", header.join(",")), &format!("{rows},1,2,3,4,5\n{},too few\n", ACTS[0]));
    let mut shown = String::new();
    for line in [
        "discover p.yaml",
        "discover p.yaml --json",
        "preview p.yaml --unmasked",
        "preview p.yaml --json --unmasked",
        "run p.yaml -vv --log-format json",
        "run p.yaml -vv --full-refresh",
        "run p.yaml --json --full-refresh",
        "quarantine list p.yaml",
        "quarantine list p.yaml --json",
        "drift p.yaml",
        "explain last",
        "runs show last",
    ] {
        let ended = project.run(line).with_code(0);
        assert_acts_not(line, &ended.out);
        assert_acts_not(line, &ended.err);
        if line.contains("--json") {
            ended.json_lines();
        }
        shown.push_str(&ended.out);
    }
    let id = project.run("quarantine list p.yaml --json").json_lines()[0]["row_id"].as_str().unwrap().to_owned();
    let ended = project.run(&format!("quarantine show p.yaml {id} --original")).with_code(0);
    assert_acts_not("quarantine show", &ended.out);
    // The names and values are shown all the same.
    for sign in ["\\u{1b}]0;owned\\u{7}", "\\u{1b}[2J", "\\u{9b}31m", "\\u{202e}txt"] {
        assert!(shown.contains(sign), "{sign}");
    }
    // Errors too: what a person is told of a mistake in a file may be the file's.
    project.write("q.yaml", "name: q\nsource: { connector: \"\\e[2Jhubspot\\x9b1m\" }\ndestination: { url: discard:// }\n");
    let ended = project.run("validate q.yaml --json").with_code(2);
    assert_acts_not("validate", &ended.err);
    assert_acts_not("validate", &ended.out);
}

#[test]
fn a_name_of_any_length_is_shown_in_bounded_room() {
    let names: Vec<String> = (0..200).map(|at| format!("c{at}")).collect();
    let project = project(&format!("id,{},{}", names.join(","), "x".repeat(50_000)), "");
    let ended = project.run("discover p.yaml").with_code(0);
    // Every row of a table is as wide as the widest.
    assert!(ended.out.len() < 1_000_000, "{} bytes", ended.out.len());
}

/// The permissions of everything in a folder that others than its owner have.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mut open = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = path.metadata().unwrap().permissions().mode();
        if mode & 0o077 != 0 {
            open.push(format!("{} {:o}", path.file_name().unwrap().display(), mode & 0o777));
        } else if path.is_dir() {
            open.extend(open_to_others(&path));
        }
    }
    open
}

#[test]
fn what_is_about_people_is_made_for_its_owner_alone() {
    let project = project("id,email", "1,ann@example.com\n,no@example.com\n");
    for path in ["exports", "exports/people.csv", "p.yaml"] {
        std::fs::set_permissions(project.path(path), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    project.run("run p.yaml").with_code(0);
    assert_eq!(open_to_others(&project.path("")), [""; 0]);
    // Who lets others read it does so once.
    let warehouse = project.path("warehouse.db");
    std::fs::set_permissions(&warehouse, std::fs::Permissions::from_mode(0o640)).unwrap();
    project.run("run p.yaml --full-refresh").with_code(0);
    assert_eq!(warehouse.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_dies_leaves_no_memory_behind() {
    let project = Project::new();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$0\" clean email"]).arg(project.command("").get_program());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Once it has answered it is the command and no longer the shell.
    child.stdin.as_mut().unwrap().write_all(b"ann@example.com\n").unwrap();
    let mut answer = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
    assert!(answer.contains("ann@example.com"), "{answer}");
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(line.split_whitespace().nth(4), Some("0"), "{line}");
}

#[test]
fn a_list_is_not_written_over() {
    let project = Project::new();
    let list = "id,first_name,last_name\n1,Ann,Lee\n2,Bob,Jones\n";
    project.write("people.csv", list);
    std::os::unix::fs::symlink("people.csv", project.path("linked.csv")).unwrap();
    for files in ["--output people.csv", "--output linked.csv", "--output c.csv --pairs ./people.csv"] {
        let ended = project.run(&format!("resolve --entity contact --input people.csv --id id {files}")).with_code(2);
        assert!(ended.err.contains("would be written over"), "{}", ended.err);
        assert_eq!(project.read("people.csv"), list);
    }
}

#[test]
fn a_password_among_the_options_of_an_address_is_not_shown() {
    let mut project = project("id,email", "1,ann@example.com\n");
    let url = Database::postgres().url();
    let sign = if url.contains('?') { '&' } else { '?' };
    project.set("WITH_PASSWORD", format!("{url}{sign}password=canary-password"));
    let pipeline = project.read("p.yaml").replace("WAREHOUSE", "WITH_PASSWORD");
    project.write("p.yaml", pipeline);
    for line in ["check p.yaml", "check p.yaml --json", "run p.yaml", "run p.yaml -vv --log-format json", "runs show last", "explain last"]
    {
        let ended = project.run(line).with_code(0);
        assert!(!ended.out.contains("canary-password") && !ended.err.contains("canary-password"), "{line}: {}{}", ended.out, ended.err);
    }
}
