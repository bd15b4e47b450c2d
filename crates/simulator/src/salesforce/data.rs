//! The organisation behind the endpoints, and every change that can happen to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use super::catalogue::standard;
use super::fields::{Kind, Origin, Schema};
use super::record::{Record, Values};
use super::select::archived_flag;
use crate::store::{State, Table};

/// Why a change was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// There is no object of this name.
    UnknownObject(String),
    /// There is no such record, or it is not in a state for this change.
    NotFound(String),
    /// The object has no such field.
    UnknownField(String),
    /// The vendor keeps this field itself.
    ReadOnlyField(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownObject(name) => write!(f, "there is no object \"{name}\""),
            Self::NotFound(id) => write!(f, "there is no record {id} in a state for this change"),
            Self::UnknownField(name) => write!(f, "there is no field \"{name}\""),
            Self::ReadOnlyField(name) => write!(f, "field \"{name}\" is read-only"),
        }
    }
}

impl std::error::Error for StoreError {}

/// The records of one object with their schema.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) schema: Schema,
    pub(crate) rows: Table<u64, Arc<Record>>,
    pub(crate) next_number: u64,
    /// When records were deleted, by number; an undeleted one is not here.
    pub(crate) deletions: BTreeMap<u64, i64>,
    /// What was deleted before is no longer in the bin.
    pub(crate) bin_emptied_at: i64,
    pub(crate) archived_flag: Option<usize>,
    /// Rows that were written to come about later than now.
    late: BTreeSet<u64>,
}

impl Object {
    fn new(schema: Schema) -> Self {
        Self {
            archived_flag: archived_flag(&schema),
            schema,
            rows: Table::new(),
            next_number: 1,
            deletions: BTreeMap::new(),
            bin_emptied_at: i64::MIN,
            late: BTreeSet::new(),
        }
    }

    /// Rows whose latest version has not come about yet.
    pub(crate) fn pending(&self, now_ms: i64) -> impl Iterator<Item = u64> {
        self.late.iter().copied().filter(move |key| self.rows.get(key).is_some_and(|row| row.current().at > now_ms))
    }

    fn live(&self, number: u64) -> Option<&Arc<Record>> {
        self.rows.get(&number).filter(|row| row.is_live()).map(|row| &row.current().value)
    }
}

/// When a change happens, and when it is seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    /// The times in the record, in whole seconds.
    pub(crate) stamp: i64,
    /// When it comes about for whoever asks.
    pub(crate) seen_at: i64,
}

/// What a change moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moves {
    /// Both times, as a person's change does.
    Both,
    /// `SystemModstamp` alone, as the system's own changes do.
    Stamp,
    /// Neither, as a formula's new result does.
    Nothing,
}

/// Everything in an organisation.
#[derive(Debug)]
pub(crate) struct Data {
    objects: Vec<Object>,
    by_name: HashMap<String, usize>,
    by_prefix: HashMap<[u8; 3], usize>,
}

impl Data {
    /// An organisation without records.
    pub(crate) fn new() -> Self {
        let mut data = Self { objects: Vec::new(), by_name: HashMap::new(), by_prefix: HashMap::new() };
        for schema in standard() {
            data.add_object(schema);
        }
        data
    }

    pub(crate) fn add_object(&mut self, schema: Schema) {
        self.by_name.insert(schema.name.to_lowercase(), self.objects.len());
        self.by_prefix.entry(schema.prefix).or_insert(self.objects.len());
        let mut object = Object::new(schema);
        object.next_number = super::history::first_number(&object.schema, self.objects.len());
        self.objects.push(object);
    }

    pub(crate) fn objects(&self) -> &[Object] {
        &self.objects
    }

    pub(crate) fn object(&self, place: usize) -> &Object {
        &self.objects[place]
    }

    pub(crate) fn object_mut(&mut self, place: usize) -> &mut Object {
        &mut self.objects[place]
    }

