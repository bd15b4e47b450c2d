//! The stage as a whole: tables, ids, references, flags, slots, quarantine, counts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use aqueduct_normalise::Normaliser;
use aqueduct_schema::{
    CleaningCount, CleaningExample, CleaningStatus, Mode, Operation, RecordField, RecordSchema, RowIds, Sensitivity, ValueType,
};
use support::{batch, column, common, mappings, record, run, run_in, source};

const CONTACT: &str = "
entity: contact
stream: things
fields:
  owner_user_id: owner
  full_name: name
  email: email
  phone_e164: phone
  country_code: country
";

#[test]
fn the_source_table_has_the_vendors_columns_behind_aqueducts_own() {
    let record = record(&["id", "name", "count:integer", "created:timestamp", "changed", "gone:boolean"]).times("created", "changed");
    let record = RecordSchema { is_deleted: Some("gone".into()), ..record };
    let batch = run(
        "entity: contact\nstream: things\nfields: { full_name: name }\n",
        "",
        &record,
        &[&["1", " ada ", "5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00+01:00", "true"], &["2", "~", "", "", "~", ""]],
    );
    let table = &batch.tables()[0];
    let names: Vec<&str> = table.schema.columns.iter().map(|column| column.name.as_ref()).collect();
    assert_eq!(names[..6], ["_id", "source_id", "source_created_at", "source_updated_at", "is_deleted", "deleted_at"]);
    assert_eq!(names[6..], ["id", "name", "count", "created", "changed", "gone"]);
    assert_eq!(column(table, "_id")[0], RowIds::new(&source(), "source.things").id("1"));
    assert_eq!(column(table, "name"), [" ada ", "null"], "the source's own columns are as they came");
    assert_eq!(column(table, "source_updated_at"), ["2026-01-01T23:00:00Z", "null"]);
    assert_eq!(column(table, "is_deleted"), ["true", "false"]);
    assert_eq!(table.schema.constants, [("source_account_id".into(), "7".into())]);
    assert_eq!(table.schema.key.as_ref(), "_id");
    let contact = common(&batch, "contact");
    assert_eq!(column(contact, "is_deleted"), ["true", "false"]);
    assert_eq!(column(contact, "source_created_at"), ["2026-01-01T00:00:00Z", "null"]);
}

#[test]
fn common_rows_have_ids_references_derived_fields_and_flags() {
    let record = record(&["id:integer", "owner:integer", "name", "email", "phone", "country"]);
    let batch = run(
        CONTACT,
        "defaults: { country: GB }",
        &record,
        &[
            &["1", "9", "Ada", "Ada@Example.com", "030 901820", "Deutschland"],
            &["2", "", "~", "not-an-email", "020 7946 0001", ""],
            &["3", "9", "n/a", "", "", "GB"],
        ],
    );
    let contact = common(&batch, "contact");
    let ids = RowIds::new(&source(), "contact");
    assert_eq!(column(contact, "id"), [ids.id("1"), ids.id("2"), ids.id("3")]);
    let owner = RowIds::new(&source(), "user").id("9");
    assert_eq!(column(contact, "owner_user_id"), [owner.as_str(), "null", owner.as_str()]);
    assert_eq!(column(contact, "email"), ["Ada@example.com", "null", "null"]);
    assert_eq!(column(contact, "email_normalized"), ["ada@example.com", "null", "null"]);
    assert_eq!(column(contact, "email_status"), ["fixed", "invalid", "missing"]);
    assert_eq!(column(contact, "phone_e164"), ["+4930901820", "+442079460001", "null"], "by the row's country, else the default");
    assert_eq!(column(contact, "country_code"), ["DE", "null", "GB"]);
    let flags = column(contact, "_flags");
    assert_eq!(flags[0], "null");
    assert!(flags[1].starts_with("{\"email\":\"email."), "{flags:?}");
    assert!(flags[2].starts_with("{\"full_name\":\"person_name."), "{flags:?}");
    let absent: Vec<&str> = contact.schema.absent_columns.iter().map(|column| column.name.as_ref()).collect();
    assert!(absent.contains(&"job_title") && absent.contains(&"merged_into_id") && !absent.contains(&"email"));
    let constants: Vec<(&str, &str)> = contact.schema.constants.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    assert_eq!(constants, [("source_system", "vendor"), ("source_account_id", "7"), ("source_object", "thing")]);
    let every = contact.schema.columns.len() + absent.len() + constants.len();
    assert_eq!(every, aqueduct_schema::entities::PROVENANCE.len() + aqueduct_schema::entities::CONTACT.fields.len() + 1);
}

