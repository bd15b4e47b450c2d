//! The rows of a load as a database in memory, for SQLite to take them from.

use aqueduct_schema::Result;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteOwnedBuf;

use super::image::Image;
use super::record::Record;
use super::tables::MOST_COLUMNS;
use super::unindexed::Unindexed;
use crate::cells::{Cell, Cells, without_nul};
use crate::failure::{Doing, Failure};
use crate::layout::fits;
use crate::load_plan::{LoadPlan, Step, StepKind};
use crate::redirected::{Redirected, Replaced, stored_cells};
use crate::row_hash::RowHasher;

/// The database that rows are staged in; attached as long as the connection is open.
pub(crate) const ATTACH: &str = "ATTACH ':memory:' AS stage";

/// The name of the table with the rows of a step, by the step's place in the load.
pub(crate) fn stage_table(number: usize) -> String {
    format!("step{number}")
}

/// Writes the rows of a load: for each step a table of its columns in order, and the digest.
pub(crate) fn image(plan: &LoadPlan, unindexed: &Unindexed, redirected: &Redirected) -> Result<Vec<u8>> {
    let mut image = Image::new();
    let mut number = 0;
    for (index, table) in plan.tables.iter().enumerate() {
        fits(&table.layout.name, table.layout.columns.len(), MOST_COLUMNS)?;
        // Row ids are digests: in the order of their keys, neighbours meet in one page of the index. Rows that are appended to a table
        // without index stay in the order of the source.
        let sorted = unindexed.rows(&table.layout.name).is_none();
        for (place, step) in table.steps.iter().enumerate() {
            if step.kind != StepKind::Tombstones {
                write(&mut image, &stage_table(number), step, sorted, redirected.step(index, place))?;
            }
            number += 1;
        }
    }
    Ok(image.finish())
}

/// Hands the rows to SQLite, in place of those of the load before.
pub(crate) async fn put(connection: &mut SqliteConnection, image: Vec<u8>) -> Result<(), Failure> {
    let buffer = SqliteOwnedBuf::try_from(image.as_slice()).doing("stage rows")?;
    drop(image);
    // Not as read-only: `BEGIN IMMEDIATE` begins to write in every database, and refuses one that is.
    connection.deserialize(Some("stage"), buffer, false).await.doing("stage rows")
}

/// Frees the memory of the rows.
pub(crate) async fn clear(connection: &mut SqliteConnection) -> Result<(), Failure> {
    put(connection, Image::new().finish()).await
}

fn write(image: &mut Image, name: &str, step: &Step, sorted: bool, replaced: &[Replaced]) -> Result<()> {
    let parts = step.parts.iter().map(|part| Ok((part.keys()?, part.cells()?))).collect::<Result<Vec<_>>>()?;
    for (index, column) in step.schema.columns.iter().enumerate() {
        let lost: usize = parts.iter().map(|(_, cells)| cells[index].out_of_range()).sum();
        if lost > 0 {
            tracing::warn!(table = %step.schema.name, column = %column.name, values = lost, "days outside the years 1 to 9999 are stored as null");
        }
    }
    let mut rows: Vec<(usize, usize)> = Vec::with_capacity(step.len());
    for (index, part) in step.parts.iter().enumerate() {
        rows.extend(part.rows().map(|row| (index, row)));
    }
    if sorted {
        rows.sort_unstable_by_key(|(part, row)| parts[*part].0.value(*row));
    }
    let mut hasher = RowHasher::new(&step.schema);
    let mut table = image.table(name, step.schema.columns.len() + 1);
    let (mut record, mut text) = (Record::default(), Vec::with_capacity(64));
    let stored: Vec<Vec<Cells<'_>>> =
        replaced.iter().zip(&parts).map(|(replaced, (_, cells))| stored_cells(cells, Some(replaced))).collect();
    for (part, row) in rows {
        let cells: &[Cells<'_>] = &parts[part].1;
        record.clear();
        for cells in stored.get(part).map_or(cells, Vec::as_slice) {
            push(&mut record, cells.get(row), &mut text);
        }
        record.push_text(std::str::from_utf8(&hasher.digest(cells, row)).unwrap_or_default());
        table.push(&mut record);
    }
    table.finish();
    Ok(())
}

#[inline]
fn push(record: &mut Record, cell: Cell<'_>, text: &mut Vec<u8>) {
    match cell {
        Cell::Null => record.push_null(),
        Cell::Text(value) => record.push_text(&without_nul(value)),
        Cell::Boolean(value) => record.push_integer(i64::from(value)),
        Cell::Integer(value) => record.push_integer(value),
        Cell::Decimal(value) => push_decimal(record, value, text),
        Cell::Date(_) | Cell::Timestamp(_) => {
            text.clear();
            cell.push_text(text);
            record.push_text(std::str::from_utf8(text).unwrap_or_default());
        }
    }
}

const ONE: i128 = 1_000_000_000;
/// A binary number of 64 bits holds every decimal of 15 significant digits so that it can be read back unchanged.
const EXACT: u128 = 10_u128.pow(15);

/// Whole numbers as INTEGER, others as REAL where that is exact, else as text: sums and order work, and no digit is lost.
fn push_decimal(record: &mut Record, value: i128, text: &mut Vec<u8>) {
    if value % ONE == 0
        && let Ok(whole) = i64::try_from(value / ONE)
    {
        return record.push_integer(whole);
    }
    let mut digits = value.unsigned_abs();
    while digits > 0 && digits.is_multiple_of(10) {
        digits /= 10;
    }
    text.clear();
    Cell::Decimal(value).push_text(text);
    let text = std::str::from_utf8(text).unwrap_or_default();
    match text.parse::<f64>() {
        Ok(number) if digits < EXACT => record.push_real(number),
        _ => record.push_text(text),
    }
}
