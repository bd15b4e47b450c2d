//! YAML as a tree in which every key and value keeps its line and column.

use std::fmt;

use aqueduct_schema::{Code, Error, Result, codes};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::suggest::{list, nearest};

/// A place in a file; both numbers count from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl From<serde_saphyr::Location> for Place {
    fn from(location: serde_saphyr::Location) -> Self {
        Self { line: location.line(), column: location.column() }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

/// What a node holds. Numbers, true and false are kept as the text that a person would write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Empty,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) place: Place,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self { place: spanned.referenced.into(), content: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Empty)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Empty)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let place = key.referenced.into();
            map.push((Key { name: key.value, place }, entries.next_value()?));
        }
        Ok(Content::Map(map))
    }
}

/// Reads all documents of a text.
pub(crate) fn documents(file: &str, text: &str) -> Result<Vec<Node>> {
    let options = serde_saphyr::options! { budget: aqueduct_schema::yaml::budget(), with_snippet: false, strict_booleans: true };
    serde_saphyr::from_multiple_with_options::<Node>(text, options).map_err(|error| aqueduct_schema::yaml::located(file, &error))
}

/// A file being read: makes errors that name the place.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) file: &'a str,
}

impl Reader<'_> {
    pub(crate) fn error(self, code: Code, place: Place, message: impl Into<String>) -> Error {
        Error::new(code, message).at(self.file, place.line, place.column)
    }

    pub(crate) fn wrong(self, place: Place, message: impl Into<String>) -> Error {
        self.error(codes::BAD_MAPPING, place, message)
    }

    /// An error about a name that is none of `allowed`.
    pub(crate) fn unknown<'n>(
        self,
        code: Code,
        place: Place,
        what: &str,
        name: &str,
        allowed: impl IntoIterator<Item = &'n str> + Clone,
    ) -> Error {
        let error = match nearest(name, allowed.clone()) {
            Some(near) => {
                self.error(code, place, format!("unknown {what} `{name}`; did you mean `{near}`?")).advise(format!("Write `{near}`."))
            }
            None => self.error(code, place, format!("unknown {what} `{name}`")),
        };
        error.with("allowed", list(allowed))
    }

    pub(crate) fn map<'n>(self, node: &'n Node, what: &str) -> Result<&'n [(Key, Node)]> {
        match &node.content {
            Content::Map(entries) => Ok(entries),
            other => Err(self.error(codes::BAD_YAML, node.place, format!("{what} must be a map of keys, not {}", other.kind()))),
        }
    }

    pub(crate) fn list<'n>(self, node: &'n Node, what: &str) -> Result<&'n [Node]> {
        match &node.content {
            Content::List(items) if !items.is_empty() => Ok(items),
            Content::List(_) => Err(self.error(codes::BAD_YAML, node.place, format!("{what} must not be empty"))),
            other => Err(self.error(codes::BAD_YAML, node.place, format!("{what} must be a list, not {}", other.kind()))),
        }
    }

    /// A single value; empty text only where it is quoted.
    pub(crate) fn text<'n>(self, node: &'n Node, what: &str) -> Result<&'n str> {
        match &node.content {
            Content::Text(text) => Ok(text),
            other => Err(self.error(codes::BAD_YAML, node.place, format!("{what} must be a single value, not {}", other.kind()))),
        }
    }

    pub(crate) fn name<'n>(self, node: &'n Node, what: &str) -> Result<&'n str> {
        let text = self.text(node, what)?;
        if text.trim().is_empty() {
            return Err(self.error(codes::BAD_YAML, node.place, format!("{what} must not be empty")));
        }
        Ok(text)
    }
}

impl Content {
    fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Text(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// The value of a key, if the map has it.
pub(crate) fn get<'n>(entries: &'n [(Key, Node)], name: &str) -> Option<&'n Node> {
    entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn keys_and_values_know_where_they_stand_in_every_document() {
        let nodes = documents("a.yaml", "one: 1\n---\ntwo:\n  three: [x, yes]\n").unwrap();
        let Content::Map(first) = &nodes[1].content else { panic!("not a map") };
        assert_eq!(first[0].0.place, Place { line: 3, column: 1 });
        let Content::Map(second) = &first[0].1.content else { panic!("not a map") };
        assert_eq!(second[0].0, Key { name: "three".into(), place: Place { line: 4, column: 3 } });
        let Content::List(items) = &second[0].1.content else { panic!("not a list") };
        assert_eq!(items[1], Node { place: Place { line: 4, column: 14 }, content: Content::Text("yes".into()) });
    }

    #[test]
    fn broken_yaml_names_the_line() {
        let error = documents("a.yaml", "one: 1\ntwo: [x\n").unwrap_err();
        assert_eq!(error.code().id, "AQ1002");
        assert!(error.location().unwrap().line >= 2, "{error}");
    }

    #[test]
    fn a_key_twice_is_an_error() {
        let error = documents("a.yaml", "one: 1\none: 2\n").unwrap_err();
        assert_eq!(error.location().unwrap().line, 2, "{error}");
    }
}
