//! Field history: which changes the vendor notes of a record, and what becomes of the notes with it.
//!
//! A change of a reference is noted twice, once with names and once with ids; of long texts and multiple choices it is noted
//! that they changed, and not how. Notes cannot be changed; they bear no modification time.

use super::auth::INTEGRATION_USER;
use super::data::{Data, Moves, When};
use super::fields::{Field, Kind, Schema};
use super::record::Record;
use crate::store::State;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How old a note may be that `query` shows: 18 months.
const SHOWN_MS: i64 = 548 * DAY_MS;
/// How old a note may be that `queryAll` shows: 24 months.
const KEPT_MS: i64 = 730 * DAY_MS;

/// The number of an object's first record. Field histories share a prefix, so their numbers lie apart.
pub(super) fn first_number(schema: &Schema, place: usize) -> u64 {
    if schema.is_field_history { place as u64 * 1_000_000_000 + 1 } else { 1 }
}

/// What a note calls a field: a standard reference goes by its relationship.
pub(super) fn noted_name(field: &Field) -> &str {
    if field.kind == Kind::Reference && !field.custom { field.name.strip_suffix("Id").unwrap_or(&field.name) } else { &field.name }
}

/// What a note calls a type, and whether it tells the values.
fn data_type(field: &Field) -> (&'static str, bool) {
    match field.kind {
        Kind::Area if field.length > 255 => ("StringPlusClob", false),
        Kind::Area => ("MultiLineText", true),
        Kind::Multi => ("MultiEnum", false),
        Kind::Pick => ("DynamicEnum", true),
        Kind::Email => ("Email", true),
        Kind::Phone => ("Phone", true),
        Kind::Url => ("Url", true),
        Kind::Reference | Kind::Id => ("EntityId", true),
        Kind::Check => ("Boolean", true),
        Kind::Date => ("DateOnly", true),
        Kind::Stamp => ("DateTime", true),
        Kind::Int | Kind::Double => ("Double", true),
        Kind::Money => ("Currency", true),
        Kind::Percent => ("Percent", true),
        Kind::Text | Kind::Address | Kind::Any => ("Text", true),
    }
}

/// Whether a note is too old to be shown.
pub(super) fn is_forgotten(schema: &Schema, record: &Record, now_ms: i64, all: bool) -> bool {
    schema.is_field_history && now_ms - record.created_at > if all { KEPT_MS } else { SHOWN_MS }
}

/// One note before it is written.
pub(super) struct Note {
    pub(super) field: String,
    data_type: &'static str,
    old: String,
    new: String,
}

impl Note {
    /// What happened to the whole record.
    pub(super) fn of_word(word: &str) -> Self {
        Self { field: word.to_owned(), data_type: "Text", old: String::new(), new: String::new() }
    }
}

impl Data {
    /// The place of an object's field history.
    pub(super) fn field_history(&self, object: usize) -> Option<usize> {
        let name = &self.object(object).schema.name;
        self.objects().iter().position(|other| other.schema.is_field_history && other.schema.tells_of.as_ref() == Some(name))
    }

    /// The user whose changes are noted.
    pub(super) fn acting_user(&self) -> String {
        self.place("User").map(|place| self.object(place).schema.id(INTEGRATION_USER)).unwrap_or_default()
    }

    /// The tracked fields of a record with their values; nothing where there is no field history.
    pub(super) fn tracked(&self, object: usize, number: u64) -> Vec<(usize, String)> {
        let own = self.object(object);
        let Some(row) = own.rows.get(&number).filter(|_| self.field_history(object).is_some()) else { return Vec::new() };
        let fields = own.schema.fields.iter().enumerate().filter(|(_, field)| field.tracked);
        fields.map(|(place, field)| (place, row.current().value.stored(field, place).to_owned())).collect()
    }

