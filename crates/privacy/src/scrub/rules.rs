//! What is known of a value before it is looked at: the stream's fields, the names it stands under, descriptions of fields.

use std::collections::{HashMap, HashSet};

use aqueduct_schema::{SemanticType, Sensitivity, ValueType};

use super::node::Node;
use super::patterns::{self, Named, named};

/// A field of a stream, as the connector declares it.
#[derive(Clone, Debug)]
pub struct Field {
    /// The stream it belongs to.
    pub stream: String,
    /// Where its values stand in a record: keys joined by dots.
    pub path: String,
    /// How values are stored.
    pub value_type: ValueType,
    /// The kind of value, where it is known.
    pub semantic: Option<SemanticType>,
    /// How sensitive values are, where it is known.
    pub sensitivity: Option<Sensitivity>,
}

/// What a value is taken for before its look is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Email,
    Phone,
    Name,
    /// Anything that may lead to a person, dates and numbers too.
    Personal,
    Birth,
    /// Declared to say nothing of a person.
    Harmless,
    /// Declared to be a word of a closed set or a short code.
    Word,
    Id,
    Paging,
    /// A number or an instant, whatever it looks like.
    Measure,
    Nothing,
}

/// Everything that is declared.
#[derive(Default)]
pub(crate) struct Rules {
    fields: HashMap<String, HashMap<String, Field>>,
    /// The values that fields with a list of options have, by the field's name.
    options: HashMap<String, HashSet<String>>,
}

/// Parts of paths at which APIs describe their fields.
const DESCRIPTIONS: [&str; 10] =
    ["attributes", "columns", "definitions", "describe", "fields", "metadata", "properties", "schema", "schemas", "sobjects"];
/// Keys of which a description of a field or of an object has one.
const MARKS: [&str; 8] = ["type", "fieldType", "dataType", "soapType", "queryable", "custom", "hubspotDefined", "field_type"];
/// Keys of descriptions that people write prose under.
const PROSE: [&str; 7] =
    ["description", "helptext", "inlinehelptext", "defaultvalue", "defaultvalueformula", "calculationformula", "comment"];

impl Rules {
    pub(crate) fn new(fields: Vec<Field>) -> Self {
        let mut rules = Self::default();
        for field in fields {
            rules.fields.entry(field.stream.clone()).or_default().insert(field.path.clone(), field);
        }
        rules
    }

    /// The field of a stream that stands under these keys: the longest path that their end is.
    pub(crate) fn field(&self, stream: Option<&str>, trail: &[&str]) -> Option<&Field> {
        let fields = self.fields.get(stream?)?;
        (trail.len().saturating_sub(4)..trail.len()).find_map(|start| fields.get(&trail[start..].join(".")))
    }

    /// Whether nothing that a stream has says anything of a person, its ids included: stages of a pipeline, say.
    pub(crate) fn is_impersonal(&self, stream: Option<&str>) -> bool {
        let fields = stream.and_then(|stream| self.fields.get(stream));
        fields.is_some_and(|fields| fields.values().all(|field| field.sensitivity == Some(Sensitivity::None)))
    }

    /// Whether a field has this value among its options, or these values with semicolons between them.
    pub(crate) fn is_option(&self, name: &str, text: &str) -> bool {
        self.options.get(name).is_some_and(|options| options.contains(text) || text.split(';').all(|part| options.contains(part.trim())))
    }

    /// Takes the options of a field out of its description.
    pub(crate) fn learn_options(&mut self, description: &Node) {
        let Some(name) = description.get("name").and_then(Node::text) else { return };
        for list in ["options", "picklistValues", "enumValues", "values", "choices"] {
            let Some(Node::Array(options)) = description.get(list) else { continue };
            let value = |option: &Node| match option {
                Node::Text(text) => Some(text.clone()),
                other => ["value", "name", "id"].iter().find_map(|key| other.get(key)).and_then(Node::text).map(str::to_owned),
            };
            self.options.entry(name.to_owned()).or_default().extend(options.iter().filter_map(value));
        }
    }

