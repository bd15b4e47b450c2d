//! Descriptions that somebody made to harm who reads them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};

use super::document::Document;
use super::{fields, propose};
use crate::name::is_unseen;
use crate::render::{Place, files};

/// A description whose one list has records of the schema `Record`, among these.
fn described(title: &str, schemas: Value) -> String {
    let answer = json!({"type": "array", "items": {"$ref": "#/components/schemas/Record"}});
    let list = json!({"get": {"responses": {"200": {"content": {"application/json": {"schema": answer}}}}}});
    let info = json!({"title": title});
    let servers = json!([{"url": "https://api.acme.example"}]);
    json!({"openapi": "3.0.3", "info": info, "servers": servers, "paths": {"/people": list}, "components": {"schemas": schemas}})
        .to_string()
}

fn part(number: usize) -> Value {
    json!({"$ref": format!("#/components/schemas/Part{number}")})
}

#[test]
fn parts_that_double_at_every_level_are_read_once() {
    let mut schemas = json!({"Record": {"allOf": [part(0), part(0)], "properties": {"id": {"type": "string"}}}});
    for number in 0..20 {
        let next = part(number + 1);
        schemas[format!("Part{number}")] = json!({"allOf": [next, next, next], "properties": {format!("p{number}"): {"type": "string"}}});
    }
    schemas["Part20"] = json!({"properties": {"last": {"type": "string"}}});
    let plan = propose("acme", "acme.json", &described("Acme", schemas)).unwrap().plan;
    // 3^20 ways lead to the last part.
    assert_eq!(plan.streams[0].fields.len(), 22);
}

#[test]
fn objects_in_objects_are_looked_at_as_far_as_anybody_would() {
    let wide = |next: Value| -> Value { (0..200).map(|at| (format!("p{at}"), next.clone())).collect::<serde_json::Map<_, _>>().into() };
    let schemas = json!({
        "Record": {"properties": {"id": {"type": "string"}, "more": part(0)}},
        "Part0": {"properties": wide(part(1))},
        "Part1": {"properties": wide(json!({"type": "string"}))},
    });
    let document = Document::read("acme.json", &described("Acme", schemas)).unwrap();
    let found = fields::fields(&document, &document.root["components"]["schemas"]["Record"], "record").unwrap();
    assert_eq!(found.key.value, "id");
    assert!(found.left_out < 20_000, "{} of 40,000", found.left_out);
}

#[test]
fn what_is_written_shows_all_that_is_in_it() {
    let title = "Acme\u{202e}\n//! }\u{1b}[2J\"); */ panic!(\u{2066}";
    let schemas = json!({"Record": {"properties": {
        "id": {"type": "string"},
        "email\u{202e}": {"type": "string", "format": "email"},
        "first\u{2066}name": {"type": "string"},
        "name\"); panic!(\"": {"type": "string"},
    }}});
    let plan = propose("acme", "acme.json", &described(title, schemas)).unwrap().plan;
    let files = files(&plan, &Place::Alone("/aqueduct".to_owned()));
    for (name, text) in &files {
        assert_eq!(text.chars().find(|letter| *letter != '\n' && is_unseen(*letter)), None, "{name}");
        // Only inside of literals and comments.
        assert!(text.lines().all(|line| !line.trim_start().starts_with("panic!")), "{name}");
    }
    assert!(files["src/lib.rs"].starts_with("//! Acme //! } [2J\"); */ panic!(: people.\n"), "{}", files["src/lib.rs"]);
}
