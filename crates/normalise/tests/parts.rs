//! Records that are gone, and readings of some fields alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;

use aqueduct_normalise::{Defaults, Normaliser};
use aqueduct_schema::{Batch, Mode, Operation, RowIds, Table, TableSchema};
use support::{batch, checkpoint, column, common, mappings, record, source};

const MAPPINGS: &str = "
entity: contact
stream: things
fields: { full_name: name, country_code: country, job_title: { first_of: [title, formula] } }
---
entity: contact_point
stream: things
fields: { contact_id: id }
each:
  - { label: {constant: email}, kind: {constant: email}, value: email }
  - { label: {constant: phone}, kind: {constant: phone}, value: phone }
---
entity: association
stream: things
when: { path: account, present: true }
fields: { from_entity: {constant: contact}, from_id: id, to_entity: {constant: account}, to_id: account }
---
entity: user
stream: things
fields: { source_id: owner, full_name: owner_name }
";

#[test]
fn a_record_of_which_the_key_is_left_is_marked_in_every_table_that_has_rows_of_it() {
    let whole = record(&["id", "name", "country", "title", "formula", "email", "phone", "account", "owner", "owner_name"]);
    let mut entry = record(&["id", "deleted_at:timestamp"]);
    entry.fields[1].column = "deleted_at".into();
    let keys = batch("things", &entry, Mode::Deletions, &[&["7", "2026-02-01T00:00:00Z"], &["~", "2026-02-01T00:00:00Z"], &["8", ""]]);
    let table = &keys.tables()[0];
    let schema = Arc::new(TableSchema { ..TableSchema::clone(&table.schema) });
    let table = Table::new(schema, Operation::Tombstone, table.rows.clone()).unwrap();
    let keys = Batch::raw("things".into(), table, Vec::new(), 3, checkpoint(Mode::Deletions));
    let mut normaliser = Normaliser::new(&mappings(MAPPINGS, ""), "things", &whole, &source(), &Defaults::default()).unwrap();
    let gone = normaliser.run(keys).unwrap();
    assert!(gone.tables().iter().all(|table| table.operation == Operation::Tombstone));
    let names: Vec<String> = gone.tables().iter().map(|table| table.schema.name.to_string()).collect();
    // What a mapping names by another id than the record's key is not the record.
    assert_eq!(names, ["vendor_things", "contact", "contact_point", "contact_point", "association"]);
    let ids = |entity: &str, ids: [&str; 2]| ids.map(|id| RowIds::new(&source(), entity).id(id));
    assert_eq!(column(&gone.tables()[0], "_id"), ids("source.things", ["7", "8"]));
    assert_eq!(column(&gone.tables()[1], "id"), ids("contact", ["7", "8"]));
    assert_eq!(column(&gone.tables()[1], "deleted_at"), ["2026-02-01T00:00:00Z", "1970-01-12T13:46:40Z"]);
    assert_eq!(column(&gone.tables()[2], "id"), ids("contact_point", ["7:email", "8:email"]));
    assert_eq!(column(&gone.tables()[3], "id"), ids("contact_point", ["7:phone", "8:phone"]));
    let reject = &gone.rejects()[0];
    assert_eq!((gone.rejects().len(), &*reject.rule), (1, "key.missing"));
}

#[test]
fn a_reading_of_some_fields_brings_what_belongs_to_them_and_nothing_else() {
    let mappings = mappings(MAPPINGS, "");
    let (touched, paths) = mappings.touched("things", &["formula"], |path| path == "id");
    // `title` comes with it, because one field is made of both; the country by which values of a contact are read comes too.
    assert_eq!(paths.iter().map(String::as_str).collect::<Vec<_>>(), ["country", "formula", "title"]);
    let entities: Vec<&str> = touched.entities_of("things").iter().map(|entity| entity.name).collect();
    assert_eq!(entities, ["contact"]);
    let reduced = record(&["id", "country", "title", "formula"]);
    let mut normaliser = Normaliser::new(&touched, "things", &reduced, &source(), &Defaults::default()).unwrap();
    let batch = normaliser.run(batch("things", &reduced, Mode::Columns, &[&["7", "GB", "~", "Boss"]])).unwrap();
    let contact = common(&batch, "contact");
    assert_eq!(column(contact, "job_title"), ["Boss"]);
    assert!(contact.schema.index_of("full_name").is_none(), "what was not read is not carried");
    let (touched, paths) = mappings.touched("things", &["phone"], |path| path == "id");
    assert_eq!(paths.iter().map(String::as_str).collect::<Vec<_>>(), ["country", "id", "phone"]);
    assert_eq!(touched.entities_of("things").len(), 2, "telephone numbers are read by the contact's country");
    assert!(mappings.touched("things", &["nothing"], |path| path == "id").0.entities_of("things").is_empty());
}

const CONDITIONS: &str = "
entity: consent_event
stream: things
when: { path: refuses_email, is: [yes] }
fields: { source_id: { join: [id, { constant: email }], with: \":\" }, state: { constant: denied } }
---
entity: user
stream: things
when: { path: kind, is: [person] }
fields: { full_name: name }
---
entity: user
stream: things
when: { path: kind, is: [robot] }
fields: { team: name }
";

#[test]
fn what_a_record_no_longer_is_goes_unless_another_mapping_keeps_it() {
    let record = record(&["id", "refuses_email", "kind", "name", "changed:timestamp"]).times("changed", "changed");
    let rows: [&[&str]; 3] = [
        &["1", "yes", "person", "Ada", "2026-01-01T00:00:00Z"],
        &["2", "no", "robot", "R2", "2026-01-02T00:00:00Z"],
        &["3", "no", "queue", "Q", ""],
    ];
    let batch = support::run(CONDITIONS, "", &record, &rows);
    let gone = |name: &str| {
        let of_name = |table: &&Table| table.operation == Operation::Tombstone && table.schema.name.to_string() == name;
        batch.tables().iter().filter(of_name).flat_map(|table| column(table, "id")).collect::<Vec<_>>()
    };
    let consent = RowIds::new(&source(), "consent_event");
    assert_eq!(gone("consent_event"), [consent.id("2:email"), consent.id("3:email")]);
    // Each of the two mappings of users loses whom the other keeps; both lose the queue.
    let user = RowIds::new(&source(), "user").id("3");
    assert_eq!(gone("user"), [user.clone(), user]);
    let first = support::run_in(Mode::Backfill, CONDITIONS, "", &record, &rows);
    assert!(first.tables().iter().all(|table| table.operation == Operation::Upsert), "nothing can be gone in a first load");
}
