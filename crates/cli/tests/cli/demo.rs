//! The demo: what a newcomer runs first, and what it tells them to paste.

use std::process::Command;

use crate::project::Project;

/// The commands that the demo prints, as a shell takes them.
fn printed(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| line.starts_with("sqlite3 ")).collect()
}

#[test]
fn the_demo_runs_and_its_queries_give_rows() {
    let mut project = Project::new();
    project.set("PATH", "/no/programs/are/needed");
    let ended = project.run("demo --folder first-look --contacts 80 --people 400").with_code(0);
    assert_eq!(ended.out.matches(": complete (").count(), 5, "{}", ended.out);
    assert_eq!(ended.out.matches("every record is accounted for").count(), 5, "{}", ended.out);
    assert!(ended.err.contains("3. Meanwhile at HubSpot: three contacts changed, two were added, two were archived."), "{}", ended.err);
    let commands = printed(&ended.out);
    assert_eq!(commands.len(), 5, "{}", ended.out);
    let answers: Vec<String> = commands.iter().map(|command| paste(&project, command)).collect();
    assert!(answers[0].contains("full_name") && answers[0].contains('@'), "{}", answers[0]);
    assert!(answers[1].contains("amount") && answers[1].lines().count() > 4, "{}", answers[1]);
    // Three changed and two added by the second load; the archived ones are there with their mark.
    assert!(answers[2].contains("Ada Lovelace") && answers[2].contains("Grace HOPPER"), "{}", answers[2]);
    assert_eq!(answers[2].matches("Chief Data Officer").count(), 3, "{}", answers[2]);

    // Three systems, one table of people, held against the truth.
    assert!(answers[4].contains("member_count") && answers[4].matches(" 3 ").count() > 4, "{}", answers[4]);
    let figure = |name: &str| {
        let line = ended.out.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap()
    };
    assert!(figure("precision") >= 97.0 && figure("recall") >= 85.0, "{}", ended.out);
    assert_eq!(ended.out.matches(" of 3 rows").count(), 3, "{}", ended.out);

    // Again in the same folder: the same from the beginning.
    let again = project.run("demo --folder first-look --contacts 80 --people 400").with_code(0);
    let loaded =
        |text: &str| text.lines().filter(|line| line.contains("every record is accounted for")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(loaded(&again.out), loaded(&ended.out));
}

/// Runs a printed command where the demo was run.
fn paste(project: &Project, command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).current_dir(project.path("")).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_demo_touches_no_folder_of_somebody_else() {
    let project = Project::new();
    project.write("mine/warehouse.db", "precious");
    let ended = project.run("demo --folder mine").with_code(2);
    assert!(ended.err.contains("the folder `mine` holds other things") && ended.err.contains("--folder"), "{}", ended.err);
    assert_eq!(project.read("mine/warehouse.db"), "precious");
}
