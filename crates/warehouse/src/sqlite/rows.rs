//! Rows into a SQLite table: new ones inserted, changed ones updated, others left alone, each counted.
//!
//! Rows of a table without index are appended. Else they are inserted without looking while nothing of the table is met again; once
//! a statement inserts fewer rows than it holds, keys and digests are looked up first, so that loading what is already there writes
//! nothing at all.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use aqueduct_schema::{Error, TableName, ValueType, codes};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Row, SqliteConnection};

use super::statements::{Kind, Statements};
use crate::cells::{Cell, Cells, without_nul};
use crate::failure::{Doing, Failure};
use crate::layout::{SOURCE_UPDATED_AT, Stored};
use crate::load_plan::{LoadPlan, Step};
use crate::row_hash::{LENGTH, RowHasher};
use crate::warehouse::TableReceipt;

/// Rows a statement: measured; more gain nothing and cost memory.
const ROWS: usize = 128;
/// The most parameters a statement has (SQLITE_MAX_VARIABLE_NUMBER).
const PARAMETERS: usize = 32_766;
/// Sizes of statements for what is left over, so that few different statements are prepared.
const SIZES: [usize; 4] = [ROWS, 16, 4, 1];

/// Carries out a step of rows.
pub(crate) async fn merge(
    connection: &mut SqliteConnection,
    plan: &LoadPlan,
    step: &Step,
    stored: &Stored,
    append: bool,
) -> Result<TableReceipt, Failure> {
    let loaded_at = crate::cells::timestamp_text(plan.loaded_at);
    let mut writer = Writer::new(step, stored, Statements::new(&step.schema, step.kind, stored, &plan.load_id, &loaded_at))?;
    let mut done = TableReceipt::empty(&step.schema.name);
    let mut rows = step.parts.iter().enumerate().flat_map(|(part, rows)| rows.rows().map(move |row| (part, row)));
    let mut optimistic = true;
    let blind = if append { Kind::Append } else { Kind::Insert };
    let mut next = writer.chunk(&mut rows);
    while let Some(chunk) = next.take() {
        let count = chunk.rows.len() as u64;
        if optimistic {
            let sql = writer.statements.get(blind, chunk.rows.len());
            let arguments = writer.arguments(&chunk, 0..chunk.rows.len());
            let inserted = {
                let mut insertion = pin!(sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *connection));
                // The first poll hands the statement to SQLite's thread; the next rows are made ready while it works.
                let early = poll_fn(|context| Poll::Ready(insertion.as_mut().poll(context))).await;
                next = writer.chunk(&mut rows);
                match early {
                    Poll::Ready(result) => result,
                    Poll::Pending => insertion.await,
                }
            };
            let inserted = inserted.doing_in("insert rows", writer.name)?.rows_affected();
            done.inserted += inserted;
            if inserted < count {
                optimistic = false;
                // What was just inserted is now found unchanged; what is still missing was refused, and not for its key.
                let (missing, changed) = if append { (vec![0], Vec::new()) } else { writer.look_up(connection, &chunk).await? };
                if !missing.is_empty() {
                    return Err(refused(writer.name).into());
                }
                done.updated += writer.write(connection, &chunk, Kind::Replace, &changed).await?;
                done.unchanged += count - inserted - changed.len() as u64;
            }
        } else {
            let (new, changed) = writer.look_up(connection, &chunk).await?;
            let inserted = writer.write(connection, &chunk, Kind::Insert, &new).await?;
            if inserted < new.len() as u64 {
                return Err(refused(writer.name).into());
            }
            done.inserted += inserted;
            done.updated += writer.write(connection, &chunk, Kind::Replace, &changed).await?;
            done.unchanged += count - (new.len() + changed.len()) as u64;
            optimistic = new.len() as u64 == count;
            next = writer.chunk(&mut rows);
        }
    }
    Ok(done)
}

