//! What holds for any input: no panic, every record accounted for, the same answer whatever came before, clean values stay as they are.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;

use aqueduct_normalise::{Defaults, Normaliser, parse_mappings, propose};
use aqueduct_schema::{Batch, Mode, Normalised, RecordSchema, Table};
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use proptest::prelude::*;
use support::{batch, column, common, mappings, normalise, record, source};

const MAPPING: &str = "
entity: contact
stream: things
fields:
  account_id: company
  full_name: { join: [first, last] }
  first_name: { split: first, by: \" \", take: first }
  email: mail
  phone_e164: { first_of: [phone, mobile] }
  mobile_e164: mobile
  country_code: country
  lifecycle_stage: { from: stage, values: { a: b }, otherwise: other }
  source_created_at: { from: created, format: epoch_milliseconds }
  do_not_email: optout
  birth_date: birth
---
entity: contact_point
stream: things
when: { path: optout, not: [\"true\"] }
fields: { contact_id: id }
each:
  - { label: {constant: email}, kind: {constant: email}, value: mail }
  - { label: {constant: phone}, kind: {constant: phone}, value: phone }
  - { label: {constant: mobile}, kind: {constant: phone}, value: mobile }
---
entity: deal
stream: things
each: deals
fields:
  source_id: { join: [id, each.id], with: \":\" }
  amount: { from: each.amount, scale: 0.01 }
";

fn fields() -> RecordSchema {
    record(&["id", "company", "first", "last", "mail", "phone", "mobile", "country", "stage", "created", "optout", "birth", "deals:json"])
}

fn all_cells(batch: &Batch<Normalised>) -> Vec<(String, Vec<String>)> {
    let of = |table: &Table| {
        let name = format!("{} {:?}", table.schema.name, table.operation);
        table.schema.columns.iter().map(move |found| (format!("{name} {}", found.name), column(table, &found.name))).collect::<Vec<_>>()
    };
    batch.tables().iter().flat_map(of).collect()
}

fn normaliser(settings: &str) -> Normaliser {
    let defaults: Defaults = normalise(settings).defaults;
    Normaliser::new(&mappings(MAPPING, settings), "things", &fields(), &source(), &defaults).unwrap()
}

fn cells() -> impl Strategy<Value = Vec<Vec<String>>> {
    let text = prop_oneof![
        3 => any::<String>(),
        1 => Just("~".to_owned()),
        1 => Just(String::new()),
        1 => Just("true".to_owned()),
        1 => "[a-z]{1,6}@[a-z]{1,6}\\.com",
        1 => "\\+?[0-9 ()]{4,14}",
        1 => "[0-9]{1,20}",
        1 => Just(r#"[{"id":"x","amount":"12"},{"id":null},7]"#.to_owned()),
    ];
    proptest::collection::vec(proptest::collection::vec(text, 13), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_accounted_for_and_the_answer_does_not_depend_on_what_came_before(first in cells(), second in cells()) {
        let settings = "defaults: { country: GB }\nrequired: { contact: [phone_e164] }";
        let mut used = normaliser(settings);
        for rows in [&first, &second] {
            let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
            let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
            let after_others = used.run(batch("things", &fields(), Mode::Changes, &rows)).unwrap();
            prop_assert_eq!(after_others.counts().read, after_others.tables()[0].len() as u64 + after_others.rejects().len() as u64);
            let alone = normaliser(settings).run(batch("things", &fields(), Mode::Changes, &rows)).unwrap();
            prop_assert_eq!(all_cells(&after_others), all_cells(&alone));
            prop_assert_eq!(after_others.rejects(), alone.rejects());
        }
    }

    #[test]
    fn any_text_is_read_as_mappings_or_refused(text in any::<String>()) {
        let _ = parse_mappings("m.yaml", &text);
        let _ = parse_mappings("m.yaml", &format!("entity: contact\nstream: s\nfields:\n  email: {text}\n"));
    }
}

#[test]
fn clean_values_stay_as_they_are() {
    let record =
        record(&["id", "full_name", "email", "phone_e164", "country_code", "job_title", "birth_date", "source_updated_at", "do_not_email"]);
    let yaml = "entity: contact\nstream: things\nfields: { full_name: full_name, email: email, phone_e164: phone_e164, country_code: country_code, job_title: job_title, birth_date: birth_date, source_updated_at: source_updated_at, do_not_email: do_not_email }\n";
    let rows: [&[&str]; 3] = [
        &[
            "1",
            " Ada  Lovelace",
            " ADA@Example.COM",
            "020 7946 0001",
            "UK",
            "Head\tof Data",
            "1985-12-10",
            "2026-01-01T10:00:00+02:00",
            "yes",
        ],
        &["2", "n/a", "broken", "123", "Atlantis", "", "31.31.1999", "soon", "maybe"],
        &["3", "李", "bücher@bücher.example.org", "+4930901820", "DE", "CEO", "2000-02-29", "2026-01-01T10:00:00.123456Z", "false"],
    ];
    let once = support::run(yaml, "defaults: { country: GB }", &record, &rows);
    let names: Vec<&str> = record.fields.iter().map(|field| field.path.as_str()).collect();
    let texts: Vec<Vec<String>> = names
        .iter()
        .map(|name| match *name {
            "id" => column(common(&once, "contact"), "source_id"),
            "birth_date" => column(common(&once, "contact"), "birth_date")
                .iter()
                .map(|days| {
                    days.parse::<i64>()
                        .map_or("~".into(), |days| (jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(days)).to_string())
                })
                .collect(),
            name => column(common(&once, "contact"), name),
        })
        .map(|cells| cells.into_iter().map(|cell| if cell == "null" { "~".to_owned() } else { cell }).collect())
        .collect();
    let again: Vec<Vec<&str>> = (0..3).map(|row| texts.iter().map(|cells| cells[row].as_str()).collect()).collect();
    let again: Vec<&[&str]> = again.iter().map(Vec::as_slice).collect();
    let twice = support::run(yaml, "defaults: { country: GB }", &record, &again);
    for name in names.iter().skip(1).copied().chain(["id", "email_normalized"]) {
        assert_eq!(column(common(&once, "contact"), name), column(common(&twice, "contact"), name), "{name}");
    }
    assert_eq!(column(common(&once, "contact"), "email_normalized")[0], "ada@example.com");
}

#[test]
fn a_proposal_is_a_pipeline_file_that_validates() {
    let paths = [
        "Record Id",
        "E-Mail Address",
        "First Name",
        "Surname",
        "Mobile",
        "Zip/Postal Code",
        "Country",
        "Favourite \"colour\", maybe #1",
        "Title",
    ];
    let mut record = record(&paths);
    record.key = vec!["Record Id".into()];
    let yaml = propose("my contacts", &record, None);
    #[derive(serde::Deserialize)]
    struct File {
        normalise: aqueduct_normalise::Normalise,
    }
    let file: File = serde_saphyr::from_str(&yaml).unwrap();
    let mut mappings = aqueduct_normalise::Mappings::default();
    mappings.configure("pipeline.yaml", &file.normalise).unwrap();
    assert!(mappings.validate(&[("my contacts", &record)]).is_empty());
    for path in &paths[1..7] {
        assert!(mappings.uses("my contacts", path), "{path}\n{yaml}");
    }
    assert!(yaml.contains("Favourite \"colour\", maybe #1") && yaml.contains("email: \"E-Mail Address\" # guessed"), "{yaml}");
}

#[test]
fn a_sample_corrects_the_guesses() {
    let record = record(&["id", "Contact", "Email", "Reach"]);
    let column = |texts: [&str; 4]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
    let sample = RecordBatch::try_from_iter([
        ("id", column(["1", "2", "3", "4"])),
        ("contact", column(["Ada", "Grace", "Zoe", "Lin"])),
        ("email", column(["yes", "no", "no", "yes"])),
        ("reach", column(["a@example.com", "b@example.org", "c@example.net", "d@example.com"])),
    ])
    .unwrap();
    let yaml = propose("things", &record, Some(&sample));
    assert!(yaml.contains("# email: Email"), "{yaml}");
}

#[test]
fn a_column_of_addresses_is_found_by_its_values() {
    let record = record(&["id", "First Name", "Reach"]);
    let column = |texts: [&str; 3]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
    let sample = RecordBatch::try_from_iter([
        ("first_name", column(["Ada", "Grace", "Zoe"])),
        ("reach", column(["a@example.com", "b@example.org", "c@example.net"])),
    ])
    .unwrap();
    assert!(propose("things", &record, Some(&sample)).contains("email: Reach # guessed"));
}
