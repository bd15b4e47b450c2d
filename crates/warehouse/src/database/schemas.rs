//! What a database remembers of sources' streams.

use std::collections::BTreeMap;

use aqueduct_schema::{Result, SchemaChange};
use async_trait::async_trait;
use sqlx::Connection;

use super::{Database, Point, told};
use crate::drift::{self, ColumnHistory, RecordedChange, Schemas, SettledStream, StoredSchema};
use crate::failure::Doing;
use crate::records;
use crate::warehouse::Fence;

#[async_trait]
impl<D: Database> Schemas for D {
    async fn schemas(&self, pipeline: &str) -> Result<BTreeMap<String, StoredSchema>> {
        let read = async {
            match self.hold_written("read the descriptions of streams").await? {
                Some(mut held) => drift::read(&mut *held, pipeline).await,
                None => Ok(BTreeMap::new()),
            }
        };
        told(self, read).await
    }

    async fn record_schemas(&self, fence: &Fence, schemas: &BTreeMap<String, StoredSchema>, changes: &[SchemaChange]) -> Result<()> {
        let doing = "store descriptions";
        let record = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = self.fenced(&mut held, fence, doing).await?;
            drift::record(&mut *transaction, fence, schemas, changes, records::now()).await?;
            D::reached(Point::SchemasNoted);
            transaction.commit().await.doing(doing)
        };
        told(self, record).await
    }

    async fn record_columns(&self, fence: &Fence, stream: &str, columns: &ColumnHistory, changes: &[SchemaChange]) -> Result<()> {
        let doing = "store which columns are filled";
        let record = async {
            let mut held = self.hold(doing).await?;
            let mut transaction = self.fenced(&mut held, fence, doing).await?;
            drift::record_columns(&mut *transaction, fence, stream, columns, changes, records::now()).await?;
            transaction.commit().await.doing(doing)
        };
        told(self, record).await
    }

    async fn accept_schemas(&self, pipeline: &str, stream: Option<&str>) -> Result<Vec<String>> {
        let doing = "accept descriptions";
        let accept = async {
            let Some(mut held) = self.hold_written(doing).await? else { return Ok(Vec::new()) };
            let mut transaction = held.begin_with(D::BEGIN).await.doing(doing)?;
            let accepted = drift::accept(&mut *transaction, pipeline, stream).await?;
            transaction.commit().await.doing(doing)?;
            Ok(accepted)
        };
        told(self, accept).await
    }

    async fn schema_changes(&self, pipeline: &str, limit: u32) -> Result<Vec<RecordedChange>> {
        let read = async {
            match self.hold_written("read the changes of streams").await? {
                Some(mut held) => drift::changes(&mut *held, pipeline, limit).await,
                None => Ok(Vec::new()),
            }
        };
        told(self, read).await
    }

    async fn settled(&self, pipeline: &str) -> Result<Vec<SettledStream>> {
        let read = async {
            match self.hold_written("read up to when tables are complete").await? {
                Some(mut held) => drift::settled(&mut *held, pipeline).await,
                None => Ok(Vec::new()),
            }
        };
        told(self, read).await
    }
}
