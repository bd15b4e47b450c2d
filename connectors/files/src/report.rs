//! What was found in the files, for people: printed by the command line before anything is loaded. It holds no value of any record.

use aqueduct_connector::schema::{Result, ValueType};
use serde::Serialize;

use crate::compression::Compression;
use crate::config::{Config, Format};
use crate::streams::{self, Examined, key_proposals};
use crate::text::Sureness;

/// What was found in all files.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileReport {
    /// The files, by name.
    pub files: Vec<FileDescription>,
    /// The streams they make; empty while there is a problem.
    pub streams: Vec<StreamDescription>,
    /// Why they make no streams yet: what happened and what to do about it.
    pub problem: Option<Problem>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileDescription {
    /// The file's path.
    pub file: String,
    /// The format.
    pub format: Format,
    /// The compression.
    pub compression: Compression,
    /// The encoding; absent for Parquet.
    pub encoding: Option<EncodingDescription>,
    /// The delimiter, or the word `tab`; for CSV alone.
    pub delimiter: Option<String>,
    /// The export that the header was recognised as, by the name of its stream.
    pub layout: Option<&'static str>,
    /// The columns, in order.
    pub columns: Vec<ColumnDescription>,
    /// Records looked at.
    pub sampled: u64,
    /// Records among them that could not be taken apart and would go to quarantine.
    pub broken: u64,
    /// Columns that could identify a record, likelier ones first.
    pub key_proposals: Vec<String>,
    /// What had to be changed or left out, in sentences.
    pub notes: Vec<String>,
}

/// An encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EncodingDescription {
    /// Its WHATWG name.
    pub name: &'static str,
    /// How sure it is.
    pub sureness: Sureness,
    /// Why.
    pub reason: &'static str,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnDescription {
    /// The name in the file.
    pub name: String,
    /// The name in mappings and in `select`.
    pub path: String,
    /// The type; absent when every value in the sample is empty, in which case text is assumed.
    pub value_type: Option<ValueType>,
    /// Why it is that type.
    pub explanation: String,
    /// The share of empty values in the sample, from 0 to 1.
    pub empty: f64,
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamDescription {
    /// Its name.
    pub name: String,
    /// The columns that identify a record.
    pub key: Vec<String>,
    /// The column with the time of the last change, if there is one.
    pub updated_at: Option<String>,
    /// How many columns it has.
    pub columns: usize,
}

/// What stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The code, for example `AQ1005`.
    pub code: &'static str,
    /// What happened.
    pub message: String,
    /// What to do.
    pub advice: String,
}

/// Describes the files that a config names.
///
/// # Errors
/// `AQ1005` when the config is wrong, `AQ1012` when a file cannot be found or opened, `AQ3005` when one is cut off within the sample.
/// What the config lacks to make streams of the files is no error but [`FileReport::problem`].
pub fn describe(config: &Config) -> Result<FileReport> {
    config.validate()?;
    let examined = streams::examine(config)?;
    let files = examined.iter().map(description).collect();
    let (streams, problem) = match streams::streams(config, &examined) {
        Ok(streams) => (streams, None),
        Err(error) => {
            let problem = Problem { code: error.code().id, message: error.to_string(), advice: error.advice().to_owned() };
            (Vec::new(), Some(problem))
        }
    };
    let streams = streams.into_iter().map(|stream| StreamDescription {
        name: stream.name,
        key: stream.record.key,
        updated_at: stream.record.updated_at,
        columns: stream.record.fields.len(),
    });
    Ok(FileReport { files, streams: streams.collect(), problem })
}

fn description(examined: &Examined) -> FileDescription {
    let Examined { shape, sample } = examined;
    let columns = sample.columns.iter().map(|column| {
        let (value_type, explanation) = column.value_type();
        ColumnDescription {
            name: column.name.clone(),
            path: column.path.clone(),
            value_type,
            explanation,
            empty: column.values.empty_share(),
        }
    });
    let mut notes = [shape.notes.as_slice(), sample.notes.as_slice()].concat();
    if shape.empty {
        notes.push("the file is empty: it has no header and no records".to_owned());
    }
    FileDescription {
        file: shape.file.name.to_string(),
        format: shape.format,
        compression: shape.compression,
        encoding: shape.encoding.map(|found| EncodingDescription {
            name: found.encoding.name(),
            sureness: found.sureness,
            reason: found.reason,
        }),
        delimiter: (shape.format == Format::Csv).then(|| match shape.delimiter {
            b'\t' => "tab".to_owned(),
            delimiter => char::from(delimiter).to_string(),
        }),
        layout: shape.layout.map(|layout| layout.stream),
        columns: columns.collect(),
        sampled: sample.records,
        broken: sample.broken,
        key_proposals: key_proposals(sample),
        notes,
    }
}
