//! From a plan to the text of each file.

mod api;
mod config;
mod conformance;
mod crate_files;
mod streams;

use std::collections::BTreeMap;

use crate::plan::{Expression, Noted, Plan};

/// Where the crate is to stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In Aqueduct's own workspace.
    Workspace,
    /// Alone, with the path to Aqueduct's checkout.
    Alone(String),
}

/// Aqueduct's own layout of source files, so that a table of streams stays short.
const LAYOUT: &str = include_str!("../../../rustfmt.toml");

/// The files of a connector by their path inside its folder.
pub(crate) fn files(plan: &Plan, place: &Place) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    files.insert("Cargo.toml".to_owned(), crate_files::manifest(plan, place));
    files.insert("src/lib.rs".to_owned(), crate_files::library(plan));
    files.insert("src/config.rs".to_owned(), config::config(plan));
    files.insert("src/api.rs".to_owned(), api::api(plan));
    files.extend(streams::streams(plan));
    for (entity, text) in mappings(plan) {
        files.insert(format!("src/mapping/{entity}.yaml"), text);
    }
    files.insert("tests/conformance.rs".to_owned(), conformance::conformance(plan, place));
    files.insert("tests/vendor/mod.rs".to_owned(), conformance::vendor(plan));
    files.insert("examples/vendor.rs".to_owned(), conformance::served(plan, place));
    if let Place::Alone(_) = place {
        files.insert("src/main.rs".to_owned(), crate_files::binary(plan));
        files.insert(".gitignore".to_owned(), "/target\n/.env\n".to_owned());
        files.insert("rustfmt.toml".to_owned(), LAYOUT.to_owned());
    }
    files
}

/// A string literal.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// A slice of string literals.
fn slice<T: AsRef<str>>(texts: &[T]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text.as_ref())).collect();
    format!("&[{}]", texts.join(", "))
}

/// A slice of pairs of string literals.
fn pairs(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(one, other)| format!("({one:?}, {other:?})")).collect();
    format!("&[{}]", pairs.join(", "))
}

/// A comment line that says what was guessed, or nothing.
fn mark<T>(indent: &str, noted: &Noted<T>) -> String {
    noted.why.as_ref().map(|why| format!("{indent}// {}\n", guess(why))).unwrap_or_default()
}

/// The words by which a guess is found.
pub(crate) fn guess(why: &str) -> String {
    let words = crate::name::seen(why);
    let short: String = words.chars().take(125).collect();
    format!("GUESSED: {short}{}", if short.len() < words.len() { "…" } else { "" })
}

/// The mapping files by entity.
fn mappings(plan: &Plan) -> BTreeMap<&'static str, String> {
    let mut files: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for mapping in &plan.mappings {
        let mark = |what: &str| if mapping.is_guessed { format!(" # {}", guess(what)) } else { String::new() };
        let mut text = format!("entity: {}{}\nstream: {}\nfields:\n", mapping.entity, mark("by the stream's name"), mapping.stream);
        for (field, expression) in &mapping.fields {
            let path = scalar(expression.path());
            let from = match expression {
                Expression::Path(_) => path,
                Expression::EpochSeconds(_) => format!("{{ from: {path}, format: epoch_seconds }}"),
                Expression::OfPrimary { key, .. } => format!("{{ function: of_primary, of: [{path}, {{ constant: {} }}] }}", scalar(key)),
            };
            text.push_str(&format!("  {field}: {from}{}\n", mark("by its name")));
        }
        files.entry(mapping.entity).or_default().push(text);
    }
    files.into_iter().map(|(entity, texts)| (entity, texts.join("---\n"))).collect()
}

/// A path as a YAML scalar.
fn scalar(path: &str) -> String {
    let plain = path.starts_with(|first: char| first.is_ascii_alphabetic())
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    // YAML reads what JSON writes, and Rust's escapes are not YAML's.
    if plain { path.to_owned() } else { serde_json::Value::from(path).to_string() }
}
