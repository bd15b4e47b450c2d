//! Associations between records: typed, labelled, and seen from both ends.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::schema::ObjectKind;

/// A type of association in one direction. The same place in the other direction's list is its inverse.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AssociationType {
    /// `HUBSPOT_DEFINED` or `USER_DEFINED`.
    pub(crate) category: &'static str,
    pub(crate) type_id: u32,
    pub(crate) label: Option<&'static str>,
    /// What the associations inside a v3 record call it.
    pub(crate) inline_name: &'static str,
}

const fn defined(type_id: u32, label: Option<&'static str>, inline_name: &'static str) -> AssociationType {
    AssociationType { category: "HUBSPOT_DEFINED", type_id, label, inline_name }
}

const fn own(type_id: u32, label: &'static str, inline_name: &'static str) -> AssociationType {
    AssociationType { category: "USER_DEFINED", type_id, label: Some(label), inline_name }
}

/// The first type of each list is the one that every association of the pair has; the type ids are HubSpot's.
static CONTACT_COMPANY: [AssociationType; 3] = [
    defined(279, None, "contact_to_company_unlabeled"),
    defined(1, Some("Primary"), "contact_to_company"),
    own(11, "Decision maker", "decision_maker"),
];
static COMPANY_CONTACT: [AssociationType; 3] = [
    defined(280, None, "company_to_contact_unlabeled"),
    defined(2, Some("Primary"), "company_to_contact"),
    own(12, "Decision maker", "decision_maker"),
];
static CONTACT_DEAL: [AssociationType; 2] = [defined(4, None, "contact_to_deal"), own(21, "Billing contact", "billing_contact")];
static DEAL_CONTACT: [AssociationType; 2] = [defined(3, None, "deal_to_contact"), own(22, "Billing contact", "billing_contact")];
static COMPANY_DEAL: [AssociationType; 2] =
    [defined(342, None, "company_to_deal_unlabeled"), defined(6, Some("Primary"), "company_to_deal")];
static DEAL_COMPANY: [AssociationType; 2] =
    [defined(341, None, "deal_to_company_unlabeled"), defined(5, Some("Primary"), "deal_to_company")];

static DEAL_LINE_ITEM: [AssociationType; 1] = [defined(19, None, "deal_to_line_item")];
static LINE_ITEM_DEAL: [AssociationType; 1] = [defined(20, None, "line_item_to_deal")];

/// The types of association from one kind to another; empty where the account has none.
pub(crate) fn association_types(from: ObjectKind, to: ObjectKind) -> &'static [AssociationType] {
    use ObjectKind::{Companies, Contacts, Deals, LineItems};
    match (from, to) {
        (Contacts, Companies) => &CONTACT_COMPANY,
        (Companies, Contacts) => &COMPANY_CONTACT,
        (Contacts, Deals) => &CONTACT_DEAL,
        (Deals, Contacts) => &DEAL_CONTACT,
        (Companies, Deals) => &COMPANY_DEAL,
        (Deals, Companies) => &DEAL_COMPANY,
        (Deals, LineItems) => &DEAL_LINE_ITEM,
        (LineItems, Deals) => &LINE_ITEM_DEAL,
        _ => &[],
    }
}

/// One association in one direction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Association {
    /// The record it starts from.
    pub from: u64,
    /// The record it leads to.
    pub to: u64,
    /// `HUBSPOT_DEFINED` or `USER_DEFINED`.
    pub category: &'static str,
    /// The vendor's number of the type.
    pub type_id: u32,
    /// The label, if the type has one.
    pub label: Option<&'static str>,
}

/// A change of an association, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssociationChange {
    /// When it came about.
    pub at: Timestamp,
    /// The kinds of the two ends.
    pub kinds: (ObjectKind, ObjectKind),
    /// The association, seen from the first end.
    pub association: Association,
    /// Whether it was added; otherwise it was removed.
    pub added: bool,
}

/// A set of places in a list of types.
pub(crate) type TypeSet = u16;

