//! JSON Lines: one object a line.

use std::collections::HashMap;

use serde_json::Value;

use crate::inference::ColumnSample;
use crate::pages::{Borders, Cut};

/// Objects inside objects are taken apart down to this depth; what lies deeper is kept whole, as JSON.
const DEPTH: usize = 4;

/// Line ends are borders: a line feed inside a JSON text is always escaped.
pub(crate) struct LineBorders;

impl Borders for LineBorders {
    fn cut(&mut self, text: &[u8], target: usize, ended: bool) -> Cut {
        let from = target.saturating_sub(1).min(text.len());
        let after = text[from..].iter().position(|byte| *byte == b'\n').map(|at| from + at);
        let before = || text[..from].iter().rposition(|byte| *byte == b'\n');
        match after {
            Some(at) => Cut::At(at + 1),
            None if ended => Cut::At(text.len()),
            None => before().map_or(Cut::More, |at| Cut::At(at + 1)),
        }
    }
}

/// The fields of sampled objects, by path, in the order in which they were first seen.
#[derive(Default)]
pub(crate) struct Fields {
    index: HashMap<String, usize>,
    pub(crate) columns: Vec<(String, ColumnSample)>,
    /// Keys with a dot in them cannot be told from a path and are left out.
    pub(crate) left_out: Vec<String>,
    records: u64,
}

impl Fields {
    /// Looks at one line; `false` when it is not a JSON object.
    pub(crate) fn add(&mut self, line: &[u8]) -> bool {
        let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(line) else { return false };
        self.walk(&object, "", 1);
        self.records += 1;
        for (_, column) in &mut self.columns {
            column.pad(self.records);
        }
        true
    }

    fn walk(&mut self, object: &serde_json::Map<String, Value>, prefix: &str, depth: usize) {
        for (key, value) in object {
            if key.is_empty() || key.contains('.') {
                if !self.left_out.contains(key) {
                    self.left_out.push(key.clone());
                }
                continue;
            }
            let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                Value::Object(inner) if depth < DEPTH && !inner.is_empty() => self.walk(inner, &path, depth + 1),
                value => self.column(path).add_json(value),
            }
        }
    }

    fn column(&mut self, path: String) -> &mut ColumnSample {
        let index = *self.index.entry(path.clone()).or_insert_with(|| {
            let mut column = ColumnSample::default();
            column.pad(self.records);
            self.columns.push((path, column));
            self.columns.len() - 1
        });
        &mut self.columns[index].1
    }
}

/// Whether a text begins as JSON Lines do, or as one JSON array, which is not read.
pub(crate) fn looks_like(sample: &str) -> Option<Shape> {
    let sample = sample.trim_start();
    if sample.starts_with('[') {
        return Some(Shape::Array);
    }
    let line = sample.lines().next()?;
    let object = line.starts_with('{') && matches!(serde_json::from_str::<Value>(line), Ok(Value::Object(_)));
    object.then_some(Shape::Lines)
}

/// What a JSON text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An object a line.
    Lines,
    /// One array.
    Array,
}

#[cfg(test)]
mod tests {
    use super::*;
    use aqueduct_connector::schema::ValueType;

    #[test]
    fn lines_are_cut_at_line_ends() {
        let text = b"{\"a\":1}\n{\"a\":2}\n{\"a\":3}";
        assert_eq!(LineBorders.cut(text, 1, false), Cut::At(8));
        assert_eq!(LineBorders.cut(text, 9, false), Cut::At(16));
        assert_eq!(LineBorders.cut(text, 100, false), Cut::At(16));
        assert_eq!(LineBorders.cut(text, 100, true), Cut::At(text.len()));
        assert_eq!(LineBorders.cut(&text[..5], 1, false), Cut::More);
    }

    #[test]
    fn fields_have_paths_and_types() {
        let mut fields = Fields::default();
        assert!(fields.add(br#"{"id":"007","n":1,"flag":true,"address":{"city":"Bonn","geo":{"lat":50.7}},"tags":["a"],"a.b":1}"#));
        assert!(fields.add(br#"{"id":"008","n":2.5,"address":{},"at":"2026-01-31T12:00:00Z"}"#));
        assert!(!fields.add(b"[1]") && !fields.add(b"{broken"));
        let found: Vec<(&str, Option<ValueType>)> =
            fields.columns.iter().map(|(path, column)| (path.as_str(), column.infer().value_type)).collect();
        let expected = [
            ("address.city", Some(ValueType::Text)),
            ("address.geo.lat", Some(ValueType::Decimal)),
            ("flag", Some(ValueType::Boolean)),
            ("id", Some(ValueType::Text)),
            ("n", Some(ValueType::Decimal)),
            ("tags", Some(ValueType::Json)),
            ("address", Some(ValueType::Json)),
            ("at", Some(ValueType::Timestamp)),
        ];
        for entry in expected {
            assert!(found.contains(&entry), "{entry:?} in {found:?}");
        }
        assert_eq!(found.len(), expected.len());
        assert_eq!(fields.left_out, ["a.b"]);
        assert!(fields.columns.iter().all(|(_, column)| column.seen == 2));
    }
}
