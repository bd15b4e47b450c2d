//! Object kinds and their properties, as schema discovery shows them.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::properties;
use super::values::PropertyId;
use crate::clock::iso;

/// A kind of CRM object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// People, `0-1`.
    Contacts,
    /// Organisations, `0-2`.
    Companies,
    /// Sales opportunities, `0-3`.
    Deals,
    /// What is sold, `0-7`.
    Products,
    /// Lines of deals, `0-8`.
    LineItems,
}

impl ObjectKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Contacts, Self::Companies, Self::Deals, Self::Products, Self::LineItems];

    /// The name in paths: `contacts`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Companies => "companies",
            Self::Deals => "deals",
            Self::Products => "products",
            Self::LineItems => "line_items",
        }
    }

    /// The name of one of them: `contact`.
    #[must_use]
    pub fn singular(self) -> &'static str {
        match self {
            Self::Contacts => "contact",
            Self::Companies => "company",
            Self::Deals => "deal",
            Self::Products => "product",
            Self::LineItems => "line_item",
        }
    }

    /// The object type id: `0-1`.
    #[must_use]
    pub fn type_id(self) -> &'static str {
        match self {
            Self::Contacts => "0-1",
            Self::Companies => "0-2",
            Self::Deals => "0-3",
            Self::Products => "0-7",
            Self::LineItems => "0-8",
        }
    }

    /// The property that holds the modification time: contacts differ from everything else.
    #[must_use]
    pub fn modified_property(self) -> &'static str {
        match self {
            Self::Contacts => "lastmodifieddate",
            Self::Companies | Self::Deals | Self::Products | Self::LineItems => "hs_lastmodifieddate",
        }
    }

    /// A kind by its plural or singular name or its type id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| text == kind.name() || text == kind.singular() || text == kind.type_id())
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// The properties that come when none are asked for, in the order of their names.
    pub(crate) fn default_properties(self) -> &'static [&'static str] {
        match self {
            Self::Contacts => &["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"],
            Self::Companies => &["createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"],
            Self::Deals => {
                &["amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline"]
            }
            Self::Products => &["createdate", "description", "hs_lastmodifieddate", "hs_object_id", "name", "price"],
            Self::LineItems => &["amount", "createdate", "hs_lastmodifieddate", "hs_object_id", "hs_product_id", "quantity"],
        }
    }

    /// The properties that a free-text query looks into.
    pub(crate) fn query_properties(self) -> &'static [&'static str] {
        match self {
            Self::Contacts => &["firstname", "lastname", "email", "phone", "company", "hs_additional_emails"],
            Self::Companies => &["name", "domain", "website", "phone"],
            Self::Deals => &["dealname", "description", "dealtype"],
            Self::Products => &["name", "description", "price", "hs_sku"],
            Self::LineItems => &["name", "description", "hs_sku"],
        }
    }
}

/// The type of a property's values. On the wire every value is a text or null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PropertyType {
    /// Any text.
    String,
    /// A number in digits.
    Number,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// An instant, ISO 8601.
    DateTime,
    /// One of a list, or several with `;` between them.
    Enumeration,
    /// `true` or `false`.
    Bool,
    /// A telephone number.
    PhoneNumber,
}

impl PropertyType {
    fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Enumeration => "enumeration",
            Self::Bool => "bool",
            Self::PhoneNumber => "phone_number",
        }
    }

    fn field_type(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Number => "number",
            Self::Date | Self::DateTime => "date",
            Self::Enumeration => "select",
            Self::Bool => "booleancheckbox",
            Self::PhoneNumber => "phonenumber",
        }
    }
}

/// The definition of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The internal name.
    pub name: String,
    /// The name people see.
    pub label: String,
    /// The type of its values.
    pub kind: PropertyType,
    /// Value and label of each option of an enumeration.
    pub options: Vec<(String, String)>,
    /// Whether the vendor calculates it. A calculated value changes without moving the modification time.
    pub calculated: bool,
    /// Whether it came with the product.
    pub hubspot_defined: bool,
    /// Whether each value occurs once.
    pub unique: bool,
    /// Whether people see it.
    pub hidden: bool,
    /// Whether it is shown only to those who ask for sensitive data.
    pub sensitive: bool,
    /// Whether it was archived.
    pub archived: bool,
}

