//! The quarantine in PostgreSQL.

use aqueduct_schema::{Result, Timestamp};
use async_trait::async_trait;

use super::{Postgres, ledger};
use crate::failure::{Doing, Failure};
use crate::quarantine::{self, Quarantine, QuarantineFilter, QuarantineStatus, QuarantinedRecord};
use crate::records;
use crate::warehouse::Fence;

#[async_trait]
impl Quarantine for Postgres {
    async fn quarantined(&self, pipeline: &str, filter: &QuarantineFilter, limit: u64) -> Result<Vec<QuarantinedRecord>> {
        let read = async {
            let mut transaction = self.pool.begin().await.doing("read the quarantine")?;
            if !ledger::exists(&mut transaction).await? {
                return Ok(Vec::new());
            }
            quarantine::read(&mut *transaction, pipeline, filter, limit).await
        };
        read.await.map_err(Failure::into_error)
    }

    async fn resolve_quarantined(&self, fence: &Fence, row_ids: &[String], status: QuarantineStatus, by: &str) -> Result<u64> {
        let resolve = async {
            let mut transaction = self.pool.begin().await.doing("decide about the quarantine")?;
            ledger::check_fence(&mut transaction, fence).await?;
            let resolved = quarantine::resolve(&mut *transaction, fence, row_ids, status, by, records::now()).await?;
            transaction.commit().await.doing("decide about the quarantine")?;
            Ok(resolved)
        };
        resolve.await.map_err(Failure::into_error)
    }

    async fn purge_quarantine(&self, fence: &Fence, before: Timestamp) -> Result<u64> {
        let purge = async {
            let mut transaction = self.pool.begin().await.doing("purge the quarantine")?;
            ledger::check_fence(&mut transaction, fence).await?;
            let purged = quarantine::purge(&mut *transaction, fence, before).await?;
            transaction.commit().await.doing("purge the quarantine")?;
            Ok(purged)
        };
        purge.await.map_err(Failure::into_error)
    }
}
