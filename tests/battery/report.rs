//! What the battery found, for machines (`report.json`) and people (`report.md`).

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::outcome::Outcome;

/// A row that was tried.
pub(crate) struct RowReport {
    pub(crate) number: u8,
    pub(crate) name: String,
    pub(crate) trials: u64,
    /// The trials a release asks for.
    pub(crate) release: u64,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
    /// The trials that failed, by number, with the first complaint.
    pub(crate) failures: Vec<(u64, String)>,
    /// What no trial has shown although the row is about it.
    pub(crate) unshown: Vec<String>,
}

/// A planted mistake and what found it.
pub(crate) struct Planted {
    pub(crate) name: &'static str,
    pub(crate) words: &'static str,
    /// The trials until it was found; `None` when it was not.
    pub(crate) found_after: Option<u64>,
    pub(crate) complaint: String,
}

/// All of it.
pub(crate) struct Report {
    pub(crate) length: &'static str,
    pub(crate) seed: u64,
    pub(crate) took: Duration,
    pub(crate) rows: Vec<RowReport>,
    pub(crate) planted: Vec<Planted>,
}

/// Rows of the plan that cannot be tried here, and why.
pub(crate) const NOT_TRIED: [(&str, &str); 3] = [
    ("21 erasure", "there is no erasure yet that a restored backup could bring back"),
    ("19 malformed records", "the cleaners' and decoder's own tests have the texts that break parsers"),
    ("22 soak", "it takes a day of simulated schedule"),
];

impl RowReport {
    /// Whether every trial held and the row tried what it says.
    pub(crate) fn holds(&self) -> bool {
        self.failures.is_empty() && self.unshown.is_empty()
    }
}

impl Report {
    /// Whether everything held and every planted mistake was found.
    pub(crate) fn holds(&self) -> bool {
        self.rows.iter().all(RowReport::holds) && self.planted.iter().all(|planted| planted.found_after.is_some())
    }

    /// Writes both files.
    pub(crate) fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("report.json"), serde_json::to_string_pretty(&self.json()).unwrap_or_default() + "\n")?;
        std::fs::write(folder.join("report.md"), self.markdown())
    }

    fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "row": row.number, "name": row.name, "trials": row.trials, "seconds": row.took.as_secs_f64(), "lost": row.outcome.lost,
                    "duplicated": row.outcome.duplicated, "different": row.outcome.different, "notes": row.outcome.notes,
                    "peaks": row.outcome.peaks,
                    "failures": row.failures.iter().map(|(trial, complaint)| json!({"trial": trial, "seed": self.seed, "complaint": complaint})).collect::<Vec<_>>(),
                    "unshown": row.unshown,
                })
            })
            .collect();
        let planted: Vec<Value> = self
            .planted
            .iter()
            .map(|planted| json!({"name": planted.name, "found_after_trials": planted.found_after, "complaint": planted.complaint}))
            .collect();
        json!({"length": self.length, "seed": self.seed, "seconds": self.took.as_secs_f64(), "holds": self.holds(), "rows": rows, "planted": planted})
    }

    fn markdown(&self) -> String {
        let sum = |of: fn(&RowReport) -> u64| self.rows.iter().map(of).sum::<u64>();
        let mut text = format!(
            "# The fault battery: a {} run\n\n{} trials with seed {} in {} min {} s: {} records lost, {} duplicated, {} rows different from an undisturbed run, {} trials failed.\n\
             Planted mistakes found: {} of {}.\n\n| row | trouble | trials | for a release | lost | duplicated | different | failed | time |\n| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
            self.length,
            sum(|row| row.trials),
            self.seed,
            self.took.as_secs() / 60,
            self.took.as_secs() % 60,
            sum(|row| row.outcome.lost),
            sum(|row| row.outcome.duplicated),
            sum(|row| row.outcome.different),
            sum(|row| row.failures.len() as u64),
            self.planted.iter().filter(|planted| planted.found_after.is_some()).count(),
            self.planted.len()
        );
        for row in &self.rows {
            let Outcome { lost, duplicated, different, .. } = row.outcome;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {lost} | {duplicated} | {different} | {} | {} s |",
                row.number,
                row.name,
                row.trials,
                row.release,
                row.failures.len(),
                row.took.as_secs()
            );
        }
        text.push_str("\n## What happened in the trials\n\n");
        for row in &self.rows {
            let notes: Vec<String> = row.outcome.notes.iter().map(|(what, times)| format!("{what} {times}")).collect();
            let _ = writeln!(text, "- Row {}: {}.", row.number, notes.join(", "));
        }
        let mut peaks: std::collections::BTreeMap<&str, (u64, u8)> = std::collections::BTreeMap::new();
        for row in &self.rows {
            for (what, value) in &row.outcome.peaks {
                let peak = peaks.entry(what).or_default();
                *peak = (*peak).max((*value, row.number));
            }
        }
        text.push_str("\n## The most of what is bounded\n\n| what | most | in row |\n| --- | ---: | ---: |\n");
        for (what, (value, row)) in peaks {
            let _ = writeln!(text, "| {what} | {value} | {row} |");
        }
        text.push_str("\n## Planted mistakes\n\n| mistake | found after | by |\n| --- | ---: | --- |\n");
        for planted in &self.planted {
            let after = planted.found_after.map_or_else(|| "not found".to_owned(), |trials| format!("{trials} trials"));
            let by: String = planted.complaint.lines().next().unwrap_or_default().replace('|', "/").chars().take(160).collect();
            let _ = writeln!(text, "| {} | {after} | {by} |", planted.words);
        }
        text.push_str("\n## Not tried\n\n");
        for (what, why) in NOT_TRIED {
            let _ = writeln!(text, "- {what}: {why}.");
        }
        let failed: Vec<&RowReport> = self.rows.iter().filter(|row| !row.holds()).collect();
        if !failed.is_empty() {
            text.push_str("\n## Failures\n\n");
        }
        for row in failed {
            for (trial, complaint) in &row.failures {
                let _ = writeln!(text, "- `cargo xtask battery --rows {} --seed {} --trial {trial}`: {complaint}", row.number, self.seed);
            }
            for unshown in &row.unshown {
                let _ = writeln!(text, "- row {}: no trial has shown `{unshown}`", row.number);
            }
        }
        text
    }
}
