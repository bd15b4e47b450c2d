//! A destination that counts rows and throws them away: for measuring, and for runs that are only to be looked at.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aqueduct_schema::{Batch, Operation, Protected, Result, SchemaChange, StreamState, TableName, Timestamp};
use async_trait::async_trait;

use crate::drift::{ColumnHistory, RecordedChange, Schemas, SettledStream, StoredSchema};
use crate::identities::{Identities, IdentityChange, IdentityKnown, IdentityPending, IdentityRow, IdentityRows, IdentityVerdict};
use crate::quarantine::{Quarantine, QuarantineFilter, QuarantineStatus, QuarantinedRecord};
use crate::reconciliation::{Difference, ReconciledWindow};
use crate::records;
use crate::shadow::{Shadow, ShadowKind};
use crate::source_rows::{SourcePage, SourceRow, SourceTables};
use crate::warehouse::{Capabilities, Fence, Receipt, RunRecord, RunStart, TableReceipt, Warehouse};

/// Counts rows; keeps states and runs in memory only.
#[derive(Default)]
pub(crate) struct Discard(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    states: BTreeMap<(String, String), StreamState>,
    epochs: BTreeMap<String, i64>,
    runs: Vec<RunRecord>,
    loads: u64,
}

impl Discard {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SourceTables for Discard {
    async fn source_rows(&self, _page: &SourcePage<'_>) -> Result<Vec<SourceRow>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Identities for Discard {
    async fn identity_pending(&self, _entity: &str) -> Result<IdentityPending> {
        Ok(IdentityPending::default())
    }

    async fn identity_rows(&self, _entity: &str, _columns: &[&str], _rows: IdentityRows<'_>) -> Result<Vec<IdentityRow>> {
        Ok(Vec::new())
    }

    async fn identity_model(&self, _entity: &str) -> Result<Option<String>> {
        Ok(None)
    }

    async fn identity_count(&self, _entity: &str) -> Result<u64> {
        Ok(0)
    }

    async fn identity_verdicts(&self, _entity: &str) -> Result<Vec<IdentityVerdict>> {
        Ok(Vec::new())
    }

    async fn identity_known(&self, _entity: &str, _blocks: &[u64], _records: &[String], _pairs: &[String]) -> Result<IdentityKnown> {
        Ok(IdentityKnown::default())
    }

    async fn identity_pairs_with(&self, _entity: &str, _text: &str, _limit: u64) -> Result<Vec<[String; 3]>> {
        Ok(Vec::new())
    }

    async fn store_identities(&self, _fence: &Fence, _change: &IdentityChange) -> Result<()> {
        Ok(())
    }

    async fn decide_identities(&self, _fence: &Fence, _entity: &str, _verdicts: &[IdentityVerdict]) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Quarantine for Discard {
    async fn quarantined(&self, _pipeline: &str, _filter: &QuarantineFilter, _limit: u64) -> Result<Vec<QuarantinedRecord>> {
        Ok(Vec::new())
    }

    async fn resolve_quarantined(&self, _fence: &Fence, _row_ids: &[String], _status: QuarantineStatus, _by: &str) -> Result<u64> {
        Ok(0)
    }

    async fn purge_quarantine(&self, _fence: &Fence, _before: Timestamp) -> Result<u64> {
        Ok(0)
    }
}

#[async_trait]
impl Warehouse for Discard {
    fn capabilities(&self) -> Capabilities {
        Capabilities { name: "discard", durable: false, parallel_loads: 16, records_per_load: 5_000 }
    }

    async fn begin_run(&self, start: RunStart) -> Result<Fence> {
        let mut memory = self.memory();
        let epoch = memory.epochs.entry(start.pipeline.to_string()).or_insert(0);
        *epoch += 1;
        let epoch = *epoch;
        memory.runs.push(RunRecord::begun(&start));
        Ok(Fence { pipeline: start.pipeline, run_id: start.run_id, epoch, allow_mass_delete: start.allow_mass_delete, backfill: false })
    }

    async fn states(&self, pipeline: &str) -> Result<BTreeMap<String, StreamState>> {
        let memory = self.memory();
        Ok(memory.states.iter().filter(|((of, _), _)| of == pipeline).map(|((_, stream), state)| (stream.clone(), state.clone())).collect())
    }

    async fn set_state(&self, pipeline: &str, stream: &str, state: Option<&StreamState>) -> Result<()> {
        let key = (pipeline.to_owned(), stream.to_owned());
        let mut memory = self.memory();
        match state {
            Some(state) => memory.states.insert(key, state.clone()),
            None => memory.states.remove(&key),
        };
        Ok(())
    }

    async fn load(&self, fence: &Fence, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        let mut receipt = Receipt::default();
        let mut memory = self.memory();
        if memory.epochs.get(fence.pipeline.as_ref()) != Some(&fence.epoch) {
            return Err(records::fenced(fence));
        }
        for batch in batches {
            let (stream, tables, rejects, counts, checkpoint) = batch.into_parts();
            receipt.read += counts.read;
            receipt.filtered += counts.filtered;
            receipt.quarantined += rejects.len() as u64;
            for (place, table) in tables.iter().enumerate() {
                let rows = table.len() as u64;
                receipt.loaded += if place == 0 { rows } else { 0 };
                let mut done = TableReceipt::empty(&table.schema.name);
                match table.operation {
                    Operation::Upsert => done.inserted = rows,
                    Operation::Tombstone => done.deleted = rows,
                    Operation::Merge | Operation::Sets => continue,
                }
                match receipt.tables.iter_mut().find(|mine| mine.table == done.table) {
                    Some(mine) => {
                        mine.inserted += done.inserted;
                        mine.deleted += done.deleted;
                    }
                    None => receipt.tables.push(done),
                }
            }
            memory.states.insert((fence.pipeline.to_string(), stream.to_string()), checkpoint.state);
        }
        memory.loads += 1;
        receipt.load_id = format!("discarded-{}", memory.loads);
        Ok(receipt)
    }

    async fn shadows(&self, _pipeline: &str, _kind: ShadowKind) -> Result<BTreeMap<String, Shadow>> {
        Ok(BTreeMap::new())
    }

    async fn load_shadow(&self, fence: &Fence, _kind: ShadowKind, _fingerprint: &str, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        self.load(fence, batches).await
    }

    async fn discard_shadow(&self, _fence: &Fence, _stream: &str, _kind: ShadowKind) -> Result<()> {
        Ok(())
    }

    async fn swap(&self, _fence: &Fence, _stream: &str, _at_least: Option<u64>) -> Result<Receipt> {
        Ok(Receipt::default())
    }

    async fn compare(&self, _fence: &Fence, _stream: &str, _settled: Option<Timestamp>, _whole: bool) -> Result<Vec<ReconciledWindow>> {
        Ok(Vec::new())
    }

    async fn differences(&self, _fence: &Fence, _stream: &str) -> Result<Vec<Difference>> {
        Ok(Vec::new())
    }

    async fn count_live(&self, _fence: &Fence, _stream: &str, _table: &TableName, _account: &str) -> Result<[u64; 2]> {
        Ok([0, 0])
    }

    async fn record_reconciliation(&self, _fence: &Fence, _windows: &[ReconciledWindow]) -> Result<()> {
        Ok(())
    }

    async fn end_run(&self, _fence: &Fence, record: &RunRecord) -> Result<()> {
        let mut memory = self.memory();
        memory.runs.retain(|run| run.run_id != record.run_id);
        memory.runs.push(record.clone());
        Ok(())
    }

    async fn runs(&self, pipeline: Option<&str>, limit: u32) -> Result<Vec<RunRecord>> {
        let memory = self.memory();
        let mut runs: Vec<RunRecord> = memory.runs.iter().filter(|run| pipeline.is_none_or(|name| run.pipeline == name)).cloned().collect();
        runs.sort_by(|one, other| (other.started_at, &other.run_id).cmp(&(one.started_at, &one.run_id)));
        runs.truncate(limit as usize);
        Ok(runs)
    }
}

#[async_trait]
impl Schemas for Discard {
    async fn schemas(&self, _pipeline: &str) -> Result<BTreeMap<String, StoredSchema>> {
        Ok(BTreeMap::new())
    }

    async fn record_schemas(&self, _fence: &Fence, _schemas: &BTreeMap<String, StoredSchema>, _changes: &[SchemaChange]) -> Result<()> {
        Ok(())
    }

    async fn record_columns(&self, _fence: &Fence, _stream: &str, _columns: &ColumnHistory, _changes: &[SchemaChange]) -> Result<()> {
        Ok(())
    }

    async fn accept_schemas(&self, _pipeline: &str, _stream: Option<&str>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn schema_changes(&self, _pipeline: &str, _limit: u32) -> Result<Vec<RecordedChange>> {
        Ok(Vec::new())
    }

    async fn settled(&self, _pipeline: &str) -> Result<Vec<SettledStream>> {
        Ok(Vec::new())
    }
}
