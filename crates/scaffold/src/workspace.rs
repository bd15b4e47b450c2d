//! Aqueduct's own workspace: finding it, and entering a connector into its files.
//!
//! The files are people's: each edit adds one line in its alphabetical place, and is refused where the file does not look as expected.

use std::path::{Path, PathBuf};

use aqueduct_schema::{Error, Result, codes};

pub(crate) const ROOT_MANIFEST: &str = "Cargo.toml";
pub(crate) const PIPELINE_MANIFEST: &str = "crates/pipeline/Cargo.toml";
pub(crate) const REGISTRY: &str = "crates/pipeline/src/registry.rs";

const PACKAGE: &str = "aqueduct-connector-";

/// The root of Aqueduct's checkout that a folder lies in.
pub(crate) fn around(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|root| is_aqueduct(root)).map(Path::to_owned)
}

/// Whether a folder is the root of a checkout.
pub(crate) fn is_aqueduct(root: &Path) -> bool {
    [REGISTRY, "crates/connector/Cargo.toml", "crates/conformance/Cargo.toml"].iter().all(|file| root.join(file).is_file())
}

/// The root manifest with the connector among the workspace's dependencies.
///
/// # Errors
/// `AQ1002` when the file does not look as expected; the same for the two that follow.
pub(crate) fn in_root(text: &str, name: &str) -> Result<String> {
    let line = format!("{PACKAGE}{name} = {{ path = \"connectors/{name}\" }}");
    in_list(ROOT_MANIFEST, text, "[workspace.dependencies]", &line)
}

/// The pipeline crate's manifest with the connector among its dependencies.
pub(crate) fn in_pipeline(text: &str, name: &str) -> Result<String> {
    in_list(PIPELINE_MANIFEST, text, "[dependencies]", &format!("{PACKAGE}{name} = {{ workspace = true }}"))
}

/// The table of connectors with one more.
pub(crate) fn in_registry(text: &str, name: &str) -> Result<String> {
    let unlike = |what: &str| unlike(REGISTRY, what);
    let standard = text.find("pub fn standard()").ok_or_else(|| unlike("there is no `pub fn standard()`"))?;
    let opening = "registrations: vec![";
    let begin =
        text[standard..].find(opening).ok_or_else(|| unlike("`standard` has no `registrations: vec![`"))? + standard + opening.len();
    let end = text[begin..].find(']').ok_or_else(|| unlike("the list of registrations has no end"))? + begin;
    let mut entries: Vec<&str> = text[begin..end].split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    let call = |entry: &str| entry.strip_prefix("aqueduct_connector_").and_then(|rest| rest.strip_suffix("::registration()")).is_some();
    if let Some(odd) = entries.iter().find(|entry| !call(entry)) {
        return Err(unlike(&format!("`{odd}` is no call of a connector's `registration`")));
    }
    let entry = format!("aqueduct_connector_{name}::registration()");
    if entries.contains(&entry.as_str()) {
        return Err(unlike(&format!("`{entry}` is there already")));
    }
    let place = entries.iter().position(|other| **other > *entry).unwrap_or(entries.len());
    entries.insert(place, &entry);
    let indent = " ".repeat(12);
    let lines: String = entries.iter().map(|entry| format!("\n{indent}    {entry},")).collect();
    Ok(format!("{}{lines}\n{indent}{}", &text[..begin], &text[end..]))
}

