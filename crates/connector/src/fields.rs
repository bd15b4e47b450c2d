//! Fields of records from a line of text, for tables of streams.

use std::collections::BTreeSet;

use aqueduct_schema::{Error, RecordField, Result, SemanticType, Sensitivity, ValueType, codes};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as Unknown;

/// Fields from their paths, separated by space: `id email:email createdAt:timestamp tags:json`. After a colon stands the type of value
/// (`text boolean integer decimal date timestamp json`), or the kind of value by its name (`email person_name phone_number …`,
/// see [`SemanticType`]); a path alone is text. After a second colon stands how sensitive the values are, where that is known and does not
/// follow from their kind: `createdAt:timestamp:none` (`none indirect direct sensitive`).
///
/// # Errors
/// `AQ9001` for a word that is neither.
pub fn fields(text: &str) -> Result<Vec<RecordField>> {
    text.split_whitespace().map(field).collect()
}

fn field(text: &str) -> Result<RecordField> {
    let unknown =
        |word: &str| Error::new(codes::BUG, format!("`{word}` in `{text}` is neither a type, nor a kind of value, nor a sensitivity"));
    // From the end, for a path may have colons of its own.
    let (typed, sensitivity) = match text.rsplit_once(':') {
        Some((typed, word)) if typed.contains(':') => match sensitivity(word) {
            Some(sensitivity) => (typed, Some(sensitivity)),
            None => (text, None),
        },
        _ => (text, None),
    };
    let (path, word) = typed.rsplit_once(':').unwrap_or((typed, "text"));
    let field = match word {
        "text" => RecordField::new(path, ValueType::Text),
        "boolean" => RecordField::new(path, ValueType::Boolean),
        "integer" => RecordField::new(path, ValueType::Integer),
        "decimal" => RecordField::new(path, ValueType::Decimal),
        "date" => RecordField::new(path, ValueType::Date),
        "timestamp" => RecordField::new(path, ValueType::Timestamp),
        "json" => RecordField::new(path, ValueType::Json),
        word => {
            let semantic = SemanticType::from_name(word).ok_or_else(|| unknown(word))?;
            RecordField { semantic: Some(semantic), ..RecordField::new(path, semantic.value_type()) }
        }
    };
    Ok(match sensitivity {
        Some(sensitivity) => field.sensitive(sensitivity),
        None => field,
    })
}

fn sensitivity(word: &str) -> Option<Sensitivity> {
    Sensitivity::deserialize(IntoDeserializer::<Unknown>::into_deserializer(word)).ok()
}

/// An id, which says nothing about a person.
pub fn id(path: &str) -> RecordField {
    RecordField { semantic: Some(SemanticType::SourceId), ..RecordField::new(path, ValueType::Text).sensitive(Sensitivity::None) }
}

/// The words in the mappings of a stream, among which are the paths that they read: for a connector that asks its vendor for fields by
/// name. What stands in comments is left out.
pub fn mapped_words(mappings: &'static [(&'static str, &'static str)], stream: &str) -> BTreeSet<&'static str> {
    let line = format!("stream: {stream}");
    let documents = mappings.iter().flat_map(|(_, text)| text.split("\n---\n"));
    let documents = documents.filter(|document| document.lines().any(|other| other == line));
    let lines = documents.flat_map(str::lines).map(|line| line.split('#').next().unwrap_or_default());
    lines.flat_map(|line| line.split(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '.'))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_of_text_becomes_fields() {
        let fields = fields("id\n a.mail:email  tags:json count:integer").unwrap();
        let told: Vec<_> = fields.iter().map(|field| (field.path.as_str(), field.value_type, field.semantic)).collect();
        let expected = [
            ("id", ValueType::Text, None),
            ("a.mail", ValueType::Text, Some(SemanticType::Email)),
            ("tags", ValueType::Json, None),
            ("count", ValueType::Integer, None),
        ];
        assert_eq!(told, expected);
        assert!(super::fields("id total:numbre").unwrap_err().to_string().contains("numbre"));
        let sensitivity = |text: &str| super::fields(text).map(|fields| fields[0].sensitivity);
        assert_eq!(sensitivity("id:source_id:none").unwrap(), Some(Sensitivity::None));
        assert_eq!((sensitivity("a:text:direct").unwrap(), sensitivity("a:text").unwrap()), (Some(Sensitivity::Direct), None));
        let colons = super::fields("jcr:title:text jcr:mail:email:direct").unwrap();
        let told: Vec<_> = colons.iter().map(|field| (field.path.as_str(), field.semantic, field.sensitivity)).collect();
        assert_eq!(told, [("jcr:title", None, None), ("jcr:mail", Some(SemanticType::Email), Some(Sensitivity::Direct))]);
        assert!(sensitivity("a:text:secret").unwrap_err().to_string().contains("`secret`"));
    }

    #[test]
    fn the_words_of_a_streams_mappings_are_found() {
        const MAPPINGS: &[(&str, &str)] = &[
            (
                "a.yaml",
                "entity: a\nstream: people\nfields:\n  x: properties.city # not properties.zip\n---\nentity: b\nstream: deals\nfields:\n  y: Amount",
            ),
            ("b.yaml", "entity: b\nstream: people\nfields:\n  z: { first_of: [Email, properties.mail] }"),
        ];
        let words = mapped_words(MAPPINGS, "people");
        assert!(["properties.city", "Email", "properties.mail"].iter().all(|word| words.contains(word)), "{words:?}");
        assert!(!words.contains("properties.zip") && !words.contains("Amount") && mapped_words(MAPPINGS, "none").is_empty());
    }
}
