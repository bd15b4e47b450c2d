//! Every file in `pipelines/` is sound and does what it says, against an invented account or files made for it.
//!
//! A new pipeline file needs a case here: what it reads, and how many rows it leaves in each table.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aqueduct_pipeline::{Environment, Pipeline, Registry, RunOptions, Silent, run};
use aqueduct_simulator::hubspot::{ObjectKind, Options, Simulator};
use aqueduct_simulator::{brevo, salesforce};
use tokio::sync::watch;

/// An export of contacts as HubSpot writes it.
const EXPORT: &str = "Record ID,First Name,Last Name,Email,Phone Number,Lifecycle Stage,Lead Status,Contact owner\n\
    101,Ada,Lovelace,ada@example.com,+44 20 7946 0018,Customer,,\n\
    102,Zoé,Müller,zoe@example.org,,Lead,New,\n";

/// What a pipeline file is run with, and what it must leave.
struct Case {
    variables: Vec<(String, String)>,
    /// New rows by table.
    rows: Vec<(&'static str, usize)>,
    /// Keeps what the pipeline reads alive.
    _source: Box<dyn Any>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines")
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")).collect();
    files.sort();
    files
}

async fn case(name: &str, scratch: &Path) -> Case {
    match name {
        "exports.yaml" => {
            std::fs::write(scratch.join("contacts.csv"), EXPORT).unwrap();
            let variables = vec![("EXPORTS_PATH".to_owned(), scratch.join("*.csv").display().to_string())];
            Case { variables, rows: vec![("contact", 2), ("contact_point", 3)], _source: Box::new(()) }
        }
        "brevo.yaml" => {
            let simulator =
                brevo::Simulator::start(&brevo::description(&brevo::Account::default()), brevo::Options::default()).await.unwrap();
            let store = simulator.store();
            let variables =
                vec![("BREVO_API_KEY".to_owned(), simulator.credentials().key), ("BREVO_BASE_URL".to_owned(), simulator.base_url())];
            let rows = [("account", "companies"), ("campaign", "campaigns"), ("contact", "contacts"), ("deal", "deals"), ("user", "users")];
            let rows = rows.iter().map(|(table, stream)| (*table, store.ids(stream).len())).collect();
            Case { variables, rows, _source: Box::new(simulator) }
        }
        "hubspot.yaml" => {
            let options = Options { contacts: 40, archived_per_mille: 0, merged_per_mille: 0, ..Options::default() };
            let simulator = Simulator::start(options).await.unwrap();
            let store = simulator.store();
            let variables =
                vec![("HUBSPOT_ACCESS_TOKEN".to_owned(), simulator.access_token()), ("HUBSPOT_BASE_URL".to_owned(), simulator.base_url())];
            let rows = vec![
                ("account", store.count(ObjectKind::Companies)),
                ("contact", 40),
                ("deal", store.count(ObjectKind::Deals)),
                ("user", store.owners().len() + store.archived_owners().len()),
            ];
            Case { variables, rows, _source: Box::new(simulator) }
        }
        "salesforce.yaml" => {
            let options = salesforce::Options { contacts: 40, deleted_per_mille: 0, merged_per_mille: 0, ..Default::default() };
            let simulator = salesforce::Simulator::start(options).await.unwrap();
            let (store, credentials) = (simulator.store(), simulator.client_credentials());
            let variables = vec![
                ("SALESFORCE_CLIENT_ID".to_owned(), credentials.client_id),
                ("SALESFORCE_CLIENT_SECRET".to_owned(), credentials.client_secret),
                ("SALESFORCE_BASE_URL".to_owned(), simulator.base_url()),
            ];
            let rows = [
                ("account", "Account"),
                ("campaign", "Campaign"),
                ("campaign_member", "CampaignMember"),
                ("contact", "Contact"),
                ("deal", "Opportunity"),
                ("lead", "Lead"),
                ("user", "User"),
            ];
            let rows = rows.iter().map(|(table, object)| (*table, store.count(object))).collect();
            Case { variables, rows, _source: Box::new(simulator) }
        }
        other => panic!("pipelines/{other} has no case: say in tests/pipelines.rs what it reads and which rows it leaves"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pipeline_file_is_sound_and_leaves_the_rows_it_promises() {
    let files = yaml_files(&folder());
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let scratch = tempfile::tempdir().unwrap();
        let case = case(&name, scratch.path()).await;
        let warehouse = format!("sqlite://{}", scratch.path().join("warehouse.db").display());
        let control = format!("sqlite://{}", scratch.path().join("control.db").display());
        let own = [("WAREHOUSE_URL".to_owned(), warehouse), ("AQUEDUCT_CONTROL_URL".to_owned(), control)];
        let variables = case.variables.iter().cloned().chain(own);
        let pipeline = Pipeline::open(&file, &Registry::standard(), &Environment::of(variables)).unwrap();
        let (_stop, stopped) = watch::channel(false);
        let first = run(&pipeline, &RunOptions::default(), Arc::new(Silent), stopped.clone()).await.unwrap();
        assert_eq!((first.record.exit_code, first.errors.len()), (0, 0), "{name}: {:?}", first.errors);
        let mut inserted: BTreeMap<&str, usize> = BTreeMap::new();
        for table in first.record.streams.iter().flat_map(|stream| &stream.tables) {
            *inserted.entry(&table.table).or_default() += table.inserted as usize;
        }
        for (table, rows) in &case.rows {
            assert_eq!(inserted.get(table), Some(rows), "{name}: {table} among {inserted:?}");
        }
        let second = run(&pipeline, &RunOptions::default(), Arc::new(Silent), stopped).await.unwrap();
        assert_eq!(second.record.exit_code, 0, "{name}: {:?}", second.errors);
        let written =
            second.record.streams.iter().flat_map(|stream| &stream.tables).map(|table| table.inserted + table.updated).sum::<u64>();
        assert_eq!(written, 0, "{name}: the second run wrote rows although nothing changed: {:?}", second.record.streams);
    }
}

#[test]
fn every_policy_file_can_be_used_by_a_pipeline() {
    let files = yaml_files(&folder().join("policies"));
    assert!(files.len() >= 2, "{files:?}");
    for policy in files {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("p.yaml");
        let text = format!(
            "source: {{ connector: hubspot, config: {{ access_token: t }} }}\ndestination: {{ url: 'discard://' }}\n\
             privacy: {{ policy: '{}', token_key: 0123456789abcdef }}\n",
            policy.display()
        );
        std::fs::write(&file, text).unwrap();
        Pipeline::open(&file, &Registry::standard(), &Environment::default()).unwrap();
    }
}
