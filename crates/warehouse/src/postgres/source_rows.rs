//! Reading source tables back from PostgreSQL.

use aqueduct_schema::Result;
use async_trait::async_trait;

use super::Postgres;
use crate::failure::{Doing, Failure};
use crate::source_rows::{self, SourcePage, SourceRow, SourceTables};

#[async_trait]
impl SourceTables for Postgres {
    async fn source_rows(&self, page: &SourcePage<'_>) -> Result<Vec<SourceRow>> {
        let read = async {
            let mut connection = self.pool.acquire().await.doing("read a source table")?;
            source_rows::read(&mut *connection, page).await
        };
        read.await.map_err(Failure::into_error)
    }
}
