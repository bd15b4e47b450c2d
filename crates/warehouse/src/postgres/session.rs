//! PostgreSQL behind [`Session`].

use aqueduct_schema::{TableName, ValueType};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{history, tables};
use crate::cells::without_nul;
use crate::failure::{Doing, Failure};
use crate::identifier::literal;
use crate::late::Late;
use crate::layout::{Layout, Stored};
use crate::records::to_json;
use crate::session::Session;

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

    fn unseen(&self, column: &str, of: &str) -> String {
        format!(
            " AND NOT EXISTS (SELECT 1 FROM (SELECT unnest(keys) AS key FROM {} WHERE {of}) AS s WHERE s.key COLLATE \"C\" = t.{column})",
            self.own("seen")
        )
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
        tables::prepare(self, layout).await
    }

    async fn keep_late(&mut self, stored: &Stored, late: &Late<'_>) -> Result<u64, Failure> {
        history::keep_late(self, stored, late).await
    }

    async fn index(&mut self, _name: &TableName, _key: &str) -> Result<(), Failure> {
        // Keys are primary keys, and have their index from the first row on.
        Ok(())
    }
}
