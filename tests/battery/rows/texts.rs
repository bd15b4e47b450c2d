//! Row 20: texts that are read in, mutated: pipeline files and what they name, states, schedules, pages, values of people.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use aqueduct_engine::{Decoder, Settings};
use aqueduct_pipeline::cleaners::{CleaningContext, clean};
use aqueduct_pipeline::connector::{CsvFormat, Origin, Records, Stream};
use aqueduct_pipeline::control_store::occurrence::{Occurrence, OccurrenceId};
use aqueduct_pipeline::control_store::standing::Standing;
use aqueduct_pipeline::{Environment, Pipeline, Registry};
use aqueduct_schema::{Mode, RecordField, RecordSchema, SemanticType, StreamState, TableName, Timestamp, ValueType};
use aqueduct_simulator::{Effect, Fault, Match, RetryAfter};

use crate::oracle::judge_run;
use crate::outcome::Outcome;
use crate::random::Random;
use crate::source::{Size, Vendor};
use crate::world::{Shared, World};

/// Texts of each kind in a trial; with the pages and headers of a run they are a thousand.
const FILES: u64 = 48;
const STATES: u64 = 250;
const PAGES: u64 = 300;
const VALUES: u64 = 400;

const CONTRACT: &str = "kind: contract\nversion: 1\nstreams:\n  contacts: { on_change: freeze, fields: { fax: { on_change: evolve } } }\n";
const POLICY: &str = "sensitivity:\n  none: keep\n  indirect: keep\n  direct: keep\n  sensitive: drop\nsemantic_types:\n  free_text: drop\n\
                      columns: { contact.job_title: drop }\n";
const MORE: &str = "schedule: { cron: \"*/15 6-22 * * MON-FRI\", timezone: Europe/London, jitter: 2m, retries: { attempts: 3, backoff: 1m }, \
                    blackout: [{ from: \"22:00\", until: \"06:30\", days: [sat, sun] }] }\n\
                    normalise:\n  defaults: { country: GB, day_first: true }\n  overrides:\n    contact:\n      \
                    full_name: { join: [properties.firstname, properties.lastname] }\n      \
                    lifecycle_stage: { from: properties.lifecyclestage, values: { marketingqualifiedlead: mql } }\n  \
                    required: { contact: [email] }\n\
                    quality: { contract: contract.yaml }\nprivacy: { policy: policy.yaml }\n";
const PAGE: &str = r#"{"results":[{"id":"1","properties":{"email":"a@example.com","lastname":"Ä","points":"12.50","member":"true","createdate":"2026-01-01T00:00:00Z"},"createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-02T00:00:00Z","archived":false,"tags":["x",{"y":null}]},{"id":"2","properties":{}}],"paging":{"next":{"after":"2"}}}"#;
const ROWS: &str = "7,\"a, b\",2026-01-02T03:04:05Z,12\n8,ü,,\"4\n5\"\n9,\"say \"\"hi\"\"\",x,1e400\n";
const STORED: [&str; 4] = [
    r#"{"reading":{"mode":"backfill","started_at":"2026-07-10T12:00:00Z","position":{"after":"17"}},"settled":{"at":"2026-07-10T11:00:00.123Z","id":"9"}}"#,
    r#"{"pipeline":"p","at":"2026-07-10T12:00:00Z","state":"claimed","instance":"one","holder":{"run_id":"","host":"h","place":"h","process":7},"attempt":1,"since":"2026-07-10T12:00:00Z","until":"2026-07-10T12:01:00Z"}"#,
    r#"{"looked_at":"2026-07-10T12:00:00Z","by":"*/15 * * * *","open":[{"at":"2026-07-10T12:00:00Z","late":true}],"failures":2}"#,
    "hubspot/2026-11-22T12:00:00Z",
];
const SAMPLES: [&str; 16] = [
    "ada.lovelace+news@example.co.uk",
    "\"a b\"@[192.0.2.1]",
    "+44 (0)20 7946 0018 ext. 12",
    "0049-30/1234567",
    "Dr. María-José von der Heide, MBA",
    "2026-02-30T25:61:00+14:00",
    "03/04/26 5pm",
    "1.234.567,89 €",
    "(1,234.50)",
    "https://user:pass@exämple.com:8080/a?b=c#d",
    "Grüße aus Zürich 🇨🇭",
    "ZüRICH",
    "SW1A 1AA",
    "-0",
    "9223372036854775808",
    "\u{202e}\u{0}null\u{feff}",
];