/// The error of rows that a constraint refuses which somebody has added to the table.
fn refused(name: &TableName) -> Error {
    Error::new(codes::DESTINATION_FAILED, "a constraint of the table refuses rows")
        .with("table", name)
        .advise("Remove the unique index or trigger that was added to the table, then run again.")
}

/// Rows of one statement.
struct Chunk {
    /// Part and row.
    rows: Vec<(usize, usize)>,
    digests: Vec<[u8; LENGTH]>,
}

struct Writer<'a> {
    name: &'a TableName,
    statements: Statements,
    hasher: RowHasher,
    parts: Vec<Vec<Cells<'a>>>,
    /// For each column, the type it is stored in, and the last text, which the next row often has again.
    columns: Vec<(ValueType, Option<Arc<str>>)>,
    key: usize,
    updated_at: Option<usize>,
    text: Vec<u8>,
    rows_a_statement: usize,
}

impl<'a> Writer<'a> {
    fn new(step: &'a Step, stored: &Stored, statements: Statements) -> Result<Self, Failure> {
        let schema = &step.schema;
        let parts = step.parts.iter().map(|part| part.cells()).collect::<Result<Vec<_>, _>>()?;
        for (index, column) in schema.columns.iter().enumerate() {
            let lost: usize = parts.iter().map(|cells| cells[index].out_of_range()).sum();
            if lost > 0 {
                tracing::warn!(table = %schema.name, column = %column.name, values = lost, "days outside the years 1 to 9999 are stored as null");
            }
        }
        let columns: Vec<_> =
            schema.columns.iter().map(|column| (stored.get(column.name.as_ref()).copied().unwrap_or(column.value_type), None)).collect();
        Ok(Self {
            name: &schema.name,
            statements,
            hasher: RowHasher::new(schema),
            key: schema.index_of(&schema.key).unwrap_or(0),
            updated_at: schema.index_of(SOURCE_UPDATED_AT),
            rows_a_statement: ROWS.min(PARAMETERS / (columns.len() + 1)).max(1),
            columns,
            parts,
            text: Vec::with_capacity(64),
        })
    }

    fn chunk(&mut self, rows: &mut impl Iterator<Item = (usize, usize)>) -> Option<Chunk> {
        let rows: Vec<(usize, usize)> = rows.take(self.rows_a_statement).collect();
        let digests = rows.iter().map(|(part, row)| self.hasher.digest(&self.parts[*part], *row)).collect();
        if rows.is_empty() { None } else { Some(Chunk { rows, digests }) }
    }

    fn arguments(&mut self, chunk: &Chunk, positions: impl Iterator<Item = usize>) -> SqliteArguments {
        let mut arguments = SqliteArguments::default();
        let upper = positions.size_hint().1.unwrap_or(0);
        arguments.reserve(upper * (self.columns.len() + 1), 0);
        for position in positions {
            let (part, row) = chunk.rows[position];
            for (cells, (stored, last)) in self.parts[part].iter().zip(&mut self.columns) {
                push(&mut arguments, cells.get(row).widened(*stored, &mut self.text), last);
            }
            push_text(&mut arguments, digest_text(&chunk.digests[position]), &mut None);
        }
        arguments
    }

    /// Positions of new rows and of rows that changed.
    async fn look_up(&mut self, connection: &mut SqliteConnection, chunk: &Chunk) -> Result<(Vec<usize>, Vec<usize>), Failure> {
        let mut arguments = SqliteArguments::default();
        for ((part, row), digest) in chunk.rows.iter().zip(&chunk.digests) {
            let cells = &self.parts[*part];
            push(&mut arguments, cells[self.key].get(*row), &mut None);
            push_text(&mut arguments, digest_text(digest), &mut None);
            let updated_at =
                self.updated_at.map_or(Cell::Null, |index| cells[index].get(*row).widened(self.columns[index].0, &mut self.text));
            push(&mut arguments, updated_at, &mut None);
        }
        let sql = self.statements.get(Kind::Lookup, chunk.rows.len());
        let found = sqlx::query_with(AssertSqlSafe(sql), arguments).fetch_one(connection).await.doing_in("look rows up", self.name)?;
        let list = |index: usize| -> Result<Vec<usize>, Failure> {
            let list: Option<&str> = found.try_get(index).doing_in("look rows up", self.name)?;
            Ok(list.into_iter().flat_map(|list| list.split(',')).filter_map(|position| position.parse().ok()).collect())
        };
        Ok((list(0)?, list(1)?))
    }

