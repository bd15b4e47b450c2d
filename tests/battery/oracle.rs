//! The judge: what must be true of a destination after any trouble, found without the code that is judged.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::database::{Database, Dump, Row};
use crate::outcome::Outcome;
use crate::source::{LAG, Source};
use crate::world::{Ran, World};

/// Columns that tell of the load and not of the record, and when it was decided who somebody is.
const PROVENANCE: [&str; 4] = ["_load_id", "_loaded_at", "_row_hash", "decided_at"];
/// Tables that hold what was true at some time, and keep it when it is no longer: only an untouched account can be compared in them.
const HISTORICAL: [&str; 3] = ["contact_point", "consent_event", "association"];

/// What was true of the account while the trial ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// Nobody changed it.
    Still,
    /// Records changed.
    Changing,
}

/// Judges the end of a trial: no loss, no duplicate, the content of an undisturbed run, an exact account of all records.
pub(crate) async fn judge(world: &World, account: Account) -> Outcome {
    let (expected, mut outcome) = undisturbed(world).await;
    outcome.add(judge_against(world, account, &expected));
    outcome
}

/// What a run into a new database brings that nothing disturbs.
pub(crate) async fn undisturbed(world: &World) -> (Dump, Outcome) {
    let database = world.another_database().await;
    let ran = world.run_into(&database, aqueduct_pipeline::RunOptions::default()).await;
    let mut outcome = Outcome::default();
    outcome.must(ran.code == Some(0), || format!("the undisturbed run ended with {:?}: {}", ran.code, ran.words));
    let dump = tokio::task::block_in_place(|| {
        let dump = database.dump();
        database.remove();
        dump
    });
    if let Database::Sqlite(path) = &database {
        let _ = std::fs::remove_file(path);
    }
    (dump, outcome)
}

/// The same with what such a run has brought, for an account that is judged several times and does not change between.
pub(crate) fn judge_against(world: &World, account: Account, expected: &Dump) -> Outcome {
    let (source, database) = (&world.source, &world.database);
    let dump = tokio::task::block_in_place(|| database.dump());
    let mut outcome = Outcome::default();
    against_source(source, &dump, &mut outcome);
    duplicates(&dump, &mut outcome);
    against_undisturbed(&dump, expected, account, &mut outcome);
    whole_loads(&dump, &mut outcome);
    accounting(&dump, &mut outcome);
    settled(source, &dump, &mut outcome);
    secrets_in_ledger(source, &dump, &mut outcome);
    outcome.bound("requests to an account", source.counters().total, 20_000);
    outcome.bound("MiB in a trial's folder", folder_bytes(world.folder.path()) >> 20, 64);
    tokio::task::block_in_place(|| database.remove());
    outcome
}

/// The bytes of all files of a trial: its SQLite files with their logs, the control store, outputs.
fn folder_bytes(folder: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| entry.metadata().map_or(0, |found| if found.is_dir() { folder_bytes(&entry.path()) } else { found.len() }))
        .sum()
}

/// Judges a destination between two runs, right after a kill.
pub(crate) fn judge_between(world: &World) -> Outcome {
    let dump = tokio::task::block_in_place(|| world.database.dump());
    let mut outcome = Outcome::default();
    duplicates(&dump, &mut outcome);
    whole_loads(&dump, &mut outcome);
    settled(&world.source, &dump, &mut outcome);
    outcome
}

/// Judges a destination after a power cut. Where a run had ended and said that it is complete, everything must be there.
pub(crate) fn judge_dump(source: &Source, dump: &Dump, complete: bool) -> Outcome {
    let mut outcome = Outcome::default();
    duplicates(dump, &mut outcome);
    whole_loads(dump, &mut outcome);
    settled(source, dump, &mut outcome);
    if complete {
        against_source(source, dump, &mut outcome);
    }
    outcome
}

/// Judges what a run printed and how it ended.
pub(crate) fn judge_run(world: &World, ran: &Ran) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.must(!ran.words.contains("panicked"), || format!("a panic: {}", tail(&ran.words)));
    outcome.must(!ran.words.contains("did not end"), || "the process did not end".to_owned());
    // I7: the accounts of the battery are small, so whatever grows beyond these bounds grows without need.
    if let Some(used) = ran.used {
        outcome.bound("memory of a process in MiB", used.memory / 1_024, world.memory);
        outcome.bound("open files of a process", used.files, 100);
        outcome.bound("seconds of a process", used.time.as_secs(), 240);
    }
    for canary in world.source.canaries() {
        outcome.must(!ran.words.contains(&canary), || "the output holds a secret or a personal value".to_owned());
    }
    outcome
}

