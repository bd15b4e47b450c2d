//! How rows travel that say which records were merged into which.

use std::sync::Arc;

use crate::semantic::{Sensitivity, ValueType};
use crate::table::{Column, TableName, TableSchema};

/// The columns of a table of [`crate::Operation::Merge`]: the row that was merged away, the row that is left, the ids of both at the
/// source, when they were merged, the field that says so, and whether it is a field of the record that was merged away.
pub const COLUMNS: [&str; 7] = ["id", "merged_into_id", "source_id", "merged_into_source_id", "merged_at", "evidence", "said_by_loser"];

/// The schema of merges of an entity, with the constants of its rows. `of_ids` is how sensitive the ids at the source are.
pub fn schema(entity: &str, of_ids: Sensitivity, constants: Vec<(Arc<str>, Arc<str>)>) -> TableSchema {
    let value_type = |name: &str| match name {
        "merged_at" => ValueType::Timestamp,
        "said_by_loser" => ValueType::Boolean,
        _ => ValueType::Text,
    };
    let column = |name: &str| {
        let sensitivity = if name.ends_with("source_id") { of_ids } else { Sensitivity::None };
        Column { sensitivity, ..Column::technical(name, value_type(name)) }
    };
    TableSchema {
        name: TableName::common(entity),
        columns: COLUMNS.iter().map(|name| column(name)).collect(),
        absent_columns: Vec::new(),
        key: "id".into(),
        constants,
    }
}