    /// The place of an object, whether or not the user may see it.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_lowercase()).copied()
    }

    pub(crate) fn named(&self, name: &str) -> Result<usize, StoreError> {
        self.place(name).ok_or_else(|| StoreError::UnknownObject(name.to_owned()))
    }

    /// The place of an object that the user may see.
    pub(crate) fn visible_object(&self, name: &str) -> Option<usize> {
        self.place(name).filter(|place| self.is_visible(*place))
    }

    /// Whether the user may see an object: what tells of another is seen with that one.
    pub(crate) fn is_visible(&self, place: usize) -> bool {
        let schema = &self.objects[place].schema;
        !schema.hidden && schema.tells_of.as_deref().is_none_or(|parent| self.visible_object(parent).is_some())
    }

    /// The record that a reference leads to, in its latest version.
    pub(crate) fn referred(&self, schema: &Schema, record: &Record, reference: usize) -> Option<(&Schema, &Record)> {
        let id = record.text(schema, reference);
        let (object, number) = self.find(&id)?;
        let object = &self.objects[object];
        let row = object.rows.get(&number)?;
        Some((&object.schema, row.current().value.as_ref()))
    }

    /// Object and number of an id.
    pub(crate) fn find(&self, id: &str) -> Option<(usize, u64)> {
        let prefix = <[u8; 3]>::try_from(id.as_bytes().get(..3)?).ok()?;
        let place = *self.by_prefix.get(&prefix)?;
        Some((place, self.objects[place].schema.number(id)?))
    }

    fn changes(&self, object: usize, values: &[(String, String)], system: bool) -> Result<Vec<(usize, String)>, StoreError> {
        let schema = &self.objects[object].schema;
        let mut changes = Vec::with_capacity(values.len());
        for (name, value) in values {
            let place = schema.place(name).ok_or_else(|| StoreError::UnknownField(name.clone()))?;
            let field = &schema.fields[place];
            if field.origin != Origin::Stored || field.calculated && !system {
                return Err(StoreError::ReadOnlyField(name.clone()));
            }
            changes.push((place, written(field.kind, value)));
        }
        Ok(changes)
    }

    /// Adds a record.
    pub(crate) fn create(&mut self, object: usize, when: When, values: &[(String, String)]) -> Result<String, StoreError> {
        self.create_as("created", object, when, values)
    }

    /// Adds a record whose field history begins with a word of its own.
    pub(crate) fn create_as(&mut self, word: &str, object: usize, when: When, values: &[(String, String)]) -> Result<String, StoreError> {
        let changes = self.changes(object, values, false)?;
        let number = self.objects[object].next_number;
        self.insert(object, number, when, when.stamp, Values::default().with(&changes));
        self.derive(object, number, when);
        self.note_word(object, number, when, word);
        Ok(self.objects[object].schema.id(number))
    }

    /// Adds a record under a number of its own.
    pub(crate) fn insert(&mut self, object: usize, number: u64, when: When, created_at: i64, values: Values) {
        let own = &mut self.objects[object];
        own.next_number = own.next_number.max(number + 1);
        let record = Record { number, created_at, modified_at: when.stamp, stamp: when.stamp, deleted_at: None, values };
        own.rows.insert_at(number, created_at, when.seen_at, when.stamp, Arc::new(record));
        if when.seen_at > when.stamp + 1000 {
            own.late.insert(number);
        }
    }

    /// Sets fields of a live record.
    pub(crate) fn update(
        &mut self,
        object: usize,
        id: &str,
        when: When,
        moves: Moves,
        values: &[(String, String)],
    ) -> Result<(), StoreError> {
        let changes = self.changes(object, values, moves != Moves::Both)?;
        let number = self.live_number(object, id)?;
        let before = self.tracked(object, number);
        self.write(object, number, when, moves, State::Live, &changes);
        if moves == Moves::Both {
            self.derive(object, number, when);
        }
        if moves != Moves::Nothing {
            self.note_changes(object, number, when, &before);
        }
        Ok(())
    }

    fn live_number(&self, object: usize, id: &str) -> Result<u64, StoreError> {
        let own = &self.objects[object];
        own.schema.number(id).filter(|number| own.live(*number).is_some()).ok_or_else(|| StoreError::NotFound(id.to_owned()))
    }

    /// Adds a version to a record.
    pub(crate) fn write(&mut self, object: usize, number: u64, when: When, moves: Moves, state: State<u64>, changes: &[(usize, String)]) {
        let own = &mut self.objects[object];
        let Some(row) = own.rows.get(&number) else { return };
        let before = &row.current().value;
        let binned = state == State::Archived;
        let record = Record {
            number,
            created_at: before.created_at,
            modified_at: if moves == Moves::Both { when.stamp.max(before.created_at) } else { before.modified_at },
            stamp: if moves == Moves::Nothing { before.stamp } else { when.stamp.max(before.created_at) },
            deleted_at: binned.then(|| before.deleted_at.unwrap_or(when.stamp)),
            values: if changes.is_empty() { before.values.clone() } else { before.values.with(changes) },
        };
        match state {
            State::Archived => drop(own.deletions.entry(number).or_insert(when.stamp)),
            State::Live => drop(own.deletions.remove(&number)),
            State::Merged(_) | State::Erased => {}
        }
        if when.seen_at > when.stamp + 1000 {
            own.late.insert(number);
        }
        own.rows.change_stamped(&number, when.seen_at, record.stamp, state, Arc::new(record));
    }

    /// Puts a live record into the recycle bin.
    pub(crate) fn delete(&mut self, object: usize, id: &str, when: When) -> Result<(), StoreError> {
        let number = self.live_number(object, id)?;
        let state = if self.objects[object].schema.has_bin { State::Archived } else { State::Erased };
        self.write(object, number, when, Moves::Both, state, &[]);
        self.derive(object, number, when);
        self.follow(object, number, when);
        Ok(())
    }

    /// Removes a record for good, from the bin as well; only the log of deletions knows of it.
    pub(crate) fn hard_delete(&mut self, object: usize, id: &str, when: When) -> Result<(), StoreError> {
        let own = &self.objects[object];
        let found = own.schema.number(id).filter(|number| own.rows.get(number).is_some_and(|row| row.is_live() || row.is_archived()));
        let number = found.ok_or_else(|| StoreError::NotFound(id.to_owned()))?;
        self.erase(object, number, when);
        self.follow(object, number, when);
        Ok(())
    }

    pub(crate) fn erase(&mut self, object: usize, number: u64, when: When) {
        self.objects[object].deletions.entry(number).or_insert(when.stamp);
        self.write(object, number, when, Moves::Both, State::Erased, &[]);
        let empty = |number| Record { number, created_at: 0, modified_at: 0, stamp: 0, deleted_at: None, values: Values::default() };
        self.objects[object].rows.wipe(&number, || Arc::new(empty(number)));
    }

    /// Takes a record out of the recycle bin.
    pub(crate) fn undelete(&mut self, object: usize, id: &str, when: When) -> Result<(), StoreError> {
        let own = &self.objects[object];
        let found = own.schema.number(id).filter(|number| own.rows.get(number).is_some_and(|row| row.is_archived()));
        let number = found.ok_or_else(|| StoreError::NotFound(id.to_owned()))?;
        let master: Vec<(usize, String)> = own.schema.place("MasterRecordId").map(|place| (place, String::new())).into_iter().collect();
        self.write(object, number, when, Moves::Both, State::Live, &master);
        self.derive(object, number, when);
        self.follow(object, number, when);
        Ok(())
    }

    /// Merges records: the loser goes into the bin with `MasterRecordId`, what referred to it refers to the winner, and the
    /// winner takes what it lacks.
    pub(crate) fn merge(&mut self, object: usize, winner: &str, loser: &str, when: When) -> Result<(), StoreError> {
        let (kept, lost) = (self.live_number(object, winner)?, self.live_number(object, loser)?);
        if kept == lost || self.objects[object].schema.place("MasterRecordId").is_none() {
            return Err(StoreError::NotFound(loser.to_owned()));
        }
        let before = self.tracked(object, kept);
        let moved = self.merge_alone(object, kept, lost, when);
        self.repoint(&moved.into_iter().collect());
        self.derive(object, kept, when);
        self.note_merge(object, kept, when, &before);
        self.follow(object, lost, when);
        Ok(())
    }

    /// Merges two live records of an object that can be merged, and leaves what referred to the loser as it is: the loser's
    /// id, and the winner's with the time.
    pub(crate) fn merge_alone(&mut self, object: usize, kept: u64, lost: u64, when: When) -> Option<(String, (String, When))> {
        let own = &self.objects[object];
        let master = own.schema.place("MasterRecordId")?;
        let (first, second) = (own.live(kept)?, own.live(lost)?);
        let takes = |place: usize| own.schema.fields[place].origin == Origin::Stored && place != master;
        let missing = (0..own.schema.fields.len()).filter(|place| takes(*place) && first.values.get(*place).is_empty());
        let taken: Vec<(usize, String)> =
            missing.map(|place| (place, second.values.get(place).to_owned())).filter(|(_, value)| !value.is_empty()).collect();
        let (winner, loser) = (own.schema.id(kept), own.schema.id(lost));
        self.write(object, kept, when, Moves::Both, State::Live, &taken);
        self.write(object, lost, when, Moves::Both, State::Archived, &[(master, winner.clone())]);
        Some((loser, (winner, when)))
    }

    /// Makes whatever refers to a merged record refer to its winner. The system does this: `LastModifiedDate` stays.
    pub(crate) fn repoint(&mut self, moved: &HashMap<String, (String, When)>) {
        for place in 0..self.objects.len() {
            let own = &self.objects[place];
            if own.schema.tells_of.is_some() {
                // What happened to the loser did not happen to the winner.
                continue;
            }
            let is_reference =
                |field: &usize| own.schema.fields[*field].kind == Kind::Reference && own.schema.fields[*field].name != "MasterRecordId";
            let references: Vec<usize> = (0..own.schema.fields.len()).filter(is_reference).collect();
            let mut changes = Vec::new();
            for (number, row) in own.rows.live(..) {
                let values = &row.current().value.values;
                let found = references.iter().filter_map(|field| Some((*field, moved.get(values.get(*field))?)));
                let found: Vec<(usize, &(String, When))> = found.collect();
                if let Some(mut when) = found.iter().map(|(_, (_, when))| *when).max_by_key(|when| when.stamp) {
                    when.stamp = when.stamp.max(row.current().value.stamp);
                    let values = found.iter().map(|(field, (winner, _))| (*field, winner.clone())).collect::<Vec<_>>();
                    changes.push((*number, when, values));
                }
            }
            for (number, when, values) in changes {
                self.write(place, number, when, Moves::Stamp, State::Live, &values);
            }
        }
    }
}

/// A value as a Bulk query writes it.
fn written(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Double | Kind::Money | Kind::Percent if !value.contains(['.', 'e', 'E']) && !value.is_empty() => format!("{value}.0"),
        Kind::Stamp => super::soql::dates::instant(value).map_or_else(|| value.to_owned(), crate::clock::iso),
        _ => value.to_owned(),
    }
}
