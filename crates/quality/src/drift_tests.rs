//! The comparison of what a source says with what it said before.

#![allow(clippy::unwrap_used, clippy::cloned_ref_to_slice_refs)]
use super::*;
use aqueduct_schema::{PicklistValue, ValueType};
use proptest::prelude::*;

fn field(path: &str, value_type: ValueType, label: &str) -> FieldDescription {
    FieldDescription {
        path: path.to_owned(),
        column: path.replace('.', "_"),
        value_type,
        label: label.to_owned(),
        picklist: Vec::new(),
        calculated: false,
        visibility: Visibility::Visible,
        vendor_id: None,
        selected: true,
    }
}

fn stream(fields: &[FieldDescription]) -> StreamDescription {
    StreamDescription { fields: fields.to_vec() }
}

/// Kind, field, before and after of every difference, in one line each.
fn told(before: &[FieldDescription], after: &[FieldDescription]) -> Vec<String> {
    let line = |change: SchemaChange| {
        let part = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
        format!("{} {} {} {}", change.kind.word(), part(change.field), part(change.before), part(change.after))
    };
    diff_stream("contacts", &stream(before), &stream(after)).into_iter().map(line).collect()
}

#[test]
fn fields_come_go_and_change() {
    let colour = FieldDescription {
        picklist: vec![PicklistValue::new("red", "Red"), PicklistValue::new("blue", "Blue"), PicklistValue::new("x", "x")],
        ..field("p.colour", ValueType::Text, "Colour")
    };
    let painted = FieldDescription {
        picklist: vec![PicklistValue::new("green", "Green"), PicklistValue::new("blue", "Navy"), PicklistValue::new("red", "Red")],
        calculated: true,
        label: "Favourite colour".to_owned(),
        value_type: ValueType::Json,
        ..colour.clone()
    };
    let expected = [
        "retyped p.colour text json",
        "relabelled p.colour Colour Favourite colour",
        "picklist_label_changed p.colour blue (Blue) blue (Navy)",
        "picklist_value_added p.colour - green (Green)",
        "picklist_value_removed p.colour x -",
        "became_calculated p.colour - -",
        "added p.size - integer",
        "removed p.fax text -",
    ];
    let before = [field("id", ValueType::Text, "id"), field("p.fax", ValueType::Text, "Fax"), colour.clone()];
    let after = [field("id", ValueType::Text, "id"), painted.clone(), field("p.size", ValueType::Integer, "Size")];
    assert_eq!(told(&before, &after), expected);
    assert_eq!(told(&[painted], &[colour]).last().unwrap(), "became_stored p.colour - -");
}

#[test]
fn another_name_needs_evidence() {
    let (old, new) = (field("p.fax", ValueType::Text, "Fax number"), field("p.telefax", ValueType::Text, "Fax number"));
    assert_eq!(told(&[old.clone()], &[new.clone()]), ["renamed p.telefax p.fax p.telefax"]);
    let other = field("p.fax_2", ValueType::Text, "Fax number");
    // Two that could be it: nobody knows which.
    let kinds = told(&[old.clone()], &[new.clone(), other]);
    assert_eq!(kinds, ["added p.telefax - text", "added p.fax_2 - text", "removed p.fax text -"]);
    let typed = FieldDescription { value_type: ValueType::Integer, ..new.clone() };
    assert_eq!(told(&[old.clone()], &[typed]), ["added p.telefax - integer", "removed p.fax text -"]);
    // A label that is only the name of the field says nothing.
    let bare = [field("a.x", ValueType::Text, "x"), field("b.x", ValueType::Text, "x")];
    assert_eq!(told(&bare[..1], &bare[1..]), ["added b.x - text", "removed a.x text -"]);
    // The source's own id says it whatever else has changed.
    let numbered = |field: &FieldDescription, id: &str| FieldDescription { vendor_id: Some(id.to_owned()), ..field.clone() };
    let relabelled = FieldDescription { label: "Telefax".to_owned(), value_type: ValueType::Integer, ..new.clone() };
    let expected = ["renamed p.telefax p.fax p.telefax", "retyped p.telefax text integer", "relabelled p.telefax Fax number Telefax"];
    assert_eq!(told(&[numbered(&old, "7")], &[numbered(&relabelled, "7")]), expected);
    assert_eq!(told(&[numbered(&old, "7")], &[numbered(&new, "8")]).len(), 2, "two ids are two fields");
}

#[test]
fn hidden_fields_are_there_and_absent_ones_are_not() {
    let seen = field("Fax", ValueType::Text, "Fax number");
    let with = |visibility, value_type| FieldDescription { visibility, value_type, ..seen.clone() };
    let hidden = with(Visibility::Hidden, ValueType::Integer);
    assert_eq!(told(&[seen.clone()], &[hidden.clone()]), ["hidden Fax visible hidden"]);
    assert_eq!(told(&[hidden.clone()], &[seen.clone()]), ["visible Fax hidden visible"]);
    let absent = with(Visibility::Absent, ValueType::Text);
    assert_eq!(told(&[seen.clone()], &[absent.clone()]), ["removed Fax text -"]);
    assert_eq!(told(&[absent.clone()], &[seen]), ["added Fax - text"]);
    assert!(told(&[absent], &[]).is_empty());
}

