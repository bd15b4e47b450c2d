//! What has changed between two descriptions of a source's streams. Pure: descriptions in, differences out.

use std::collections::{BTreeMap, HashMap, HashSet};

use aqueduct_schema::{ChangeKind, FieldDescription, SchemaChange, StreamDescription, Visibility};

/// Every difference between what a source said before and what it says now, stream by stream, in the order of names and then of the
/// source. Nothing where both are alike; the order of fields and of values to choose from is no difference.
pub fn diff(before: &BTreeMap<String, StreamDescription>, after: &BTreeMap<String, StreamDescription>) -> Vec<SchemaChange> {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let of_stream = |name: &String| match (before.get(name), after.get(name)) {
        (Some(before), Some(after)) => diff_stream(name, before, after),
        (Some(_), None) => vec![SchemaChange::of_stream(name, ChangeKind::StreamRemoved)],
        (None, _) => vec![SchemaChange::of_stream(name, ChangeKind::StreamAdded)],
    };
    names.into_iter().flat_map(of_stream).collect()
}

/// Every difference between two descriptions of one stream.
///
/// A field that is gone and one that is new are the same under another name where the source gives both one id, or where they have one
/// label and one type, the label is not the mere name, and no other field that came or went has them. Otherwise one is removed and one
/// added.
pub fn diff_stream(stream: &str, before: &StreamDescription, after: &StreamDescription) -> Vec<SchemaChange> {
    let olds: HashMap<&str, &FieldDescription> = present(before).map(|field| (field.path.as_str(), field)).collect();
    let news: HashSet<&str> = present(after).map(|field| field.path.as_str()).collect();
    let gone: Vec<&FieldDescription> = present(before).filter(|field| !news.contains(field.path.as_str())).collect();
    let fresh: Vec<&FieldDescription> = present(after).filter(|field| !olds.contains_key(field.path.as_str())).collect();
    let renamed = renames(&gone, &fresh);
    let mut changes = Vec::new();
    for field in present(after) {
        let mut note = |kind, before, after| changes.push(SchemaChange::of_field(stream, &field.path, kind, before, after));
        match (olds.get(field.path.as_str()), renamed.get(field.path.as_str())) {
            (Some(old), _) => compare(old, field, &mut note),
            (None, Some(old)) => {
                note(ChangeKind::Renamed, Some(old.path.clone()), Some(field.path.clone()));
                compare(old, field, &mut note);
            }
            (None, None) => note(ChangeKind::Added, None, Some(type_of(field))),
        }
    }
    let kept: HashSet<&str> = renamed.values().map(|old| old.path.as_str()).collect();
    for field in gone.iter().filter(|field| !kept.contains(field.path.as_str())) {
        changes.push(SchemaChange::of_field(stream, &field.path, ChangeKind::Removed, Some(type_of(field)), None));
    }
    changes
}

fn present(description: &StreamDescription) -> impl Iterator<Item = &FieldDescription> {
    description.fields.iter().filter(|field| field.is_present())
}

/// Fields that have another name now, by that name, each with what it was.
fn renames<'f>(gone: &[&'f FieldDescription], fresh: &[&'f FieldDescription]) -> HashMap<&'f str, &'f FieldDescription> {
    let mut renamed = HashMap::new();
    let mut pair = |same: &dyn Fn(&FieldDescription, &FieldDescription) -> bool, told: &dyn Fn(&FieldDescription) -> bool| {
        for new in fresh.iter().filter(|field| told(field)) {
            let alike = |fields: &[&'f FieldDescription]| fields.iter().filter(|field| same(field, new)).copied().collect::<Vec<_>>();
            if let ([old], [_]) = (&alike(gone)[..], &alike(fresh)[..])
                && !renamed.contains_key(new.path.as_str())
                && !renamed.values().any(|taken: &&FieldDescription| taken.path == old.path)
            {
                renamed.insert(new.path.as_str(), *old);
            }
        }
    };
    pair(&|one, other| one.vendor_id == other.vendor_id, &|field| field.vendor_id.is_some());
    let is_label = |field: &FieldDescription| {
        let leaf = field.path.rsplit('.').next().unwrap_or_default();
        !field.label.is_empty() && field.label != leaf && field.label != field.path
    };
    let same = |one: &FieldDescription, other: &FieldDescription| {
        one.label == other.label && one.value_type == other.value_type && (one.vendor_id.is_none() || other.vendor_id.is_none())
    };
    pair(&same, &is_label);
    renamed
}

/// What differs in a field that is on both sides.
fn compare(before: &FieldDescription, after: &FieldDescription, note: &mut dyn FnMut(ChangeKind, Option<String>, Option<String>)) {
    match (before.visibility, after.visibility) {
        (one, other) if one == other => {}
        (_, Visibility::Hidden) => note(ChangeKind::Hidden, Some("visible".to_owned()), Some("hidden".to_owned())),
        _ => note(ChangeKind::Visible, Some("hidden".to_owned()), Some("visible".to_owned())),
    }
    // Of a field that is hidden the source says nothing: what is known of it is a guess by its name.
    if before.visibility != Visibility::Visible || after.visibility != Visibility::Visible {
        return;
    }
    if before.value_type != after.value_type {
        note(ChangeKind::Retyped, Some(type_of(before)), Some(type_of(after)));
    }
    if before.label != after.label {
        note(ChangeKind::Relabelled, Some(before.label.clone()), Some(after.label.clone()));
    }
    let choices = |field: &FieldDescription| -> BTreeMap<String, String> {
        field.picklist.iter().map(|choice| (choice.value.clone(), choice.label.clone())).collect()
    };
    let (old, new) = (choices(before), choices(after));
    let shown = |value: &str, label: &str| Some(if value == label { value.to_owned() } else { format!("{value} ({label})") });
    for (value, label) in &new {
        match old.get(value) {
            None => note(ChangeKind::PicklistValueAdded, None, shown(value, label)),
            Some(known) if known != label => note(ChangeKind::PicklistLabelChanged, shown(value, known), shown(value, label)),
            Some(_) => {}
        }
    }
    for (value, label) in old.iter().filter(|(value, _)| !new.contains_key(*value)) {
        note(ChangeKind::PicklistValueRemoved, shown(value, label), None);
    }
    match (before.calculated, after.calculated) {
        (false, true) => note(ChangeKind::BecameCalculated, None, None),
        (true, false) => note(ChangeKind::BecameStored, None, None),
        _ => {}
    }
}

fn type_of(field: &FieldDescription) -> String {
    field.value_type.name().to_owned()
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
