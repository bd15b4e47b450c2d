//! Invented field histories, which end at the values that the records have.

use super::data::{Moves, When};
use super::generate::{Filling, below};
use super::history::Note;
use crate::random::Random;
use crate::store::State;

const TOPIC: u64 = 60;

/// When, of which record, and the fields of the note.
type Dated = (i64, u64, Vec<(String, String)>);

/// Invents the field histories, and puts what tells of a deleted record into the bin with it.
pub(super) fn fill(filling: &mut Filling<'_>) {
    for object in ["Account", "Contact", "Lead", "Opportunity"] {
        let Some(place) = filling.data.place(object) else { continue };
        notes(filling, place);
        bin(filling, place);
    }
}

fn notes(filling: &mut Filling<'_>, object: usize) {
    let Some(history) = filling.data.field_history(object) else { return };
    let own = filling.data.object(object);
    let numbers: Vec<u64> = own.rows.range(..).map(|(number, _)| *number).collect();
    let mut notes: Vec<Dated> = Vec::new();
    for number in &numbers {
        let mut random = Random::of_row(filling.options.seed, TOPIC + object as u64, *number);
        let Some(row) = own.rows.get(number).filter(|_| random.chance(filling.options.field_history_per_mille)) else { continue };
        // The bin moved the time of a deleted record, so its first version says when it was last changed.
        let Some(changed_at) = row.versions().next().map(|version| version.value.stamp) else { continue };
        let user = filling.user(&mut random);
        let mut add = |at: i64, note: Note| notes.push((at, *number, filling.data.note_values(object, *number, note, user.clone())));
        add(row.created_at, Note::of_word("created"));
        let values = filling.data.tracked(object, *number);
        for (field, value) in values.into_iter().filter(|_| changed_at > row.created_at) {
            if random.chance(200) {
                // What another record has now, this one had before.
                let other = numbers[random.index(numbers.len())];
                let schema = &own.schema;
                let before = own.rows.get(&other).map(|row| row.current().value.stored(&schema.fields[field], field).to_owned());
                let at = row.created_at + (1000 + below(&mut random, changed_at - row.created_at)) / 1000 * 1000;
                for note in filling.data.notes(schema, field, &before.unwrap_or_default(), &value) {
                    add(at.min(changed_at), note);
                }
            }
        }
        if filling.data.value(object, *number, "IsConverted") == "true" {
            add(changed_at, Note::of_word("leadConverted"));
        }
    }
    notes.sort_by_key(|(at, number, _)| (*at, *number));
    for (at, _, values) in notes {
        // The fields are the object's own, so this is not refused.
        let _ = filling.data.create(history, When { stamp: at, seen_at: at }, &values);
    }
}

fn bin(filling: &mut Filling<'_>, object: usize) {
    let own = filling.data.object(object);
    let name = own.schema.name.as_str();
    let mut gone = Vec::new();
    for place in filling.data.telling_of(name) {
        let telling = filling.data.object(place);
        let Some(parent) = telling.schema.place(&format!("{name}Id")) else { continue };
        for (number, row) in telling.rows.range(..) {
            let of = own.schema.number(row.current().value.values.get(parent)).and_then(|number| own.rows.get(&number));
            if let Some(deleted_at) = of.filter(|of| of.is_archived()).and_then(|of| of.current().value.deleted_at) {
                gone.push((place, *number, When { stamp: deleted_at, seen_at: deleted_at }));
            }
        }
    }
    for (place, number, when) in gone {
        filling.data.write(place, number, when, Moves::Stamp, State::Archived, &[]);
    }
}
