//! `aqueduct resolve`.

use std::path::Path;

use aqueduct_pipeline::identity::Decision;
use aqueduct_pipeline::schema::{Error, Result, codes};
use aqueduct_pipeline::{ListOptions, ResolvedList, resolve_list};

use crate::arguments::ResolveArguments;
use crate::commands::Context;
use crate::output::number;

/// Resolves a list of people or companies into clusters and pairs.
pub(crate) fn resolve(context: &Context, arguments: ResolveArguments) -> Result<u8> {
    let ResolveArguments { entity, input, id, columns, link, output: clusters, pairs, country, link_from, threads } = arguments;
    let output = &context.output;
    let columns = told(&columns)?;
    let written: Vec<&Path> = [Some(&clusters), pairs.as_ref()].into_iter().flatten().map(AsRef::as_ref).collect();
    let read = [Some(&input), link.as_ref()].into_iter().flatten();
    if let Some(list) = read.into_iter().find(|list| written.iter().any(|written| is_same(list, written))) {
        let error = Error::new(codes::BAD_USAGE, format!("`{}` is a list that is read, and would be written over", list.display()));
        return Err(error.advise("Name another file with --output and --pairs."));
    }
    let found = resolve_list(&ListOptions { entity: entity.into(), input, id, columns, link, country, link_from, threads })?;
    for (list, columns) in &found.lists {
        let texts: Vec<String> = columns
            .iter()
            .map(|column| format!("{}={}{}", column.holds, column.header, if column.is_guess { " (guessed)" } else { "" }))
            .collect();
        output.words(&format!("{list}: {}", texts.join(", ")));
    }
    for (list, headers) in found.unused.iter().filter(|(_, headers)| !headers.is_empty()) {
        let headers: Vec<String> = headers.iter().map(|header| format!("`{header}`")).collect();
        output.words(&format!("{list}: not compared: {}; --columns says what a column holds", headers.join(", ")));
    }
    for (list, rows, line) in &found.uneven {
        let rows = number(*rows as u64);
        output.words(&format!(
            "{list}: rows with more or fewer cells than the first line: {rows}, the first in line {line}; what is missing is empty, what is \
             too much is left out"
        ));
    }
    if found.without_id > 0 {
        output.words(&format!("rows without an id: {}; each is a record of its own", number(found.without_id as u64)));
    }
    if found.repeated_ids > 0 {
        output.words(&format!(
            "ids that stand in more than one row: {}; each row is a record of its own (a cluster of the second row of id 7 is called 7#1)",
            number(found.repeated_ids as u64)
        ));
    }
    found.write_clusters(&clusters)?;
    if let Some(pairs) = &pairs {
        found.write_pairs(pairs)?;
    }
    for line in report(&found) {
        output.words(&line);
    }
    if output.is_json() {
        output.json_line(&json(&found));
    }
    Ok(0)
}

/// Whether two paths lead to one file that is there, links followed.
fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// `first_name=given,last_name=surname` in its parts. A header may have commas: what follows one without a `=` goes on with it.
fn told(text: &str) -> Result<Vec<(String, String)>> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for part in text.split(',') {
        match (part.split_once('='), parts.last_mut()) {
            (Some((word, header)), _) => parts.push((word.trim().to_owned(), header.trim().to_owned())),
            (None, _) if part.trim().is_empty() => {}
            (None, Some((_, header))) => {
                header.push(',');
                header.push_str(part.trim_end());
            }
            (None, None) => {
                return Err(Error::new(codes::BAD_USAGE, format!("`{}` does not say what a column holds", part.trim()))
                    .advise("Write --columns first_name=HEADER,last_name=HEADER, with the headers of the file."));
            }
        }
    }
    Ok(parts)
}

fn counts(found: &ResolvedList) -> [u64; 3] {
    [Decision::Auto, Decision::Review, Decision::No]
        .map(|decision| found.resolution.pairs.iter().filter(|pair| pair.decision == decision).count() as u64)
}

fn report(found: &ResolvedList) -> Vec<String> {
    let resolution = &found.resolution;
    let [auto, review, _] = counts(found);
    let mut lines = vec![
        format!("{} records, {} clusters", number(resolution.keys.len() as u64), number(resolution.cluster_count() as u64)),
        format!(
            "{} pairs compared: {} linked (probability {:.4} and more), {} for review",
            number(resolution.compared),
            number(auto),
            resolution.model.auto,
            number(review)
        ),
    ];
    if resolution.compared > 0 {
        lines.push(format!(
            "keys find an estimated {:.1} % of all links{}; the largest block has {} records",
            resolution.coverage.estimated * 100.0,
            if resolution.skipped.is_empty() { "" } else { ", those inside skipped blocks apart" },
            number(resolution.largest_block as u64)
        ));
    }
    lines.extend(resolution.skipped.iter().map(|skipped| {
        format!("skipped {} blocks of {} records in all, too large: {}", number(skipped.blocks), number(skipped.records), skipped.key)
    }));
    lines
}

fn json(found: &ResolvedList) -> serde_json::Value {
    let resolution = &found.resolution;
    let [auto, review, no] = counts(found);
    let lists = found.lists.iter().zip(&found.unused).map(|((list, columns), (_, unused))| {
        let columns =
            columns.iter().map(|column| serde_json::json!({"holds": column.holds, "header": column.header, "guessed": column.is_guess}));
        serde_json::json!({"source": list, "columns": columns.collect::<Vec<_>>(), "not_compared": unused})
    });
    serde_json::json!({
        "records": resolution.keys.len(),
        "clusters": resolution.cluster_count(),
        "compared": resolution.compared,
        "pairs": {"auto": auto, "review": review, "no": no},
        "auto_from": resolution.model.auto,
        "coverage": resolution.coverage,
        "largest_block": resolution.largest_block,
        "skipped": resolution.skipped,
        "repeated_ids": found.repeated_ids,
        "rows_without_id": found.without_id,
        "uneven_rows": found.uneven.iter().map(|(_, rows, _)| rows).sum::<usize>(),
        "lists": lists.collect::<Vec<_>>(),
    })
}