const POINTS: &str = "
entity: contact_point
stream: things
fields: { contact_id: id }
each:
  - { label: {constant: email}, kind: {constant: email}, value: email, is_primary: {constant: \"true\"} }
  - { label: {constant: phone}, kind: {constant: phone}, value: phone }
";

#[test]
fn slots_give_rows_for_what_is_there_and_tombstones_for_what_is_gone() {
    let record = record(&["id", "email", "phone", "changed:timestamp"]).times("changed", "changed");
    let rows: [&[&str]; 3] = [
        &["1", "Ada@Example.com", "+442079460001", "2026-01-01T00:00:00Z"],
        &["2", "~", "n/a", "2026-01-02T00:00:00Z"],
        &["3", "broken", "", ""],
    ];
    let batch = run(POINTS, "", &record, &rows);
    let points = common(&batch, "contact_point");
    assert_eq!(column(points, "source_id"), ["1:email", "3:email", "1:phone"]);
    let ids = RowIds::new(&source(), "contact_point");
    assert_eq!(column(points, "id"), [ids.id("1:email"), ids.id("3:email"), ids.id("1:phone")]);
    let contacts = RowIds::new(&source(), "contact");
    assert_eq!(column(points, "contact_id"), [contacts.id("1"), contacts.id("3"), contacts.id("1")]);
    assert_eq!(column(points, "value"), ["Ada@example.com", "null", "+442079460001"]);
    assert_eq!(column(points, "value_normalized"), ["ada@example.com", "null", "+442079460001"]);
    assert_eq!(column(points, "status"), ["fixed", "invalid", "ok"]);
    assert_eq!(column(points, "is_primary"), ["true", "true", "null"]);
    assert!(column(points, "_flags")[1].contains("\"value\":\"email."));
    let gone = batch.tables().iter().find(|table| table.operation == Operation::Tombstone).unwrap();
    assert_eq!(column(gone, "id"), [ids.id("2:email"), ids.id("2:phone"), ids.id("3:phone")]);
    assert_eq!(column(gone, "deleted_at"), ["2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z", "1970-01-12T13:46:40Z"]);
    for mode in [Mode::Backfill, Mode::Snapshot] {
        let first = run_in(mode, POINTS, "", &record, &rows);
        assert!(first.tables().iter().all(|table| table.operation == Operation::Upsert), "nothing can be gone in a first load");
    }
}

#[test]
fn a_slot_that_is_not_selected_says_nothing() {
    let mappings = mappings(POINTS, "");
    let record = record(&["id", "email"]);
    let mut normaliser = Normaliser::new(&mappings, "things", &record, &source(), &Default::default()).unwrap();
    let batch = normaliser.run(batch("things", &record, Mode::Changes, &[&["1", "~"]])).unwrap();
    let gone = batch.tables().iter().find(|table| table.operation == Operation::Tombstone).unwrap();
    assert_eq!(column(gone, "id"), [RowIds::new(&source(), "contact_point").id("1:email")]);
}

#[test]
fn a_kind_that_differs_by_row_chooses_the_cleaner() {
    let yaml = "entity: contact_point\nstream: things\nfields: { contact_id: who, kind: kind, value: value }\n";
    let record = record(&["id", "who", "kind", "value"]);
    let batch = run(
        yaml,
        "",
        &record,
        &[&["1", "a", "Email", "A@B.example.org"], &["2", "a", "phone", "+44 20 7946 0001"], &["3", "a", "fax", "  x "]],
    );
    assert_eq!(column(common(&batch, "contact_point"), "value"), ["A@b.example.org", "+442079460001", "x"]);
}

#[test]
fn links_point_at_rows_of_the_entities_they_name() {
    let yaml = "
entity: association
stream: things
fields:
  from_entity: { constant: contact }
  from_id: from
  to_entity: { from: kind, values: { COMPANY: account, DEAL: deal } }
  to_id: to
";
    let record = record(&["id", "from", "kind", "to"]);
    let batch = run(yaml, "", &record, &[&["1", "5", "company", "7"], &["2", "5", "deal", "7"], &["3", "5", "ticket", "7"]]);
    let links = common(&batch, "association");
    assert_eq!(column(links, "from_id")[0], RowIds::new(&source(), "contact").id("5"));
    assert_eq!(column(links, "to_id"), [RowIds::new(&source(), "account").id("7"), RowIds::new(&source(), "deal").id("7")]);
    assert_eq!(batch.rejects()[0].rule.as_ref(), "reference.unknown_entity");
}

#[test]
fn what_lacks_its_key_or_a_required_field_goes_to_quarantine_whole() {
    let record = record(&["id", "owner", "name", "email", "phone", "country"]);
    let rows: [&[&str]; 4] = [
        &["1", "", "Ada", "ada@example.com", "", ""],
        &["2", "", "Bob", "bob-at-example", "", ""],
        &["", "", "No Key", "x@example.com", "", ""],
        &["4", "", "No Mail", "~", "", ""],
    ];
    let batch = run(&format!("{CONTACT}---{POINTS}"), "required: { contact: [email] }", &record, &rows);
    assert_eq!(column(&batch.tables()[0], "source_id"), ["1"]);
    assert_eq!(column(common(&batch, "contact"), "source_id"), ["1"]);
    assert_eq!(column(common(&batch, "contact_point"), "source_id"), ["1:email"]);
    assert!(common(&batch, "contact").schema.columns.iter().any(|column| column.name.as_ref() == "email" && column.required));
    let gone: Vec<usize> = batch.tables().iter().filter(|table| table.operation == Operation::Tombstone).map(|table| table.len()).collect();
    assert_eq!(gone, [1], "a rejected record leaves no tombstone");
    let rejects: Vec<(&str, Option<&str>, Option<&str>)> =
        batch.rejects().iter().map(|reject| (reject.rule.as_ref(), reject.field.as_deref(), reject.source_id.as_deref())).collect();
    assert!(rejects[0].0.starts_with("email."), "{rejects:?}");
    assert_eq!((rejects[0].1, rejects[0].2), (Some("contact.email"), Some("2")));
    assert_eq!(rejects[1], ("key.missing", Some("id"), None));
    assert_eq!(rejects[2], ("required.missing", Some("contact.email"), Some("4")));
    let first = &batch.rejects()[0];
    assert!(!first.message.contains("bob") && first.message.contains("e-mail address"), "{}", first.message);
    let cells: Vec<(&str, Option<&str>, Sensitivity)> =
        first.record.iter().map(|cell| (cell.column.as_ref(), cell.value.as_deref(), cell.sensitivity)).collect();
    assert_eq!(cells[3], ("email", Some("bob-at-example"), Sensitivity::Direct));
    assert_eq!(cells[0], ("id", Some("2"), Sensitivity::None));
}

#[test]
fn a_key_of_several_parts_needs_them_all() {
    let mut record = record(&["id", "part:integer", "name"]);
    record.key = vec!["id".into(), "part".into()];
    let batch = run(
        "entity: contact\nstream: things\nfields: { full_name: name }\n",
        "",
        &record,
        &[&[" 1 ", "2", ""], &["1", "", ""], &["1", "3", ""]],
    );
    assert_eq!(column(&batch.tables()[0], "source_id"), ["1:2", "1:3"]);
    assert_eq!(batch.rejects()[0].rule.as_ref(), "key.missing");
}

#[test]
fn sensitivity_comes_from_the_connector_then_the_mapping_then_the_type() {
    let mut known = record(&["id", "name", "mail", "city", "notes", "score:integer", "code"]);
    known.fields[6] = RecordField::new("code", ValueType::Text).sensitive(Sensitivity::None);
    let yaml = "entity: contact\nstream: things\nfields: { full_name: name, email: mail, city: city }\n";
    let of = |record: &RecordSchema| -> Vec<(String, Sensitivity)> {
        let batch = run(yaml, "", record, &[]);
        batch.tables()[0].schema.columns.iter().map(|column| (column.name.to_string(), column.sensitivity)).collect()
    };
    let found = of(&known);
    let get =
        |found: &[(String, Sensitivity)], name: &str| found.iter().find(|(column, _)| column == name).map(|(_, sensitivity)| *sensitivity);
    for (name, expected) in [
        ("id", Sensitivity::None),
        ("source_id", Sensitivity::None),
        ("name", Sensitivity::Direct),
        ("mail", Sensitivity::Direct),
        ("city", Sensitivity::Indirect),
        ("notes", Sensitivity::Direct),
        ("score", Sensitivity::Indirect),
        ("code", Sensitivity::None),
    ] {
        assert_eq!(get(&found, name), Some(expected), "{name}");
    }
    known.key = vec!["mail".into()];
    let found = of(&known);
    assert_eq!(get(&found, "source_id"), Some(Sensitivity::Direct), "an id that is an e-mail address is as sensitive as one");
    let batch = run(yaml, "", &known, &[]);
    let contact = common(&batch, "contact");
    assert_eq!(contact.schema.columns[contact.schema.index_of("source_id").unwrap()].sensitivity, Sensitivity::Direct);
}

#[test]
fn a_path_of_which_a_field_holds_a_part_stays_as_sensitive_as_its_type() {
    let yaml = "entity: account\nstream: things\nfields: { domain: { function: domain_of_email, of: [mail] }, vat_number: vat }\n";
    let batch = run(yaml, "", &record(&["id", "mail", "vat"]), &[&["1", "ada@acme.com", "x"]]);
    let of = |name: &str| batch.tables()[0].schema.columns[batch.tables()[0].schema.index_of(name).unwrap()].sensitivity;
    assert_eq!((of("mail"), of("vat")), (Sensitivity::Direct, Sensitivity::None));
    assert_eq!(column(common(&batch, "account"), "domain"), ["acme.com"]);
}

#[test]
fn overrides_replace_fields_where_their_paths_exist() {
    let yaml = "entity: contact\nstream: things\nfields: { job_title: title }\n---\nentity: contact\nstream: others\nfields: { job_title: title }\n";
    let mappings = mappings(yaml, "overrides: { contact: { job_title: custom, department: { constant: Sales } } }");
    let titles = |stream: &str, record: &RecordSchema, row: &[&str]| {
        let mut normaliser = Normaliser::new(&mappings, stream, record, &source(), &Default::default()).unwrap();
        let batch = normaliser.run(batch(stream, record, Mode::Changes, &[row])).unwrap();
        (column(common(&batch, "contact"), "job_title"), column(common(&batch, "contact"), "department"))
    };
    assert_eq!(titles("things", &record(&["id", "title", "custom"]), &["1", "old", "new"]), (vec!["new".into()], vec!["Sales".into()]));
    assert_eq!(titles("others", &record(&["id", "title"]), &["1", "old"]), (vec!["old".into()], vec!["Sales".into()]));
}

#[test]
fn a_column_that_widened_on_the_way_is_still_read() {
    let typed = record(&["id", "won:boolean", "amount:decimal"]);
    let wide = record(&["id", "won", "amount"]);
    let mappings = mappings("entity: deal\nstream: things\nfields: { is_won: won, amount: amount }\n", "");
    let mut normaliser = Normaliser::new(&mappings, "things", &typed, &source(), &Default::default()).unwrap();
    for (record, row) in [(&typed, ["1", "true", "12"]), (&wide, ["1", "yes", "12.5"]), (&typed, ["1", "false", "7"])] {
        let batch = normaliser.run(batch("things", record, Mode::Changes, &[&row])).unwrap();
        let deal = common(&batch, "deal");
        let expected = if row[1] == "false" {
            ["false", "7.000000000"]
        } else if row[1] == "yes" {
            ["true", "12.500000000"]
        } else {
            ["true", "12.000000000"]
        };
        assert_eq!([column(deal, "is_won"), column(deal, "amount")], expected.map(|cell| vec![cell.to_owned()]));
    }
}

#[test]
fn deleted_records_are_deleted_even_when_they_do_not_say_so() {
    let record = record(&["id", "name"]);
    let yaml = "entity: contact\nstream: things\nfields: { full_name: name }\n";
    for (mode, expected) in [(Mode::Deletions, "true"), (Mode::Changes, "false")] {
        let batch = run_in(mode, yaml, "", &record, &[&["1", "Ada"]]);
        assert_eq!(column(common(&batch, "contact"), "is_deleted"), [expected]);
        assert_eq!(column(&batch.tables()[0], "is_deleted"), [expected]);
    }
}

#[test]
fn cleaning_is_counted_by_field_status_and_code() {
    let record = record(&["id", "owner", "name", "email", "phone", "country"]);
    let mappings = mappings(CONTACT, "");
    let mut normaliser = Normaliser::new(&mappings, "things", &record, &source(), &Default::default()).unwrap();
    let mut counts = Vec::new();
    for (row, email) in ["ada@example.com", " ADA@EXAMPLE.COM", "broken", "", "grace@example.com", "n/a"].into_iter().enumerate() {
        let id = row.to_string();
        let done = normaliser.run(batch("things", &record, Mode::Changes, &[&[&id, "", "", email, "", ""]])).unwrap();
        CleaningCount::add_to(&mut counts, done.cleaning());
    }
    let emails: Vec<&CleaningCount> = counts.iter().filter(|count| count.entity == "contact" && count.field == "email").collect();
    let sum = |of: fn(&CleaningCount) -> u64| emails.iter().map(|count| of(count)).sum::<u64>();
    assert_eq!((sum(|count| count.cells), sum(|count| count.kept)), (6, 3));
    assert_eq!(emails.iter().filter(|count| count.is_present()).map(|count| count.cells).sum::<u64>(), 5);
    let of = |status, code: &str| emails.iter().find(|count| count.status == status && count.code == code).unwrap();
    assert_eq!((of(CleaningStatus::Ok, "").cells, of(CleaningStatus::Missing, "").cells), (2, 1));
    let invalid = of(CleaningStatus::Invalid, "email.no_at_sign");
    assert_eq!((invalid.cells, invalid.kept, invalid.columns.as_slice()), (1, 0, ["email".into()].as_slice()));
    let example = CleaningExample { before: "broken".into(), after: None, source_id: Some("2".into()) };
    assert_eq!(invalid.examples, [example]);
    let fixed = of(CleaningStatus::Fixed, "email.spaces_removed");
    assert_eq!(fixed.examples[0].after.as_deref(), Some("ADA@example.com"));
    assert!(of(CleaningStatus::Ok, "").examples.is_empty());
}

#[test]
fn examples_are_few_whatever_the_number_of_rows() {
    let record = record(&["id", "owner", "name", "email", "phone", "country"]);
    let mappings = mappings(CONTACT, "");
    let mut normaliser = Normaliser::new(&mappings, "things", &record, &source(), &Default::default()).unwrap();
    let rows: Vec<&[&str]> = vec![&["1", "", "", "broken", "", ""]; 10];
    let mut counts = Vec::new();
    for _ in 0..3 {
        CleaningCount::add_to(&mut counts, normaliser.run(batch("things", &record, Mode::Changes, &rows)).unwrap().cleaning());
    }
    let broken = counts.iter().find(|count| count.entity == "contact" && count.code == "email.no_at_sign").unwrap();
    assert_eq!((broken.cells, broken.examples.len()), (30, 3));
}

#[test]
fn a_normaliser_can_work_in_another_thread() {
    fn sent<T: Send + 'static>() {}
    sent::<Normaliser>();
}