#[test]
fn whole_streams_come_and_go() {
    let of = |names: &[&str]| -> BTreeMap<String, StreamDescription> {
        names.iter().map(|name| ((*name).to_owned(), stream(&[field("id", ValueType::Text, "id")]))).collect()
    };
    let changes = diff(&of(&["a", "b"]), &of(&["b", "c"]));
    let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["stream a is gone", "stream c is new"]);
}

fn any_type() -> impl Strategy<Value = ValueType> {
    prop::sample::select(vec![ValueType::Text, ValueType::Integer, ValueType::Decimal, ValueType::Date])
}

fn any_field() -> impl Strategy<Value = FieldDescription> {
    let picklist = prop::collection::btree_map("[a-c]", "[A-C]", 0..3);
    (("[a-f]", any_type(), "[A-D]"), picklist, any::<bool>(), any::<bool>(), prop::option::of("[1-4]")).prop_map(
        |((path, value_type, label), picklist, calculated, selected, vendor_id)| FieldDescription {
            picklist: picklist.into_iter().map(|(value, label)| PicklistValue { value, label }).collect(),
            calculated,
            selected,
            vendor_id,
            ..field(&path, value_type, &label)
        },
    )
}

fn any_stream() -> impl Strategy<Value = StreamDescription> {
    prop::collection::vec(any_field(), 0..6).prop_map(|mut fields| {
        let mut paths = HashSet::new();
        fields.retain(|field| paths.insert(field.path.clone()));
        StreamDescription { fields }
    })
}

/// What a description says, whatever its order and whatever is selected.
fn content(description: &StreamDescription) -> BTreeMap<String, (ValueType, String, BTreeMap<String, String>, bool)> {
    let of = |field: &FieldDescription| {
        let picklist = field.picklist.iter().map(|choice| (choice.value.clone(), choice.label.clone())).collect();
        (field.path.clone(), (field.value_type, field.label.clone(), picklist, field.calculated))
    };
    description.fields.iter().map(of).collect()
}

proptest! {
    #[test]
    fn alike_is_no_difference(description in any_stream(), seed in any::<u64>()) {
        let mut shuffled = description.clone();
        let by = seed as usize % shuffled.fields.len().max(1);
        shuffled.fields.rotate_left(by);
        for field in &mut shuffled.fields {
            field.picklist.reverse();
            field.selected = !field.selected;
        }
        prop_assert!(diff_stream("s", &description, &shuffled).is_empty());
    }

    #[test]
    fn every_difference_is_told(before in any_stream(), after in any_stream()) {
        let changes = diff_stream("s", &before, &after);
        prop_assert_eq!(changes.is_empty(), content(&before) == content(&after));
        // The paths after are the paths before, less what went, plus what came.
        let mut paths: HashSet<String> = before.fields.iter().map(|field| field.path.clone()).collect();
        let of = |kind| changes.iter().filter(move |change| change.kind == kind);
        for change in of(ChangeKind::Removed) {
            prop_assert!(paths.remove(change.field.as_ref().unwrap()));
        }
        for change in of(ChangeKind::Renamed) {
            prop_assert!(paths.remove(change.before.as_ref().unwrap()));
        }
        for change in of(ChangeKind::Renamed).chain(of(ChangeKind::Added)) {
            prop_assert!(paths.insert(change.field.clone().unwrap()));
        }
        prop_assert_eq!(paths, after.fields.iter().map(|field| field.path.clone()).collect::<HashSet<_>>());
        // Of a field that stayed, every property that differs is told, and none that does not.
        for new in &after.fields {
            let renamed = of(ChangeKind::Renamed).find(|change| change.field.as_deref() == Some(&new.path));
            let Some(old) = before.field(renamed.map_or(new.path.as_str(), |change| change.before.as_deref().unwrap())) else { continue };
            let told = |kind| of(kind).filter(|change| change.field.as_deref() == Some(&new.path)).count();
            prop_assert_eq!(told(ChangeKind::Retyped) == 1, old.value_type != new.value_type);
            prop_assert_eq!(told(ChangeKind::Relabelled) == 1, old.label != new.label);
            prop_assert_eq!(told(ChangeKind::BecameCalculated) + told(ChangeKind::BecameStored) == 1, old.calculated != new.calculated);
            let (olds, news): (HashSet<_>, HashSet<_>) = (old.picklist.iter().collect(), new.picklist.iter().collect());
            let relabelled = told(ChangeKind::PicklistLabelChanged);
            prop_assert_eq!(told(ChangeKind::PicklistValueAdded) + relabelled, news.difference(&olds).count());
            prop_assert_eq!(told(ChangeKind::PicklistValueRemoved) + relabelled, olds.difference(&news).count());
        }
    }
}
