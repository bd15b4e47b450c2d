//! What cleaning did in a run, for its closing summary: how many values, and the problems that concern the most of them. No value is shown.

use aqueduct_pipeline::RunReport;
use aqueduct_pipeline::cleaners;
use aqueduct_pipeline::schema::{CleaningCount, CleaningStatus};

use crate::output::number;

/// How many problems the summary names.
const SHOWN: usize = 5;

/// The counts of all streams, field by field and reason by reason.
fn counts(report: &RunReport) -> Vec<CleaningCount> {
    let mut sums = Vec::new();
    report.record.streams.iter().for_each(|stream| CleaningCount::add_to(&mut sums, &stream.cleaning));
    sums
}

/// What is worth a look: doubted and refused values, and words that stand for nothing; most first.
fn problems(counts: &[CleaningCount]) -> Vec<&CleaningCount> {
    let is_problem = |count: &&CleaningCount| match count.status {
        CleaningStatus::Suspect | CleaningStatus::Invalid => true,
        CleaningStatus::Missing => !count.code.is_empty() && !count.code.ends_with(".empty"),
        CleaningStatus::Ok | CleaningStatus::Fixed => false,
    };
    let mut problems: Vec<&CleaningCount> = counts.iter().filter(is_problem).collect();
    problems.sort_by(|one, other| {
        other.cells.cmp(&one.cells).then_with(|| (one.entity, one.field, one.code).cmp(&(other.entity, other.field, other.code)))
    });
    problems
}

/// The section of the summary; empty when nothing was cleaned.
pub(crate) fn section(report: &RunReport) -> String {
    let counts = counts(report);
    let sum = |of: fn(&CleaningCount) -> bool| counts.iter().filter(|count| of(count)).map(|count| count.cells).sum::<u64>();
    let present = sum(CleaningCount::is_present);
    if present == 0 {
        return String::new();
    }
    let mut text = format!(
        "\n\nCleaning\n  {} values: {} brought into their form, {} doubted, {} refused, {} words for nothing.",
        number(present),
        number(sum(|count| count.status == CleaningStatus::Fixed)),
        number(sum(|count| count.status == CleaningStatus::Suspect)),
        number(sum(|count| count.status == CleaningStatus::Invalid)),
        number(sum(|count| count.status == CleaningStatus::Missing && !count.code.is_empty())),
    );
    let problems = problems(&counts);
    for problem in problems.iter().take(SHOWN) {
        let rule = cleaners::rules().find(|rule| rule.code == problem.code);
        // The first sentence says what it is; the reference says the rest.
        let meaning = rule.and_then(|rule| rule.meaning.split([';', '.']).next()).unwrap_or_default();
        text.push_str(&format!("\n  {} × {}.{}: {meaning} ({})", number(problem.cells), problem.entity, problem.field, problem.code));
    }
    let more = if problems.len() > SHOWN { format!(" ({} more)", problems.len() - SHOWN) } else { String::new() };
    if report.dry_run {
        return text;
    }
    text.push_str(&format!("\n  All of it{more}: table _cleaning (aqueduct.cleaning in PostgreSQL)."));
    text
}

/// The counts as JSON: one object a field and reason.
pub(crate) fn json(report: &RunReport) -> serde_json::Value {
    let counts = counts(report);
    let one = |count: &CleaningCount| {
        serde_json::json!({
            "entity": count.entity,
            "field": count.field,
            "status": count.status,
            "code": count.code,
            "cells": count.cells,
            "kept": count.kept,
        })
    };
    counts.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_problems_come_first_and_what_is_well_is_none() {
        let count = |status, code, cells| CleaningCount {
            entity: "contact",
            field: "email",
            status,
            code,
            cells,
            kept: 0,
            examples: Vec::new(),
            columns: Vec::new(),
        };
        let counts = [
            count(CleaningStatus::Ok, "", 900),
            count(CleaningStatus::Fixed, "email.spaces_removed", 800),
            count(CleaningStatus::Missing, "", 700),
            count(CleaningStatus::Missing, "email.empty", 600),
            count(CleaningStatus::Suspect, "email.ip_literal", 2),
            count(CleaningStatus::Missing, "email.placeholder", 3),
            count(CleaningStatus::Invalid, "email.no_at_sign", 5),
        ];
        let codes: Vec<&str> = problems(&counts).iter().map(|count| count.code).collect();
        assert_eq!(codes, ["email.no_at_sign", "email.placeholder", "email.ip_literal"]);
    }
}
