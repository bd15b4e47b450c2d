//! What became of each rule.

use std::ffi::OsString;
use std::path::Path;
use std::{fmt, io};

use crate::profile::Profile;
use crate::vendor::Ability;

/// What became of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The connector keeps it.
    Passed,
    /// The connector breaks it: how.
    Failed(String),
    /// It says nothing of this connector or this vendor: why.
    NotApplicable(String),
}

impl Outcome {
    /// The word for it, and the reason where there is one.
    fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Passed => ("passed", ""),
            Self::Failed(reason) => ("FAILED", reason),
            Self::NotApplicable(reason) => ("not applicable", reason),
        }
    }
}

/// The outcome of every rule that was tried, in the order of the table.
#[derive(Clone, Debug)]
pub struct Report {
    pub(crate) connector: &'static str,
    pub(crate) outcomes: Vec<(&'static str, Outcome)>,
    pub(crate) profile: Option<Profile>,
    /// Why the vendor changes nothing while it is read, where the connector may be good for more.
    pub(crate) lacks_change: Option<String>,
}

/// Names a folder into which every whole report is written, for `cargo xtask conformance`.
const FOLDER: &str = "AQUEDUCT_CONFORMANCE_FOLDER";

impl Report {
    /// Rule by rule, what became of it.
    pub fn outcomes(&self) -> &[(&'static str, Outcome)] {
        &self.outcomes
    }

    /// The names of the rules that the connector breaks.
    pub fn failed(&self) -> Vec<&'static str> {
        self.outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_))).map(|(name, _)| *name).collect()
    }

    /// The names of the rules that the connector keeps.
    pub fn passed(&self) -> Vec<&'static str> {
        self.outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::Passed).map(|(name, _)| *name).collect()
    }

    /// The names of the rules that were not tried because the vendor changes nothing while it is read, although its connector may be
    /// good for more; none where that is how the vendor is.
    pub fn not_tried(&self) -> Vec<&'static str> {
        let reasons = [Ability::Change, Ability::FutureDates].map(lacks);
        let untried = |(_, outcome): &&(&str, Outcome)| matches!(outcome, Outcome::NotApplicable(why) if reasons.contains(why));
        self.outcomes.iter().filter(untried).filter(|_| self.lacks_change.is_some()).map(|(name, _)| *name).collect()
    }

    /// What the connector reads; `None` where only some rules were tried.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    /// Writes the outcomes, a line a rule with tabs between (rule, outcome, reason), and the profile into a folder.
    ///
    /// # Errors
    /// What kept the files from being written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let line = |(name, outcome): &(&str, Outcome)| {
            let (word, reason) = outcome.words();
            format!("{name}\t{word}\t{}\n", reason.replace(['\t', '\n'], " "))
        };
        std::fs::write(folder.join(format!("{}.outcomes", self.connector)), self.outcomes.iter().map(line).collect::<String>())?;
        if let Some(Profile { row, section }) = &self.profile {
            std::fs::write(folder.join(format!("{}.row", self.connector)), row)?;
            std::fs::write(folder.join(format!("{}.section", self.connector)), section)?;
        }
        Ok(())
    }

    /// Prints the table, which a test shows with `--nocapture`, and fails the test that calls it when a rule is broken or none was kept. In a repository whose
    /// docs/connectors.md has a section on the connector, it also fails where that section is not what the connector is.
    ///
    /// # Panics
    /// As said: that is its purpose.
    pub fn assert(&self) {
        self.print();
        if let (Some(folder), Some(_)) = (variable(FOLDER), &self.profile) {
            let written = self.write(Path::new(&folder));
            assert!(written.is_ok(), "the report cannot be written: {written:?}");
        }
        let failed = self.failed();
        // The table is printed already: the panic repeats the broken rules alone.
        let broken = self.outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        let broken: String = broken.map(|(name, outcome)| format!("\n{name}: {}", outcome.words().1)).collect();
        assert!(failed.is_empty(), "connector {} breaks {}{broken}", self.connector, failed.join(", "));
        assert!(!self.passed().is_empty(), "no rule was applicable to connector {}\n{self}", self.connector);
        let (Some(Profile { section, .. }), None) = (&self.profile, variable(FOLDER)) else { return };
        let page = variable("CARGO_MANIFEST_DIR").map(|member| Path::new(&member).join("../../docs/connectors.md"));
        let page = page.and_then(|page| std::fs::read_to_string(page).ok()).unwrap_or_default();
        let is_there = page.contains(&format!("\n## {}\n", self.connector));
        assert!(
            !is_there || page.contains(section.as_str()),
            "docs/connectors.md is not what connector {} is; `cargo xtask conformance --write` writes it anew. It should say\n{section}",
            self.connector
        );
    }
}

