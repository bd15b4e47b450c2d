//! Measures loading alone: `cargo run --release -p aqueduct-warehouse --example load_speed -- sqlite|postgres|discard URL ROWS [once]`.
//!
//! For every record a source row of 25 columns, a contact row of 20 filled columns of 45, and one or two contact points, in loads
//! of 10,000 records made of pages of 100; then everything once more, which changes nothing. `private` as URL makes a temporary file,
//! or starts a private PostgreSQL server with the feature `private-server`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aqueduct_schema::{
    Batch, Checkpoint, Column, Entity, Mode, Operation, Protected, RowIds, Secret, Source, StreamState, Table, TableName, TableSchema,
    Timestamp, ValueType,
};
use aqueduct_warehouse::{Fence, RunRecord, RunStart, RunStatus, Warehouse};
use arrow_array::{ArrayRef, BooleanArray, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray};

const PAGE: usize = 100;
const LOAD: usize = 10_000;
const START: i64 = 1_770_000_000_000_000;

struct Shapes {
    source: Arc<TableSchema>,
    contact: Arc<TableSchema>,
    point: Arc<TableSchema>,
    ids: [RowIds; 3],
}

/// The 25 columns of a source row beside id and times: twenty of text, one in three empty.
const PROPERTIES: [&str; 17] = [
    "firstname",
    "lastname",
    "email",
    "phone",
    "mobilephone",
    "company",
    "jobtitle",
    "city",
    "state",
    "zip",
    "country",
    "website",
    "lifecyclestage",
    "hs_lead_status",
    "hubspot_owner_id",
    "address",
    "industry",
];

const CONTACT: [&str; 15] = [
    "owner_user_id",
    "full_name",
    "first_name",
    "last_name",
    "job_title",
    "email",
    "email_normalized",
    "email_status",
    "phone_e164",
    "mobile_e164",
    "phone_status",
    "city",
    "country_code",
    "lifecycle_stage",
    "lead_status",
];

fn columns(names: &[(&str, ValueType)]) -> Vec<Column> {
    names.iter().map(|(name, kind)| Column::technical(name, *kind)).collect()
}

fn shapes() -> Shapes {
    let constants = vec![
        ("source_system".into(), "hubspot".into()),
        ("source_account_id".into(), "default".into()),
        ("source_object".into(), "contacts".into()),
    ];
    let (text, at) = (ValueType::Text, ValueType::Timestamp);
    let mut source = vec![("_id", text), ("source_id", text), ("source_created_at", at), ("source_updated_at", at)];
    source.extend(PROPERTIES.iter().map(|name| (*name, text)));
    source.extend([
        ("archived", ValueType::Boolean),
        ("amount", ValueType::Decimal),
        ("closedate", at),
        ("is_deleted", ValueType::Boolean),
    ]);
    let mut contact =
        vec![("id", text), ("source_id", text), ("source_created_at", at), ("source_updated_at", at), ("is_deleted", ValueType::Boolean)];
    contact.extend(CONTACT.iter().map(|name| (*name, text)));
    contact.push(("_flags", ValueType::Json));
    let point = [
        ("id", text),
        ("source_id", text),
        ("source_updated_at", at),
        ("is_deleted", ValueType::Boolean),
        ("contact_id", text),
        ("kind", text),
        ("value", text),
        ("value_normalized", text),
        ("label", text),
        ("is_primary", ValueType::Boolean),
        ("status", text),
    ];
    let absent = |entity: &str, carried: &[(&str, ValueType)]| {
        let entity = Entity::named(entity).unwrap();
        let fields = aqueduct_schema::entities::PROVENANCE.iter().chain(entity.fields).map(|field| field.column());
        let constants = ["source_system", "source_account_id", "source_object"];
        fields
            .filter(|column| !constants.contains(&column.name.as_ref()) && carried.iter().all(|(name, _)| *name != column.name.as_ref()))
            .collect()
    };
    let schema = |name: TableName, carried: &[(&str, ValueType)], absent_columns: Vec<Column>| {
        let key = carried[0].0.into();
        Arc::new(TableSchema { name, columns: columns(carried), absent_columns, key, constants: Vec::clone(&constants) })
    };
    let account = Source { tenant: "default".into(), system: "hubspot".into(), account: "default".into() };
    Shapes {
        source: schema(TableName::source("hubspot", "contacts"), &source, Vec::new()),
        contact: schema(TableName::common("contact"), &contact, absent("contact", &contact)),
        point: schema(TableName::common("contact_point"), &point, absent("contact_point", &point)),
        ids: ["source.contacts", "contact", "contact_point"].map(|entity| RowIds::new(&account, entity)),
    }
}

