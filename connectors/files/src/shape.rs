//! What a file is: compression, encoding, format, delimiter, header and layout, by its first bytes.

use aqueduct_connector::schema::{Result, codes};

use crate::compression::{Compression, MAGIC_LENGTH, Magic, decompressed, magic, read_full};
use crate::config::{Config, Format, LayoutChoice};
use crate::delimited::{self, DelimitedBorders};
use crate::files::MatchedFile;
use crate::json_lines::{self, LineBorders};
use crate::layouts::{self, Layout};
use crate::pages::{Borders, LONGEST_RECORD, PageError, TextPages};
use crate::parquet::ParquetFile;
use crate::text::{self, Survey, TextEncoding, TextReader};

/// How much of a file is looked at.
const PREFIX: usize = 1 << 20;

/// What a file is.
#[derive(Clone, Debug)]
pub(crate) struct FileShape {
    pub(crate) file: MatchedFile,
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    /// Absent for Parquet.
    pub(crate) encoding: Option<TextEncoding>,
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
    /// Whether the first line is Excel's `sep=;`.
    has_delimiter_line: bool,
    /// The columns as the file names them, made unique. Empty for JSON Lines, whose objects each name their own.
    pub(crate) names: Vec<String>,
    /// The same columns as mappings and the stream's fields name them.
    pub(crate) paths: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) layout: Option<&'static Layout>,
    /// Whether there is not even a header.
    pub(crate) empty: bool,
}

impl FileShape {
    /// Looks at a file. Its encoding is given where the whole file has been surveyed.
    ///
    /// # Errors
    /// `AQ1012` when the file cannot be opened, `AQ1005` when it is of a kind that is not read, `AQ3005` when it is cut off.
    pub(crate) fn of(file: &MatchedFile, config: &Config, surveyed: Option<TextEncoding>) -> Result<Self> {
        let mut start = [0; MAGIC_LENGTH];
        let (length, failed) = read_full(&mut file.open()?, &mut start);
        if let Some(error) = failed {
            return Err(file.damaged("first", &error, 0, 0));
        }
        let compression = match magic(&start[..length]) {
            Magic::Parquet => return Self::of_parquet(file, config),
            Magic::Zip => {
                return Err(file
                    .error(codes::BAD_CONFIG, format!("`{}` is a zip archive or an Excel workbook, which are not read", file.name))
                    .advise("Unpack the archive, or save the workbook as CSV, and name the files inside."));
            }
            Magic::Text(compression) => compression,
        };
        if config.format == Some(Format::Parquet) {
            return Err(file.error(codes::BAD_CONFIG, format!("`{}` is not a Parquet file, which `format` says it is", file.name)));
        }
        let mut prefix = vec![0; PREFIX];
        let damaged = |error| file.damaged(compression.name(), &error, 0, 0);
        let mut raw = decompressed(file.open()?, compression).map_err(damaged)?;
        let (filled, failed) = read_full(&mut *raw, &mut prefix);
        prefix.truncate(filled);
        // A file that is cut off further on is looked at all the same: reading it is what fails, after the files before it.
        if let (Some(error), 0) = (&failed, filled) {
            return Err(file.damaged(compression.name(), error, 0, 0));
        }
        let encoding = surveyed.unwrap_or_else(|| {
            let mut survey = Survey::new();
            survey.push(&prefix);
            survey.encoding(config.encoding(), filled < PREFIX && failed.is_none())
        });
        text::refuse_binary(&file.name, &prefix, encoding)?;
        let sample = text::preview(&prefix, encoding.encoding);
        let format = format_of(file, config, &sample)?;
        let declared = sample.lines().next().and_then(|line| delimited::declared_delimiter(line.as_bytes()));
        let quote = config.quote();
        let mut shape = Self {
            file: file.clone(),
            format,
            compression,
            encoding: Some(encoding),
            delimiter: config.delimiter().or(declared).unwrap_or_else(|| delimited::detect_delimiter(&sample, quote)),
            quote,
            has_delimiter_line: declared.is_some(),
            names: Vec::new(),
            paths: Vec::new(),
            notes: Vec::new(),
            layout: None,
            empty: sample.trim().is_empty(),
        };
        if format == Format::Csv && !shape.empty {
            shape.read_header(config)?;
        }
        Ok(shape)
    }

