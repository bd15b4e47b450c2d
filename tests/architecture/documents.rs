//! Markdown tells the truth of the tree: paths it names exist, links lead somewhere, decisions keep their form.

use std::collections::BTreeSet;

use crate::tree::{File, Member, files_ending, members, paths};
use crate::{assert_each_names, assert_none};

/// History speaks of files that are gone.
const HISTORY: &str = "CHANGELOG.md";
/// Folders that a path may begin with, even where the tree has none yet.
const TOP: &[&str] = &["crates", "connectors", "pipelines", "tests", "docs", "xtask"];
/// Endings by which a word alone is a file of ours.
const OURS_BY_ENDING: &[&str] = &[".rs", ".toml", ".md"];
const DECISIONS: &str = "docs/decisions/";
const LONGEST_DECISION: usize = 60;
const PARTS_OF_A_DECISION: &[&str] = &["## Question", "## Answer", "## What it costs", "## When to revisit"];

/// The lines outside fenced code, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let open = |(_, line): &(usize, &str)| {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        fenced ^= fence;
        !fenced && !fence
    };
    (1..).zip(text.lines()).filter(open).collect()
}

/// What stands between backticks on a line, and the line without it.
fn code_spans(line: &str) -> (Vec<&str>, String) {
    let (mut spans, mut rest, mut words) = (Vec::new(), line, String::new());
    while let Some(start) = rest.find('`') {
        let ticks = &rest[start..start + rest[start..].find(|letter| letter != '`').unwrap_or(rest.len() - start)];
        let after = &rest[start + ticks.len()..];
        let Some(end) = after.find(ticks) else { break };
        spans.push(after[..end].trim());
        words.push_str(&rest[..start]);
        rest = &after[end + ticks.len()..];
    }
    words.push_str(rest);
    (spans, words)
}

/// The part of a word between backticks that must exist if the word is a path of this repository: all of it, or up to a placeholder.
fn path_in<'w>(word: &'w str, top: &BTreeSet<&str>) -> Option<&'w str> {
    let word = word.trim_start_matches("./").trim_end_matches('/');
    if word.contains(|letter: char| letter.is_whitespace() || "()=|@\\\"'$;,#!".contains(letter))
        || word.contains("://")
        || word.contains("::")
    {
        return None;
    }
    let exact =
        word.find(['<', '*', '{', '…', '[']).map_or(word, |placeholder| word[..placeholder].rfind('/').map_or("", |slash| &word[..slash]));
    let (first, is_path) = (word.split('/').next().unwrap_or_default(), word.contains('/'));
    let by_folder = is_path && top.contains(first);
    let by_ending = exact == word
        && !word.starts_with(['.', '-', '/', '~'])
        && OURS_BY_ENDING.iter().any(|ending| word.len() > ending.len() && word.ends_with(ending));
    ((by_folder && !exact.is_empty()) || by_ending || word == "justfile").then_some(exact)
}

fn dead_paths(documents: &[File], paths: &BTreeSet<String>) -> Vec<String> {
    let top: BTreeSet<&str> =
        paths.iter().filter_map(|path| path.split_once('/').map(|(first, _)| first)).chain(TOP.iter().copied()).collect();
    let exists = |path: &str| {
        paths.contains(path)
            || (!top.contains(path.split('/').next().unwrap_or_default()) && paths.iter().any(|known| known.ends_with(&format!("/{path}"))))
    };
    let mut complaints = Vec::new();
    for document in documents.iter().filter(|document| document.path != HISTORY) {
        for (number, line) in prose(&document.text) {
            for path in code_spans(line).0.into_iter().filter_map(|word| path_in(word, &top)).filter(|path| !exists(path)) {
                complaints.push(format!(
                    "{}:{number} names `{path}`, which does not exist: correct the path, or write <name> for a part that varies",
                    document.path
                ));
            }
        }
    }
    complaints
}

/// Targets of links and pictures on a line: `[words](target)`, `[name]: target`, `src="target"`, `href="target"`.
fn targets(words: &str) -> Vec<&str> {
    let after = |opening: &str, closing: char| {
        let starts = words.match_indices(opening).map(|(at, found)| &words[at + found.len()..]).collect::<Vec<_>>();
        starts.into_iter().filter_map(move |rest| rest.split(closing).next()).collect::<Vec<_>>()
    };
    let defined = words.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target);
    let all = [after("](", ')'), after("src=\"", '"'), after("href=\"", '"'), defined.into_iter().collect()].concat();
    all.into_iter().filter_map(|target| target.split_whitespace().next()).collect()
}

