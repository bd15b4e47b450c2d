//! How records look on the wire.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::schema::{Field, ObjectKind, Schema};
use super::values::Values;
use crate::clock::iso;
use crate::store::{History, State, Version};

/// The properties that a reply shows, in the order of their names.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    names: Vec<(&'a str, Field)>,
    /// For each stored property its place among the names, plus one; zero when it is not shown.
    places: Vec<usize>,
    history: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    /// The columns for the properties asked for; unknown ones are ignored. Without any, the object's default ones.
    /// The id and the two times come in any case.
    pub(crate) fn new(schema: &Schema, kind: ObjectKind, asked: &'a [String], history: &'a [String]) -> Self {
        let mut names: Vec<&str> =
            if asked.is_empty() { kind.default_properties().to_vec() } else { asked.iter().map(String::as_str).collect() };
        names.extend(["createdate", "hs_object_id", kind.modified_property()]);
        names.sort_unstable();
        names.dedup();
        let names: Vec<(&str, Field)> = names.into_iter().filter_map(|name| schema.field(name).map(|field| (name, field))).collect();
        let mut places = vec![0; schema.all().len()];
        for (place, (_, field)) in names.iter().enumerate() {
            if let Field::Stored(id) = field {
                places[usize::from(*id)] = place + 1;
            }
        }
        let history = history.iter().map(String::as_str).filter(|name| schema.field(name).is_some()).collect();
        Self { names, places, history }
    }
}

/// One record in one version.
pub(crate) struct RecordBody<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) columns: &'a Columns<'a>,
    pub(crate) id: u64,
    pub(crate) row: &'a History<u64, Values>,
    pub(crate) version: &'a Version<u64, Values>,
    /// The `associations` member.
    pub(crate) associations: Option<Value>,
}

struct Properties<'a, 'b>(&'b RecordBody<'a>);

impl Serialize for Properties<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let RecordBody { columns, id, row, version, .. } = self.0;
        let mut values: Vec<Option<&str>> = vec![None; columns.names.len()];
        for (property, value) in version.value.iter() {
            if let Some(place) = columns.places.get(usize::from(property)).and_then(|place| place.checked_sub(1)) {
                values[place] = Some(value);
            }
        }
        let mut map = serializer.serialize_map(Some(columns.names.len()))?;
        for ((name, field), value) in columns.names.iter().zip(values) {
            match field {
                Field::Id => map.serialize_entry(name, &id.to_string())?,
                Field::Created => map.serialize_entry(name, &iso(row.created_at))?,
                Field::Modified => map.serialize_entry(name, &iso(version.modified_at))?,
                Field::Stored(_) => map.serialize_entry(name, &value)?,
            }
        }
        map.end()
    }
}

impl Serialize for RecordBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let archived = matches!(self.version.state, State::Archived);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id.to_string())?;
        map.serialize_entry("properties", &Properties(self))?;
        if !self.columns.history.is_empty() {
            map.serialize_entry("propertiesWithHistory", &self.histories())?;
        }
        map.serialize_entry("createdAt", &iso(self.row.created_at))?;
        map.serialize_entry("updatedAt", &iso(self.version.modified_at))?;
        map.serialize_entry("archived", &archived)?;
        if archived {
            map.serialize_entry("archivedAt", &iso(self.version.at))?;
        }
        if let Some(associations) = &self.associations {
            map.serialize_entry("associations", associations)?;
        }
        map.end()
    }
}

impl RecordBody<'_> {
    /// The values that each property asked for has had, the latest first.
    fn histories(&self) -> BTreeMap<&str, Vec<Value>> {
        self.columns.history.iter().map(|name| (*name, self.history_of(name))).collect()
    }

    fn history_of(&self, name: &str) -> Vec<Value> {
        let mut changes: Vec<(i64, String)> = Vec::new();
        for version in self.row.versions().take_while(|version| version.at <= self.version.at) {
            let value = match self.schema.field(name) {
                Some(Field::Id) => Some(self.id.to_string()),
                Some(Field::Created) => Some(iso(self.row.created_at)),
                Some(Field::Modified) => Some(iso(version.modified_at)),
                Some(Field::Stored(id)) => version.value.get(id).map(str::to_owned),
                None => None,
            };
            if let Some(value) = value.filter(|value| changes.last().is_none_or(|(_, last)| last != value)) {
                changes.push((version.at, value));
            }
        }
        changes.iter().rev().map(|(at, value)| json!({"value": value, "timestamp": iso(*at), "sourceType": "CRM_UI", "sourceId": "userId:9000401", "updatedByUserId": 9_000_401})).collect()
    }
}

/// A page of rows.
#[derive(serde::Serialize)]
pub(crate) struct Page<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<usize>,
    pub(crate) results: Vec<T>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) paging: Option<Value>,
}

/// The reply to a batch request.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Batch<T> {
    pub(crate) status: &'static str,
    pub(crate) results: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) num_errors: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<Value>,
    pub(crate) requested_at: String,
    pub(crate) started_at: String,
    pub(crate) completed_at: String,
}

impl<T> Batch<T> {
    /// A batch that was answered at `now`, with the number of missing things and their errors.
    pub(crate) fn new(results: Vec<T>, missing: usize, errors: Vec<Value>, now: i64) -> Self {
        let num_errors = (missing > 0).then_some(missing);
        Self { status: "COMPLETE", results, num_errors, errors, requested_at: iso(now), started_at: iso(now), completed_at: iso(now) }
    }

    /// 200, or 207 when something is missing.
    pub(crate) fn http_status(&self) -> u16 {
        if self.num_errors.is_some() { 207 } else { 200 }
    }
}