impl Property {
    /// A custom property.
    #[must_use]
    pub fn custom(name: impl Into<String>, label: impl Into<String>, kind: PropertyType) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            kind,
            options: Vec::new(),
            calculated: false,
            hubspot_defined: false,
            unique: false,
            hidden: false,
            sensitive: false,
            archived: false,
        }
    }

    /// The same with these options (value and label).
    #[must_use]
    pub fn with_options(mut self, options: &[(&str, &str)]) -> Self {
        self.options = options.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect();
        self
    }

    /// The same as a calculated property.
    #[must_use]
    pub fn calculated(mut self) -> Self {
        self.calculated = true;
        self
    }

    /// The definition as schema discovery shows it.
    pub(crate) fn to_json(&self, object: ObjectKind, changed_at: i64) -> Value {
        let options: Vec<Value> = self
            .options
            .iter()
            .enumerate()
            .map(|(place, (value, label))| json!({"label": label, "value": value, "displayOrder": place, "hidden": false}))
            .collect();
        let field_type = if self.calculated { "calculation_equation" } else { self.kind.field_type() };
        let mut body = json!({
            "name": self.name,
            "label": self.label,
            "type": self.kind.name(),
            "fieldType": field_type,
            "description": "",
            "groupName": format!("{}information", object.singular()),
            "options": options,
            "displayOrder": -1,
            "hasUniqueValue": self.unique,
            "calculated": self.calculated,
            "externalOptions": false,
            "hidden": self.hidden,
            "hubspotDefined": self.hubspot_defined,
            "formField": !self.calculated,
            "archived": self.archived,
            "dataSensitivity": if self.sensitive { "sensitive" } else { "non_sensitive" },
            "modificationMetadata": {
                "archivable": !self.hubspot_defined,
                "readOnlyDefinition": self.hubspot_defined,
                "readOnlyOptions": self.hubspot_defined,
                "readOnlyValue": self.calculated,
            },
            "createdAt": iso(changed_at),
            "updatedAt": iso(changed_at),
        });
        if self.archived {
            body["archivedAt"] = json!(iso(changed_at));
        }
        body
    }
}

/// Where the value of a property comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// The record's id.
    Id,
    /// When it was created.
    Created,
    /// When it was last modified.
    Modified,
    /// What was written to it.
    Stored(PropertyId),
}

/// The properties of one kind of object.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    object: ObjectKind,
    properties: Vec<(Property, i64)>,
    by_name: HashMap<String, PropertyId>,
}

impl Schema {
    /// The properties that a new account has, some custom ones among them.
    pub(crate) fn standard(object: ObjectKind, created_at: i64) -> Self {
        let mut schema = Self { object, properties: Vec::new(), by_name: HashMap::new() };
        for property in properties::standard(object) {
            schema.set(property, created_at);
        }
        schema
    }

    /// Adds a property, or replaces the one of that name.
    pub(crate) fn set(&mut self, property: Property, at: i64) {
        if let Some(id) = self.by_name.get(&property.name) {
            self.properties[usize::from(*id)] = (property, at);
        } else if let Ok(id) = PropertyId::try_from(self.properties.len()) {
            self.by_name.insert(property.name.clone(), id);
            self.properties.push((property, at));
        }
    }

    /// Archives a property; false when there is none of that name.
    pub(crate) fn archive(&mut self, name: &str, at: i64) -> bool {
        let Some(id) = self.by_name.get(name) else { return false };
        let entry = &mut self.properties[usize::from(*id)];
        entry.0.archived = true;
        entry.1 = at;
        true
    }

    /// A property by name, unless it is archived.
    pub(crate) fn id(&self, name: &str) -> Option<PropertyId> {
        self.by_name.get(name).copied().filter(|id| !self.properties[usize::from(*id)].0.archived)
    }

    /// Where the value of a property comes from; `None` when there is no such property.
    pub(crate) fn field(&self, name: &str) -> Option<Field> {
        let id = self.id(name)?;
        Some(match name {
            "hs_object_id" => Field::Id,
            "createdate" => Field::Created,
            _ if name == self.object.modified_property() => Field::Modified,
            _ => Field::Stored(id),
        })
    }

    /// The definition of a property.
    pub(crate) fn property(&self, id: PropertyId) -> Option<&Property> {
        self.properties.get(usize::from(id)).map(|(property, _)| property)
    }

    /// The type of a property by its name.
    pub(crate) fn kind(&self, name: &str) -> Option<PropertyType> {
        self.id(name).and_then(|id| self.property(id)).map(|property| property.kind)
    }

    /// All definitions with the time of their last change, in the order in which they were added.
    pub(crate) fn all(&self) -> &[(Property, i64)] {
        &self.properties
    }
}