impl Report {
    /// A test's own output is captured by its harness, which a writer to standard output is not.
    #[expect(clippy::print_stdout, reason = "captured by the test harness, unlike what is written to standard output")]
    fn print(&self) {
        println!("connector {}\n{self}", self.connector);
    }
}

/// The reason of a rule that needs an ability which the vendor does not have.
pub(crate) fn lacks(ability: Ability) -> String {
    format!("the vendor does not declare {ability:?}")
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.outcomes.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, outcome) in &self.outcomes {
            let (word, reason) = outcome.words();
            writeln!(formatter, "{}", format!("{name:<width$}  {word:<14}  {reason}").trim_end())?;
        }
        let not_tried = self.not_tried();
        if let Some(why) = self.lacks_change.as_ref().filter(|_| !not_tried.is_empty()) {
            writeln!(formatter, "not tried: {}: {why}.", not_tried.join(", "))?;
        }
        Ok(())
    }
}

/// A variable of the test process.
#[expect(clippy::disallowed_methods, reason = "set by cargo and by `cargo xtask conformance`, never by a person")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: &[(&'static str, Outcome)]) -> Report {
        Report { connector: "acme", outcomes: outcomes.to_vec(), profile: None, lacks_change: None }
    }

    #[test]
    fn the_table_gives_a_line_to_each_rule() {
        let report = report(&[
            ("SHORT", Outcome::Passed),
            ("MUCH-LONGER", Outcome::Failed("3 records are missing".into())),
            ("OTHER", Outcome::NotApplicable("no tokens".into())),
        ]);
        let lines = "SHORT        passed\nMUCH-LONGER  FAILED          3 records are missing\nOTHER        not applicable  no tokens\n";
        assert_eq!(report.to_string(), lines);
        assert_eq!((report.failed(), report.passed()), (vec!["MUCH-LONGER"], vec!["SHORT"]));
    }

    #[test]
    fn what_was_not_tried_is_said_after_the_table() {
        let untried = |ability| Outcome::NotApplicable(lacks(ability));
        let outcomes = [
            ("A", Outcome::Passed),
            ("CURSOR", untried(Ability::Change)),
            ("FUTURE", untried(Ability::FutureDates)),
            ("TOKENS", untried(Ability::OAuth)),
        ];
        let quiet = report(&outcomes);
        assert!(quiet.not_tried().is_empty() && !quiet.to_string().contains("not tried"));
        let loud = Report { lacks_change: Some("pages are counted".into()), ..quiet };
        assert_eq!(loud.to_string().lines().last(), Some("not tried: CURSOR, FUTURE: pages are counted."));
        let whole = Report { lacks_change: Some("pages are counted".into()), ..report(&outcomes[..1]) };
        assert!(!whole.to_string().contains("not tried"));
    }

    #[test]
    #[should_panic(expected = "acme breaks B\nB: x")]
    fn a_broken_rule_fails_the_test() {
        report(&[("A", Outcome::Passed), ("B", Outcome::Failed("x".into()))]).assert();
    }

    #[test]
    #[should_panic(expected = "no rule was applicable")]
    fn a_suite_that_tried_nothing_fails_the_test() {
        report(&[("A", Outcome::NotApplicable("x".into()))]).assert();
    }
}
