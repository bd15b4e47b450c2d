//! A vendor whose answers are changed on their way to the connector, record by record.

use std::sync::{Arc, Mutex, PoisonError};

use aqueduct_connector::{Http, Request, Response, async_trait};
use aqueduct_schema::Result;
use serde_json::{Map, Value};

/// Changes one record. What the key `@again` holds beside a key `again` is written as that key a second time.
pub(crate) type Tamper = Arc<dyn Fn(&mut Map<String, Value>) + Send + Sync>;

/// Where the records stand in an answer: learnt from the pages that the connector makes of them.
#[derive(Clone, Default)]
pub(crate) struct Place(Arc<Mutex<Option<&'static [&'static str]>>>);

impl Place {
    pub(crate) fn learn(&self, pointer: &'static [&'static str]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(pointer);
    }

    pub(crate) fn known(&self) -> Option<&'static [&'static str]> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends through the engine and changes what comes back.
pub(crate) struct Tampered {
    pub(crate) inner: Arc<dyn Http>,
    pub(crate) place: &'static [&'static str],
    pub(crate) tamper: Tamper,
}

#[async_trait]
impl Http for Tampered {
    async fn send(&self, request: Request) -> Result<Response> {
        let mut response = self.inner.send(request).await?;
        if let Some(body) = changed(&response.body, self.place, &self.tamper) {
            response.body = body.into();
        }
        Ok(response)
    }
}

/// The body with its records changed; `None` for a body that has none there.
fn changed(body: &[u8], place: &[&str], tamper: &Tamper) -> Option<String> {
    let mut answer: Value = serde_json::from_slice(body).ok()?;
    let records = place.iter().try_fold(&mut answer, |value, key| value.get_mut(*key))?.as_array_mut()?;
    for record in records {
        tamper(record.as_object_mut()?);
    }
    // `@` stands before every letter and digit of another key but not before those of its own, so both keys are written.
    Some(serde_json::to_string(&answer).ok()?.replace("\"@", "\""))
}

/// The object in which the last key of a path stands, and that key; objects on the way are made where they are missing.
pub(crate) fn parent<'r>(record: &'r mut Map<String, Value>, path: &str) -> (&'r mut Map<String, Value>, String) {
    if record.contains_key(path) {
        return (record, path.to_owned());
    }
    match path.split_once('.') {
        None => (record, path.to_owned()),
        Some((first, rest)) => {
            let below = record.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if !below.is_object() {
                *below = Value::Object(Map::new());
            }
            match below {
                Value::Object(below) => parent(below, rest),
                _ => unreachable!("it was made one"),
            }
        }
    }
}

/// The text at a path of a record, as it is part of the key.
pub(crate) fn text_at(record: &Map<String, Value>, path: &str) -> Option<String> {
    let value = match record.get(path) {
        Some(value) => value,
        None => {
            let (first, rest) = path.split_once('.')?;
            return text_at(record.get(first)?.as_object()?, rest);
        }
    };
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn records_are_changed_where_they_stand_and_keys_repeated() {
        let tamper: Tamper = Arc::new(|record| {
            let (parent, key) = parent(record, "properties.name");
            parent.insert(format!("@{key}"), json!("before"));
            parent.insert("new".into(), json!(1));
        });
        let body = r#"{"data":{"rows":[{"id":7,"properties":{"name":"x"}}]}}"#;
        let text = changed(body.as_bytes(), &["data", "rows"], &tamper);
        assert_eq!(text.as_deref(), Some(r#"{"data":{"rows":[{"id":7,"properties":{"name":"before","name":"x","new":1}}]}}"#));
        assert_eq!(changed(body.as_bytes(), &["rows"], &tamper), None);
        assert_eq!(changed(b"<html>", &[], &tamper), None);
        assert_eq!(text_at(json!({"a": {"b": 5}}).as_object().unwrap_or(&Map::new()), "a.b").as_deref(), Some("5"));
    }
}