/// The value of a column for a record; empty now and then.
fn value(column: &str, record: usize) -> Option<String> {
    if record.wrapping_mul(2_654_435_761).wrapping_add(column.len() * 97).is_multiple_of(7) && !column.ends_with("id") {
        return None;
    }
    Some(match column {
        "firstname" | "first_name" => format!("Given{}", record % 997),
        "lastname" | "last_name" => format!("Family{}", record % 4_999),
        "full_name" => format!("Given{} Family{}", record % 997, record % 4_999),
        "email" | "email_normalized" | "value" | "value_normalized" => {
            format!("given{}.family{}@company{}.example", record % 997, record, record % 3_001)
        }
        "phone" | "mobilephone" | "phone_e164" | "mobile_e164" => format!("+4420{:08}", record),
        "email_status" | "phone_status" | "status" => "ok".into(),
        "lifecyclestage" | "lifecycle_stage" => ["lead", "customer", "subscriber"][record % 3].into(),
        "country" | "country_code" => ["GB", "DE", "FR", "US"][record % 4].into(),
        "city" | "state" => format!("Town {}", record % 211),
        "kind" | "label" => "email".into(),
        "address" => format!("{} Long Street, Floor {}", record % 300, record % 9),
        other => format!("{other} {}", record % 1_000),
    })
}

fn table(schema: &Arc<TableSchema>, ids: &[RowIds; 3], which: usize, records: &[usize]) -> Table {
    let id = |which: usize, record: &usize| ids[which].id(&record.to_string());
    let arrays: Vec<ArrayRef> = schema
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| -> ArrayRef {
            match column.value_type {
                ValueType::Timestamp => Arc::new(
                    TimestampMicrosecondArray::from_iter(records.iter().map(|record| Some(START + *record as i64 * 1_000_003)))
                        .with_timezone("UTC"),
                ),
                ValueType::Boolean => Arc::new(BooleanArray::from_iter(
                    records.iter().map(|record| Some(column.name.as_ref() == "is_primary" && record % 2 == 0)),
                )),
                ValueType::Decimal => Arc::new(
                    Decimal128Array::from_iter(records.iter().map(|record| Some(*record as i128 * 1_230_000_000)))
                        .with_precision_and_scale(38, 9)
                        .unwrap(),
                ),
                ValueType::Json => Arc::new(StringArray::from_iter(
                    records.iter().map(|record| (record % 20 == 0).then_some("{\"phone_e164\":\"phone.too_short\"}")),
                )),
                _ if index == 0 => Arc::new(StringArray::from_iter_values(records.iter().map(|record| id(which, record)))),
                _ => match column.name.as_ref() {
                    "contact_id" => Arc::new(StringArray::from_iter_values(records.iter().map(|record| id(1, &(record / 2))))),
                    "source_id" => Arc::new(StringArray::from_iter_values(records.iter().map(|record| record.to_string()))),
                    name => Arc::new(StringArray::from_iter(records.iter().map(|record| value(name, *record)))),
                },
            }
        })
        .collect();
    Table::new(Arc::clone(schema), Operation::Upsert, RecordBatch::try_new(schema.arrow(), arrays).unwrap()).unwrap()
}

fn page(shapes: &Shapes, from: usize, until: usize) -> Batch<Protected> {
    let records: Vec<usize> = (from..until).collect();
    // Every second record has two ways to reach it.
    let points: Vec<usize> =
        records.iter().flat_map(|record| if record % 2 == 0 { vec![record * 2, record * 2 + 1] } else { vec![record * 2] }).collect();
    let tables = vec![
        table(&shapes.source, &shapes.ids, 0, &records),
        table(&shapes.contact, &shapes.ids, 1, &records),
        table(&shapes.point, &shapes.ids, 2, &points),
    ];
    let checkpoint = Checkpoint {
        state: StreamState::default(),
        mode: Mode::Backfill,
        reading_started_at: Timestamp::from_microseconds(START),
        reading_complete: false,
    };
    let raw = Batch::raw("contacts".into(), tables[0].clone(), Vec::new(), records.len() as u64, checkpoint);
    raw.into_normalised(tables.clone(), Vec::new(), 0).into_checked(tables.clone(), Vec::new()).into_protected(tables, Vec::new())
}

