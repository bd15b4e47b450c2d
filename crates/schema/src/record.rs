//! What a stream's records look like: the fields at the source and the roles some of them have.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::entities::LOAD_COLUMNS;
use crate::semantic::{SemanticType, Sensitivity, ValueType};
use crate::table::identifier;

/// A field of a stream's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordField {
    /// Where the value stands in the record: object keys joined by dots (`properties.email`), or the header of a file's column.
    pub path: String,
    /// The column of the source table; see [`RecordSchema::new`].
    pub column: Arc<str>,
    /// The type the source declares. A value that does not fit widens the column; it is never lost.
    pub value_type: ValueType,
    /// The kind of value, where the connector knows it.
    pub semantic: Option<SemanticType>,
    /// How sensitive the values are, where the connector knows it. Otherwise the mapping tells, and what no mapping knows counts as
    /// direct when it is text and as indirect when it is not.
    pub sensitivity: Option<Sensitivity>,
    /// Whether the customer added the field to the vendor's own.
    pub custom: bool,
    /// Whether the source computes the value, so that a change need not move the record's time of change.
    pub calculated: bool,
    /// Whether the credentials may see it. A field that is not visible is never asked for, and its column stays empty.
    pub visibility: Visibility,
    /// The name people see at the source.
    pub label: String,
    /// The values that can be chosen, where the source has a list of them; those that are no longer offered are not among them.
    pub picklist: Vec<PicklistValue>,
    /// The source's own id of the field, where it has one that stays when the field gets another name.
    pub vendor_id: Option<String>,
    /// Whether a record with a value that does not fit the type is turned away, instead of the column being widened. A contract asks
    /// for that; no connector sets it.
    pub rigid: bool,
}

/// A value that can be chosen for a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PicklistValue {
    /// What records hold.
    pub value: String,
    /// What people see.
    pub label: String,
}

impl PicklistValue {
    /// A value and its label.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into() }
    }
}

/// Whether a field can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// It can.
    #[default]
    Visible,
    /// The vendor has it for every account, and these credentials are not shown it: a permission is missing.
    Hidden,
    /// The account does not have it: it belongs to a feature that is not switched on.
    Absent,
}

impl Visibility {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Visible => "visible",
            Self::Hidden => "hidden",
            Self::Absent => "absent",
        }
    }
}

impl RecordField {
    /// A field of the vendor's own.
    pub fn new(path: &str, value_type: ValueType) -> Self {
        let leaf = path.rsplit('.').next().unwrap_or(path);
        Self {
            path: path.to_owned(),
            column: identifier(leaf).into(),
            value_type,
            semantic: None,
            sensitivity: None,
            custom: false,
            calculated: false,
            visibility: Visibility::Visible,
            label: leaf.to_owned(),
            picklist: Vec::new(),
            vendor_id: None,
            rigid: false,
        }
    }

    /// With a known sensitivity.
    #[must_use]
    pub fn sensitive(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = Some(sensitivity);
        self
    }
}

/// A field that tells of merges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeSignal {
    /// The path of the field.
    pub path: String,
    /// What its values are.
    pub form: MergeForm,
}

/// What the values of a field are that tells of merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeForm {
    /// The record was merged away; the value is the id of the record that is left. A record that loses the value is on its own again.
    Into,
    /// The record is the one that is left; the value lists the ids of those that were merged into it.
    Of {
        /// What stands between the ids.
        separator: char,
        /// Whether each id is followed by `:` and the time of the merge in milliseconds.
        timed: bool,
    },
}

impl MergeSignal {
    /// A field of a record that was merged away, with the id of the one that is left.
    pub fn into(path: &str) -> Self {
        Self { path: path.to_owned(), form: MergeForm::Into }
    }

    /// A field of the record that is left, with the ids of those merged into it.
    pub fn of(path: &str, separator: char) -> Self {
        Self { path: path.to_owned(), form: MergeForm::Of { separator, timed: false } }
    }

    /// The same, each id followed by `:` and the time of its merge in milliseconds.
    #[must_use]
    pub fn timed(mut self) -> Self {
        if let MergeForm::Of { timed, .. } = &mut self.form {
            *timed = true;
        }
        self
    }
}

