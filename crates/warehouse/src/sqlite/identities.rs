//! Identities in SQLite.

use aqueduct_schema::Result;
use async_trait::async_trait;
use sqlx::Connection;
use tokio::sync::MutexGuard;

use super::{Connected, Sqlite, ledger};
use crate::failure::{Doing, Failure};
use crate::identities::{
    Identities, IdentityChange, IdentityKnown, IdentityPending, IdentityRow, IdentityRows, IdentityVerdict, STREAM, read, write,
};
use crate::load_plan::load_id;
use crate::records;
use crate::warehouse::{Fence, Receipt};

impl Sqlite {
    /// The connection, for reading what a version before identities did not have.
    async fn with_own_tables(&self) -> Result<MutexGuard<'_, Connected>> {
        let mut connection = self.connection.lock().await;
        if !connection.has_own_tables {
            ledger::create(&mut connection.sqlite).await.map_err(Failure::into_error)?;
            connection.has_own_tables = true;
        }
        Ok(connection)
    }
}

#[async_trait]
impl Identities for Sqlite {
    async fn identity_pending(&self, entity: &str) -> Result<IdentityPending> {
        let mut connection = self.with_own_tables().await?;
        read::pending(&mut connection.sqlite, entity).await.map_err(Failure::into_error)
    }

    async fn identity_rows(&self, entity: &str, columns: &[&str], rows: IdentityRows<'_>) -> Result<Vec<IdentityRow>> {
        let mut connection = self.with_own_tables().await?;
        read::rows(&mut connection.sqlite, entity, columns, rows).await.map_err(Failure::into_error)
    }

    async fn identity_model(&self, entity: &str) -> Result<Option<String>> {
        let mut connection = self.with_own_tables().await?;
        read::model(&mut connection.sqlite, entity).await.map_err(Failure::into_error)
    }

    async fn identity_count(&self, entity: &str) -> Result<u64> {
        let mut connection = self.with_own_tables().await?;
        read::count(&mut connection.sqlite, entity).await.map_err(Failure::into_error)
    }

    async fn identity_verdicts(&self, entity: &str) -> Result<Vec<IdentityVerdict>> {
        let mut connection = self.with_own_tables().await?;
        read::verdicts(&mut connection.sqlite, entity).await.map_err(Failure::into_error)
    }

    async fn identity_known(&self, entity: &str, blocks: &[u64], records: &[String], pairs: &[String]) -> Result<IdentityKnown> {
        let mut connection = self.with_own_tables().await?;
        read::known(&mut connection.sqlite, entity, blocks, records, pairs).await.map_err(Failure::into_error)
    }

    async fn identity_pairs_with(&self, entity: &str, text: &str, limit: u64) -> Result<Vec<[String; 3]>> {
        let mut connection = self.with_own_tables().await?;
        read::pairs_with(&mut connection.sqlite, entity, text, limit).await.map_err(Failure::into_error)
    }

    async fn store_identities(&self, fence: &Fence, change: &IdentityChange) -> Result<()> {
        let load_id = load_id(fence, STREAM, self.sequence.take(fence, STREAM));
        let mut connection = self.connection.lock().await;
        let store = async {
            let mut transaction = connection.sqlite.begin_with("BEGIN IMMEDIATE").await.doing("store identities")?;
            ledger::check_fence(&mut transaction, fence).await?;
            let now = records::now();
            write::store(&mut *transaction, change, &load_id, now).await?;
            if change.writes_rows() {
                let receipt = Receipt { load_id: load_id.clone(), ..Receipt::default() };
                ledger::write_load(&mut transaction, fence, STREAM, &receipt, now).await?;
            }
            fail::fail_point!("sqlite::identities_stored");
            transaction.commit().await.doing("store identities")
        };
        store.await.map_err(Failure::into_error)
    }

    async fn decide_identities(&self, fence: &Fence, entity: &str, verdicts: &[IdentityVerdict]) -> Result<()> {
        let mut connection = self.connection.lock().await;
        let store = async {
            let mut transaction = connection.sqlite.begin_with("BEGIN IMMEDIATE").await.doing("store decisions about identities")?;
            ledger::check_fence(&mut transaction, fence).await?;
            write::decide(&mut *transaction, entity, verdicts, records::now()).await?;
            fail::fail_point!("sqlite::identities_stored");
            transaction.commit().await.doing("store decisions about identities")
        };
        store.await.map_err(Failure::into_error)
    }
}
