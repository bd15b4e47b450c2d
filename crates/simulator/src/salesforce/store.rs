//! The handle by which tests and the demo read and change an organisation while its server runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;

use super::data::{Data, Moves, Object, StoreError, When};
use super::fields::{Field, Origin, Schema};
use super::history::is_forgotten;
use super::record::Record;
use crate::clock::{Clock, timestamp};
use crate::store::{History, State, Version};

/// What has become of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// It is there.
    Live,
    /// It lies in the recycle bin.
    Deleted,
    /// It lies in the recycle bin because it was merged into the record of this id.
    MergedInto(String),
    /// It was removed for good.
    Erased,
}

/// One version of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordView {
    /// The vendor's id, 18 characters.
    pub id: String,
    /// Every field that is not null, as a Bulk query writes it.
    pub values: BTreeMap<String, String>,
    /// `CreatedDate`.
    pub created_at: Timestamp,
    /// `LastModifiedDate`.
    pub modified_at: Timestamp,
    /// `SystemModstamp`.
    pub stamp: Timestamp,
    /// When this version came about for whoever asks.
    pub at: Timestamp,
    /// What has become of the record in this version.
    pub state: RecordState,
}

/// A handle on the organisation of a simulator. Clones show the same one; each change takes effect at the simulator's clock.
/// Objects and fields go by their API names.
#[derive(Clone, Debug)]
pub struct Store {
    data: Arc<RwLock<Data>>,
    clock: Clock,
    commit_lag_ms: Arc<AtomicI64>,
}

