//! What every file of the tree keeps to: a first line that says what is in it, a size that fits in a head, and no ties to one machine.

use std::io::Write;

use crate::tree::{File, files, files_ending, paths};
use crate::{assert_each_names, assert_none};

/// Lines beyond which a file is named in the test's output, to be split when somebody next works on it.
const SOFT_BUDGET: usize = 400;
/// Lines beyond which the test fails.
const HARD_BUDGET: usize = 600;
/// Files that a program wrote and nobody reads from top to bottom: path, and what writes it.
const GENERATED: &[(&str, &str)] = &[];

fn without_a_first_line(files: &[File]) -> Vec<String> {
    let bare = files.iter().filter(|file| !file.text.starts_with("//! "));
    bare.map(|file| format!("{}: begin with a line `//! …` that says what is in the file", file.path)).collect()
}

/// Files with more lines than the budget, longest first.
fn over_budget<'a>(files: &'a [File], generated: &[(&str, &str)], budget: usize) -> Vec<(usize, &'a str)> {
    let written = files.iter().filter(|file| !generated.iter().any(|(path, _)| *path == file.path));
    let mut over: Vec<_> =
        written.map(|file| (file.text.lines().count(), file.path.as_str())).filter(|(lines, _)| *lines > budget).collect();
    over.sort_unstable_by(|one, other| other.cmp(one));
    over
}

fn too_long(files: &[File], generated: &[(&str, &str)]) -> Vec<String> {
    let complaint = |(lines, path)| format!("{path} has {lines} lines, at most {HARD_BUDGET}: split it by topic, its tests with it");
    over_budget(files, generated, HARD_BUDGET).into_iter().map(complaint).collect()
}

/// Hosts of package registries, in pieces so that this file does not name them.
fn registry_hosts() -> Vec<String> {
    let pieces: &[&[&str]] = &[
        &["index.crates", "io"],
        &["static.crates", "io"],
        &["pypi", "org"],
        &["pythonhosted", "org"],
        &["registry.npmjs", "org"],
        &["registry.yarnpkg", "com"],
        &["proxy.golang", "org"],
        &["rubygems", "org"],
        &["repo1.maven", "org"],
        &["deb.debian", "org"],
    ];
    pieces.iter().map(|host| host.join(".")).collect()
}

fn naming_a_registry(files: &[File]) -> Vec<String> {
    let hosts = registry_hosts();
    let named = |file: &File| {
        let hosts = hosts.iter().filter(|host| file.text.contains(host.as_str()));
        let complaint = |host| {
            format!(
                "{} names {host}: say the package's name and let the client's own settings find the registry, people work behind mirrors",
                file.path
            )
        };
        hosts.map(complaint).collect::<Vec<_>>()
    };
    files.iter().flat_map(named).collect()
}

fn reading_beside_the_repository(files: &[File]) -> Vec<String> {
    let beside = ["..", "shared"].join("/");
    let outside_tests = files.iter().filter(|file| !file.is_under("tests") && !file.is_under("benches") && file.text.contains(&beside));
    outside_tests
        .map(|file| {
            format!(
                "{} names {beside}: a clone has nothing beside it; only tests and benches may look there, and must work without",
                file.path
            )
        })
        .collect()
}

#[test]
fn every_source_file_says_first_what_is_in_it() {
    assert_none("A source file does not say what is in it.", &without_a_first_line(&files_ending(".rs")));
}

#[test]
fn a_file_without_a_first_line_is_found() {
    let files = [
        File::new("good.rs", "//! Cursors.\nfn main() {}\n"),
        File::new("late.rs", "\n//! Cursors.\n"),
        File::new("plain.rs", "// Cursors.\n"),
        File::new("empty.rs", ""),
        File::new("mute.rs", "//!\nfn main() {}\n"),
    ];
    assert_each_names(&without_a_first_line(&files), &["late.rs", "plain.rs", "empty.rs", "mute.rs"]);
}

#[test]
fn source_files_keep_to_their_budget() {
    let files = files_ending(".rs");
    // Past the test harness, which would keep the words of a test that passes to itself.
    for (lines, path) in over_budget(&files, GENERATED, SOFT_BUDGET) {
        writeln!(std::io::stderr(), "note: {path} has {lines} lines, more than {SOFT_BUDGET}: split it by topic when you next work on it")
            .unwrap();
    }
    assert_none("A source file is too long.", &too_long(&files, GENERATED));
}

#[test]
fn a_file_over_its_budget_is_found() {
    let lines = |count| "x\n".repeat(count);
    let files =
        [File::new("just.rs", &lines(HARD_BUDGET)), File::new("over.rs", &lines(HARD_BUDGET + 1)), File::new("table.rs", &lines(5000))];
    assert_each_names(&too_long(&files, &[("table.rs", "a program")]), &["over.rs has 601 lines"]);
    assert_each_names(&too_long(&files, &[]), &["table.rs", "over.rs"]);
    assert_eq!(over_budget(&files, &[("table.rs", "a program")], SOFT_BUDGET), [(601, "over.rs"), (600, "just.rs")]);
}

#[test]
fn every_exception_from_the_budget_is_still_there() {
    let paths = paths();
    let stale = GENERATED.iter().filter(|(path, _)| !paths.contains(*path));
    assert_none("An exception outlived its file.", &stale.map(|(path, _)| format!("{path}: strike it from GENERATED")).collect::<Vec<_>>());
}

#[test]
fn no_file_names_a_package_registry() {
    assert_none("A file ties the build to one registry.", &naming_a_registry(&files()));
}

#[test]
fn a_named_registry_is_found() {
    let hosts = registry_hosts();
    let named = hosts.iter().map(|host| File::new("install.sh", &format!("fetch https://{host}/simple"))).collect::<Vec<_>>();
    assert_eq!(naming_a_registry(&named).len(), hosts.len());
    assert_none("A package's name is no host.", &naming_a_registry(&[File::new("install.sh", "pip install hubspot-api-client")]));
}

#[test]
fn nothing_but_tests_looks_beside_the_repository() {
    assert_none("A file looks beside the repository.", &reading_beside_the_repository(&files()));
}

#[test]
fn a_look_beside_the_repository_is_found() {
    let text = format!("open {}/pages.json", ["..", "shared"].join("/"));
    let files = [
        File::new("crates/engine/src/lib.rs", &text),
        File::new("tests/bench/run.sh", &text),
        File::new("crates/engine/benches/page.rs", &text),
        File::new("README.md", &text),
    ];
    assert_each_names(&reading_beside_the_repository(&files), &["crates/engine/src/lib.rs", "README.md"]);
}
