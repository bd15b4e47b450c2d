//! JSON bodies and records: serde_json walks the text, and each value goes straight into its column.
//!
//! The quick way takes the records for what they nearly always are. Whatever is odd (a record that is no object, a list where an
//! object should be) makes it give up, and the careful way takes the same page again, record by record.

use std::fmt;

use aqueduct_connector::json::find;
use aqueduct_schema::{Error, Result, codes};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::plan::Target;
use super::rows::Rows;

/// Decodes the records at `pointer`.
///
/// # Errors
/// `AQ3005` when the body is not well-formed, or has no array there.
pub(crate) fn decode(rows: &mut Rows, body: &[u8], pointer: &[&str]) -> Result<()> {
    // Once for the whole body: checking every value for itself takes a fifth of all the time.
    let text = std::str::from_utf8(body).map_err(|_| malformed(body, "not UTF-8 text"))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let quick = Page { rows, pointer }.deserialize(&mut deserializer).and_then(|found| deserializer.end().map(|()| found));
    match quick {
        Ok(true) => Ok(()),
        Ok(false) => Err(malformed(body, "the records are missing")),
        Err(_) => {
            rows.clear();
            carefully(rows, body, pointer)
        }
    }
}

fn carefully(rows: &mut Rows, body: &[u8], pointer: &[&str]) -> Result<()> {
    let raw = find(body, pointer).map_err(|error| not_json(body, &error))?;
    let raw = raw.ok_or_else(|| malformed(body, "the records are missing"))?;
    let records: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| malformed(body, "the records are not a list"))?;
    for record in records {
        read_record(rows, record.get(), None);
    }
    Ok(())
}

/// Reads one record from its JSON text: a row, or a reject.
pub(crate) fn read_record(rows: &mut Rows, text: &str, location: Option<String>) {
    if !text.starts_with('{') {
        rows.reject_text("record.not_an_object", "The record is not a JSON object.".to_owned(), text, location);
        return;
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let outcome = deserializer.deserialize_map(Object { rows: &mut *rows, node: 0, careful: true });
    match outcome.and_then(|()| deserializer.end()) {
        Ok(()) => rows.end_record(location),
        Err(_) => {
            rows.abandon_record();
            rows.reject_text("record.malformed", "The record is not well-formed JSON.".to_owned(), text, location);
        }
    }
}

fn malformed(body: &[u8], what: &str) -> Error {
    Error::new(codes::MALFORMED_ANSWER, format!("the answer does not have the agreed shape ({what})")).with("bytes", body.len())
}

/// The place is named but not the text around it, which may hold personal values.
fn not_json(body: &[u8], error: &serde_json::Error) -> Error {
    malformed(body, "not well-formed JSON").with("line", error.line()).with("column", error.column())
}

/// Looks for the records in a body; true when they are there.
struct Page<'r> {
    rows: &'r mut Rows,
    pointer: &'r [&'r str],
}

impl<'de> DeserializeSeed<'de> for Page<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        if self.pointer.is_empty() { deserializer.deserialize_seq(self) } else { deserializer.deserialize_map(self) }
    }
}

impl<'de> Visitor<'de> for Page<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("records")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Some((first, rest)) = self.pointer.split_first() else { return Ok(false) };
        let mut found = false;
        while let Some(is_first) = map.next_key_seed(IsKey(first))? {
            if is_first {
                // The last of repeated keys counts here too.
                self.rows.clear();
                found = map.next_value_seed(Page { rows: &mut *self.rows, pointer: rest })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<bool, A::Error> {
        while records.next_element_seed(Record(&mut *self.rows))?.is_some() {}
        Ok(true)
    }
}

/// Compares a key without keeping it.
struct IsKey<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

/// One record of the quick way.
struct Record<'r>(&'r mut Rows);

impl<'de> DeserializeSeed<'de> for Record<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(Object { rows: &mut *self.0, node: 0, careful: false })?;
        self.0.end_record(None);
        Ok(())
    }
}

/// An object that holds fields.
struct Object<'r> {
    rows: &'r mut Rows,
    node: usize,
    /// Whether values in it are first cut out and looked at.
    careful: bool,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.rows.enter(self.node);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.rows.enter(self.node);
        let mut place = 0;
        while let Some(target) = map.next_key_seed(Key { rows: &mut *self.rows, node: self.node, place })? {
            place += 1;
            match target {
                Target::Leaf { column, rank } => {
                    let raw: &'de RawValue = map.next_value()?;
                    self.rows.set_json(column, rank, raw.get());
                }
                Target::Unknown(_) => {
                    map.next_value::<IgnoredAny>()?;
                }
                Target::Node(node) if !self.careful => {
                    map.next_value_seed(Object { rows: &mut *self.rows, node, careful: false })?;
                }
                Target::Node(node) => descend::<A::Error>(self.rows, node, map.next_value()?)?,
                Target::Both { column, rank, node } => {
                    let raw: &'de RawValue = map.next_value()?;
                    descend::<A::Error>(self.rows, node, raw)?;
                    self.rows.set_json(column, rank, raw.get());
                }
            }
        }
        Ok(())
    }
}

/// Reads the fields in a value that was cut out. A value that is no object has none.
fn descend<E: serde::de::Error>(rows: &mut Rows, node: usize, raw: &RawValue) -> Result<(), E> {
    if !raw.get().starts_with('{') {
        rows.enter(node);
        return Ok(());
    }
    serde_json::Deserializer::from_str(raw.get()).deserialize_map(Object { rows, node, careful: true }).map_err(E::custom)
}

/// A key of an object, looked up without keeping it.
struct Key<'r> {
    rows: &'r mut Rows,
    node: usize,
    place: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Target;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Target, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Target;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Target, E> {
        Ok(self.rows.target(self.node, self.place, key))
    }
}
