//! How long normalising takes: records like those of a CRM, mapped onto contact and contact_point, on one core.
//!
//! `cargo run --release -p aqueduct-normalise --example normalise_speed [RECORDS] [RECORDS A BATCH]`
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aqueduct_normalise::{Defaults, Mappings, Normaliser, parse_mappings};
use aqueduct_schema::{
    Batch, Checkpoint, CleaningCount, Column, Mode, Operation, RecordField, RecordSchema, Result, Source, StreamState, Table, TableName,
    TableSchema, Timestamp, ValueType,
};
use arrow_array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};

const MAPPING: &str = r#"
entity: contact
stream: contacts
fields:
  owner_user_id: hubspot_owner_id
  full_name: { join: [firstname, lastname] }
  first_name: firstname
  last_name: lastname
  job_title: jobtitle
  email: email
  phone_e164: { first_of: [phone, mobilephone] }
  mobile_e164: mobilephone
  city: city
  country_code: country
  lifecycle_stage:
    from: lifecyclestage
    values: { marketingqualifiedlead: mql, salesqualifiedlead: sql }
  lead_status: hs_lead_status
  do_not_email: hs_email_optout
---
entity: contact_point
stream: contacts
fields: { contact_id: id }
each:
  - { label: { constant: email }, kind: { constant: email }, value: email, is_primary: { constant: "true" } }
  - { label: { constant: phone }, kind: { constant: phone }, value: phone, is_primary: { constant: "true" } }
  - { label: { constant: mobile }, kind: { constant: phone }, value: mobilephone, is_primary: { constant: "false" } }
  - { label: { constant: website }, kind: { constant: url }, value: website, is_primary: { constant: "true" } }
"#;

const TEXTS: [&str; 14] = [
    "id",
    "firstname",
    "lastname",
    "email",
    "phone",
    "mobilephone",
    "company",
    "website",
    "lifecyclestage",
    "country",
    "city",
    "jobtitle",
    "hs_email_optout",
    "hubspot_owner_id",
];

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let total = numbers.next().unwrap_or(200_000);
    let page = numbers.next().unwrap_or(100).max(1);
    let record = record();
    let mappings = Mappings::new(parse_mappings("contacts.yaml", MAPPING)?);
    let source = Source { tenant: "default".into(), system: "hubspot".into(), account: "1".into() };
    let defaults = Defaults { country: Some("GB".into()), ..Defaults::default() };
    let mut normaliser = Normaliser::new(&mappings, "contacts", &record, &source, &defaults)?;
    let schema = Arc::new(TableSchema {
        name: TableName::source("hubspot", "contacts"),
        columns: record.fields.iter().map(|field| Column::technical(&field.column, field.value_type)).collect(),
        absent_columns: Vec::new(),
        key: "_id".into(),
        constants: Vec::new(),
    });
    let (mut spent, mut on_core_spent, mut rows, mut rejected) = (Duration::ZERO, Duration::ZERO, 0, 0);
    let mut cleaning = Vec::new();
    for start in (0..total).step_by(page) {
        let batch = batch(&schema, start..(start + page).min(total))?;
        let (began, began_on_core) = (Instant::now(), on_core());
        let normalised = normaliser.run(batch)?;
        spent += began.elapsed();
        on_core_spent += on_core().saturating_sub(began_on_core);
        rows += normalised.tables().iter().map(Table::len).sum::<usize>();
        rejected += normalised.rejects().len();
        CleaningCount::add_to(&mut cleaning, normalised.cleaning());
    }
    let busy = if on_core_spent.is_zero() { spent } else { on_core_spent };
    let each = busy.as_nanos() / total.max(1) as u128;
    let (wall, core) = (spent.as_secs_f64(), busy.as_secs_f64());
    println!("{total} records in batches of {page}: {wall:.3} s, of which {core:.3} s on a core, {each} ns a record");
    println!("{rows} rows, {rejected} rejects");
    for count in cleaning.iter().filter(|count| !count.code.is_empty()) {
        println!("  {}.{}: {} {:?} {}, {} kept", count.entity, count.field, count.cells, count.status, count.code, count.kept);
    }
    Ok(())
}

/// The time this thread has been on a core, which other processes do not lengthen; nothing where the system does not tell.
fn on_core() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or(0))
}

