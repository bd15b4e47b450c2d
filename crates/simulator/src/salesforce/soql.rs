//! The part of SOQL that reads records of one object: words, grammar, literals, and what they mean for an object's schema.

pub(crate) mod dates;
pub(crate) mod filter;
pub(crate) mod grammar;
pub(crate) mod plan;
pub(crate) mod words;

pub(crate) use plan::{Column, Item, Plan};

/// A query that cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueryError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl QueryError {
    /// An error without a place.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// An error at a byte of the query, shown as the vendor shows it.
    pub(crate) fn at(query: &str, place: usize, code: &'static str, message: impl AsRef<str>) -> Self {
        let place = place.min(query.len());
        let before = query.get(..place).unwrap_or_default();
        let row = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before[line_start..].chars().count() + 1;
        let line = query[line_start..].lines().next().unwrap_or_default();
        let indent = " ".repeat(column - 1);
        Self { code, message: format!("\n{line}\n{indent}^\nERROR at Row:{row}:Column:{column}\n{}", message.as_ref()) }
    }
}
