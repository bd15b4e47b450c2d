//! How a run ended.

use std::collections::BTreeMap;

use aqueduct_schema::Error;
use aqueduct_warehouse::RunRecord;

use crate::drift::DriftReport;
use crate::identities::Resolved;
use crate::ledger::Told;

/// How a run ended.
#[derive(Debug)]
pub struct RunReport {
    /// The ledger's entry.
    pub record: RunRecord,
    /// The error of each stream that is not complete.
    pub errors: Vec<(String, Error)>,
    /// What the policy does, in sentences.
    pub policy: Vec<String>,
    /// For each stream, how many fields the source has that are not selected and so not stored.
    pub left_out: BTreeMap<String, usize>,
    /// Streams that nothing maps onto the common schema, so that only their source tables are filled.
    pub unmapped: Vec<String>,
    /// What has changed at the source, and which columns that concerns.
    pub drift: DriftReport,
    /// What was found about who is who.
    pub identities: Vec<Resolved>,
    /// The limit of records at which streams stopped, if there was one.
    pub limit: Option<u64>,
    /// Whether nothing was stored.
    pub dry_run: bool,
}

impl Told for RunReport {
    fn record(&self) -> Option<&RunRecord> {
        Some(&self.record)
    }

    fn errors(&self) -> &[(String, Error)] {
        &self.errors
    }

    fn changes(&self) -> Vec<String> {
        self.drift.changes.iter().map(ToString::to_string).collect()
    }
}