/// Row 20.
pub(crate) async fn mutated(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let world = World::new(&shared, Vendor::Hubspot, false, 3, Size { contacts: 20, deals: 2, archived: false }).await;
    let mut outcome = Outcome::default();
    tokio::task::block_in_place(|| {
        files(&world, &mut random, &mut outcome);
        stored(&mut random, &mut outcome);
        pages(&mut random, &mut outcome);
        values(&mut random, &mut outcome);
    });
    let retry_after =
        RetryAfter::Text(changed("Fri, 10 Jul 2026 12:00:30 GMT", &mut random).replace(|letter: char| letter.is_control(), " "));
    world.source.inject(Fault::next(1, Effect::Body(changed(PAGE, &mut random))).when(Match::path("/objects/")));
    world
        .source
        .inject(Fault::next(1, Effect::Status { status: 429, retry_after: Some(retry_after) }).when(Match::path("/objects/").after(2)));
    let ran = world.run_here().await;
    outcome.add(judge_run(&world, &ran));
    outcome.must(ran.code.is_some(), || "a page ends the process".to_owned());
    outcome.note_times("texts tried", 2);
    tokio::task::block_in_place(|| world.database.remove());
    outcome
}

/// A pipeline file, its contract or its policy. One that is refused says where.
fn files(world: &World, random: &mut Random, outcome: &mut Outcome) {
    let usual = std::fs::read_to_string(world.file(&world.database)).expect("the pipeline file is there") + MORE;
    let (folder, environment) = (world.folder.path(), Environment::default());
    let registry = Registry::standard();
    let path = folder.join("mutated.yaml");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("the file is written");
    for _ in 0..FILES {
        let which = random.between(0, 4);
        let (mut file, mut contract, mut policy) = (usual.clone(), CONTRACT.to_owned(), POLICY.to_owned());
        let text = match which {
            0 => &mut contract,
            1 => &mut policy,
            _ => &mut file,
        };
        *text = changed(text, random);
        let text = text.clone();
        write("contract.yaml", &contract);
        write("policy.yaml", &policy);
        write("mutated.yaml", &file);
        let opened = tried("a pipeline file", &text, outcome, || Pipeline::open(&path, &registry, &environment).map(drop));
        match opened {
            Some(Err(error)) if error.location().is_some() => outcome.note("files refused with their place"),
            Some(Err(error)) => outcome.must(is_without_a_place(&error), || format!("refused without a place: {error}: {text}")),
            _ => {}
        }
    }
    // It loads as it is, or every mutation of it would be refused for the same reason.
    write("contract.yaml", CONTRACT);
    write("policy.yaml", POLICY);
    write("mutated.yaml", &usual);
    let opened = Pipeline::open(&path, &registry, &environment);
    outcome.must(opened.is_ok(), || format!("the file that is mutated is refused itself: {:?}", opened.err()));
}

/// Whether an error is about something else than what is written: a file that is named and not there, credentials that no file has.
fn is_without_a_place(error: &aqueduct_schema::Error) -> bool {
    matches!(error.code().id, "AQ1012")
}

/// What is kept between runs.
fn stored(random: &mut Random, outcome: &mut Outcome) {
    for number in 0..STATES {
        let which = number as usize % STORED.len();
        let text = changed(STORED[which], random);
        tried("what is stored", &text, outcome, || match which {
            0 => serde_json::from_str::<StreamState>(&text).is_ok(),
            1 => serde_json::from_str::<Occurrence>(&text).is_ok(),
            2 => serde_json::from_str::<Standing>(&text).is_ok(),
            _ => text.parse::<OccurrenceId>().is_ok() | text.parse::<Timestamp>().is_ok(),
        });
    }
}

