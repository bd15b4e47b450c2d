//! Rows for the elements of JSON arrays inside records.

use aqueduct_schema::Result;
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, BooleanArray, UInt32Array};
use serde_json::Value;

use crate::plan::ElementSource;
use crate::rows::spread;
use crate::value::Input;

/// The elements of a batch's records: their columns, and the record of each.
pub(crate) struct Elements {
    pub(crate) inputs: Vec<Input>,
    pub(crate) parents: UInt32Array,
}

/// Takes the arrays of a column apart. What is not an array has no elements; records that the mask leaves out neither.
pub(crate) fn elements(array: &Input, mask: Option<&BooleanArray>, columns: &[ArrayRef], sources: &[ElementSource]) -> Result<Elements> {
    let mut parents = Vec::new();
    let mut builders: Vec<StringBuilder> = sources.iter().map(|_| StringBuilder::new()).collect();
    if let Input::Text(texts) = array {
        for (record, text) in (0_u32..).zip(texts.iter()) {
            let wanted = mask.is_none_or(|mask| mask.value(record as usize));
            let Some(text) = text.filter(|_| wanted) else { continue };
            let Ok(Value::Array(items)) = serde_json::from_str(text) else { continue };
            for item in &items {
                parents.push(record);
                for (source, builder) in sources.iter().zip(&mut builders) {
                    if let ElementSource::Inside(path) = source {
                        append(inside(item, path), builder);
                    }
                }
            }
        }
    }
    let parents = UInt32Array::from(parents);
    let inputs = sources
        .iter()
        .zip(&mut builders)
        .map(|(source, builder)| match source {
            ElementSource::Inside(_) => Ok(Input::Text(builder.finish())),
            ElementSource::Record(column) => Input::new(&spread(&columns[*column], &parents)?),
        })
        .collect::<Result<_>>()?;
    Ok(Elements { inputs, parents })
}

/// The value at a path of keys; a key may itself contain dots.
fn inside<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let object = value.as_object()?;
    if let Some(found) = object.get(path) {
        return Some(found);
    }
    path.match_indices('.').find_map(|(dot, _)| inside(object.get(&path[..dot])?, &path[dot + 1..]))
}

fn append(value: Option<&Value>, builder: &mut StringBuilder) {
    match value {
        None | Some(Value::Null) => builder.append_null(),
        Some(Value::String(text)) => builder.append_value(text),
        Some(other) => builder.append_value(other.to_string()),
    }
}
