//! JSON Schemas of the mapping language, by which editors complete and check while a person types.

use aqueduct_schema::{Entity, entities};
use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

use crate::functions::FUNCTIONS;
use crate::mapping::mappable;

/// The JSON Schema of one document of a mapping file.
pub fn mapping_schema() -> Schema {
    let mut schema = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Mapping of a stream onto an entity",
    });
    if let Value::Object(document) = mapping() {
        for (key, value) in document {
            schema.insert(key, value);
        }
    }
    schema
}

fn mapping() -> Value {
    let entities_with_fields: Vec<Value> = entities::ALL
        .iter()
        .map(|entity| {
            let fields = fields_of(entity);
            json!({
                "if": { "properties": { "entity": { "const": entity.name } } },
                "then": { "properties": { "fields": fields, "each": { "anyOf": [{ "type": "string" }, { "type": "array", "items": fields }] } } }
            })
        })
        .collect();
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
                    "is": { "type": ["array", "string", "boolean", "number"] },
                    "not": { "type": ["array", "string", "boolean", "number"] },
                    "present": { "type": "boolean" }
                }
            },
            "each": { "description": "The path of an array, one row an element; or a list of field sets, one row a set that finds a value." },
            "fields": { "type": "object" }
        },
        "allOf": entities_with_fields
    })
}

fn fields_of(entity: &'static Entity) -> Value {
    let mut properties = Map::new();
    for field in mappable(entity) {
        let mut schema = expression(2);
        if let Value::Object(schema) = &mut schema {
            schema.insert("description".to_owned(), field.description.into());
        }
        properties.insert(field.name.to_owned(), schema);
    }
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

/// An expression. Parts of parts are spelled out to `depth`, below which anything is allowed: the schemas of a pipeline file's
/// sections have no common place for definitions.
fn expression(depth: u8) -> Value {
    let part = if depth == 0 { json!({ "type": ["string", "object"] }) } else { expression(depth - 1) };
    let parts = json!({ "type": "array", "minItems": 1, "items": part });
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    let words = |required: &[&str], properties: Value| json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties });
    json!({
        "anyOf": [
            { "type": "string" },
            words(&["from"], json!({
                "from": part,
                "values": { "type": "object", "additionalProperties": scalar },
                "otherwise": { "type": "string" },
                "scale": { "type": "number" },
                "format": { "type": "string" }
            })),
            words(&["join"], json!({ "join": parts, "with": { "type": "string" } })),
            words(&["first_of"], json!({ "first_of": parts })),
            words(&["constant"], json!({ "constant": scalar })),
            words(&["split", "by", "take"], json!({ "split": part, "by": { "type": "string" }, "take": { "type": ["string", "integer"] } })),
            words(&["function", "of"], json!({
                "function": { "enum": FUNCTIONS.iter().map(|function| function.name).collect::<Vec<_>>() },
                "of": parts
            }))
        ]
    })
}

fn by_entity(schema_of: impl Fn(&'static Entity) -> Value) -> Schema {
    let properties: Map<String, Value> = entities::ALL.iter().map(|entity| (entity.name.to_owned(), schema_of(entity))).collect();
    json_schema!({ "type": "object", "additionalProperties": false, "properties": properties })
}

pub(crate) fn overrides() -> Schema {
    by_entity(fields_of)
}

/// Steps for each field.
pub(crate) fn clean() -> Schema {
    let text = || json!({ "type": ["string", "number", "boolean"] });
    let words = |properties: Value| {
        let required: Vec<String> = properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
        json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
    };
    let values = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["values"],
        "properties": { "values": { "type": "object", "additionalProperties": text() }, "otherwise": { "type": "string" } }
    });
    let step = json!({
        "anyOf": [
            words(json!({ "replace": words(json!({ "from": text(), "to": text() })) })),
            values,
            words(json!({ "split": words(json!({ "by": text(), "take": { "type": ["string", "integer"] } })) })),
            words(json!({ "default": text() })),
            words(json!({ "truncate": { "type": "integer", "minimum": 1 } })),
            words(json!({ "regex": words(json!({ "pattern": { "type": "string" }, "replacement": text() })) }))
        ]
    });
    by_entity(|entity| {
        let list = json!({ "type": "array", "minItems": 1, "items": step });
        let properties: Map<String, Value> = mappable(entity).map(|field| (field.name.to_owned(), list.clone())).collect();
        json!({ "type": "object", "additionalProperties": false, "properties": properties })
    })
}

pub(crate) fn required() -> Schema {
    by_entity(|entity| {
        let names: Vec<&str> = mappable(entity).map(|field| field.name).collect();
        json!({ "type": "array", "items": { "enum": names } })
    })
}

pub(crate) fn mapping_list() -> Schema {
    json_schema!({ "type": "array", "items": mapping() })
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
        assert!(pipeline.contains("\"decimal_separator\"") && pipeline.contains("\"overrides\""));
    }
}
