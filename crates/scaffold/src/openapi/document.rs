//! An OpenAPI description as a tree of values, with references followed and parts of schemas put together.

use std::collections::HashSet;

use aqueduct_schema::{Error, Result, codes};
use serde_json::Value;

/// References and parts are followed so deep; what lies deeper is circular or of no use.
const DEEPEST: usize = 24;

/// A description.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Value,
}

/// What a schema comes down to, one level of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape<'d> {
    pub(super) kind: Kind,
    /// The properties of an object, each with its schema.
    pub(super) properties: Vec<(&'d str, &'d Value)>,
    /// The schema of an array's elements.
    pub(super) items: Option<&'d Value>,
    pub(super) format: &'d str,
    pub(super) description: &'d str,
}

/// What was gathered already. A part that others share adds nothing a second time, and parts of parts double at every level.
#[derive(Default)]
struct Seen<'d> {
    schemas: HashSet<*const Value>,
    names: HashSet<&'d str>,
}

/// The kinds of value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Text,
    Boolean,
    Integer,
    Number,
    /// Described in another file.
    Elsewhere,
    /// Not described.
    #[default]
    Unknown,
}

impl Document {
    /// Reads a description: JSON or YAML, OpenAPI 3 or Swagger 2.0.
    ///
    /// # Errors
    /// `AQ1002` for a text that is neither, or that is no description.
    pub(super) fn read(file: &str, text: &str) -> Result<Self> {
        let root: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text)
                .map_err(|error| Error::new(codes::BAD_YAML, "the file is no JSON").at(file, error.line() as u64, error.column() as u64))?
        } else {
            // The limits of the reader are for files of strangers; this one is the person's own, and may be of any size.
            let options = serde_saphyr::options! { budget: None, with_snippet: false };
            serde_saphyr::from_str_with_options(text, options).map_err(|error| aqueduct_schema::yaml::located(file, &error))?
        };
        let refused = |what: &str, advice: &str| Err(Error::new(codes::BAD_YAML, what).at(file, 1, 0).advise(advice));
        let version = root["openapi"].as_str().or(root["swagger"].as_str());
        if !root["paths"].is_object() {
            return refused(
                "the file describes no paths, so it is no OpenAPI description, or only a part of one",
                "Name the whole description as one file; `redocly bundle` and its like join one that is split into many.",
            );
        }
        if !version.is_some_and(|version| version.starts_with("3.") || version.starts_with("2.")) {
            return refused(
                "the file says neither `openapi: 3.…` nor `swagger: \"2.0\"`",
                "Name an OpenAPI 3 or a Swagger 2.0 description.",
            );
        }
        Ok(Self { root })
    }

    /// The value itself, or what its reference leads to; `None` for a reference into another file or to nothing.
    pub(super) fn follow<'d>(&'d self, value: &'d Value) -> Option<&'d Value> {
        let mut value = value;
        for _ in 0..DEEPEST {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Some(value) };
            let pointer = reference.strip_prefix('#')?;
            value = self.root.pointer(&decoded(pointer))?;
        }
        None
    }

    /// What a schema comes down to.
    pub(super) fn shape<'d>(&'d self, schema: &'d Value) -> Shape<'d> {
        let mut shape = Shape::default();
        self.gather(schema, &mut shape, &mut Seen::default(), 0);
        shape
    }

    fn gather<'d>(&'d self, schema: &'d Value, shape: &mut Shape<'d>, seen: &mut Seen<'d>, depth: usize) {
        let Some(schema) = self.follow(schema).filter(|_| depth < DEEPEST) else {
            if shape.kind == Kind::Unknown {
                shape.kind = Kind::Elsewhere;
            }
            return;
        };
        if !seen.schemas.insert(std::ptr::from_ref(schema)) {
            return;
        }
        let named = match &schema["type"] {
            Value::String(kind) => kind.as_str(),
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default(),
            _ => "",
        };
        let kind = match named {
            "object" => Kind::Object,
            "array" => Kind::Array,
            "string" => Kind::Text,
            "boolean" => Kind::Boolean,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            _ if schema["properties"].is_object() => Kind::Object,
            _ if schema["items"].is_object() => Kind::Array,
            _ if schema["enum"].is_array() => Kind::Text,
            _ => Kind::Unknown,
        };
        if matches!(shape.kind, Kind::Unknown | Kind::Elsewhere) && kind != Kind::Unknown {
            shape.kind = kind;
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if seen.names.insert(name) {
                shape.properties.push((name, property));
            }
        }
        shape.items = shape.items.or(Some(&schema["items"]).filter(|items| items.is_object()));
        if shape.format.is_empty() {
            shape.format = schema["format"].as_str().unwrap_or_default();
        }
        if shape.description.is_empty() {
            shape.description = schema["description"].as_str().unwrap_or_default();
        }
        for part in ["allOf", "anyOf", "oneOf"].iter().filter_map(|word| schema[*word].as_array()).flatten() {
            self.gather(part, shape, seen, depth + 1);
        }
    }

    /// Every GET: its path, the operation, and its parameters with those of the path.
    pub(super) fn reads(&self) -> Vec<Read<'_>> {
        let paths = self.root["paths"].as_object().into_iter().flatten();
        let read = |(path, item)| {
            let item: &Value = self.follow(item)?;
            let operation = item.get("get")?;
            let lists = [&operation["parameters"], &item["parameters"]];
            let parameters = lists.into_iter().filter_map(Value::as_array).flatten().filter_map(|parameter| self.follow(parameter));
            Some(Read { path, operation, parameters: parameters.collect() })
        };
        paths.map(|(path, item)| (path.as_str(), item)).filter_map(read).collect()
    }

    /// The schema of the good answer to an operation, with its headers.
    pub(super) fn answer<'d>(&'d self, operation: &'d Value) -> Option<(&'d Value, &'d Value)> {
        let responses = operation["responses"].as_object()?;
        let code = ["200", "2XX", "2xx", "default"].into_iter().find(|code| responses.contains_key(*code))?;
        let response = self.follow(&responses[code])?;
        let headers = &response["headers"];
        if let Some(schema) = response.get("schema") {
            return Some((schema, headers));
        }
        let contents = response["content"].as_object()?;
        let (_, content) =
            contents.iter().find(|(kind, _)| kind.contains("json")).or_else(|| contents.iter().find(|(kind, _)| *kind == "*/*"))?;
        content.get("schema").map(|schema| (schema, headers))
    }
}

/// A GET.
#[derive(Debug)]
pub(super) struct Read<'d> {
    pub(super) path: &'d str,
    pub(super) operation: &'d Value,
    pub(super) parameters: Vec<&'d Value>,
}

impl<'d> Read<'d> {
    /// The names of the query parameters.
    pub(super) fn query(&self) -> impl Iterator<Item = (&'d str, &'d Value)> {
        self.placed("query")
    }

    /// The names of the parameters in a place.
    pub(super) fn placed(&self, place: &'static str) -> impl Iterator<Item = (&'d str, &'d Value)> {
        let parameters = self.parameters.clone();
        parameters
            .into_iter()
            .filter(move |parameter| parameter["in"] == place)
            .filter_map(|parameter| Some((parameter["name"].as_str()?, parameter)))
    }
}

/// The schema of a parameter: its own in Swagger 2.0.
pub(super) fn of_parameter<'d>(document: &'d Document, parameter: &'d Value) -> &'d Value {
    let schema = parameter.get("schema").unwrap_or(parameter);
    document.follow(schema).unwrap_or(schema)
}

/// A reference's pointer without the percent signs of addresses.
fn decoded(pointer: &str) -> String {
    let mut out = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &after[2..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
