//! The handle by which tests and the demo read and change an account while its server runs.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;

use super::data::{Data, StoreError};
use super::edges::{Association, AssociationChange, TypeSet, type_set, types_in};
use super::schema::{Field, ObjectKind, Property, Schema};
use super::values::Values;
use crate::clock::{Clock, iso, timestamp};
use crate::store::{History, State, Version};

/// An owner: a user or a queue that records are assigned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The e-mail address; queues have none.
    pub email: Option<String>,
    /// The given name.
    pub first_name: String,
    /// The family name.
    pub last_name: String,
    /// The user's number, which differs from the owner's id.
    pub user_id: u64,
    /// Id and name of the team, if any.
    pub team: Option<(String, String)>,
    /// Whether it is a queue and not a person.
    pub queue: bool,
}

/// A deal pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pipeline {
    pub(crate) label: String,
    pub(crate) stages: Vec<Stage>,
}

/// A stage of a deal pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) id: String,
    pub(crate) label: String,
    /// Between 0 and 1, as the vendor writes it.
    pub(crate) probability: String,
    pub(crate) closed: bool,
}

/// What has become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// It is there.
    Live,
    /// It lies in the recycle bin.
    Archived,
    /// It was merged into the record of this id.
    MergedInto(u64),
    /// It was erased for good.
    Erased,
}

/// One version of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordView {
    /// The vendor's id.
    pub id: u64,
    /// Every property that is set, those that the vendor keeps itself included; null ones are absent, cleared ones empty.
    pub properties: BTreeMap<String, String>,
    /// When the record was created.
    pub created_at: Timestamp,
    /// When this version came about.
    pub at: Timestamp,
    /// What the vendor gives as the modification time of this version.
    pub modified_at: Timestamp,
    /// What has become of the record in this version.
    pub state: RecordState,
}

/// A handle on the account of a simulator. Clones show the same account; each change takes effect at the simulator's clock.
#[derive(Clone, Debug)]
pub struct Store {
    data: Arc<RwLock<Data>>,
    clock: Clock,
}

