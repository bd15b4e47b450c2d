//! The rows of a load as a database in memory, for SQLite to take them from.

use std::collections::HashMap;
use std::sync::Arc;

use aqueduct_schema::{Result, TableName};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteOwnedBuf;

use super::image::Image;
use super::record::Record;
use super::tables::{MOST_COLUMNS, StoredColumn};
use super::whole::{Source, Whole};
use crate::cells::{Cell, Cells, without_nul};
use crate::failure::{Doing, Failure};
use crate::layout::fits;
use crate::load_plan::{LoadPlan, Step, StepKind};
use crate::merges::Winners;
use crate::redirected::{Redirected, Replaced, stored_cells};
use crate::row_hash::RowHasher;

/// The database that rows are staged in; attached as long as the connection is open.
pub(crate) const ATTACH: &str = "ATTACH ':memory:' AS stage";

/// The name of the table with the rows of a step, by the step's place in the load.
pub(crate) fn stage_table(number: usize) -> String {
    format!("step{number}")
}

/// What rows are staged by: what the loads before found.
#[derive(Clone, Default)]
pub(crate) struct Found {
    /// The rows that were merged away.
    pub(crate) winners: Arc<Winners>,
    /// The tables without index, with their columns.
    pub(crate) unindexed: HashMap<TableName, Arc<[StoredColumn]>>,
}

/// Rows of a load, ready for SQLite.
pub(crate) struct Staged {
    image: SqliteOwnedBuf,
    /// How the rows of each step are staged; nothing for tombstones.
    steps: Vec<Option<Form>>,
    /// The version of the merges by which references were led to their winners.
    pub(crate) winners: i64,
}

/// How the rows of a step are staged.
#[derive(Default)]
pub(crate) struct Form {
    /// The place of each column of the rows, and after them that of the digest.
    pub(crate) places: Vec<usize>,
    /// The columns of their table, where the rows are staged as they are stored there.
    pub(crate) whole: Option<Arc<[StoredColumn]>>,
}

impl Staged {
    /// Writes the rows of a load: for each step a table.
    pub(crate) fn new(plan: &LoadPlan, found: &Found) -> Result<Self, Failure> {
        let redirected = Redirected::of(plan, &found.winners);
        let (mut image, mut steps) = (Image::new(), Vec::new());
        for (index, table) in plan.tables.iter().enumerate() {
            fits(&table.layout.name, table.layout.columns.len(), MOST_COLUMNS)?;
            let columns = found.unindexed.get(&table.layout.name);
            for (place, step) in table.steps.iter().enumerate() {
                let form = match step.kind {
                    StepKind::Tombstones => None,
                    _ => Some(write(&mut image, plan, &stage_table(steps.len()), step, columns, redirected.step(index, place))?),
                };
                steps.push(form);
            }
        }
        let image = SqliteOwnedBuf::try_from(image.finish().as_slice()).doing("stage rows")?;
        Ok(Self { image, steps, winners: found.winners.version })
    }

    /// Hands the rows to SQLite, in place of those of the load before. Gives how the rows of each step are staged.
    pub(crate) async fn put(self, connection: &mut SqliteConnection) -> Result<Vec<Option<Form>>, Failure> {
        put(connection, self.image).await?;
        Ok(self.steps)
    }
}

async fn put(connection: &mut SqliteConnection, image: SqliteOwnedBuf) -> Result<(), Failure> {
    // Not as read-only: `BEGIN IMMEDIATE` begins to write in every database, and refuses one that is.
    connection.deserialize(Some("stage"), image, false).await.doing("stage rows")
}

/// Frees the memory of the rows.
pub(crate) async fn clear(connection: &mut SqliteConnection) -> Result<(), Failure> {
    let empty = SqliteOwnedBuf::try_from(Image::new().finish().as_slice()).doing("stage rows")?;
    put(connection, empty).await
}

/// Writes the rows of a step. `columns` are those of a table without index.
fn write(
    image: &mut Image,
    plan: &LoadPlan,
    name: &str,
    step: &Step,
    columns: Option<&Arc<[StoredColumn]>>,
    replaced: &[Replaced],
) -> Result<Form> {
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
    if columns.is_none() {
        // Row ids are digests: in the order of their keys, neighbours meet in one page of the index. Rows that are appended to a table
        // without index stay in the order of the source.
        rows.sort_unstable_by_key(|(part, row)| parts[*part].0.value(*row));
    }
    let stored: Vec<Vec<Cells<'_>>> =
        replaced.iter().zip(&parts).map(|(replaced, (_, cells))| stored_cells(cells, Some(replaced))).collect();
    let whole = columns.and_then(|columns| Whole::new(plan, step, columns));
    let width = step.schema.columns.len();
    let (sources, form) = match whole {
        Some(Whole { sources, places, columns }) => (sources, Form { places, whole: Some(columns) }),
        None => {
            let sources = (0..width).map(Source::Carried).chain([Source::Digest]).collect();
            (sources, Form { places: (0..=width).collect(), whole: None })
        }
    };
    let declared: Vec<String> = match &form.whole {
        Some(columns) => columns.iter().map(StoredColumn::declaration).collect(),
        None => vec![String::new(); sources.len()],
    };
    let mut table = image.table(name, declared.iter().map(String::as_str));
    let mut hasher = RowHasher::new(&step.schema);
    let (mut record, mut text) = (Record::default(), Vec::with_capacity(64));
    for (part, row) in rows {
        let cells: &[Cells<'_>] = &parts[part].1;
        let shown = stored.get(part).map_or(cells, Vec::as_slice);
        record.clear();
        for source in &sources {
            match source {
                Source::Carried(column) => push(&mut record, shown[*column].get(row), &mut text),
                Source::Digest => record.push_text(std::str::from_utf8(&hasher.digest(cells, row)).unwrap_or_default()),
                Source::Text(text) => record.push_text(text),
                Source::Integer(value) => record.push_integer(*value),
                Source::Null => record.push_null(),
            }
        }
        table.push(&mut record);
    }
    table.finish();
    Ok(form)
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
