//! What a source says of its streams, and how that differs from what it said before.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::{PicklistValue, RecordSchema, Visibility};
use crate::semantic::ValueType;

/// A stream as its source describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamDescription {
    /// The fields, in the source's order. Paths are unique.
    pub fields: Vec<FieldDescription>,
}

/// A field as its source describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDescription {
    /// Where the value stands in the record.
    pub path: String,
    /// The column of the source table.
    pub column: String,
    /// The declared type.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// The name people see at the source.
    pub label: String,
    /// The values to choose from, where the source has a list of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub picklist: Vec<PicklistValue>,
    /// Whether the source computes the value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub calculated: bool,
    /// Whether the credentials may see it. One that is absent counts as not being there.
    #[serde(default)]
    pub visibility: Visibility,
    /// The source's own id of the field, which stays when the field gets another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_id: Option<String>,
    /// Whether the pipeline reads it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub selected: bool,
}

impl StreamDescription {
    /// The description of records, of which a pipeline reads the fields that `selected` names by path.
    pub fn of(record: &RecordSchema, selected: impl Fn(&str) -> bool) -> Self {
        let fields = record.fields.iter().map(|field| FieldDescription {
            path: field.path.clone(),
            column: field.column.to_string(),
            value_type: field.value_type,
            label: field.label.clone(),
            picklist: field.picklist.clone(),
            calculated: field.calculated,
            visibility: field.visibility,
            vendor_id: field.vendor_id.clone(),
            selected: selected(&field.path),
        });
        Self { fields: fields.collect() }
    }

    /// A field by path.
    pub fn field(&self, path: &str) -> Option<&FieldDescription> {
        self.fields.iter().find(|field| field.path == path)
    }

    /// A field by path, unless it is absent.
    pub fn present(&self, path: &str) -> Option<&FieldDescription> {
        self.field(path).filter(|field| field.is_present())
    }
}

impl FieldDescription {
    /// Whether the account has the field, seen or hidden.
    pub fn is_present(&self) -> bool {
        self.visibility != Visibility::Absent
    }
}

/// What happened to a stream or a field between two descriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A stream is new.
    StreamAdded,
    /// A stream is gone.
    StreamRemoved,
    /// A field is new.
    Added,
    /// A field is gone.
    Removed,
    /// A field has another type.
    Retyped,
    /// A field has another path, and there is evidence that it is the same field.
    Renamed,
    /// A field has another label.
    Relabelled,
    /// There is one value more to choose from.
    PicklistValueAdded,
    /// A value can no longer be chosen.
    PicklistValueRemoved,
    /// A value to choose from has another label.
    PicklistLabelChanged,
    /// The source computes the field now.
    BecameCalculated,
    /// The source no longer computes the field.
    BecameStored,
    /// The credentials are no longer shown the field.
    Hidden,
    /// The credentials are shown the field now.
    Visible,
    /// Records have a field that the description does not name.
    Undeclared,
    /// Values came that do not fit the declared type, so the column is wider than it.
    Widened,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::StreamAdded,
        Self::StreamRemoved,
        Self::Added,
        Self::Removed,
        Self::Retyped,
        Self::Renamed,
        Self::Relabelled,
        Self::PicklistValueAdded,
        Self::PicklistValueRemoved,
        Self::PicklistLabelChanged,
        Self::BecameCalculated,
        Self::BecameStored,
        Self::Hidden,
        Self::Visible,
        Self::Undeclared,
        Self::Widened,
    ];

    /// The word in `_schema_changes`.
    pub fn word(self) -> &'static str {
        match self {
            Self::StreamAdded => "stream_added",
            Self::StreamRemoved => "stream_removed",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Retyped => "retyped",
            Self::Renamed => "renamed",
            Self::Relabelled => "relabelled",
            Self::PicklistValueAdded => "picklist_value_added",
            Self::PicklistValueRemoved => "picklist_value_removed",
            Self::PicklistLabelChanged => "picklist_label_changed",
            Self::BecameCalculated => "became_calculated",
            Self::BecameStored => "became_stored",
            Self::Hidden => "hidden",
            Self::Visible => "visible",
            Self::Undeclared => "undeclared",
            Self::Widened => "widened",
        }
    }

    /// The kind of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether it changes which fields there are to read, or a field's type.
    pub fn is_structural(self) -> bool {
        matches!(self, Self::Added | Self::Removed | Self::Retyped | Self::Renamed | Self::Hidden | Self::Visible)
    }
}

