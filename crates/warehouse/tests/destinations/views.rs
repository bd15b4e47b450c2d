//! The views over common tables: what a person allows now, and what properties were at a time.

use aqueduct_schema::entities::{CONSENT_EVENT, CONTACT, PROPERTY_CHANGE, PROVENANCE};
use aqueduct_schema::{Entity, Operation, Table, TableName, TableSchema};

use crate::destination::{Destination, flat};
use crate::rows::*;

/// Rows of a common table with all its columns; those that a row does not name are empty.
fn of(entity: &Entity, rows: &[&[(&str, Value)]]) -> Table {
    let fields = || PROVENANCE.iter().chain(entity.fields);
    let schema = TableSchema {
        name: TableName::common(entity.name),
        columns: fields().map(|field| field.column()).collect(),
        absent_columns: Vec::new(),
        key: "id".into(),
        constants: Vec::new(),
    };
    let cell = |row: &[(&str, Value)], name: &str| match row.iter().find(|(known, _)| *known == name) {
        Some((_, value)) => value.clone(),
        None if name == "is_deleted" => Value::Boolean(false),
        None if name == "source_id" => row[0].1.clone(),
        None => Value::None,
    };
    let rows = rows.iter().map(|row| fields().map(|field| cell(row, field.name)).collect()).collect();
    table_of(schema, Operation::Upsert, rows)
}

fn named(destination: &Destination, view: &str) -> String {
    if destination.is_sqlite() { view.to_owned() } else { format!("crm.{view}") }
}

/// What everybody allows: person, purpose, state, whether it is a yes, the event that decides, and how many were weighed.
async fn allowed(destination: &Destination) -> Vec<String> {
    let view = named(destination, "consent_current");
    let sql = format!(
        "SELECT person_id || ' ' || coalesce(purpose, '-') || ' ' || state || CASE WHEN is_granted THEN ' yes ' ELSE ' no ' END || \
         consent_event_id || ' ' || considered FROM {view} ORDER BY 1"
    );
    flat(destination.ask(&sql).await)
}

fn said<'v>(id: &'v str, contact: &'v str, state: &'v str, seconds: i64) -> Vec<(&'static str, Value)> {
    vec![
        ("id", text(id)),
        ("contact_id", text(contact)),
        ("channel", text("email")),
        ("purpose", text("news")),
        ("state", text(state)),
        ("event_time", at(seconds)),
    ]
}

fn person(id: &str, identity: Option<&str>, email: &str, is_deleted: bool) -> Vec<(&'static str, Value)> {
    let identity = identity.map_or(Value::None, text);
    let deleted_at = if is_deleted { at(900) } else { Value::None };
    vec![
        ("id", text(id)),
        ("identity_id", identity),
        ("email_normalized", text(email)),
        ("is_deleted", Value::Boolean(is_deleted)),
        ("deleted_at", deleted_at),
    ]
}

