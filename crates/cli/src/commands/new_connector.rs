//! `aqueduct new-connector`.

use std::path::Path;

use aqueduct_pipeline::schema::{Error, Result, codes};
use aqueduct_scaffold::{Created, Order, create};

use crate::arguments::NewConnectorArguments;
use crate::commands::Context;

/// So many guesses and operations are told; the rest is counted.
const TOLD: usize = 12;

/// Writes a connector and says what to do next.
pub(crate) fn new_connector(context: &Context, arguments: &NewConnectorArguments) -> Result<u8> {
    let working_folder = std::env::current_dir()
        .map_err(|error| Error::new(codes::FILE_UNREADABLE, format!("the working folder cannot be found ({})", error.kind())))?;
    let taken: Vec<&str> = context.registry.all().iter().map(|registration| registration.name).collect();
    let order = Order {
        name: &arguments.name,
        folder: arguments.folder.as_deref(),
        openapi: arguments.from_openapi.as_deref(),
        auth: arguments.auth.as_deref(),
        paging: arguments.paging.as_deref(),
        aqueduct: arguments.aqueduct.as_deref(),
        working_folder: &working_folder,
        taken: &taken,
    };
    let created = create(&order)?;
    if context.output.is_json() {
        context.output.json_line(&json(&created));
    } else {
        context.output.answer(&words(&created, &working_folder, arguments.from_openapi.is_some()));
    }
    Ok(0)
}

fn json(created: &Created) -> serde_json::Value {
    serde_json::json!({
        "folder": created.folder,
        "files": created.files,
        "entered": created.entered,
        "streams": created.plan.streams.iter().map(|stream| &stream.name).collect::<Vec<_>>(),
        "guessed": created.plan.guesses(),
        "left_out": created.left_out,
        "test": created.test,
    })
}

fn words(created: &Created, working_folder: &Path, is_proposal: bool) -> String {
    let shown = created.folder.strip_prefix(working_folder).unwrap_or(&created.folder).display().to_string();
    let mut text = format!("wrote {shown}: {}\n", created.files.join(", "));
    if !created.entered.is_empty() {
        text.push_str(&format!("entered it in {}\n", created.entered.join(", ")));
    }
    if is_proposal {
        text.push_str(&proposal(created));
    }
    let streams = if created.files.iter().any(|file| file.starts_with("src/streams/")) { "src/streams/" } else { "src/streams.rs" };
    text.push_str(&format!(
        "\nIt runs now, against a small vendor of its own:\n  {}\n\nThen make it the vendor's, in this order:\n  \
         1. src/config.rs         what a pipeline file must say: credentials, address\n  \
         2. src/api.rs            what tells of the account\n  \
         3. {streams:<20}  where each stream stands, how it is paged, its fields and key\n  \
         4. tests/vendor/mod.rs   the vendor as its documentation has it; the suite says in words what is missing\n  \
         5. src/mapping/          where each field of the common schema comes from\n  \
         6. src/lib.rs            how requests are signed, and the vendor's limits",
        created.test
    ));
    if is_proposal {
        text.push_str(&format!("\n\nEvery guess is marked: grep -rn GUESSED {shown}"));
    }
    text
}

/// What was found, guessed and left out.
fn proposal(created: &Created) -> String {
    let plan = &created.plan;
    let mut text = format!("\nfound {} streams:\n", plan.streams.len());
    for stream in &plan.streams {
        let mapped: Vec<&str> =
            plan.mappings.iter().filter(|mapping| mapping.stream == stream.name).map(|mapping| mapping.entity).collect();
        let into = if mapped.is_empty() { String::new() } else { format!(", into {}", mapped.join(" and ")) };
        let changes = if stream.has_changes() { ", changes" } else { ", read whole" };
        let paging = stream.paging.value.words();
        text.push_str(&format!("  {}: {} fields, key {}, {paging}{changes}{into}\n", stream.name, stream.fields.len(), stream.key.value));
    }
    let guesses = plan.guesses();
    text.push_str(&format!("\nguessed {} things, such as:\n", guesses.len()));
    text.push_str(&list(&guesses));
    if !created.left_out.is_empty() {
        text.push_str(&format!("\nleft out {}:\n", created.left_out.len()));
        text.push_str(&list(&by_reason(&created.left_out)));
    }
    text
}

/// What was left out for one reason stands together.
fn by_reason(left_out: &[(String, String)]) -> Vec<(String, String)> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (what, reason) in left_out {
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, all)) => all.push(what),
            None => reasons.push((reason, vec![what])),
        }
    }
    let told = |(reason, all): (&str, Vec<&str>)| {
        let more = if all.len() > 3 { format!(" and {} more", all.len() - 3) } else { String::new() };
        (format!("{}{more}", all.iter().take(3).copied().collect::<Vec<_>>().join(", ")), reason.to_owned())
    };
    reasons.into_iter().map(told).collect()
}

fn list(entries: &[(String, String)]) -> String {
    let mut text: String = entries.iter().take(TOLD).map(|(what, why)| format!("  {what}: {why}\n")).collect();
    if entries.len() > TOLD {
        text.push_str(&format!("  and {} more (--json lists them all)\n", entries.len() - TOLD));
    }
    text
}
