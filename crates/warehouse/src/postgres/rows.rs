//! Rows into a PostgreSQL table by COPY: straight into a table that was empty when the run first met it, else into a temporary
//! table and from there, where new or changed, into their place.

use aqueduct_schema::{Table, ValueType};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::binary::{HEADER, TRAILER, push_as, push_field};
use super::tables::quoted_table;
use crate::cells::{Cell, Cells};
use crate::failure::{self, Doing, Failure};
use crate::identifier::{push_name, quoted};
use crate::layout::{IS_DELETED, LOAD_ID, LOADED_AT, ROW_HASH, SOURCE_UPDATED_AT, Stored, cleared};
use crate::load_plan::{LoadPlan, Step, StepKind};
use crate::row_hash::RowHasher;
use crate::warehouse::TableReceipt;

/// How many bytes are handed to the connection at once.
const BUFFER: usize = 128 * 1024;

/// Copies a step of rows straight into its table. `None` when a key is already there; nothing is written then.
pub(crate) async fn copy(
    connection: &mut PgConnection,
    plan: &LoadPlan,
    step: &Step,
    stored: &Stored,
) -> Result<Option<TableReceipt>, Failure> {
    let name = &step.schema.name;
    let columns = Columns::new(plan, step, stored);
    run(connection, "SAVEPOINT direct".to_owned()).await.doing_in("copy rows", name)?;
    match send(connection, step, &columns, &quoted_table(name)).await {
        Ok(rows) => {
            run(connection, "RELEASE SAVEPOINT direct".to_owned()).await.doing_in("copy rows", name)?;
            Ok(Some(TableReceipt { inserted: rows, ..TableReceipt::empty(name) }))
        }
        Err(Failure::Database { error, .. }) if failure::is_unique_violation(&error) => {
            run(connection, "ROLLBACK TO SAVEPOINT direct".to_owned()).await.doing_in("copy rows", name)?;
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// Copies a step of rows into a temporary table and merges them from there.
pub(crate) async fn merge(connection: &mut PgConnection, plan: &LoadPlan, step: &Step, stored: &Stored) -> Result<TableReceipt, Failure> {
    let name = &step.schema.name;
    if step.len() == 0 {
        return Ok(TableReceipt::empty(name));
    }
    let columns = Columns::new(plan, step, stored);
    let table = quoted_table(name);
    let list = columns.list();
    let stage = "pg_temp.aqueduct_stage";
    // Every staged row looks its key up in the index: without statistics of the staging table the planner would rather read all of
    // the table for each load.
    let create = format!(
        "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; CREATE TEMPORARY TABLE aqueduct_stage ON COMMIT DROP AS SELECT {list} FROM {table} WITH NO DATA"
    );
    run(connection, create).await.doing_in("create a staging table", name)?;
    let rows = send(connection, step, &columns, stage).await?;
    let merged = sqlx::raw_sql(AssertSqlSafe(columns.merge(step, stored, &table, stage)))
        .fetch_one(&mut *connection)
        .await
        .doing_in("merge rows", name)?;
    // Text, because the simple protocol answers so.
    let count = |index: usize| -> Result<u64, Failure> {
        let text: &str = merged.try_get_unchecked(index).doing_in("count merged rows", name)?;
        Ok(text.parse().unwrap_or(0))
    };
    let (inserted, updated) = (count(0)?, count(1)?);
    run(connection, format!("DROP TABLE {stage}; RESET enable_hashjoin; RESET enable_mergejoin"))
        .await
        .doing_in("drop the staging table", name)?;
    Ok(TableReceipt { inserted, updated, unchanged: rows - inserted - updated, ..TableReceipt::empty(name) })
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// The columns a step writes: those of its rows, the digest, and what is the same in every row.
struct Columns {
    names: Vec<String>,
    /// The stored type of each carried column.
    stored: Vec<ValueType>,
    /// The fields after the digest, ready to be sent.
    same: Vec<u8>,
    /// Whether an update sets the column too, for each name.
    updated: Vec<bool>,
}

impl Columns {
    fn new(plan: &LoadPlan, step: &Step, stored: &Stored) -> Self {
        let schema = &step.schema;
        let whole = step.kind == StepKind::Rows;
        let type_of = |name: &str| stored.get(name).copied().unwrap_or(ValueType::Text);
        let mut columns = Self { names: Vec::new(), stored: Vec::new(), same: Vec::new(), updated: Vec::new() };
        for column in &schema.columns {
            columns.names.push(column.name.to_string());
            columns.stored.push(type_of(&column.name));
            columns.updated.push(column.name != schema.key);
        }
        columns.names.push(ROW_HASH.to_owned());
        columns.updated.push(true);
        let mut text = Vec::new();
        let mut same = |name: &str, cell: Cell<'_>, updated: bool| {
            columns.names.push(name.to_owned());
            columns.updated.push(updated);
            push_as(&mut columns.same, cell, type_of(name), &mut text);
        };
        for (name, value) in &schema.constants {
            same(name, Cell::Text(value), whole);
        }
        if schema.index_of(IS_DELETED).is_none() {
            // A row that says nothing of a deletion is alive.
            same(IS_DELETED, Cell::Boolean(false), whole);
        }
        same(LOAD_ID, Cell::Text(&plan.load_id), true);
        same(LOADED_AT, Cell::Timestamp(plan.loaded_at.microseconds()), true);
        columns
    }

    fn list(&self) -> String {
        let mut list = String::new();
        for name in &self.names {
            list.push_str(if list.is_empty() { "" } else { ", " });
            push_name(&mut list, name);
        }
        list
    }

    /// The statement that brings staged rows to their place and counts new and changed ones. Rows that are as stored, or older, are
    /// left out before the conflict, for PostgreSQL writes a lock into every row that conflicts.
    fn merge(&self, step: &Step, stored: &Stored, table: &str, stage: &str) -> String {
        let schema = &step.schema;
        let (key, hash, updated_at) = (quoted(&schema.key), quoted(ROW_HASH), quoted(SOURCE_UPDATED_AT));
        let by_time = stored.get(SOURCE_UPDATED_AT) == Some(&ValueType::Timestamp) && schema.index_of(SOURCE_UPDATED_AT).is_some();
        let changed = |new: &str| {
            let not_older = if by_time { format!(" AND ({new}.{updated_at} < t.{updated_at}) IS NOT TRUE") } else { String::new() };
            format!("t.{hash} <> {new}.{hash}{not_older}")
        };
        let mut set = String::new();
        for (name, _) in self.names.iter().zip(&self.updated).filter(|(_, updated)| **updated) {
            let name = quoted(name);
            set.push_str(&format!("{}{name} = EXCLUDED.{name}", if set.is_empty() { "" } else { ", " }));
        }
        if step.kind == StepKind::Rows {
            for name in cleared(schema, stored) {
                set.push_str(&format!(", {} = NULL", quoted(name)));
            }
        }
        let list = self.list();
        let selected = self.names.iter().map(|name| format!("s.{}", quoted(name))).collect::<Vec<_>>().join(", ");
        format!(
            "WITH merged AS (INSERT INTO {table} AS t ({list}) SELECT {selected} FROM {stage} AS s LEFT JOIN {table} AS t ON t.{key} = s.{key} \
             WHERE t.{key} IS NULL OR ({changed_staged}) ON CONFLICT ({key}) DO UPDATE SET {set} WHERE {changed_excluded} \
             RETURNING (xmax = 0) AS fresh) \
             SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM merged",
            changed_staged = changed("s"),
            changed_excluded = changed("EXCLUDED"),
        )
    }
}

/// Sends the rows of a step by COPY. Gives their number.
///
/// They go in the order of their keys: row ids are digests, and neighbours meet in one page of the index (measured: a quarter less
/// work for the server). They are put in order once they are encoded, because Arrow is read fastest from front to back.
async fn send(connection: &mut PgConnection, step: &Step, columns: &Columns, into: &str) -> Result<u64, Failure> {
    let name = &step.schema.name;
    let mut encoder = Encoder::new(step, columns);
    let mut rows: Vec<(u64, std::ops::Range<usize>)> = Vec::with_capacity(step.len());
    for part in &step.parts {
        let (keys, cells) = (part.keys()?, cells(&part.table)?);
        for row in part.rows() {
            let start = encoder.buffer.len();
            encoder.push(&cells, row);
            rows.push((beginning(keys.value(row)), start..encoder.buffer.len()));
        }
    }
    rows.sort_unstable_by_key(|(beginning, _)| *beginning);
    let sql = format!("COPY {into} ({}) FROM STDIN WITH (FORMAT binary)", columns.list());
    let mut copy = connection.copy_in_raw(&sql).await.doing_in("copy rows", name)?;
    let mut out = Vec::with_capacity(BUFFER + 16 * 1024);
    out.extend_from_slice(HEADER);
    for (_, row) in rows {
        out.extend_from_slice(&encoder.buffer[row]);
        if out.len() >= BUFFER {
            copy.send(out.as_slice()).await.doing_in("copy rows", name)?;
            out.clear();
        }
    }
    out.extend_from_slice(TRAILER);
    copy.send(out.as_slice()).await.doing_in("copy rows", name)?;
    copy.finish().await.doing_in("copy rows", name)
}

/// The first eight bytes of a key as a number: enough to bring neighbours together.
fn beginning(key: &str) -> u64 {
    let mut bytes = [0; 8];
    let length = key.len().min(8);
    bytes[..length].copy_from_slice(&key.as_bytes()[..length]);
    u64::from_be_bytes(bytes)
}

fn cells(table: &Table) -> Result<Vec<Cells<'_>>, Failure> {
    let cells = (0..table.schema.columns.len()).map(|index| Cells::of(table, index)).collect::<Result<Vec<_>, _>>()?;
    for (cells, column) in cells.iter().zip(&table.schema.columns) {
        let lost = cells.out_of_range();
        if lost > 0 {
            tracing::warn!(table = %table.schema.name, column = %column.name, values = lost, "days outside the years 1 to 9999 are stored as null");
        }
    }
    Ok(cells)
}

struct Encoder<'a> {
    columns: &'a Columns,
    fields: [u8; 2],
    hasher: RowHasher,
    buffer: Vec<u8>,
    text: Vec<u8>,
}

impl<'a> Encoder<'a> {
    fn new(step: &Step, columns: &'a Columns) -> Self {
        // At most 1,600 columns.
        let fields = (columns.names.len() as i16).to_be_bytes();
        // A guess that suits most rows; a buffer that is too small only grows.
        let buffer = Vec::with_capacity(step.len() * (128 + 12 * columns.names.len()));
        Self { columns, fields, hasher: RowHasher::new(&step.schema), buffer, text: Vec::with_capacity(64) }
    }

    #[inline]
    fn push(&mut self, cells: &[Cells<'_>], row: usize) {
        let digest = self.hasher.digest(cells, row);
        self.buffer.extend_from_slice(&self.fields);
        for (cells, stored) in cells.iter().zip(&self.columns.stored) {
            push_as(&mut self.buffer, cells.get(row), *stored, &mut self.text);
        }
        push_field(&mut self.buffer, &digest);
        self.buffer.extend_from_slice(&self.columns.same);
    }
}
