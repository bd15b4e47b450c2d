//! Fields of records from a line of text, for tables of streams.

use aqueduct_schema::{Error, RecordField, Result, SemanticType, ValueType, codes};

/// Fields from their paths, separated by space: `id email:email createdAt:timestamp tags:json`. After a colon stands the type of value
/// (`text boolean integer decimal date timestamp json`), or the kind of value by its name (`email person_name phone_number …`,
/// see [`SemanticType`]); a path alone is text.
///
/// # Errors
/// `AQ9001` for a word that is neither.
pub fn fields(text: &str) -> Result<Vec<RecordField>> {
    text.split_whitespace().map(field).collect()
}

fn field(text: &str) -> Result<RecordField> {
    let (path, word) = text.rsplit_once(':').unwrap_or((text, "text"));
    let value_type = match word {
        "text" => ValueType::Text,
        "boolean" => ValueType::Boolean,
        "integer" => ValueType::Integer,
        "decimal" => ValueType::Decimal,
        "date" => ValueType::Date,
        "timestamp" => ValueType::Timestamp,
        "json" => ValueType::Json,
        _ => {
            let unknown = || Error::new(codes::BUG, format!("`{word}` in `{text}` is neither a type nor a kind of value"));
            let semantic = SemanticType::from_name(word).ok_or_else(unknown)?;
            return Ok(RecordField { semantic: Some(semantic), ..RecordField::new(path, semantic.value_type()) });
        }
    };
    Ok(RecordField::new(path, value_type))
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
    }
}
