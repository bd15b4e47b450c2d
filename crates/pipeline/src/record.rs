//! A recording: what a connector and its source said to each other while a few records were read, scrubbed and written as fixtures.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aqueduct_connector::Stream;
use aqueduct_engine::{ExchangeObserver, ReadOptions};
use aqueduct_privacy::scrub::{Exchange, Field, Fixture, Refusal, SCRUBBED, SOURCE, Scrubber};
use aqueduct_schema::{Error, Result, StreamState, codes};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::pipeline::{Connected, Pipeline};

/// What a recording came to.
#[derive(Debug, Default)]
pub struct Recording {
    /// The files that were written, in the order of the exchanges.
    pub files: Vec<String>,
    /// The streams that were read, with how many records each gave.
    pub streams: Vec<(String, u64)>,
    /// The exchanges that were not written, because they could not be scrubbed.
    pub refused: Vec<Refusal>,
    /// What could not be read, by what was being done; the exchanges up to there are written.
    pub failed: Vec<(String, Error)>,
}

/// Keeps the exchanges of one recording in memory, with the stream that was being read.
#[derive(Default)]
struct Recorder {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    stream: Option<String>,
    exchanges: Vec<Exchange>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("recorder")
    }
}

impl Recorder {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ExchangeObserver for Recorder {
    fn exchanged(&self, seen: aqueduct_engine::Exchange<'_>) {
        let mut kept = self.kept();
        let exchange = Exchange {
            operation: seen.operation.to_owned(),
            stream: kept.stream.clone(),
            method: seen.method.to_owned(),
            url: seen.url.to_owned(),
            sent: seen.sent.map(|(kind, body)| (kind.to_owned(), body.to_vec())),
            status: seen.status,
            headers: seen.headers.to_vec(),
            body: seen.body.to_vec(),
        };
        kept.exchanges.push(exchange);
    }
}

/// Asks the source who we are and what it has, reads the selected streams from their beginnings, up to the page with which each has
/// given `limit` records, and writes every exchange into a folder, scrubbed. Nothing is loaded and no state is kept.
///
/// What fails at the source ends the reading of that stream alone: its answers are the ones a recording is often wanted for.
///
/// # Errors
/// `AQ1001` when the folder holds other things or the connector sends no requests, `AQ1012` when the folder cannot be written.
pub async fn record(pipeline: &Pipeline, select: &[String], limit: Option<u64>, folder: &Path) -> Result<Recording> {
    if !pipeline.needs_requests() {
        let message = format!("connector `{}` sends no requests, so there is nothing to record", pipeline.registration.name);
        return Err(Error::new(codes::BAD_USAGE, message).advise("Record a pipeline whose source is an API."));
    }
    prepare(folder)?;
    let recorder = Arc::new(Recorder::default());
    let mut recording = Recording::default();
    let mut fields = Vec::new();
    match pipeline.connect_observed(select, Some(recorder.clone())).await {
        Ok(connected) => {
            fields = connected.streams.iter().flat_map(fields_of).collect();
            for stream in &connected.selected {
                recorder.kept().stream = Some(stream.name.clone());
                match read(pipeline, &connected, stream, limit).await {
                    Ok(records) => recording.streams.push((stream.name.clone(), records)),
                    Err(error) => recording.failed.push((stream.name.clone(), error)),
                }
            }
        }
        Err(error) => recording.failed.push(("check and discover".to_owned(), error)),
    }
    let exchanges = std::mem::take(&mut recorder.kept().exchanges);
    // Scrubbing keeps a processor busy, which is no business of other tasks.
    let written = {
        let mut scrubber = Scrubber::new(key()?, fields);
        let schema = (pipeline.registration.config_schema)().to_value();
        secrets(&pipeline.file.content.source.config, &schema, &mut |text| scrubber.secret(text));
        write(pipeline, &mut scrubber, &exchanges, &recording, folder)?
    };
    (recording.files, recording.refused) = written;
    Ok(recording)
}

/// Reads a stream as a first run would and lets go of the records.
async fn read(pipeline: &Pipeline, connected: &Connected, stream: &Stream, limit: Option<u64>) -> Result<u64> {
    let (sender, mut batches) = mpsc::channel(4);
    let options = ReadOptions { record_limit: limit, ..ReadOptions::new(pipeline.registration.name) };
    let reading = connected.engine.read_stream(stream, StreamState::default(), &options, sender);
    // Read to the end: a request that was sent for nothing must not turn up under the next stream.
    let (outcome, ()) = tokio::join!(reading, async { while batches.recv().await.is_some() {} });
    Ok(outcome?.records)
}

fn fields_of(stream: &Stream) -> impl Iterator<Item = Field> + '_ {
    stream.record.fields.iter().map(|field| Field {
        stream: stream.name.clone(),
        path: field.path.clone(),
        value_type: field.value_type,
        semantic: field.semantic,
        sensitivity: field.sensitivity,
    })
}

/// A key for this recording, drawn by the machine and never stored.
fn key() -> Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|_| Error::new(codes::BUG, "the machine gives no random numbers"))?;
    Ok(key)
}