/// Pages in three forms. What is not refused as a whole has every record as a row or as a reject.
fn pages(random: &mut Random, outcome: &mut Outcome) {
    let field = |path: &str, kind| RecordField::new(path, kind);
    let fields = vec![
        field("id", ValueType::Text),
        field("properties.email", ValueType::Text),
        field("properties.createdate", ValueType::Timestamp),
        field("properties.points", ValueType::Integer),
        field("properties.member", ValueType::Boolean),
        field("tags", ValueType::Json),
    ];
    let stream = Stream::new("people", RecordSchema::new("person", fields, &["id"]), &[Mode::Changes], "");
    let columns = vec![
        field("id", ValueType::Text),
        field("name", ValueType::Text),
        field("since", ValueType::Timestamp),
        field("count", ValueType::Integer),
    ];
    let list = Stream::new("list", RecordSchema::new("person", columns, &["id"]), &[Mode::Snapshot], "");
    for number in 0..PAGES {
        let (stream, text) = match number % 3 {
            0 | 1 => (&stream, changed(PAGE, random)),
            _ => (&list, changed(ROWS, random)),
        };
        let records = match number % 3 {
            0 => Records::Json { body: text.clone().into(), pointer: &["results"] },
            1 => Records::JsonLines { body: text.clone().into(), origin: origin() },
            _ => Records::Csv { body: text.clone().into(), format: format(), origin: origin() },
        };
        let mut decoder = Decoder::new(stream, TableName::source("shop", &stream.name), &Settings::default());
        if let Some(Ok(decoded)) = tried("a page", &text, outcome, || decoder.decode(&records)) {
            let told = decoded.table.rows.num_rows() as u64 + decoded.rejects.len() as u64;
            outcome.must(told == decoded.read, || format!("{} records are read and {told} told: {text}", decoded.read));
            outcome.must(decoded.rejects.iter().all(|reject| !reject.rule.is_empty()), || format!("turned away without a reason: {text}"));
            outcome.note("pages decoded");
        }
    }
}

/// Values under every cleaner. What is clean stays as it is.
fn values(random: &mut Random, outcome: &mut Outcome) {
    let context = CleaningContext { country: Some("GB"), currency: Some("EUR"), time_zone: Some("Europe/London"), ..CleaningContext::NONE };
    for _ in 0..VALUES {
        let semantic = *random.pick(&SemanticType::ALL);
        let text = changed(SAMPLES[random.between(0, SAMPLES.len() as u64) as usize], random);
        let again = tried("a value", &text, outcome, || {
            let once = clean(semantic, &text, &context);
            let value = once.value.as_deref()?.to_owned();
            let twice = clean(semantic, &value, &context);
            (twice.value.as_deref() != Some(&value)).then(|| format!("{value:?} becomes {:?}", twice.value))
        });
        let differs = again.flatten();
        outcome.must(differs.is_none(), || format!("{semantic:?} of {text:?}: what is clean is cleaned again: {differs:?}"));
    }
}

/// Reads a text: neither a panic, nor more than a second of a processor.
fn tried<T>(what: &str, text: &str, outcome: &mut Outcome, read: impl FnOnce() -> T) -> Option<T> {
    let begun = processor_time();
    let done = catch_unwind(AssertUnwindSafe(read));
    let took = processor_time().saturating_sub(begun) / 1_000_000;
    outcome.note("texts tried");
    outcome.note(format!("{what} tried"));
    outcome.bound("milliseconds of a processor for one text", took, 1_000);
    outcome.must(done.is_ok(), || format!("{what} makes it panic: {text}"));
    outcome.must(took <= 1_000, || format!("{what} takes {took} ms: {text}"));
    done.ok()
}

/// Nanoseconds that this thread has had a processor, where the system tells.
fn processor_time() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or(0)
}

fn origin() -> Origin {
    Origin { file: "list.csv".into(), first_line: 2 }
}

fn format() -> CsvFormat {
    let header = ["id", "name", "since", "count"].map(str::to_owned);
    CsvFormat { delimiter: b',', quote: b'"', header: header.into(), quoted_empty_is_null: false }
}

/// A text with some bytes changed, taken out, doubled or put in.
pub(crate) fn changed(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let pieces: [&[u8]; 12] =
        [b"{", b"]", b"\"", b": ", b"\n", "é".as_bytes(), b"1e400", b"\\ud800", b"-", b"&a *a", b"99999999999999999999", b"\t"];
    for _ in 0..random.between(1, 6) {
        let at = random.between(0, bytes.len().max(1) as u64) as usize;
        match random.between(0, 4) {
            0 if at < bytes.len() => bytes[at] = (random.next() & 0xff) as u8,
            1 if at < bytes.len() => drop(bytes.drain(at..(at + random.between(1, 30) as usize).min(bytes.len()))),
            2 => {
                let end = (at + random.between(1, 60) as usize).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                // Now and then so often that depth and length are beyond what anybody means.
                let times = if random.one_in(40) { 2_000 } else { 1 };
                bytes.splice(at..at, piece.repeat(times));
            }
            _ => drop(bytes.splice(at..at, random.pick(&pieces).iter().copied())),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
