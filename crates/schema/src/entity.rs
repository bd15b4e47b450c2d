//! Entities and fields: how the common schema describes its tables.

use crate::entities;
use crate::semantic::{SemanticType, Sensitivity, ValueType};
use crate::table::Column;

/// A field whose value follows from another field of the same row, so that no mapping names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derivation {
    /// The other field's value in the form that rows are joined by (an e-mail address in lower case, for example).
    Normalized(&'static str),
    /// The verdict of the other field's cleaner: `ok fixed suspect invalid missing`.
    Status(&'static str),
}

/// A field of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The column's name.
    pub name: &'static str,
    /// The kind of value.
    pub semantic: SemanticType,
    /// How sensitive it is, where that differs from the semantic type's own.
    pub sensitivity: Option<Sensitivity>,
    /// Whether a record without a valid value goes to quarantine.
    pub required: bool,
    /// The entity the value points at. A mapping then gives the source's id, and the row id of that entity is stored.
    pub references: Option<&'static str>,
    /// The field of the same row that names the entity pointed at; a mapping gives that field as a constant.
    pub references_by: Option<&'static str>,
    /// The field this one follows from.
    pub derivation: Option<Derivation>,
    /// The meaning, in a sentence.
    pub description: &'static str,
}

impl Field {
    /// A plain field.
    pub const fn new(name: &'static str, semantic: SemanticType, description: &'static str) -> Self {
        Self { name, semantic, sensitivity: None, required: false, references: None, references_by: None, derivation: None, description }
    }

    /// A field that holds the row id of another entity.
    pub const fn reference(name: &'static str, entity: &'static str, description: &'static str) -> Self {
        Self {
            name,
            semantic: SemanticType::SourceId,
            sensitivity: None,
            required: false,
            references: Some(entity),
            references_by: None,
            derivation: None,
            description,
        }
    }

    /// A field that holds the row id of the entity which another field names.
    pub const fn reference_by(name: &'static str, naming: &'static str, description: &'static str) -> Self {
        let mut field = Self::new(name, SemanticType::SourceId, description);
        field.references_by = Some(naming);
        field
    }

    /// With a sensitivity of its own.
    #[must_use]
    pub const fn sensitive(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = Some(sensitivity);
        self
    }

    /// Required.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Following from another field.
    #[must_use]
    pub const fn derived(mut self, derivation: Derivation) -> Self {
        self.derivation = Some(derivation);
        self
    }

    /// How values are stored.
    pub fn value_type(&self) -> ValueType {
        self.semantic.value_type()
    }

    /// How sensitive the values are.
    pub fn sensitivity(&self) -> Sensitivity {
        self.sensitivity.unwrap_or_else(|| self.semantic.sensitivity())
    }

    /// The warehouse column of this field.
    pub fn column(&self) -> Column {
        Column {
            name: self.name.into(),
            value_type: self.value_type(),
            semantic: Some(self.semantic),
            sensitivity: self.sensitivity(),
            required: self.required,
        }
    }
}

/// A table of the common schema.
#[derive(Clone, Copy, Debug)]
pub struct Entity {
    /// The table's name, in the singular.
    pub name: &'static str,
    /// What a row is, in a sentence.
    pub description: &'static str,
    /// The entity's own fields; [`entities::PROVENANCE`] comes before them in every table.
    pub fields: &'static [Field],
}

impl Entity {
    /// The entity of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        entities::ALL.iter().copied().find(|entity| entity.name == name)
    }

    /// A field by name, the provenance fields included.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        let fields: &'static [Field] = self.fields;
        fields.iter().chain(entities::PROVENANCE).find(|field| field.name == name)
    }
}
