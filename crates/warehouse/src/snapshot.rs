//! What a snapshot has seen, and how much a complete one may delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use aqueduct_schema::{Error, Layer, Result, TableName, TableSchema, Timestamp, codes};
use serde::{Deserialize, Serialize};

use crate::load_plan::{LoadPlan, StepKind};
use crate::records::to_json;
use crate::warehouse::Fence;

/// A complete snapshot stops when it would delete more than this many rows …
const FEW: u64 = 20;
/// … and more than this share of the live ones, in percent.
const MOST_PERCENT: u64 = 50;

/// The rows a snapshot speaks of: those of one table that have the same constants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scope {
    /// The connector of a source table; absent for a common table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    table: String,
    /// The key column.
    pub(crate) key: String,
    /// Columns and their values.
    pub(crate) constants: BTreeMap<String, String>,
}

impl Scope {
    /// The rows that a schema describes.
    pub(crate) fn of(schema: &TableSchema) -> Self {
        Self {
            system: match &schema.name.layer {
                Layer::Common | Layer::Shadow => None,
                Layer::Source(system) => Some(system.to_string()),
            },
            table: schema.name.name.to_string(),
            key: schema.key.to_string(),
            constants: schema.constants.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        }
    }

    /// The rows of a source table that belong to an account.
    pub(crate) fn of_account(table: &TableName, account: &str) -> Self {
        let system = match &table.layer {
            Layer::Common | Layer::Shadow => None,
            Layer::Source(system) => Some(system.to_string()),
        };
        let constants = [("source_account_id".to_owned(), account.to_owned())].into();
        Self { system, table: table.name.to_string(), key: "_id".to_owned(), constants }
    }

    /// The table.
    pub(crate) fn table(&self) -> TableName {
        let layer = match &self.system {
            Some(system) => Layer::Source(Arc::from(system.as_str())),
            None => Layer::Common,
        };
        TableName { layer, name: Arc::from(self.table.as_str()) }
    }
}

/// Keys that a load adds to what a snapshot has seen.
pub(crate) struct Seen<'a> {
    /// When the reading began.
    pub(crate) reading: Timestamp,
    /// A [`Scope`] as JSON; empty for the ids at the source of rejected records, which exist although no row was loaded.
    pub(crate) scope: String,
    pub(crate) keys: Vec<&'a str>,
}

/// What the load adds to what the snapshots under way have seen. Every scope comes up, even one without rows.
pub(crate) fn seen(plan: &LoadPlan) -> Result<Vec<Seen<'_>>> {
    let mut all: Vec<Seen<'_>> = Vec::new();
    for step in plan.tables.iter().flat_map(|table| &table.steps).filter(|step| step.kind == StepKind::Rows) {
        let scope = to_json(&Scope::of(&step.schema))?;
        for part in &step.parts {
            let Some(reading) = part.snapshot else { continue };
            let keys = part.keys()?;
            let keys = part.rows().map(|row| keys.value(row));
            match all.iter_mut().find(|seen| seen.reading == reading && seen.scope == scope) {
                Some(seen) => seen.keys.extend(keys),
                None => all.push(Seen { reading, scope: scope.clone(), keys: keys.collect() }),
            }
        }
    }
    let rejected = plan.rejected_ids();
    if !rejected.is_empty() {
        all.extend(plan.snapshots.iter().map(|reading| Seen { reading: *reading, scope: String::new(), keys: rejected.clone() }));
    }
    Ok(all)
}

/// Refuses a deletion of suspiciously many rows, unless the run allows it.
///
/// # Errors
/// `AQ6001`.
pub fn guard(fence: &Fence, table: &TableName, live: u64, gone: u64) -> Result<()> {
    if fence.allow_mass_delete || gone <= FEW || gone * 100 <= live * MOST_PERCENT {
        return Ok(());
    }
    Err(Error::new(codes::MASS_DELETE, format!("{gone} of {live} rows would be deleted")).with("table", table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_many_rows_and_most_of_them_stop_a_snapshot() {
        let fence = |allow_mass_delete| Fence { pipeline: "p".into(), run_id: "r".into(), epoch: 1, allow_mass_delete };
        let table = TableName::common("contact");
        assert!(guard(&fence(false), &table, 20, 20).is_ok());
        assert!(guard(&fence(false), &table, 100, 50).is_ok());
        assert!(guard(&fence(false), &table, 100, 51).is_err());
        assert!(guard(&fence(false), &table, 21, 21).is_err());
        assert!(guard(&fence(true), &table, 100, 100).is_ok());
    }
}