/// The name by which a heading is linked to: lower case, hyphens for spaces, no other punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter_map(|letter| if letter == ' ' { Some('-') } else { (letter.is_alphanumeric() || "-_".contains(letter)).then_some(letter) })
        .collect()
}

fn dead_links(documents: &[File], paths: &BTreeSet<String>) -> Vec<String> {
    let anchors = |document: &File| {
        prose(&document.text).iter().filter(|(_, line)| line.starts_with('#')).map(|(_, line)| anchor(line)).collect::<Vec<_>>()
    };
    let mut complaints = Vec::new();
    for document in documents {
        for (number, line) in prose(&document.text) {
            let words = code_spans(line).1;
            for target in targets(&words).into_iter().filter(|target| !target.contains("://") && !target.starts_with("mailto:")) {
                let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
                let path = if path.is_empty() { document.path.clone() } else { resolved(&document.path, path) };
                let linked = documents.iter().find(|other| other.path == path);
                if !path.is_empty() && !paths.contains(&path) {
                    complaints.push(format!("{}:{number} links to {target}, and `{path}` does not exist: correct the link", document.path));
                } else if !fragment.is_empty() && linked.is_some_and(|linked| !anchors(linked).iter().any(|known| known == fragment)) {
                    complaints
                        .push(format!("{}:{number} links to {target}, and `{path}` has no such heading: correct the link", document.path));
                }
            }
        }
    }
    complaints
}

