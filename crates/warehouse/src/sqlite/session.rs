//! SQLite behind [`Session`].

use aqueduct_schema::table::identifier;
use aqueduct_schema::{TableName, ValueType};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::{history, own_tables, quarantine, tables};
use crate::cells::without_nul;
use crate::failure::{Doing, Failure};
use crate::identifier::{literal, quoted};
use crate::late::Late;
use crate::layout::{Layout, Stored};
use crate::load_plan::LoadPlan;
use crate::records::to_json;
use crate::session::Session;
use crate::warehouse::Fence;

#[async_trait]
impl Session for SqliteConnection {
    fn table(&self, name: &TableName) -> String {
        quoted(&name.to_string())
    }

    fn own(&self, name: &str) -> String {
        format!("_{name}")
    }

    fn truth(&self) -> &'static str {
        "1"
    }

    fn time(&self, literal: &str) -> String {
        literal.to_owned()
    }

    fn month(&self, value: &str) -> String {
        format!("substr({value}, 1, 7)")
    }

    fn instant(&self, value: &str) -> String {
        value.to_owned()
    }

    fn widened(&self, value: &str, from: ValueType, to: ValueType) -> String {
        tables::widened(value, from, to)
    }

    fn keys(&self, keys: &[&str]) -> aqueduct_schema::Result<String> {
        Ok(literal(&without_nul(&to_json(keys)?)))
    }

    fn among(&self, column: &str, keys: &[&str]) -> aqueduct_schema::Result<String> {
        Ok(format!("{column} IN (SELECT value FROM json_each({}))", self.keys(keys)?))
    }

    fn unseen(&self, column: &str, of: &str) -> String {
        // A list that does not depend on the row is made once.
        format!(" AND (t.{column} IS NULL OR t.{column} NOT IN (SELECT value FROM _seen, json_each(_seen.keys) WHERE {of}))")
    }

    fn seen(&self, column: &str, of: &str) -> String {
        format!(" AND t.{column} IN (SELECT value FROM _seen, json_each(_seen.keys) WHERE {of})")
    }

    fn turn(&self, _what: &str, _shared: bool) -> Option<String> {
        None
    }

    fn undisturbed(&self) -> &'static str {
        ""
    }

    async fn has_own_tables(&mut self) -> Result<bool, Failure> {
        own_tables::exists(self).await
    }

    async fn create_own_tables(&mut self) -> Result<(), Failure> {
        own_tables::create(self).await
    }

    async fn execute(&mut self, doing: &'static str, sql: String) -> Result<u64, Failure> {
        let done = sqlx::query(AssertSqlSafe(sql)).persistent(false).execute(self).await;
        Ok(done.doing(doing)?.rows_affected())
    }

    async fn rows(&mut self, doing: &'static str, sql: String) -> Result<Vec<Vec<Option<String>>>, Failure> {
        let rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_all(self).await.doing(doing)?;
        rows.iter().map(|row| (0..row.len()).map(|index| row.try_get_unchecked(index)).collect::<Result<_, _>>().doing(doing)).collect()
    }

    async fn stored(&mut self, name: &TableName) -> Result<Stored, Failure> {
        tables::stored(self, name).await
    }

    async fn prepare(&mut self, layout: &Layout) -> Result<Stored, Failure> {
        let (stored, _) = tables::prepare(self, layout).await?;
        tables::index(self, &layout.name, &layout.key).await?;
        Ok(stored)
    }

    async fn keep_late(&mut self, stored: &Stored, late: &Late<'_>) -> Result<u64, Failure> {
        history::keep_late(self, stored, late).await
    }

    async fn store_rejected(&mut self, fence: &Fence, plan: &LoadPlan) -> Result<(), Failure> {
        quarantine::store(self, fence, plan).await
    }

    async fn index(&mut self, name: &TableName, key: &str) -> Result<(), Failure> {
        tables::index(self, name, key).await
    }

    async fn index_column(&mut self, name: &TableName, column: &str) -> Result<(), Failure> {
        let index = quoted(&identifier(&format!("{name}_{column}")));
        let sql = format!("CREATE INDEX IF NOT EXISTS {index} ON {} ({})", self.table(name), quoted(column));
        self.execute("make an index", sql).await.map(drop)
    }
}
