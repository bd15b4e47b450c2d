//! Measures how fast pages of contacts in HubSpot's shape are decoded: `decode_speed FOLDER [ROUNDS]`, where the folder has one
//! answer a file. Prints records and megabytes a second of one core, for all columns and for twelve.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::time::{Duration, Instant};

use aqueduct_connector::{Bytes, Records, Stream};
use aqueduct_engine::{Decoder, Settings};
use aqueduct_schema::{Mode, RecordField, RecordSchema, TableName, ValueType};

const FIELDS: [(&str, ValueType); 23] = [
    ("id", ValueType::Text),
    ("createdAt", ValueType::Timestamp),
    ("updatedAt", ValueType::Timestamp),
    ("archived", ValueType::Boolean),
    ("properties.email", ValueType::Text),
    ("properties.firstname", ValueType::Text),
    ("properties.lastname", ValueType::Text),
    ("properties.phone", ValueType::Text),
    ("properties.company", ValueType::Text),
    ("properties.website", ValueType::Text),
    ("properties.lifecyclestage", ValueType::Text),
    ("properties.country", ValueType::Text),
    ("properties.city", ValueType::Text),
    ("properties.jobtitle", ValueType::Text),
    ("properties.hs_email_optout", ValueType::Boolean),
    ("properties.hs_lead_status", ValueType::Text),
    ("properties.hubspot_owner_id", ValueType::Text),
    ("properties.num_associated_deals", ValueType::Decimal),
    ("properties.hs_analytics_num_page_views", ValueType::Decimal),
    ("properties.annualrevenue", ValueType::Decimal),
    ("properties.createdate", ValueType::Timestamp),
    ("properties.lastmodifieddate", ValueType::Timestamp),
    ("properties.hs_object_id", ValueType::Decimal),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: decode_speed FOLDER [ROUNDS]")?;
    let rounds: u32 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        pages.push(Bytes::from(std::fs::read(entry?.path())?));
    }
    for count in [FIELDS.len(), 12] {
        measure(&pages, &FIELDS[..count], rounds)?;
    }
    Ok(())
}

fn measure(pages: &[Bytes], fields: &[(&str, ValueType)], rounds: u32) -> Result<(), Box<dyn std::error::Error>> {
    let fields = fields.iter().map(|(path, value_type)| RecordField::new(path, *value_type)).collect();
    let stream = Stream::new("contacts", RecordSchema::new("contact", fields, &["id"]), &[Mode::Backfill], "");
    let bytes: usize = pages.iter().map(Bytes::len).sum();
    let mut best = Duration::MAX;
    let mut records = 0;
    for _ in 0..rounds {
        let mut decoder = Decoder::new(&stream, TableName::source("hubspot", "contacts"), &Settings::default());
        let begun = Instant::now();
        records = 0;
        for page in pages {
            records += decoder.decode(&Records::Json { body: page.clone(), pointer: &["results"] })?.read;
        }
        best = best.min(begun.elapsed());
    }
    let seconds = best.as_secs_f64();
    println!(
        "{} columns: {records} records, {:.1} MB in {:.3} s: {:.0} records/s, {:.0} MB/s",
        stream.record.fields.len(),
        bytes as f64 / 1e6,
        seconds,
        records as f64 / seconds,
        bytes as f64 / 1e6 / seconds
    );
    Ok(())
}
