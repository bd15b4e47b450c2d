//! Columns that follow from a cleaned column, so that no mapping names them.

use std::sync::Arc;

use aqueduct_schema::{CleaningStatus, SemanticType};
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};

use crate::cleaners::email_normalized;
use crate::column::{CleanColumn, CleanJob, Semantics};

/// The verdicts of a column as the words of their statuses.
pub(crate) fn status_words(job: &CleanJob, column: &CleanColumn) -> ArrayRef {
    let words: Vec<&str> = job.verdicts.iter().map(|(status, _)| status_word(*status)).collect();
    Arc::new(StringArray::from_iter_values(column.verdicts.iter().map(|verdict| words[usize::from(*verdict)])))
}

fn status_word(status: CleaningStatus) -> &'static str {
    match status {
        CleaningStatus::Ok => "ok",
        CleaningStatus::Fixed => "fixed",
        CleaningStatus::Suspect => "suspect",
        CleaningStatus::Invalid => "invalid",
        CleaningStatus::Missing => "missing",
    }
}

/// The form rows are joined by: e-mail addresses as their own rule says, what has a canonical form as it is, other text in lower case.
pub(crate) fn normalized(job: &CleanJob, column: &CleanColumn) -> ArrayRef {
    let values = column.array.as_string::<i32>();
    let semantic = match &job.semantics {
        Semantics::Fixed(semantic) => Some(*semantic),
        Semantics::Selected { .. } => None,
    };
    match semantic {
        Some(SemanticType::PhoneNumber | SemanticType::Url) => return column.array.clone(),
        Some(SemanticType::Email) => {}
        // A value of any kind: an address is told by its sign, and numbers have no case.
        _ => {
            let lower = |value: &str| if value.contains('@') { email_normalized(value).into_owned() } else { value.to_lowercase() };
            return Arc::new(values.iter().map(|value| value.map(lower)).collect::<StringArray>());
        }
    }
    let mut builder = StringBuilder::with_capacity(values.len(), values.value_data().len());
    for value in values {
        match value {
            None => builder.append_null(),
            Some(value) => builder.append_value(email_normalized(value)),
        }
    }
    Arc::new(builder.finish())
}