fn record() -> RecordSchema {
    let mut fields: Vec<RecordField> = TEXTS.iter().map(|path| RecordField::new(path, ValueType::Text)).collect();
    fields.push(RecordField::new("hs_lead_status", ValueType::Text));
    fields.push(RecordField::new("createdAt", ValueType::Timestamp));
    fields.push(RecordField::new("updatedAt", ValueType::Timestamp));
    RecordSchema::new("contact", fields, &["id"]).times("createdAt", "updatedAt")
}

/// Dirty but plausible values, different in every record where they would be.
fn value(column: &str, number: usize) -> Option<String> {
    let pick = |values: &[&'static str]| Some(values[(number.wrapping_mul(2_654_435_761) >> 7) % values.len()].to_owned());
    let first = ["Ada", "grace", "JOSÉ", "Zoë ", " Bob", "Łukasz", "Mary-Ann", "o'neil", "李", "Noor"];
    let last = ["Lovelace", "HOPPER", "García", "van der Berg", "smith ", "McDonald", "Núñez", "Kowalski", "王", "Al-Amin"];
    match column {
        "id" => Some((100_000 + number).to_string()),
        "firstname" => Some(first[number % 10].to_owned()),
        "lastname" => Some(last[number / 3 % 10].to_owned()),
        "email" if number.is_multiple_of(97) => Some("not-an-email".to_owned()),
        "email" => {
            let plain = format!("{}.{}{number}@example.com", first[number % 10].trim(), last[number / 3 % 10].trim()).replace(' ', "");
            Some(if number.is_multiple_of(5) { format!(" {} ", plain.to_uppercase()) } else { plain })
        }
        "phone" => match number % 5 {
            0 => Some(format!("+1 (415) 555-{:04}", number % 10_000)),
            1 => Some(format!("020 7946 {:04}", number % 10_000)),
            2 => Some(format!("0049 30 {}", 100_000 + number % 900_000)),
            3 => Some("n/a".to_owned()),
            _ => Some(String::new()),
        },
        "mobilephone" => (number.is_multiple_of(3)).then(|| format!("+44 7700 9{:05}", number % 100_000)),
        "company" => Some(format!("Company {} GmbH", number % 5_000)),
        "website" => pick(&["https://www.Example.com/", "example.org", "HTTP://corp.example.co.uk/about", ""]),
        "lifecyclestage" => pick(&["subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", ""]),
        "country" => pick(&["US", "usa", "United States", "Deutschland", "GB", "UK", "Brasil", "FR", ""]),
        "city" => pick(&["Berlin", "são paulo", "NEW YORK", ""]),
        "jobtitle" => pick(&["CEO", "Head of Data", "engineer", ""]),
        "hs_email_optout" => pick(&["true", "false", ""]),
        "hubspot_owner_id" => Some((1 + number % 40).to_string()),
        _ => pick(&["NEW", "OPEN", "IN_PROGRESS"]),
    }
}

fn batch(schema: &Arc<TableSchema>, numbers: std::ops::Range<usize>) -> Result<Batch<aqueduct_schema::Raw>> {
    let read = numbers.len() as u64;
    let columns: Vec<ArrayRef> = schema
        .columns
        .iter()
        .map(|column| -> ArrayRef {
            if column.value_type == ValueType::Timestamp {
                let times = numbers.clone().map(|number| 1_735_689_600_000_000 + number as i64 * 1_000_000);
                return Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_data_type(ValueType::Timestamp.arrow()));
            }
            Arc::new(numbers.clone().map(|number| value(&column.name, number)).collect::<StringArray>())
        })
        .collect();
    let rows = RecordBatch::try_new(schema.arrow(), columns)
        .map_err(|error| aqueduct_schema::Error::new(aqueduct_schema::codes::BUG, "no batch").caused_by(error))?;
    let checkpoint = Checkpoint {
        state: StreamState::default(),
        mode: Mode::Backfill,
        reading_started_at: Timestamp::from_seconds(1_735_689_600),
        reading_complete: false,
    };
    Ok(Batch::raw("contacts".into(), Table::new(schema.clone(), Operation::Upsert, rows)?, Vec::new(), read, checkpoint))
}
