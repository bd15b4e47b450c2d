//! Each word of the mapping language by a small table before and after.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::{column, common, record, run};

/// The values of one contact field for rows of `id, a, b`.
fn field(field: &str, expression: &str, rows: &[[&str; 3]]) -> Vec<String> {
    let yaml = format!("entity: contact\nstream: things\nfields:\n  {field}: {expression}\n");
    let rows: Vec<&[&str]> = rows.iter().map(<[&str; 3]>::as_slice).collect();
    let batch = run(&yaml, "defaults: { country: GB, time_zone: Europe/London }", &record(&["id", "a", "b"]), &rows);
    column(common(&batch, "contact"), field)
}

#[test]
fn a_path_is_the_value_cleaned() {
    assert_eq!(
        field("email", "a", &[["1", " Ada@Example.COM ", ""], ["2", "~", ""], ["3", "nobody", ""]]),
        ["Ada@example.com", "null", "null"]
    );
}

#[test]
fn join_leaves_empty_parts_out() {
    let rows = [["1", "Ada", "Lovelace"], ["2", "Ada", "~"], ["3", " ", "Hopper"], ["4", "", "~"]];
    assert_eq!(field("full_name", "{ join: [a, b] }", &rows), ["Ada Lovelace", "Ada", "Hopper", "null"]);
    assert_eq!(field("full_name", "{ join: [b, a], with: \", \" }", &rows[..1]), ["Lovelace, Ada"]);
}

#[test]
fn first_of_takes_the_first_that_is_not_empty() {
    let rows = [["1", "+44 20 7946 0001", "020 7946 0002"], ["2", " ", "020 7946 0002"], ["3", "~", "~"]];
    assert_eq!(field("phone_e164", "{ first_of: [a, b] }", &rows), ["+442079460001", "+442079460002", "null"]);
}

#[test]
fn values_compare_without_case_and_space() {
    let rows = [["1", " MarketingQualifiedLead", ""], ["2", "Custom", ""], ["3", "", ""]];
    let map = "{ from: a, values: { marketingqualifiedlead: mql, Lead: lead } }";
    assert_eq!(field("lifecycle_stage", map, &rows)[0], "mql");
    assert_ne!(field("lifecycle_stage", map, &rows)[1], "other");
    let map = "{ from: a, values: { marketingqualifiedlead: mql }, otherwise: other }";
    assert_eq!(field("lifecycle_stage", map, &rows), ["mql", "other", "null"]);
}

#[test]
fn format_reads_declared_instants() {
    let rows = [["1", "1770000000123", ""], ["2", "soon", ""], ["3", "~", ""]];
    let read = field("source_created_at", "{ from: a, format: epoch_milliseconds }", &rows);
    assert_eq!(read, ["2026-02-02T02:40:00.123Z", "null", "null"]);
    let rows = [["1", "01/07/2026 12:00", ""]];
    assert_eq!(field("source_created_at", "{ from: a, format: \"%d/%m/%Y %H:%M\" }", &rows), ["2026-07-01T11:00:00Z"]);
    assert_eq!(field("birth_date", "{ from: a, format: \"%d/%m/%Y\" }", &[["1", "02/01/1970", ""]]), ["1"]);
}

#[test]
fn split_takes_a_part() {
    let rows = [["1", "Ada King Lovelace", ""], ["2", "Ada", ""]];
    assert_eq!(field("first_name", "{ split: a, by: \" \", take: first }", &rows), ["Ada", "Ada"]);
    assert_eq!(field("last_name", "{ split: a, by: \" \", take: last }", &rows), ["Lovelace", "null"]);
    assert_eq!(field("last_name", "{ split: a, by: \" \", take: rest }", &rows), ["King Lovelace", "null"]);
    assert_eq!(field("middle_name", "{ split: a, by: \" \", take: 1 }", &rows), ["King", "null"]);
}

#[test]
fn constants_and_functions_and_nesting() {
    assert_eq!(field("lead_source", "{ constant: website }", &[["1", "", ""], ["2", "", ""]]), ["website", "website"]);
    let rows = [["1", "Ada <ada@example.com>", "kept"], ["2", "none", "kept"]];
    assert_eq!(field("department", "{ function: domain_of_email, of: [a] }", &rows), ["example.com", "null"]);
    let nested = "{ join: [{ first_of: [{ split: a, by: \"@\", take: 1 }, b] }, { constant: end }], with: \"/\" }";
    assert_eq!(field("department", nested, &rows), ["example.com>/end", "kept/end"]);
}