/// Hands over every text of a config that its schema marks as a secret.
fn secrets(config: &Value, schema: &Value, found: &mut impl FnMut(&str)) {
    let Value::Object(entries) = config else { return };
    for (name, value) in entries {
        let field = &schema["properties"][name];
        // A secret that may be left out stands one level deeper in the schema, and its mark with it.
        if field.to_string().contains("x-secret") { texts(value, found) } else { secrets(value, field, found) }
    }
}

fn texts(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => found(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(entries) => entries.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(codes::FILE_UNREADABLE, format!("`{}` cannot be written ({})", path.display(), error.kind()))
}

/// Makes the folder. One that holds anything is left alone: fixtures of two recordings do not fit together.
fn prepare(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let mut entries = std::fs::read_dir(folder).map_err(|error| unwritable(folder, &error))?;
    if entries.next().is_some() {
        let message = format!("the folder `{}` is not empty", folder.display());
        return Err(Error::new(codes::BAD_USAGE, message).advise("Name a new folder with --output."));
    }
    Ok(())
}

/// Scrubs everything, looks at it a second time, and writes what passes; the files and the refusals.
fn write(
    pipeline: &Pipeline,
    scrubber: &mut Scrubber,
    exchanges: &[Exchange],
    recording: &Recording,
    folder: &Path,
) -> Result<(Vec<String>, Vec<Refusal>)> {
    exchanges.iter().for_each(|exchange| scrubber.learn(exchange));
    let scrubbed: Vec<_> = exchanges.iter().map(|exchange| scrubber.scrub(exchange)).collect();
    let (mut files, mut refused, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for (number, scrubbed) in scrubbed.into_iter().enumerate() {
        let fixture = match scrubbed.and_then(|fixture| scrubber.verify(&fixture).map(|()| fixture)) {
            Ok(fixture) => fixture,
            Err(refusal) => {
                refused.push(refusal);
                continue;
            }
        };
        let file = file_name(number + 1, &fixture);
        save(folder, &file, &fixture.text)?;
        let Fixture { operation, stream, method, path, status, .. } = fixture;
        entries.push(json!({"file": file, "operation": operation, "stream": stream, "method": method, "path": path, "status": status}));
        files.push(file);
    }
    let mut config = scrubber.config(&pipeline.file.content.source.config);
    if let Some(config) = config.as_object_mut() {
        config.remove("base_url");
    }
    let streams: Vec<Value> = recording.streams.iter().map(|(stream, records)| json!({"stream": stream, "records": records})).collect();
    let left_out: Vec<Value> = refused
        .iter()
        .map(|refusal| json!({"request": refusal.request, "operation": refusal.operation, "reason": refusal.reason}))
        .collect();
    let mut index = json!({
        "format": 1,
        "connector": pipeline.registration.name,
        "config": config,
        "streams": streams,
        "exchanges": entries,
        "refused": left_out,
    });
    let text = pretty(&index);
    let checked =
        Fixture { operation: "index".to_owned(), stream: None, method: "-".to_owned(), path: "index.json".to_owned(), status: 0, text };
    let text = match scrubber.verify(&checked) {
        Ok(()) => checked.text,
        Err(refusal) => {
            // The names of files and requests have been looked at; what else could it be than the config?
            refused.push(refusal);
            index["config"] = json!({});
            index["refused"] = json!([]);
            pretty(&index)
        }
    };
    save(folder, "index.json", &text)?;
    save(folder, "README.md", &readme(pipeline.registration.name))?;
    Ok((files, refused))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn save(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text).map_err(|error| unwritable(&path, &error))
}

/// The number of the exchange, the method and the path in letters that every file system takes.
fn file_name(number: usize, fixture: &Fixture) -> String {
    let words: Vec<&str> = fixture.path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let path: String = words.join("-").to_ascii_lowercase().chars().take(60).collect();
    format!("{number:04}-{}-{path}.json", fixture.method.to_ascii_lowercase())
}

fn readme(connector: &str) -> String {
    format!(
        "# A recording of the connector `{connector}`\n\n\
         Replay it with `aqueduct replay .` and point `base_url` of a pipeline at the address that is printed.\n\n\
         Every file holds one request and its answer, in the order in which they were exchanged; `index.json` lists them. Names,\n\
         addresses, numbers and texts are invented, and the same value has the same invented one everywhere. `{SCRUBBED}` stands for a\n\
         secret, `{SOURCE}` for the source's own address.\n"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn secrets_are_told_by_the_schema_of_the_config() {
        let registration = crate::Registry::standard().find("hubspot").unwrap().clone();
        let config = json!({"client_id": "c", "client_secret": "canary-1", "refresh_token": "canary-2", "base_url": "http://x"});
        let mut found = Vec::new();
        secrets(&config, &(registration.config_schema)().to_value(), &mut |text| found.push(text.to_owned()));
        found.sort();
        assert_eq!(found, ["canary-1", "canary-2"]);
    }

    #[test]
    fn a_folder_that_holds_anything_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        prepare(&folder.path().join("new/fixtures")).unwrap();
        assert_eq!(prepare(folder.path()).unwrap_err().code(), codes::BAD_USAGE);
    }
}
