//! JSON Schemas of values that are written as texts, by which editors check while a person types.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A span of time that may be left out.
pub(crate) fn span(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "pattern": r"^\s*(?=\d)(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?\s*$" })
}

/// A time of day.
pub(crate) fn time_of_day(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": r"^\s*(([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?|24:00(:00)?)\s*$" })
}

/// Weekdays, short or in full, in any case.
pub(crate) fn weekdays(_: &mut SchemaGenerator) -> Schema {
    let words = r"^([Mm][Oo][Nn]|[Tt][Uu][Ee]([Ss])?|[Ww][Ee][Dd]([Nn][Ee][Ss])?|[Tt][Hh][Uu]([Rr][Ss])?|[Ff][Rr][Ii]|[Ss][Aa][Tt]([Uu][Rr])?|[Ss][Uu][Nn])([Dd][Aa][Yy])?$";
    json_schema!({
        "type": "array",
        "items": { "anyOf": [{ "enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] }, { "type": "string", "pattern": words }] }
    })
}