    fn of_parquet(file: &MatchedFile, config: &Config) -> Result<Self> {
        if config.format.is_some_and(|format| format != Format::Parquet) {
            return Err(file.error(codes::BAD_CONFIG, format!("`{}` is a Parquet file, which `format` says it is not", file.name)));
        }
        let (readable, unreadable): (Vec<_>, Vec<_>) =
            ParquetFile::open(file)?.columns().into_iter().partition(|column| column.value_type.is_some());
        let names: Vec<String> = readable.into_iter().map(|column| column.name).collect();
        Ok(Self {
            file: file.clone(),
            format: Format::Parquet,
            compression: Compression::None,
            encoding: None,
            delimiter: b',',
            quote: b'"',
            has_delimiter_line: false,
            paths: names.clone(),
            names,
            notes: unreadable.into_iter().map(|column| format!("`{}` is left out: {}", column.name, column.explanation)).collect(),
            layout: None,
            empty: false,
        })
    }

    fn read_header(&mut self, config: &Config) -> Result<()> {
        let mut pages = self.text()?;
        let record = pages.next(1).map_err(|error| self.page_error(error, &pages))?;
        let header = delimited::header(&record.map(|page| page.body).unwrap_or_default(), self.delimiter, self.quote);
        self.layout = layouts::recognise(&header.names, config.layout);
        self.paths = self.layout.map_or_else(|| header.names.clone(), |layout| layout.paths(&header.names));
        self.names = header.names;
        self.notes = header.notes;
        Ok(())
    }

    /// The file's text from its header on.
    fn text(&self) -> Result<TextPages> {
        let damaged = |error| self.file.damaged(self.compression.name(), &error, 0, 0);
        let raw = decompressed(self.file.open()?, self.compression).map_err(damaged)?;
        let encoding = self.encoding.map_or(encoding_rs::UTF_8, |encoding| encoding.encoding);
        let borders: Box<dyn Borders> = match self.format {
            Format::JsonLines => Box::new(LineBorders),
            Format::Csv | Format::Parquet => Box::new(DelimitedBorders::new(self.delimiter, self.quote)),
        };
        let mut pages = TextPages::new(TextReader::new(raw, encoding), borders);
        if self.has_delimiter_line {
            pages.next(1).map_err(|error| self.page_error(error, &pages))?;
        }
        Ok(pages)
    }

    /// The file's text from its first record on.
    pub(crate) fn records(&self) -> Result<TextPages> {
        let mut pages = self.text()?;
        if self.format == Format::Csv {
            pages.next(1).map_err(|error| self.page_error(error, &pages))?;
        }
        Ok(pages)
    }

    /// The error for a page that cannot be read.
    pub(crate) fn page_error(&self, error: PageError, pages: &TextPages) -> aqueduct_connector::schema::Error {
        let (offset, line) = pages.place();
        match error {
            PageError::Io(error) => self.file.damaged(self.compression.name(), &error, offset, line - 1),
            PageError::TooLong => self
                .file
                .error(codes::HOSTILE_ANSWER, format!("`{}` has a line of more than {LONGEST_RECORD} bytes", self.file.name))
                .at(self.file.name.as_ref(), line, 0)
                .advise("Look at the line named: it is probably not text, or its line ends are missing."),
        }
    }
}

fn format_of(file: &MatchedFile, config: &Config, sample: &str) -> Result<Format> {
    let shape = json_lines::looks_like(sample);
    let name = file.name.to_ascii_lowercase();
    let name = [".gz", ".zst", ".zstd"].into_iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    let json = [".jsonl", ".ndjson", ".json"].into_iter().any(|end| name.ends_with(end));
    let format = config.format.unwrap_or(if json || shape == Some(json_lines::Shape::Lines) { Format::JsonLines } else { Format::Csv });
    if format == Format::JsonLines && shape == Some(json_lines::Shape::Array) {
        return Err(file
            .error(codes::BAD_CONFIG, format!("`{}` is one JSON array, not JSON Lines", file.name))
            .at(file.name.as_ref(), 1, 1)
            .advise("Write one object a line, for example with `jq -c '.[]'`."));
    }
    Ok(format)
}

/// Whether a config wants a vendor's layout that a header is not.
pub(crate) fn misses_layout(config: &Config, shape: &FileShape) -> Option<&'static str> {
    let vendor = config.layout.filter(|choice| *choice != LayoutChoice::None)?;
    (shape.layout.is_none() && !shape.empty).then(|| vendor.vendor())
}
