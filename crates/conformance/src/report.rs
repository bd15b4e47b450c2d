//! What became of each rule.

use std::fmt;

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

/// The outcome of every rule that was tried, in the order of the table.
#[derive(Clone, Debug)]
pub struct Report {
    pub(crate) connector: &'static str,
    pub(crate) outcomes: Vec<(&'static str, Outcome)>,
}

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

    /// Fails the test that calls it, with the whole table, when a rule is broken or none was kept.
    ///
    /// # Panics
    /// As said: that is its purpose.
    pub fn assert(&self) {
        let failed = self.failed();
        assert!(failed.is_empty(), "connector {} breaks {}\n{self}", self.connector, failed.join(", "));
        assert!(!self.passed().is_empty(), "no rule was applicable to connector {}\n{self}", self.connector);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.outcomes.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, outcome) in &self.outcomes {
            let (word, reason) = match outcome {
                Outcome::Passed => ("passed", ""),
                Outcome::Failed(reason) => ("FAILED", reason.as_str()),
                Outcome::NotApplicable(reason) => ("not applicable", reason.as_str()),
            };
            writeln!(formatter, "{}", format!("{name:<width$}  {word:<14}  {reason}").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: &[(&'static str, Outcome)]) -> Report {
        Report { connector: "acme", outcomes: outcomes.to_vec() }
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
    #[should_panic(expected = "acme breaks B")]
    fn a_broken_rule_fails_the_test() {
        report(&[("A", Outcome::Passed), ("B", Outcome::Failed("x".into()))]).assert();
    }

    #[test]
    #[should_panic(expected = "no rule was applicable")]
    fn a_suite_that_tried_nothing_fails_the_test() {
        report(&[("A", Outcome::NotApplicable("x".into()))]).assert();
    }
}
