//! Measures fetching and decoding together: `read_speed URL [ROUNDS]` reads the stream of contacts below a base URL that answers
//! `/crm/v3/objects/contacts?limit=100&after=N` as HubSpot does, as often as asked. Prints records a second; run it under `time` for
//! the processor's share.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::sync::Arc;
use std::time::Instant;

use aqueduct_connector::{Account, Auth, Connector, Context, Endpoint, Limit, Paging, Stream};
use aqueduct_engine::{Engine, ReadOptions, Settings, SystemClock};
use aqueduct_schema::{Error, Mode, RecordField, RecordSchema, Result, StreamState, ValueType, codes};
use async_trait::async_trait;
use tokio::sync::mpsc;

const PROPERTIES: [&str; 12] = [
    "createdate",
    "email",
    "firstname",
    "lastname",
    "phone",
    "company",
    "website",
    "lifecyclestage",
    "country",
    "city",
    "jobtitle",
    "lastmodifieddate",
];

struct Contacts(String);

#[async_trait]
impl Connector for Contacts {
    fn base_url(&self) -> &str {
        &self.0
    }

    fn auth(&self) -> Auth {
        Auth::None
    }

    fn limits(&self) -> Vec<Limit> {
        Vec::new()
    }

    async fn check(&self, _: &Context) -> Result<Account> {
        Err(Error::new(codes::BUG, "there is nothing to check"))
    }

    async fn discover(&self, _: &Context) -> Result<Vec<Stream>> {
        let properties = PROPERTIES.iter().map(|name| (format!("properties.{name}"), ValueType::Text));
        let fields = [("id".to_owned(), ValueType::Text), ("updatedAt".to_owned(), ValueType::Timestamp)].into_iter().chain(properties);
        let fields = fields.map(|(path, value_type)| RecordField::new(&path, value_type)).collect();
        let record = RecordSchema::new("contact", fields, &["id"]).times("updatedAt", "updatedAt");
        Ok(vec![Stream::new("contacts", record, &[Mode::Backfill], "").endpoint(Endpoint {
            page_size_parameter: Some("limit"),
            ..Endpoint::new(
                "/crm/v3/objects/contacts",
                &["results"],
                Paging::NextToken { token: &["paging", "next", "after"], parameter: "after" },
            )
        })])
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: read_speed URL [ROUNDS]")?;
    let rounds: u32 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let engine = Engine::new(Arc::new(Contacts(url)), Settings::default(), Arc::new(SystemClock))?;
    let streams = engine.discover().await?;
    let stream = streams.first().ok_or("no stream")?;
    let begun = Instant::now();
    let (mut records, mut bytes) = (0, 0);
    for _ in 0..rounds {
        let (out, mut batches) = mpsc::channel(4);
        let options = ReadOptions::new("hubspot");
        let take = async { while batches.recv().await.is_some() {} };
        let (outcome, ()) = tokio::join!(engine.read_stream(stream, StreamState::default(), &options, out), take);
        let outcome = outcome?;
        records += outcome.records;
        bytes += outcome.wire_bytes;
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{records} records, {:.1} MB in {seconds:.3} s: {:.0} records/s", bytes as f64 / 1e6, records as f64 / seconds);
    Ok(())
}
