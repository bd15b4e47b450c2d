//! What records tell of other records: merges, said from both sides, and the parents whose records are all in a reading.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use aqueduct_normalise::Normaliser;
use aqueduct_schema::{Batch, MergeSignal, Mode, Normalised, Operation, RowIds, Table};
use support::{batch, column, mappings, record, run, run_in, source};

const CONTACTS: &str = "
entity: contact
stream: things
fields: { first_name: name }
---
entity: contact_point
stream: things
fields: { contact_id: id }
each:
  - { label: {constant: email}, kind: {constant: email}, value: email }
";

fn of(batch: &Batch<Normalised>, operation: Operation) -> Vec<&Table> {
    batch.tables().iter().filter(|table| table.operation == operation).collect()
}

#[test]
fn the_lists_of_winners_name_losers_times_and_evidence() {
    let fields = record(&["id", "name", "email", "out", "merged", "vids", "changed:timestamp"]).times("none", "changed");
    let fields = fields.merges(MergeSignal::of("vids", ';').timed()).merges(MergeSignal::of("merged", ';'));
    let rows: [&[&str]; 3] = [
        &["1", "Ada", "~", "~", "7; 8;", "8:1767225600000", "2026-02-01T00:00:00Z"],
        &["2", "Bob", "~", "~", "~", "~", "2026-02-01T00:00:00Z"],
        &["3", "Cy", "~", "~", "9", "broken:x;", ""],
    ];
    let batch = run(CONTACTS, "", &fields, &rows);
    let [merges] = of(&batch, Operation::Merge)[..] else { panic!("one entity has one row a record") };
    assert_eq!(merges.schema.name.to_string(), "contact");
    let ids = RowIds::new(&source(), "contact");
    assert_eq!(column(merges, "source_id"), ["8", "7", "broken", "9"]);
    assert_eq!(column(merges, "id"), ["8", "7", "broken", "9"].map(|id| ids.id(id)));
    assert_eq!(column(merges, "merged_into_id"), ["1", "1", "3", "3"].map(|id| ids.id(id)));
    assert_eq!(column(merges, "merged_at"), ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "null", "null"]);
    assert_eq!(column(merges, "evidence"), ["vids, merged", "merged", "vids", "merged"]);
    assert_eq!(column(merges, "said_by_loser"), ["false"; 4]);
    // What the losers had besides is gone; the rows that were merged are marked by the merges.
    let gone = of(&batch, Operation::Tombstone);
    let of_losers: Vec<&&Table> = gone.iter().filter(|table| table.len() == 4).collect();
    let mut names: Vec<String> = of_losers.iter().map(|table| table.schema.name.to_string()).collect();
    names.sort();
    assert_eq!(names, ["contact_point", "vendor_things"]);
    let points = RowIds::new(&source(), "contact_point");
    let point = of_losers.iter().find(|table| table.schema.name.to_string() == "contact_point").unwrap();
    assert_eq!(column(point, "id"), ["8:email", "7:email", "broken:email", "9:email"].map(|id| points.id(id)));
    // In a first load nothing of them was there before.
    let first = run_in(Mode::Backfill, CONTACTS, "", &fields, &rows);
    assert_eq!((of(&first, Operation::Merge).len(), of(&first, Operation::Tombstone).len()), (1, 0));
    // Nothing is told where nothing was merged.
    assert!(of(&run(CONTACTS, "", &fields, &[rows[1]]), Operation::Merge).is_empty());
}

#[test]
fn a_loser_names_its_winner() {
    let yaml = "entity: account\nstream: things\nfields: { name: name, merged_into_id: master }\n";
    let fields = record(&["id", "name", "master", "changed:timestamp"]).times("none", "changed").merges(MergeSignal::into("master"));
    let batch = run(yaml, "", &fields, &[&["1", "Acme", "2", "2026-02-01T00:00:00Z"], &["2", "Acme Ltd", "~", ""]]);
    let [merges] = of(&batch, Operation::Merge)[..] else { panic!("a merge is told") };
    let ids = RowIds::new(&source(), "account");
    assert_eq!((column(merges, "id"), column(merges, "merged_into_id")), (vec![ids.id("1")], vec![ids.id("2")]));
    assert_eq!((column(merges, "evidence"), column(merges, "said_by_loser")), (vec!["master".to_owned()], vec!["true".to_owned()]));
    assert_eq!(column(merges, "merged_into_source_id"), ["2"]);
    assert!(of(&batch, Operation::Tombstone).is_empty(), "the loser is there and says itself that it is deleted");
}

#[test]
fn parents_are_told_to_every_table_that_names_them() {
    let yaml = "entity: association\nstream: things\nfields: { from_entity: { constant: deal }, from_id: of, to_entity: { constant: contact }, to_id: to }\n---\n\
        entity: deal_contact\nstream: things\nfields: { deal_id: of, contact_id: to }\n";
    let mut fields = record(&["id", "of", "to"]).parent("of");
    fields.key = vec!["of".to_owned(), "to".to_owned()];
    let mappings = mappings(yaml, "");
    let mut normaliser = Normaliser::new(&mappings, "things", &fields, &source(), &Default::default()).unwrap();
    let raw = batch("things", &fields, Mode::Parents, &[&["x", "1", "5"]]);
    let done = normaliser.run(raw.of_parents(vec!["1".to_owned(), "2".to_owned()])).unwrap();
    let sets = of(&done, Operation::Sets);
    let told: Vec<(String, String)> =
        sets.iter().map(|table| (table.schema.name.to_string(), table.schema.columns[0].name.to_string())).collect();
    let expected = [("vendor_things", "of"), ("association", "from_id"), ("deal_contact", "deal_id")];
    assert_eq!(told, expected.map(|(table, column)| (table.to_owned(), column.to_owned())));
    let deals = RowIds::new(&source(), "deal");
    assert_eq!(column(sets[0], "of"), ["1", "2"]);
    assert_eq!(column(sets[1], "from_id"), [deals.id("1"), deals.id("2")]);
    assert_eq!(column(sets[2], "deal_id"), [deals.id("1"), deals.id("2")]);
    assert!(sets.iter().all(|table| table.schema.key.as_ref() != table.schema.columns[0].name.as_ref()));
}
