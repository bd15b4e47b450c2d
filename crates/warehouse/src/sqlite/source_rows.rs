//! Reading source tables back from SQLite.

use aqueduct_schema::Result;
use async_trait::async_trait;

use super::Sqlite;
use crate::failure::Failure;
use crate::source_rows::{self, SourcePage, SourceRow, SourceTables};

#[async_trait]
impl SourceTables for Sqlite {
    async fn source_rows(&self, page: &SourcePage<'_>) -> Result<Vec<SourceRow>> {
        let mut connection = self.connection.lock().await;
        source_rows::read(&mut connection.sqlite, page).await.map_err(Failure::into_error)
    }
}
