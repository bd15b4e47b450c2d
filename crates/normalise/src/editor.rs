//! JSON Schemas of the mapping language, by which editors complete and check while a person types.

use aqueduct_schema::{Entity, entities};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::functions::FUNCTIONS;
use crate::mapping::mappable;

/// The JSON Schema of one document of a mapping file.
pub fn mapping_schema() -> Schema {
    let mut generator = SchemaGenerator::default();
    let document = mapping(&mut generator);
    let mut schema = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Mapping of a stream onto an entity",
    });
    if let Value::Object(document) = document {
        for (key, value) in document {
            schema.insert(key, value);
        }
    }
    schema.insert("$defs".to_owned(), generator.take_definitions(false).into());
    schema
}

/// A definition that others refer to by its name, made when it is first needed. It may refer to itself.
fn defined(generator: &mut SchemaGenerator, name: &str, schema: impl FnOnce(&mut SchemaGenerator) -> Value) -> Value {
    if !generator.definitions().contains_key(name) {
        generator.definitions_mut().insert(name.to_owned(), Value::Bool(true));
        let made = schema(generator);
        generator.definitions_mut().insert(name.to_owned(), made);
    }
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// The name of a definition about an entity: `LineItemFields`.
fn name_of(entity: &Entity, what: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    entity.name.split('_').filter(|word| !word.is_empty()).map(capital).collect::<String>() + what
}

fn mapping(generator: &mut SchemaGenerator) -> Value {
    let mut entities_with_fields = Vec::new();
    for entity in entities::ALL {
        let fields = fields_of(generator, entity);
        entities_with_fields.push(json!({
            "if": { "properties": { "entity": { "const": entity.name } } },
            "then": { "properties": { "fields": fields, "each": { "anyOf": [{ "type": "string" }, { "type": "array", "items": fields }] } } }
        }));
    }
    let text = scalar();
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["entity", "stream", "fields"],
        "properties": {
            "entity": { "description": "The entity whose rows are made.", "enum": entities::ALL.iter().map(|entity| entity.name).collect::<Vec<_>>() },
            "stream": { "description": "The stream whose records are taken.", "type": "string" },
            "when": {
                "description": "Which records give a row.",
                "type": "object",
                "additionalProperties": false,
                "required": ["path"],
                "properties": {
                    "path": { "type": "string" },
                    "is": { "anyOf": [text, { "type": "array", "items": text }] },
                    "not": { "anyOf": [text, { "type": "array", "items": text }] },
                    "present": { "type": "boolean" }
                }
            },
            "each": { "description": "The path of an array, one row an element; or a list of field sets, one row a set that finds a value." },
            "fields": { "type": "object" }
        },
        "allOf": entities_with_fields
    })
}

fn fields_of(generator: &mut SchemaGenerator, entity: &'static Entity) -> Value {
    defined(generator, &name_of(entity, "Fields"), |generator| {
        let mut properties = Map::new();
        for field in mappable(entity) {
            let mut schema = expression(generator);
            if let Value::Object(schema) = &mut schema {
                schema.insert("description".to_owned(), field.description.into());
            }
            properties.insert(field.name.to_owned(), schema);
        }
        json!({ "type": "object", "additionalProperties": false, "properties": properties })
    })
}

/// What stands for a text: YAML makes numbers and booleans of some words.
fn scalar() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

/// A word with those that stand beside it.
fn words(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

/// Where the value of a field comes from.
fn expression(generator: &mut SchemaGenerator) -> Value {
    defined(generator, "Expression", |generator| {
        let part = expression(generator);
        let parts = json!({ "type": "array", "minItems": 1, "items": part });
        json!({
            "anyOf": [
                { "type": "string" },
                words(&["from"], json!({
                    "from": part,
                    "values": { "type": "object", "additionalProperties": scalar() },
                    "otherwise": scalar(),
                    "scale": { "type": "number" },
                    "format": { "type": "string" }
                })),
                words(&["join"], json!({ "join": parts, "with": { "type": "string" } })),
                words(&["first_of"], json!({ "first_of": parts })),
                words(&["constant"], json!({ "constant": scalar() })),
                words(&["split", "by", "take"], json!({ "split": part, "by": { "type": "string" }, "take": { "type": ["string", "integer"] } })),
                words(&["function", "of"], json!({
                    "function": { "enum": FUNCTIONS.iter().map(|function| function.name).collect::<Vec<_>>() },
                    "of": parts
                }))
            ]
        })
    })
}

/// An object with a property for each entity.
fn by_entity(generator: &mut SchemaGenerator, schema_of: impl Fn(&mut SchemaGenerator, &'static Entity) -> Value) -> Schema {
    let properties: Map<String, Value> =
        entities::ALL.iter().map(|entity| (entity.name.to_owned(), schema_of(generator, entity))).collect();
    json_schema!({ "type": "object", "additionalProperties": false, "properties": properties })
}

pub(crate) fn overrides(generator: &mut SchemaGenerator) -> Schema {
    by_entity(generator, fields_of)
}

/// A step of cleaning.
fn step(generator: &mut SchemaGenerator) -> Value {
    defined(generator, "CleaningStep", |_| {
        let all = |properties: Value| {
            let required: Vec<String> = properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
            let required: Vec<&str> = required.iter().map(String::as_str).collect();
            words(&required, properties)
        };
        let text = scalar();
        let table = json!({ "type": "object", "additionalProperties": text });
        json!({
            "anyOf": [
                all(json!({ "replace": all(json!({ "from": text, "to": text })) })),
                words(&["values"], json!({ "values": table, "otherwise": text })),
                all(json!({ "split": all(json!({ "by": text, "take": { "type": ["string", "integer"] } })) })),
                all(json!({ "default": text })),
                all(json!({ "truncate": { "type": "integer", "minimum": 1 } })),
                all(json!({ "regex": all(json!({ "pattern": { "type": "string" }, "replacement": text })) }))
            ]
        })
    })
}

/// Steps for each field.
pub(crate) fn clean(generator: &mut SchemaGenerator) -> Schema {
    by_entity(generator, |generator, entity| {
        let list = json!({ "type": "array", "minItems": 1, "items": step(generator) });
        let properties: Map<String, Value> = mappable(entity).map(|field| (field.name.to_owned(), list.clone())).collect();
        json!({ "type": "object", "additionalProperties": false, "properties": properties })
    })
}

pub(crate) fn required(generator: &mut SchemaGenerator) -> Schema {
    by_entity(generator, |_, entity| {
        let names: Vec<&str> = mappable(entity).map(|field| field.name).collect();
        json!({ "type": "array", "items": { "enum": names } })
    })
}

pub(crate) fn mapping_list(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": mapping(generator) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn schemas_name_the_fields_people_may_map() {
        let text = serde_json::to_string(&mapping_schema()).unwrap();
        assert!(text.contains("\"job_title\"") && text.contains("\"first_of\""));
        assert!(!text.contains("\"email_normalized\""));
        let pipeline = serde_json::to_string(&schemars::schema_for!(crate::Normalise)).unwrap();
        // An editor reads it with every file that it opens.
        assert!(pipeline.len() < 200_000, "{}", pipeline.len());
        assert!(pipeline.contains("\"decimal_separator\"") && pipeline.contains("\"overrides\""));
    }
}