impl Store {
    pub(crate) fn new(data: Data, clock: Clock) -> Self {
        Self { data: Arc::new(RwLock::new(data)), clock }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Data> {
        self.data.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Data> {
        self.data.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Creates a record and gives its id.
    ///
    /// # Errors
    /// A property that the object does not have or that the vendor keeps itself, and an e-mail address that was erased.
    pub fn create<K: Into<String>, V: Into<String>>(
        &self,
        kind: ObjectKind,
        properties: impl IntoIterator<Item = (K, V)>,
    ) -> Result<u64, StoreError> {
        self.write().create(kind, self.clock.now_ms(), &owned(properties))
    }

    /// Sets properties of a record; an empty text clears one. Without properties it only moves the modification time.
    /// A change of calculated properties alone does not move the modification time.
    ///
    /// # Errors
    /// As for [`Store::create`], and a record that is not live.
    pub fn update<K: Into<String>, V: Into<String>>(
        &self,
        kind: ObjectKind,
        id: u64,
        properties: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), StoreError> {
        self.write().update(kind, id, self.clock.now_ms(), &owned(properties))
    }

    /// Puts a record into the recycle bin: lists show it only with `archived=true`, search never.
    ///
    /// # Errors
    /// A record that is not live.
    pub fn archive(&self, kind: ObjectKind, id: u64) -> Result<(), StoreError> {
        self.write().archive(kind, id, self.clock.now_ms())
    }

    /// Takes a record out of the recycle bin.
    ///
    /// # Errors
    /// A record that is not archived.
    pub fn restore(&self, kind: ObjectKind, id: u64) -> Result<(), StoreError> {
        self.write().restore(kind, id, self.clock.now_ms())
    }

    /// Erases a record for good: no listing shows it any more, its e-mail address is blocked.
    ///
    /// # Errors
    /// A record that is neither live nor archived.
    pub fn gdpr_delete(&self, kind: ObjectKind, id: u64) -> Result<(), StoreError> {
        self.write().erase(kind, id, self.clock.now_ms())
    }

    /// Merges `loser` into `winner` and gives the id of the record that is left.
    ///
    /// # Errors
    /// A record that is not live, or twice the same.
    pub fn merge(&self, kind: ObjectKind, winner: u64, loser: u64) -> Result<u64, StoreError> {
        self.write().merge(kind, winner, loser, self.clock.now_ms())
    }

    /// Associates two records with a type of the first end's direction (279 is contact to company); the unlabelled type
    /// comes with every other.
    ///
    /// # Errors
    /// A record that is not live, and a type that the two kinds do not have.
    pub fn associate(&self, from: (ObjectKind, u64), to: (ObjectKind, u64), type_id: u32) -> Result<(), StoreError> {
        let types = type_set(from.0, to.0, type_id).ok_or(StoreError::UnknownAssociationType(type_id))?;
        self.write().associate_checked(from, to, types, self.clock.now_ms())
    }

    /// Removes all associations between two records, or those of one type.
    ///
    /// # Errors
    /// A type that the two kinds do not have.
    pub fn dissociate(&self, from: (ObjectKind, u64), to: (ObjectKind, u64), type_id: Option<u32>) -> Result<(), StoreError> {
        let types = match type_id {
            None => TypeSet::MAX,
            Some(type_id) => type_set(from.0, to.0, type_id).ok_or(StoreError::UnknownAssociationType(type_id))?,
        };
        self.write().dissociate(from, to, types, self.clock.now_ms());
        Ok(())
    }

    /// Adds a property to an object, or replaces the one of that name.
    pub fn add_property(&self, kind: ObjectKind, property: Property) {
        let at = self.clock.now_ms();
        self.write().of_mut(kind).schema.set(property, at);
    }

    /// Archives a property: schema discovery and records no longer show it. False when there is none of that name.
    pub fn archive_property(&self, kind: ObjectKind, name: &str) -> bool {
        let at = self.clock.now_ms();
        self.write().of_mut(kind).schema.archive(name, at)
    }

    /// The properties of an object, archived ones included.
    #[must_use]
    pub fn properties(&self, kind: ObjectKind) -> Vec<Property> {
        self.read().of(kind).schema.all().iter().map(|(property, _)| property.clone()).collect()
    }

    /// Adds an owner, or changes the one of that id.
    pub fn set_owner(&self, id: u64, owner: Owner) {
        let at = self.clock.now_ms();
        let mut data = self.write();
        if !data.owners.change(&id, at, true, State::Live, owner.clone()) {
            data.owners.insert(id, at, at, owner);
        }
    }

    /// Archives an owner; false when there is no such live owner.
    pub fn archive_owner(&self, id: u64) -> bool {
        let at = self.clock.now_ms();
        let mut data = self.write();
        let Some(owner) = data.owners.get(&id).filter(|row| row.is_live()).map(|row| row.current().value.clone()) else { return false };
        data.owners.change(&id, at, true, State::Archived, owner)
    }

    /// Ids and owners that are live, by id.
    #[must_use]
    pub fn owners(&self) -> Vec<(u64, Owner)> {
        self.read().owners.live(..).map(|(id, row)| (*id, row.current().value.clone())).collect()
    }

    /// Ids and owners that are archived, by id.
    #[must_use]
    pub fn archived_owners(&self) -> Vec<(u64, Owner)> {
        self.read().owners.archived(..).map(|(id, row)| (*id, row.current().value.clone())).collect()
    }

    /// Id and stage ids of each deal pipeline.
    #[must_use]
    pub fn pipelines(&self) -> Vec<(String, Vec<String>)> {
        let stages = |pipeline: &Pipeline| pipeline.stages.iter().map(|stage| stage.id.clone()).collect();
        self.read().pipelines.live(..).map(|(id, row)| (id.clone(), stages(&row.current().value))).collect()
    }

    /// The number of live records.
    #[must_use]
    pub fn count(&self, kind: ObjectKind) -> usize {
        self.read().of(kind).rows.live_count()
    }

    /// The number of records in the recycle bin.
    #[must_use]
    pub fn archived_count(&self, kind: ObjectKind) -> usize {
        self.read().of(kind).rows.archived_count()
    }

    /// The ids of live records, ascending.
    #[must_use]
    pub fn ids(&self, kind: ObjectKind) -> Vec<u64> {
        self.read().of(kind).rows.live(..).map(|(id, _)| *id).collect()
    }

    /// The ids of records in the recycle bin, ascending.
    #[must_use]
    pub fn archived_ids(&self, kind: ObjectKind) -> Vec<u64> {
        self.read().of(kind).rows.archived(..).map(|(id, _)| *id).collect()
    }

    /// The latest version of a record in any state.
    #[must_use]
    pub fn record(&self, kind: ObjectKind, id: u64) -> Option<RecordView> {
        let data = self.read();
        let records = data.of(kind);
        records.rows.get(&id).map(|row| view(&records.schema, id, row, row.current()))
    }

    /// The version of a record that was the latest at an instant.
    #[must_use]
    pub fn record_as_of(&self, kind: ObjectKind, id: u64, at: Timestamp) -> Option<RecordView> {
        let data = self.read();
        let records = data.of(kind);
        let row = records.rows.get(&id)?;
        row.as_of(at.as_millisecond()).map(|version| view(&records.schema, id, row, version))
    }

    /// All versions of a record, oldest first; empty when there never was one.
    #[must_use]
    pub fn versions(&self, kind: ObjectKind, id: u64) -> Vec<RecordView> {
        let data = self.read();
        let records = data.of(kind);
        records.rows.get(&id).map(|row| row.versions().map(|version| view(&records.schema, id, row, version)).collect()).unwrap_or_default()
    }

    /// Calls `each` with the latest version of every live record, by id.
    pub fn for_each(&self, kind: ObjectKind, mut each: impl FnMut(&RecordView)) {
        let data = self.read();
        let records = data.of(kind);
        for (id, row) in records.rows.live(..) {
            each(&view(&records.schema, *id, row, row.current()));
        }
    }

    /// All associations between live records of two kinds, one for each type, by source and target.
    #[must_use]
    pub fn associations(&self, from: ObjectKind, to: ObjectKind) -> Vec<Association> {
        let data = self.read();
        let each = |(a, b, types)| {
            types_in(from, to, types).map(move |kind| Association {
                from: a,
                to: b,
                category: kind.category,
                type_id: kind.type_id,
                label: kind.label,
            })
        };
        data.live_edges(from, to).flat_map(each).collect()
    }

    /// The changes of associations since the account was set up, oldest first.
    #[must_use]
    pub fn association_changes(&self) -> Vec<AssociationChange> {
        self.read().edge_changes.clone()
    }
}

fn owned<K: Into<String>, V: Into<String>>(properties: impl IntoIterator<Item = (K, V)>) -> Vec<(String, String)> {
    properties.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn view(schema: &Schema, id: u64, row: &History<u64, Values>, version: &Version<u64, Values>) -> RecordView {
    let mut properties = BTreeMap::new();
    for (property, value) in version.value.iter() {
        if let Some(property) = schema.property(property) {
            properties.insert(property.name.clone(), value.to_owned());
        }
    }
    for (property, _) in schema.all() {
        let own = match schema.field(&property.name) {
            Some(Field::Id) => id.to_string(),
            Some(Field::Created) => iso(row.created_at),
            Some(Field::Modified) => iso(version.modified_at),
            Some(Field::Stored(_)) | None => continue,
        };
        properties.insert(property.name.clone(), own);
    }
    let state = match version.state {
        State::Live => RecordState::Live,
        State::Archived => RecordState::Archived,
        State::Merged(into) => RecordState::MergedInto(into),
        State::Erased => RecordState::Erased,
    };
    RecordView {
        id,
        properties,
        created_at: timestamp(row.created_at),
        at: timestamp(version.at),
        modified_at: timestamp(version.modified_at),
        state,
    }
}
