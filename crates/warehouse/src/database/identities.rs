//! Identities in a database.

use aqueduct_schema::Result;
use async_trait::async_trait;

use super::{Database, Point, told};
use crate::failure::Doing;
use crate::identities::{
    Identities, IdentityChange, IdentityKnown, IdentityPending, IdentityRow, IdentityRows, IdentityVerdict, STREAM, read, write,
};
use crate::ledger;
use crate::load_plan::load_id;
use crate::records;
use crate::warehouse::{Fence, Receipt};

/// What is being done, in the errors of all that reads.
const READING: &str = "read what is known of identities";

#[async_trait]
impl<D: Database> Identities for D {
    async fn identity_pending(&self, entity: &str) -> Result<IdentityPending> {
        told(self, async { read::pending(&mut *self.hold_own(READING).await?, entity).await }).await
    }

    async fn identity_rows(&self, entity: &str, columns: &[&str], rows: IdentityRows<'_>) -> Result<Vec<IdentityRow>> {
        told(self, async { read::rows(&mut *self.hold_own(READING).await?, entity, columns, rows).await }).await
    }

    async fn identity_model(&self, entity: &str) -> Result<Option<String>> {
        told(self, async { read::model(&mut *self.hold_own(READING).await?, entity).await }).await
    }

    async fn identity_count(&self, entity: &str) -> Result<u64> {
        told(self, async { read::count(&mut *self.hold_own(READING).await?, entity).await }).await
    }

    async fn identity_verdicts(&self, entity: &str) -> Result<Vec<IdentityVerdict>> {
        told(self, async { read::verdicts(&mut *self.hold_own(READING).await?, entity).await }).await
    }

    async fn identity_known(&self, entity: &str, blocks: &[u64], records: &[String], pairs: &[String]) -> Result<IdentityKnown> {
        told(self, async { read::known(&mut *self.hold_own(READING).await?, entity, blocks, records, pairs).await }).await
    }

    async fn identity_pairs_with(&self, entity: &str, text: &str, limit: u64) -> Result<Vec<[String; 3]>> {
        told(self, async { read::pairs_with(&mut *self.hold_own(READING).await?, entity, text, limit).await }).await
    }

    async fn store_identities(&self, fence: &Fence, change: &IdentityChange) -> Result<()> {
        let doing = "store identities";
        let load_id = load_id(fence, STREAM, self.memory().sequence.take(fence, STREAM));
        let store = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = self.fenced(&mut held, fence, doing).await?;
            let now = records::now();
            write::store(&mut *transaction, change, &load_id, now).await?;
            if change.writes_rows() {
                let receipt = Receipt { load_id: load_id.clone(), ..Receipt::default() };
                ledger::write_load(&mut *transaction, fence, STREAM, &receipt, now).await?;
            }
            D::reached(Point::IdentitiesStored);
            transaction.commit().await.doing(doing)
        };
        told(self, store).await
    }

    async fn decide_identities(&self, fence: &Fence, entity: &str, verdicts: &[IdentityVerdict]) -> Result<()> {
        let doing = "store decisions about identities";
        let store = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = self.fenced(&mut held, fence, doing).await?;
            write::decide(&mut *transaction, entity, verdicts, records::now()).await?;
            D::reached(Point::IdentitiesStored);
            transaction.commit().await.doing(doing)
        };
        told(self, store).await
    }
}
