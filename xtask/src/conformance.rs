//! `cargo xtask conformance`: every connector against every rule, as a table, and docs/connectors.md from what they are.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::{fs, io};

use crate::machine::Machine;

/// Read by the suite; the folder into which it writes its reports.
const FOLDER: &str = "AQUEDUCT_CONFORMANCE_FOLDER";

const PAGE: &str = "docs/connectors.md";

const HEAD: &str = "\
# Connectors

What each connector reads, made by `cargo xtask conformance --write` from what the connectors declare; the conformance suite fails where
it is out of date. How to write one more is in [writing-a-connector.md](writing-a-connector.md).

| connector | streams | reading | limits | fields mapped | consent |
| --- | ---: | --- | --- | ---: | --- |
";

/// The outcomes of one connector: rule, word and reason, in the order of the suite.
type Outcomes = Vec<(String, String, String)>;

/// Tries all connectors and prints the table. With `--write` the page is written, otherwise it is only compared.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let write = match arguments {
        [] => false,
        [only] if only == "--write" => true,
        _ => return Err("`cargo xtask conformance` takes `--write` and nothing else".to_owned()),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace has no folder")?;
    let connectors = connectors(root).map_err(|error| format!("connectors/ cannot be read: {error}"))?;
    let folder = crate::target(root).join("conformance");
    prepared(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let machine = Machine::this();
    let mut reports = BTreeMap::new();
    let mut silent = Vec::new();
    for connector in &connectors {
        let status = Command::new(machine.cargo())
            .args(["test", "--quiet", "--package", &format!("aqueduct-connector-{}", connector.replace('_', "-")), "--test", "conformance"])
            .current_dir(root)
            .env(FOLDER, &folder)
            .stdout(Stdio::null())
            .status()
            .map_err(|error| format!("cargo does not start: {error}"))?;
        match fs::read_to_string(folder.join(format!("{connector}.outcomes"))) {
            Ok(text) => drop(reports.insert(connector.clone(), outcomes(&text))),
            Err(_) => silent.push(format!("{connector} ({status})")),
        }
    }
    let broken = reports.values().flatten().any(|(_, word, _)| word == "FAILED");
    print(&table(&reports)).map_err(|error| error.to_string())?;
    if !silent.is_empty() {
        return Err(format!("no report came from {}", silent.join(", ")));
    }
    let page = page(&folder, &connectors).map_err(|error| format!("a report cannot be read: {error}"))?;
    let there = fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    if write {
        fs::write(root.join(PAGE), page).map_err(|error| format!("{PAGE} cannot be written: {error}"))?;
    } else if there != page {
        return Err(format!("{PAGE} is out of date; `cargo xtask conformance --write` writes it anew"));
    }
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn connectors(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("connectors"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// An empty folder.
fn prepared(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}

fn outcomes(text: &str) -> Outcomes {
    let line = |line: &str| {
        let mut parts = line.splitn(3, '\t').map(str::to_owned);
        Some((parts.next()?, parts.next()?, parts.next().unwrap_or_default()))
    };
    text.lines().filter_map(line).collect()
}

/// A row a rule, a column a connector, and below it every reason.
fn table(reports: &BTreeMap<String, Outcomes>) -> String {
    let names: Vec<&str> = reports.keys().map(String::as_str).collect();
    let rules: Vec<&str> = reports.values().next().into_iter().flatten().map(|(rule, ..)| rule.as_str()).collect();
    let width = rules.iter().map(|rule| rule.len()).max().unwrap_or_default();
    let mut text = format!("{:width$}", "");
    for name in &names {
        let _ = write!(text, "  {name:<14}");
    }
    text.push('\n');
    let mut reasons = String::new();
    for rule in &rules {
        let _ = write!(text, "{rule:width$}");
        for (name, outcomes) in reports {
            let found = outcomes.iter().find(|(other, ..)| other == rule);
            let (word, reason) = found.map_or(("missing", ""), |(_, word, reason)| (word.as_str(), reason.as_str()));
            let _ = write!(text, "  {word:<14}");
            if !reason.is_empty() {
                let _ = writeln!(reasons, "{rule} of {name}, {word}: {reason}");
            }
        }
        text.push('\n');
    }
    let text: String = text.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    if reasons.is_empty() { text } else { format!("{text}\n{reasons}") }
}

fn page(folder: &Path, connectors: &[String]) -> io::Result<String> {
    let read = |connector: &String, kind: &str| fs::read_to_string(folder.join(format!("{connector}.{kind}")));
    let mut page = HEAD.to_owned();
    for connector in connectors {
        page.push_str(&read(connector, "row")?);
    }
    for connector in connectors {
        page.push('\n');
        page.push_str(&read(connector, "section")?);
    }
    Ok(page)
}

/// The table is what was asked for, so it goes to standard output.
fn print(text: &str) -> io::Result<()> {
    io::Write::write_all(&mut io::stdout(), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_column_for_each_connector_and_the_reasons_below() {
        let reports = BTreeMap::from([
            ("acme".to_owned(), outcomes("COMPOSITE\tpassed\t\nSECRETS\tFAILED\tan error holds one\n")),
            ("files".to_owned(), outcomes("COMPOSITE\tnot applicable\tno changes\nSECRETS\tpassed\t\n")),
        ]);
        let expected = "           acme            files\n\
                        COMPOSITE  passed          not applicable\n\
                        SECRETS    FAILED          passed\n\
                        \n\
                        COMPOSITE of files, not applicable: no changes\n\
                        SECRETS of acme, FAILED: an error holds one\n";
        assert_eq!(table(&reports), expected);
    }
}
