//! Reading the rows of a source table back, as text, to make the common tables from them again.

use std::collections::BTreeMap;

use aqueduct_schema::{Result, TableName, ValueType};
use async_trait::async_trait;

use crate::failure::Failure;
use crate::identifier::{literal, quoted};
use crate::layout::{DELETED_AT, IS_DELETED};
use crate::session::Session;
use crate::snapshot::Scope;

/// Which rows of a source table to read.
#[derive(Clone, Copy, Debug)]
pub struct SourcePage<'a> {
    /// The source table.
    pub table: &'a TableName,
    /// The account whose rows they are.
    pub account: &'a str,
    /// The columns to read, where the table has them.
    pub columns: &'a [&'a str],
    /// Whether to read the rows that are marked as deleted, or the others.
    pub deleted: bool,
    /// The key after which to begin.
    pub after: Option<&'a str>,
    /// How many rows at most.
    pub limit: u64,
}

/// A row of a source table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRow {
    /// Its key.
    pub key: String,
    /// When it was deleted at the source, where it was.
    pub deleted_at: Option<String>,
    /// Its values as text, by column.
    pub values: BTreeMap<String, Option<String>>,
}

/// Reads source tables.
#[async_trait]
pub trait SourceTables: Send + Sync {
    /// A page of rows in the order of their keys; empty after the last, and where there is no such table.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn source_rows(&self, page: &SourcePage<'_>) -> Result<Vec<SourceRow>>;
}

/// See [`SourceTables::source_rows`].
pub(crate) async fn read<S: Session>(session: &mut S, page: &SourcePage<'_>) -> Result<Vec<SourceRow>, Failure> {
    let stored = session.stored(page.table).await?;
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    let scope = Scope::of_account(page.table, page.account);
    let columns: Vec<&str> = page.columns.iter().copied().filter(|column| stored.contains_key(*column)).collect();
    let text = |column: &str| {
        let from = stored.get(column).copied().unwrap_or(ValueType::Text);
        session.widened(&format!("t.{}", quoted(column)), from, ValueType::Text)
    };
    let key = quoted(&scope.key);
    let selected: Vec<String> =
        [format!("t.{key}"), text(DELETED_AT)].into_iter().chain(columns.iter().map(|column| text(column))).collect();
    let deleted = format!("t.{} = {} AND t.source_account_id = {}", quoted(IS_DELETED), session.truth(), literal(page.account));
    let mut conditions = vec![if page.deleted { deleted } else { scope.alive(session, "t") }];
    conditions.extend(page.after.map(|after| format!("t.{key} > {}", literal(after))));
    let sql = format!(
        "SELECT {} FROM {} AS t WHERE {} ORDER BY t.{key} LIMIT {}",
        selected.join(", "),
        session.table(page.table),
        conditions.join(" AND "),
        page.limit
    );
    let rows = session.rows("read a source table", sql).await?;
    let row = |cells: Vec<Option<String>>| {
        let mut cells = cells.into_iter();
        let (key, deleted_at) = (cells.next().flatten()?, cells.next().flatten());
        Some(SourceRow { key, deleted_at, values: columns.iter().map(|column| (*column).to_owned()).zip(cells).collect() })
    };
    Ok(rows.into_iter().filter_map(row).collect())
}
