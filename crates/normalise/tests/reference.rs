//! The reference of the cleaners is what the code says, and docs/cleaning.md tells of every word of cleaning steps, with examples that
//! give what they say.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use aqueduct_normalise::cleaners::reference;
use support::{column, common, record, run};

const REFERENCE: &str = include_str!("../../../docs/reference/cleaning.md");
const PAGE: &str = include_str!("../../../docs/cleaning.md");

#[test]
fn the_reference_is_up_to_date() {
    let written = reference();
    let place = written.lines().zip(REFERENCE.lines()).position(|(one, other)| one != other);
    assert!(
        written == REFERENCE,
        "docs/reference/cleaning.md differs from line {:?} on: write it again with `cargo run -p aqueduct-normalise --example cleaning_reference`",
        place.map(|line| line + 1)
    );
}

#[test]
fn every_step_shown_does_what_it_says() {
    let section = PAGE.split("## Your own steps").nth(1).expect("a section").split("\n## ").next().unwrap_or_default();
    let rows: Vec<Vec<&str>> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect())
        .collect();
    let bare = |cell: &str| cell.trim_matches('`').to_owned();
    for word in ["replace", "values", "split", "default", "truncate", "regex"] {
        assert!(rows.iter().any(|row| bare(row[0]) == word), "docs/cleaning.md does not tell of {word}");
    }
    let yaml = "entity: contact\nstream: things\nfields: { job_title: a }\n";
    for row in &rows {
        let [_, step, from, gives] = row.as_slice() else { unreachable!("{row:?}") };
        let (from, gives) = (bare(from), if *gives == "nothing" { "null".to_owned() } else { bare(gives) });
        let settings = format!("clean: {{ contact: {{ job_title: [ {} ] }} }}", bare(step));
        let batch = run(yaml, &settings, &record(&["id", "a"]), &[&["1", if from == "nothing" { "~" } else { &from }]]);
        assert_eq!(column(common(&batch, "contact"), "job_title"), [gives], "{row:?}");
    }
}
