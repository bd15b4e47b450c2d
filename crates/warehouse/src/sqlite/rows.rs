//! Staged rows into a SQLite table: new ones inserted, changed ones updated, others left alone, each counted.

use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::history;
use super::stage::Form;
use super::statements::Statements;
use super::tables::StoredColumn;
use crate::failure::{Doing, Failure};
use crate::late::Late;
use crate::layout::Stored;
use crate::load_plan::{LoadPlan, Step, StepKind};
use crate::warehouse::TableReceipt;

/// Where a step of rows goes.
pub(crate) struct Target<'a> {
    /// The columns of its table.
    pub(crate) stored: &'a Stored,
    /// The columns in order, of a table that has no index and none of the keys.
    pub(crate) unindexed: Option<&'a [StoredColumn]>,
}

/// Carries out a step of rows, which are staged under the step's number.
pub(crate) async fn merge(
    connection: &mut SqliteConnection,
    plan: &LoadPlan,
    step: &Step,
    (number, form): (usize, &Form),
    target: &Target<'_>,
) -> Result<TableReceipt, Failure> {
    let name = &step.schema.name;
    let mut done = TableReceipt::empty(name);
    let staged = step.len() as u64;
    if staged == 0 {
        return Ok(done);
    }
    let statements = Statements::new(plan, step, number, form, target.stored);
    let mut older = 0;
    if target.unindexed.is_some() {
        done.inserted = staged;
    } else {
        let counted = sqlx::query(AssertSqlSafe(statements.count)).persistent(false).fetch_one(&mut *connection).await;
        let counted = counted.doing_in("look rows up", name)?;
        let count = |index: usize| -> Result<u64, Failure> {
            let count: i64 = counted.try_get(index).doing_in("look rows up", name)?;
            Ok(u64::try_from(count).unwrap_or(0))
        };
        (done.inserted, done.updated, older) = (count(0)?, count(1)?, count(2)?);
        done.unchanged = staged - done.inserted - done.updated;
    }
    if done.inserted + done.updated > 0 {
        // Rows whose keys are all new need not be looked up a second time.
        let sql = match target.unindexed {
            Some(columns) if form.whole.as_deref() == Some(columns) => statements.move_whole,
            _ if done.inserted == staged => statements.append,
            _ => statements.merge,
        };
        sqlx::query(AssertSqlSafe(sql)).persistent(false).execute(&mut *connection).await.doing_in("write rows", name)?;
    }
    if older > 0 && step.history && step.kind == StepKind::Rows {
        let late = Late { schema: &step.schema, staged: statements.staged, values: statements.values };
        history::keep_late(connection, target.stored, &late).await?;
    }
    Ok(done)
}