/// Seconds of processor time of this process, and of PostgreSQL's processes on this machine, where `/proc` tells.
fn processor_time() -> (f64, f64) {
    let seconds = |stat: &str| -> Option<f64> {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some((fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?) / 100.0)
    };
    let mine = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| seconds(&stat)).unwrap_or(0.0);
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    (mine, stats.filter(|stat| stat.contains("(postgres)")).filter_map(|stat| seconds(&stat)).sum())
}

async fn pass(warehouse: &dyn Warehouse, fence: &Fence, shapes: &Shapes, records: usize) {
    let mut spent = Duration::ZERO;
    let mut slowest = Duration::ZERO;
    let mut processor = (0.0, 0.0);
    let mut tables: Vec<aqueduct_warehouse::TableReceipt> = Vec::new();
    let mut from = 0;
    while from < records {
        let until = (from + LOAD).min(records);
        let batches = (from..until).step_by(PAGE).map(|start| page(shapes, start, (start + PAGE).min(until))).collect();
        let before = processor_time();
        let begun = Instant::now();
        let receipt = warehouse.load(fence, batches).await.unwrap();
        let took = begun.elapsed();
        let after = processor_time();
        processor.0 += after.0 - before.0;
        processor.1 += after.1 - before.1;
        spent += took;
        slowest = slowest.max(took);
        for done in receipt.tables {
            match tables.iter_mut().find(|mine| mine.table == done.table) {
                Some(mine) => {
                    mine.inserted += done.inserted;
                    mine.updated += done.updated;
                    mine.unchanged += done.unchanged;
                }
                None => tables.push(done),
            }
        }
        from = until;
    }
    let rows: u64 = tables.iter().map(|table| table.inserted + table.updated + table.unchanged).sum();
    println!(
        "{:.3} s for {rows} rows, {:.0} rows/s, slowest load {:.3} s",
        spent.as_secs_f64(),
        rows as f64 / spent.as_secs_f64(),
        slowest.as_secs_f64()
    );
    println!("  processor time: {:.2} s here, {:.2} s in PostgreSQL", processor.0, processor.1);
    for table in tables {
        println!("  {}: {} new, {} changed, {} unchanged", table.table, table.inserted, table.updated, table.unchanged);
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, url, rows, times @ ..] = arguments.as_slice() else { panic!("sqlite|postgres|discard URL ROWS [once]") };
    let folder = tempfile::tempdir().unwrap();
    #[cfg(feature = "private-server")]
    let server = (kind == "postgres" && url == "private").then(|| aqueduct_warehouse::private_server::PrivateServer::start().unwrap());
    let url = match (kind.as_str(), url.as_str()) {
        ("sqlite", "private") => format!("sqlite://{}", folder.path().join("warehouse.db").display()),
        #[cfg(feature = "private-server")]
        ("postgres", "private") => server.as_ref().unwrap().url("postgres"),
        ("discard", _) => "discard://".to_owned(),
        (_, url) => url.to_owned(),
    };
    let records: usize = rows.parse().expect("a number of rows");
    let warehouse = aqueduct_warehouse::open(&Secret::new(url)).await.unwrap();
    let shapes = shapes();
    for run in &["first", "second"][..if times.is_empty() { 2 } else { 1 }] {
        let start = RunStart {
            pipeline: "speed".into(),
            run_id: (*run).into(),
            started_at: Timestamp::from_microseconds(START),
            allow_mass_delete: false,
        };
        let fence = warehouse.begin_run(start).await.unwrap();
        println!("{run} time:");
        pass(warehouse.as_ref(), &fence, &shapes, records).await;
        let begun = Instant::now();
        warehouse
            .end_run(
                &fence,
                &RunRecord {
                    run_id: (*run).into(),
                    pipeline: "speed".into(),
                    started_at: Timestamp::from_microseconds(START),
                    ended_at: None,
                    status: RunStatus::Ok,
                    exit_code: 0,
                    streams: Vec::new(),
                    traffic: Default::default(),
                },
            )
            .await
            .unwrap();
        println!("  end of run: {:.3} s", begun.elapsed().as_secs_f64());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("peak memory of this process: {}", status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown").trim());
}
