//! Folders of small files, and readings of them from the first page to the last.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use aqueduct_connector::schema::{Error, Mode, Position, Result, Timestamp, codes};
use aqueduct_connector::{Connector, Context, Http, Next, Page, Read, Records, Request, Response, Stream, async_trait};
use aqueduct_connector_files::{Config, Files};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use serde_json::{Value, json};

/// Files never send a request.
struct NoNetwork;

#[async_trait]
impl Http for NoNetwork {
    async fn send(&self, _request: Request) -> Result<Response> {
        Err(Error::new(codes::BUG, "a request was sent"))
    }
}

pub fn context() -> Context {
    Context { http: Arc::new(NoNetwork), now: Timestamp::from_seconds(1_770_000_000) }
}

/// A folder that is removed when the test ends.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn pattern(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), content).unwrap();
        self
    }

    /// A message with this folder's path taken out.
    pub fn plain(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.path().display()), "")
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

pub fn files(config: Value) -> Files {
    let config: Config = aqueduct_connector::config::parse("files", config).unwrap();
    Files::new(config).unwrap()
}

/// The config of one pattern with the key `id`.
pub fn keyed(folder: &Folder, pattern: &str) -> Value {
    json!({"path": folder.pattern(pattern), "key": "id"})
}

pub async fn discover(files: &Files) -> Vec<Stream> {
    files.discover(&context()).await.unwrap()
}

pub async fn only_stream(files: &Files) -> Stream {
    let mut streams = discover(files).await;
    assert_eq!(streams.len(), 1, "{streams:?}");
    streams.remove(0)
}

pub async fn page(files: &Files, stream: &Stream, position: Option<&Position>, bookmark: Option<&Position>) -> Result<Page> {
    let read = Read { stream, mode: Mode::Changes, from: None, until: None, position, bookmark, by_id: false };
    files.read(&context(), &read).await
}

/// A record with the file and line it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub file: String,
    pub line: u64,
    pub values: Vec<Option<String>>,
}

/// Decodes a page as plainly as possible.
pub fn records(page: &Page) -> Vec<Found> {
    let name = |file: &str| file.rsplit('/').next().unwrap().to_owned();
    match &page.records {
        Records::Csv { body, format, origin } => {
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(format.delimiter)
                .quote(format.quote)
                .has_headers(false)
                .flexible(true)
                .from_reader(body.as_ref());
            // The csv crate counts a line too few where lines end in a carriage return and a line feed, so they are counted here.
            let (mut counted, mut line) = (0, origin.first_line);
            let mut found = Vec::new();
            for record in reader.byte_records() {
                let record = record.unwrap();
                let start = usize::try_from(record.position().unwrap().byte()).unwrap();
                let start = start + body[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                line += body[counted..start].iter().filter(|byte| **byte == b'\n').count() as u64;
                counted = start;
                let values = record.iter().map(|value| Some(String::from_utf8_lossy(value).into_owned())).collect();
                found.push(Found { file: name(&origin.file), line, values });
            }
            found
        }
        Records::JsonLines { body, origin } => body
            .split(|byte| *byte == b'\n')
            .zip(origin.first_line..)
            .filter(|(line, _)| !line.trim_ascii().is_empty())
            .map(|(text, line)| {
                let values = vec![Some(String::from_utf8_lossy(text).trim_end().to_owned())];
                Found { file: name(&origin.file), line, values }
            })
            .collect(),
        Records::Columns { rows, origin } => (0..rows.num_rows())
            .map(|row| {
                let values = rows.columns().iter().map(|column| {
                    let text = || match column.data_type() {
                        arrow_schema::DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
                        arrow_schema::DataType::Int64 => column.as_primitive::<arrow_array::types::Int64Type>().value(row).to_string(),
                        arrow_schema::DataType::Boolean => column.as_boolean().value(row).to_string(),
                        _ => format!("{:?}", column.slice(row, 1)),
                    };
                    (!column.is_null(row)).then(text)
                });
                Found { file: name(&origin.file), line: origin.first_line + row as u64, values: values.collect() }
            })
            .collect(),
        Records::Json { .. } | Records::Joined { .. } | Records::Deleted { .. } | Records::Sets { .. } => panic!("files are not answers"),
    }
}

/// A whole reading.
pub struct Reading {
    pub pages: Vec<Page>,
    pub positions: Vec<Position>,
    pub records: Vec<Found>,
    pub bookmark: Position,
}

impl Reading {
    pub fn files(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.records.iter().map(|record| record.file.as_str()).collect();
        names.dedup();
        names
    }
}

pub async fn read_from(files: &Files, stream: &Stream, position: Option<Position>, bookmark: Option<&Position>) -> Result<Reading> {
    let (mut pages, mut positions, mut found, mut position) = (Vec::new(), Vec::new(), Vec::new(), position);
    loop {
        let read = page(files, stream, position.as_ref(), bookmark).await?;
        found.extend(records(&read));
        let next = read.next.clone();
        pages.push(read);
        match next {
            Next::Page(next) | Next::Later { position: next, .. } => {
                positions.push(next.clone());
                position = Some(next);
            }
            Next::End { bookmark } => {
                return Ok(Reading { pages, positions, records: found, bookmark: bookmark.expect("files leave a bookmark") });
            }
            Next::TooMany => unreachable!("files have no cap"),
        }
    }
}

pub async fn read(files: &Files, stream: &Stream, bookmark: Option<&Position>) -> Reading {
    read_from(files, stream, None, bookmark).await.unwrap()
}

/// Reads everything that a config names for the first time.
pub async fn read_config(config: Value) -> Reading {
    let files = files(config);
    let stream = only_stream(&files).await;
    read(&files, &stream, None).await
}