/// The last words of an output.
pub(crate) fn tail(words: &str) -> String {
    let start = words.len().saturating_sub(700);
    words[words.ceil_char_boundary(start)..].to_owned()
}

fn text(row: &Row, column: &str) -> Option<String> {
    match row.get(column)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn is_deleted(row: &Row) -> bool {
    matches!(text(row, "is_deleted").as_deref(), Some("1" | "true"))
}

/// I1: every live record of the account is there, as it is, and nothing else is live.
fn against_source(source: &Source, dump: &Dump, outcome: &mut Outcome) {
    for (table, live) in source.live() {
        let empty = Vec::new();
        let rows = dump.get(table).unwrap_or(&empty);
        let mut found: BTreeSet<String> = BTreeSet::new();
        let column = if table == "deal" { "name" } else { "last_name" };
        for row in rows.iter().filter(|row| !is_deleted(row)) {
            let Some(id) = text(row, "source_id") else { continue };
            match live.get(&id) {
                None => {
                    outcome.different += 1;
                    outcome.complaints.push(format!("{table} {id} is live here and not at the source"));
                }
                // Only what the battery itself wrote is plain enough to survive every cleaner as it is.
                Some(value) if value.starts_with("Changed") && text(row, column).as_deref() != Some(value) => {
                    outcome.different += 1;
                    outcome.complaints.push(format!("{table} {id} is stale: {:?} and not {value}", text(row, column)));
                }
                Some(_) => {}
            }
            found.insert(id);
        }
        let missing: Vec<&String> = live.keys().filter(|id| !found.contains(*id)).collect();
        outcome.lost += missing.len() as u64;
        outcome.must(missing.is_empty(), || format!("{table} lacks {} live records, such as {:?}", missing.len(), missing.first()));
    }
}

fn key_of(table: &str) -> &'static str {
    if table.contains('_') && (table.starts_with("hubspot") || table.starts_with("salesforce")) { "_id" } else { "id" }
}

/// I2: no key twice.
fn duplicates(dump: &Dump, outcome: &mut Outcome) {
    for (table, rows) in dump.iter().filter(|(table, _)| !table.starts_with('_')) {
        let mut keys: HashMap<String, u64> = HashMap::new();
        for key in rows.iter().filter_map(|row| text(row, key_of(table))) {
            *keys.entry(key).or_default() += 1;
        }
        let twice: u64 = keys.values().map(|count| count - 1).sum();
        outcome.duplicated += twice;
        outcome.must(twice == 0, || format!("{table} has {twice} rows whose key is there already"));
    }
}

/// I3: the content of an undisturbed run.
fn against_undisturbed(dump: &Dump, expected: &Dump, account: Account, outcome: &mut Outcome) {
    let empty = Vec::new();
    for (table, rows) in expected.iter().filter(|(table, _)| !table.starts_with('_')) {
        if account == Account::Changing && HISTORICAL.contains(&table.as_str()) {
            continue;
        }
        let mine = contents(table, dump.get(table).unwrap_or(&empty));
        let theirs = contents(table, rows);
        let differing: Vec<&String> = theirs.iter().filter(|(key, row)| mine.get(*key) != Some(row)).map(|(key, _)| key).collect();
        let beyond = mine.keys().filter(|key| !theirs.contains_key(*key)).count();
        outcome.different += (differing.len() + beyond) as u64;
        outcome.must(differing.is_empty() && beyond == 0, || {
            let example = differing.first().map(|key| format!("{:?} and not {:?}", mine.get(*key), theirs.get(*key)));
            format!("{table}: {} rows differ from an undisturbed run, {beyond} are beyond it; {example:?}", differing.len())
        });
    }
}

/// What all tables but Aqueduct's own hold.
pub(crate) fn digest(dump: &Dump) -> BTreeMap<String, BTreeMap<String, String>> {
    let tables = dump.iter().filter(|(table, _)| !table.starts_with('_'));
    tables.map(|(table, rows)| (table.clone(), contents(table, rows))).collect()
}

