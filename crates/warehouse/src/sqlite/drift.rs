//! What SQLite remembers of sources' streams.

use std::collections::BTreeMap;

use aqueduct_schema::{Result, SchemaChange};
use async_trait::async_trait;
use sqlx::{Connection, SqliteConnection};

use super::{Sqlite, ledger};
use crate::drift::{self, ColumnHistory, RecordedChange, Schemas, SettledStream, StoredSchema};
use crate::failure::{Doing, Failure};
use crate::records;
use crate::warehouse::Fence;

/// Whether there is anything to read; what an older version did not make is made.
async fn is_there(sqlite: &mut SqliteConnection) -> Result<bool, Failure> {
    if !ledger::exists(sqlite).await? {
        return Ok(false);
    }
    ledger::create(sqlite).await?;
    Ok(true)
}

#[async_trait]
impl Schemas for Sqlite {
    async fn schemas(&self, pipeline: &str) -> Result<BTreeMap<String, StoredSchema>> {
        let mut connection = self.connection.lock().await;
        let read = async {
            if is_there(&mut connection.sqlite).await? { drift::read(&mut connection.sqlite, pipeline).await } else { Ok(BTreeMap::new()) }
        };
        read.await.map_err(Failure::into_error)
    }

    async fn record_schemas(&self, fence: &Fence, schemas: &BTreeMap<String, StoredSchema>, changes: &[SchemaChange]) -> Result<()> {
        let mut connection = self.connection.lock().await;
        let record = async {
            let mut transaction = connection.sqlite.begin_with("BEGIN IMMEDIATE").await.doing("store descriptions")?;
            ledger::check_fence(&mut transaction, fence).await?;
            drift::record(&mut *transaction, fence, schemas, changes, records::now()).await?;
            fail::fail_point!("sqlite::schemas_noted");
            transaction.commit().await.doing("store descriptions")
        };
        record.await.map_err(Failure::into_error)
    }

    async fn record_columns(&self, fence: &Fence, stream: &str, columns: &ColumnHistory, changes: &[SchemaChange]) -> Result<()> {
        let mut connection = self.connection.lock().await;
        let record = async {
            let mut transaction = connection.sqlite.begin_with("BEGIN IMMEDIATE").await.doing("store which columns are filled")?;
            ledger::check_fence(&mut transaction, fence).await?;
            drift::record_columns(&mut *transaction, fence, stream, columns, changes, records::now()).await?;
            transaction.commit().await.doing("store which columns are filled")
        };
        record.await.map_err(Failure::into_error)
    }

    async fn accept_schemas(&self, pipeline: &str, stream: Option<&str>) -> Result<Vec<String>> {
        let mut connection = self.connection.lock().await;
        let accept = async {
            if !is_there(&mut connection.sqlite).await? {
                return Ok(Vec::new());
            }
            let mut transaction = connection.sqlite.begin_with("BEGIN IMMEDIATE").await.doing("accept descriptions")?;
            let accepted = drift::accept(&mut *transaction, pipeline, stream).await?;
            transaction.commit().await.doing("accept descriptions")?;
            Ok(accepted)
        };
        accept.await.map_err(Failure::into_error)
    }

    async fn schema_changes(&self, pipeline: &str, limit: u32) -> Result<Vec<RecordedChange>> {
        let mut connection = self.connection.lock().await;
        let read = async {
            if !is_there(&mut connection.sqlite).await? {
                return Ok(Vec::new());
            }
            drift::changes(&mut connection.sqlite, pipeline, limit).await
        };
        read.await.map_err(Failure::into_error)
    }

    async fn settled(&self, pipeline: &str) -> Result<Vec<SettledStream>> {
        let mut connection = self.connection.lock().await;
        let read = async {
            if is_there(&mut connection.sqlite).await? { drift::settled(&mut connection.sqlite, pipeline).await } else { Ok(Vec::new()) }
        };
        read.await.map_err(Failure::into_error)
    }
}