/// The records of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSchema {
    /// The vendor's name for what a record is; stored as `source_object`.
    pub object: Arc<str>,
    /// The fields, in order. Paths and columns are unique.
    pub fields: Vec<RecordField>,
    /// The paths that identify a record. Several are joined with `:` into the source id.
    pub key: Vec<String>,
    /// The path of the time of creation.
    pub created_at: Option<String>,
    /// The path of the time of the last change.
    pub updated_at: Option<String>,
    /// The path of the flag that says a record is deleted or archived.
    pub is_deleted: Option<String>,
    /// The path of the time of deletion.
    pub deleted_at: Option<String>,
    /// The fields that tell of merges.
    pub merges: Vec<MergeSignal>,
    /// The path of the id of the record that this one belongs to, where records are read by those that changed ([`crate::Mode::Parents`]).
    pub parent: Option<String>,
}

/// Columns every source table has besides the vendor's, so that no vendor's column may take their names.
pub const SOURCE_COLUMNS: [&str; 7] =
    ["_id", "source_account_id", "source_id", "source_created_at", "source_updated_at", "is_deleted", "deleted_at"];

impl RecordSchema {
    /// Records with these fields and key. Columns that would clash, with each other or with Aqueduct's own, are told apart by a
    /// number at the end.
    pub fn new(object: &str, fields: Vec<RecordField>, key: &[&str]) -> Self {
        let mut taken: std::collections::HashSet<Arc<str>> =
            SOURCE_COLUMNS.iter().chain(&LOAD_COLUMNS).map(|name| (*name).into()).collect();
        let fields = fields
            .into_iter()
            .map(|mut field| {
                let base = field.column.clone();
                let mut number = 2;
                while !taken.insert(field.column.clone()) {
                    field.column = format!("{base}_{number}").into();
                    number += 1;
                }
                field
            })
            .collect();
        Self {
            object: object.into(),
            fields,
            key: key.iter().map(|path| (*path).to_owned()).collect(),
            created_at: None,
            updated_at: None,
            is_deleted: None,
            deleted_at: None,
            merges: Vec::new(),
            parent: None,
        }
    }

    /// With the paths of creation and last change.
    #[must_use]
    pub fn times(mut self, created_at: &str, updated_at: &str) -> Self {
        self.created_at = Some(created_at.to_owned());
        self.updated_at = Some(updated_at.to_owned());
        self
    }

    /// With the paths of the flag and the time of deletion.
    #[must_use]
    pub fn deletion(mut self, is_deleted: &str, deleted_at: &str) -> Self {
        self.is_deleted = Some(is_deleted.to_owned());
        self.deleted_at = Some(deleted_at.to_owned());
        self
    }

    /// With the path of the flag alone, where the source does not say when a record was deleted.
    #[must_use]
    pub fn deletion_flag(mut self, is_deleted: &str) -> Self {
        self.is_deleted = Some(is_deleted.to_owned());
        self
    }

    /// With a field that tells of merges.
    #[must_use]
    pub fn merges(mut self, signal: MergeSignal) -> Self {
        self.merges.push(signal);
        self
    }

    /// With the path of the id of the record that each belongs to.
    #[must_use]
    pub fn parent(mut self, path: &str) -> Self {
        self.parent = Some(path.to_owned());
        self
    }

    /// The position of a field by path.
    pub fn index_of(&self, path: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.path == path)
    }

    /// Whether a path has a role (key, time, deletion, merge or parent) and so is read whatever was selected.
    pub fn has_role(&self, path: &str) -> bool {
        let roles = [&self.created_at, &self.updated_at, &self.is_deleted, &self.deleted_at, &self.parent];
        self.key.iter().any(|key| key == path)
            || roles.into_iter().flatten().any(|role| role == path)
            || self.merges.iter().any(|signal| signal.path == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_never_clash() {
        let fields = ["source_id", "a.name", "b.name", "name_2"].map(|path| RecordField::new(path, ValueType::Text)).to_vec();
        let record = RecordSchema::new("contact", fields, &["a.name"]);
        let columns: Vec<&str> = record.fields.iter().map(|field| field.column.as_ref()).collect();
        assert_eq!(columns, ["source_id_2", "name", "name_2", "name_2_2"]);
        assert!(record.has_role("a.name") && !record.has_role("b.name"));
    }
}
