//! Values nobody expects, fields that come and go, and what is made of both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use aqueduct_connector::Stream;
use aqueduct_normalise::{Defaults, Mappings, Normaliser, parse_mappings};
use aqueduct_schema::{Error, RecordSchema, Source, StreamState, ValueType};
use serde_json::{Map, Value, json};

use crate::tampered::{Tamper, parent, text_at};
use crate::trial::{Ask, Course, Reading, Stop, Trial, all_of, applies, require};

/// Longer than any value may be.
const TOO_LONG: usize = 10 << 20;

/// What a vendor may write into a field of text, and what must arrive of it; `None` for a value that has to be null.
fn hostile() -> Vec<(Value, Option<String>)> {
    let text = |text: &str| (json!(text), Some(text.to_owned()));
    let mut values = vec![
        text(""),
        (Value::Null, None),
        text("👩‍👩‍👧‍👦 Zoë \u{202e}gnirts"),
        text("a\"b\\c\n\td'; DROP TABLE contact; --"),
        text("null"),
        (json!(true), Some("true".to_owned())),
        // Beyond 2^53, where numbers of JavaScript lose their last digit.
        (json!(9_007_199_254_740_993_u64), Some("9007199254740993".to_owned())),
        (json!({"nested": ["object"]}), Some(r#"{"nested":["object"]}"#.to_owned())),
        (json!([]), Some("[]".to_owned())),
    ];
    values.extend(["2026-02-01", "01/02/2026", "2026-02-01T00:00:00.000+0000", "1769904000000", "Feb 1, 2026"].map(text));
    values
}

/// The fields of text that have no role, in the order of the stream.
fn free_texts(stream: &Stream) -> Vec<String> {
    let record = &stream.record;
    let free = record.fields.iter().filter(|field| field.value_type == ValueType::Text && !record.has_role(&field.path));
    free.map(|field| field.path.clone()).collect()
}

/// The stream, a field of text to harm, and an untouched first load that shows where the records stand.
async fn victim(trial: &Trial<'_>) -> Course<(Stream, String, Reading)> {
    let stream = trial.stream().await?;
    let field = free_texts(&stream).into_iter().next();
    let field = field.ok_or_else(|| Stop::NotApplicable("the stream has no field of text without a role".to_owned()))?;
    let reading = trial.load(&stream, &StreamState::default()).await?;
    applies(reading.place.known().is_some(), "the stream's records do not come in JSON answers")?;
    Ok((stream, field, reading))
}

fn key_of(stream: &Stream, record: &Map<String, Value>) -> String {
    stream.record.key.iter().filter_map(|path| text_at(record, path)).collect::<Vec<_>>().join(":")
}

pub(super) async fn hostile_values(trial: &Trial<'_>) -> Course {
    let (stream, field, untouched) = victim(trial).await?;
    let given: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let values = hostile();
    let kinds = values.len();
    let tamper: Tamper = {
        let (stream, field, given) = (stream.clone(), field.clone(), given.clone());
        Arc::new(move |record| {
            let mut given = given.lock().unwrap_or_else(PoisonError::into_inner);
            let next = given.len() % (kinds + 2);
            // A record that is read again gets what it had.
            let kind = *given.entry(key_of(&stream, record)).or_insert(next);
            let (parent, key) = parent(record, &field);
            let value = match kind.checked_sub(kinds) {
                None => values[kind].0.clone(),
                Some(0) => {
                    parent.insert(format!("@{key}"), json!("the first of two"));
                    json!("the last of two")
                }
                Some(_) => json!("x".repeat(TOO_LONG)),
            };
            parent.insert(key, value);
        })
    };
    let ask = Ask { tamper: Some((untouched.place.clone(), tamper)), ..Ask::new(&stream, &StreamState::default()) };
    let reading = trial.complete(trial.read(ask).await?, &stream)?;
    let given = given.lock().unwrap_or_else(PoisonError::into_inner).clone();
    require(!given.is_empty(), || "no record was found in the answers, although pages have some".to_owned())?;
    let too_long: BTreeSet<String> = given.iter().filter(|(_, kind)| **kind == kinds + 1).map(|(id, _)| id.clone()).collect();
    let rejected: BTreeSet<String> = reading.rejected.iter().filter_map(|(_, id)| id.clone()).collect();
    require(reading.rejected.iter().all(|(rule, _)| rule == "value.too_long") && rejected == too_long, || {
        format!(
            "{} records with a value of 10 MB should be rejected by themselves, and no others; rejected are {:?}",
            too_long.len(),
            reading.rejected
        )
    })?;
    let expected: BTreeSet<String> = untouched.ids().difference(&too_long).cloned().collect();
    all_of(&expected, &reading.ids(), "a first load with odd values")?;
    let values = hostile();
    for record in reading.pages.iter().flat_map(|page| &page.records) {
        let Some(kind) = given.get(&record.id) else { continue };
        let wanted = values.get(*kind).map_or(Some("the last of two".to_owned()), |(_, wanted)| wanted.clone());
        let found = record.values.get(&field).cloned().flatten();
        // Where a vendor writes nothing as an empty text, the two are one.
        let alike = found == wanted || (wanted.as_deref() == Some("") && found.is_none());
        require(alike, || {
            let sent = values.get(*kind).map_or_else(|| "a key twice".to_owned(), |(sent, _)| sent.to_string());
            format!("`{field}` arrives as {found:?} where the source says {sent}")
        })?;
    }
    Ok(())
}

pub(super) async fn schema_drift(trial: &Trial<'_>) -> Course {
    let (stream, field, untouched) = victim(trial).await?;
    let others = stream.record.fields.iter().filter(|other| !stream.record.has_role(&other.path) && other.path != field);
    let dropped: Option<String> = others.map(|other| other.path.clone()).next();
    let tamper: Tamper = {
        let (field, dropped) = (field.clone(), dropped.clone());
        Arc::new(move |record| {
            if let Some(dropped) = &dropped {
                let (parent, key) = parent(record, dropped);
                parent.remove(&key);
            }
            let (parent, key) = parent(record, &field);
            parent.insert(key, json!(42));
            parent.insert("aqueduct_drift".to_owned(), json!({"new": true}));
        })
    };
    let ask = Ask { tamper: Some((untouched.place.clone(), tamper)), ..Ask::new(&stream, &StreamState::default()) };
    let reading = trial.complete(trial.read(ask).await?, &stream)?;
    require(reading.rejected.is_empty(), || format!("records with new, missing or retyped fields are rejected: {:?}", reading.rejected))?;
    all_of(&untouched.ids(), &reading.ids(), "a first load with new, missing and retyped fields")?;
    for record in reading.pages.iter().flat_map(|page| &page.records) {
        let value = |path: &String| record.values.get(path).cloned().flatten();
        require(value(&field).as_deref() == Some("42"), || {
            format!("`{field}` became a number at the source and arrives as {:?}", value(&field))
        })?;
        if let Some(dropped) = &dropped {
            require(value(dropped).is_none(), || format!("`{dropped}` is gone at the source and still has a value"))?;
        }
    }
    let unknown = reading.outcome.as_ref().map(|outcome| outcome.unknown_fields.clone()).unwrap_or_default();
    require(unknown.iter().any(|(name, count)| name == "aqueduct_drift" && *count > 0), || {
        "a new field of the source is not reported among the unknown fields".to_owned()
    })
}

/// Ends the trial with everything that is wrong, so that one run of the suite shows all of it.
fn none_wrong(trial: &Trial<'_>, what: &str, wrong: &[Error]) -> Course {
    for error in wrong {
        trial.evidence.error(error);
    }
    let words: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    require(wrong.is_empty(), || format!("{what}: {}", words.join("; ")))
}

pub(super) async fn required_mapped(trial: &Trial<'_>) -> Course {
    let (mut documents, mut wrong) = (Vec::new(), Vec::new());
    for (name, text) in trial.registration.mappings {
        match parse_mappings(name, text) {
            Ok(found) => documents.extend(found),
            Err(error) => wrong.push(error),
        }
    }
    none_wrong(trial, "mappings cannot be read", &wrong)?;
    applies(!documents.is_empty(), "the connector maps nothing")?;
    let mapped: BTreeSet<String> = documents.iter().map(|mapping| mapping.stream().to_owned()).collect();
    let mappings = Mappings::new(documents);
    let streams = trial.streams().await?;
    let known: Vec<(&str, &RecordSchema)> = streams.iter().map(|stream| (stream.name.as_str(), &stream.record)).collect();
    none_wrong(trial, "mappings do not fit their streams", &mappings.validate(&known))?;
    // An account need not have every stream that can be mapped, but one without any tries nothing.
    applies(
        mapped.iter().any(|name| known.iter().any(|(stream, _)| stream == name)),
        "the account has none of the streams that mappings name",
    )?;
    let source = Source { tenant: "default".into(), system: trial.registration.name.into(), account: "1".into() };
    for stream in streams.iter().filter(|stream| mapped.contains(&stream.name)) {
        let mut selected = stream.clone();
        selected.record.fields.retain(|field| stream.record.has_role(&field.path) || mappings.uses(&stream.name, &field.path));
        let normaliser = Normaliser::new(&mappings, &stream.name, &selected.record, &source, &Defaults::default());
        let mut normaliser = normaliser.map_err(|error| trial.failed("a mapping does not fit its stream", &error))?;
        let batches = trial.batches(&selected, StreamState::default()).await?;
        let (mut read, mut rejected, mut rules) = (0, 0, BTreeSet::new());
        for batch in batches {
            let batch = normaliser.run(batch).map_err(|error| trial.failed("records cannot be normalised", &error))?;
            read += batch.counts().read;
            rejected += batch.rejects().len() as u64;
            rules.extend(batch.rejects().iter().map(|reject| format!("{} {}", reject.rule, reject.field.as_deref().unwrap_or_default())));
        }
        require(rejected == 0 || rejected * 10 < read, || {
            format!("stream `{}`: {rejected} of {read} records have nothing in a required field ({rules:?})", stream.name)
        })?;
    }
    Ok(())
}