    /// The notes of a change, none where nothing changed.
    pub(super) fn notes(&self, schema: &Schema, place: usize, old: &str, new: &str) -> Vec<Note> {
        if old == new {
            return Vec::new();
        }
        let field = &schema.fields[place];
        let (data_type, told) = data_type(field);
        let note = |data_type, old: String, new: String| Note { field: noted_name(field).to_owned(), data_type, old, new };
        if !told {
            return vec![note(data_type, String::new(), String::new())];
        }
        let ids = note(data_type, old.to_owned(), new.to_owned());
        if field.kind != Kind::Reference {
            return vec![ids];
        }
        let name = |id: &str| self.find(id).map(|(object, number)| self.value(object, number, "Name")).unwrap_or_default();
        vec![note("Text", name(old), name(new)), ids]
    }

    /// Notes what is no longer as it was `before`.
    pub(super) fn note_changes(&mut self, object: usize, number: u64, when: When, before: &[(usize, String)]) {
        let after = self.tracked(object, number);
        let schema = &self.object(object).schema;
        let changed = before.iter().zip(&after).filter(|(old, new)| old.0 == new.0);
        let notes: Vec<Note> = changed.flat_map(|((place, old), (_, new))| self.notes(schema, *place, old, new)).collect();
        for note in notes {
            self.note(object, number, when, note);
        }
    }

    /// Notes what happened to the whole record.
    pub(super) fn note_word(&mut self, object: usize, number: u64, when: When, word: &str) {
        self.note(object, number, when, Note::of_word(word));
    }

    /// Notes a merge at the record that is left, with what it took from the other.
    pub(super) fn note_merge(&mut self, object: usize, number: u64, when: When, before: &[(usize, String)]) {
        let word = format!("{}Merged", self.object(object).schema.name.to_lowercase());
        self.note_word(object, number, when, &word);
        self.note_changes(object, number, when, before);
    }

    fn note(&mut self, object: usize, number: u64, when: When, note: Note) {
        let Some(history) = self.field_history(object) else { return };
        let values = self.note_values(object, number, note, self.acting_user());
        // The fields are the object's own, so this is not refused.
        let _ = self.create(history, when, &values);
    }

    /// A note as the fields of its record.
    pub(super) fn note_values(&self, object: usize, number: u64, note: Note, user: String) -> Vec<(String, String)> {
        let schema = &self.object(object).schema;
        let pairs = [
            (format!("{}Id", schema.name), schema.id(number)),
            ("Field".to_owned(), note.field),
            ("DataType".to_owned(), note.data_type.to_owned()),
            ("OldValue".to_owned(), note.old),
            ("NewValue".to_owned(), note.new),
            ("CreatedById".to_owned(), user),
        ];
        pairs.into()
    }

    /// Lets what tells of a record follow it into the bin, out of it, or out of the world.
    pub(super) fn follow(&mut self, object: usize, number: u64, when: When) {
        let own = self.object(object);
        let Some(state) = own.rows.get(&number).map(|row| row.current().state.clone()) else { return };
        let (name, id) = (own.schema.name.clone(), own.schema.id(number));
        for place in self.telling_of(&name) {
            let own = self.object(place);
            let Some(parent) = own.schema.place(&format!("{name}Id")) else { continue };
            let theirs = own.rows.range(..).filter(|(_, row)| row.current().value.values.get(parent) == id);
            let moving = theirs.filter(|(_, row)| row.current().state != state && row.current().state != State::Erased);
            for number in moving.map(|(number, _)| *number).collect::<Vec<_>>() {
                match state {
                    State::Erased => self.erase(place, number, when),
                    _ => self.write(place, number, when, Moves::Stamp, state.clone(), &[]),
                }
            }
        }
    }

    /// The objects that tell of another.
    pub(super) fn telling_of(&self, name: &str) -> Vec<usize> {
        let places = self.objects().iter().enumerate().filter(|(_, object)| object.schema.tells_of.as_deref() == Some(name));
        places.map(|(place, _)| place).collect()
    }

    /// Whether a record is a note of a field that is hidden from the integration user.
    pub(super) fn conceals(&self, schema: &Schema, record: &Record) -> bool {
        if !schema.is_field_history {
            return false;
        }
        let (Some(parent), Some(field)) = (schema.tells_of.as_deref().and_then(|name| self.place(name)), schema.place("Field")) else {
            return false;
        };
        let name = record.values.get(field);
        self.object(parent).schema.fields.iter().any(|own| own.hidden && noted_name(own) == name)
    }
}