    /// Writes the rows at some positions of a chunk.
    async fn write(&mut self, connection: &mut SqliteConnection, chunk: &Chunk, kind: Kind, positions: &[usize]) -> Result<u64, Failure> {
        let mut rest = positions;
        let mut written = 0;
        while !rest.is_empty() {
            let size = SIZES.into_iter().find(|size| *size <= rest.len() && *size <= self.rows_a_statement).unwrap_or(1);
            let (now, later) = rest.split_at(size);
            let sql = self.statements.get(kind, size);
            let arguments = self.arguments(chunk, now.iter().copied());
            let done = sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *connection).await;
            written += done.doing_in("write rows", self.name)?.rows_affected();
            rest = later;
        }
        Ok(written)
    }
}

fn digest_text(digest: &[u8; LENGTH]) -> &str {
    std::str::from_utf8(digest).unwrap_or_default()
}

#[inline]
fn push_text(arguments: &mut SqliteArguments, text: &str, last: &mut Option<Arc<str>>) {
    let shared = match last {
        Some(last) if last.as_ref() == text => Arc::clone(last),
        _ => {
            let fresh: Arc<str> = Arc::from(without_nul(text));
            *last = Some(Arc::clone(&fresh));
            fresh
        }
    };
    add(arguments, shared);
}

/// Adds a value. Text, whole numbers and nulls never fail to be encoded.
#[inline]
fn add<'t, T: sqlx::Encode<'t, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>>(arguments: &mut SqliteArguments, value: T) {
    if Arguments::add(arguments, value).is_err() {
        debug_assert!(false, "a plain value is always encoded");
    }
}

#[inline]
fn push(arguments: &mut SqliteArguments, cell: Cell<'_>, last: &mut Option<Arc<str>>) {
    match cell {
        Cell::Null => add(arguments, None::<i64>),
        Cell::Text(text) => push_text(arguments, text, last),
        Cell::Boolean(value) => add(arguments, i64::from(value)),
        Cell::Integer(value) => add(arguments, value),
        Cell::Decimal(value) => push_decimal(arguments, value),
        Cell::Date(_) | Cell::Timestamp(_) => {
            let mut text = Vec::with_capacity(27);
            cell.push_text(&mut text);
            push_text(arguments, std::str::from_utf8(&text).unwrap_or_default(), last);
        }
    }
}

const ONE: i128 = 1_000_000_000;
/// A binary number of 64 bits holds every decimal of 15 significant digits so that it can be read back unchanged.
const EXACT: u128 = 10_u128.pow(15);

/// Whole numbers as INTEGER, others as REAL where that is exact, else as text: sums and order work, and no digit is lost.
fn push_decimal(arguments: &mut SqliteArguments, value: i128) {
    if value % ONE == 0
        && let Ok(whole) = i64::try_from(value / ONE)
    {
        return add(arguments, whole);
    }
    let mut digits = value.unsigned_abs();
    while digits > 0 && digits.is_multiple_of(10) {
        digits /= 10;
    }
    let mut text = Vec::with_capacity(41);
    Cell::Decimal(value).push_text(&mut text);
    let text = std::str::from_utf8(&text).unwrap_or_default();
    match text.parse::<f64>() {
        Ok(number) if digits < EXACT => add(arguments, number),
        _ => push_text(arguments, text, &mut None),
    }
}
