//! Looking into a JSON body without building it in memory.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The value at a path of object keys, as its JSON text. `None` when a key is missing; the last of repeated keys counts.
///
/// # Errors
/// When the body is not JSON, or a key is looked for in something that is not an object.
pub fn find<'b>(body: &'b [u8], pointer: &[&str]) -> Result<Option<&'b str>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let found = Finder { pointer }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found)
}

/// The value at a path as text: a string without its quotation marks, a number or flag as written. `None` for a missing key, `null`
/// and the empty string.
///
/// # Errors
/// As [`find`].
pub fn find_text(body: &[u8], pointer: &[&str]) -> Result<Option<String>, serde_json::Error> {
    let Some(raw) = find(body, pointer)? else { return Ok(None) };
    let text = match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(raw)?,
        Some(b'n') => return Ok(None),
        _ => raw.to_owned(),
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// The number of elements of the array at a path. `None` when a key is missing, and for `null` in its place.
///
/// # Errors
/// As [`find`], and when the value is not an array.
pub fn count(body: &[u8], pointer: &[&str]) -> Result<Option<usize>, serde_json::Error> {
    let Some(raw) = find(body, pointer)?.filter(|raw| *raw != "null") else { return Ok(None) };
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    Ok(Some((&mut deserializer).deserialize_seq(Counter)?))
}

struct Finder<'p> {
    pointer: &'p [&'p str],
}

impl<'de> DeserializeSeed<'de> for Finder<'_> {
    type Value = Option<&'de str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.pointer.is_empty() {
            let raw: &'de RawValue = serde::Deserialize::deserialize(deserializer)?;
            return Ok(Some(raw.get()));
        }
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Finder<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if key == self.pointer[0] {
                found = map.next_value_seed(Finder { pointer: &self.pointer[1..] })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

struct Counter;

impl<'de> Visitor<'de> for Counter {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while sequence.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn finds_values_and_counts() {
        let body = br#"{"results":[{"id":1},{"id":2}],"paging":{"next":{"after":"52","n":7,"none":null,"empty":""}}}"#;
        assert_eq!(count(body, &["results"]).unwrap(), Some(2));
        assert_eq!(count(br#"{"results": null}"#, &["results"]).unwrap(), None);
        assert_eq!(find_text(body, &["paging", "next", "after"]).unwrap().as_deref(), Some("52"));
        assert_eq!(find_text(body, &["paging", "next", "n"]).unwrap().as_deref(), Some("7"));
        assert_eq!(find_text(body, &["paging", "next", "none"]).unwrap(), None);
        assert_eq!(find_text(body, &["paging", "next", "empty"]).unwrap(), None);
        assert_eq!(find(body, &["missing", "x"]).unwrap(), None);
        assert!(find(b"<html>", &["a"]).is_err());
        assert!(find(br#"{"a":1} trailing"#, &["a"]).is_err());
        assert!(count(br#"{"results":{}}"#, &["results"]).is_err());
    }
}