/// All associations of an account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edges {
    maps: [[BTreeMap<(u64, u64), TypeSet>; ObjectKind::ALL.len()]; ObjectKind::ALL.len()],
}

impl Edges {
    /// Adds types to a pair, in both directions; those that were not there before.
    pub(crate) fn add(&mut self, from: (ObjectKind, u64), to: (ObjectKind, u64), types: TypeSet) -> TypeSet {
        let there = self.maps[from.0.index()][to.0.index()].entry((from.1, to.1)).or_default();
        let new = types & !*there;
        *there |= types;
        *self.maps[to.0.index()][from.0.index()].entry((to.1, from.1)).or_default() |= types;
        new
    }

    /// Removes types from a pair, in both directions; those that were there.
    pub(crate) fn remove(&mut self, from: (ObjectKind, u64), to: (ObjectKind, u64), types: TypeSet) -> TypeSet {
        let mut removed = 0;
        for ((a, a_id), (b, b_id)) in [(from, to), (to, from)] {
            let map = &mut self.maps[a.index()][b.index()];
            if let Some(there) = map.get_mut(&(a_id, b_id)) {
                removed |= types & *there;
                *there &= !types;
                if *there == 0 {
                    map.remove(&(a_id, b_id));
                }
            }
        }
        removed
    }

    /// The records that a record leads to, from `start` on, with the types.
    pub(crate) fn of(&self, from: (ObjectKind, u64), to: ObjectKind, start: u64) -> impl Iterator<Item = (u64, TypeSet)> {
        self.maps[from.0.index()][to.index()].range((from.1, start)..=(from.1, u64::MAX)).map(|((_, to), types)| (*to, *types))
    }

    /// All pairs of two kinds.
    pub(crate) fn all(&self, from: ObjectKind, to: ObjectKind) -> impl Iterator<Item = (u64, u64, TypeSet)> {
        self.maps[from.index()][to.index()].iter().map(|((from, to), types)| (*from, *to, *types))
    }
}

/// The types of a set, in the order of their list.
pub(crate) fn types_in(from: ObjectKind, to: ObjectKind, set: TypeSet) -> impl Iterator<Item = &'static AssociationType> {
    association_types(from, to).iter().enumerate().filter(move |(place, _)| set & (1 << place) != 0).map(|(_, kind)| kind)
}

/// The set of one type by its number.
pub(crate) fn type_set(from: ObjectKind, to: ObjectKind, type_id: u32) -> Option<TypeSet> {
    association_types(from, to).iter().position(|kind| kind.type_id == type_id).map(|place| 1 << place)
}

#[cfg(test)]
mod tests {
    use super::ObjectKind::{Companies, Contacts, Deals};
    use super::*;

    #[test]
    fn every_type_has_its_inverse_in_the_same_place() {
        for from in ObjectKind::ALL {
            for to in ObjectKind::ALL {
                let labels = |types: &[AssociationType]| types.iter().map(|kind| (kind.category, kind.label)).collect::<Vec<_>>();
                assert_eq!(labels(association_types(from, to)), labels(association_types(to, from)));
            }
        }
    }

    #[test]
    fn both_ends_see_a_change() {
        let mut edges = Edges::default();
        assert_eq!(edges.add((Contacts, 1), (Companies, 9), 0b11), 0b11);
        assert_eq!(edges.add((Contacts, 1), (Companies, 9), 0b101), 0b100);
        assert_eq!(edges.of((Companies, 9), Contacts, 0).collect::<Vec<_>>(), [(1, 0b111)]);
        assert_eq!(edges.remove((Companies, 9), (Contacts, 1), 0b10), 0b10);
        assert_eq!(edges.of((Contacts, 1), Companies, 0).collect::<Vec<_>>(), [(9, 0b101)]);
        assert_eq!(edges.remove((Contacts, 1), (Companies, 9), TypeSet::MAX), 0b101);
        assert_eq!(edges.all(Contacts, Companies).count() + edges.all(Companies, Contacts).count(), 0);
        assert_eq!(type_set(Deals, Contacts, 22), Some(0b10));
        assert_eq!(type_set(Deals, Contacts, 279), None);
    }
}
