//! The demo's second part: the same people in three systems, loaded into one warehouse and found to be the same.

use std::collections::BTreeMap;
use std::path::Path;

use aqueduct_pipeline::identities;
use aqueduct_pipeline::schema::{Error, Result, codes};
use aqueduct_pipeline::warehouse::IdentityRows;
use aqueduct_pipeline::{Environment, Pipeline};
use aqueduct_simulator::hubspot::ObjectKind;
use aqueduct_simulator::{hubspot, salesforce};

use super::invented::{Agreement, Entry, agreement, invent};
use crate::commands::{Context, identity};
use crate::output::number;

/// The seed of the people, so that everybody sees the same ones.
const SEED: u64 = 11;
/// How many identities are explained.
const EXPLAINED: usize = 3;

const HUBSPOT: &str = "name: hubspot-people
source:
  connector: hubspot
  config: { access_token: \"${HUBSPOT_ACCESS_TOKEN}\", base_url: \"${HUBSPOT_BASE_URL}\" }
  select: [contacts]
normalise: { defaults: { country: GB } }
identity: { resolve: [contact] }
destination: { url: \"${WAREHOUSE_URL}\" }
";
const SALESFORCE: &str = "name: salesforce-people
source:
  connector: salesforce
  config:
    client_id: \"${SALESFORCE_CLIENT_ID}\"
    client_secret: \"${SALESFORCE_CLIENT_SECRET}\"
    refresh_token: \"${SALESFORCE_REFRESH_TOKEN}\"
    base_url: \"${SALESFORCE_BASE_URL}\"
  select: [contacts]
normalise: { defaults: { country: GB } }
identity: { resolve: [contact] }
destination: { url: \"${WAREHOUSE_URL}\" }
";
const LIST: &str = "name: list-people
source:
  connector: files
  config: { path: \"${LIST_PATH}\", key: number }
normalise:
  defaults: { country: GB }
  mappings:
    - entity: contact
      stream: people
      fields:
        first_name: given
        last_name: family
        email: email
        phone_e164: phone
        street: street
        city: town
        postal_code: postal_code
        country_code: { constant: GB }
identity: { resolve: [contact] }
destination: { url: \"${WAREHOUSE_URL}\" }
";

/// Invents the people, loads three systems, and says how well who is who was found out.
pub(super) async fn same_people(context: &Context, folder: &Path, count: usize) -> Result<u8> {
    let output = &context.output;
    let systems = invent(count, SEED);
    let listen = |error| Error::new(codes::NETWORK, format!("an invented system cannot listen on this machine ({error})"));
    let marketing =
        hubspot::Simulator::start(hubspot::Options { seed: SEED, contacts: 0, ..hubspot::Options::default() }).await.map_err(listen)?;
    let nothing = salesforce::Options { seed: SEED, contacts: 0, leads: Some(0), ..salesforce::Options::default() };
    let sales = salesforce::Simulator::start(nothing).await.map_err(listen)?;
    let mut people: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let refused = |error: String| Error::new(codes::BUG, format!("an invented system refuses a person: {error}"));
    for entry in &systems.hubspot {
        let id = marketing.store().create(ObjectKind::Contacts, hubspot_fields(entry)).map_err(|error| refused(error.to_string()))?;
        people.insert(("hubspot", id.to_string()), entry.person);
    }
    for entry in &systems.salesforce {
        let id = sales.store().create("Contact", salesforce_fields(entry)).map_err(|error| refused(error.to_string()))?;
        people.insert(("salesforce", id), entry.person);
    }
    let list = folder.join("people.csv");
    let unwritable = |error: std::io::Error| Error::new(codes::FILE_UNREADABLE, format!("`{}`: {error}", list.display()));
    std::fs::write(&list, csv(&systems.list)).map_err(unwritable)?;
    people.extend((1..).zip(&systems.list).map(|(number, entry): (usize, _)| (("files", number.to_string()), entry.person)));

    output.words(&format!(
        "\n5. {} people are in three systems: {} in HubSpot, {} in Salesforce, {} in an old CSV list; with typing errors, short names and gaps.",
        number(count as u64),
        number(systems.hubspot.len() as u64),
        number(systems.salesforce.len() as u64),
        number(systems.list.len() as u64)
    ));
    let warehouse = folder.join("people.db");
    let credentials = sales.client_credentials();
    let environment = Environment::of([
        ("HUBSPOT_ACCESS_TOKEN".to_owned(), marketing.access_token()),
        ("HUBSPOT_BASE_URL".to_owned(), marketing.base_url()),
        ("SALESFORCE_CLIENT_ID".to_owned(), credentials.client_id),
        ("SALESFORCE_CLIENT_SECRET".to_owned(), credentials.client_secret),
        ("SALESFORCE_REFRESH_TOKEN".to_owned(), credentials.refresh_token),
        ("SALESFORCE_BASE_URL".to_owned(), sales.base_url()),
        ("LIST_PATH".to_owned(), list.display().to_string()),
        ("WAREHOUSE_URL".to_owned(), format!("sqlite://{}", warehouse.display())),
    ]);
    output.words("6. Each is loaded into one warehouse; after each load it is found out who is who.");
    let mut last = None;
    for (name, text) in [("hubspot-people", HUBSPOT), ("salesforce-people", SALESFORCE), ("list-people", LIST)] {
        let file = folder.join(format!("pipelines/{name}.yaml"));
        std::fs::write(&file, text).map_err(|error| Error::new(codes::FILE_UNREADABLE, format!("`{}`: {error}", file.display())))?;
        let pipeline = Pipeline::open(&file, &context.registry, &environment)?;
        let report = super::step(context, &pipeline).await?;
        if report.record.exit_code != 0 {
            return Ok(report.record.exit_code);
        }
        last = Some(pipeline);
    }
    marketing.stop().await;
    sales.stop().await;
    if let Some(pipeline) = last {
        told(context, &pipeline, &people).await?;
    }
    Ok(0)
}

/// Prints how well it went, and why for some.
async fn told(context: &Context, pipeline: &Pipeline, people: &BTreeMap<(&str, String), usize>) -> Result<()> {
    let output = &context.output;
    let warehouse = aqueduct_pipeline::warehouse::open(pipeline.file.destination()).await?;
    let mut entries: Vec<(usize, String)> = Vec::new();
    let mut members: BTreeMap<String, usize> = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = warehouse.identity_rows("contact", &["source_id"], IdentityRows::Page(after.as_deref(), 5_000)).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for row in &page {
            let (Some(identity), Some(id)) = (&row.identity_id, row.values.get("source_id")) else { continue };
            if let Some(person) = people.get(&(row.source[0].as_str(), id.clone())) {
                entries.push((*person, identity.clone()));
                *members.entry(identity.clone()).or_default() += 1;
            }
        }
    }
    let Agreement { precision, recall, pairs } = agreement(&entries);
    output.answer(&format!(
        "\nWho is who: {} entries became {} people. Against the truth, which the demo knows because it invented them:\n  precision {:.2} % of the pairs that were joined are one person\n  recall    {:.2} % of the {} pairs that are one person were joined\n\nThree of them, explained:",
        number(entries.len() as u64),
        number(members.len() as u64),
        precision * 100.0,
        recall * 100.0,
        number(pairs)
    ));
    for identity in members.iter().filter(|(_, members)| **members == 3).map(|(identity, _)| identity).take(EXPLAINED) {
        let explained = identities::explain(pipeline, identity).await?;
        output.answer(&format!("\n{}", identity::told(&explained, output)));
    }
    Ok(())
}

fn hubspot_fields(entry: &Entry) -> Vec<(&'static str, String)> {
    filled([
        ("firstname", &entry.given),
        ("lastname", &entry.family),
        ("email", &entry.email),
        ("phone", &entry.phone),
        ("address", &entry.street),
        ("city", &entry.town),
        ("zip", &entry.postal_code),
    ])
}

fn salesforce_fields(entry: &Entry) -> Vec<(&'static str, String)> {
    filled([
        ("FirstName", &entry.given),
        ("LastName", &entry.family),
        ("Email", &entry.email),
        ("Phone", &entry.phone),
        ("MailingStreet", &entry.street),
        ("MailingCity", &entry.town),
        ("MailingPostalCode", &entry.postal_code),
    ])
}

fn filled<const N: usize>(fields: [(&'static str, &String); N]) -> Vec<(&'static str, String)> {
    fields.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.clone())).collect()
}

fn csv(entries: &[Entry]) -> String {
    let mut text = "number,given,family,email,phone,street,town,postal_code\n".to_owned();
    for (number, entry) in entries.iter().enumerate() {
        let Entry { given, family, email, phone, street, town, postal_code, .. } = entry;
        text.push_str(&format!("{},{given},{family},{email},{phone},{street},{town},{postal_code}\n", number + 1));
    }
    text
}