/// A manifest with one line more among the connectors of a table.
fn in_list(file: &str, text: &str, table: &str, line: &str) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let unlike = |what: &str| unlike(file, what);
    let begin = lines.iter().position(|other| other.trim() == table).ok_or_else(|| unlike(&format!("there is no `{table}`")))? + 1;
    let length = lines[begin..].iter().position(|other| other.starts_with('[')).unwrap_or(lines.len() - begin);
    let package = |line: &str| line.split([' ', '=']).next().unwrap_or_default().to_owned();
    let of_connectors: Vec<usize> = (begin..begin + length).filter(|at| lines[*at].starts_with(PACKAGE)).collect();
    let (Some(first), Some(last)) = (of_connectors.first(), of_connectors.last()) else {
        return Err(unlike(&format!("`{table}` has no connector yet")));
    };
    if of_connectors.iter().any(|at| package(lines[*at]) == package(line)) {
        return Err(unlike(&format!("`{}` is there already", package(line))));
    }
    if last - first + 1 != of_connectors.len() {
        return Err(unlike("the connectors do not stand together"));
    }
    let place = of_connectors.iter().copied().find(|at| package(lines[*at]) > package(line)).unwrap_or(last + 1);
    let mut lines = lines;
    lines.insert(place, line);
    Ok(lines.join("\n") + "\n")
}

fn unlike(file: &str, what: &str) -> Error {
    Error::new(codes::BAD_YAML, format!("`{file}` does not look as expected: {what}"))
        .advise("Enter the connector by hand, as the others are: in the two manifests and in the table of connectors.")
        .data_note("Nothing was written.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const REAL_ROOT: &str = include_str!("../../../Cargo.toml");
    const REAL_PIPELINE: &str = include_str!("../../pipeline/Cargo.toml");
    const REAL_REGISTRY: &str = include_str!("../../pipeline/src/registry.rs");

    /// The lines that were added, and that none was lost.
    fn added(before: &str, after: &str) -> Vec<String> {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let before = lines(before);
        assert!(before.iter().all(|line| after.contains(line)), "a line was lost");
        lines(after).into_iter().filter(|line| !before.contains(line)).collect()
    }

    #[test]
    fn a_connector_is_entered_in_its_place() {
        for name in ["acme", "zeta"] {
            let root = in_root(REAL_ROOT, name).unwrap();
            assert_eq!(added(REAL_ROOT, &root), [format!("aqueduct-connector-{name} = {{ path = \"connectors/{name}\" }}")]);
            let pipeline = in_pipeline(REAL_PIPELINE, name).unwrap();
            assert_eq!(added(REAL_PIPELINE, &pipeline), [format!("aqueduct-connector-{name} = {{ workspace = true }}")]);
            for text in [&root, &pipeline] {
                let names: Vec<&str> = text.lines().filter(|line| line.starts_with(PACKAGE)).collect();
                assert!(names.is_sorted() && names.len() >= 3, "{names:?}");
            }
            let registry = in_registry(REAL_REGISTRY, name).unwrap();
            let entries: Vec<&str> = registry.lines().map(str::trim).filter(|line| line.starts_with("aqueduct_connector_")).collect();
            let entry = format!("aqueduct_connector_{name}::registration(),");
            assert!(entries.is_sorted() && entries.contains(&entry.as_str()), "{entries:?}");
            // Twice is once too often.
            assert!(in_root(&root, name).is_err() && in_pipeline(&pipeline, name).is_err() && in_registry(&registry, name).is_err());
        }
    }

    #[test]
    fn a_file_that_looks_otherwise_is_left_alone() {
        for (text, word) in [
            ("[dependencies]\nserde = \"1\"\n", "no connector yet"),
            ("[package]\n", "no `[dependencies]`"),
            ("[dependencies]\naqueduct-connector-a = 1\nserde = 1\naqueduct-connector-b = 1\n", "stand together"),
        ] {
            let error = in_pipeline(text, "acme").unwrap_err();
            assert!(error.message().contains(word) && error.data() == "Nothing was written.", "{error}");
        }
        for (text, word) in [
            ("fn standard() {}", "no `pub fn standard()`"),
            ("pub fn standard() -> Self { all() }", "no `registrations"),
            ("pub fn standard() -> Self { Self { registrations: vec![files()] } }", "`files()` is no call"),
        ] {
            assert!(in_registry(text, "acme").unwrap_err().message().contains(word), "{text}");
        }
    }
}