    /// What is known of a value under these keys.
    pub(crate) fn known(&self, stream: Option<&str>, trail: &[&str]) -> Known {
        let name = trail.last().copied().unwrap_or_default();
        let by_name = match named(name) {
            Named::Phone => Known::Phone,
            Named::Name => Known::Name,
            Named::Birth => Known::Birth,
            Named::Place => Known::Personal,
            Named::Id => Known::Id,
            Named::Paging => Known::Paging,
            Named::Code => Known::Word,
            Named::Nothing => Known::Nothing,
        };
        let Some(field) = self.field(stream, trail) else { return by_name };
        use SemanticType as Kind;
        match (field.semantic, field.sensitivity) {
            (_, Some(Sensitivity::Sensitive)) => {
                if by_name == Known::Birth {
                    Known::Birth
                } else {
                    Known::Personal
                }
            }
            (Some(Kind::Email), _) => Known::Email,
            (Some(Kind::PhoneNumber), _) => Known::Phone,
            (Some(Kind::PersonName | Kind::CompanyName), _) => Known::Name,
            (Some(Kind::SourceId), _) => Known::Id,
            (Some(Kind::Country | Kind::Language | Kind::TimeZone | Kind::CurrencyCode | Kind::Category), _) => Known::Word,
            (Some(Kind::Money | Kind::Ratio | Kind::Count | Kind::Flag | Kind::Timestamp | Kind::Date), _) => Known::Measure,
            (Some(_), _) => Known::Nothing,
            (None, Some(Sensitivity::None)) => Known::Harmless,
            (None, Some(Sensitivity::Direct)) if by_name == Known::Nothing => Known::Personal,
            (None, _) => match (by_name, field.value_type) {
                (Known::Nothing, ValueType::Integer | ValueType::Decimal | ValueType::Boolean | ValueType::Timestamp | ValueType::Date) => {
                    Known::Measure
                }
                (by_name, _) => by_name,
            },
        }
    }
}

/// Whether fields are described at an address rather than records given.
pub(crate) fn describes(path: &str) -> bool {
    path.split('/').any(|part| DESCRIPTIONS.contains(&part.to_ascii_lowercase().as_str()))
}

/// Whether an object describes a field or a kind of record: it has a name that could be one, a label and a type, and is no record.
pub(crate) fn is_description(node: &Node) -> bool {
    let Node::Object(entries) = node else { return false };
    let name = node.get("name").and_then(Node::text).is_some_and(|name| patterns::ID.is_match(name));
    let marked = MARKS.iter().any(|mark| node.get(mark).is_some());
    let record = entries.iter().any(|(key, _)| matches!(patterns::plain(key).as_str(), "id" | "email" | "properties"));
    name && marked && !record && node.get("label").is_some()
}

/// Whether people write prose under this key of a description.
pub(crate) fn is_prose(key: &str) -> bool {
    PROSE.contains(&patterns::plain(key).as_str())
}

/// Whether an object tells how a job stands: its words are the API's.
pub(crate) fn is_job(node: &Node) -> bool {
    node.get("id").is_some()
        && node.get("state").is_some()
        && ["operation", "jobType", "concurrencyMode", "apiVersion"].iter().any(|key| node.get(key).is_some())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_record_is_no_description() {
        let description =
            Node::parse(r#"{"name":"plan","label":"Plan","type":"enumeration","options":[{"label":"Gold","value":"gold"}]}"#).unwrap();
        assert!(is_description(&description));
        for record in [
            r#"{"id":"1","name":"Ann","label":"x","type":"y"}"#,
            r#"{"name":"Ann Smith","label":"x","type":"y"}"#,
            r#"{"name":"Ann","type":"y"}"#,
        ] {
            assert!(!is_description(&Node::parse(record).unwrap()), "{record}");
        }
        let mut rules = Rules::default();
        rules.learn_options(&description);
        assert!(rules.is_option("plan", "gold") && !rules.is_option("plan", "Ann") && !rules.is_option("tier", "gold"));
    }

    #[test]
    fn the_longest_path_decides_and_streams_do_not_mix() {
        let field = |stream: &str, path: &str, sensitivity| Field {
            stream: stream.into(),
            path: path.into(),
            value_type: ValueType::Text,
            semantic: None,
            sensitivity: Some(sensitivity),
        };
        let rules =
            Rules::new(vec![field("stages", "label", Sensitivity::None), field("contacts", "properties.label", Sensitivity::Direct)]);
        assert_eq!(rules.known(Some("stages"), &["results", "stages", "label"]), Known::Harmless);
        assert_eq!(rules.known(Some("contacts"), &["results", "properties", "label"]), Known::Personal);
        assert_eq!(rules.known(Some("contacts"), &["results", "label"]), Known::Nothing);
        assert_eq!(rules.known(None, &["label"]), Known::Nothing);
    }
}