/// A link's path from the root of the repository.
fn resolved(document: &str, link: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn badly_formed_decisions(decisions: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut numbers = BTreeSet::new();
    for File { path, text } in decisions {
        let number = path.trim_start_matches(DECISIONS).split('-').next().unwrap_or_default();
        if number.len() != 4 || !number.bytes().all(|digit| digit.is_ascii_digit()) {
            complaints.push(format!("{path}: begin the file's name with four digits and a hyphen"));
        } else if !numbers.insert(number) {
            complaints.push(format!("{path}: the number {number} is taken, use the next free one"));
        }
        let lines = text.lines().count();
        if lines > LONGEST_DECISION {
            complaints.push(format!("{path} has {lines} lines, at most {LONGEST_DECISION}: a decision is a short answer to one question"));
        }
        let places = PARTS_OF_A_DECISION.iter().map(|part| text.lines().position(|line| line == *part));
        let mut last = None;
        for (part, place) in PARTS_OF_A_DECISION.iter().zip(places) {
            if place <= last {
                complaints.push(format!("{path} lacks the part `{part}`, or has it out of order"));
            }
            last = last.max(place);
        }
    }
    complaints
}

fn crates_not_drawn(architecture: Option<&File>, members: &[Member]) -> Vec<String> {
    let Some(architecture) = architecture else {
        return vec!["ARCHITECTURE.md is missing: it holds the import table and what each crate must never do".to_owned()];
    };
    let drawn: Vec<&str> = architecture.text.lines().flat_map(|line| code_spans(line).0).collect();
    let named = |member: &&Member| {
        let row = if member.row() == "connectors" { "connectors/<vendor>" } else { member.row() };
        drawn.contains(&row) || drawn.contains(&member.folder.as_str()) || drawn.contains(&member.name.as_str())
    };
    members
        .iter()
        .filter(|member| !named(member))
        .map(|member| format!("ARCHITECTURE.md does not speak of `{}`: add its row", member.folder))
        .collect()
}

#[test]
fn paths_named_in_documents_exist() {
    assert_none("A document names a path that does not exist.", &dead_paths(&files_ending(".md"), &paths()));
}

#[test]
fn a_dead_path_is_found() {
    let known = [
        "crates/engine/src/page.rs",
        "crates/engine/src",
        "crates",
        "docs/guide.md",
        "Cargo.toml",
        "connectors/acme/src",
        ".ci/run",
        "justfile",
    ];
    let known: BTreeSet<String> = known.iter().map(|path| (*path).to_owned()).collect();
    let good = "`crates/engine/src/page.rs` `page.rs` `src/page.rs` `.ci/run` `cargo xtask test` `crates/<name>/src` `warehouse.db` `./justfile` `*.rs` `a/b` `https://a/b.md` `acme::lib.rs`
```
`crates/gone.rs`
```
``crates/engine/src`` and [`docs/guide.md`](docs/guide.md)";
    assert_none("These are all there.", &dead_paths(&[File::new("README.md", good)], &known));
    assert_none("History may speak of what is gone.", &dead_paths(&[File::new(HISTORY, "`crates/gone.rs`")], &known));
    let bad = "`crates/gone.rs` and `docs/gone/`\nthen `gone.rs`, ``.ci/gone``, `connectors/gone/*.yaml`, `src/gone.rs` and `gone.md`";
    let complaints = dead_paths(&[File::new("docs/guide.md", bad)], &known);
    assert_each_names(
        &complaints,
        &[
            "guide.md:1 names `crates/gone.rs`",
            "`docs/gone`",
            "guide.md:2 names `gone.rs`",
            "`.ci/gone`",
            "`connectors/gone`",
            "`src/gone.rs`",
            "`gone.md`",
        ],
    );
}

#[test]
fn links_in_documents_lead_somewhere() {
    assert_none("A document links to nothing.", &dead_links(&files_ending(".md"), &paths()));
}

#[test]
fn a_dead_link_is_found() {
    let known = ["README.md", "docs", "docs/guide.md", "docs/demo.svg"].iter().map(|path| (*path).to_owned()).collect();
    let documents = [
        File::new(
            "README.md",
            "# Start here, now\n[a](docs/guide.md) [b](docs/guide.md#one-page) [c](#start-here-now) [d](https://example.com/gone.md) `[e](gone.md)` ![f](docs/demo.svg)",
        ),
        File::new(
            "docs/guide.md",
            "## One page\n[a](../README.md) [b](gone.md) [c](../README.md#gone) ![d](gone.svg) <img src=\"lost.png\">\n\n[e]: nowhere.md",
        ),
    ];
    assert_each_names(
        &dead_links(&documents, &known),
        &["guide.md:2 links to gone.md", "#gone", "gone.svg", "lost.png", "guide.md:4 links to nowhere.md"],
    );
}

#[test]
fn decisions_keep_their_form() {
    let decisions: Vec<File> = files_ending(".md").into_iter().filter(|file| file.path.starts_with(DECISIONS)).collect();
    assert_none("A decision is not in the form of the others.", &badly_formed_decisions(&decisions));
}

#[test]
fn a_badly_formed_decision_is_found() {
    let whole = PARTS_OF_A_DECISION.join("\n\nWords.\n\n");
    let decisions = [
        File::new("docs/decisions/0001-one.md", &whole),
        File::new("docs/decisions/0001-two.md", &whole),
        File::new("docs/decisions/three.md", &whole),
        File::new("docs/decisions/0004-long.md", &format!("{whole}{}", "\n".repeat(60))),
        File::new("docs/decisions/0005-part.md", &whole.replace("## What it costs", "## Costs")),
    ];
    assert_each_names(
        &badly_formed_decisions(&decisions),
        &["0001-two.md", "three.md", "0004-long.md", "0005-part.md lacks the part `## What it costs`"],
    );
}

#[test]
fn every_crate_is_drawn_in_the_architecture() {
    let documents = files_ending("ARCHITECTURE.md");
    assert_none("The map lacks a crate.", &crates_not_drawn(documents.iter().find(|file| file.path == "ARCHITECTURE.md"), &members()));
}

#[test]
fn a_crate_that_is_not_drawn_is_found() {
    let members = ["crates/schema", "crates/engine", "connectors/acme", "tests", "xtask"].map(|folder| Member::new(folder, &[], &[]));
    let map = File::new("ARCHITECTURE.md", "| `schema` | `connectors/<vendor>` | `tests` |\nthe engine and `xtask`");
    assert_each_names(&crates_not_drawn(Some(&map), &members), &["`crates/engine`"]);
    assert_each_names(&crates_not_drawn(None, &members), &["is missing"]);
}

#[test]
fn the_first_command_of_the_readme_knows_its_program() {
    let manifest = std::fs::read_to_string(crate::tree::root().join("crates/cli/Cargo.toml")).unwrap();
    let programs = manifest.lines().filter(|line| *line == "[[bin]]").count();
    assert!(
        programs == 1 || manifest.lines().any(|line| line == "default-run = \"aqueduct\""),
        "`cargo run -- demo` has {programs} programs to choose from and no default"
    );
}