impl Store {
    pub(crate) fn new(data: Data, clock: Clock, commit_lag_ms: i64) -> Self {
        Self { data: Arc::new(RwLock::new(data)), clock, commit_lag_ms: Arc::new(AtomicI64::new(commit_lag_ms)) }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Data> {
        self.data.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Data> {
        self.data.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn commit_lag_ms(&self) -> i64 {
        self.commit_lag_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn set_commit_lag_ms(&self, lag: i64) {
        self.commit_lag_ms.store(lag, Ordering::Relaxed);
    }

    fn when(&self) -> When {
        let now = self.clock.now_ms();
        When { stamp: now - now.rem_euclid(1000), seen_at: now.saturating_add(self.commit_lag_ms()) }
    }

    fn change<T>(&self, object: &str, then: impl FnOnce(&mut Data, usize, When) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let when = self.when();
        let mut data = self.write();
        let place = data.named(object)?;
        then(&mut data, place, when)
    }

    /// Creates a record and gives its id.
    ///
    /// # Errors
    /// An object or field that there is not, and a field that the vendor keeps itself.
    pub fn create<K: Into<String>, V: Into<String>>(
        &self,
        object: &str,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Result<String, StoreError> {
        self.change(object, |data, place, when| data.create(place, when, &owned(values)))
    }

    /// Creates a record that is seen at once and whose times lie at an instant, of the future for instance.
    ///
    /// # Errors
    /// As for [`Store::create`].
    pub fn create_dated<K: Into<String>, V: Into<String>>(
        &self,
        object: &str,
        at: Timestamp,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Result<String, StoreError> {
        let stamp = at.as_second() * 1000;
        self.change(object, |data, place, when| data.create(place, When { stamp, seen_at: when.seen_at }, &owned(values)))
    }

    /// Sets fields of a record; an empty text makes one null. Without fields it only moves the times.
    ///
    /// # Errors
    /// As for [`Store::create`], and a record that is not live.
    pub fn update<K: Into<String>, V: Into<String>>(
        &self,
        object: &str,
        id: &str,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), StoreError> {
        self.change(object, |data, place, when| data.update(place, id, when, Moves::Both, &owned(values)))
    }

    /// The same by the system: `SystemModstamp` moves, `LastModifiedDate` does not.
    ///
    /// # Errors
    /// As for [`Store::update`].
    pub fn update_by_system<K: Into<String>, V: Into<String>>(
        &self,
        object: &str,
        id: &str,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), StoreError> {
        self.change(object, |data, place, when| data.update(place, id, when, Moves::Stamp, &owned(values)))
    }

    /// Gives a formula or roll-up field another result: no time moves.
    ///
    /// # Errors
    /// As for [`Store::update`].
    pub fn set_formula(&self, object: &str, id: &str, field: &str, value: &str) -> Result<(), StoreError> {
        let values = [(field.to_owned(), value.to_owned())];
        self.change(object, |data, place, when| data.update(place, id, when, Moves::Nothing, &values))
    }

    /// Puts a record into the recycle bin.
    ///
    /// # Errors
    /// A record that is not live.
    pub fn delete(&self, object: &str, id: &str) -> Result<(), StoreError> {
        self.change(object, |data, place, when| data.delete(place, id, when))
    }

    /// Removes a record for good, whether it is live or in the bin; `queryAll` does not show it, `deleted` does.
    ///
    /// # Errors
    /// A record that is neither live nor in the bin.
    pub fn hard_delete(&self, object: &str, id: &str) -> Result<(), StoreError> {
        self.change(object, |data, place, when| data.hard_delete(place, id, when))
    }

    /// Takes a record out of the recycle bin.
    ///
    /// # Errors
    /// A record that is not in the bin.
    pub fn undelete(&self, object: &str, id: &str) -> Result<(), StoreError> {
        self.change(object, |data, place, when| data.undelete(place, id, when))
    }

    /// Merges `loser` into `winner`.
    ///
    /// # Errors
    /// A record that is not live, twice the same, and an object that cannot be merged.
    pub fn merge(&self, object: &str, winner: &str, loser: &str) -> Result<(), StoreError> {
        self.change(object, |data, place, when| data.merge(place, winner, loser, when))
    }

    /// Converts a lead: the ids of the account, the contact, and the opportunity if one of this name was to be made.
    ///
    /// # Errors
    /// A lead that is not live or converted already.
    pub fn convert(&self, lead: &str, opportunity: Option<&str>) -> Result<(String, String, Option<String>), StoreError> {
        self.change("Lead", |data, _, when| data.convert(lead, opportunity, when))
    }

    /// Empties the recycle bin of an object: `queryAll` no longer shows what is in it.
    ///
    /// # Errors
    /// An object that there is not.
    pub fn empty_bin(&self, object: &str) -> Result<(), StoreError> {
        self.change(object, |data, place, when| {
            let name = data.object(place).schema.name.clone();
            for place in data.telling_of(&name).into_iter().chain([place]) {
                data.object_mut(place).bin_emptied_at = when.stamp + 1000;
            }
            Ok(())
        })
    }

    /// Adds a field by its notation, `Tier__c pick(Gold|Silver)` or `Total__c money(16,2) calc` for instance.
    ///
    /// # Errors
    /// An object that there is not.
    pub fn add_field(&self, object: &str, notation: &str) -> Result<(), StoreError> {
        self.change(object, |data, place, _| {
            data.object_mut(place).schema.add(Field::parse(notation));
            Ok(())
        })
    }

    /// Adds an object by its notation: a line `Name prefix Plural`, then one line a field.
    pub fn add_object(&self, notation: &str) {
        self.write().add_object(Schema::parse(notation));
    }

    /// Hides a field from the integration user, or shows it again: a hidden one is in no describe, and a query with it is
    /// refused as if there were none.
    ///
    /// # Errors
    /// An object or field that there is not.
    pub fn set_field_hidden(&self, object: &str, field: &str, hidden: bool) -> Result<(), StoreError> {
        self.change(object, |data, place, _| {
            let schema = &mut data.object_mut(place).schema;
            let field = schema.place(field).ok_or_else(|| StoreError::UnknownField(field.to_owned()))?;
            schema.fields[field].hidden = hidden;
            Ok(())
        })
    }

    /// Notes changes of a field in the object's field history from now on, or no longer.
    ///
    /// # Errors
    /// An object or field that there is not.
    pub fn set_tracked(&self, object: &str, field: &str, tracked: bool) -> Result<(), StoreError> {
        self.change(object, |data, place, _| {
            let schema = &mut data.object_mut(place).schema;
            let field = schema.place(field).ok_or_else(|| StoreError::UnknownField(field.to_owned()))?;
            schema.fields[field].tracked = tracked;
            Ok(())
        })
    }

    /// Hides an object from the integration user, or shows it again.
    ///
    /// # Errors
    /// An object that there is not.
    pub fn set_object_hidden(&self, object: &str, hidden: bool) -> Result<(), StoreError> {
        self.change(object, |data, place, _| {
            data.object_mut(place).schema.hidden = hidden;
            Ok(())
        })
    }

    /// Makes Bulk queries refuse an object, or take it.
    ///
    /// # Errors
    /// An object that there is not.
    pub fn set_bulk_supported(&self, object: &str, supported: bool) -> Result<(), StoreError> {
        self.change(object, |data, place, _| {
            data.object_mut(place).schema.without_bulk = !supported;
            Ok(())
        })
    }

    fn with_object<T: Default>(&self, object: &str, then: impl FnOnce(&Object) -> T) -> T {
        let data = self.read();
        data.place(object).map(|place| then(data.object(place))).unwrap_or_default()
    }

    /// The names of all objects.
    #[must_use]
    pub fn objects(&self) -> Vec<String> {
        self.read().objects().iter().map(|object| object.schema.name.clone()).collect()
    }

    /// The names of an object's fields that the integration user sees.
    #[must_use]
    pub fn fields(&self, object: &str) -> Vec<String> {
        self.with_object(object, |object| {
            object.schema.fields.iter().filter(|field| !field.hidden).map(|field| field.name.clone()).collect()
        })
    }

    /// Whether a record is not a note of field history that the vendor has forgotten: with `all`, for whoever asks for everything.
    fn remembers(&self, object: &Object, row: &History<u64, Arc<Record>>, all: bool) -> bool {
        !is_forgotten(&object.schema, &row.current().value, self.clock.now_ms(), all)
    }

    /// The ids of live records in the vendor's order, archived activities included, changes that are not seen yet as well.
    #[must_use]
    pub fn ids(&self, object: &str) -> Vec<String> {
        self.with_object(object, |object| {
            let live = object.rows.live(..).filter(|(_, row)| self.remembers(object, row, true));
            live.map(|(number, _)| object.schema.id(*number)).collect()
        })
    }

    /// The ids of live records that `query` shows: activities that were archived are left out.
    #[must_use]
    pub fn ids_not_archived(&self, object: &str) -> Vec<String> {
        self.with_object(object, |object| {
            let live = object
                .rows
                .live(..)
                .filter(|(_, row)| object.archived_flag.is_none_or(|place| row.current().value.values.get(place) != "true"))
                .filter(|(_, row)| self.remembers(object, row, false));
            live.map(|(number, _)| object.schema.id(*number)).collect()
        })
    }

    /// The ids of records in the recycle bin.
    #[must_use]
    pub fn deleted_ids(&self, object: &str) -> Vec<String> {
        self.with_object(object, |object| {
            let binned = object.rows.archived(..).filter(|(_, row)| self.remembers(object, row, true));
            binned.map(|(number, _)| object.schema.id(*number)).collect()
        })
    }

    /// The number of live records, archived activities included.
    #[must_use]
    pub fn count(&self, object: &str) -> usize {
        self.with_object(object, |object| object.rows.live(..).filter(|(_, row)| self.remembers(object, row, true)).count())
    }

    /// The number of records in the recycle bin.
    #[must_use]
    pub fn deleted_count(&self, object: &str) -> usize {
        self.with_object(object, |object| object.rows.archived(..).filter(|(_, row)| self.remembers(object, row, true)).count())
    }

    /// The latest version of a record in any state.
    #[must_use]
    pub fn record(&self, object: &str, id: &str) -> Option<RecordView> {
        self.with_object(object, |object| {
            let row = object.rows.get(&object.schema.number(id)?)?;
            Some(view(&object.schema, row, row.current()))
        })
    }

    /// All versions of a record, oldest first; empty when there never was one.
    #[must_use]
    pub fn versions(&self, object: &str, id: &str) -> Vec<RecordView> {
        self.with_object(object, |object| {
            let row = object.schema.number(id).and_then(|number| object.rows.get(&number));
            row.map(|row| row.versions().map(|version| view(&object.schema, row, version)).collect()).unwrap_or_default()
        })
    }

    /// Calls `each` with the latest version of every live record, by id; as in all lists, without notes that the vendor has forgotten.
    pub fn for_each(&self, object: &str, mut each: impl FnMut(&RecordView)) {
        self.with_object(object, |object| {
            for (_, row) in object.rows.live(..).filter(|(_, row)| self.remembers(object, row, true)) {
                each(&view(&object.schema, row, row.current()));
            }
        });
    }
}

fn owned<K: Into<String>, V: Into<String>>(values: impl IntoIterator<Item = (K, V)>) -> Vec<(String, String)> {
    values.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn view(schema: &Schema, row: &History<u64, Arc<Record>>, version: &Version<u64, Arc<Record>>) -> RecordView {
    let record = &version.value;
    let mut values = BTreeMap::new();
    for (place, field) in schema.fields.iter().enumerate().filter(|(_, field)| field.origin != Origin::Compound) {
        let value = record.text(schema, place);
        if !value.is_empty() {
            values.insert(field.name.clone(), value);
        }
    }
    let master = values.get("MasterRecordId").cloned();
    RecordView {
        id: schema.id(record.number),
        created_at: timestamp(row.created_at),
        modified_at: timestamp(record.modified_at),
        stamp: timestamp(version.modified_at),
        at: timestamp(version.at),
        state: match version.state {
            State::Live => RecordState::Live,
            State::Archived => master.map_or(RecordState::Deleted, RecordState::MergedInto),
            State::Merged(_) | State::Erased => RecordState::Erased,
        },
        values,
    }
}