#[test]
fn scale_multiplies_exactly() {
    let yaml =
        "entity: deal\nstream: things\nfields: { amount: { from: cents, scale: 0.01 }, probability: { from: percent, scale: 0.01 } }\n";
    let record = record(&["id", "cents", "percent:integer"]);
    let batch = run(yaml, "", &record, &[&["1", "123456789012345678901", "20"], &["2", "five", ""]]);
    let deal = common(&batch, "deal");
    assert_eq!(column(deal, "amount"), ["1234567890123456789.010000000", "null"]);
    assert_eq!(column(deal, "probability"), ["0.200000000", "null"]);
    assert_eq!(column(deal, "_flags"), ["null", "{\"amount\":\"scale.not_a_number\"}"]);
}

#[test]
fn when_leaves_a_record_out_of_one_entity_alone() {
    let record = record(&["id", "kind", "name"]);
    let rows: [&[&str]; 3] = [&["1", "Person ", "Ada"], &["2", "company", "Acme"], &["3", "~", "Nobody"]];
    let ids = |test: &str| {
        let yaml = format!("entity: contact\nstream: things\nwhen: {{ path: kind, {test} }}\nfields: {{ full_name: name }}\n");
        let batch = run(&yaml, "", &record, &rows);
        assert_eq!(batch.tables()[0].len(), 3);
        column(common(&batch, "contact"), "source_id")
    };
    assert_eq!(ids("is: [person]"), ["1"]);
    assert_eq!(ids("not: [person]"), ["2", "3"]);
    assert_eq!(ids("present: true"), ["1", "2"]);
    assert_eq!(ids("present: false"), ["3"]);
}

#[test]
fn each_gives_a_row_for_every_element_of_an_array() {
    let yaml = "
entity: pipeline_stage
stream: things
when: { path: label, not: [hidden] }
each: stages
fields:
  source_id: { join: [id, each.id], with: \":\" }
  pipeline_id: id
  pipeline_name: label
  stage_name: each.label
  display_order: each.displayOrder
  default_probability: each.metadata.probability
  is_closed: each.metadata.isClosed
";
    let record = record(&["id", "label", "stages:json"]);
    let stages = r#"[{"id":"a","label":"New","displayOrder":0,"metadata":{"probability":"0.2","isClosed":"false"}},
        {"id":"b","label":"Won","displayOrder":1,"metadata":{"probability":"1.0","isClosed":true}}]"#;
    let batch = run(
        yaml,
        "",
        &record,
        &[&["1", "Sales", stages], &["2", "Empty", "[]"], &["3", "Odd", "x"], &["4", "hidden", stages], &["5", "None", "~"]],
    );
    let table = common(&batch, "pipeline_stage");
    assert_eq!(column(table, "source_id"), ["1:a", "1:b"]);
    assert_eq!(column(table, "pipeline_name"), ["Sales", "Sales"]);
    assert_eq!(column(table, "stage_name"), ["New", "Won"]);
    assert_eq!(column(table, "display_order"), ["0", "1"]);
    assert_eq!(column(table, "default_probability"), ["0.200000000", "1.000000000"]);
    assert_eq!(column(table, "is_closed"), ["false", "true"]);
}

#[test]
fn an_element_without_an_id_rejects_its_record_whole() {
    let yaml = "entity: pipeline_stage\nstream: things\neach: stages\nfields: { source_id: each.id, stage_name: each.label }\n";
    let record = record(&["id", "stages:json"]);
    let batch = run(yaml, "", &record, &[&["1", r#"[{"id":"a"},{"label":"no id"}]"#], &["2", r#"[{"id":"b"}]"#]]);
    assert_eq!(column(common(&batch, "pipeline_stage"), "source_id"), ["b"]);
    assert_eq!(batch.rejects()[0].rule.as_ref(), "required.missing");
    assert_eq!(batch.rejects()[0].field.as_deref(), Some("pipeline_stage.source_id"));
    assert_eq!(batch.rejects()[0].source_id.as_deref(), Some("1"));
}
