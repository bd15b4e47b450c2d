//! What can be seen without reading: the config and the streams.

use std::collections::BTreeSet;

use aqueduct_connector::Stream;
use aqueduct_schema::table::identifier;
use aqueduct_schema::{Mode, StreamState, codes};
use serde_json::{Map, Value, json};

use crate::trial::{Ask, Course, Stop, Trial, require};
use crate::vendor::Ability;

/// Parts of a name that speak of a secret.
const SECRET_WORDS: [&str; 5] = ["secret", "password", "token", "api_key", "apikey"];

pub(super) async fn spec_documented(trial: &Trial<'_>) -> Course {
    let registration = trial.registration;
    require(identifier(registration.name) == registration.name, || "the connector's name is not an identifier in snake case".to_owned())?;
    require(registration.summary.ends_with('.'), || "the connector's summary is not a sentence".to_owned())?;
    require(is_documentation(registration.documentation), || "the connector has no link to its documentation".to_owned())?;
    let schema = serde_json::to_value((registration.config_schema)()).unwrap_or_default();
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    require(!properties.is_empty(), || "the schema of the config names no key".to_owned())?;
    let mut undescribed = Vec::new();
    find_undescribed("", &schema, &mut undescribed);
    require(undescribed.is_empty(), || format!("keys of the config are not described: {}", undescribed.join(", ")))?;

    let secrets = trial.account.secrets();
    let mut configs = vec![trial.account.config()];
    if trial.facts.can(Ability::OAuth) {
        configs.push(trial.account.oauth_config());
    }
    for config in &configs {
        for (name, value) in config.as_object().unwrap_or(&none) {
            let known = properties.get(name).ok_or_else(|| Stop::Failed(format!("the schema does not know the key `{name}`")))?;
            let is_secret = value.as_str().is_some_and(|value| secrets.iter().any(|secret| secret == value));
            require(!is_secret || is_marked(known), || format!("`{name}` is a secret and its schema is not marked `x-secret`"))?;
        }
    }
    let speaks_of_secret = |name: &str| SECRET_WORDS.iter().any(|word| name.to_lowercase().contains(word));
    for (name, known) in properties.iter().filter(|(name, _)| speaks_of_secret(name)) {
        require(is_marked(known), || format!("`{name}` speaks of a secret and its schema is not marked `x-secret`"))?;
    }

    for config in &configs {
        refuses(trial, config, "a_key_that_does_not_exist", json!("canary-5180"), "canary-5180")?;
        for (name, _) in properties.iter().filter(|(_, known)| is_marked(known)) {
            refuses(trial, config, name, json!(75_180_375), "75180375")?;
        }
    }
    Ok(())
}

/// Whether the schema of a key says that it is a secret; the mark may stand beside `null` in an optional one.
fn is_marked(known: &Value) -> bool {
    let alternatives = ["anyOf", "oneOf"].iter().filter_map(|word| known[word].as_array()).flatten();
    std::iter::once(known).chain(alternatives).any(|schema| schema["x-secret"] == json!(true))
}

fn find_undescribed(path: &str, schema: &Value, found: &mut Vec<String>) {
    let described = |schema: &Value| schema["description"].as_str().is_some_and(|words| !words.trim().is_empty());
    for (name, known) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}{name}");
        if !described(known) {
            found.push(path.clone());
        }
        find_undescribed(&format!("{path}."), known, found);
    }
    for (_, definition) in schema["$defs"].as_object().into_iter().flatten() {
        find_undescribed(path, definition, found);
    }
}

/// The connector must refuse a config with one value more, and not repeat the value.
fn refuses(trial: &Trial<'_>, config: &Value, name: &str, value: Value, canary: &str) -> Course {
    let mut config = config.clone();
    config[name] = value;
    let Err(error) = (trial.registration.build)(config) else {
        return Err(Stop::Failed(format!("a config with `{name}` of a wrong kind is taken")));
    };
    trial.evidence.error(&error);
    require(error.code() == codes::BAD_CONFIG, || {
        format!("a config with a wrong `{name}` is refused with {}, not AQ1005", error.code().id)
    })?;
    let text = format!("{error} {error:?}");
    require(!text.contains(canary), || format!("the error for a wrong `{name}` repeats its value"))
}

