//! Parquet: rows in batches, from any row on.

use std::sync::Arc;

use aqueduct_connector::schema::{Error, Result, Retry, ValueType, codes};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use crate::cells;
use crate::files::MatchedFile;

/// A Parquet file's schema and counts.
pub(crate) struct ParquetFile {
    metadata: ArrowReaderMetadata,
    file: MatchedFile,
}

/// A column of a Parquet file.
#[derive(Clone, Debug)]
pub(crate) struct ParquetColumn {
    /// The name.
    pub(crate) name: String,
    /// The type its values get; none when they cannot be read.
    pub(crate) value_type: Option<ValueType>,
    /// The type in the file, in words.
    pub(crate) explanation: String,
}

impl ParquetFile {
    /// Reads the footer.
    ///
    /// # Errors
    /// `AQ3005` when the file is cut off or is not Parquet.
    pub(crate) fn open(file: &MatchedFile) -> Result<Self> {
        // The writer's own Arrow schema may ask for dictionaries, views and durations; the plain Parquet types are enough.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&file.open()?, options).map_err(|error| damaged(file, &error, 0))?;
        Ok(Self { metadata, file: file.clone() })
    }

    /// How many rows the footer promises.
    pub(crate) fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// The columns, in order.
    pub(crate) fn columns(&self) -> Vec<ParquetColumn> {
        let fields = self.metadata.schema().fields();
        fields
            .iter()
            .map(|field| {
                let (value_type, explanation) = cells::value_type(field.data_type());
                ParquetColumn { name: field.name().clone(), value_type, explanation }
            })
            .collect()
    }

    /// The rows from `row` on, in batches of at most `batch` rows, with these columns and types.
    pub(crate) fn read(&self, columns: &[(String, ValueType)], row: u64, batch: usize) -> Result<ParquetRows> {
        let names = self.metadata.schema().fields();
        let roots: Vec<usize> = (0..names.len()).filter(|index| columns.iter().any(|(name, _)| name == names[*index].name())).collect();
        let groups = self.metadata.metadata().row_groups();
        let (mut first, mut skipped) = (0, 0_u64);
        while first < groups.len() {
            let rows = u64::try_from(groups[first].num_rows()).unwrap_or(0);
            if skipped + rows > row {
                break;
            }
            skipped += rows;
            first += 1;
        }
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.open()?, self.metadata.clone());
        let mask = ProjectionMask::roots(reader.parquet_schema(), roots);
        let reader = reader
            .with_projection(mask)
            .with_row_groups((first..groups.len()).collect())
            .with_offset(usize::try_from(row - skipped).unwrap_or(usize::MAX))
            .with_batch_size(batch)
            .build()
            .map_err(|error| damaged(&self.file, &error, row))?;
        Ok(ParquetRows { reader, file: self.file.clone(), columns: columns.to_vec(), row, rows: self.rows() })
    }
}

/// The rows of a Parquet file, from some row on.
pub(crate) struct ParquetRows {
    reader: ParquetRecordBatchReader,
    file: MatchedFile,
    columns: Vec<(String, ValueType)>,
    row: u64,
    rows: u64,
}

impl ParquetRows {
    /// Rows before the next batch.
    pub(crate) fn row(&self) -> u64 {
        self.row
    }

    /// Whether every row that the footer promises has come.
    pub(crate) fn at_end(&self) -> bool {
        self.row >= self.rows
    }

    /// The next batch, its columns named as the stream's fields.
    ///
    /// # Errors
    /// `AQ3005` when the rows end before the footer says so.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.at_end() {
            return Ok(None);
        }
        let batch = match self.reader.next() {
            Some(batch) => batch.map_err(|error| damaged(&self.file, &ParquetError::General(error.to_string()), self.row))?,
            None => return Err(damaged(&self.file, &ParquetError::EOF("rows are missing".to_owned()), self.row)),
        };
        self.row += batch.num_rows() as u64;
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (name, value_type) in &self.columns {
            let Some(array) = batch.column_by_name(name) else { continue };
            let array = cells::column(array, *value_type);
            fields.push(Field::new(name, array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map(Some)
            .map_err(|error| Error::new(codes::BUG, format!("rows of a Parquet file do not fit their own columns: {error}")))
    }
}

fn damaged(file: &MatchedFile, error: &ParquetError, rows: u64) -> Error {
    Error::new(
        codes::MALFORMED_ANSWER,
        format!("`{}` cannot be read as Parquet: it is cut off, damaged or compressed in an unknown way", file.name),
    )
    .with("rows read", rows)
    .caused_by(error.to_string())
    .retrying(Retry::Never)
    .data_note("Nothing after that row was taken from this file.")
    .advise("Copy or export the file again. Rows may be compressed with snappy, gzip or zstd.")
}

/// The type's name in words.
pub(crate) fn words(data_type: &DataType) -> String {
    match data_type {
        DataType::Timestamp(_, Some(_)) => "instants in UTC".to_owned(),
        DataType::Timestamp(_, None) => "times without a time zone".to_owned(),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => format!("decimals ({precision}, {scale})"),
        DataType::Struct(_) => "structures".to_owned(),
        DataType::List(_) => "lists".to_owned(),
        DataType::Map(..) => "maps".to_owned(),
        other => other.to_string(),
    }
}
