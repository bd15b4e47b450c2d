//! The account behind the endpoints, and every change that can happen to it.

use std::collections::BTreeSet;
use std::fmt;

use super::edges::{Association, AssociationChange, Edges, TypeSet, association_types, types_in};
use super::lists::List;
use super::schema::{Field, ObjectKind, Schema};
use super::store::{Owner, Pipeline};
use super::values::{PropertyId, Values};
use crate::clock::timestamp;
use crate::store::{State, Table};

/// Why a change was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// There is no such record, or it is not in a state for this change.
    NotFound(ObjectKind, u64),
    /// The object has no such property.
    UnknownProperty(String),
    /// The vendor keeps this property itself.
    ReadOnlyProperty(String),
    /// The two kinds have no association of this number.
    UnknownAssociationType(u32),
    /// The e-mail address was erased on request and must not come back.
    Blocked,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(kind, id) => write!(f, "there is no {} {id} in a state for this change", kind.singular()),
            Self::UnknownProperty(name) => write!(f, "there is no property \"{name}\""),
            Self::ReadOnlyProperty(name) => write!(f, "property \"{name}\" is read-only"),
            Self::UnknownAssociationType(id) => write!(f, "there is no association type {id} between these objects"),
            Self::Blocked => f.write_str("this e-mail address was erased and is blocked"),
        }
    }
}

impl std::error::Error for StoreError {}

/// The records of one kind with their schema.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    pub(crate) schema: Schema,
    pub(crate) rows: Table<u64, Values>,
    pub(crate) next_id: u64,
}

/// Everything in an account.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    records: [Records; ObjectKind::ALL.len()],
    pub(crate) owners: Table<u64, Owner>,
    pub(crate) pipelines: Table<String, Pipeline>,
    pub(crate) lists: Table<u64, List>,
    pub(crate) edges: Edges,
    pub(crate) edge_changes: Vec<AssociationChange>,
    pub(crate) merge_creates_record: bool,
    blocked_emails: BTreeSet<String>,
}

impl Data {
    /// An account without records.
    pub(crate) fn new(created_at: i64, merge_creates_record: bool) -> Self {
        let records = |object, next_id| Records { schema: Schema::standard(object, created_at), rows: Table::new(), next_id };
        Self {
            records: [
                records(ObjectKind::Contacts, 100_001),
                records(ObjectKind::Companies, 9_000_001),
                records(ObjectKind::Deals, 70_000_001),
                records(ObjectKind::Products, 1_200_001),
                records(ObjectKind::LineItems, 51_000_001),
            ],
            owners: Table::new(),
            pipelines: Table::new(),
            lists: Table::new(),
            edges: Edges::default(),
            edge_changes: Vec::new(),
            merge_creates_record,
            blocked_emails: BTreeSet::new(),
        }
    }

    pub(crate) fn of(&self, kind: ObjectKind) -> &Records {
        &self.records[kind.index()]
    }

    pub(crate) fn of_mut(&mut self, kind: ObjectKind) -> &mut Records {
        &mut self.records[kind.index()]
    }

    pub(crate) fn is_live(&self, kind: ObjectKind, id: u64) -> bool {
        self.of(kind).rows.get(&id).is_some_and(|row| row.is_live())
    }

    /// The id that an id stands for: the winner's after a merge.
    pub(crate) fn resolve(&self, kind: ObjectKind, id: u64) -> u64 {
        let mut id = id;
        while let Some(State::Merged(winner)) = self.of(kind).rows.get(&id).map(|row| &row.current().state) {
            id = *winner;
        }
        id
    }

    /// Adds a record.
    pub(crate) fn create(&mut self, kind: ObjectKind, at: i64, properties: &[(String, String)]) -> Result<u64, StoreError> {
        let changes = self.resolve_changes(kind, properties)?;
        let records = self.of_mut(kind);
        let id = records.next_id;
        records.next_id += 1;
        records.rows.insert(id, at, at, Values::default().with(&changes));
        Ok(id)
    }

    /// Sets properties of a live record; a calculated one alone does not move the modification time.
    pub(crate) fn update(&mut self, kind: ObjectKind, id: u64, at: i64, properties: &[(String, String)]) -> Result<(), StoreError> {
        let changes = self.resolve_changes(kind, properties)?;
        let records = self.of(kind);
        let calculated = |id: &PropertyId| records.schema.property(*id).is_some_and(|property| property.calculated);
        let moves_modified = changes.is_empty() || !changes.iter().all(|(id, _)| calculated(id));
        self.write(kind, id, at, moves_modified, State::Live, &changes)
    }

