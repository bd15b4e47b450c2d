//! Which columns of the common tables point at which table: for documentation, for merges, for erasure.

use crate::entities::{self, PROVENANCE};
use crate::entity::{Entity, Field};

/// What a column points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The rows of one entity.
    Entity(&'static str),
    /// The rows of the entity whose name stands in this column of the same row.
    NamedBy(&'static str),
}

/// A column that holds the id of another row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The entity whose table has the column.
    pub entity: &'static str,
    /// The column.
    pub column: &'static str,
    /// What it points at.
    pub target: Target,
}

/// The column by which a row that was merged away names the row it became, which is one of its own table.
const MERGED_INTO: &str = "merged_into_id";
/// The column that points at a person across sources, in any table that has it.
const IDENTITY: &str = "identity_id";

/// What a field of an entity points at.
pub fn target(entity: &'static Entity, field: &Field) -> Option<Target> {
    match (field.references, field.references_by, field.name) {
        (Some(other), ..) => Some(Target::Entity(other)),
        (_, Some(naming), _) => Some(Target::NamedBy(naming)),
        (.., MERGED_INTO) => Some(Target::Entity(entity.name)),
        (.., IDENTITY) => Some(Target::Entity("identity")),
        _ => None,
    }
}

/// Every reference of an entity, in the order of its columns.
pub fn of(entity: &'static Entity) -> impl Iterator<Item = Reference> {
    PROVENANCE
        .iter()
        .chain(entity.fields)
        .filter_map(move |field| target(entity, field).map(|target| Reference { entity: entity.name, column: field.name, target }))
}

/// Every reference of the common schema.
pub fn all() -> impl Iterator<Item = Reference> {
    entities::ALL.iter().copied().flat_map(of)
}

/// The columns that may hold ids of rows of an entity. Those that name the entity in another column are among them.
pub fn pointing_at(entity: &str) -> impl Iterator<Item = Reference> {
    all().filter(move |reference| match reference.target {
        Target::Entity(target) => target == entity,
        Target::NamedBy(_) => true,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn references_point_at_entities_and_at_columns_of_their_own_table() {
        for reference in all() {
            let entity = Entity::named(reference.entity).unwrap();
            match reference.target {
                Target::Entity(target) => assert!(Entity::named(target).is_some(), "{reference:?}"),
                Target::NamedBy(naming) => assert!(entity.field(naming).is_some(), "{reference:?}"),
            }
        }
    }

    #[test]
    fn what_points_at_a_contact_is_known() {
        let columns: Vec<String> = pointing_at("contact").map(|reference| format!("{}.{}", reference.entity, reference.column)).collect();
        for column in ["contact.merged_into_id", "contact_point.contact_id", "deal.primary_contact_id", "association.from_id"] {
            assert!(columns.iter().any(|known| known == column), "{column}");
        }
        assert!(!columns.iter().any(|known| known == "account.merged_into_id"));
    }
}
