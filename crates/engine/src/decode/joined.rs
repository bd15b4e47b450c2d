//! The same records in several parts, joined by the key.

use std::collections::{HashMap, HashSet};

use aqueduct_connector::Part;
use aqueduct_schema::{Error, Reject, Result, ValueType, codes};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_select::take::take;

use super::plan::Plan;

/// A part whose columns are decoded: all of the stream's, filled where the part has them.
pub(crate) struct Decoded {
    pub(crate) arrays: Vec<(ValueType, ArrayRef)>,
    pub(crate) length: usize,
    pub(crate) rejects: Vec<Reject>,
}

/// Joins parts by key. Rows come in the order of the first part; a record that any part rejects is among the rejects alone.
///
/// # Errors
/// `AQ3005` when a part lacks a record that the first one has: the source changed in between.
pub(crate) fn join(plan: &Plan, described: &[Part], parts: Vec<Decoded>) -> Result<Decoded> {
    let rejected: HashSet<String> = parts.iter().flat_map(|part| &part.rejects).filter_map(|reject| reject.source_id.clone()).collect();
    let keys: Vec<Vec<Option<String>>> = parts.iter().map(|part| keys(plan, part)).collect();
    let Some((first, others)) = keys.split_first() else { return Err(bug("a page of no parts")) };
    let places: Vec<HashMap<&str, usize>> =
        others.iter().map(|keys| keys.iter().enumerate().filter_map(|(row, key)| Some((key.as_deref()?, row))).collect()).collect();
    let mut taken: Vec<Vec<u32>> = vec![Vec::with_capacity(first.len()); parts.len()];
    for (row, key) in first.iter().enumerate() {
        let Some(key) = key.as_deref() else { return Err(malformed("a record without its key cannot be joined")) };
        if rejected.contains(key) {
            continue;
        }
        // Row numbers of a page fit.
        taken[0].push(row as u32);
        for (place, taken) in places.iter().zip(&mut taken[1..]) {
            let row = place.get(key).ok_or_else(|| malformed("a part of it lacks records that another part has"))?;
            taken.push(*row as u32);
        }
    }
    let length = taken[0].len();
    let taken: Vec<UInt32Array> = taken.into_iter().map(UInt32Array::from).collect();
    let arrays = plan.fields.iter().enumerate().map(|(column, field)| {
        let part = described.iter().position(|part| part.paths.contains(&field.path)).unwrap_or(0);
        let (value_type, array) = &parts[part].arrays[column];
        let array = take(array.as_ref(), &taken[part], None).map_err(|error| bug("rows of a part cannot be taken").caused_by(error))?;
        Ok((*value_type, array))
    });
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    let mut seen = HashSet::new();
    let rejects = parts.into_iter().flat_map(|part| part.rejects);
    let rejects = rejects.filter(|reject| reject.source_id.as_ref().is_none_or(|id| seen.insert(id.clone()))).collect();
    Ok(Decoded { arrays, length, rejects })
}

/// The key of every row, as the source id is written; `None` where it is incomplete.
fn keys(plan: &Plan, part: &Decoded) -> Vec<Option<String>> {
    let columns: Vec<&ArrayRef> = plan.key.iter().map(|column| &part.arrays[*column].1).collect();
    let text = |column: &ArrayRef, row: usize| {
        let texts = column.as_string_opt::<i32>()?;
        texts.is_valid(row).then(|| texts.value(row).to_owned())
    };
    let key = |row| columns.iter().map(|column| text(column, row)).collect::<Option<Vec<String>>>().map(|parts| parts.join(":"));
    (0..part.length).map(key).collect()
}

fn malformed(what: &str) -> Error {
    Error::new(codes::MALFORMED_ANSWER, format!("the answer does not have the agreed shape ({what})"))
}

fn bug(what: &'static str) -> Error {
    Error::new(codes::BUG, what)
}