/// One difference between two descriptions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaChange {
    /// The stream.
    pub stream: String,
    /// The field's path as it is now, or as it was where it is gone; none for a whole stream.
    pub field: Option<String>,
    /// What happened.
    pub kind: ChangeKind,
    /// What it was: a type, a path, a label, or a value to choose from with its label.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

impl SchemaChange {
    /// A change of a field.
    pub fn of_field(stream: &str, field: &str, kind: ChangeKind, before: Option<String>, after: Option<String>) -> Self {
        Self { stream: stream.to_owned(), field: Some(field.to_owned()), kind, before, after }
    }

    /// A change of a whole stream.
    pub fn of_stream(stream: &str, kind: ChangeKind) -> Self {
        Self { stream: stream.to_owned(), field: None, kind, before: None, after: None }
    }
}

impl fmt::Display for SchemaChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, field, kind, before, after } = self;
        let (before, after) = (before.as_deref().unwrap_or("nothing"), after.as_deref().unwrap_or("nothing"));
        let Some(field) = field else {
            let what = if *kind == ChangeKind::StreamRemoved { "is gone" } else { "is new" };
            return write!(formatter, "stream {stream} {what}");
        };
        write!(formatter, "{stream}: {field} ")?;
        match kind {
            ChangeKind::Added | ChangeKind::StreamAdded => write!(formatter, "is new ({after})"),
            ChangeKind::Removed | ChangeKind::StreamRemoved => write!(formatter, "is gone (was {before})"),
            ChangeKind::Retyped => write!(formatter, "was {before} and is {after}"),
            ChangeKind::Renamed => write!(formatter, "was called {before}"),
            ChangeKind::Relabelled => write!(formatter, "is labelled `{after}`, was `{before}`"),
            ChangeKind::PicklistValueAdded => write!(formatter, "can be chosen as `{after}`"),
            ChangeKind::PicklistValueRemoved => write!(formatter, "can no longer be chosen as `{before}`"),
            ChangeKind::PicklistLabelChanged => write!(formatter, "shows `{after}` where it showed `{before}`"),
            ChangeKind::BecameCalculated => formatter.write_str("is calculated now"),
            ChangeKind::BecameStored => formatter.write_str("is no longer calculated"),
            ChangeKind::Hidden => formatter.write_str("is hidden from these credentials now"),
            ChangeKind::Visible => formatter.write_str("is shown to these credentials now"),
            ChangeKind::Undeclared => formatter.write_str("is in the records and not in the source's description"),
            ChangeKind::Widened => write!(formatter, "is declared as {before} and has values that are {after}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::RecordField;

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for kind in ChangeKind::ALL {
            assert_eq!(ChangeKind::from_word(kind.word()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
        assert_eq!(ChangeKind::from_word("vanished"), None);
    }

    #[test]
    fn a_description_comes_back_from_json() {
        let colour = RecordField {
            picklist: vec![PicklistValue::new("red", "Red")],
            calculated: true,
            visibility: Visibility::Hidden,
            ..RecordField::new("properties.colour", ValueType::Text)
        };
        let record = RecordSchema::new("contact", vec![RecordField::new("id", ValueType::Integer), colour], &["id"]);
        let description = StreamDescription::of(&record, |path| path == "id");
        let json = serde_json::to_string(&description).unwrap();
        assert_eq!(serde_json::from_str::<StreamDescription>(&json).unwrap(), description);
        assert!(description.field("id").unwrap().selected && !description.field("properties.colour").unwrap().selected);
    }
}
