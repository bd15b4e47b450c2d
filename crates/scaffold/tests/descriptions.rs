//! Descriptions that vendors have published, where a checkout has them beside it: each is proposed from or refused in words.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use aqueduct_scaffold::{Order, create, propose};

fn descriptions(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            descriptions(&entry, found);
        } else if entry.extension().is_some_and(|ending| ["json", "yaml", "yml"].iter().any(|known| ending == *known)) {
            found.push(entry);
        }
    }
    found.sort();
}

#[test]
fn published_descriptions_are_proposed_from_or_refused_in_words() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/openapi");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/descriptions");
    let mut found = Vec::new();
    descriptions(&own, &mut found);
    let owned = found.len();
    descriptions(&beside, &mut found);
    assert!(owned > 0, "our own are always here");
    assert_eq!(found.len() > owned, beside.is_dir(), "where there are published ones they are looked at");
    let mut proposed = 0;
    for file in &found {
        let text = std::fs::read_to_string(file).unwrap();
        match propose("acme", &file.display().to_string(), &text) {
            Ok(proposal) => {
                proposed += 1;
                let plan = &proposal.plan;
                let names: std::collections::BTreeSet<&str> = plan.streams.iter().map(|stream| stream.name.as_str()).collect();
                assert_eq!(names.len(), plan.streams.len(), "{}: two streams of one name", file.display());
                for stream in &plan.streams {
                    assert!(stream.fields.iter().any(|field| field.path == stream.key.value), "{}: {}", file.display(), stream.name);
                }
                assert!(!plan.guesses().is_empty());
                written(file);
            }
            Err(error) => assert!(error.advice().ends_with('.') && error.location().is_some(), "{}: {error}", file.display()),
        }
    }
    assert!(proposed > 0);
}

/// The files of a proposal keep to the budget of lines, and every guess in the plan is marked in them.
fn written(description: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let aqueduct = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let order = Order {
        name: "acme",
        folder: None,
        openapi: Some(description),
        auth: None,
        paging: None,
        aqueduct: Some(&aqueduct),
        working_folder: folder.path(),
        taken: &[],
    };
    let created = create(&order).unwrap();
    for file in &created.files {
        let text = std::fs::read_to_string(created.folder.join(file)).unwrap();
        assert!(text.lines().count() <= 600, "{}: {file} has {} lines", description.display(), text.lines().count());
        assert!(!file.ends_with(".rs") || text.starts_with("//! "), "{file}");
    }
}
