//! The page on the mapping language: it has every word and function, and each of its examples gives what it says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeSet;

use aqueduct_normalise::{FUNCTIONS, mapping_schema, parse_mappings};
use serde_json::Value;
use support::{column, common, record, run};

const PAGE: &str = include_str!("../../../docs/mapping.md");

/// The cells of the tables under a heading, without the backticks, head and rule left out.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let section = PAGE.split(heading).nth(1).expect(heading).split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let cell = |cell: &'static str| cell.strip_prefix(' ').and_then(|cell| cell.strip_suffix(' ')).unwrap_or_default();
    let bare = |cell: &'static str| cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap_or(cell);
    rows.map(|row| row.trim_matches('|').split('|').map(cell).map(bare).collect()).collect()
}

/// What an expression gives for a contact's field.
fn given(field: &str, expression: &str, a: &str, b: &str) -> String {
    let yaml = format!("entity: contact\nstream: things\nfields:\n  {field}: {expression}\n");
    let batch = run(&yaml, "", &record(&["id", "a", "b"]), &[&["1", a, b]]);
    column(common(&batch, "contact"), field).remove(0)
}

fn expected(cell: &str) -> &str {
    if cell == "nothing" { "null" } else { cell }
}

#[test]
fn every_example_gives_what_it_says() {
    let rows = table("## Where a value comes from");
    assert!(rows.len() > 15);
    for row in rows {
        let [_, field, written, a, b, gives] = row.as_slice() else { unreachable!("{row:?}") };
        assert_eq!(given(field, written, a, b), expected(gives), "{row:?}");
    }
    for row in table("## Functions") {
        let [name, _, written, a, gives] = row.as_slice() else { unreachable!("{row:?}") };
        assert!(written.contains(&format!("function: {name},")), "{row:?}");
        assert_eq!(given("department", written, a, ""), expected(gives), "{row:?}");
    }
}

#[test]
fn every_function_stands_there_in_its_own_words() {
    let told: Vec<(&str, &str)> = table("## Functions").iter().map(|row| (row[0], row[1])).collect();
    let known: Vec<(&str, &str)> = FUNCTIONS.iter().map(|function| (function.name, function.description)).collect();
    assert_eq!(told, known, "docs/mapping.md does not tell of the functions that there are");
}

/// The names of an object's properties.
fn keys(schema: &Value) -> impl Iterator<Item = String> {
    schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone())
}

#[test]
fn every_word_of_the_language_stands_there() {
    let schema = mapping_schema().to_value();
    let expression = &schema["$defs"]["Expression"];
    let words: BTreeSet<String> = keys(&schema)
        .chain(keys(&schema["properties"]["when"]))
        .chain(expression["anyOf"].as_array().unwrap().iter().flat_map(|form| keys(form).collect::<Vec<_>>()))
        .collect();
    assert!(words.len() > 15 && words.contains("first_of") && words.contains("present"), "{words:?}");
    let shown = |word: &&String| {
        PAGE.contains(&format!("`{word}`")) || PAGE.contains(&format!("\n{word}: ")) || PAGE.contains(&format!(" {word}: "))
    };
    let missing: Vec<&String> = words.iter().filter(|word| !shown(word)).collect();
    assert!(missing.is_empty(), "docs/mapping.md does not tell of {missing:?}");
}

#[test]
fn every_file_shown_is_a_mapping() {
    let blocks: Vec<&str> = PAGE.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
    assert!(blocks.len() >= 4);
    for block in blocks {
        assert!(!parse_mappings("docs/mapping.md", block).unwrap().is_empty(), "{block}");
    }
}
