//! The quarantine in a database.

use aqueduct_schema::{Result, Timestamp};
use async_trait::async_trait;

use super::{Database, told};
use crate::failure::Doing;
use crate::quarantine::{self, Quarantine, QuarantineFilter, QuarantineStatus, QuarantinedRecord};
use crate::records;
use crate::warehouse::Fence;

#[async_trait]
impl<D: Database> Quarantine for D {
    async fn quarantined(&self, pipeline: &str, filter: &QuarantineFilter, limit: u64) -> Result<Vec<QuarantinedRecord>> {
        let read = async {
            match self.hold_written("read the quarantine").await? {
                Some(mut held) => quarantine::read(&mut *held, pipeline, filter, limit).await,
                None => Ok(Vec::new()),
            }
        };
        told(self, read).await
    }

    async fn resolve_quarantined(&self, fence: &Fence, row_ids: &[String], status: QuarantineStatus, by: &str) -> Result<u64> {
        let doing = "decide about the quarantine";
        let resolve = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = self.fenced(&mut held, fence, doing).await?;
            let resolved = quarantine::resolve(&mut *transaction, fence, row_ids, status, by, records::now()).await?;
            transaction.commit().await.doing(doing)?;
            Ok(resolved)
        };
        told(self, resolve).await
    }

    async fn purge_quarantine(&self, fence: &Fence, before: Timestamp) -> Result<u64> {
        let doing = "purge the quarantine";
        let purge = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = self.fenced(&mut held, fence, doing).await?;
            let purged = quarantine::purge(&mut *transaction, fence, before).await?;
            transaction.commit().await.doing(doing)?;
            Ok(purged)
        };
        told(self, purge).await
    }
}