pub(crate) async fn the_most_restrictive_word_of_a_person_counts(destination: &Destination) {
    let fence = destination.begin("run-1").await;
    let mut ended = said("e4", "b", "granted", 10);
    ended.push(("effective_to", at(20)));
    let mut to_come = said("e5", "b", "denied", 10);
    to_come.push(("effective_from", at(10_000_000_000)));
    let mut unnamed = said("e6", "b", "granted", 10);
    unnamed[3].1 = Value::None;
    let events = [
        said("e1", "a", "denied", 10),
        said("e2", "a", "granted", 30),
        said("e3", "c", "withdrawn", 20),
        ended,
        to_come,
        unnamed,
        said("e7", "d", "granted", 40),
        said("e8", "d", "pending", 40),
    ];
    let rows: Vec<&[(&str, Value)]> = events.iter().map(Vec::as_slice).collect();
    destination.load(&fence, vec![stream_batch("said", vec![of(&CONSENT_EVENT, &rows)])]).await.unwrap();
    // Without contacts each record stands for itself: the latest word, of two at once the stricter one, and no yes that has ended.
    let alone =
        ["a news granted yes e2 1", "b - granted yes e6 1", "b news expired no e4 1", "c news withdrawn no e3 1", "d news pending no e8 1"];
    assert_eq!(allowed(destination).await, alone);

    // Who is the same comes later: then what one record refuses holds for the other, though it was said before.
    let contacts = [
        person("a", Some("i"), "ann@x.example", false),
        person("c", Some("i"), "ann@x.example", false),
        person("d", None, "d@x.example", false),
    ];
    let rows: Vec<&[(&str, Value)]> = contacts.iter().map(Vec::as_slice).collect();
    destination.load(&fence, vec![stream_batch("people", vec![of(&CONTACT, &rows)])]).await.unwrap();
    let together = ["b - granted yes e6 1", "b news expired no e4 1", "d news pending no e8 1", "i news withdrawn no e3 2"];
    assert_eq!(allowed(destination).await, together);

    // A word that is taken back counts no more. The refusal of a contact that is deleted goes on for who has its address, its yes does not.
    let mut back = said("e3", "c", "withdrawn", 20);
    back.extend([("is_deleted", Value::Boolean(true)), ("deleted_at", at(50))]);
    let mut refused = said("e9", "gone", "denied", 5);
    refused.extend([("is_deleted", Value::Boolean(true)), ("deleted_at", at(900))]);
    let mut agreed = said("e10", "gone", "granted", 5);
    agreed[3].1 = text("offers");
    agreed.extend([("is_deleted", Value::Boolean(true)), ("deleted_at", at(900))]);
    let events = [back, refused, agreed];
    let rows: Vec<&[(&str, Value)]> = events.iter().map(Vec::as_slice).collect();
    let gone = person("gone", None, "ann@x.example", true);
    let (words, people) = (of(&CONSENT_EVENT, &rows), of(&CONTACT, &[&gone]));
    destination.load(&fence, vec![stream_batch("people", vec![people]), stream_batch("said", vec![words])]).await.unwrap();
    let after = ["b - granted yes e6 1", "b news expired no e4 1", "d news pending no e8 1", "i news denied no e9 2"];
    assert_eq!(allowed(destination).await, after);
}

pub(crate) async fn properties_are_told_by_time(destination: &Destination) {
    let fence = destination.begin("run-1").await;
    let change = |id: &str, old: Option<&str>, new: &str, seconds: i64| {
        vec![
            ("id", text(id)),
            ("entity", text("deal")),
            ("record_id", text("r")),
            ("property", text("stage")),
            ("old_value", old.map_or(Value::None, text)),
            ("new_value", text(new)),
            ("changed_at", at(seconds)),
        ]
    };
    let load = |changes: Vec<Vec<(&'static str, Value)>>| {
        let rows: Vec<&[(&str, Value)]> = changes.iter().map(Vec::as_slice).collect();
        vec![stream_batch("changes", vec![of(&PROPERTY_CHANGE, &rows)])]
    };
    destination.load(&fence, load(vec![change("2", Some("new"), "sent", 200), change("3", Some("sent"), "won", 300)])).await.unwrap();
    let view = named(destination, "property_history");
    let at_time = |seconds: i64| {
        let time = aqueduct_schema::Timestamp::from_seconds(1_770_000_000 + seconds).to_string();
        let time = if destination.is_sqlite() { time.replace('Z', ".000000Z") } else { time };
        format!(
            "SELECT value FROM {view} WHERE (valid_from IS NULL OR valid_from <= '{time}') AND (valid_to IS NULL OR valid_to > '{time}') \
             AND recorded_to IS NULL"
        )
    };
    // The value before the first change that is known held until then; a change that comes late takes its place.
    let told = async |seconds: i64| destination.one(&at_time(seconds)).await;
    assert_eq!([told(150).await, told(200).await, told(299).await, told(900).await], ["new", "sent", "sent", "won"]);
    destination.load(&fence, load(vec![change("1", None, "new", 100)])).await.unwrap();
    assert_eq!([told(150).await, told(250).await, told(300).await], ["new", "sent", "won"]);
    assert!(destination.ask(&at_time(99)).await.is_empty());
    // Further loads leave the view as it is.
    destination.load(&fence, load(vec![change("4", Some("won"), "lost", 400)])).await.unwrap();
    assert_eq!(told(500).await, "lost");
}
