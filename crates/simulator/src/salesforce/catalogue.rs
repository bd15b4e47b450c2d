//! The standard objects with their fields, and two of an organisation's own.
//!
//! Names, types and lengths follow Salesforce's published object reference for API version 62.0. Each object is a line
//! `Name prefix Plural flags…` and one line a field, as `fields.rs` reads them.

mod activities;
mod consent;
mod histories;
mod people;
mod sales;

use super::fields::Schema;

/// All objects of a fresh organisation.
pub(crate) fn standard() -> Vec<Schema> {
    let texts = [people::OBJECTS, sales::OBJECTS, activities::OBJECTS, consent::OBJECTS, histories::OBJECTS];
    texts.iter().flat_map(|objects| objects.iter()).map(|text| Schema::parse(text)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn prefixes_and_names_are_unique() {
        let schemas = standard();
        let names: BTreeSet<&str> = schemas.iter().map(|schema| schema.name.as_str()).collect();
        let prefixes: BTreeSet<[u8; 3]> = schemas.iter().map(|schema| schema.prefix).collect();
        // All field histories share one.
        let histories = schemas.iter().filter(|schema| schema.is_field_history).count();
        assert_eq!((names.len(), prefixes.len()), (schemas.len(), schemas.len() - histories + 1));
        assert!(prefixes.iter().all(|prefix| prefix.iter().all(u8::is_ascii_alphanumeric)));
    }

    #[test]
    fn references_and_compounds_lead_somewhere() {
        let schemas = standard();
        for schema in &schemas {
            assert!(schema.fields.iter().filter(|field| field.tracked).count() <= 20, "{} tracks more than the vendor allows", schema.name);
            if let Some(parent) = &schema.tells_of {
                assert!(schema.place(&format!("{parent}Id")).is_some(), "{} tells of {parent}", schema.name);
            }
            for field in &schema.fields {
                for target in &field.refers_to {
                    assert!(schemas.iter().any(|other| other.name == *target), "{}.{} refers to {target}", schema.name, field.name);
                }
                if let Some(compound) = &field.compound {
                    assert!(schema.place(compound).is_some(), "{}.{} is in {compound}", schema.name, field.name);
                }
            }
        }
    }
}
