//! Records that cannot be loaded, with the reason. They are judged and protected like rows, and end in quarantine.

use std::sync::Arc;

use crate::semantic::Sensitivity;

/// One value of a rejected record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectCell {
    /// The column, or `line` for a text that could not be taken apart.
    pub column: Arc<str>,
    /// How sensitive the value is.
    pub sensitivity: Sensitivity,
    /// The value as text.
    pub value: Option<String>,
}

/// A record that is not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The rule that turned it away: a code such as `required.missing` or `email.no_at_sign`.
    pub rule: Arc<str>,
    /// The field the rule is about, as `entity.field` or a path at the source.
    pub field: Option<Arc<str>>,
    /// What is wrong in a sentence a non-expert understands; no personal value.
    pub message: String,
    /// The record's id at the source, if it has one.
    pub source_id: Option<String>,
    /// Where the record stands, for files: `exports/contacts.csv:17`.
    pub location: Option<String>,
    /// The record as it came.
    pub record: Vec<RejectCell>,
    /// The same, whole and sealed, for whoever has the key; made by the privacy stage where originals are kept.
    pub sealed: Option<String>,
}