    fn resolve_changes(&self, kind: ObjectKind, properties: &[(String, String)]) -> Result<Vec<(PropertyId, String)>, StoreError> {
        let schema = &self.of(kind).schema;
        let mut changes = Vec::with_capacity(properties.len());
        for (name, value) in properties {
            match schema.field(name) {
                None => return Err(StoreError::UnknownProperty(name.clone())),
                Some(Field::Stored(id)) => changes.push((id, value.clone())),
                Some(_) => return Err(StoreError::ReadOnlyProperty(name.clone())),
            }
            if kind == ObjectKind::Contacts && name == "email" && self.blocked_emails.contains(&value.trim().to_lowercase()) {
                return Err(StoreError::Blocked);
            }
        }
        Ok(changes)
    }

    fn write(
        &mut self,
        kind: ObjectKind,
        id: u64,
        at: i64,
        moves_modified: bool,
        state: State<u64>,
        changes: &[(PropertyId, String)],
    ) -> Result<(), StoreError> {
        let rows = &mut self.of_mut(kind).rows;
        let row = rows.get(&id).filter(|row| row.is_live()).ok_or(StoreError::NotFound(kind, id))?;
        let values = row.current().value.with(changes);
        rows.change(&id, at, moves_modified, state, values);
        Ok(())
    }

    /// Puts a live record into the recycle bin.
    pub(crate) fn archive(&mut self, kind: ObjectKind, id: u64, at: i64) -> Result<(), StoreError> {
        self.write(kind, id, at, true, State::Archived, &[])?;
        self.recount_neighbours(kind, id, at);
        Ok(())
    }

    /// Takes a record out of the recycle bin.
    pub(crate) fn restore(&mut self, kind: ObjectKind, id: u64, at: i64) -> Result<(), StoreError> {
        let rows = &mut self.of_mut(kind).rows;
        let row = rows.get(&id).filter(|row| row.is_archived()).ok_or(StoreError::NotFound(kind, id))?;
        let values = row.current().value.clone();
        rows.change(&id, at, true, State::Live, values);
        self.recount_neighbours(kind, id, at);
        Ok(())
    }

    /// Erases a record for good, in whatever state it is, with all its versions and associations.
    pub(crate) fn erase(&mut self, kind: ObjectKind, id: u64, at: i64) -> Result<(), StoreError> {
        let records = self.of_mut(kind);
        let row = records.rows.get(&id).filter(|row| row.is_live() || row.is_archived()).ok_or(StoreError::NotFound(kind, id))?;
        let email = records.schema.id("email").and_then(|email| row.current().value.get(email)).map(|email| email.trim().to_lowercase());
        records.rows.change(&id, at, true, State::Erased, Values::default());
        records.rows.wipe(&id, Values::default);
        self.blocked_emails.extend(email.filter(|email| !email.is_empty()));
        for (other, to, types) in self.neighbours(kind, id) {
            self.dissociate((kind, id), (other, to), types, at);
        }
        Ok(())
    }

    /// Merges `loser` into `winner`: what the winner lacks comes from the loser, associations move over. The id of the
    /// record that is left.
    pub(crate) fn merge(&mut self, kind: ObjectKind, winner: u64, loser: u64, at: i64) -> Result<u64, StoreError> {
        let records = self.of(kind);
        let live = |id: u64| records.rows.get(&id).filter(|row| row.is_live()).ok_or(StoreError::NotFound(kind, id));
        let (kept, lost) =
            (live(winner)?, live(loser).and_then(|row| if winner == loser { Err(StoreError::NotFound(kind, loser)) } else { Ok(row) })?);
        let values = &kept.current().value;
        let missing = |id: PropertyId| values.get(id).is_none_or(str::is_empty);
        let mut changes: Vec<(PropertyId, String)> = lost
            .current()
            .value
            .iter()
            .filter(|(id, value)| missing(*id) && !value.is_empty())
            .map(|(id, value)| (id, value.to_owned()))
            .collect();
        let new_record = self.merge_creates_record;
        let gone: Vec<u64> = if new_record { vec![winner, loser] } else { vec![loser] };
        for (name, with_time) in [("hs_merged_object_ids", false), ("hs_calculated_merged_vids", true)] {
            if let Some(id) = records.schema.id(name) {
                let mut merged: Vec<String> = [kept, lost]
                    .iter()
                    .filter_map(|row| row.current().value.get(id))
                    .filter(|text| !text.is_empty())
                    .map(str::to_owned)
                    .collect();
                merged.extend(gone.iter().map(|gone| if with_time { format!("{gone}:{at}") } else { gone.to_string() }));
                changes.retain(|(changed, _)| *changed != id);
                changes.push((id, merged.join(";")));
            }
        }
        let values = values.with(&changes);
        let created_at = kept.created_at.min(lost.created_at);

        let records = self.of_mut(kind);
        let left = if new_record {
            let id = records.next_id;
            records.next_id += 1;
            records.rows.insert(id, created_at, at, values);
            id
        } else {
            records.rows.change(&winner, at, true, State::Live, values);
            winner
        };
        for gone in gone {
            let value = self.of(kind).rows.get(&gone).map(|row| row.current().value.clone()).unwrap_or_default();
            self.of_mut(kind).rows.change(&gone, at, true, State::Merged(left), value);
            for (other, to, types) in self.neighbours(kind, gone) {
                self.dissociate((kind, gone), (other, to), types, at);
                // The winner keeps its own primary company.
                let primary = primary_type(kind, other).filter(|_| other == ObjectKind::Companies).unwrap_or(0);
                let has_primary = self.edges.of((kind, left), other, 0).any(|(_, types)| types & primary != 0);
                self.associate((kind, left), (other, to), if has_primary { types & !primary } else { types }, at);
            }
        }
        Ok(left)
    }

