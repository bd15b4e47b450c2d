//! Reading source tables back from a database.

use aqueduct_schema::Result;
use async_trait::async_trait;

use super::{Database, told};
use crate::source_rows::{self, SourcePage, SourceRow, SourceTables};

#[async_trait]
impl<D: Database> SourceTables for D {
    async fn source_rows(&self, page: &SourcePage<'_>) -> Result<Vec<SourceRow>> {
        told(self, async { source_rows::read(&mut *self.hold("read a source table").await?, page).await }).await
    }
}
