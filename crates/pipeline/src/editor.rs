//! The JSON Schema of pipeline files, by which editors complete and check while a person types.

use serde_json::{Map, Value, json};

use crate::file::PipelineFile;
use crate::registry::Registry;

/// What the definitions of all schemas are called by.
const DEFINITIONS: &str = "#/$defs/";

/// The JSON Schema of pipeline files with the connectors of a table, the config of each among it.
pub fn pipeline_schema(registry: &Registry) -> Value {
    let mut schema = schemars::schema_for!(PipelineFile).to_value();
    let mut definitions = Map::new();
    let mut conditions = Vec::new();
    for registration in registry.all() {
        let mut config = (registration.config_schema)().to_value();
        if let Some(config) = config.as_object_mut() {
            config.remove("$schema");
            let own = config.remove("$defs");
            for (name, mut definition) in own.and_then(|own| own.as_object().cloned()).unwrap_or_default() {
                rename(&mut definition, registration.name);
                definitions.insert(format!("{}.{name}", registration.name), definition);
            }
        }
        rename(&mut config, registration.name);
        referable(&mut config);
        definitions.insert(format!("{}.config", registration.name), config);
        let is_required = definitions[&format!("{}.config", registration.name)]["required"].as_array().is_some_and(|keys| !keys.is_empty());
        conditions.push(json!({
            "if": { "properties": { "connector": { "const": registration.name } }, "required": ["connector"] },
            "then": {
                "properties": { "config": { "$ref": format!("{DEFINITIONS}{}.config", registration.name) } },
                "required": if is_required { vec!["config"] } else { Vec::new() }
            }
        }));
    }
    let names: Vec<&str> = registry.all().iter().map(|registration| registration.name).collect();
    schema["$defs"]["SourceSection"]["properties"]["connector"]["enum"] = json!(names);
    schema["$defs"]["SourceSection"]["allOf"] = conditions.into();
    if let Some(all) = schema["$defs"].as_object_mut() {
        all.extend(definitions);
    }
    schema
}

/// Makes references to definitions those of one connector, whose names may be others' too.
fn rename(schema: &mut Value, connector: &str) {
    match schema {
        Value::Object(entries) => {
            for (key, value) in entries {
                match value.as_str().filter(|_| key == "$ref").and_then(|reference| reference.strip_prefix(DEFINITIONS)) {
                    Some(name) => *value = format!("{DEFINITIONS}{connector}.{name}").into(),
                    None => rename(value, connector),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, connector)),
        _ => {}
    }
}

/// Lets a config's keys be references such as `${VAR}`, whatever words they are otherwise limited to: what a variable holds is seen when the
/// file is read. Numbers and switches cannot be references.
fn referable(config: &mut Value) {
    let Some(properties) = config.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for property in properties.values_mut() {
        let is_text = property["type"].as_str() == Some("string") || property.get("type").is_none();
        let is_limited = ["enum", "pattern", "format", "oneOf", "anyOf", "$ref"].iter().any(|word| property.get(*word).is_some());
        if is_text && is_limited {
            let description = property.as_object_mut().and_then(|property| property.remove("description"));
            let mut either = json!({ "anyOf": [property.take(), { "type": "string", "pattern": r"\$\{.+\}" }] });
            if let Some(description) = description {
                either["description"] = description;
            }
            *property = either;
        }
    }
}