    /// Adds types of association between two live records.
    pub(crate) fn associate(&mut self, from: (ObjectKind, u64), to: (ObjectKind, u64), types: TypeSet, at: i64) {
        // A record has one primary company; a new one takes the place of the old.
        if let Some(primary) = primary_type(from.0, to.0) {
            let (owner, company) = if to.0 == ObjectKind::Companies { (from, to) } else { (to, from) };
            if types & primary != 0 {
                let others: Vec<u64> = self
                    .edges
                    .of(owner, ObjectKind::Companies, 0)
                    .filter(|(id, set)| *id != company.1 && set & primary != 0)
                    .map(|(id, _)| id)
                    .collect();
                for other in others {
                    self.dissociate(owner, (ObjectKind::Companies, other), primary, at);
                }
            }
        }
        let added = self.edges.add(from, to, types | 1);
        self.log_edges(from, to, added, at, true);
        self.recount(from, to.0, at);
        self.recount(to, from.0, at);
    }

    /// Adds types of association between two records that must both be live.
    pub(crate) fn associate_checked(
        &mut self,
        from: (ObjectKind, u64),
        to: (ObjectKind, u64),
        types: TypeSet,
        at: i64,
    ) -> Result<(), StoreError> {
        for (kind, id) in [from, to] {
            if !self.is_live(kind, id) {
                return Err(StoreError::NotFound(kind, id));
            }
        }
        self.associate(from, to, types, at);
        Ok(())
    }

    /// Removes types of association between two records.
    pub(crate) fn dissociate(&mut self, from: (ObjectKind, u64), to: (ObjectKind, u64), types: TypeSet, at: i64) {
        let removed = self.edges.remove(from, to, types);
        self.log_edges(from, to, removed, at, false);
        self.recount(from, to.0, at);
        self.recount(to, from.0, at);
    }

    fn log_edges(&mut self, from: (ObjectKind, u64), to: (ObjectKind, u64), types: TypeSet, at: i64, added: bool) {
        for kind in types_in(from.0, to.0, types) {
            let association = Association { from: from.1, to: to.1, category: kind.category, type_id: kind.type_id, label: kind.label };
            self.edge_changes.push(AssociationChange { at: timestamp(at), kinds: (from.0, to.0), association, added });
        }
    }

    fn neighbours(&self, kind: ObjectKind, id: u64) -> Vec<(ObjectKind, u64, TypeSet)> {
        ObjectKind::ALL
            .into_iter()
            .flat_map(|other| self.edges.of((kind, id), other, 0).map(move |(to, types)| (other, to, types)))
            .collect()
    }

    fn recount_neighbours(&mut self, kind: ObjectKind, id: u64, at: i64) {
        for (other, to, _) in self.neighbours(kind, id) {
            self.recount((other, to), kind, at);
        }
    }

    /// Sets the calculated number of associated records. HubSpot does not always move the modification time for a
    /// calculated property, so this never does.
    fn recount(&mut self, of: (ObjectKind, u64), counted: ObjectKind, at: i64) {
        let Some(property) = self.of(of.0).schema.id(&format!("num_associated_{}", counted.name())) else { return };
        let count = self.edges.of(of, counted, 0).filter(|(id, _)| self.is_live(counted, *id)).count().to_string();
        let before = self.of(of.0).rows.get(&of.1).and_then(|row| row.current().value.get(property)).unwrap_or("0");
        if before != count && self.is_live(of.0, of.1) {
            // The record is live, so this cannot be refused.
            let _ = self.write(of.0, of.1, at, false, State::Live, &[(property, count)]);
        }
    }

    /// Live associations of two kinds in one direction.
    pub(crate) fn live_edges(&self, from: ObjectKind, to: ObjectKind) -> impl Iterator<Item = (u64, u64, TypeSet)> {
        self.edges.all(from, to).filter(move |(a, b, _)| self.is_live(from, *a) && self.is_live(to, *b))
    }
}

/// The type that a pair of kinds has for the primary company.
fn primary_type(from: ObjectKind, to: ObjectKind) -> Option<TypeSet> {
    association_types(from, to).iter().position(|kind| kind.label == Some("Primary")).map(|place| 1 << place)
}
