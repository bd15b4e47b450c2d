//! Looks at the first records of a file to learn its columns.

use aqueduct_connector::schema::{Result, ValueType};

use crate::cells;
use crate::config::Format;
use crate::delimited;
use crate::inference::ColumnSample;
use crate::json_lines::Fields;
use crate::pages::{TextPage, TextPages};
use crate::parquet::ParquetFile;
use crate::shape::FileShape;

/// How much text is cut off at a time.
const PIECE: usize = 256 << 10;
/// How many rows of a Parquet file are decoded at a time.
const BATCH: usize = 1_024;

/// The first records of a file.
#[derive(Default)]
pub(crate) struct Sample {
    pub(crate) columns: Vec<SampledColumn>,
    /// Records looked at.
    pub(crate) records: u64,
    /// Records that could not be taken apart, among those looked at.
    pub(crate) broken: u64,
    pub(crate) notes: Vec<String>,
}

/// A column and what was seen of it.
pub(crate) struct SampledColumn {
    /// As mappings name it.
    pub(crate) path: String,
    /// As the file names it.
    pub(crate) name: String,
    pub(crate) values: ColumnSample,
    /// The type the file itself declares.
    declared: Option<(ValueType, String)>,
}

impl SampledColumn {
    /// The column's type and the reason for it. No type when every value is empty.
    pub(crate) fn value_type(&self) -> (Option<ValueType>, String) {
        if let Some((value_type, explanation)) = &self.declared {
            return (Some(*value_type), explanation.clone());
        }
        let inferred = self.values.infer();
        (inferred.value_type, inferred.explanation.to_owned())
    }
}

/// Samples a file.
///
/// # Errors
/// `AQ3005` when the file is cut off or damaged within the sample.
pub(crate) fn sample(shape: &FileShape, rows: usize) -> Result<Sample> {
    match shape.format {
        _ if shape.empty => Ok(Sample::default()),
        Format::Csv => delimited_text(shape, rows as u64),
        Format::JsonLines => json_lines(shape, rows as u64),
        Format::Parquet => parquet(shape, rows as u64),
    }
}

fn delimited_text(shape: &FileShape, rows: u64) -> Result<Sample> {
    let columns = shape.paths.iter().zip(&shape.names);
    let columns = columns.map(|(path, name)| SampledColumn {
        path: path.clone(),
        name: name.clone(),
        values: ColumnSample::default(),
        declared: None,
    });
    let mut sample = Sample { columns: columns.collect(), ..Sample::default() };
    let mut pages = shape.records()?;
    while sample.records < rows {
        let Some(page) = piece(shape, &mut pages, &mut sample)? else { break };
        let records = delimited::records(&page.body, shape.delimiter, shape.quote).into_records();
        for record in records.take(usize::try_from(rows - sample.records).unwrap_or(usize::MAX)) {
            sample.records += 1;
            match record {
                Ok(record) if record.len() == sample.columns.len() => {
                    sample.columns.iter_mut().zip(&record).for_each(|(column, value)| column.values.add(value));
                }
                _ => sample.broken += 1,
            }
        }
    }
    Ok(sample)
}

fn json_lines(shape: &FileShape, rows: u64) -> Result<Sample> {
    let mut sample = Sample::default();
    let mut fields = Fields::default();
    let mut pages = shape.records()?;
    while sample.records < rows {
        let Some(page) = piece(shape, &mut pages, &mut sample)? else { break };
        let lines = page.body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        for line in lines.take(usize::try_from(rows - sample.records).unwrap_or(usize::MAX)) {
            sample.records += 1;
            sample.broken += u64::from(!fields.add(line));
        }
    }
    if !fields.left_out.is_empty() {
        sample.notes.push(format!("keys that are empty or have a dot in them are left out: {}", quoted(&fields.left_out)));
    }
    sample.columns =
        fields.columns.into_iter().map(|(path, values)| SampledColumn { name: path.clone(), path, values, declared: None }).collect();
    Ok(sample)
}

fn parquet(shape: &FileShape, rows: u64) -> Result<Sample> {
    let file = ParquetFile::open(&shape.file)?;
    let mut sample = Sample::default();
    let mut types = Vec::new();
    for column in file.columns() {
        let Some(value_type) = column.value_type else { continue };
        types.push((column.name.clone(), value_type));
        sample.columns.push(SampledColumn {
            path: column.name.clone(),
            name: column.name,
            values: ColumnSample::default(),
            declared: Some((value_type, column.explanation)),
        });
    }
    let mut batches = file.read(&types, 0, BATCH)?;
    while sample.records < rows {
        let Some(batch) = batches.next()? else { break };
        let count = batch.num_rows().min(usize::try_from(rows - sample.records).unwrap_or(usize::MAX));
        sample.records += count as u64;
        for (column, array) in sample.columns.iter_mut().zip(batch.columns()) {
            let texts = cells::texts(&array.slice(0, count));
            texts.iter().for_each(|value| column.values.add(value.unwrap_or_default()));
        }
    }
    for column in &mut sample.columns {
        if let Some((value_type @ ValueType::Decimal, explanation)) = &mut column.declared
            && column.values.infer().value_type == Some(ValueType::Text)
        {
            *value_type = ValueType::Text;
            explanation.push_str(", but some values have more digits than such a column holds");
        }
    }
    Ok(sample)
}

/// The next piece of text to sample. A file that is cut off behind its first records is sampled up to there.
fn piece(shape: &FileShape, pages: &mut TextPages, sample: &mut Sample) -> Result<Option<TextPage>> {
    let error = match pages.next(PIECE) {
        Ok(page) => return Ok(page),
        Err(error) => shape.page_error(error, pages),
    };
    if sample.records == 0 {
        return Err(error);
    }
    sample.notes.push(error.message().to_owned());
    Ok(None)
}

/// Names in quotation marks, joined by commas.
pub(crate) fn quoted<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    names.join(", ")
}
