//! `aqueduct identity` and `aqueduct explain identity`.

use std::sync::Arc;

use aqueduct_pipeline::identities::{self, Explained, IdentityEntity, LinkTold, MemberTold, Resolved, Scope};
use aqueduct_pipeline::schema::Result;

use crate::arguments::{EntityArgument, ExplainAction, IdentityAction};
use crate::commands::Context;
use crate::output::{Output, number, table};
use crate::progress::Progress;

/// Resolves, lists what waits for a decision, or takes one down.
pub(crate) async fn identity(context: &Context, action: IdentityAction) -> Result<u8> {
    let pipeline = context.pipeline(&action.pipeline().pipeline)?;
    let output = &context.output;
    let observer = Arc::new(Progress::new(output));
    let who = |by: Option<String>| {
        by.or_else(|| aqueduct_pipeline::Environment::of_process().get("USER").map(str::to_owned)).unwrap_or_else(|| "unknown".to_owned())
    };
    let resolved = match action {
        IdentityAction::Resolve { everything, anew, .. } => {
            let scope = match (anew, everything) {
                (true, _) => Scope::Anew,
                (false, true) => Scope::Everything,
                (false, false) => Scope::Changed,
            };
            identities::resolve_now(&pipeline, scope, observer).await?
        }
        IdentityAction::Merge { one, other, by, .. } => {
            vec![identities::merge(&pipeline, &lower(&one), &lower(&other), &who(by), observer).await?]
        }
        IdentityAction::Unmerge { row, by, .. } => vec![identities::unmerge(&pipeline, &lower(&row), &who(by), observer).await?],
        IdentityAction::Review { entity, limit, .. } => {
            let entity = match entity {
                EntityArgument::Contact => IdentityEntity::Contact,
                EntityArgument::Account => IdentityEntity::Account,
            };
            let pairs = identities::review(&pipeline, entity, limit).await?;
            if output.is_json() {
                pairs.iter().for_each(|pair| output.json_line(pair));
            } else if pairs.is_empty() {
                output.answer("No pair waits for a decision.");
            } else {
                for pair in &pairs {
                    output.answer(&format!("{}\n{}\n", members(&pair.members), link(&pair.link)));
                }
                output.answer("next: aqueduct identity merge PIPELINE ROW ROW, or unmerge, takes a decision down.");
            }
            return Ok(0);
        }
    };
    if output.is_json() {
        resolved.iter().for_each(|one| output.json_line(one));
    } else if resolved.is_empty() {
        output.answer("Nothing has changed since the last resolving.");
    } else {
        output.answer(&resolved.iter().map(words).collect::<Vec<_>>().join("\n"));
    }
    Ok(0)
}

/// Explains an identity.
pub(crate) async fn explain(context: &Context, action: ExplainAction) -> Result<u8> {
    let ExplainAction::Identity { pipeline, id } = action;
    let pipeline = context.pipeline(&pipeline.pipeline)?;
    let explained = identities::explain(&pipeline, &lower(&id)).await?;
    if context.output.is_json() {
        context.output.json_line(&explained);
    } else {
        context.output.answer(&told(&explained, &context.output));
    }
    Ok(0)
}

fn lower(id: &str) -> String {
    id.trim().to_ascii_lowercase()
}

/// What a resolving did, in a sentence.
pub(crate) fn words(resolved: &Resolved) -> String {
    let mut text = format!(
        "{}: {} rows {}, {} pairs compared; {} identities of {} rows",
        resolved.entity,
        number(resolved.changed),
        if resolved.from_nothing { "told apart" } else { "have changed" },
        number(resolved.compared),
        number(resolved.identities),
        number(resolved.members)
    );
    if resolved.to_review > 0 {
        text.push_str(&format!(", {} pairs wait for a decision (aqueduct identity review)", number(resolved.to_review)));
    }
    format!("{text}.")
}

/// An explanation as text.
pub(crate) fn told(explained: &Explained, output: &Output) -> String {
    let count = explained.members.len();
    let heading = format!("Identity {} of {count} {}", explained.identity_id, if count == 1 { "row" } else { "rows" });
    let mut text = format!("{}\n\n{}", output.bold(&heading), members(&explained.members));
    for told in &explained.links {
        text.push_str(&format!("\n\n{}", link(told)));
    }
    if count == 1 {
        text.push_str("\n\nNo other row is likely enough to be the same.");
    }
    text
}

fn members(members: &[MemberTold]) -> String {
    let columns: std::collections::BTreeSet<&String> = members.iter().flat_map(|member| member.values.keys()).collect();
    let mut rows: Vec<Vec<String>> =
        vec![std::iter::once("source".to_owned()).chain(members.iter().map(|member| member.source.clone())).collect()];
    rows.extend(columns.into_iter().map(|column| {
        let values = members.iter().map(|member| member.values.get(column).cloned().unwrap_or_else(|| "-".to_owned()));
        std::iter::once(column.clone()).chain(values).collect()
    }));
    let ids: Vec<String> = members.iter().map(|member| member.row_id.chars().take(10).collect()).collect();
    let heading: Vec<&str> = std::iter::once("row").chain(ids.iter().map(String::as_str)).collect();
    table(&heading, &rows)
}

fn link(link: &LinkTold) -> String {
    let short = |id: &str| id.chars().take(10).collect::<String>();
    let mut text = format!("{} and {}: {:.4} ({})", short(&link.a), short(&link.b), link.probability, link.rule.replace('_', " "));
    for reason in &link.reasons {
        text.push_str(&format!("\n  {reason}"));
    }
    text
}