pub(super) async fn streams_keyed(trial: &Trial<'_>) -> Course {
    let streams = trial.streams().await?;
    require(!streams.is_empty(), || "there are no streams".to_owned())?;
    let names: BTreeSet<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
    require(names.len() == streams.len(), || "two streams have one name".to_owned())?;
    for stream in &streams {
        declared_well(stream).map_err(|wrong| Stop::Failed(format!("stream `{}`: {wrong}", stream.name)))?;
    }
    let again: Vec<String> = trial.streams().await?.into_iter().map(|stream| stream.name).collect();
    let same = again.iter().eq(streams.iter().map(|stream| &stream.name));
    require(same, || "the streams come in another order the second time".to_owned())?;
    for stream in streams {
        // Reading fails where a record has no value in its key.
        let reading = trial.load(&stream, &StreamState::default()).await?;
        for page in &reading.pages {
            let distinct: BTreeSet<&str> = page.records.iter().map(|record| record.id.as_str()).collect();
            require(distinct.len() == page.records.len(), || {
                format!("stream `{}`: two records of a page have one key, so the key does not identify them", stream.name)
            })?;
        }
        if let Some(live) = trial.account.live_ids(&stream.name) {
            of_one_kind(&stream.name, &reading.ids(), &live)?;
            crate::trial::all_of(&live, &reading.ids(), &format!("a first load of `{}`", stream.name))?;
        }
        // A first load has tried one way of reading; a parameter that only another one has may be wrong.
        for mode in stream.modes.iter().filter(|mode| matches!(mode, Mode::Changes | Mode::Deletions | Mode::Ids)) {
            let ask = Ask { modes: Some(vec![*mode]), ..Ask::new(&stream, &reading.state()) };
            trial.complete(trial.read(ask).await?, &stream)?;
        }
    }
    Ok(())
}

/// The key of the stream and the ids that the vendor names must be the same thing: where not one is in both, they are not.
fn of_one_kind(stream: &str, arrived: &BTreeSet<String>, named: &BTreeSet<String>) -> Course {
    let (Some(mine), Some(theirs)) = (arrived.first(), named.first()) else { return Ok(()) };
    require(!arrived.is_disjoint(named), || {
        format!(
            "stream `{stream}`: the ids that arrived, such as `{mine}`, are of another kind than those the vendor names, such as \
             `{theirs}`; either the stream's key is another field, or the vendor's description must say with `.ids(…)` what the key holds"
        )
    })
}

fn declared_well(stream: &Stream) -> Result<(), String> {
    let record = &stream.record;
    let unless = |holds: bool, wrong: &str| if holds { Ok(()) } else { Err(wrong.to_owned()) };
    unless(identifier(&stream.name) == stream.name, "its name is not an identifier in snake case")?;
    unless(!stream.modes.is_empty(), "there is no way to read it")?;
    unless(stream.page_size > 0, "its pages have no records")?;
    unless(!record.object.is_empty(), "what a record is has no name")?;
    let paths: BTreeSet<&str> = record.fields.iter().map(|field| field.path.as_str()).collect();
    let columns: BTreeSet<&str> = record.fields.iter().map(|field| field.column.as_ref()).collect();
    unless(paths.len() == record.fields.len(), "two fields have one path")?;
    unless(columns.len() == record.fields.len(), "two fields have one column")?;
    unless(columns.iter().all(|column| identifier(column) == **column), "a column is not an identifier")?;
    unless(!record.key.is_empty(), "it has no key")?;
    let roles = [&record.created_at, &record.updated_at, &record.is_deleted, &record.deleted_at];
    for path in record.key.iter().chain(roles.into_iter().flatten()) {
        unless(paths.contains(path.as_str()), &format!("its key or role `{path}` is not among its fields"))?;
    }
    unless(is_documentation(stream.documentation), "it has no link to its documentation")
}

/// The vendor's page, or, where there is no vendor, one of ours.
fn is_documentation(link: &str) -> bool {
    link.starts_with("https://") || (link.starts_with("docs/") && link.ends_with(".md"))
}