/// The live rows by key, each as sorted text without what tells of the load.
fn contents(table: &str, rows: &[Row]) -> BTreeMap<String, String> {
    let live = rows.iter().filter(|row| !is_deleted(row));
    live.filter_map(|row| {
        let key = text(row, key_of(table))?;
        let kept: BTreeMap<&String, Value> = row
            .iter()
            .filter(|(name, value)| !PROVENANCE.contains(&name.as_str()) && !value.is_null())
            .map(|(name, value)| (name, parsed(name, value)))
            .collect();
        Some((key, serde_json::to_string(&kept).unwrap_or_default()))
    })
    .collect()
}

/// Flags as what they are: their order as text means nothing.
fn parsed(name: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if name == "_flags" => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

/// I4: every row belongs to a load that is recorded, and no load has more rows than it says.
fn whole_loads(dump: &Dump, outcome: &mut Outcome) {
    let empty = Vec::new();
    let loads: BTreeSet<String> = dump.get("_loads").unwrap_or(&empty).iter().filter_map(|row| text(row, "load_id")).collect();
    for (table, rows) in dump.iter().filter(|(table, _)| !table.starts_with('_')) {
        let stray = rows.iter().filter_map(|row| text(row, "_load_id")).filter(|load| !loads.contains(load)).count();
        outcome.must(stray == 0, || format!("{table} has {stray} rows of a load that is not recorded"));
    }
    let states: Vec<String> = dump.get("_state").unwrap_or(&empty).iter().filter_map(|row| text(row, "load_id")).collect();
    outcome.must(states.iter().all(|load| loads.contains(load)), || "a state belongs to a load that is not recorded".to_owned());
}

/// I6: `read = loaded + quarantined + filtered + unchanged`, in every load and every stream of every run.
fn accounting(dump: &Dump, outcome: &mut Outcome) {
    let empty = Vec::new();
    let number = |value: Option<&Value>| match value {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(-1),
        Some(Value::String(text)) => text.parse().unwrap_or(-1),
        _ => -1,
    };
    let sums = |row: &Row| {
        number(row.get("read")) == ["loaded", "quarantined", "filtered", "unchanged"].iter().map(|part| number(row.get(*part))).sum::<i64>()
    };
    for load in dump.get("_loads").unwrap_or(&empty) {
        outcome.must(sums(load), || format!("the records of load {:?} do not add up", text(load, "load_id")));
    }
    for run in dump.get("_runs").unwrap_or(&empty) {
        let record: Value = match run.get("record") {
            Some(Value::String(json)) => serde_json::from_str(json).unwrap_or(Value::Null),
            Some(other) => other.clone(),
            None => Value::Null,
        };
        for stream in record["streams"].as_array().into_iter().flatten().filter_map(Value::as_object) {
            outcome.must(sums(stream), || format!("the records of stream {:?} of a run do not add up", stream.get("stream")));
        }
    }
}

/// I5: whatever changed before `settled` is there, and `settled` is never later than the vendor's time less the lag.
fn settled(source: &Source, dump: &Dump, outcome: &mut Outcome) {
    let empty = Vec::new();
    let latest = source.clock.now() - jiff::SignedDuration::try_from(LAG).expect("the lag is short");
    for state in dump.get("_state").unwrap_or(&empty) {
        let value: Value = match state.get("state") {
            Some(Value::String(json)) => serde_json::from_str(json).unwrap_or(Value::Null),
            Some(other) => other.clone(),
            None => Value::Null,
        };
        let Some(at) = value["settled"]["at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok()) else { continue };
        for table in ["contact", "deal"] {
            if text(state, "stream").as_deref() != Some(source.stream(table)) {
                continue;
            }
            outcome.must(at <= latest, || format!("{table} is settled until {at}, later than the vendor's time less the lag"));
            let there: BTreeSet<String> = dump.get(table).unwrap_or(&empty).iter().filter_map(|row| text(row, "source_id")).collect();
            let missing = source.changed_before(table, at).into_iter().filter(|id| !there.contains(id)).count();
            outcome.lost += missing as u64;
            outcome.must(missing == 0, || format!("{table} is settled until {at} and lacks {missing} records from before"));
        }
    }
}

/// I9: no secret and no personal value in what Aqueduct keeps for itself. Quarantine may keep records.
fn secrets_in_ledger(source: &Source, dump: &Dump, outcome: &mut Outcome) {
    let canaries = source.canaries();
    for table in ["_state", "_runs", "_loads", "_fence"] {
        let text = dump.get(table).map(|rows| serde_json::to_string(rows).unwrap_or_default()).unwrap_or_default();
        outcome.must(!canaries.iter().any(|canary| text.contains(canary)), || format!("{table} holds a secret or a personal value"));
    }
}
