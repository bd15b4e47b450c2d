//! What a person asks of a run.

use std::time::Duration;

use aqueduct_control::RunKind;

use crate::ledger::{Asked, flag};

/// What a person asks of one run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Streams and fields in place of the file's selection.
    pub select: Vec<String>,
    /// Read everything again, aside, and put it in place of what is there when it is complete.
    pub full_refresh: bool,
    /// Go through all stages and store nothing.
    pub dry_run: bool,
    /// Stop a stream after so many records.
    pub limit: Option<u64>,
    /// Stop with a checkpoint after so long.
    pub timeout: Option<Duration>,
    /// How long to wait for another run of the pipeline to end; without it the run fails at once.
    pub wait_for_lease: Option<Duration>,
    /// Read calculated fields again for all records, whether they are due or not.
    pub refresh_calculated: bool,
    /// Read all links between records, whether that is due or not.
    pub sweep_associations: bool,
    /// Compare the ids at the source with the rows that are here, whether that is due or not.
    pub sweep_ids: bool,
    /// Let snapshots and refreshes mark any number of rows as deleted.
    pub allow_mass_delete: bool,
    /// The time of its schedule that the run was started for, as the ledger names it.
    pub occurrence: Option<String>,
    /// The run's id, where it has one already because it has begun an occurrence; see [`crate::Occurring`].
    pub run_id: Option<String>,
    /// Which attempt at that occurrence it is, from 1.
    pub attempt: u32,
}

impl RunOptions {
    /// What the ledger of runs tells of them.
    pub(super) fn asked(&self) -> Asked {
        let kind = if self.dry_run { RunKind::DryRun } else { RunKind::Run };
        let asked = Asked { occurrence: self.occurrence.clone(), attempt: self.attempt, ..Asked::of(kind) };
        asked.with([
            (!self.select.is_empty()).then(|| format!("--select {}", self.select.join(","))),
            flag(self.full_refresh, "--full-refresh"),
            self.limit.map(|limit| format!("--limit {limit}")),
            self.timeout.map(|timeout| format!("--timeout {}s", timeout.as_secs())),
            flag(self.refresh_calculated, "--refresh-calculated"),
            flag(self.sweep_associations, "--sweep-associations"),
            flag(self.sweep_ids, "--sweep-ids"),
            flag(self.allow_mass_delete, "--allow-mass-delete"),
        ])
    }
}
