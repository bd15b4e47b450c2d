//! A JSON text as a tree that keeps what reading it into numbers and maps would lose: the digits of numbers and the order of keys.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep a text may nest.
const MAX_DEPTH: usize = 100;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    /// The number as it was written.
    Number(String),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// An object's entries in order.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Entries<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

impl Node {
    /// Reads a text; `None` when it is not JSON or nests too deep.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::read(serde_json::from_str(text).ok()?, 0)
    }

    fn read(raw: &RawValue, depth: usize) -> Option<Self> {
        if depth > MAX_DEPTH {
            return None;
        }
        let text = raw.get();
        Some(match text.as_bytes().first()? {
            b'{' => {
                let entries: Entries<'_> = serde_json::from_str(text).ok()?;
                let read = |(key, raw): (String, &RawValue)| Some((key, Self::read(raw, depth + 1)?));
                Self::Object(entries.0.into_iter().map(read).collect::<Option<_>>()?)
            }
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Self::Array(items.into_iter().map(|raw| Self::read(raw, depth + 1)).collect::<Option<_>>()?)
            }
            b'"' => Self::Text(serde_json::from_str(text).ok()?),
            b't' => Self::Bool(true),
            b'f' => Self::Bool(false),
            b'n' => Self::Null,
            _ => Self::Number(text.to_owned()),
        })
    }

    /// The value under a key of an object.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(entries) => entries.iter().find(|(mine, _)| mine == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Hands every text and every key of an object to `each`, the key a text stands under before it.
    pub(crate) fn texts<'n>(&'n self, key: &'n str, each: &mut impl FnMut(&'n str, &'n str)) {
        match self {
            Self::Text(text) => each(key, text),
            Self::Array(items) => items.iter().for_each(|item| item.texts(key, each)),
            Self::Object(entries) => entries.iter().for_each(|(key, node)| node.texts(key, each)),
            Self::Null | Self::Bool(_) | Self::Number(_) => {}
        }
    }

    /// Whether an array is written on one line: a pair of texts, or a few short values.
    fn is_line(items: &[Self]) -> bool {
        let length = |item: &Self| match item {
            Self::Text(text) => Some(text.len() + 4),
            Self::Number(digits) => Some(digits.len() + 2),
            Self::Null | Self::Bool(_) => Some(6),
            Self::Array(_) | Self::Object(_) => None,
        };
        let total: Option<usize> = items.iter().map(length).sum();
        total.is_some_and(|total| total <= 100 || matches!(items, [Self::Text(_), Self::Text(_)]))
    }

    /// Writes it over several lines, indented by two spaces.
    pub(crate) fn write(&self, indent: usize, out: &mut String) {
        let line = |indent: usize, out: &mut String| {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * 2));
        };
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(text) => out.push_str(&quoted(text)),
            Self::Array(items) if items.is_empty() => out.push_str("[]"),
            Self::Object(entries) if entries.is_empty() => out.push_str("{}"),
            Self::Array(items) if Self::is_line(items) => {
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "[" } else { ", " });
                    item.write(indent, out);
                }
                out.push(']');
            }
            Self::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    out.push(if index == 0 { '[' } else { ',' });
                    line(indent + 1, out);
                    item.write(indent + 1, out);
                }
                line(indent, out);
                out.push(']');
            }
            Self::Object(entries) => {
                for (index, (key, node)) in entries.iter().enumerate() {
                    out.push(if index == 0 { '{' } else { ',' });
                    line(indent + 1, out);
                    out.push_str(&quoted(key));
                    out.push_str(": ");
                    node.write(indent + 1, out);
                }
                line(indent, out);
                out.push('}');
            }
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nothing_is_lost_on_the_way() {
        let text = r#"{"z":1.10,"a":[123456789012345678901234567890,-0.0e5,true,null,{}],"b":"\u00e4\n\"","e":[]}"#;
        let node = Node::parse(text).unwrap();
        let mut out = String::new();
        node.write(0, &mut out);
        assert_eq!(Node::parse(&out).unwrap(), node);
        assert!(out.starts_with("{\n  \"z\": 1.10,\n  \"a\": [\n    123456789012345678901234567890,\n    -0.0e5"), "{out}");
        let pairs = Node::parse(r#"[["limit","100"],["after","1"]]"#).unwrap();
        let mut out = String::new();
        pairs.write(0, &mut out);
        assert_eq!(out, "[\n  [\"limit\", \"100\"],\n  [\"after\", \"1\"]\n]");
    }

    #[test]
    fn what_is_not_json_or_too_deep_is_none() {
        assert_eq!(Node::parse("<html>"), None);
        assert_eq!(Node::parse(""), None);
        assert_eq!(Node::parse(&("[".repeat(101) + "1" + &"]".repeat(101))), None);
        assert!(Node::parse(&("[".repeat(90) + "1" + &"]".repeat(90))).is_some());
    }
}
