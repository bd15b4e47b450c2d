//! What PostgreSQL remembers of sources' streams.

use std::collections::BTreeMap;

use aqueduct_schema::{Result, SchemaChange};
use async_trait::async_trait;
use sqlx::PgConnection;

use super::{Postgres, ledger};
use crate::drift::{self, ColumnHistory, RecordedChange, Schemas, SettledStream, StoredSchema};
use crate::failure::{Doing, Failure};
use crate::records;
use crate::warehouse::Fence;

/// Whether there is anything to read; what an older version did not make is made.
async fn is_there(connection: &mut PgConnection) -> Result<bool, Failure> {
    if !ledger::exists(connection).await? {
        return Ok(false);
    }
    ledger::create(connection).await?;
    Ok(true)
}

#[async_trait]
impl Schemas for Postgres {
    async fn schemas(&self, pipeline: &str) -> Result<BTreeMap<String, StoredSchema>> {
        let read = async {
            let mut transaction = self.pool.begin().await.doing("read the descriptions of streams")?;
            let there = is_there(&mut transaction).await?;
            let schemas = if there { drift::read(&mut *transaction, pipeline).await? } else { BTreeMap::new() };
            transaction.commit().await.doing("read the descriptions of streams")?;
            Ok(schemas)
        };
        read.await.map_err(Failure::into_error)
    }

    async fn record_schemas(&self, fence: &Fence, schemas: &BTreeMap<String, StoredSchema>, changes: &[SchemaChange]) -> Result<()> {
        let record = async {
            let mut transaction = self.pool.begin().await.doing("store descriptions")?;
            ledger::check_fence(&mut transaction, fence).await?;
            drift::record(&mut *transaction, fence, schemas, changes, records::now()).await?;
            fail::fail_point!("postgres::schemas_noted");
            transaction.commit().await.doing("store descriptions")
        };
        record.await.map_err(Failure::into_error)
    }

    async fn record_columns(&self, fence: &Fence, stream: &str, columns: &ColumnHistory, changes: &[SchemaChange]) -> Result<()> {
        let record = async {
            let mut transaction = self.pool.begin().await.doing("store which columns are filled")?;
            ledger::check_fence(&mut transaction, fence).await?;
            drift::record_columns(&mut *transaction, fence, stream, columns, changes, records::now()).await?;
            transaction.commit().await.doing("store which columns are filled")
        };
        record.await.map_err(Failure::into_error)
    }

    async fn accept_schemas(&self, pipeline: &str, stream: Option<&str>) -> Result<Vec<String>> {
        let accept = async {
            let mut transaction = self.pool.begin().await.doing("accept descriptions")?;
            let there = is_there(&mut transaction).await?;
            let accepted = if there { drift::accept(&mut *transaction, pipeline, stream).await? } else { Vec::new() };
            transaction.commit().await.doing("accept descriptions")?;
            Ok(accepted)
        };
        accept.await.map_err(Failure::into_error)
    }

    async fn schema_changes(&self, pipeline: &str, limit: u32) -> Result<Vec<RecordedChange>> {
        let read = async {
            let mut transaction = self.pool.begin().await.doing("read the changes of streams")?;
            let there = is_there(&mut transaction).await?;
            let changes = if there { drift::changes(&mut *transaction, pipeline, limit).await? } else { Vec::new() };
            transaction.commit().await.doing("read the changes of streams")?;
            Ok(changes)
        };
        read.await.map_err(Failure::into_error)
    }

    async fn settled(&self, pipeline: &str) -> Result<Vec<SettledStream>> {
        let read = async {
            let mut transaction = self.pool.begin().await.doing("read up to when tables are complete")?;
            let there = is_there(&mut transaction).await?;
            let settled = if there { drift::settled(&mut *transaction, pipeline).await? } else { Vec::new() };
            transaction.commit().await.doing("read up to when tables are complete")?;
            Ok(settled)
        };
        read.await.map_err(Failure::into_error)
    }
}
