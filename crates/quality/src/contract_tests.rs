//! Contracts: what a file may say, and what is judged by it.

#![allow(clippy::unwrap_used, clippy::cloned_ref_to_slice_refs)]
use super::*;

const CONTRACT: &str = "kind: contract
version: 1
on_change: evolve
streams:
  contacts:
    on_change: quarantine
    fields:
      email: { on_change: freeze }
      properties.notes: { on_change: evolve }
  deals: { on_change: freeze }
";

fn contract() -> Contract {
    Contract::read("c.yaml", CONTRACT).unwrap()
}

fn field(path: &str, value_type: ValueType) -> FieldDescription {
    FieldDescription {
        path: path.to_owned(),
        column: path.rsplit('.').next().unwrap().to_owned(),
        value_type,
        label: path.to_uppercase(),
        picklist: Vec::new(),
        calculated: false,
        visibility: Visibility::Visible,
        vendor_id: None,
        selected: true,
    }
}

fn stream(fields: &[(&str, ValueType)]) -> StreamDescription {
    StreamDescription { fields: fields.iter().map(|(path, value_type)| field(path, *value_type)).collect() }
}

use ValueType::{Decimal, Integer, Text};

#[test]
fn a_field_is_judged_by_what_names_it_best() {
    let of = |stream: &str, path: &str| contract().of(stream, &field(path, Text));
    assert_eq!(of("contacts", "properties.email"), OnChange::Freeze);
    assert_eq!(of("contacts", "properties.notes"), OnChange::Evolve);
    assert_eq!(of("contacts", "properties.fax"), OnChange::Quarantine);
    assert_eq!(of("deals", "properties.email"), OnChange::Freeze);
    assert_eq!(of("companies", "properties.email"), OnChange::Evolve);
    assert_eq!(Contract::default().of("contacts", &field("properties.email", Text)), OnChange::Evolve);
}

#[test]
fn mistakes_have_places() {
    for (text, code, line, column) in [
        ("on_change: evolv\n", codes::BAD_YAML, 1, 12),
        ("streams:\n  contacts: { on_chnge: freeze }\n", codes::UNKNOWN_KEY, 2, 15),
        ("streams:\n  contacts:\n    fields:\n      email: freeze\n", codes::BAD_YAML, 4, 14),
        ("kind: policy\n", codes::BAD_CONTRACT, 1, 7),
        ("kind: contract\nversion: 2\n", codes::BAD_CONTRACT, 2, 10),
    ] {
        let error = Contract::read("c.yaml", text).unwrap_err();
        let place = error.location().unwrap();
        assert_eq!((error.code(), place.line, place.column), (code, line, column), "{error}");
    }
    let contract = contract();
    let names: Vec<(&str, Option<&str>, u64, u64)> =
        contract.names().into_iter().map(|name| (name.stream, name.field, name.line, name.column)).collect();
    let expected =
        [("contacts", None, 5, 3), ("contacts", Some("email"), 8, 7), ("contacts", Some("properties.notes"), 9, 7), ("deals", None, 10, 3)];
    assert_eq!(names, expected);
    let error = contract.wrong(&contract.names()[1], codes::UNKNOWN_FIELD, "no such field");
    assert!(error.to_string().contains("c.yaml:8:7"), "{error}");
}

#[test]
fn what_evolves_is_accepted_at_once() {
    let (before, after) = (stream(&[("id", Text), ("a", Integer), ("b", Text)]), stream(&[("id", Text), ("a", Text), ("c", Text)]));
    let judged = contract().judge("companies", Some(&before), &after);
    assert_eq!(judged, Judgement { frozen: vec![], left_out: vec![], rigid: HashMap::new(), accepted: after.clone() });
    assert_eq!(contract().judge("companies", None, &after).accepted, after);
}

#[test]
fn what_is_frozen_stops_until_it_is_accepted() {
    let before = stream(&[("id", Text), ("amount", Integer)]);
    for (after, kind) in [
        (stream(&[("id", Text), ("amount", Decimal)]), ChangeKind::Retyped),
        (stream(&[("id", Text)]), ChangeKind::Removed),
        (stream(&[("id", Text), ("amount", Integer), ("x", Text)]), ChangeKind::Added),
    ] {
        let judged = contract().judge("deals", Some(&before), &after);
        assert_eq!(judged.frozen.iter().map(|change| change.kind).collect::<Vec<_>>(), [kind]);
        assert_eq!(judged.accepted, before, "nothing is accepted by running");
        let again = contract().judge("deals", Some(&after), &after);
        assert!(again.frozen.is_empty() && again.left_out.is_empty());
    }
    // Labels are words, and fields that nobody reads are nobody's.
    let mut after = before.clone();
    after.fields[1].label = "Sum".to_owned();
    after.fields.push(FieldDescription { selected: false, ..field("x", Text) });
    let judged = contract().judge("deals", Some(&before), &after);
    assert!(judged.frozen.is_empty());
    // Then the pipeline file selects one that was there: that is no change at the source.
    after.fields[2].selected = true;
    let judged = contract().judge("deals", Some(&judged.accepted), &after);
    assert!(judged.frozen.is_empty() && judged.left_out.is_empty(), "{judged:?}");
    assert_eq!(judged.rigid["x"], Text);
}

#[test]
fn what_is_in_quarantine_stays_out_and_keeps_its_type() {
    let before = stream(&[("id", Text), ("p.points", Integer), ("p.fax", Text)]);
    let after = stream(&[("id", Text), ("p.points", Text), ("p.colour", Text), ("properties.notes", Text)]);
    let first = contract().judge("contacts", Some(&before), &after);
    assert!(first.frozen.is_empty());
    assert_eq!(first.left_out, ["p.colour"], "notes may evolve");
    assert_eq!(first.rigid.get("p.points"), Some(&Integer), "the type that was accepted");
    // The next run judges alike: what is held is not accepted by time.
    let second = contract().judge("contacts", Some(&first.accepted), &after);
    assert_eq!((&second.left_out, &second.rigid, &second.accepted), (&first.left_out, &first.rigid, &first.accepted));
    // What went and comes back is not new.
    let back = contract().judge("contacts", Some(&second.accepted), &before);
    assert!(back.left_out.is_empty(), "{back:?}");
    // Accepted, it is there.
    assert!(contract().judge("contacts", Some(&after), &after).left_out.is_empty());
}

#[test]
fn a_field_with_another_name_is_new_to_its_table() {
    let before = StreamDescription { fields: vec![field("id", Text), FieldDescription { label: "Fax".into(), ..field("p.fax", Text) }] };
    let after = StreamDescription { fields: vec![field("id", Text), FieldDescription { label: "Fax".into(), ..field("p.telefax", Text) }] };
    let judged = contract().judge("contacts", Some(&before), &after);
    assert_eq!(judged.left_out, ["p.telefax"]);
    assert!(judged.accepted.field("p.fax").is_some() && judged.accepted.field("p.telefax").is_none());
    let frozen = contract().judge("deals", Some(&before), &after);
    assert_eq!(frozen.frozen[0].kind, ChangeKind::Renamed);
}
