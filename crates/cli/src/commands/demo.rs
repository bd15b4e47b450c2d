//! `aqueduct demo`: everything at work on invented data, on this machine.

mod invented;
mod people;

use std::path::Path;

use aqueduct_pipeline::schema::{Error, Result, codes};
use aqueduct_pipeline::{Environment, Pipeline, RunOptions, RunReport};
use aqueduct_simulator::hubspot::{ObjectKind, Options, Simulator, Store, StoreError};

use crate::commands::{Context, run};

/// The pipeline that is shipped; the demo runs it as it is.
const PIPELINE: &str = include_str!("../../../../pipelines/hubspot.yaml");
const POLICY: &str = include_str!("../../../../pipelines/policies/default.yaml");
/// The seed of the invented account, so that everybody sees the same people.
const SEED: u64 = 7;
/// Tells a folder that the demo made, and may empty, from any other.
const MARKER: &str = ".aqueduct-demo";

/// Starts an invented HubSpot account, loads it, changes it, loads the change, and says what to look at.
pub(crate) async fn demo(context: &Context, folder: &Path, contacts: usize, people: usize) -> Result<u8> {
    let output = &context.output;
    prepare(folder)?;
    let simulator = Simulator::start(Options { seed: SEED, contacts, archived_per_mille: 0, merged_per_mille: 0, ..Options::default() })
        .await
        .map_err(|error| Error::new(codes::NETWORK, format!("the invented account cannot listen on this machine ({error})")))?;
    let warehouse = folder.join("warehouse.db");
    let environment = Environment::of([
        ("HUBSPOT_ACCESS_TOKEN".to_owned(), simulator.access_token()),
        ("HUBSPOT_BASE_URL".to_owned(), simulator.base_url()),
        ("WAREHOUSE_URL".to_owned(), format!("sqlite://{}", warehouse.display())),
    ]);
    let pipeline = Pipeline::open(&folder.join("pipelines/hubspot.yaml"), &context.registry, &environment)?;

    output.words(&format!("1. An invented HubSpot account is running on {} with {contacts} contacts.", simulator.base_url()));
    output.words("2. First load: everything there is.");
    let first = step(context, &pipeline).await?;
    if first.record.exit_code != 0 {
        return Ok(first.record.exit_code);
    }
    let changes =
        change(&simulator.store()).map_err(|error| Error::new(codes::BUG, format!("the invented account refuses a change: {error}")))?;
    output.words(&format!("\n3. Meanwhile at HubSpot: {changes}."));
    output.words("4. Second load: only what changed.");
    let second = step(context, &pipeline).await?;
    simulator.stop().await;
    if second.record.exit_code != 0 {
        return Ok(second.record.exit_code);
    }
    if people > 0 {
        let code = people::same_people(context, folder, people).await?;
        if code != 0 {
            return Ok(code);
        }
    }
    output.answer(&what_next(folder, &warehouse, people > 0));
    Ok(0)
}

async fn step(context: &Context, pipeline: &Pipeline) -> Result<RunReport> {
    let signals = run::Signals::listen();
    let report = run::execute(pipeline, &RunOptions::default(), &context.output, signals.stop.clone()).await?;
    run::print(&report, pipeline, &context.output);
    Ok(report)
}

/// Makes the folder, or empties the one an earlier demo made.
fn prepare(folder: &Path) -> Result<()> {
    let unwritable = |error: std::io::Error| {
        Error::new(codes::FILE_UNREADABLE, format!("the folder `{}` cannot be used ({})", folder.display(), error.kind()))
    };
    let occupied = folder.exists() && !folder.join(MARKER).exists() && std::fs::read_dir(folder).map_err(unwritable)?.next().is_some();
    if occupied {
        return Err(Error::new(codes::BAD_USAGE, format!("the folder `{}` holds other things", folder.display()))
            .advise("Name a new folder with --folder."));
    }
    for name in ["warehouse.db", "warehouse.db-wal", "warehouse.db-shm", "people.db", "people.db-wal", "people.db-shm"] {
        match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unwritable(error)),
            _ => {}
        }
    }
    std::fs::create_dir_all(folder.join("pipelines/policies")).map_err(unwritable)?;
    for (name, text) in [(MARKER, ""), ("pipelines/hubspot.yaml", PIPELINE), ("pipelines/policies/default.yaml", POLICY)] {
        std::fs::write(folder.join(name), text).map_err(unwritable)?;
    }
    Ok(())
}

/// What people at the vendor do between two runs; the sentence says it.
fn change(store: &Store) -> Result<String, StoreError> {
    let contacts = store.ids(ObjectKind::Contacts);
    for id in contacts.iter().take(3) {
        store.update(ObjectKind::Contacts, *id, [("jobtitle", "Chief Data Officer"), ("lifecyclestage", "customer")])?;
    }
    for (first, last, email) in [("Ada", "Lovelace", " Ada.Lovelace@EXAMPLE.com "), ("Grace", "HOPPER", "grace@example.org")] {
        store.create(ObjectKind::Contacts, [("firstname", first), ("lastname", last), ("email", email), ("phone", "020 7946 0018")])?;
    }
    for id in contacts.iter().rev().take(2) {
        store.archive(ObjectKind::Contacts, *id)?;
    }
    Ok("three contacts changed, two were added, two were archived".to_owned())
}

fn what_next(folder: &Path, warehouse: &Path, people: bool) -> String {
    let who = folder.join("people.db");
    let who = match people {
        true => format!(
            "
  Who is who, across three systems:
    sqlite3 -box {} \"SELECT first_name, last_name, email, phone_e164, city, member_count, confidence FROM identity WHERE NOT is_deleted ORDER BY member_count DESC, id LIMIT 10\"
",
            who.display()
        ),
        false => String::new(),
    };
    let warehouse = warehouse.display();
    format!(
        "
What to look at now: the warehouse is {warehouse}

  The people, cleaned (what was wrong stands in _flags):
    sqlite3 -box {warehouse} \"SELECT full_name, email, phone_e164, country_code, lifecycle_stage, _flags FROM contact LIMIT 10\"

  What deals are worth by stage:
    sqlite3 -box {warehouse} \"SELECT s.stage_name, count(*) AS deals, sum(d.amount) AS amount FROM deal d JOIN pipeline_stage s ON s.id = d.pipeline_stage_id GROUP BY s.id ORDER BY s.display_order\"

  What the second load did, and what the cleaners found wrong:
    sqlite3 -box {warehouse} \"SELECT full_name, job_title, is_deleted, _loaded_at FROM contact WHERE _loaded_at > (SELECT max(started_at) FROM _runs) ORDER BY is_deleted, full_name\"
    sqlite3 -box {warehouse} \"SELECT f.key AS field, f.value AS problem, count(*) AS contacts FROM contact, json_each(_flags) f GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10\"
{who}
  The pipeline that did it: {}
  Your own account: aqueduct init hubspot
",
        folder.join("pipelines/hubspot.yaml").display()
    )
}
