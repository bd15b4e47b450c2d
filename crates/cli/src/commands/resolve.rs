//! `aqueduct resolve`.

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
    let found = resolve_list(&ListOptions { entity: entity.into(), input, id, columns, link, country, link_from, threads })?;
    for (list, columns) in &found.lists {
        let texts: Vec<String> = columns
            .iter()
            .map(|column| format!("{}={}{}", column.holds, column.header, if column.is_guess { " (guessed)" } else { "" }))
            .collect();
        output.words(&format!("{list}: {}", texts.join(", ")));
    }
    if found.repeated_ids > 0 {
        output.words(&format!("{} ids stand in more than one row; each row is a record of its own", number(found.repeated_ids as u64)));
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

/// `first_name=given,last_name=surname` in its parts.
fn told(text: &str) -> Result<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| {
        let (word, header) = part.split_once('=').ok_or_else(|| {
            Error::new(codes::BAD_USAGE, format!("`{part}` does not say what a column holds"))
                .advise("Write --columns first_name=HEADER,last_name=HEADER, with the headers of the file.")
        })?;
        Ok((word.trim().to_owned(), header.trim().to_owned()))
    });
    parts.collect()
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
        format!(
            "keys find an estimated {:.1} % of all links; the largest block has {} records",
            resolution.coverage.estimated * 100.0,
            number(resolution.largest_block as u64)
        ),
    ];
    lines.extend(resolution.skipped.iter().map(|skipped| {
        format!("skipped {} blocks of {} records in all, too large: {}", number(skipped.blocks), number(skipped.records), skipped.key)
    }));
    lines
}

fn json(found: &ResolvedList) -> serde_json::Value {
    let resolution = &found.resolution;
    let [auto, review, no] = counts(found);
    let lists = found.lists.iter().map(|(list, columns)| {
        let columns =
            columns.iter().map(|column| serde_json::json!({"holds": column.holds, "header": column.header, "guessed": column.is_guess}));
        serde_json::json!({"source": list, "columns": columns.collect::<Vec<_>>()})
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
        "lists": lists.collect::<Vec<_>>(),
    })
}
