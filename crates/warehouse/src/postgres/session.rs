//! PostgreSQL behind [`Session`].

use aqueduct_schema::table::identifier;
use aqueduct_schema::{TableName, ValueType};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection, Row};

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
impl Session for PgConnection {
    fn table(&self, name: &TableName) -> String {
        tables::quoted_table(name)
    }

    fn own(&self, name: &str) -> String {
        format!("{}.{name}", tables::OWN)
    }

    fn truth(&self) -> &'static str {
        "'true'"
    }

    fn time(&self, literal: &str) -> String {
        format!("{literal}::timestamptz")
    }

    fn month(&self, value: &str) -> String {
        format!("to_char({value} AT TIME ZONE 'UTC', 'YYYY-MM')")
    }

    fn instant(&self, value: &str) -> String {
        tables::widened(value, ValueType::Timestamp, ValueType::Text)
    }

    fn widened(&self, value: &str, from: ValueType, to: ValueType) -> String {
        tables::widened(value, from, to)
    }

    fn keys(&self, keys: &[&str]) -> aqueduct_schema::Result<String> {
        let keys: Vec<_> = keys.iter().map(|key| without_nul(key)).collect();
        Ok(format!("ARRAY(SELECT json_array_elements_text({}::json))", literal(&to_json(&keys)?)))
    }

    fn among(&self, column: &str, keys: &[&str]) -> aqueduct_schema::Result<String> {
        Ok(format!("{column} = ANY({})", self.keys(keys)?))
    }

    fn unseen(&self, column: &str, of: &str) -> String {
        format!(
            " AND NOT EXISTS (SELECT 1 FROM (SELECT unnest(keys) AS key FROM {} WHERE {of}) AS s WHERE s.key COLLATE \"C\" = t.{column})",
            self.own("seen")
        )
    }

    fn seen(&self, column: &str, of: &str) -> String {
        format!(" AND t.{column} IN (SELECT unnest(keys) FROM {} WHERE {of})", self.own("seen"))
    }

    fn turn(&self, what: &str, shared: bool) -> Option<String> {
        let lock = if shared { "pg_advisory_xact_lock_shared" } else { "pg_advisory_xact_lock" };
        Some(format!("SELECT {lock}(hashtextextended({}, 0))", literal(&format!("aqueduct {what}"))))
    }

    fn undisturbed(&self) -> &'static str {
        " FOR SHARE"
    }

    async fn has_own_tables(&mut self) -> Result<bool, Failure> {
        own_tables::exists(self).await
    }

    async fn create_own_tables(&mut self) -> Result<(), Failure> {
        own_tables::create(self).await
    }

    async fn execute(&mut self, doing: &'static str, sql: String) -> Result<u64, Failure> {
        Ok(sqlx::raw_sql(AssertSqlSafe(sql)).execute(self).await.doing(doing)?.rows_affected())
    }

    async fn rows(&mut self, doing: &'static str, sql: String) -> Result<Vec<Vec<Option<String>>>, Failure> {
        // The simple protocol gives every value in its text form.
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(self).await.doing(doing)?;
        rows.iter().map(|row| (0..row.len()).map(|index| row.try_get_unchecked(index)).collect::<Result<_, _>>().doing(doing)).collect()
    }

    async fn stored(&mut self, name: &TableName) -> Result<Stored, Failure> {
        tables::stored(self, name).await
    }

    async fn prepare(&mut self, layout: &Layout) -> Result<Stored, Failure> {
        let prepared = tables::prepare(self, layout).await?;
        if !prepared.indexed {
            tables::index(self, &layout.name, &layout.key).await?;
        }
        Ok(prepared.stored)
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
        let (table, index) = (self.table(name), identifier(&format!("{name}_{column}")));
        let schema = table.rsplit_once('.').map_or_else(String::new, |(schema, _)| format!("{schema}."));
        let known = format!("SELECT to_regclass({}) IS NULL", literal(&format!("{schema}{}", quoted(&index))));
        let is_missing = |rows: Vec<Vec<Option<String>>>| rows.into_iter().flatten().flatten().any(|missing| missing == "t");
        if is_missing(self.rows("look for an index", known.clone()).await?) {
            // One after the other: two loads that each wrote into the table would wait for each other.
            if let Some(sql) = self.turn("indexes are made", false) {
                self.execute("wait for another load to make an index", sql).await?;
            }
            if is_missing(self.rows("look for an index", known).await?) {
                let sql = format!("CREATE INDEX {} ON {table} ({})", quoted(&index), quoted(column));
                self.execute("make an index", sql).await?;
            }
        }
        Ok(())
    }
}
