//! A connection inside a transaction, as far as SQL that both databases understand needs to know which one it is.
//!
//! Names, values and literals are put into the text (`identifier`), never bound, so that a statement is the same in both.

use aqueduct_schema::{TableName, ValueType};
use async_trait::async_trait;

use crate::failure::Failure;
use crate::late::Late;
use crate::layout::{Layout, Stored};
use crate::load_plan::LoadPlan;
use crate::warehouse::Fence;

/// What differs between the databases.
#[async_trait]
pub(crate) trait Session: Send + Sync {
    /// A table's name, quoted.
    fn table(&self, name: &TableName) -> String;

    /// The name of one of Aqueduct's own tables.
    fn own(&self, name: &str) -> String;

    /// How a column of truth values compares to "true", whether it is still of its own type or has become text.
    fn truth(&self) -> &'static str;

    /// A literal that is a time, where it stands among selected values.
    fn time(&self, literal: &str) -> String;

    /// The month of an expression that is a time, as `2026-03`.
    fn month(&self, value: &str) -> String;

    /// An expression that is a time, as text in the canonical form.
    fn instant(&self, value: &str) -> String;

    /// An expression of any type as text.
    fn as_text(&self, value: &str) -> String {
        format!("CAST({value} AS text)")
    }

    /// The value of an expression as a wider type has it.
    fn widened(&self, value: &str, from: ValueType, to: ValueType) -> String;

    /// Keys as a value of the column `keys` of `_seen`.
    fn keys(&self, keys: &[&str]) -> aqueduct_schema::Result<String>;

    /// The condition that a column is among keys.
    fn among(&self, column: &str, keys: &[&str]) -> aqueduct_schema::Result<String>;

    /// The condition, with an `AND` before it, of rows `t` whose column is not among the keys of these rows of `_seen`.
    fn unseen(&self, column: &str, of: &str) -> String;

    /// The condition, with an `AND` before it, of rows `t` whose column is among the keys of these rows of `_seen`.
    fn seen(&self, column: &str, of: &str) -> String;

    /// The statement that waits, until the transaction ends, for others who take the same turn: for all of them, or, `shared`, for those
    /// who do not share it. `None` where transactions take turns anyway.
    fn turn(&self, what: &str, shared: bool) -> Option<String>;

    /// What a query ends with so that nobody changes the rows that it reads before the transaction ends; empty where nobody could.
    fn undisturbed(&self) -> &'static str;

    /// Whether Aqueduct ever wrote into this database.
    async fn has_own_tables(&mut self) -> Result<bool, Failure>;

    /// Creates those of Aqueduct's own tables that are missing, and columns that older versions did not have.
    async fn create_own_tables(&mut self) -> Result<(), Failure>;

    /// Carries out a statement; the number of rows it touched.
    async fn execute(&mut self, doing: &'static str, sql: String) -> Result<u64, Failure>;

    /// The rows of a query, every value as text.
    async fn rows(&mut self, doing: &'static str, sql: String) -> Result<Vec<Vec<Option<String>>>, Failure>;

    /// The columns of a table; empty when there is none.
    async fn stored(&mut self, name: &TableName) -> Result<Stored, Failure>;

    /// Creates or evolves a table so that it suits a layout, with its index. Gives the columns as they are then.
    async fn prepare(&mut self, layout: &Layout) -> Result<Stored, Failure>;

    /// Gives versions that come after later ones their place in the history of their table, where it is kept.
    async fn keep_late(&mut self, stored: &Stored, late: &Late<'_>) -> Result<u64, Failure>;

    /// Stores the rejected records of a load.
    async fn store_rejected(&mut self, fence: &Fence, plan: &LoadPlan) -> Result<(), Failure>;

    /// Makes the index over a table's keys, where there is none.
    async fn index(&mut self, name: &TableName, key: &str) -> Result<(), Failure>;

    /// Makes an index over a column that is no key, if it is not there.
    async fn index_column(&mut self, name: &TableName, column: &str) -> Result<(), Failure>;
}

/// The numbers of a query's only row.
pub(crate) async fn numbers<S: Session, const N: usize>(session: &mut S, doing: &'static str, sql: String) -> Result<[u64; N], Failure> {
    let rows = session.rows(doing, sql).await?;
    let mut numbers = [0; N];
    for (number, cell) in numbers.iter_mut().zip(rows.into_iter().next().unwrap_or_default()) {
        *number = cell.and_then(|cell| cell.parse().ok()).unwrap_or(0);
    }
    Ok(numbers)
}
